//! States before and after a change: what is known, and what proves nothing.

use rollcall_model::State;

use super::*;
use crate::scripted::urgent;

const ME: &str = "00uMe";

fn uses(actions: &[&str]) -> Vec<ActionUse> {
    actions
        .iter()
        .map(|&action| ActionUse {
            action: action.to_owned(),
            with: Value::Null,
        })
        .collect()
}

fn me() -> Step {
    step(&get("/api/v1/users/me"), 200, &json!({ "id": ME }))
}

fn grants(status: u16, body: &Value) -> Step {
    step(&get(&format!("/api/v1/users/{USER}/grants?limit=200")), status, body)
}

fn tokens(status: u16, body: &Value) -> Step {
    step(&get("/api/v1/api-tokens"), status, body)
}

fn token(id: &str, user: &str, more: &Value) -> Value {
    let mut token = json!({ "id": id, "userId": user, "name": format!("name of {id}") });
    for (name, value) in more.as_object().unwrap() {
        token[name] = value.clone();
    }
    token
}

async fn see(actions: &[&str], steps: impl IntoIterator<Item = Step>) -> Result<Vec<Observation>, Failure> {
    let script = Script::new(steps);
    let (okta, _) = connect(ssws(), &script);
    let seen = okta.observe(&urgent(), Some(&account()), &uses(actions)).await;
    script.done();
    seen
}

fn value(observation: &Observation) -> &Value {
    match observation {
        Observation::Known(State { value, .. }) => value,
        Observation::Unknown(why) => panic!("{why}"),
    }
}

fn why(observation: &Observation) -> &str {
    match observation {
        Observation::Known(state) => panic!("{state:?}"),
        Observation::Unknown(why) => why,
    }
}

#[tokio::test]
async fn the_status_is_the_users_own_and_on_the_way_out_counts_as_out() {
    for (mut body, wanted) in [
        (user_body("SUSPENDED"), "suspended"),
        (user_body("DEPROVISIONED"), "deprovisioned"),
        (user_body("STAGED"), "staged"),
        (user_body("PROVISIONED"), "provisioned"),
    ] {
        let seen = see(&["okta/unsuspend"], [tenant("00oPROD"), me(), user(&body)])
            .await
            .unwrap();
        assert_eq!(value(&seen[0]), &json!({ "status": wanted }));
        body["transitioningToStatus"] = json!("DEPROVISIONED");
        // Nobody's roles are read when there is nothing to suspend.
        let seen = see(&["okta/suspend"], [tenant("00oPROD"), me(), user(&body)])
            .await
            .unwrap();
        assert_eq!(value(&seen[0]), &json!({ "status": "deprovisioned" }));
    }
    let other = json!({ "id": "00uOther", "status": "ACTIVE" });
    let seen = see(&["okta/suspend"], [tenant("00oPROD"), me(), user(&other)])
        .await
        .unwrap();
    assert!(why(&seen[0]).contains("another user"));
}

#[tokio::test]
async fn a_listing_that_is_refused_is_unknown_and_not_none() {
    for status in [403, 404] {
        let body = json!({ "errorCode": "E0000006" });
        let steps = [
            tenant("00oPROD"),
            me(),
            user(&user_body("ACTIVE")),
            grants(status, &body),
            tokens(status, &body),
        ];
        let seen = see(&["okta/revoke-grants", "okta/revoke-api-tokens"], steps)
            .await
            .unwrap();
        assert!(why(&seen[0]).contains(&status.to_string()) && why(&seen[1]).contains(&status.to_string()));
    }
    let broken = [
        tenant("00oPROD"),
        me(),
        user(&user_body("ACTIVE")),
        grants(500, &json!({})),
    ];
    assert!(see(&["okta/revoke-grants"], broken).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_missing_user_is_gone_only_beside_the_canary() {
    let gone = step(&get(&format!("/api/v1/users/{USER}")), 404, &not_found());
    // An API token's own user is its canary.
    let seen = see(
        &["okta/suspend", "okta/revoke-grants"],
        [tenant("00oPROD"), me(), gone, grants(404, &not_found()), me()],
    )
    .await
    .unwrap();
    assert_eq!(value(&seen[0]), &json!({ "status": "deleted" }));
    assert_eq!(value(&seen[1]), &json!({ "grants": "none" }));
    let gone = step(&get(&format!("/api/v1/users/{USER}")), 404, &not_found());
    let blind = step(&get("/api/v1/users/me"), 404, &not_found());
    let seen = see(&["okta/suspend"], [tenant("00oPROD"), me(), gone, blind])
        .await
        .unwrap();
    assert!(why(&seen[0]).contains("canary"));
}

#[tokio::test]
async fn tokens_count_when_they_are_the_users_and_not_ours_and_ask_when_used_of_late() {
    // The clock stands at 2026-03-02T08:00:00Z.
    let stale = json!({ "expiresAt": "2026-03-20T08:00:00.000Z", "tokenWindow": "P30D", "lastUpdated": "2026-03-02T07:00:00.000Z" });
    let fresh = json!({ "expiresAt": "2026-03-29T08:00:00.000Z", "tokenWindow": "P30D" });
    let short = json!({ "expiresAt": "2026-03-02T08:05:00.000Z", "tokenWindow": "PT5M" });
    let plain = json!({ "lastUpdated": "2026-02-20T08:00:00.000Z" });
    let mine = token("00TMine", ME, &fresh);
    for (held, wanted) in [
        (vec![mine.clone()], "none"),
        (vec![mine.clone(), token("00TOther", "00uOther", &fresh)], "none"),
        (vec![mine.clone(), token("00T1rollcallToken0q1r", USER, &fresh)], "none"),
        (vec![mine.clone(), token("00TOld", USER, &stale)], "some"),
        (vec![mine.clone(), token("00TPlain", USER, &plain)], "some"),
        (
            vec![
                mine.clone(),
                token("00TOld", USER, &stale),
                token("00TNew", USER, &fresh),
            ],
            "in-use",
        ),
        (vec![mine.clone(), token("00TShort", USER, &short)], "in-use"),
        (vec![mine.clone(), token("00TMute", USER, &json!({}))], "in-use"),
    ] {
        let list = Value::from(held);
        let steps = [tenant("00oPROD"), me(), user(&user_body("ACTIVE")), tokens(200, &list)];
        let seen = see(&["okta/revoke-api-tokens"], steps).await.unwrap();
        assert_eq!(value(&seen[0]), &json!({ "api_tokens": wanted }), "{list}");
        let Observation::Known(state) = &seen[0] else {
            unreachable!()
        };
        assert!(!state.evidence.to_string().contains("rollcallToken"), "{state:?}");
    }
    let steps = [
        tenant("00oPROD"),
        me(),
        user(&user_body("ACTIVE")),
        tokens(200, &json!([])),
    ];
    let seen = see(&["okta/revoke-api-tokens"], steps).await.unwrap();
    assert!(why(&seen[0]).contains("not even hold our own"));
}

#[tokio::test]
async fn administrators_that_cannot_be_counted_are_told_as_that() {
    let first = || [tenant("00oPROD"), me(), user(&user_body("ACTIVE"))];
    let forbidden = json!({ "errorCode": "E0000006" });
    let supers = json!([{ "type": "SUPER_ADMIN", "status": "ACTIVE" }, { "type": "CUSTOM", "label": "Branch", "resource-set": "iam1" }]);
    let holders = || get("/api/v1/iam/assignees/users?limit=100");
    let evidence = |seen: &[Observation]| match &seen[0] {
        Observation::Known(state) => state.evidence.clone(),
        Observation::Unknown(why) => panic!("{why}"),
    };

    let mut steps = Vec::from(first());
    steps.push(roles(&supers));
    steps.push(step(&holders(), 403, &forbidden));
    let seen = see(&["okta/suspend"], steps).await.unwrap();
    let told = evidence(&seen);
    assert_eq!((&told["admin"], &told["admins_left"]), (&json!(true), &Value::Null));
    assert!(told["admins_unknown"].as_str().unwrap().contains("403"));
    assert_eq!(told["roles"], json!(["Branch (iam1)", "SUPER_ADMIN"]));

    // Roles that are hidden could be anything.
    let mut steps = Vec::from(first());
    steps.push(step(&get(&format!("/api/v1/users/{USER}/roles")), 403, &forbidden));
    let told = evidence(&see(&["okta/suspend"], steps).await.unwrap());
    assert_eq!((&told["admin"], &told["admins_left"]), (&json!(true), &Value::Null));
    assert!(told["admins_unknown"].as_str().unwrap().contains("403"));

    // Pages follow the body; of those who hold a role only other, active super administrators count.
    let mut steps = Vec::from(first());
    steps.push(roles(&supers));
    let next = format!("{BASE}/api/v1/iam/assignees/users?after=x&limit=100");
    steps.push(step(
        &holders(),
        200,
        &json!({ "value": [{ "id": USER }, { "id": "00uA" }], "_links": { "next": { "href": next } } }),
    ));
    steps.push(step(
        &format!("GET {next}"),
        200,
        &json!({ "value": [{ "id": "00uB" }, { "id": "00uC" }], "_links": {} }),
    ));
    for (id, role, status) in [
        ("00uA", "SUPER_ADMIN", Some("ACTIVE")),
        ("00uB", "SUPER_ADMIN", Some("SUSPENDED")),
        ("00uC", "ORG_ADMIN", None),
    ] {
        steps.push(step(
            &get(&format!("/api/v1/users/{id}/roles")),
            200,
            &json!([{ "type": role }]),
        ));
        if let Some(status) = status {
            steps.push(step(
                &get(&format!("/api/v1/users/{id}")),
                200,
                &json!({ "id": id, "status": status }),
            ));
        }
    }
    let told = evidence(&see(&["okta/suspend"], steps).await.unwrap());
    assert_eq!(told["admins_left"], json!(1));
}

#[tokio::test]
async fn an_action_of_another_version_or_without_a_user_is_a_failure() {
    let refused = see(&["okta/dance"], []).await.unwrap_err();
    assert!(refused.reason.contains("okta/dance"), "{refused}");
    let script = Script::new([]);
    let (okta, _) = connect(ssws(), &script);
    assert!(okta.observe(&urgent(), None, &uses(&["okta/suspend"])).await.is_err());
}
