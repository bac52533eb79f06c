//! Events as connectors read them: whatever an element holds, the answer is an event that can be kept.

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_model::{
    Connector, Event, HttpRequest, HttpResponse, Signal, SignalBody, SignalFormat, Transport, TransportError,
};
use rollcall_runtime::Secret;
use serde_json::Value;

use crate::world::moment;
use crate::{Target, seeds, vendor};

/// Okta's log events.
pub const OKTA: Target = Target {
    seeds: || elements("okta"),
    words: &[
        "\"eventType\":\"user.lifecycle.deactivate\"",
        "\"target\":[",
        "{\"type\":\"User\",\"id\":\"00u1\"}",
        "\"published\":\"2026-03-02T08:15:30.123Z\"",
        "\"outcome\":{\"result\":\"FAILURE\"}",
    ],
    check: |input| check(&vendor::okta(Arc::new(Nobody)), SignalFormat::OktaLogEvent, input),
};

/// OneLogin's events.
pub const ONELOGIN: Target = Target {
    seeds: || elements("onelogin"),
    words: &[
        "\"event_type_id\":17",
        "\"account_id\":424242",
        "\"user_id\":9223372036854775808",
        "\"event\":{",
        "\"event_timestamp\":\"2026-11-20 09:15:02 UTC\"",
        "\"risk_score\":51",
    ],
    check: |input| {
        check(
            &vendor::onelogin(Arc::new(Nobody), Secret::new("planted")),
            SignalFormat::OneloginEvent,
            input,
        )
    },
};

/// Each event of each sample body.
fn elements(name: &str) -> Vec<Vec<u8>> {
    let bodies = seeds::payloads(name, &[".json", ".ndjson"]);
    let mut all = Vec::new();
    for body in bodies {
        let text = String::from_utf8(body).expect("samples are text");
        let list = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Array(list)) => list,
            Ok(one) => one["data"]["events"].as_array().cloned().unwrap_or_default(),
            Err(_) => text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        };
        all.extend(list.iter().map(|one| one.to_string().into_bytes()));
    }
    all
}

fn check(connector: &dyn Connector, format: SignalFormat, input: &[u8]) {
    // A door keeps what is no text as a file; the worker reads it so.
    let raw = String::from_utf8_lossy(input);
    let signal = Signal {
        key: "main:k".into(),
        source: connector.connection().clone(),
        format,
        received_at: moment(),
        body: SignalBody::Inline(raw.clone().into_owned()),
    };
    let event = connector.normalise(&signal, &raw);
    assert_eq!(
        (&event.key, &event.source, event.received_at),
        (&signal.key, &signal.source, signal.received_at)
    );
    assert!(event.vendor_type.chars().count() <= 201, "a type is short");
    assert!(
        !event.vendor_type.chars().any(char::is_control),
        "a type is one line: {:?}",
        event.vendor_type
    );
    let kept = serde_json::to_string(&event).expect("an event can be kept");
    let read: Event = serde_json::from_str(&kept).expect("what was kept can be read");
    assert_eq!(read, event);
    // An account is somebody of whom the element speaks; no id is made up.
    if let Some(account) = &event.account {
        assert_eq!(account.connection, signal.source);
        let parsed: Value = serde_json::from_str(&raw).expect("what has an account was understood");
        assert!(holds(&parsed, &account.id), "{} in {parsed}", account.id);
    }
}

fn holds(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        Value::Array(list) => list.iter().any(|one| holds(one, id)),
        Value::Object(members) => members.values().any(|one| holds(one, id)),
        _ => false,
    }
}

/// Reading an event asks nobody.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn send(&self, _: HttpRequest, _: std::time::Duration) -> Result<HttpResponse, TransportError> {
        panic!("reading an event asks nobody")
    }
}
