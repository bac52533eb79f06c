//! What users hold, given and looked at by tests: sessions, consents, API tokens, custom roles, and what an app knows of them.

use std::time::Duration;

use jiff::Timestamp;

use super::Okta;
use super::console::Refused;
use super::events::Origin;
use super::problem::Problem;
use super::seed::SeedError;
use super::state::{ApiToken, Binding, Factor, Grant, Org, RoleAssignment, Status, signed, whole_millis};

impl Okta {
    /// Opens a session as if the person had signed in at `now`, and gives its id. Okta lets nobody in who is suspended,
    /// deactivated, locked out or not activated.
    pub fn open_session(&self, user_id: &str, now: Timestamp) -> Result<String, Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        let at = org.by_id.get(user_id).copied();
        let at = at.filter(|at| {
            org.user(*at)
                .is_some_and(|user| matches!(user.status, Status::Active | Status::PasswordExpired))
        });
        let refused = || Refused::from(Problem::new(401, "E0000004", "Authentication failed"));
        let at = at.ok_or_else(refused)?;
        let id = org.fresh("102");
        let user = org.user_mut(at).ok_or_else(refused)?;
        user.sessions.push(id.clone());
        user.last_login = Some(now);
        Ok(id)
    }

    /// Ids of the user's open sessions.
    pub fn sessions_of(&self, user_id: &str) -> Vec<String> {
        self.read(user_id, |org, at| org.user(at).map(|user| user.sessions.clone()))
            .unwrap_or_default()
    }

    /// Has a device of the user remembered.
    pub fn remember_device(&self, user_id: &str) -> Result<(), SeedError> {
        self.seed_user(user_id, |org, at| {
            if let Some(user) = org.user_mut(at) {
                user.remembered_devices += 1;
            }
        })
    }

    /// How many devices of the user are remembered.
    pub fn remembered_devices(&self, user_id: &str) -> u32 {
        self.read(user_id, |org, at| org.user(at).map(|user| user.remembered_devices))
            .unwrap_or_default()
    }

    /// Gives an OAuth client a refresh token of the user.
    pub fn add_refresh_token(&self, user_id: &str, client: &str) -> Result<(), SeedError> {
        self.seed_user(user_id, |org, at| {
            if let Some(user) = org.user_mut(at) {
                *user.refresh_tokens.entry(client.to_owned()).or_default() += 1;
            }
        })
    }

    /// Has the user consent to a scope for an OAuth client, and gives the grant's id.
    pub fn add_grant(&self, user_id: &str, client: &str, scope: &str) -> Result<String, SeedError> {
        let id = self.org().fresh("oag");
        let grant = Grant {
            id: id.clone(),
            client: client.to_owned(),
            scope: scope.to_owned(),
        };
        self.seed_user(user_id, |org, at| {
            if let Some(user) = org.user_mut(at) {
                user.grants.push(grant);
            }
        })?;
        Ok(id)
    }

    /// Enrols the user in a factor (`factorType`, `provider`), and gives the factor's id.
    pub fn add_factor(&self, user_id: &str, kind: &str, provider: &str) -> Result<String, SeedError> {
        let id = self.org().fresh("ost");
        let factor = Factor {
            id: id.clone(),
            kind: kind.to_owned(),
            provider: provider.to_owned(),
            created: self.start,
        };
        self.seed_user(user_id, |org, at| {
            if let Some(user) = org.user_mut(at) {
                user.factors.push(factor);
            }
        })?;
        Ok(id)
    }

    /// Adds an API token that the user made at `used` and last used then, which lives for `window` without a use; gives its id.
    pub fn add_api_token(
        &self,
        user_id: &str,
        name: &str,
        used: Timestamp,
        window: Duration,
    ) -> Result<String, SeedError> {
        let used = whole_millis(used);
        let (id, secret) = {
            let mut org = self.org();
            (org.fresh("00T"), org.secret("00"))
        };
        let token = ApiToken {
            id: id.clone(),
            secret,
            owner: user_id.to_owned(),
            name: name.to_owned(),
            created: used,
            used,
            window: signed(window),
        };
        self.seed_user(user_id, |org, _| org.api_tokens.push(token))?;
        Ok(id)
    }

    /// Ids of the API tokens that the user made.
    pub fn api_tokens_of(&self, user_id: &str) -> Vec<String> {
        let org = self.org();
        let tokens = org.api_tokens.iter().filter(|token| token.owner == user_id);
        tokens.map(|token| token.id.clone()).collect()
    }

    /// Binds the user to a custom role over a resource set, by the ids of both (`cr0…`, `iam…`).
    pub fn add_custom_role(&self, user_id: &str, label: &str, role: &str, set: &str) -> Result<(), SeedError> {
        let id = self.org().fresh("irb");
        let assignment = RoleAssignment {
            id,
            kind: "CUSTOM".to_owned(),
            created: self.start,
            custom: Some(Binding {
                label: label.to_owned(),
                role: role.to_owned(),
                set: set.to_owned(),
            }),
        };
        self.seed_user(user_id, |org, at| {
            if let Some(user) = org.user_mut(at) {
                user.roles.push(assignment);
            }
        })
    }

    /// Says what the app calls a user whom it is assigned to: its own id and sign-in name.
    pub fn set_app_user(
        &self,
        app_id: &str,
        user_id: &str,
        external_id: Option<&str>,
        user_name: Option<&str>,
    ) -> Result<(), SeedError> {
        let mut org = self.org();
        let at = org.by_id.get(user_id).copied();
        let assignment = at
            .and_then(|at| org.user_mut(at))
            .and_then(|user| user.apps.get_mut(app_id))
            .ok_or_else(|| SeedError(format!("{user_id} has no app {app_id}")))?;
        assignment.external_id = external_id.map(str::to_owned);
        assignment.user_name = user_name.map(str::to_owned);
        Ok(())
    }

    /// Turns provisioning features of an app on, and all others off: `PUSH_USER_DEACTIVATION`, `IMPORT_NEW_USERS`, ….
    pub fn set_app_features(&self, app_id: &str, features: &[&str]) -> Result<(), SeedError> {
        let mut org = self.org();
        let app = org.apps.iter_mut().find(|app| app.id == app_id);
        let app = app.ok_or_else(|| SeedError(format!("no app {app_id}")))?;
        app.features = features.iter().map(|feature| (*feature).to_owned()).collect();
        Ok(())
    }

    /// Assigns an app to a user, with its event.
    pub fn admin_assign_app(&self, user_id: &str, app_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        let at = org.by_id.get(user_id).copied();
        let at = at.ok_or_else(|| super::problem::not_found(user_id, "User"))?;
        if org.user(at).is_some_and(|user| user.status == Status::Deprovisioned) {
            let summary = "The user is deactivated and cannot be assigned to an application.";
            return Err(Problem::new(403, "E0000117", summary).into());
        }
        let origin = console(&mut org, actor, app_id);
        org.assign(at, app_id, None, &origin, now);
        Ok(())
    }

    /// Takes an app from a user, with the event `application.user_membership.remove`; refused while a group grants it.
    pub fn admin_remove_app(&self, user_id: &str, app_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        let origin = console(&mut org, actor, app_id);
        Ok(org.take_app(app_id, user_id, &origin, now)?)
    }

    fn seed_user(&self, user_id: &str, change: impl FnOnce(&mut Org, usize)) -> Result<(), SeedError> {
        let mut org = self.org();
        let at = org.by_id.get(user_id).copied();
        let at = at.ok_or_else(|| SeedError(format!("no user {user_id}")))?;
        change(&mut org, at);
        Ok(())
    }
}

fn console(org: &mut Org, actor: &str, app: &str) -> Origin {
    let request = org.fresh("Zk0");
    Origin::console(actor, format!("/admin/app/{app}/users"), request)
}
