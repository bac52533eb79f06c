//! A door from outside: who is let in, what is answered, what is queued and stored.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "door/answers.rs"]
mod answers;
#[path = "door/intake.rs"]
mod intake;
mod support;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use rollcall_inbound::{DoorReply, Source};
use rollcall_model::queue::Message;
use rollcall_model::{Lane, Signal};

use crate::support::{Backend, SECRET, door, request};

impl Backend {
    pub(crate) fn signals(&self) -> Vec<(Lane, Signal)> {
        let sends = self.sends.lock().unwrap();
        sends
            .iter()
            .flat_map(|(lane, bodies)| bodies.iter().map(|body| (*lane, body)))
            .map(|(lane, body)| match serde_json::from_str(body).unwrap() {
                Message::Signal(signal) => (lane, signal),
                other => panic!("not a signal: {other:?}"),
            })
            .collect()
    }

    pub(crate) fn keys(&self) -> Vec<(Lane, String)> {
        self.signals()
            .into_iter()
            .map(|(lane, signal)| (lane, signal.key.to_string()))
            .collect()
    }
}

/// Posts a body with the right secret to a door whose back end does as told.
pub(crate) async fn post(source: Source, backend: Backend, body: impl Into<Bytes>) -> (DoorReply, Arc<Backend>) {
    let backend = Arc::new(backend);
    let reply = door(source, &backend)
        .handle(request(Method::POST, "/hook", Some(SECRET), body))
        .await;
    (reply, backend)
}
