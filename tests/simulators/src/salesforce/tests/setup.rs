//! Groups, queues, sets and licences: what is refused, what is hidden, what is counted.

use super::super::Permission;
use super::*;

fn query(world: &World, soql: &str) -> Vec<Value> {
    let (status, body) = world.get(&format!(
        "/query?q={}",
        soql.replace(' ', "+").replace('\'', "%27").replace('=', "%3D")
    ));
    assert_eq!(status, 200, "{soql}: {body}");
    body["records"].as_array().unwrap().clone()
}

fn post(world: &World, object: &str, body: &Value) -> (u16, String) {
    let (status, body) = world.rest(Method::POST, &format!("/sobjects/{object}"), body);
    let word = if status == 201 {
        &body["id"]
    } else {
        &body[0]["errorCode"]
    };
    (status, word.as_str().unwrap_or_default().to_owned())
}

fn delete(world: &World, object: &str, id: &str) -> (u16, Value) {
    world.rest(Method::DELETE, &format!("/sobjects/{object}/{id}"), &Value::Null)
}

#[test]
fn a_membership_is_made_once_and_only_where_people_keep_it() {
    let world = world();
    let queue = world.org.add_queue("Tier 2", &["Case"]);
    let row = json!({ "GroupId": queue, "UserOrGroupId": world.leaver });
    let (status, id) = post(&world, "GroupMember", &row);
    assert_eq!(status, 201, "{id}");
    assert_eq!(post(&world, "GroupMember", &row), (400, "DUPLICATE_VALUE".to_owned()));
    let managers = world
        .org
        .add_record("Group", json!({ "Name": "Managers", "Type": "Manager" }));
    let system = json!({ "GroupId": managers, "UserOrGroupId": world.leaver });
    assert_eq!(post(&world, "GroupMember", &system).0, 400);
    let found = query(
        &world,
        &format!(
            "SELECT Id, Group.Name, Group.Type FROM GroupMember WHERE UserOrGroupId = '{}'",
            world.leaver
        ),
    );
    assert_eq!(found[0]["Group"]["Type"], "Queue");
    assert_eq!(query(&world, "SELECT Id FROM Group WHERE Type = 'Queue'").len(), 1);
    assert_eq!(delete(&world, "GroupMember", &id).0, 204);
    assert_eq!(delete(&world, "GroupMember", &id).0, 404);
    let counters = world.org.counters();
    assert_eq!((counters.get("join-group"), counters.get("leave-group")), (1, 1));
}

#[test]
fn a_set_that_is_sold_with_a_licence_needs_it_first_and_last() {
    let world = world();
    let org = &world.org;
    let licence = org.add_permission_set_licence("Field Service", 1);
    let set = org.add_permission_set("Dispatcher", Some(&licence));
    let assign = json!({ "AssigneeId": world.leaver, "PermissionSetId": set });
    assert_eq!(
        post(&world, "PermissionSetAssignment", &assign),
        (400, "FIELD_INTEGRITY_EXCEPTION".to_owned())
    );
    let hold = json!({ "AssigneeId": world.leaver, "PermissionSetLicenseId": licence });
    let (_, held) = post(&world, "PermissionSetLicenseAssign", &hold);
    assert_eq!(post(&world, "PermissionSetLicenseAssign", &hold).1, "DUPLICATE_VALUE");
    let (status, assigned) = post(&world, "PermissionSetAssignment", &assign);
    assert_eq!(status, 201);
    assert_eq!(post(&world, "PermissionSetAssignment", &assign).1, "DUPLICATE_VALUE");
    let other = json!({ "AssigneeId": world.admin, "PermissionSetLicenseId": licence });
    assert_eq!(
        post(&world, "PermissionSetLicenseAssign", &other).1,
        "LICENSE_LIMIT_EXCEEDED"
    );

    assert_eq!(delete(&world, "PermissionSetLicenseAssign", &held).0, 400);
    assert_eq!(delete(&world, "PermissionSetAssignment", &assigned).0, 204);
    assert_eq!(delete(&world, "PermissionSetLicenseAssign", &held).0, 204);
}

#[test]
fn an_assignment_names_a_set_or_a_group_and_no_profile_is_taken_off() {
    let world = world();
    let org = &world.org;
    let (set, group) = (
        org.add_permission_set("Export", None),
        org.add_permission_set_group("Desk"),
    );
    let both = json!({ "AssigneeId": world.leaver, "PermissionSetId": set, "PermissionSetGroupId": group });
    assert_eq!(post(&world, "PermissionSetAssignment", &both).0, 400);
    for one in [
        json!({ "PermissionSetId": set }),
        json!({ "PermissionSetGroupId": group }),
    ] {
        let mut row = one;
        row["AssigneeId"] = json!(world.leaver);
        assert_eq!(post(&world, "PermissionSetAssignment", &row).0, 201, "{row}");
    }
    let rows = query(
        &world,
        &format!(
            "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{}' AND PermissionSet.IsOwnedByProfile = true",
            world.leaver
        ),
    );
    let (status, body) = delete(&world, "PermissionSetAssignment", rows[0]["Id"].as_str().unwrap());
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("INSUFFICIENT_ACCESS_OR_READONLY"))
    );
}

#[test]
fn deactivation_frees_the_user_licence_and_no_other() {
    let world = world();
    let org = &world.org;
    let (licence, package) = (
        org.add_permission_set_licence("Field Service", 5),
        org.add_package("docgen", -1),
    );
    org.give(&world.leaver, &licence);
    org.give(&world.leaver, &package);
    org.give(&world.admin, &package);
    let north = org.add_record("Territory2", json!({ "Name": "North" }));
    org.add_record(
        "UserTerritory2Association",
        json!({ "UserId": world.leaver, "Territory2Id": north }),
    );
    for cause in ["Manual", "Owner"] {
        org.add_record(
            "AccountShare",
            json!({ "UserOrGroupId": world.leaver, "RowCause": cause }),
        );
    }
    let used = |world: &World, object: &str| {
        query(world, &format!("SELECT UsedLicenses FROM {object}"))
            .iter()
            .map(|row| row["UsedLicenses"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(used(&world, "UserLicense"), [2, 1]);
    let (status, _) = world.rest(
        Method::PATCH,
        &format!("/sobjects/User/{}", world.leaver),
        &json!({ "IsActive": false }),
    );
    assert_eq!(status, 204);
    assert_eq!(used(&world, "UserLicense"), [1, 1]);
    assert_eq!(used(&world, "PermissionSetLicense"), [1]);
    assert_eq!(used(&world, "PackageLicense"), [2]);
    assert!(query(&world, "SELECT Id FROM UserTerritory2Association").is_empty());
    let shares = query(&world, "SELECT RowCause FROM AccountShare");
    assert_eq!((shares.len(), &shares[0]["RowCause"]), (1, &json!("Owner")));
}

#[test]
fn private_reports_of_others_show_in_their_scope_only() {
    let world = world();
    let org = &world.org;
    for (name, folder) in [("Mine", "Private Reports"), ("Shared", "Sales")] {
        org.add_record(
            "Report",
            json!({ "Name": name, "FolderName": folder, "OwnerId": world.leaver }),
        );
    }
    let plain = query(&world, "SELECT Name FROM Report");
    assert_eq!((plain.len(), &plain[0]["Name"]), (1, &json!("Shared")));
    let scoped = "SELECT Name FROM Report USING SCOPE allPrivate";
    let private = query(&world, scoped);
    assert_eq!((private.len(), &private[0]["Name"]), (1, &json!("Mine")));
    org.deny(Permission::ManagePrivateReports);
    assert!(query(&world, scoped).is_empty());
}

#[test]
fn a_missing_permission_hides_rows_and_refuses_writes() {
    let world = world();
    let org = &world.org;
    let queue = org.add_queue("Tier 2", &[]);
    org.join_group(&queue, &world.leaver);
    org.give(&world.leaver, &org.add_package("docgen", 1));
    org.give(&world.leaver, &org.add_permission_set_licence("Field Service", 1));
    org.add_record(
        "Dashboard",
        json!({ "Title": "Pipeline", "RunningUserId": world.leaver }),
    );
    for (object, permission) in [
        ("GroupMember", Permission::ManageUsers),
        ("UserPackageLicense", Permission::ManagePackageLicences),
        ("PermissionSetLicenseAssign", Permission::ViewSetup),
        ("Dashboard", Permission::ViewAllData),
    ] {
        let soql = format!("SELECT Id FROM {object}");
        assert_eq!(query(&world, &soql).len(), 1, "{object}");
        org.deny(permission);
        assert!(query(&world, &soql).is_empty(), "{object}");
        org.allow(permission);
    }
    let id = query(&world, "SELECT Id FROM UserPackageLicense")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    org.deny(Permission::ManagePackageLicences);
    assert_eq!(delete(&world, "UserPackageLicense", &id).0, 400);
}

#[test]
fn a_membership_and_an_account_never_share_a_collection() {
    let world = world();
    let queue = world.org.add_queue("Tier 2", &[]);
    let records = json!([
        { "attributes": { "type": "GroupMember" }, "GroupId": queue, "UserOrGroupId": world.leaver },
        { "attributes": { "type": "Account" }, "Name": "Acme" },
    ]);
    let (status, body) = world.rest(Method::POST, "/composite/sobjects", &json!({ "records": records }));
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("MIXED_DML_OPERATION")));
    assert!(query(&world, "SELECT Id FROM GroupMember").is_empty());
    world.org.hide_object("GroupMember");
    let (status, body) = world.get("/query?q=SELECT+Id+FROM+GroupMember");
    assert_eq!((status, &body[0]["errorCode"]), (400, &json!("INVALID_TYPE")));
}
