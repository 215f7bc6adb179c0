//! How many requests a key may make in a minute.
//!
//! Guarantees: no key takes another one's share; a key that has waited for a minute has its whole allowance again. Each
//! process counts by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::KeyId;

/// Keys whose use is counted at the same time.
const COUNTED_KEYS: u64 = 10_000;
/// A key that was not used for so long is not counted any more: its allowance is whole again.
const IDLE_TIME: Duration = Duration::from_secs(120);

type Allowance = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

/// What is left of the allowance of each key.
pub(super) struct Allowances {
    /// `None` lets everything through.
    quota: Option<Quota>,
    elapsed: Elapsed,
    of_keys: Cache<KeyId, Arc<Allowance>>,
}

impl Allowances {
    /// So many requests a minute for each key, all at once if need be; 0 does not count.
    pub(super) fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Self {
        let quota = std::num::NonZeroU32::new(per_minute).map(Quota::per_minute);
        let of_keys = Cache::builder().max_capacity(COUNTED_KEYS).time_to_idle(IDLE_TIME).build();
        Self { quota, elapsed: Elapsed::since_now(clock), of_keys }
    }

    /// Takes one request out of a key's allowance; when nothing is left, the seconds until there is, at least 1.
    pub(super) fn take(&self, key: KeyId) -> Result<(), u64> {
        let Some(quota) = self.quota else { return Ok(()) };
        let full = || Arc::new(RateLimiter::direct_with_clock(quota, self.elapsed.clone()));
        self.of_keys.get_with(key, full).check().map_err(|refused| {
            let wait = refused.wait_time_from(governor::clock::Clock::now(&self.elapsed));
            (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
        })
    }
}

/// The time that has passed by the injected clock. It never goes back: else nobody would get through for as long as
/// somebody turned the clock back.
#[derive(Clone)]
struct Elapsed {
    clock: Arc<dyn Clock>,
    /// When it was last read, and what had passed by then.
    read: Arc<Mutex<(Timestamp, Duration)>>,
}

impl Elapsed {
    fn since_now(clock: Arc<dyn Clock>) -> Self {
        let read = Arc::new(Mutex::new((clock.now(), Duration::ZERO)));
        Self { clock, read }
    }
}

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let passed = now.as_millis().saturating_sub(read.0.as_millis());
        *read = (now, read.1 + Duration::from_millis(u64::try_from(passed).unwrap_or_default()));
        read.1
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::clock::ManualClock;

    const ONE: KeyId = KeyId(Uuid::from_u128(1));
    const OTHER: KeyId = KeyId(Uuid::from_u128(2));

    #[test]
    fn a_key_gets_its_share_a_minute_and_no_other_pays_for_it() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let allowances = Allowances::new(3, clock.clone());
        for _ in 0..3 {
            assert_eq!(allowances.take(ONE), Ok(()));
        }
        assert_eq!(allowances.take(ONE), Err(20));
        assert_eq!(allowances.take(OTHER), Ok(()));
        clock.advance_millis(19_500);
        assert_eq!(allowances.take(ONE), Err(1));
        clock.advance_millis(500);
        assert_eq!(allowances.take(ONE), Ok(()));
        assert_eq!(allowances.take(ONE), Err(20));
        clock.advance_millis(60_000);
        for _ in 0..3 {
            assert_eq!(allowances.take(ONE), Ok(()));
        }
    }

    #[test]
    fn a_clock_that_is_turned_back_shuts_nobody_out() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(10_000_000)));
        let allowances = Allowances::new(1, clock.clone());
        assert_eq!(allowances.take(ONE), Ok(()));
        clock.advance_millis(-3_600_000);
        assert_eq!(allowances.take(ONE), Err(60));
        clock.advance_millis(60_000);
        assert_eq!(allowances.take(ONE), Ok(()));
    }

    #[test]
    fn nothing_is_counted_when_nobody_asked_for_it() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let allowances = Allowances::new(0, clock);
        assert!((0..10_000).all(|_| allowances.take(ONE).is_ok()));
    }
}
