use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_model::{Executed, FailureClass, TransportError};

use super::*;
use crate::encode::percent;
use crate::scripted::{lost, raw, sent_form, urgent};

const REVOKE: &str = "POST https://corp-example.my.salesforce.com/services/oauth2/revoke";

async fn apply(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new([token()].into_iter().chain(steps));
    let (salesforce, _) = connect(settings(), &script);
    let answer = salesforce.apply(&urgent(), change, "m").await;
    script.done();
    answer
}

fn query(soql: &str, found: &Value) -> Step {
    step(
        &format!("GET {HOST}/services/data/v66.0/query?q={}", percent(soql)),
        200,
        &rows(found).1,
    )
}

#[tokio::test]
async fn freezing_works_on_the_log_in_row_and_unfreezing_is_its_inverse() {
    let soql = format!("SELECT Id FROM UserLogin WHERE UserId = '{JORDAN}'");
    let patch = format!("PATCH {HOST}/services/data/v66.0/sobjects/UserLogin/0Yw5f00000LOG01CAH");
    let unfreeze = change("salesforce/unfreeze", json!({ "frozen": false }), Value::Null);
    let step = raw(&patch, 204, "text/plain", "")
        .check(|request| assert_eq!(sent_json(request), json!({ "IsFrozen": false })));
    apply(
        &unfreeze,
        [query(&soql, &json!([{ "Id": "0Yw5f00000LOG01CAH" }])), step],
    )
    .await
    .unwrap();

    let freeze = change(
        "salesforce/freeze",
        json!({ "frozen": true }),
        json!({ "login": "../User/x" }),
    );
    let missing = apply(&freeze, [query(&soql, &json!([]))]).await.unwrap_err();
    assert!(
        missing.is_retryable() && missing.executed == Executed::No,
        "{missing:?}"
    );
    let vague = change("salesforce/freeze", json!({}), Value::Null);
    assert_eq!(apply(&vague, []).await.unwrap_err().class, FailureClass::GiveUp);
}

#[tokio::test]
async fn our_own_user_is_never_a_target() {
    for action in [
        "salesforce/freeze",
        "salesforce/revoke-tokens",
        "salesforce/end-sessions",
    ] {
        let mut change = change(
            action,
            json!({ "frozen": true }),
            json!({ "ids": ["0Ak5f00000SES01CAH"], "login": "0Yw5f00000LOG01CAH" }),
        );
        change.account = Some(AccountRef::new("sf-us", &OWN[..15]));
        assert!(apply(&change, []).await.unwrap_err().reason.contains("own user"));
    }
}

fn revoked(answer: (u16, &str), seen: &Arc<Mutex<BTreeSet<String>>>) -> Step {
    let seen = seen.clone();
    raw(REVOKE, answer.0, "application/json", answer.1).check(move |request| {
        assert!(request.headers().get("authorization").is_none());
        seen.lock().unwrap().insert(sent_form(request)["token"].clone());
    })
}

fn tokens(count: usize) -> Step {
    let soql = format!("SELECT Id, DeleteToken FROM OauthToken WHERE UserId = '{JORDAN}'");
    let found: Vec<Value> = (0..count)
        .map(|n| json!({ "Id": format!("0CQ5f00000TOK{n:02}CAH"), "DeleteToken": format!("planted&{n}") }))
        .collect();
    query(&soql, &json!(found))
}

#[tokio::test]
async fn every_token_is_tried_and_one_that_is_gone_is_done() {
    let change = change("salesforce/revoke-tokens", json!({ "tokens": "none" }), Value::Null);
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let gone = r#"{"error":"invalid_token","error_description":"invalid token"}"#;
    let applied = apply(
        &change,
        [
            tokens(3),
            revoked((200, ""), &seen),
            revoked((400, gone), &seen),
            revoked((200, ""), &seen),
        ],
    )
    .await
    .unwrap();
    assert_eq!(applied.reference, json!({ "revoked": 3 }));
    assert_eq!(seen.lock().unwrap().len(), 3);

    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let failure = apply(
        &change,
        [
            tokens(4),
            revoked((200, ""), &seen),
            revoked((503, "<html>"), &seen),
            lost(REVOKE, TransportError::Timeout(Duration::from_secs(15))),
            revoked((400, r#"{"error":"unsupported_token_type"}"#), &seen),
        ],
    )
    .await
    .unwrap_err();
    assert_eq!(
        (failure.is_retryable(), failure.executed),
        (true, Executed::Maybe),
        "{failure:?}"
    );
    assert!(
        failure.reason.starts_with("3 of 4 tokens failed, first: ") && failure.reason.contains("on the user's page"),
        "{}",
        failure.reason
    );
    assert!(!failure.reason.contains("planted"));
    assert_eq!(seen.lock().unwrap().len(), 3);
    assert_eq!(
        apply(&change, [tokens(0)]).await.unwrap().reference,
        json!({ "revoked": 0 })
    );
}

#[tokio::test]
async fn one_refused_token_does_not_end_what_a_repetition_can_still_revoke() {
    let change = change("salesforce/revoke-tokens", json!({ "tokens": "none" }), Value::Null);
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let refused = || revoked((400, r#"{"error":"unsupported_token_type"}"#), &seen);
    let quota = |text: &str| {
        let body = json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": format!("{text} Limit exceeded.") }]);
        revoked((403, &body.to_string()), &seen)
    };
    let first = apply(
        &change,
        [
            tokens(3),
            refused(),
            quota("ConcurrentPerOrgLongTxn"),
            quota("TotalRequests"),
        ],
    )
    .await
    .unwrap_err();
    // The longest wait that one of them asks for.
    let after = Some(Duration::from_mins(15));
    assert_eq!(
        (first.class, first.executed),
        (FailureClass::Retry { after }, Executed::No)
    );
    assert!(
        first.reason.contains("not to be mended by a repetition"),
        "{}",
        first.reason
    );
    // The repetition revokes what it can; only then is what is left for somebody.
    let second = apply(&change, [tokens(2), refused(), revoked((200, ""), &seen)])
        .await
        .unwrap_err();
    assert_eq!(
        (second.class, second.executed),
        (FailureClass::NeedsHuman, Executed::Maybe)
    );
    assert!(second.reason.starts_with("1 of 2 tokens failed"), "{}", second.reason);
}

#[tokio::test]
async fn tokens_seen_by_the_plan_are_not_read_again() {
    let both = [
        ("logins", json!([])),
        ("sessions", json!([])),
        (
            "tokens",
            json!([{ "Id": "0CQ5f00000TOK01CAH", "UserId": JORDAN, "DeleteToken": "secret-1" }]),
        ),
    ];
    let mut names: Vec<&str> = both.iter().map(|(name, _)| *name).collect();
    names.extend(["rights", "user", "profile", "admins"]);
    let mut answers: Vec<_> = both.iter().map(|(_, found)| rows(found)).collect();
    answers.extend([absent(), absent(), absent(), absent()]);
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let script = Script::new([token(), named(&names, answers), revoked((200, ""), &seen), tokens(0)]);
    let (salesforce, _) = connect(settings(), &script);
    let asked = [ActionUse {
        action: "salesforce/revoke-tokens".to_owned(),
        with: Value::Null,
    }];
    salesforce.observe(&urgent(), Some(&user()), &asked).await.unwrap();
    let change = change("salesforce/revoke-tokens", json!({ "tokens": "none" }), Value::Null);
    salesforce.apply(&urgent(), &change, "m").await.unwrap();
    assert_eq!(seen.lock().unwrap().iter().collect::<Vec<_>>(), ["secret-1"]);
    // A repetition reads them anew.
    salesforce.apply(&urgent(), &change, "m").await.unwrap();
    script.done();
}

fn session(number: usize) -> String {
    format!("0Ak5f0000{number:09}")
}

fn deleting(ids: &[String], answer: &Value) -> Step {
    step(
        &format!(
            "DELETE {HOST}/services/data/v66.0/composite/sobjects?ids={}&allOrNone=false",
            ids.join(",")
        ),
        200,
        answer,
    )
}

fn ok(count: usize) -> Value {
    Value::from(vec![json!({ "id": "x", "success": true, "errors": [] }); count])
}

#[tokio::test]
async fn sessions_end_in_chunks_of_two_hundred_and_those_gone_are_done() {
    let ids: Vec<String> = (0..250).map(session).collect();
    let many = change(
        "salesforce/end-sessions",
        json!({ "sessions": "none" }),
        json!({ "count": 250, "ids": ids }),
    );
    let mut second = ok(50);
    second[7] = json!({ "success": false, "errors": [{ "statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": [] }] });
    let applied = apply(&many, [deleting(&ids[..200], &ok(200)), deleting(&ids[200..], &second)])
        .await
        .unwrap();
    assert_eq!(applied.reference, json!({ "ended": 250 }));

    second[9] =
        json!({ "success": false, "errors": [{ "statusCode": "UNABLE_TO_LOCK_ROW", "message": "x", "fields": [] }] });
    let failure = apply(&many, [deleting(&ids[..200], &ok(200)), deleting(&ids[200..], &second)])
        .await
        .unwrap_err();
    assert!(
        failure.is_retryable() && failure.executed == Executed::Maybe,
        "{failure:?}"
    );
    assert!(failure.reason.contains("1 of 250 sessions failed"), "{failure}");
}

#[tokio::test]
async fn sessions_are_read_when_the_plan_has_not_seen_them() {
    let soql = format!("SELECT Id FROM AuthSession WHERE UsersId = '{JORDAN}'");
    let change = change(
        "salesforce/end-sessions",
        json!({ "sessions": "none" }),
        json!({ "ids": ["a,b&allOrNone=true"] }),
    );
    let one = vec![session(1)];
    apply(
        &change,
        [query(&soql, &json!([{ "Id": one[0] }])), deleting(&one, &ok(1))],
    )
    .await
    .unwrap();
    assert_eq!(
        apply(&change, [query(&soql, &json!([]))]).await.unwrap().reference,
        json!({ "ended": 0 })
    );
    let short = apply(
        &change,
        [query(&soql, &json!([{ "Id": one[0] }])), deleting(&one, &ok(0))],
    )
    .await
    .unwrap_err();
    assert_eq!((short.is_retryable(), short.executed), (true, Executed::Maybe));
    let barred = step(
        &format!(
            "DELETE {HOST}/services/data/v66.0/composite/sobjects?ids={}&allOrNone=false",
            one[0]
        ),
        403,
        &json!([{ "errorCode": "INSUFFICIENT_ACCESS", "message": "x" }]),
    );
    let barred = apply(&change, [query(&soql, &json!([{ "Id": one[0] }])), barred])
        .await
        .unwrap_err();
    assert_eq!(
        (barred.class, barred.executed),
        (FailureClass::NeedsHuman, Executed::No)
    );
}

#[tokio::test]
async fn it_is_no_source_and_searches_for_no_effect() {
    let script = Script::new([]);
    let (salesforce, _) = connect(settings(), &script);
    assert!(
        !salesforce
            .read_subject(&urgent(), &user())
            .await
            .unwrap_err()
            .is_retryable()
    );
    let change = change("salesforce/freeze", json!({ "frozen": true }), Value::Null);
    assert!(
        !salesforce
            .find_effect(&urgent(), &change, "m")
            .await
            .unwrap_err()
            .is_retryable()
    );
}
