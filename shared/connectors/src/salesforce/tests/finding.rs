use rollcall_model::{AccountClass, Completeness, FailureClass, MatchKey};

use super::*;
use crate::scripted::urgent;

const NAMES: [&str; 3] = ["found", "other", "rights"];

fn key(field: &str, value: &str, sure: bool) -> MatchKey {
    MatchKey {
        field: field.to_owned(),
        value: value.to_owned(),
        sure,
    }
}

fn row(id: &str, name: &str) -> Value {
    json!({
        "attributes": { "type": "User" }, "Id": id, "Username": format!("{name}@corp.example"), "Email": format!("{name}@corp.example"),
        "FederationIdentifier": format!("{name}@corp.example"), "IsActive": true, "UserType": "Standard",
        "Profile": { "PermissionsModifyAllData": false, "PermissionsManageUsers": false, "UserLicense": { "Name": "Salesforce" } },
    })
}

fn own() -> Value {
    row(OWN, "rollcall")
}

async fn find(query: AccountQuery, steps: impl IntoIterator<Item = Step>) -> Result<AccountSearch, Failure> {
    let script = Script::new(steps);
    let (salesforce, _) = connect(settings(), &script);
    let answer = salesforce.find_accounts(&urgent(), &query).await;
    script.done();
    answer
}

fn by_federation() -> AccountQuery {
    AccountQuery {
        keys: vec![key("FederationIdentifier", "Jordan@corp.example", true)],
        linked: Vec::new(),
    }
}

#[tokio::test]
async fn all_keys_links_and_the_canary_are_one_query_in_one_call() {
    let query = AccountQuery {
        keys: vec![
            key("EmployeeNumber", "0042", true),
            key("Email", "jordan@corp.example", false),
            key("FederationIdentifier", "  ", true),
        ],
        linked: vec![SAM[..15].to_owned()],
    };
    let mut jordan = row(JORDAN, "jordan");
    jordan["EmployeeNumber"] = json!("0042");
    jordan["IsActive"] = json!(false);
    let answer = named(&NAMES, vec![rows(&json!([own(), row(SAM, "sam"), jordan])), rows(&json!([{ "Id": SAM }])), absent()]).check(|request| {
        let asked = asked(request);
        assert_eq!(
            asked["found"],
            "SELECT Id, Username, Email, FederationIdentifier, IsActive, UserType, Profile.PermissionsModifyAllData, \
             Profile.PermissionsManageUsers, Profile.UserLicense.Name, EmployeeNumber FROM User WHERE \
             Id IN ('0055f00000BBBB1AAP', '0055f00000CCCC1AAP') OR EmployeeNumber = '0042' OR Email = 'jordan@corp.example'"
        );
        assert_eq!(asked["other"], "SELECT Id FROM User WHERE Id != '0055f00000CCCC1AAP' AND UserType = 'Standard' LIMIT 1");
    });
    let found = find(query, [token(), answer]).await.unwrap();
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
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            (JORDAN, false, true, "EmployeeNumber,Email".to_owned()),
            (SAM, true, true, "linked".to_owned())
        ]
    );
}

#[tokio::test]
async fn absence_is_proven_only_by_a_read_that_sees_others() {
    let right = |view: bool, manage: bool| {
        rows(&json!([{ "PermissionsViewAllUsers": view, "PermissionsManageUsers": manage }]))
    };
    for (found, other, rights, proven) in [
        (json!([own()]), rows(&json!([{ "Id": SAM }])), absent(), None),
        (json!([own()]), rows(&json!([])), right(true, false), None),
        (json!([own()]), rows(&json!([])), right(false, true), None),
        // The own row alone comes back to everybody, also to a user who sees nobody else.
        (json!([own()]), rows(&json!([])), absent(), Some("View All Users")),
        (
            json!([own()]),
            rows(&json!([{ "Id": SAM }])),
            right(false, false),
            Some("View All Users"),
        ),
        (
            json!([]),
            rows(&json!([{ "Id": SAM }])),
            right(true, true),
            Some("its own user"),
        ),
        (json!([]), rows(&json!([])), absent(), Some("its own user")),
    ] {
        let search = find(
            by_federation(),
            [token(), named(&NAMES, vec![rows(&found), other, rights])],
        )
        .await
        .unwrap();
        assert!(search.accounts.is_empty());
        match (&search.completeness, proven) {
            (Completeness::Proven, None) => {}
            (Completeness::Unproven(why), Some(words)) => assert!(why.contains(words), "{why}"),
            (found, _) => panic!("{found:?}, expected {proven:?}"),
        }
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_was_not_seen() {
    let query = AccountQuery {
        keys: Vec::new(),
        linked: vec![JORDAN.to_owned()],
    };
    let search = find(
        query,
        [
            token(),
            named(
                &NAMES,
                vec![rows(&json!([own()])), rows(&json!([{ "Id": SAM }])), absent()],
            ),
        ],
    )
    .await
    .unwrap();
    assert!(
        matches!(&search.completeness, Completeness::Unproven(why) if why.contains(JORDAN)),
        "{search:?}"
    );
    let wrong = AccountQuery {
        keys: Vec::new(),
        linked: vec!["' OR Id != null".to_owned()],
    };
    assert!(matches!(
        find(wrong, []).await.unwrap().completeness,
        Completeness::Unproven(_)
    ));
    assert!(matches!(
        find(
            AccountQuery {
                keys: vec![key("Email", "", true)],
                linked: Vec::new()
            },
            []
        )
        .await
        .unwrap()
        .completeness,
        Completeness::Unproven(_)
    ));
}

#[tokio::test]
async fn hostile_values_stay_inside_their_quotes() {
    for (value, literal) in [
        ("x' OR Username != '", r"FederationIdentifier = 'x\' OR Username != \''"),
        (
            r"x\' OR Id != null OR Name = \'",
            r"FederationIdentifier = 'x\\\' OR Id != null OR Name = \\\''",
        ),
        ("x\n'--", r"FederationIdentifier = 'x\n\'--'"),
        ("ünï&x=1#+%", "FederationIdentifier = 'ünï&x=1#+%'"),
    ] {
        let literal = literal.to_owned();
        let answer = named(
            &NAMES,
            vec![
                rows(&json!([own(), row(SAM, "sam")])),
                rows(&json!([{ "Id": SAM }])),
                absent(),
            ],
        )
        .check(move |request| {
            assert!(
                asked(request)["found"].ends_with(&format!("OR {literal}")),
                "{:?}",
                asked(request)
            );
        });
        let query = AccountQuery {
            keys: vec![key("FederationIdentifier", value, true)],
            linked: Vec::new(),
        };
        // A row that matches none of the keys is nobody's, whatever the query returned.
        assert_eq!(find(query, [token(), answer]).await.unwrap().accounts, []);
    }
    let field = AccountQuery {
        keys: vec![key("Email = 'x' OR Id", "x", true)],
        linked: Vec::new(),
    };
    assert_eq!(find(field, []).await.unwrap_err().class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn pages_are_followed_until_done_and_no_further() {
    let next = "/services/data/v66.0/query/01g000-200";
    let first = (
        200,
        json!({ "totalSize": 2, "done": false, "nextRecordsUrl": next, "records": [own()] }),
    );
    let more = step(
        &format!("GET {HOST}{next}"),
        200,
        &json!({ "totalSize": 2, "done": true, "records": [row(JORDAN, "jordan")] }),
    );
    let search = find(
        by_federation(),
        [
            token(),
            named(&NAMES, vec![first.clone(), rows(&json!([])), absent()]),
            more,
        ],
    )
    .await
    .unwrap();
    assert_eq!(search.accounts.len(), 1);
    assert_eq!(search.completeness, Completeness::Proven);

    for broken in [
        (200, json!({ "done": false, "records": [own()] })),
        (
            200,
            json!({ "done": false, "nextRecordsUrl": "https://evil.example/", "records": [own()] }),
        ),
        (200, json!({ "totalSize": 0, "done": true })),
        (503, json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "x" }])),
    ] {
        let failure = find(
            by_federation(),
            [token(), named(&NAMES, vec![broken, rows(&json!([])), absent()])],
        )
        .await
        .unwrap_err();
        assert!(
            failure.is_retryable() && failure.executed == rollcall_model::Executed::No,
            "{failure:?}"
        );
    }
    let unknown_field = (
        400,
        json!([{ "errorCode": "INVALID_FIELD", "message": "No such column" }]),
    );
    let failure = find(
        by_federation(),
        [token(), named(&NAMES, vec![unknown_field, rows(&json!([])), absent()])],
    )
    .await
    .unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
}

#[tokio::test]
async fn accounts_are_classed_by_type_licence_and_profile() {
    for (user_type, licence, modify, manage, class) in [
        ("Standard", "Salesforce", false, false, AccountClass::Human),
        ("Standard", "Salesforce", true, false, AccountClass::Admin),
        ("Standard", "Salesforce", false, true, AccountClass::Admin),
        (
            "Standard",
            "Salesforce Integration",
            false,
            false,
            AccountClass::Service,
        ),
        (
            "PowerCustomerSuccess",
            "Customer Community",
            false,
            false,
            AccountClass::Portal,
        ),
        ("AutomatedProcess", "", false, false, AccountClass::Service),
        ("CsnOnly", "Chatter Free", false, false, AccountClass::Human),
    ] {
        let mut jordan = row(JORDAN, "jordan");
        jordan["UserType"] = json!(user_type);
        jordan["Profile"] = json!({ "PermissionsModifyAllData": modify, "PermissionsManageUsers": manage, "UserLicense": { "Name": licence } });
        let search = find(
            by_federation(),
            [
                token(),
                named(&NAMES, vec![rows(&json!([own(), jordan])), rows(&json!([])), absent()]),
            ],
        )
        .await
        .unwrap();
        assert_eq!(search.accounts[0].class, class, "{user_type} {licence}");
    }
    let mut hidden = row(JORDAN, "jordan");
    hidden["Profile"] = Value::Null;
    let search = find(
        by_federation(),
        [
            token(),
            named(&NAMES, vec![rows(&json!([own(), hidden])), rows(&json!([])), absent()]),
        ],
    )
    .await
    .unwrap();
    assert_eq!(search.accounts[0].class, AccountClass::Human);
}

#[tokio::test]
async fn an_account_is_named_by_its_address_its_subject_and_its_number() {
    let mut jordan = row(JORDAN, "jordan");
    jordan["Username"] = json!("Jordan.Admin@corp.example");
    jordan["Email"] = json!(" Jordan@Corp.example");
    jordan["FederationIdentifier"] = json!("jordan@corp.example");
    jordan["EmployeeNumber"] = json!("E-0042");
    let steps = [
        token(),
        named(&NAMES, vec![rows(&json!([own(), jordan])), rows(&json!([])), absent()]),
    ];
    let query = AccountQuery {
        keys: vec![key("FederationIdentifier", "jordan@corp.example", true)],
        linked: Vec::new(),
    };
    let found = find(query, steps).await.unwrap();
    assert_eq!(found.accounts[0].names, ["jordan@corp.example", "e-0042"]);
    assert_eq!(found.accounts[0].username, "Jordan.Admin@corp.example");
}

#[tokio::test]
async fn a_hidden_employee_number_costs_one_search_and_no_more() {
    let answer = |found: (u16, Value), number: bool| {
        named(&NAMES, vec![found, rows(&json!([])), absent()])
            .check(move |request| assert_eq!(asked(request)["found"].contains("EmployeeNumber"), number))
    };
    let jordan = || rows(&json!([own(), row(JORDAN, "jordan")]));
    let script = Script::new([
        token(),
        answer(no_field("EmployeeNumber"), true),
        answer(jordan(), false),
        answer(jordan(), false),
        // Whoever matches by it must be told.
        answer(no_field("EmployeeNumber"), true),
    ]);
    let (salesforce, _) = connect(settings(), &script);
    for _ in 0..2 {
        let found = salesforce.find_accounts(&urgent(), &by_federation()).await.unwrap();
        assert_eq!(found.accounts.len(), 1);
    }
    let query = AccountQuery {
        keys: vec![key("EmployeeNumber", "0042", true)],
        linked: Vec::new(),
    };
    let failure = salesforce.find_accounts(&urgent(), &query).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    script.done();
}
