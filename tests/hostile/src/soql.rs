//! Names in queries: whatever somebody is called, a query has the shape that it has for everybody, and asks for exactly them.
//!
//! An input is a value of `match` and a field's name, in a line of its own. The query is read out of the request that would have
//! been sent, by a reader of literals that was written after the vendor's rules.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use rollcall_model::{
    AccountQuery, Call, Connector as _, FailureClass, HttpRequest, HttpResponse, Lane, MatchKey, Transport,
    TransportError,
};
use rollcall_runtime::clock::plus;
use serde_json::Value;

use crate::vendor::{answer, salesforce, signing_in};
use crate::world::{moment, wait};
use crate::{Target, seeds};

/// The search for a person's users.
pub const SEARCH: Target = Target {
    seeds: || seeds::corpus("soql"),
    words: &[
        "' OR Id != null",
        "\\'",
        "\\\\",
        "\\u0027",
        "%27",
        "' LIMIT 0 --",
        "/*",
        "\u{8}",
        "\u{c}",
        "\u{ff07}",
        "Id IN (",
        "FIND {",
        "\nEmail",
    ],
    check,
};

/// Keeps the body of the search.
#[derive(Default)]
struct Asked(Mutex<Vec<Bytes>>);

#[async_trait]
impl Transport for Asked {
    async fn send(&self, request: HttpRequest, _: Duration) -> Result<HttpResponse, TransportError> {
        if let Some(answer) = signing_in(&request) {
            return Ok(answer);
        }
        self.0.lock().expect("no panic").push(request.into_body());
        Ok(answer(
            StatusCode::OK,
            "application/json",
            Bytes::from_static(b"{\"compositeResponse\":[]}"),
        ))
    }
}

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (value, field) = text.split_once("\n\n").unwrap_or((&text, "FederationIdentifier"));
    let asked = Arc::new(Asked::default());
    let salesforce = salesforce(asked.clone());
    let call = Call {
        deadline: plus(moment(), Duration::from_secs(20)),
        lane: Lane::Urgent,
    };
    let query = AccountQuery {
        keys: vec![MatchKey {
            field: field.to_owned(),
            value: value.to_owned(),
            sure: true,
        }],
        linked: Vec::new(),
    };
    let answer = wait(salesforce.find_accounts(&call, &query));
    let bodies = asked.0.lock().expect("no panic");
    let Some(body) = bodies.first() else {
        // Not asked: the field is none, the value is nothing, or both are too long; and then nothing is said of accounts.
        match answer {
            Ok(search) => assert!(search.accounts.is_empty() && value.trim().is_empty()),
            Err(failure) => assert!(
                matches!(failure.class, FailureClass::NeedsHuman | FailureClass::GiveUp),
                "{failure:?}"
            ),
        }
        return;
    };
    let body: Value = serde_json::from_slice(body).expect("a composite request is JSON");
    let part = body["compositeRequest"]
        .as_array()
        .and_then(|parts| parts.iter().find(|part| part["referenceId"] == "found"));
    let address = part
        .and_then(|part| part["url"].as_str())
        .expect("the search has an address");
    let encoded = address.split_once("/query?q=").expect("the search is a query").1;
    assert!(
        encoded
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
        "{encoded}"
    );
    let (shape, literals) = shape(&decoded(encoded));
    let selected = "SELECT Id, Username, Email, FederationIdentifier, IsActive, UserType, Profile.PermissionsModifyAllData, \
                    Profile.PermissionsManageUsers, Profile.UserLicense.Name, EmployeeNumber";
    let known = selected
        .split(", ")
        .any(|one| one.trim_start_matches("SELECT ").eq_ignore_ascii_case(field));
    let more = if known { String::new() } else { format!(", {field}") };
    assert_eq!(
        shape,
        format!("{selected}{more} FROM User WHERE Id IN (?) OR {field} = ?")
    );
    assert_eq!(literals, ["0055f00000CCCC1AAP", value.trim()]);
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two hexadecimal digits"));
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).expect("a query is text")
}

/// A query with a question mark for each literal, and what the literals say (SOQL and SOSL Reference, "Quoted String Escape
/// Sequences"). Panics where the vendor would refuse.
fn shape(soql: &str) -> (String, Vec<String>) {
    let (mut shape, mut literals) = (String::new(), Vec::new());
    let mut letters = soql.chars();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            shape.push(letter);
            continue;
        }
        let mut literal = String::new();
        loop {
            match letters.next().expect("a literal ends") {
                '\'' => break,
                '\\' => match letters.next().expect("an escape has two signs") {
                    'n' | 'N' => literal.push('\n'),
                    'r' | 'R' => literal.push('\r'),
                    't' | 'T' => literal.push('\t'),
                    'b' | 'B' => literal.push('\u{8}'),
                    'f' | 'F' => literal.push('\u{c}'),
                    'u' => {
                        let code: String = letters.by_ref().take(4).collect();
                        let code = u32::from_str_radix(&code, 16).expect("four hexadecimal digits");
                        literal.push(char::from_u32(code).expect("a character"));
                    }
                    sign @ ('\\' | '\'' | '"') => literal.push(sign),
                    other => panic!("no escape of SOQL: \\{other}"),
                },
                plain => {
                    assert!(!plain.is_control(), "a control character in a literal: {plain:?}");
                    literal.push(plain);
                }
            }
        }
        shape.push('?');
        literals.push(literal);
    }
    (shape, literals)
}
