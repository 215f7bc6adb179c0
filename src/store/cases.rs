//! Cases: what a curator should look at.

use uuid::Uuid;

use crate::domain::ids::{CaseId, EntryId, TenantId};
use crate::domain::knowledge::{Case, CaseKind};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::page::{Keyed, List, Page, PageRequest};
use crate::store::rows::{moment, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// Which cases are wanted; what is `None` does not filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Their kind.
    pub kind: Option<CaseKind>,
    /// An entry that they are about, first or second.
    pub entry_id: Option<EntryId>,
}

const COLUMNS: &str = "SELECT a.id, a.kind, a.entry_id, a.other_id, a.detail, a.created_at";
const FROM: &str = " FROM cases a WHERE a.tenant = ";

statements! {
    INSERT_CASE = "INSERT INTO cases (id, tenant, kind, entry_id, other_id, detail, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    DELETE_CASES_OF_ENTRY = "DELETE FROM cases WHERE tenant = $1 AND (entry_id = $2 OR other_id = $2)";
}

#[derive(sqlx::FromRow)]
struct CaseRow {
    id: Uuid,
    kind: String,
    entry_id: Uuid,
    other_id: Option<Uuid>,
    detail: String,
    created_at: i64,
}

impl Store {
    /// The cases that pass the filter, the newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        page: &PageRequest,
    ) -> Result<Page<Case>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant).push_some(" AND a.kind = ", filter.kind.map(CaseKind::as_str));
        if let Some(entry) = filter.entry_id {
            from.push_with(" AND (a.entry_id = ", entry.0).push_with(" OR a.other_id = ", entry.0).push(")");
        }
        let list = List {
            columns: COLUMNS,
            from,
            behind: " AND (a.created_at, a.id) < (",
            order: " ORDER BY a.created_at DESC, a.id DESC",
        };
        self.page::<CaseRow>(list, page).await?.try_map(CaseRow::read)
    }
}

impl Tx {
    /// Stores a case; `false` when it was there, and then it stays as it was.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an entry is gone.
    pub async fn insert_case(&mut self, tenant: &TenantId, case: &Case) -> Result<bool, StoreError> {
        let statement = Statement::new(INSERT_CASE)
            .bind(case.id.0)
            .bind(tenant)
            .bind(case.kind.as_str())
            .bind(case.entry_id.0)
            .bind(case.other_id.map(|id| id.0))
            .bind(&case.detail)
            .bind(case.created_at);
        Ok(self.execute(statement).await? > 0)
    }

    /// Deletes the cases that are about an entry.
    pub(super) async fn delete_cases_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_CASES_OF_ENTRY).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }
}

impl Keyed for CaseRow {
    fn key(&self) -> (i64, Uuid) {
        (self.created_at, self.id)
    }
}

impl CaseRow {
    fn read(self) -> Result<Case, StoreError> {
        Ok(Case {
            id: CaseId(self.id),
            kind: word("cases.kind", &self.kind)?,
            entry_id: EntryId(self.entry_id),
            other_id: self.other_id.map(EntryId),
            detail: self.detail,
            created_at: moment(self.created_at),
        })
    }
}
