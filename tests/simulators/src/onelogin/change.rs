//! Changes of users: their effects, events and counts, whoever makes them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::events::{Cause, EventClass};
use super::problem::{self, Dialect, Problem};
use super::state::{MappingAction, MappingMode, State, Status, Tenant};

impl Tenant {
    /// Lets everything happen that is due at `now`: locks that end, and mappings that run after an answer.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let ended = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        let unlocked: Vec<i64> = self
            .users
            .values()
            .filter(|user| user.status == Status::Locked && ended(user.locked_until))
            .map(|user| user.id)
            .collect();
        for id in unlocked {
            self.remember(id, now);
            if let Some(user) = self.users.get_mut(&id) {
                user.status = user.before_lock;
                user.locked_until = None;
                user.invalid_logins = 0;
            }
        }
        let (due, later) = self.mapping_runs.drain(..).partition(|(at, _)| *at <= now);
        self.mapping_runs = later;
        for (at, id) in due {
            self.run_mappings(id, at);
        }
    }

    /// Changes a user's record without an event.
    pub(super) fn edit(&mut self, id: i64, now: Timestamp, change: impl FnOnce(&mut super::state::User)) {
        self.remember(id, now);
        if let Some(user) = self.users.get_mut(&id) {
            change(user);
            user.updated = now;
        }
    }

    /// Sets the status. Does nothing when it is that already.
    pub(super) fn set_status(&mut self, id: i64, status: Status, cause: &Cause, now: Timestamp) {
        let Some(before) = self.users.get(&id).map(|user| user.status) else {
            return;
        };
        if before == status {
            return;
        }
        self.edit(id, now, |user| {
            if status == Status::Locked {
                user.before_lock = before;
            } else {
                user.locked_until = None;
            }
            if status == Status::Active && user.activated.is_none() {
                user.activated = Some(now);
            }
            user.status = status;
        });
        let (class, effect) = match (before, status) {
            (_, Status::Suspended) => (EventClass::Suspended, "suspend"),
            (_, Status::Unactivated) => (EventClass::Deactivated, "deactivate"),
            (_, Status::Locked) => (EventClass::Locked, "lock"),
            (Status::Suspended, Status::Active) => (EventClass::Reactivated, "unsuspend"),
            (Status::Locked, Status::Active) => (EventClass::Unlocked, "unlock"),
            (_, Status::Active) => (EventClass::Activated, "activate"),
            _ => (EventClass::Updated, "update"),
        };
        self.counters.add(effect);
        self.emit(class, id, json!({"notes": "Updated: Status"}), cause, now);
        if status == Status::Suspended && self.settings.suspend_ends_sessions {
            self.sessions
                .retain(|session| session.user != id || session.app.is_some());
        }
    }

    /// Sets the state. Does nothing when it is that already.
    pub(super) fn set_state(&mut self, id: i64, state: State, cause: &Cause, now: Timestamp) {
        if self.users.get(&id).is_none_or(|user| user.state == state) {
            return;
        }
        self.edit(id, now, |user| user.state = state);
        self.counters.add("set-state");
        let class = if state == State::Unlicensed {
            EventClass::LicenceChanged
        } else {
            EventClass::Updated
        };
        self.emit(class, id, json!({"notes": "Updated: State"}), cause, now);
    }

    /// Locks for some minutes; 0 for as long as the policy says, or without end when there is none.
    pub(super) fn lock(&mut self, id: i64, minutes: i64, cause: &Cause, now: Timestamp) -> Result<(), Problem> {
        let policy = self.settings.lock_policy_minutes;
        if minutes < 0 || (minutes > 0 && policy.is_some_and(|least| minutes < least)) {
            let text = "locked_until can not be less than the lock effective period of the user's policy";
            return Err(problem::bad_request(Dialect::V1, text));
        }
        let minutes = if minutes == 0 { policy } else { Some(minutes) };
        let until = minutes.map(|minutes| {
            now.saturating_add(SignedDuration::from_secs(minutes.saturating_mul(60)))
                .unwrap_or(now)
        });
        self.set_status(id, Status::Locked, cause, now);
        self.edit(id, now, |user| user.locked_until = until);
        Ok(())
    }

    /// Unlocks; false when the user is not locked.
    pub(super) fn unlock(&mut self, id: i64, cause: &Cause, now: Timestamp) -> bool {
        let Some(user) = self.users.get(&id).filter(|user| user.status == Status::Locked) else {
            return false;
        };
        let back = user.before_lock;
        self.edit(id, now, |user| {
            user.status = back;
            user.locked_until = None;
            user.invalid_logins = 0;
        });
        self.counters.add("unlock");
        self.emit(EventClass::Unlocked, id, Value::Null, cause, now);
        true
    }

    /// Deletes for ever. Sessions inside apps live on.
    pub(super) fn delete_user(&mut self, id: i64, cause: &Cause, now: Timestamp) {
        if !self.users.contains_key(&id) {
            return;
        }
        self.counters.add("delete");
        self.emit(EventClass::Deleted, id, Value::Null, cause, now);
        self.remember(id, now);
        self.users.remove(&id);
        self.sessions
            .retain(|session| session.user != id || session.app.is_some());
        for role in self.roles.values_mut() {
            role.admins.remove(&id);
        }
        for privilege in &mut self.privileges {
            privilege.users.remove(&id);
        }
    }

    /// Ends the sessions in the portal; those inside apps live on.
    pub(super) fn log_out(&mut self, id: i64, cause: &Cause, now: Timestamp) {
        let before = self.sessions.len();
        self.sessions
            .retain(|session| session.user != id || session.app.is_some());
        if self.sessions.len() < before {
            self.counters.add("logout");
        }
        self.emit(EventClass::LoggedOut, id, Value::Null, cause, now);
    }

    /// Gives or takes a role. Does nothing when it is so already.
    pub(super) fn set_role(&mut self, id: i64, role: i64, given: bool, cause: &Cause, now: Timestamp) {
        let Some(name) = self.roles.get(&role).map(|role| role.name.clone()) else {
            return;
        };
        if self
            .users
            .get(&id)
            .is_none_or(|user| user.roles.contains(&role) == given)
        {
            return;
        }
        self.edit(id, now, |user| {
            if given {
                user.roles.insert(role);
            } else {
                user.roles.remove(&role);
            }
        });
        let (class, effect) = if given {
            (EventClass::RoleGiven, "add-role")
        } else {
            (EventClass::RoleTaken, "remove-role")
        };
        self.counters.add(effect);
        self.emit(class, id, json!({"role_id": role, "role_name": name}), cause, now);
    }

    /// Makes a user an administrator of a role, or ends that.
    pub(super) fn set_role_admin(&mut self, id: i64, role: i64, given: bool, cause: &Cause, now: Timestamp) {
        let Some(found) = self.roles.get_mut(&role) else {
            return;
        };
        let changed = if given {
            found.admins.insert(id)
        } else {
            found.admins.remove(&id)
        };
        let name = found.name.clone();
        if !changed {
            return;
        }
        let (class, effect) = if given {
            (EventClass::RoleAdminGiven, "add-role-admin")
        } else {
            (EventClass::RoleAdminTaken, "remove-role-admin")
        };
        self.counters.add(effect);
        self.emit(class, id, json!({"role_id": role, "role_name": name}), cause, now);
    }

    /// Gives or takes a privilege; false when there is no such privilege.
    pub(super) fn set_privilege(
        &mut self,
        id: i64,
        privilege: &str,
        given: bool,
        cause: &Cause,
        now: Timestamp,
    ) -> bool {
        let Some(found) = self.privileges.iter_mut().find(|one| one.id == privilege) else {
            return false;
        };
        let changed = if given {
            found.users.insert(id)
        } else {
            found.users.remove(&id)
        };
        let more = json!({"privilege_id": found.number, "privilege_name": found.name});
        if changed {
            let (class, effect) = if given {
                (EventClass::PrivilegeGiven, "grant-privilege")
            } else {
                (EventClass::PrivilegeTaken, "revoke-privilege")
            };
            self.counters.add(effect);
            self.emit(class, id, more, cause, now);
        }
        true
    }

    /// Puts a user into a group, or into none. There is no event type of its own for it.
    pub(super) fn set_group(&mut self, id: i64, group: Option<i64>, cause: &Cause, now: Timestamp) {
        if self.users.get(&id).is_none_or(|user| user.group_id == group) {
            return;
        }
        self.edit(id, now, |user| user.group_id = group);
        self.counters.add("set-group");
        self.emit(EventClass::Updated, id, json!({"notes": "Updated: Group"}), cause, now);
    }

    /// Removes a factor; false when the user has none with this id.
    pub(super) fn remove_device(&mut self, id: i64, device: i64, cause: &Cause, now: Timestamp) -> bool {
        let Some(user) = self.users.get_mut(&id) else {
            return false;
        };
        let Some(at) = user.devices.iter().position(|one| one.id == device) else {
            return false;
        };
        let gone = user.devices.remove(at);
        self.counters.add("remove-device");
        let more = json!({"otp_device_id": gone.id, "otp_device_name": gone.name});
        self.emit(EventClass::DeviceRemoved, id, more, cause, now);
        true
    }

    /// Arranges the mappings that follow an update. A run that comes later takes place when its moment has come.
    pub(super) fn follow_up(&mut self, id: i64, mode: MappingMode, now: Timestamp) {
        match mode {
            MappingMode::Disabled => {}
            MappingMode::Sync => self.run_mappings(id, now),
            MappingMode::Async => {
                let at = now.saturating_add(self.settings.mapping_delay).unwrap_or(now);
                self.mapping_runs.push((at, id));
            }
        }
    }

    /// Runs all mappings on a user: what fits overrides what was set by hand.
    pub(super) fn run_mappings(&mut self, id: i64, now: Timestamp) {
        let cause = Cause::System("Mapping".to_owned());
        for mapping in self.mappings.clone() {
            let Some(user) = self.users.get(&id) else {
                return;
            };
            let fits = mapping
                .conditions
                .iter()
                .all(|(name, value)| match name.strip_prefix("custom_attribute_") {
                    Some(custom) => user.custom.get(custom).and_then(Value::as_str) == Some(value),
                    None => user.text(name) == value,
                });
            if !mapping.enabled || !fits {
                continue;
            }
            let before = self.events.len();
            match mapping.action {
                MappingAction::AddRole(role) => self.set_role(id, role, true, &cause, now),
                MappingAction::SetStatus(status) => self.set_status(id, status, &cause, now),
                MappingAction::SetGroup(group) => self.set_group(id, Some(group), &cause, now),
            }
            if self.events.len() > before {
                let more = json!({"mapping_id": mapping.id, "mapping_name": mapping.name});
                self.emit_kind(248, Some(id), more, &cause, now);
            }
        }
    }
}
