//! How long to wait before a failed job is tried again: exponential, with jitter.

use crate::domain::clock::Timestamp;
use crate::jobs::settings::JobSettings;

/// When the attempt after this failed one may run. `jitter` is random bits: it spreads the wait over half to all of the
/// exponential value, so that jobs that failed together do not come back together.
pub fn next_attempt(now: Timestamp, attempts: i64, jitter: u128, settings: &JobSettings) -> Timestamp {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(30);
    let full = settings.backoff_min_ms.saturating_mul(1_i64 << doublings).min(settings.backoff_max_ms).max(1);
    let part = i64::try_from(jitter % 1_000).unwrap_or(0);
    now.plus_millis(full / 2 + full / 2 * part / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        let settings = JobSettings { backoff_min_ms: 500, backoff_max_ms: 4_000, ..JobSettings::for_tests() };
        let wait = |attempts, jitter| next_attempt(Timestamp::from_millis(0), attempts, jitter, &settings).as_millis();
        assert_eq!((wait(1, 0), wait(2, 0), wait(3, 0)), (250, 500, 1_000));
        assert_eq!((wait(9, 0), wait(63, 0)), (2_000, 2_000));
        assert!(wait(3, 999) <= 2_000 && wait(3, 999) > wait(3, 0));
    }
}
