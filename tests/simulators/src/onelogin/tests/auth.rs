//! Tokens, scopes, limits and faults.

use std::time::Duration;

use super::*;
use crate::faults::FaultRule;

#[test]
fn the_same_token_with_its_first_time_comes_back_until_it_ends() {
    let mut world = World::new();
    let first = world.issue("manage-all").json;
    world.pass(35_999);
    let again = world.issue("manage-all").json;
    assert_eq!(again, first, "expires_in stays 36000 although a second is left");
    assert_eq!(again["created_at"], "2026-11-20T09:00:00.000Z");
    assert_eq!(again["account_id"], 424_242);
    assert_eq!(world.get("/api/2/users").status, 200);
    world.pass(1);
    assert_eq!(world.get("/api/2/users").status, 401);
    assert_ne!(world.issue("manage-all").json["access_token"], first["access_token"]);
}

#[test]
fn a_revoked_token_ends_and_only_its_own_client_can_revoke_it() {
    let world = World::new();
    let revoke = |client: &str| {
        let request = http::Request::builder()
            .method("POST")
            .uri("/auth/oauth2/revoke")
            .header("authorization", format!("client_id:{client}, client_secret:secret"))
            .body(Bytes::from(json!({"access_token": world.token}).to_string()))
            .unwrap();
        world.send(&request).status
    };
    assert_eq!(revoke("read-all"), 400);
    assert_eq!(world.get("/api/2/users").status, 200);
    assert_eq!(revoke("manage-all"), 200);
    assert_eq!(world.get("/api/2/users").status, 401);
}

#[test]
fn a_credential_dies_with_its_owner_and_answers_500() {
    let world = World::new();
    world.account.admin_delete(world.owner, 1, world.now).unwrap();
    let older = world.get("/api/1/users");
    assert_eq!((older.status, &older.json["status"]["code"]), (500, &json!(500)));
    let newer = world.get("/api/2/users");
    assert_eq!((newer.status, &newer.json["statusCode"]), (500, &json!(500)));
    assert_eq!(world.issue("manage-all").status, 500);
}

#[test]
fn a_scope_that_does_not_reach_is_401_and_changes_nothing() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let token = world.token_of("read-users");
    let path = format!("/api/2/users/{user}");
    let refused = world.call_as(&token, "PUT", &path, Some(&json!({"status": 2})));
    assert_eq!(
        (refused.status, &refused.json["name"]),
        (401, &json!("UnauthorizedError"))
    );
    assert_eq!(world.account.status_of(user), Some(Status::Active));
    let refused = world.call_as(&token, "PUT", &format!("/api/1/users/{user}/logout"), None);
    assert_eq!(refused.json["status"]["message"], "Insufficient Permission");
    world.account.set_v2_scope_status(403);
    assert_eq!(
        world.call_as(&token, "PUT", &path, Some(&json!({"status": 2}))).status,
        403
    );
    let manage = world.token_of("manage-users");
    let lock = format!("/api/1/users/{user}/lock_user");
    let minutes = json!({"locked_until": 5});
    assert_eq!(
        world.call_as(&manage, "PUT", &lock, Some(&minutes)).status,
        401,
        "Manage All only"
    );
    assert_eq!(
        world
            .call_as(&world.token_of("none"), "GET", "/api/1/events", None)
            .status,
        401
    );
    assert_eq!(world.call_as(&token, "GET", "/api/1/events", None).status, 200);
}

#[test]
fn the_v1_budget_is_the_accounts_and_counts_seconds_down() {
    let mut world = World::new();
    world.account.set_rate_limit(3);
    let first = world.get("/api/1/groups");
    assert_eq!(first.header("x-ratelimit-remaining"), Some("2"));
    assert_eq!(first.header("x-ratelimit-reset"), Some("3600"));
    world.pass(600);
    world.account.use_calls(1, world.now);
    assert_eq!(world.get("/api/1/groups").header("x-ratelimit-reset"), Some("3000"));
    let refused = world.call_as(&world.token_of("read-all"), "GET", "/api/1/groups", None);
    assert_eq!(
        (refused.status, refused.header("x-ratelimit-remaining")),
        (429, Some("0"))
    );
    assert_eq!(refused.json["status"]["code"], 429);
    assert_eq!(refused.header("retry-after"), None);
    let newer = world.get("/api/2/roles");
    assert_eq!((newer.status, newer.header("x-ratelimit-limit")), (200, None));
    assert_eq!(world.get("/auth/rate_limit").json["data"]["X-RateLimit-Reset"], 3000);
    world.pass(3_000);
    assert_eq!(world.get("/api/1/groups").status, 200);
}

#[test]
fn faults_strike_in_the_dialect_of_the_call() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let path = format!("/api/2/users/{user}");
    let faults = world.account.faults();
    faults.add(FaultRule::once("/api/1/", Fault::RateLimited(Duration::from_secs(7))));
    assert_eq!(world.get("/api/1/groups").header("x-ratelimit-reset"), Some("7"));
    faults.add(FaultRule::once("/api/2/", Fault::ServerErrorAfterExecution));
    assert_eq!(world.call("PUT", &path, json!({"status": 2})).json["statusCode"], 500);
    assert_eq!(world.account.status_of(user), Some(Status::Suspended));
    faults.add(FaultRule::once("/api/2/users", Fault::EmptyList));
    assert_eq!(world.get("/api/2/users").json, json!([]));
    faults.add(FaultRule::once("/api/1/events", Fault::EmptyList));
    let empty = world.get("/api/1/events").json;
    assert_eq!(
        (&empty["data"], &empty["pagination"]["after_cursor"]),
        (&json!([]), &Value::Null)
    );
    faults.add(FaultRule::once("/api/2/", Fault::TokenExpired));
    assert_eq!(world.get("/api/2/users").status, 401);
    assert_ne!(
        world.token_of("manage-all"),
        world.token,
        "the token call makes a new one"
    );
    assert_eq!(world.account.counters().get("suspend"), 1);
}
