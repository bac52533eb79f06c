//! v2 roles and apps.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Outcome, ids, page};
use super::problem::{self, Dialect, Problem};
use super::query::fits;
use super::state::{Role, Tenant, User};

impl Tenant {
    /// Everything below `/api/2/roles`.
    pub(super) fn roles(&mut self, call: &Call<'_>, rest: &[&str]) -> Outcome {
        match (call.method, rest) {
            ("GET", []) => self.list_roles(call),
            ("POST", []) => self.create_role(call),
            (_, [id, rest @ ..]) => {
                let id = super::route::number(id, Dialect::V2)?;
                if !self.roles.contains_key(&id) {
                    return Err(problem::not_found(Dialect::V2));
                }
                self.one_role(call, id, rest)
            }
            _ => Err(problem::no_route(Dialect::V2)),
        }
    }

    fn show_role(&self, role: &Role, fields: &[&str]) -> Value {
        let mut shown = Map::new();
        shown.insert("id".to_owned(), json!(role.id));
        shown.insert("name".to_owned(), json!(role.name));
        for (name, ids) in [
            ("apps", json!(role.apps)),
            ("users", json!(self.members(role.id))),
            ("admins", json!(role.admins)),
        ] {
            if fields.contains(&name) {
                shown.insert(name.to_owned(), ids);
            }
        }
        Value::Object(shown)
    }

    /// Lists of apps, users and administrators are there only when `fields` names them.
    fn list_roles(&self, call: &Call<'_>) -> Outcome {
        let fields: Vec<&str> = call
            .param("fields")
            .map(|text| text.split(',').map(str::trim).collect())
            .unwrap_or_default();
        let app = call.integer("app_id")?;
        let app_named = |role: &Role, wanted: &str| {
            let apps = role.apps.iter().filter_map(|app| self.apps.get(app));
            apps.into_iter().any(|app| fits(wanted, &app.name))
        };
        let rows = self
            .roles
            .values()
            .filter(|role| call.param("name").is_none_or(|wanted| fits(wanted, &role.name)))
            .filter(|role| app.is_none_or(|app| role.apps.contains(&app)))
            .filter(|role| call.param("app_name").is_none_or(|wanted| app_named(role, wanted)))
            .map(|role| self.show_role(role, &fields))
            .collect();
        page(
            call,
            &self.base,
            rows,
            self.settings.default_page,
            self.settings.largest_page,
        )
    }

    fn create_role(&mut self, call: &Call<'_>) -> Outcome {
        let body = call.object()?;
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
        self.check_role_name(name, None)?;
        let list = |field: &str| body.get(field).map_or(Some(Vec::new()), ids).unwrap_or_default();
        let (users, admins) = (list("users"), list("admins"));
        self.check_users(&users, Dialect::V2)?;
        self.check_users(&admins, Dialect::V2)?;
        let id = self.number(610_000);
        let role = Role {
            id,
            name: name.to_owned(),
            apps: list("apps").into_iter().collect(),
            admins: BTreeSet::new(),
        };
        self.roles.insert(id, role);
        self.counters.add("create-role");
        let cause = call.cause();
        self.emit_kind(1801, None, json!({"role_id": id, "role_name": name}), &cause, call.now);
        for user in users {
            self.set_role(user, id, true, &cause, call.now);
        }
        for user in admins {
            self.set_role_admin(user, id, true, &cause, call.now);
        }
        Ok(Answer::with(201, json!({"id": id})))
    }

    fn check_role_name(&self, name: &str, own: Option<i64>) -> Result<(), Problem> {
        if name.trim().is_empty() {
            return Err(problem::invalid(Dialect::V2, "Name can't be blank"));
        }
        let taken = self
            .roles
            .values()
            .any(|role| Some(role.id) != own && role.name.eq_ignore_ascii_case(name));
        if taken {
            return Err(problem::invalid(Dialect::V2, "Name has already been taken"));
        }
        Ok(())
    }

    fn one_role(&mut self, call: &Call<'_>, id: i64, rest: &[&str]) -> Outcome {
        match (call.method, rest) {
            ("GET", []) => {
                let role = self.roles.get(&id).ok_or_else(|| problem::not_found(Dialect::V2))?;
                Ok(Answer::ok(self.show_role(role, &["apps", "users", "admins"])))
            }
            ("PUT", []) => self.update_role(call, id),
            ("DELETE", []) => {
                let name = self.roles.remove(&id).map(|role| role.name);
                let members = self.members(id);
                for user in members {
                    self.edit(user, call.now, |user| {
                        user.roles.remove(&id);
                    });
                }
                self.counters.add("delete-role");
                let more = json!({"role_id": id, "role_name": name});
                self.emit_kind(1802, None, more, &call.cause(), call.now);
                Ok(Answer::nothing())
            }
            ("GET", ["users" | "admins"]) => self.role_people(call, id, rest == ["admins"]),
            ("POST" | "DELETE", ["users" | "admins"]) => {
                let users = call.id_array()?;
                self.check_users(&users, Dialect::V2)?;
                let (cause, given) = (call.cause(), call.method == "POST");
                for user in &users {
                    if rest == ["admins"] {
                        self.set_role_admin(*user, id, given, &cause, call.now);
                    } else {
                        self.set_role(*user, id, given, &cause, call.now);
                    }
                }
                if !given {
                    return Ok(Answer::nothing());
                }
                let added = users.iter().map(|user| json!({"id": user}));
                Ok(Answer::ok(added.collect()))
            }
            ("GET", ["apps"]) => {
                let apps = self.roles.get(&id).map(|role| role.apps.clone()).unwrap_or_default();
                let apps = apps.iter().filter_map(|app| self.apps.get(app));
                let rows = apps.map(|app| json!({"id": app.id, "name": app.name})).collect();
                page(
                    call,
                    &self.base,
                    rows,
                    self.settings.default_page,
                    self.settings.largest_page,
                )
            }
            ("PUT", ["apps"]) => {
                // The complete list, not an addition.
                let apps = call.id_array()?;
                if apps.iter().any(|app| !self.apps.contains_key(app)) {
                    return Err(problem::not_found(Dialect::V2));
                }
                if let Some(role) = self.roles.get_mut(&id) {
                    role.apps = apps.iter().copied().collect();
                }
                self.counters.add("update-role");
                Ok(Answer::ok(apps.iter().map(|app| json!({"id": app})).collect()))
            }
            _ => Err(problem::no_route(Dialect::V2)),
        }
    }

    /// Name, apps and administrators; `users` is accepted and does nothing, an empty list included.
    fn update_role(&mut self, call: &Call<'_>, id: i64) -> Outcome {
        let body = call.object()?;
        let name = body.get("name").and_then(Value::as_str).map(str::to_owned);
        if let Some(name) = &name {
            self.check_role_name(name, Some(id))?;
        }
        let apps = body.get("apps").and_then(ids);
        let admins: Option<BTreeSet<i64>> = body.get("admins").and_then(ids).map(|ids| ids.into_iter().collect());
        if let Some(role) = self.roles.get_mut(&id) {
            if let Some(name) = name {
                role.name = name;
            }
            if let Some(apps) = apps {
                role.apps = apps.into_iter().collect();
            }
        }
        let before = self.roles.get(&id).map(|role| role.admins.clone()).unwrap_or_default();
        let cause = call.cause();
        if let Some(admins) = admins {
            for user in before.difference(&admins) {
                self.set_role_admin(*user, id, false, &cause, call.now);
            }
            for user in admins.difference(&before) {
                self.set_role_admin(*user, id, true, &cause, call.now);
            }
        }
        self.counters.add("update-role");
        self.emit_kind(9052, None, json!({"role_id": id}), &cause, call.now);
        Ok(Answer::ok(json!({"id": id})))
    }

    fn role_people(&self, call: &Call<'_>, id: i64, admins: bool) -> Outcome {
        let all = call.flag("include_unassigned");
        let is_in = |user: &User| {
            if admins {
                self.roles.get(&id).is_some_and(|role| role.admins.contains(&user.id))
            } else {
                user.roles.contains(&id)
            }
        };
        let named = |user: &User, wanted: &str| {
            let wanted = wanted.to_lowercase();
            let names = ["firstname", "lastname", "username", "email"];
            names
                .iter()
                .any(|name| user.text(name).to_lowercase().contains(&wanted))
        };
        let rows = self
            .users
            .values()
            .filter(|user| (all || is_in(user)) && !self.hides(call, user.id))
            .filter(|user| call.param("name").is_none_or(|wanted| named(user, wanted)))
            .map(short)
            .collect();
        page(
            call,
            &self.base,
            rows,
            self.settings.default_page,
            self.settings.largest_page,
        )
    }

    /// `GET /api/2/apps`.
    pub(super) fn list_apps(&self, call: &Call<'_>) -> Outcome {
        let rows = self
            .apps
            .values()
            .filter(|app| call.param("name").is_none_or(|wanted| fits(wanted, &app.name)))
            .map(|app| json!({"id": app.id, "name": app.name, "visible": app.visible, "connector_id": 1}))
            .collect();
        page(
            call,
            &self.base,
            rows,
            self.settings.default_page,
            self.settings.largest_page,
        )
    }

    /// `GET /api/2/apps/{id}`.
    pub(super) fn one_app(&self, _call: &Call<'_>, id: &str) -> Outcome {
        let id = super::route::number(id, Dialect::V2)?;
        let app = self.apps.get(&id).ok_or_else(|| problem::not_found(Dialect::V2))?;
        let holding = self.roles.values().filter(|role| role.apps.contains(&id));
        let roles: Vec<i64> = holding.map(|role| role.id).collect();
        Ok(Answer::ok(json!({
            "id": app.id,
            "name": app.name,
            "visible": app.visible,
            "connector_id": 1,
            "role_ids": roles,
        })))
    }

    /// `GET /api/2/apps/{id}/users`.
    pub(super) fn app_users(&self, call: &Call<'_>, id: &str) -> Outcome {
        let id = super::route::number(id, Dialect::V2)?;
        if !self.apps.contains_key(&id) {
            return Err(problem::not_found(Dialect::V2));
        }
        let rows = self
            .users
            .values()
            .filter(|user| self.apps_of(user).contains(&id) && !self.hides(call, user.id))
            .map(|user| json!({"id": user.id, "username": user.text("username"), "email": user.text("email")}))
            .collect();
        page(
            call,
            &self.base,
            rows,
            self.settings.default_page,
            self.settings.largest_page,
        )
    }
}

fn short(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.text("username"),
        "email": user.text("email"),
        "name": user.display_name(),
    })
}
