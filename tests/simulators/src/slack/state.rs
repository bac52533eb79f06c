//! What a workspace remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Message;

/// The bot's user.
pub(super) const BOT_USER: &str = "U0ROLLCALL1";
/// The bot.
pub(super) const BOT: &str = "B0EXAMPLE01";
/// The app.
pub(super) const APP: &str = "A0EXAMPLE01";

#[derive(Debug)]
pub(super) struct Token {
    pub(super) scopes: BTreeSet<String>,
    pub(super) revoked: bool,
}

/// What a conversation is; each kind has scopes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelKind {
    Public,
    Private,
    Direct,
    Group,
}

impl ChannelKind {
    /// The scope to read its messages.
    pub(super) fn history_scope(self) -> &'static str {
        match self {
            Self::Public => "channels:history",
            Self::Private => "groups:history",
            Self::Direct => "im:history",
            Self::Group => "mpim:history",
        }
    }

    /// The scope to learn that it exists.
    pub(super) fn read_scope(self) -> &'static str {
        match self {
            Self::Public => "channels:read",
            Self::Private => "groups:read",
            Self::Direct => "im:read",
            Self::Group => "mpim:read",
        }
    }
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) kind: ChannelKind,
    /// Whether the bot is in it.
    pub(super) member: bool,
    pub(super) archived: bool,
    /// When it was made, in seconds since the epoch.
    pub(super) created: i64,
    /// The people of a direct or group conversation, sorted.
    pub(super) people: Vec<String>,
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) email: String,
    pub(super) real_name: String,
    pub(super) deleted: bool,
    pub(super) bot: bool,
}

/// A message and the moment from which reads show it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) message: Message,
    pub(super) shown_from: Timestamp,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) team: String,
    pub(super) url: String,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) users: BTreeMap<String, User>,
    /// Oldest first.
    pub(super) messages: Vec<Stored>,
    pub(super) burst: u32,
    pub(super) history_delay: Duration,
    pub(super) effects: Vec<&'static str>,
    pub(super) calls: Vec<(http::Method, String)>,
    last_ts: i64,
    opened: u32,
    /// For each channel the moment at which its bucket is full again.
    full_at: BTreeMap<String, Timestamp>,
}

impl State {
    pub(super) fn new(team: &str) -> Self {
        let bot = User {
            email: String::new(),
            real_name: "Rollcall".to_owned(),
            deleted: false,
            bot: true,
        };
        Self {
            now: Timestamp::UNIX_EPOCH,
            team: team.to_owned(),
            url: "https://corp-example.slack.example".to_owned(),
            tokens: BTreeMap::new(),
            channels: BTreeMap::new(),
            users: BTreeMap::from([(BOT_USER.to_owned(), bot)]),
            messages: Vec::new(),
            burst: 5,
            history_delay: Duration::ZERO,
            effects: Vec::new(),
            calls: Vec::new(),
            last_ts: 0,
            opened: 0,
            full_at: BTreeMap::new(),
        }
    }

    /// A `ts` that no message has, later than all others.
    pub(super) fn next_ts(&mut self) -> String {
        self.last_ts = self.now.as_microsecond().max(self.last_ts + 100);
        format!(
            "{}.{:06}",
            self.last_ts.div_euclid(1_000_000),
            self.last_ts.rem_euclid(1_000_000)
        )
    }

    /// Keeps a message.
    pub(super) fn store(&mut self, message: Message) {
        let shown_from = self.now.saturating_add(self.history_delay).unwrap_or(self.now);
        self.messages.push(Stored { message, shown_from });
    }

    /// Takes one message's worth from a channel's bucket, or says how many whole seconds to wait.
    ///
    /// Slack's rate limits page: about one message a second in a channel, short bursts tolerated.
    pub(super) fn take_turn(&mut self, channel: &str) -> Result<(), u64> {
        let full = self.full_at.get(channel).copied().unwrap_or(self.now).max(self.now);
        let allowed = Duration::from_secs(u64::from(self.burst.saturating_sub(1)));
        let behind = Duration::try_from(full.duration_since(self.now)).unwrap_or_default();
        if behind > allowed {
            return Err((behind.checked_sub(allowed).unwrap_or_default())
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(1));
        }
        let next = full.saturating_add(Duration::from_secs(1)).unwrap_or(full);
        self.full_at.insert(channel.to_owned(), next);
        Ok(())
    }

    /// The id of a channel given by id, name or `#name`.
    pub(super) fn channel_id(&self, channel: &str) -> Option<String> {
        if self.channels.contains_key(channel) {
            return Some(channel.to_owned());
        }
        let name = channel.strip_prefix('#').unwrap_or(channel);
        let named = |channel: &Channel| {
            matches!(channel.kind, ChannelKind::Public | ChannelKind::Private) && channel.name == name
        };
        self.channels
            .iter()
            .find(|(_, channel)| named(channel))
            .map(|(id, _)| id.clone())
    }

    /// The direct or group conversation with exactly these people.
    pub(super) fn conversation_of(&self, people: &[String]) -> Option<String> {
        let mut people = people.to_vec();
        people.sort();
        self.channels
            .iter()
            .find(|(_, channel)| !channel.people.is_empty() && channel.people == people)
            .map(|(id, _)| id.clone())
    }

    /// Opens a direct or group conversation; also says whether it is new.
    pub(super) fn open(&mut self, people: &[String]) -> (String, bool) {
        if let Some(id) = self.conversation_of(people) {
            return (id, false);
        }
        let mut people = people.to_vec();
        people.sort();
        self.opened += 1;
        let (kind, letter) = if people.len() == 1 {
            (ChannelKind::Direct, 'D')
        } else {
            (ChannelKind::Group, 'G')
        };
        let id = format!("{letter}0{:09}", self.opened);
        let name = match kind {
            ChannelKind::Group => self.group_name(&people),
            _ => String::new(),
        };
        let created = self.now.as_second();
        self.channels.insert(
            id.clone(),
            Channel {
                name,
                kind,
                member: true,
                archived: false,
                created,
                people,
            },
        );
        self.effects.push("open-dm");
        (id, true)
    }

    /// The name that Slack gives to a group conversation: everybody in it, the bot included.
    fn group_name(&self, people: &[String]) -> String {
        let everybody = people.iter().map(String::as_str).chain([BOT_USER]);
        let names: Vec<String> = everybody
            .filter_map(|id| self.users.get(id))
            .map(|user| match user.email.split_once('@') {
                Some((name, _)) => name.to_owned(),
                None => user.real_name.to_lowercase(),
            })
            .collect();
        format!("mpdm-{}-1", names.join("--"))
    }

    /// A message by channel and `ts`.
    pub(super) fn message(&self, channel: &str, ts: &str) -> Option<&Stored> {
        self.messages
            .iter()
            .find(|stored| stored.message.channel == channel && stored.message.ts == ts)
    }

    /// The replies of a thread that reads show, oldest first.
    pub(super) fn replies(&self, channel: &str, ts: &str) -> Vec<&Message> {
        let in_thread =
            |stored: &&Stored| stored.message.channel == channel && stored.message.thread_ts.as_deref() == Some(ts);
        self.messages
            .iter()
            .filter(in_thread)
            .filter(|stored| stored.shown_from <= self.now)
            .map(|stored| &stored.message)
            .collect()
    }

    /// A message as the API shows it.
    pub(super) fn shown(&self, message: &Message, with_metadata: bool) -> Value {
        let mut shown = json!({ "type": "message", "user": message.user, "text": message.text, "ts": message.ts, "team": self.team });
        let Some(map) = shown.as_object_mut() else {
            return shown;
        };
        let mut add = |key: &str, value: Value| {
            map.insert(key.to_owned(), value);
        };
        if message.user == BOT_USER {
            add("bot_id", json!(BOT));
            add("app_id", json!(APP));
        }
        if let Some(blocks) = &message.blocks {
            add("blocks", blocks.clone());
        }
        if let Some(metadata) = message.metadata.as_ref().filter(|_| with_metadata) {
            add("metadata", metadata.clone());
        }
        if let Some(edited) = &message.edited {
            add("edited", json!({ "user": message.user, "ts": edited }));
        }
        if let Some(thread) = &message.thread_ts {
            add("thread_ts", json!(thread));
            add(
                "parent_user_id",
                json!(
                    self.message(&message.channel, thread)
                        .map(|parent| parent.message.user.clone())
                ),
            );
        } else {
            let replies = self.replies(&message.channel, &message.ts);
            if let Some(last) = replies.last() {
                add("thread_ts", json!(message.ts));
                add("reply_count", json!(replies.len()));
                add("latest_reply", json!(last.ts));
            }
        }
        shown
    }
}
