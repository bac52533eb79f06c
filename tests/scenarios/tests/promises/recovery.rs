//! Dead workers and lost wakes cost time, a bounded time, and nothing else.

use std::time::Duration;

use rollcall_engine::Settings;
use rollcall_harness::inject::{Fault, Strike};
use rollcall_harness::story::Story;
use rollcall_harness::{WorldSpec, oracle};
use rollcall_model::{Lane, RunState};
use rollcall_runtime::clock::{between, plus};
use rollcall_scenarios::{HOUR, MINUTE, Stage};
use rollcall_simulators::salesforce::Permission;

/// How often the clock sweeps, and how long a worker may take over a message.
const AFTER_LEASE: Duration = Duration::from_secs(90);

/// Works on one message after the other until the injected death; answers whether it came.
async fn work_until_death(stage: &mut Stage) -> bool {
    loop {
        let Some((lane, delivery)) = stage.world.receive().await else {
            return false;
        };
        tokio::select! {
            biased;
            () = stage.engine.life.ended() => return true,
            () = stage.handle(lane, &delivery) => {}
        }
    }
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_is_replaced_and_the_cut_goes_on_within_the_lease_and_ninety_seconds() {
    let mut plain = Stage::plain().await;
    plain.leaves().await;
    let before = plain.world.injector.count();
    assert!(!work_until_death(&mut plain).await);
    let points = plain.world.injector.count();
    assert!(points > before + 30, "there is something to die at: {points}");
    let lease = Settings::default().lease;
    let mut deaths = 0;
    let mut slowest = Duration::ZERO;
    for (fault, offset) in [(Fault::CrashBefore, 0), (Fault::CrashAfter, 1)] {
        for point in (before + 1 + offset..=points).step_by(3) {
            let strikes = vec![Strike { point, fault }];
            let mut stage = Stage::new(WorldSpec {
                strikes,
                ..WorldSpec::default()
            })
            .await;
            stage.leaves().await;
            if !work_until_death(&mut stage).await {
                continue;
            }
            deaths += 1;
            let died = stage.now();
            stage.replace_worker().await;
            while !stage.is_cut() || stage.runs().await.iter().any(|run| run.cut_at.is_empty()) {
                stage.work_for(Duration::from_millis(500)).await;
                let took = between(died, stage.now());
                assert!(
                    took <= lease + AFTER_LEASE,
                    "{fault:?} at {point} of {points}: not cut after {took:?}: {:#?}",
                    stage.runs().await
                );
            }
            slowest = slowest.max(between(died, stage.now()));
            stage.settle().await;
            let wrong = oracle::violations(&stage.world, Story::default(), Some(Duration::ZERO)).await;
            assert!(wrong.is_empty(), "{fault:?} at {point}: {wrong:?}");
        }
    }
    println!("{deaths} deaths over {points} points; the slowest recovery took {slowest:?}");
    assert!(deaths > 20, "{deaths}");
}

#[tokio::test]
async fn a_lost_wake_is_found_by_the_sweep() {
    let mut stage = Stage::plain().await;
    let org = stage.world.vendors.salesforce.clone();
    org.deny(Permission::ManageUsers);
    stage.leaves().await;
    stage.work_for(MINUTE * 2).await;
    let RunState::Waiting { until, .. } = stage.run().await.state else {
        panic!("{:?}", stage.run().await.state)
    };
    org.allow(Permission::ManageUsers);
    // Every message is lost: time passes, and what the queue hands out is thrown away.
    stage
        .world
        .clock
        .advance(between(stage.now(), until) + Duration::from_secs(1));
    lose_messages(&stage).await;
    let lost = stage.now();
    while stage.run().await.state != RunState::Done {
        stage.work_for(Duration::from_millis(500)).await;
        assert!(
            between(lost, stage.now()) <= AFTER_LEASE,
            "{:?}",
            stage.run().await.state
        );
    }
    assert!(stage.is_cut());
}

#[tokio::test]
async fn an_event_whose_message_is_lost_after_its_acceptance_is_found_by_the_sweep() {
    let mut plain = Stage::plain().await;
    plain.leaves().await;
    plain.settle().await;
    // The worker dies right after the event was accepted: the first write to the ledger.
    let first = plain
        .world
        .injector
        .log()
        .iter()
        .position(|what| what.starts_with("write EV#"))
        .expect("it is accepted");
    let strikes = vec![Strike {
        point: first as u64 + 1,
        fault: Fault::CrashAfter,
    }];
    let mut stage = Stage::new(WorldSpec {
        strikes,
        ..WorldSpec::default()
    })
    .await;
    stage.leaves().await;
    assert!(work_until_death(&mut stage).await);
    lose_messages(&stage).await;
    stage
        .world
        .clock
        .advance(rollcall_harness::world::VISIBILITY + Duration::from_secs(1));
    lose_messages(&stage).await;
    assert!(
        stage.runs().await.is_empty(),
        "the ledger knows the event and nothing else"
    );
    stage.replace_worker().await;
    stage.work_for(AFTER_LEASE).await;
    assert!(stage.is_cut());
}

#[tokio::test]
async fn a_hook_is_taken_while_no_worker_lives_and_is_worked_on_later() {
    let mut stage = Stage::plain().await;
    stage.leaves().await;
    stage.world.clock.advance(HOUR * 5);
    assert!(stage.is_whole());
    stage.settle().await;
    assert_eq!(stage.run().await.state, RunState::Done);
    assert!(stage.now() > plus(stage.run().await.received_at, HOUR * 5));
}

/// Every message that is visible now is lost.
async fn lose_messages(stage: &Stage) {
    for lane in Lane::ALL {
        while let Some(delivery) = stage
            .queue()
            .receive(lane, 1, MINUTE)
            .await
            .expect("memory answers")
            .pop()
        {
            stage
                .queue()
                .acknowledge(lane, &delivery)
                .await
                .expect("memory answers");
        }
    }
}
