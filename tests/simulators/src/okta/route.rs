//! Which handler answers which path, and the scope each needs (Okta's OpenAPI document, `security`).

use super::auth::{Area, Reach};
use super::call::{Call, Outcome};
use super::problem;
use super::state::Org;

impl Org {
    /// Executes an authenticated call.
    pub(super) fn route(&mut self, call: &Call<'_>) -> Outcome {
        let parts: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let ["api", "v1", rest @ ..] = parts.as_slice() else {
            return Err(problem::no_such_path());
        };
        let reach = if *call.method == http::Method::GET {
            Reach::Read
        } else {
            Reach::Write
        };
        let scoped = |org: &Self, area: Area| call.principal.scoped(area, reach, &org.base, call.raw_path);
        match rest {
            ["users", _, "roles", ..] | ["iam", ..] => scoped(self, Area::Roles)?,
            ["users", ..] => scoped(self, Area::Users)?,
            ["groups", ..] => scoped(self, Area::Groups)?,
            ["apps", ..] => scoped(self, Area::Apps)?,
            ["logs"] => scoped(self, Area::Logs)?,
            ["api-tokens", ..] => scoped(self, Area::Tokens)?,
            _ => return Err(problem::no_such_path()),
        }
        match rest {
            ["users", below @ ..] => self.route_users(call, below),
            ["groups", below @ ..] => self.route_groups(call, below),
            ["apps", below @ ..] => self.apps(call, below),
            ["iam", "assignees", "users"] => only_get(call).and_then(|()| self.assignees(call)),
            ["logs"] => {
                only_get(call)?;
                if !call.principal.allowed(Area::Logs, Reach::Read) {
                    return Err(problem::forbidden());
                }
                self.logs(call)
            }
            ["iam", "resource-sets", set, "bindings", role, "members", member @ ..] => {
                self.members_of_binding(call, set, role, member)
            }
            ["api-tokens"] => only_get(call).and_then(|()| self.api_tokens(call, None)),
            ["api-tokens", id] => match call.method.as_str() {
                "GET" | "DELETE" => self.api_tokens(call, Some(id)),
                _ => Err(problem::no_such_method()),
            },
            _ => Err(problem::no_such_path()),
        }
    }

    fn route_users(&mut self, call: &Call<'_>, below: &[&str]) -> Outcome {
        match (call.method.as_str(), below) {
            ("GET", []) => self.list_users(call),
            ("POST", []) => self.create_user(call),
            ("GET", [key]) => self.read_user(call, key),
            ("POST", [key]) => self.update_user(call, key, false),
            ("PUT", [key]) => self.update_user(call, key, true),
            ("DELETE", [key]) => self.delete_user(call, key),
            ("POST", [key, "lifecycle", action]) => self.lifecycle(call, key, action),
            ("DELETE", [id, "sessions"]) => self.clear_sessions(call, id),
            ("GET" | "DELETE", [key, "grants"]) => self.grants(call, key),
            ("GET" | "DELETE", [key, "grants", grant]) => self.grant(call, key, grant),
            ("GET", [key, "clients"]) => self.clients_of(call, key, None),
            ("DELETE", [key, "clients", client, "tokens"]) => self.clients_of(call, key, Some(client)),
            ("GET", [key, "factors"]) => self.factors(call, key, None),
            ("DELETE", [key, "factors", factor]) => self.factors(call, key, Some(factor)),
            ("GET", [key, "groups"]) => self.groups_of(call, key),
            ("GET" | "POST", [key, "roles"]) => self.roles(call, key, None),
            ("GET" | "DELETE", [key, "roles", role]) => self.roles(call, key, Some(role)),
            ("GET", [key, "linkedObjects", name]) => self.linked_objects(call, key, name),
            (
                _,
                []
                | [_]
                | [_, "lifecycle" | "grants", _]
                | [_, "sessions" | "grants" | "clients" | "factors" | "groups" | "roles"],
            ) => Err(problem::no_such_method()),
            _ => Err(problem::no_such_path()),
        }
    }

    fn route_groups(&mut self, call: &Call<'_>, below: &[&str]) -> Outcome {
        match (call.method.as_str(), below) {
            ("GET", []) => self.list_groups(call),
            ("POST", []) => self.create_group(call),
            ("GET", ["rules"]) => self.list_rules(call),
            ("GET" | "PUT" | "DELETE", [id]) => self.one_group(call, id),
            ("GET", [id, "users"]) => self.group_members(call, id),
            ("PUT" | "DELETE", [id, "users", user]) => self.membership(call, id, user),
            (_, [] | [_] | [_, "users"] | [_, "users", _]) => Err(problem::no_such_method()),
            _ => Err(problem::no_such_path()),
        }
    }
}

fn only_get(call: &Call<'_>) -> Result<(), problem::Problem> {
    if *call.method == http::Method::GET {
        Ok(())
    } else {
        Err(problem::no_such_method())
    }
}
