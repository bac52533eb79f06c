//! What a person does in the admin portal, and what directories do.
//!
//! The actor is a user's id, and so the events name a person. Actions keep the rules of the portal (an active user cannot be
//! activated), but not its privileges.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::OneLogin;
use super::events::{Cause, EventClass};
use super::problem::Problem;
use super::seed::UserSeed;
use super::state::{State, Status, Tenant, whole_millis};

/// The portal refuses an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem.text())
    }
}

impl OneLogin {
    fn act<T>(
        &self,
        user: i64,
        actor: i64,
        now: Timestamp,
        step: impl FnOnce(&mut Tenant, &Cause, Timestamp) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        tenant.settle(now);
        if !tenant.users.contains_key(&user) {
            return Err(Refused(format!("no user {user}")));
        }
        step(&mut tenant, &Cause::Person(actor), now)
    }

    fn move_to(&self, user: i64, status: Status, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            if tenant.users.get(&user).is_some_and(|user| user.status == status) {
                return Err(Refused(format!("user {user} is {status:?} already")));
            }
            tenant.set_status(user, status, cause, now);
            Ok(())
        })
    }

    /// Creates a user and gives the id. Event 13.
    pub fn admin_create(&self, seed: UserSeed, actor: i64, now: Timestamp) -> i64 {
        let id = self.add_user(seed);
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        if let Some(user) = tenant.users.get_mut(&id) {
            (user.created, user.updated) = (now, now);
        }
        tenant.counters.add("create");
        tenant.emit(EventClass::Created, id, Value::Null, &Cause::Person(actor), now);
        tenant.run_mappings(id, now);
        id
    }

    /// Suspends. Event 21.
    pub fn admin_suspend(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.move_to(user, Status::Suspended, actor, now)
    }

    /// Activates: event 32 for a suspended user, 12 for a locked one, otherwise 16.
    pub fn admin_activate(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.move_to(user, Status::Active, actor, now)
    }

    /// Deactivates. Event 15.
    pub fn admin_deactivate(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.move_to(user, Status::Unactivated, actor, now)
    }

    /// Deletes for ever. Event 17.
    pub fn admin_delete(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            tenant.delete_user(user, cause, now);
            Ok(())
        })
    }

    /// Locks for some minutes; 0 as for the API. Event 19.
    pub fn admin_lock(&self, user: i64, minutes: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            Ok(tenant.lock(user, minutes, cause, now)?)
        })
    }

    /// Unlocks. Event 12.
    pub fn admin_unlock(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            if tenant.unlock(user, cause, now) {
                Ok(())
            } else {
                Err(Refused(format!("user {user} is not locked")))
            }
        })
    }

    /// Forces a log-out. Event 550.
    pub fn admin_log_out(&self, user: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            tenant.log_out(user, cause, now);
            Ok(())
        })
    }

    /// Changes attributes by their v2 name; null removes one. Event 14; mappings run at once.
    pub fn admin_update(
        &self,
        user: i64,
        changes: &[(&str, Value)],
        actor: i64,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            let notes = changes.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            tenant.edit(user, now, |user| {
                for (name, value) in changes {
                    user.profile.insert((*name).to_owned(), value.clone());
                }
            });
            tenant.counters.add("update");
            let notes = json!({"notes": format!("Updated: {notes}")});
            tenant.emit(EventClass::Updated, user, notes, cause, now);
            tenant.run_mappings(user, now);
            Ok(())
        })
    }

    /// Sets the state, such as `Unlicensed`.
    pub fn admin_set_state(&self, user: i64, state: State, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            tenant.set_state(user, state, cause, now);
            Ok(())
        })
    }

    /// Gives or takes a role. Events 147 and 148.
    pub fn admin_role(&self, role: i64, user: i64, given: bool, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            tenant.set_role(user, role, given, cause, now);
            Ok(())
        })
    }

    /// Makes a user an administrator of a role, or ends that. Events 151 and 152.
    pub fn admin_role_admin(
        &self,
        role: i64,
        user: i64,
        given: bool,
        actor: i64,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            tenant.set_role_admin(user, role, given, cause, now);
            Ok(())
        })
    }

    /// Gives or takes a privilege. Events 2107 and 2109.
    pub fn admin_privilege(
        &self,
        privilege: &str,
        user: i64,
        given: bool,
        actor: i64,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            if tenant.set_privilege(user, privilege, given, cause, now) {
                Ok(())
            } else {
                Err(Refused(format!("no privilege {privilege}")))
            }
        })
    }

    /// Removes a factor. Event 24.
    pub fn admin_remove_device(&self, user: i64, device: i64, actor: i64, now: Timestamp) -> Result<(), Refused> {
        self.act(user, actor, now, |tenant, cause, now| {
            if tenant.remove_device(user, device, cause, now) {
                Ok(())
            } else {
                Err(Refused(format!("no device {device}")))
            }
        })
    }

    /// Writes an event of any type about a user, such as 3 (impersonation), 60 or 240. `more` is an object of further
    /// members by their name in the webhook.
    pub fn admin_event(&self, kind: i64, user: Option<i64>, more: Value, actor: i64, now: Timestamp) {
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        tenant.settle(now);
        tenant.emit_kind(kind, user, more, &Cause::Person(actor), now);
    }

    /// Logs a user in: a new session and event 5, or event 6 and a refusal when the status or state does not allow it.
    pub fn log_in(&self, user: i64, now: Timestamp) -> Result<String, Refused> {
        let allowed = self.act(user, user, now, |tenant, cause, now| {
            let allowed = tenant.users.get(&user).is_some_and(super::state::User::can_log_in);
            if allowed && let Some(user) = tenant.users.get_mut(&user) {
                user.last_login = Some(now);
            }
            tenant.emit_kind(if allowed { 5 } else { 6 }, Some(user), Value::Null, cause, now);
            Ok(allowed)
        })?;
        if allowed {
            Ok(self.open_session(user))
        } else {
            Err(Refused(format!("user {user} cannot log in")))
        }
    }

    /// Runs the mappings on everybody ("reapply"). Event 202.
    pub fn admin_reapply_mappings(&self, actor: i64, now: Timestamp) {
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        tenant.settle(now);
        tenant.emit_kind(202, None, Value::Null, &Cause::Person(actor), now);
        let ids: Vec<i64> = tenant.users.keys().copied().collect();
        for id in ids {
            tenant.run_mappings(id, now);
        }
    }

    /// Sets what the directory says about a user's status; the next synchronisation brings it.
    pub fn set_directory_status(&self, user: i64, status: Status) {
        if let Some(user) = self.tenant().users.get_mut(&user) {
            user.directory_status = status;
        }
    }

    /// Synchronises a directory: whoever comes from it gets the status that it says. The directory is the actor.
    pub fn sync_directory(&self, directory: i64, now: Timestamp) {
        let now = whole_millis(now);
        let mut tenant = self.tenant();
        tenant.settle(now);
        let name = tenant.directories.get(&directory).cloned().unwrap_or_default();
        let members: Vec<(i64, Status)> = tenant
            .users
            .values()
            .filter(|user| user.directory_id == Some(directory))
            .map(|user| (user.id, user.directory_status))
            .collect();
        for (id, status) in members {
            tenant.set_status(id, status, &Cause::System(name.clone()), now);
        }
    }
}
