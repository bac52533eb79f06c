//! What each object allows beyond the types of its fields, and what a change of one record does to others.

use serde_json::{Value, json};

use super::errors::Refusal;
use super::schema::{Kind, Object};
use super::state::{Row, State};
use super::{Permission, objects, setup_rules};

/// Who calls, and through which session.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) session: String,
}

/// True when the caller may see a record. A missing permission hides records; it raises no error.
pub(super) fn visible(state: &State, caller: &Caller, object: &str, row: &Row) -> bool {
    let (permission, owner) = match object {
        "User" => (Permission::ViewAllUsers, "Id"),
        "UserLogin" => (Permission::ManageUsers, "UserId"),
        "AuthSession" => (Permission::ManageUsers, "UsersId"),
        "OauthToken" => (Permission::CustomizeApplication, "UserId"),
        "PermissionSetAssignment" => (Permission::ViewSetup, "AssigneeId"),
        "Profile" | "PermissionSet" | "UserRole" | "UserLicense" => (Permission::ViewSetup, ""),
        _ => match setup_rules::seen_with(object) {
            Some(needed) => needed,
            None => return true,
        },
    };
    let own = row.get(owner).and_then(Value::as_str) == Some(caller.user.as_str());
    (own || state.allows(permission)) && (object != "AuthSession" || state.session_lives(row))
}

/// The value of a field, for those that are computed when read.
pub(super) fn value(state: &State, caller: &Caller, object: &str, row: &Row, field: &str) -> Value {
    match (object, field) {
        ("AuthSession", "IsCurrent") => {
            json!(row.get("Id").and_then(Value::as_str) == Some(caller.session.as_str()))
        }
        (objects::ACCESS, field) if field.starts_with("Permissions") => json!(holds(state, field)),
        ("UserLicense", "UsedLicenses") => json!(used_licences(
            state,
            row.get("Id").and_then(Value::as_str).unwrap_or_default()
        )),
        _ => setup_rules::value(state, object, row, field)
            .unwrap_or_else(|| row.get(field).cloned().unwrap_or(Value::Null)),
    }
}

/// True when the caller has the permission that a field of `UserPermissionAccess` is named after.
fn holds(state: &State, field: &str) -> bool {
    let permission = match field {
        "PermissionsApiEnabled" => Permission::ApiEnabled,
        "PermissionsCustomizeApplication" => Permission::CustomizeApplication,
        "PermissionsManageUsers" => Permission::ManageUsers,
        "PermissionsManagePvtRptsAndDashbds" => Permission::ManagePrivateReports,
        "PermissionsViewAllData" => Permission::ViewAllData,
        "PermissionsViewAllUsers" => Permission::ViewAllUsers,
        "PermissionsViewSetup" => Permission::ViewSetup,
        _ => return false,
    };
    state.allows(permission)
}

/// Refuses writes for which the caller lacks the permission.
pub(super) fn may_write(state: &State, object: &Object) -> Result<(), Refusal> {
    let allowed = match object.name.as_str() {
        "User" | "UserLogin" | "AuthSession" | "PermissionSetAssignment" => state.allows(Permission::ManageUsers),
        name => setup_rules::written_with(name).is_none_or(|needed| state.allows(needed)),
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::insufficient_access())
    }
}

/// Fills in and checks a record before it is inserted.
pub(super) fn before_create(state: &mut State, object: &str, row: &mut Row) -> Result<(), Refusal> {
    match object {
        "User" => {
            row.entry("IsActive").or_insert(json!(true));
            row.insert("UserType".to_owned(), json!("Standard"));
            if row
                .get("Alias")
                .and_then(Value::as_str)
                .is_some_and(|alias| alias.chars().count() > 8)
            {
                return Err(Refusal::record(
                    "STRING_TOO_LONG",
                    "Alias: data value too large (max length=8)",
                    &["Alias"],
                ));
            }
            user_name(row);
            if row.get("IsActive") == Some(&json!(true)) {
                licence_free(state, row)?;
            }
            take_username(state, row)
        }
        _ => setup_rules::before_create(state, object, row),
    }
}

/// What an insert brings about.
pub(super) fn after_create(state: &mut State, object: &str, id: &str) {
    match object {
        "User" => {
            state.assign_profile_set(id);
            state.effects.push("create-user");
        }
        _ => state
            .effects
            .push(setup_rules::effect(object, true).unwrap_or("create")),
    }
}

/// Checks a change of a record before it is written.
pub(super) fn before_update(
    state: &mut State,
    caller: &Caller,
    object: &str,
    id: &str,
    old: &Row,
    new: &mut Row,
) -> Result<(), Refusal> {
    match object {
        "UserLogin" => {
            if old.get("IsPasswordLocked") == Some(&json!(false)) && new.get("IsPasswordLocked") == Some(&json!(true)) {
                return Err(Refusal::record(
                    "FIELD_INTEGRITY_EXCEPTION",
                    "IsPasswordLocked can only be set to false",
                    &["IsPasswordLocked"],
                ));
            }
            Ok(())
        }
        "User" => {
            let was = old.get("IsActive") == Some(&json!(true));
            let will = new.get("IsActive") == Some(&json!(true));
            if was && !will {
                may_deactivate(state, caller, id)?;
            }
            if !was && will {
                licence_free(state, new)?;
            }
            user_name(new);
            if old.get("Username") != new.get("Username") {
                take_username(state, new)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What a change brings about. Only called when something changed.
pub(super) fn after_update(state: &mut State, object: &str, id: &str, old: &Row, new: &Row) {
    let turned = |field: &str| (old.get(field) != new.get(field)).then(|| new.get(field) == Some(&json!(true)));
    match object {
        // Freezing stops log-ins; sessions that live go on living.
        "UserLogin" => match turned("IsFrozen") {
            Some(true) => state.effects.push("freeze"),
            Some(false) => state.effects.push("unfreeze"),
            None => state.effects.push("unlock-password"),
        },
        "User" => {
            match turned("IsActive") {
                Some(false) => {
                    state.effects.push("deactivate");
                    state.end_access(id);
                    setup_rules::deactivated(state, id);
                }
                Some(true) => state.effects.push("activate"),
                None => state.effects.push("update-user"),
            }
            if old.get("ProfileId") != new.get("ProfileId") {
                state.assign_profile_set(id);
            }
        }
        _ if old.get("OwnerId") != new.get("OwnerId") => state.effects.push("change-owner"),
        _ => state.effects.push("update"),
    }
}

/// Checks a deletion.
pub(super) fn before_delete(state: &State, object: &str, row: &Row) -> Result<(), Refusal> {
    setup_rules::before_delete(state, object, row)
}

/// What a deletion brings about.
pub(super) fn after_delete(state: &mut State, object: &str, id: &str) {
    match object {
        "AuthSession" => {
            state.effects.push("end-session");
            // A child lives inside its parent's browser session.
            for child in state.ids_where("AuthSession", "ParentId", id) {
                state.remove("AuthSession", &child);
            }
        }
        _ => state
            .effects
            .push(setup_rules::effect(object, false).unwrap_or("delete")),
    }
}

/// Checks the type and reference of one field of a write.
pub(super) fn check_value(state: &State, object: &Object, field: &str, value: &Value) -> Result<Value, Refusal> {
    let Some(field) = object.field(field) else {
        return Ok(value.clone());
    };
    let name = field.name.as_str();
    let wrong = |wanted: &str| {
        Refusal::new(
            400,
            "JSON_PARSER_ERROR",
            format!("Cannot deserialize instance of {wanted} from VALUE of field {name} at [line:1, column:1]"),
        )
    };
    if value.is_null() || value.as_str() == Some("") {
        return if field.nillable {
            Ok(Value::Null)
        } else {
            Err(Refusal::record(
                "REQUIRED_FIELD_MISSING",
                format!("Required fields are missing: [{name}]"),
                &[name],
            ))
        };
    }
    match &field.kind {
        Kind::Boolean => value.as_bool().map(Value::Bool).ok_or_else(|| wrong("boolean")),
        Kind::Int => value.as_i64().map(Value::from).ok_or_else(|| wrong("int")),
        Kind::Double => value.as_f64().map(|_| value.clone()).ok_or_else(|| wrong("double")),
        Kind::Date => {
            let day = value.as_str().and_then(|text| text.parse::<jiff::civil::Date>().ok());
            day.map(|day| json!(day.to_string())).ok_or_else(|| wrong("date"))
        }
        Kind::DateTime => {
            let moment = value
                .as_str()
                .and_then(|text| super::time::read(text).or_else(|| text.parse().ok()));
            let moment = moment.ok_or_else(|| wrong("datetime"))?;
            Ok(json!(super::time::wire(moment)))
        }
        Kind::Reference { to, .. } => {
            let text = value.as_str().ok_or_else(|| wrong("reference"))?;
            let id = super::id18(text).ok_or_else(|| {
                Refusal::record(
                    "MALFORMED_ID",
                    format!("{name}: id value of incorrect type: {text}"),
                    &[name],
                )
            })?;
            if to.iter().any(|target| state.record(target, &id).is_some()) {
                return Ok(json!(id));
            }
            let code = if to.iter().any(|target| {
                state
                    .schema
                    .get(target)
                    .is_some_and(|target| id.starts_with(&target.prefix))
            }) {
                "INVALID_CROSS_REFERENCE_KEY"
            } else {
                "FIELD_INTEGRITY_EXCEPTION"
            };
            Err(Refusal::record(code, "invalid cross reference id", &[name]))
        }
        Kind::Picklist(values) if !values.is_empty() => match value.as_str() {
            Some(text) if values.iter().any(|known| known == text) => Ok(value.clone()),
            _ => Err(Refusal::record(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                format!(
                    "{name}: bad value for restricted picklist field: {}",
                    value.as_str().unwrap_or_default()
                ),
                &[name],
            )),
        },
        Kind::Email if !value.as_str().is_some_and(|text| text.contains('@')) => Err(Refusal::record(
            "INVALID_EMAIL_ADDRESS",
            format!("{name}: invalid email address: {}", value.as_str().unwrap_or_default()),
            &[name],
        )),
        _ => value.as_str().map(|text| json!(text)).ok_or_else(|| wrong("string")),
    }
}

fn user_name(row: &mut Row) {
    let part = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{} {}", part("FirstName"), part("LastName")).trim().to_owned();
    row.insert("Name".to_owned(), json!(name));
}

fn take_username(state: &mut State, row: &Row) -> Result<(), Refusal> {
    let username = row.get("Username").and_then(Value::as_str).unwrap_or_default();
    let (before, after) = username.split_once('@').unwrap_or_default();
    if before.is_empty() || !after.contains('.') {
        return Err(Refusal::record(
            "FIELD_INTEGRITY_EXCEPTION",
            "Username must be in the form of an email address (for example, john@acme.com)",
            &["Username"],
        ));
    }
    if state.claim_username(username) {
        return Ok(());
    }
    let message = "Duplicate Username.<br>The username already exists in this or another Salesforce organization.";
    Err(Refusal::record("DUPLICATE_USERNAME", message, &["Username"]))
}

fn licence_of<'a>(state: &'a State, user: &Row) -> Option<&'a str> {
    state.text("Profile", user.get("ProfileId")?.as_str()?, "UserLicenseId")
}

fn used_licences(state: &State, licence: &str) -> usize {
    state
        .rows("User")
        .filter(|(_, user)| user.get("IsActive") == Some(&json!(true)) && licence_of(state, user) == Some(licence))
        .count()
}

fn licence_free(state: &State, user: &Row) -> Result<(), Refusal> {
    let Some(licence) = licence_of(state, user) else {
        return Ok(());
    };
    let total = state
        .row("UserLicense", licence)
        .and_then(|row| row.get("TotalLicenses"))
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX);
    if u64::try_from(used_licences(state, licence)).unwrap_or(u64::MAX) < total {
        return Ok(());
    }
    Err(Refusal::record("LICENSE_LIMIT_EXCEEDED", "License Limit Exceeded", &[]))
}

/// True when an active user administers the org by profile or by permission set.
fn is_admin(state: &State, user: &str) -> bool {
    state.row("User", user).and_then(|row| row.get("IsActive")) == Some(&json!(true))
        && state
            .ids_where("PermissionSetAssignment", "AssigneeId", user)
            .iter()
            .any(|id| {
                let set = state
                    .text("PermissionSetAssignment", id, "PermissionSetId")
                    .unwrap_or_default();
                state
                    .row("PermissionSet", set)
                    .and_then(|row| row.get("PermissionsModifyAllData"))
                    == Some(&json!(true))
            })
}

fn may_deactivate(state: &State, caller: &Caller, user: &str) -> Result<(), Refusal> {
    if let Some((code, message)) = state.blockers.get(user).and_then(|blockers| blockers.first()) {
        return Err(Refusal::record(code.clone(), message.clone(), &["IsActive"]));
    }
    if is_admin(state, user)
        && !state
            .rows("User")
            .any(|(other, _)| other != user && is_admin(state, other))
    {
        return Err(Refusal::record(
            "CANNOT_DISABLE_LAST_ADMIN",
            "You must have at least one active administrator user.",
            &["IsActive"],
        ));
    }
    if caller.user == user {
        return Err(Refusal::record(
            "FIELD_INTEGRITY_EXCEPTION",
            "You can't deactivate your own user.",
            &["IsActive"],
        ));
    }
    Ok(())
}
