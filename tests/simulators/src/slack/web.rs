//! From a request to an answer: faults, tokens, scopes, methods.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::Args;
use super::state::State;
use super::{Slack, chat};
use crate::faults::Fault;
use crate::wire::{Reply, Request, Response, Simulator};

/// Why a call is not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// `ok:false` with this code.
    Code(&'static str),
    /// The token lacks this scope.
    Scope(&'static str),
    /// 429: wait this many seconds.
    Wait(u64),
    /// The bot is not in this public channel, which only a wider scope makes good.
    NeedsMembership(String),
}

impl From<&'static str> for Trouble {
    fn from(code: &'static str) -> Self {
        Self::Code(code)
    }
}

impl Simulator for Slack {
    fn answer(&self, request: &Request, now: Timestamp) -> Reply {
        let mut state = self.lock();
        state.now = state.now.max(now);
        let target = request
            .uri()
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str)
            .to_owned();
        state.calls.push((request.method().clone(), target));
        let fault = self.faults.strike(request);
        if let Some(reply) = fault.as_ref().and_then(Fault::before) {
            return reply;
        }
        let refused = match fault {
            Some(Fault::RateLimited(wait)) => Some(rate_limited(wait.as_secs().max(1))),
            Some(Fault::RateLimitedUntold) => Some(failed(429, "ratelimited")),
            Some(Fault::ServerError) => Some(failed(500, "internal_error")),
            Some(Fault::Unavailable) => Some(failed(503, "service_unavailable")),
            Some(Fault::TokenExpired) => Some(failed(200, "token_expired")),
            Some(Fault::PermissionRemoved) => Some(failed(200, "no_permission")),
            _ => None,
        };
        if let Some(refused) = refused {
            return Reply::Answer(refused);
        }
        let mut answer = state.respond(request);
        let scopes = state.scopes_of(request);
        for effect in std::mem::take(&mut state.effects) {
            self.counters.add(effect);
        }
        drop(state);
        if let (Some(fault), Ok(body)) = (&fault, &mut answer) {
            spoil(fault, request, body);
        }
        let mut answer = answer.map_or_else(
            |whole| *whole,
            |body| response(200, Bytes::from(body.to_string()), "application/json; charset=utf-8"),
        );
        if let Some(scopes) = scopes {
            answer.headers_mut().insert("x-oauth-scopes", scopes);
        }
        match fault {
            None => Reply::Answer(answer),
            Some(Fault::ServerErrorAfterExecution) => Reply::Answer(failed(500, "internal_error")),
            Some(fault) => fault.after(answer),
        }
    }
}

/// Makes a list wrong, if the answer is one.
fn spoil(fault: &Fault, request: &Request, body: &mut Value) {
    let Some(name) = ["messages", "channels"].into_iter().find(|name| body[*name].is_array()) else {
        return;
    };
    let Some(list) = body[name].as_array_mut() else { return };
    match fault {
        Fault::EmptyList => list.clear(),
        Fault::HalfList => list.truncate(list.len() / 2),
        Fault::RepeatedPage => {
            let cursor = Args::read(request)
                .ok()
                .and_then(|args| args.text("cursor").map(str::to_owned));
            // The first page has no cursor that would lead to it.
            if let Some(cursor) = cursor {
                body["has_more"] = json!(true);
                body["response_metadata"] = json!({ "next_cursor": cursor });
            }
            return;
        }
        _ => return,
    }
    if body.get("has_more").is_some() {
        body["has_more"] = json!(false);
    }
    if body.get("response_metadata").is_some() {
        body["response_metadata"] = json!({ "next_cursor": "" });
    }
}

impl State {
    /// The body of a call that was answered, or the response of one that never reached its method.
    fn respond(&mut self, request: &Request) -> Result<Value, Box<Response>> {
        let Some(method) = request.uri().path().strip_prefix("/api/").map(str::to_owned) else {
            let page = Bytes::from_static(b"<html><body>Not found</body></html>");
            return Err(Box::new(response(404, page, "text/html")));
        };
        let args = match Args::read(request) {
            Ok(args) => args,
            Err(code) => return Ok(json!({ "ok": false, "error": code })),
        };
        let header = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let token = header.or_else(|| args.text("token")).unwrap_or_default().to_owned();
        match self.call(&method, &token, &args, request) {
            Ok(mut body) => {
                if let Some(map) = body.as_object_mut() {
                    map.insert("ok".to_owned(), json!(true));
                    if args.missing_charset {
                        map.insert("warning".to_owned(), json!("missing_charset"));
                    }
                }
                Ok(body)
            }
            Err(Trouble::Code("unknown_method")) => {
                Ok(json!({ "ok": false, "error": "unknown_method", "req_method": method }))
            }
            Err(Trouble::Code(code)) => Ok(json!({ "ok": false, "error": code })),
            Err(Trouble::NeedsMembership(_)) => Ok(json!({ "ok": false, "error": "not_in_channel" })),
            Err(Trouble::Scope(needed)) => {
                let provided: Vec<&str> = self
                    .tokens
                    .get(&token)
                    .into_iter()
                    .flat_map(|token| &token.scopes)
                    .map(String::as_str)
                    .collect();
                Ok(json!({ "ok": false, "error": "missing_scope", "needed": needed, "provided": provided.join(",") }))
            }
            Err(Trouble::Wait(seconds)) => Err(Box::new(rate_limited(seconds))),
        }
    }

    /// `x-oauth-scopes`: the scopes of the token that the request carries, as every answer to it names them.
    fn scopes_of(&self, request: &Request) -> Option<HeaderValue> {
        let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let token = self.tokens.get(header.strip_prefix("Bearer ")?)?;
        let scopes: Vec<&str> = token.scopes.iter().map(String::as_str).collect();
        HeaderValue::from_str(&scopes.join(",")).ok().filter(|_| !token.revoked)
    }

    fn call(&mut self, method: &str, token: &str, args: &Args, request: &Request) -> Result<Value, Trouble> {
        if token.is_empty() {
            return Err("not_authed".into());
        }
        let held = self.tokens.get(token).ok_or("invalid_auth")?;
        if held.revoked {
            return Err("token_revoked".into());
        }
        let scopes = held.scopes.clone();
        let need = |scope: &'static str| {
            if scopes.contains(scope) {
                Ok(())
            } else {
                Err(Trouble::Scope(scope))
            }
        };
        match method {
            "auth.test" => Ok(chat::identity(self)),
            "chat.postMessage" => {
                need("chat:write")?;
                match self.post_message(args) {
                    Err(Trouble::NeedsMembership(channel)) if scopes.contains("chat:write.public") => {
                        self.as_member(&channel, |state| state.post_message(args))
                    }
                    other => other,
                }
            }
            "chat.update" => {
                need("chat:write")?;
                self.update_message(args)
            }
            "users.lookupByEmail" => {
                need("users:read.email")?;
                // This read takes no JSON; what a JSON body says is not seen.
                if is_json(request) && request.uri().query().is_none() {
                    return Err("invalid_arguments".into());
                }
                self.lookup_by_email(args)
            }
            // Nor does this one; without arguments it lists public channels.
            "conversations.list" if is_json(request) => self.list_conversations(&Args::of_query(request), &need),
            "conversations.list" => self.list_conversations(args, &need),
            "conversations.open" => self.open_conversation(args, &need),
            "conversations.history" => self.history(args, &need),
            "conversations.replies" => self.thread(args, &need),
            _ => Err("unknown_method".into()),
        }
    }

    /// Does something as if the bot were in a channel that it may write to from outside.
    fn as_member(
        &mut self,
        channel: &str,
        act: impl FnOnce(&mut Self) -> Result<Value, Trouble>,
    ) -> Result<Value, Trouble> {
        let set = |state: &mut Self, member: bool| {
            if let Some(channel) = state.channels.get_mut(channel) {
                channel.member = member;
            }
        };
        set(self, true);
        let done = act(self);
        set(self, false);
        done
    }
}

fn is_json(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn response(status: u16, body: Bytes, kind: &'static str) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn failed(status: u16, code: &str) -> Response {
    response(
        status,
        Bytes::from(json!({ "ok": false, "error": code }).to_string()),
        "application/json; charset=utf-8",
    )
}

fn rate_limited(seconds: u64) -> Response {
    let mut limited = failed(429, "ratelimited");
    limited
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    limited
}
