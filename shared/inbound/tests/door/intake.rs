//! What is queued and stored.

use bytes::Bytes;
use rollcall_inbound::Source;
use rollcall_model::digest::sha256;
use rollcall_model::queue::MESSAGE_LIMIT;
use rollcall_model::{Lane, SignalBody, SignalFormat};
use rollcall_runtime::Clock as _;

use crate::post;
use crate::support::{Backend, Noon, okta_body};

const LEAVER: &str = r#"{"uuid":"u1","eventType":"user.lifecycle.deactivate"}"#;
const JOINER: &str = r#"{"uuid":"u2",  "eventType":"user.lifecycle.create"}"#;
const NOISE: &str = r#"{"uuid":"u3","eventType":"user.session.start","n":1e400}"#;

#[tokio::test]
async fn each_element_travels_unchanged_on_its_lane_in_one_send_a_lane() {
    let second = LEAVER.replace("u1", "u4");
    let (reply, backend) = post(
        Source::Okta,
        Backend::default(),
        okta_body(&[NOISE, LEAVER, JOINER, &second]),
    )
    .await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    let lanes: Vec<(Lane, usize)> = backend
        .sends
        .lock()
        .unwrap()
        .iter()
        .map(|(lane, bodies)| (*lane, bodies.len()))
        .collect();
    assert_eq!(lanes, [(Lane::Urgent, 2), (Lane::Work, 1), (Lane::Bulk, 1)]);
    let sent: Vec<(String, SignalBody)> = backend
        .signals()
        .into_iter()
        .map(|(_, s)| (s.key.to_string(), s.body))
        .collect();
    let expected = [
        ("main:u1", LEAVER),
        ("main:u4", &second),
        ("main:u2", JOINER),
        ("main:u3", NOISE),
    ]
    .map(|(key, raw)| (key.to_owned(), SignalBody::Inline(raw.to_owned())));
    assert_eq!(sent, expected);
    for (_, signal) in backend.signals() {
        assert_eq!(signal.source.as_str(), "main");
        assert_eq!(signal.format, SignalFormat::OktaLogEvent);
        assert_eq!(signal.received_at, Noon.now());
    }
}

#[tokio::test]
async fn a_duplicate_inside_a_body_is_one_message() {
    let (reply, backend) = post(
        Source::Okta,
        Backend::default(),
        okta_body(&[LEAVER, "7", LEAVER, "7", "8"]),
    )
    .await;
    assert_eq!(reply.status, 200);
    let keys: Vec<String> = backend.keys().into_iter().map(|(_, key)| key).collect();
    assert_eq!(
        keys,
        [
            "main:u1".to_owned(),
            format!("main:sha256-{}", sha256(b"7")),
            format!("main:sha256-{}", sha256(b"8"))
        ]
    );
}

#[tokio::test]
async fn a_hook_without_events_queues_nothing() {
    for (source, body) in [
        (Source::Okta, okta_body(&[])),
        (Source::Onelogin, "[]".to_owned()),
        (Source::Onelogin, String::new()),
    ] {
        let (reply, backend) = post(source, Backend::default(), body).await;
        assert_eq!(reply.status, 200);
        assert!(backend.sends.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_verified_body_that_is_no_hook_is_kept_whole_and_acknowledged() {
    for body in [&b"not json"[..], b"[1]", b"{\"data\":1}", b"\xff\x00", b""] {
        let (reply, backend) = post(Source::Okta, Backend::default(), body).await;
        assert_eq!(reply.status, 200);
        let digest = sha256(body);
        assert_eq!(
            *backend.files.lock().unwrap(),
            [(format!("signals/{digest}"), Bytes::from(body))]
        );
        let signals = backend.signals();
        assert_eq!(signals.len(), 1);
        assert_eq!(signals[0].0, Lane::Bulk);
        assert_eq!(signals[0].1.key.as_str(), format!("main:sha256-{digest}"));
        assert_eq!(signals[0].1.body, SignalBody::File(digest));
    }
}

#[tokio::test]
async fn an_element_too_large_for_a_message_goes_to_the_files_and_its_reference_to_its_lane() {
    let large = format!(
        r#"{{"uuid":"big","eventType":"user.lifecycle.suspend","x":"{}"}}"#,
        "é".repeat(MESSAGE_LIMIT / 2)
    );
    let (reply, backend) = post(Source::Okta, Backend::default(), okta_body(&[LEAVER, &large])).await;
    assert_eq!(reply.status, 200);
    let digest = sha256(large.as_bytes());
    assert_eq!(
        *backend.files.lock().unwrap(),
        [(format!("signals/{digest}"), Bytes::from(large))]
    );
    assert_eq!(
        backend.keys(),
        [
            (Lane::Urgent, "main:u1".to_owned()),
            (Lane::Urgent, "main:big".to_owned())
        ]
    );
    assert_eq!(backend.signals()[1].1.body, SignalBody::File(digest));
}

#[tokio::test]
async fn whatever_a_queue_or_the_files_do_not_take_is_503_and_the_rest_is_queued() {
    for failing in Lane::ALL {
        let backend = Backend {
            failing_lane: Some(failing),
            ..Backend::default()
        };
        let (reply, backend) = post(Source::Okta, backend, okta_body(&[LEAVER, JOINER, NOISE])).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (503, &b"{\"error\":\"RC0104\"}"[..])
        );
        let taken: Vec<Lane> = backend.keys().into_iter().map(|(lane, _)| lane).collect();
        assert_eq!(
            taken,
            Lane::ALL
                .into_iter()
                .filter(|lane| *lane != failing)
                .collect::<Vec<_>>()
        );
    }
    let large = format!(r#"{{"uuid":"big","x":"{}"}}"#, "x".repeat(MESSAGE_LIMIT));
    let (reply, backend) = post(
        Source::Okta,
        Backend {
            failing_files: true,
            ..Backend::default()
        },
        okta_body(&[LEAVER, &large]),
    )
    .await;
    assert_eq!(reply.status, 503);
    // No reference is queued to what was not stored.
    assert_eq!(backend.keys(), [(Lane::Urgent, "main:u1".to_owned())]);
    let (reply, backend) = post(
        Source::Okta,
        Backend {
            failing_files: true,
            ..Backend::default()
        },
        "no hook",
    )
    .await;
    assert_eq!((reply.status.as_u16(), backend.keys().len()), (503, 0));
}
