//! Freezing, sessions, tokens, deactivation.

use super::super::{Permission, SessionKind, UserSeed};
use super::*;

#[test]
fn freezing_counts_once_and_leaves_sessions_alone() {
    let world = world();
    let login = world.login_id(&world.leaver);
    assert_eq!(world.patch("UserLogin", &login, &frozen(true)), (204, Value::Null));
    assert_eq!(world.patch("UserLogin", &login, &frozen(true)), (204, Value::Null));
    assert!(world.org.is_frozen(&world.leaver));
    assert_eq!(world.org.counters().get("freeze"), 1);
    assert_eq!(world.org.sessions_of(&world.leaver).len(), 3);
    world.patch("UserLogin", &login, &frozen(false));
    assert!(!world.org.is_frozen(&world.leaver));
    assert_eq!(world.org.counters().get("unfreeze"), 1);
}

#[test]
fn a_login_row_takes_nothing_but_its_two_switches() {
    let world = world();
    let login = world.login_id(&world.leaver);
    let (status, body) = world.patch("UserLogin", &login, &json!({ "UserId": world.admin }));
    assert_eq!((status, code(&body)), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"));
    let (_, body) = world.patch("UserLogin", &login, &json!({ "IsPasswordLocked": true }));
    assert_eq!(code(&body), "FIELD_INTEGRITY_EXCEPTION");
    let (_, body) = world.patch("UserLogin", &login, &json!({ "IsFrozen": "yes" }));
    assert_eq!(code(&body), "JSON_PARSER_ERROR");
    let (status, body) = world.patch("UserLogin", &world.leaver, &frozen(true));
    assert_eq!(
        (status, code(&body)),
        (404, "NOT_FOUND"),
        "a user id does not address a log-in"
    );
    assert_eq!(code(&world.delete("UserLogin", &login).1), "INVALID_TYPE_FOR_OPERATION");
    assert_eq!(
        code(&world.rest(Method::POST, "/sobjects/UserLogin", &json!({})).1),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    );
    assert!(!world.org.is_frozen(&world.leaver));
}

#[test]
fn a_user_who_never_logged_in_has_no_login_row() {
    let world = world();
    let user = world.org.add_user(UserSeed {
        ever_logged_in: false,
        ..UserSeed::new("new@corp.example")
    });
    assert!(
        world
            .ids(&format!("SELECT Id FROM UserLogin WHERE UserId = '{user}'"))
            .is_empty()
    );
}

#[test]
fn a_deleted_session_is_gone_with_its_children_and_a_second_delete_says_so() {
    let world = world();
    let ui = world
        .ids(&format!(
            "SELECT Id FROM AuthSession WHERE UsersId = '{}' AND SessionType = 'UI'",
            world.leaver
        ))
        .pop()
        .unwrap();
    assert_eq!(world.delete("AuthSession", &ui).0, 204);
    assert_eq!(world.org.sessions_of(&world.leaver).len(), 1);
    let (status, body) = world.delete("AuthSession", &ui);
    assert_eq!((status, code(&body)), (404, "ENTITY_IS_DELETED"));
    assert_eq!(world.org.counters().get("end-session"), 1);
}

#[test]
fn ending_ones_own_session_ends_the_next_call() {
    let world = world();
    let current = world.query(&format!(
        "SELECT Id, IsCurrent FROM AuthSession WHERE UsersId = '{}' AND SessionType = 'API'",
        world.integration
    ));
    let own = current["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["IsCurrent"] == true)
        .unwrap()["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(world.delete("AuthSession", &own).0, 204);
    let (status, body) = world.get("/limits");
    assert_eq!((status, code(&body)), (401, "INVALID_SESSION_ID"));
}

#[test]
fn a_delete_token_revokes_the_grant_and_the_sessions_that_came_from_it() {
    let world = world();
    let row = world.query(&format!(
        "SELECT Id, DeleteToken FROM OauthToken WHERE UserId = '{}'",
        world.leaver
    ));
    let secret = row["records"][0]["DeleteToken"].as_str().unwrap();
    assert_eq!(
        world.form("/services/oauth2/revoke", &[("token", secret)], &[]),
        (200, Value::Null)
    );
    assert!(world.org.tokens_of(&world.leaver).is_empty());
    assert_eq!(world.org.sessions_of(&world.leaver).len(), 2);
    assert_eq!(world.org.counters().get("revoke-token"), 1);
    let (status, body) = world.form("/services/oauth2/revoke", &[("token", secret)], &[]);
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_token")));
}

#[test]
fn revoking_can_be_switched_to_leave_sessions_or_to_refuse_delete_tokens() {
    let world = world();
    let row = world.query(&format!(
        "SELECT DeleteToken FROM OauthToken WHERE UserId = '{}'",
        world.leaver
    ));
    let secret = row["records"][0]["DeleteToken"].as_str().unwrap();
    world.org.set_delete_tokens_work(false);
    assert_eq!(
        world.form("/services/oauth2/revoke", &[("token", secret)], &[]).1["error"],
        "unsupported_token_type"
    );
    world.org.set_delete_tokens_work(true);
    world.org.set_tokens_end_sessions(false);
    assert_eq!(world.form("/services/oauth2/revoke", &[("token", secret)], &[]).0, 200);
    assert_eq!(world.org.sessions_of(&world.leaver).len(), 3);
}

#[test]
fn deactivation_ends_sessions_and_tokens() {
    let world = world();
    assert_eq!(world.patch("User", &world.leaver, &json!({ "IsActive": false })).0, 204);
    assert!(!world.org.is_active(&world.leaver));
    assert!(world.org.sessions_of(&world.leaver).is_empty() && world.org.tokens_of(&world.leaver).is_empty());
    assert_eq!(world.org.counters().all(), [("deactivate".to_owned(), 1)].into());
    world.patch("User", &world.leaver, &json!({ "IsActive": true }));
    assert_eq!(world.org.counters().get("activate"), 1);
}

#[test]
fn what_blocks_deactivation_blocks_it() {
    let world = world();
    let (status, body) = world.patch("User", &world.admin, &json!({ "IsActive": false }));
    assert_eq!((status, code(&body)), (400, "CANNOT_DISABLE_LAST_ADMIN"));
    world.org.add_user(UserSeed::new("admin2@corp.example").admin());
    assert_eq!(world.patch("User", &world.admin, &json!({ "IsActive": false })).0, 204);

    let text = "You cannot deactivate this user. You cannot deactivate a user who is the default owner of cases";
    world
        .org
        .block_deactivation(&world.leaver, "FIELD_INTEGRITY_EXCEPTION", text);
    let (status, body) = world.patch("User", &world.leaver, &json!({ "IsActive": false, "Title": "Gone" }));
    assert_eq!((status, body[0]["message"].as_str()), (400, Some(text)));
    assert_eq!(
        world.org.record("User", &world.leaver).unwrap()["Title"],
        Value::Null,
        "all or nothing"
    );
    world.org.unblock_deactivation(&world.leaver);
    assert_eq!(world.patch("User", &world.leaver, &json!({ "IsActive": false })).0, 204);
    assert_eq!(
        code(&world.delete("User", &world.leaver).1),
        "INVALID_TYPE_FOR_OPERATION"
    );
}

#[test]
fn a_permission_set_makes_an_administrator_too() {
    let world = world();
    let set = world.org.add_record(
        "PermissionSet",
        json!({ "Name": "Power", "Label": "Power", "PermissionsModifyAllData": true }),
    );
    let body = json!({ "AssigneeId": world.leaver, "PermissionSetId": set });
    assert_eq!(
        world.rest(Method::POST, "/sobjects/PermissionSetAssignment", &body).0,
        201
    );
    assert_eq!(
        code(&world.rest(Method::POST, "/sobjects/PermissionSetAssignment", &body).1),
        "DUPLICATE_VALUE"
    );
    assert_eq!(world.patch("User", &world.admin, &json!({ "IsActive": false })).0, 204);
}

#[test]
fn a_profiles_own_permission_set_cannot_be_taken_away() {
    let world = world();
    let own = world.ids(&format!(
        "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{}' AND PermissionSet.IsOwnedByProfile = true",
        world.leaver
    ));
    assert_eq!(own.len(), 1);
    assert_eq!(
        code(&world.delete("PermissionSetAssignment", &own[0]).1),
        "INSUFFICIENT_ACCESS_OR_READONLY"
    );
}

#[test]
fn missing_view_permissions_hide_records_instead_of_failing() {
    let world = world();
    let count = |object: &str| {
        world.query(&format!("SELECT COUNT() FROM {object}"))["totalSize"]
            .as_u64()
            .unwrap()
    };
    assert!(count("User") > 1 && count("AuthSession") > 1 && count("OauthToken") == 1 && count("Profile") == 3);
    for permission in [
        Permission::ViewAllUsers,
        Permission::ManageUsers,
        Permission::CustomizeApplication,
        Permission::ViewSetup,
    ] {
        world.org.deny(permission);
    }
    assert_eq!(
        (count("User"), count("UserLogin"), count("OauthToken"), count("Profile")),
        (1, 1, 0, 0)
    );
    assert_eq!(
        world.query("SELECT UsersId FROM AuthSession")["records"][0]["UsersId"],
        json!(world.integration)
    );
    world.org.allow(Permission::ViewAllUsers);
    let (status, body) = world.patch("User", &world.leaver, &json!({ "IsActive": false }));
    assert_eq!((status, code(&body)), (400, "INSUFFICIENT_ACCESS_OR_READONLY"));
    world.org.deny(Permission::ApiEnabled);
    assert_eq!(world.get("/limits").0, 403);
}

/// The caller's own permissions, in the order of the object's fields.
fn rights(world: &World) -> [bool; 5] {
    let body = world.query(
        "SELECT PermissionsApiEnabled, PermissionsCustomizeApplication, PermissionsManageUsers, PermissionsViewAllUsers, PermissionsViewSetup FROM UserPermissionAccess LIMIT 1",
    );
    assert_eq!((&body["totalSize"], &body["done"]), (&json!(1), &json!(true)));
    assert_eq!(body["records"][0]["attributes"]["type"], "UserPermissionAccess");
    [
        "ApiEnabled",
        "CustomizeApplication",
        "ManageUsers",
        "ViewAllUsers",
        "ViewSetup",
    ]
    .map(|name| body["records"][0][format!("Permissions{name}")].as_bool().unwrap())
}

#[test]
fn the_org_says_what_the_caller_may_do() {
    let world = world();
    assert_eq!(rights(&world), [true; 5]);
    for (permission, left) in [
        (Permission::CustomizeApplication, [true, false, true, true, true]),
        (Permission::ManageUsers, [true, true, false, true, true]),
        (Permission::ViewSetup, [true, true, true, true, false]),
        // Manage Users is never without View All Users.
        (Permission::ViewAllUsers, [true, true, false, false, true]),
    ] {
        world.org.deny(permission);
        assert_eq!(rights(&world), left, "{permission:?}");
        world.org.allow(permission);
    }
    assert_eq!(rights(&world), [true; 5]);
    world.org.deny(Permission::CustomizeApplication);
    let with = "SELECT Id FROM UserPermissionAccess WHERE PermissionsCustomizeApplication = ";
    assert_eq!(world.ids(&format!("{with}false")), ["000000000000000AAA"]);
    assert!(world.ids(&format!("{with}true")).is_empty());
}

#[test]
fn the_callers_permissions_are_read_by_query_only_and_not_in_every_org() {
    let world = world();
    let path = "/sobjects/UserPermissionAccess";
    let describe = world.get(&format!("{path}/describe")).1;
    assert_eq!(
        (&describe["queryable"], &describe["keyPrefix"]),
        (&json!(true), &Value::Null)
    );
    let (status, body) = world.get(&format!("{path}/000000000000000AAA"));
    assert_eq!((status, code(&body)), (400, "INVALID_TYPE_FOR_OPERATION"));
    let write = json!({ "PermissionsManageUsers": true });
    assert_eq!(
        code(&world.rest(Method::POST, path, &write).1),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    );
    assert_eq!(
        code(&world.patch("UserPermissionAccess", "000000000000000AAA", &write).1),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    );

    let query = "/query?q=SELECT+PermissionsManageUsers+FROM+UserPermissionAccess";
    world.org.hide_permission_access(true);
    let (status, body) = world.get(query);
    assert_eq!((status, code(&body)), (400, "INVALID_TYPE"));
    let message = body[0]["message"].as_str().unwrap();
    assert!(
        message.contains("sObject type 'UserPermissionAccess' is not supported."),
        "{message}"
    );
    assert_eq!(world.get(&format!("{path}/describe")).0, 404);
    world.org.hide_permission_access(false);
    assert_eq!(world.get(query).0, 200);
    assert_eq!(rights(&world), [true; 5]);
}

#[test]
fn usernames_are_unique_over_all_orgs_and_licences_run_out() {
    let now = world().now;
    let names = super::super::Usernames::default();
    let (one, two) = (
        Org::with_usernames("00D5f000000aaaa", false, now, names.clone()),
        Org::with_usernames("00D5f000000bbbb", true, now, names),
    );
    one.add_user(UserSeed::new("casey@corp.example"));
    let caller = two.add_user(UserSeed::new("rollcall@corp.example").integration());
    let token = two.log_in(&caller);
    let profile = two.lock().ids_where("Profile", "Name", "Standard User").pop().unwrap();
    let world = World {
        org: two,
        token,
        integration: caller,
        admin: String::new(),
        leaver: String::new(),
        now,
    };
    let mut body = json!({
        "Username": "Casey@corp.example", "Email": "casey@corp.example", "LastName": "Lee", "Alias": "clee", "ProfileId": profile,
        "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
    });
    let create = |body: &Value| world.rest(Method::POST, "/sobjects/User", body);
    assert_eq!(code(&create(&body).1), "DUPLICATE_USERNAME");
    body["Username"] = json!("casey.lee@corp.example");
    body["TimeZoneSidKey"] = json!("Mars/Olympus");
    assert_eq!(code(&create(&body).1), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    body["TimeZoneSidKey"] = json!("GMT");
    world.org.set_licences("SFDC", 0);
    assert_eq!(code(&create(&body).1), "LICENSE_LIMIT_EXCEEDED");
    world.org.set_licences("SFDC", 1);
    let (status, created) = create(&body);
    assert_eq!((status, &created["success"]), (201, &json!(true)));
    body["Username"] = json!("third@corp.example");
    assert_eq!(code(&create(&body).1), "LICENSE_LIMIT_EXCEEDED");
    body.as_object_mut().unwrap().remove("LanguageLocaleKey");
    assert_eq!(
        create(&body).1[0]["message"],
        "Required fields are missing: [LanguageLocaleKey]"
    );
}

#[test]
fn sessions_slide_with_calls_and_end_without() {
    let mut world = world();
    world.now += std::time::Duration::from_secs(7000);
    assert_eq!(world.get("/limits").0, 200);
    world.now += std::time::Duration::from_secs(7000);
    assert_eq!(world.get("/limits").0, 200);
    assert!(world.org.sessions_of(&world.leaver).is_empty(), "nobody used those");
    world.now += std::time::Duration::from_secs(7201);
    assert_eq!(world.get("/limits").0, 401);
    let user = world.org.add_user(UserSeed::new("late@corp.example"));
    world.org.add_session(&user, SessionKind::Api);
    assert_eq!(world.org.sessions_of(&user).len(), 1);
}
