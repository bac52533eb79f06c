//! The fault switch: which calls go wrong, and how.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::wire::Request;

/// One way for a call to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 in the vendor's own shape; the reset or `Retry-After` lies this far ahead.
    RateLimited(Duration),
    /// 500 in the vendor's own shape, not executed.
    ServerError,
    /// 500 in the vendor's own shape, but executed.
    ServerErrorAfterExecution,
    /// 503 in the vendor's own shape, not executed.
    Unavailable,
    /// No answer, not executed.
    Timeout,
    /// The connection closes, not executed.
    Reset,
    /// The call is executed and its answer is lost.
    AnswerLost,
    /// The body is cut in the middle.
    TruncatedPage,
    /// A list call answers 200 with an empty list (what vendors do when a role or permission is missing).
    EmptyList,
    /// An HTML page with status 200 instead of JSON.
    Html,
    /// 401 in the vendor's own shape, as if the token had expired.
    TokenExpired,
}

/// When a fault strikes.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// The method it applies to; any when absent.
    pub method: Option<http::Method>,
    /// A part of the path and query (percent-decoded) that must occur; empty for any.
    pub path_contains: String,
    /// How many matching calls are spared first.
    pub skip: u64,
    /// How many calls it strikes after that; `u64::MAX` for all.
    pub times: u64,
    /// What happens.
    pub fault: Fault,
}

impl FaultRule {
    /// A rule that strikes the next matching call once.
    pub fn once(path_contains: &str, fault: Fault) -> Self {
        Self {
            method: None,
            path_contains: path_contains.to_owned(),
            skip: 0,
            times: 1,
            fault,
        }
    }

    /// A rule that strikes every matching call.
    pub fn always(path_contains: &str, fault: Fault) -> Self {
        Self {
            method: None,
            path_contains: path_contains.to_owned(),
            skip: 0,
            times: u64::MAX,
            fault,
        }
    }
}

/// The rules in force. Each simulator owns one and asks it at the start of every call.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<FaultRule>>);

impl Faults {
    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault that strikes this call, if any; uses up one of its times.
    pub fn strike(&self, request: &Request) -> Option<Fault> {
        let target = request
            .uri()
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str);
        let decoded: String =
            url::form_urlencoded::parse(format!("p={}", target.replace('&', "%26").replace('+', "%20")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default();
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter_mut() {
            let method_fits = rule.method.as_ref().is_none_or(|method| method == request.method());
            if !method_fits || !decoded.contains(&rule.path_contains) || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times != u64::MAX {
                rule.times -= 1;
            }
            return Some(rule.fault.clone());
        }
        None
    }
}
