//! v2 users: create, read, update, delete, unlock, apps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Outcome};
use super::events::EventClass;
use super::problem::{self, Dialect, Problem};
use super::query::WRITABLE;
use super::state::{MappingMode, State, Status, Tenant, User};

/// The group that a body sets, or none for null.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewGroup(Option<i64>);

/// A checked body of create or update.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) profile: Map<String, Value>,
    pub(super) custom: BTreeMap<String, Value>,
    pub(super) status: Option<Status>,
    pub(super) state: Option<State>,
    pub(super) group: Option<NewGroup>,
    pub(super) roles: Option<BTreeSet<i64>>,
    pub(super) password: bool,
}

impl Tenant {
    /// `/api/2/users/{id}` and below.
    pub(super) fn one_user(&mut self, call: &Call<'_>, id: i64, rest: &[&str]) -> Outcome {
        match (call.method, rest) {
            ("GET", []) => self.shown(id),
            ("PUT", []) => self.update_user(call, id),
            ("DELETE", []) => {
                self.delete_user(id, &call.cause(), call.now);
                Ok(Answer::nothing())
            }
            ("POST", ["unlock"]) => {
                if self.unlock(id, &call.cause(), call.now) {
                    // The key is misspelt at the vendor too.
                    Ok(Answer::ok(json!({"messsage": "User unlocked"})))
                } else {
                    Err(Problem {
                        status: 422,
                        body: json!({"message": "User cannot be unlocked"}),
                    })
                }
            }
            ("GET", ["apps"]) => Ok(Answer::ok(self.user_apps(id, call.flag("ignore_visibility")))),
            _ => Err(problem::no_route(Dialect::V2)),
        }
    }

    fn shown(&self, id: i64) -> Outcome {
        let user = self.users.get(&id).ok_or_else(|| problem::not_found(Dialect::V2))?;
        Ok(Answer::ok(Value::Object(self.show_user(user))))
    }

    /// `POST /api/2/users`.
    pub(super) fn create_user(&mut self, call: &Call<'_>) -> Outcome {
        let mode = mapping_mode(call)?;
        let changes = self.read_changes(&call.object()?, Dialect::V2)?;
        let id = self.insert_user(changes, call)?;
        self.follow_up(id, mode, call.now);
        let user = self.users.get(&id).ok_or_else(|| problem::not_found(Dialect::V2))?;
        Ok(Answer::with(201, Value::Object(self.show_user(user))))
    }

    /// Makes a user of checked changes.
    pub(super) fn insert_user(&mut self, changes: Changes, call: &Call<'_>) -> Result<i64, Problem> {
        let named = |name: &str| {
            changes
                .profile
                .get(name)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        if !named("username") && !named("email") {
            return Err(problem::invalid(call.dialect, "Username or Email is required"));
        }
        self.check_unique(&changes.profile, None, call.dialect)?;
        let id = self.number(90_000_000);
        let now = call.now;
        let status = changes.status.unwrap_or(if changes.password {
            Status::Active
        } else {
            Status::Unactivated
        });
        self.remember(id, now);
        let user = User {
            id,
            profile: changes.profile,
            status,
            before_lock: Status::Active,
            state: changes.state.unwrap_or(State::Approved),
            group_id: changes.group.and_then(|group| group.0),
            directory_id: None,
            directory_status: status,
            roles: changes.roles.unwrap_or_default(),
            custom: changes.custom,
            devices: Vec::new(),
            created: now,
            updated: now,
            activated: (status == Status::Active).then_some(now),
            last_login: None,
            password_changed: changes.password.then_some(now),
            locked_until: None,
            invalid_logins: 0,
        };
        self.users.insert(id, user);
        self.counters.add("create");
        self.emit(EventClass::Created, id, Value::Null, &call.cause(), now);
        Ok(id)
    }

    /// `PUT /api/2/users/{id}`: only what was sent changes.
    fn update_user(&mut self, call: &Call<'_>, id: i64) -> Outcome {
        let mode = mapping_mode(call)?;
        let changes = self.read_changes(&call.object()?, Dialect::V2)?;
        self.check_unique(&changes.profile, Some(id), Dialect::V2)?;
        self.apply(id, changes, call);
        self.follow_up(id, mode, call.now);
        self.shown(id)
    }

    /// Applies checked changes: one event for the attributes, and one for each change that has its own type.
    pub(super) fn apply(&mut self, id: i64, changes: Changes, call: &Call<'_>) {
        let (cause, now) = (call.cause(), call.now);
        let Some(user) = self.users.get(&id) else {
            return;
        };
        let differs = |name: &String, value: &Value| user.profile.get(name).unwrap_or(&Value::Null) != value;
        let mut notes: Vec<String> = changes
            .profile
            .iter()
            .filter(|(name, value)| differs(name, value))
            .map(|(name, _)| name.clone())
            .collect();
        let custom = changes
            .custom
            .iter()
            .any(|(name, value)| user.custom.get(name).unwrap_or(&Value::Null) != value);
        if custom {
            notes.push("custom_attributes".to_owned());
        }
        let roles = user.roles.clone();
        self.edit(id, now, |user| {
            user.profile.extend(changes.profile);
            user.custom.extend(changes.custom);
        });
        if !notes.is_empty() {
            self.counters.add("update");
            let notes = json!({"notes": format!("Updated: {}", notes.join(", "))});
            self.emit(EventClass::Updated, id, notes, &cause, now);
        }
        if changes.password {
            self.edit(id, now, |user| user.password_changed = Some(now));
            self.counters.add("set-password");
            self.emit(EventClass::PasswordChanged, id, Value::Null, &cause, now);
        }
        if let Some(wanted) = changes.roles {
            for role in roles.difference(&wanted) {
                self.set_role(id, *role, false, &cause, now);
            }
            for role in wanted.difference(&roles) {
                self.set_role(id, *role, true, &cause, now);
            }
        }
        if let Some(NewGroup(group)) = changes.group {
            self.set_group(id, group, &cause, now);
        }
        if let Some(state) = changes.state {
            self.set_state(id, state, &cause, now);
        }
        if let Some(status) = changes.status {
            self.set_status(id, status, &cause, now);
        }
    }

    /// Reads and checks a body.
    pub(super) fn read_changes(&self, body: &Map<String, Value>, dialect: Dialect) -> Result<Changes, Problem> {
        let mut changes = Changes::default();
        for (name, value) in body {
            match name.as_str() {
                "status" => {
                    let status = value.as_i64().and_then(Status::from_number);
                    changes.status =
                        Some(status.ok_or_else(|| problem::invalid(dialect, "Status is not included in the list"))?);
                }
                "state" => {
                    let state = value.as_i64().and_then(State::from_number);
                    changes.state =
                        Some(state.ok_or_else(|| problem::invalid(dialect, "State is not included in the list"))?);
                }
                "group_id" => changes.group = Some(NewGroup(self.read_group(value, dialect)?)),
                "role_ids" => changes.roles = Some(self.read_roles(value, dialect)?),
                "custom_attributes" => changes.custom = self.read_custom(value)?,
                "password" => {
                    if body.get("password_confirmation") != Some(value) || value.as_str().is_none() {
                        let reason = "Password confirmation does not match";
                        return Err(problem::invalid(dialect, reason));
                    }
                    changes.password = true;
                }
                "password_confirmation" | "password_algorithm" | "salt" => {}
                "id"
                | "created_at"
                | "updated_at"
                | "activated_at"
                | "last_login"
                | "locked_until"
                | "invalid_login_attempts"
                | "invitation_sent_at"
                | "password_changed_at" => {
                    return Err(problem::not_allowed(name));
                }
                "directory_id" => {
                    let exists = value.as_i64().is_some_and(|id| self.directories.contains_key(&id));
                    if !exists && !value.is_null() {
                        return Err(problem::invalid(dialect, "Directory does not exist"));
                    }
                }
                _ if WRITABLE.contains(&name.as_str()) => {
                    if value.is_array() || value.is_object() {
                        return Err(problem::bad_request(dialect, &format!("{name} has the wrong type")));
                    }
                    changes.profile.insert(name.clone(), value.clone());
                }
                _ => return Err(problem::unknown_attribute(name)),
            }
        }
        Ok(changes)
    }

    fn read_group(&self, value: &Value, dialect: Dialect) -> Result<Option<i64>, Problem> {
        match value.as_i64() {
            None if value.is_null() => Ok(None),
            Some(id) if self.groups.contains_key(&id) => Ok(Some(id)),
            _ => Err(problem::invalid(dialect, "Group does not exist")),
        }
    }

    fn read_roles(&self, value: &Value, dialect: Dialect) -> Result<BTreeSet<i64>, Problem> {
        let ids = super::call::ids(value).ok_or_else(|| problem::bad_request(dialect, "role_ids is not a list"))?;
        match ids.iter().find(|id| !self.roles.contains_key(id)) {
            Some(id) => Err(problem::invalid(dialect, &format!("Role {id} does not exist"))),
            None => Ok(ids.into_iter().collect()),
        }
    }

    pub(super) fn read_custom(&self, value: &Value) -> Result<BTreeMap<String, Value>, Problem> {
        let Value::Object(values) = value else {
            return Err(problem::bad_request(Dialect::V2, "custom_attributes is not an object"));
        };
        match values.keys().find(|name| !self.attributes.contains(*name)) {
            Some(name) => Err(problem::unknown_attribute(name)),
            None => Ok(values
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()),
        }
    }

    /// The user's apps; invisible ones only when asked for.
    pub(super) fn user_apps(&self, id: i64, invisible_too: bool) -> Value {
        let apps = self.users.get(&id).map(|user| self.apps_of(user)).unwrap_or_default();
        apps.iter()
            .filter_map(|app| self.apps.get(app))
            .filter(|app| app.visible || invisible_too)
            .map(|app| {
                json!({
                    "id": app.id,
                    "name": app.name,
                    "icon_url": format!("{}/icons/{}.png", self.base, app.id),
                    "login_id": id.wrapping_mul(31).wrapping_add(app.id),
                    "extension": false,
                    "provisioning_status": null,
                    "provisioning_state": null,
                    "provisioning_enabled": false,
                })
            })
            .collect()
    }

    /// Definitions of custom attributes, as v2 shows them.
    pub(super) fn show_attributes(&self) -> Value {
        self.attributes
            .iter()
            .zip(1_i64..)
            .map(|(name, id)| json!({"id": id, "name": name, "shortname": name}))
            .collect()
    }

    /// Mappings, as v2 shows them.
    pub(super) fn show_mappings(&self) -> Value {
        use super::state::MappingAction;
        self.mappings
            .iter()
            .zip(1_i64..)
            .map(|(mapping, position)| {
                let (action, value) = match mapping.action {
                    MappingAction::AddRole(role) => ("add_role", role),
                    MappingAction::SetStatus(status) => ("set_status", status.number()),
                    MappingAction::SetGroup(group) => ("set_group", group),
                };
                let conditions: Vec<Value> = mapping
                    .conditions
                    .iter()
                    .map(|(source, value)| json!({"source": source, "operator": "=", "value": value}))
                    .collect();
                json!({
                    "id": mapping.id,
                    "name": mapping.name,
                    "enabled": mapping.enabled,
                    "match": "all",
                    "position": mapping.enabled.then_some(position),
                    "conditions": conditions,
                    "actions": [{"action": action, "value": [value.to_string()]}],
                })
            })
            .collect()
    }
}

/// The `mappings` parameter; `async` unless it says otherwise.
pub(super) fn mapping_mode(call: &Call<'_>) -> Result<MappingMode, Problem> {
    match call.param("mappings") {
        None | Some("async") => Ok(MappingMode::Async),
        Some("sync") => Ok(MappingMode::Sync),
        Some("disabled") => Ok(MappingMode::Disabled),
        Some(_) => Err(problem::bad_request(
            call.dialect,
            "mappings must be async, sync or disabled",
        )),
    }
}
