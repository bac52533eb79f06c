//! The org authorization server's token endpoint for API Services apps.
//!
//! Rules are Okta's ("Implement OAuth for Okta with a service app", "Configure OAuth 2.0 Demonstrating
//! Proof-of-Possession"): `private_key_jwt` only, an assertion is used once even when the call fails later, and an app that
//! requires DPoP is sent through the nonce dance.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::call::{Answer, Outcome};
use super::jwt;
use super::problem::Problem;
use super::state::{AccessToken, Org, ServiceClient, hexadecimal};
use crate::wire::Request;

/// How long an access token lives.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// The furthest `exp` of an assertion.
const LONGEST_ASSERTION: SignedDuration = SignedDuration::from_hours(1);
/// Tolerance for a client's clock.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// A nonce is renewed after a day and lives for three more.
const NONCE_LIFE_SECONDS: i64 = 86_400;
/// Where tokens are asked for.
pub(super) const TOKEN_PATH: &str = "/oauth2/v1/token";

impl Org {
    /// `POST /oauth2/v1/token`.
    pub(super) fn token(&mut self, request: &Request, now: Timestamp) -> Outcome {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let form = header("content-type").is_some_and(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        if !form {
            return Err(Problem::oauth(
                400,
                "invalid_request",
                "The Content-Type must be application/x-www-form-urlencoded.",
            ));
        }
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(request.body()).into_owned().collect();
        let field = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        if field("grant_type") != "client_credentials" {
            return Err(Problem::oauth(
                400,
                "unsupported_grant_type",
                "The grant type is not supported for this client.",
            ));
        }
        if field("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            return Err(Problem::oauth(
                401,
                "invalid_client",
                "The client authentication method is not supported.",
            ));
        }
        let url = format!("{}/oauth2/v1/token", self.base);
        let (id, client) = self.asserted(field("client_assertion"), &url, now)?;
        let bound_to = match (client.dpop, header("dpop")) {
            (false, None) => None,
            (_, proof) => Some(self.proven(proof, &url, now)?),
        };
        let wanted: BTreeSet<String> = field("scope").split_whitespace().map(str::to_owned).collect();
        if wanted.is_empty() {
            return Err(Problem::oauth(400, "invalid_scope", "The scope parameter is required."));
        }
        if !wanted.is_subset(&client.scopes) {
            return Err(Problem::oauth(
                400,
                "invalid_scope",
                "One or more scopes are not configured for the client application.",
            ));
        }
        let token = self.secret("eyJraWQi");
        let kind = if bound_to.is_some() { "DPoP" } else { "Bearer" };
        let body = json!({
            "token_type": kind,
            "expires_in": TOKEN_LIFE.as_secs(),
            "access_token": token,
            "scope": wanted.iter().cloned().collect::<Vec<_>>().join(" "),
        });
        let expires = now.saturating_add(TOKEN_LIFE).unwrap_or(now);
        self.access_tokens.retain(|_, token| token.expires > now);
        let mut answer = Answer::ok(body);
        if bound_to.is_some() {
            answer.headers.push(("dpop-nonce", self.nonce(now, 0)));
        }
        self.access_tokens.insert(
            token,
            AccessToken {
                client: id,
                scopes: wanted,
                expires,
                bound_to,
            },
        );
        Ok(answer)
    }

    /// Checks the client assertion and uses it up.
    fn asserted(&mut self, assertion: &str, url: &str, now: Timestamp) -> Result<(String, ServiceClient), Problem> {
        let refused = |description: &str| Problem::oauth(401, "invalid_client", description);
        let head = jsonwebtoken::decode_header(assertion)
            .map_err(|_| refused("The client_assertion token could not be decoded."))?;
        let unverified =
            jsonwebtoken::dangerous::insecure_decode::<serde_json::Map<String, serde_json::Value>>(assertion)
                .map_err(|_| refused("The client_assertion token could not be decoded."))?
                .claims;
        let id = jwt::text(&unverified, "iss").to_owned();
        let client = self.clients.get(&id).cloned();
        let client = client.ok_or_else(|| refused("Invalid value for 'client_id' parameter."))?;
        let mut keys = client.keys.iter().filter(|key| match &head.kid {
            Some(kid) => key.common.key_id.as_ref() == Some(kid),
            None => client.keys.len() == 1,
        });
        let claims = keys
            .find_map(|key| jwt::claims(assertion, key))
            .ok_or_else(|| refused("The client_assertion signature is invalid."))?;
        if jwt::text(&claims, "sub") != id {
            return Err(refused(
                "The 'sub' claim of the client_assertion must be the client id.",
            ));
        }
        let audience = claims.get("aud");
        let fits = audience.is_some_and(|aud| *aud == *url || *aud == json!([url]));
        if !fits {
            return Err(refused(&format!(
                "The audience claim for client_assertion must be the endpoint invoked: {url}."
            )));
        }
        let expires = jwt::moment(&claims, "exp");
        let expires = expires.ok_or_else(|| refused("The client_assertion token must have an expiration."))?;
        if expires <= now {
            return Err(refused("The client_assertion token is expired."));
        }
        if expires
            > now
                .saturating_add(LONGEST_ASSERTION.saturating_add(SKEW))
                .unwrap_or(Timestamp::MAX)
        {
            return Err(refused(
                "The client_assertion token has an expiration too far into the future.",
            ));
        }
        if jwt::moment(&claims, "iat").is_some_and(|at| at > now.saturating_add(SKEW).unwrap_or(Timestamp::MAX)) {
            return Err(refused("The client_assertion token was issued in the future."));
        }
        let jti = jwt::text(&claims, "jti");
        if !jti.is_empty() && !self.first_use(&format!("assertion {id} {jti}"), now) {
            return Err(refused("The client_assertion token has already been used."));
        }
        Ok((id, client))
    }

    /// Checks the proof of a token call; the result is the thumbprint of its key.
    fn proven(&mut self, proof: Option<&str>, url: &str, now: Timestamp) -> Result<String, Problem> {
        let refused = |description: &str| Problem::oauth(400, "invalid_dpop_proof", description);
        let proof = jwt::proof(proof, "POST", url, now).map_err(refused)?;
        let Some(nonce) = proof.nonce else {
            let description = "Authorization server requires nonce in DPoP proof.";
            return Err(Problem::oauth(400, "use_dpop_nonce", description).header("dpop-nonce", self.nonce(now, 0)));
        };
        if !(0..=3).any(|age| self.nonce(now, age) == nonce) {
            let description = "Authorization server requires nonce in DPoP proof.";
            return Err(Problem::oauth(400, "use_dpop_nonce", description).header("dpop-nonce", self.nonce(now, 0)));
        }
        if !self.first_use(&format!("proof {}", proof.jti), now) {
            return Err(refused("The DPoP proof JWT has already been used."));
        }
        Ok(proof.thumbprint)
    }

    /// The refusal of a call with a proof, because the nonce in it is not the server's any more.
    pub(super) fn nonce_wanted(&self, request: &Request, now: Timestamp) -> Option<Problem> {
        request.headers().get("dpop")?;
        let nonce = self.nonce(now, 0);
        if request.uri().path() == TOKEN_PATH {
            let description = "Authorization server requires nonce in DPoP proof.";
            return Some(Problem::oauth(400, "use_dpop_nonce", description).header("dpop-nonce", nonce));
        }
        let asked = "DPoP error=\"use_dpop_nonce\", error_description=\"Resource server requires nonce in DPoP proof\"";
        Some(
            Problem::empty(401)
                .header("www-authenticate", asked)
                .header("dpop-nonce", nonce),
        )
    }

    /// The nonce of today, or of `age` days ago.
    fn nonce(&self, now: Timestamp, age: i64) -> String {
        let day = now.as_second().div_euclid(NONCE_LIFE_SECONDS) - age;
        hexadecimal(&Sha256::digest(format!("{}|nonce|{day}", self.id)))
    }
}
