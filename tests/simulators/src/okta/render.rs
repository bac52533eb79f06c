//! Users as JSON: the single read, the list element, and projections.

use serde_json::{Map, Value, json};

use super::state::{Org, Status, User, stamp};

impl Org {
    /// Adds a member that no client can know yet, when the org is told to.
    pub(super) fn add_unknown(&self, object: &mut Value) {
        if self.unknown_members
            && let Some(members) = object.as_object_mut()
        {
            members.insert(
                "addedLastMonth".to_owned(),
                json!({ "kind": "NEW_KIND", "list": [1, null] }),
            );
        }
    }

    /// The user object. Only single reads carry the action links.
    pub(super) fn user_json(&self, user: &User, single: bool) -> Value {
        let own = format!("{}/api/v1/users/{}", self.base, user.id);
        let mut links = Map::new();
        links.insert("self".to_owned(), json!({ "href": own }));
        if single {
            links.insert(
                "schema".to_owned(),
                json!({ "href": format!("{}/api/v1/meta/schemas/user/default", self.base) }),
            );
            links.insert(
                "type".to_owned(),
                json!({ "href": format!("{}/api/v1/meta/types/user/{}", self.base, self.type_id) }),
            );
            for (name, path, method) in actions(user) {
                links.insert(
                    name.to_owned(),
                    json!({ "href": format!("{own}{path}"), "method": method }),
                );
            }
        }
        let mut credentials = Map::new();
        if user.has_password {
            credentials.insert("password".to_owned(), json!({}));
        }
        credentials.insert(
            "emails".to_owned(),
            json!([{ "value": user.text("email"), "status": "VERIFIED", "type": "PRIMARY" }]),
        );
        credentials.insert(
            "provider".to_owned(),
            json!({ "type": user.provider, "name": user.provider }),
        );
        let mut object = json!({
            "id": user.id,
            "status": user.status.name(),
            "created": stamp(user.created),
            "activated": user.activated.map(stamp),
            "statusChanged": user.status_changed.map(stamp),
            "lastLogin": user.last_login.map(stamp),
            "lastUpdated": stamp(user.last_updated),
            "passwordChanged": user.password_changed.map(stamp),
            "type": { "id": self.type_id },
            "profile": user.profile,
            "credentials": credentials,
            "_links": links,
        });
        if user.leaving.is_some()
            && let Some(members) = object.as_object_mut()
        {
            members.insert("transitioningToStatus".to_owned(), json!(Status::Deprovisioned.name()));
        }
        self.add_unknown(&mut object);
        object
    }
}

/// Links by status, as recorded from real orgs.
fn actions(user: &User) -> Vec<(&'static str, &'static str, &'static str)> {
    let suspend = ("suspend", "/lifecycle/suspend", "POST");
    let reset = ("resetPassword", "/lifecycle/reset_password", "POST");
    let forgot = ("forgotPassword", "/credentials/forgot_password", "POST");
    let expire = ("expirePassword", "/lifecycle/expire_password", "POST");
    let question = (
        "changeRecoveryQuestion",
        "/credentials/change_recovery_question",
        "POST",
    );
    let change = ("changePassword", "/credentials/change_password", "POST");
    let deactivate = ("deactivate", "/lifecycle/deactivate", "POST");
    let activate = ("activate", "/lifecycle/activate", "POST");
    match user.status {
        Status::Staged => vec![activate],
        Status::Provisioned => vec![
            suspend,
            reset,
            ("reactivate", "/lifecycle/reactivate", "POST"),
            deactivate,
        ],
        Status::Active => {
            let mut all = vec![suspend, reset, forgot, expire, question, change, deactivate];
            if !user.factors.is_empty() {
                all.push(("resetFactors", "/lifecycle/reset_factors", "POST"));
            }
            all
        }
        Status::PasswordExpired => vec![suspend, reset, forgot, expire, change, deactivate],
        Status::LockedOut => vec![("unlock", "/lifecycle/unlock", "POST"), reset, deactivate],
        Status::Recovery => vec![("reactivate", "/lifecycle/reactivate", "POST"), reset, deactivate],
        Status::Suspended => vec![("unsuspend", "/lifecycle/unsuspend", "POST"), deactivate],
        Status::Deprovisioned => vec![activate, ("delete", "", "DELETE")],
    }
}

/// The weak entity tag: it follows the profile and not the status.
pub(super) fn etag(user: &User) -> String {
    format!(
        "W/\"{:016x}\"",
        user.revision
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(user.id.len() as u64)
    )
}

/// Reduces a user object to `fields`, for example `id,status,profile:(login,email)`.
pub(super) fn project(object: &Value, fields: &str) -> Value {
    let mut kept = Map::new();
    for field in split(fields) {
        let (name, inner) = match field.split_once(':') {
            Some((name, inner)) => (name, Some(inner.trim_start_matches('(').trim_end_matches(')'))),
            None => (field, None),
        };
        if let Some(value) = object.get(name) {
            kept.insert(
                name.to_owned(),
                inner.map_or_else(|| value.clone(), |inner| project(value, inner)),
            );
        }
    }
    Value::Object(kept)
}

/// Splits at commas outside parentheses.
fn split(fields: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, character) in fields.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(fields.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(fields.get(start..).unwrap_or_default().trim());
    parts
}
