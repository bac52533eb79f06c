//! Which handler answers which path, and the scope each needs.
//!
//! Documented are: events are open to "Read Users" and wider, update and log-out to "Manage Users", locking and role
//! membership to "Manage All" only. For the rest the narrowest reading is taken.

use jiff::Timestamp;

use super::call::{Answer, Call, Outcome};
use super::events::Cause;
use super::problem::{self, Dialect, Problem};
use super::state::{Scope, Tenant};
use crate::wire::Request;

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    ReadUsers,
    ManageUsers,
    ReadAll,
    ManageAll,
}

impl Scope {
    fn reaches(self, need: Need) -> bool {
        match self {
            Self::AuthenticationOnly => false,
            Self::ReadUsers => need == Need::ReadUsers,
            Self::ManageUsers => matches!(need, Need::ReadUsers | Need::ManageUsers),
            Self::ReadAll => matches!(need, Need::ReadUsers | Need::ReadAll),
            Self::ManageAll => true,
        }
    }
}

impl Call<'_> {
    /// The cause that events of this call name.
    pub(super) fn cause(&self) -> Cause {
        Cause::Api {
            client_id: self.client_id.clone(),
            v2: self.dialect == Dialect::V2,
        }
    }
}

impl Tenant {
    /// Authenticates and executes a call of the API.
    pub(super) fn route(&mut self, request: &Request, dialect: Dialect, below: &[&str], now: Timestamp) -> Outcome {
        let credential = self.caller(request, dialect, now)?;
        let query = request.uri().query().unwrap_or_default();
        let call = Call {
            method: request.method().as_str(),
            raw_path: request.uri().path(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            request,
            dialect,
            client_id: credential.client_id,
            scope: credential.scope,
            now,
        };
        let need = need(call.method, below);
        if !call.scope.reaches(need) {
            return Err(problem::out_of_scope(dialect, self.settings.v2_scope_status));
        }
        match dialect {
            Dialect::V1 => self.route_v1(&call, below),
            Dialect::V2 => self.route_v2(&call, below),
        }
    }

    fn route_v1(&mut self, call: &Call<'_>, below: &[&str]) -> Outcome {
        match (call.method, below) {
            ("GET", ["events"]) => self.list_events(call),
            ("GET", ["events", "types"]) => Ok(super::logs::types()),
            ("GET", ["events", id]) => self.one_event(call, id),
            ("GET", ["users"]) => self.v1_list_users(call),
            ("POST", ["users"]) => self.v1_create_user(call),
            ("GET", ["users", "custom_attributes"]) => Ok(Answer::data(self.attribute_names())),
            ("PUT", ["users", "set_password_clear_text", id]) => {
                let id = self.visible(call, id)?;
                self.v1_set_password(call, id)
            }
            (_, ["users", id, rest @ ..]) => {
                let id = self.visible(call, id)?;
                self.v1_user(call, id, rest)
            }
            ("GET", ["roles"]) => self.v1_roles(call, None),
            ("GET", ["roles", id]) => self.v1_roles(call, Some(id)),
            ("GET", ["groups"]) => Ok(Answer::data(self.show_groups(None))),
            ("GET", ["groups", id]) => {
                let id = number(id, Dialect::V1)?;
                if !self.groups.contains_key(&id) {
                    return Err(problem::not_found(Dialect::V1));
                }
                Ok(Answer::data(self.show_groups(Some(id))))
            }
            (_, ["privileges", rest @ ..]) => self.privileges(call, rest),
            _ => Err(problem::no_route(Dialect::V1)),
        }
    }

    fn route_v2(&mut self, call: &Call<'_>, below: &[&str]) -> Outcome {
        match (call.method, below) {
            ("GET", ["users"]) => self.list_users(call),
            ("POST", ["users"]) => self.create_user(call),
            ("GET", ["users", "custom_attributes"]) => Ok(Answer::ok(self.show_attributes())),
            (_, ["users", id, rest @ ..]) => {
                let id = self.visible(call, id)?;
                self.one_user(call, id, rest)
            }
            (_, ["roles", rest @ ..]) => self.roles(call, rest),
            ("GET", ["apps"]) => self.list_apps(call),
            ("GET", ["apps", id]) => self.one_app(call, id),
            ("GET", ["apps", id, "users"]) => self.app_users(call, id),
            ("GET", ["mappings"]) => Ok(Answer::ok(self.show_mappings())),
            (_, ["mfa", "users", id, rest @ ..]) => {
                let id = self.visible(call, id)?;
                self.mfa(call, id, rest)
            }
            _ => Err(problem::no_route(Dialect::V2)),
        }
    }

    /// A user in a path, if the credential sees that user.
    pub(super) fn visible(&self, call: &Call<'_>, id: &str) -> Result<i64, Problem> {
        let id = number(id, call.dialect)?;
        let known = self.users.contains_key(&id);
        if known && self.hides(call, id) {
            return Err(match call.dialect {
                Dialect::V1 => problem::v1(403, "forbidden", "user is not authorized to access this User"),
                Dialect::V2 => problem::not_found(Dialect::V2),
            });
        }
        if known {
            Ok(id)
        } else {
            Err(problem::not_found(call.dialect))
        }
    }

    /// Whether a user is hidden from the credential.
    pub(super) fn hides(&self, call: &Call<'_>, id: i64) -> bool {
        self.hidden
            .get(&call.client_id)
            .is_some_and(|hidden| hidden.contains(&id))
    }
}

/// An id in a path; anything but a number is nobody's id.
pub(super) fn number(text: &str, dialect: Dialect) -> Result<i64, Problem> {
    text.parse().map_err(|_| problem::not_found(dialect))
}

fn need(method: &str, below: &[&str]) -> Need {
    let reads = method == "GET";
    match below {
        ["events", ..] => Need::ReadUsers,
        // Privileges are delegated administration; that reading them needs less is not documented.
        ["users", _, "lock_user" | "add_roles" | "remove_roles"] | ["privileges", ..] => Need::ManageAll,
        ["users", ..] if reads => Need::ReadUsers,
        ["users", ..] => Need::ManageUsers,
        _ if reads => Need::ReadAll,
        _ => Need::ManageAll,
    }
}
