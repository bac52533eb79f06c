//! The System Log's two modes.

use super::*;

fn uuids(got: &Got) -> Vec<String> {
    got.json
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["uuid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn polling_always_goes_on_and_loses_nothing() {
    let mut world = World::new();
    let id = world.user("bob@example.com");
    let empty = world.get("/api/v1/logs?since=2026-03-02T07:00:00Z");
    let start = empty.link("next").unwrap();
    assert_eq!(uuids(&empty), Vec::<String>::new());
    assert_eq!(
        world.get(&start).link("next").unwrap(),
        start,
        "caught up: the cursor does not move"
    );

    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    world.okta.late_next_event(std::time::Duration::from_mins(1));
    world.pass(1);
    world.okta.admin_unsuspend(&id, &world.admin, world.now).unwrap();
    world.pass(1);
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    let page = world.get(&start);
    assert_eq!(uuids(&page).len(), 2, "the late event is not there yet");
    world.pass(60);
    let bounded = "/api/v1/logs?since=2026-03-02T07:00:00Z&until=2026-03-02T08:00:02Z";
    assert_eq!(uuids(&world.get(bounded)).len(), 2, "a bounded query goes by published");
    let later = world.get(&page.link("next").unwrap());
    assert_eq!(
        later.json[0]["eventType"], "user.lifecycle.unsuspend",
        "the late event comes after newer ones"
    );
    assert!(later.json[0]["published"].as_str() < page.json[1]["published"].as_str());
    assert_eq!(uuids(&world.get(&later.link("next").unwrap())).len(), 0);
}

#[test]
fn bounded_queries_end() {
    let mut world = World::new();
    let id = world.user("bob@example.com");
    for _ in 0..2 {
        world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
        world.okta.admin_unsuspend(&id, &world.admin, world.now).unwrap();
        world.pass(1);
    }
    let path = "/api/v1/logs?since=2026-03-02T07:00:00Z&until=2026-03-02T09:00:00Z&limit=3";
    let first = world.get(path);
    let second = world.get(&first.link("next").unwrap());
    assert_eq!(
        (uuids(&first).len(), uuids(&second).len(), second.link("next")),
        (3, 1, None)
    );
    let backwards = world.get("/api/v1/logs?sortOrder=DESCENDING&limit=1");
    assert_eq!(uuids(&backwards), uuids(&second));
    assert_eq!(uuids(&world.get("/api/v1/logs?limit=0")).len(), 0);
}

#[test]
fn queries_are_checked() {
    let world = World::new();
    let table = [
        ("since=2025-08-01T00:00:00Z", "E0000053"),
        ("since=yesterday", "E0000001"),
        ("filter=published+gt+%222026-01-01T00:00:00Z%22", "E0000053"),
        ("filter=eventType", "E0000053"),
        ("filter=debugContext.debugData.url+co+%22x%22", "E0000031"),
        ("q=a+b+c+d+e+f+g+h+i+j+k", "E0000001"),
        ("sortOrder=SIDEWAYS", "E0000001"),
        ("limit=-1", "E0000001"),
        ("after=nowhere", "E0000029"),
    ];
    for (query, code) in table {
        let got = world.get(&format!("/api/v1/logs?{query}"));
        assert_eq!((got.status, got.code()), (400, code), "{query}");
    }
}

#[test]
fn filters_reach_into_targets_and_details() {
    let world = World::new();
    let (bob, eve) = (world.user("bob@example.com"), world.user("eve@example.com"));
    for id in [&bob, &eve] {
        world.call("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"));
    }
    let about = |filter: &str| {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        uuids(&world.get(&format!("/api/v1/logs?filter={query}"))).len()
    };
    assert_eq!(about(&format!("target.id eq \"{bob}\"")), 1);
    assert_eq!(
        about(&format!(
            "transaction.detail.requestApiTokenId eq \"{}\"",
            world.token_id
        )),
        2
    );
    assert_eq!(
        about("eventType sw \"user.lifecycle\" and not (eventType eq \"user.lifecycle.suspend\")"),
        0
    );
    assert_eq!(
        about("(eventType eq \"x\" or outcome.result eq \"SUCCESS\") and actor.alternateId pr"),
        2
    );
    assert_eq!(uuids(&world.get("/api/v1/logs?q=eve%40example.com+Suspend")).len(), 1);
}
