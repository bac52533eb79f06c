//! Tokens: issuing, revoking, and what a call's token says about it (OneLogin, "Generate Tokens", both versions).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::call::{Answer, Outcome, success};
use super::problem::{self, Dialect, Problem};
use super::state::{ClientCredential, Tenant, Token, stamp};
use crate::wire::Request;

impl Tenant {
    /// Everything below `/auth`.
    pub(super) fn auth(&mut self, request: &Request, below: &[&str], now: Timestamp) -> Outcome {
        match (request.method().as_str(), below) {
            ("POST", ["oauth2", "v2", "token"]) => self.issue(request, now).map(Answer::ok),
            ("POST", ["oauth2", "token"]) => {
                // The older call makes a new set and thereby ends the one before.
                let client = self.client(request)?;
                self.tokens.retain(|token| token.client_id != client.client_id);
                let token = self.issue(request, now)?;
                Ok(Answer::ok(json!({"status": success(), "data": [token]})))
            }
            ("POST", ["oauth2", "revoke"]) => {
                let client = self.client(request)?;
                let wanted = fields(request)
                    .get("access_token")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .ok_or_else(|| problem::bad_request(Dialect::V1, "access_token is required"))?;
                let before = self.tokens.len();
                self.tokens
                    .retain(|token| token.value != wanted || token.client_id != client.client_id);
                if self.tokens.len() == before {
                    // The token must have been made with the credentials in the header.
                    return Err(problem::bad_request(Dialect::V1, "The token is invalid"));
                }
                self.counters.add("revoke-token");
                Ok(Answer::done())
            }
            ("GET", ["rate_limit"]) => {
                self.caller(request, Dialect::V1, now)?;
                Ok(Answer::data(self.limits.standing(now).data()))
            }
            _ => Err(problem::no_route(Dialect::V1)),
        }
    }

    /// The same token, with its first `created_at`, until it has ended.
    fn issue(&mut self, request: &Request, now: Timestamp) -> Result<Value, Problem> {
        let client = self.client(request)?;
        if fields(request).get("grant_type").and_then(Value::as_str) != Some("client_credentials") {
            return Err(problem::bad_request(
                Dialect::V1,
                "grant_type must be client_credentials",
            ));
        }
        if !self.users.contains_key(&client.owner) {
            return Err(problem::internal(Dialect::V1));
        }
        self.forget_ended(now);
        let known = self
            .tokens
            .iter()
            .find(|token| token.client_id == client.client_id)
            .cloned();
        let token = known.unwrap_or_else(|| {
            let token = Token {
                value: self.secret("access"),
                refresh: self.secret("refresh"),
                client_id: client.client_id,
                created: now,
            };
            self.counters.add("issue-token");
            self.tokens.push(token.clone());
            token
        });
        Ok(json!({
            "access_token": token.value,
            "created_at": stamp(token.created),
            "expires_in": self.settings.token_seconds,
            "refresh_token": token.refresh,
            "token_type": "bearer",
            "account_id": self.account_id,
        }))
    }

    fn forget_ended(&mut self, now: Timestamp) {
        let life = SignedDuration::from_secs(self.settings.token_seconds);
        self.tokens.retain(|token| now.duration_since(token.created) < life);
    }

    /// The credential in a token call: a header `client_id:…, client_secret:…`, HTTP Basic, or a form body.
    fn client(&self, request: &Request) -> Result<ClientCredential, Problem> {
        let (id, secret) = presented(request).ok_or_else(|| problem::unauthorized(Dialect::V1))?;
        self.credentials
            .iter()
            .find(|one| one.client_id == id && one.client_secret == secret)
            .cloned()
            .ok_or_else(|| problem::unauthorized(Dialect::V1))
    }

    /// The credential whose token a call carries.
    pub(super) fn caller(
        &mut self,
        request: &Request,
        dialect: Dialect,
        now: Timestamp,
    ) -> Result<ClientCredential, Problem> {
        self.forget_ended(now);
        let refused = || problem::unauthorized(dialect);
        let value = bearer(request).ok_or_else(refused)?;
        let token = self
            .tokens
            .iter()
            .find(|token| token.value == value)
            .ok_or_else(refused)?;
        let credential = self
            .credentials
            .iter()
            .find(|one| one.client_id == token.client_id)
            .ok_or_else(refused)?;
        if self.users.contains_key(&credential.owner) {
            Ok(credential.clone())
        } else {
            // A credential dies with its owner, and says so by 500 only.
            Err(problem::internal(dialect))
        }
    }

    /// Ends the token of a call, so that the next token call makes a new one.
    pub(super) fn expire_token(&mut self, request: &Request) {
        if let Some(value) = bearer(request) {
            self.tokens.retain(|token| token.value != value);
        }
    }
}

fn authorization(request: &Request) -> &str {
    let header = request.headers().get("authorization");
    header.and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// `bearer:<token>`, `bearer <token>` or `Bearer <token>`, in any case.
fn bearer(request: &Request) -> Option<String> {
    let header = authorization(request);
    let word = header.get(..6).filter(|word| word.eq_ignore_ascii_case("bearer"))?;
    let token = header.get(word.len()..)?;
    let token = token.strip_prefix(':').or_else(|| token.strip_prefix(' '))?.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

fn presented(request: &Request) -> Option<(String, String)> {
    let header = authorization(request);
    if let Some(encoded) = header
        .get(..6)
        .filter(|word| word.eq_ignore_ascii_case("basic "))
        .and(header.get(6..))
    {
        let plain = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = plain.split_once(':')?;
        return Some((id.to_owned(), secret.to_owned()));
    }
    if !header.is_empty() {
        let part = |name: &str| {
            header
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.trim_start().strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        return Some((part("client_id")?, part("client_secret")?));
    }
    let fields = fields(request);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    is_form(request).then_some(())?;
    Some((text("client_id")?, text("client_secret")?))
}

fn is_form(request: &Request) -> bool {
    let kind = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// The body's fields, from a form or from JSON.
fn fields(request: &Request) -> Map<String, Value> {
    if is_form(request) {
        return url::form_urlencoded::parse(request.body())
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect();
    }
    match serde_json::from_slice(request.body()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
