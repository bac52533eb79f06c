//! Roles, groups, apps, privileges and factors.

use super::*;

#[test]
fn a_role_loses_members_by_a_raw_array_only() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let role = world.account.add_role("Sales");
    let path = format!("/api/2/roles/{role}/users");
    let added = world.call("POST", &path, json!([user.to_string()]));
    assert_eq!(
        (added.status, &added.json),
        (200, &json!([{"id": user}])),
        "texts are taken too"
    );
    for body in [json!({"user_id": [user]}), json!({"users": [user]}), json!(user)] {
        let refused = world.call("DELETE", &path, body);
        assert_eq!(
            (refused.status, &refused.json["message"]),
            (400, &json!("Expected array in request"))
        );
    }
    let without_body = world.call_as(&world.token, "DELETE", &path, None);
    assert_eq!(without_body.json["message"], "Expected array in request");
    assert_eq!(world.account.roles_of(user), [role]);
    for _ in 0..2 {
        assert_eq!(world.call("DELETE", &path, json!([user])).status, 204);
    }
    assert!(world.account.roles_of(user).is_empty());
    assert_eq!(world.account.counters().get("remove-role"), 1);
    assert_eq!(world.call("DELETE", &path, json!([1])).status, 404);
}

#[test]
fn users_in_a_role_update_are_ignored() {
    let world = World::new();
    let (user, other) = (world.user("ann@corp.example"), world.user("bo@corp.example"));
    let role = world.account.add_role("Sales");
    world.account.add_role_member(role, user);
    let path = format!("/api/2/roles/{role}");
    for users in [json!([]), json!([other])] {
        let body = json!({"name": "Sales", "users": users});
        assert_eq!(world.call("PUT", &path, body).json, json!({"id": role}));
    }
    assert_eq!(world.get(&path).json["users"], json!([user]));
}

#[test]
fn administrators_stay_when_the_user_is_suspended() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let role = world.account.add_role("Sales");
    world.account.add_role_admin(role, user);
    let privilege = world.account.add_privilege("Super user", &["users:List"]);
    world.account.grant_privilege(&privilege, user);
    world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 2}));
    assert_eq!(world.account.administered_roles_of(user), [role]);
    assert_eq!(world.account.privileges_of(user), ["Super user"]);
    let listed = world.get("/api/2/roles?name=Sales&fields=admins").json;
    assert_eq!(listed, json!([{"id": role, "name": "Sales", "admins": [user]}]));
    assert_eq!(
        world.get("/api/2/roles?name=Sales").json,
        json!([{"id": role, "name": "Sales"}])
    );
    let admins = format!("/api/2/roles/{role}/admins");
    assert_eq!(world.get(&admins).ids(), [user]);
    assert_eq!(world.call("DELETE", &admins, json!([user])).status, 204);
    let held = format!("/api/1/privileges/{privilege}/users/{user}");
    assert_eq!(world.call("DELETE", &held, Value::Null).status, 204);
    assert_eq!(world.call("DELETE", &held, Value::Null).status, 404);
    assert_eq!(world.kinds(), [551, 152, 2108]);
    assert_eq!(world.account.counters().get("revoke-privilege"), 1);
}

#[test]
fn privileges_are_bare_and_their_keys_capitalised() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let id = world.account.add_privilege("Help desk", &["users:Unlock"]);
    world.account.grant_privilege(&id, user);
    let listed = world.get("/api/1/privileges").json;
    assert_eq!(
        listed,
        json!([{"id": id, "name": "Help desk", "description": "", "privilege": {
            "Version": "2018-05-18",
            "Statement": [{"Effect": "Allow", "Action": ["users:Unlock"], "Scope": ["*"]}],
        }}])
    );
    assert_eq!(world.get(&format!("/api/1/privileges/{id}")).json, listed[0]);
    let users = format!("/api/1/privileges/{id}/users");
    assert_eq!(world.get(&users).json["users"], json!([user]));
    world.account.set_bare_privilege_users(true);
    assert_eq!(world.get(&users).json, json!([user]));
    let lower = json!({"name": "x", "privilege": {"version": "2018-05-18", "statement": []}});
    assert_eq!(world.call("POST", "/api/1/privileges", lower).status, 400);
    let refused = world.call_as(&world.token_of("read-all"), "GET", "/api/1/privileges", None);
    assert_eq!(refused.status, 401);
}

#[test]
fn invisible_apps_come_only_when_asked_for() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let (role, app) = (world.account.add_role("Sales"), world.account.add_app("Ledger", false));
    world.account.add_role_app(role, app);
    world.account.add_role_member(role, user);
    let path = format!("/api/2/users/{user}/apps");
    assert_eq!(world.get(&path).json, json!([]));
    assert_eq!(world.get(&format!("{path}?ignore_visibility=true")).ids(), [app]);
    assert_eq!(world.get(&format!("/api/2/apps/{app}/users")).ids(), [user]);
    assert_eq!(world.get(&format!("/api/2/users?app_id={app}")).ids(), [user]);
}

#[test]
fn a_user_has_one_group_and_factors_with_text_ids() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let group = world.account.add_group("Staff");
    let path = format!("/api/2/users/{user}");
    assert_eq!(
        world.call("PUT", &path, json!({"group_id": group})).json["group_id"],
        group
    );
    assert_eq!(world.call("PUT", &path, json!({"group_id": 5})).status, 422);
    assert_eq!(
        world.call("PUT", &path, json!({"group_id": null})).json["group_id"],
        Value::Null
    );
    let groups = world.get("/api/1/groups").json["data"].clone();
    assert_eq!(groups, json!([{"id": group, "name": "Staff", "reference": null}]));
    let device = world.account.add_device(user, "OneLogin Protect", "Phone");
    let devices = format!("/api/2/mfa/users/{user}/devices");
    assert_eq!(world.get(&devices).json[0]["device_id"], device.to_string());
    let one = format!("{devices}/{device}");
    assert_eq!(world.call("DELETE", &one, Value::Null).status, 204);
    assert_eq!(world.call("DELETE", &one, Value::Null).status, 404);
    let last = world.account.events().pop().unwrap();
    assert_eq!(
        (&last["event_type_id"], &last["otp_device_id"]),
        (&json!(24), &json!(device))
    );
}
