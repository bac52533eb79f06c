//! What to do about an answer of Salesforce that is not a success (REST API Developer Guide, "Status Codes and Error
//! Responses"; SOAP API Developer Guide, "Core Data Types: StatusCode").

use std::time::Duration;

use rollcall_model::{Executed, Failure, FailureClass, HttpResponse};
use serde_json::Value;

use crate::encode::short;
use crate::exchange::{header, retry_after, text};

/// The rolling day's calls are used up: it falls slowly.
const DAILY_PAUSE: Duration = Duration::from_mins(15);
/// Too many long calls at once.
const CONCURRENCY_PAUSE: Duration = Duration::from_secs(5);
/// Texts of a 401 that another token does not mend.
const NOT_FOR_REST: [&str; 2] = [
    "This session is not valid for use with the REST API",
    "Connected app is not attached to Agent",
];

/// One error as the vendor states it: in plain answers `errorCode`, in collections `statusCode`.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    /// Reads `[{"errorCode", "message"}]`. An answer that is not JSON (the edge sends HTML) has no code.
    pub(super) fn of(status: u16, body: &Value) -> Self {
        let first = body.as_array().and_then(|all| all.first()).unwrap_or(body);
        let code = text(first, "errorCode")
            .or_else(|| text(first, "statusCode"))
            .or_else(|| text(first, "error"));
        Self {
            status,
            code: short(code.unwrap_or_default(), 60),
            message: text(first, "message").unwrap_or_default().to_owned(),
        }
    }

    /// True when a new token may help.
    pub(super) fn wants_new_token(&self) -> bool {
        self.status == 401 && !NOT_FOR_REST.iter().any(|looping| self.message.contains(looping))
    }

    /// What to do about it.
    pub(super) fn failure(&self, what: &str) -> Failure {
        let named = if self.code.is_empty() {
            "no error code"
        } else {
            &self.code
        };
        let said = format!("{what}: Salesforce answered {} {named}", self.status);
        let retry = |after: Option<Duration>| {
            let mut failure = Failure::retry(said.clone());
            failure.class = FailureClass::Retry { after };
            failure
        };
        let human = |next: &str| Failure::needs_human(format!("{said}: {next}"));
        match (self.status, self.code.as_str()) {
            (_, "REQUEST_LIMIT_EXCEEDED") if self.message.starts_with("Concurrent") => retry(Some(CONCURRENCY_PAUSE)),
            (_, "REQUEST_LIMIT_EXCEEDED") => retry(Some(DAILY_PAUSE)),
            (401, _) if !self.wants_new_token() => {
                human("the session is not valid for the REST API, correct the app's policy")
            }
            (401, _) | (_, "INVALID_SESSION_ID") => Failure::credential(format!(
                "{said}: a new token is refused too, check the integration user and the app"
            )),
            // The transaction was rolled back, or never began.
            (_, "UNABLE_TO_LOCK_ROW" | "QUERY_TIMEOUT" | "TOO_MANY_APEX_REQUESTS" | "INVALID_QUERY_LOCATOR")
            | (420, _) => retry(None),
            (_, "REQUEST_RUNNING_TOO_LONG" | "SERVER_UNAVAILABLE" | "UNKNOWN_EXCEPTION") => {
                retry(None).maybe_executed()
            }
            (
                _,
                "INSUFFICIENT_ACCESS"
                | "INSUFFICIENT_ACCESS_OR_READONLY"
                | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
                | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            ) => human("grant the integration user the permission, or see what bars it in the org"),
            (_, "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED") => human("grant the integration user API Enabled"),
            (_, "INVALID_TYPE" | "INVALID_FIELD") => {
                human("the org does not have it, or hides it from the integration user")
            }
            (_, "CANNOT_DISABLE_LAST_ADMIN") => human("it is the org's last active administrator"),
            (_, "ENTITY_IS_LOCKED") => human("an approval holds the record"),
            (
                _,
                "FIELD_CUSTOM_VALIDATION_EXCEPTION"
                | "FIELD_FILTER_VALIDATION_EXCEPTION"
                | "FIELD_INTEGRITY_EXCEPTION"
                | "LICENSE_LIMIT_EXCEEDED",
            ) => human(&short(&self.message, 200)),
            (429, _) => retry(None),
            (403, _) => human("grant the integration user the permission"),
            (500.., _) => retry(None).maybe_executed(),
            (300..=399, _) => Failure::give_up(format!(
                "{said}: a redirect is not followed, check the connection's addresses"
            )),
            _ => Failure::give_up(said),
        }
    }
}

/// The failure that a response stands for.
pub(super) fn failure(what: &str, response: &HttpResponse) -> Failure {
    let refusal = refusal(response);
    let mut failure = refusal.failure(what);
    if let (FailureClass::Retry { after: None }, Some(after)) = (&failure.class, retry_after(response)) {
        failure.class = FailureClass::Retry { after: Some(after) };
    }
    failure.with_request_id(request_id(response))
}

/// The error of a response.
pub(super) fn refusal(response: &HttpResponse) -> Refusal {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    Refusal::of(response.status().as_u16(), &body)
}

/// The token endpoint speaks OAuth. Everything but an overload is a fault of the configuration (OAuth 2.0 JWT Bearer Flow,
/// "error codes").
pub(super) fn token_failure(response: &HttpResponse) -> Failure {
    let what = "getting a token";
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let error = short(text(&body, "error").unwrap_or("no error code"), 60);
    let described = text(&body, "error_description").unwrap_or_default();
    let said = format!("{what}: Salesforce answered {status} {error}");
    if status == 429 || status == 420 || status >= 500 || error == "rate_limit_exceeded" {
        // A token that nobody received has no effect.
        let mut failure = Failure::retry(said);
        failure.class = FailureClass::Retry {
            after: retry_after(response),
        };
        failure.executed = Executed::No;
        return failure;
    }
    let next = match (error.as_str(), described) {
        ("invalid_grant", text) if text.contains("approved") => {
            "pre-authorise the integration user for the app (policy, then profile or permission set)"
        }
        ("invalid_grant", text) if text.contains("audience") => {
            "the login address does not fit the org: check sandbox and login_url"
        }
        ("invalid_grant", text) if text.contains("expired") => "the assertion was late: check this machine's clock",
        ("invalid_grant" | "inactive_user", text) if text.contains("inactive") || error == "inactive_user" => {
            "the integration user is inactive"
        }
        ("invalid_client_id" | "invalid_client", _) => "the consumer key, its secret or its certificate is wrong",
        ("invalid_app_access", _) => "allow the integration user for the app",
        _ => "check the app and the integration user",
    };
    Failure::credential(format!("{said}: {next}")).with_request_id(request_id(response))
}

/// The id by which Salesforce's support finds a request, when the edge sends one.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-sfdc-request-id", "x-request-id"]
        .iter()
        .find_map(|name| header(response, name))
        .map(str::to_owned)
}
