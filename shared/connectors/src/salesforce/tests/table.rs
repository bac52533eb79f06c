//! `retry.rs` as a table.

use std::time::Duration;

use bytes::Bytes;
use rollcall_model::{Executed, FailureClass, HttpResponse};
use serde_json::{Value, json};

use super::super::retry::{failure, token_failure};
use crate::scripted::fixture;

fn response(status: u16, body: &str, headers: &[(&'static str, &str)]) -> HttpResponse {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::from(body.to_owned())).unwrap()
}

#[test]
fn every_answer_has_its_treatment() {
    use Executed::{Maybe, No};
    use FailureClass::{Credential, GiveUp, NeedsHuman};
    let retry = |seconds: Option<u64>| FailureClass::Retry {
        after: seconds.map(Duration::from_secs),
    };
    for (status, code, message, class, executed) in [
        (401, "INVALID_SESSION_ID", "Session expired or invalid", Credential, No),
        (
            401,
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
            NeedsHuman,
            No,
        ),
        (
            401,
            "INVALID_AUTH_HEADER",
            "Connected app is not attached to Agent",
            NeedsHuman,
            No,
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
            retry(Some(900)),
            No,
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentPerOrgLongTxn Limit exceeded.",
            retry(Some(5)),
            No,
        ),
        (403, "API_DISABLED_FOR_ORG", "", NeedsHuman, No),
        (403, "", "", NeedsHuman, No),
        (400, "UNABLE_TO_LOCK_ROW", "", retry(None), No),
        (400, "INSUFFICIENT_ACCESS_OR_READONLY", "", NeedsHuman, No),
        (400, "INVALID_TYPE", "", NeedsHuman, No),
        (400, "INVALID_FIELD", "", NeedsHuman, No),
        (400, "MALFORMED_QUERY", "", GiveUp, No),
        (
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "You cannot deactivate this user.",
            NeedsHuman,
            No,
        ),
        (400, "CANNOT_DISABLE_LAST_ADMIN", "", NeedsHuman, No),
        (404, "NOT_FOUND", "", GiveUp, No),
        (420, "", "", retry(None), No),
        (429, "", "", retry(None), No),
        (500, "UNKNOWN_EXCEPTION", "", retry(None), Maybe),
        (503, "SERVER_UNAVAILABLE", "", retry(None), Maybe),
        (502, "", "", retry(None), Maybe),
        (302, "", "", GiveUp, No),
    ] {
        let body = if code.is_empty() {
            "<html>planted</html>".to_owned()
        } else {
            json!([{ "errorCode": code, "message": message }]).to_string()
        };
        let found = failure("freezing", &response(status, &body, &[]));
        assert_eq!(
            (&found.class, found.executed),
            (&class, executed),
            "{status} {code} {message}: {found}"
        );
        assert!(
            found
                .reason
                .starts_with(&format!("freezing: Salesforce answered {status}"))
                && !found.reason.contains("planted"),
            "{found}"
        );
    }
    let waiting = failure("freezing", &response(503, "<html>", &[("retry-after", "30")]));
    assert_eq!(waiting.class, retry(Some(30)));
}

#[test]
fn every_error_sample_is_understood() {
    let samples: Value = serde_json::from_str(&fixture("salesforce/errors.json")).unwrap();
    for (name, sample) in samples.as_object().unwrap() {
        let status = u16::try_from(sample["status"].as_u64().unwrap()).unwrap();
        let body = sample["body"]
            .as_str()
            .map_or_else(|| sample["body"].to_string(), str::to_owned);
        let found = failure("trying", &response(status, &body, &[]));
        let code = name.split('.').next().unwrap();
        let stated = sample["body"][0]["errorCode"].as_str();
        assert!(
            stated.is_none_or(|stated| found.reason.contains(stated)),
            "{name}: {found}"
        );
        let transient = [
            "UNABLE_TO_LOCK_ROW",
            "REQUEST_LIMIT_EXCEEDED",
            "SERVER_UNAVAILABLE",
            "UNKNOWN_EXCEPTION",
            "INVALID_QUERY_LOCATOR",
        ];
        assert_eq!(found.is_retryable(), transient.contains(&code), "{name}: {found}");
    }
}

#[test]
fn token_errors_name_the_next_step() {
    let samples: Value = serde_json::from_str(&fixture("salesforce/token.errors.json")).unwrap();
    let next = [
        "pre-authorise",
        "sandbox and login_url",
        "clock",
        "inactive",
        "consumer key",
        "allow the integration user",
    ];
    for (sample, next) in samples.as_array().unwrap().iter().zip(next) {
        let found = token_failure(&response(400, &sample["body"].to_string(), &[]));
        assert_eq!(found.class, FailureClass::Credential);
        assert!(found.reason.contains(next), "{found}");
    }
    for (status, body) in [(503, "<html>"), (429, ""), (400, r#"{"error":"rate_limit_exceeded"}"#)] {
        let found = token_failure(&response(status, body, &[]));
        assert!(found.is_retryable() && found.executed == Executed::No, "{found}");
    }
}
