mod auth;
mod changing;
mod dismantling;
mod events;
mod planning;
mod reading;
mod searching;
mod seeing;
mod table;

use std::sync::Arc;

use rollcall_model::AccountRef;
use rollcall_runtime::Secret;
use serde_json::{Value, json};

use super::*;
use crate::scripted::{CountingIds, Script, StandingClock, Step, step};

const BASE: &str = "https://id.example.com";
const USER: &str = "00u2alice8Okafor3c4d";

fn settings(auth: OktaAuth) -> OktaSettings {
    OktaSettings {
        connection: "okta-main".into(),
        base_url: format!("{BASE}/"),
        tenant_id: "00oPROD".to_owned(),
        auth,
        own_ids: vec!["00T1rollcallToken0q1r".to_owned()],
        canary: None,
        manager: ManagerLink::Profile,
    }
}

fn ssws() -> OktaSettings {
    settings(OktaAuth::Ssws(Secret::new("planted-token")))
}

fn connect(settings: OktaSettings, script: &Arc<Script>) -> (Okta, Arc<StandingClock>) {
    let clock = StandingClock::new();
    let okta = Okta::new(
        settings,
        script.clone(),
        clock.clone(),
        Arc::new(CountingIds::default()),
    );
    (okta, clock)
}

fn account() -> AccountRef {
    AccountRef::new("okta-main", USER)
}

fn get(path: &str) -> String {
    format!("GET {BASE}{path}")
}

fn tenant(id: &str) -> Step {
    step(
        &get("/.well-known/okta-organization"),
        200,
        &json!({ "id": id, "pipeline": "idx" }),
    )
}

fn user_body(status: &str) -> Value {
    json!({
        "id": USER, "status": status,
        "profile": { "login": "Alice.Okafor@Example.com", "email": "Alice.Okafor@Example.com", "firstName": "Alice", "lastName": "Okafor",
            "employeeNumber": "00042", "managerId": null },
        "credentials": { "provider": { "type": "OKTA", "name": "OKTA" } },
    })
}

fn user(body: &Value) -> Step {
    step(&get(&format!("/api/v1/users/{USER}")), 200, body)
}

fn groups(body: &Value) -> Step {
    step(&get(&format!("/api/v1/users/{USER}/groups?limit=200")), 200, body)
}

fn roles(body: &Value) -> Step {
    step(&get(&format!("/api/v1/users/{USER}/roles")), 200, body)
}

/// A user without groups, roles or manager.
fn plain(body: &Value) -> [Step; 3] {
    [user(body), groups(&json!([])), roles(&json!([]))]
}

fn not_found() -> Value {
    json!({ "errorCode": "E0000007", "errorSummary": "Not found: Resource not found: x (User)", "errorLink": "E0000007", "errorId": "oae1", "errorCauses": [] })
}
