use rollcall_model::{AccountClass, FailureClass};

use super::*;
use crate::scripted::urgent;

const NAMES: [&str; 4] = ["users", "own", "other", "rights"];
const NEXT: &str = "/services/data/v66.0/query/01g5f00000CURS1AAH-2";

fn listed(id: &str, name: &str) -> Value {
    json!({
        "attributes": { "type": "User" }, "Id": id, "Username": format!("{name}@corp.example"), "Email": format!("{name}@mail.example"),
        "FederationIdentifier": null, "EmployeeNumber": "00042", "IsActive": true, "UserType": "Standard", "Badge__c": "B-1",
        "Profile": { "PermissionsModifyAllData": true, "PermissionsManageUsers": true, "UserLicense": { "Name": "Salesforce" } },
    })
}

fn page(records: &Value, next: Option<&str>) -> (u16, Value) {
    let mut body = json!({ "totalSize": 3, "done": next.is_none(), "records": records });
    if let Some(next) = next {
        body["nextRecordsUrl"] = json!(next);
    }
    (200, body)
}

fn rights(view: bool) -> (u16, Value) {
    rows(&json!([{ "PermissionsViewAllUsers": view, "PermissionsManageUsers": false }]))
}

fn proven() -> Vec<(u16, Value)> {
    vec![
        rows(&json!([{ "Id": OWN }])),
        rows(&json!([{ "Id": SAM }])),
        rights(true),
    ]
}

fn first(users: (u16, Value), beside: Vec<(u16, Value)>) -> Step {
    named(&NAMES, [users].into_iter().chain(beside).collect())
}

async fn list(
    fields: &[&str],
    cursor: Option<&str>,
    steps: impl IntoIterator<Item = Step>,
) -> Result<Page<ListedAccount>, Failure> {
    let script = Script::new(steps);
    let (salesforce, _) = connect(settings(), &script);
    let fields: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
    let page = salesforce.list_accounts(&urgent(), &fields, cursor).await;
    script.done();
    page
}

#[tokio::test]
async fn a_page_is_one_call_with_its_proof_and_the_next_is_the_vendors_own() {
    let mut gone = listed(SAM, "sam");
    gone["IsActive"] = json!(false);
    let step = first(page(&json!([listed(JORDAN, "Jordan"), gone]), Some(NEXT)), proven()).check(|request| {
        let asked = asked(request);
        assert_eq!(
            asked["users"],
            "SELECT Id, Username, Email, FederationIdentifier, IsActive, UserType, Profile.PermissionsModifyAllData, \
             Profile.PermissionsManageUsers, Profile.UserLicense.Name, EmployeeNumber, Badge__c FROM User"
        );
        assert_eq!(asked["own"], format!("SELECT Id FROM User WHERE Id = '{OWN}'"));
    });
    let got = list(&["Badge__c", "email"], None, [token(), step]).await.unwrap();
    assert_eq!((got.next.as_deref(), got.unproven), (Some(NEXT), None));
    let jordan = &got.items[0];
    assert_eq!(jordan.account, user());
    assert_eq!((jordan.class, jordan.active), (AccountClass::Admin, true));
    assert_eq!(jordan.username, "Jordan@corp.example");
    assert_eq!(jordan.names, ["jordan@mail.example", "00042"]);
    assert_eq!(jordan.values["Badge__c"], "B-1");
    assert_eq!(jordan.values["email"], "Jordan@mail.example");
    assert!(jordan.person.is_none());
    assert!(!got.items[1].active);

    let more = step_of(NEXT, 200, &page(&json!([listed(OWN, "rollcall")]), None).1);
    let got = list(&["Badge__c"], Some(NEXT), [token(), more]).await.unwrap();
    assert_eq!((got.items.len(), got.next), (1, None));
}

fn step_of(path: &str, status: u16, body: &Value) -> Step {
    step(&format!("GET {HOST}{path}"), status, body)
}

#[tokio::test]
async fn a_list_that_may_hide_rows_says_so() {
    let users = || page(&json!([listed(OWN, "rollcall")]), None);
    let (own, other) = (rows(&json!([{ "Id": OWN }])), rows(&json!([{ "Id": SAM }])));
    let none = rows(&json!([]));
    for (name, beside, says) in [
        ("rights stated", vec![own.clone(), none.clone(), rights(true)], None),
        (
            "rights denied",
            vec![own.clone(), other.clone(), rights(false)],
            Some("View All Users"),
        ),
        (
            "rights unknown, others seen",
            vec![own.clone(), other.clone(), absent()],
            None,
        ),
        (
            "rights unknown, nobody seen",
            vec![own.clone(), none.clone(), absent()],
            Some("View All Users"),
        ),
        (
            "not even ourselves",
            vec![none.clone(), other.clone(), rights(true)],
            Some("its own user"),
        ),
        (
            "our row refused",
            vec![absent(), other.clone(), rights(true)],
            Some("its own user"),
        ),
    ] {
        let got = list(&[], None, [token(), first(users(), beside)]).await.unwrap();
        assert_eq!(got.items.len(), 1, "{name}");
        match says {
            None => assert_eq!(got.unproven, None, "{name}"),
            Some(words) => assert!(
                got.unproven.as_ref().is_some_and(|why| why.contains(words)),
                "{name}: {got:?}"
            ),
        }
    }
}

#[tokio::test]
async fn names_and_cursors_that_are_none_send_nothing() {
    for fields in [&["a b"][..], &["Profile.Name"], &["Id FROM User WHERE Id = ''"]] {
        let failure = list(fields, None, []).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::NeedsHuman, "{fields:?}");
    }
    for cursor in [
        "",
        "https://evil.example/services/data/v66.0/query/01g-2",
        "/services/data/v66.0/sobjects/User",
        "/services/data/v66.0/query/",
        "/services/data/v66.0/query/../sobjects",
        "/services/data/v66.0/x/query/01g-2",
        "/services/data/v66.0/query/01g-2?q=x",
    ] {
        let failure = list(&[], Some(cursor), []).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::GiveUp, "{cursor}");
    }
}

#[tokio::test]
async fn a_broken_page_is_read_again_and_an_ended_cursor_is_not() {
    for broken in [
        json!({ "done": false, "records": [] }),
        json!({ "done": false, "nextRecordsUrl": "https://evil.example/services/data/v66.0/query/1", "records": [] }),
        json!({ "done": true }),
    ] {
        let failure = list(&[], Some(NEXT), [token(), step_of(NEXT, 200, &broken)])
            .await
            .unwrap_err();
        assert!(failure.is_retryable(), "{broken}: {failure:?}");
    }
    let ended = json!([{ "errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator" }]);
    let failure = list(&[], Some(NEXT), [token(), step_of(NEXT, 400, &ended)])
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::GiveUp);
    assert!(failure.reason.contains("begin the list again"), "{failure}");

    let unknown = first(no_field("Badge__c"), proven());
    let failure = list(&["Badge__c"], None, [token(), unknown]).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    let hidden = first(no_field("EmployeeNumber"), proven());
    let again = first(page(&json!([listed(JORDAN, "jordan")]), None), proven())
        .check(|request| assert!(!asked(request)["users"].contains("EmployeeNumber")));
    assert_eq!(list(&[], None, [token(), hidden, again]).await.unwrap().items.len(), 1);
}
