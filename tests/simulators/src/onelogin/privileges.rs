//! Privileges: v1 paths, but no v1 envelope.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome, ids};
use super::problem::{self, Dialect, Problem};
use super::state::{Privilege, Tenant};

impl Tenant {
    /// Everything below `/api/1/privileges`.
    pub(super) fn privileges(&mut self, call: &Call<'_>, rest: &[&str]) -> Outcome {
        match (call.method, rest) {
            ("GET", []) => Ok(Answer::ok(self.privileges.iter().map(show).collect())),
            ("POST", []) => {
                let (name, description, document) = read(call)?;
                let (id, number) = (self.uuid(), self.number(2_000));
                self.privileges.push(Privilege {
                    id: id.clone(),
                    number,
                    name,
                    description,
                    document,
                    users: BTreeSet::new(),
                    roles: BTreeSet::new(),
                });
                self.counters.add("create-privilege");
                self.definition(2100, number, call);
                Ok(Answer::with(201, json!({"id": id})))
            }
            (_, [id, rest @ ..]) => {
                let at = self.privileges.iter().position(|one| one.id == *id);
                let at = at.ok_or_else(|| problem::not_found(Dialect::V1))?;
                self.one_privilege(call, at, id, rest)
            }
            _ => Err(problem::no_route(Dialect::V1)),
        }
    }

    fn definition(&mut self, kind: i64, number: i64, call: &Call<'_>) {
        self.emit_kind(kind, None, json!({"privilege_id": number}), &call.cause(), call.now);
    }

    fn one_privilege(&mut self, call: &Call<'_>, at: usize, id: &str, rest: &[&str]) -> Outcome {
        let bare = self.settings.bare_privilege_users;
        let gone = || problem::not_found(Dialect::V1);
        let found = self.privileges.get_mut(at).ok_or_else(gone)?;
        let number = found.number;
        match (call.method, rest) {
            ("GET", []) => Ok(Answer::ok(show(found))),
            ("PUT", []) => {
                (found.name, found.description, found.document) = read(call)?;
                self.counters.add("update-privilege");
                self.definition(2102, number, call);
                Ok(Answer::ok(json!({"id": id})))
            }
            ("DELETE", []) => {
                self.privileges.remove(at);
                self.counters.add("delete-privilege");
                self.definition(2104, number, call);
                Ok(Answer::nothing())
            }
            ("GET", ["users"]) => Ok(Answer::ok(assigned("users", &found.users, bare))),
            ("GET", ["roles"]) => Ok(Answer::ok(assigned("roles", &found.roles, bare))),
            ("POST", ["users"]) => {
                let users = listed(call, "users")?;
                self.check_users(&users, Dialect::V1)?;
                for user in users {
                    self.set_privilege(user, id, true, &call.cause(), call.now);
                }
                Ok(Answer::with(201, json!({"success": true})))
            }
            ("POST", ["roles"]) => {
                let roles = listed(call, "roles")?;
                found.roles.extend(roles);
                self.definition(2110, number, call);
                Ok(Answer::with(201, json!({"success": true})))
            }
            ("DELETE", ["users", user]) => {
                let user = super::route::number(user, Dialect::V1)?;
                if !found.users.contains(&user) {
                    return Err(gone());
                }
                self.set_privilege(user, id, false, &call.cause(), call.now);
                Ok(Answer::nothing())
            }
            ("DELETE", ["roles", role]) => {
                let role = super::route::number(role, Dialect::V1)?;
                if !found.roles.remove(&role) {
                    return Err(gone());
                }
                self.definition(2112, number, call);
                Ok(Answer::nothing())
            }
            _ => Err(problem::no_route(Dialect::V1)),
        }
    }
}

fn show(privilege: &Privilege) -> Value {
    json!({
        "id": privilege.id,
        "name": privilege.name,
        "description": privilege.description,
        "privilege": privilege.document,
    })
}

/// The vendor's SDK reads an object with a total; its Terraform provider speaks of bare arrays.
fn assigned(name: &str, ids: &BTreeSet<i64>, bare: bool) -> Value {
    if bare {
        return json!(ids);
    }
    json!({
        "total": ids.len(),
        name: ids,
        "beforeCursor": null,
        "previousLink": null,
        "afterCursor": null,
        "nextLink": null,
    })
}

fn listed(call: &Call<'_>, name: &str) -> Result<Vec<i64>, Problem> {
    let body = call.object()?;
    body.get(name)
        .and_then(ids)
        .ok_or_else(|| problem::bad_request(Dialect::V1, &format!("{name} should be an array")))
}

/// Name, description and document; the document's keys are capitalised and nothing else is taken.
fn read(call: &Call<'_>) -> Result<(String, String, Value), Problem> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let document = body.get("privilege").cloned().unwrap_or_default();
    let whole = |statement: &Value| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && ["Action", "Scope"]
                .iter()
                .all(|name| statement.get(name).is_some_and(Value::is_array))
    };
    let statements = document.get("Statement").and_then(Value::as_array);
    let valid = document.get("Version").and_then(Value::as_str).is_some()
        && statements.is_some_and(|statements| !statements.is_empty() && statements.iter().all(whole));
    if text("name").is_empty() || !valid {
        return Err(problem::bad_request(Dialect::V1, "The privilege is not valid"));
    }
    Ok((text("name"), text("description"), document))
}
