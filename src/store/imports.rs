//! Entries that were taken over from elsewhere: what they were then, and which version that made.

use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryId, TenantId};
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

statements! {
    IMPORTED_ENTRY = "SELECT content_hash, version FROM imported_entries WHERE tenant = $1 AND entry_id = $2";
    NOTE_IMPORTED_ENTRY = "INSERT INTO imported_entries (entry_id, tenant, content_hash, version, imported_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (entry_id) DO UPDATE SET content_hash = excluded.content_hash,
        version = excluded.version, imported_at = excluded.imported_at";
    DELETE_IMPORTED_ENTRY = "DELETE FROM imported_entries WHERE tenant = $1 AND entry_id = $2";
}

/// What an entry was when it was last taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedEntryNote {
    /// Hash of all that was given.
    pub content_hash: String,
    /// The version of the entry from then on; a person has changed it when it has a later one.
    pub version: i64,
}

#[derive(sqlx::FromRow)]
struct NoteRow {
    content_hash: String,
    version: i64,
}

impl Tx {
    /// What an entry was when it was last taken over; `None` when it never was.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn imported_entry(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
    ) -> Result<Option<ImportedEntryNote>, StoreError> {
        let statement = Statement::new(IMPORTED_ENTRY).bind(tenant).bind(entry.0);
        let row = self.row::<NoteRow>(statement).await?;
        Ok(row.map(|NoteRow { content_hash, version }| ImportedEntryNote { content_hash, version }))
    }

    /// Notes what an entry is that was just taken over, in place of what was noted before.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when there is no such entry.
    pub async fn note_imported_entry(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
        note: &ImportedEntryNote,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(NOTE_IMPORTED_ENTRY)
            .bind(entry.0)
            .bind(tenant)
            .bind(&note.content_hash)
            .bind(note.version)
            .bind(now);
        self.execute(statement).await?;
        Ok(())
    }

    /// Forgets that an entry was taken over that is erased.
    pub(super) async fn forget_import(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_IMPORTED_ENTRY).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }
}
