use serde_json::json;

use super::*;

fn names(all: &[&str]) -> Names {
    Names::new(all.iter().map(|&name| name.to_owned()))
}

#[test]
fn names_are_found_where_they_stand_alone_whatever_their_case() {
    let names = names(&["00u1abc", "ada@corp.example", "Zoë Ek"]);
    for text in [
        "okta-main/00u1abc",
        "ADA@corp.example left",
        "(Zoë Ek)",
        "login=ada%40corp.example",
        "{\"name\":\"Zo\\u00eb Ek\"}",
        "Zo%C3%AB%20Ek",
    ] {
        let other = names.out_of(text).unwrap_or_else(|| panic!("{text}"));
        assert!(other.contains(FORGOTTEN) && !names.stand_in(&other), "{other}");
    }
    for text in ["00u1abcd", "x00u1abc", "nada@corp.example", "Zoë Eker", "é"] {
        assert_eq!(names.out_of(text), None, "{text}");
    }
}

#[test]
fn numbers_give_way_to_a_number_and_short_names_are_not_looked_for() {
    let names = names(&["123456", "Al"]);
    assert_eq!(
        names.out_of("{\"user_id\":123456,\"n\":1234567}").unwrap(),
        "{\"user_id\":0,\"n\":1234567}"
    );
    assert!(!names.stand_in("Al"));
}

#[test]
fn a_document_loses_values_and_members() {
    let names = names(&["ada@corp.example", "123456"]);
    let mut document = json!({"a": ["to ada@corp.example", 1], "ada@corp.example": true, "id": 123_456, "b": "bo"});
    assert!(names.clear(&mut document));
    assert_eq!(document, json!({"a": ["to (forgotten)", 1], "id": 0, "b": "bo"}));
    assert!(!names.clear(&mut document));
}

/// An org and its sandbox with the same ids, a directory that counts, and somebody with a number for a name.
fn somebody() -> Names {
    let accounts = [
        ("sf-us", "005A1"),
        ("okta-main", "00u1abc"),
        ("onelogin-main", "123456"),
    ];
    let accounts: BTreeSet<_> = accounts.map(|(connection, id)| AccountRef::new(connection, id)).into();
    let kinds = [
        ("sf-us", "salesforce"),
        ("sf-sandbox", "salesforce"),
        ("okta-main", "okta"),
        ("onelogin-main", "onelogin"),
    ];
    let kinds = kinds.map(|(id, kind)| (id.to_owned(), kind.to_owned())).into();
    Names::with_accounts(["2026".to_owned(), "Ada Ek".to_owned()], &accounts, kinds)
}

#[test]
fn the_same_id_in_another_connection_is_somebody_else_s() {
    let names = somebody();
    for theirs in [
        "ACC#sf-us/005A1",
        "okta-main:00u1abc left",
        "LOCK#onelogin-main/123456",
        "of 005A1, say",
    ] {
        assert!(names.stand_in(theirs), "{theirs}");
    }
    for other in [
        "ACC#sf-sandbox/005A1",
        "sf-sandbox:005A1",
        "onelogin-main/2026",
        "ACC#sf-us/123456",
    ] {
        assert_eq!(names.out_of(other), None, "{other}");
    }
    let others = json!({
        "account": {"connection": "sf-sandbox", "id": "005A1"},
        "numbered": {"connection": "onelogin-main", "id": "2026"},
        "links": {"sf-sandbox": ["005A1"], "onelogin-main": ["2026"]},
        "change": {"connection": "sf-sandbox", "before": {"owner": "005A1"}, "note": "made by sf-sandbox/005A1"},
    });
    assert!(!names.stand_in_document(&others));
    let mut theirs = json!({
        "account": {"connection": "sf-us", "id": "005A1"},
        "links": {"sf-us": ["005A1", "005A2"], "onelogin-main": "123456"},
        "change": {"connection": "sf-us", "before": {"owner": "005A1", "manager": "00u1abc"}, "user_id": 123_456},
    });
    assert!(names.clear(&mut theirs));
    let without = json!({
        "account": {"connection": "sf-us", "id": FORGOTTEN},
        "links": {"sf-us": [FORGOTTEN, "005A2"], "onelogin-main": "0"},
        "change": {"connection": "sf-us", "before": {"owner": FORGOTTEN, "manager": FORGOTTEN}, "user_id": 123_456},
    });
    assert_eq!(theirs, without, "another system's numbers are others'");
    assert_eq!(names.out_of_text_of("sf-sandbox", "005A1,005A2"), None);
    assert_eq!(
        names.out_of_text_of("sf-us", "005A1,005A2").unwrap(),
        "(forgotten),005A2"
    );
}

#[test]
fn a_number_counts_only_where_numbers_of_people_stand() {
    let names = somebody();
    for figure in [
        "at 2026-11-29T10:00:00Z",
        "29.11.2026 10:00",
        "11/2026",
        "10:2026",
        r#"{"ms":2026,"a":[1]}"#,
        r#"{\"count\": 2026}"#,
        "RUN#000002026",
    ] {
        assert_eq!(names.out_of(figure), None, "{figure}");
    }
    for number in [
        "number 2026.",
        r#"{"employeeNumber":"2026"}"#,
        r#"{"user_id":123456}"#,
        r#"{\"user_id\": 123456}"#,
        r#"{"ids":[123456,7]}"#,
    ] {
        assert!(names.stand_in(number), "{number}");
    }
    let mut document = json!({"ms": 123_456, "at": "2026-11-29", "actor_user_id": 123_456, "userIds": [123_456]});
    assert!(names.clear(&mut document));
    let without = json!({"ms": 123_456, "at": "2026-11-29", "actor_user_id": 0, "userIds": [0]});
    assert_eq!(document, without);
}
