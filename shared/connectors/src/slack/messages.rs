//! Sending and changing messages.

use rollcall_model::{Applied, Call, Change, Failure};
use serde_json::{Value, json};

use super::actions::{DM, POST, UPDATE};
use super::client::{Answer, Client, without_effect};
use crate::exchange::text;

/// Longest text, in characters: Slack advises 4,000 and cuts on its own terms beyond (Slack, "chat.postMessage").
const LONGEST_TEXT: usize = 4_000;
/// `metadata.event_type` of every message of ours.
pub(super) const EVENT_TYPE: &str = "rollcall";

/// Makes the change.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
    match change.action.as_str() {
        POST => {
            let channel = parameter(change, "channel")?;
            post(client, call, change, channel, marker).await
        }
        DM => {
            let channel = dm_channel(client, call, parameter(change, "email")?).await?;
            post(client, call, change, &channel, marker).await
        }
        UPDATE => update(client, call, change, marker).await,
        other => Err(Failure::give_up(format!("Slack has no action {other} in this version"))),
    }
}

/// A parameter that must be there.
pub(super) fn parameter<'a>(change: &'a Change, name: &str) -> Result<&'a str, Failure> {
    text(&change.with, name).ok_or_else(|| Failure::give_up(format!("{}: {name} is missing", change.action)))
}

/// The conversation with the person of this e-mail address. Opening it again is the same conversation, so nothing of this
/// leaves anything open.
pub(super) async fn dm_channel(client: &Client, call: &Call, email: &str) -> Result<String, Failure> {
    let found = client
        .read(
            call,
            "looking for the person",
            "users.lookupByEmail",
            &[("email", email)],
        )
        .await?
        .body;
    let user = found.get("user").cloned().unwrap_or_default();
    if user.get("deleted") == Some(&Value::Bool(true)) {
        return Err(Failure::give_up(
            "looking for the person: their Slack account is deactivated",
        ));
    }
    let id = text(&user, "id").ok_or_else(|| Failure::retry("looking for the person: the answer names no user"))?;
    let opened = client
        .write(
            call,
            "opening the conversation",
            "conversations.open",
            &json!({ "users": id }),
        )
        .await
        .map_err(without_effect)?
        .body;
    let channel = opened.pointer("/channel/id").and_then(Value::as_str);
    channel
        .map(str::to_owned)
        .ok_or_else(|| Failure::retry("opening the conversation: the answer names none"))
}

async fn post(client: &Client, call: &Call, change: &Change, channel: &str, marker: &str) -> Result<Applied, Failure> {
    let what = "posting the message";
    let mut body = content(change, marker)?;
    if let Some(members) = body.as_object_mut() {
        members.insert("channel".to_owned(), json!(channel));
        members.insert("unfurl_links".to_owned(), json!(false));
        members.insert("unfurl_media".to_owned(), json!(false));
        if let Some(thread) = text(&change.with, "thread_ts") {
            members.insert("thread_ts".to_owned(), json!(thread));
        }
    }
    let answer = client.write(call, what, "chat.postMessage", &body).await?;
    let applied = applied(what, &answer)?;
    if let Some(id) = text(&applied.reference, "channel") {
        client.remember(channel, id);
    }
    Ok(applied)
}

async fn update(client: &Client, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
    let what = "updating the message";
    let mut body = content(change, marker)?;
    if let Some(members) = body.as_object_mut() {
        members.insert("channel".to_owned(), json!(parameter(change, "channel")?));
        members.insert("ts".to_owned(), json!(parameter(change, "ts")?));
    }
    let answer = client.write(call, what, "chat.update", &body).await?;
    applied(what, &answer)
}

fn content(change: &Change, marker: &str) -> Result<Value, Failure> {
    let mut body = json!({
        "text": cut(parameter(change, "text")?),
        "metadata": { "event_type": EVENT_TYPE, "event_payload": { "key": marker } },
    });
    if let (Some(members), Some(blocks @ Value::Array(_))) = (body.as_object_mut(), change.with.get("blocks")) {
        members.insert("blocks".to_owned(), blocks.clone());
    }
    Ok(body)
}

/// `(channel, ts)` is what Slack names a message by.
fn applied(what: &str, answer: &Answer) -> Result<Applied, Failure> {
    match (text(&answer.body, "channel"), text(&answer.body, "ts")) {
        (Some(channel), Some(ts)) => Ok(Applied {
            request_id: answer.request_id.clone(),
            reference: json!({ "channel": channel, "ts": ts }),
        }),
        _ => Err(Failure::retry(format!("{what}: the answer names no message")).maybe_executed()),
    }
}

/// The text, or as much of it as Slack takes well.
pub(super) fn cut(whole: &str) -> String {
    if whole.chars().count() <= LONGEST_TEXT {
        return whole.to_owned();
    }
    whole.chars().take(LONGEST_TEXT - 1).chain(['…']).collect()
}
