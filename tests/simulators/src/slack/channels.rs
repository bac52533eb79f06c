//! `conversations.list`: which conversations there are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::args::Args;
use super::state::{BOT_USER, Channel, ChannelKind, State};
use super::web::Trouble;

/// Most conversations of a page, and how many come unasked (conversations.list, `limit`: "an integer under 1000").
const MOST: usize = 999;
const DEFAULT: usize = 100;
/// What a cursor holds beside the id of the conversation it starts at.
const CURSOR: &str = "team:";

impl State {
    /// One page of conversations, by id. A private conversation shows only to its members, a direct one only to its two.
    pub(super) fn list_conversations(
        &self,
        args: &Args,
        scopes: &dyn Fn(&'static str) -> Result<(), Trouble>,
    ) -> Result<Value, Trouble> {
        let kinds = kinds(args)?;
        // A type without its scope fails the whole call; it is never left out of a shorter list.
        for kind in &kinds {
            scopes(kind.read_scope())?;
        }
        let limit = match args.text("limit") {
            None => DEFAULT,
            Some(_) => args.count("limit").ok_or("invalid_limit")?,
        };
        if !(1..=MOST).contains(&limit) {
            return Err("invalid_limit".into());
        }
        let from = match args.text("cursor") {
            None => String::new(),
            Some(cursor) => start(cursor).ok_or("invalid_cursor")?,
        };
        let seen = |channel: &Channel| {
            kinds.contains(&channel.kind) && (channel.kind == ChannelKind::Public || channel.member)
        };
        let mut rest = self.channels.range(from..).filter(|(_, channel)| seen(channel));
        // The page is cut before archived channels are taken out, so it may come back short or empty and still go on
        // (conversations.list, `limit`: fewer may be returned even if the end of the list has not been reached).
        let page: Vec<Value> = rest
            .by_ref()
            .take(limit)
            .filter(|(_, channel)| !(channel.archived && args.flag("exclude_archived")))
            .map(|(id, channel)| self.conversation(id, channel))
            .collect();
        let next = rest
            .next()
            .map(|(id, _)| STANDARD.encode(format!("{CURSOR}{id}")))
            .unwrap_or_default();
        Ok(json!({ "channels": page, "response_metadata": { "next_cursor": next } }))
    }

    /// A conversation as lists show it (conversation object). How many people are in one is not modelled, and left out.
    fn conversation(&self, id: &str, channel: &Channel) -> Value {
        if channel.kind == ChannelKind::Direct {
            let user = channel.people.first();
            let deleted = user
                .and_then(|user| self.users.get(user))
                .is_some_and(|user| user.deleted);
            return json!({
                "id": id, "is_im": true, "is_archived": channel.archived, "is_org_shared": false, "user": user,
                "is_user_deleted": deleted, "created": channel.created, "priority": 0,
            });
        }
        // Only conversations of before March 2021, whose ids begin with G, and group messages are `is_group`.
        let is_channel = id.starts_with('C');
        let text = json!({ "value": "", "creator": "", "last_set": 0 });
        json!({
            "id": id, "name": channel.name, "name_normalized": channel.name, "is_channel": is_channel, "is_group": !is_channel,
            "is_im": false, "is_mpim": channel.kind == ChannelKind::Group, "is_private": channel.kind != ChannelKind::Public,
            "is_archived": channel.archived, "is_general": channel.name == "general", "is_member": channel.member,
            "is_shared": false, "is_ext_shared": false, "is_org_shared": false, "is_pending_ext_shared": false,
            "pending_shared": [], "pending_connected_team_ids": [], "previous_names": [], "parent_conversation": null,
            "context_team_id": self.team, "shared_team_ids": [self.team], "creator": BOT_USER, "created": channel.created,
            "updated": channel.created.saturating_mul(1000), "unlinked": 0, "topic": text, "purpose": text,
        })
    }
}

/// The kinds that a call asks for; public channels when it names none.
fn kinds(args: &Args) -> Result<Vec<ChannelKind>, Trouble> {
    let named = args.list("types");
    if named.is_empty() {
        return Ok(vec![ChannelKind::Public]);
    }
    let kind = |name: &String| {
        Ok(match name.as_str() {
            "public_channel" => ChannelKind::Public,
            "private_channel" => ChannelKind::Private,
            "im" => ChannelKind::Direct,
            "mpim" => ChannelKind::Group,
            _ => return Err("invalid_types".into()),
        })
    };
    named.iter().map(kind).collect()
}

/// The id that a cursor of ours names.
fn start(cursor: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(CURSOR).map(str::to_owned)
}
