//! A few threads that search, with a bounded line in front of them.
//!
//! Guarantees: work whose caller has gone or whose deadline has passed is not begun, and a panic in one search becomes
//! an error of that search. Refuses: more waiting work than the bound.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::index::error::IndexError;

type Job = Box<dyn FnOnce() + Send>;

/// Dedicated threads, because a search takes milliseconds of CPU and must not hold up an async worker.
pub(super) struct SearchPool {
    line: Arc<Line>,
}

struct Line {
    state: Mutex<State>,
    arrived: Condvar,
    bound: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl SearchPool {
    /// Starts `threads` threads (at least one) with room for `bound` waiting searches.
    pub(super) fn start(name: &str, threads: usize, bound: usize) -> Result<Self, IndexError> {
        let line = Arc::new(Line { state: Mutex::default(), arrived: Condvar::new(), bound });
        for number in 0..threads.max(1) {
            let line = Arc::clone(&line);
            std::thread::Builder::new()
                .name(format!("search-{name}-{number}"))
                .spawn(move || line.work())
                .map_err(IndexError::io("start a thread to search", Path::new(name)))?;
        }
        Ok(Self { line })
    }

    /// Runs `work` on one of the threads.
    pub(super) async fn run<T, F>(&self, deadline: Option<Instant>, work: F) -> Result<T, IndexError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, IndexError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            if reply.is_closed() {
                return;
            }
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let result = match late {
                true => Err(IndexError::Late),
                false => catch_unwind(AssertUnwindSafe(work))
                    .unwrap_or_else(|panic| Err(IndexError::Panicked(IndexError::panic_text(panic.as_ref())))),
            };
            // The caller may have gone meanwhile; then nobody wants the answer.
            let _ = reply.send(result);
        };
        self.line.join(Box::new(job))?;
        answer.await.map_err(|_| IndexError::Closed)?
    }
}

impl Drop for SearchPool {
    fn drop(&mut self) {
        self.line.lock().closed = true;
        self.line.arrived.notify_all();
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the line is locked, and a queue of closures has no invariant to break.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, job: Job) -> Result<(), IndexError> {
        let mut state = self.lock();
        if state.jobs.len() >= self.bound {
            return Err(IndexError::Overloaded);
        }
        state.jobs.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            let job = loop {
                if state.closed {
                    return;
                }
                match state.jobs.pop_front() {
                    Some(job) => break job,
                    None => state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(state);
            job();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Occupies the only thread until the sender is dropped.
    async fn occupied(bound: usize) -> (Arc<SearchPool>, mpsc::Sender<()>) {
        let pool = Arc::new(SearchPool::start("test", 1, bound).expect("started"));
        let (release, wait) = mpsc::channel::<()>();
        let (started, begun) = oneshot::channel();
        let busy = Arc::clone(&pool);
        tokio::spawn(async move {
            let work = move || {
                let _ = started.send(());
                let _ = wait.recv();
                Ok(())
            };
            busy.run(None, work).await
        });
        begun.await.expect("begun");
        (pool, release)
    }

    #[tokio::test]
    async fn more_than_the_bound_is_refused() {
        let (pool, release) = occupied(2).await;
        let searches = (0..5).map(|number| pool.run(None, move || Ok(number)));
        let mut searches = Box::pin(futures::future::join_all(searches));
        assert!(futures::poll!(&mut searches).is_pending());
        drop(release);
        let answers = searches.await;
        assert!(matches!(answers[..2], [Ok(0), Ok(1)]), "{answers:?}");
        assert!(answers[2..].iter().all(|answer| matches!(answer, Err(IndexError::Overloaded))), "{answers:?}");
    }

    #[tokio::test]
    async fn work_of_a_caller_who_has_gone_is_skipped() {
        let (pool, release) = occupied(2).await;
        let (did, done) = mpsc::channel();
        {
            let work = move || {
                let _ = did.send(());
                Ok(())
            };
            let mut gone = Box::pin(pool.run(None, work));
            assert!(futures::poll!(&mut gone).is_pending());
        }
        drop(release);
        pool.run(None, || Ok(())).await.expect("the thread goes on");
        assert!(done.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_search() {
        let pool = SearchPool::start("test", 1, 2).expect("started");
        let error = pool.run::<(), _>(None, || panic!("it broke")).await.expect_err("broken");
        assert_eq!(error.to_string(), "the vector index panicked: it broke");
        assert_eq!(pool.run(None, || Ok(7)).await.expect("the thread goes on"), 7);
    }
}
