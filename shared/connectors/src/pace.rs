//! The share of a vendor's quota that each lane may use, driven by what the vendor's own headers say.
//!
//! Nothing here waits. A call that would eat into the reserve of the urgent lane is answered with the time after which it may
//! be tried; the engine parks it and its turn comes from the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::{Failure, FailureClass, Lane};
use rollcall_runtime::clock::between;
use rollcall_runtime::telemetry::metrics::QuotaUsed;

/// Below this part of a quota, in per cent, only the urgent lane goes on.
pub const RESERVE_PERCENT: u64 = 10;

/// How often the use of a quota is told at the most, unless it rises by a tenth.
const TOLD_EVERY: Duration = Duration::from_mins(1);
/// A rise by so many per cent is told at once.
const TELLING_RISE: u8 = 10;

/// One quota as the vendor last described it.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    remaining: u64,
    until: Timestamp,
}

/// What is known of one connection's quotas.
#[derive(Debug)]
pub struct Pace {
    connection: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    windows: BTreeMap<String, Window>,
    /// When the use was told last, and what was told.
    told: Option<(Timestamp, u8)>,
}

impl Known {
    /// The use of the fullest quota whose window is not over, in per cent. An answer with a limit of 0 describes none.
    fn used(&self, now: Timestamp) -> Option<u8> {
        let live = self
            .windows
            .values()
            .filter(|window| now < window.until && window.limit > 0);
        live.map(|window| {
            let used = window.limit.saturating_sub(window.remaining);
            u8::try_from(used.saturating_mul(100) / window.limit).unwrap_or(100)
        })
        .max()
    }

    /// What is to be told of it now, if anything.
    fn news(&mut self, now: Timestamp) -> Option<u8> {
        let used = self.used(now)?;
        let is_news = self
            .told
            .is_none_or(|(at, before)| between(at, now) >= TOLD_EVERY || used >= before.saturating_add(TELLING_RISE));
        is_news.then(|| {
            self.told = Some((now, used));
            used
        })
    }
}

impl Pace {
    /// What is known of a connection's quotas: nothing yet.
    pub fn of(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            known: Mutex::default(),
        }
    }

    /// Whether a call of this lane may be made now against the quota of this name.
    pub fn admit(&self, quota: &str, lane: Lane, now: Timestamp) -> Result<(), Failure> {
        if lane == Lane::Urgent {
            return Ok(());
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.windows.get(quota) {
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
    pub fn learn(&self, quota: &str, limit: u64, remaining: u64, until: Timestamp, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest = match known.windows.get(quota) {
            Some(known) if known.until == until && known.limit == limit => known.remaining.min(remaining),
            _ => remaining,
        };
        known.windows.insert(
            quota.to_owned(),
            Window {
                limit,
                remaining: lowest,
                until,
            },
        );
        let news = known.news(now);
        drop(known);
        if let Some(percent) = news {
            QuotaUsed {
                connection: &self.connection,
                percent,
            }
            .emit(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    #[test]
    fn the_last_tenth_is_kept_for_urgent_work_until_the_reset() {
        let pace = Pace::of("okta-main");
        assert_eq!(pace.admit("users", Lane::Bulk, at(0)), Ok(()));
        pace.learn("users", 600, 60, at(30), at(0));
        assert_eq!(pace.admit("users", Lane::Work, at(0)), Ok(()));
        pace.learn("users", 600, 59, at(30), at(0));
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
        let pace = Pace::of("okta-main");
        pace.learn("users", 100, 5, at(30), at(0));
        pace.learn("users", 100, 50, at(30), at(0));
        assert!(pace.admit("users", Lane::Work, at(0)).is_err());
        pace.learn("users", 100, 99, at(90), at(0));
        assert_eq!(pace.admit("users", Lane::Work, at(31)), Ok(()));
    }

    #[test]
    fn use_is_told_once_a_minute_and_at_each_further_tenth() {
        let mut known = Known::default();
        let mut learn = |quota: &str, limit, remaining, now| {
            known.windows.insert(
                quota.to_owned(),
                Window {
                    limit,
                    remaining,
                    until: at(100),
                },
            );
            known.news(at(now))
        };
        assert_eq!(learn("users", 600, 590, 0), Some(1));
        assert_eq!(learn("users", 600, 580, 1), None);
        assert_eq!(learn("users", 600, 530, 2), Some(11), "ten more");
        assert_eq!(learn("groups", 100, 99, 3), None, "the fullest counts");
        assert_eq!(learn("users", 600, 528, 62), Some(12), "a minute later");
        assert_eq!(learn("concurrency", 0, 0, 63), None, "no quota");
        assert_eq!(learn("users", 600, 0, 64), Some(100));
        assert_eq!(learn("users", 600, 0, 200), None, "its window is over");
    }
}
