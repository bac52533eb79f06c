//! Filling an org before a test, without events and without counting.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Map, Value};

use super::Okta;
use super::roles::label;
use super::state::{ApiToken, App, Factor, Grant, GroupKind, Rule, ServiceClient, Status, signed, whole_millis};
use super::users::NewUser;

/// A seed that the org cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the org cannot be seeded: {0}")]
pub struct SeedError(pub(super) String);

/// A user to start with.
#[derive(Clone, Debug)]
pub struct UserSeed {
    /// The profile; `login`, `email`, `firstName` and `lastName` are required.
    pub profile: Map<String, Value>,
    /// The status.
    pub status: Status,
    /// Whether a password is set.
    pub has_password: bool,
    /// `OKTA`, or `ACTIVE_DIRECTORY`, `LDAP`, `FEDERATION`, `SOCIAL`, `IMPORT` for a user mastered elsewhere.
    pub provider: String,
    /// Open Okta sessions.
    pub sessions: u32,
    /// OAuth clients that hold a refresh token of the user.
    pub refresh_token_clients: Vec<String>,
    /// Consents as (OAuth client, scope).
    pub grants: Vec<(String, String)>,
    /// Factors as (`factorType`, `provider`).
    pub factors: Vec<(String, String)>,
    /// The id of the manager, for the linked objects `manager` and `subordinate`.
    pub manager: Option<String>,
}

impl UserSeed {
    /// An active user with a password, two sessions and nothing else; the e-mail address is the login.
    pub fn active(login: &str, first: &str, last: &str) -> Self {
        let mut profile = Map::new();
        for (name, value) in [
            ("login", login),
            ("email", login),
            ("firstName", first),
            ("lastName", last),
        ] {
            profile.insert(name.to_owned(), Value::from(value));
        }
        Self {
            profile,
            status: Status::Active,
            has_password: true,
            provider: "OKTA".to_owned(),
            sessions: 2,
            refresh_token_clients: Vec::new(),
            grants: Vec::new(),
            factors: Vec::new(),
            manager: None,
        }
    }

    /// With a profile attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.profile.insert(name.to_owned(), value.into());
        self
    }
}

/// An API Services app that calls the API with its own key.
#[derive(Clone, Debug)]
pub struct ServiceApp {
    /// The client id, `0oa…`.
    pub client_id: String,
    /// One public JWK, or a JWK set `{"keys": […]}`.
    pub jwks: Value,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Admin role types; with none, `GET /users` answers an empty list and everything else is refused.
    pub admin_roles: Vec<String>,
    /// Whether tokens must be bound to a DPoP key.
    pub dpop: bool,
}

impl Okta {
    /// Adds a user and gives its id.
    pub fn add_user(&self, seed: UserSeed) -> Result<String, SeedError> {
        let mut org = self.org();
        org.check_profile(&seed.profile, None)
            .map_err(|problem| SeedError(problem.code_and_text().1))?;
        let new = NewUser {
            profile: seed.profile,
            status: seed.status,
            has_password: seed.has_password,
            provider: seed.provider,
        };
        let start = self.start;
        let at = org.insert_user(new, start);
        let mut grants = Vec::new();
        for (client, scope) in seed.grants {
            let id = org.fresh("oag");
            grants.push(Grant { id, client, scope });
        }
        let mut factors = Vec::new();
        for (kind, provider) in seed.factors {
            let id = org.fresh("ost");
            factors.push(Factor {
                id,
                kind,
                provider,
                created: start,
            });
        }
        let sessions = (0..seed.sessions).map(|_| org.fresh("102")).collect();
        let user = org
            .user_mut(at)
            .ok_or_else(|| SeedError("the user is gone".to_owned()))?;
        user.stale = None;
        user.sessions = sessions;
        user.refresh_tokens = seed
            .refresh_token_clients
            .into_iter()
            .map(|client| (client, 1))
            .collect();
        user.grants = grants;
        user.factors = factors;
        user.linked = seed
            .manager
            .map(|manager| ("manager".to_owned(), manager))
            .into_iter()
            .collect();
        Ok(user.id.clone())
    }

    /// Adds a group and gives its id.
    pub fn add_group(&self, name: &str, kind: GroupKind) -> String {
        self.org().insert_group(name, None, kind, self.start)
    }

    /// Puts a user into a group.
    pub fn add_member(&self, group_id: &str, user_id: &str) -> Result<(), SeedError> {
        let mut org = self.org();
        let at = org
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| SeedError(format!("no user {user_id}")))?;
        let group = org
            .group_mut(group_id)
            .ok_or_else(|| SeedError(format!("no group {group_id}")))?;
        group.members.insert(at);
        if let Some(user) = org.user_mut(at) {
            user.groups.insert(group_id.to_owned());
        }
        Ok(())
    }

    /// Gives a user an admin role, directly.
    pub fn add_role(&self, user_id: &str, role: &str) -> Result<(), SeedError> {
        label(role).ok_or_else(|| SeedError(format!("no role {role}")))?;
        let mut org = self.org();
        let at = org
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| SeedError(format!("no user {user_id}")))?;
        org.grant_role(at, role, self.start);
        Ok(())
    }

    /// Gives a group an admin role, which its members have through it.
    pub fn add_group_role(&self, group_id: &str, role: &str) -> Result<(), SeedError> {
        label(role).ok_or_else(|| SeedError(format!("no role {role}")))?;
        let mut org = self.org();
        let id = org.fresh("gra");
        let group = org
            .group_mut(group_id)
            .ok_or_else(|| SeedError(format!("no group {group_id}")))?;
        group.roles.push(super::state::RoleAssignment {
            id,
            kind: role.to_owned(),
            created: self.start,
            custom: None,
        });
        Ok(())
    }

    /// Adds a rule that puts everyone whose `attribute` equals `value` into a group, and gives its id. It is evaluated when a
    /// user is created, activated or changes profile.
    pub fn add_group_rule(&self, name: &str, attribute: &str, value: &str, group_id: &str) -> String {
        let mut org = self.org();
        let id = org.fresh("0pr");
        org.rules.push(Rule {
            id: id.clone(),
            active: true,
            name: name.to_owned(),
            attribute: attribute.to_owned(),
            value: value.to_owned(),
            group: group_id.to_owned(),
            excluded: std::collections::BTreeSet::new(),
            created: self.start,
        });
        id
    }

    /// Makes a group rule active or inactive; members stay as they are.
    pub fn set_group_rule_active(&self, rule_id: &str, active: bool) -> Result<(), SeedError> {
        let mut org = self.org();
        let rule = org.rules.iter_mut().find(|rule| rule.id == rule_id);
        rule.ok_or_else(|| SeedError(format!("no rule {rule_id}")))?.active = active;
        Ok(())
    }

    /// Ids of the users whom a group rule excludes.
    pub fn excluded_by(&self, rule_id: &str) -> Vec<String> {
        let org = self.org();
        let rule = org.rules.iter().find(|rule| rule.id == rule_id);
        rule.map(|rule| rule.excluded.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Adds an app and gives its id.
    pub fn add_app(&self, label: &str, active: bool) -> String {
        let mut org = self.org();
        let id = org.fresh("0oa");
        let groups = std::collections::BTreeSet::new();
        org.apps.push(App {
            id: id.clone(),
            label: label.to_owned(),
            active,
            created: self.start,
            groups,
            features: Vec::new(),
        });
        id
    }

    /// Assigns an app to a user, directly or through a group.
    pub fn assign_app(&self, app_id: &str, user_id: &str, through_group: Option<&str>) -> Result<(), SeedError> {
        let mut org = self.org();
        let at = org
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| SeedError(format!("no user {user_id}")))?;
        let id = org.fresh("0ua");
        let through = through_group.map(str::to_owned);
        let app = org.apps.iter_mut().find(|app| app.id == app_id);
        let app = app.ok_or_else(|| SeedError(format!("no app {app_id}")))?;
        app.groups.extend(through.clone());
        let assignment = super::state::AppUser {
            id,
            through,
            created: self.start,
            external_id: None,
            user_name: None,
        };
        if let Some(user) = org.user_mut(at) {
            user.apps.insert(app_id.to_owned(), assignment);
        }
        Ok(())
    }

    /// Adds an SSWS token made by a user and gives the token's id. The token has that user's roles and dies with the user.
    pub fn add_ssws_token(&self, token: &str, owner_user_id: &str) -> Result<String, SeedError> {
        let mut org = self.org();
        if !org.by_id.contains_key(owner_user_id) {
            return Err(SeedError(format!("no user {owner_user_id}")));
        }
        let id = org.fresh("00T");
        org.api_tokens.push(ApiToken {
            id: id.clone(),
            secret: token.to_owned(),
            owner: owner_user_id.to_owned(),
            name: "Seeded token".to_owned(),
            created: self.start,
            used: self.start,
            window: super::tokens::WINDOW,
        });
        Ok(id)
    }

    /// Adds an API Services app. Fails when its keys are not JWKs.
    pub fn add_service_app(&self, app: ServiceApp) -> Result<(), SeedError> {
        let keys = app
            .jwks
            .get("keys")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_else(|| vec![app.jwks.clone()]);
        let keys = keys
            .into_iter()
            .map(|key| serde_json::from_value::<Jwk>(key).map_err(|error| SeedError(error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        let client = ServiceClient {
            keys,
            scopes: app.scopes.into_iter().collect(),
            roles: app.admin_roles.into_iter().collect(),
            dpop: app.dpop,
        };
        self.org().clients.insert(app.client_id, client);
        Ok(())
    }

    /// Adds a custom profile attribute.
    pub fn add_attribute(&self, name: &str) {
        self.org().custom_attributes.insert(name.to_owned());
    }

    /// Sets how long a deactivation runs asynchronously, with `transitioningToStatus` shown; zero at first.
    pub fn set_deactivation_time(&self, takes: Duration) {
        self.org().deactivation_takes = signed(takes);
    }

    /// Sets how far the search index trails behind writes; zero at first.
    pub fn set_search_lag(&self, lag: Duration) {
        self.org().search_lag = signed(lag);
    }

    /// Sets the calls per minute that one principal has in a bucket, for example `/api/v1/users` or `/oauth2/v1/token`.
    /// With 0, every call meets what a concurrency violation looks like: 429 with limit and remainder 0.
    pub fn set_limit(&self, bucket: &str, per_minute: u32) {
        self.org().limits.set(bucket, per_minute);
    }

    /// Adds a member that clients cannot know to users, groups and events: Okta adds members without notice.
    pub fn set_unknown_members(&self, added: bool) {
        self.org().unknown_members = added;
    }

    /// Puts several link relations into one `Link` header, comma-separated, instead of one header each.
    pub fn set_joined_links(&self, joined: bool) {
        self.org().joined_links = joined;
    }

    /// Sets the number of a user's open sessions, as if the person had signed in at `now`.
    pub fn sign_in(&self, user_id: &str, sessions: u32, now: Timestamp) {
        let mut org = self.org();
        let Some(at) = org.by_id.get(user_id).copied() else {
            return;
        };
        let sessions = (0..sessions).map(|_| org.fresh("102")).collect();
        if let Some(user) = org.user_mut(at) {
            user.sessions = sessions;
            user.last_login = Some(whole_millis(now));
        }
    }
}
