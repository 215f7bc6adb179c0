//! Deciding cases, and taking decisions back.
//!
//! Guarantees: a decision, what it changes and what taking it back needs are one transaction. Evidence that goes to another
//! entry stays with the first one as well: its words come from there, and erasing a conversation finds them by it.

use std::collections::BTreeSet;

use crate::curation::{Curator, Held, hold, retired};
use crate::domain::case_decision::{
    CaseDecision, CaseUndo, Decision, EntryStanding, EvidencePlace, MovedPhrase, SaidAt, StatusChange,
};
use crate::domain::entry_version::{Editor, EntrySnapshot, Phrase, VersionStep};
use crate::domain::error::FieldError;
use crate::domain::ids::{CaseId, EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{Case, EntryStatus, Evidence, Exemplar};
use crate::domain::text::normalise;
use crate::engine::error::Error;
use crate::engine::upkeep::recount_job;
use crate::store::cases::StoredCase;
use crate::store::tx::Tx;

/// A phrase on its way back, and where it was said as far as that is still known.
struct Returned {
    id: ExemplarId,
    phrase: Phrase,
    sources: Vec<SaidAt>,
}

impl Curator {
    /// Decides a case.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Invalid`] when its kind has no such decision; [`Error::Conflict`]
    /// when it is decided already, or when what it is about cannot follow the decision any more.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        id: CaseId,
        (decision, reason): (Decision, Option<String>),
        editor: &Editor,
    ) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.begin(tenant).await?;
        let StoredCase { case, decided } = hold_case(&mut tx, tenant, id).await?;
        if let Some(decided) = decided {
            return Err(Error::Conflict(format!("it is decided already: {}; undo that first", decided.decision)));
        }
        let possible = Decision::of_kind(case.kind);
        if !possible.contains(&decision) {
            let words: Vec<&str> = possible.iter().map(|decision| decision.as_str()).collect();
            let message = format!("must be one of {} for a case of the kind {}", words.join(", "), case.kind);
            return Err(FieldError::new("decision", message).into());
        }
        tx.hold_entries(tenant, &entries_of(&case)).await?;
        let undo = match decision {
            Decision::KeepBoth => CaseUndo::default(),
            Decision::Merge => self.merge(&mut tx, tenant, &case, editor).await?,
            Decision::KeepEntry => self.give_up(&mut tx, tenant, (other_of(&case)?, case.entry_id), editor).await?,
            Decision::KeepOther => self.give_up(&mut tx, tenant, (case.entry_id, other_of(&case)?), editor).await?,
            Decision::Approve => {
                let live = EntryStanding::decided(EntryStatus::Live, None);
                self.stand(&mut tx, tenant, case.entry_id, live, (VersionStep::Edited, editor)).await?
            }
            Decision::Reject => {
                let rejected = retired("a person rejected it");
                self.stand(&mut tx, tenant, case.entry_id, rejected, (VersionStep::Retired, editor)).await?
            }
        };
        let decided = CaseDecision { decision, reason, editor: editor.clone(), decided_at: now, undo };
        tx.decide_case(tenant, id, &decided).await?;
        self.commit_case(tx, tenant, &case).await
    }

    /// Takes the decision about a case back: what it changed is as it was, and what was learned since stays. Words of a
    /// conversation that was erased since do not come back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such case; [`Error::Conflict`] when it is not decided, or when a person has
    /// changed since what the decision changed.
    pub async fn undo(&self, tenant: &TenantId, id: CaseId, editor: &Editor) -> Result<(), Error> {
        let mut tx = self.begin(tenant).await?;
        let StoredCase { case, decided } = hold_case(&mut tx, tenant, id).await?;
        let Some(CaseDecision { undo, .. }) = decided else {
            return Err(Error::Conflict("it is not decided, so there is nothing to undo".to_owned()));
        };
        tx.hold_entries(tenant, &entries_of(&case)).await?;
        let returned = match undo.moved.as_slice() {
            [] => Vec::new(),
            moved => self.take_back(&mut tx, tenant, (case.entry_id, moved), editor).await?,
        };
        tx.remove_evidence(tenant, case.entry_id, &undo.evidence).await?;
        for change in &undo.statuses {
            let held = hold(&mut tx, tenant, change.entry_id).await?;
            if EntryStanding::of(&held.snapshot) != change.after {
                let (entry, status) = (change.entry_id, held.snapshot.status);
                return Err(Error::Conflict(format!(
                    "the status of the entry {entry} was changed since, to {status}; change it there"
                )));
            }
            let mut after = change.before.onto(&held.snapshot);
            if case.other_id == Some(change.entry_id) {
                let is_there = |id: ExemplarId| held.exemplars.iter().any(|exemplar| exemplar.id == id);
                let back = returned.iter().filter(|returned| !is_there(returned.id));
                after.phrases.extend(back.map(|returned| returned.phrase.clone()));
            }
            self.write(&mut tx, tenant, &held, after, (VersionStep::Restored, editor)).await?;
        }
        let sources: Vec<(ExemplarId, SaidAt)> =
            returned.iter().flat_map(|back| back.sources.iter().map(|place| (back.id, *place))).collect();
        tx.add_exemplar_sources(tenant, &sources).await?;
        tx.reopen_case(tenant, id).await?;
        self.commit_case(tx, tenant, &case).await
    }

    /// Ends a transaction that changed the entries of a case.
    async fn commit_case(&self, mut tx: Tx, tenant: &TenantId, case: &Case) -> Result<(), Error> {
        let entries = entries_of(case);
        tx.enqueue(tenant, &recount_job(&self.engine, &entries), self.engine.now()).await?;
        tx.commit().await?;
        self.engine.entries.forget(tenant, entries);
        Ok(())
    }

    /// Retires the first entry in favour of the second.
    async fn give_up(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (loser, winner): (EntryId, EntryId),
        editor: &Editor,
    ) -> Result<CaseUndo, Error> {
        let standing = retired(&format!("a person kept {winner} in its place"));
        self.stand(tx, tenant, loser, standing, (VersionStep::Retired, editor)).await
    }

    /// Gives an entry another standing.
    async fn stand(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        id: EntryId,
        standing: EntryStanding,
        step: (VersionStep, &Editor),
    ) -> Result<CaseUndo, Error> {
        let held = hold(tx, tenant, id).await?;
        let before = EntryStanding::of(&held.snapshot);
        self.write(tx, tenant, &held, standing.onto(&held.snapshot), step).await?;
        let change = StatusChange { entry_id: id, before, after: standing };
        Ok(CaseUndo { statuses: vec![change], ..CaseUndo::default() })
    }

    /// Moves the exemplars of the other entry to the entry, lets its evidence count there, and retires it.
    async fn merge(&self, tx: &mut Tx, tenant: &TenantId, case: &Case, editor: &Editor) -> Result<CaseUndo, Error> {
        let (stays, goes) = (hold(tx, tenant, case.entry_id).await?, hold(tx, tenant, other_of(case)?).await?);
        if stays.snapshot.status == EntryStatus::Retired {
            let entry = case.entry_id;
            return Err(Error::Conflict(format!(
                "the entry {entry}, which would stay, is retired; bring it back first"
            )));
        }
        let ids: Vec<ExemplarId> = goes.exemplars.iter().map(|exemplar| exemplar.id).collect();
        let sources = tx.exemplar_sources(tenant, &ids).await?;
        let moved: Vec<MovedPhrase> =
            goes.exemplars.iter().map(|exemplar| moved_phrase(exemplar, &stays, &sources)).collect();

        let known: BTreeSet<EvidencePlace> =
            tx.evidence_of(tenant, stays.entry.id).await?.iter().map(place_of).collect();
        let evidence: Vec<Evidence> = tx
            .evidence_of(tenant, goes.entry.id)
            .await?
            .into_iter()
            .filter(|item| !known.contains(&place_of(item)))
            .map(|item| Evidence { entry_id: stays.entry.id, ..item })
            .collect();

        let mut grown = stays.snapshot.clone();
        let new = goes.snapshot.phrases.iter().zip(&moved).filter(|(_, moved)| moved.is_new);
        grown.phrases.extend(new.map(|(phrase, _)| phrase.clone()));
        self.write(tx, tenant, &stays, grown, (VersionStep::Edited, editor)).await?;
        let before = EntryStanding::of(&goes.snapshot);
        let after = retired(&format!("merged into {}", stays.entry.id));
        let emptied = EntrySnapshot { phrases: Vec::new(), ..after.onto(&goes.snapshot) };
        self.write(tx, tenant, &goes, emptied, (VersionStep::Retired, editor)).await?;

        let said: Vec<(ExemplarId, SaidAt)> =
            moved.iter().flat_map(|moved| moved.sources.iter().map(|place| (moved.to, *place))).collect();
        tx.add_exemplar_sources(tenant, &said).await?;
        tx.add_evidence(tenant, &evidence).await?;
        Ok(CaseUndo {
            statuses: vec![StatusChange { entry_id: goes.entry.id, before, after }],
            moved,
            evidence: evidence.iter().map(place_of).collect(),
        })
    }

    /// Takes phrases away from the entry that they were moved to; those that can go back.
    async fn take_back(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (entry, moved): (EntryId, &[MovedPhrase]),
        editor: &Editor,
    ) -> Result<Vec<Returned>, Error> {
        let held = hold(tx, tenant, entry).await?;
        let ids: Vec<ExemplarId> = moved.iter().map(|moved| moved.to).collect();
        let sources = tx.exemplar_sources(tenant, &ids).await?;
        let mut returned = Vec::with_capacity(moved.len());
        let mut gone = BTreeSet::new();
        for moved in moved {
            let places = places_of(moved.to, &sources);
            let left: Vec<SaidAt> = moved.sources.iter().filter(|place| places.contains(place)).copied().collect();
            let was_said = !moved.sources.is_empty();
            let Some(exemplar) = held.exemplars.iter().find(|exemplar| exemplar.id == moved.to) else {
                if was_said {
                    continue;
                }
                // No erasure takes a person's own words, so a person did.
                return Err(Error::Conflict(format!(
                    "a phrase that was moved to the entry {entry} was taken away there since; put it back first"
                )));
            };
            if was_said && left.is_empty() {
                // Its conversations were erased; what is there now was said by others since.
                continue;
            }
            let first = moved.first.filter(|place| left.contains(place)).or(left.first().copied());
            let phrase = Phrase {
                text: exemplar.text.clone(),
                conversation_id: first.map(|place| place.conversation_id),
                turn: first.map(|place| place.turn),
            };
            if moved.is_new && places.iter().all(|place| moved.sources.contains(place)) {
                gone.insert(moved.to);
            }
            returned.push(Returned { id: moved.from, phrase, sources: left });
        }
        let kept =
            held.snapshot.phrases.iter().zip(&held.exemplars).filter(|(_, exemplar)| !gone.contains(&exemplar.id));
        let phrases = kept.map(|(phrase, _)| phrase.clone()).collect();
        let after = EntrySnapshot { phrases, ..held.snapshot.clone() };
        self.write(tx, tenant, &held, after, (VersionStep::Restored, editor)).await?;
        Ok(returned)
    }
}

async fn hold_case(tx: &mut Tx, tenant: &TenantId, id: CaseId) -> Result<StoredCase, Error> {
    let case = tx.hold_case(tenant, id).await?;
    case.ok_or_else(|| Error::NotFound { what: "case", id: id.to_string() })
}

/// The entries that a case is about, and so all that a decision about it can change.
fn entries_of(case: &Case) -> Vec<EntryId> {
    [Some(case.entry_id), case.other_id].into_iter().flatten().collect()
}

fn other_of(case: &Case) -> Result<EntryId, Error> {
    case.other_id.ok_or_else(|| Error::Conflict("it names one entry only".to_owned()))
}

fn place_of(item: &Evidence) -> EvidencePlace {
    EvidencePlace { conversation_id: item.conversation_id, answer_turn: item.answer_turn }
}

fn places_of(exemplar: ExemplarId, sources: &[(ExemplarId, SaidAt)]) -> Vec<SaidAt> {
    sources.iter().filter(|(id, _)| *id == exemplar).map(|(_, place)| *place).collect()
}

fn moved_phrase(exemplar: &Exemplar, stays: &Held, sources: &[(ExemplarId, SaidAt)]) -> MovedPhrase {
    let to = ExemplarId::derive(stays.entry.id, &normalise(&exemplar.text));
    let first = exemplar.conversation_id.zip(exemplar.turn);
    MovedPhrase {
        from: exemplar.id,
        to,
        is_new: !stays.exemplars.iter().any(|known| known.id == to),
        first: first.map(|(conversation_id, turn)| SaidAt { conversation_id, turn }),
        sources: places_of(exemplar.id, sources),
    }
}
