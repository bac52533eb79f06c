//! Event webhooks.

use std::time::Duration;

use super::*;

fn webhook(format: Format) -> Webhook {
    Webhook {
        name: "rollcall".to_owned(),
        url: "https://hooks.example.com/onelogin".to_owned(),
        format,
        headers: vec![("Authorization".to_owned(), "Bearer the secret".to_owned())],
        bulk_path: false,
    }
}

/// An account with a webhook and so many events.
fn with_events(format: Format, number: i64) -> World {
    let world = World::new();
    world.account.add_webhook(webhook(format));
    for notes in 0..number {
        world
            .account
            .admin_event(14, Some(world.owner), json!({"notes": notes}), world.owner, world.now);
    }
    world
}

fn notes(delivery: &Delivery) -> Vec<i64> {
    let events: Vec<Value> = serde_json::from_slice(&delivery.body).unwrap();
    events.iter().map(|event| event["notes"].as_i64().unwrap()).collect()
}

#[test]
fn a_body_goes_out_at_ten_events_or_ten_seconds() {
    let mut world = with_events(Format::JsonArray, 12);
    let sent = world.account.take_deliveries(world.now);
    assert_eq!(sent.len(), 1);
    assert_eq!(notes(&sent[0]), (0..10).collect::<Vec<_>>());
    assert_eq!(
        sent[0].headers[1],
        ("authorization".to_owned(), "Bearer the secret".to_owned())
    );
    assert_eq!(
        world.account.next_delivery_at(),
        Some(world.now + SignedDuration::from_secs(10))
    );
    world.pass(9);
    assert!(world.account.take_deliveries(world.now).is_empty());
    world.pass(1);
    assert_eq!(notes(&world.account.take_deliveries(world.now)[0]), [10, 11]);
    assert_eq!(world.account.next_delivery_at(), None);
}

#[test]
fn an_array_is_flat_and_ndjson_is_wrapped() {
    let mut world = with_events(Format::JsonArray, 1);
    world.pass(10);
    let body: Value = serde_json::from_slice(&world.account.take_deliveries(world.now)[0].body).unwrap();
    assert_eq!(body[0]["uuid"], body[0]["create"]["_id"]);
    assert_eq!(body[0]["event_timestamp"], "2026-11-20 09:00:00 UTC");
    assert_eq!(body[0]["user_name"], "Rollcall Service");
    assert_eq!((body[0].get("id"), body[0].get("app_id")), (None, Some(&Value::Null)));
    let mut world = with_events(Format::Ndjson, 2);
    world.account.set_sparse_bodies(true);
    world.pass(10);
    let sent = world.account.take_deliveries(world.now);
    let text = String::from_utf8(sent[0].body.clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["event"]["notes"], 1);
    assert_eq!(lines[1]["event"].get("app_id"), None);
}

#[test]
fn anything_but_200_brings_the_same_body_up_to_three_times() {
    let mut world = with_events(Format::JsonArray, 10);
    world.account.set_retry_spacing(Duration::from_secs(20));
    let first = world.account.take_deliveries(world.now).remove(0);
    let failed = |delivery: &Delivery, failure, now| world.account.delivery_failed(delivery, failure, now);
    assert_eq!(failed(&first, DeliveryFailure::Status(200), world.now), None);
    let second = failed(&first, DeliveryFailure::Status(204), world.now).unwrap();
    assert_eq!((second.attempt, &second.body), (2, &first.body));
    assert_eq!(second.due, world.now + SignedDuration::from_secs(20));
    let third = failed(&second, DeliveryFailure::Timeout, second.due).unwrap();
    assert_eq!(
        failed(&third, DeliveryFailure::Status(202), third.due),
        None,
        "gone for good"
    );
    world.pass(1);
    assert!(world.account.take_deliveries(world.now).is_empty());
}

#[test]
fn deliveries_double_turn_round_and_go_missing_on_demand() {
    let mut world = World::new();
    world.account.add_webhook(Webhook {
        bulk_path: true,
        ..webhook(Format::JsonArray)
    });
    world.account.set_duplicates(true);
    world.account.set_scrambled(true);
    world.account.set_loss(Some(2));
    for notes in 0..4 {
        world
            .account
            .admin_event(14, None, json!({"notes": notes}), world.owner, world.now);
    }
    world.pass(10);
    let sent = world.account.take_deliveries(world.now);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(notes(&sent[0]), [2, 0]);
    assert!(sent[0].url.ends_with("/onelogin/_bulk"));
    assert_eq!(
        world.get("/api/1/events").json["data"].as_array().unwrap().len(),
        4,
        "the poll finds all"
    );
    world.account.set_webhook_enabled("rollcall", false);
    world
        .account
        .admin_event(14, None, json!({"notes": 9}), world.owner, world.now);
    world.account.set_webhook_enabled("rollcall", true);
    world.pass(10);
    assert!(world.account.take_deliveries(world.now).is_empty());
}

#[test]
fn the_client_of_a_v2_call_can_be_missing_in_webhooks() {
    let mut world = World::new();
    world.account.add_webhook(webhook(Format::JsonArray));
    world.account.set_webhook_hides_v2_client(true);
    let user = world.user("ann@corp.example");
    world.call("PUT", &format!("/api/2/users/{user}"), json!({"status": 2}));
    world.call("PUT", &format!("/api/1/users/{user}/logout"), Value::Null);
    world.pass(10);
    let body: Value = serde_json::from_slice(&world.account.take_deliveries(world.now)[0].body).unwrap();
    assert_eq!(
        (&body[0]["client_id"], &body[0]["actor_system"]),
        (&Value::Null, &json!("API"))
    );
    assert_eq!(body[1]["client_id"], "manage-all");
    assert_eq!(world.get("/api/1/events").json["data"][0]["client_id"], "manage-all");
}
