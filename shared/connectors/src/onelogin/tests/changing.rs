use rollcall_model::{Executed, FailureClass};

use super::*;
use crate::scripted::{raw, sent_json, urgent};

fn put() -> String {
    line("PUT", &format!("/api/2/users/{USER}?mappings=disabled"))
}

fn logout(status: u16, body: &Value) -> Step {
    step(&line("PUT", &format!("/api/1/users/{USER}/logout")), status, body)
}

fn apps(status: u16, body: &Value) -> Step {
    step(
        &line("GET", &format!("/api/2/users/{USER}/apps?ignore_visibility=true")),
        status,
        body,
    )
}

async fn apply(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let answer = onelogin.apply(&urgent(), change, "m").await;
    script.done();
    answer
}

fn log_out() -> Change {
    change("onelogin/log-out", json!({ "accepted": true }))
}

fn success() -> Value {
    v1(200, "success", "Success")
}

#[tokio::test]
async fn suspending_and_lifting_send_the_status_alone_and_keep_the_request_id() {
    for (action, after, number) in [
        ("onelogin/suspend", "suspended", 2),
        ("onelogin/unsuspend", "active", 1),
    ] {
        let done = step(&put(), 200, &user_body(USER, number))
            .with("x-request-id", "req-7")
            .check(move |request| {
                assert_eq!(sent_json(request), json!({ "status": number }));
                assert_eq!(request.headers()["content-type"], "application/json");
            });
        let applied = apply(&change(action, json!({ "status": after })), [token(), done])
            .await
            .unwrap();
        assert_eq!(applied.request_id.as_deref(), Some("req-7"));
        assert_eq!(applied.reference, json!({ "status": after }));
    }
}

#[tokio::test]
async fn an_answer_that_shows_another_status_is_no_success() {
    let failure = apply(&suspend(), [token(), step(&put(), 200, &user_body(USER, 1))])
        .await
        .unwrap_err();
    assert_eq!(failure.executed, Executed::Maybe);
    assert!(
        failure.is_retryable() && failure.reason.contains("is active afterwards"),
        "{failure}"
    );
    let cut_off = apply(&suspend(), [token(), raw(&put(), 200, "text/html", "<html>")])
        .await
        .unwrap_err();
    assert_eq!(cut_off.executed, Executed::Maybe);
}

#[tokio::test]
async fn a_refused_change_says_why() {
    let refused = json!({ "message": "Validation failed: Status is not included in the list",
        "name": "UnprocessableEntityError", "statusCode": 422 });
    let failure = apply(&suspend(), [token(), step(&put(), 422, &refused)])
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.executed),
        (FailureClass::NeedsHuman, Executed::No)
    );
    assert!(
        failure.reason.contains("not included in the list"),
        "{}",
        failure.reason
    );
    let nowhere = apply(&change("onelogin/suspend", json!({})), []).await.unwrap_err();
    assert!(nowhere.reason.contains("does not say"), "{nowhere}");
    let mut nobody = suspend();
    nobody.account = None;
    assert_eq!(apply(&nobody, []).await.unwrap_err().class, FailureClass::GiveUp);
    let unknown = change("onelogin/delete", Value::Null);
    assert!(apply(&unknown, []).await.unwrap_err().reason.contains("no action"));
}

#[tokio::test]
async fn a_user_who_is_gone_is_suspended_and_logged_out_already() {
    let gone = || [canary(), missing_on_v1(USER, 404)];
    for (change, first) in [
        (suspend(), vec![step(&put(), 404, &not_found())]),
        (
            log_out(),
            vec![logout(404, &v1(404, "not found", "x")), apps(404, &not_found())],
        ),
    ] {
        let steps = [token()].into_iter().chain(first).chain(gone());
        assert_eq!(
            apply(&change, steps).await.unwrap().reference,
            json!({ "user": "gone" })
        );
    }
    let lift = change("onelogin/unsuspend", json!({ "status": "active" }));
    let steps = [token(), step(&put(), 404, &not_found())].into_iter().chain(gone());
    assert_eq!(apply(&lift, steps).await.unwrap_err().class, FailureClass::GiveUp);
    let hidden = [
        token(),
        step(&put(), 404, &not_found()),
        canary(),
        missing_on_v1(USER, 403),
    ];
    assert_eq!(
        apply(&suspend(), hidden).await.unwrap_err().class,
        FailureClass::NeedsHuman
    );
}

#[tokio::test]
async fn logging_out_names_the_apps_whose_sessions_live_on() {
    let listed = json!([{ "id": 2, "name": "Mail" }, { "id": 1, "name": "CRM" }, { "id": 3, "name": "Mail" }]);
    let applied = apply(&log_out(), [token(), logout(200, &success()), apps(200, &listed)])
        .await
        .unwrap();
    assert_eq!(
        applied.reference,
        json!({ "open_app_sessions": ["CRM", "Mail"], "apps": 2 })
    );
    // A log-out is not undone by a list that failed.
    let applied = apply(&log_out(), [token(), logout(200, &success()), apps(503, &json!({}))])
        .await
        .unwrap();
    let said = applied.reference["open_app_sessions"].as_str().unwrap();
    assert!(said.starts_with("unknown: "), "{said}");
}

#[tokio::test]
async fn a_limited_log_out_comes_back_after_the_countdown() {
    let limited = logout(429, &v1(429, "rate limit", "Rate Limit Exceeded")).with("x-ratelimit-reset", "206");
    let failure = apply(&log_out(), [token(), limited, apps(200, &json!([]))])
        .await
        .unwrap_err();
    assert_eq!(failure.retry_after(), Some(std::time::Duration::from_secs(207)));
    assert_eq!(failure.executed, Executed::No);
}
