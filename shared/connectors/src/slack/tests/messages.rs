use std::time::Duration;

use rollcall_model::{Executed, FailureClass, Planned, TransportError};

use super::super::messages::cut;
use super::*;
use crate::scripted::{lost, raw, sent_json, urgent};

fn post_line() -> String {
    format!("POST {API}/chat.postMessage")
}

fn to_channel() -> Change {
    change(
        "slack/post",
        json!({ "channel": "#security", "text": "Alice is out", "blocks": [{ "type": "divider" }] }),
    )
}

async fn apply(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new(steps);
    let answer = connect(&script).apply(&urgent(), change, MARKER).await;
    script.done();
    answer
}

#[tokio::test]
async fn a_post_carries_our_key_and_answers_channel_and_ts() {
    let script = Script::new([
        team("T0EXAMPLE01"),
        step(&post_line(), 200, &posted()).with("x-slack-req-id", "req-7").check(|request| {
            assert_eq!(request.headers()["authorization"], "Bearer xoxb-planted");
            assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
            assert_eq!(
                sent_json(request),
                json!({ "channel": "#security", "text": "Alice is out", "blocks": [{ "type": "divider" }], "unfurl_links": false, "unfurl_media": false,
                    "metadata": { "event_type": "rollcall", "event_payload": { "key": MARKER } } })
            );
        }),
        // The workspace is asked for once.
        step(&post_line(), 200, &posted()).check(|request| assert_eq!(sent_json(request)["thread_ts"], TS)),
    ]);
    let slack = connect(&script);
    let applied = slack.apply(&urgent(), &to_channel(), MARKER).await.unwrap();
    assert_eq!(
        applied,
        Applied {
            request_id: Some("req-7".to_owned()),
            reference: json!({ "channel": CHANNEL, "ts": TS })
        }
    );
    let reply = change(
        "slack/post",
        json!({ "channel": CHANNEL, "text": "more", "thread_ts": TS }),
    );
    slack.apply(&urgent(), &reply, MARKER).await.unwrap();
    script.done();
}

#[tokio::test]
async fn a_direct_message_finds_the_person_by_address() {
    let dm = change("slack/dm", json!({ "email": "jordan+x@corp.example", "text": "hi" }));
    let lookup = |user: Value| {
        step(
            &format!("GET {API}/users.lookupByEmail?email=jordan%2Bx%40corp.example"),
            200,
            &json!({ "ok": true, "user": user }),
        )
    };
    let open = || {
        step(
            &format!("POST {API}/conversations.open"),
            200,
            &json!({ "ok": true, "channel": { "id": "D0EXAMPLE01" } }),
        )
        .check(|request| assert_eq!(sent_json(request), json!({ "users": "U0EXAMPLE02" })))
    };
    let send = step(
        &post_line(),
        200,
        &json!({ "ok": true, "channel": "D0EXAMPLE01", "ts": TS }),
    )
    .check(|request| assert_eq!(sent_json(request)["channel"], "D0EXAMPLE01"));
    let applied = apply(
        &dm,
        [
            team("T0EXAMPLE01"),
            lookup(json!({ "id": "U0EXAMPLE02", "deleted": false })),
            open(),
            send,
        ],
    )
    .await
    .unwrap();
    assert_eq!(applied.reference, json!({ "channel": "D0EXAMPLE01", "ts": TS }));

    let gone = apply(
        &dm,
        [
            team("T0EXAMPLE01"),
            lookup(json!({ "id": "U0EXAMPLE02", "deleted": true })),
        ],
    )
    .await
    .unwrap_err();
    assert_eq!(gone.class, FailureClass::GiveUp);
    let opening = lost(
        &format!("POST {API}/conversations.open"),
        TransportError::Timeout(Duration::from_secs(15)),
    );
    let opening = apply(
        &dm,
        [team("T0EXAMPLE01"), lookup(json!({ "id": "U0EXAMPLE02" })), opening],
    )
    .await
    .unwrap_err();
    assert_eq!((opening.is_retryable(), opening.executed), (true, Executed::No));
}

#[tokio::test]
async fn an_update_addresses_the_message() {
    let update = change("slack/update", json!({ "channel": CHANNEL, "ts": TS, "text": "done" }));
    let send = step(&format!("POST {API}/chat.update"), 200, &posted()).check(|request| {
        let body = sent_json(request);
        assert_eq!(
            (&body["channel"], &body["ts"], &body["text"]),
            (&json!(CHANNEL), &json!(TS), &json!("done"))
        );
    });
    apply(&update, [team("T0EXAMPLE01"), send]).await.unwrap();
}

#[tokio::test]
async fn the_wrong_workspace_gets_nothing() {
    let script = Script::new([team("T0OTHER")]);
    let slack = connect(&script);
    for _ in 0..2 {
        let refused = slack.apply(&urgent(), &to_channel(), MARKER).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Credential);
        assert_eq!(
            refused.reason,
            "slack belongs to workspace T0OTHER, configured T0EXAMPLE01: refusing every call"
        );
    }
    script.done();
    let bad = step(
        &format!("POST {API}/auth.test"),
        200,
        &json!({ "ok": false, "error": "invalid_auth" }),
    );
    assert_eq!(
        apply(&to_channel(), [bad]).await.unwrap_err().class,
        FailureClass::Credential
    );
}

#[tokio::test]
async fn lost_and_odd_answers_leave_open_whether_it_was_posted() {
    for (answer, executed) in [
        (
            lost(&post_line(), TransportError::Timeout(Duration::from_secs(15))),
            Executed::Maybe,
        ),
        (
            lost(&post_line(), TransportError::Broken("cut".to_owned())),
            Executed::Maybe,
        ),
        (
            lost(&post_line(), TransportError::Connect("refused".to_owned())),
            Executed::No,
        ),
        (raw(&post_line(), 200, "text/html", "<html>"), Executed::Maybe),
        (
            raw(&post_line(), 200, "application/json", "{\"ok\":true,\"chan"),
            Executed::Maybe,
        ),
        (step(&post_line(), 200, &json!({ "ok": true })), Executed::Maybe),
        (raw(&post_line(), 503, "text/html", "<html>"), Executed::Maybe),
        (
            raw(
                &post_line(),
                429,
                "application/json",
                "{\"ok\":false,\"error\":\"ratelimited\"}",
            )
            .with("retry-after", "12"),
            Executed::No,
        ),
    ] {
        let failure = apply(&to_channel(), [team("T0EXAMPLE01"), answer]).await.unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
        assert_eq!(failure.executed, executed, "{failure:?}");
        assert!(!format!("{failure:?}").contains("xoxb"), "{failure:?}");
    }
}

#[test]
fn long_texts_are_cut_at_characters() {
    assert_eq!(cut("short"), "short");
    let exact = "é".repeat(4000);
    assert_eq!(cut(&exact), exact);
    let long = cut(&"é".repeat(4001));
    assert_eq!((long.chars().count(), long.ends_with("é…")), (4000, true));
}

#[tokio::test]
async fn planning_needs_no_call_and_refuses_what_is_incomplete() {
    let script = Script::new([]);
    let slack = connect(&script);
    let asked = [ActionUse {
        action: "slack/post".to_owned(),
        with: Value::Null,
    }];
    let seen = slack.observe(&urgent(), None, &asked).await.unwrap();
    let Observation::Known(state) = &seen[0] else {
        panic!("{seen:?}")
    };
    let all = crate::catalogue();
    let post = all.get("slack/post").unwrap();
    assert_eq!(
        post.plan(state, &json!({ "channel": "#x", "text": "y" })),
        Planned::Change {
            after: json!({ "posted": true })
        }
    );
    for with in [
        json!({}),
        json!({ "channel": "#x" }),
        json!({ "channel": "#x", "text": " " }),
        json!({ "channel": 7, "text": "y" }),
    ] {
        assert!(matches!(post.plan(state, &with), Planned::Refuse(_)), "{with}");
    }
    let done = State {
        value: json!({ "posted": true }),
        evidence: Value::Null,
    };
    assert_eq!(
        post.plan(&done, &json!({ "channel": "#x", "text": "y" })),
        Planned::AlreadySo
    );
}
