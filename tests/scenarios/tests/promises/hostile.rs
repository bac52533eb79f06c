//! A hook whose body is an attack, with a leaver in the middle of it.

use rollcall_harness::world::{DOOR, ONELOGIN_DOOR};
use rollcall_model::{Lane, RunState};
use rollcall_scenarios::Stage;

/// Elements that nobody should send.
fn hostile() -> Vec<Vec<u8>> {
    let deep = format!(
        "{{\"uuid\":\"deep\",\"eventType\":\"user.lifecycle.deactivate\",\"debugContext\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let unclosed_names = format!(
        "{{\"uuid\":\"deep-names\",\"x\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    vec![
        deep.into_bytes(),
        unclosed_names.into_bytes(),
        b"{\"uuid\":\"huge\",\"eventType\":\"user.lifecycle.deactivate\",\"severity\":1e400,\"target\":[{\"type\":\"User\",\"id\":1180591620717411303424}]}".to_vec(),
        b"{\"uuid\":\"huge-id\",\"event_type_id\":1180591620717411303424,\"account_id\":1e400,\"user_id\":1180591620717411303424}".to_vec(),
        b"{\"uuid\":\"no-text\",\"eventType\":\"user.lifecycle.deactivate\",\"displayMessage\":\"\xc3\x28\xff\"}".to_vec(),
        b"{\"uuid\":\"half\",\"eventType\":\"user.lifecycle.deactivate\",\"displayMessage\":\"\\ud800\"}".to_vec(),
        b"{\"uuid\":\"..\\/..\\/..\\/etc\\/passwd\",\"eventType\":\"\\u0000\\u001b[2J\"}".to_vec(),
        b"{\"uuid\":\"twice\",\"uuid\":\"again\",\"eventType\":\"user.lifecycle.deactivate\"}".to_vec(),
        format!("{{\"uuid\":\"{}\",\"eventType\":\"{}\"}}", "u".repeat(100_000), "t".repeat(100_000)).into_bytes(),
    ]
}

#[tokio::test]
async fn a_leaver_among_deep_huge_and_broken_events_is_cut_and_nothing_dies() {
    let mut stage = Stage::plain().await;
    let vendors = stage.world.vendors.clone();
    vendors.deactivate(stage.now()).expect("the directory deactivates");
    stage.world.clock.advance(std::time::Duration::from_millis(5));
    let delivery = vendors
        .okta
        .take_deliveries(stage.now())
        .pop()
        .expect("the hook delivers something");
    let text = String::from_utf8(delivery.body.clone()).expect("a hook is text");
    let (before, after) = text.split_once("\"events\":[").expect("a hook has events");
    let list = hostile().join(&b',');
    let body = [before.as_bytes(), b"\"events\":[", &list, b",", after.as_bytes()].concat();
    assert_eq!(
        stage.world.post_to(DOOR, &delivery.headers, &body).await,
        200,
        "the door takes all of it"
    );
    stage.settle().await;
    assert!(stage.is_cut());
    assert_eq!(stage.run().await.state, RunState::Done);
    assert_eq!(stage.dead().await, Vec::<String>::new(), "no message was given up");
    for lane in Lane::ALL {
        assert!(
            stage.queue().dead(lane, 10).await.expect("memory answers").is_empty(),
            "{lane}"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_nothing_but_depth_are_kept_and_bring_nothing_down() {
    let mut stage = Stage::company().await;
    let secret = |value: &str| vec![("authorization".to_owned(), value.to_owned())];
    let okta = secret(&stage.world.vendors.credentials.hook_secret);
    let onelogin = secret(&stage.rest().webhook_secret);
    let bodies = [
        "[".repeat(1_000_000),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!(
            "{{\"data\":{{\"events\":{}{}}}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        ),
        format!("{}1{}", "{\"event\":".repeat(100_000), "}".repeat(100_000)),
        "{\"data\":{\"events\":[".repeat(50_000),
        "\"".repeat(1_000_001),
        "\\".repeat(1_000_000),
    ];
    for body in &bodies {
        assert_eq!(stage.world.post_to(DOOR, &okta, body.as_bytes()).await, 200);
        assert_eq!(
            stage.world.post_to(ONELOGIN_DOOR, &onelogin, body.as_bytes()).await,
            200
        );
    }
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 0, "nobody left");
    assert_eq!(stage.dead().await, Vec::<String>::new(), "no message was given up");
    // Both doors and the worker still work.
    stage.leaves().await;
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 1);
    assert!(stage.lost().okta && stage.lost().us);
}
