//! Tokens for a service app: a signed assertion for an access token, with DPoP when the app asks for it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use jsonwebtoken::Header;
use rollcall_model::{Call, Failure, HttpResponse};
use rollcall_runtime::Ids;
use serde_json::{Value, json};

use super::dpop::{ProofKey, token_hash};
use super::retry::token_failure;
use super::{OktaAuth, OktaSettings, READ_SCOPES};
use crate::encode::form;
use crate::exchange::{self, Exchange, header, request, secret_header, text};
use crate::sign::{private_key, signed};

/// How long an assertion is good for, in seconds. Okta takes at most an hour.
const ASSERTION_SECONDS: i64 = 300;
/// Without DPoP, with it, and again with the nonce: then once more should the nonce have changed in between.
const MOST_ATTEMPTS: usize = 4;

/// A token that was not granted.
pub(super) struct Ungranted {
    pub(super) failure: Failure,
    /// At least one of the scopes is not granted to the app; Okta does not say which.
    pub(super) scope: bool,
}

impl From<Failure> for Ungranted {
    fn from(failure: Failure) -> Self {
        Self { failure, scope: false }
    }
}

/// What the token endpoint granted.
pub(super) struct Granted {
    pub(super) authorization: HeaderValue,
    /// Present when the token is bound to the key.
    pub(super) token_hash: Option<String>,
    pub(super) expires_in: Duration,
    pub(super) proof_key: Option<Arc<ProofKey>>,
    /// The scopes that the token has.
    pub(super) scopes: Vec<String>,
}

/// Gets a token with as many of the configured scopes as are granted to the app. Okta refuses a wish as a whole when one scope
/// of it is not granted, so then each scope that reading can do without is tried alone; what is granted is asked for together.
pub(super) async fn grant(
    exchange: &Exchange,
    ids: &dyn Ids,
    settings: &OktaSettings,
    call: &Call,
    proof_key: Option<Arc<ProofKey>>,
) -> Result<Granted, Failure> {
    let OktaAuth::ServiceApp { scopes, .. } = &settings.auth else {
        return Err(Failure::credential("this connection has no service app"));
    };
    let (needed, optional): (Vec<String>, Vec<String>) = scopes
        .iter()
        .cloned()
        .partition(|scope| READ_SCOPES.contains(&scope.as_str()));
    let refused = match grant_of(exchange, ids, settings, call, proof_key.clone(), scopes).await {
        Ok(granted) => return Ok(granted),
        Err(refused) if refused.scope && !optional.is_empty() => refused,
        Err(refused) => return Err(refused.failure),
    };
    let tries = optional.iter().map(|scope| {
        let key = proof_key.clone();
        async move {
            let alone = std::slice::from_ref(scope);
            match grant_of(exchange, ids, settings, call, key, alone).await {
                Ok(_) => Ok(Some(scope.clone())),
                Err(refused) if refused.scope => Ok(None),
                Err(refused) => Err(refused.failure),
            }
        }
    });
    let mut granted = needed;
    for found in futures::future::join_all(tries).await {
        granted.extend(found?);
    }
    if granted.is_empty() {
        return Err(refused.failure);
    }
    let missing = scopes.len() - granted.len();
    tracing::warn!(connection = %settings.connection, missing, "some scopes are not granted to the app");
    grant_of(exchange, ids, settings, call, proof_key, &granted)
        .await
        .map_err(|refused| refused.failure)
}

/// Gets a token with exactly these scopes. Every attempt carries a new assertion and a new proof, because Okta refuses a repeated `jti`.
pub(super) async fn grant_of(
    exchange: &Exchange,
    ids: &dyn Ids,
    settings: &OktaSettings,
    call: &Call,
    mut proof_key: Option<Arc<ProofKey>>,
    scopes: &[String],
) -> Result<Granted, Ungranted> {
    let OktaAuth::ServiceApp {
        client_id, key, kid, ..
    } = &settings.auth
    else {
        return Err(Failure::credential("this connection has no service app").into());
    };
    let what = "getting a token";
    let address = format!("{}/oauth2/v1/token", settings.base_url.trim_end_matches('/'));
    let (signing_key, algorithm) = private_key(key)?;
    for _ in 0..MOST_ATTEMPTS {
        let now = exchange.clock.now();
        let mut head = Header::new(algorithm);
        head.kid = Some(kid.clone());
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": address, "iat": now.as_second(),
            "exp": now.as_second() + ASSERTION_SECONDS, "jti": ids.unique(),
        });
        let assertion = signed(&head, &claims, &signing_key)?;
        let body = form(&[
            ("grant_type", "client_credentials"),
            ("scope", &scopes.join(" ")),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ]);
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(key) = &proof_key {
            headers.insert(
                "dpop",
                secret_header(&key.proof("POST", &address, None, now, &ids.unique())?)?,
            );
        }
        let response = exchange
            .send(call, what, request(Method::POST, &address, headers, body)?)
            .await
            .map_err(without_effect)?;
        if let (Some(key), Some(nonce)) = (&proof_key, header(&response, "dpop-nonce")) {
            key.take_nonce(nonce);
        }
        if response.status().is_success() {
            return Ok(granted(what, &response, proof_key, scopes).map_err(without_effect)?);
        }
        match wanted(&response) {
            Wanted::Proof if proof_key.is_none() => proof_key = Some(Arc::new(ProofKey::generate()?)),
            Wanted::Nonce if proof_key.is_some() => {}
            wanted => {
                return Err(Ungranted {
                    failure: token_failure(&response),
                    scope: matches!(wanted, Wanted::Scope),
                });
            }
        }
    }
    Err(Failure::retry(format!("{what}: Okta keeps asking for another DPoP nonce")).into())
}

/// What an error asks for.
enum Wanted {
    Proof,
    Nonce,
    /// Fewer scopes, or the grant of one.
    Scope,
    Nothing,
}

fn wanted(response: &HttpResponse) -> Wanted {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    match text(&body, "error") {
        Some("invalid_dpop_proof") => Wanted::Proof,
        Some("use_dpop_nonce") if header(response, "dpop-nonce").is_some() => Wanted::Nonce,
        Some("invalid_scope") => Wanted::Scope,
        _ => Wanted::Nothing,
    }
}

fn granted(
    what: &str,
    response: &HttpResponse,
    proof_key: Option<Arc<ProofKey>>,
    asked: &[String],
) -> Result<Granted, Failure> {
    let body = exchange::json(what, response, false)?;
    let token =
        text(&body, "access_token").ok_or_else(|| Failure::retry(format!("{what}: the answer holds no token")))?;
    let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or(0);
    // Which kind it is, the answer decides: an app may be switched to DPoP while we run.
    let bound = text(&body, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("dpop"));
    let kind = if bound { "DPoP" } else { "Bearer" };
    Ok(Granted {
        authorization: secret_header(&format!("{kind} {token}"))?,
        token_hash: bound.then(|| token_hash(token)),
        expires_in: Duration::from_secs(seconds),
        proof_key,
        // An ungranted scope may also be left out in silence, so the answer counts where it says.
        scopes: text(&body, "scope").map_or_else(
            || asked.to_vec(),
            |scopes| scopes.split_whitespace().map(str::to_owned).collect(),
        ),
    })
}

/// A token that never arrived changed nothing.
fn without_effect(mut failure: Failure) -> Failure {
    failure.executed = rollcall_model::Executed::No;
    failure
}
