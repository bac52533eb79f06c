//! Conditions and mapped values (CEL): refused, or evaluated to a value or a reason, always to the same.

use std::collections::BTreeMap;

use rollcall_policy::expression::{Condition, Names, Scope, Template};
use rollcall_policy::{Membership, Memberships};
use serde_json::{Value, json};

use crate::{Target, seeds};

/// The compiler and the evaluator.
pub const CEL: Target = Target {
    seeds: || seeds::corpus("expression"),
    words: &[
        "person.",
        "person.manager.email",
        "person.groups",
        "person.attributes.",
        "account.class",
        "run.",
        "event.kind",
        ".in('quiet')",
        ".exists(g, g == 'x')",
        ".map(x, x)",
        ".filter(x, true)",
        "has(",
        "size(",
        ".startsWith('a')",
        ".matches('(a+)+$')",
        "timestamp('",
        "duration('",
        "int(",
        "double(",
        "string(",
        "==",
        "!=",
        "&&",
        "||",
        "!",
        "?",
        "<",
        "+",
        "*",
        "/0",
        "%0",
        "9223372036854775807",
        "18446744073709551615u",
        "b'\\xff'",
        "r'",
        "'''",
        "[1,2,3]",
        "{'a':1}",
        "${",
    ],
    check,
};

fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let lists = BTreeMap::new();
    let memberships: Memberships = BTreeMap::from([
        ("quiet".to_owned(), Membership::Out),
        ("hold".to_owned(), Membership::Unknown("503".to_owned())),
    ]);
    let scope = Scope::new(facts(), &memberships);
    for account in [false, true] {
        let names = Names::new(&lists, account);
        match Condition::compile(text, &names) {
            Ok(condition) => {
                assert_eq!(condition.text(), text);
                let first = condition.holds(&scope).map_err(|why| why.to_string());
                assert_eq!(condition.holds(&scope).map_err(|why| why.to_string()), first);
            }
            Err(error) => is_explained(text, error.offset, &error.what, &error.next),
        }
        match Template::compile(text, &names) {
            Ok(template) => {
                let first = template.evaluate(&scope).map_err(|why| why.to_string());
                assert_eq!(template.evaluate(&scope).map_err(|why| why.to_string()), first);
                // What is in no `${…}` is a text as it stands.
                if !text.contains("${") {
                    assert_eq!(first, Ok(Value::String(text.to_owned())));
                }
            }
            Err(error) => is_explained(text, error.offset, &error.what, &error.next),
        }
    }
}

fn is_explained(text: &str, offset: usize, what: &str, next: &str) {
    assert!(!what.is_empty() && !next.is_empty());
    assert!(offset <= text.chars().count() + 1, "{offset} of {text:?}");
}

fn facts() -> Value {
    json!({
        "person": {
            "active": false, "state": "deactivated", "display": "Amara Okafor", "login": "amara@example.com", "email": "amara@example.com",
            "department": "Sales", "title": "", "groups": ["Everyone", "Sales"], "roles": [], "attributes": {"costCenter": "42", "seats": 3},
            "manager": {"display": "Jun Sato", "login": "jun@example.com", "email": "jun@example.com"},
        },
        "account": {"class": "human", "login": "amara@example.com"},
        "event": {"kind": "user.deactivated", "source": "okta-main"},
        "run": {"goal": "leave", "stage": "cut"},
    })
}
