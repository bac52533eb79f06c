//! `retry.rs` as a table.

use std::time::Duration;

use bytes::Bytes;
use rollcall_model::{Executed, FailureClass};
use serde_json::json;

use super::super::retry::failure;

#[test]
fn every_code_has_its_treatment() {
    use Executed::{Maybe, No};
    use FailureClass::{Credential, GiveUp, NeedsHuman};
    let retry = |seconds: Option<u64>| FailureClass::Retry {
        after: seconds.map(Duration::from_secs),
    };
    for (status, code, header, class, executed, words) in [
        (429, "ratelimited", Some("12"), retry(Some(12)), No, ""),
        (200, "ratelimited", None, retry(Some(30)), No, ""),
        (200, "internal_error", None, retry(None), Maybe, ""),
        (200, "fatal_error", None, retry(None), Maybe, ""),
        (200, "request_timeout", None, retry(None), Maybe, ""),
        (503, "service_unavailable", Some("5"), retry(Some(5)), Maybe, ""),
        (502, "", None, retry(None), Maybe, ""),
        (200, "invalid_auth", None, Credential, No, "install the app again"),
        (200, "account_inactive", None, Credential, No, ""),
        (200, "token_revoked", None, Credential, No, ""),
        (
            200,
            "missing_scope",
            None,
            NeedsHuman,
            No,
            "add the scope users:read.email",
        ),
        (200, "not_in_channel", None, NeedsHuman, No, "invite the bot"),
        (200, "channel_not_found", None, NeedsHuman, No, "invite the bot"),
        (200, "is_archived", None, NeedsHuman, No, "name another"),
        (200, "restricted_action", None, NeedsHuman, No, "administrator"),
        (200, "users_not_found", None, GiveUp, No, "e-mail"),
        (200, "user_disabled", None, GiveUp, No, ""),
        (200, "msg_too_long", None, GiveUp, No, ""),
        (200, "invalid_blocks", None, GiveUp, No, ""),
        (200, "something_new", None, GiveUp, No, "something_new"),
        (404, "", None, GiveUp, No, ""),
        (302, "", None, GiveUp, No, "redirect"),
    ] {
        let mut response = http::Response::builder().status(status).header("x-slack-req-id", "r-1");
        if let Some(seconds) = header {
            response = response.header("retry-after", seconds);
        }
        let response = response.body(Bytes::new()).unwrap();
        let body = json!({ "ok": false, "error": code, "needed": "users:read.email", "provided": "planted" });
        let found = failure("posting", &response, &body, false);
        assert_eq!(
            (&found.class, found.executed),
            (&class, executed),
            "{status} {code}: {found}"
        );
        assert!(
            found.reason.contains(words) && !found.reason.contains("planted"),
            "{found}"
        );
        assert_eq!(found.request_id.as_deref(), Some("r-1"));
        assert_eq!(failure("reading", &response, &body, true).executed, No);
    }
}
