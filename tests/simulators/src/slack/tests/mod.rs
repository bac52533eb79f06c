//! A workspace driven through its wire, as a client would.

mod lists;
mod reads;

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Slack;
use crate::faults::{Fault, FaultRule};
use crate::wire::{Reply, Request, Response, Simulator};

const ALL: [&str; 7] = [
    "chat:write",
    "users:read.email",
    "im:write",
    "mpim:write",
    "channels:history",
    "im:history",
    "groups:history",
];

fn now() -> Timestamp {
    "2026-03-02T18:04:11Z".parse().unwrap()
}

fn workspace() -> Slack {
    let slack = Slack::new("T0EXAMPLE01");
    slack.add_token("xoxb-all", &ALL);
    slack.add_token("xoxb-few", &["chat:write", "im:write"]);
    slack.add_channel("C0EXAMPLE01", "identity-ops", true);
    slack.add_channel("C0EXAMPLE02", "elsewhere", false);
    slack.add_private_channel("C0EXAMPLE03", "secret", false);
    slack.add_user("U0EXAMPLE02", "jordan.rivera@corp.example", "Jordan Rivera");
    slack.add_user("U0EXAMPLE03", "sam.okafor@corp.example", "Sam Okafor");
    slack
}

fn whole(slack: &Slack, token: &str, method: &str, body: &Value, at: Timestamp) -> Response {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = format!("/api/{method}").parse().unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
        .headers_mut()
        .insert("content-type", "application/json; charset=utf-8".parse().unwrap());
    match slack.answer(&request, at) {
        Reply::Answer(response) => response,
        other => panic!("no answer: {other:?}"),
    }
}

fn at(slack: &Slack, token: &str, method: &str, body: &Value, moment: Timestamp) -> Value {
    serde_json::from_slice(whole(slack, token, method, body, moment).body()).unwrap()
}

fn call(slack: &Slack, method: &str, body: &Value) -> Value {
    at(slack, "xoxb-all", method, body, now())
}

fn form(slack: &Slack, target: &str, body: &str) -> Value {
    let mut request = Request::new(Bytes::from(body.to_owned()));
    *request.method_mut() = if body.is_empty() {
        http::Method::GET
    } else {
        http::Method::POST
    };
    *request.uri_mut() = format!("/api/{target}").parse().unwrap();
    request
        .headers_mut()
        .insert("authorization", "Bearer xoxb-all".parse().unwrap());
    if !body.is_empty() {
        request
            .headers_mut()
            .insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    }
    let Reply::Answer(response) = slack.answer(&request, now()) else {
        panic!("no answer")
    };
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn a_message_answers_in_the_vendors_shape() {
    let slack = workspace();
    let answer = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "hello" }),
    );
    assert_eq!(
        answer,
        json!({ "ok": true, "channel": "C0EXAMPLE01", "ts": "1772474651.000000", "message": {
            "type": "message", "user": "U0ROLLCALL1", "bot_id": "B0EXAMPLE01", "app_id": "A0EXAMPLE01", "team": "T0EXAMPLE01", "text": "hello", "ts": "1772474651.000000" } })
    );
    assert_eq!(slack.counters().get("post-message"), 1);
    let second = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "#identity-ops", "text": "again" }),
    );
    assert!(second["ts"].as_str() > answer["ts"].as_str());
    assert_eq!(
        slack
            .messages("identity-ops")
            .iter()
            .map(|message| message.text.as_str())
            .collect::<Vec<_>>(),
        ["hello", "again"]
    );
}

#[test]
fn forms_carry_structures_as_text() {
    let slack = workspace();
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("channel", "C0EXAMPLE01")
        .append_pair("text", "hello")
        .append_pair("blocks", r#"[{"type":"divider"}]"#)
        .append_pair(
            "metadata",
            r#"{"event_type":"rollcall_run","event_payload":{"key":"k1"}}"#,
        )
        .finish();
    assert_eq!(form(&slack, "chat.postMessage", &body)["ok"], true);
    let message = &slack.messages("C0EXAMPLE01")[0];
    assert_eq!(
        (
            message.blocks.clone(),
            message
                .metadata
                .as_ref()
                .map(|meta| meta["event_payload"]["key"].clone())
        ),
        (Some(json!([{ "type": "divider" }])), Some(json!("k1")))
    );
    assert_eq!(
        form(&slack, "chat.postMessage", "channel=C0EXAMPLE01&text=x&blocks=%5B")["error"],
        "invalid_blocks_format"
    );
}

#[test]
fn failures_are_200_with_a_code() {
    let slack = workspace();
    slack.archive("C0EXAMPLE01");
    let post = |channel: &str, text: &str| {
        call(&slack, "chat.postMessage", &json!({ "channel": channel, "text": text }))["error"].clone()
    };
    assert_eq!(post("C0NOWHERE01", "x"), "channel_not_found");
    assert_eq!(post("C0EXAMPLE01", "x"), "is_archived");
    assert_eq!(post("C0EXAMPLE02", "x"), "not_in_channel");
    assert_eq!(post("C0EXAMPLE03", "x"), "channel_not_found");
    assert_eq!(post("C0EXAMPLE02", ""), "no_text");
    assert_eq!(post("C0EXAMPLE02", &"x".repeat(40_001)), "msg_too_long");
    let blocks = json!({ "channel": "C0EXAMPLE02", "text": "x", "blocks": vec![json!({ "type": "divider" }); 51] });
    assert_eq!(call(&slack, "chat.postMessage", &blocks)["error"], "invalid_blocks");
    assert_eq!(
        call(&slack, "chat.nothing", &json!({})),
        json!({ "ok": false, "error": "unknown_method", "req_method": "chat.nothing" })
    );
    assert_eq!(slack.counters().get("post-message"), 0);
    slack.add_token("xoxb-wide", &["chat:write", "chat:write.public"]);
    assert_eq!(
        at(
            &slack,
            "xoxb-wide",
            "chat.postMessage",
            &json!({ "channel": "C0EXAMPLE02", "text": "x" }),
            now()
        )["ok"],
        true
    );
}

#[test]
fn tokens_and_scopes_are_checked() {
    let slack = workspace();
    let post = json!({ "channel": "C0EXAMPLE01", "text": "x" });
    assert_eq!(at(&slack, "", "auth.test", &json!({}), now())["error"], "not_authed");
    assert_eq!(
        at(&slack, "xoxb-none", "chat.postMessage", &post, now())["error"],
        "invalid_auth"
    );
    slack.add_token("xoxb-old", &ALL);
    slack.revoke_token("xoxb-old");
    assert_eq!(
        at(&slack, "xoxb-old", "chat.postMessage", &post, now())["error"],
        "token_revoked"
    );
    let lacking = at(
        &slack,
        "xoxb-few",
        "users.lookupByEmail",
        &json!({ "email": "x@corp.example" }),
        now(),
    );
    assert_eq!(
        lacking,
        json!({ "ok": false, "error": "missing_scope", "needed": "users:read.email", "provided": "chat:write,im:write" })
    );
    let identity = call(&slack, "auth.test", &json!({}));
    assert_eq!(
        (identity["team_id"].as_str(), identity["user_id"].as_str()),
        (Some("T0EXAMPLE01"), Some("U0ROLLCALL1"))
    );
}

#[test]
fn only_own_messages_can_be_updated() {
    let slack = workspace();
    let ts = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C0EXAMPLE01", "text": "one" }),
    )["ts"]
        .clone();
    let update = |ts: &Value, text: &str| {
        call(
            &slack,
            "chat.update",
            &json!({ "channel": "C0EXAMPLE01", "ts": ts, "text": text }),
        )
    };
    let updated = update(&ts, "two");
    assert_eq!(
        (updated["ok"].as_bool(), updated["text"].as_str(), &updated["ts"]),
        (Some(true), Some("two"), &ts)
    );
    assert!(slack.messages("C0EXAMPLE01")[0].edited.is_some());
    assert_eq!(update(&json!("1.000000"), "x")["error"], "message_not_found");
    let theirs = slack.say("C0EXAMPLE01", "U0EXAMPLE02", "mine", now());
    assert_eq!(update(&json!(theirs), "x")["error"], "cant_update_message");
    assert_eq!(slack.counters().get("update-message"), 1);
}

#[test]
fn a_channel_takes_a_burst_and_then_one_a_second() {
    let slack = workspace();
    slack.set_burst(2);
    let post = |channel: &str, moment: Timestamp| {
        whole(
            &slack,
            "xoxb-all",
            "chat.postMessage",
            &json!({ "channel": channel, "text": "x" }),
            moment,
        )
    };
    assert_eq!(
        [post("C0EXAMPLE01", now()).status(), post("C0EXAMPLE01", now()).status()],
        [200, 200]
    );
    let limited = post("C0EXAMPLE01", now());
    assert_eq!(
        (
            limited.status().as_u16(),
            limited.headers()["retry-after"].to_str().unwrap(),
            &limited.body()[..]
        ),
        (429, "1", &br#"{"error":"ratelimited","ok":false}"#[..])
    );
    assert_eq!(post("U0EXAMPLE02", now()).status(), 200, "each channel has its own");
    let later = now() + Duration::from_secs(1);
    assert_eq!(
        [
            post("C0EXAMPLE01", later).status().as_u16(),
            post("C0EXAMPLE01", later).status().as_u16()
        ],
        [200, 429]
    );
    assert_eq!(slack.counters().get("post-message"), 4);
}

#[test]
fn faults_speak_the_vendors_language() {
    let slack = workspace();
    let post = json!({ "channel": "C0EXAMPLE01", "text": "x" });
    for (fault, status, code) in [
        (Fault::RateLimited(Duration::from_secs(12)), 429, "ratelimited"),
        (Fault::ServerError, 500, "internal_error"),
        (Fault::Unavailable, 503, "service_unavailable"),
        (Fault::TokenExpired, 200, "token_expired"),
    ] {
        slack.faults().add(FaultRule::once("chat.postMessage", fault));
        let response = whole(&slack, "xoxb-all", "chat.postMessage", &post, now());
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), body["error"].as_str()),
            (status, Some(code))
        );
    }
    assert_eq!(slack.counters().get("post-message"), 0);
    slack
        .faults()
        .add(FaultRule::once("chat.postMessage", Fault::ServerErrorAfterExecution));
    assert_eq!(
        whole(&slack, "xoxb-all", "chat.postMessage", &post, now()).status(),
        500
    );
    assert_eq!(slack.counters().get("post-message"), 1);
    slack
        .faults()
        .add(FaultRule::once("conversations.history", Fault::EmptyList));
    assert_eq!(
        call(&slack, "conversations.history", &json!({ "channel": "C0EXAMPLE01" }))["messages"],
        json!([])
    );
}
