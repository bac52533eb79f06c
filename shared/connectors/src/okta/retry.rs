//! What to do about an answer of Okta that is not a success. Branches on status and `errorCode` only, never on texts
//! (Okta API reference, "Okta error codes and descriptions").

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::{Failure, FailureClass, HttpResponse};
use rollcall_runtime::clock::between;
use serde_json::Value;

use crate::encode::short;
use crate::exchange::{header, http_date, number, retry_after, text};

/// Concurrency, not a quota, was exceeded: the reset time is only a hint then, and a second or two is enough.
const CONCURRENCY_PAUSE: Duration = Duration::from_secs(2);
/// How long an activation may keep a user's record busy.
const ACTIVATION_PAUSE: Duration = Duration::from_mins(2);

/// The failure that a response stands for.
pub(super) fn failure(what: &str, response: &HttpResponse) -> Failure {
    let status = response.status().as_u16();
    let code = error_code(response);
    let named = code.as_deref().unwrap_or("no error code");
    let said = format!("{what}: Okta answered {status} {named}");
    let retry = |after: Option<Duration>| {
        let mut failure = Failure::retry(said.clone());
        failure.class = FailureClass::Retry { after };
        failure
    };
    let failure = match (status, code.as_deref().unwrap_or_default()) {
        (401, "E0000015") => Failure::needs_human(format!("{said}: the tenant does not have this feature")),
        (401, _) => Failure::credential(format!("{said}: the credential is refused, make a new one")),
        (403, "E0000005") => Failure::credential(format!("{said}: the session of the credential is over")),
        (403, "E0000023") => Failure::needs_human(format!(
            "{said}: the profile is mastered in another system, change it there"
        )),
        (403, "E0000016" | "E0000017" | "E0000032" | "E0000038") => {
            Failure::needs_human(format!("{said}: the user's status does not allow it"))
        }
        (403, _) => Failure::needs_human(format!("{said}: {}", missing_permission(response))),
        (409, "E0000112") => retry(Some(ACTIVATION_PAUSE)),
        // A stale cursor or version is read again from the start, a busy record is tried again, and in read-only mode
        // (E0000010) a write was certainly not made.
        (400, "E0000029" | "E0000053" | "E0000054")
        | (409, "E0000113" | "E0000145" | "E0000195" | "E0000249" | "E0000268")
        | (412 | 423, _)
        | (503, "E0000010") => retry(None),
        (429, _) => retry(Some(reset(response).unwrap_or(CONCURRENCY_PAUSE))),
        (501, _) => Failure::give_up(said.clone()),
        (500.., _) => retry(retry_after(response)).maybe_executed(),
        (300..=399, _) => Failure::give_up(format!(
            "{said}: a redirect is not followed, check the connection's url"
        )),
        _ => Failure::give_up(said.clone()),
    };
    failure.with_request_id(request_id(response))
}

/// The failure of a lifecycle call that Okta refused for a user who is now in this status. A refusal by validation is about the
/// status; when that is the one the call is for, it changed in between and the call is worth another try.
pub(super) fn lifecycle(what: &str, response: &HttpResponse, status: &str) -> Failure {
    let refused = failure(what, response);
    let by_status = response.status().as_u16() == 400 || refused.reason.contains("status does not allow");
    if !by_status {
        return refused;
    }
    let code = error_code(response).unwrap_or_else(|| "no error code".to_owned());
    let said = format!("{what}: Okta answered {} {code}", response.status().as_u16());
    let failure = match (what, status) {
        ("suspending", "active") | ("unsuspending", "suspended") | ("activating", "deprovisioned") => {
            Failure::retry(format!("{said} while the user is {status}"))
        }
        ("resetting the factors", "deprovisioned") => Failure::needs_human(format!(
            "{said}: Okta unenrols no factor of a deactivated user, do it before the deactivation"
        )),
        ("suspending", status) => Failure::needs_human(format!(
            "{said}: Okta does not suspend a user who is {}, deactivate the user instead",
            status.to_uppercase()
        )),
        _ => Failure::needs_human(format!("{said}: the user is {}", status.to_uppercase())),
    };
    failure.with_request_id(request_id(response))
}

/// The failure of a call that adds a user to a group, or takes one out. Okta says with one code that the group is none of its own
/// and that it makes its members administrators (Okta Groups API; 403 `E0000006`).
pub(super) fn membership(what: &str, response: &HttpResponse) -> Failure {
    let said = |why: &str| {
        let code = error_code(response).unwrap_or_else(|| "no error code".to_owned());
        format!("{what}: Okta answered {} {code}: {why}", response.status().as_u16())
    };
    let failure = match (response.status().as_u16(), error_code(response).as_deref()) {
        (403, Some("E0000006")) => Failure::needs_human(said(
            "the group is written elsewhere, or makes administrators, which takes a super administrator: do it there, or by one",
        )),
        (404, _) => Failure::give_up(said("the group or the user is no longer there")),
        _ => return failure(what, response),
    };
    failure.with_request_id(request_id(response))
}

/// The failure of a call to the token endpoint, which speaks OAuth instead (RFC 6749, section 5.2).
pub(super) fn token_failure(response: &HttpResponse) -> Failure {
    let what = "getting a token";
    let status = response.status().as_u16();
    if status == 429 || status >= 500 {
        // A token that nobody received has no effect.
        let mut failure = failure(what, response);
        failure.executed = rollcall_model::Executed::No;
        return failure;
    }
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let error = short(text(&body, "error").unwrap_or("no error code"), 60);
    let next = match error.as_str() {
        "invalid_client" => "check the client id, the key id and that the public key is registered with the app",
        "invalid_scope" => "grant the scopes to the app in the Okta console",
        "access_denied" => "the network zone of the app bars this address",
        "unauthorized_client" => "the app does not allow client credentials",
        _ => "check the service app",
    };
    Failure::credential(format!("{what}: Okta answered {status} {error}: {next}")).with_request_id(request_id(response))
}

/// `errorCode` of the body, when it is JSON and names one.
pub(super) fn error_code(response: &HttpResponse) -> Option<String> {
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    text(&body, "errorCode").map(|code| short(code, 20))
}

/// `X-Okta-Request-Id`.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    header(response, "x-okta-request-id").map(str::to_owned)
}

/// How long until the quota is renewed: `X-Rate-Limit-Reset` against the server's own `Date`, plus a second for its rounding.
/// The local clock is not asked, because it may be wrong by more than a window. Nothing for the concurrency limit, which
/// announces a limit of 0 (Okta rate limits, "Concurrency limits").
pub(super) fn reset(response: &HttpResponse) -> Option<Duration> {
    if number(response, "x-rate-limit-limit")? == 0 {
        return None;
    }
    let until = Timestamp::from_second(number(response, "x-rate-limit-reset")?).ok()?;
    let now = http_date(header(response, "date")?)?;
    Some(between(now, until) + Duration::from_secs(1))
}

/// The scope that Okta says is missing, or what is missing when it does not say.
fn missing_permission(response: &HttpResponse) -> String {
    let asked = header(response, "www-authenticate").unwrap_or_default();
    let scope = asked.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next());
    match scope {
        Some(scope) => format!("grant the scope {} to the app", short(scope, 80)),
        None => "the credential lacks an admin role for it, or the account is an administrator above it".to_owned(),
    }
}
