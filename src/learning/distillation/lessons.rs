//! Learning anew from a conversation that taught something before.
//!
//! Guarantees: what it taught stays in use until the new findings are written, and goes in the transaction that writes them;
//! an exchange that is found again makes the entry again that it made before, with its id, its uses and what people decided
//! about it; an entry that nothing speaks for any more is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus};
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::pipeline::{Stage, upkeep_job};
use crate::store::tx::Tx;

/// What a conversation taught before it was learned from anew.
#[derive(Default)]
pub(super) struct Taught {
    /// Every entry that it gave evidence or exemplars to.
    pub entries: Vec<EntryId>,
    /// Those that nothing else speaks for, by the turn that gives their answer, those in use first.
    alone: BTreeMap<usize, Vec<Entry>>,
    /// Those that were made again.
    again: BTreeSet<EntryId>,
    /// Points that must leave the index, unless they are said again.
    points: usize,
}

/// As what a finding is known.
pub(super) enum KnownAs {
    /// What this entry says, too.
    Said(EntryId),
    /// What made this entry before, which nothing else speaks for.
    Made(Box<Entry>),
    /// Nothing that is known.
    New,
}

impl Taught {
    /// As what the finding at this turn is known, when matching says that this entry says the `same`; and the other entries
    /// that the place spoke for alone, which it goes on to speak for: one that was merged into the first is one of them.
    pub(super) fn know(&mut self, answer_turn: usize, same: Option<EntryId>) -> (KnownAs, Vec<EntryId>) {
        let here = self.alone.get(&answer_turn).map(Vec::as_slice).unwrap_or_default();
        // What was taken out of use comes back neither as itself, when another says the same, nor as a new entry.
        let is_free = |entry: &&Entry| !self.again.contains(&entry.id);
        let made = here.iter().filter(is_free).find(|entry| entry.status != EntryStatus::Retired || same.is_none());
        let id = made.map(|entry| entry.id).or(same);
        let others = here.iter().map(|entry| entry.id).filter(|other| Some(*other) != id).collect();
        let known = match made {
            Some(entry) => KnownAs::Made(Box::new(entry.clone())),
            None => same.map_or(KnownAs::New, KnownAs::Said),
        };
        if let KnownAs::Made(entry) = &known {
            self.again.insert(entry.id);
        }
        (known, others)
    }
}

impl Learner {
    /// Forgets what a conversation taught before, so that it can teach again; the entries stay until it has.
    pub(super) async fn begin_anew(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (conversation, entries): (ConversationId, Vec<EntryId>),
        now: Timestamp,
    ) -> Result<Taught, Error> {
        if entries.is_empty() {
            return Ok(Taught::default());
        }
        let evidence = tx.evidence_from(tenant, conversation).await?;
        let known = tx.hold_entries(tenant, &entries).await?;
        // A list of utterances that a person has fixed is learned no more, so it would not come back.
        let open: Vec<EntryId> = known.iter().filter(|entry| !entry.curated.phrases).map(|entry| entry.id).collect();
        let points = tx.forget_lessons(tenant, conversation, (&entries, &open), now).await?;
        let unsupported = tx.unsupported(tenant, &entries).await?;
        let mut alone: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        for item in evidence.iter().filter(|item| unsupported.contains(&item.entry_id)) {
            let made = known.iter().filter(|entry| entry.id == item.entry_id).cloned();
            alone.entry(item.answer_turn).or_default().extend(made);
        }
        for here in alone.values_mut() {
            here.sort_by_key(|entry| (entry.status == EntryStatus::Retired, entry.created_at, entry.id));
        }
        Ok(Taught { entries, alone, again: BTreeSet::new(), points })
    }

    /// Takes back what a conversation taught before and does not teach any more: all but what it `teaches`.
    pub(super) async fn end_anew(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (taught, teaches): (&Taught, &[EntryId]),
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut left: Vec<EntryId> = taught.entries.iter().copied().filter(|entry| !teaches.contains(entry)).collect();
        let (removed, points) = tx.remove_unsupported(tenant, &left, now).await?;
        left.retain(|entry| !removed.contains(entry));
        self.settle_what_is_left(tx, tenant, &left, now).await?;
        if taught.points + points > 0 {
            tx.enqueue(tenant, &upkeep_job(&self.engine, Stage::ErasePoints), now).await?;
        }
        Ok(())
    }

    /// Takes back all that a conversation taught before, when nothing is learned from it now; whether that was something.
    pub(super) async fn teach_nothing(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        conversation: ConversationId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        tx.lock_distillation(tenant).await?;
        let entries = tx.entries_taught_by(tenant, conversation).await?;
        let taught = self.begin_anew(tx, tenant, (conversation, entries), now).await?;
        self.end_anew(tx, tenant, (&taught, &[]), now).await?;
        Ok(!taught.entries.is_empty())
    }

    /// Words an entry as its exchange is understood now; its id, status and success stay. What a person has ever changed is
    /// left alone.
    pub(super) async fn make_again(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        known: &Entry,
        new: Entry,
    ) -> Result<(), Error> {
        if tx.last_version(tenant, known.id).await?.is_some() {
            return Ok(());
        }
        let mut again = Entry {
            knowledge_type: new.knowledge_type,
            category: new.category,
            intent: new.intent,
            title: new.title,
            content: new.content,
            language: new.language,
            ..known.clone()
        };
        if again != *known {
            again.updated_at = new.updated_at;
            tx.update_entry(tenant, &again).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::knowledge::{Curated, KnowledgeType};
    use crate::domain::language::Language;
    use crate::domain::success::Posterior;
    use uuid::Uuid;

    fn entry(number: u128, status: EntryStatus) -> Entry {
        Entry {
            id: EntryId(Uuid::from_u128(number)),
            knowledge_type: KnowledgeType::Faq,
            category: "sales".to_owned(),
            intent: None,
            title: "title".to_owned(),
            content: "content".to_owned(),
            language: Language::undetermined(),
            status,
            status_reason: None,
            posterior: Posterior::from_evidence(&[]),
            prior_rate: None,
            curated: Curated::default(),
            evidence_count: 0,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn id(number: u128) -> EntryId {
        EntryId(Uuid::from_u128(number))
    }

    /// What is known of the finding at turn 1, in a word.
    fn known(taught: &mut Taught, same: Option<EntryId>) -> (String, Vec<EntryId>) {
        let (known, others) = taught.know(1, same);
        let word = match known {
            KnownAs::Said(id) => format!("said {}", id.0.as_u128()),
            KnownAs::Made(entry) => format!("made {}", entry.id.0.as_u128()),
            KnownAs::New => "new".to_owned(),
        };
        (word, others)
    }

    #[test]
    fn an_exchange_makes_its_entry_again_once() {
        let alone = BTreeMap::from([(1, vec![entry(7, EntryStatus::Live)])]);
        let mut taught = Taught { entries: vec![id(7)], alone, ..Taught::default() };
        assert_eq!(known(&mut taught, Some(id(9))), ("made 7".to_owned(), vec![]), "although another says it, too");
        assert_eq!(known(&mut taught, None), ("new".to_owned(), vec![id(7)]));
        assert_eq!(known(&mut Taught::default(), Some(id(9))), ("said 9".to_owned(), vec![]));
    }

    #[test]
    fn what_was_retired_stays_so_beside_what_took_its_place() {
        let retired =
            || Taught { alone: BTreeMap::from([(1, vec![entry(7, EntryStatus::Retired)])]), ..Taught::default() };
        assert_eq!(known(&mut retired(), Some(id(9))), ("said 9".to_owned(), vec![id(7)]));
        assert_eq!(known(&mut retired(), None), ("made 7".to_owned(), vec![]), "it does not come back as a new entry");
    }
}
