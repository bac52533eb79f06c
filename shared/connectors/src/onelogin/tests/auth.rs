use std::time::Duration;

use rollcall_model::{Executed, FailureClass, Lane, TransportError};

use super::*;
use crate::scripted::{in_lane, lost, sent_json, start, urgent};

fn put() -> String {
    line("PUT", &format!("/api/2/users/{USER}?mappings=disabled"))
}

fn done() -> Step {
    step(&put(), 200, &user_body(USER, 2)).check(|request| {
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(sent_json(request), json!({ "status": 2 }), "nothing else may change");
    })
}

fn unauthorized() -> Step {
    let body = json!({ "message": "Unauthorized", "name": "UnauthorizedError", "statusCode": 401 });
    step(&put(), 401, &body)
}

async fn try_suspend(settings: OneLoginSettings, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings, &script);
    let answer = onelogin.apply(&urgent(), &suspend(), "m").await;
    script.done();
    answer
}

#[tokio::test]
async fn a_token_is_used_until_ten_hours_after_it_was_made() {
    // The vendor gives the token that it made 9 hours ago once more; its end is counted from then.
    let old = json!({ "access_token": TOKEN, "created_at": "2026-03-01T23:00:00.000Z", "expires_in": 36000,
        "token_type": "bearer", "account_id": 424_242 });
    let script = Script::new([
        step(&line("POST", "/auth/oauth2/v2/token"), 200, &old).check(|request| {
            assert_eq!(sent_json(request), json!({ "grant_type": "client_credentials" }));
            let basic = request.headers()["authorization"].to_str().unwrap().to_owned();
            assert!(basic.starts_with("Basic ") && !basic.contains("planted"), "{basic}");
            assert!(request.headers()["authorization"].is_sensitive());
        }),
        done(),
        done(),
        token(),
        done(),
    ]);
    let (onelogin, clock) = connect(settings(), &script);
    for wait in [0, 59, 2] {
        clock.move_on(Duration::from_mins(wait));
        let mut call = urgent();
        call.deadline = rollcall_runtime::clock::plus(start(), Duration::from_hours(2));
        onelogin.apply(&call, &suspend(), "m").await.unwrap();
    }
    script.done();
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let next = || {
        step(&put(), 200, &user_body(USER, 2))
            .check(|request| assert_eq!(request.headers()["authorization"], "Bearer other-token"))
    };
    let renewed = try_suspend(
        settings(),
        [token(), unauthorized(), granted("other-token", 424_242), next()],
    )
    .await;
    renewed.unwrap();
    let refused = try_suspend(
        settings(),
        [token(), unauthorized(), granted("other-token", 424_242), unauthorized()],
    )
    .await
    .unwrap_err();
    assert_eq!(
        (refused.class, refused.executed),
        (FailureClass::Credential, Executed::No)
    );
}

#[tokio::test]
async fn a_token_that_the_vendor_stands_by_was_refused_for_its_scope() {
    let refused = try_suspend(settings(), [token(), unauthorized(), token()])
        .await
        .unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert!(refused.reason.contains("Manage All"), "{refused}");
    // v1 says so itself, and then nothing is renewed.
    let script = Script::new([
        token(),
        step(
            &line("PUT", &format!("/api/1/users/{USER}/logout")),
            401,
            &v1(401, "Unauthorized", "Insufficient Permission"),
        ),
        get(&format!("/api/2/users/{USER}/apps?ignore_visibility=true"), &json!([])),
    ]);
    let (onelogin, _) = connect(settings(), &script);
    let log_out = change("onelogin/log-out", json!({ "accepted": true }));
    let refused = onelogin.apply(&urgent(), &log_out, "m").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::NeedsHuman);
    script.done();
}

#[tokio::test]
async fn a_token_of_another_account_is_never_used() {
    let script = Script::new([granted(TOKEN, 7)]);
    let (onelogin, _) = connect(settings(), &script);
    for _ in 0..2 {
        let refused = onelogin.apply(&urgent(), &suspend(), "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Credential);
        assert_eq!(
            refused.reason,
            "onelogin-main belongs to account 7, configured 424242: refusing every call"
        );
    }
    let probes = onelogin.examine(&urgent()).await;
    assert_eq!(probes[0].result, rollcall_model::connector::ProbeResult::Bad);
    script.done();
}

#[tokio::test]
async fn without_a_secret_every_call_says_so_and_nothing_is_sent() {
    for (secret, id, words) in [
        (None, Some("x"), "no client secret is configured for onelogin-main"),
        (Some(""), Some("x"), "no client secret is configured for onelogin-main"),
        (Some("s"), None, "no client id is configured for onelogin-main"),
    ] {
        let mut settings = settings();
        settings.secret = secret.map(Secret::new);
        settings.client_id = id.map(str::to_owned);
        let script = Script::new([]);
        let (onelogin, _) = connect(settings, &script);
        let call = urgent();
        let query = AccountQuery {
            linked: vec![USER.to_owned()],
            ..AccountQuery::default()
        };
        for failure in [
            onelogin.read_subject(&call, &account()).await.unwrap_err(),
            onelogin.find_accounts(&call, &query).await.unwrap_err(),
            onelogin
                .observe(&call, Some(&account()), &uses(&["onelogin/suspend"]))
                .await
                .unwrap_err(),
            onelogin.apply(&call, &suspend(), "m").await.unwrap_err(),
            onelogin.list_accounts(&call, &[], None).await.unwrap_err(),
            onelogin.group_members(&call, "x").await.unwrap_err(),
        ] {
            assert_eq!(
                (failure.class, failure.reason.as_str()),
                (FailureClass::Credential, words)
            );
        }
    }
}

/// What a call without any credential is answered.
fn stranger(status: u16) -> Step {
    step(&line("GET", "/api/2/users?limit=1"), status, &json!({}))
        .check(|request| assert!(!request.headers().contains_key("authorization")))
}

#[tokio::test]
async fn a_credential_whose_owner_was_deleted_is_told_from_a_vendor_in_trouble() {
    let broken = || {
        step(
            &line("POST", "/auth/oauth2/v2/token"),
            500,
            &v1(500, "Internal Server Error", "x"),
        )
    };
    let dead = try_suspend(settings(), [broken(), stranger(401)]).await.unwrap_err();
    assert_eq!((&dead.class, dead.executed), (&FailureClass::Credential, Executed::No));
    assert!(dead.reason.contains("was probably deleted"), "{dead}");
    assert!(
        try_suspend(settings(), [broken(), stranger(500)])
            .await
            .unwrap_err()
            .is_retryable()
    );

    let failing = || step(&put(), 500, &json!({}));
    let rate = |status| step(&line("GET", "/auth/rate_limit"), status, &json!({}));
    let dead = try_suspend(settings(), [token(), failing(), rate(500), stranger(401)])
        .await
        .unwrap_err();
    assert_eq!((dead.class, dead.executed), (FailureClass::Credential, Executed::Maybe));
    // Other calls work, so it was this one.
    let one = try_suspend(settings(), [token(), failing(), rate(200)])
        .await
        .unwrap_err();
    assert!(one.is_retryable() && one.executed == Executed::Maybe, "{one}");
}

#[tokio::test]
async fn lost_answers_say_whether_they_may_have_had_an_effect() {
    let long = Duration::from_secs(15);
    let post = line("POST", "/auth/oauth2/v2/token");
    for (steps, executed) in [
        (vec![lost(&post, TransportError::Timeout(long))], Executed::No),
        (
            vec![token(), lost(&put(), TransportError::Timeout(long))],
            Executed::Maybe,
        ),
        (
            vec![token(), lost(&put(), TransportError::Connect("refused".to_owned()))],
            Executed::No,
        ),
    ] {
        let failure = try_suspend(settings(), steps).await.unwrap_err();
        assert!(failure.is_retryable(), "{failure}");
        assert_eq!(failure.executed, executed, "{failure}");
    }
}

#[tokio::test]
async fn the_deadline_is_kept_and_a_late_call_is_not_sent() {
    let script = Script::new([token(), done()]);
    let (onelogin, _) = connect(settings(), &script);
    let mut call = urgent();
    call.deadline = rollcall_runtime::clock::plus(start(), Duration::from_secs(4));
    onelogin.apply(&call, &suspend(), "m").await.unwrap();
    assert_eq!(script.timeouts(), [Duration::from_millis(3500); 2]);
    call.deadline = start();
    assert!(onelogin.apply(&call, &suspend(), "m").await.unwrap_err().is_retryable());
    script.done();
}

#[tokio::test]
async fn the_last_tenth_of_the_shared_v1_quota_is_kept_for_urgent_work() {
    let logout = line("PUT", &format!("/api/1/users/{USER}/logout"));
    let apps = || get(&format!("/api/2/users/{USER}/apps?ignore_visibility=true"), &json!([]));
    let told = |left: &str| {
        step(&logout, 200, &v1(200, "success", "Success"))
            .with("x-ratelimit-limit", "5000")
            .with("x-ratelimit-remaining", left)
            .with("x-ratelimit-reset", "30")
    };
    // The second, on the work lane, sends no log-out; the third is urgent and the last comes after the reset.
    let script = Script::new([
        token(),
        told("499"),
        apps(),
        apps(),
        told("498"),
        apps(),
        told("4999"),
        apps(),
    ]);
    let (onelogin, clock) = connect(settings(), &script);
    let log_out = change("onelogin/log-out", json!({ "accepted": true }));
    onelogin.apply(&in_lane(Lane::Work), &log_out, "m").await.unwrap();
    let kept = onelogin.apply(&in_lane(Lane::Work), &log_out, "m").await.unwrap_err();
    assert_eq!(kept.retry_after(), Some(Duration::from_secs(31)));
    onelogin.apply(&urgent(), &log_out, "m").await.unwrap();
    clock.move_on(Duration::from_secs(31));
    onelogin.apply(&in_lane(Lane::Work), &log_out, "m").await.unwrap();
    script.done();
}
