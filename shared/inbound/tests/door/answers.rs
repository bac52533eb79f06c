//! Who is let in, and what is answered.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use rollcall_inbound::door::BODY_LIMIT;
use rollcall_inbound::verify::UnusableSecret;
use rollcall_inbound::{Door, DoorReply, DoorRequest, DoorSettings, DoorSettingsError, Source};
use rollcall_runtime::Secret;

use crate::post;
use crate::support::{Backend, Noon, PREVIOUS, SECRET, door, okta_body, request, settings};

async fn answer(source: Source, request: DoorRequest) -> DoorReply {
    let backend = Arc::new(Backend::default());
    let reply = door(source, &backend).handle(request).await;
    assert!(backend.sends.lock().unwrap().is_empty() && backend.files.lock().unwrap().is_empty());
    reply
}

fn text(reply: &DoorReply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[tokio::test]
async fn okta_verification_sends_the_challenge_back() {
    let mut verification = request(Method::GET, "/hook", Some(SECRET), "");
    let challenge = "a\"b\\c-1";
    verification
        .headers
        .insert("X-Okta-Verification-Challenge", challenge.parse().unwrap());
    let reply = answer(Source::Okta, verification).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body, serde_json::json!({"verification": challenge}));
}

#[tokio::test]
async fn okta_verification_needs_the_secret_and_one_challenge() {
    let with = |secret, challenges: &[&[u8]]| {
        let mut request = request(Method::GET, "/hook", secret, "");
        for challenge in challenges {
            request.headers.append(
                "x-okta-verification-challenge",
                HeaderValue::from_bytes(challenge).unwrap(),
            );
        }
        request
    };
    for (status, request) in [
        (401, with(None, &[b"c"])),
        (401, with(Some("Bearer wrong"), &[b"c"])),
        (200, with(Some(PREVIOUS), &[b"c"])),
        (400, with(Some(SECRET), &[])),
        (400, with(Some(SECRET), &[b""])),
        (400, with(Some(SECRET), &[b"c", b"d"])),
        (400, with(Some(SECRET), &[b"\xff"])),
    ] {
        let reply = answer(Source::Okta, request).await;
        assert_eq!(reply.status, status, "{}", text(&reply));
    }
}

#[tokio::test]
async fn a_missing_wrong_or_doubled_secret_is_401() {
    let mut doubled = request(Method::POST, "/hook", Some(SECRET), okta_body(&["{\"uuid\":\"a\"}"]));
    doubled
        .headers
        .append(http::header::AUTHORIZATION, SECRET.parse().unwrap());
    for request in [
        request(Method::POST, "/hook", None, okta_body(&["{\"uuid\":\"a\"}"])),
        request(
            Method::POST,
            "/hook",
            Some("Bearer wrong"),
            okta_body(&["{\"uuid\":\"a\"}"]),
        ),
        request(Method::POST, "/hook", Some(""), ""),
        doubled,
    ] {
        let reply = answer(Source::Okta, request).await;
        assert_eq!((reply.status.as_u16(), text(&reply)), (401, "{\"error\":\"RC0101\"}"));
    }
}

#[tokio::test]
async fn the_header_and_both_secrets_come_from_the_settings() {
    for secret in [SECRET, PREVIOUS] {
        let backend = Arc::new(Backend::default());
        let settings = DoorSettings {
            header: HeaderName::from_static("x-rollcall"),
            ..settings(Source::Onelogin)
        };
        let door = Door::new(&settings, backend.clone(), backend.clone(), Arc::new(Noon)).unwrap();
        let mut own = request(Method::POST, "/hook", None, "[]");
        own.headers.insert("X-Rollcall", secret.parse().unwrap());
        assert_eq!(door.handle(own).await.status, 200);
        assert_eq!(
            door.handle(request(Method::POST, "/hook", Some(secret), "[]"))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    for method in [Method::PUT, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let reply = answer(Source::Okta, request(method, "/hook", Some(SECRET), "")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.headers[ALLOW].to_str().unwrap()),
            (405, "GET, POST")
        );
    }
    let reply = answer(Source::Onelogin, request(Method::GET, "/hook", Some(SECRET), "")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.headers[ALLOW].to_str().unwrap()),
        (405, "POST")
    );
    for path in ["", "/", "/hooks", "/hook/x", "/x/hook", "/hook/_bulk", "/HOOK"] {
        let reply = answer(Source::Okta, request(Method::POST, path, Some(SECRET), "")).await;
        assert_eq!(
            (reply.status.as_u16(), text(&reply)),
            (404, "{\"error\":\"RC0102\"}"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn onelogin_may_add_bulk_and_gets_exactly_200() {
    for (path, status) in [
        ("/hook", 200),
        ("/hook/", 200),
        ("/hook/_bulk", 200),
        ("/hook/_bulk/x", 404),
        ("/_bulk", 404),
    ] {
        let reply = answer(Source::Onelogin, request(Method::POST, path, Some(SECRET), "[]")).await;
        assert_eq!(reply.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_taken() {
    let blank = |length: usize| vec![b' '; length];
    let reply = answer(
        Source::Onelogin,
        request(Method::POST, "/hook", Some(SECRET), blank(BODY_LIMIT + 1)),
    )
    .await;
    assert_eq!((reply.status.as_u16(), text(&reply)), (413, "{\"error\":\"RC0103\"}"));
    let reply = answer(
        Source::Onelogin,
        request(Method::POST, "/hook", Some(SECRET), blank(BODY_LIMIT)),
    )
    .await;
    assert_eq!(reply.status, 200);
    let reply = answer(
        Source::Onelogin,
        request(Method::POST, "/hook", None, blank(BODY_LIMIT + 1)),
    )
    .await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let (reply, _) = post(
        Source::Okta,
        Backend {
            panics: true,
            ..Backend::default()
        },
        okta_body(&["{\"uuid\":\"a\"}"]),
    )
    .await;
    assert_eq!((reply.status.as_u16(), text(&reply)), (503, "{\"error\":\"RC0108\"}"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let backend = Arc::new(Backend::default());
    let refused = |settings: DoorSettings| {
        Door::new(&settings, backend.clone(), backend.clone(), Arc::new(Noon))
            .err()
            .map(|why| (why.code().id, why))
    };
    let good = || settings(Source::Okta);
    assert_eq!(refused(good()), None);
    for path in ["", "hook", "/hook?x=1", "/ho ok"] {
        let settings = DoorSettings {
            path: path.to_owned(),
            ..good()
        };
        assert_eq!(refused(settings), Some(("RC0202", DoorSettingsError::Path)), "{path}");
    }
    for connection in ["", "a:b", "a b"] {
        let settings = DoorSettings {
            connection: connection.into(),
            ..good()
        };
        assert_eq!(
            refused(settings),
            Some(("RC0202", DoorSettingsError::Connection)),
            "{connection}"
        );
    }
    let settings = DoorSettings {
        current: Secret::new(""),
        ..good()
    };
    assert_eq!(
        refused(settings),
        Some(("RC0204", DoorSettingsError::Secret(UnusableSecret::Empty)))
    );
}
