//! Looking for a message of ours whose answer was lost.

use std::time::Duration;

use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::actions::{DM, POST};
use super::client::Client;
use super::messages::{EVENT_TYPE, dm_channel, parameter};
use crate::exchange::text;

/// How far back the search goes. An intent is looked after within minutes; a week also covers a queue that stood still.
const WINDOW: Duration = Duration::from_hours(7 * 24);

/// The message that carries the marker. `Ok(None)` only after the whole window was read.
pub(super) async fn find(
    client: &Client,
    call: &Call,
    change: &Change,
    marker: &str,
) -> Result<Option<Applied>, Failure> {
    let channel = match change.action.as_str() {
        POST => client.channel_id(call, parameter(change, "channel")?).await?,
        DM => dm_channel(client, call, parameter(change, "email")?).await?,
        other => return Err(Failure::give_up(format!("{other} is repeated, not searched for"))),
    };
    let window = i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX);
    let oldest = format!(
        "{}.000000",
        client.exchange.clock.now().as_second().saturating_sub(window)
    );
    let mut parameters = vec![
        ("channel", channel.as_str()),
        ("oldest", &oldest),
        ("limit", "999"),
        ("include_all_metadata", "true"),
    ];
    let what = "looking for the message";
    // A reply shows in its thread only.
    let messages = match text(&change.with, "thread_ts") {
        Some(thread) => {
            parameters.push(("ts", thread));
            client
                .list(call, what, "conversations.replies", &parameters, "messages")
                .await?
        }
        None => {
            client
                .list(call, what, "conversations.history", &parameters, "messages")
                .await?
        }
    };
    Ok(messages
        .iter()
        .find(|message| is_ours(message, marker))
        .and_then(|message| text(message, "ts"))
        .map(|ts| Applied {
            request_id: None,
            reference: json!({ "channel": channel, "ts": ts }),
        }))
}

fn is_ours(message: &Value, marker: &str) -> bool {
    let metadata = message.get("metadata");
    metadata.and_then(|metadata| text(metadata, "event_type")) == Some(EVENT_TYPE)
        && metadata.and_then(|metadata| metadata.pointer("/event_payload/key")?.as_str()) == Some(marker)
}
