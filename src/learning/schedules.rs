//! Schedules: the fixed ones of every tenant, and training sessions that somebody put on one.
//!
//! Guarantees: a tick is done once, by whichever worker comes first, and by none half: the schedule moves on in the
//! transaction that queues the work. Ticks that were missed while nothing ran are made up for by one, the latest of them.
//! The rows are the truth; the configuration is brought into them, so that a tenant that appears gets its schedules, and a
//! pattern or a zone that changes counts from then on.

use std::sync::atomic::Ordering;

use crate::domain::clock::Timestamp;
use crate::domain::error::FieldError;
use crate::domain::ids::{JobId, TenantId};
use crate::domain::schedule::{Cron, Schedule, Work};
use crate::domain::training::{Selection, Session, SessionKind, SessionStatus};
use crate::engine::error::Error;
use crate::engine::upkeep::session_job;
use crate::learning::sessions::{NewSession, SessionStep};
use crate::learning::{Learner, PIPELINE_VERSION};
use crate::store::jobs::NewJob;
use crate::store::tx::Tx;

/// Schedules that are looked at in one go; what else is due waits for the next look.
const AT_ONCE: u32 = 1_000;
const MINUTE_MS: i64 = 60_000;

impl Learner {
    /// Does what is due, and once a minute brings the schedules in line with the configuration; how many ticks were done.
    ///
    /// # Errors
    /// When the database is not available. A tick that failed stays due.
    pub async fn run_schedules(&self) -> Result<usize, Error> {
        let now = self.engine.now();
        let minute = now.as_millis().div_euclid(MINUTE_MS);
        if self.schedules_kept.load(Ordering::Acquire) != minute {
            self.keep_schedules(now).await?;
            self.schedules_kept.store(minute, Ordering::Release);
        }
        let mut done = 0;
        for due in self.engine.store.due_schedules(now, AT_ONCE).await? {
            match self.fire(&due, now).await {
                Ok(fired) => done += usize::from(fired),
                // One that cannot be done must not keep back the others.
                Err(error) => {
                    tracing::warn!(tenant = %due.tenant, schedule = due.name, %error, "A tick failed; it stays due");
                }
            }
        }
        Ok(done)
    }

    /// Brings the schedules of every tenant in line with the configuration.
    async fn keep_schedules(&self, now: Timestamp) -> Result<(), Error> {
        for tenant in self.engine.store.scheduled_tenants().await? {
            let known = self.engine.store.schedules(&tenant).await?;
            let zone = self.zones.of(&tenant);
            let mut wrong: Vec<(Schedule, bool)> = Vec::new();
            for (work, cron) in self.schedules.all() {
                let row = known.iter().find(|row| row.name == work.as_str());
                match (row, cron) {
                    (Some(row), Some(cron)) if row.cron == *cron && row.zone == zone => {}
                    (None, None) => {}
                    (Some(row), None) => wrong.push((row.clone(), false)),
                    (_, Some(cron)) => {
                        let schedule = Schedule {
                            tenant: tenant.clone(),
                            name: work.as_str().to_owned(),
                            work,
                            session: None,
                            cron: cron.clone(),
                            zone,
                            next_run: cron.next_after(now, zone),
                            last_run: None,
                        };
                        wrong.push((schedule, true));
                    }
                }
            }
            for row in known.iter().filter(|row| row.session.is_some() && row.zone != zone) {
                // A paused one stays so, and one that has not begun begins no earlier.
                let next_run = row.next_run.and_then(|planned| {
                    let from = if row.last_run.is_none() { planned.plus_millis(-1).max(now) } else { now };
                    row.cron.next_after(from, zone)
                });
                wrong.push((Schedule { zone, next_run, ..row.clone() }, true));
            }
            if wrong.is_empty() {
                continue;
            }
            let mut tx = self.engine.store.begin().await?;
            for (schedule, wanted) in &wrong {
                match wanted {
                    true => tx.put_schedule(schedule).await?,
                    false => tx.delete_schedule(&tenant, &schedule.name).await?,
                }
                if let (Some(session), Some(next)) = (schedule.session, schedule.next_run) {
                    tx.show_next_run(&tenant, session, next).await?;
                }
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Does the tick at which a schedule stands; `false` when somebody else has, or when it is not due any more.
    async fn fire(&self, due: &Schedule, now: Timestamp) -> Result<bool, Error> {
        let Some(planned) = due.next_run.filter(|planned| *planned <= now) else { return Ok(false) };
        let tick = due.cron.latest(now, due.zone).map_or(planned, |latest| latest.max(planned));
        let next = due.cron.next_after(now, due.zone);
        let template = match due.session {
            Some(id) => self.engine.store.session_state(&due.tenant, id).await?.map(|state| state.session),
            None => None,
        };
        let mut tx = self.engine.store.begin().await?;
        if !tx.take_tick(due, tick, next).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        match (due.work, template) {
            (Work::Session, Some(template)) if template.status == SessionStatus::Scheduled => {
                self.copy_session(&mut tx, due, (&template, tick), next).await?;
            }
            // One that is paused or cancelled while its zone is being changed may get its next tick back by that.
            (Work::Session, Some(template)) if template.status == SessionStatus::Paused => {
                tx.plan_session(&due.tenant, template.id, None).await?;
            }
            // Its session is gone or has ended, and with it what it was for.
            (Work::Session, _) => tx.delete_schedule(&due.tenant, &due.name).await?,
            (Work::Relearn, _) => {
                let old = Selection { below_version: Some(PIPELINE_VERSION), ..Selection::default() };
                self.queue_session(&mut tx, &due.tenant, (SessionKind::Relearn, None), old, tick).await?;
            }
            (Work::RefreshMetrics, _) => {
                let all = Selection::default();
                self.queue_session(&mut tx, &due.tenant, (SessionKind::RefreshMetrics, None), all, tick).await?;
            }
            (work, _) => {
                tx.enqueue(&due.tenant, &self.tick_job(work, due.last_run), now).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Keeps a session that is a schedule: it waits for its ticks and does nothing itself.
    pub(super) async fn schedule_session(
        &self,
        tenant: &TenantId,
        wanted: NewSession,
        cron: Cron,
    ) -> Result<Session, Error> {
        let (zone, now) = (self.zones.of(tenant), self.engine.now());
        let first = match wanted.run_at {
            Some(from) if from > now => cron.first_from(from, zone),
            _ => cron.next_after(now, zone),
        };
        let Some(first) = first else {
            let problem = "the pattern of 'cron' has no tick at it or behind it; give an earlier moment";
            return Err(Error::Invalid(vec![FieldError::new("run_at", problem)]));
        };
        let name = wanted.name.clone().unwrap_or_else(|| format!("{} {cron}", wanted.kind));
        let session = self.new_session(NewSession { name: Some(name), run_at: Some(first), ..wanted });
        let schedule = Schedule {
            tenant: tenant.clone(),
            name: Schedule::name_of_session(session.id),
            work: Work::Session,
            session: Some(session.id),
            cron,
            zone,
            next_run: Some(first),
            last_run: None,
        };
        let mut tx = self.engine.store.begin().await?;
        tx.insert_session(tenant, &session).await?;
        tx.put_schedule(&schedule).await?;
        tx.commit().await?;
        Ok(session)
    }

    /// Pauses, resumes or cancels a session that is a schedule. Sessions that its ticks made go on by themselves.
    pub(super) async fn step_schedule(
        &self,
        tenant: &TenantId,
        session: Session,
        step: SessionStep,
    ) -> Result<Session, Error> {
        use SessionStatus::{Cancelled, Paused, Scheduled};

        let to = match (step, session.status) {
            (SessionStep::Pause, Paused) | (SessionStep::Cancel, Cancelled) | (SessionStep::Resume, Scheduled) => {
                return Ok(session);
            }
            (SessionStep::Pause, Scheduled) => Paused,
            (SessionStep::Resume, Paused) => Scheduled,
            (SessionStep::Cancel, Scheduled | Paused) => Cancelled,
            (step, status) => {
                let late = format!("schedule {} is {status}; {step} comes too late", session.id);
                return Err(Error::Conflict(late));
            }
        };
        let (store, now) = (&self.engine.store, self.engine.now());
        let mut tx = store.begin().await?;
        if !tx.move_session(tenant, session.id, (session.status, to), None, now).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("schedule {} is just being changed; try again", session.id)));
        }
        match to {
            Cancelled => tx.delete_schedule(tenant, &Schedule::name_of_session(session.id)).await?,
            Paused => tx.plan_session(tenant, session.id, None).await?,
            _ => tx.plan_session(tenant, session.id, self.resumed(tenant, &session, now)?).await?,
        }
        tx.commit().await?;
        let missing = || Error::NotFound { what: "training session", id: session.id.to_string() };
        store.session(tenant, session.id).await?.ok_or_else(missing)
    }

    /// The next tick of a schedule that was paused: the one that it waited for, if that is still to come, else the next
    /// from now.
    fn resumed(&self, tenant: &TenantId, session: &Session, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        if session.run_at > now {
            return Ok(Some(session.run_at));
        }
        let cron = Cron::parse(session.cron.as_deref().unwrap_or_default());
        let cron = cron.map_err(|error| Error::Conflict(format!("schedule {}: {error}", session.id)))?;
        Ok(cron.next_after(now, self.zones.of(tenant)))
    }

    /// The session of a tick of a session that is a schedule, which shows when it is due next.
    async fn copy_session(
        &self,
        tx: &mut Tx,
        due: &Schedule,
        (template, tick): (&Session, Timestamp),
        next: Option<Timestamp>,
    ) -> Result<(), Error> {
        let what = (template.kind, Some(format!("{} {tick}", template.name)));
        self.queue_session(tx, &due.tenant, what, template.selection.clone(), tick).await?;
        match next {
            Some(next) => tx.show_next_run(&due.tenant, template.id, next).await?,
            None => {
                let ended = (SessionStatus::Scheduled, SessionStatus::Completed);
                tx.move_session(&due.tenant, template.id, ended, None, self.engine.now()).await?;
            }
        }
        Ok(())
    }

    /// Keeps the session of a tick, with its job.
    async fn queue_session(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (kind, name): (SessionKind, Option<String>),
        selection: Selection,
        tick: Timestamp,
    ) -> Result<(), Error> {
        let name = name.unwrap_or_else(|| format!("{kind} {tick}"));
        let wanted = NewSession { name: Some(name), kind, run_at: Some(tick), cron: None, selection };
        let session = self.new_session(wanted);
        tx.insert_session(tenant, &session).await?;
        tx.enqueue(tenant, &session_job(&self.engine, session.id, tick, None), session.created_at).await?;
        Ok(())
    }

    /// The job of a tick; while that of an earlier one is unfinished, it stands for this one too.
    fn tick_job(&self, work: Work, last_run: Option<Timestamp>) -> NewJob {
        NewJob {
            id: JobId(self.engine.new_uuid()),
            kind: work.as_str().to_owned(),
            payload: serde_json::json!({ "since": last_run }),
            dedupe_key: Some(work.as_str().to_owned()),
            // Behind what comes in.
            priority: -1,
            run_at: self.engine.now(),
            trace_id: None,
        }
    }
}
