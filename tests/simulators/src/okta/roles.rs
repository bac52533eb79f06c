//! Admin roles of users, direct and through groups.
//!
//! The id of a standard role's assignment is the base32 of its type, so it is equal for all users and no key. The events
//! `user.account.privilege.grant` carry the complete set of labels; `…revoke` means that none is left.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, own_link};
use super::events::{Origin, user_target};
use super::problem::{self, Problem};
use super::state::{Org, RoleAssignment, User, stamp};

/// Assignable role types and their labels (Okta, "Role assignment", `type`).
const LABELS: [(&str, &str); 12] = [
    ("ACCESS_CERTIFICATIONS_ADMIN", "Access Certifications administrator"),
    ("ACCESS_REQUESTS_ADMIN", "Access Requests administrator"),
    ("API_ACCESS_MANAGEMENT_ADMIN", "API Access Management administrator"),
    ("APP_ADMIN", "Application administrator"),
    ("GROUP_MEMBERSHIP_ADMIN", "Group Membership administrator"),
    ("HELP_DESK_ADMIN", "Help Desk administrator"),
    ("ORG_ADMIN", "Organization administrator"),
    ("READ_ONLY_ADMIN", "Read-only administrator"),
    ("REPORT_ADMIN", "Report administrator"),
    ("SUPER_ADMIN", "Super administrator"),
    ("USER_ADMIN", "Group administrator"),
    ("WORKFLOWS_ADMIN", "Workflows administrator"),
];

/// The label of a role type, if it can be assigned.
pub(super) fn label(kind: &str) -> Option<&'static str> {
    LABELS.iter().find(|(name, _)| *name == kind).map(|(_, label)| *label)
}

/// What the console calls an assigned role.
pub(super) fn role_label(role: &RoleAssignment) -> &str {
    match &role.custom {
        Some(binding) => &binding.label,
        None => label(&role.kind).unwrap_or(&role.kind),
    }
}

/// Unpadded base32 (RFC 4648) of a role type.
pub(super) fn assignment_id(kind: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in kind.as_bytes().chunks(5) {
        let mut bits = [0_u8; 8];
        for (place, byte) in bits.iter_mut().skip(3).zip(chunk) {
            *place = *byte;
        }
        let number = u64::from_be_bytes(bits);
        let symbols = (chunk.len() * 8).div_ceil(5);
        for index in 0..symbols {
            let shift = 35 - 5 * index;
            let value = usize::try_from((number >> shift) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET.get(value).copied().unwrap_or(b'A')));
        }
    }
    text
}

impl Org {
    fn role_json(&self, role: &RoleAssignment, user: &User, through: &str) -> Value {
        let mut object = json!({
            "id": role.id,
            "label": role_label(role),
            "type": role.kind,
            "status": "ACTIVE",
            "created": stamp(role.created),
            "lastUpdated": stamp(role.created),
            "assignmentType": through,
            "_links": { "assignee": { "href": format!("{}/api/v1/users/{}", self.base, user.id) } },
        });
        if let (Some(binding), Some(members)) = (&role.custom, object.as_object_mut()) {
            members.insert("role".to_owned(), json!(binding.role));
            members.insert("resource-set".to_owned(), json!(binding.set));
        }
        object
    }

    /// `GET`, `POST` on `/users/{id}/roles` and `DELETE` on `/users/{id}/roles/{roleAssignmentId}`.
    pub(super) fn roles(&mut self, call: &Call<'_>, key: &str, role: Option<&str>) -> Outcome {
        let read = *call.method == http::Method::GET;
        if !call
            .principal
            .allowed(Area::Roles, if read { Reach::Read } else { Reach::Write })
        {
            return Err(problem::forbidden());
        }
        let at = self.resolve(call, key)?;
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        match (call.method.as_str(), role) {
            ("GET", None) => {
                let mut all: Vec<Value> = user
                    .roles
                    .iter()
                    .map(|role| self.role_json(role, user, "USER"))
                    .collect();
                let groups = self.groups.iter().filter(|group| user.groups.contains(&group.id));
                all.extend(
                    groups
                        .flat_map(|group| &group.roles)
                        .map(|role| self.role_json(role, user, "GROUP")),
                );
                Ok(Answer::page(all, own_link(&self.base, call), None))
            }
            ("GET", Some(id)) => {
                let role = user.roles.iter().find(|role| role.id == id);
                let role = role.ok_or_else(|| problem::not_found(id, "RoleAssignment"))?;
                Ok(Answer::ok(self.role_json(role, user, "USER")))
            }
            ("POST", None) => {
                let body = call.object()?;
                let kind = body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
                let bad = || {
                    Problem::new(
                        400,
                        "E0000091",
                        "The provided role type was not the same as required role type.",
                    )
                };
                label(&kind).ok_or_else(bad)?;
                if user.roles.iter().any(|role| role.kind == kind) {
                    return Err(Problem::new(
                        409,
                        "E0000090",
                        "The role specified is already assigned to the user.",
                    ));
                }
                let role = self.grant_role(at, &kind, call.now);
                self.counters.add("add-role");
                self.privilege_event(at, &[], &Origin::of(call), call.now);
                let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
                Ok(Answer {
                    status: 201,
                    body: Some(self.role_json(&role, user, "USER")),
                    ..Answer::default()
                })
            }
            ("DELETE", Some(id)) => {
                let found = user.roles.iter().find(|role| role.id == id).cloned();
                let found = found.ok_or_else(|| problem::not_found(id, "RoleAssignment"))?;
                if found.kind == "SUPER_ADMIN" && self.supers() <= 1 {
                    return Err(problem::forbidden());
                }
                if let Some(user) = self.user_mut(at) {
                    user.roles.retain(|role| role.id != id);
                }
                self.counters.add("remove-role");
                let gone = role_label(&found).to_owned();
                self.privilege_event(at, &[gone], &Origin::of(call), call.now);
                Ok(Answer::nothing())
            }
            _ => Err(problem::no_such_method()),
        }
    }

    /// Adds a role without an event.
    pub(super) fn grant_role(&mut self, at: usize, kind: &str, now: Timestamp) -> RoleAssignment {
        let role = RoleAssignment {
            id: assignment_id(kind),
            kind: kind.to_owned(),
            created: now,
            custom: None,
        };
        if let Some(user) = self.user_mut(at) {
            user.roles.push(role.clone());
        }
        role
    }

    fn supers(&self) -> usize {
        let holds = |user: &&User| self.role_kinds(user).contains("SUPER_ADMIN");
        self.users.iter().flatten().filter(holds).count()
    }

    pub(super) fn privilege_event(&mut self, at: usize, gone: &[String], origin: &Origin, now: Timestamp) {
        let Some(user) = self.user(at) else { return };
        let target = vec![user_target(user)];
        let groups = self.groups.iter().filter(|group| user.groups.contains(&group.id));
        let held = user.roles.iter().chain(groups.flat_map(|group| &group.roles));
        let labels: std::collections::BTreeSet<&str> = held.map(role_label).collect();
        let labels: Vec<&str> = labels.into_iter().collect();
        if labels.is_empty() {
            let details = [("privilegeRevoked", gone.join(", "))];
            self.emit("user.account.privilege.revoke", target, &details, origin, now);
        } else {
            let details = [("privilegeGranted", labels.join(", "))];
            self.emit("user.account.privilege.grant", target, &details, origin, now);
        }
    }

    /// `GET /iam/assignees/users`: everyone who holds any role, with the continuation in the body.
    pub(super) fn assignees(&self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Roles, Reach::Read) {
            return Err(problem::forbidden());
        }
        let limit = call.limit(100, 1, 100)?;
        let start = call.param("after").map_or(Some(0), |after| after.parse().ok());
        let start: usize = start.ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))?;
        let holders: Vec<&User> = self.users.iter().flatten().filter(|user| self.is_admin(user)).collect();
        let value: Vec<Value> = holders
            .iter()
            .skip(start)
            .take(limit)
            .map(|user| {
                json!({
                    "id": user.id,
                    "orn": format!("orn:okta:directory:{}:users:{}", self.id, user.id),
                    "_links": { "self": { "href": format!("{}/api/v1/users/{}", self.base, user.id) } },
                })
            })
            .collect();
        let path = format!("{}/api/v1/iam/assignees/users", self.base);
        let mut links = json!({ "self": { "href": own_link(&self.base, call) } });
        if holders.len() > start + limit
            && let Some(links) = links.as_object_mut()
        {
            links.insert(
                "next".to_owned(),
                json!({ "href": format!("{path}?after={}&limit={limit}", start + limit) }),
            );
        }
        Ok(Answer::ok(json!({ "value": value, "_links": links })))
    }
}
