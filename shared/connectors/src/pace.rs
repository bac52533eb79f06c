//! The share of a vendor's quota that each lane may use, driven by what the vendor's own headers say.
//!
//! Nothing here waits. A call that would eat into the reserve of the urgent lane is answered with the time after which it may
//! be tried; the engine parks it and its turn comes from the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rollcall_model::{Failure, FailureClass, Lane};
use rollcall_runtime::clock::between;

/// Below this part of a quota, in per cent, only the urgent lane goes on.
pub const RESERVE_PERCENT: u64 = 10;

/// One quota as the vendor last described it.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    remaining: u64,
    until: Timestamp,
}

/// What is known of one connection's quotas.
#[derive(Debug, Default)]
pub struct Pace {
    windows: Mutex<BTreeMap<String, Window>>,
}

impl Pace {
    /// Whether a call of this lane may be made now against the quota of this name.
    pub fn admit(&self, quota: &str, lane: Lane, now: Timestamp) -> Result<(), Failure> {
        if lane == Lane::Urgent {
            return Ok(());
        }
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        match windows.get(quota) {
            Some(window)
                if now < window.until
                    && window.remaining.saturating_mul(100) < window.limit.saturating_mul(RESERVE_PERCENT) =>
            {
                let mut failure = Failure::retry(format!(
                    "{} of {} calls of {quota} are left: kept for urgent work until the quota is renewed",
                    window.remaining, window.limit
                ));
                failure.class = FailureClass::Retry {
                    after: Some(between(now, window.until)),
                };
                Err(failure)
            }
            _ => Ok(()),
        }
    }

    /// Takes in what a response said: of `limit` calls `remaining` are left until `until`. Answers of calls made side by side
    /// arrive in any order, so within one window the lowest remainder counts.
    pub fn learn(&self, quota: &str, limit: u64, remaining: u64, until: Timestamp) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest = match windows.get(quota) {
            Some(known) if known.until == until && known.limit == limit => known.remaining.min(remaining),
            _ => remaining,
        };
        windows.insert(
            quota.to_owned(),
            Window {
                limit,
                remaining: lowest,
                until,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    #[test]
    fn the_last_tenth_is_kept_for_urgent_work_until_the_reset() {
        let pace = Pace::default();
        assert_eq!(pace.admit("users", Lane::Bulk, at(0)), Ok(()));
        pace.learn("users", 600, 60, at(30));
        assert_eq!(pace.admit("users", Lane::Work, at(0)), Ok(()));
        pace.learn("users", 600, 59, at(30));
        let refused = pace.admit("users", Lane::Work, at(10)).unwrap_err();
        assert_eq!(
            refused.class,
            FailureClass::Retry {
                after: Some(Duration::from_secs(20))
            }
        );
        assert!(pace.admit("users", Lane::Bulk, at(10)).is_err());
        assert_eq!(pace.admit("users", Lane::Urgent, at(10)), Ok(()));
        assert_eq!(pace.admit("groups", Lane::Bulk, at(10)), Ok(()));
        assert_eq!(pace.admit("users", Lane::Bulk, at(30)), Ok(()));
    }

    #[test]
    fn answers_out_of_order_do_not_raise_the_remainder() {
        let pace = Pace::default();
        pace.learn("users", 100, 5, at(30));
        pace.learn("users", 100, 50, at(30));
        assert!(pace.admit("users", Lane::Work, at(0)).is_err());
        pace.learn("users", 100, 99, at(90));
        assert_eq!(pace.admit("users", Lane::Work, at(31)), Ok(()));
    }
}
