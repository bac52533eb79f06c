use rollcall_model::{Lane, Planned, State};

use super::*;
use crate::catalogue;
use crate::scripted::{in_lane, urgent};

const BOTH: [&str; 2] = ["onelogin/suspend", "onelogin/unsuspend"];

async fn observe(
    settings: OneLoginSettings,
    call: &Call,
    actions: &[&str],
    steps: impl IntoIterator<Item = Step>,
) -> Result<Vec<Observation>, Failure> {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings, &script);
    let answer = onelogin.observe(call, Some(&account()), &uses(actions)).await;
    script.done();
    answer
}

fn known(observation: &Observation) -> &State {
    match observation {
        Observation::Known(state) => state,
        Observation::Unknown(why) => panic!("{why}"),
    }
}

fn plan(action: &str, state: &State) -> Planned {
    catalogue().get(action).unwrap().plan(state, &Value::Null)
}

#[tokio::test]
async fn one_look_answers_every_action_and_shows_what_stays() {
    let mut body = user_body(USER, 1);
    body["directory_id"] = json!(40_001);
    let mut steps = vec![token(), user(&body)];
    steps.extend(privileges(&json!([]), &json!([])));
    steps.push(roles(
        &json!([{ "id": 610_001, "name": "Sales", "admins": ["90001001"] }]),
    ));
    let seen = observe(settings(), &urgent(), &BOTH, steps).await.unwrap();
    for state in seen.iter().map(known) {
        assert_eq!(state.value, json!({ "status": "active" }));
        assert_eq!(
            state.evidence,
            json!({ "status": 1, "state": 1, "directory_id": 40_001, "privileges": [], "role_admin": ["Sales"] })
        );
    }
    let after = json!({ "status": "suspended" });
    assert_eq!(plan("onelogin/suspend", known(&seen[0])), Planned::Change { after });
}

#[tokio::test]
async fn a_super_user_shows_how_many_others_can_still_sign_in() {
    let by_role = json!({ "total": 1, "roles": [610_007] });
    let mut steps = vec![token(), user(&user_body(USER, 1))];
    steps.extend(privileges(
        &json!([90_001_001, 90_001_002, 90_001_003, 90_001_004]),
        &by_role,
    ));
    steps.push(roles(&json!([])));
    steps.push(get(
        "/api/2/roles/610007/users?limit=100",
        &json!([{ "id": 90_001_005 }, { "id": 90_001_001 }]),
    ));
    let mut unlicensed = user_body("90001004", 1);
    unlicensed["state"] = json!(3);
    steps.extend([
        user(&user_body("90001002", 1)),
        user(&user_body("90001003", 2)),
        user(&unlicensed),
        user(&user_body("90001005", 1)),
    ]);
    let seen = observe(settings(), &urgent(), &["onelogin/suspend"], steps)
        .await
        .unwrap();
    let evidence = &known(&seen[0]).evidence;
    assert_eq!(
        (&evidence["admin"], &evidence["admins_left"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(evidence["privileges"], json!(["Super user"]));
}

#[tokio::test]
async fn a_count_that_cannot_be_made_is_left_out() {
    let mut steps = vec![token(), user(&user_body(USER, 1))];
    steps.extend(privileges(&json!([90_001_001, 90_001_002]), &json!([])));
    steps.push(roles(&json!([])));
    steps.push(step(&line("GET", "/api/2/users/90001002"), 503, &json!({})));
    let seen = observe(settings(), &urgent(), &["onelogin/suspend"], steps)
        .await
        .unwrap();
    let evidence = known(&seen[0]).evidence.as_object().unwrap();
    assert_eq!(evidence["admin"], json!(true));
    assert!(
        !evidence.contains_key("admins_left"),
        "the guard takes that for none: {evidence:?}"
    );
}

#[tokio::test]
async fn unreadable_privileges_hold_up_slow_lanes_only() {
    let steps = |status| {
        let refused = v1(status, "x", "Insufficient Permission");
        [
            token(),
            user(&user_body(USER, 1)),
            step(&line("GET", "/api/1/privileges"), status, &refused),
            roles(&json!([])),
        ]
    };
    let seen = observe(settings(), &urgent(), &["onelogin/suspend"], steps(503))
        .await
        .unwrap();
    let said = known(&seen[0]).evidence["privileges"].as_str().unwrap();
    assert!(said.starts_with("unknown: "), "{said}");
    let work = in_lane(Lane::Work);
    assert!(
        observe(settings(), &work, &["onelogin/suspend"], steps(503))
            .await
            .unwrap_err()
            .is_retryable()
    );
    // What no repetition mends holds up nobody.
    observe(settings(), &work, &["onelogin/suspend"], steps(401))
        .await
        .unwrap();
}

fn state(status: &str) -> State {
    State {
        value: json!({ "status": status }),
        evidence: Value::Null,
    }
}

#[test]
fn every_status_has_its_plan() {
    let suspend = |status: &str| plan("onelogin/suspend", &state(status));
    let lift = |status: &str| plan("onelogin/unsuspend", &state(status));
    for status in ["suspended", "deactivated", "gone"] {
        assert_eq!(suspend(status), Planned::AlreadySo, "{status}");
    }
    for status in [
        "active",
        "locked",
        "unactivated",
        "unused",
        "password-expired",
        "password-pending",
        "security-questions",
        "awaiting-password-reset",
    ] {
        assert!(matches!(suspend(status), Planned::Change { .. }), "{status}");
    }
    assert_eq!(
        lift("suspended"),
        Planned::Change {
            after: json!({ "status": "active" })
        }
    );
    for status in ["active", "locked", "password-expired"] {
        assert_eq!(lift(status), Planned::AlreadySo, "{status}");
    }
    for status in ["gone", "deactivated"] {
        assert!(matches!(lift(status), Planned::Refuse(_)), "{status}");
    }
    assert!(matches!(lift("unactivated"), Planned::Skip(_)));
    let none = State {
        value: json!({}),
        evidence: Value::Null,
    };
    assert!(matches!(plan("onelogin/suspend", &none), Planned::Refuse(_)));
    assert!(matches!(plan("onelogin/unsuspend", &none), Planned::Refuse(_)));
}

#[tokio::test]
async fn the_owner_of_our_credential_is_refused_without_a_call() {
    let mut own = settings();
    own.own_user_ids = vec![USER.to_owned()];
    let all = ["onelogin/suspend", "onelogin/unsuspend", "onelogin/log-out"];
    let seen = observe(own.clone(), &urgent(), &all, []).await.unwrap();
    for (action, seen) in all.iter().zip(&seen) {
        let Planned::Refuse(why) = plan(action, known(seen)) else {
            panic!("{action}")
        };
        assert!(why.contains("our own credential"), "{why}");
    }
    let script = Script::new([]);
    let (onelogin, _) = connect(own, &script);
    for action in all {
        let refused = onelogin
            .apply(&urgent(), &change(action, json!({ "status": "suspended" })), "m")
            .await;
        assert!(refused.unwrap_err().reason.contains("our own credential"), "{action}");
    }
}

#[tokio::test]
async fn a_missing_user_is_gone_when_proven_and_unknown_otherwise() {
    let steps = |on_v1| {
        [token(), missing(USER), canary(), missing_on_v1(USER, on_v1)]
            .into_iter()
            .chain(no_rights())
    };
    let seen = observe(settings(), &urgent(), &BOTH, steps(404)).await.unwrap();
    assert_eq!(known(&seen[0]).value, json!({ "status": "gone" }));
    let seen = observe(settings(), &urgent(), &BOTH, steps(403)).await.unwrap();
    assert!(matches!(&seen[0], Observation::Unknown(why) if why.contains("may not see")));
}

#[tokio::test]
async fn sessions_cannot_be_read_back() {
    let all = catalogue();
    assert!(!all.get("onelogin/log-out").unwrap().observable());
    assert!(all.get("onelogin/suspend").unwrap().observable());
    let seen = observe(settings(), &urgent(), &["onelogin/log-out"], []).await.unwrap();
    assert!(matches!(&seen[0], Observation::Unknown(_)));
    let accepted = State {
        value: json!({ "accepted": true }),
        evidence: Value::Null,
    };
    assert_eq!(plan("onelogin/log-out", &accepted), Planned::AlreadySo);
    let failure = observe(settings(), &urgent(), &["onelogin/delete"], [])
        .await
        .unwrap_err();
    assert!(failure.reason.contains("onelogin/delete"), "{failure}");
}
