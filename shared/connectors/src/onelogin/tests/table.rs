//! `retry.rs` as a table.

use std::time::Duration;

use bytes::Bytes;
use rollcall_model::{Executed, FailureClass, HttpResponse};

use super::super::retry::{failure, token_failure};
use super::*;

fn response(status: u16, body: &str, headers: &[(&'static str, &str)]) -> HttpResponse {
    let mut response = http::Response::builder().status(status).header("x-request-id", "req-1");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::from(body.to_owned())).unwrap()
}

fn v2(code: u16, name: &str, message: &str) -> String {
    json!({ "message": message, "name": name, "statusCode": code }).to_string()
}

#[test]
fn every_answer_has_its_treatment() {
    use Executed::{Maybe, No};
    use FailureClass::{Credential, GiveUp, NeedsHuman};
    let retry = |seconds: Option<u64>| FailureClass::Retry {
        after: seconds.map(Duration::from_secs),
    };
    let one = |code, kind, message| v1(code, kind, message).to_string();
    let excluded = json!({ "status": { "error": true, "code": 400, "type": "bad request",
        "message": { "description": "status is an excluded attribute for put request for user", "attribute": "status" } } })
    .to_string();
    let fields =
        r#"{"code":422,"message":"Validation Failed","errors":[{"field":"id","message":["Field is not allowed"]}]}"#;
    for (status, body, headers, class, executed, words) in [
        (
            401,
            one(401, "Unauthorized", "Authentication Failure"),
            &[][..],
            Credential,
            No,
            "client id",
        ),
        (
            401,
            one(401, "Unauthorized", "Insufficient Permission"),
            &[],
            NeedsHuman,
            No,
            "Manage All",
        ),
        (
            401,
            v2(401, "UnauthorizedError", "Unauthorized"),
            &[],
            Credential,
            No,
            "UnauthorizedError",
        ),
        (400, excluded, &[], GiveUp, No, "excluded attribute"),
        (
            400,
            v2(400, "BadRequestError", "unknown attribute: x"),
            &[],
            GiveUp,
            No,
            "unknown attribute: x",
        ),
        (
            403,
            one(403, "forbidden", "user is not authorized"),
            &[],
            NeedsHuman,
            No,
            "privileges",
        ),
        (404, one(404, "not found", "No Route Exists"), &[], GiveUp, No, "404"),
        (404, not_found().to_string(), &[], GiveUp, No, "NotFoundError"),
        (408, String::new(), &[], retry(None), Maybe, ""),
        (409, String::new(), &[], retry(None), Maybe, ""),
        (
            422,
            v2(
                422,
                "UnprocessableEntityError",
                "Validation failed: Username must be unique",
            ),
            &[],
            NeedsHuman,
            No,
            "must be unique",
        ),
        (422, fields.to_owned(), &[], NeedsHuman, No, "id: Field is not allowed"),
        // A countdown, whatever the clocks say.
        (
            429,
            one(429, "rate limit", ""),
            &[("x-ratelimit-reset", "206")],
            retry(Some(207)),
            No,
            "",
        ),
        (
            429,
            String::new(),
            &[("x-ratelimit-reset", "0")],
            retry(Some(1)),
            No,
            "",
        ),
        // A moment in time is none; then the vendor's other word, or a minute.
        (
            429,
            String::new(),
            &[("x-ratelimit-reset", "1772438430")],
            retry(Some(60)),
            No,
            "",
        ),
        (429, String::new(), &[("retry-after", "9")], retry(Some(9)), No, ""),
        (429, v2(429, "TooManyRequests", ""), &[], retry(Some(60)), No, ""),
        (500, one(500, "Internal Server Error", ""), &[], retry(None), Maybe, ""),
        (501, String::new(), &[], GiveUp, No, ""),
        (
            502,
            "<html>edge</html>".to_owned(),
            &[],
            retry(None),
            Maybe,
            "no error name",
        ),
        (
            503,
            v2(503, "ServiceUnavailableError", ""),
            &[("retry-after", "7")],
            retry(Some(7)),
            Maybe,
            "",
        ),
        (504, String::new(), &[], retry(None), Maybe, ""),
        (302, String::new(), &[], GiveUp, No, "redirect"),
        (418, String::new(), &[], GiveUp, No, "418"),
    ] {
        let found = failure("suspending", &response(status, &body, headers));
        assert_eq!((&found.class, found.executed), (&class, executed), "{status}: {found}");
        assert!(
            found.reason.contains(words) && found.reason.starts_with("suspending: OneLogin answered"),
            "{found}"
        );
        assert!(!found.reason.contains("html"), "{found}");
        assert_eq!(found.request_id.as_deref(), Some("req-1"));
    }
}

#[test]
fn a_refused_sign_in_is_a_matter_of_the_credential() {
    for status in [400, 401, 403, 404] {
        let found = token_failure(&response(status, "", &[]));
        assert_eq!(found.class, FailureClass::Credential, "{found}");
    }
    for status in [429, 502, 503] {
        assert!(token_failure(&response(status, "", &[])).is_retryable(), "{status}");
    }
}
