//! Stage `find_gaps`: what was asked and not known becomes gaps that a curator can fill.
//!
//! A new utterance joins the gap of its language whose most central utterance asks the same, else it founds one: leader
//! clustering, as discovered intents do it, over the same vectors. They are made again from the titles, because the database
//! holds no vectors; small talk and courtesies are left out. Guarantees: a retrieval is looked at once, whatever becomes of
//! it, so that the stage may run at any time; what is quoted, as a title or as a draft, was not erased meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::classify::acts::AgentAct;
use crate::domain::conversation::{Burst, Outcome, Speaker};
use crate::domain::gaps::{Gap, GapCounts, GapDraft, GapMember, GapStatus, score};
use crate::domain::ids::{ConversationId, GapId, RetrievalId, TenantId};
use crate::domain::language::Language;
use crate::domain::redaction::redacted_bursts;
use crate::domain::text;
use crate::domain::vectors::dot;
use crate::engine::error::Error;
use crate::index::point::{Filter, Search};
use crate::learning::Learner;
use crate::learning::analysis::language::of_utterance;
use crate::learning::distillation::wording::is_sayable;
use crate::learning::gap_utterances::is_matter;
use crate::store::conversations::StoredConversation;
use crate::store::gap_retrievals::{GapLink, Unanswered};
use crate::store::gaps::{GapFilter, GapLeader};
use crate::store::jobs::Job;
use crate::store::page::PageRequest;

/// How far back retrievals are looked at that were not before, in milliseconds: 90 days.
const WINDOW_MS: i64 = 90 * 86_400_000;
/// Retrievals that are sorted into gaps in one transaction.
const PAGE: u32 = 200;
/// From this sameness on (0 unrelated, 1 the same in other words) two utterances ask the same. Without the answers nothing
/// else tells them apart, so it is stricter than where entries are matched: other words for one need have 0.8 and more,
/// another need of the same business 0.5 and less.
const SAME_NEED: f64 = 0.6;
/// The last utterances of a gap that are compared to find the most central one.
const COMPARED: usize = 60;
/// Gaps that get a draft in one run, those that matter most.
const DRAFTS: u32 = 50;
/// Conversations in which a draft is looked for.
const SOURCES: usize = 8;
/// Pieces of conversations that are looked at to find those.
const PIECES: usize = 40;
/// How likely an answer may at most turn the question down.
const UNABLE: f32 = 0.5;

/// A retrieval that was understood.
struct Asked {
    found: Unanswered,
    conversation_id: Option<ConversationId>,
    /// Language and meaning, when it is a matter of a business.
    matter: Option<(Language, Arc<[f32]>)>,
}

impl Learner {
    /// Stage `find_gaps`.
    pub(super) async fn find_gaps(&self, job: &Job) -> Result<(), Error> {
        let tenant = &job.tenant;
        let mut since = self.engine.now().plus_millis(-WINDOW_MS);
        let mut touched = BTreeSet::new();
        loop {
            let page = self.engine.store.unanswered(tenant, since, PAGE).await?;
            let Some(last) = page.last() else { break };
            // What is behind it was looked at; others of the same moment come with the next page.
            since = last.asked_at;
            touched.extend(self.sort_into_gaps(tenant, page).await?);
        }
        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(tenant).await?;
        tx.resolve_gap_conversations(tenant).await?;
        tx.commit().await?;
        self.weigh_gaps(tenant, &touched).await?;
        self.settle_answered_gaps(tenant).await?;
        self.draft_answers(tenant, &touched).await?;
        self.finish(job).await
    }

    /// Finds or founds the gap of each of these retrievals; the gaps that they went to.
    async fn sort_into_gaps(&self, tenant: &TenantId, page: Vec<Unanswered>) -> Result<BTreeSet<GapId>, Error> {
        let leaders = self.engine.store.gap_leaders(tenant).await?;
        let titles: Vec<&str> = leaders.iter().map(|leader| leader.title.as_str()).collect();
        let meanings = self.meanings_of(&titles).await?;
        let asked = self.understand_asked(tenant, page).await?;
        let ids: Vec<RetrievalId> = asked.iter().map(|asked| asked.found.retrieval_id).collect();

        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(tenant).await?;
        if tx.gap_leaders(tenant).await? != leaders {
            tx.rollback().await?;
            return Err(Error::Conflict("the gaps were changed while new ones were looked for".to_owned()));
        }
        let mut known: Vec<(GapLeader, Arc<[f32]>)> = leaders.into_iter().zip(meanings).collect();
        // Embedding took a while, and somebody may have erased a conversation in it.
        let said: BTreeSet<RetrievalId> = tx.still_said(tenant, &ids).await?.into_iter().collect();
        let mut links = Vec::with_capacity(asked.len());
        let mut touched = BTreeSet::new();
        for asked in asked.into_iter().filter(|asked| said.contains(&asked.found.retrieval_id)) {
            let gap_id = match &asked.matter {
                None => None,
                Some((language, meaning)) => {
                    let id = match self.nearest_gap(&known, language, meaning) {
                        Some(id) => id,
                        None => {
                            let founded = founded_by(&asked.found, language);
                            tx.put_gap(tenant, &founded).await?;
                            let (id, title) = (founded.id, founded.title);
                            known.push((GapLeader { id, language: language.clone(), title }, Arc::clone(meaning)));
                            id
                        }
                    };
                    touched.insert(id);
                    Some(id)
                }
            };
            links.push(GapLink {
                retrieval_id: asked.found.retrieval_id,
                gap_id,
                conversation_ref: asked.found.conversation_ref,
                conversation_id: asked.conversation_id,
                asked_at: asked.found.asked_at,
            });
        }
        tx.link_gap_retrievals(tenant, &links).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// The gap of this language that asks the same.
    fn nearest_gap(&self, known: &[(GapLeader, Arc<[f32]>)], language: &Language, meaning: &[f32]) -> Option<GapId> {
        let calibration = self.gap_calibration();
        let same = known.iter().filter(|(leader, _)| leader.language == *language).filter_map(|(leader, title)| {
            let sameness = calibration.sameness(f64::from(dot(title, meaning)));
            (sameness >= SAME_NEED).then_some((leader.id, sameness))
        });
        same.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(id, _)| id)
    }

    /// What was asked in which language, and whether it is a matter of a business at all.
    async fn understand_asked(&self, tenant: &TenantId, page: Vec<Unanswered>) -> Result<Vec<Asked>, Error> {
        let worded: Vec<&str> =
            page.iter().filter(|found| is_worded(found)).map(|found| found.utterance.as_str()).collect();
        let mut turns = self.read_utterances(&worded).await?.into_iter();
        let (generation, understanding) = (self.engine.generations.first(), self.engine.understanding());
        let names: BTreeSet<&str> = page.iter().filter_map(|found| found.conversation_ref.as_deref()).collect();
        let mut conversations: HashMap<String, StoredConversation> = HashMap::new();
        for name in names {
            if let Some(stored) = self.engine.store.find_conversation(tenant, name).await? {
                conversations.insert(name.to_owned(), stored);
            }
        }
        let mut asked = Vec::with_capacity(page.len());
        for found in page {
            let of = found.conversation_ref.as_ref().and_then(|name| conversations.get(name));
            let turn = if is_worded(&found) { turns.next() } else { None };
            let matter = turn.filter(|turn| is_matter(turn, understanding)).map(|turn| {
                let told = found.language.clone().or_else(|| of?.conversation.language.clone());
                let language = told.unwrap_or_else(|| of_utterance(&turn, understanding.languages()));
                (language.without_region(), generation.meaning(&turn.vector))
            });
            let conversation_id = of.map(|stored| stored.conversation.id);
            asked.push(Asked { found, conversation_id, matter });
        }
        Ok(asked)
    }

    /// Counts every gap anew, since conversations come and their ends are corrected, and finds the most central utterance
    /// of those that grew.
    async fn weigh_gaps(&self, tenant: &TenantId, touched: &BTreeSet<GapId>) -> Result<(), Error> {
        let store = &self.engine.store;
        let average = store.average_cost(tenant).await?;
        for GapLeader { id, .. } in store.gap_leaders(tenant).await? {
            let central = match touched.contains(&id) {
                true => self.most_central(&store.gap_members(tenant, id).await?).await?,
                false => None,
            };
            let mut tx = store.begin().await?;
            tx.lock_distillation(tenant).await?;
            let Some(mut gap) = tx.hold_gap(tenant, id).await? else {
                tx.rollback().await?;
                continue;
            };
            let members = tx.gap_members(tenant, id).await?;
            if let Some(central) = central.filter(|central| members.iter().any(|member| member.utterance == *central)) {
                gap.title = central;
            }
            gap.category = most_frequent(members.iter().filter_map(|member| member.category.clone()));
            gap.counts = GapCounts::of(&members, gap.written_at());
            gap.score = score(&gap.counts, average);
            tx.put_gap(tenant, &gap).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The utterance that is nearest to all others; `None` when there are no two.
    async fn most_central(&self, members: &[GapMember]) -> Result<Option<String>, Error> {
        let mut said: Vec<&str> = Vec::new();
        for member in members.iter().rev().filter(|member| text::word_count(&member.utterance) > 0) {
            if said.len() < COMPARED && !said.contains(&member.utterance.as_str()) {
                said.push(&member.utterance);
            }
        }
        if said.len() < 2 {
            return Ok(None);
        }
        let meanings = self.meanings_of(&said).await?;
        let nearness = |own: &Arc<[f32]>| meanings.iter().map(|other| f64::from(dot(own, other))).sum::<f64>();
        let central = said.iter().zip(&meanings).max_by(|a, b| nearness(a.1).total_cmp(&nearness(b.1)));
        Ok(central.map(|(said, _)| (*said).to_owned()))
    }

    /// Looks for answers to the gaps that matter most, where there is none yet or where more was asked since.
    async fn draft_answers(&self, tenant: &TenantId, touched: &BTreeSet<GapId>) -> Result<(), Error> {
        let store = &self.engine.store;
        let filter = GapFilter { status: Some(GapStatus::Open), ..GapFilter::default() };
        let first = store.list_gaps(tenant, &filter, &PageRequest::first(DRAFTS)).await?;
        for gap in first.items.into_iter().filter(|gap| gap.draft.is_none() || touched.contains(&gap.id)) {
            let Some(draft) = self.draft_for(tenant, &gap).await? else { continue };
            let mut tx = store.begin().await?;
            tx.lock_distillation(tenant).await?;
            let held = tx.hold_gap(tenant, gap.id).await?.filter(|held| held.status == GapStatus::Open);
            let source = tx.conversation(tenant, draft.conversation_id).await?;
            let (Some(held), Some(_)) = (held, source) else {
                tx.rollback().await?;
                continue;
            };
            tx.put_gap(tenant, &Gap { draft: Some(draft), ..held }).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The best answer that an agent gave to the same in a call that went well: the better it went and the nearer the need
    /// was, the better.
    async fn draft_for(&self, tenant: &TenantId, gap: &Gap) -> Result<Option<GapDraft>, Error> {
        let generation = self.engine.generations.first();
        let Some(vector) = self.query_vectors(&[gap.title.as_str()]).await?.pop() else { return Ok(None) };
        let need = generation.meaning(&vector);
        let languages = match gap.language == Language::undetermined() {
            true => Vec::new(),
            false => vec![gap.language.clone(), Language::undetermined()],
        };
        let filter = Filter { outcome: Some(Outcome::Successful), languages, ..Filter::default() };
        let search = Search { filter, limit: PIECES, deadline: None };
        let hits = generation.chunks.search_dense(tenant, vector, &search).await?;
        let members = self.engine.store.gap_members(tenant, gap.id).await?;
        let went_well = members.iter().filter(|member| member.outcome == Some(Outcome::Successful));
        let mut ids: Vec<ConversationId> = Vec::new();
        let found = hits.iter().map(|hit| ConversationId(hit.owner));
        for id in went_well.filter_map(|member| member.conversation_id).chain(found) {
            if ids.len() < SOURCES && !ids.contains(&id) {
                ids.push(id);
            }
        }
        let records = self.engine.store.records_of(tenant, &ids).await?;
        let scores: HashMap<ConversationId, f64> =
            records.into_iter().map(|record| (record.conversation_id, record.success_score)).collect();
        let mut best: Option<(f64, GapDraft)> = None;
        for stored in self.engine.store.conversations(tenant, &ids).await? {
            let went = scores.get(&stored.conversation.id).copied().unwrap_or_default();
            if went < self.settings.min_success_score {
                continue;
            }
            let Some((sameness, draft)) = self.answer_in(&stored, &need).await? else { continue };
            let worth = went * sameness.min(1.0);
            if best.as_ref().is_none_or(|(most, _)| worth > *most) {
                best = Some((worth, draft));
            }
        }
        Ok(best.map(|(_, draft)| draft))
    }

    /// What the agent said in a conversation to the user's turn that asks the same, and how much the same that is.
    async fn answer_in(&self, stored: &StoredConversation, need: &[f32]) -> Result<Option<(f64, GapDraft)>, Error> {
        let bursts = redacted_bursts(&stored.conversation.turns);
        let pairs: Vec<(&Burst, &Burst)> = bursts
            .windows(2)
            .map(|pair| (&pair[0], &pair[1]))
            .filter(|(asked, told)| asked.speaker == Speaker::User && told.speaker == Speaker::Agent)
            .filter(|(_, told)| says_something(&told.text))
            .collect();
        let asked: Vec<&str> = pairs.iter().map(|(asked, _)| asked.text.as_str()).collect();
        let calibration = self.gap_calibration();
        let meanings = self.meanings_of(&asked).await?;
        let sameness = meanings.iter().map(|meaning| calibration.sameness(f64::from(dot(meaning, need))));
        let mut near: Vec<(f64, &Burst)> = sameness.zip(pairs.iter().map(|(_, told)| *told)).collect();
        near.retain(|(sameness, _)| *sameness >= SAME_NEED);
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (sameness, told) in near {
            let Some(vector) = self.query_vectors(&[told.text.as_str()]).await?.pop() else { continue };
            let acts = self.engine.understanding().acts(Speaker::Agent, &told.text, &vector);
            if acts.agent(AgentAct::Unable) <= UNABLE {
                let (conversation_id, turn) = (stored.conversation.id, told.first);
                return Ok(Some((sameness, GapDraft { content: told.text.clone(), conversation_id, turn })));
            }
        }
        Ok(None)
    }
}

/// Whether it has a word: what has none carries nothing, and a model cannot embed it.
fn is_worded(found: &Unanswered) -> bool {
    text::word_count(&found.utterance) > 0
}

/// A gap in which only this was asked.
fn founded_by(found: &Unanswered, language: &Language) -> Gap {
    let counts = GapCounts {
        volume: 1,
        first_seen: Some(found.asked_at),
        last_seen: Some(found.asked_at),
        ..GapCounts::default()
    };
    Gap {
        id: GapId::derive(found.retrieval_id),
        language: language.clone(),
        title: found.utterance.clone(),
        category: None,
        status: GapStatus::Open,
        score: score(&counts, None),
        counts,
        draft: None,
        decided: None,
    }
}

/// Whether an agent's turn tells something that can be said again, and does not only ask back.
fn says_something(told: &str) -> bool {
    is_sayable(told) && text::sentences(told).into_iter().any(|sentence| !text::ends_as_question(sentence))
}

/// The value that comes most often; of several the first by name.
fn most_frequent(values: impl Iterator<Item = String>) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_only_asks_back_is_no_answer() {
        assert!(says_something("It is 49 dollars a month. Shall I book it?"));
        assert!(!says_something("Which car do you drive?"));
        assert!(!says_something(&"word ".repeat(400)));
    }

    #[test]
    fn the_most_frequent_category_is_taken() {
        let of = |values: &[&str]| most_frequent(values.iter().map(|value| (*value).to_owned()));
        assert_eq!(of(&["support", "sales", "sales"]).as_deref(), Some("sales"));
        assert_eq!(of(&["support", "sales"]).as_deref(), Some("sales"));
        assert_eq!(of(&[]), None);
    }
}
