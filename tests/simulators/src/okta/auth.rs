//! Who calls, and whether that principal may do what it asks.
//!
//! Two gates as in Okta: the scope of an OAuth token, and the admin role of the app or of the SSWS token's owner. A scope
//! without a role refuses most calls but answers the user list with an empty array, the trap that clients fall into.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::events::Actor;
use super::jwt;
use super::problem::{self, Problem};
use super::state::{Org, Status, User};
use crate::wire::Request;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    /// How the caller appears in the System Log.
    pub(super) actor: Actor,
    /// Whose share of the rate limits is used.
    pub(super) key: String,
    /// Granted scopes; nothing for SSWS, which has none.
    pub(super) scopes: Option<BTreeSet<String>>,
    /// Admin role types.
    pub(super) roles: BTreeSet<String>,
}

/// A part of the API with its own scopes and role rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Users,
    Groups,
    Apps,
    Roles,
    Logs,
    Tokens,
}

impl Area {
    const fn scope(self) -> &'static str {
        match self {
            Self::Users => "okta.users",
            Self::Groups => "okta.groups",
            Self::Apps => "okta.apps",
            Self::Roles => "okta.roles",
            Self::Logs => "okta.logs",
            Self::Tokens => "okta.apiTokens",
        }
    }
}

/// How far a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Read,
    Write,
    /// Writes that a help-desk administrator may do too: unlock, passwords, factors, sessions.
    Assist,
}

impl Principal {
    /// Refuses a call whose token lacks the scope: 403 without a body and with `insufficient_scope`.
    pub(super) fn scoped(&self, area: Area, reach: Reach, base: &str, path: &str) -> Result<(), Problem> {
        let Some(scopes) = &self.scopes else {
            return Ok(());
        };
        let manage = format!("{}.manage", area.scope());
        let read = format!("{}.read", area.scope());
        let enough = scopes.contains(&manage) || (reach == Reach::Read && scopes.contains(&read));
        if enough {
            return Ok(());
        }
        let wanted = if reach == Reach::Read { read } else { manage };
        let scheme = format!(
            "Bearer authorization_uri=\"{base}/oauth2/v1/authorize\", realm=\"{base}\", scope=\"{wanted}\", \
             error=\"insufficient_scope\", error_description=\"The access token provided does not contain the required \
             scopes.\", resource=\"{path}\""
        );
        Err(Problem::empty(403).header("www-authenticate", scheme))
    }

    /// Whether any admin role allows the call.
    pub(super) fn allowed(&self, area: Area, reach: Reach) -> bool {
        self.roles.iter().any(|role| role_allows(role, area, reach))
    }

    /// Whether the caller may change an account that itself holds admin roles.
    pub(super) fn may_manage_admins(&self) -> bool {
        self.roles.contains("SUPER_ADMIN")
    }
}

/// What the standard roles may do (Okta, "Standard administrator roles and permissions"), as far as the simulator needs.
fn role_allows(role: &str, area: Area, reach: Reach) -> bool {
    let read = reach == Reach::Read;
    match role {
        "SUPER_ADMIN" => true,
        "ORG_ADMIN" => area != Area::Roles || read,
        "READ_ONLY_ADMIN" => read,
        "REPORT_ADMIN" => read && matches!(area, Area::Logs | Area::Users),
        "APP_ADMIN" => area == Area::Apps || (read && matches!(area, Area::Users | Area::Groups)),
        "USER_ADMIN" | "CUSTOM" => matches!(area, Area::Users | Area::Groups) || (read && area == Area::Apps),
        "GROUP_MEMBERSHIP_ADMIN" => area == Area::Groups || (read && area == Area::Users),
        "HELP_DESK_ADMIN" => area == Area::Users && matches!(reach, Reach::Read | Reach::Assist),
        _ => false,
    }
}

impl Org {
    /// Finds out who calls.
    pub(super) fn authenticate(&mut self, request: &Request, now: Timestamp) -> Result<Principal, Problem> {
        let header = request
            .headers()
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        // Okta's Python SDK writes the scheme and an SSWS token without a space, and Okta takes it.
        let parts = header.and_then(|header| header.split_once(' ').or_else(|| header.split_at_checked("SSWS".len())));
        let Some((scheme, credential)) = parts else {
            return Err(Problem::new(403, "E0000005", "Invalid session"));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "ssws" => self.ssws(credential.trim(), now),
            "bearer" => self.access_token(credential.trim(), None, now),
            "dpop" => {
                let url = format!("{}{}", self.base, request.uri().path());
                let proof = request.headers().get("dpop").and_then(|value| value.to_str().ok());
                let checked = jwt::proof(proof, request.method().as_str(), &url, now);
                let proof = checked.map_err(|description| jwt::proof_refused(&self.base, description))?;
                self.access_token(credential.trim(), Some(proof), now)
            }
            _ => Err(Problem::new(403, "E0000005", "Invalid session")),
        }
    }

    fn ssws(&mut self, secret: &str, now: Timestamp) -> Result<Principal, Problem> {
        let token = self
            .api_tokens
            .iter_mut()
            .find(|token| token.secret == secret)
            .ok_or_else(problem::invalid_token)?;
        if now.duration_since(token.used) > token.window {
            return Err(problem::invalid_token());
        }
        token.used = token.used.max(now);
        let (id, owner) = (token.id.clone(), token.owner.clone());
        let user = self.by_id.get(&owner).and_then(|at| self.user(*at));
        let user = user
            .filter(|user| user.status != Status::Deprovisioned)
            .ok_or_else(problem::invalid_token)?;
        let roles = self.role_kinds(user);
        Ok(Principal {
            key: id.clone(),
            actor: Actor::Token { id, owner },
            scopes: None,
            roles,
        })
    }

    fn access_token(&mut self, token: &str, proof: Option<jwt::Proof>, now: Timestamp) -> Result<Principal, Problem> {
        let known = self
            .access_tokens
            .get(token)
            .filter(|known| known.expires > now)
            .cloned();
        let known = known.ok_or_else(|| self.token_refused("The access token is invalid."))?;
        match (&known.bound_to, proof) {
            (None, None) => {}
            (None, Some(_)) => {
                return Err(self.token_refused("The access token is not bound to a key."));
            }
            (Some(_), None) => {
                return Err(jwt::proof_refused(&self.base, "The DPoP proof JWT header is missing."));
            }
            (Some(thumbprint), Some(proof)) => {
                if *thumbprint != proof.thumbprint {
                    let description = "The DPoP proof JWT is signed by another key than the access token is bound to.";
                    return Err(jwt::proof_refused(&self.base, description));
                }
                if proof.token_hash.as_deref() != Some(&jwt::token_hash(token)) {
                    return Err(jwt::proof_refused(
                        &self.base,
                        "'ath' claim in the DPoP proof JWT is invalid.",
                    ));
                }
                if !self.first_use(&format!("proof {}", proof.jti), now) {
                    return Err(jwt::proof_refused(
                        &self.base,
                        "The DPoP proof JWT has already been used.",
                    ));
                }
            }
        }
        let roles = self
            .clients
            .get(&known.client)
            .map(|client| client.roles.clone())
            .unwrap_or_default();
        let actor = Actor::Client(known.client.clone());
        Ok(Principal {
            actor,
            key: known.client,
            scopes: Some(known.scopes),
            roles,
        })
    }

    /// 401 in the shape of an expired or unknown access token.
    pub(super) fn token_refused(&self, description: &str) -> Problem {
        let base = &self.base;
        let scheme = format!(
            "Bearer authorization_uri=\"{base}/oauth2/v1/authorize\", realm=\"{base}\", error=\"invalid_token\", \
             error_description=\"{description}\""
        );
        Problem::empty(401).header("www-authenticate", scheme)
    }

    /// Notes a one-time identifier; false when it was seen within the last hours.
    pub(super) fn first_use(&mut self, jti: &str, now: Timestamp) -> bool {
        // Assertions live for an hour and proofs for minutes: two hours outlast both, and keep the memory bounded.
        if self.seen_jti.len() > 10_000 {
            let oldest = now
                .saturating_sub(SignedDuration::from_hours(2))
                .unwrap_or(Timestamp::MIN);
            self.seen_jti.retain(|_, at| *at > oldest);
        }
        self.seen_jti.insert(jti.to_owned(), now).is_none()
    }

    /// Whether changing this user needs a super administrator.
    pub(super) fn is_admin(&self, user: &User) -> bool {
        !self.role_kinds(user).is_empty()
    }
}
