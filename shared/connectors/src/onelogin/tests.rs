mod auth;
mod changing;
mod dismantling;
mod events;
mod examining;
mod listing;
mod reading;
mod searching;
mod seeing;
mod table;

use std::sync::Arc;

use rollcall_model::{AccountRef, EffectClass};
use rollcall_runtime::Secret;
use serde_json::{Value, json};

use super::*;
use crate::scripted::{CountingIds, Script, StandingClock, Step, step};

const BASE: &str = "https://corp.onelogin.example";
const TOKEN: &str = "planted-token";
const USER: &str = "90001001";
const OWNER: &str = "90000001";

/// With an owner who is known, and is the canary too.
fn settings() -> OneLoginSettings {
    OneLoginSettings {
        connection: "onelogin-main".into(),
        base_url: format!("{BASE}/"),
        account_id: "424242".to_owned(),
        client_id: Some("c0ffee00".repeat(8)),
        secret: Some(Secret::new("planted-secret")),
        own_client_ids: vec!["c0ffee00".repeat(8)],
        own_user_ids: Vec::new(),
        canary: Some("90000002".to_owned()),
    }
}

fn connect(settings: OneLoginSettings, script: &Arc<Script>) -> (OneLogin, Arc<StandingClock>) {
    let clock = StandingClock::new();
    let onelogin = OneLogin::new(
        settings,
        script.clone(),
        clock.clone(),
        Arc::new(CountingIds::default()),
    );
    (onelogin, clock)
}

fn account() -> AccountRef {
    AccountRef::new("onelogin-main", USER)
}

fn line(method: &str, path: &str) -> String {
    format!("{method} {BASE}{path}")
}

fn get(path: &str, body: &Value) -> Step {
    step(&line("GET", path), 200, body)
}

fn token() -> Step {
    granted(TOKEN, 424_242)
}

/// Made at the start of the clock, for ten hours.
fn granted(token: &str, account: u64) -> Step {
    step(
        &line("POST", "/auth/oauth2/v2/token"),
        200,
        &json!({ "access_token": token, "created_at": "2026-03-02T08:00:00.000Z", "expires_in": 36000,
            "refresh_token": "unused", "token_type": "bearer", "account_id": account }),
    )
}

fn user_body(id: &str, status: i64) -> Value {
    json!({
        "id": id.parse::<i64>().unwrap(), "username": "Amara.Okafor", "email": "Amara.Okafor@Example.com",
        "firstname": "Amara", "lastname": "Okafor", "title": "Analyst", "department": "Finance",
        "status": status, "state": 1, "group_id": null, "role_ids": [], "directory_id": null, "trusted_idp_id": null,
        "external_id": "HR-10021", "manager_user_id": null, "manager_ad_id": null, "samaccountname": null,
        "activated_at": "2024-03-01T08:00:00.000Z",
        "custom_attributes": { "cost_center": "C-42", "badge": null },
    })
}

fn user(body: &Value) -> Step {
    get(&format!("/api/2/users/{}", body["id"]), body)
}

fn not_found() -> Value {
    json!({ "message": "The resource with the given id could not be found", "name": "NotFoundError", "statusCode": 404 })
}

fn v1(code: u16, kind: &str, message: &str) -> Value {
    json!({ "status": { "error": code >= 400, "code": code, "type": kind, "message": message } })
}

fn missing(id: &str) -> Step {
    step(&line("GET", &format!("/api/2/users/{id}")), 404, &not_found())
}

/// What v1 says of a user who is missing.
fn missing_on_v1(id: &str, status: u16) -> Step {
    step(
        &line("GET", &format!("/api/1/users/{id}")),
        status,
        &v1(status, "not found", "whatever it says"),
    )
}

fn canary() -> Step {
    user(&user_body("90000002", 1))
}

/// Nobody administers anything.
fn no_rights() -> [Step; 2] {
    [get("/api/1/privileges", &json!([])), roles(&json!([]))]
}

fn roles(body: &Value) -> Step {
    get("/api/2/roles?fields=admins&limit=100", body)
}

/// `Super user` (with these users, and these roles) and `Help desk` (nobody).
fn privileges(users: &Value, by_role: &Value) -> Vec<Step> {
    vec![
        get(
            "/api/1/privileges",
            &json!([{ "id": "p-1", "name": "Super user" }, { "id": "p-2", "name": "Help desk" }]),
        ),
        get(
            "/api/1/privileges/p-1/users",
            &json!({ "total": 1, "users": users, "afterCursor": null }),
        ),
        get("/api/1/privileges/p-1/roles", by_role),
        get("/api/1/privileges/p-2/users", &json!([])),
        get("/api/1/privileges/p-2/roles", &json!({ "roles": [] })),
    ]
}

fn uses(names: &[&str]) -> Vec<ActionUse> {
    names
        .iter()
        .map(|&name| ActionUse {
            action: name.to_owned(),
            with: Value::Null,
        })
        .collect()
}

fn change(action: &str, after: Value) -> Change {
    Change {
        stage: "cut".to_owned(),
        step: "1".to_owned(),
        connection: "onelogin-main".into(),
        account: Some(account()),
        action: action.to_owned(),
        effect: EffectClass::Set,
        settle_ms: 0,
        with: Value::Null,
        before: Value::Null,
        after,
        evidence: Value::Null,
    }
}

fn suspend() -> Change {
    change("onelogin/suspend", json!({ "status": "suspended" }))
}
