//! Looks for what is due while a worker runs. Refuses to know what that is: it is handed in.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// Queues what is due now; says itself what went wrong.
pub type Tick = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Looks so often, and once at the beginning, until it is told to stop; a look that is under way is finished first.
pub async fn watch(tick: Tick, every: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // A panic was told on standard error; the worker beside this one must go on.
        if AssertUnwindSafe(tick()).catch_unwind().await.is_err() {
            tracing::error!("Looking for what is due panicked");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn it_looks_again_after_a_panic_and_stops_when_told() {
        let (looks, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (seen, end) = (Arc::clone(&looks), stop.clone());
        let tick: Tick = Arc::new(move || {
            let (seen, end) = (Arc::clone(&seen), end.clone());
            Box::pin(async move {
                match seen.fetch_add(1, Ordering::SeqCst) {
                    0 => panic!("this look panics"),
                    1 => {}
                    _ => end.cancel(),
                }
            })
        });
        let watched = watch(tick, Duration::from_millis(1), stop);
        tokio::time::timeout(Duration::from_secs(60), watched).await.expect("it stops");
        assert_eq!(looks.load(Ordering::SeqCst), 3);
    }
}
