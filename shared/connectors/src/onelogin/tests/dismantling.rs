//! Taking apart and giving back, as plans and request by request.

use rollcall_model::{Executed, FailureClass, Lane, Planned, State, Undo};

use super::*;
use crate::catalogue;
use crate::scripted::{in_lane, sent_json, urgent};

const ALL: [&str; 7] = [
    "onelogin/remove-roles",
    "onelogin/add-roles",
    "onelogin/remove-privileges",
    "onelogin/add-privileges",
    "onelogin/remove-devices",
    "onelogin/deactivate",
    "onelogin/reactivate",
];

fn plan(action: &str, value: Value, with: &Value) -> Planned {
    let state = State {
        value,
        evidence: Value::Null,
    };
    catalogue().get(action).unwrap().plan(&state, with)
}

fn undo(action: &str, before: Value) -> Undo {
    let change = Change {
        before,
        ..change(action, Value::Null)
    };
    catalogue().get(action).unwrap().undo(&change, &Value::Null)
}

async fn see(
    call: &Call,
    action: &str,
    with: Value,
    steps: impl IntoIterator<Item = Step>,
) -> Result<Observation, Failure> {
    let script = Script::new([token()].into_iter().chain(steps));
    let (onelogin, _) = connect(settings(), &script);
    let asked = ActionUse {
        action: action.to_owned(),
        with,
    };
    let seen = onelogin.observe(call, Some(&account()), &[asked]).await;
    script.done();
    seen.map(|mut seen| seen.remove(0))
}

fn known(seen: &Observation) -> &State {
    match seen {
        Observation::Known(state) => state,
        Observation::Unknown(why) => panic!("{why}"),
    }
}

async fn make(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new([token()].into_iter().chain(steps));
    let (onelogin, _) = connect(settings(), &script);
    let made = onelogin.apply(&urgent(), change, "m").await;
    script.done();
    made
}

fn held(ids: &[&str]) -> Value {
    ids.iter()
        .map(|id| json!({ "id": id, "name": format!("Name of {id}") }))
        .collect()
}

#[test]
fn every_state_has_its_plan() {
    let to = |after: Value| Planned::Change { after };
    let (none, all) = (Value::Null, json!({ "what": "all" }));
    let status = |status: &str| json!({ "status": status });
    let suspended = status("suspended");
    let with_roles = json!({ "roles": held(&["5"]) });
    let with_privileges = json!({ "privileges": held(&["p"]) });
    let holds = json!({ "privileges": [], "role_admin": held(&["5"]) });
    let holds_none = json!({ "privileges": [], "role_admin": [] });
    let lacks_none = json!({ "missing_privileges": [], "missing_role_admin": [] });
    for (action, state, with, wanted) in [
        (ALL[0], with_roles.clone(), &all, to(json!({ "roles": [] }))),
        (ALL[0], json!({ "roles": [] }), &none, Planned::AlreadySo),
        (ALL[1], json!({ "missing_roles": [] }), &with_roles, Planned::AlreadySo),
        (
            ALL[1],
            json!({ "missing_roles": held(&["5"]) }),
            &with_roles,
            to(json!({ "missing_roles": [] })),
        ),
        (ALL[2], holds.clone(), &all, to(holds_none.clone())),
        (ALL[2], holds_none.clone(), &all, Planned::AlreadySo),
        (ALL[3], lacks_none.clone(), &with_privileges, Planned::AlreadySo),
        (
            ALL[3],
            json!({ "missing_privileges": held(&["p"]), "missing_role_admin": [] }),
            &with_privileges,
            to(lacks_none.clone()),
        ),
        (
            ALL[4],
            json!({ "devices": "some" }),
            &none,
            to(json!({ "devices": "none" })),
        ),
        (ALL[4], json!({ "devices": "none" }), &none, Planned::AlreadySo),
        (ALL[5], status("active"), &none, to(status("deactivated"))),
        (ALL[5], status("suspended"), &none, to(status("deactivated"))),
        (ALL[5], status("deactivated"), &none, Planned::AlreadySo),
        (ALL[5], status("gone"), &none, Planned::AlreadySo),
        (ALL[6], status("deactivated"), &none, to(status("active"))),
        (ALL[6], status("deactivated"), &suspended, to(status("suspended"))),
        (ALL[6], status("unactivated"), &suspended, to(status("suspended"))),
        (ALL[6], status("suspended"), &suspended, Planned::AlreadySo),
        (ALL[6], status("active"), &suspended, Planned::AlreadySo),
    ] {
        assert_eq!(plan(action, state.clone(), with), wanted, "{action} {state}");
    }
    for (action, state, with) in [
        (ALL[0], json!({ "roles": [] }), &json!({ "what": "some" })),
        (ALL[1], json!({ "missing_roles": [] }), &none),
        (ALL[1], json!({ "missing_roles": [], "user": "gone" }), &with_roles),
        (ALL[3], lacks_none.clone(), &json!({ "privileges": [] })),
        (ALL[6], status("gone"), &none),
        (ALL[6], status("rejected"), &none),
        (ALL[6], status("deactivated"), &status("deactivated")),
    ] {
        assert!(
            matches!(plan(action, state.clone(), with), Planned::Refuse(_)),
            "{action} {state}"
        );
    }
    for (action, state) in [(ALL[0], with_roles), (ALL[2], holds), (ALL[6], status("unactivated"))] {
        assert!(
            matches!(plan(action, state.clone(), &none), Planned::Skip(_)),
            "{action} {state}"
        );
    }
    for action in ALL {
        let with = json!({ "what": "all", "roles": ["5"], "privileges": ["p"] });
        assert!(
            matches!(plan(action, json!({}), &with), Planned::Refuse(_)),
            "{action} without an answer"
        );
        let ours = plan(action, json!({ "ours": true }), &with);
        assert!(
            matches!(&ours, Planned::Refuse(why) if why.contains("our own credential")),
            "{action}"
        );
    }
}

#[test]
fn every_change_says_how_it_is_taken_back() {
    let by = |action: &'static str, with: Value| Undo::By { action, with };
    assert_eq!(
        undo(ALL[0], json!({ "roles": held(&["5"]) })),
        by(ALL[1], json!({ "roles": held(&["5"]) }))
    );
    assert!(matches!(undo(ALL[0], json!({ "roles": [] })), Undo::Nothing(_)));
    assert_eq!(
        undo(ALL[2], json!({ "privileges": [], "role_admin": held(&["5"]) })),
        by(ALL[3], json!({ "role_admin": held(&["5"]) }))
    );
    assert!(matches!(undo(ALL[4], Value::Null), Undo::Not(_)));
    for (before, with) in [
        ("active", Value::Null),
        ("suspended", json!({ "status": "suspended" })),
        ("locked", json!({ "status": "locked" })),
    ] {
        assert_eq!(undo(ALL[5], json!({ "status": before })), by(ALL[6], with));
    }
    for action in [ALL[1], ALL[3], ALL[6]] {
        assert!(matches!(undo(action, Value::Null), Undo::Nothing(_)));
    }
}

#[tokio::test]
async fn roles_need_the_mappings_and_privileges_a_new_reading() {
    let mut body = user_body(USER, 2);
    body["role_ids"] = json!([7, 5, 6]);
    let named =
        || roles(&json!([{ "id": 5, "name": "Sales", "admins": [] }, { "id": 6, "name": "CRM", "admins": [USER] }]));
    let mappings = |status: u16, body: &Value| step(&line("GET", "/api/2/mappings?limit=100"), status, body);
    let gives = |enabled: bool, action: &str| json!([{ "id": 1, "name": "Give", "enabled": enabled, "actions": [{ "action": action, "value": ["6"] }] }]);
    for (given, wanted) in [
        (gives(true, "add_role"), vec!["5", "7"]),
        (gives(true, "set_role"), vec!["5", "7"]),
        (gives(false, "add_role"), vec!["5", "6", "7"]),
        (gives(true, "set_group"), vec!["5", "6", "7"]),
    ] {
        let steps = [
            user(&body),
            get("/api/1/privileges", &json!([])),
            named(),
            mappings(200, &given),
        ];
        let seen = see(&urgent(), ALL[0], Value::Null, steps).await.unwrap();
        let found = known(&seen).value["roles"].as_array().unwrap().clone();
        let ids: Vec<&str> = found.iter().map(|role| role["id"].as_str().unwrap()).collect();
        assert_eq!(ids, wanted, "{given}");
        assert_eq!(
            found.last().unwrap()["name"],
            json!("7"),
            "a role without a name keeps its id"
        );
    }
    let refused = json!({ "message": "Forbidden", "name": "ForbiddenError", "statusCode": 403 });
    let steps = [
        user(&body),
        get("/api/1/privileges", &json!([])),
        named(),
        mappings(403, &refused),
    ];
    let seen = see(&urgent(), ALL[0], Value::Null, steps).await.unwrap();
    assert!(
        matches!(&seen, Observation::Unknown(why) if why.contains("mappings")),
        "{seen:?}"
    );

    // Nothing kept is believed where rights are taken: both readings ask.
    let mut steps = vec![token(), user(&body)];
    steps.extend(privileges(&json!([90_001_001]), &json!([])));
    steps.push(named());
    steps.push(user(&body));
    steps.extend(privileges(&json!([]), &json!({ "roles": [5] })));
    steps.push(named());
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let mut values = Vec::new();
    for _ in 0..2 {
        let seen = onelogin
            .observe(&urgent(), Some(&account()), &uses(&[ALL[2]]))
            .await
            .unwrap();
        values.push(known(&seen[0]).clone());
    }
    script.done();
    assert_eq!(
        values[0].value["privileges"],
        json!([{ "id": "p-1", "name": "Super user" }])
    );
    assert_eq!(values[0].value["role_admin"], json!([{ "id": "6", "name": "CRM" }]));
    assert_eq!(values[0].evidence["admin"], json!(true));
    assert_eq!(values[1].value["privileges"], json!([]));
    assert_eq!(values[1].evidence["left"]["by_role"][0]["roles"], json!(["Sales"]));

    let forbidden = step(&line("GET", "/api/1/privileges"), 403, &v1(403, "forbidden", "no"));
    let seen = see(&urgent(), ALL[2], Value::Null, [user(&body), forbidden, named()])
        .await
        .unwrap();
    assert!(
        matches!(&seen, Observation::Unknown(why) if why.contains("403")),
        "{seen:?}"
    );
    let broken = step(&line("GET", "/api/1/privileges"), 503, &json!({}));
    let steps = [user(&body), broken, named()];
    assert!(
        see(&in_lane(Lane::Work), ALL[2], Value::Null, steps)
            .await
            .unwrap_err()
            .is_retryable()
    );
}

#[tokio::test]
async fn each_entitlement_is_one_call_in_the_vendors_own_shape() {
    let taken = |kind: &str, ids: &[&str]| json!({ kind: held(ids) });
    let with_before = |action: &str, before: Value| Change {
        before,
        ..change(action, Value::Null)
    };
    let array = |method: &str, path: &str, status: u16| {
        step(&line(method, path), status, &json!({})).check(|request| {
            assert_eq!(sent_json(request), json!([90_001_001]), "a bare array");
        })
    };
    let remove = with_before(ALL[0], taken("roles", &["5", "6"]));
    let steps = [
        array("DELETE", "/api/2/roles/5/users", 204),
        array("DELETE", "/api/2/roles/6/users", 404),
    ];
    assert_eq!(make(&remove, steps).await.unwrap().reference["removed"], json!(2));
    let add = with_before(ALL[1], taken("missing_roles", &["5"]));
    make(&add, [array("POST", "/api/2/roles/5/users", 200)]).await.unwrap();
    let refused = make(&add, [array("POST", "/api/2/roles/5/users", 404)])
        .await
        .unwrap_err();
    assert!(
        refused.class == FailureClass::GiveUp && refused.reason.contains("Name of 5"),
        "{refused}"
    );

    let revoke = with_before(
        ALL[2],
        json!({ "privileges": held(&["p-1"]), "role_admin": held(&["6"]) }),
    );
    let bare = step(
        &line("DELETE", &format!("/api/1/privileges/p-1/users/{USER}")),
        204,
        &Value::Null,
    )
    .check(|request| assert!(request.body().is_empty()));
    make(&revoke, [bare, array("DELETE", "/api/2/roles/6/admins", 204)])
        .await
        .unwrap();
    let grant = with_before(
        ALL[3],
        json!({ "missing_privileges": held(&["p-1"]), "missing_role_admin": held(&["6"]) }),
    );
    let named = step(
        &line("POST", "/api/1/privileges/p-1/users"),
        201,
        &json!({ "success": true }),
    )
    .check(|request| assert_eq!(sent_json(request), json!({ "users": [90_001_001] })));
    make(&grant, [named, array("POST", "/api/2/roles/6/admins", 200)])
        .await
        .unwrap();

    // All are tried, and one that fails is told for all.
    let steps = [
        array("DELETE", "/api/2/roles/5/users", 503),
        array("DELETE", "/api/2/roles/6/users", 204),
    ];
    let failure = make(&remove, steps).await.unwrap_err();
    assert!(
        failure
            .reason
            .starts_with("1 of 2 entitlements failed, first: taking the role Name of 5"),
        "{failure}"
    );
    assert_eq!(failure.executed, Executed::Maybe);
}

#[tokio::test]
async fn devices_are_removed_as_they_are_then() {
    let devices = |body: &Value| get(&format!("/api/2/mfa/users/{USER}/devices"), body);
    let two = json!([{ "device_id": "11", "type_display_name": "Protect" }, { "device_id": "12", "auth_factor_name": "SMS" }]);
    let seen = see(
        &urgent(),
        ALL[4],
        Value::Null,
        [user(&user_body(USER, 2)), devices(&two)],
    )
    .await
    .unwrap();
    assert_eq!(known(&seen).value, json!({ "devices": "some" }));
    assert_eq!(
        known(&seen).evidence,
        json!({ "count": 2, "devices": ["Protect", "SMS"] })
    );
    let gone = |id: u32, status: u16| {
        step(
            &line("DELETE", &format!("/api/2/mfa/users/{USER}/devices/{id}")),
            status,
            &not_found(),
        )
    };
    let remove = change(ALL[4], Value::Null);
    let made = make(&remove, [devices(&two), gone(11, 204), gone(12, 404)])
        .await
        .unwrap();
    assert_eq!(made.reference, json!({ "removed": 2 }));
    let failure = make(&remove, [devices(&two), gone(11, 204), gone(12, 503)])
        .await
        .unwrap_err();
    assert!(failure.reason.starts_with("1 of 2 MFA devices failed"), "{failure}");
    let odd = devices(&json!({ "devices": [] }));
    let seen = see(&urgent(), ALL[4], Value::Null, [user(&user_body(USER, 2)), odd]).await;
    assert!(seen.unwrap_err().is_retryable(), "what is no list proves nothing");
}

#[tokio::test]
async fn a_status_is_sent_alone_and_must_show_in_the_answer() {
    let put = line("PUT", &format!("/api/2/users/{USER}?mappings=disabled"));
    for (action, after, status) in [
        (ALL[5], "deactivated", 0),
        (ALL[6], "active", 1),
        (ALL[6], "suspended", 2),
        (ALL[6], "password-expired", 4),
    ] {
        let sent = step(&put, 200, &user_body(USER, status))
            .check(move |request| assert_eq!(sent_json(request), json!({ "status": status })));
        let made = make(&change(action, json!({ "status": after })), [sent]).await.unwrap();
        assert_eq!(made.reference, json!({ "status": after }));
    }
    let deactivate = change(ALL[5], json!({ "status": "deactivated" }));
    let failure = make(&deactivate, [step(&put, 200, &user_body(USER, 1))])
        .await
        .unwrap_err();
    assert!(
        failure.is_retryable() && failure.executed == Executed::Maybe,
        "{failure}"
    );
    let gone = [step(&put, 404, &not_found()), canary(), missing_on_v1(USER, 404)];
    assert!(make(&deactivate, gone).await.is_ok());
    let gone = [step(&put, 404, &not_found()), canary(), missing_on_v1(USER, 404)];
    let reactivate = change(ALL[6], json!({ "status": "active" }));
    assert_eq!(make(&reactivate, gone).await.unwrap_err().class, FailureClass::GiveUp);
    // Without a date of activation it reads the same: 0 was asked for, and 0 it is.
    let mut dateless = user_body(USER, 0);
    dateless["activated_at"] = Value::Null;
    let steps = [user(&dateless)].into_iter().chain(no_rights());
    let seen = see(&urgent(), ALL[5], Value::Null, steps).await.unwrap();
    assert_eq!(known(&seen).value, json!({ "status": "deactivated" }));
    let mut rejected = user_body(USER, 0);
    rejected["state"] = json!(2);
    let seen = see(&urgent(), ALL[6], Value::Null, [user(&rejected)]).await.unwrap();
    assert_eq!(known(&seen).value, json!({ "status": "rejected" }));
}
