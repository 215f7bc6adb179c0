//! What stands around conversations: entries, gaps, cases, experiments, sessions and keys.

use crate::cli::bench::api::rows::{CATEGORIES, Draw, World, number, numbered, pick, share, words};
use crate::domain::experiment::RetrievalFilter;
use crate::domain::experiment::{Arm, ArmSettings, Experiment, ExperimentKind, ExperimentMetric, ExperimentStatus};
use crate::domain::gaps::{Gap, GapCounts, GapStatus};
use crate::domain::ids::{CaseId, EntryId, ExemplarId, ExperimentId, GapId, KeyId, RetrievalId, SessionId};
use crate::domain::knowledge::{Case, CaseKind, Curated, Entry, EntryStatus, Exemplar, KnowledgeType};
use crate::domain::success::Posterior;
use crate::domain::training::{Created, Selection, Session, SessionKind, SessionStatus};
use crate::engine::error::Error;
use crate::engine::secrets::{hash_key, random_key};
use crate::store::entries::{EntrySource, Origin};
use crate::store::keys::{ApiKey, KeyScope};

/// The arms of the experiment that has conversations.
pub(super) const CONTROL: &str = "none";
pub(super) const TREATED: &str = "knowledge";
/// Rows that are written in one transaction.
const BATCH: usize = 500;
const EXEMPLARS: u64 = 4;
const EXPERIMENTS: u64 = 30;
const KEYS: u64 = 100;

/// Writes entries with exemplars. The index knows none of them: no list asks it.
pub(super) async fn write_entries(world: &mut World<'_>, count: u64) -> Result<(), Error> {
    let all: Vec<u64> = (0..count).collect();
    let source = EntrySource { origin: Origin::Learned, pipeline_version: 1 };
    for batch in all.chunks(BATCH) {
        let mut tx = world.engine.store.begin().await?;
        let mut exemplars = Vec::new();
        let mut made = Vec::new();
        for number in batch {
            let entry = entry(world, *number, count);
            tx.insert_entry(&world.tenant, &entry, source).await?;
            exemplars.extend((0..EXEMPLARS).map(|key| exemplar(&entry, words(8, [*number, 500 + key]))));
            made.push(entry.id);
        }
        tx.add_exemplars(&world.tenant, &exemplars).await?;
        tx.commit().await?;
        world.entries.extend(made);
    }
    Ok(())
}

fn entry(world: &World<'_>, number: u64, count: u64) -> Entry {
    let created_at = world.moment(number, count);
    let keys = [number, 400];
    let uses = self::number(Draw::Length, keys, 60) as i64;
    Entry {
        id: EntryId(world.engine.ids.uuid(created_at)),
        knowledge_type: *pick(KnowledgeType::ALL, Draw::Rest, keys),
        category: (*pick(&CATEGORIES, Draw::Category, keys)).to_owned(),
        intent: number.is_multiple_of(3).then(|| "pricing".to_owned()),
        title: words(6, [number, 401]),
        content: words(40, [number, 402]),
        language: world.language(keys),
        status: if number.is_multiple_of(5) { EntryStatus::Candidate } else { EntryStatus::Live },
        status_reason: None,
        posterior: Posterior::from_counts(1.0 + share(Draw::Score, keys) * uses as f64, 1.0 + uses as f64 / 3.0, uses),
        prior_rate: None,
        curated: Curated::default(),
        evidence_count: 0,
        created_at,
        updated_at: created_at,
    }
}

fn exemplar(entry: &Entry, text: String) -> Exemplar {
    Exemplar {
        id: ExemplarId::derive(entry.id, &text),
        entry_id: entry.id,
        text,
        language: entry.language.clone(),
        conversation_id: None,
        turn: None,
        created_at: entry.created_at,
    }
}

/// Writes gaps.
pub(super) async fn write_gaps(world: &mut World<'_>, count: u64) -> Result<(), Error> {
    let mut tx = world.engine.store.begin().await?;
    let mut made = Vec::new();
    for number in 0..count {
        let keys = [number, 600];
        let volume = 1 + self::number(Draw::Length, keys, 60) as i64;
        let gap = Gap {
            id: GapId::derive(RetrievalId(numbered(number))),
            language: world.language(keys),
            title: words(7, keys),
            category: Some((*pick(&CATEGORIES, Draw::Category, keys)).to_owned()),
            status: GapStatus::Open,
            counts: GapCounts {
                volume,
                conversations: volume,
                judged: volume,
                failures: volume as f64 / 2.0,
                cost_usd: Some(volume as f64 / 10.0),
                first_seen: Some(world.moment(number, count)),
                last_seen: Some(world.now),
                ..GapCounts::default()
            },
            score: share(Draw::Score, keys) * 100.0,
            draft: None,
            decided: None,
        };
        tx.put_gap(&world.tenant, &gap).await?;
        made.push(gap.id);
    }
    tx.commit().await?;
    world.gaps.extend(made);
    Ok(())
}

/// Writes cases between entries.
pub(super) async fn write_cases(world: &World<'_>, count: u64) -> Result<(), Error> {
    let mut tx = world.engine.store.begin().await?;
    for number in 0..count {
        let keys = [number, 700];
        let kind = *pick(CaseKind::ALL, Draw::Rest, keys);
        let entry_id = *pick(&world.entries, Draw::Entry, keys);
        let other_id = Some(*pick(&world.entries, Draw::Entry, [number, 701]));
        let case = Case {
            id: CaseId::derive(kind.as_str(), entry_id, other_id),
            kind,
            entry_id,
            other_id,
            detail: words(10, keys),
            created_at: world.moment(number, count),
        };
        tx.insert_case(&world.tenant, &case).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Writes experiments; `running` is the id of the one that has conversations.
pub(super) async fn write_experiments(world: &World<'_>, running: ExperimentId) -> Result<(), Error> {
    let mut tx = world.engine.store.begin().await?;
    for number in 0..EXPERIMENTS {
        let created_at = world.moment(number, EXPERIMENTS);
        let is_running = number == EXPERIMENTS / 3;
        let id = if is_running { running } else { ExperimentId(world.engine.ids.uuid(created_at)) };
        let holdout = ArmSettings { holdout: true, ..ArmSettings::default() };
        let experiment = Experiment {
            id,
            name: format!("Is knowledge worth it? {number}"),
            kind: ExperimentKind::Holdout,
            status: ExperimentStatus::Draft,
            metric: ExperimentMetric::SuccessRate,
            arms: vec![
                Arm { name: CONTROL.to_owned(), share: 0.1, settings: holdout },
                Arm { name: TREATED.to_owned(), share: 0.9, settings: ArmSettings::default() },
            ],
            filter: RetrievalFilter::default(),
            created_at,
            started_at: None,
            stopped_at: None,
        };
        tx.insert_experiment(&world.tenant, &experiment).await?;
        if is_running {
            tx.start_experiment(&world.tenant, id, created_at).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Writes training sessions that have come to their end.
pub(super) async fn write_sessions(world: &World<'_>, count: u64) -> Result<(), Error> {
    let mut tx = world.engine.store.begin().await?;
    for number in 0..count {
        let at = world.moment(number, count);
        let session = Session {
            id: SessionId(world.engine.ids.uuid(at)),
            name: format!("Session {number}"),
            kind: SessionKind::ProcessNew,
            status: SessionStatus::Scheduled,
            run_at: at,
            cron: None,
            selection: Selection::default(),
            done: 0,
            total: 0,
            created: Created::default(),
            failures: Vec::new(),
            created_at: at,
            started_at: None,
            finished_at: None,
        };
        tx.insert_session(&world.tenant, &session).await?;
        tx.begin_session(&world.tenant, session.id, 0, at).await?;
        tx.complete_session(&world.tenant, session.id, at).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Writes keys, which nobody has.
pub(super) async fn write_keys(world: &World<'_>) -> Result<(), Error> {
    let mut tx = world.engine.store.begin().await?;
    for number in 0..KEYS {
        let created_at = world.moment(number, KEYS);
        let key = ApiKey {
            id: KeyId(world.engine.ids.uuid(created_at)),
            tenant: world.tenant.clone(),
            name: format!("key {number}"),
            scope: *pick(KeyScope::ALL, Draw::Rest, [number, 800]),
            hash: hash_key(&random_key()),
            created_at,
            last_used_at: None,
            expires_at: None,
            revoked_at: None,
        };
        tx.insert_key(&key).await?;
    }
    tx.commit().await?;
    Ok(())
}
