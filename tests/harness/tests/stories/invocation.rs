//! Engines that live as long as one invocation: nothing of theirs outlives it, and the next one goes on.

use std::time::Duration;

use rollcall_harness::oracle;
use rollcall_harness::story::Story;
use rollcall_harness::world::{VISIBILITY, World, WorldSpec};
use rollcall_model::{RunState, Timestamp};
use rollcall_runtime::Clock as _;
use rollcall_runtime::clock::{between, plus};

/// The leaver has left, and the door has it.
async fn left() -> World {
    let world = World::new(WorldSpec::default()).await;
    world.vendors.deactivate(world.clock.now()).unwrap();
    world.clock.advance(Duration::from_millis(5));
    for delivery in world.vendors.okta.take_deliveries(world.clock.now()) {
        assert_eq!(world.post(&delivery).await, 200);
    }
    world
}

/// Invocations of this length, one message each, until no message comes for a while; how many there were.
async fn invocations(world: &World, length: Duration) -> u32 {
    let mut count = 0;
    let mut idle = Duration::ZERO;
    while idle < VISIBILITY {
        let Some((lane, delivery)) = world.receive().await else {
            idle += Duration::from_secs(1);
            world.clock.advance(Duration::from_secs(1));
            continue;
        };
        idle = Duration::ZERO;
        count += 1;
        let ends_at = plus(world.clock.now(), length);
        world.worker().await.ending_at(ends_at).handle(&delivery).await.unwrap();
        world.queue.acknowledge(lane, &delivery).await.unwrap();
        let last = last_deadline(world).await;
        assert!(
            last.is_none_or(|last| last < ends_at),
            "a call may last until {last:?}, the invocation until {ends_at}"
        );
    }
    count
}

/// The latest moment until which a call in any journal may last.
async fn last_deadline(world: &World) -> Option<Timestamp> {
    let mut last = None;
    for run in world.ledger.runs(None, 10).await.unwrap() {
        let journal = world.ledger.journal(&run.id).await.unwrap();
        last = last.max(journal.iter().filter_map(|entry| entry.deadline).max());
    }
    last
}

#[tokio::test]
async fn a_run_that_needs_longer_goes_on_in_the_next_invocation() {
    let beginning = World::new(WorldSpec::default()).await.clock.now();
    let mut counts = Vec::new();
    // A short invocation makes one try of a stage; a long one makes the whole run.
    for seconds in [10, 60] {
        let world = left().await;
        counts.push(invocations(&world, Duration::from_secs(seconds)).await);
        let took = between(beginning, world.clock.now());
        assert_eq!(
            oracle::violations(&world, Story::default(), Some(took)).await,
            Vec::<String>::new()
        );
    }
    assert!(counts[0] > counts[1], "{counts:?}");
    assert_eq!(counts[1], 1);
}

#[tokio::test]
async fn the_run_says_that_it_waits_for_the_next_invocation_and_keeps_what_is_done() {
    let world = left().await;
    let (lane, delivery) = world.receive().await.unwrap();
    let ends_at = plus(world.clock.now(), Duration::from_secs(10));
    world.worker().await.ending_at(ends_at).handle(&delivery).await.unwrap();
    world.queue.acknowledge(lane, &delivery).await.unwrap();
    assert!(world.vendors.salesforce.is_frozen(&world.vendors.leaver_user));
    let run = world.ledger.runs(None, 10).await.unwrap().remove(0);
    assert!(
        matches!(&run.state, RunState::Waiting { why, .. } if why == "the next invocation"),
        "{:?}",
        run.state
    );
}
