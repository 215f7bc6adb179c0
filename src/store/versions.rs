//! Versions of entries: what they were after each step, and who took it.
//!
//! Guarantees that no version outlives the words of a conversation that was erased: what it quoted is blanked in the same
//! transaction, while who did what and when stays.

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::entry_version::{Editor, EntrySnapshot, EntryVersion, VersionStep};
use crate::domain::ids::{EntryId, ExemplarId, KeyId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{descending, statements};
use crate::store::page::{Keyed, List, Page, PageRequest};
use crate::store::rows::{from_json, json, moment, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

const COLUMNS: &str = "SELECT v.entry_id, v.version, v.step, v.snapshot, v.editor_key, v.editor_name, v.created_at";
const FROM: &str = " FROM entry_versions v WHERE v.tenant = ";

statements! {
    VERSION = "SELECT entry_id, version, step, snapshot, editor_key, editor_name, created_at FROM entry_versions
        WHERE tenant = $1 AND entry_id = $2 AND version = $3";
    LAST_VERSION = "SELECT entry_id, version, step, snapshot, editor_key, editor_name, created_at FROM entry_versions
        WHERE tenant = $1 AND entry_id = $2 ORDER BY version DESC LIMIT 1";
    INSERT_VERSION = "INSERT INTO entry_versions (entry_id, version, tenant, step, quotes, snapshot, editor_key,
        editor_name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    BLANK_VERSIONS = "UPDATE entry_versions SET snapshot = NULL
        WHERE tenant = $1 AND entry_id = $2 AND quotes AND snapshot IS NOT NULL";
    DELETE_VERSIONS = "DELETE FROM entry_versions WHERE tenant = $1 AND entry_id = $2";
    SET_EXEMPLARS_LANGUAGE = "UPDATE exemplars SET language = $3 WHERE tenant = $1 AND entry_id = $2";
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    entry_id: Uuid,
    version: i64,
    step: String,
    snapshot: Option<Json<serde_json::Value>>,
    editor_key: Option<Uuid>,
    editor_name: Option<String>,
    created_at: i64,
}

impl Store {
    /// The versions of an entry, all or those that this step made, the last first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_versions(
        &self,
        tenant: &TenantId,
        entry: EntryId,
        step: Option<VersionStep>,
        page: &PageRequest,
    ) -> Result<Page<EntryVersion>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_with(" AND v.entry_id = ", entry.0)
            .push_some(" AND v.step = ", step.map(VersionStep::as_str));
        let list = List { columns: COLUMNS, from, order: descending!("v.version", "v.entry_id") };
        self.page::<VersionRow>(list, page).await?.try_map(VersionRow::read)
    }
}

impl Tx {
    /// One version of an entry.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn version(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
        number: i64,
    ) -> Result<Option<EntryVersion>, StoreError> {
        let statement = Statement::new(VERSION).bind(tenant).bind(entry.0).bind(number);
        self.row::<VersionRow>(statement).await?.map(VersionRow::read).transpose()
    }

    /// The last version of an entry; none of one that no person has touched.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn last_version(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
    ) -> Result<Option<EntryVersion>, StoreError> {
        let statement = Statement::new(LAST_VERSION).bind(tenant).bind(entry.0);
        self.row::<VersionRow>(statement).await?.map(VersionRow::read).transpose()
    }

    /// Stores a version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the entry has one with this number; [`StoreError::MissingReference`] when the entry
    /// is gone.
    pub async fn insert_version(&mut self, tenant: &TenantId, version: &EntryVersion) -> Result<(), StoreError> {
        let quotes = version.snapshot.as_ref().is_some_and(EntrySnapshot::quotes_conversations);
        let snapshot = json("entry_versions.snapshot", &version.snapshot)?;
        let statement = Statement::new(INSERT_VERSION)
            .bind(version.entry_id.0)
            .bind(version.number)
            .bind(tenant)
            .bind(version.step.as_str())
            .bind(quotes)
            .bind(snapshot)
            .bind(version.editor.key.map(|key| key.0))
            .bind(version.editor.name.clone())
            .bind(version.created_at);
        self.execute(statement).await?;
        Ok(())
    }

    /// Takes exemplars away, with the places where they were said; their points must leave the index.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn remove_exemplars(
        &mut self,
        tenant: &TenantId,
        ids: &[ExemplarId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        self.erase_exemplars(tenant, &ids, now).await
    }

    /// Gives the exemplars of an entry another language. Whoever does so stores the entry too, which has them indexed
    /// anew.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_exemplars_language(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
        language: &Language,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(SET_EXEMPLARS_LANGUAGE).bind(tenant).bind(entry.0).bind(language.as_str());
        self.execute(statement).await?;
        Ok(())
    }

    /// Blanks what the versions of an entry quote of conversations: one of these was erased.
    pub(super) async fn blank_versions(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(BLANK_VERSIONS).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }

    /// Deletes the versions of an entry.
    pub(super) async fn delete_versions(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_VERSIONS).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }
}

impl Keyed for VersionRow {
    fn key(&self) -> (i64, Uuid) {
        (self.version, self.entry_id)
    }
}

impl VersionRow {
    fn read(self) -> Result<EntryVersion, StoreError> {
        let snapshot: Option<EntrySnapshot> = match self.snapshot {
            Some(Json(snapshot)) => from_json("entry_versions.snapshot", "snapshot", snapshot)?,
            None => None,
        };
        let step: VersionStep = word("entry_versions.step", &self.step)?;
        Ok(EntryVersion {
            entry_id: EntryId(self.entry_id),
            number: self.version,
            step,
            editor: Editor { key: self.editor_key.map(KeyId), name: self.editor_name },
            snapshot,
            created_at: moment(self.created_at),
        })
    }
}
