//! Tokens (OneLogin OAuth 2.0 Tokens, "Generate Tokens v2").
//!
//! Asking again gives the same token with its first `created_at` until it ends or is revoked, so a token is kept to the end of
//! its life and no longer, and an answer with the token that was just refused says that the token is not the trouble.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use rollcall_model::{Call, Executed, Failure, HttpResponse};
use rollcall_runtime::clock::plus;
use serde_json::{Value, json};

use super::OneLoginSettings;
use super::client::id_text;
use super::retry;
use crate::encode::short;
use crate::exchange::{self, Exchange, request, secret_header, text};

/// How long a token is kept whose end is not stated, or is past by this machine's clock.
const AT_LEAST: Duration = Duration::from_mins(1);

/// What a call is signed with.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) authorization: HeaderValue,
    /// When the vendor makes a new one.
    pub(super) ends: Timestamp,
    /// Counts renewals, so that of several calls refused at once only the first renews.
    pub(super) generation: u64,
}

/// Why there is no token.
pub(super) enum Refused {
    /// The call failed, and another may not.
    Call(Failure),
    /// The token endpoint answered 500, as it does for a credential without an owner; the failure if it is not that.
    Broken(Failure),
    /// The token is of another account; nothing may be sent any more.
    WrongTenant(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

/// Gets a token and checks whose account it is for.
pub(super) async fn grant(
    exchange: &Exchange,
    settings: &OneLoginSettings,
    call: &Call,
    generation: u64,
) -> Result<Access, Refused> {
    let what = "getting a token";
    let missing = |what: &str| Failure::credential(format!("no {what} is configured for {}", settings.connection));
    let secret = settings.secret.as_ref().map(|secret| secret.reveal().trim());
    let secret = secret
        .filter(|secret| !secret.is_empty())
        .ok_or_else(|| missing("client secret"))?;
    let client_id = settings.client_id.as_deref().ok_or_else(|| missing("client id"))?;
    let basic = STANDARD.encode(format!("{client_id}:{secret}"));
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("authorization", secret_header(&format!("Basic {basic}"))?);
    let address = format!("{}/auth/oauth2/v2/token", settings.base_url.trim_end_matches('/'));
    let body = json!({ "grant_type": "client_credentials" }).to_string();
    let response = exchange
        .send(call, what, request(Method::POST, &address, headers, body)?)
        .await
        .map_err(without_effect)?;
    match response.status().as_u16() {
        500 => Err(Refused::Broken(without_effect(retry::failure(what, &response)))),
        200..=299 => accept(exchange, settings, what, &response, generation),
        _ => Err(without_effect(retry::token_failure(&response)).into()),
    }
}

fn accept(
    exchange: &Exchange,
    settings: &OneLoginSettings,
    what: &str,
    response: &HttpResponse,
    generation: u64,
) -> Result<Access, Refused> {
    let answer = exchange::json(what, response, true)?;
    let incomplete = |name: &str| Failure::retry(format!("{what}: the answer holds no {name}"));
    let account = id_text(answer.get("account_id")).ok_or_else(|| incomplete("account_id"))?;
    if account != settings.account_id {
        return Err(Refused::WrongTenant(format!(
            "{} belongs to account {}, configured {}: refusing every call",
            settings.connection,
            short(&account, 40),
            settings.account_id
        )));
    }
    let token = text(&answer, "access_token").ok_or_else(|| incomplete("access_token"))?;
    let at_least = plus(exchange.clock.now(), AT_LEAST);
    Ok(Access {
        authorization: secret_header(&format!("Bearer {token}"))?,
        ends: end(&answer).map_or(at_least, |ends| ends.max(at_least)),
        generation,
    })
}

/// `created_at + expires_in`: the moment of the answer has nothing to do with it.
fn end(answer: &Value) -> Option<Timestamp> {
    let created: Timestamp = text(answer, "created_at")?.parse().ok()?;
    let seconds = answer.get("expires_in")?.as_u64()?;
    Some(plus(created, Duration::from_secs(seconds)))
}

/// A token that never arrived changed nothing.
fn without_effect(mut failure: Failure) -> Failure {
    failure.executed = Executed::No;
    failure
}
