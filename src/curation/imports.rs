//! Taking over entries and training records of another system.
//!
//! Guarantees: a batch is one transaction; doing it again changes nothing; what a person has changed here since stays as
//! it is, and so does the record of a conversation that was handed in itself.

use std::collections::HashMap;

use crate::curation::{Curator, hold, insert_new};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::ConversationStatus;
use crate::domain::entry_version::{Editor, EntrySnapshot, VersionStep};
use crate::domain::error::FieldError;
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::domain::import::{
    ImportBatch, ImportReport, ImportResult, ImportStatus, ImportedEntry, ImportedRecord, is_record_alone,
    key_of_record,
};
use crate::domain::training::Labels;
use crate::engine::error::Error;
use crate::engine::upkeep::index_changes_job;
use crate::store::entries::Origin;
use crate::store::imports::ImportedEntryNote;
use crate::store::tx::Tx;

/// What was in a batch so far: key and hash.
type Seen = HashMap<String, String>;

impl Curator {
    /// Takes over what can be taken over, and says of each what became of it. Entries can be found when the job that goes
    /// with them has run. With `dry_run` nothing changes, and the answer is what would become of it.
    ///
    /// # Errors
    /// When the database is not available; [`Error::Conflict`] when a conversation with the id of a record's is being
    /// received at this moment.
    pub async fn import(
        &self,
        tenant: &TenantId,
        batch: ImportBatch,
        dry_run: bool,
        editor: &Editor,
    ) -> Result<ImportReport, Error> {
        let now = self.engine.now();
        let mut report = ImportReport::default();
        let (mut entries, mut records) = (Seen::new(), Seen::new());
        let mut tx = self.begin(tenant).await?;
        let given = batch.entries.into_iter().map(|given| {
            given.check().and_then(|entry| {
                once(&mut entries, &entry.key, &entry.content_hash)?;
                Ok(entry)
            })
        });
        let given: Vec<Result<ImportedEntry, Vec<FieldError>>> = given.collect();
        let ids: Vec<EntryId> = given.iter().flatten().map(|entry| EntryId::imported(tenant, &entry.key)).collect();
        // They come in any order.
        tx.hold_entries(tenant, &ids).await?;
        for checked in given {
            report.entries.push(match checked {
                Ok(entry) => self.import_entry(&mut tx, tenant, &entry, (now, editor)).await?,
                Err(wrong) => ImportResult::invalid(wrong),
            });
        }
        for given in batch.records {
            let checked = given.check().and_then(|record| {
                once(&mut records, &record.key, &record.content_hash)?;
                Ok(record)
            });
            report.records.push(match checked {
                Ok(record) => self.import_record(&mut tx, tenant, &record, now).await?,
                Err(wrong) => ImportResult::invalid(wrong),
            });
        }

        let changed = report.entries.iter().filter(|result| result.status.is_change());
        let changed: Vec<EntryId> = changed.filter_map(|result| result.id).map(EntryId).collect();
        if dry_run {
            tx.rollback().await?;
            return Ok(report);
        }
        if !changed.is_empty() {
            tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
        }
        tx.commit().await?;
        self.engine.entries.forget(tenant, changed);
        Ok(report)
    }

    async fn import_entry(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        given: &ImportedEntry,
        (now, editor): (Timestamp, &Editor),
    ) -> Result<ImportResult, Error> {
        let id = EntryId::imported(tenant, &given.key);
        let content_hash = given.content_hash.clone();
        let Some(known) = tx.imported_entry(tenant, id).await? else {
            let created_at = given.created_at.map_or(now, |made| made.min(now));
            insert_new(tx, tenant, (id, &given.entry), (Origin::Import, editor), (created_at, now)).await?;
            tx.note_imported_entry(tenant, id, &ImportedEntryNote { content_hash, version: 1 }, now).await?;
            return Ok(ImportResult::taken(ImportStatus::Created, id.0));
        };
        let version = tx.last_version(tenant, id).await?.map_or(0, |last| last.number);
        if known.content_hash == content_hash || known.version != version {
            return Ok(ImportResult::taken(ImportStatus::Unchanged, id.0));
        }
        let held = hold(tx, tenant, id).await?;
        let after = onto(given.entry.snapshot(), &held.snapshot);
        self.write(tx, tenant, &held, after, (VersionStep::Edited, editor)).await?;
        let version = tx.last_version(tenant, id).await?.map_or(0, |last| last.number);
        tx.note_imported_entry(tenant, id, &ImportedEntryNote { content_hash, version }, now).await?;
        Ok(ImportResult::taken(ImportStatus::Updated, id.0))
    }

    async fn import_record(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        given: &ImportedRecord,
        now: Timestamp,
    ) -> Result<ImportResult, Error> {
        let busy = || {
            let name = &given.external_id;
            Error::Conflict(format!("conversation '{name}' is just being received or erased by others; try again"))
        };
        let known = tx.conversation_by_external_id(tenant, &given.external_id).await?;
        let (conversation, status) = match known.map(|known| known.conversation) {
            None => {
                let conversation = given.conversation(ConversationId(self.engine.new_uuid()), now);
                if !tx.insert_conversation(tenant, &conversation, now).await? {
                    return Err(busy());
                }
                (conversation, ImportStatus::Created)
            }
            Some(known) if !is_record_alone(&known) => {
                return Ok(ImportResult::taken(ImportStatus::Unchanged, known.id.0));
            }
            Some(known) if key_of_record(&known) != Some(given.key.as_str()) => {
                let other = key_of_record(&known).unwrap_or("another import");
                let message = format!("has a training record already, from {other}; keep one of the two");
                return Ok(ImportResult::invalid(vec![FieldError::new("ai_conversation", message)]));
            }
            Some(known) if known.content_hash == given.content_hash => {
                return Ok(ImportResult::taken(ImportStatus::Unchanged, known.id.0));
            }
            Some(known) => {
                let conversation = given.conversation(known.id, now);
                if tx.replace_conversation(tenant, &conversation, now).await?.is_none() {
                    return Err(busy());
                }
                (conversation, ImportStatus::Updated)
            }
        };
        let record = given.record(&conversation);
        tx.upsert_record(tenant, &record).await?;
        // They stay when the conversation itself is handed in later.
        let labels = Labels { intents: record.user_intents, ..Labels::default() };
        tx.give_labels(tenant, conversation.id, labels, now).await?;
        let done = ConversationStatus::Processed;
        tx.set_conversation_status(tenant, conversation.id, done, None, now).await?;
        Ok(ImportResult::taken(status, conversation.id.0))
    }
}

/// What comes twice in a batch with different content would be changed each time that the batch is taken over.
fn once(seen: &mut Seen, key: &str, content_hash: &str) -> Result<(), Vec<FieldError>> {
    let first = seen.entry(key.to_owned()).or_insert_with(|| content_hash.to_owned());
    if *first == content_hash {
        return Ok(());
    }
    Err(vec![FieldError::new("key", "stands for something else earlier in this request; keep one of the two")])
}

/// What an entry becomes that was given otherwise than before: what was learned for it since stays.
fn onto(given: &EntrySnapshot, held: &EntrySnapshot) -> EntrySnapshot {
    let learned = held.phrases.iter().filter(|phrase| phrase.conversation_id.is_some());
    let phrases = held.with_phrases(given.phrases.iter().chain(learned).cloned().collect());
    EntrySnapshot { intent: held.intent.clone(), phrases, ..given.clone() }
}
