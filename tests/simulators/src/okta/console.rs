//! What a person does in the admin console, and what tests read.
//!
//! The actor is a user's id. Actions keep the rules of the API (a suspended user cannot be suspended), but not its roles,
//! scopes and limits.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::Okta;
use super::events::Origin;
use super::problem::Problem;
use super::seed::UserSeed;
use super::state::{Org, Status, whole_millis};
use super::users::NewUser;

/// The console refuses an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refused {
    /// Okta's error code.
    pub code: &'static str,
    /// Its summary and first cause.
    pub text: String,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let (code, text) = problem.code_and_text();
        Self { code, text }
    }
}

/// What a single action does to the user at a position.
type Step = fn(&mut Org, usize, &Origin, Timestamp) -> Result<(), Problem>;

impl Okta {
    fn act(&self, user_id: &str, actor: &str, verb: &str, now: Timestamp, step: Step) -> Result<(), Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        let at = org
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| super::problem::not_found(user_id, "User"))?;
        let request = org.fresh("Zk0");
        let origin = Origin::console(actor, format!("/admin/user/{verb}/{user_id}"), request);
        Ok(step(&mut org, at, &origin, now)?)
    }

    /// Creates a user, with the events `user.lifecycle.create` and, unless staged, `.activate`; gives the id.
    pub fn admin_create(&self, seed: UserSeed, actor: &str, now: Timestamp) -> Result<String, Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.check_profile(&seed.profile, None)?;
        let new = NewUser {
            profile: seed.profile,
            status: seed.status,
            has_password: seed.has_password,
            provider: seed.provider,
        };
        let at = org.insert_user(new, now);
        let request = org.fresh("Zk0");
        let origin = Origin::console(actor, "/admin/user/new".to_owned(), request);
        org.announce_creation(at, &origin, now);
        org.run_rules(at, now);
        let user = org
            .user(at)
            .ok_or_else(|| super::problem::not_found("unknown", "User"))?;
        Ok(user.id.clone())
    }

    /// Deactivates a user.
    pub fn admin_deactivate(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "deactivate", now, Org::deactivate)
    }

    /// Activates a staged or deactivated user.
    pub fn admin_activate(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "activate", now, Org::activate)
    }

    /// Sends a provisioned user a new activation.
    pub fn admin_reactivate(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "reactivate", now, Org::reactivate)
    }

    /// Suspends an active user.
    pub fn admin_suspend(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "suspend", now, Org::suspend)
    }

    /// Takes a suspension back.
    pub fn admin_unsuspend(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "unsuspend", now, Org::unsuspend)
    }

    /// Deactivates a user, or removes a deactivated one for ever.
    pub fn admin_delete(&self, user_id: &str, actor: &str, now: Timestamp) -> Result<(), Refused> {
        self.act(user_id, actor, "delete", now, Org::delete_step)
    }

    /// Changes profile members; `null` removes one.
    pub fn admin_update(
        &self,
        user_id: &str,
        changes: &[(&str, Value)],
        actor: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let now = whole_millis(now);
        let mut org = self.org();
        org.settle(now);
        let at = org
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| super::problem::not_found(user_id, "User"))?;
        let mut profile = org.user(at).map(|user| user.profile.clone()).unwrap_or_default();
        for (name, value) in changes {
            if value.is_null() {
                profile.remove(*name);
            } else {
                profile.insert((*name).to_owned(), value.clone());
            }
        }
        org.check_profile(&profile, Some(at))?;
        let request = org.fresh("Zk0");
        org.write_profile(
            at,
            profile,
            &Origin::console(actor, format!("/admin/user/edit/{user_id}"), request),
            now,
        );
        Ok(())
    }

    /// Adds a user to a group, or removes one from it.
    pub fn admin_membership(&self, group_id: &str, user_id: &str, member: bool, actor: &str, now: Timestamp) {
        let now = whole_millis(now);
        let mut org = self.org();
        let Some(at) = org.by_id.get(user_id).copied() else {
            return;
        };
        let request = org.fresh("Zk0");
        let origin = Origin::console(actor, format!("/admin/group/{group_id}/users"), request);
        if member {
            org.join_group(at, group_id, &origin, now);
        } else {
            org.leave_group(at, group_id, &origin, now);
        }
    }

    /// Lets everything happen that is due at `now`, such as the end of an asynchronous deactivation.
    pub fn settle(&self, now: Timestamp) {
        self.org().settle(whole_millis(now));
    }

    /// A user's status; nothing after a deletion. An asynchronous deactivation counts once something has happened at or
    /// after its end ([`Self::settle`]).
    pub fn user_status(&self, user_id: &str) -> Option<Status> {
        self.read(user_id, |org, at| org.user(at).map(|user| user.status))
    }

    /// The id of the user with this login.
    pub fn user_id(&self, login: &str) -> Option<String> {
        let org = self.org();
        org.by_login
            .get(&login.to_lowercase())
            .and_then(|at| org.user(*at))
            .map(|user| user.id.clone())
    }

    /// How many sessions are open.
    pub fn sessions(&self, user_id: &str) -> u32 {
        u32::try_from(self.sessions_of(user_id).len()).unwrap_or(u32::MAX)
    }

    /// Refresh tokens.
    pub fn refresh_tokens(&self, user_id: &str) -> u32 {
        self.read(user_id, |org, at| {
            org.user(at).map(|user| user.refresh_tokens.values().sum())
        })
        .unwrap_or_default()
    }

    /// Consents.
    pub fn grants(&self, user_id: &str) -> usize {
        self.read(user_id, |org, at| org.user(at).map(|user| user.grants.len()))
            .unwrap_or_default()
    }

    /// Enrolled factors.
    pub fn factors(&self, user_id: &str) -> usize {
        self.read(user_id, |org, at| org.user(at).map(|user| user.factors.len()))
            .unwrap_or_default()
    }

    /// Ids of the user's groups, without `Everyone`.
    pub fn groups(&self, user_id: &str) -> Vec<String> {
        let groups = self.read(user_id, |org, at| {
            org.user(at).map(|user| user.groups.iter().cloned().collect())
        });
        groups.unwrap_or_default()
    }

    /// The user's admin role types, direct and through groups.
    pub fn roles(&self, user_id: &str) -> Vec<String> {
        let roles = self.read(user_id, |org, at| {
            org.user(at).map(|user| org.role_kinds(user).into_iter().collect())
        });
        roles.unwrap_or_default()
    }

    /// Assigned apps: id, and whether through a group.
    pub fn apps(&self, user_id: &str) -> BTreeMap<String, bool> {
        self.read(user_id, |org, at| Some(org.assignments(at)))
            .unwrap_or_default()
    }

    /// Whether an SSWS token still exists.
    pub fn token_exists(&self, token_id: &str) -> bool {
        self.org().api_tokens.iter().any(|token| token.id == token_id)
    }

    /// The user's profile.
    pub fn profile(&self, user_id: &str) -> Option<serde_json::Map<String, Value>> {
        self.read(user_id, |org, at| org.user(at).map(|user| user.profile.clone()))
    }

    pub(super) fn read<T>(&self, user_id: &str, reader: impl FnOnce(&Org, usize) -> Option<T>) -> Option<T> {
        let org = self.org();
        let at = org.by_id.get(user_id).copied()?;
        reader(&org, at)
    }
}
