//! A Slack workspace: the Web API methods that telling somebody something needs.
//!
//! Vendor facts: the method pages of the Slack Web API reference (arguments, scopes, error lists) and its page on rate
//! limits. Every answer is HTTP 200 with `ok`, but for the rate limit (429) and the service's own troubles.

mod args;
mod channels;
mod chat;
mod conversations;
mod state;
#[cfg(test)]
mod tests;
mod web;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::faults::Faults;
use crate::wire::Counters;
use state::{Channel, ChannelKind, State, Token, User};

/// One simulated workspace with one app installed.
#[derive(Debug)]
pub struct Slack {
    state: Mutex<State>,
    counters: Counters,
    faults: Faults,
}

/// A message as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Identity within the channel; unique and growing over the workspace.
    pub ts: String,
    /// Id of the channel.
    pub channel: String,
    /// Id of the user who wrote it.
    pub user: String,
    /// The fallback text.
    pub text: String,
    /// Blocks, when there are any.
    pub blocks: Option<Value>,
    /// `{event_type, event_payload}`, when there is any.
    pub metadata: Option<Value>,
    /// The first message of its thread, when it is in one.
    pub thread_ts: Option<String>,
    /// True for a reply that also shows in the channel.
    pub broadcast: bool,
    /// The moment of the last edit in the form of a `ts`.
    pub edited: Option<String>,
}

impl Slack {
    /// A workspace without channels, people or tokens. `team_id` starts with `T`.
    pub fn new(team_id: &str) -> Self {
        Self {
            state: Mutex::new(State::new(team_id)),
            counters: Counters::default(),
            faults: Faults::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the workspace's own URL, which `auth.test` answers.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut self.lock().url);
    }

    /// Adds a bot token with its scopes. All tokens belong to the same bot.
    pub fn add_token(&self, token: &str, scopes: &[&str]) {
        let scopes: BTreeSet<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.lock()
            .tokens
            .insert(token.to_owned(), Token { scopes, revoked: false });
    }

    /// Revokes a token.
    pub fn revoke_token(&self, token: &str) {
        if let Some(token) = self.lock().tokens.get_mut(token) {
            token.revoked = true;
        }
    }

    /// Adds a public channel (`C…`); the bot is in it or not.
    pub fn add_channel(&self, id: &str, name: &str, bot_is_member: bool) {
        let mut state = self.lock();
        let channel = Channel {
            name: name.to_owned(),
            kind: ChannelKind::Public,
            member: bot_is_member,
            archived: false,
            created: state.now.as_second(),
            people: Vec::new(),
        };
        state.channels.insert(id.to_owned(), channel);
    }

    /// Adds a private channel. The bot sees it only as a member.
    pub fn add_private_channel(&self, id: &str, name: &str, bot_is_member: bool) {
        self.add_channel(id, name, bot_is_member);
        if let Some(channel) = self.lock().channels.get_mut(id) {
            channel.kind = ChannelKind::Private;
        }
    }

    /// Archives a channel.
    pub fn archive(&self, channel: &str) {
        if let Some(channel) = self.lock().channels.get_mut(channel) {
            channel.archived = true;
        }
    }

    /// Adds a person (`U…`).
    pub fn add_user(&self, id: &str, email: &str, real_name: &str) {
        let user = User {
            email: email.to_owned(),
            real_name: real_name.to_owned(),
            deleted: false,
            bot: false,
        };
        self.lock().users.insert(id.to_owned(), user);
    }

    /// Deactivates a person.
    pub fn deactivate_user(&self, id: &str) {
        if let Some(user) = self.lock().users.get_mut(id) {
            user.deleted = true;
        }
    }

    /// Sets how many messages a channel takes at once before one a second holds (default 5).
    pub fn set_burst(&self, messages: u32) {
        self.lock().burst = messages.max(1);
    }

    /// Sets how long a message takes to appear in `conversations.history` and `conversations.replies` (default zero).
    pub fn set_history_delay(&self, delay: Duration) {
        self.lock().history_delay = delay;
    }

    /// Writes a message as a person would, past scopes, limits and counters, and answers its `ts`.
    pub fn say(&self, channel: &str, user: &str, text: &str, now: jiff::Timestamp) -> String {
        let mut state = self.lock();
        state.now = state.now.max(now);
        let ts = state.next_ts();
        let message = Message {
            ts: ts.clone(),
            channel: channel.to_owned(),
            user: user.to_owned(),
            text: text.to_owned(),
            blocks: None,
            metadata: None,
            thread_ts: None,
            broadcast: false,
            edited: None,
        };
        state.store(message);
        ts
    }

    /// All messages of a channel (by id or name), replies included, oldest first, whether history shows them yet or not.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        let state = self.lock();
        let id = state.channel_id(channel).unwrap_or_else(|| channel.to_owned());
        state
            .messages
            .iter()
            .map(|stored| &stored.message)
            .filter(|message| message.channel == id)
            .cloned()
            .collect()
    }

    /// The id of the direct-message channel with a person, if one was opened.
    pub fn dm_with(&self, user: &str) -> Option<String> {
        self.lock().conversation_of(&[user.to_owned()])
    }

    /// Effects so far: `post-message`, `update-message`, `open-dm`.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The fault switch.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every call so far: method, then path and query as sent.
    pub fn calls(&self) -> Vec<(http::Method, String)> {
        self.lock().calls.clone()
    }
}
