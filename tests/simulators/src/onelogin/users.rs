//! v1 users, in the `status`, `pagination`, `data` envelope.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Outcome, ids, success};
use super::events::EventClass;
use super::logs::key_page;
use super::problem::{self, Dialect, Problem};
use super::state::{State, Tenant, User};

impl Tenant {
    /// The v1 object: `role_id` is an array or null, some names differ, and all values of custom attributes are there.
    fn v1_show(&self, user: &User) -> Map<String, Value> {
        let mut shown = self.show_user(user);
        shown.remove("role_ids");
        let roles = if user.roles.is_empty() {
            Value::Null
        } else {
            json!(user.roles)
        };
        shown.insert("role_id".to_owned(), roles);
        let locale = shown.remove("preferred_locale_code").unwrap_or_default();
        shown.insert("locale_code".to_owned(), locale);
        let openid = user.text("username").split('@').next().unwrap_or_default();
        shown.insert("openid_name".to_owned(), json!(openid));
        shown
    }

    /// `GET /api/1/users`.
    pub(super) fn v1_list_users(&self, call: &Call<'_>) -> Outcome {
        let mut rows = Vec::new();
        for user in self.users.values().filter(|user| !self.hides(call, user.id)) {
            let wanted = [
                "email",
                "username",
                "firstname",
                "lastname",
                "external_id",
                "samaccountname",
            ];
            let fits = wanted.iter().all(|name| {
                call.param(name)
                    .is_none_or(|pattern| super::query::fits(pattern, user.text(name)))
            });
            if fits {
                rows.push((user.id, self.v1_show(user)));
            }
        }
        key_page(call, self, rows, 50)
    }

    /// `POST /api/1/users`.
    pub(super) fn v1_create_user(&mut self, call: &Call<'_>) -> Outcome {
        let body = call.object()?;
        if body.contains_key("status") {
            return Err(problem::excluded("status"));
        }
        let changes = self.read_changes(&body, Dialect::V1)?;
        let id = self.insert_user(changes, call)?;
        self.follow_up(id, super::people::mapping_mode(call)?, call.now);
        self.v1_shown(id)
    }

    fn v1_shown(&self, id: i64) -> Outcome {
        let user = self.users.get(&id).ok_or_else(|| problem::not_found(Dialect::V1))?;
        Ok(Answer::data(json!([self.v1_show(user)])))
    }

    /// `/api/1/users/{id}` and below.
    pub(super) fn v1_user(&mut self, call: &Call<'_>, id: i64, rest: &[&str]) -> Outcome {
        let (cause, now) = (call.cause(), call.now);
        match (call.method, rest) {
            ("GET", []) => self.v1_shown(id),
            ("PUT", []) => {
                let body = call.object()?;
                if let Some(name) = ["status", "state"].iter().find(|name| body.contains_key(**name)) {
                    return Err(problem::excluded(name));
                }
                let changes = self.read_changes(&body, Dialect::V1)?;
                self.check_unique(&changes.profile, Some(id), Dialect::V1)?;
                let mode = super::people::mapping_mode(call)?;
                self.apply(id, changes, call);
                self.follow_up(id, mode, now);
                self.v1_shown(id)
            }
            ("DELETE", []) => {
                self.delete_user(id, &cause, now);
                Ok(Answer::done())
            }
            ("GET", ["roles"]) => {
                let roles = self.users.get(&id).map(|user| user.roles.clone()).unwrap_or_default();
                Ok(Answer::data(json!(roles)))
            }
            ("GET", ["apps"]) => {
                let apps = self.user_apps(id, call.flag("ignore_visibility"));
                // Without apps the list holds an empty list.
                let none = apps.as_array().is_some_and(Vec::is_empty);
                Ok(Answer::data(if none { json!([[]]) } else { apps }))
            }
            ("PUT", ["set_state"]) => {
                let state = call.object()?.get("state").and_then(Value::as_i64);
                let state = state.and_then(State::from_number);
                let state = state.ok_or_else(|| problem::bad_request(Dialect::V1, "state must be 0 to 3"))?;
                self.set_state(id, state, &cause, now);
                Ok(Answer::done())
            }
            ("PUT", ["lock_user"]) => {
                let minutes = call.object()?.get("locked_until").and_then(Value::as_i64);
                let minutes = minutes.ok_or_else(|| problem::bad_request(Dialect::V1, "locked_until is required"))?;
                self.lock(id, minutes, &cause, now)?;
                Ok(Answer::done())
            }
            ("PUT", ["logout"]) => {
                self.log_out(id, &cause, now);
                Ok(Answer::done())
            }
            ("PUT", ["add_roles" | "remove_roles"]) => {
                let body = call.object()?;
                let roles = body.get("role_id_array").and_then(ids);
                let roles =
                    roles.ok_or_else(|| problem::bad_request(Dialect::V1, "role_id_array should be an array"))?;
                if roles.iter().any(|role| !self.roles.contains_key(role)) {
                    return Err(problem::not_found(Dialect::V1));
                }
                for role in roles {
                    self.set_role(id, role, rest == ["add_roles"], &cause, now);
                }
                Ok(Answer::done())
            }
            ("PUT", ["set_custom_attributes"]) => {
                let body = call.object()?;
                let values = body.get("custom_attributes").cloned().unwrap_or_default();
                let values = self
                    .read_custom(&values)
                    .map_err(|problem| problem::bad_request(Dialect::V1, &problem.text()))?;
                self.edit(id, now, |user| user.custom.extend(values));
                self.counters.add("set-custom-attributes");
                self.emit(EventClass::CustomAttributes, id, Value::Null, &cause, now);
                Ok(Answer::done())
            }
            _ => Err(problem::no_route(Dialect::V1)),
        }
    }

    /// `PUT /api/1/users/set_password_clear_text/{id}`.
    pub(super) fn v1_set_password(&mut self, call: &Call<'_>, id: i64) -> Outcome {
        let body = call.object()?;
        let password = body.get("password").and_then(Value::as_str);
        if password.is_none() || body.get("password_confirmation").and_then(Value::as_str) != password {
            return Err(problem::bad_request(
                Dialect::V1,
                "Password confirmation does not match",
            ));
        }
        self.edit(id, call.now, |user| user.password_changed = Some(call.now));
        self.counters.add("set-password");
        self.emit(EventClass::PasswordChanged, id, Value::Null, &call.cause(), call.now);
        Ok(Answer::done())
    }

    /// `GET /api/1/roles` and `GET /api/1/roles/{id}`.
    pub(super) fn v1_roles(&self, call: &Call<'_>, id: Option<&str>) -> Outcome {
        let shown = |id: i64, name: &str| {
            let mut role = Map::new();
            role.insert("id".to_owned(), json!(id));
            role.insert("name".to_owned(), json!(name));
            role
        };
        if let Some(id) = id {
            let id = super::route::number(id, Dialect::V1)?;
            let role = self.roles.get(&id).ok_or_else(|| problem::not_found(Dialect::V1))?;
            return Ok(Answer::data(json!([shown(role.id, &role.name)])));
        }
        let fits = |name: &str| call.param("name").is_none_or(|wanted| super::query::fits(wanted, name));
        let rows = self
            .roles
            .values()
            .filter(|role| fits(&role.name))
            .map(|role| (role.id, shown(role.id, &role.name)))
            .collect();
        key_page(call, self, rows, 50)
    }

    /// Short names of custom attributes.
    pub(super) fn attribute_names(&self) -> Value {
        json!([self.attributes])
    }

    /// Groups, or one; `reference` is always null.
    pub(super) fn show_groups(&self, id: Option<i64>) -> Value {
        self.groups
            .values()
            .filter(|group| id.is_none_or(|id| id == group.id))
            .map(|group| json!({"id": group.id, "name": group.name, "reference": null}))
            .collect()
    }

    /// 404 for users that do not exist; both halves of the API use it for lists of ids.
    pub(super) fn check_users(&self, users: &[i64], dialect: Dialect) -> Result<(), Problem> {
        if users.iter().all(|user| self.users.contains_key(user)) {
            Ok(())
        } else {
            Err(problem::not_found(dialect))
        }
    }
}

/// The v1 envelope of a page.
pub(super) fn envelope(pagination: Value, data: Vec<Value>) -> Answer {
    let mut body = Map::new();
    body.insert("status".to_owned(), success());
    body.insert("pagination".to_owned(), pagination);
    body.insert("data".to_owned(), Value::Array(data));
    Answer::ok(Value::Object(body))
}
