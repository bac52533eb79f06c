//! Limits, faults and the headers that all answers have.

use std::time::Duration;

use super::*;
use crate::faults::FaultRule;

#[test]
fn every_answer_says_where_the_limit_stands() {
    let mut world = World::new();
    world.okta.set_limit("/api/v1/users", 2);
    let id = world.user("bob@example.com");
    world.pass(10);
    let first = world.get("/api/v1/users");
    assert_eq!(
        (
            first.header("x-rate-limit-limit"),
            first.header("x-rate-limit-remaining")
        ),
        ("2", "1")
    );
    let reset: i64 = first.header("x-rate-limit-reset").parse().unwrap();
    assert_eq!(reset, world.now.as_second() + 60);
    assert_eq!(first.header("date"), "Mon, 02 Mar 2026 08:00:10 GMT");
    assert!(!first.header("x-okta-request-id").is_empty());
    world.call("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"));
    let third = world.get(&format!("/api/v1/users/{id}/groups"));
    assert_eq!(
        (third.status, third.code(), third.header("retry-after")),
        (429, "E0000047", "")
    );
    assert_eq!(
        world.get(&format!("/api/v1/users/{id}")).status,
        200,
        "a single read has its own bucket"
    );
    assert_eq!(world.kinds().last().unwrap(), "system.org.rate_limit.violation");
    world.pass(59);
    assert_eq!(world.get("/api/v1/users").status, 429);
    world.pass(1);
    assert_eq!(world.get("/api/v1/users").status, 200);
}

#[test]
fn an_empty_write_must_state_its_length() {
    let world = World::new();
    let id = world.user("bob@example.com");
    let mut bare = request("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"), None);
    bare.headers_mut().remove("content-length");
    assert_eq!(world.send(&bare).status, 411);
    assert_eq!(world.okta.user_status(&id), Some(Status::Active));
}

#[test]
fn paths_and_methods_are_told_apart() {
    let world = World::new();
    let unknown = world.get("/api/v1/nothing");
    assert_eq!((unknown.status, unknown.code()), (404, "E0000008"));
    let wrong = world.call("DELETE", "/api/v1/users");
    assert_eq!((wrong.status, wrong.code()), (405, "E0000022"));
    let first = world.get("/api/v1/nothing").json["errorId"].clone();
    assert_ne!(
        world.get("/api/v1/nothing").json["errorId"],
        first,
        "error ids are unique"
    );
    let org = world.okta.answer(
        &http::Request::get("/.well-known/okta-organization")
            .body(Bytes::new())
            .unwrap(),
        world.now,
    );
    let Reply::Answer(org) = org else { panic!("no answer") };
    let org: Value = serde_json::from_slice(org.body()).unwrap();
    assert_eq!(
        (&org["id"], &org["_links"]["organization"]["href"]),
        (&json!("00oTestOrg000000001"), &json!(BASE))
    );
}

/// A world, a user, and the reply to a suspension struck by `fault`.
fn struck(fault: Fault) -> (World, String, Reply) {
    let world = World::new();
    let id = world.user("bob@example.com");
    world.okta.faults().add(FaultRule::once("/lifecycle/suspend", fault));
    let reply = world.okta.answer(
        &request("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"), None),
        world.now,
    );
    (world, id, reply)
}

#[test]
fn faults_strike_once_in_the_vendors_shapes() {
    // fault, status, code, executed
    let answered = [
        (Fault::RateLimited(Duration::from_secs(90)), 429, "E0000047", false),
        (Fault::ServerError, 500, "E0000009", false),
        (Fault::ServerErrorAfterExecution, 500, "E0000009", true),
        (Fault::Unavailable, 503, "E0000010", false),
        (Fault::TokenExpired, 401, "E0000011", false),
    ];
    for (fault, status, code, executed) in answered {
        let (world, id, reply) = struck(fault);
        let Reply::Answer(response) = reply else {
            panic!("{fault:?} gives an answer")
        };
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), body["errorCode"].as_str()),
            (status, Some(code)),
            "{fault:?}"
        );
        let suspended = world.okta.user_status(&id) == Some(Status::Suspended);
        assert_eq!(suspended, executed, "{fault:?}");
        assert_eq!(world.okta.counters().get("suspend"), u64::from(executed), "{fault:?}");
        let path = format!(
            "/api/v1/users/{id}/lifecycle/{}",
            if executed { "unsuspend" } else { "suspend" }
        );
        assert_eq!(world.call("POST", &path).status, 200, "{fault:?} strikes once");
    }
    let lost = struck(Fault::AnswerLost);
    assert!(matches!(lost.2, Reply::Silence));
    assert_eq!(lost.0.okta.user_status(&lost.1), Some(Status::Suspended));
    for (fault, silent) in [(Fault::Timeout, true), (Fault::Reset, false)] {
        let (world, id, reply) = struck(fault);
        assert_eq!(matches!(reply, Reply::Silence), silent);
        assert_eq!(matches!(reply, Reply::Reset), !silent);
        assert_eq!(world.okta.user_status(&id), Some(Status::Active));
        assert_eq!(world.okta.calls().len(), 1, "a struck call is a call");
    }
}

#[test]
fn a_limit_fault_tells_when_to_come_back() {
    let (world, _, reply) = struck(Fault::RateLimited(Duration::from_secs(90)));
    let Reply::Answer(response) = reply else {
        panic!("an answer")
    };
    let reset: i64 = response.headers()["x-rate-limit-reset"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        (reset, &response.headers()["x-rate-limit-remaining"]),
        (world.now.as_second() + 90, &HeaderValue::from(0))
    );
}

#[test]
fn members_appear_without_notice() {
    let world = World::new();
    world.okta.set_unknown_members(true);
    let id = world.user("bob@example.com");
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    assert!(world.get("/api/v1/users").json[0].get("addedLastMonth").is_some());
    assert!(world.get("/api/v1/groups").json[0].get("addedLastMonth").is_some());
    assert!(world.get("/api/v1/logs").json[0].get("addedLastMonth").is_some());
    world.okta.set_limit("/api/v1/logs", 0);
    let refused = world.get("/api/v1/logs");
    assert_eq!((refused.status, refused.header("x-rate-limit-limit")), (429, "0"));
}

#[test]
fn broken_lists() {
    let world = World::new();
    let request = request("GET", "/api/v1/users?limit=1", None);
    world.user("bob@example.com");
    world
        .okta
        .faults()
        .add(FaultRule::once("/api/v1/users", Fault::EmptyList));
    let empty = world.send(&request);
    assert_eq!(
        (empty.status, empty.json.clone(), empty.link("next")),
        (200, json!([]), None)
    );
    world.okta.faults().add(FaultRule::once("/api/v1/users", Fault::Html));
    let html = world.send(&request);
    assert_eq!(
        (html.status, html.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    world
        .okta
        .faults()
        .add(FaultRule::once("/api/v1/users", Fault::TruncatedPage));
    let Reply::Truncated(whole, kept) = world.okta.answer(&request, world.now) else {
        panic!("truncated")
    };
    assert!(kept > 0 && kept < whole.body().len());
}
