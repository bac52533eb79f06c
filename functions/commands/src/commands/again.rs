//! Sending something that was taken in before once more.

use rollcall_inbound::{okta, onelogin};
use rollcall_model::{Lane, Message, Signal, SignalBody, SignalFormat, SignalKey};
use serde_json::Value;

use crate::local::Store;

/// The queue that a message belongs on.
pub(super) async fn lane(message: &Message, store: &Store) -> anyhow::Result<Lane> {
    Ok(match message {
        Message::WakeAccount(_) => Lane::Urgent,
        Message::WakeRun(_) | Message::WakeTimer(_) | Message::Command(_) => Lane::Work,
        Message::Signal(signal) => lane_of(signal.format, &raw(signal, store).await?),
    })
}

/// The element as it was sent.
pub(super) async fn raw(signal: &Signal, store: &Store) -> anyhow::Result<String> {
    Ok(match &signal.body {
        SignalBody::Inline(text) => text.clone(),
        SignalBody::File(digest) => {
            let bytes = store.files.get(&rollcall_inbound::envelope::file_name(digest)).await?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    })
}

fn lane_of(format: SignalFormat, raw: &str) -> Lane {
    let element: Value = serde_json::from_str(raw).unwrap_or_default();
    let found = match format {
        SignalFormat::OktaLogEvent => element.get("eventType").and_then(Value::as_str).map(okta::lane),
        SignalFormat::OneloginEvent => element.get("event_type_id").and_then(Value::as_u64).map(onelogin::lane),
    };
    found.unwrap_or(Lane::Bulk)
}

/// The signal with an identity under which the ledger takes it. An event that was dealt with keeps its place in the
/// ledger for good, so the same signal read again is an event of its own; one that nobody has dealt with stays itself.
pub(super) async fn afresh(mut signal: Signal, store: &Store) -> anyhow::Result<Signal> {
    if let Some(stored) = store.ledger.event(&signal.key).await?
        && (stored.seq.is_none() || stored.disposition.is_some())
    {
        let origin = signal.key.as_str().split('~').next().unwrap_or_default();
        signal.key = SignalKey::new(format!("{origin}~{}", store.ids.unique()));
    }
    Ok(signal)
}
