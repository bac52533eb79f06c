//! Entitlements and deactivation, call by call.

use rollcall_model::{Action, FailureClass, Planned, State, Undo};

use super::*;
use crate::scripted::urgent;

const REMOVE: &str = "salesforce/remove-entitlements";
const RESTORE: &str = "salesforce/restore-entitlements";
const SET: &str = "0PS5f00000SETA1CAH";
const ROW: &str = "0Pa5f00000ROWA1CAH";
const LICENCES: [&str; 5] = ["user", "permission_set", "package", "package_rows", "member_rows"];
const PARTS: [&str; 5] = ["assignments", "licences", "packages", "members", "rights"];

/// An id with this prefix and number.
fn id(prefix: &str, number: u32) -> String {
    super::super::soql::eighteen(&format!("{prefix}5f00000{number:05}")).unwrap()
}

fn profile_row() -> Value {
    json!({ "Id": id("0Pa", 1), "PermissionSetId": id("0PS", 1), "PermissionSetGroupId": null, "IsRevoked": false,
            "PermissionSet": { "Label": "X00e", "IsOwnedByProfile": true } })
}

fn set_row() -> Value {
    json!({ "Id": id("0Pa", 2), "PermissionSetId": id("0PS", 2), "PermissionSetGroupId": null, "IsRevoked": false,
            "ExpirationDate": null, "PermissionSet": { "Label": "Export", "IsOwnedByProfile": false } })
}

/// What a look finds, to be changed by each case: nothing but the profile, and rights to see it.
struct Look {
    packages_used: u32,
    package_rows: Value,
    assignments: (u16, Value),
    licences: (u16, Value),
    packages: (u16, Value),
    members: (u16, Value),
    rights: (u16, Value),
}

impl Look {
    fn new() -> Self {
        Self {
            packages_used: 0,
            package_rows: json!([]),
            assignments: rows(&json!([profile_row()])),
            licences: rows(&json!([])),
            packages: rows(&json!([])),
            members: rows(&json!([])),
            rights: rows(&json!([{ "PermissionsManageUsers": true }])),
        }
    }

    async fn see(self) -> Observation {
        let user = json!([{ "Id": id("100", 1), "Name": "SFDC", "TotalLicenses": 10, "UsedLicenses": 3 }]);
        let package = json!([{ "Id": id("050", 1), "NamespacePrefix": "docgen", "AllowedLicenses": 5, "UsedLicenses": self.packages_used }]);
        let inventory = vec![
            rows(&user),
            rows(&json!([])),
            rows(&package),
            rows(&self.package_rows),
            rows(&json!([])),
        ];
        let parts = vec![
            self.assignments,
            self.licences,
            self.packages,
            self.members,
            self.rights,
        ];
        let script = Script::new([token(), named(&LICENCES, inventory), named(&PARTS, parts)]);
        let (salesforce, _) = connect(settings(), &script);
        let asked = ActionUse {
            action: REMOVE.to_owned(),
            with: json!({ "what": "all" }),
        };
        let mut seen = salesforce
            .observe(&urgent(), Some(&super::user()), &[asked])
            .await
            .unwrap();
        script.done();
        seen.remove(0)
    }
}

fn refusal(code: &str) -> (u16, Value) {
    (400, json!([{ "errorCode": code, "message": "said so" }]))
}

#[tokio::test]
async fn an_empty_answer_counts_only_beside_its_proof() {
    type Case = (&'static str, fn(&mut Look), Option<&'static str>);
    let cases: [Case; 11] = [
        ("the profile alone proves that there is nothing else", |_| {}, None),
        (
            "no row at all",
            |look| look.assignments = rows(&json!([])),
            Some("View Setup and Configuration"),
        ),
        (
            "sets without the profile's",
            |look| look.assignments = rows(&json!([set_row()])),
            Some("View Setup and Configuration"),
        ),
        (
            "refused",
            |look| look.assignments = refusal("INSUFFICIENT_ACCESS"),
            Some("INSUFFICIENT_ACCESS"),
        ),
        (
            "a refusal of groups is no absence",
            |look| look.members = refusal("INVALID_TYPE"),
            Some("INVALID_TYPE"),
        ),
        (
            "an org without packages",
            |look| look.packages = refusal("INVALID_TYPE"),
            None,
        ),
        (
            "a refusal of licences that is none of type",
            |look| look.licences = refusal("INSUFFICIENT_ACCESS"),
            Some("INSUFFICIENT_ACCESS"),
        ),
        (
            "counters against an empty list",
            |look| look.packages_used = 2,
            Some("Manage Package Licenses"),
        ),
        (
            "the same beside somebody's row",
            |look| {
                look.packages_used = 2;
                look.package_rows = json!([{ "Id": id("051", 9) }]);
            },
            None,
        ),
        (
            "no right to see members",
            |look| look.rights = rows(&json!([{ "PermissionsManageUsers": false }])),
            Some("Manage Users"),
        ),
        (
            "rights that nobody states, and nobody's membership",
            |look| look.rights = absent(),
            Some("Manage Users"),
        ),
    ];
    for (name, change, missing) in cases {
        let mut look = Look::new();
        change(&mut look);
        match (look.see().await, missing) {
            (Observation::Known(state), None) => assert_eq!(state.value, json!({ "entitlements": [] }), "{name}"),
            (Observation::Unknown(why), Some(part)) => assert!(why.contains(part), "{name}: {why}"),
            (seen, _) => panic!("{name}: {seen:?}"),
        }
    }
}

#[tokio::test]
async fn a_group_of_sets_is_one_entitlement_though_it_names_a_set_too() {
    let mut look = Look::new();
    let group = json!({ "Id": id("0Pa", 3), "PermissionSetId": id("0PS", 3), "PermissionSetGroupId": id("0PG", 3), "IsRevoked": false,
        "PermissionSet": { "Label": "added up", "IsOwnedByProfile": false }, "PermissionSetGroup": { "MasterLabel": "Desk" } });
    look.assignments = rows(&json!([group, profile_row(), set_row()]));
    let Observation::Known(state) = look.see().await else {
        panic!()
    };
    assert_eq!(
        state.value["entitlements"],
        json!([
            { "kind": "permission-set", "id": id("0PS", 2), "name": "Export" },
            { "kind": "permission-set-group", "id": id("0PG", 3), "name": "Desk" },
        ])
    );
    assert_eq!(
        state.evidence["rows"],
        json!({ id("0PS", 2): id("0Pa", 2), id("0PG", 3): id("0Pa", 3) })
    );
}

fn entitlement(kind: &str, prefix: &str, number: u32) -> Value {
    json!({ "kind": kind, "id": id(prefix, number), "name": format!("{kind} {number}") })
}

fn every_kind() -> Vec<Value> {
    vec![
        entitlement("permission-set", "0PS", 2),
        entitlement("permission-set-group", "0PG", 3),
        entitlement("permission-set-licence", "0PL", 4),
        entitlement("package", "050", 5),
        entitlement("group", "00G", 6),
        entitlement("queue", "00G", 7),
    ]
}

async fn apply(change: &Change, steps: impl IntoIterator<Item = Step>) -> Result<Applied, Failure> {
    let script = Script::new([token()].into_iter().chain(steps));
    let (salesforce, _) = connect(settings(), &script);
    let answer = salesforce.apply(&urgent(), change, "m").await;
    script.done();
    answer
}

fn done() -> Value {
    json!({ "success": true, "errors": [] })
}

fn failed(code: &str) -> Value {
    json!({ "success": false, "errors": [{ "statusCode": code, "message": "the vendor's own words", "fields": [] }] })
}

fn created(objects: &'static [&'static str], answers: &[Value]) -> Step {
    let step = step(
        &format!("POST {HOST}/services/data/v66.0/composite/sobjects"),
        200,
        &json!(answers),
    );
    step.check(move |request| {
        let body = sent_json(request);
        assert_eq!(body["allOrNone"], json!(false));
        let types: Vec<&str> = body["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["attributes"]["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, objects);
    })
}

fn restoration() -> Change {
    let mut change = change(
        RESTORE,
        json!({ "entitlements": every_kind() }),
        json!({ "missing": ["package \"old\": Salesforce no longer has it"] }),
    );
    change.before = json!({ "entitlements": [] });
    change
}

#[tokio::test]
async fn licences_come_back_before_the_sets_that_need_them_and_a_twin_is_fine() {
    let applied = apply(
        &restoration(),
        [
            created(&["PermissionSetLicenseAssign"], &[failed("DUPLICATE_VALUE")]),
            created(&["PermissionSetAssignment"], &[done()]),
            created(&["PermissionSetAssignment"], &[failed("DUPLICATE_VALUE")]),
            created(&["UserPackageLicense"], &[done()]),
            created(&["GroupMember"], &[done()]),
            created(&["GroupMember"], &[done()]),
        ],
    )
    .await
    .unwrap();
    assert_eq!(applied.reference["restored"], 6);
    assert_eq!(applied.reference["missing"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_refusal_ends_none_of_the_others_and_names_what_it_is_about() {
    for (code, class) in [
        ("LICENSE_LIMIT_EXCEEDED", FailureClass::NeedsHuman),
        ("INSUFFICIENT_ACCESS_OR_READONLY", FailureClass::NeedsHuman),
        ("SOMETHING_NEW", FailureClass::GiveUp),
        ("UNABLE_TO_LOCK_ROW", FailureClass::Retry { after: None }),
    ] {
        let failure = apply(
            &restoration(),
            [
                created(&["PermissionSetLicenseAssign"], &[failed(code)]),
                created(&["PermissionSetAssignment"], &[done()]),
                created(&["PermissionSetAssignment"], &[done()]),
                created(&["UserPackageLicense"], &[done()]),
                created(&["GroupMember"], &[done()]),
                created(&["GroupMember"], &[done()]),
            ],
        )
        .await
        .unwrap_err();
        assert_eq!(failure.class, class, "{failure}");
        for part in ["1 of 6", "permission-set-licence 4", code, "the vendor's own words"] {
            assert!(failure.reason.contains(part), "{part}: {failure}");
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_gone_and_a_row_that_is_not_named_is_not_guessed() {
    let mut change = change(REMOVE, json!({ "entitlements": [] }), json!({ "rows": { SET: ROW } }));
    change.before = json!({ "entitlements": [{ "kind": "permission-set", "id": SET, "name": "Export" }] });
    let line = format!("DELETE {HOST}/services/data/v66.0/composite/sobjects?ids={ROW}&allOrNone=false");
    for code in ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"] {
        apply(&change, [step(&line, 200, &json!([failed(code)]))])
            .await
            .unwrap();
    }
    let short = apply(&change, [step(&line, 200, &json!([]))]).await.unwrap_err();
    assert!(short.is_retryable() && short.executed == rollcall_model::Executed::Maybe);
    change.evidence = json!({ "rows": { SET: "../User" } });
    let refused = apply(&change, []).await.unwrap_err();
    assert!(refused.reason.contains("Export"), "{refused}");
}

#[test]
fn plans_as_a_table() {
    let all = crate::catalogue();
    let state = |value: Value, evidence: Value| State { value, evidence };
    let had = json!({ "entitlements": every_kind() });
    let none = json!({ "entitlements": [] });
    let available = json!({ "available": every_kind(), "missing": [] });
    for (action, value, evidence, with, planned) in [
        (REMOVE, &had, &Value::Null, json!({ "what": "all" }), "change"),
        (REMOVE, &had, &Value::Null, json!({}), "skip"),
        (REMOVE, &had, &Value::Null, json!({ "what": 1 }), "refuse"),
        (REMOVE, &none, &Value::Null, json!({ "what": "all" }), "so"),
        (
            REMOVE,
            &json!({ "ours": true }),
            &Value::Null,
            json!({ "what": "all" }),
            "refuse",
        ),
        (
            REMOVE,
            &json!({ "frozen": true }),
            &Value::Null,
            json!({ "what": "all" }),
            "refuse",
        ),
        (RESTORE, &none, &available, had.clone(), "change"),
        (RESTORE, &had, &available, had.clone(), "so"),
        (RESTORE, &none, &available, json!({ "entitlements": "all" }), "refuse"),
        (RESTORE, &none, &Value::Null, had.clone(), "refuse"),
        (
            RESTORE,
            &none,
            &json!({ "available": [], "missing": ["x"] }),
            had.clone(),
            "skip",
        ),
        (
            "salesforce/deactivate",
            &json!({ "active": true }),
            &Value::Null,
            Value::Null,
            "change",
        ),
        (
            "salesforce/deactivate",
            &json!({ "active": false }),
            &Value::Null,
            Value::Null,
            "so",
        ),
        (
            "salesforce/reactivate",
            &json!({ "active": false }),
            &Value::Null,
            Value::Null,
            "change",
        ),
        (
            "salesforce/reactivate",
            &json!({ "ours": true }),
            &Value::Null,
            Value::Null,
            "refuse",
        ),
        ("salesforce/reactivate", &json!({}), &Value::Null, Value::Null, "refuse"),
    ] {
        let found = all
            .get(action)
            .unwrap()
            .plan(&state(value.clone(), evidence.clone()), &with);
        let word = match found {
            Planned::Change { .. } => "change",
            Planned::AlreadySo => "so",
            Planned::Skip(_) => "skip",
            Planned::Refuse(_) => "refuse",
            Planned::Ask(_) => "ask",
        };
        assert_eq!(word, planned, "{action} {value} {with}");
    }
}

#[test]
fn undo_follows_from_what_was_found() {
    let all = crate::catalogue();
    let of = |name: &str| -> Arc<dyn Action> { all.get(name).unwrap().clone() };
    let mut removal = change(REMOVE, json!({ "entitlements": [] }), Value::Null);
    removal.before = json!({ "entitlements": every_kind() });
    assert_eq!(
        of(REMOVE).undo(&removal, &Value::Null),
        Undo::By {
            action: RESTORE,
            with: removal.before.clone(),
        }
    );
    removal.before = Value::Null;
    assert!(matches!(of(REMOVE).undo(&removal, &Value::Null), Undo::Not(_)));
    let ended = change("salesforce/deactivate", json!({ "active": false }), Value::Null);
    assert_eq!(
        of("salesforce/deactivate").undo(&ended, &Value::Null),
        Undo::By {
            action: "salesforce/reactivate",
            with: Value::Null,
        }
    );
    assert!(matches!(
        of("salesforce/reactivate").undo(&ended, &Value::Null),
        Undo::Nothing(_)
    ));
}
