//! The v1 budget: one counter for the whole account, in windows of an hour (OneLogin, "Get Rate Limit").
//!
//! `X-RateLimit-Reset` counts the seconds down; it is no moment in time. v2 answers carry none of these headers.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The length of a window.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// The vendor's figure.
const PER_HOUR: u64 = 5_000;

#[derive(Debug)]
pub(super) struct Limits {
    limit: u64,
    used: u64,
    started: Option<Timestamp>,
    /// What a refused call answers; the vendor does not document it.
    pub(super) refusal: Option<Value>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            limit: PER_HOUR,
            used: 0,
            started: None,
            refusal: None,
        }
    }
}

/// Where the account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    /// Seconds left in the window.
    pub(super) reset: i64,
    pub(super) exceeded: bool,
}

impl Standing {
    /// The three names with their values, for headers and for `GET /auth/rate_limit`.
    pub(super) fn data(self) -> Value {
        json!({
            "X-RateLimit-Limit": self.limit,
            "X-RateLimit-Remaining": self.remaining,
            "X-RateLimit-Reset": self.reset,
        })
    }
}

impl Limits {
    /// Sets the calls per hour.
    pub(super) fn set(&mut self, per_hour: u64) {
        self.limit = per_hour;
    }

    /// Spends calls as another client of the account would.
    pub(super) fn spend(&mut self, calls: u64, now: Timestamp) {
        self.turn(now);
        self.used = self.used.saturating_add(calls);
    }

    /// Counts one call.
    pub(super) fn count(&mut self, now: Timestamp) -> Standing {
        self.turn(now);
        let exceeded = self.used >= self.limit;
        if !exceeded {
            self.used += 1;
        }
        Standing {
            exceeded,
            ..self.standing(now)
        }
    }

    /// Where the account stands, without counting.
    pub(super) fn standing(&mut self, now: Timestamp) -> Standing {
        self.turn(now);
        let start = self.started.unwrap_or(now);
        let left = WINDOW.as_millis() - now.duration_since(start).as_millis();
        // Rounded up: when the shown seconds have passed, the window is over.
        let reset = i64::try_from(left.max(0).div_euclid(1000) + i128::from(left.rem_euclid(1000) > 0)).unwrap_or(0);
        Standing {
            limit: self.limit,
            remaining: self.limit.saturating_sub(self.used),
            reset,
            exceeded: false,
        }
    }

    fn turn(&mut self, now: Timestamp) {
        let over = self.started.is_none_or(|start| now.duration_since(start) >= WINDOW);
        if over {
            self.started = Some(now);
            self.used = 0;
        }
    }
}
