//! What truly differs between the two databases, as pairs. More than ten of them is an alarm.

/// Which database a store stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// The channel of wake-ups between processes on PostgreSQL.
pub(super) const JOBS_CHANNEL: &str = "turnwise_jobs";

/// Takes due jobs of one kind; `$1` holder, `$2` lease end, `$3` kind, `$4` now, `$5` how many.
macro_rules! claim_queued {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'running', lease_holder = $1, lease_end = $2, attempts = attempts + 1 ",
            "WHERE id IN (SELECT id FROM jobs WHERE state = 'queued' AND kind = $3 AND run_at <= $4 ",
            "ORDER BY priority DESC, run_at, id LIMIT $5",
            $lock,
            ") RETURNING id, tenant, kind, payload, dedupe_key, priority, run_at, attempts, lease_holder, lease_end, ",
            "state, last_error, trace_id, created_at, finished_at"
        )
    };
}

/// Takes jobs of one kind whose holder let its lease run out; parameters as above.
macro_rules! claim_expired {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'running', lease_holder = $1, lease_end = $2, attempts = attempts + 1 ",
            "WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND kind = $3 AND lease_end <= $4 ",
            "ORDER BY lease_end, id LIMIT $5",
            $lock,
            ") RETURNING id, tenant, kind, payload, dedupe_key, priority, run_at, attempts, lease_holder, lease_end, ",
            "state, last_error, trace_id, created_at, finished_at"
        )
    };
}

const CLAIM_QUEUED_SQLITE: &str = claim_queued!("");
const CLAIM_QUEUED_POSTGRES: &str = claim_queued!(" FOR UPDATE SKIP LOCKED");
const CLAIM_EXPIRED_SQLITE: &str = claim_expired!("");
const CLAIM_EXPIRED_POSTGRES: &str = claim_expired!(" FOR UPDATE SKIP LOCKED");
const LOCK_DISTILLATION_POSTGRES: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 4711))";
const NOTIFY_JOBS_POSTGRES: &str = "SELECT pg_notify($1, '')";
const EMPTY_LOG_SQLITE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const VACUUM_POSTGRES: &str = "VACUUM (ANALYZE)";

impl Dialect {
    /// Pair 1: how a writing transaction begins. SQLite takes its write lock at once: a transaction that first reads
    /// and then writes could otherwise fail half way, because another one wrote in between.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Pair 2: taking due jobs. On PostgreSQL several workers claim at once, and skip what another is just taking.
    pub(super) const fn claim_queued(self) -> &'static str {
        match self {
            Self::Sqlite => CLAIM_QUEUED_SQLITE,
            Self::Postgres => CLAIM_QUEUED_POSTGRES,
        }
    }

    /// Pair 3: taking over jobs whose lease ran out; the same difference.
    pub(super) const fn claim_expired(self) -> &'static str {
        match self {
            Self::Sqlite => CLAIM_EXPIRED_SQLITE,
            Self::Postgres => CLAIM_EXPIRED_POSTGRES,
        }
    }

    /// Pair 4: one distillation at a time per tenant, until the transaction ends. SQLite needs nothing: its writing
    /// transactions are serial, and only the one embedded process has workers.
    pub(super) const fn lock_distillation(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(LOCK_DISTILLATION_POSTGRES),
        }
    }

    /// Pair 5: waking the workers of other processes when the transaction commits. On SQLite there are none.
    pub(super) const fn notify_jobs(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(NOTIFY_JOBS_POSTGRES),
        }
    }

    /// Pair 6: holding the rows that a `SELECT` found until the transaction ends; the fragment follows the statement,
    /// and the tables' names follow it. On SQLite the writing transaction holds everything already.
    pub(super) const fn lock_rows(self, tables: &'static str) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some((" FOR UPDATE OF ", tables)),
        }
    }

    /// Pair 7: what stands before a statement to be told how it would be carried out.
    pub(super) const fn explain(self) -> &'static str {
        match self {
            Self::Sqlite => "EXPLAIN QUERY PLAN ",
            Self::Postgres => "EXPLAIN ",
        }
    }

    /// Pair 8: what autovacuum does on PostgreSQL. On SQLite nothing is needed: its plans follow from the indexes alone,
    /// and so stay the same however the rows are spread.
    pub(super) const fn vacuum(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(VACUUM_POSTGRES),
        }
    }

    /// Pair 9: emptying the log that SQLite keeps beside its file, where what was deleted stands until it is overwritten.
    /// PostgreSQL reuses and archives its log by its own settings.
    pub(super) const fn empty_log(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some(EMPTY_LOG_SQLITE),
            Self::Postgres => None,
        }
    }

    /// Pair 10: whether the rows of each span of time have to be looked for in a subquery of its own. PostgreSQL believes that a
    /// ninth of all rows lies in any span, and would rather read the whole table; SQLite knows no such subquery, and goes over
    /// the spans in the order of a `CROSS JOIN`.
    pub(super) const fn looks_into_each_span(self) -> bool {
        matches!(self, Self::Postgres)
    }

    /// Every whole statement above, with its name, for the test that prepares them.
    pub(super) fn statements(self) -> Vec<(&'static str, &'static str)> {
        let mut all = vec![("CLAIM_QUEUED", self.claim_queued()), ("CLAIM_EXPIRED", self.claim_expired())];
        all.extend(self.lock_distillation().map(|sql| ("LOCK_DISTILLATION", sql)));
        all.extend(self.notify_jobs().map(|sql| ("NOTIFY_JOBS", sql)));
        all.extend(self.empty_log().map(|sql| ("EMPTY_LOG", sql)));
        all.extend(self.vacuum().map(|sql| ("VACUUM", sql)));
        all
    }
}
