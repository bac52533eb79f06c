//! Custom admin roles: the members of a binding of a role to a resource set (Okta, "Role D: Resource Set Binding Members").

use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome};
use super::events::Origin;
use super::problem;
use super::state::{Org, stamp};

impl Org {
    /// `GET` on the members, `GET` and `DELETE` on one of them. A member's id is that of the assignment, and who it is only its
    /// link says.
    pub(super) fn members_of_binding(&mut self, call: &Call<'_>, set: &str, role: &str, member: &[&str]) -> Outcome {
        let read = *call.method == http::Method::GET;
        let reach = if read { Reach::Read } else { Reach::Write };
        if !call.principal.allowed(Area::Roles, reach) {
            return Err(problem::forbidden());
        }
        let found: Vec<(usize, String, Value)> = self
            .users
            .iter()
            .enumerate()
            .filter_map(|(at, user)| user.as_ref().map(|user| (at, user)))
            .flat_map(|(at, user)| user.roles.iter().map(move |role| (at, user, role)))
            .filter(|(_, _, assignment)| {
                let binding = assignment.custom.as_ref();
                binding.is_some_and(|binding| binding.set == set && (binding.role == role || binding.label == role))
            })
            .map(|(at, user, assignment)| {
                let href = format!("{}/api/v1/users/{}", self.base, user.id);
                let object = json!({
                    "id": assignment.id, "created": stamp(assignment.created), "lastUpdated": stamp(assignment.created),
                    "_links": { "self": { "href": href } },
                });
                (at, assignment.id.clone(), object)
            })
            .collect();
        if found.is_empty() {
            return Err(problem::not_found(role, "RoleSet"));
        }
        match (call.method.as_str(), member) {
            ("GET", []) => {
                let members: Vec<Value> = found.into_iter().map(|(.., object)| object).collect();
                let binding = format!("{}/api/v1/iam/resource-sets/{set}/bindings/{role}", self.base);
                Ok(Answer::ok(
                    json!({ "members": members, "_links": { "binding": { "href": binding } } }),
                ))
            }
            ("GET" | "DELETE", [id]) => {
                let one = found.into_iter().find(|(_, assignment, _)| assignment == id);
                let (at, assignment, object) = one.ok_or_else(|| problem::not_found(id, "RoleAssignment"))?;
                if read {
                    return Ok(Answer::ok(object));
                }
                let mut gone = Vec::new();
                if let Some(user) = self.user_mut(at) {
                    gone = user.roles.extract_if(.., |role| role.id == assignment).collect();
                }
                let gone: Vec<String> = gone
                    .iter()
                    .map(|role| super::roles::role_label(role).to_owned())
                    .collect();
                self.counters.add("remove-role");
                self.privilege_event(at, &gone, &Origin::of(call), call.now);
                Ok(Answer::nothing())
            }
            (_, [] | [_]) => Err(problem::no_such_method()),
            _ => Err(problem::no_such_path()),
        }
    }
}
