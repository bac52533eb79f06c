//! What to do about an answer of OneLogin that is not a success. The two halves of its API speak differently: v1 wraps a
//! `status`, v2 has `name` and `statusCode` (OneLogin API, "Response codes" of either version).

use std::time::Duration;

use rollcall_model::{Failure, FailureClass, HttpResponse};
use serde_json::Value;

use crate::encode::short;
use crate::exchange::{header, number, retry_after, text};

/// How long to wait when the vendor limits and does not say for how long; v2 carries no rate headers.
const LIMIT_PAUSE: Duration = Duration::from_mins(1);
/// A countdown longer than this is none: the window of v1 is an hour, and a moment in time is much larger.
const LONGEST_COUNTDOWN: i64 = 24 * 60 * 60;

/// An error as the vendor states it, from either half.
pub(super) struct Refusal {
    pub(super) status: u16,
    /// v2 `name`, v1 `type`.
    pub(super) name: String,
    /// Its text: for people, or to tell apart what has no other mark.
    pub(super) message: String,
}

impl Refusal {
    /// Reads any of the shapes. An answer that is not JSON has neither name nor message.
    pub(super) fn of(response: &HttpResponse) -> Self {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let (error, name) = match body.get("status").filter(|status| status.is_object()) {
            Some(status) => (status, text(status, "type")),
            None => (&body, text(&body, "name")),
        };
        let said = match error.get("message") {
            Some(Value::String(message)) => message.clone(),
            Some(message) => text(message, "description").unwrap_or_default().to_owned(),
            None => String::new(),
        };
        // v2's fourth variant says only "Validation Failed" and keeps what failed in `errors`.
        let fields: Vec<String> = error
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|each| {
                let why = each.get("message")?;
                let why = why.as_str().or_else(|| why.get(0)?.as_str())?;
                Some(format!("{}: {why}", text(each, "field").unwrap_or("?")))
            })
            .collect();
        Self {
            status: response.status().as_u16(),
            name: short(name.unwrap_or_default(), 60),
            message: if fields.is_empty() { said } else { fields.join(", ") },
        }
    }

    /// v1 says which 401 is a matter of scope; v2 does not.
    pub(super) fn is_scope(&self) -> bool {
        self.status == 401 && self.message == "Insufficient Permission"
    }
}

/// The failure that a response stands for.
pub(super) fn failure(what: &str, response: &HttpResponse) -> Failure {
    let refusal = Refusal::of(response);
    let named = if refusal.name.is_empty() {
        "no error name"
    } else {
        &refusal.name
    };
    let said = format!("{what}: OneLogin answered {} {named}", refusal.status);
    let detail = || match refusal.message.as_str() {
        "" => said.clone(),
        message => format!("{said}: {}", short(message, 200)),
    };
    let retry = |after: Option<Duration>| {
        let mut failure = Failure::retry(said.clone());
        failure.class = FailureClass::Retry { after };
        failure
    };
    let failure = match refusal.status {
        401 if refusal.is_scope() => scope(&said),
        401 => Failure::credential(format!(
            "{said}: a new token is refused too, check the client id, its secret and its scope"
        )),
        403 => Failure::needs_human(format!(
            "{said}: the credential may not do this to this user or object, check its scope and the owner's privileges"
        )),
        400 => Failure::give_up(detail()),
        422 => Failure::needs_human(detail()),
        408 | 409 => retry(None).maybe_executed(),
        429 => retry(Some(limit_pause(response))),
        501 => Failure::give_up(said.clone()),
        500.. => retry(retry_after(response)).maybe_executed(),
        300..=399 => Failure::give_up(format!(
            "{said}: a redirect is not followed, check the connection's url"
        )),
        _ => Failure::give_up(said.clone()),
    };
    failure.with_request_id(request_id(response))
}

/// The failure of a call that the credential's scope does not reach.
pub(super) fn scope(said: &str) -> Failure {
    Failure::needs_human(format!(
        "{said}: the credential's scope does not reach this, make one with Manage All"
    ))
}

/// The failure of a call to the token endpoint.
pub(super) fn token_failure(response: &HttpResponse) -> Failure {
    let what = "getting a token";
    let status = response.status().as_u16();
    match status {
        429 | 502.. | 300..=399 => failure(what, response),
        _ => Failure::credential(format!(
            "{what}: OneLogin answered {status}: the client id or its secret is refused, or the credential is disabled"
        ))
        .with_request_id(request_id(response)),
    }
}

/// The id by which OneLogin's support finds a request, when the edge sends one.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-request-id", "x-correlation-id"]
        .iter()
        .find_map(|name| header(response, name))
        .map(str::to_owned)
}

/// How long until the quota is renewed, by `X-RateLimit-Reset`: seconds that are left, no moment in time. One more for its
/// rounding.
pub(super) fn reset(response: &HttpResponse) -> Option<Duration> {
    let seconds = number(response, "x-ratelimit-reset").filter(|left| (0..=LONGEST_COUNTDOWN).contains(left))?;
    Some(Duration::from_secs(u64::try_from(seconds).ok()? + 1))
}

fn limit_pause(response: &HttpResponse) -> Duration {
    reset(response).or_else(|| retry_after(response)).unwrap_or(LIMIT_PAUSE)
}
