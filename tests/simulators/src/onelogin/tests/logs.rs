//! The Events API.

use std::time::Duration;

use super::*;

#[test]
fn the_actor_of_an_api_call_is_the_api_and_of_the_portal_a_person() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 2}));
    world.account.admin_activate(user, world.owner, world.now).unwrap();
    let events = world.get(&format!("/api/1/events?user_id={user}")).json["data"].clone();
    let (api, portal) = (&events[0], &events[1]);
    assert_eq!(
        (&api["client_id"], &api["actor_user_id"]),
        (&json!("manage-all"), &Value::Null)
    );
    assert_eq!(
        (&api["actor_user_name"], &api["actor_system"]),
        (&json!("API"), &json!("API"))
    );
    assert_eq!(
        (&portal["client_id"], &portal["actor_user_id"]),
        (&Value::Null, &json!(world.owner))
    );
    assert_eq!(portal["actor_user_name"], "Rollcall Service");
    assert!(api["id"].as_i64().unwrap() > i64::from(u32::MAX));
    assert_eq!(api.get("uuid"), None, "the two feeds share no key");
}

#[test]
fn the_id_of_a_class_is_chosen_within_the_class() {
    let world = World::new();
    let user = world.user("ann@corp.example");
    let choose = |id| {
        world
            .account
            .choose_event_id(EventClass::Suspended, EventSource::Api, id)
    };
    assert!(!choose(19), "19 is a lock");
    assert!(choose(21));
    world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 2}));
    assert_eq!(world.kinds(), [21]);
}

#[test]
fn key_set_paging_is_stable_while_events_arrive() {
    let world = World::new();
    for number in 0..4 {
        world
            .account
            .admin_event(14, None, json!({"notes": number}), world.owner, world.now);
    }
    let first = world.get("/api/1/events?limit=2").json;
    let cursor = first["pagination"]["after_cursor"].as_str().unwrap().to_owned();
    assert!(!cursor.contains('='), "padding is stripped: {cursor}");
    world.account.admin_event(15, None, Value::Null, world.owner, world.now);
    let second = world.get(&format!("/api/1/events?limit=2&after_cursor={cursor}")).json;
    let notes = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["notes"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (notes(&first), notes(&second)),
        (vec![json!(0), json!(1)], vec![json!(2), json!(3)])
    );
    let next = second["pagination"]["next_link"]
        .as_str()
        .unwrap()
        .strip_prefix(BASE)
        .unwrap()
        .to_owned();
    let last = world.get(&next).json;
    assert_eq!(
        (&last["data"][0]["event_type_id"], &last["pagination"]["after_cursor"]),
        (&json!(15), &Value::Null)
    );
    world.account.set_empty_last_cursor(true);
    assert_eq!(world.get(&next).json["pagination"]["after_cursor"], "");
    let down = world.get("/api/1/events?limit=2&sort=-id").json;
    let cursor = down["pagination"]["after_cursor"].as_str().unwrap();
    let below = world
        .get(&format!("/api/1/events?limit=2&sort=-id&after_cursor={cursor}"))
        .json;
    assert_eq!(notes(&below), [json!(2), json!(1)]);
    let back = below["pagination"]["before_cursor"].as_str().unwrap();
    let above = world
        .get(&format!("/api/1/events?limit=2&sort=-id&before_cursor={back}"))
        .json;
    assert_eq!(notes(&above), notes(&down));
    assert_eq!(world.get("/api/1/events?after_cursor=bm9uc2Vuc2U").status, 400);
    assert_eq!(
        world.get("/api/1/events?sort=+id").status,
        400,
        "a bare plus is a space"
    );
}

#[test]
fn events_are_filtered_and_may_come_late() {
    let mut world = World::new();
    world.account.set_event_delay(Duration::from_secs(30));
    let user = world.user("ann@corp.example");
    world.account.admin_suspend(user, world.owner, world.now).unwrap();
    assert_eq!(world.get("/api/1/events").json["data"], json!([]));
    world.pass(30);
    world.account.admin_activate(user, world.owner, world.now).unwrap();
    world.pass(30);
    let kinds = |query: &str| {
        let got = world.get(&format!("/api/1/events?{query}")).json;
        let rows = got["data"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["event_type_id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(""), [21, 32]);
    assert_eq!(kinds("event_type_id=21,17"), [21]);
    assert_eq!(kinds("since=2026-11-20T09:00:30.000Z"), [32]);
    assert_eq!(kinds("until=2026-11-20T09:00:29.999Z"), [21]);
    assert_eq!(kinds(&format!("user_id={}", world.owner)), [0; 0]);
    let id = world.account.events()[0]["id"].clone();
    assert_eq!(
        world.get(&format!("/api/1/events/{id}")).json["data"][0]["event_type_id"],
        21
    );
    assert_eq!(world.get("/api/1/events/21").status, 404, "an id is no type");
    let short = world.get("/api/1/events?fields=notes&limit=1").json["data"][0].clone();
    assert_eq!(short, json!({"id": id, "notes": "Updated: Status"}));
    let types = world.get("/api/1/events/types").json["data"].clone();
    let known = types
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == 532)
        .unwrap()
        .clone();
    assert_eq!(known["name"], "API_UPDATE_USER_FAILED");
}
