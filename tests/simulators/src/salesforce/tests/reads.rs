//! Queries, pages, describe, limits, faults, error shapes.

use std::time::Duration;

use super::super::UserSeed;
use super::*;
use crate::faults::{Fault, FaultRule};

#[test]
fn parents_nest_and_absent_parents_are_null() {
    let world = world();
    let answer = world.query("select ID, username, manager.email, manager.isactive, manager.manager.email, UserRole.Name from user where federationidentifier = 'JORDAN'");
    let attributes = |id: &str| json!({ "type": "User", "url": format!("/services/data/v66.0/sobjects/User/{id}") });
    assert_eq!(
        answer,
        json!({ "totalSize": 1, "done": true, "records": [{
            "attributes": attributes(&world.leaver), "Id": world.leaver, "Username": "jordan.rivera@corp.example",
            "Manager": { "attributes": attributes(&world.admin), "Email": "admin@corp.example", "IsActive": true, "Manager": null }, "UserRole": null,
        }] })
    );
}

#[test]
fn pages_may_be_short_and_only_done_ends_them() {
    let world = world();
    for number in 0..20 {
        world
            .org
            .add_user(UserSeed::new(&format!("user{number:02}@corp.example")));
    }
    world.org.set_page_size(6);
    world.org.set_short_pages(true);
    let mut page = world.query("SELECT Id, Username FROM User ORDER BY Username DESC");
    let (mut names, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let records = page["records"].as_array().unwrap().clone();
        sizes.push(records.len());
        names.extend(
            records
                .iter()
                .map(|record| record["Username"].as_str().unwrap().to_owned()),
        );
        if page["done"] == true {
            break;
        }
        let next = page["nextRecordsUrl"]
            .as_str()
            .unwrap()
            .strip_prefix("/services/data/v66.0")
            .unwrap()
            .to_owned();
        page = world.get(&next).1;
    }
    assert_eq!((names.len(), page["totalSize"].as_u64()), (23, Some(23)));
    assert!(names.iter().rev().is_sorted());
    assert!(sizes.iter().all(|size| *size < 6) && sizes.contains(&5) && sizes.contains(&4));
    assert_eq!(
        code(&world.get("/query/01g5f0000EXAMPLEAAA-5").1),
        "INVALID_QUERY_LOCATOR"
    );
}

#[test]
fn cursors_end_after_two_days() {
    let mut world = world();
    world.org.set_page_size(1);
    world.org.set_session_lifetime(Duration::from_hours(72));
    world.token = world.org.log_in(&world.integration);
    let next = world.query("SELECT Id FROM User")["nextRecordsUrl"]
        .as_str()
        .unwrap()
        .strip_prefix("/services/data/v66.0")
        .unwrap()
        .to_owned();
    world.now += Duration::from_hours(47);
    assert_eq!(world.get(&next).0, 200);
    world.now += Duration::from_hours(1);
    assert_eq!(code(&world.get(&next).1), "INVALID_QUERY_LOCATOR");
}

#[test]
fn counts_answer_in_their_two_shapes() {
    let world = world();
    assert_eq!(
        world.query("SELECT COUNT() FROM User"),
        json!({ "totalSize": 3, "done": true, "records": [] })
    );
    assert_eq!(
        world.query("SELECT COUNT(ManagerId) FROM User")["records"],
        json!([{ "attributes": { "type": "AggregateResult" }, "expr0": 1 }])
    );
}

#[test]
fn keyset_paging_by_id_finds_everybody_once() {
    let world = world();
    let (mut last, mut all) = ("000000000000000".to_owned(), Vec::new());
    loop {
        let page = world.ids(&format!("SELECT Id FROM User WHERE Id > '{last}' ORDER BY Id LIMIT 2"));
        let Some(end) = page.last() else { break };
        last.clone_from(end);
        all.extend(page);
    }
    let mut everybody = vec![world.integration.clone(), world.admin.clone(), world.leaver.clone()];
    everybody.sort();
    assert_eq!(all, everybody);
}

#[test]
fn shortcuts_by_index_answer_what_reading_everything_answers() {
    let world = world();
    let leaver = world.leaver.clone();
    for (filter, expected) in [
        ("Username = 'JORDAN.rivera@corp.example'", 1),
        (
            "Username IN ('jordan.rivera@corp.example', 'admin@corp.example', 'x')",
            2,
        ),
        ("Username = 'jordan.rivera@corp.example' AND IsActive = false", 0),
        ("Username = 'jordan.rivera@corp.example' OR IsActive = true", 3),
        ("NOT Username = 'jordan.rivera@corp.example'", 2),
        ("FederationIdentifier = null", 2),
        ("FederationIdentifier IN ('jordan', null)", 3),
        ("Manager.Username = 'admin@corp.example'", 1),
    ] {
        let count = world.query(&format!("SELECT COUNT() FROM User WHERE {filter}"))["totalSize"].as_u64();
        assert_eq!(count, Some(expected), "{filter}");
    }
    world.patch("User", &leaver, &json!({ "Username": "moved@corp.example" }));
    assert!(
        world
            .ids("SELECT Id FROM User WHERE Username = 'jordan.rivera@corp.example'")
            .is_empty()
    );
    assert_eq!(
        world.ids("SELECT Id FROM User WHERE Username = 'moved@corp.example'"),
        [leaver]
    );
}

#[test]
fn every_answer_carries_the_usage_and_the_quota_ends_it() {
    let world = world();
    let bearer = format!("Bearer {}", world.token);
    let usage = || {
        world
            .send(
                Method::GET,
                "/services/data/v66.0/limits/",
                &[("authorization", &bearer)],
                "",
            )
            .headers()["sforce-limit-info"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(usage(), "api-usage=1/115000");
    world.org.use_calls(10);
    assert_eq!(usage(), "api-usage=12/115000");
    world.org.set_daily_limit(12);
    let (status, body) = world.get("/limits");
    assert_eq!((status, code(&body)), (403, "REQUEST_LIMIT_EXCEEDED"));
    world.org.set_daily_limit(100);
    assert_eq!(
        world.get("/limits").1["DailyApiRequests"],
        json!({ "Max": 100, "Remaining": 87 })
    );
}

#[test]
fn a_token_can_be_made_to_last_for_some_calls() {
    let world = world();
    world.org.expire_tokens_after(Some(2));
    assert_eq!(
        [world.get("/limits").0, world.get("/limits").0, world.get("/limits").0],
        [200, 200, 401]
    );
}

#[test]
fn objects_describe_themselves() {
    let world = world();
    let (_, all) = world.get("/sobjects");
    assert!(
        all["sobjects"]
            .as_array()
            .unwrap()
            .iter()
            .any(|object| object["name"] == "UserLogin"
                && object["createable"] == false
                && object["updateable"] == true)
    );
    let (_, user) = world.get("/sobjects/user/describe");
    let field = |name: &str| {
        user["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|field| field["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (user["name"].as_str(), user["keyPrefix"].as_str()),
        (Some("User"), Some("005"))
    );
    assert_eq!(
        (
            field("ManagerId")["referenceTo"].clone(),
            field("ManagerId")["relationshipName"].clone()
        ),
        (json!(["User"]), json!("Manager"))
    );
    assert_eq!(
        (
            field("UserType")["updateable"].clone(),
            field("IsActive")["updateable"].clone()
        ),
        (json!(false), json!(true))
    );
    let bearer = format!("Bearer {}", world.token);
    let since = world
        .send(
            Method::GET,
            "/services/data/v66.0/sobjects/User/describe",
            &[("authorization", &bearer)],
            "",
        )
        .headers()["last-modified"]
        .to_str()
        .unwrap()
        .to_owned();
    let again = world.send(
        Method::GET,
        "/services/data/v66.0/sobjects/User/describe",
        &[("authorization", &bearer), ("if-modified-since", &since)],
        "",
    );
    assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
    assert_eq!(world.get("/sobjects/Nope/describe").0, 404);
}

#[test]
fn versions_need_no_token_and_everything_else_does() {
    let world = world();
    assert_eq!(world.send(Method::GET, "/services/data", &[], "").status(), 200);
    let response = world.send(
        Method::GET,
        "/services/data/v66.0/limits",
        &[("authorization", "Bearer nonsense")],
        "",
    );
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.body(),
        r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#
    );
    assert_eq!(
        world.send(Method::GET, "/services/data/v66.0/limits", &[], "").status(),
        401
    );
}

#[test]
fn bad_calls_are_refused_in_the_vendors_words() {
    let world = world();
    assert_eq!(code(&world.get("/sobjects/User/0055f00000AAAA1AAA").1), "MALFORMED_ID");
    assert_eq!(world.get("/sobjects/User/0055f00000ZZZZ1").0, 404);
    assert_eq!(
        world
            .rest(Method::PUT, &format!("/sobjects/User/{}", world.leaver), &json!({}))
            .0,
        405
    );
    assert_eq!(
        code(&world.patch("User", &world.leaver, &json!({ "Nope": 1 })).1),
        "INVALID_FIELD"
    );
    assert_eq!(
        code(&world.patch("User", &world.leaver, &json!({ "Id": world.leaver })).1),
        "INVALID_FIELD"
    );
    let bearer = format!("Bearer {}", world.token);
    let target = format!("/services/data/v66.0/sobjects/User/{}", world.leaver);
    assert_eq!(
        world
            .send(
                Method::PATCH,
                &target,
                &[("authorization", &bearer), ("content-type", "text/plain")],
                "{}"
            )
            .status(),
        415
    );
    assert_eq!(
        world
            .send(
                Method::PATCH,
                &target,
                &[("authorization", &bearer), ("content-type", "application/json")],
                "{"
            )
            .status(),
        400
    );
    let long = format!("/services/data/v66.0/query?q={}", "x".repeat(16_400));
    let response = world.send(Method::GET, &long, &[("authorization", &bearer)], "");
    assert_eq!(
        (response.status().as_u16(), &response.body()[..6]),
        (414, &b"<html>"[..])
    );
}

#[test]
fn a_read_by_id_shows_the_fields_asked_for() {
    let world = world();
    let (_, whole) = world.get(&format!("/sobjects/User/{}", world.leaver));
    assert!(whole["Username"].is_string() && whole.get("_OauthToken").is_none());
    let (_, some) = world.get(&format!("/sobjects/User/{}?fields=Email,isactive", world.leaver));
    assert_eq!(
        some.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["Email", "Id", "IsActive", "attributes"]
    );
    let (_, session) = world.get(&format!(
        "/sobjects/AuthSession/{}",
        world.org.sessions_of(&world.leaver)[2]
    ));
    assert!(session.get("_OauthToken").is_none() && session.get("_Calls").is_none());
}

#[test]
fn faults_speak_the_vendors_language() {
    let world = world();
    let strike = |fault: Fault| world.org.faults().add(FaultRule::once("/", fault));
    for (fault, status, expected) in [
        (
            Fault::RateLimited(Duration::from_secs(5)),
            403,
            "REQUEST_LIMIT_EXCEEDED",
        ),
        (Fault::ServerError, 500, "UNKNOWN_EXCEPTION"),
        (Fault::Unavailable, 503, "SERVER_UNAVAILABLE"),
        (Fault::TokenExpired, 401, "INVALID_SESSION_ID"),
    ] {
        strike(fault);
        let (found, body) = world.get("/limits");
        assert_eq!((found, code(&body)), (status, expected));
    }
    strike(Fault::Html);
    let (status, body) = world.get("/limits");
    assert_eq!((status, body), (200, Value::Null));
    strike(Fault::EmptyList);
    assert_eq!(
        world.query("SELECT Id FROM User"),
        json!({ "totalSize": 0, "done": true, "records": [] })
    );
}

#[test]
fn a_lost_answer_was_executed_and_a_time_out_was_not() {
    let world = world();
    let login = world.login_id(&world.leaver);
    let target = format!("/services/data/v66.0/sobjects/UserLogin/{login}");
    let bearer = format!("Bearer {}", world.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    world.org.faults().add(FaultRule::once("/UserLogin/", Fault::Timeout));
    assert!(matches!(
        world.reply(Method::PATCH, &target, &headers, r#"{"IsFrozen":true}"#),
        Reply::Silence
    ));
    assert!(!world.org.is_frozen(&world.leaver));
    world
        .org
        .faults()
        .add(FaultRule::once("/UserLogin/", Fault::AnswerLost));
    assert!(matches!(
        world.reply(Method::PATCH, &target, &headers, r#"{"IsFrozen":true}"#),
        Reply::Silence
    ));
    assert!(world.org.is_frozen(&world.leaver));
    world.org.faults().add(FaultRule::once("/limits", Fault::TruncatedPage));
    assert!(
        matches!(world.reply(Method::GET, "/services/data/v66.0/limits", &headers, ""), Reply::Truncated(response, cut) if cut < response.body().len())
    );
}
