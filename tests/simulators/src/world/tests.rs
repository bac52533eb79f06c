//! What the world promises to those who start from it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::okta::Status;
use crate::wire::{Reply, Request, Simulator};

fn now() -> Timestamp {
    "2026-03-02T08:15:00Z".parse().unwrap()
}

fn world() -> LeaverWorld {
    LeaverWorld::new(now()).unwrap()
}

/// Status and JSON of a call; a body is a form.
fn call(simulator: &dyn Simulator, target: &str, authorization: &str, form: &str, at: Timestamp) -> (u16, Value) {
    let mut request = Request::new(Bytes::from(form.to_owned()));
    *request.uri_mut() = target.parse().unwrap();
    if !form.is_empty() {
        *request.method_mut() = http::Method::POST;
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", kind);
    }
    for (name, value) in [
        ("authorization", authorization),
        ("host", "corp.example"),
        ("accept", "application/json"),
    ] {
        if !value.is_empty() {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    let Reply::Answer(response) = simulator.answer(&request, at) else {
        panic!("no answer")
    };
    (
        response.status().as_u16(),
        serde_json::from_slice(response.body()).unwrap_or(Value::Null),
    )
}

/// A token by client credentials.
fn salesforce_token(world: &LeaverWorld, at: Timestamp) -> String {
    let credentials = &world.credentials;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &credentials.consumer_key)
        .append_pair("client_secret", &credentials.consumer_secret)
        .finish();
    let (status, token) = call(&*world.salesforce, "/services/oauth2/token", "", &form, at);
    assert_eq!(status, 200, "{token}");
    token["access_token"].as_str().unwrap().to_owned()
}

/// Ids of the events in a delivery, and ids of the users they are about.
fn told(delivery: &crate::okta::Delivery) -> Vec<(String, String, String)> {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    body["data"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                text(&event["eventType"]),
                text(&event["uuid"]),
                text(&event["target"][0]["id"]),
            )
        })
        .collect()
}

#[test]
fn the_leaver_has_access_and_so_has_the_colleague() {
    let world = world();
    let (okta, org) = (&world.okta, &world.salesforce);
    let mine = |username: &str| {
        let user = org.user_id(username).unwrap();
        assert!(org.is_active(&user) && !org.is_frozen(&user), "{username}");
        (org.sessions_of(&user).len(), org.tokens_of(&user).len())
    };
    assert_eq!(mine(LEAVER), (3 + 2, 2), "a token comes with a session");
    assert_eq!(mine("chidi.okafor@corp.example"), (1 + 1, 1));
    assert_eq!(org.user_id(LEAVER).as_ref(), Some(&world.leaver_user));
    assert_eq!(
        org.user_id("chidi.okafor@corp.example").as_ref(),
        Some(&world.colleague_user)
    );
    assert_eq!(okta.user_id(LEAVER).as_ref(), Some(&world.leaver));
    assert_eq!(
        okta.user_id("priya.raman@corp.example").as_ref(),
        Some(&world.administrator)
    );
    for login in [
        LEAVER,
        MANAGER,
        SERVICE,
        "chidi.okafor@corp.example",
        "priya.raman@corp.example",
    ] {
        let id = okta.user_id(login).unwrap();
        assert_eq!(okta.user_status(&id), Some(Status::Active), "{login}");
    }
    let profile = okta.profile(&world.leaver).unwrap();
    assert_eq!(profile["managerId"], json!(okta.user_id(MANAGER).unwrap()));
    // Both match keys of the configuration lead to the same user in both systems.
    let user = org.record("User", &world.leaver_user).unwrap();
    assert_eq!(user["EmployeeNumber"], profile["employeeNumber"]);
    assert_eq!(user["FederationIdentifier"], profile["login"]);
    let colleague = org.record("User", &world.colleague_user).unwrap();
    assert_eq!(colleague["LastName"], user["LastName"]);
    assert_ne!(colleague["EmployeeNumber"], user["EmployeeNumber"]);
}

#[test]
fn ids_are_as_the_vendors_write_them() {
    assert_eq!(crate::salesforce::id18(SALESFORCE_ORG).as_deref(), Some(SALESFORCE_ORG));
    assert_eq!(world().salesforce.id(), SALESFORCE_ORG);
    assert_eq!([OKTA_ORG.len(), HOOK.len(), SECOND_HOOK.len()], [20; 3]);
}

#[test]
fn the_credentials_open_every_system() {
    let world = world();
    let credentials = &world.credentials;
    let okta = format!("SSWS {}", credentials.okta_token);
    let (status, user) = call(
        &*world.okta,
        &format!("/api/v1/users/{}", world.leaver),
        &okta,
        "",
        now(),
    );
    assert_eq!((status, &user["profile"]["login"]), (200, &json!(LEAVER)), "{user}");

    let bearer = format!("Bearer {}", salesforce_token(&world, now()));
    let query = "/services/data/v66.0/query?q=SELECT+Id+FROM+User+WHERE+EmployeeNumber='E1042'".replace('\'', "%27");
    let (status, found) = call(&*world.salesforce, &query, &bearer, "", now());
    assert_eq!(
        (status, &found["records"][0]["Id"]),
        (200, &json!(world.leaver_user)),
        "{found}"
    );

    let slack = format!("Bearer {}", credentials.slack_token);
    let (_, me) = call(&*world.slack, "/api/auth.test", &slack, "", now());
    assert_eq!(me["team_id"], SLACK_TEAM, "{me}");
    let list = "/api/conversations.list?types=public_channel,private_channel";
    let (_, channels) = call(&*world.slack, list, &slack, "", now());
    assert_eq!(
        (&channels["channels"][0]["id"], &channels["channels"][0]["is_member"]),
        (&json!(CHANNEL), &json!(true)),
        "{channels}"
    );
    let mail = format!("/api/users.lookupByEmail?email={}", MANAGER.replace('@', "%40"));
    let (_, manager) = call(&*world.slack, &mail, &slack, "", now());
    assert_eq!(manager["user"]["id"], MANAGER_IN_SLACK, "{manager}");
}

#[test]
fn a_deactivation_is_delivered_once_and_touches_nothing_else() {
    let world = world();
    assert!(world.okta.take_deliveries(now()).is_empty(), "nothing has happened yet");
    let before = world.salesforce.sessions_of(&world.leaver_user);
    world.deactivate(now()).unwrap();
    assert_eq!(world.okta.user_status(&world.leaver), Some(Status::Deprovisioned));
    let deliveries = world.okta.take_deliveries(now());
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].hook_id, HOOK);
    let secret = ("authorization".to_owned(), world.credentials.hook_secret.clone());
    assert!(deliveries[0].headers.contains(&secret));
    let events = told(&deliveries[0]);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].0.as_str(), &events[0].2),
        ("user.lifecycle.deactivate", &world.leaver)
    );
    assert_eq!(world.salesforce.sessions_of(&world.leaver_user), before);
    assert!(!world.salesforce.is_frozen(&world.leaver_user));
    assert!(world.slack.messages(CHANNEL).is_empty());
    assert!(world.deactivate(now()).is_err(), "nobody is deactivated twice");
}

#[test]
fn two_hooks_tell_the_same_under_names_of_their_own() {
    let world = world();
    world.second_hook(true);
    world.deactivate(now()).unwrap();
    let deliveries = world.okta.take_deliveries(now());
    let hooks: Vec<&str> = deliveries.iter().map(|delivery| delivery.hook_id.as_str()).collect();
    assert_eq!(hooks, [HOOK, SECOND_HOOK]);
    assert_ne!(deliveries[0].event_id, deliveries[1].event_id);
    assert_eq!(told(&deliveries[0]), told(&deliveries[1]));
    world.second_hook(false);
    world.activate(now()).unwrap();
    assert_eq!(
        world.okta.user_status(&world.leaver),
        Some(Status::Active),
        "she keeps her password"
    );
    let deliveries = world.okta.take_deliveries(now());
    let kinds: Vec<String> = deliveries.iter().flat_map(told).map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["user.lifecycle.activate"]);
}

#[test]
fn sessions_outlast_a_story_and_tokens_of_the_api_do_not() {
    let world = world();
    let (leaver, colleague) = (&world.leaver_user, &world.colleague_user);
    let sessions = |user: &str| world.salesforce.sessions_of(user);
    let before = (sessions(leaver), sessions(colleague));
    let early = salesforce_token(&world, now());
    let later = now() + Duration::from_hours(8);
    let limits = "/services/data/v66.0/limits";
    assert_eq!(
        call(&*world.salesforce, limits, &format!("Bearer {early}"), "", later).0,
        401
    );
    let fresh = salesforce_token(&world, later);
    assert_eq!(
        call(&*world.salesforce, limits, &format!("Bearer {fresh}"), "", later).0,
        200
    );
    assert_eq!((sessions(leaver), sessions(colleague)), before);
}
