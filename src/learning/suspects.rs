//! Entries whose success fell: offered no more until a person has looked.
//!
//! Guarantees: a fall is told from the credits of uses alone, never from an entry's age, and the fading of old uses does not
//! count in it; what a person decided about a fall is not accused of the same fall again, because the uses before it count
//! no more; a fall that later outcomes take back is taken back with its case, when nobody has decided yet and no
//! conversation of a use is just being learned from.

use crate::domain::change_point::{Fall, fall, has_fallen};
use crate::domain::clock::Timestamp;
use crate::domain::credit::CreditedUse;
use crate::domain::ids::{CaseId, TenantId};
use crate::domain::knowledge::{Case, CaseKind, Entry, EntryStatus, Evidence};
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::distillation::policy;
use crate::store::cases::Suspicion;
use crate::store::tx::Tx;

/// A use with its credit.
type Credited = (Timestamp, f64);

impl Learner {
    /// The status that evidence and uses give an entry, with the reason when it is not offered. A fall of its success opens
    /// a case.
    pub(super) async fn standing(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (entry, evidence, uses): (&Entry, &[Evidence], &[CreditedUse]),
        now: Timestamp,
    ) -> Result<(EntryStatus, Option<String>), Error> {
        if entry.status == EntryStatus::Suspect {
            return self.after_a_fall(tx, tenant, (entry, evidence, uses)).await;
        }
        let (status, reason) = policy::status(entry, evidence, &self.settings);
        if status != EntryStatus::Live || uses.is_empty() {
            return Ok((status, reason));
        }
        // Whoever brought it back knew of every fall before: by a decision, or by giving the entry its status.
        let known = tx.suspicions_of(tenant, entry.id).await?;
        let counted = counted(uses, known.iter().map(|suspicion| suspicion.since).max());
        let Some(found) = fall(&credits(&counted)) else { return Ok((status, reason)) };
        let since = counted.get(found.at).map_or(now, |(used_at, _)| *used_at);
        let told = told(found, since, counted.len());
        let case = Case {
            id: CaseId::derive(&format!("{}/{}", CaseKind::Suspect, since.as_millis()), entry.id, None),
            kind: CaseKind::Suspect,
            entry_id: entry.id,
            other_id: None,
            detail: told.clone(),
            created_at: now,
        };
        let is_new = tx.insert_suspicion(tenant, &case, since).await?;
        Ok(if is_new { (EntryStatus::Suspect, Some(told)) } else { (status, reason) })
    }

    /// The status of an entry that is suspect: it stays so unless its outcomes were corrected and nobody has decided.
    async fn after_a_fall(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (entry, evidence, uses): (&Entry, &[Evidence], &[CreditedUse]),
    ) -> Result<(EntryStatus, Option<String>), Error> {
        let known = tx.suspicions_of(tenant, entry.id).await?;
        let (decided, open): (Vec<Suspicion>, Vec<Suspicion>) =
            known.into_iter().partition(|suspicion| suspicion.is_decided);
        let counted = counted(uses, decided.iter().map(|suspicion| suspicion.since).max());
        // Without an open case it was a person who gave it this status.
        if open.is_empty() || has_fallen(&credits(&counted)) {
            return Ok((entry.status, entry.status_reason.clone()));
        }
        // A conversation that is learned from anew says nothing for a while of how it ended, and takes nothing back by that.
        // Its last stage looks here again.
        if tx.awaits_outcome(tenant, entry.id).await? {
            return Ok((entry.status, entry.status_reason.clone()));
        }
        tx.delete_open_suspicions(tenant, entry.id).await?;
        let restored = Entry { status: EntryStatus::Live, status_reason: None, ..entry.clone() };
        Ok(policy::status(&restored, evidence, &self.settings))
    }
}

/// The uses that ended somehow, from a moment on.
fn counted(uses: &[CreditedUse], from: Option<Timestamp>) -> Vec<Credited> {
    let later = uses.iter().filter(|used| from.is_none_or(|from| used.used_at >= from));
    later.filter_map(|used| Some((used.used_at, used.credit()?))).collect()
}

fn credits(counted: &[Credited]) -> Vec<f64> {
    counted.iter().map(|(_, credit)| *credit).collect()
}

/// A fall in words.
fn told(found: Fall, since: Timestamp, uses: usize) -> String {
    let percent = |rate: f64| (rate * 100.0).round();
    format!(
        "success fell from {} % in {} uses to {} % in {} uses since {since}",
        percent(found.before),
        found.at,
        percent(found.after),
        uses - found.at,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Outcome;

    #[test]
    fn only_uses_that_ended_somehow_count_and_only_from_the_last_decision_on() {
        let used = |at, outcome| CreditedUse { used_at: Timestamp::from_millis(at), success: None, outcome };
        let uses = [
            used(1, Some(Outcome::Successful)),
            used(2, None),
            used(3, Some(Outcome::Partial)),
            used(4, Some(Outcome::Excluded)),
            used(5, Some(Outcome::Unsuccessful)),
        ];
        assert_eq!(credits(&counted(&uses, None)), [1.0, 0.5, 0.0]);
        assert_eq!(credits(&counted(&uses, Some(Timestamp::from_millis(3)))), [0.5, 0.0]);
    }

    #[test]
    fn a_fall_is_told_in_words() {
        let found = Fall { at: 40, before: 0.8, after: 0.25 };
        let since = Timestamp::parse("2026-09-01T10:00:00Z").expect("a time");
        let said = told(found, since, 60);
        assert!(
            said.starts_with("success fell from 80 % in 40 uses to 25 % in 20 uses since 2026-09-01T10:00:00"),
            "{said}"
        );
    }
}
