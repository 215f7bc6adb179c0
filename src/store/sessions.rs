//! Training sessions: what was started, how far it is, and which conversations it is about.

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{ConversationStatus, word_enum};
use crate::domain::ids::{ConversationId, SessionId, TenantId};
use crate::domain::training::{Created, Selection, Session, SessionFailure, SessionKind, SessionStatus};
use crate::store::Store;
use crate::store::conversations::ConversationFilter;
use crate::store::error::StoreError;
use crate::store::macros::{ascending, descending, statements};
use crate::store::page::{Cursor, Keyed, List, Order, Page, PageRequest};
use crate::store::rows::{json, moment, word};
use crate::store::search::search_text;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// In which order sessions are wanted.
    SessionOrder {
        /// The first made first.
        CreatedAt = "created_at",
        /// The last made first.
        CreatedAtDown = "-created_at",
        /// The first due first.
        RunAt = "run_at",
        /// The last due first.
        RunAtDown = "-run_at",
    }
);

/// Which sessions are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// What they do.
    pub kind: Option<SessionKind>,
    /// Where they stand.
    pub status: Option<SessionStatus>,
    /// Words that must all stand in the name, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last made first.
    pub order: Option<SessionOrder>,
}

/// A session at work: with the place that it has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionState {
    /// The session, without its failures.
    pub session: Session,
    /// Where the next page begins; `None` at the start.
    pub place: Option<Cursor>,
    /// Whether every page was gone through.
    pub walked: bool,
}

const COLUMNS: &str =
    "SELECT s.id, s.name, s.kind, s.status, s.run_at, s.cron, s.selection, s.done, s.total, s.entries,
    s.exemplars, s.records, s.place, s.walked, s.failure, s.created_at, s.started_at, s.finished_at";
const FROM: &str = " FROM training_sessions s WHERE s.tenant = ";
const WALK_COLUMNS: &str = "SELECT c.id, c.received_at";
// One part for each index: with an OR between them, or by an index of the tenant, SQLite would walk through all that it has.
const IDS_BY_NAME: &str = "SELECT c.id, c.external_id FROM conversations c WHERE c.tenant = ";
const AND_BY_ID: &str = " UNION SELECT c.id, c.external_id FROM conversations c WHERE c.tenant || '' = ";

statements! {
    INSERT_SESSION = "INSERT INTO training_sessions (id, tenant, name, kind, status, run_at, cron, selection, done,
        total, entries, exemplars, records, walked, created_at, search_text)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0, 0, FALSE, $9, $10)";
    BEGIN_SESSION = "UPDATE training_sessions SET status = 'running', total = $3, started_at = COALESCE(started_at, $4)
        WHERE tenant = $1 AND id = $2 AND status = 'scheduled'";
    MOVE_SESSION = "UPDATE training_sessions SET status = $3, finished_at = $4, failure = $5
        WHERE tenant = $1 AND id = $2 AND status = $6";
    ADVANCE_SESSION = "UPDATE training_sessions SET place = $3, walked = $4, done = done + $5
        WHERE tenant = $1 AND id = $2 AND COALESCE(place, '') = $6 AND walked = $7";
    COMPLETE_SESSION = "UPDATE training_sessions SET status = 'completed', total = done, finished_at = $3
        WHERE tenant = $1 AND id = $2 AND status = 'running'";
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: Uuid,
    name: String,
    kind: String,
    status: String,
    run_at: i64,
    cron: Option<String>,
    selection: Json<Selection>,
    done: i64,
    total: i64,
    entries: i64,
    exemplars: i64,
    records: i64,
    place: Option<String>,
    walked: bool,
    failure: Option<String>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    /// Of a list alone.
    #[sqlx(default)]
    ordered_by: i64,
}

#[derive(sqlx::FromRow)]
struct WalkRow {
    id: Uuid,
    received_at: i64,
}

impl Store {
    /// The session with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn session(&self, tenant: &TenantId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let Some(row) = self.row::<SessionRow>(by_id(tenant, id)).await? else { return Ok(None) };
        let mut sessions = vec![row.read()?.session];
        self.add_failures(tenant, &mut sessions).await?;
        Ok(sessions.pop())
    }

    /// The session with this id and the place that it has come to.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn session_state(&self, tenant: &TenantId, id: SessionId) -> Result<Option<SessionState>, StoreError> {
        self.row::<SessionRow>(by_id(tenant, id)).await?.map(SessionRow::read).transpose()
    }

    /// The sessions that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_sessions(
        &self,
        tenant: &TenantId,
        filter: &SessionFilter,
        page: &PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND s.kind = ", filter.kind.map(SessionKind::as_str))
            .push_some(" AND s.status = ", filter.status.map(SessionStatus::as_str))
            .push_words(" AND s.search_text LIKE ", filter.search.as_deref());
        let order = filter.order.unwrap_or(SessionOrder::CreatedAtDown).fragments();
        let list = List { columns: COLUMNS, from, order };
        let found = self.page::<SessionRow>(list, page).await?;
        let mut found = found.try_map(|row| row.read().map(|state| state.session))?;
        self.add_failures(tenant, &mut found.items).await?;
        Ok(found)
    }

    /// How many conversations a session of this kind has to learn from.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn count_selected(
        &self,
        tenant: &TenantId,
        kind: SessionKind,
        selection: &Selection,
    ) -> Result<i64, StoreError> {
        let mut count = Statement::new("SELECT COUNT(*) ");
        count.push_statement(&selected(tenant, kind, selection));
        self.number(count).await
    }

    /// A page of those conversations, the last received first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn walk_selected(
        &self,
        tenant: &TenantId,
        kind: SessionKind,
        selection: &Selection,
        page: &PageRequest,
    ) -> Result<Page<ConversationId>, StoreError> {
        let list = List {
            columns: WALK_COLUMNS,
            from: selected(tenant, kind, selection),
            order: descending!("c.received_at", "c.id"),
        };
        self.page::<WalkRow>(list, page).await?.try_map(|row| Ok(ConversationId(row.id)))
    }

    /// The ids of conversations that are named by our ids or by the caller's own, in the order of the names; `None` where
    /// there is none. Ours comes first, as in [`Store::find_conversation`].
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation_ids(
        &self,
        tenant: &TenantId,
        names: &[String],
    ) -> Result<Vec<Option<ConversationId>>, StoreError> {
        let parsed: Vec<Option<ConversationId>> = names.iter().map(|name| name.parse().ok()).collect();
        let mut select = Statement::new("");
        select.push_with(IDS_BY_NAME, tenant).push(" AND c.external_id IN ").push_list(names);
        select.push_with(AND_BY_ID, tenant).push(" AND c.id IN ").push_list(parsed.iter().flatten().map(|id| id.0));
        let known: Vec<(Uuid, String)> = self.rows(select).await?;
        let by_id = |id: ConversationId| known.iter().any(|(known, _)| *known == id.0).then_some(id);
        let by_name = |name: &String| known.iter().find(|(_, own)| own == name).map(|(id, _)| ConversationId(*id));
        let found = names.iter().zip(parsed);
        Ok(found.map(|(name, id)| id.and_then(by_id).or_else(|| by_name(name))).collect())
    }
}

impl Tx {
    /// Stores a new session, as far as it is known before its work begins.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn insert_session(&mut self, tenant: &TenantId, session: &Session) -> Result<(), StoreError> {
        let statement = Statement::new(INSERT_SESSION)
            .bind(session.id.0)
            .bind(tenant)
            .bind(&session.name)
            .bind(session.kind.as_str())
            .bind(session.status.as_str())
            .bind(session.run_at)
            .bind(session.cron.clone())
            .bind(json("training_sessions.selection", &session.selection)?)
            .bind(session.created_at)
            .bind(search_text([session.name.as_str()]));
        self.execute(statement).await?;
        Ok(())
    }

    /// Begins the work of a session that waits for its moment; `false` when it does not.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn begin_session(
        &mut self,
        tenant: &TenantId,
        id: SessionId,
        total: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(BEGIN_SESSION).bind(tenant).bind(id.0).bind(total).bind(now);
        Ok(self.execute(statement).await? > 0)
    }

    /// Moves a session from one status to another; `failure` says why, when it failed itself. `false` when it stands
    /// elsewhere by now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn move_session(
        &mut self,
        tenant: &TenantId,
        id: SessionId,
        (from, to): (SessionStatus, SessionStatus),
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_end = matches!(to, SessionStatus::Completed | SessionStatus::Failed | SessionStatus::Cancelled);
        let statement = Statement::new(MOVE_SESSION)
            .bind(tenant)
            .bind(id.0)
            .bind(to.as_str())
            .bind(Some(now).filter(|_| is_end))
            .bind(failure)
            .bind(from.as_str());
        Ok(self.execute(statement).await? > 0)
    }

    /// Notes that a session has gone through the page that began where it `was`, and how many items are at their end by
    /// that. Nobody else notes anything of the session until this transaction ends. `false`, and nothing is noted, when it
    /// is not there any more: somebody else has gone through that page.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn advance_session(
        &mut self,
        tenant: &TenantId,
        was: &SessionState,
        next: Option<Cursor>,
        done: i64,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(ADVANCE_SESSION)
            .bind(tenant)
            .bind(was.session.id.0)
            .bind(next.map(|next| next.to_string()))
            .bind(next.is_none())
            .bind(done)
            .bind(was.place.map(|place| place.to_string()).unwrap_or_default())
            .bind(was.walked);
        Ok(self.execute(statement).await? > 0)
    }

    /// Ends a session that is running; `false` when it is not.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn complete_session(
        &mut self,
        tenant: &TenantId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(COMPLETE_SESSION).bind(tenant).bind(id.0).bind(now)).await? > 0)
    }
}

fn by_id(tenant: &TenantId, id: SessionId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push_with(" AND s.id = ", id.0);
    select
}

/// The conversations that a session of this kind goes through.
fn selected(tenant: &TenantId, kind: SessionKind, selection: &Selection) -> Statement {
    let filter = ConversationFilter {
        status: selection.status,
        outcome: selection.outcome,
        category: selection.category.clone(),
        language: selection.language.clone(),
        agent_id: selection.agent_id.clone(),
        from: selection.from,
        to: selection.to,
        ..ConversationFilter::default()
    };
    let mut from = filter.from(tenant, &selection.conversation_ids);
    // Of one that was imported as a record alone there is nothing to learn, and the record would be lost.
    from.push(" AND EXISTS (SELECT 1 FROM turns n WHERE n.conversation_id = c.id)");
    if kind == SessionKind::ProcessNew {
        from.push_with(" AND c.status <> ", ConversationStatus::Processed.as_str());
    }
    if let Some(version) = selection.below_version {
        from.push_with(" AND c.id IN (SELECT o.conversation_id FROM training_records o WHERE o.tenant = ", tenant);
        from.push_with(" AND o.pipeline_version < ", version).push(")");
    }
    from
}

impl SessionOrder {
    const fn fragments(self) -> Order {
        match self {
            Self::CreatedAt => ascending!("s.created_at", "s.id"),
            Self::CreatedAtDown => descending!("s.created_at", "s.id"),
            Self::RunAt => ascending!("s.run_at", "s.id"),
            Self::RunAtDown => descending!("s.run_at", "s.id"),
        }
    }
}

impl Keyed for SessionRow {
    fn key(&self) -> (i64, Uuid) {
        (self.ordered_by, self.id)
    }
}

impl Keyed for WalkRow {
    fn key(&self) -> (i64, Uuid) {
        (self.received_at, self.id)
    }
}

impl SessionRow {
    fn read(self) -> Result<SessionState, StoreError> {
        let wrong_place =
            |_| StoreError::Corrupt { column: "training_sessions.place", problem: "is no place in a list".to_owned() };
        let place = self.place.as_deref().map(Cursor::parse).transpose().map_err(wrong_place)?;
        let session = Session {
            id: SessionId(self.id),
            name: self.name,
            kind: word("training_sessions.kind", &self.kind)?,
            status: word("training_sessions.status", &self.status)?,
            run_at: moment(self.run_at),
            cron: self.cron,
            selection: self.selection.0,
            done: self.done,
            total: self.total,
            created: Created { entries: self.entries, exemplars: self.exemplars, records: self.records },
            failures: self.failure.map(own_failure).into_iter().collect(),
            created_at: moment(self.created_at),
            started_at: self.started_at.map(moment),
            finished_at: self.finished_at.map(moment),
        };
        Ok(SessionState { session, place, walked: self.walked })
    }
}

/// The failure of a session itself.
fn own_failure(error: String) -> SessionFailure {
    SessionFailure { conversation_id: None, error }
}
