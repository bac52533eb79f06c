//! The grammar and its strictness.

use serde_json::{Value, json};

use super::super::objects;
use super::{Cond, Literal, Op, bind, parse};

fn now() -> jiff::Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn code(source: &str) -> String {
    match parse(source, now()).and_then(|query| bind(query, &objects::standard(), source)) {
        Ok(_) => "ok".to_owned(),
        Err(refusal) => {
            assert_eq!(refusal.status, 400);
            refusal.code.into_owned()
        }
    }
}

/// Whether a condition over `User` holds for a record of which only `Email` and `IsActive` are set.
fn holds(condition: &str, email: &Value) -> bool {
    let source = format!("SELECT Id FROM User WHERE {condition}");
    let plan = bind(parse(&source, now()).unwrap(), &objects::standard(), &source).unwrap();
    plan.accepts(&|path| match path.field.as_str() {
        "Email" => email.clone(),
        "IsActive" => json!(true),
        _ => Value::Null,
    })
}

#[test]
fn well_formed_statements_are_taken() {
    for source in [
        "SELECT Id FROM User",
        "select id, USERNAME from user where isactive = TRUE",
        "SELECT COUNT() FROM User",
        "SELECT COUNT(Id) n FROM User WHERE Email != null",
        "SELECT Id, Manager.Manager.Email, Profile.PermissionsModifyAllData FROM User",
        "SELECT User.Id FROM User WHERE (IsActive = true OR Email = 'a@example.com') AND UserType = 'Standard'",
        "SELECT Id FROM User WHERE IsActive = true AND (NOT Email LIKE '%.invalid')",
        "SELECT Id FROM User WHERE NOT Email = 'a@example.com'",
        "SELECT Id FROM User WHERE Id NOT IN ('0055f00000AAAA1', '0055f00000BBBB1AAP') ORDER BY Name DESC NULLS LAST, Id LIMIT 5 OFFSET 2",
        "SELECT Id FROM User WHERE LastLoginDate >= 2026-03-02T00:00:00Z",
        "SELECT Id FROM User WHERE LastLoginDate < 2026-03-02T01:00:00+01:00",
        "SELECT Id FROM User WHERE LastLoginDate >= TODAY OR LastLoginDate = last_n_days:30",
        "SELECT Id FROM User WHERE IsActive = true AND Id NOT IN (SELECT UserId FROM UserLogin WHERE IsFrozen = true) LIMIT 5",
        "SELECT Id FROM UserLogin WHERE UserId IN (SELECT Id FROM User WHERE Profile.PermissionsModifyAllData = true OR IsActive = false)",
    ] {
        assert_eq!(code(source), "ok", "{source}");
    }
}

#[test]
fn malformed_statements_are_refused_by_code() {
    for (source, expected) in [
        ("SELECT Id FORM User", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT Id FROM User)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT Id, UserId FROM UserLogin)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT AppName FROM OauthToken)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Email IN (SELECT UserId FROM UserLogin)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Manager.Id IN (SELECT UserId FROM UserLogin)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT UserId FROM UserLogin LIMIT 1)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT UserId FROM UserLogin",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT UserId FROM UserLogin) OR IsActive = true",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM UserLogin WHERE UserId IN (SELECT Id FROM User WHERE Id IN (SELECT UsersId FROM AuthSession))",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT UserId FROM UserLogin) AND Id IN (SELECT UsersId FROM AuthSession) AND Id IN (SELECT UserId FROM OauthToken)",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE Id IN (SELECT Nope FROM UserLogin)",
            "INVALID_FIELD",
        ),
        ("SELECT FROM User", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE Email = 'open", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM User WHERE Email = 'a' OR Email = 'b' AND IsActive = true",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM User; DELETE", "MALFORMED_QUERY"),
        (r"SELECT Id FROM User WHERE Email = 'a\d'", "MALFORMED_QUERY"),
        (r"SELECT Id FROM User WHERE Email = 'a\%'", "MALFORMED_QUERY"),
        (r"SELECT Id FROM User WHERE Email = 'a' \", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE Email = 'a\nb'", "MALFORMED_QUERY"),
        ("SELECT Id FROM User LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Id FROM User WHERE LastLoginDate >= NOW()", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM User WHERE LastLoginDate = LAST_N_DAYS",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM User WHERE LastLoginDate = LAST_N_DAYS:0",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM User WHERE LastLoginDate > 2026-03-02", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELECT Nope FROM User", "INVALID_FIELD"),
        ("SELECT Nope.Id FROM User", "INVALID_FIELD"),
        ("SELECT Id, id FROM User", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE IsActive = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM User WHERE Email = 5", "INVALID_FIELD"),
        (
            "SELECT Id FROM User WHERE LastLoginDate > '2026-03-02T00:00:00Z'",
            "INVALID_FIELD",
        ),
        ("SELECT Id FROM UserLicense WHERE UsedLicenses = 5", "INVALID_FIELD"),
        (
            "SELECT Id FROM User WHERE Id = 'not an id'",
            "INVALID_QUERY_FILTER_OPERATOR",
        ),
        (
            "SELECT Id FROM User WHERE Id LIKE '005%'",
            "INVALID_QUERY_FILTER_OPERATOR",
        ),
        ("SELECT Id FROM User LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ] {
        assert_eq!(code(source), expected, "{source}");
    }
}

#[test]
fn an_unknown_object_is_pointed_at() {
    let source = "SELECT Id FROM Nope__c";
    let refusal = bind(parse(source, now()).unwrap(), &objects::standard(), source).unwrap_err();
    assert_eq!(
        refusal.message,
        "\nSELECT Id FROM Nope__c\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nope__c' is not supported."
    );
}

#[test]
fn escapes_decode() {
    let query = parse(
        r#"SELECT Id FROM User WHERE Email = 'O\'Neil \\ \"q\" \n\t\u00e9'"#,
        now(),
    )
    .unwrap();
    let Some(Cond::Test { op, values, .. }) = query.filter else {
        panic!("no test")
    };
    assert_eq!(
        (op, values),
        (Op::Eq, vec![Literal::Text("O'Neil \\ \"q\" \n\té".to_owned())])
    );
}

#[test]
fn text_compares_without_case_and_null_is_unequal_to_every_value() {
    let held = json!("Jordan@Corp.example");
    assert!(holds("Email = 'jordan@corp.EXAMPLE'", &held));
    assert!(!holds("Email != 'jordan@corp.example'", &held));
    assert!(holds("Email IN ('x', 'jordan@corp.example')", &held));
    assert!(!holds("Email NOT IN ('x', 'jordan@corp.example')", &held));
    assert!(holds("Email > 'jordan@a' AND Email < 'jordan@z'", &held));
    assert!(holds("Email != 'x'", &Value::Null));
    assert!(holds("Email NOT IN ('x')", &Value::Null));
    assert!(holds("Email = null", &Value::Null));
    assert!(holds("Email = ''", &Value::Null));
    assert!(!holds("Email < 'x'", &Value::Null));
    assert!(!holds("Email != null", &Value::Null));
}

#[test]
fn like_knows_its_wildcards_and_their_escapes() {
    let held = json!("jordan_rivera%x@corp.example");
    assert!(holds("Email LIKE 'JORDAN%'", &held));
    assert!(holds("Email LIKE '%_rivera%example'", &held));
    assert!(holds(r"Email LIKE 'jordan\_rivera\%x@%'", &held));
    assert!(!holds(r"Email LIKE 'jordan\%%'", &held));
    assert!(!holds("Email LIKE 'jordan'", &held));
    assert!(!holds("Email LIKE '%'", &Value::Null));
}

#[test]
fn ids_compare_by_case() {
    let source = "SELECT Id FROM User WHERE ManagerId = '0055f00000AAAA1'";
    let plan = bind(parse(source, now()).unwrap(), &objects::standard(), source).unwrap();
    assert!(plan.accepts(&|_| json!("0055f00000AAAA1AAP")));
    let lower = super::super::id18("0055f00000aAAA1").unwrap();
    assert!(!plan.accepts(&|_| json!(lower)));
}
