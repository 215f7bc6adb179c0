//! Cases: what a curator should look at.

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::case_decision::{CaseDecision, CaseState};
use crate::domain::clock::Timestamp;
use crate::domain::entry_version::Editor;
use crate::domain::ids::{CaseId, EntryId, KeyId, TenantId};
use crate::domain::knowledge::{Case, CaseKind};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{by_creation, statements};
use crate::store::page::{CreatedOrder, Keyed, List, Page, PageRequest};
use crate::store::rows::{from_json, json, moment, optional_word, word};
use crate::store::search::search_text;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// Which cases are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Their kind.
    pub kind: Option<CaseKind>,
    /// Whether they are decided.
    pub state: Option<CaseState>,
    /// An entry that they are about, first or second.
    pub entry_id: Option<EntryId>,
    /// Words that must all stand in what is said of them, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last noticed first.
    pub order: Option<CreatedOrder>,
}

/// A case with what was decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCase {
    /// The case.
    pub case: Case,
    /// What was decided; `None` while it is open.
    pub decided: Option<CaseDecision>,
}

/// A fall of an entry's success that somebody decides or has decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// When it was used first after the fall.
    pub since: Timestamp,
    /// Whether somebody has decided.
    pub is_decided: bool,
}

const COLUMNS: &str = "SELECT a.id, a.kind, a.entry_id, a.other_id, a.detail, a.created_at, a.decision,
    a.decision_reason, a.decided_key, a.decided_name, a.decided_at, a.decision_undo";
const FROM: &str = " FROM cases a WHERE a.tenant = ";
/// Without an index of the tenant: SQLite would walk through all its cases, in their order, to find those of an entry.
const FROM_OF_ENTRY: &str = " FROM cases a WHERE a.tenant || '' = ";

statements! {
    INSERT_CASE = "INSERT INTO cases (id, tenant, kind, entry_id, other_id, detail, created_at, since,
        search_text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    DECIDE_CASE = "UPDATE cases SET decision = $3, decision_reason = $4, decided_key = $5, decided_name = $6,
        decided_at = $7, decision_undo = $8 WHERE tenant = $1 AND id = $2";
    REOPEN_CASE = "UPDATE cases SET decision = NULL, decision_reason = NULL, decided_key = NULL, decided_name = NULL,
        decided_at = NULL, decision_undo = NULL WHERE tenant = $1 AND id = $2";
    SUSPICIONS_OF = "SELECT since, decision IS NOT NULL AS decided FROM cases WHERE tenant = $1 AND entry_id = $2
        AND kind = 'suspect' AND since IS NOT NULL ORDER BY since, id";
    DELETE_OPEN_SUSPICIONS = "DELETE FROM cases WHERE tenant = $1 AND entry_id = $2 AND kind = 'suspect'
        AND decision IS NULL";
    // One for each index: with an OR between them SQLite would walk through all cases of the tenant.
    DELETE_CASES_OF_ENTRY = "DELETE FROM cases WHERE tenant = $1 AND entry_id = $2";
    DELETE_CASES_WITH_OTHER = "DELETE FROM cases WHERE tenant = $1 AND other_id = $2";
}

#[derive(sqlx::FromRow)]
struct CaseRow {
    id: Uuid,
    kind: String,
    entry_id: Uuid,
    other_id: Option<Uuid>,
    detail: String,
    created_at: i64,
    decision: Option<String>,
    decision_reason: Option<String>,
    decided_key: Option<Uuid>,
    decided_name: Option<String>,
    decided_at: Option<i64>,
    decision_undo: Option<Json<serde_json::Value>>,
}

impl Store {
    /// The case with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn case(&self, tenant: &TenantId, id: CaseId) -> Result<Option<StoredCase>, StoreError> {
        self.row::<CaseRow>(by_id(tenant, id)).await?.map(CaseRow::read).transpose()
    }

    /// The cases that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        page: &PageRequest,
    ) -> Result<Page<StoredCase>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(if filter.entry_id.is_some() { FROM_OF_ENTRY } else { FROM }, tenant)
            .push_some(" AND a.kind = ", filter.kind.map(CaseKind::as_str));
        match filter.state {
            Some(CaseState::Open) => _ = from.push(" AND a.decision IS NULL"),
            Some(CaseState::Decided) => _ = from.push(" AND a.decision IS NOT NULL"),
            None => {}
        }
        if let Some(entry) = filter.entry_id {
            from.push_with(" AND (a.entry_id = ", entry.0).push_with(" OR a.other_id = ", entry.0).push(")");
        }
        from.push_words(" AND a.search_text LIKE ", filter.search.as_deref());
        let list = List { columns: COLUMNS, from, order: by_creation!(filter.order, "a.created_at", "a.id") };
        self.page::<CaseRow>(list, page).await?.try_map(CaseRow::read)
    }
}

impl Tx {
    /// Stores a case; `false` when it was there, and then it stays as it was.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an entry is gone.
    pub async fn insert_case(&mut self, tenant: &TenantId, case: &Case) -> Result<bool, StoreError> {
        self.put_case(tenant, case, None).await
    }

    /// Stores the case of an entry whose success fell, with the moment since when; `false` when it was there, and then it
    /// stays as it was.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when the entry is gone.
    pub async fn insert_suspicion(
        &mut self,
        tenant: &TenantId,
        case: &Case,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.put_case(tenant, case, Some(since)).await
    }

    /// The falls of an entry's success that were seen, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn suspicions_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<Vec<Suspicion>, StoreError> {
        let rows: Vec<(i64, bool)> = self.rows(Statement::new(SUSPICIONS_OF).bind(tenant).bind(entry.0)).await?;
        Ok(rows.into_iter().map(|(since, is_decided)| Suspicion { since: moment(since), is_decided }).collect())
    }

    /// Deletes the cases about falls of an entry's success that nobody has decided: there is none any more.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn delete_open_suspicions(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_OPEN_SUSPICIONS).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }

    /// The case with this id, which nobody else changes until this transaction ends.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn hold_case(&mut self, tenant: &TenantId, id: CaseId) -> Result<Option<StoredCase>, StoreError> {
        let mut select = by_id(tenant, id);
        self.lock_rows(&mut select, "a");
        self.row::<CaseRow>(select).await?.map(CaseRow::read).transpose()
    }

    /// Keeps what was decided about a case, in place of what was decided before. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn decide_case(
        &mut self,
        tenant: &TenantId,
        id: CaseId,
        decided: &CaseDecision,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(DECIDE_CASE)
            .bind(tenant)
            .bind(id.0)
            .bind(decided.decision.as_str())
            .bind(decided.reason.clone())
            .bind(decided.editor.key.map(|key| key.0))
            .bind(decided.editor.name.clone())
            .bind(decided.decided_at)
            .bind(json("cases.decision_undo", &decided.undo)?);
        Ok(self.execute(statement).await? > 0)
    }

    /// Opens a case again. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn reopen_case(&mut self, tenant: &TenantId, id: CaseId) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(REOPEN_CASE).bind(tenant).bind(id.0)).await? > 0)
    }

    /// Deletes the cases that are about an entry, first or second.
    pub(super) async fn delete_cases_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_CASES_OF_ENTRY).bind(tenant).bind(entry.0)).await?;
        self.execute(Statement::new(DELETE_CASES_WITH_OTHER).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }

    async fn put_case(&mut self, tenant: &TenantId, case: &Case, since: Option<Timestamp>) -> Result<bool, StoreError> {
        let statement = Statement::new(INSERT_CASE)
            .bind(case.id.0)
            .bind(tenant)
            .bind(case.kind.as_str())
            .bind(case.entry_id.0)
            .bind(case.other_id.map(|id| id.0))
            .bind(&case.detail)
            .bind(case.created_at)
            .bind(since)
            .bind(search_text([case.detail.as_str()]));
        Ok(self.execute(statement).await? > 0)
    }
}

impl Keyed for CaseRow {
    fn key(&self) -> (i64, Uuid) {
        (self.created_at, self.id)
    }
}

fn by_id(tenant: &TenantId, id: CaseId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push_with(" AND a.id = ", id.0);
    select
}

impl CaseRow {
    fn read(self) -> Result<StoredCase, StoreError> {
        let missing = |column| StoreError::Corrupt { column, problem: "is missing beside a decision".to_owned() };
        let decided = match optional_word("cases.decision", self.decision.as_deref())? {
            Some(decision) => Some(CaseDecision {
                decision,
                reason: self.decision_reason,
                editor: Editor { key: self.decided_key.map(KeyId), name: self.decided_name },
                decided_at: self.decided_at.map(moment).ok_or_else(|| missing("cases.decided_at"))?,
                undo: from_json(
                    "cases.decision_undo",
                    "undo",
                    self.decision_undo.ok_or_else(|| missing("cases.decision_undo"))?.0,
                )?,
            }),
            None => None,
        };
        let case = Case {
            id: CaseId(self.id),
            kind: word("cases.kind", &self.kind)?,
            entry_id: EntryId(self.entry_id),
            other_id: self.other_id.map(EntryId),
            detail: self.detail,
            created_at: moment(self.created_at),
        };
        Ok(StoredCase { case, decided })
    }
}
