//! What the setup objects allow, what hides them, and what is counted when they are read.

use serde_json::{Value, json};

use super::Permission;
use super::errors::Refusal;
use super::state::{Row, State};

/// The folder of reports that only their owner sees.
const PRIVATE_FOLDER: &str = "Private Reports";

fn text<'a>(row: &'a Row, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The permission without which only a user's own rows show, and the field that says whose a row is.
pub(super) fn seen_with(object: &str) -> Option<(Permission, &'static str)> {
    Some(match object {
        "GroupMember" => (Permission::ManageUsers, "UserOrGroupId"),
        "PermissionSetGroup" | "PermissionSetLicense" | "PackageLicense" | "Territory2" | "CronJobDetail" => {
            (Permission::ViewSetup, "")
        }
        "PermissionSetLicenseAssign" => (Permission::ViewSetup, "AssigneeId"),
        "UserTerritory2Association" => (Permission::ViewSetup, "UserId"),
        "CronTrigger" => (Permission::ViewSetup, "OwnerId"),
        "AsyncApexJob" => (Permission::ViewSetup, "CreatedById"),
        "UserPackageLicense" => (Permission::ManagePackageLicences, "UserId"),
        "ProcessInstanceWorkitem" => (Permission::ViewAllData, "ActorId"),
        "Dashboard" => (Permission::ViewAllData, "RunningUserId"),
        "AccountShare" | "OpportunityShare" | "CaseShare" | "LeadShare" => (Permission::ViewAllData, "UserOrGroupId"),
        _ => return None,
    })
}

/// True when a record is within the scope of a query. Private reports of others show only in the scope `allPrivate`, which
/// needs Manage All Private Reports and Dashboards (Object Reference, Report, "Reports in an Inactive User's Private Folder").
pub(super) fn in_scope(state: &State, caller: &str, object: &str, row: &Row, scope: Option<&str>) -> bool {
    if object != "Report" {
        return true;
    }
    let private = text(row, "FolderName") == PRIVATE_FOLDER;
    match scope {
        Some(scope) if scope.eq_ignore_ascii_case("allPrivate") => {
            private && (state.allows(Permission::ManagePrivateReports) || text(row, "OwnerId") == caller)
        }
        _ => !private || text(row, "OwnerId") == caller,
    }
}

/// Licence counters. Those of permission sets and packages count inactive users, too: deactivation frees none of them.
pub(super) fn value(state: &State, object: &str, row: &Row, field: &str) -> Option<Value> {
    let id = text(row, "Id");
    let used = match (object, field) {
        ("PermissionSetLicense", "UsedLicenses") => {
            state.ids_where("PermissionSetLicenseAssign", "PermissionSetLicenseId", id)
        }
        ("PackageLicense", "UsedLicenses") => state.ids_where("UserPackageLicense", "PackageLicenseId", id),
        _ => return None,
    };
    Some(json!(used.len()))
}

/// What a write needs.
pub(super) fn written_with(object: &str) -> Option<Permission> {
    match object {
        "Group" | "GroupMember" | "QueueSobject" | "PermissionSetLicenseAssign" | "UserTerritory2Association" => {
            Some(Permission::ManageUsers)
        }
        "UserPackageLicense" => Some(Permission::ManagePackageLicences),
        _ => None,
    }
}

/// Checks a record before it is inserted.
pub(super) fn before_create(state: &State, object: &str, row: &mut Row) -> Result<(), Refusal> {
    match object {
        "Group" if !matches!(text(row, "Type"), "Regular" | "Queue") => Err(Refusal::record(
            "FIELD_INTEGRITY_EXCEPTION",
            "groups of this type are made by the system",
            &["Type"],
        )),
        "GroupMember" => {
            let kind = state.text("Group", text(row, "GroupId"), "Type").unwrap_or_default();
            if !matches!(kind, "Regular" | "Queue") {
                return Err(Refusal::record(
                    "FIELD_INTEGRITY_EXCEPTION",
                    "members of this group are kept by the system",
                    &["GroupId"],
                ));
            }
            no_twin(state, object, row, &["GroupId", "UserOrGroupId"])
        }
        "QueueSobject" => no_twin(state, object, row, &["QueueId", "SobjectType"]),
        "PermissionSetAssignment" => assignment(state, row),
        "PermissionSetLicenseAssign" => {
            no_twin(state, object, row, &["AssigneeId", "PermissionSetLicenseId"])?;
            let total = |row: &Row| row.get("TotalLicenses").and_then(Value::as_i64);
            licence_free(
                state,
                "PermissionSetLicense",
                text(row, "PermissionSetLicenseId"),
                total,
            )
        }
        "UserPackageLicense" => {
            no_twin(state, object, row, &["UserId", "PackageLicenseId"])?;
            // A negative number is a licence for the whole site.
            let total = |row: &Row| {
                let allowed = row.get("AllowedLicenses").and_then(Value::as_i64);
                allowed.filter(|allowed| *allowed >= 0)
            };
            licence_free(state, "PackageLicense", text(row, "PackageLicenseId"), total)
        }
        "UserTerritory2Association" => no_twin(state, object, row, &["UserId", "Territory2Id"]),
        _ => Ok(()),
    }
}

/// One user, and one set or one group of sets. A set that is sold with a licence needs the licence first; the code of that
/// refusal is not documented.
fn assignment(state: &State, row: &mut Row) -> Result<(), Refusal> {
    row.insert("IsActive".to_owned(), json!(true));
    let (set, group) = (text(row, "PermissionSetId"), text(row, "PermissionSetGroupId"));
    if set.is_empty() == group.is_empty() {
        return Err(Refusal::record(
            "FIELD_INTEGRITY_EXCEPTION",
            "specify either a permission set or a permission set group",
            &["PermissionSetId", "PermissionSetGroupId"],
        ));
    }
    no_twin(
        state,
        "PermissionSetAssignment",
        row,
        &["AssigneeId", "PermissionSetId", "PermissionSetGroupId"],
    )?;
    let user = text(row, "AssigneeId");
    let needed = state.text("PermissionSet", set, "LicenseId").unwrap_or_default();
    if !needed.is_empty() && licence_row(state, user, needed).is_none() {
        return Err(Refusal::record(
            "FIELD_INTEGRITY_EXCEPTION",
            "the user doesn't have the permission set license that the permission set requires",
            &["PermissionSetId"],
        ));
    }
    Ok(())
}

fn licence_row(state: &State, user: &str, licence: &str) -> Option<String> {
    let held = state.ids_where("PermissionSetLicenseAssign", "AssigneeId", user);
    held.into_iter()
        .find(|id| state.text("PermissionSetLicenseAssign", id, "PermissionSetLicenseId") == Some(licence))
}

fn no_twin(state: &State, object: &str, row: &Row, fields: &[&str]) -> Result<(), Refusal> {
    let same = |held: &Row| fields.iter().all(|field| text(held, field) == text(row, field));
    let first = fields.first().copied().unwrap_or_default();
    let twin = state
        .ids_where(object, first, text(row, first))
        .into_iter()
        .find(|id| state.row(object, id).is_some_and(same));
    twin.map_or(Ok(()), |id| {
        Err(Refusal::record(
            "DUPLICATE_VALUE",
            format!("duplicate value found: {first} duplicates value on record with id: {id}"),
            &[],
        ))
    })
}

fn licence_free(
    state: &State,
    object: &str,
    licence: &str,
    total: impl Fn(&Row) -> Option<i64>,
) -> Result<(), Refusal> {
    let Some(row) = state.row(object, licence) else {
        return Ok(());
    };
    let used = value(state, object, row, "UsedLicenses").and_then(|used| used.as_i64());
    match (total(row), used) {
        (Some(total), Some(used)) if used >= total => {
            Err(Refusal::record("LICENSE_LIMIT_EXCEEDED", "License Limit Exceeded", &[]))
        }
        _ => Ok(()),
    }
}

/// Checks a deletion. The profile's own set is the profile; a licence that an assigned set needs stays while the set is
/// assigned. The code of the latter is not documented.
pub(super) fn before_delete(state: &State, object: &str, row: &Row) -> Result<(), Refusal> {
    match object {
        "PermissionSetAssignment" => {
            let set = state.row("PermissionSet", text(row, "PermissionSetId"));
            if set.and_then(|set| set.get("IsOwnedByProfile")) == Some(&json!(true)) {
                return Err(Refusal::insufficient_access());
            }
            Ok(())
        }
        "PermissionSetLicenseAssign" => {
            let licence = text(row, "PermissionSetLicenseId");
            let assigned = state.ids_where("PermissionSetAssignment", "AssigneeId", text(row, "AssigneeId"));
            let needs = assigned.iter().any(|id| {
                let set = state
                    .text("PermissionSetAssignment", id, "PermissionSetId")
                    .unwrap_or_default();
                state.text("PermissionSet", set, "LicenseId") == Some(licence)
            });
            if needs {
                return Err(Refusal::record(
                    "FIELD_INTEGRITY_EXCEPTION",
                    "permission sets that require this license are still assigned to the user",
                    &[],
                ));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The effect that writing a row of this object counts as.
pub(super) fn effect(object: &str, created: bool) -> Option<&'static str> {
    Some(match (object, created) {
        ("PermissionSetAssignment", true) => "assign",
        ("PermissionSetAssignment", false) => "unassign",
        ("PermissionSetLicenseAssign" | "UserPackageLicense", true) => "give-licence",
        ("PermissionSetLicenseAssign" | "UserPackageLicense", false) => "take-licence",
        ("GroupMember", true) => "join-group",
        ("GroupMember", false) => "leave-group",
        _ => return None,
    })
}

/// What deactivation takes from a user besides access: territories and manual shares. Sets, licences, groups and queues stay
/// (help page "Considerations for Deactivating Users").
pub(super) fn deactivated(state: &mut State, user: &str) {
    for id in state.ids_where("UserTerritory2Association", "UserId", user) {
        state.remove("UserTerritory2Association", &id);
    }
    for object in ["AccountShare", "OpportunityShare", "CaseShare", "LeadShare"] {
        for id in state.ids_where(object, "UserOrGroupId", user) {
            if state.text(object, &id, "RowCause") == Some("Manual") {
                state.remove(object, &id);
            }
        }
    }
}
