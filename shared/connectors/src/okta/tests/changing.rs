//! Making the changes, request by request.

use rollcall_model::{EffectClass, Executed, FailureClass};

use super::*;
use crate::scripted::{raw, urgent};

fn change(action: &str, with: Value) -> Change {
    Change {
        stage: "cut".to_owned(),
        step: "1".to_owned(),
        connection: "okta-main".into(),
        account: Some(account()),
        action: action.to_owned(),
        effect: EffectClass::Set,
        settle_ms: 0,
        with,
        before: Value::Null,
        after: Value::Null,
        evidence: Value::Null,
    }
}

fn me() -> Step {
    step(&get("/api/v1/users/me"), 200, &json!({ "id": "00uMe" }))
}

fn write(method: &str, path: &str, status: u16, body: &Value) -> Step {
    step(&format!("{method} {BASE}{path}"), status, body).with("x-okta-request-id", "req-9")
}

fn lifecycle(verb: &str, status: u16, code: &str) -> Step {
    write(
        "POST",
        &format!("/api/v1/users/{USER}/lifecycle/{verb}"),
        status,
        &json!({ "errorCode": code }),
    )
}

async fn make(action: &str, with: Value, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new(steps);
    let (okta, _) = connect(ssws(), &script);
    let made = okta.apply(&urgent(), &change(action, with), "m").await;
    script.done();
    made
}

#[tokio::test]
async fn a_suspension_is_one_empty_post_by_id() {
    let posted = lifecycle("suspend", 200, "").check(|request| {
        assert!(request.body().is_empty());
        assert_eq!(request.headers()["content-length"], "0");
        assert_eq!(request.headers()["authorization"], "SSWS planted-token");
    });
    let made = make("okta/suspend", Value::Null, [tenant("00oPROD"), me(), posted])
        .await
        .unwrap();
    assert_eq!(made.request_id.as_deref(), Some("req-9"));
}

#[tokio::test]
async fn a_refused_suspension_is_judged_by_the_user_as_it_is_now() {
    for (status, moving, fine) in [
        ("SUSPENDED", None, true),
        ("DEPROVISIONED", None, true),
        ("ACTIVE", Some("DEPROVISIONED"), true),
        ("PASSWORD_EXPIRED", None, false),
        ("ACTIVE", None, false),
    ] {
        let mut body = user_body(status);
        body["transitioningToStatus"] = json!(moving);
        let steps = [
            tenant("00oPROD"),
            me(),
            lifecycle("suspend", 400, "E0000001"),
            user(&body),
        ];
        let made = make("okta/suspend", Value::Null, steps).await;
        assert_eq!(made.is_ok(), fine, "{status}: {made:?}");
        if let Err(failure) = made {
            assert_eq!(failure.is_retryable(), status == "ACTIVE", "{failure}");
            assert_eq!(failure.executed, Executed::No);
        }
    }
    for (status, fine) in [("DEPROVISIONED", true), ("ACTIVE", false)] {
        let busy = lifecycle("suspend", 409, "E0000113");
        let steps = [tenant("00oPROD"), me(), busy, user(&user_body(status))];
        let made = make("okta/suspend", Value::Null, steps).await;
        assert!(
            made.map_or_else(|failure| !fine && failure.is_retryable(), |_| fine),
            "{status}"
        );
    }
    for (refusal, class) in [
        (
            429,
            FailureClass::Retry {
                after: Some(std::time::Duration::from_secs(2)),
            },
        ),
        (401, FailureClass::Credential),
    ] {
        let steps = [tenant("00oPROD"), me(), lifecycle("suspend", refusal, "")];
        let failure = make("okta/suspend", Value::Null, steps).await.unwrap_err();
        assert_eq!((failure.class, failure.executed), (class, Executed::No));
    }
    let gone = step(&get(&format!("/api/v1/users/{USER}")), 404, &not_found());
    let steps = [
        tenant("00oPROD"),
        me(),
        lifecycle("suspend", 404, "E0000007"),
        gone,
        me(),
    ];
    assert!(
        make("okta/suspend", Value::Null, steps).await.is_ok(),
        "who is deleted is out"
    );
    let steps = [
        tenant("00oPROD"),
        me(),
        lifecycle("suspend", 403, "E0000006"),
        user(&user_body("ACTIVE")),
    ];
    let refused = make("okta/suspend", Value::Null, steps).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    // What the refusal left open, a read that fails does not close; the call itself had no effect.
    let steps = [
        tenant("00oPROD"),
        me(),
        lifecycle("suspend", 400, "E0000001"),
        raw(&get(&format!("/api/v1/users/{USER}")), 503, "text/html", "edge"),
    ];
    let later = make("okta/suspend", Value::Null, steps).await.unwrap_err();
    assert!(later.is_retryable() && later.executed == Executed::No, "{later:?}");
    let lost = make(
        "okta/suspend",
        Value::Null,
        [tenant("00oPROD"), me(), lifecycle("suspend", 500, "E0000009")],
    )
    .await;
    assert_eq!(lost.unwrap_err().executed, Executed::Maybe);
}

#[tokio::test]
async fn sessions_and_consents_are_deleted_whole() {
    let path = format!("/api/v1/users/{USER}/sessions?oauthTokens=true&forgetDevices=true");
    let steps = [tenant("00oPROD"), me(), write("DELETE", &path, 204, &Value::Null)];
    assert!(make("okta/clear-sessions", Value::Null, steps).await.is_ok());
    let steps = [tenant("00oPROD"), me(), write("DELETE", &path, 404, &not_found()), me()];
    assert!(
        make("okta/clear-sessions", Value::Null, steps).await.is_ok(),
        "gone, and the canary is there"
    );
    let blind = step(&get("/api/v1/users/me"), 404, &not_found());
    let steps = [
        tenant("00oPROD"),
        me(),
        write("DELETE", &path, 404, &not_found()),
        blind,
    ];
    assert!(
        make("okta/clear-sessions", Value::Null, steps).await.is_err(),
        "gone, or never seen"
    );
    let path = format!("/api/v1/users/{USER}/grants");
    let steps = [tenant("00oPROD"), me(), write("DELETE", &path, 204, &Value::Null)];
    assert!(make("okta/revoke-grants", Value::Null, steps).await.is_ok());
    let steps = [
        tenant("00oPROD"),
        me(),
        write("DELETE", &path, 403, &json!({ "errorCode": "E0000006" })),
    ];
    let refused = make("okta/revoke-grants", Value::Null, steps).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn tokens_are_all_tried_and_what_failed_is_told_as_one() {
    let old = |id: &str| json!({ "id": id, "userId": USER, "lastUpdated": "2026-01-01T00:00:00.000Z" });
    let list = step(
        &get("/api/v1/api-tokens"),
        200,
        &json!([old("00TA"), old("00TB"), old("00TC"), old("00T1rollcallToken0q1r"), { "id": "00TOther", "userId": "00uOther" }]),
    );
    let revoked = |id: &str, status: u16| write("DELETE", &format!("/api/v1/api-tokens/{id}"), status, &json!({}));
    let steps = [
        tenant("00oPROD"),
        me(),
        list,
        revoked("00TA", 500),
        revoked("00TB", 204),
        revoked("00TC", 404),
    ];
    let failure = make("okta/revoke-api-tokens", Value::Null, steps).await.unwrap_err();
    assert!(failure.reason.starts_with("1 of 3 API tokens failed"), "{failure}");
    assert!(failure.is_retryable() && failure.executed == Executed::Maybe);
}

#[tokio::test]
async fn our_own_user_is_refused_before_anything_is_sent() {
    for action in [
        "okta/suspend",
        "okta/unsuspend",
        "okta/revoke-grants",
        "okta/clear-sessions",
    ] {
        let own = step(&get("/api/v1/users/me"), 200, &json!({ "id": USER }));
        let refused = make(action, Value::Null, [tenant("00oPROD"), own]).await.unwrap_err();
        assert!(
            refused.class == FailureClass::GiveUp && refused.reason.contains("our own credential"),
            "{refused}"
        );
    }
    // A service app has no user, but one may be named as ours.
    let mut named = ssws();
    named.own_ids = vec![USER.to_owned()];
    let script = Script::new([]);
    let (okta, _) = connect(named, &script);
    assert!(
        okta.apply(&urgent(), &change("okta/suspend", Value::Null), "m")
            .await
            .is_err()
    );
    script.done();
}
