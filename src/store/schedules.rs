//! What is due again and again.
//!
//! Guarantees: a tick is taken once, whoever looks at the same time: [`Tx::take_tick`] moves the schedule on in the
//! transaction that queues the work, and only while it still stands at that tick.

use std::str::FromStr;

use chrono_tz::Tz;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{SessionId, TenantId};
use crate::domain::schedule::{Cron, Schedule};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, tenant as read_tenant, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

statements! {
    // From one tenant to the next by the index: this runs every minute, and conversations are many.
    SCHEDULED_TENANTS = "WITH RECURSIVE named(tenant) AS (SELECT MIN(tenant) FROM conversations UNION ALL
        SELECT (SELECT MIN(c.tenant) FROM conversations c WHERE c.tenant > n.tenant) FROM named n
        WHERE n.tenant IS NOT NULL) SELECT tenant FROM named WHERE tenant IS NOT NULL
        UNION SELECT tenant FROM api_keys UNION SELECT tenant FROM schedules ORDER BY tenant";
    DUE_SCHEDULES = "SELECT tenant, name, work, session_id, cron, time_zone, next_run, last_run FROM schedules
        WHERE next_run <= $1 ORDER BY next_run, tenant, name LIMIT $2";
    SCHEDULES_OF = "SELECT tenant, name, work, session_id, cron, time_zone, next_run, last_run FROM schedules
        WHERE tenant = $1 ORDER BY name";
    PUT_SCHEDULE = "INSERT INTO schedules (tenant, name, work, session_id, cron, time_zone, next_run)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, name) DO UPDATE SET work = excluded.work,
        cron = excluded.cron, time_zone = excluded.time_zone, next_run = excluded.next_run
        WHERE schedules.cron <> excluded.cron OR schedules.time_zone <> excluded.time_zone";
    TAKE_TICK = "UPDATE schedules SET next_run = $4, last_run = $5
        WHERE tenant = $1 AND name = $2 AND next_run = $3";
    PLAN_SESSION = "UPDATE schedules SET next_run = $3 WHERE tenant = $1 AND session_id = $2";
    MOVE_SESSION_TO = "UPDATE training_sessions SET run_at = $3 WHERE tenant = $1 AND id = $2";
    DELETE_SCHEDULE = "DELETE FROM schedules WHERE tenant = $1 AND name = $2";
}

#[derive(sqlx::FromRow)]
struct ScheduleRow {
    tenant: String,
    name: String,
    work: String,
    session_id: Option<Uuid>,
    cron: String,
    time_zone: String,
    next_run: Option<i64>,
    last_run: Option<i64>,
}

impl Store {
    /// Every tenant that has a key, a conversation or a schedule.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn scheduled_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let rows: Vec<(String,)> = self.rows(Statement::new(SCHEDULED_TENANTS)).await?;
        rows.iter().map(|(name,)| read_tenant(name)).collect()
    }

    /// The schedules of all tenants that are due, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError> {
        let statement = Statement::new(DUE_SCHEDULES).bind(now).bind(i64::from(limit));
        self.rows::<ScheduleRow>(statement).await?.into_iter().map(ScheduleRow::read).collect()
    }

    /// The schedules of a tenant, by name.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn schedules(&self, tenant: &TenantId) -> Result<Vec<Schedule>, StoreError> {
        let rows: Vec<ScheduleRow> = self.rows(Statement::new(SCHEDULES_OF).bind(tenant)).await?;
        rows.into_iter().map(ScheduleRow::read).collect()
    }
}

impl Tx {
    /// Stores a schedule. One of this name that has the same pattern and zone stays as it is.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when its session is gone.
    pub async fn put_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        let statement = Statement::new(PUT_SCHEDULE)
            .bind(&schedule.tenant)
            .bind(&schedule.name)
            .bind(schedule.work.as_str())
            .bind(schedule.session.map(|id| id.0))
            .bind(schedule.cron.as_str())
            .bind(schedule.zone.name())
            .bind(schedule.next_run);
        self.execute(statement).await?;
        Ok(())
    }

    /// Moves a schedule on to its next tick and notes the one that is done by that. `false` when it does not stand at
    /// the tick that was read any more: then somebody else has taken that, and this transaction must be rolled back.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn take_tick(
        &mut self,
        read: &Schedule,
        tick: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let statement =
            Statement::new(TAKE_TICK).bind(&read.tenant).bind(&read.name).bind(read.next_run).bind(next).bind(tick);
        Ok(self.execute(statement).await? > 0)
    }

    /// Sets the next tick of the schedule of a session; without one it is not due until this is done again.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn plan_session(
        &mut self,
        tenant: &TenantId,
        session: SessionId,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(PLAN_SESSION).bind(tenant).bind(session.0).bind(next)).await?;
        if let Some(next) = next {
            self.show_next_run(tenant, session, next).await?;
        }
        Ok(())
    }

    /// Shows at a session that is a schedule when it is due next.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn show_next_run(
        &mut self,
        tenant: &TenantId,
        session: SessionId,
        next: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(MOVE_SESSION_TO).bind(tenant).bind(session.0).bind(next)).await?;
        Ok(())
    }

    /// Deletes a schedule, if there is one of this name.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn delete_schedule(&mut self, tenant: &TenantId, name: &str) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_SCHEDULE).bind(tenant).bind(name)).await?;
        Ok(())
    }
}

impl ScheduleRow {
    fn read(self) -> Result<Schedule, StoreError> {
        let wrong = |column, problem: &str| StoreError::Corrupt { column, problem: problem.to_owned() };
        Ok(Schedule {
            tenant: read_tenant(&self.tenant)?,
            zone: Tz::from_str(&self.time_zone)
                .map_err(|_| wrong("schedules.time_zone", "is no zone of the IANA list"))?,
            cron: Cron::parse(&self.cron).map_err(|_| wrong("schedules.cron", "is no pattern"))?,
            work: word("schedules.work", &self.work)?,
            name: self.name,
            session: self.session_id.map(SessionId),
            next_run: self.next_run.map(moment),
            last_run: self.last_run.map(moment),
        })
    }
}
