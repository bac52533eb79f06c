//! The token, revoke and userinfo endpoints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Value, json};

use super::call::Answer;
use super::state::State;
use super::time;
use crate::wire::Request;

/// Longest life of an assertion, in seconds. The vendor asks for a few minutes and refuses milliseconds.
const ASSERTION_SECONDS: i64 = 300;

/// An error of the token endpoint: code and description.
type Denied = (&'static str, &'static str);

impl State {
    /// `POST /services/oauth2/token`.
    pub(super) fn token_endpoint(&mut self, request: &Request, host: &str) -> Answer {
        if request.method() != http::Method::POST {
            return denied(("invalid_request", "must use HTTP POST"));
        }
        let form = form(request);
        let answer = match form.get("grant_type").map(String::as_str) {
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
                self.jwt_bearer(form.get("assertion").map_or("", String::as_str))
            }
            Some("client_credentials") => self.client_credentials(request, &form, host),
            _ => Err(("unsupported_grant_type", "grant type not supported")),
        };
        answer.unwrap_or_else(denied)
    }

    fn jwt_bearer(&mut self, assertion: &str) -> Result<Answer, Denied> {
        const INVALID: Denied = ("invalid_grant", "invalid assertion");
        // The key depends on the issuer, so the claims are read before the signature is known to be good.
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(assertion).map_err(|_| INVALID)?;
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).unwrap_or_default();
        let app = self
            .apps
            .get(text("iss"))
            .ok_or(("invalid_client_id", "client identifier invalid"))?;
        let key = app
            .public_key
            .as_ref()
            .and_then(super::AppKey::decoding_key)
            .ok_or(INVALID)?;
        let mut signature_only = Validation::new(Algorithm::RS256);
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        signature_only.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(assertion, &key, &signature_only).map_err(|_| INVALID)?;

        let login = if self.sandbox {
            "https://test.salesforce.com"
        } else {
            "https://login.salesforce.com"
        };
        if ![login, self.base_url.as_str()].contains(&text("aud")) {
            return Err(("invalid_grant", "audience is invalid"));
        }
        // Public clients send the number as text too, and the vendor takes it.
        let exp = claims
            .get("exp")
            .and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()))
            .unwrap_or(0);
        if exp <= self.now.as_second() || exp > self.now.as_second() + ASSERTION_SECONDS {
            return Err(("invalid_grant", "expired authorization code"));
        }
        let approved = app
            .pre_authorised
            .iter()
            .any(|username| username.eq_ignore_ascii_case(text("sub")));
        let user = self
            .user_named(text("sub"))
            .filter(|_| approved)
            .ok_or(("invalid_grant", "user hasn't approved this consumer"))?;
        let name = app.name.clone();
        self.issue(&user, &name, "api id", false)
    }

    fn client_credentials(
        &mut self,
        request: &Request,
        form: &std::collections::BTreeMap<String, String>,
        host: &str,
    ) -> Result<Answer, Denied> {
        let name = host.split(':').next().unwrap_or_default();
        if matches!(name, "login.salesforce.com" | "test.salesforce.com") {
            return Err(("invalid_grant", "request not supported on this domain"));
        }
        let in_form = || Some((form.get("client_id")?.clone(), form.get("client_secret")?.clone()));
        let given = basic_credentials(request).or_else(in_form);
        let (id, secret) = given.ok_or(("invalid_client_id", "client identifier invalid"))?;
        let app = self
            .apps
            .get(&id)
            .ok_or(("invalid_client_id", "client identifier invalid"))?;
        if app.client_secret.as_ref() != Some(&secret) {
            return Err(("invalid_client", "invalid client credentials"));
        }
        let name = app.name.clone();
        let user = app
            .run_as
            .as_deref()
            .and_then(|username| self.user_named(username))
            .ok_or(("invalid_grant", "no client credentials user enabled"))?;
        self.issue(&user, &name, "api", true)
    }

    /// The token answer for a user who may log in. No `expires_in`: the session slides.
    fn issue(&mut self, user: &str, app: &str, scope: &str, signed: bool) -> Result<Answer, Denied> {
        let active = self.row("User", user).and_then(|row| row.get("IsActive")) == Some(&json!(true));
        let frozen = self
            .ids_where("UserLogin", "UserId", user)
            .iter()
            .any(|id| self.row("UserLogin", id).and_then(|row| row.get("IsFrozen")) == Some(&json!(true)));
        // For a frozen user the vendor's documents give no text of their own; one class serves both.
        if !active || frozen {
            return Err(("invalid_grant", "inactive user"));
        }
        let grant = self.grant_token(user, app);
        let token = self.access_token(user, Some(&grant));
        let login = if self.sandbox { "test" } else { "login" };
        let mut body = json!({
            "access_token": token, "scope": scope, "instance_url": self.base_url, "token_type": "Bearer",
            "id": format!("https://{login}.salesforce.com/id/{}/{user}", self.org_id),
        });
        if let Some(map) = body.as_object_mut().filter(|_| signed) {
            map.insert("signature".to_owned(), json!("ZmljdGl0aW91cy1zaWduYXR1cmU="));
            map.insert("issued_at".to_owned(), json!(self.now.as_millisecond().to_string()));
        }
        Ok(Answer::json(200, body))
    }

    /// `POST /services/oauth2/revoke`: an access token, or an `OauthToken.DeleteToken`.
    pub(super) fn revoke_endpoint(&mut self, request: &Request) -> Answer {
        let token = form(request)
            .remove("token")
            .or_else(|| query(request).remove("token"))
            .unwrap_or_default();
        if let Some(session) = self.tokens.remove(&token) {
            if self.remove("AuthSession", &session) {
                self.effects.push("revoke-access-token");
            }
            return Answer::empty(200);
        }
        let Some(grant) = self
            .ids_where("OauthToken", "DeleteToken", &token)
            .pop()
            .filter(|_| !token.is_empty())
        else {
            return denied(("invalid_token", "invalid token"));
        };
        if !self.settings.delete_tokens_work {
            return denied(("unsupported_token_type", "this token type is not supported"));
        }
        self.remove("OauthToken", &grant);
        self.effects.push("revoke-token");
        if self.settings.tokens_end_sessions {
            for session in self.ids_where("AuthSession", "_OauthToken", &grant) {
                self.remove("AuthSession", &session);
            }
        }
        Answer::empty(200)
    }

    /// `GET /services/oauth2/userinfo`.
    pub(super) fn userinfo_endpoint(&mut self, request: &Request) -> Answer {
        let Ok(caller) = self.authenticate(request) else {
            return Answer::text(403, "Bad_OAuth_Token");
        };
        let field = |name: &str| {
            self.row("User", &caller.user)
                .and_then(|row| row.get(name))
                .cloned()
                .unwrap_or(Value::Null)
        };
        let login = if self.sandbox { "test" } else { "login" };
        Answer::json(
            200,
            json!({
                "sub": format!("https://{login}.salesforce.com/id/{}/{}", self.org_id, caller.user), "user_id": caller.user,
                "organization_id": self.org_id, "preferred_username": field("Username"), "name": field("Name"),
                "email": field("Email"), "active": field("IsActive"), "user_type": "STANDARD", "updated_at": time::wire(self.now),
            }),
        )
    }
}

/// The error body of the token endpoint.
pub(super) fn denied((error, description): Denied) -> Answer {
    Answer::json(
        StatusCode::BAD_REQUEST.as_u16(),
        json!({ "error": error, "error_description": description }),
    )
}

fn form(request: &Request) -> std::collections::BTreeMap<String, String> {
    let is_form = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return std::collections::BTreeMap::new();
    }
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

fn query(request: &Request) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let header = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
