//! Retrieval on real dialogues (Schema-Guided Dialogue): does the first entry come from the right service and intent?
//!
//! Beside it, in the same run, plain dense search over the training turns of the same acts. Which dev turns are asked is
//! chosen by a hash; turns whose intent the training part lacks are left out; abstaining counts as a miss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Conversation;
use crate::domain::ids::{ConversationId, ExemplarId, TenantId};
use crate::domain::knowledge::EntryStatus;
use crate::domain::vectors::dot;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::evaluation::demo::live_query;
use crate::evaluation::split::hash_of;
use crate::learning::Learner;
use crate::retrieval::Retriever;
use crate::store::entries::EntryFilter;
use crate::store::page::PageRequest;

/// Acts of turns that want something.
const WANTING: [&str; 2] = ["INFORM_INTENT", "REQUEST"];
/// Agent acts that say nothing reusable when they are all that a turn does: greetings, questions back, and confirmations,
/// among them that something was booked.
const EMPTY: [&str; 7] = ["GOODBYE", "REQ_MORE", "REQUEST", "CONFIRM", "OFFER_INTENT", "THANK_YOU", "NOTIFY_SUCCESS"];
/// How deep hits are counted.
const DEPTHS: [usize; 3] = [1, 3, 10];

/// A dialogue as the data has it.
#[derive(Debug, Deserialize)]
pub struct Dialogue {
    id: String,
    turns: Vec<DialogueTurn>,
}

#[derive(Debug, Deserialize)]
struct DialogueTurn {
    speaker: String,
    text: String,
    #[serde(default)]
    acts: Vec<String>,
    service: Option<String>,
    intent: Option<String>,
}

/// Service family and intent.
pub type Label = (String, String);

/// What was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SgdReport {
    /// Turns that were asked.
    pub asked: usize,
    /// Hit rate at 1, 3 and 10 of plain dense search over training turns of the same acts.
    pub dense: [f64; 3],
    /// The same of retrieval.
    pub retrieval: [f64; 3],
    /// Share of turns on which retrieval abstained (each is a miss above).
    pub abstained: f64,
    /// Training turns of the same acts.
    pub training_turns: usize,
    /// Live entries.
    pub entries: usize,
    /// Share of them whose content is a greeting, a question back or a bare confirmation.
    pub empty_entries: f64,
    /// Milliseconds of a retrieval, median.
    pub median_ms: f64,
    /// Some of the questions with what was offered first, right ones and wrong ones, in the order of the hash.
    pub examples: Vec<Example>,
}

/// A question with what was offered first.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// What the user said.
    pub utterance: String,
    /// Service family and intent of the turn.
    pub label: Label,
    /// The utterance of the training part that it was found by; empty when nothing was offered.
    pub matched: String,
    /// Service family and intent of that turn.
    pub matched_label: Option<Label>,
    /// What was offered.
    pub content: String,
    /// Whether the labels agree.
    pub right: bool,
}

impl SgdReport {
    /// Retrieval's first hit relative to that of plain dense search.
    pub fn ratio(&self) -> f64 {
        self.retrieval[0] / self.dense[0].max(f64::EPSILON)
    }
}

/// Measures an installation that learned from `train` with so many `questions`, and keeps so many `examples` of right
/// answers and as many of wrong ones.
///
/// # Errors
/// When the data cannot be read, or the model, the index or the database fails.
pub async fn evaluate(
    learner: &Learner,
    retriever: &Retriever,
    tenant: &TenantId,
    data: &Path,
    (questions, examples): (usize, usize),
    progress: impl Fn(&str, usize, usize),
) -> Result<SgdReport, Error> {
    let train = read_dialogues(&data.join("train.jsonl.gz"))?;
    let dev = read_dialogues(&data.join("dev.jsonl.gz"))?;
    let known: Vec<(String, Label)> =
        train.iter().flat_map(wanting_turns).map(|(_, text, label)| (text, label)).collect();
    let labels: BTreeSet<&Label> = known.iter().map(|(_, label)| label).collect();
    let mut asked: Vec<(u32, String, Label)> = dev
        .iter()
        .flat_map(wanting_turns)
        .filter(|(_, _, label)| labels.contains(label))
        .map(|(place, text, label)| (hash_of(&place), text, label))
        .collect();
    asked.sort();
    asked.truncate(questions);

    let mut report = SgdReport { asked: asked.len(), training_turns: known.len(), ..SgdReport::default() };
    let embedder = &learner.engine.generations.first().embedder;
    let mut vectors: Vec<Arc<[f32]>> = Vec::with_capacity(known.len());
    for texts in known.chunks(256) {
        let texts: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
        let embedded = embedder.embed(Lane::Batch, Role::Query, &texts, None).await?;
        vectors.extend(embedded.into_iter().map(|embedded| embedded.vector));
        progress("embedding the training turns", vectors.len(), known.len());
    }

    let turn_labels = labels_by_turn(&train);
    let mut origins = Origins { learner, tenant, turn_labels: &turn_labels, conversations: BTreeMap::new() };
    let mut took = Vec::with_capacity(asked.len());
    for (at, (_, text, label)) in asked.iter().enumerate() {
        let query = embedder.embed_one(Lane::Live, Role::Query, text, None).await?.vector;
        count(&mut report.dense, nearest(&query, &vectors).iter().map(|i| known[*i].1 == *label));

        let mut question = live_query(text, DEPTHS[2] as i64)?;
        question.deadline = Some(std::time::Instant::now() + std::time::Duration::from_secs(30));
        let answer = retriever.retrieve(tenant, question).await?;
        report.abstained += f64::from(u8::from(answer.abstained));
        took.push(answer.timings.total);
        let mut found = Vec::with_capacity(answer.results.len());
        for result in &answer.results {
            found.push(origins.label_of(result.matched_exemplar).await?);
        }
        count(&mut report.retrieval, found.iter().map(|found| found.as_ref() == Some(label)));
        let right = found.first().is_some_and(|first| first.as_ref() == Some(label));
        if report.examples.iter().filter(|example| example.right == right).count() < examples {
            let first = answer.results.first();
            report.examples.push(Example {
                utterance: text.clone(),
                label: label.clone(),
                matched: first.map(|result| result.matched_utterance.clone()).unwrap_or_default(),
                matched_label: found.into_iter().next().flatten(),
                content: first.map(|result| result.content.clone()).unwrap_or_default(),
                right,
            });
        }
        progress("asking", at + 1, asked.len());
    }
    let total = asked.len().max(1) as f64;
    report.dense.iter_mut().chain(&mut report.retrieval).for_each(|sum| *sum /= total);
    report.abstained /= total;
    took.sort_unstable();
    report.median_ms = took.get(took.len() / 2).copied().unwrap_or(0) as f64 / 1000.0;
    count_empty_entries(&mut origins, &train, &mut report).await?;
    Ok(report)
}

/// Where exemplars come from.
struct Origins<'a> {
    learner: &'a Learner,
    tenant: &'a TenantId,
    turn_labels: &'a BTreeMap<(String, usize), Label>,
    conversations: BTreeMap<ConversationId, String>,
}

impl Origins<'_> {
    /// The label of the user turn behind an exemplar.
    async fn label_of(&mut self, exemplar: ExemplarId) -> Result<Option<Label>, Error> {
        let store = &self.learner.engine.store;
        let Some(exemplar) = store.exemplars(self.tenant, &[exemplar]).await?.into_iter().next() else {
            return Ok(None);
        };
        let (Some(conversation), Some(turn)) = (exemplar.conversation_id, exemplar.turn) else { return Ok(None) };
        let id = self.dialogue_of(conversation).await?;
        Ok(self.turn_labels.get(&(id, turn)).cloned())
    }

    /// The id of the dialogue that a conversation was made of.
    async fn dialogue_of(&mut self, conversation: ConversationId) -> Result<String, Error> {
        if let std::collections::btree_map::Entry::Vacant(slot) = self.conversations.entry(conversation) {
            let stored = self.learner.engine.store.conversation(self.tenant, conversation).await?;
            slot.insert(stored.map(|stored| dialogue_id(&stored.conversation)).unwrap_or_default());
        }
        Ok(self.conversations[&conversation].clone())
    }
}

/// How many live entries say nothing reusable: at least half of the turns that are their evidence have empty acts only.
async fn count_empty_entries(
    origins: &mut Origins<'_>,
    train: &[Dialogue],
    report: &mut SgdReport,
) -> Result<(), Error> {
    let dialogues: BTreeMap<&str, &Dialogue> = train.iter().map(|dialogue| (dialogue.id.as_str(), dialogue)).collect();
    let store = &origins.learner.engine.store;
    let filter = EntryFilter { status: Some(EntryStatus::Live), ..EntryFilter::default() };
    let mut request = PageRequest::first(500);
    let mut empty = 0_usize;
    loop {
        let page = store.list_entries(origins.tenant, &filter, &request).await?;
        report.entries += page.items.len();
        for entry in page.items {
            let evidence = store.evidence_of(origins.tenant, entry.id).await?;
            let mut empty_turns = 0_usize;
            for evidence in &evidence {
                let dialogue = dialogues.get(origins.dialogue_of(evidence.conversation_id).await?.as_str()).copied();
                let turn = dialogue.and_then(|dialogue| dialogue.turns.get(evidence.answer_turn));
                let says_nothing = |turn: &DialogueTurn| turn.acts.iter().all(|act| EMPTY.contains(&act.as_str()));
                empty_turns += usize::from(turn.is_some_and(says_nothing));
            }
            empty += usize::from(empty_turns > 0 && empty_turns * 2 >= evidence.len());
        }
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    report.empty_entries = empty as f64 / report.entries.max(1) as f64;
    Ok(())
}

fn count(sums: &mut [f64; 3], hits: impl Iterator<Item = bool>) {
    let first = hits.take(DEPTHS[2]).position(|hit| hit);
    for (sum, depth) in sums.iter_mut().zip(DEPTHS) {
        *sum += f64::from(u8::from(first.is_some_and(|at| at < depth)));
    }
}

/// The positions of the ten nearest vectors, the nearest first.
fn nearest(query: &[f32], vectors: &[Arc<[f32]>]) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> =
        vectors.iter().enumerate().map(|(at, vector)| (dot(query, vector), at)).collect();
    let depth = DEPTHS[2].min(scored.len());
    if depth == 0 {
        return Vec::new();
    }
    scored.select_nth_unstable_by(depth - 1, |a, b| b.0.total_cmp(&a.0));
    scored.truncate(depth);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().map(|(_, at)| at).collect()
}

/// User turns that want something: a name of the place, the text, the label.
fn wanting_turns(dialogue: &Dialogue) -> impl Iterator<Item = (String, String, Label)> + '_ {
    dialogue.turns.iter().enumerate().filter_map(|(at, turn)| {
        let wants = turn.acts.iter().any(|act| WANTING.contains(&act.as_str()));
        let label = label_of(turn).filter(|_| wants && turn.speaker == "user")?;
        Some((format!("{}/{at}", dialogue.id), turn.text.clone(), label))
    })
}

fn labels_by_turn(dialogues: &[Dialogue]) -> BTreeMap<(String, usize), Label> {
    let all = dialogues.iter().flat_map(|dialogue| {
        dialogue.turns.iter().enumerate().filter_map(|(at, turn)| Some(((dialogue.id.clone(), at), label_of(turn)?)))
    });
    all.collect()
}

fn label_of(turn: &DialogueTurn) -> Option<Label> {
    let service = turn.service.as_deref()?;
    let family = service.rsplit_once('_').map_or(service, |(family, _)| family);
    Some((family.to_owned(), turn.intent.clone()?))
}

/// The id of a dialogue that `turnwise convert sgd` made a conversation of.
fn dialogue_id(conversation: &Conversation) -> String {
    conversation.external_id.strip_prefix("sgd-").unwrap_or(&conversation.external_id).to_owned()
}

fn read_dialogues(path: &Path) -> Result<Vec<Dialogue>, Error> {
    use std::io::BufRead;
    let wrong = |message: String| Error::Configuration {
        key: "--data".to_owned(),
        message: format!("{}: {message}", path.display()),
    };
    let file = std::fs::File::open(path).map_err(|error| {
        wrong(format!("{error}; docs/benchmarks.md says where the Schema-Guided Dialogue data comes from"))
    })?;
    let reader = std::io::BufReader::new(flate2::read::MultiGzDecoder::new(file));
    reader
        .lines()
        .map(|line| {
            let line = line.map_err(|error| wrong(error.to_string()))?;
            serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))
        })
        .collect()
}
