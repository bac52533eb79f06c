//! Both doors, the whole handler: address, headers, body.
//!
//! An input reads like a request: `POST /hook`, header lines, an empty line, the body. Headers go in byte by byte, as a server
//! that lets everything through would hand them over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use rollcall_inbound::{Door, DoorReply, DoorRequest, DoorSettings, Source, onelogin};
use rollcall_model::{Delivery, FileError, Files, Lane, Message, Queue, QueueError, Signal, SignalBody};
use rollcall_runtime::Secret;
use serde_json::Value;

use crate::world::{clock, wait};
use crate::{Target, head, seeds};

/// The door of Okta's hooks.
pub const OKTA: Target = Target {
    seeds: || requests("okta"),
    words: WORDS,
    check: |input| check(Source::Okta, input),
};

/// The door of OneLogin's webhooks.
pub const ONELOGIN: Target = Target {
    seeds: || requests("onelogin"),
    words: WORDS,
    check: |input| check(Source::Onelogin, input),
};

const WORDS: &[&str] = &[
    "\"data\":{\"events\":[",
    "\"events\":",
    "\"d\\u0061ta\":",
    "\"uuid\":\"u1\"",
    "\"eventType\":\"user.lifecycle.deactivate\"",
    "\"event_type_id\":17",
    "\"event\":{",
    "\n\n",
    "GET /hook\n",
    "POST /hook/_bulk\n",
    "authorization: Bearer planted-current-secret\n",
    "Authorization : Bearer planted-current-secret\n",
    " folded\n",
    "x-okta-verification-challenge: \n",
    "transfer-encoding: chunked\n",
];

const SECRET: &str = "Bearer planted-current-secret";
const PREVIOUS: &str = "Bearer planted-previous-secret";

fn requests(vendor: &str) -> Vec<Vec<u8>> {
    let head = format!("POST /hook\nauthorization: {SECRET}\ncontent-type: application/json\n\n");
    let samples = seeds::payloads(vendor, &[".json", ".ndjson"]);
    let posted = samples.iter().map(|body| [head.as_bytes(), body].concat());
    posted.chain(seeds::corpus("door")).collect()
}

/// What was queued and stored.
#[derive(Default)]
struct Kept {
    sends: Mutex<Vec<(Lane, Vec<String>)>>,
    files: Mutex<Vec<(String, Bytes)>>,
}

#[async_trait]
impl Queue for Kept {
    async fn send(&self, lane: Lane, bodies: &[String], _delay: Duration) -> Result<(), QueueError> {
        self.sends.lock().expect("no panic").push((lane, bodies.to_vec()));
        Ok(())
    }
    async fn receive(&self, _: Lane, _: usize, _: Duration) -> Result<Vec<Delivery>, QueueError> {
        unreachable!("a door only sends")
    }
    async fn acknowledge(&self, _: Lane, _: &Delivery) -> Result<(), QueueError> {
        unreachable!("a door only sends")
    }
    async fn give_back(&self, _: Lane, _: &Delivery, _: Duration) -> Result<(), QueueError> {
        unreachable!("a door only sends")
    }
    async fn dead(&self, _: Lane, _: usize) -> Result<Vec<Delivery>, QueueError> {
        unreachable!("a door only sends")
    }
    async fn redrive(&self, _: Lane) -> Result<usize, QueueError> {
        unreachable!("a door only sends")
    }
}

#[async_trait]
impl Files for Kept {
    async fn put(&self, name: &str, body: Bytes) -> Result<(), FileError> {
        self.files.lock().expect("no panic").push((name.to_owned(), body));
        Ok(())
    }
    async fn get(&self, _: &str) -> Result<Bytes, FileError> {
        unreachable!("a door only stores")
    }
    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

impl Kept {
    /// Every signal with its lane and its bytes.
    fn signals(&self) -> Vec<(Lane, Signal, Bytes)> {
        let files = self.files.lock().expect("no panic");
        let sends = self.sends.lock().expect("no panic");
        let texts = sends
            .iter()
            .flat_map(|(lane, bodies)| bodies.iter().map(|text| (*lane, text)));
        texts
            .map(|(lane, text)| {
                let Message::Signal(signal) = serde_json::from_str(text).expect("a door's message can be read") else {
                    panic!("a door queues signals only: {text}");
                };
                let raw = match &signal.body {
                    SignalBody::Inline(text) => Bytes::from(text.clone()),
                    SignalBody::File(digest) => {
                        let name = format!("signals/{digest}");
                        let file = files.iter().find(|(stored, _)| *stored == name);
                        file.expect("what is queued by reference is stored").1.clone()
                    }
                };
                (lane, signal, raw)
            })
            .collect()
    }
}

/// Reads an input as a request; nothing when its first line names no method.
fn request(input: &[u8]) -> Option<DoorRequest> {
    let (head, body) = head::divided(input).unwrap_or((input, b""));
    let (first, headers) = head::read(head);
    let (method, path) = first.split_once(' ').unwrap_or((&first, ""));
    Some(DoorRequest {
        method: Method::from_bytes(method.as_bytes()).ok()?,
        path: path.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body),
    })
}

fn check(source: Source, input: &[u8]) {
    let Some(request) = request(input) else {
        return;
    };
    let settings = DoorSettings {
        source,
        connection: "main".into(),
        path: "/hook".to_owned(),
        header: AUTHORIZATION,
        current: Secret::new(SECRET),
        previous: Some(Secret::new(PREVIOUS)),
    };
    let kept = Arc::new(Kept::default());
    let door = Door::new(&settings, kept.clone(), kept.clone(), clock()).expect("the settings are right");
    let reply = wait(door.handle(request.clone()));
    assert_ne!(reply.status, 503, "everything was taken, and nothing panicked");
    answer_is_ours(&request, &reply);
    let signals = kept.signals();
    let posted = reply.status == 200 && request.method == Method::POST;
    if !posted {
        assert!(signals.is_empty() && kept.files.lock().expect("no panic").is_empty());
    }
    if reply.status == 200 || reply.status == 413 {
        assert!(is_proven(&request.headers), "nobody is let in without the secret");
    }
    if posted {
        everything_is_kept(source, &request.body, &signals);
    }
}

/// By the rule, not by the code: the header is there once, and is one of the two values.
fn is_proven(headers: &HeaderMap) -> bool {
    let values: Vec<&HeaderValue> = headers.get_all(AUTHORIZATION).iter().collect();
    values.len() == 1
        && [SECRET, PREVIOUS]
            .iter()
            .any(|secret| values[0].as_bytes() == secret.as_bytes())
}

/// An answer holds the challenge that was asked back and nothing else, or a code of ours: never a secret, and nothing of a body.
fn answer_is_ours(request: &DoorRequest, reply: &DoorReply) {
    let text = std::str::from_utf8(&reply.body).expect("answers are text");
    if reply.status == 200 && request.method == Method::GET {
        let answer: Value = serde_json::from_str(text).expect("a challenge is answered with JSON");
        let sent = request
            .headers
            .get("x-okta-verification-challenge")
            .expect("it was asked for");
        assert_eq!(
            answer["verification"].as_str().map(str::as_bytes),
            Some(sent.as_bytes())
        );
    } else {
        assert!(!text.contains("planted"), "{text}");
        let code = text.is_empty() || (text.starts_with("{\"error\":\"RC01") && text.len() < 24);
        assert!(code, "{text}");
    }
}

/// Every queued piece lies in the body, and every event that a JSON parser finds in the body is among the pieces.
fn everything_is_kept(source: Source, body: &[u8], signals: &[(Lane, Signal, Bytes)]) {
    for (lane, signal, raw) in signals {
        assert!(!raw.is_empty() || body.is_empty());
        let inside = raw.is_empty() || body.windows(raw.len()).any(|part| part == raw);
        assert!(inside, "a piece that nobody sent: {}", String::from_utf8_lossy(raw));
        assert!(signal.key.as_str().starts_with("main:") && signal.key.as_str().is_ascii());
        assert_eq!(signal.format, source.format());
        urgent_is_urgent(source, *lane, raw);
    }
    let mut keys: Vec<&str> = signals.iter().map(|(_, signal, _)| signal.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), signals.len(), "each key once");
    let pieces: Vec<Value> = signals
        .iter()
        .filter_map(|(_, _, raw)| serde_json::from_slice(raw).ok())
        .collect();
    for event in events(source, body) {
        let whole = signals.iter().any(|(_, _, raw)| *raw == body);
        // One that has the id of another in the same body is that other.
        let known = pieces
            .iter()
            .any(|piece| *piece == event || piece["event"] == event || has_id(piece, &event));
        assert!(whole || known, "lost: {event}");
    }
}

fn has_id(piece: &Value, event: &Value) -> bool {
    let id = |value: &Value| {
        value["uuid"]
            .as_str()
            .or(value["create"]["_id"].as_str())
            .map(str::to_owned)
    };
    id(piece).is_some() && id(piece) == id(event)
}

/// What a whole JSON parser makes of the body; nothing when it refuses it.
fn events(source: Source, body: &[u8]) -> Vec<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    match source {
        Source::Okta => parsed["data"]["events"].as_array().cloned().unwrap_or_default(),
        Source::Onelogin => {
            let list = match parsed {
                Value::Array(list) => list,
                one => vec![one],
            };
            list.into_iter()
                .map(|one| {
                    if one["event"].is_object() {
                        one["event"].clone()
                    } else {
                        one
                    }
                })
                .collect()
        }
    }
}

/// A well-formed event that may take somebody's access is never among the noise.
fn urgent_is_urgent(source: Source, lane: Lane, raw: &[u8]) {
    // A name that is there twice, or escaped, has no meaning that everybody agrees on.
    let once = |name: &str| raw.windows(name.len()).filter(|part| *part == name.as_bytes()).count() == 1;
    let Ok(event) = serde_json::from_slice::<Value>(raw) else {
        return;
    };
    if raw.contains(&b'\\') || !event.is_object() || event.get("event").is_some() {
        return;
    }
    let twice = ["\"uuid\"", "\"create\"", "\"event\""]
        .iter()
        .any(|name| raw.windows(name.len()).filter(|part| *part == name.as_bytes()).count() > 1);
    if twice {
        return;
    }
    let urgent = match source {
        Source::Okta => once("\"eventType\"") && event["eventType"] == "user.lifecycle.deactivate",
        Source::Onelogin => {
            once("\"event_type_id\"")
                && event["event_type_id"]
                    .as_u64()
                    .is_some_and(|number| onelogin::lane(number) == Lane::Urgent)
        }
    };
    assert!(!urgent || lane == Lane::Urgent, "{lane}: {event}");
}
