//! `conversations.*` and `users.lookupByEmail`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Message;
use super::args::Args;
use super::state::{State, Stored};
use super::web::Trouble;

/// Most messages of a page, and how many come unasked (conversations.history).
const MOST: usize = 999;
const DEFAULT: usize = 100;

impl State {
    pub(super) fn lookup_by_email(&self, args: &Args) -> Result<Value, Trouble> {
        let email = args.text("email").ok_or("users_not_found")?;
        let found = self
            .users
            .iter()
            .find(|(_, user)| !user.deleted && !user.bot && user.email.eq_ignore_ascii_case(email));
        let (id, user) = found.ok_or("users_not_found")?;
        let name = user.email.split('@').next().unwrap_or_default();
        Ok(json!({ "user": {
            "id": id, "team_id": self.team, "name": name, "deleted": false, "real_name": user.real_name,
            "profile": { "real_name": user.real_name, "email": user.email },
            "is_admin": false, "is_owner": false, "is_restricted": false, "is_ultra_restricted": false, "is_bot": false,
        } }))
    }

    pub(super) fn open_conversation(
        &mut self,
        args: &Args,
        scopes: &dyn Fn(&'static str) -> Result<(), Trouble>,
    ) -> Result<Value, Trouble> {
        let people = args.list("users");
        if people.is_empty() {
            return Err(if args.has("channel") {
                "channel_not_found"
            } else {
                "users_list_not_supplied"
            }
            .into());
        }
        scopes(if people.len() == 1 { "im:write" } else { "mpim:write" })?;
        for person in &people {
            let user = self.users.get(person).ok_or("user_not_found")?;
            if user.bot {
                return Err("cannot_dm_bot".into());
            }
            if user.deleted {
                return Err("user_disabled".into());
            }
        }
        let (id, new) = self.open(&people);
        Ok(if new {
            json!({ "channel": { "id": id } })
        } else {
            json!({ "no_op": true, "already_open": true, "channel": { "id": id } })
        })
    }

    pub(super) fn history(
        &self,
        args: &Args,
        scopes: &dyn Fn(&'static str) -> Result<(), Trouble>,
    ) -> Result<Value, Trouble> {
        let channel = self.readable(args, scopes)?;
        let in_channel = |stored: &&Stored| {
            stored.message.channel == channel
                && stored.shown_from <= self.now
                && (stored.message.thread_ts.is_none() || stored.message.broadcast)
        };
        let newest_first: Vec<&Message> = self
            .messages
            .iter()
            .rev()
            .filter(in_channel)
            .map(|stored| &stored.message)
            .filter(|message| within(args, message))
            .collect();
        self.page(args, &newest_first, |message, place| message.ts.as_str() <= place)
    }

    pub(super) fn thread(
        &self,
        args: &Args,
        scopes: &dyn Fn(&'static str) -> Result<(), Trouble>,
    ) -> Result<Value, Trouble> {
        let channel = self.readable(args, scopes)?;
        let ts = args.text("ts").ok_or("thread_not_found")?;
        let parent = self
            .message(&channel, ts)
            .filter(|stored| stored.shown_from <= self.now)
            .ok_or("thread_not_found")?;
        let mut messages = vec![&parent.message];
        messages.extend(
            self.replies(&channel, ts)
                .into_iter()
                .filter(|message| within(args, message)),
        );
        self.page(args, &messages, |message, place| message.ts.as_str() >= place)
    }

    fn readable(&self, args: &Args, scopes: &dyn Fn(&'static str) -> Result<(), Trouble>) -> Result<String, Trouble> {
        // Reads take ids only.
        let id = args.text("channel").ok_or("channel_not_found")?;
        let channel = self.channels.get(id).ok_or("channel_not_found")?;
        scopes(channel.kind.history_scope())?;
        if !channel.member {
            return Err("not_in_channel".into());
        }
        Ok(id.to_owned())
    }

    /// One page; `from` says whether a message lies at or after the place a cursor names.
    fn page(
        &self,
        args: &Args,
        messages: &[&Message],
        from: impl Fn(&Message, &str) -> bool,
    ) -> Result<Value, Trouble> {
        let limit = args.count("limit").unwrap_or(DEFAULT);
        if !(1..=MOST).contains(&limit) {
            return Err("invalid_limit".into());
        }
        let place = match args.text("cursor") {
            None => None,
            Some(cursor) => {
                let decoded = STANDARD
                    .decode(cursor)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok());
                Some(
                    decoded
                        .and_then(|text| text.strip_prefix("next_ts:").map(str::to_owned))
                        .ok_or("invalid_cursor")?,
                )
            }
        };
        let mut rest = messages
            .iter()
            .filter(|message| place.as_deref().is_none_or(|place| from(message, place)));
        let shown: Vec<Value> = rest
            .by_ref()
            .take(limit)
            .map(|message| self.shown(message, args.flag("include_all_metadata")))
            .collect();
        let mut answer = json!({ "messages": shown, "has_more": false });
        if let (Some(next), Some(map)) = (rest.next(), answer.as_object_mut()) {
            let cursor = STANDARD.encode(format!("next_ts:{}", next.ts));
            map.insert("has_more".to_owned(), json!(true));
            map.insert("response_metadata".to_owned(), json!({ "next_cursor": cursor }));
        }
        Ok(answer)
    }
}

/// True when a message lies between `oldest` and `latest`, ends excluded unless `inclusive`.
fn within(args: &Args, message: &Message) -> bool {
    let number = |text: &str| {
        let (seconds, rest) = text.split_once('.').unwrap_or((text, ""));
        let micros: String = rest.chars().chain(std::iter::repeat('0')).take(6).collect();
        Some(seconds.parse::<i64>().ok()? * 1_000_000 + micros.parse::<i64>().ok()?)
    };
    let Some(ts) = number(&message.ts) else {
        return false;
    };
    let inclusive = args.flag("inclusive");
    let after = args
        .text("oldest")
        .and_then(number)
        .is_none_or(|oldest| ts > oldest || (inclusive && ts == oldest));
    let before = args
        .text("latest")
        .and_then(number)
        .is_none_or(|latest| ts < latest || (inclusive && ts == latest));
    after && before
}
