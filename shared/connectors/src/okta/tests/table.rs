//! `retry.rs` as a table.

use std::time::Duration;

use bytes::Bytes;
use rollcall_model::{Executed, FailureClass, HttpResponse};
use serde_json::json;

use super::super::retry::{failure, lifecycle, membership, token_failure};

fn response(status: u16, body: &str, headers: &[(&'static str, &str)]) -> HttpResponse {
    let mut response = http::Response::builder()
        .status(status)
        .header("x-okta-request-id", "req-1");
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
    let rate: &[(&'static str, &str)] = &[
        ("date", "Mon, 02 Mar 2026 08:00:00 GMT"),
        ("x-rate-limit-limit", "600"),
        ("x-rate-limit-remaining", "0"),
        ("x-rate-limit-reset", "1772438430"),
    ];
    let crowd: &[(&'static str, &str)] = &[
        ("x-rate-limit-limit", "0"),
        ("x-rate-limit-remaining", "0"),
        ("x-rate-limit-reset", "1772438430"),
    ];
    for (status, code, headers, class, executed, words) in [
        (400, "E0000001", &[][..], GiveUp, No, "E0000001"),
        (400, "E0000029", &[], retry(None), No, "E0000029"),
        (400, "E0000031", &[], GiveUp, No, ""),
        (401, "E0000011", &[], Credential, No, "refused"),
        (401, "", &[], Credential, No, "no error code"),
        (401, "E0000015", &[], NeedsHuman, No, "feature"),
        (403, "E0000005", &[], Credential, No, ""),
        (403, "E0000006", &[], NeedsHuman, No, "admin role"),
        (403, "E0000016", &[], NeedsHuman, No, "status does not allow"),
        (403, "E0000017", &[], NeedsHuman, No, "status does not allow"),
        (403, "E0000023", &[], NeedsHuman, No, "mastered"),
        (403, "E0000032", &[], NeedsHuman, No, "status does not allow"),
        (403, "E0000038", &[], NeedsHuman, No, "status does not allow"),
        (
            403,
            "",
            &[(
                "www-authenticate",
                "Bearer error=\"insufficient_scope\", scope=\"okta.groups.read\"",
            )],
            NeedsHuman,
            No,
            "grant the scope okta.groups.read",
        ),
        (404, "E0000007", &[], GiveUp, No, ""),
        (405, "E0000022", &[], GiveUp, No, ""),
        (409, "E0000112", &[], retry(Some(120)), No, ""),
        (409, "E0000268", &[], retry(None), No, ""),
        (409, "E0000090", &[], GiveUp, No, ""),
        (410, "E0000156", &[], GiveUp, No, ""),
        (412, "E0000231", &[], retry(None), No, ""),
        (423, "E0000239", &[], retry(None), No, ""),
        (429, "E0000047", rate, retry(Some(31)), No, ""),
        (429, "E0000047", crowd, retry(Some(2)), No, ""),
        (500, "E0000009", &[], retry(None), Maybe, ""),
        (501, "E0000060", &[], GiveUp, No, ""),
        (503, "E0000010", &[], retry(None), No, ""),
        (503, "E0000181", &[("retry-after", "7")], retry(Some(7)), Maybe, ""),
        (504, "", &[], retry(None), Maybe, ""),
        (302, "", &[], GiveUp, No, "redirect"),
    ] {
        let body = if code.is_empty() {
            "<html>edge</html>".to_owned()
        } else {
            json!({ "errorCode": code, "errorSummary": "planted secret" }).to_string()
        };
        let found = failure("suspending", &response(status, &body, headers));
        assert_eq!(
            (&found.class, found.executed),
            (&class, executed),
            "{status} {code}: {found}"
        );
        assert!(
            found.reason.contains(words) && found.reason.starts_with("suspending: Okta answered"),
            "{found}"
        );
        assert!(
            !found.reason.contains("planted") && !found.reason.contains("html"),
            "{found}"
        );
        assert_eq!(found.request_id.as_deref(), Some("req-1"));
    }
}

#[test]
fn a_refused_lifecycle_call_is_about_the_status_that_is_found() {
    use FailureClass::NeedsHuman;
    let retry = FailureClass::Retry { after: None };
    for (what, http, code, status, class, words) in [
        (
            "suspending",
            400,
            "E0000001",
            "password_expired",
            NeedsHuman,
            &["PASSWORD_EXPIRED", "deactivate"][..],
        ),
        (
            "suspending",
            400,
            "E0000001",
            "locked_out",
            NeedsHuman,
            &["LOCKED_OUT", "deactivate"],
        ),
        (
            "suspending",
            403,
            "E0000038",
            "recovery",
            NeedsHuman,
            &["RECOVERY", "deactivate"],
        ),
        ("suspending", 400, "E0000001", "active", retry.clone(), &["active"]),
        ("suspending", 403, "E0000006", "active", NeedsHuman, &["admin role"]),
        (
            "suspending",
            404,
            "E0000007",
            "active",
            FailureClass::GiveUp,
            &["E0000007"],
        ),
        ("unsuspending", 400, "E0000001", "suspended", retry, &["suspended"]),
        (
            "unsuspending",
            400,
            "E0000001",
            "deprovisioned",
            NeedsHuman,
            &["DEPROVISIONED"],
        ),
        (
            "activating",
            403,
            "E0000016",
            "deprovisioned",
            FailureClass::Retry { after: None },
            &["deprovisioned"],
        ),
        (
            "activating",
            403,
            "E0000006",
            "deprovisioned",
            NeedsHuman,
            &["admin role"],
        ),
        ("deactivating", 403, "E0000038", "active", NeedsHuman, &["ACTIVE"]),
        ("deactivating", 403, "E0000006", "active", NeedsHuman, &["admin role"]),
        (
            "deactivating",
            409,
            "E0000113",
            "active",
            FailureClass::Retry { after: None },
            &["E0000113"],
        ),
        (
            "resetting the factors",
            403,
            "E0000038",
            "deprovisioned",
            NeedsHuman,
            &["before the deactivation"],
        ),
        (
            "resetting the factors",
            403,
            "E0000006",
            "active",
            NeedsHuman,
            &["admin role"],
        ),
    ] {
        let body = json!({ "errorCode": code, "errorSummary": "planted secret" }).to_string();
        let found = lifecycle(what, &response(http, &body, &[]), status);
        assert_eq!((&found.class, found.executed), (&class, Executed::No), "{found}");
        assert!(words.iter().all(|word| found.reason.contains(word)), "{found}");
        assert!(
            found.reason.contains(code) && !found.reason.contains("planted"),
            "{found}"
        );
        assert_eq!(found.request_id.as_deref(), Some("req-1"));
    }
}

#[test]
fn a_refused_membership_names_what_to_do() {
    let retry = |after| FailureClass::Retry { after };
    for (status, code, class, executed, words) in [
        (
            403,
            "E0000006",
            FailureClass::NeedsHuman,
            Executed::No,
            "makes administrators",
        ),
        (403, "", FailureClass::NeedsHuman, Executed::No, "admin role"),
        (404, "E0000007", FailureClass::GiveUp, Executed::No, "no longer there"),
        (409, "E0000249", retry(None), Executed::No, "E0000249"),
        (
            429,
            "E0000047",
            retry(Some(Duration::from_secs(2))),
            Executed::No,
            "E0000047",
        ),
        (500, "E0000009", retry(None), Executed::Maybe, "E0000009"),
    ] {
        let body = json!({ "errorCode": code, "errorSummary": "planted" }).to_string();
        let found = membership("removing from the group Sales", &response(status, &body, &[]));
        assert_eq!((&found.class, found.executed), (&class, executed), "{found}");
        assert!(
            found.reason.starts_with("removing from the group Sales: Okta answered") && found.reason.contains(words),
            "{found}"
        );
        assert!(!found.reason.contains("planted"), "{found}");
        assert_eq!(found.request_id.as_deref(), Some("req-1"));
    }
}

#[test]
fn the_token_endpoint_speaks_oauth() {
    for (status, error, class) in [
        (401, "invalid_client", FailureClass::Credential),
        (400, "invalid_scope", FailureClass::Credential),
        (403, "access_denied", FailureClass::Credential),
        (
            429,
            "",
            FailureClass::Retry {
                after: Some(Duration::from_secs(2)),
            },
        ),
        (502, "", FailureClass::Retry { after: None }),
    ] {
        let found = token_failure(&response(
            status,
            &json!({ "error": error, "error_description": "planted" }).to_string(),
            &[],
        ));
        assert_eq!(
            (&found.class, found.executed),
            (&class, Executed::No),
            "{status}: {found}"
        );
        assert!(
            found.reason.contains(error) && !found.reason.contains("planted"),
            "{found}"
        );
    }
}
