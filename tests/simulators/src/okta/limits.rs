//! Rate limits: one window of 60 seconds per principal and bucket.
//!
//! Which calls share a bucket follows the table that Okta's Terraform provider exports from Okta's own code
//! (`rate_limit_lines.go`). The figures are the share of one principal, so they are what its headers show.

use std::collections::HashMap;

use http::Method;
use jiff::{SignedDuration, Timestamp};

/// The length of a window.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Generous, so that only tests that ask for it are limited.
const DEFAULT_LIMIT: u32 = 100_000;

/// The state of all buckets.
#[derive(Debug, Default)]
pub(super) struct Limits {
    limits: HashMap<String, u32>,
    windows: HashMap<(String, &'static str), Window>,
}

#[derive(Debug)]
struct Window {
    started: Timestamp,
    used: u32,
    /// Whether the violation has been written to the System Log.
    reported: bool,
}

/// Where a call stands in its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Epoch seconds at which the window ends.
    pub(super) reset: i64,
    /// The call must be refused.
    pub(super) exceeded: bool,
    /// This is the window's first refused call.
    pub(super) first: bool,
}

impl Limits {
    /// Sets the calls per minute of a bucket.
    pub(super) fn set(&mut self, bucket: &str, per_minute: u32) {
        self.limits.insert(bucket.to_owned(), per_minute);
    }

    /// Counts a call.
    pub(super) fn count(&mut self, principal: &str, bucket: &'static str, now: Timestamp) -> Standing {
        let limit = self.limits.get(bucket).copied().unwrap_or(DEFAULT_LIMIT);
        let window = self.windows.entry((principal.to_owned(), bucket)).or_insert(Window {
            started: now,
            used: 0,
            reported: false,
        });
        if now.duration_since(window.started) >= WINDOW {
            *window = Window {
                started: now,
                used: 0,
                reported: false,
            };
        }
        let exceeded = window.used >= limit;
        if !exceeded {
            window.used += 1;
        }
        let first = exceeded && !window.reported;
        window.reported |= exceeded;
        let end = window.started.saturating_add(WINDOW).unwrap_or(now);
        // Whole seconds, rounded up: at the second shown the window is over.
        let reset = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
        Standing {
            limit,
            remaining: limit.saturating_sub(window.used),
            reset,
            exceeded,
            first,
        }
    }
}

/// The bucket of a call.
pub(super) fn bucket(method: &Method, path: &[String]) -> &'static str {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["api", "v1", "users", "me"] if method == Method::GET => "/api/v1/users/me",
        ["api", "v1", "users", _] if method == Method::GET => "/api/v1/users/{idOrLogin}",
        ["api", "v1", "users", _] => "/api/v1/users/{id}",
        ["api", "v1", "users", ..] => "/api/v1/users",
        ["api", "v1", "groups", id] if *id != "rules" => "/api/v1/groups/{id}",
        ["api", "v1", "groups", ..] => "/api/v1/groups",
        ["api", "v1", "apps", _] => "/api/v1/apps/{id}",
        ["api", "v1", "apps", ..] => "/api/v1/apps",
        ["api", "v1", "logs"] => "/api/v1/logs",
        ["api", "v1", "iam", ..] => "/api/v1/iam",
        ["oauth2", "v1", "token"] => "/oauth2/v1/token",
        ["oauth2", "v1", ..] => "/oauth2/v1",
        _ => "/api/v1",
    }
}
