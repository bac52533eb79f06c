use rollcall_model::{AccountClass, Completeness, MatchKey};

use super::*;
use crate::encode::percent;
use crate::scripted::urgent;

fn key(field: &str, value: &str, sure: bool) -> MatchKey {
    MatchKey {
        field: field.to_owned(),
        value: value.to_owned(),
        sure,
    }
}

fn search(expression: &str, found: &Value) -> Step {
    step(
        &get(&format!("/api/v1/users?search={}&limit=200", percent(expression))),
        200,
        found,
    )
}

fn me() -> Step {
    step(&get("/api/v1/users/me"), 200, &json!({ "id": "00uMe" }))
}

async fn find(query: AccountQuery, steps: impl IntoIterator<Item = Step>) -> Result<AccountSearch, Failure> {
    let script = Script::new(steps);
    let (okta, _) = connect(ssws(), &script);
    let answer = okta.find_accounts(&urgent(), &query).await;
    script.done();
    answer
}

#[tokio::test]
async fn keys_links_and_the_canary_are_asked_for_together() {
    let query = AccountQuery {
        keys: vec![
            key("employeeNumber", "00042", true),
            key("email", "a\"b\\c@example.com", false),
            key("login", " ", true),
        ],
        linked: vec!["00uLinked".to_owned()],
    };
    let expression = r#"id eq "00uMe" or profile.employeeNumber eq "00042" or profile.email eq "a\"b\\c@example.com""#;
    let stale = json!({ "id": "00uStale", "status": "ACTIVE", "profile": { "login": "old@example.com", "employeeNumber": "1" } });
    let found = find(query, [
        tenant("00oPROD"),
        me(),
        search(expression, &json!([{ "id": "00uMe", "profile": { "login": "me@example.com" } }, user_body("DEPROVISIONED"), stale])),
        step(&get("/api/v1/users/00uLinked"), 200, &json!({ "id": "00uLinked", "status": "ACTIVE", "profile": { "login": "l@example.com" } })),
        step(&get("/api/v1/users/00uLinked/roles"), 403, &json!({ "errorCode": "E0000006" })),
        roles(&json!([{ "id": "ra1", "type": "CUSTOM", "label": "Help", "status": "ACTIVE" }])),
    ])
    .await
    .unwrap();
    assert_eq!(found.completeness, Completeness::Proven);
    let brief: Vec<_> = found
        .accounts
        .iter()
        .map(|account| {
            (
                account.account.id.as_str(),
                account.active,
                account.sure,
                account.matched_by.join(","),
                account.class,
                account.names.join(","),
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            (
                USER,
                false,
                true,
                "employeeNumber".to_owned(),
                AccountClass::Admin,
                "alice.okafor@example.com,00042".to_owned()
            ),
            // What cannot be read makes nobody an administrator.
            (
                "00uLinked",
                true,
                true,
                "linked".to_owned(),
                AccountClass::Human,
                String::new()
            )
        ]
    );
}

#[tokio::test]
async fn an_empty_list_without_the_canary_proves_nothing() {
    let query = AccountQuery {
        keys: vec![key("login", "x@example.com", true)],
        linked: Vec::new(),
    };
    let expression = r#"id eq "00uMe" or profile.login eq "x@example.com""#;
    let blind = find(query.clone(), [tenant("00oPROD"), me(), search(expression, &json!([]))])
        .await
        .unwrap();
    assert!(matches!(blind.completeness, Completeness::Unproven(_)));
    let seeing = find(
        query.clone(),
        [
            tenant("00oPROD"),
            me(),
            search(expression, &json!([{ "id": "00uMe", "profile": {} }])),
        ],
    )
    .await
    .unwrap();
    assert_eq!((seeing.accounts.len(), seeing.completeness), (0, Completeness::Proven));
    let no_keys = find(
        AccountQuery {
            keys: vec![key("login", "", true)],
            linked: Vec::new(),
        },
        [],
    )
    .await
    .unwrap();
    assert!(matches!(no_keys.completeness, Completeness::Unproven(_)));
}

#[tokio::test]
async fn a_field_is_a_name_or_nothing() {
    let query = AccountQuery {
        keys: vec![key("login pr or profile.x", "x", true)],
        linked: Vec::new(),
    };
    assert_eq!(
        find(query, []).await.unwrap_err().class,
        rollcall_model::FailureClass::NeedsHuman
    );
}
