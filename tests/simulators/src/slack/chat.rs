//! `chat.postMessage` and `chat.update`.

use serde_json::{Value, json};

use super::Message;
use super::args::Args;
use super::state::{APP, BOT_USER, ChannelKind, State};
use super::web::Trouble;

/// Longest text, in characters (chat.postMessage, "Truncating content").
const LONGEST_TEXT: usize = 40_000;
/// Most blocks of a message, longest section and header text (Block Kit reference).
const MOST_BLOCKS: usize = 50;
const LONGEST_SECTION: usize = 3000;
const LONGEST_HEADER: usize = 150;

impl State {
    pub(super) fn post_message(&mut self, args: &Args) -> Result<Value, Trouble> {
        let wanted = args.text("channel").ok_or("channel_not_found")?;
        let text = args.text("text").unwrap_or_default().to_owned();
        let (blocks, metadata) = content(args)?;
        if text.is_empty() && blocks.is_none() {
            return Err("no_text".into());
        }
        if text.chars().count() > LONGEST_TEXT {
            return Err("msg_too_long".into());
        }
        let channel = self.postable(wanted)?;
        let thread = match args.text("thread_ts") {
            None => None,
            // A reply to a reply belongs to the thread of its first message.
            Some(ts) => {
                let parent = &self.message(&channel, ts).ok_or("thread_not_found")?.message;
                Some(parent.thread_ts.clone().unwrap_or_else(|| parent.ts.clone()))
            }
        };
        self.take_turn(&channel).map_err(Trouble::Wait)?;
        let ts = self.next_ts();
        let broadcast = thread.is_some() && args.flag("reply_broadcast");
        let message = Message {
            ts: ts.clone(),
            channel: channel.clone(),
            user: BOT_USER.to_owned(),
            text,
            blocks,
            metadata,
            thread_ts: thread,
            broadcast,
            edited: None,
        };
        let shown = self.shown(&message, true);
        self.store(message);
        self.effects.push("post-message");
        Ok(json!({ "channel": channel, "ts": ts, "message": shown }))
    }

    pub(super) fn update_message(&mut self, args: &Args) -> Result<Value, Trouble> {
        let channel = args
            .text("channel")
            .filter(|id| self.channels.contains_key(*id))
            .ok_or("channel_not_found")?
            .to_owned();
        let ts = args.text("ts").ok_or("message_not_found")?.to_owned();
        let (blocks, metadata) = content(args)?;
        if !args.has("text") && blocks.is_none() {
            return Err("no_text".into());
        }
        let text = args.text("text").map(str::to_owned);
        if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
            return Err("msg_too_long".into());
        }
        let edit = self.next_ts();
        let stored = self
            .messages
            .iter_mut()
            .find(|stored| stored.message.channel == channel && stored.message.ts == ts)
            .ok_or("message_not_found")?;
        if stored.message.user != BOT_USER {
            return Err("cant_update_message".into());
        }
        let message = &mut stored.message;
        if let Some(text) = text {
            message.text = text;
        }
        // An update without blocks takes the old ones away; one without metadata leaves them.
        message.blocks = blocks;
        if metadata.is_some() {
            message.metadata = metadata;
        }
        message.edited = Some(edit);
        let message = message.clone();
        self.effects.push("update-message");
        Ok(json!({ "channel": channel, "ts": ts, "text": message.text, "message": self.shown(&message, true) }))
    }

    /// The conversation a message may go to: a channel by id or name, or a person, which opens the direct conversation.
    fn postable(&mut self, wanted: &str) -> Result<String, Trouble> {
        if let Some(user) = self.users.get(wanted) {
            if user.deleted {
                return Err("channel_not_found".into());
            }
            return Ok(self.open(&[wanted.to_owned()]).0);
        }
        let id = self.channel_id(wanted).ok_or("channel_not_found")?;
        let channel = self.channels.get(&id).ok_or("channel_not_found")?;
        if channel.archived {
            return Err("is_archived".into());
        }
        if !channel.member {
            // A private channel is not even visible from outside.
            if channel.kind == ChannelKind::Private {
                return Err("channel_not_found".into());
            }
            return Err(Trouble::NeedsMembership(id));
        }
        Ok(id)
    }
}

/// Blocks and metadata of a call, checked.
fn content(args: &Args) -> Result<(Option<Value>, Option<Value>), Trouble> {
    let blocks = args.structure("blocks").map_err(|()| "invalid_blocks_format")?;
    if let Some(blocks) = &blocks {
        let blocks = blocks.as_array().ok_or("invalid_blocks_format")?;
        if blocks.len() > MOST_BLOCKS || !blocks.iter().all(well_formed) || repeated_id(blocks) {
            return Err("invalid_blocks".into());
        }
    }
    let metadata = args.structure("metadata").map_err(|()| "invalid_metadata_format")?;
    if let Some(metadata) = &metadata {
        let typed = metadata.get("event_type").is_some_and(Value::is_string)
            && metadata.get("event_payload").is_some_and(Value::is_object);
        if !typed {
            return Err("invalid_metadata_schema".into());
        }
    }
    Ok((
        blocks.filter(|blocks| blocks.as_array().is_some_and(|blocks| !blocks.is_empty())),
        metadata,
    ))
}

fn well_formed(block: &Value) -> bool {
    let length = |text: Option<&Value>| {
        text.and_then(|text| text.get("text"))
            .and_then(Value::as_str)
            .map_or(0, |text| text.chars().count())
    };
    let entries = |name: &str| block.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    match block.get("type").and_then(Value::as_str) {
        Some("header") => (1..=LONGEST_HEADER).contains(&length(block.get("text"))),
        Some("section") => {
            length(block.get("text")) <= LONGEST_SECTION
                && entries("fields") <= 10
                && (length(block.get("text")) > 0 || entries("fields") > 0)
        }
        Some("context") => (1..=10).contains(&entries("elements")),
        Some("actions") => (1..=25).contains(&entries("elements")),
        Some("divider" | "rich_text" | "image" | "input" | "video" | "file" | "markdown" | "table") => true,
        _ => false,
    }
}

fn repeated_id(blocks: &[Value]) -> bool {
    let mut ids: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block.get("block_id")?.as_str())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() < all
}

/// The identity that `auth.test` answers.
pub(super) fn identity(state: &State) -> Value {
    json!({
        "url": format!("{}/", state.url), "team": "Corp Example", "user": "rollcall", "team_id": state.team,
        "user_id": BOT_USER, "bot_id": super::state::BOT, "app_id": APP, "is_enterprise_install": false,
    })
}
