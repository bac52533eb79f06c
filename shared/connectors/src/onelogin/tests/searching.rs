use rollcall_model::{AccountClass, Completeness, FailureClass, MatchKey};

use super::*;
use crate::scripted::urgent;

fn key(field: &str, value: &str, sure: bool) -> MatchKey {
    MatchKey {
        field: field.to_owned(),
        value: value.to_owned(),
        sure,
    }
}

fn by(keys: &[MatchKey], linked: &[&str]) -> AccountQuery {
    AccountQuery {
        keys: keys.to_vec(),
        linked: linked.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn search(query: &str, rows: &Value) -> Step {
    get(&format!("/api/2/users?limit=100&{query}"), rows)
}

fn list_canary(rows: &Value) -> Step {
    search("user_ids=90000002", rows)
}

fn seen() -> Step {
    list_canary(&json!([{ "id": 90_000_002 }]))
}

async fn find(query: &AccountQuery, steps: impl IntoIterator<Item = Step>) -> Result<AccountSearch, Failure> {
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings(), &script);
    let answer = onelogin.find_accounts(&urgent(), query).await;
    script.done();
    answer
}

fn why(search: &AccountSearch) -> &str {
    match &search.completeness {
        Completeness::Unproven(why) => why,
        Completeness::Proven => panic!("proven"),
    }
}

#[tokio::test]
async fn every_key_is_tried_and_an_empty_value_never() {
    let keys = [
        key("email", " amara.okafor@example.com ", false),
        key("username", "AMARA.OKAFOR", true),
        key("external_id", "", true),
        key("samaccountname", "  ", true),
        key("custom_attributes.cost_center", "c-42", false),
    ];
    let hit = json!([{ "id": 90_001_001, "username": "Amara.Okafor" }]);
    let steps = [
        token(),
        search("email=amara.okafor%40example.com", &hit),
        search("username=AMARA.OKAFOR", &hit),
        search("custom_attributes.cost_center=c-42", &json!([])),
        seen(),
        user(&user_body(USER, 1)),
    ];
    let found = find(&by(&keys, &[]), steps.into_iter().chain(no_rights()))
        .await
        .unwrap();
    assert_eq!(found.completeness, Completeness::Proven);
    let [account] = found.accounts.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        account.matched_by,
        ["email", "username", "custom_attributes.cost_center"]
    );
    assert!(account.sure && account.active);
    assert_eq!(
        (account.class, account.username.as_str()),
        (AccountClass::Human, "Amara.Okafor")
    );
    assert_eq!(account.names, ["amara.okafor@example.com", "hr-10021"]);
}

#[tokio::test]
async fn what_is_shown_by_a_wildcard_or_an_old_list_is_not_taken() {
    let rows = json!([
        { "id": 90_001_001, "external_id": "HR-*" },
        { "id": 90_001_002, "external_id": "HR-1" },
        { "id": 90_001_003 },
    ]);
    // The first was renamed since; the second is the wildcard's; the third shows nothing and is somebody else.
    let steps = [
        token(),
        search("external_id=HR-%2A", &rows),
        seen(),
        user(&user_body(USER, 1)),
        missing("90001003"),
    ];
    let found = find(
        &by(&[key("external_id", "HR-*", true)], &[]),
        steps.into_iter().chain(no_rights()),
    )
    .await;
    let found = found.unwrap();
    assert!(found.accounts.is_empty(), "{found:?}");
    assert_eq!(found.completeness, Completeness::Proven);
}

#[tokio::test]
async fn classes_tell_people_from_administrators_and_our_own() {
    use AccountClass::{Admin, Human, Service};
    let mut settings = settings();
    settings.own_user_ids = vec!["90001004".to_owned()];
    let mut steps = vec![token()];
    steps.extend(privileges(&json!([90_001_002]), &json!([])));
    steps.push(roles(&json!([{ "id": 1, "name": "Sales", "admins": [90_001_003] }])));
    let ids = ["90001004", "90001003", "90001002", "90001001"];
    steps.extend(ids.iter().map(|id| user(&user_body(id, 1))));
    let script = Script::new(steps);
    let (onelogin, _) = connect(settings, &script);
    let found = onelogin.find_accounts(&urgent(), &by(&[], &ids)).await.unwrap();
    script.done();
    let classes: Vec<_> = found
        .accounts
        .iter()
        .map(|account| (account.account.id.as_str(), account.class))
        .collect();
    assert_eq!(
        classes,
        [
            ("90001001", Human),
            ("90001002", Admin),
            ("90001003", Admin),
            ("90001004", Service)
        ]
    );
    assert_eq!(found.completeness, Completeness::Proven, "links are read by id");
}

#[tokio::test]
async fn a_linked_user_who_does_not_come_back_is_deleted_or_unproven() {
    let query = by(&[key("email", "x@example.com", true)], &[USER]);
    let steps = |rest: Vec<Step>| {
        [
            token(),
            search("email=x%40example.com", &json!([])),
            seen(),
            missing(USER),
        ]
        .into_iter()
        .chain(no_rights())
        .chain(rest)
    };
    let deleted = find(&query, steps(vec![canary(), missing_on_v1(USER, 404)]))
        .await
        .unwrap();
    assert_eq!(
        (deleted.accounts.len(), deleted.completeness),
        (0, Completeness::Proven)
    );
    let hidden = find(&query, steps(vec![canary(), missing_on_v1(USER, 403)]))
        .await
        .unwrap();
    assert!(
        why(&hidden).contains("the linked user 90001001 did not come back"),
        "{hidden:?}"
    );
}

#[tokio::test]
async fn nothing_is_proven_without_the_canary() {
    let keys = [key("email", "x@example.com", true)];
    let none = search("email=x%40example.com", &json!([]));
    let steps = [token(), none, list_canary(&json!([]))].into_iter().chain(no_rights());
    let found = find(&by(&keys, &[]), steps).await.unwrap();
    assert!(why(&found).contains("does not show the canary 90000002"), "{found:?}");
}

#[tokio::test]
async fn an_attribute_that_the_account_does_not_define_leaves_the_other_keys() {
    let keys = [
        key("custom_attributes.payroll", "7", true),
        key("username", "amara.okafor", true),
    ];
    let refused = step(
        &line("GET", "/api/2/users?limit=100&custom_attributes.payroll=7"),
        400,
        &json!({ "message": "unknown attribute: payroll", "name": "BadRequestError", "statusCode": 400 }),
    );
    let steps = [
        token(),
        refused,
        search("username=amara.okafor", &json!([{ "id": 90_001_001 }])),
        seen(),
        user(&user_body(USER, 1)),
    ];
    let found = find(&by(&keys, &[]), steps.into_iter().chain(no_rights()))
        .await
        .unwrap();
    assert_eq!(found.accounts.len(), 1);
    assert!(why(&found).contains("unknown attribute: payroll"), "{found:?}");
}

#[tokio::test]
async fn pages_of_a_search_keep_their_filter() {
    let first = search("email=x%40example.com", &json!([])).with("after-cursor", "bGltaXQ=");
    let steps = [
        token(),
        search(
            "email=x%40example.com",
            &json!([{ "id": 90_001_009, "email": "y@example.com" }]),
        )
        .with("after-cursor", "bGltaXQ="),
        search(
            "email=x%40example.com&cursor=bGltaXQ%3D",
            &json!([{ "id": 90_001_001 }]),
        ),
        seen(),
        user(&json!({ "id": 90_001_001, "email": "X@example.com", "status": 1, "state": 1 })),
    ];
    let query = by(&[key("email", "x@example.com", true)], &[]);
    let found = find(&query, steps.into_iter().chain(no_rights())).await.unwrap();
    assert_eq!(found.accounts.len(), 1);
    // A list that goes on with nothing on it does not end.
    let steps = [token(), first, seen()].into_iter().chain(no_rights());
    assert_eq!(find(&query, steps).await.unwrap_err().class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn a_search_whose_list_does_not_end_is_given_up() {
    let others = json!([{ "id": 90_001_009, "email": "y@example.com" }]);
    let page = |asked: &str| search(asked, &others).with("after-cursor", "bGltaXQ=");
    let first = page("email=x%40example.com");
    let again = (1..10).map(|_| page("email=x%40example.com&cursor=bGltaXQ%3D"));
    let steps = [token(), first]
        .into_iter()
        .chain(again)
        .chain([seen()])
        .chain(no_rights());
    let query = by(&[key("email", "x@example.com", true)], &[]);
    let failure = find(&query, steps).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    assert!(failure.reason.contains("does not end"), "{failure:?}");
}

#[tokio::test]
async fn what_onelogin_cannot_search_by_is_a_fault_of_the_configuration() {
    for field in [
        "department",
        "id",
        "",
        "custom_attributes.",
        "custom_attributes.a&b",
        "email&status=1",
        "limit",
    ] {
        let failure = find(&by(&[key(field, "x", true)], &[]), []).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::NeedsHuman, "{field}");
    }
    for query in [by(&[], &[]), by(&[key("email", " ", true)], &[]), by(&[], &["x/y"])] {
        assert!(!why(&find(&query, []).await.unwrap()).is_empty());
    }
}
