//! Taking apart and giving back, as plans and request by request.

use rollcall_model::{ActionCatalogue, EffectClass, Executed, FailureClass, Planned, State, Undo};

use super::super::actions::add_to;
use super::*;
use crate::scripted::urgent;

fn me() -> Step {
    step(&get("/api/v1/users/me"), 200, &json!({ "id": "00uMe" }))
}

fn write(method: &str, path: &str, status: u16, body: &Value) -> Step {
    step(&format!("{method} {BASE}{path}"), status, body).with("x-okta-request-id", "req-9")
}

fn rules(body: &Value) -> Step {
    step(&get("/api/v1/groups/rules?limit=200"), 200, body)
}

fn group(id: &str, kind: &str) -> Value {
    json!({ "id": id, "type": kind, "profile": { "name": format!("Name of {id}") } })
}

fn rule(status: &str, groups: &[&str], exclude: &[&str]) -> Value {
    json!({
        "id": "0pr1", "name": "Rule", "status": status,
        "conditions": { "people": { "users": { "exclude": exclude } } },
        "actions": { "assignUserToGroups": { "groupIds": groups } },
    })
}

fn change(action: &str, with: Value, before: Value) -> Change {
    Change {
        stage: "dismantle".to_owned(),
        step: "1".to_owned(),
        connection: "okta-main".into(),
        account: Some(account()),
        action: action.to_owned(),
        effect: EffectClass::Set,
        settle_ms: 0,
        with,
        before,
        after: Value::Null,
        evidence: Value::Null,
    }
}

async fn make(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new([tenant("00oPROD"), me()].into_iter().chain(steps));
    let (okta, _) = connect(ssws(), &script);
    let made = okta.apply(&urgent(), change, "m").await;
    script.done();
    made
}

async fn see(action: &str, with: Value, steps: impl IntoIterator<Item = Step>) -> Result<Observation, Failure> {
    let script = Script::new([tenant("00oPROD"), me()].into_iter().chain(steps));
    let (okta, _) = connect(ssws(), &script);
    let asked = ActionUse {
        action: action.to_owned(),
        with,
    };
    let seen = okta.observe(&urgent(), Some(&account()), &[asked]).await;
    script.done();
    seen.map(|mut seen| seen.remove(0))
}

fn known(seen: &Observation) -> &State {
    match seen {
        Observation::Known(state) => state,
        Observation::Unknown(why) => panic!("{why}"),
    }
}

fn plan(action: &str, value: Value, with: &Value) -> Planned {
    let mut all = ActionCatalogue::default();
    add_to(&mut all);
    let state = State {
        value,
        evidence: json!({ "factors": [{ "type": "push" }] }),
    };
    all.get(action).unwrap().plan(&state, with)
}

fn undo(change: &Change) -> Undo {
    let mut all = ActionCatalogue::default();
    add_to(&mut all);
    all.get(&change.action).unwrap().undo(change, &Value::Null)
}

#[test]
fn every_state_has_its_plan() {
    let to = |after: Value| Planned::Change { after };
    let (none, all) = (Value::Null, json!({ "what": "all" }));
    let barred = json!({ "status": "suspended" });
    let groups = json!({ "groups": [{ "id": "00g1", "name": "Sales" }] });
    let status = |status: &str| json!({ "status": status });
    for (action, state, with, wanted) in [
        ("okta/remove-groups", groups.clone(), &all, to(json!({ "groups": [] }))),
        ("okta/remove-groups", json!({ "groups": [] }), &all, Planned::AlreadySo),
        ("okta/remove-groups", json!({ "groups": [] }), &none, Planned::AlreadySo),
        ("okta/add-groups", json!({ "missing": [] }), &groups, Planned::AlreadySo),
        (
            "okta/add-groups",
            json!({ "missing": [{ "id": "00g1", "name": "Sales" }] }),
            &groups,
            to(json!({ "missing": [] })),
        ),
        (
            "okta/reset-factors",
            json!({ "factors": "some" }),
            &none,
            to(json!({ "factors": "none" })),
        ),
        (
            "okta/reset-factors",
            json!({ "factors": "none" }),
            &none,
            Planned::AlreadySo,
        ),
        ("okta/deactivate", status("active"), &none, to(status("deprovisioned"))),
        (
            "okta/deactivate",
            status("suspended"),
            &none,
            to(status("deprovisioned")),
        ),
        ("okta/deactivate", status("staged"), &none, to(status("deprovisioned"))),
        (
            "okta/deactivate",
            status("deactivating"),
            &none,
            to(status("deprovisioned")),
        ),
        ("okta/deactivate", status("deprovisioned"), &none, Planned::AlreadySo),
        ("okta/deactivate", status("deleted"), &none, Planned::AlreadySo),
        (
            "okta/reactivate",
            status("deprovisioned"),
            &none,
            to(status("activated")),
        ),
        ("okta/reactivate", status("activating"), &none, to(status("activated"))),
        (
            "okta/reactivate",
            status("deprovisioned"),
            &barred,
            to(status("barred")),
        ),
        ("okta/reactivate", status("activated"), &none, Planned::AlreadySo),
        ("okta/reactivate", status("barred"), &barred, Planned::AlreadySo),
        ("okta/reactivate", status("active"), &barred, Planned::AlreadySo),
    ] {
        assert_eq!(plan(action, state.clone(), with), wanted, "{action} {state}");
    }
    for (action, state, with) in [
        ("okta/remove-groups", json!({}), &all),
        (
            "okta/remove-groups",
            json!({ "groups": [] }),
            &json!({ "what": "most" }),
        ),
        ("okta/add-groups", json!({ "missing": [] }), &none),
        ("okta/add-groups", json!({ "missing": [], "user": "deleted" }), &groups),
        ("okta/add-groups", json!({}), &groups),
        ("okta/reset-factors", json!({}), &none),
        ("okta/deactivate", json!({}), &none),
        ("okta/reactivate", json!({}), &none),
        ("okta/reactivate", status("deleted"), &none),
        (
            "okta/reactivate",
            status("deprovisioned"),
            &json!({ "status": "locked" }),
        ),
    ] {
        let planned = plan(action, state.clone(), with);
        assert!(matches!(planned, Planned::Refuse(_)), "{action} {state} {planned:?}");
    }
    for (action, state) in [
        ("okta/remove-groups", groups.clone()),
        ("okta/reset-factors", json!({ "factors": "kept" })),
        ("okta/reactivate", status("staged")),
    ] {
        let planned = plan(action, state.clone(), &none);
        assert!(matches!(planned, Planned::Skip(_)), "{action} {state} {planned:?}");
    }
}

#[test]
fn every_change_says_how_it_is_taken_back() {
    let held = json!([{ "id": "00g1", "name": "Sales" }]);
    let by = |action: &'static str, with: Value| Undo::By { action, with };
    let removal = change("okta/remove-groups", Value::Null, json!({ "groups": held }));
    assert_eq!(undo(&removal), by("okta/add-groups", json!({ "groups": held })));
    let nothing = change("okta/remove-groups", Value::Null, json!({ "groups": [] }));
    assert!(matches!(undo(&nothing), Undo::Nothing(_)));
    assert!(matches!(
        undo(&change("okta/reset-factors", Value::Null, Value::Null)),
        Undo::Not(_)
    ));
    for action in ["okta/add-groups", "okta/reactivate"] {
        assert!(matches!(
            undo(&change(action, Value::Null, Value::Null)),
            Undo::Nothing(_)
        ));
    }
    let deactivation = |before: &str, evidence: Value| Change {
        evidence,
        ..change("okta/deactivate", Value::Null, json!({ "status": before }))
    };
    let reactivated = |with| by("okta/reactivate", with);
    assert_eq!(undo(&deactivation("active", Value::Null)), reactivated(Value::Null));
    assert_eq!(
        undo(&deactivation("suspended", json!({ "apps": ["CRM"] }))),
        reactivated(json!({ "status": "suspended", "lost_apps": ["CRM"] }))
    );
    // A try that found it under way knows from the record what was before.
    assert_eq!(
        undo(&deactivation("deactivating", json!({ "okta_status": "SUSPENDED" }))),
        reactivated(json!({ "status": "suspended" }))
    );
    assert!(matches!(undo(&deactivation("staged", Value::Null)), Undo::Not(_)));
}

#[tokio::test]
async fn memberships_are_sorted_by_who_decides_and_unread_rules_are_unknown() {
    let all = json!([
        group("00gC", "OKTA_GROUP"),
        group("00gA", "OKTA_GROUP"),
        group("00gB", "OKTA_GROUP"),
        group("00gD", "APP_GROUP"),
        group("00gE", "BUILT_IN"),
        group("00gF", "SOMETHING_NEW"),
    ]);
    let given = json!([
        rule("ACTIVE", &["00gB"], &[]),
        rule("INACTIVE", &["00gA"], &[]),
        rule("INVALID", &["00gA"], &[]),
        rule("ACTIVE", &["00gC"], &["00uOther", USER]),
    ]);
    let steps = [
        user(&user_body("SUSPENDED")),
        groups(&all),
        rules(&given),
        roles(&json!([])),
    ];
    let seen = see("okta/remove-groups", Value::Null, steps).await.unwrap();
    let state = known(&seen);
    assert_eq!(
        state.value,
        json!({ "groups": [{ "id": "00gA", "name": "Name of 00gA" }, { "id": "00gC", "name": "Name of 00gC" }] })
    );
    let left = &state.evidence["left"]["groups"];
    assert_eq!(left["by_rule"][0]["id"], "00gB");
    assert_eq!(left["imported"].as_array().unwrap().len(), 2);
    assert_eq!(left["built_in"][0]["id"], "00gE");

    let forbidden = json!({ "errorCode": "E0000006" });
    let steps = [
        user(&user_body("SUSPENDED")),
        groups(&all),
        step(&get("/api/v1/groups/rules?limit=200"), 403, &forbidden),
        roles(&json!([])),
    ];
    let seen = see("okta/remove-groups", Value::Null, steps).await.unwrap();
    assert!(
        matches!(&seen, Observation::Unknown(why) if why.contains("group rules")),
        "{seen:?}"
    );
    // Giving back asks nobody for rules.
    let steps = [
        user(&user_body("ACTIVE")),
        groups(&json!([group("00gA", "OKTA_GROUP")])),
    ];
    let with = json!({ "groups": ["00gZ", { "id": "00gA", "name": "A" }, "00gZ"] });
    let seen = see("okta/add-groups", with, steps).await.unwrap();
    assert_eq!(
        known(&seen).value,
        json!({ "missing": [{ "id": "00gZ", "name": "00gZ" }] })
    );
    let broken = [
        user(&user_body("ACTIVE")),
        step(&get(&format!("/api/v1/users/{USER}/groups?limit=200")), 503, &json!({})),
    ];
    let with = json!({ "groups": ["00gZ"] });
    assert!(see("okta/add-groups", with, broken).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn roles_that_are_hidden_could_be_a_super_administrators() {
    let forbidden = json!({ "errorCode": "E0000006" });
    let steps = [
        user(&user_body("ACTIVE")),
        groups(&json!([group("00gA", "OKTA_GROUP")])),
        rules(&json!([])),
        step(&get(&format!("/api/v1/users/{USER}/roles")), 403, &forbidden),
    ];
    let seen = see("okta/remove-groups", Value::Null, steps).await.unwrap();
    let evidence = &known(&seen).evidence;
    assert_eq!(
        (&evidence["admin"], &evidence["admins_left"]),
        (&json!(true), &Value::Null)
    );
    assert!(evidence["left"]["admin_roles"].as_str().unwrap().contains("403"));
}

#[tokio::test]
async fn each_group_is_one_empty_call_and_one_refusal_is_told_for_all() {
    let all = json!([
        group("00gA", "OKTA_GROUP"),
        group("00gB", "OKTA_GROUP"),
        group("00gC", "OKTA_GROUP")
    ]);
    let planned = json!({ "groups": [{ "id": "00gA", "name": "A" }, { "id": "00gB", "name": "B" }, { "id": "00gGone", "name": "G" }] });
    let remove = change("okta/remove-groups", json!({ "what": "all" }), planned);
    let member = |group: &str| format!("/api/v1/groups/{group}/users/{USER}");
    let forbidden = json!({ "errorCode": "E0000006" });
    let steps = |second: u16, body: &Value| {
        [
            groups(&all),
            rules(&json!([])),
            write("DELETE", &member("00gA"), 204, &Value::Null),
            write("DELETE", &member("00gB"), second, body),
        ]
    };
    let made = make(&remove, steps(404, &not_found())).await.unwrap();
    assert_eq!(made.reference["removed"], json!(2), "{made:?}");
    let refused = make(&remove, steps(403, &forbidden)).await.unwrap_err();
    assert_eq!(
        (refused.class, refused.executed),
        (FailureClass::NeedsHuman, Executed::Maybe)
    );
    assert!(
        refused
            .reason
            .starts_with("1 of 2 groups failed, first: removing from the group Name of 00gB"),
        "{}",
        refused.reason
    );

    let add = change("okta/add-groups", json!({ "groups": ["00gA", "00gZ"] }), Value::Null);
    let put = write("PUT", &member("00gZ"), 204, &Value::Null).check(|request| {
        assert_eq!(request.headers()["content-length"], "0");
        assert!(request.body().is_empty());
    });
    let made = make(&add, [groups(&all), put]).await.unwrap();
    assert_eq!(made.reference, json!({ "added": 1 }));
    let gone = [groups(&all), write("PUT", &member("00gZ"), 404, &not_found())];
    let refused = make(&add, gone).await.unwrap_err();
    assert!(
        refused.class == FailureClass::GiveUp && refused.reason.contains("no longer there"),
        "{refused}"
    );
    // Nothing is written when the lists cannot be read.
    let blind = step(&get(&format!("/api/v1/users/{USER}/groups?limit=200")), 503, &json!({}));
    let later = make(&add, [blind]).await.unwrap_err();
    assert!(later.is_retryable() && later.executed == Executed::No);
}

#[tokio::test]
async fn factors_count_when_listed_or_linked_and_a_refused_reset_is_judged_by_them() {
    let listed = |body: &Value| step(&get(&format!("/api/v1/users/{USER}/factors")), 200, body);
    let offered = json!([{ "id": "x", "factorType": "sms", "provider": "OKTA", "status": "NOT_SETUP" }]);
    let mut linked = user_body("ACTIVE");
    linked["_links"] = json!({ "resetFactors": { "href": "x" } });
    for (body, factors, wanted) in [
        (user_body("ACTIVE"), json!([]), "none"),
        (user_body("ACTIVE"), offered.clone(), "none"),
        (linked, json!([]), "some"),
        (
            user_body("SUSPENDED"),
            json!([{ "id": "y", "factorType": "push", "status": "ACTIVE" }]),
            "some",
        ),
        (
            user_body("DEPROVISIONED"),
            json!([{ "id": "y", "factorType": "push", "status": "ACTIVE" }]),
            "kept",
        ),
    ] {
        let seen = see("okta/reset-factors", Value::Null, [user(&body), listed(&factors)])
            .await
            .unwrap();
        assert_eq!(known(&seen).value, json!({ "factors": wanted }), "{body} {factors}");
    }
    let path = format!("/api/v1/users/{USER}/lifecycle/reset_factors");
    let reset = change("okta/reset-factors", Value::Null, Value::Null);
    let refusal = || write("POST", &path, 403, &json!({ "errorCode": "E0000038" }));
    let steps = [refusal(), user(&user_body("ACTIVE")), listed(&offered)];
    assert!(make(&reset, steps).await.is_ok(), "there is nothing left to reset");
    let held = json!([{ "id": "y", "factorType": "push", "status": "ACTIVE" }]);
    let steps = [refusal(), user(&user_body("ACTIVE")), listed(&held)];
    assert_eq!(make(&reset, steps).await.unwrap_err().class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn a_lifecycle_call_is_made_once_and_sends_nobody_a_mail() {
    let deactivate = |before: &str| change("okta/deactivate", Value::Null, json!({ "status": before }));
    let path = format!("/api/v1/users/{USER}/lifecycle/deactivate?sendEmail=false");
    let posted = write("POST", &path, 200, &json!({}));
    let made = make(&deactivate("active"), [posted]).await.unwrap();
    assert_eq!(made.request_id.as_deref(), Some("req-9"));
    make(&deactivate("deactivating"), []).await.unwrap();
    let mut moving = user_body("ACTIVE");
    moving["transitioningToStatus"] = json!("DEPROVISIONED");
    for body in [moving.clone(), user_body("DEPROVISIONED")] {
        let steps = [write("POST", &path, 404, &not_found()), user(&body)];
        assert!(make(&deactivate("active"), steps).await.is_ok(), "{body}");
    }
    let steps = [
        write("POST", &path, 403, &json!({ "errorCode": "E0000006" })),
        user(&user_body("ACTIVE")),
    ];
    assert_eq!(
        make(&deactivate("active"), steps).await.unwrap_err().class,
        FailureClass::NeedsHuman
    );

    let path = format!("/api/v1/users/{USER}/lifecycle/activate?sendEmail=false");
    let reactivate = |before: &str, with: Value| change("okta/reactivate", with, json!({ "status": before }));
    let token = json!({ "activationUrl": "https://id.example.com/welcome/secret", "activationToken": "secret" });
    let made = make(
        &reactivate("deprovisioned", Value::Null),
        [write("POST", &path, 200, &token)],
    )
    .await
    .unwrap();
    assert!(!made.reference.to_string().contains("secret"));
    make(&reactivate("activating", Value::Null), []).await.unwrap();
    let barred = json!({ "status": "suspended" });
    let suspend = format!("/api/v1/users/{USER}/lifecycle/suspend");
    for (status, suspends) in [("ACTIVE", true), ("PROVISIONED", false)] {
        let mut steps = vec![write("POST", &path, 200, &token), user(&user_body(status))];
        if suspends {
            steps.push(write("POST", &suspend, 200, &json!({})));
        }
        make(&reactivate("deprovisioned", barred.clone()), steps).await.unwrap();
    }
    // Back in, and not barred: somebody has to know.
    let steps = [
        write("POST", &path, 200, &token),
        user(&user_body("ACTIVE")),
        write("POST", &suspend, 403, &json!({ "errorCode": "E0000006" })),
        user(&user_body("ACTIVE")),
    ];
    let open = make(&reactivate("deprovisioned", barred), steps).await.unwrap_err();
    assert!(open.reason.contains("active again and not suspended"), "{open}");
    assert_eq!(open.executed, Executed::Maybe);
}

#[tokio::test]
async fn statuses_tell_what_is_under_way() {
    let barred = json!({ "status": "suspended" });
    for (status, moving, with, wanted) in [
        ("DEPROVISIONED", None, &Value::Null, "deprovisioned"),
        ("ACTIVE", Some("DEPROVISIONED"), &Value::Null, "deactivating"),
        ("DEPROVISIONED", Some("ACTIVE"), &Value::Null, "activating"),
        ("DEPROVISIONED", Some("PROVISIONED"), &barred, "activating"),
        ("STAGED", None, &Value::Null, "staged"),
        ("PROVISIONED", None, &Value::Null, "activated"),
        ("SUSPENDED", None, &Value::Null, "activated"),
        ("SUSPENDED", None, &barred, "barred"),
        ("PROVISIONED", None, &barred, "barred"),
        ("PASSWORD_EXPIRED", None, &barred, "active"),
        ("ACTIVE", None, &barred, "active"),
    ] {
        let mut body = user_body(status);
        body["transitioningToStatus"] = json!(moving);
        let seen = see("okta/reactivate", with.clone(), [user(&body)]).await.unwrap();
        assert_eq!(
            known(&seen).value,
            json!({ "status": wanted }),
            "{status} {moving:?} {with}"
        );
    }
    let gone = step(&get(&format!("/api/v1/users/{USER}")), 404, &not_found());
    let seen = see("okta/reactivate", Value::Null, [gone, me()]).await.unwrap();
    assert_eq!(known(&seen).value, json!({ "status": "deleted" }));
}
