//! Event hooks.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

fn hook(id: &str, events: &[&str]) -> Hook {
    Hook {
        id: id.to_owned(),
        url: "https://hooks.example.com/okta".to_owned(),
        header: "Authorization".to_owned(),
        secret: "the secret".to_owned(),
        events: events.iter().map(ToString::to_string).collect(),
    }
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

fn events(delivery: &Delivery) -> Vec<Value> {
    body(delivery)["data"]["events"].as_array().unwrap().clone()
}

const LEAVING: [&str; 2] = ["user.lifecycle.deactivate", "user.lifecycle.suspend"];

#[test]
fn delivers_what_was_subscribed_once_to_each_hook() {
    let world = World::new();
    world.okta.add_hook(hook("whoFirst", &LEAVING)).unwrap();
    world.okta.add_hook(hook("whoSecond", &LEAVING)).unwrap();
    let id = world.user("bob@example.com");
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    world.okta.admin_unsuspend(&id, &world.admin, world.now).unwrap();
    let sent = world.okta.take_deliveries(world.now);
    assert_eq!(
        sent.iter().map(|one| one.hook_id.as_str()).collect::<Vec<_>>(),
        ["whoFirst", "whoSecond"]
    );
    assert_ne!(sent[0].event_id, sent[1].event_id);
    assert_eq!(events(&sent[0])[0]["uuid"], events(&sent[1])[0]["uuid"]);
    assert_eq!(body(&sent[0])["source"], format!("{BASE}/api/v1/eventHooks/whoFirst"));
    assert!(
        sent[0]
            .headers
            .contains(&("authorization".to_owned(), "the secret".to_owned()))
    );
    let debug = events(&sent[0])[0]["debugContext"]["debugData"]["targetEventHookIds"].clone();
    assert_eq!(debug, "whoFirst,whoSecond");
    assert!(world.okta.take_deliveries(world.now).is_empty(), "taken is taken");
}

#[test]
fn refuses_types_that_are_not_for_hooks() {
    let okta = World::new().okta;
    let refused = okta
        .add_hook(hook("who", &["user.lifecycle.delete.completed"]))
        .unwrap_err();
    assert_eq!(
        refused,
        HookRefused::NotEligible("user.lifecycle.delete.completed".to_owned())
    );
    okta.add_hook(hook("who", &["user.lifecycle.delete.initiated"]))
        .unwrap();
    assert_eq!(
        okta.add_hook(hook("who", &[])).unwrap_err(),
        HookRefused::Exists("who".to_owned())
    );
}

#[test]
fn batches_after_a_delay_and_out_of_order_on_demand() {
    let mut world = World::new();
    world.okta.add_hook(hook("who", &LEAVING)).unwrap();
    world.okta.set_batching(Duration::from_secs(8), 2);
    world.okta.set_scrambled(true);
    for number in 0..3 {
        let id = world.user(&format!("user{number}@example.com"));
        world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
        world.pass(1);
    }
    assert_eq!(
        world.okta.next_delivery_at(),
        Some("2026-03-02T08:00:08Z".parse().unwrap())
    );
    assert!(
        world.okta.take_deliveries(world.now).is_empty(),
        "three seconds in, nothing is due"
    );
    world.pass(8);
    let sent = world.okta.take_deliveries(world.now);
    let published: Vec<Vec<String>> = sent
        .iter()
        .map(|one| {
            events(one)
                .iter()
                .map(|event| event["published"].as_str().unwrap()[17..19].to_owned())
                .collect()
        })
        .collect();
    assert_eq!(published, [vec!["02", "01"], vec!["00"]]);
}

#[test]
fn retries_once_and_only_after_a_server_fault() {
    let world = World::new();
    world.okta.add_hook(hook("who", &LEAVING)).unwrap();
    let id = world.user("bob@example.com");
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    let sent = world.okta.take_deliveries(world.now).remove(0);
    let again = world
        .okta
        .delivery_failed(&sent, DeliveryFailure::Status(503), world.now)
        .unwrap();
    assert_eq!(
        (&again.event_id, &again.body, again.attempt),
        (&sent.event_id, &sent.body, 2)
    );
    assert_eq!(
        world.okta.delivery_failed(&again, DeliveryFailure::Timeout, world.now),
        None,
        "no third attempt"
    );
    assert_eq!(world.kinds().last().unwrap(), "event_hook.delivery");
    assert_eq!(
        world
            .okta
            .delivery_failed(&sent, DeliveryFailure::Status(404), world.now),
        None,
        "a 4xx is final"
    );
}

#[test]
fn duplicates_are_equal_to_the_byte() {
    let world = World::new();
    world.okta.add_hook(hook("who", &LEAVING)).unwrap();
    world.okta.set_duplicates(true);
    let id = world.user("bob@example.com");
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    let sent = world.okta.take_deliveries(world.now);
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
}

#[test]
fn a_sleeping_hook_never_hears_of_it() {
    let world = World::new();
    world.okta.add_hook(hook("who", &LEAVING)).unwrap();
    world.okta.set_hook_active("who", false);
    let id = world.user("bob@example.com");
    world.okta.admin_suspend(&id, &world.admin, world.now).unwrap();
    world.okta.set_hook_active("who", true);
    assert!(world.okta.take_deliveries(world.now).is_empty());
    let check = world.okta.verification("who").unwrap();
    assert!(
        check
            .headers
            .contains(&("x-okta-verification-challenge".to_owned(), check.challenge))
    );
}

/// The members of a delivered event in the style that writes nulls, as captured from Okta.
const MEMBERS: [&str; 19] = [
    "actor",
    "authenticationContext",
    "client",
    "debugContext",
    "device",
    "displayMessage",
    "eventType",
    "insertionTimestamp",
    "legacyEventType",
    "outcome",
    "published",
    "securityContext",
    "severity",
    "target",
    "transaction",
    "uuid",
    "version",
    // Two more would be wrong here: `request` belongs to the log, and `rootSessionId` too.
    "actor.detailEntry",
    "client.ipChain",
];

#[test]
fn both_body_styles_have_the_captured_shape() {
    let world = World::new();
    world.okta.add_hook(hook("who", &LEAVING)).unwrap();
    let id = world.user("bob@example.com");
    world.call("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"));
    let event = events(&world.okta.take_deliveries(world.now)[0])[0].clone();
    let top: BTreeSet<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(top, MEMBERS.into_iter().filter(|name| !name.contains('.')).collect());
    for nested in MEMBERS.iter().filter_map(|name| name.split_once('.')) {
        assert!(event[nested.0].get(nested.1).is_some(), "{nested:?}");
    }
    assert_eq!(event["transaction"]["detail"]["requestApiTokenId"], world.token_id);
    assert_eq!(event["client"]["userAgent"]["rawUserAgent"], "rollcall-test");
    assert_eq!(event["target"][0]["alternateId"], "bob@example.com");
    assert!(
        world.okta.events()[0]["request"]["ipChain"][0]["ip"].is_string(),
        "the log keeps the chain in request"
    );

    world.okta.set_body_style(BodyStyle::NullsOmitted);
    world.okta.admin_deactivate(&id, &world.admin, world.now).unwrap();
    let event = events(&world.okta.take_deliveries(world.now)[0])[0].clone();
    assert_eq!(
        (&event["client"], &event["securityContext"]),
        (&json!({ "ipChain": [] }), &json!({}))
    );
    assert!(
        !event.to_string().contains("null") && event["transaction"].get("type").is_none(),
        "{event}"
    );
}
