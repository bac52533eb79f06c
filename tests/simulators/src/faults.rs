//! The fault switch: which calls go wrong, and how.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::wire::{Reply, Request, Response};

/// One way for a call to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// 429 in the vendor's own shape; the reset or `Retry-After` lies this far ahead.
    RateLimited(Duration),
    /// 429 without a word of when to come back.
    RateLimitedUntold,
    /// 500 in the vendor's own shape, not executed.
    ServerError,
    /// 500 in the vendor's own shape, but executed.
    ServerErrorAfterExecution,
    /// 502 with a page of a proxy in between, not executed.
    BadGateway,
    /// 503 in the vendor's own shape, not executed.
    Unavailable,
    /// No answer, not executed.
    Timeout,
    /// The connection closes, not executed.
    Reset,
    /// The call is executed and its answer is lost.
    AnswerLost,
    /// The call is executed and its answer comes a byte at a time, too slowly.
    Dripping,
    /// The body is cut in the middle.
    TruncatedPage,
    /// A list call answers 200 with an empty list (what vendors do when a role or permission is missing).
    EmptyList,
    /// A list call answers 200 with the first half of its records and no continuation.
    HalfList,
    /// A list call's continuation leads to the very same page.
    RepeatedPage,
    /// An HTML page with status 200 instead of JSON.
    Html,
    /// 401 in the vendor's own shape, as if the token had expired.
    TokenExpired,
    /// The refusal of a caller whose permission was taken away, in the vendor's own shape.
    PermissionRemoved,
    /// The server asks for another DPoP nonce (RFC 9449, sections 8 and 9). Calls without a proof go through.
    NonceChanged,
}

impl Fault {
    /// Every fault, with a short wait where it has one.
    pub const ALL: [Self; 18] = [
        Self::RateLimited(Duration::from_secs(30)),
        Self::RateLimitedUntold,
        Self::ServerError,
        Self::ServerErrorAfterExecution,
        Self::BadGateway,
        Self::Unavailable,
        Self::Timeout,
        Self::Reset,
        Self::AnswerLost,
        Self::Dripping,
        Self::TruncatedPage,
        Self::EmptyList,
        Self::HalfList,
        Self::RepeatedPage,
        Self::Html,
        Self::TokenExpired,
        Self::PermissionRemoved,
        Self::NonceChanged,
    ];

    /// Whether a later try can go well without anybody's doing: a lost permission comes back when somebody grants it.
    pub fn passes(self) -> bool {
        self != Self::PermissionRemoved
    }

    /// What comes back when the call never reaches the vendor's program: the network or a proxy answers, the same for all vendors.
    pub(crate) fn before(&self) -> Option<Reply> {
        match self {
            Self::Timeout => Some(Reply::Silence),
            Self::Reset => Some(Reply::Reset),
            Self::BadGateway => Some(Reply::Answer(page(StatusCode::BAD_GATEWAY, "502 Bad Gateway"))),
            Self::Html => Some(Reply::Answer(page(StatusCode::OK, "Sign in"))),
            _ => None,
        }
    }

    /// What becomes of the vendor's answer on its way back.
    pub(crate) fn after(&self, answer: Response) -> Reply {
        match self {
            Self::AnswerLost => Reply::Silence,
            Self::Dripping => Reply::Dripping(answer),
            Self::TruncatedPage => {
                let kept = answer.body().len() / 2;
                Reply::Truncated(answer, kept)
            }
            _ => Reply::Answer(answer),
        }
    }
}

/// What a proxy or a login page puts in the way.
fn page(status: StatusCode, title: &str) -> Response {
    let text = format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
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
            return Some(rule.fault);
        }
        None
    }
}
