//! Calls to one workspace: the check of the workspace, limits, pages.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Method};
use rollcall_model::{Call, Failure, HttpResponse};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{SlackSettings, retry};
use crate::encode::{form, short};
use crate::exchange::{self, Exchange, items, request, secret_header, text};

/// No list is longer than this many pages.
const MOST_PAGES: usize = 50;
const CHECKING: &str = "checking the workspace";

/// What is known of the workspace.
#[derive(Default)]
enum Workspace {
    #[default]
    Unasked,
    Right,
    Wrong(String),
}

/// A client of one workspace.
pub(super) struct Client {
    pub(super) settings: SlackSettings,
    pub(super) exchange: Exchange,
    workspace: Mutex<Workspace>,
    /// Channel ids by name: names are what people configure, ids are what the history wants.
    channels: std::sync::Mutex<BTreeMap<String, String>>,
}

/// A body that says `ok: true`, with the request's id.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) request_id: Option<String>,
}

impl Client {
    pub(super) fn new(settings: SlackSettings, exchange: Exchange) -> Self {
        Self {
            settings,
            exchange,
            workspace: Mutex::default(),
            channels: std::sync::Mutex::default(),
        }
    }

    /// Reads by a method with query parameters.
    pub(super) async fn read(
        &self,
        call: &Call,
        what: &str,
        method: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        self.check(call).await?;
        let path = format!("{method}?{}", form(parameters));
        let response = self.send(call, what, Method::GET, &path, String::new()).await?;
        accepted(what, &response, true)
    }

    /// Writes by a method with a JSON body.
    pub(super) async fn write(&self, call: &Call, what: &str, method: &str, body: &Value) -> Result<Answer, Failure> {
        self.check(call).await?;
        let response = self.send(call, what, Method::POST, method, body.to_string()).await?;
        accepted(what, &response, false)
    }

    /// Reads a list of several pages to its end, or fails: half a list is none.
    pub(super) async fn list(
        &self,
        call: &Call,
        what: &str,
        method: &str,
        parameters: &[(&str, &str)],
        member: &str,
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let mut page: Vec<(&str, &str)> = parameters.to_vec();
            if !cursor.is_empty() {
                page.push(("cursor", &cursor));
            }
            let answer = self.read(call, what, method, &page).await?.body;
            if !answer.get(member).is_some_and(Value::is_array) {
                return Err(Failure::retry(format!("{what}: the answer holds no {member}")));
            }
            all.extend_from_slice(items(&answer, member));
            let next = answer
                .pointer("/response_metadata/next_cursor")
                .and_then(Value::as_str)
                .unwrap_or_default();
            match (next.is_empty(), answer.get("has_more") == Some(&Value::Bool(true))) {
                (true, false) => return Ok(all),
                (true, true) => return Err(Failure::retry(format!("{what}: there is more, and no cursor for it"))),
                (false, _) => next.clone_into(&mut cursor),
            }
        }
        Err(Failure::give_up(format!(
            "{what}: the list does not end after {MOST_PAGES} pages"
        )))
    }

    /// The id of a channel that is named by id or name.
    pub(super) async fn channel_id(&self, call: &Call, channel: &str) -> Result<String, Failure> {
        if is_channel_id(channel) {
            return Ok(channel.to_owned());
        }
        let name = channel.trim_start_matches('#').to_lowercase();
        let known = self
            .channels
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(&name)
            .cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let what = "looking for the channel";
        let parameters = [
            ("types", "public_channel,private_channel"),
            ("exclude_archived", "true"),
            ("limit", "999"),
        ];
        let all = self
            .list(call, what, "conversations.list", &parameters, "channels")
            .await?;
        let found = all
            .iter()
            .find(|channel| text(channel, "name").is_some_and(|held| held.to_lowercase() == name));
        match found.and_then(|channel| text(channel, "id")) {
            Some(id) => {
                self.remember(&name, id);
                Ok(id.to_owned())
            }
            None => Err(Failure::needs_human(format!(
                "{what}: no channel #{} shows: invite the bot, or name the channel by its id",
                short(&name, 80)
            ))),
        }
    }

    /// Keeps a channel's id, as an answer has just told it.
    pub(super) fn remember(&self, channel: &str, id: &str) {
        let name = channel.trim_start_matches('#').to_lowercase();
        self.channels
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(name, id.to_owned());
    }

    /// Once for each process: the token's workspace must be the configured one.
    async fn check(&self, call: &Call) -> Result<(), Failure> {
        let mut workspace = self.workspace.lock().await;
        match &*workspace {
            Workspace::Right => return Ok(()),
            Workspace::Wrong(why) => return Err(Failure::credential(why.clone())),
            Workspace::Unasked => {}
        }
        let (answer, _) = self.identify(call).await?;
        let team =
            text(&answer, "team_id").ok_or_else(|| Failure::retry(format!("{CHECKING}: the answer names no team")))?;
        if team == self.settings.team_id {
            *workspace = Workspace::Right;
            return Ok(());
        }
        let why = format!(
            "{} belongs to workspace {}, configured {}: refusing every call",
            self.settings.connection,
            short(team, 40),
            self.settings.team_id
        );
        *workspace = Workspace::Wrong(why.clone());
        Err(Failure::credential(why))
    }

    /// What `auth.test` says of the token, with the response that its headers are in.
    pub(super) async fn identify(&self, call: &Call) -> Result<(Value, HttpResponse), Failure> {
        let response = self
            .send(call, CHECKING, Method::POST, "auth.test", String::new())
            .await
            .map_err(without_effect)?;
        let answer = accepted(CHECKING, &response, true)?.body;
        Ok((answer, response))
    }

    async fn send(
        &self,
        call: &Call,
        what: &str,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<HttpResponse, Failure> {
        let address = format!("{}/{path}", self.settings.base_url.trim_end_matches('/'));
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            secret_header(&format!("Bearer {}", self.settings.token.reveal()))?,
        );
        if !body.is_empty() {
            headers.insert(
                "content-type",
                HeaderValue::from_static("application/json; charset=utf-8"),
            );
        } else if method == Method::POST {
            // No arguments at all: an empty text is no JSON.
            headers.insert(
                "content-type",
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
        self.exchange
            .send(call, what, request(method, &address, headers, body)?)
            .await
    }
}

/// The failure of a call that changes nothing even when it is executed.
pub(super) fn without_effect(mut failure: Failure) -> Failure {
    failure.executed = rollcall_model::Executed::No;
    failure
}

/// Conversation ids: `C…`, `G…` and `D…`, upper-case letters and digits.
fn is_channel_id(channel: &str) -> bool {
    channel.len() >= 9
        && channel.starts_with(['C', 'G', 'D'])
        && channel
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn accepted(what: &str, response: &HttpResponse, reads: bool) -> Result<Answer, Failure> {
    let success = response.status().is_success();
    let body = match serde_json::from_slice::<Value>(response.body()) {
        Ok(body) => body,
        Err(_) if success => {
            return Err(exchange::json(what, response, reads)
                .err()
                .unwrap_or_else(|| Failure::retry(what)));
        }
        Err(_) => Value::Null,
    };
    if success && body.get("ok") == Some(&Value::Bool(true)) {
        return Ok(Answer {
            body,
            request_id: retry::request_id(response),
        });
    }
    Err(retry::failure(what, response, &body, reads))
}
