use std::time::Duration;

use rollcall_model::{FailureClass, Lane, TransportError};

use super::*;
use crate::scripted::{in_lane, lost, raw, sent_form, start, token_parts, urgent};

/// One read that needs a token and is cheap to script.
fn freeze() -> Change {
    change(
        "salesforce/freeze",
        json!({ "frozen": true }),
        json!({ "login": "0Yw5f00000LOG01CAH" }),
    )
}

fn patch() -> String {
    format!("PATCH {HOST}/services/data/v66.0/sobjects/UserLogin/0Yw5f00000LOG01CAH")
}

fn done() -> Step {
    raw(&patch(), 204, "text/plain", "").check(|request| {
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(sent_json(request), json!({ "IsFrozen": true }));
        assert_eq!(request.headers()["sforce-call-options"], "client=rollcall");
    })
}

async fn try_freeze(settings: SalesforceSettings, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new(steps);
    let (salesforce, _) = connect(settings, &script);
    let answer = salesforce.apply(&urgent(), &freeze(), "m").await;
    script.done();
    answer
}

#[tokio::test]
async fn the_jwt_flow_signs_in_seconds_for_the_right_audience_and_keeps_the_token() {
    let script = Script::new([
        token().check(|request| {
            let form = sent_form(request);
            assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
            let (head, claims) = token_parts(&form["assertion"]);
            assert_eq!(head["alg"], "RS256");
            assert_eq!(
                (&claims["iss"], &claims["sub"]),
                (&json!("3MVG9.example"), &json!("rollcall@corp.example"))
            );
            assert_eq!(claims["aud"], "https://login.salesforce.com");
            assert_eq!(claims["exp"], json!(start().as_second() + 180));
        }),
        done(),
        done(),
    ]);
    let (salesforce, clock) = connect(settings(), &script);
    for _ in 0..2 {
        let applied = salesforce.apply(&urgent(), &freeze(), "m").await.unwrap();
        assert_eq!(applied.reference, json!({ "login": "0Yw5f00000LOG01CAH" }));
        clock.move_on(Duration::from_secs(20));
    }
    script.done();
}

#[tokio::test]
async fn a_sandbox_and_a_host_of_its_own_have_their_own_audience() {
    for (login, sandbox, audience) in [
        (
            "https://corp--uat.sandbox.my.salesforce.com",
            true,
            "https://test.salesforce.com",
        ),
        (
            "https://corp-example.my.salesforce.com/",
            false,
            "https://login.salesforce.com",
        ),
        ("http://127.0.0.1:4711/", false, "http://127.0.0.1:4711"),
    ] {
        let mut settings = settings();
        login.clone_into(&mut settings.login_url);
        settings.sandbox = sandbox;
        let line = format!("POST {}/services/oauth2/token", login.trim_end_matches('/'));
        let refuse = step(
            &line,
            400,
            &json!({ "error": "invalid_grant", "error_description": "audience is invalid" }),
        )
        .check(move |request| assert_eq!(token_parts(&sent_form(request)["assertion"]).1["aud"], audience));
        assert_eq!(
            try_freeze(settings, [refuse]).await.unwrap_err().class,
            FailureClass::Credential
        );
    }
}

#[tokio::test]
async fn client_credentials_go_to_the_my_domain_only() {
    let mut settings = settings();
    settings.flow = SalesforceFlow::ClientCredentials {
        consumer_key: "ck".to_owned(),
        secret: Secret::new("planted+&secret"),
    };
    let answer = json!({ "access_token": TOKEN, "instance_url": HOST, "id": format!("https://login.salesforce.com/id/{ORG}/{OWN}"), "signature": "x", "issued_at": "1" });
    let sign_in = step(&format!("POST {HOST}/services/oauth2/token"), 200, &answer).check(|request| {
        let form = sent_form(request);
        assert_eq!(
            (
                form["grant_type"].as_str(),
                form["client_id"].as_str(),
                form["client_secret"].as_str()
            ),
            ("client_credentials", "ck", "planted+&secret")
        );
    });
    try_freeze(settings, [sign_in, done()]).await.unwrap();
}

#[tokio::test]
async fn a_token_of_another_org_is_never_used() {
    let script = Script::new([granted(TOKEN, "00D5f000000bbbbEAA", HOST)]);
    let (salesforce, _) = connect(settings(), &script);
    for _ in 0..2 {
        let refused = salesforce.apply(&urgent(), &freeze(), "m").await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Credential);
        assert!(
            refused.reason.starts_with("sf-us belongs to org 00D5f000000bbbb")
                && refused.reason.ends_with("refusing every call"),
            "{refused}"
        );
        assert!(!refused.reason.contains("AQEAQ"), "{refused}");
    }
    script.done();
}

#[tokio::test]
async fn the_token_goes_to_no_strange_host() {
    for instance in [
        "https://evil.example",
        "https://evilsalesforce.com",
        "http://corp.my.salesforce.com",
        "https://x@corp.my.salesforce.com",
        "https://corp.my.salesforce.com/path",
        "http://127.0.0.1:80",
        "corp",
    ] {
        let refused = try_freeze(settings(), [granted(TOKEN, ORG, instance)])
            .await
            .unwrap_err();
        assert_eq!(refused.class, FailureClass::Credential, "{instance}");
    }
    let mut local = settings();
    local.allowed_hosts = vec!["127.0.0.1".to_owned()];
    let there = raw(
        "PATCH http://127.0.0.1:8080/services/data/v66.0/sobjects/UserLogin/0Yw5f00000LOG01CAH",
        204,
        "text/plain",
        "",
    );
    try_freeze(local, [granted(TOKEN, ORG, "http://127.0.0.1:8080/"), there])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_ended_session_is_renewed_once() {
    let ended = || {
        step(
            &patch(),
            401,
            &json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]),
        )
    };
    try_freeze(settings(), [token(), ended(), token(), done()])
        .await
        .unwrap();
    let refused = try_freeze(settings(), [token(), ended(), token(), ended()])
        .await
        .unwrap_err();
    assert_eq!(
        (refused.class, refused.executed),
        (FailureClass::Credential, rollcall_model::Executed::No)
    );
    let looping = step(
        &patch(),
        401,
        &json!([{ "message": "This session is not valid for use with the REST API", "errorCode": "INVALID_SESSION_ID" }]),
    );
    assert_eq!(
        try_freeze(settings(), [token(), looping]).await.unwrap_err().class,
        FailureClass::NeedsHuman
    );
}

#[tokio::test]
async fn lost_and_broken_answers_say_whether_they_may_have_had_an_effect() {
    use rollcall_model::Executed::{Maybe, No};
    let long = Duration::from_secs(15);
    for (steps, executed) in [
        (vec![lost(LOGIN, TransportError::Timeout(long))], No),
        (vec![raw(LOGIN, 200, "text/html", "<html>")], No),
        (
            vec![raw(LOGIN, 200, "application/json", "{\"access_token\":\"planted")],
            No,
        ),
        (
            vec![step(
                LOGIN,
                200,
                &json!({ "access_token": "planted", "instance_url": HOST, "id": "https://login.salesforce.com/id/x/y" }),
            )],
            No,
        ),
        (vec![raw(LOGIN, 503, "text/html", "<html>")], No),
        (vec![token(), lost(&patch(), TransportError::Timeout(long))], Maybe),
        (
            vec![token(), lost(&patch(), TransportError::Broken("cut".to_owned()))],
            Maybe,
        ),
        (
            vec![token(), lost(&patch(), TransportError::Connect("refused".to_owned()))],
            No,
        ),
        (vec![token(), raw(&patch(), 502, "text/html", "<html>")], Maybe),
        (
            vec![
                token(),
                step(
                    &patch(),
                    403,
                    &json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded." }]),
                ),
            ],
            No,
        ),
    ] {
        let failure = try_freeze(settings(), steps).await.unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
        assert_eq!(failure.executed, executed, "{failure:?}");
        assert!(!failure.reason.contains("planted"), "{failure:?}");
    }
}

#[tokio::test]
async fn the_daily_quota_keeps_a_reserve_for_urgent_work() {
    let script = Script::new([
        token(),
        done().with(
            "sforce-limit-info",
            "api-usage=4600/5000; per-app-api-usage=1/2(appName=x)",
        ),
        done(),
    ]);
    let (salesforce, _) = connect(settings(), &script);
    salesforce.apply(&in_lane(Lane::Work), &freeze(), "m").await.unwrap();
    let refused = salesforce
        .apply(&in_lane(Lane::Work), &freeze(), "m")
        .await
        .unwrap_err();
    assert!(
        refused.is_retryable() && refused.reason.contains("400 of 5000"),
        "{refused}"
    );
    salesforce.apply(&urgent(), &freeze(), "m").await.unwrap();
    script.done();
}
