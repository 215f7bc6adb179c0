//! The queue: one table, so that a job commits with the rows that it is about.
//!
//! Guarantees: a job is lost or doubled by no crash. It is held under a lease; when the lease runs out it is claimed
//! again, and the earlier holder's result is refused ([`Tx::finish_job`] is `false`), because holder and attempt no
//! longer match. A job may therefore *run* twice; it *takes effect* once, when its stage writes in the transaction that
//! finishes it. Refuses to know what kinds there are, how often to try and how long to wait: that is the runner's.

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{ConversationId, JobId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{by_creation, statements};
use crate::store::page::{CreatedOrder, Keyed, List, Page, PageRequest};
use crate::store::rows::{moment, tenant as read_tenant, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// Where a job stands.
    JobState {
        /// Waits for its moment and a worker.
        Queued = "queued",
        /// A worker holds it.
        Running = "running",
        /// Finished.
        Done = "done",
        /// Given up; a person may look at it.
        Dead = "dead",
        /// A person stopped it.
        Cancelled = "cancelled",
    }
);

/// Work to be queued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its id (UUIDv7).
    pub id: JobId,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs to know; ids, never texts.
    pub payload: serde_json::Value,
    /// While an unfinished job of this tenant and kind has the same key, this one is not added.
    pub dedupe_key: Option<String>,
    /// The higher, the earlier.
    pub priority: i64,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// The trace of the request that it follows from.
    pub trace_id: Option<String>,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose rows it is about.
    pub tenant: TenantId,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs to know.
    pub payload: serde_json::Value,
    /// Unique among the unfinished of its tenant and kind.
    pub dedupe_key: Option<String>,
    /// The higher, the earlier.
    pub priority: i64,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// How often it was claimed, this time included.
    pub attempts: i64,
    /// Who runs it.
    pub lease_holder: Option<String>,
    /// When others may claim it.
    pub lease_end: Option<Timestamp>,
    /// Where it stands.
    pub state: JobState,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The trace of the request that it follows from.
    pub trace_id: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was done, given up or stopped.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// The conversation that its payload names.
    pub fn conversation_id(&self) -> Option<ConversationId> {
        self.payload.get("conversation_id")?.as_str()?.parse().ok()
    }
}

/// Which jobs are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Where they stand.
    pub state: Option<JobState>,
    /// Their kind.
    pub kind: Option<String>,
    /// Queued at this moment or later.
    pub from: Option<Timestamp>,
    /// Queued before this moment.
    pub to: Option<Timestamp>,
    /// Words that must each stand in the kind or in why the last attempt failed, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last queued first.
    pub order: Option<CreatedOrder>,
}

/// How many jobs of one kind and state a tenant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The kind.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// When the first of them was queued.
    pub oldest: Timestamp,
}

/// How many jobs of one kind a worker can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindLimit<'a> {
    /// The kind.
    pub kind: &'a str,
    /// At most so many.
    pub limit: u32,
}

/// How many jobs of one kind are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCount {
    /// The kind.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// The earliest `run_at` among them: how long the queue is behind.
    pub oldest_run_at: Timestamp,
}

const COLUMNS: &str = "SELECT j.id, j.tenant, j.kind, j.payload, j.dedupe_key, j.priority, j.run_at, j.attempts,
    j.lease_holder, j.lease_end, j.state, j.last_error, j.trace_id, j.created_at, j.finished_at";
const FROM: &str = " FROM jobs j WHERE j.tenant = ";
const SEARCHED: [[&str; 2]; 2] =
    [["LOWER(j.kind) LIKE ", "j.kind LIKE "], ["LOWER(j.last_error) LIKE ", "j.last_error LIKE "]];

statements! {
    ENQUEUE = "INSERT INTO jobs (id, tenant, kind, payload, dedupe_key, priority, run_at, attempts, state, trace_id,
        created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'queued', $8, $9)
        ON CONFLICT (tenant, kind, dedupe_key) WHERE state IN ('queued', 'running') DO NOTHING";
    DUE_KINDS = "WITH RECURSIVE kinds(kind) AS (SELECT MIN(kind) FROM jobs WHERE state = 'queued'
        UNION ALL SELECT (SELECT MIN(j.kind) FROM jobs j WHERE j.state = 'queued' AND j.kind > kinds.kind)
        FROM kinds WHERE kinds.kind IS NOT NULL)
        SELECT kind, CAST(0 AS BIGINT) AS expired FROM kinds WHERE EXISTS
        (SELECT 1 FROM jobs d WHERE d.state = 'queued' AND d.kind = kinds.kind AND +d.run_at <= $1)
        UNION ALL SELECT DISTINCT kind, CAST(1 AS BIGINT) FROM jobs WHERE state = 'running' AND lease_end <= $1";
    HEARTBEAT = "UPDATE jobs SET lease_end = $4
        WHERE id = $1 AND state = 'running' AND lease_holder = $2 AND attempts = $3";
    FINISH_JOB = "UPDATE jobs SET state = 'done', lease_holder = NULL, lease_end = NULL, finished_at = $4
        WHERE id = $1 AND state = 'running' AND lease_holder = $2 AND attempts = $3";
    RETRY_JOB = "UPDATE jobs SET state = 'queued', lease_holder = NULL, lease_end = NULL, run_at = $4, last_error = $5
        WHERE id = $1 AND state = 'running' AND lease_holder = $2 AND attempts = $3";
    BURY_JOB = "UPDATE jobs SET state = 'dead', lease_holder = NULL, lease_end = NULL, finished_at = $4, last_error = $5
        WHERE id = $1 AND state = 'running' AND lease_holder = $2 AND attempts = $3";
    GIVE_BACK_JOB = "UPDATE jobs SET state = 'queued', lease_holder = NULL, lease_end = NULL, attempts = attempts - 1
        WHERE id = $1 AND state = 'running' AND lease_holder = $2 AND attempts = $3";
    TAKE_OVER_ALL = "UPDATE jobs SET state = 'queued', lease_holder = NULL, lease_end = NULL
        WHERE state = 'running' AND lease_holder <> $1";
    JOB_BY_ID = "SELECT id, tenant, kind, payload, dedupe_key, priority, run_at, attempts, lease_holder, lease_end,
        state, last_error, trace_id, created_at, finished_at FROM jobs WHERE tenant = $1 AND id = $2";
    DEAD_JOBS = "SELECT id, tenant, kind, payload, dedupe_key, priority, run_at, attempts, lease_holder, lease_end,
        state, last_error, trace_id, created_at, finished_at FROM jobs WHERE tenant = $1 AND state = 'dead'
        ORDER BY finished_at DESC, id DESC LIMIT $2";
    COUNT_UNFINISHED = "SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND state IN ('queued', 'running')";
    QUEUE_STATS = "SELECT kind, state, COUNT(*), MIN(run_at) FROM jobs WHERE state IN ('queued', 'running', 'dead')
        GROUP BY kind, state ORDER BY kind, state";
    COUNT_JOBS = "SELECT kind, state, COUNT(*), MIN(created_at) FROM jobs WHERE tenant = $1
        GROUP BY kind, state ORDER BY kind, state";
    REQUEUE_JOB = "UPDATE jobs SET state = 'queued', attempts = 0, run_at = $3, finished_at = NULL
        WHERE tenant = $1 AND id = $2 AND state IN ('dead', 'cancelled') AND NOT EXISTS (SELECT 1 FROM jobs o
        WHERE o.tenant = jobs.tenant AND o.kind = jobs.kind AND o.dedupe_key = jobs.dedupe_key
        AND o.state IN ('queued', 'running'))";
    CANCEL_JOB = "UPDATE jobs SET state = 'cancelled', finished_at = $3
        WHERE tenant = $1 AND id = $2 AND state = 'queued'";
    PRUNE_JOBS = "DELETE FROM jobs WHERE state IN ('done', 'cancelled') AND finished_at < $1";
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: Uuid,
    tenant: String,
    kind: String,
    payload: Json<serde_json::Value>,
    dedupe_key: Option<String>,
    priority: i64,
    run_at: i64,
    attempts: i64,
    lease_holder: Option<String>,
    lease_end: Option<i64>,
    state: String,
    last_error: Option<String>,
    trace_id: Option<String>,
    created_at: i64,
    finished_at: Option<i64>,
}

impl Store {
    /// Takes jobs that are due, or whose holder let its lease run out: at most `limit` together, at most each kind's
    /// own limit, of all tenants. They are `holder`'s until `now + lease_ms`. The most urgent come first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn claim(
        &self,
        holder: &str,
        kinds: &[KindLimit<'_>],
        now: Timestamp,
        lease_ms: i64,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        // Most polls find nothing, and most others one kind; they should not keep SQLite's one writer.
        let due: Vec<(String, i64)> = self.rows(Statement::new(DUE_KINDS).bind(now)).await?;
        let kinds: Vec<&KindLimit<'_>> =
            kinds.iter().filter(|kind| due.iter().any(|(due, _)| due == kind.kind)).collect();
        if limit == 0 || kinds.is_empty() {
            return Ok(Vec::new());
        }
        let dialect = self.dialect();
        let mut tx = self.begin().await?;
        let mut claimed: Vec<Job> = Vec::new();
        for kind in kinds {
            let mut of_kind = 0;
            // Before those that wait, those whose holder is gone.
            for (expired, claim) in [(1, dialect.claim_expired()), (0, dialect.claim_queued())] {
                let room = kind.limit.saturating_sub(of_kind).min(limit.saturating_sub(claimed.len() as u32));
                if room == 0 || !due.iter().any(|(due, of)| due == kind.kind && *of == expired) {
                    continue;
                }
                let statement = Statement::new(claim)
                    .bind(holder)
                    .bind(now.plus_millis(lease_ms))
                    .bind(kind.kind)
                    .bind(now)
                    .bind(i64::from(room));
                for row in tx.rows::<JobRow>(statement).await? {
                    claimed.push(row.read()?);
                    of_kind += 1;
                }
            }
        }
        tx.commit().await?;
        // `RETURNING` promises no order.
        claimed.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.run_at, job.id));
        Ok(claimed)
    }

    /// Holds a job longer, until `now + lease_ms`; `false` when the lease was lost, and then its run should stop.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn heartbeat(&self, job: &Job, now: Timestamp, lease_ms: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let held = tx.execute(held(HEARTBEAT, job).bind(now.plus_millis(lease_ms))).await? > 0;
        tx.commit().await?;
        Ok(held)
    }

    /// Queues everything that others than `holder` hold, whether their leases ran out or not; how many. Only for the
    /// embedded set-up at start, when the lock of the data directory proves that every other holder is dead.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn take_over_all(&self, holder: &str) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let taken = tx.execute(Statement::new(TAKE_OVER_ALL).bind(holder)).await?;
        tx.wakes_workers |= taken > 0;
        tx.commit().await?;
        Ok(taken)
    }

    /// The job with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn job(&self, tenant: &TenantId, id: JobId) -> Result<Option<Job>, StoreError> {
        let statement = Statement::new(JOB_BY_ID).bind(tenant).bind(id.0);
        self.row::<JobRow>(statement).await?.map(JobRow::read).transpose()
    }

    /// The jobs that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_jobs(
        &self,
        tenant: &TenantId,
        filter: &JobFilter,
        page: &PageRequest,
    ) -> Result<Page<Job>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND j.state = ", filter.state.map(JobState::as_str))
            .push_some(" AND j.kind = ", filter.kind.as_ref())
            .push_some(" AND j.created_at >= ", filter.from)
            .push_some(" AND j.created_at < ", filter.to)
            .push_words_in(&SEARCHED, filter.search.as_deref());
        let list = List { columns: COLUMNS, from, order: by_creation!(filter.order, "j.created_at", "j.id") };
        self.page::<JobRow>(list, page).await?.try_map(JobRow::read)
    }

    /// How many jobs a tenant has, by kind and state.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn count_jobs(&self, tenant: &TenantId) -> Result<Vec<JobCount>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = self.rows(Statement::new(COUNT_JOBS).bind(tenant)).await?;
        let read = |(kind, state, count, oldest): (String, String, i64, i64)| {
            Ok(JobCount { kind, state: word("jobs.state", &state)?, count, oldest: moment(oldest) })
        };
        rows.into_iter().map(read).collect()
    }

    /// Jobs that were given up, the last first, at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn dead_jobs(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Job>, StoreError> {
        let statement = Statement::new(DEAD_JOBS).bind(tenant).bind(i64::from(limit));
        self.rows::<JobRow>(statement).await?.into_iter().map(JobRow::read).collect()
    }

    /// How many jobs of a tenant are queued or running; 0 means that everything received was learned from.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unfinished_jobs(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        self.number(Statement::new(COUNT_UNFINISHED).bind(tenant)).await
    }

    /// How many jobs of all tenants are queued, running or dead, by kind.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn queue_stats(&self) -> Result<Vec<QueueCount>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = self.rows(Statement::new(QUEUE_STATS)).await?;
        let read = |(kind, state, count, oldest): (String, String, i64, i64)| {
            Ok(QueueCount { kind, state: word("jobs.state", &state)?, count, oldest_run_at: moment(oldest) })
        };
        rows.into_iter().map(read).collect()
    }
}

impl Tx {
    /// Queues a job that commits with this transaction. `false`, and nothing is added, when an unfinished job of this
    /// tenant and kind has its key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn enqueue(&mut self, tenant: &TenantId, job: &NewJob, now: Timestamp) -> Result<bool, StoreError> {
        let statement = Statement::new(ENQUEUE)
            .bind(job.id.0)
            .bind(tenant)
            .bind(&job.kind)
            .bind(job.payload.clone())
            .bind(job.dedupe_key.clone())
            .bind(job.priority)
            .bind(job.run_at)
            .bind(job.trace_id.clone())
            .bind(now);
        let added = self.execute(statement).await? > 0;
        self.wakes_workers |= added;
        Ok(added)
    }

    /// Finishes a job in the transaction that holds its effect. `false` when the lease was lost: then somebody else
    /// runs it, and this transaction must be rolled back.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn finish_job(&mut self, job: &Job, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(held(FINISH_JOB, job).bind(now)).await? > 0)
    }

    /// Queues a job that failed for another attempt at `run_at`. `false` when the lease was lost.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn retry_job_at(&mut self, job: &Job, run_at: Timestamp, error: &str) -> Result<bool, StoreError> {
        Ok(self.execute(held(RETRY_JOB, job).bind(run_at).bind(error)).await? > 0)
    }

    /// Gives a job up. `false` when the lease was lost.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn bury_job(&mut self, job: &Job, now: Timestamp, error: &str) -> Result<bool, StoreError> {
        Ok(self.execute(held(BURY_JOB, job).bind(now).bind(error)).await? > 0)
    }

    /// Queues a job that was not begun or not finished, as if it had never been claimed: for a graceful stop. `false`
    /// when the lease was lost.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn give_back_job(&mut self, job: &Job) -> Result<bool, StoreError> {
        let given = self.execute(held(GIVE_BACK_JOB, job)).await? > 0;
        self.wakes_workers |= given;
        Ok(given)
    }

    /// Queues a job again that was given up or stopped, as if it had never been tried; why it failed stays. `false` when it
    /// is neither, or when the same work is queued or running already.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the same work is queued at this moment.
    pub async fn requeue_job(&mut self, tenant: &TenantId, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        let queued = self.execute(Statement::new(REQUEUE_JOB).bind(tenant).bind(id.0).bind(now)).await? > 0;
        self.wakes_workers |= queued;
        Ok(queued)
    }

    /// Stops a job before it begins. `false` when it is not queued.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn cancel_job(&mut self, tenant: &TenantId, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(CANCEL_JOB).bind(tenant).bind(id.0).bind(now)).await? > 0)
    }

    /// Deletes jobs of all tenants that were done or stopped before this moment; how many.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn prune_jobs(&mut self, finished_before: Timestamp) -> Result<u64, StoreError> {
        self.execute(Statement::new(PRUNE_JOBS).bind(finished_before)).await
    }
}

/// The values by which a statement recognises a lease: the attempt tells two leases of one holder apart.
fn held(sql: &'static str, job: &Job) -> Statement {
    Statement::new(sql).bind(job.id.0).bind(job.lease_holder.clone()).bind(job.attempts)
}

impl Keyed for JobRow {
    fn key(&self) -> (i64, Uuid) {
        (self.created_at, self.id)
    }
}

impl JobRow {
    fn read(self) -> Result<Job, StoreError> {
        Ok(Job {
            id: JobId(self.id),
            tenant: read_tenant(&self.tenant)?,
            kind: self.kind,
            payload: self.payload.0,
            dedupe_key: self.dedupe_key,
            priority: self.priority,
            run_at: moment(self.run_at),
            attempts: self.attempts,
            lease_holder: self.lease_holder,
            lease_end: self.lease_end.map(moment),
            state: word("jobs.state", &self.state)?,
            last_error: self.last_error,
            trace_id: self.trace_id,
            created_at: moment(self.created_at),
            finished_at: self.finished_at.map(moment),
        })
    }
}
