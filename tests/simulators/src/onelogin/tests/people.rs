//! Users: status, sessions, mappings, lists.

use std::time::Duration;

use super::*;

#[test]
fn a_suspension_counts_once_and_leaves_the_sessions_to_the_logout() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let app = world.account.add_app("Ledger", true);
    world.account.open_session(user);
    world.account.open_app_session(user, app);
    let path = format!("/api/2/users/{user}?mappings=disabled");
    for _ in 0..2 {
        let got = world.call("PUT", &path, json!({"status": 2}));
        assert_eq!((got.status, &got.json["status"]), (200, &json!(2)));
    }
    assert_eq!(world.account.counters().get("suspend"), 1);
    assert_eq!(
        world.account.sessions_of(user).len(),
        1,
        "nothing says that a suspension ends sessions"
    );
    let logout = format!("/api/1/users/{user}/logout");
    for _ in 0..2 {
        assert_eq!(world.call("PUT", &logout, Value::Null).status, 200);
    }
    assert_eq!(world.account.counters().get("logout"), 1);
    assert!(world.account.sessions_of(user).is_empty());
    assert_eq!(
        world.account.app_sessions_of(user).len(),
        1,
        "sessions inside apps live on"
    );
    assert!(world.account.log_in(user, world.now).is_err());
    assert_eq!(world.call("PUT", &path, json!({"status": 1})).json["status"], 1);
    assert_eq!(world.account.counters().get("unsuspend"), 1);
    assert_eq!(world.kinds(), [551, 516, 516, 6, 552]);
}

#[test]
fn v1_refuses_a_status_that_v2_takes() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let refused = world.call("PUT", &format!("/api/1/users/{user}"), json!({"status": 2}));
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json["status"]["message"],
        json!({"description": "status is an excluded attribute for put request for user", "attribute": "status"})
    );
    let set = world.call("PUT", &format!("/api/1/users/{user}/set_state"), json!({"state": 3}));
    assert_eq!(
        (set.status, world.account.state_of(user)),
        (200, Some(State::Unlicensed))
    );
    let refused = world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 9}));
    assert_eq!(refused.status, 422);
}

#[test]
fn a_lock_ends_by_itself_and_is_never_shorter_than_the_policy() {
    let mut world = World::new();
    let user = world.user("ann@corp.example");
    world.account.set_lock_policy(Some(10));
    let path = format!("/api/1/users/{user}/lock_user");
    assert_eq!(world.call("PUT", &path, json!({"locked_until": 5})).status, 400);
    assert_eq!(world.account.status_of(user), Some(Status::Active));
    assert_eq!(world.call("PUT", &path, json!({"locked_until": 0})).status, 200);
    let user_path = format!("/api/2/users/{user}");
    assert_eq!(world.get(&user_path).json["locked_until"], "2026-11-20T09:10:00.000Z");
    world.pass(599);
    assert_eq!(world.get(&user_path).json["status"], 3);
    world.pass(1);
    let after = world.get(&user_path).json;
    assert_eq!((&after["status"], &after["locked_until"]), (&json!(1), &Value::Null));
    world.account.set_lock_policy(None);
    world.call("PUT", &path, json!({"locked_until": 0}));
    world.pass(35_000);
    world.token = world.token_of("manage-all");
    assert_eq!(
        world.get(&user_path).json["status"],
        3,
        "without a policy it has no end"
    );
    assert_eq!(
        world.call("POST", &format!("{user_path}/unlock"), Value::Null).status,
        200
    );
    assert_eq!(
        world.call("POST", &format!("{user_path}/unlock"), Value::Null).status,
        422
    );
}

#[test]
fn a_lock_of_a_suspended_user_gives_the_suspension_back() {
    let mut world = World::new();
    let user = world.user("ann@corp.example");
    world.account.admin_suspend(user, world.owner, world.now).unwrap();
    world.account.admin_lock(user, 5, world.owner, world.now).unwrap();
    world.pass(300);
    world.account.settle(world.now);
    assert_eq!(world.account.status_of(user), Some(Status::Suspended));
}

#[test]
fn mappings_bring_back_what_was_set_by_hand_unless_disabled() {
    let mut world = World::new();
    let user = world
        .account
        .add_user(UserSeed::active("ann@corp.example", "Ann", "Example").with("department", "Sales"));
    let role = world.account.add_role("Sales");
    world.account.add_role_member(role, user);
    let condition = [("department", "Sales")];
    world
        .account
        .add_mapping("Sales", &condition, MappingAction::AddRole(role));
    world
        .account
        .add_mapping("Active", &condition, MappingAction::SetStatus(Status::Active));
    let path = format!("/api/2/users/{user}");
    world.call("DELETE", &format!("/api/2/roles/{role}/users"), json!([user]));
    world.call("PUT", &format!("{path}?mappings=disabled"), json!({"status": 2}));
    world.pass(60);
    let kept = world.get(&path).json;
    assert_eq!((&kept["status"], &kept["role_ids"]), (&json!(2), &json!([])));
    let answered = world.call("PUT", &path, json!({"title": "Analyst"})).json;
    assert_eq!(answered["status"], 2, "asynchronous mappings run after the answer");
    world.pass(1);
    let undone = world.get(&path).json;
    assert_eq!((&undone["status"], &undone["role_ids"]), (&json!(1), &json!([role])));
    assert_eq!(world.kinds(), [514, 551, 529, 149, 248, 32, 248]);
    let synchronous = world.call("PUT", &format!("{path}?mappings=sync"), json!({"status": 2}));
    assert_eq!(synchronous.json["status"], 1);
    assert_eq!(
        world.call("PUT", &format!("{path}?mappings=never"), json!({})).status,
        400
    );
}

#[test]
fn a_directory_undoes_a_suspension() {
    let world = World::new();
    let directory = world.account.add_directory("Corp AD");
    let user = world.account.add_user(UserSeed {
        directory_id: Some(directory),
        ..UserSeed::active("ann@corp.example", "Ann", "Example")
    });
    world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 2}));
    world.account.sync_directory(directory, world.now);
    assert_eq!(world.account.status_of(user), Some(Status::Active));
    let last = world.account.events().pop().unwrap();
    assert_eq!(
        (&last["event_type_id"], &last["actor_system"]),
        (&json!(32), &json!("Corp AD"))
    );
}

#[test]
fn every_defined_attribute_is_on_the_single_user_and_the_list_is_reduced() {
    let world = World::new();
    world.account.add_custom_attribute("badge");
    let user = world
        .account
        .add_user(UserSeed::active("ann@corp.example", "Ann", "Example").with_custom("cost_center", "C-42"));
    let whole = world.get(&format!("/api/2/users/{user}")).json;
    assert_eq!(
        whole["custom_attributes"],
        json!({"badge": null, "cost_center": "C-42"})
    );
    let row = world.get("/api/2/users?email=ANN@*").json[0].clone();
    assert_eq!(row["id"], user);
    for name in ["role_ids", "custom_attributes", "manager_user_id"] {
        assert_eq!(row.get(name), None, "{name}");
    }
    let named = world.get("/api/2/users?email=ann@corp.example&fields=id,role_ids").json;
    assert_eq!(named, json!([{"id": user, "role_ids": []}]));
    assert_eq!(
        world.get("/api/2/users?custom_attributes.cost_center=C-*").ids(),
        [user]
    );
    assert_eq!(world.get("/api/2/users?custom_attributes.unknown=1").status, 400);
    assert_eq!(world.get("/api/2/users?sort=%2Bemail").ids(), [user, world.owner]);
    assert_eq!(world.get("/api/2/users?sort=created_at").json["field"], "created_at");
    assert_eq!(
        world.get("/api/2/users?updated_since=2026-11-20T09:00:01Z").json,
        json!([])
    );
    assert_eq!(world.get("/api/2/users?updated_since=yesterday").status, 400);
}

#[test]
fn offset_paging_misses_a_row_when_one_before_it_goes_away() {
    let world = World::new();
    let users: Vec<i64> = (0..5).map(|n| world.user(&format!("p{n}@corp.example"))).collect();
    let first = world.get("/api/2/users?email=p*&limit=2");
    let cursor = first.header("after-cursor").unwrap().to_owned();
    assert_eq!(
        (cursor.as_str(), first.header("before-cursor")),
        ("bGltaXQ9MiZwYWdlPTI=", None)
    );
    assert_eq!(
        (first.header("total-count"), first.header("total-pages")),
        (Some("5"), Some("3"))
    );
    world.account.admin_delete(users[0], world.owner, world.now).unwrap();
    let second = world.get(&format!("/api/2/users?email=p*&cursor={cursor}"));
    assert_eq!(second.ids(), [users[3], users[4]], "the third user was never shown");
    assert_eq!(second.header("after-cursor"), None);
    let unfiltered = world.get(&format!("/api/2/users?cursor={cursor}"));
    assert_ne!(unfiltered.ids(), second.ids(), "a cursor carries no filters");
    assert_eq!(world.get("/api/2/users?cursor=nonsense").status, 400);
}

#[test]
fn a_list_that_lags_behind_shows_the_past_while_the_single_user_does_not() {
    let mut world = World::new();
    world.account.set_list_delay(Duration::from_secs(5));
    let user = world.user("ann@corp.example");
    let path = format!("/api/2/users/{user}");
    world.call("PUT", &path, json!({"status": 2}));
    let created = world
        .call("POST", "/api/2/users", json!({"username": "new@corp.example"}))
        .json["id"]
        .clone();
    assert_eq!(world.get("/api/2/users?username=ann*").json[0]["status"], 1);
    assert_eq!(world.get(&path).json["status"], 2);
    assert_eq!(world.get("/api/2/users?username=new*").json, json!([]));
    assert_eq!(world.get(&format!("/api/2/users/{created}")).status, 200);
    world.pass(5);
    assert_eq!(world.get("/api/2/users?username=ann*").json[0]["status"], 2);
    assert_eq!(
        world.get("/api/2/users?username=new*").ids(),
        [created.as_i64().unwrap()]
    );
}

#[test]
fn what_a_credential_does_not_see_is_missing_in_lists_and_refused_alone() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    world.account.hide_users("manage-all", &[user]);
    assert_eq!(world.get("/api/2/users").ids(), [world.owner]);
    assert_eq!(world.get(&format!("/api/2/users/{user}")).status, 404);
    let refused = world.get(&format!("/api/1/users/{user}"));
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json["status"]["message"],
        "user is not authorized to access this User"
    );
    assert_eq!(
        world
            .call_as(&world.token_of("read-all"), "GET", "/api/2/users", None)
            .ids(),
        [world.owner, user]
    );
}

#[test]
fn v1_has_its_own_words_and_a_nested_empty_list() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    assert_eq!(
        world.get(&format!("/api/1/users/{user}/apps")).json["data"],
        json!([[]])
    );
    let shown = world.get(&format!("/api/1/users/{user}")).json["data"][0].clone();
    assert_eq!(
        (&shown["role_id"], &shown["openid_name"]),
        (&Value::Null, &json!("ann"))
    );
    assert_eq!(shown.get("role_ids"), None);
    let role = world.account.add_role("Sales");
    let path = format!("/api/1/users/{user}/add_roles");
    assert_eq!(world.call("PUT", &path, json!({"role_id_array": [role]})).status, 200);
    assert_eq!(
        world.get(&format!("/api/1/users/{user}/roles")).json["data"],
        json!([role])
    );
    assert_eq!(world.call("PUT", &path, json!({"role_id_array": 5})).status, 400);
}

#[test]
fn a_deletion_is_for_ever_and_a_second_one_is_404() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    world.account.open_app_session(user, 1);
    let path = format!("/api/2/users/{user}");
    assert_eq!(world.call("DELETE", &path, Value::Null).status, 204);
    assert_eq!(world.call("DELETE", &path, Value::Null).status, 404);
    assert_eq!(world.account.counters().get("delete"), 1);
    assert_eq!(world.account.app_sessions_of(user).len(), 1);
    assert_eq!(world.account.events()[0]["user_name"], "Test Person");
}

#[test]
fn usernames_are_unique_and_unknown_fields_are_refused() {
    let world = World::new();
    world.user("ann@corp.example");
    let twice = world.call("POST", "/api/2/users", json!({"username": "Ann@corp.example"}));
    assert_eq!(twice.status, 422);
    assert_eq!(
        twice.json["message"],
        "Validation failed: Username must be unique within corp"
    );
    let unknown = world.call("POST", "/api/2/users", json!({"username": "b", "employee_number": 5}));
    assert_eq!(unknown.json["message"], "unknown attribute: employee_number");
    let fixed = world.call("POST", "/api/2/users", json!({"username": "b", "id": 5}));
    assert_eq!((fixed.status, &fixed.json["errors"][0]["field"]), (422, &json!("id")));
}
