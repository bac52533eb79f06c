mod administrators;
mod auth;
mod changing;
mod dismantling;
mod examining;
mod finding;
mod listing;
mod seeing;
mod table;

use std::sync::Arc;

use rollcall_model::{AccountRef, EffectClass};
use rollcall_runtime::Secret;
use serde_json::{Value, json};

use super::*;
use crate::scripted::{CountingIds, Script, StandingClock, Step, rsa_pem, sent_json, step};

const ORG: &str = "00D5f000000aaaaEAA";
const OWN: &str = "0055f00000CCCC1AAP";
const JORDAN: &str = "0055f00000AAAA1AAP";
const SAM: &str = "0055f00000BBBB1AAP";
const LOGIN: &str = "POST https://login.salesforce.com/services/oauth2/token";
const HOST: &str = "https://corp-example.my.salesforce.com";
const TOKEN: &str = "00D5f000000aaaa!AQEAQEXAMPLE.fictitious.session.token";

fn settings() -> SalesforceSettings {
    SalesforceSettings {
        connection: "sf-us".into(),
        login_url: "https://login.salesforce.com".to_owned(),
        my_domain_url: HOST.to_owned(),
        org_id: ORG[..15].to_owned(),
        sandbox: false,
        api_version: API_VERSION.to_owned(),
        flow: SalesforceFlow::JwtBearer {
            consumer_key: "3MVG9.example".to_owned(),
            username: "rollcall@corp.example".to_owned(),
            key: rsa_pem(),
        },
        allowed_hosts: Vec::new(),
        bulk_above: BULK_ABOVE,
    }
}

fn connect(settings: SalesforceSettings, script: &Arc<Script>) -> (Salesforce, Arc<StandingClock>) {
    let clock = StandingClock::new();
    let salesforce = Salesforce::new(
        settings,
        script.clone(),
        clock.clone(),
        Arc::new(CountingIds::default()),
    );
    (salesforce, clock)
}

fn token() -> Step {
    granted(TOKEN, ORG, HOST)
}

fn granted(token: &str, org: &str, instance: &str) -> Step {
    step(
        LOGIN,
        200,
        &json!({
            "access_token": token, "scope": "api id", "instance_url": instance,
            "id": format!("https://login.salesforce.com/id/{org}/{OWN}"), "token_type": "Bearer",
        }),
    )
}

fn user() -> AccountRef {
    AccountRef::new("sf-us", JORDAN)
}

/// Rows as a last page.
fn rows(rows: &Value) -> (u16, Value) {
    (
        200,
        json!({ "totalSize": rows.as_array().unwrap().len(), "done": true, "records": rows }),
    )
}

fn absent() -> (u16, Value) {
    (
        400,
        json!([{ "errorCode": "INVALID_TYPE", "message": "sObject type 'UserPermissionAccess' is not supported." }]),
    )
}

/// What the vendor answers for a field that it does not have, or hides.
fn no_field(name: &str) -> (u16, Value) {
    (
        400,
        json!([{ "errorCode": "INVALID_FIELD", "message": format!("No such column '{name}' on entity 'User'.") }]),
    )
}

/// Names the answers of a composite call.
fn named(names: &[&str], answers: Vec<(u16, Value)>) -> Step {
    assert_eq!(names.len(), answers.len());
    let parts: Vec<Value> = names
        .iter()
        .zip(answers)
        .map(|(name, (status, body))| json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name }))
        .collect();
    step(
        &format!("POST {HOST}/services/data/v66.0/composite"),
        200,
        &json!({ "compositeResponse": parts }),
    )
}

/// The queries of a composite request, decoded, and its other parts, by name.
fn asked(request: &rollcall_model::HttpRequest) -> std::collections::BTreeMap<String, String> {
    let body = sent_json(request);
    assert_eq!(body["allOrNone"], json!(false));
    body["compositeRequest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            assert_eq!(part["method"], "GET");
            let url = part["url"]
                .as_str()
                .unwrap()
                .strip_prefix("/services/data/v66.0/")
                .unwrap();
            let asked = match url.strip_prefix("query?") {
                Some(query) => {
                    let (_, soql) = url::form_urlencoded::parse(query.as_bytes()).next().unwrap();
                    soql.into_owned()
                }
                None => url.to_owned(),
            };
            (part["referenceId"].as_str().unwrap().to_owned(), asked)
        })
        .collect()
}

fn change(action: &str, after: Value, evidence: Value) -> Change {
    Change {
        stage: "cut".to_owned(),
        step: "1".to_owned(),
        connection: "sf-us".into(),
        account: Some(user()),
        action: action.to_owned(),
        effect: EffectClass::Set,
        settle_ms: 0,
        with: Value::Null,
        before: Value::Null,
        after,
        evidence,
    }
}
