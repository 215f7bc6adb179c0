//! Training sessions: learning from many conversations, a page at a time.
//!
//! Guarantees: a session goes on where it was after a kill; no more than one page of it waits in the queue, so that what
//! comes in meanwhile is not behind all of it, and a pause takes effect at the end of a page; a conversation is learned
//! from once a session, and a page counts once, whatever runs twice. Who ends the learning from the last conversation of a
//! page queues the next.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{ConversationStatus, word_enum};
use crate::domain::ids::{ConversationId, EntryId, SessionId, TenantId};
use crate::domain::schedule::Cron;
use crate::domain::training::{Created, Selection, Session, SessionKind, SessionStatus};
use crate::engine::error::Error;
use crate::engine::upkeep::{self, session_job};
use crate::learning::Learner;
use crate::store::entries::EntryFilter;
use crate::store::jobs::Job;
use crate::store::page::{Cursor, PageRequest};
use crate::store::sessions::SessionState;

/// Conversations or entries of a page.
const PAGE: u32 = 50;

word_enum!(
    /// What a person does with a session.
    SessionStep {
        /// Stops it for good.
        Cancel = "cancel",
        /// Stops it for now.
        Pause = "pause",
        /// Lets it go on.
        Resume = "resume",
    }
);

/// A session that somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSession {
    /// What people call it; `None`: after what it does.
    pub name: Option<String>,
    /// What it does.
    pub kind: SessionKind,
    /// When it begins, or a schedule at the earliest; `None`: now.
    pub run_at: Option<Timestamp>,
    /// Makes it a schedule: every tick is a session of its own.
    pub cron: Option<Cron>,
    /// Which conversations it is about.
    pub selection: Selection,
}

impl Learner {
    /// Keeps a session and queues its work; one with a pattern is kept as a schedule.
    ///
    /// # Errors
    /// [`Error::Invalid`] when its pattern has no tick any more; else when the database is not available.
    pub async fn start_session(
        &self,
        tenant: &TenantId,
        wanted: NewSession,
        trace_id: Option<String>,
    ) -> Result<Session, Error> {
        if let Some(cron) = wanted.cron.clone() {
            return self.schedule_session(tenant, wanted, cron).await;
        }
        let session = self.new_session(wanted);
        let now = session.created_at;
        let mut tx = self.engine.store.begin().await?;
        tx.insert_session(tenant, &session).await?;
        tx.enqueue(tenant, &session_job(&self.engine, session.id, session.run_at, trace_id), now).await?;
        tx.commit().await?;
        Ok(session)
    }

    /// Pauses, resumes or cancels a session; doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Conflict`] when it stands where that cannot be done.
    pub async fn step_session(
        &self,
        tenant: &TenantId,
        id: SessionId,
        step: SessionStep,
        trace_id: Option<String>,
    ) -> Result<Session, Error> {
        use SessionStatus::{Cancelled, Paused, Running, Scheduled};

        let missing = || Error::NotFound { what: "training session", id: id.to_string() };
        let store = &self.engine.store;
        let session = store.session(tenant, id).await?.ok_or_else(missing)?;
        if session.cron.is_some() {
            return self.step_schedule(tenant, session, step).await;
        }
        let to = match (step, session.status) {
            (SessionStep::Pause, Paused) | (SessionStep::Cancel, Cancelled) => return Ok(session),
            (SessionStep::Resume, Running | Scheduled) => return Ok(session),
            (SessionStep::Pause, Scheduled | Running) => Paused,
            (SessionStep::Cancel, Scheduled | Running | Paused) => Cancelled,
            (SessionStep::Resume, Paused) if session.started_at.is_some() => Running,
            (SessionStep::Resume, Paused) => Scheduled,
            (step, status) => return Err(Error::Conflict(format!("session {id} is {status}; {step} comes too late"))),
        };
        let now = self.engine.now();
        let mut tx = store.begin().await?;
        if !tx.move_session(tenant, id, (session.status, to), None, now).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("session {id} is just being changed; try again")));
        }
        if step == SessionStep::Resume {
            let run_at = if to == Scheduled { session.run_at.max(now) } else { now };
            tx.enqueue(tenant, &session_job(&self.engine, id, run_at, trace_id), now).await?;
        }
        tx.commit().await?;
        store.session(tenant, id).await?.ok_or_else(missing)
    }

    /// Stage `training_session`: the next page of a session, if it is at work and waits for nothing.
    pub(super) async fn run_session(&self, job: &Job) -> Result<(), Error> {
        let (store, tenant) = (&self.engine.store, &job.tenant);
        let id = session_of(job)?;
        let Some(mut state) = store.session_state(tenant, id).await? else { return self.finish(job).await };
        if state.session.status == SessionStatus::Scheduled {
            self.begin_session(tenant, &state.session).await?;
            let Some(begun) = store.session_state(tenant, id).await? else { return self.finish(job).await };
            state = begun;
        }
        if state.session.status != SessionStatus::Running || store.pending_items(tenant, id).await? > 0 {
            return self.finish(job).await;
        }
        if state.walked {
            return self.end_page(job, &state, None, 0).await;
        }
        let page = PageRequest { limit: PAGE, offset: 0, after: state.place };
        match state.session.kind {
            SessionKind::RefreshMetrics => self.refresh_page(job, &state, &page).await,
            SessionKind::ProcessNew | SessionKind::Relearn => self.learn_page(job, &state, &page).await,
        }
    }

    /// Notes that the work of a session was given up, so that nobody waits for it.
    pub(super) async fn note_session_failure(&self, job: &Job, error: &str) -> Result<(), Error> {
        let Ok(id) = session_of(job) else { return Ok(()) };
        let mut tx = self.engine.store.begin().await?;
        let running = (SessionStatus::Running, SessionStatus::Failed);
        let scheduled = (SessionStatus::Scheduled, SessionStatus::Failed);
        let now = self.engine.now();
        if !tx.move_session(&job.tenant, id, running, Some(error), now).await? {
            tx.move_session(&job.tenant, id, scheduled, Some(error), now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A session as it is before its work begins.
    pub(super) fn new_session(&self, wanted: NewSession) -> Session {
        let now = self.engine.now();
        Session {
            id: SessionId(self.engine.new_uuid()),
            name: wanted.name.unwrap_or_else(|| format!("{} {now}", wanted.kind)),
            kind: wanted.kind,
            status: SessionStatus::Scheduled,
            run_at: wanted.run_at.unwrap_or(now),
            cron: wanted.cron.map(|cron| cron.to_string()),
            selection: wanted.selection,
            done: 0,
            total: 0,
            created: Created::default(),
            failures: Vec::new(),
            created_at: now,
            started_at: None,
            finished_at: None,
        }
    }

    async fn begin_session(&self, tenant: &TenantId, session: &Session) -> Result<(), Error> {
        let store = &self.engine.store;
        let total = match session.kind {
            SessionKind::RefreshMetrics => {
                let none = PageRequest::first(0);
                store.list_entries(tenant, &EntryFilter::default(), &none).await?.count
            }
            kind => store.count_selected(tenant, kind, &session.selection).await?,
        };
        let mut tx = store.begin().await?;
        tx.begin_session(tenant, session.id, total, self.engine.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn learn_page(&self, job: &Job, state: &SessionState, page: &PageRequest) -> Result<(), Error> {
        let session = &state.session;
        let store = &self.engine.store;
        let found = store.walk_selected(&job.tenant, session.kind, &session.selection, page).await?;
        for conversation in found.items {
            self.enlist(job, session, conversation).await?;
        }
        self.end_page(job, state, found.next, 0).await
    }

    /// Queues the learning from one conversation for a session, if it has not been queued for it yet.
    async fn enlist(&self, job: &Job, session: &Session, conversation: ConversationId) -> Result<(), Error> {
        let (tenant, now) = (&job.tenant, self.engine.now());
        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(tenant).await?;
        let status = tx.hold_conversation(tenant, conversation).await?;
        let is_due = |status: ConversationStatus| {
            session.kind == SessionKind::Relearn || status != ConversationStatus::Processed
        };
        if !status.is_some_and(is_due) || !tx.add_session_item(tenant, session.id, conversation).await? {
            tx.rollback().await?;
            return Ok(());
        }
        self.renew(&mut tx, tenant, conversation, now, job.trace_id.clone()).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        Ok(())
    }

    /// Computes the success of a page of entries anew: uses fade with time. What was summed up of days is made anew, too.
    async fn refresh_page(&self, job: &Job, state: &SessionState, page: &PageRequest) -> Result<(), Error> {
        let (store, tenant) = (&self.engine.store, &job.tenant);
        let found = store.list_entries(tenant, &EntryFilter::default(), page).await?;
        let ids: Vec<EntryId> = found.items.iter().map(|entry| entry.id).collect();
        let done = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let mut tx = store.begin().await?;
        tx.lock_distillation(tenant).await?;
        self.recompute_posteriors(&mut tx, tenant, &ids, self.engine.now()).await?;
        if page.after.is_none() {
            // With the first page; until they are made again, answers are computed from the rows.
            tx.drop_roll_ups(tenant).await?;
            tx.enqueue(tenant, &upkeep::roll_up_job(&self.engine), self.engine.now()).await?;
        }
        tx.commit().await?;
        self.engine.entries.forget(tenant, ids);
        self.end_page(job, state, found.next, done).await
    }

    /// Notes how far a session is that `was` at the beginning of a page, and queues its next page or ends it when it waits
    /// for nothing.
    async fn end_page(&self, job: &Job, was: &SessionState, next: Option<Cursor>, done: i64) -> Result<(), Error> {
        let (tenant, id, now) = (&job.tenant, was.session.id, self.engine.now());
        let mut tx = self.engine.store.begin().await?;
        if !tx.advance_session(tenant, was, next, done).await? {
            // A session that is paused and resumed has two jobs for a while. The other one has gone through this page, and
            // the session goes on with that one.
            tx.rollback().await?;
            return self.finish(job).await;
        }
        if tx.pending_items(tenant, id).await? == 0 {
            match next {
                Some(_) => {
                    tx.enqueue(tenant, &session_job(&self.engine, id, now, job.trace_id.clone()), now).await?;
                }
                None => {
                    tx.complete_session(tenant, id, now).await?;
                }
            }
        }
        if !tx.finish_job(job, now).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("job {} was taken over by another worker", job.id)));
        }
        tx.commit().await?;
        Ok(())
    }
}

fn session_of(job: &Job) -> Result<SessionId, Error> {
    upkeep::session_of(&job.payload).ok_or_else(|| Error::Conflict(format!("job {} names no session", job.id)))
}
