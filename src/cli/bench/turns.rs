//! Real dialogue turns, and an index made of them.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::app::App;
use crate::cli::bench::BenchArgs;
use crate::cli::conversations_file::ConversationsFile;
use crate::cli::convert::{Format, convert};
use crate::cli::failure::Failure;
use crate::cli::learned::open_in;
use crate::cli::print::Voice;
use crate::config::Config;
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::{EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{Curated, Entry, EntryStatus, Exemplar, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::success::Posterior;
use crate::domain::text::normalise;
use crate::engine::error::Error;
use crate::store::entries::{EntrySource, Origin};

/// Exemplars of one entry.
const PER_ENTRY: usize = 4;
/// Entries that are written in one transaction.
const BATCH: usize = 250;

/// The conversations of one part of the data.
///
/// # Errors
/// When the file is missing or unreadable.
pub fn conversations(data: &Path, part: &str) -> Result<Vec<ConversationDraft>, Failure> {
    let path = data.join(format!("{part}.jsonl.gz"));
    let input = crate::cli::input::open(&path).map_err(|error| {
        Failure::new(format!(
            "{}: {error}; --data is a folder with the Schema-Guided Dialogue data, and docs/benchmarks.md says where it \
             comes from",
            path.display()
        ))
    })?;
    let mut lines = Vec::new();
    convert(Format::Sgd, input, &mut lines, part, &mut |_| {}).map_err(|error| Failure::new(error.to_string()))?;
    let file = ConversationsFile::new(lines.as_slice()).map_err(|error| Failure::io(path.display(), &error))?;
    file.map(|(place, draft)| draft.map_err(|reason| Failure::new(format!("{place}: {reason}")))).collect()
}

/// Distinct turns of one speaker.
pub fn turns_of<'a>(drafts: &'a [ConversationDraft], speaker: &'a str) -> impl Iterator<Item = &'a str> {
    let mut seen = std::collections::HashSet::new();
    drafts
        .iter()
        .flat_map(|draft| &draft.turns)
        .filter(move |turn| turn.speaker == speaker)
        .map(|turn| turn.text.as_str())
        .filter(move |text| seen.insert(normalise(text)))
}

/// An installation that is full of real turns, closed.
pub struct Filled {
    /// Its data directory, which is deleted with this.
    pub dir: TempDir,
    /// Its exemplars.
    pub exemplars: usize,
    /// How long filling it took.
    pub built_in: Duration,
}

/// Fills an installation of its own with live entries whose exemplars are real turns, indexes and optimises it.
///
/// # Errors
/// When the data holds too little, or a part fails.
pub async fn fill(args: &BenchArgs, config: &Config, voice: Voice) -> Result<Filled, Failure> {
    let dir = tempfile::tempdir().map_err(|error| Failure::io("a temporary directory cannot be made", &error))?;
    voice.remark(&format!("Indexing {} real turns", args.exemplars));
    let began = Instant::now();
    let train = conversations(&args.data, "train")?;
    // Distinct turns first; a larger index than they fill has some of them again, as real exemplars repeat each other.
    let again = train.iter().flat_map(|draft| &draft.turns).map(|turn| turn.text.as_str());
    let distinct = turns_of(&train, "user").chain(turns_of(&train, "agent"));
    let turns: Vec<&str> = distinct.chain(again).take(args.exemplars).collect();
    if turns.len() < args.exemplars {
        return Err(Failure::new(format!("the data holds only {} turns", turns.len())));
    }
    let app = open_in(config, dir.path(), None).await?;
    let filled = write(&app, &turns).await;
    app.close(None).await;
    filled?;
    Ok(Filled { dir, exemplars: turns.len(), built_in: began.elapsed() })
}

async fn write(app: &App, turns: &[&str]) -> Result<(), Error> {
    let (engine, tenant) = (&app.engine, TenantId::default_tenant());
    let language = Language::parse("en")?;
    for batch in turns.chunks(PER_ENTRY * BATCH) {
        let now = engine.now();
        let mut tx = engine.store.begin().await?;
        for texts in batch.chunks(PER_ENTRY) {
            let entry = Entry {
                id: EntryId(engine.new_uuid()),
                knowledge_type: KnowledgeType::Faq,
                category: "benchmark".to_owned(),
                intent: None,
                title: texts[0].to_owned(),
                content: texts[0].to_owned(),
                language: language.clone(),
                status: EntryStatus::Live,
                status_reason: None,
                posterior: Posterior::from_evidence(&[0.9]),
                prior_rate: None,
                curated: Curated::default(),
                evidence_count: 0,
                created_at: now,
                updated_at: now,
            };
            tx.insert_entry(&tenant, &entry, EntrySource { origin: Origin::Import, pipeline_version: 0 }).await?;
            let exemplars: Vec<Exemplar> = texts
                .iter()
                .map(|text| Exemplar {
                    id: ExemplarId::derive(entry.id, &normalise(text)),
                    entry_id: entry.id,
                    text: (*text).to_owned(),
                    language: language.clone(),
                    conversation_id: None,
                    turn: None,
                    created_at: now,
                })
                .collect();
            tx.add_exemplars(&tenant, &exemplars).await?;
        }
        tx.commit().await?;
    }
    for generation in engine.generations.iter() {
        app.learner.index_pending_exemplars(generation, &tenant, None).await?;
        generation.exemplars.optimize().await?;
    }
    Ok(())
}
