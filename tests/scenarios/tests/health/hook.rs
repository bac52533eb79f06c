//! A hook that is silent while the vendor's log speaks is noticed, and nobody stays in because of it.

use rollcall_harness::WorldSpec;
use rollcall_model::RunState;
use rollcall_runtime::codes;
use rollcall_scenarios::{HOUR, MINUTE, Stage};
use rollcall_simulators::okta::Delivery;
use rollcall_simulators::{Fault, FaultRule};

use crate::Caught;

/// A stage whose worker has started, as a process does.
async fn started(spec: WorldSpec) -> Stage {
    let stage = Stage::new(spec).await;
    stage.engine.start().await.expect("memory takes it");
    stage
}

/// The leaver is deactivated, and the hook's deliveries never arrive.
fn leaves_unheard(stage: &Stage) -> Vec<Delivery> {
    stage
        .world
        .vendors
        .deactivate(stage.now())
        .expect("the directory deactivates");
    stage.world.clock.advance(std::time::Duration::from_millis(5));
    let deliveries = stage.world.vendors.okta.take_deliveries(stage.now());
    assert!(!deliveries.is_empty(), "the hook would have delivered something");
    deliveries
}

async fn silences(stage: &Stage) -> usize {
    let findings = stage.findings().await;
    findings
        .iter()
        .filter(|one| one.contains(codes::HOOK_SILENT.id))
        .count()
}

#[tokio::test]
async fn a_hook_that_never_delivers_is_noticed_and_the_leaver_is_cut_from_the_log() {
    let caught = Caught::all();
    let mut stage = started(WorldSpec::default()).await;
    stage.pass(MINUTE * 20).await;
    assert_eq!(
        caught.values("HookSilent")["okta-main"],
        [0.0],
        "there was nothing to deliver"
    );
    let lost = leaves_unheard(&stage);
    stage.pass(MINUTE * 30).await;
    assert!(stage.is_cut());
    assert_eq!(caught.total("HookSilent"), 1.0, "{:?}", caught.values("HookSilent"));
    assert_eq!(silences(&stage).await, 1, "{:?}", stage.findings().await);
    stage.pass(HOUR).await;
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(caught.values("HookSilent")["okta-main"].last(), Some(&0.0));
    // The deliveries come after all: each event has been taken.
    for delivery in &lost {
        assert_eq!(stage.world.post(delivery).await, 200);
    }
    stage.settle().await;
    assert_eq!(stage.runs().await.len(), 1);
    assert_eq!(stage.run().await.triggers, run.triggers);
    assert_eq!(stage.did("freeze"), 1);
}

#[tokio::test]
async fn a_hook_that_delivers_is_not_called_silent() {
    let caught = Caught::all();
    let mut stage = started(WorldSpec::default()).await;
    stage.leaves().await;
    stage.pass(HOUR).await;
    let looks = &caught.values("HookSilent")["okta-main"];
    assert!(
        looks.len() >= 3 && looks.iter().all(|silent| *silent == 0.0),
        "{looks:?}"
    );
    assert_eq!(silences(&stage).await, 0);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_says_nothing_of_the_hook_and_is_read_from_where_it_stopped() {
    let caught = Caught::all();
    let mut stage = started(WorldSpec::default()).await;
    let okta = stage.world.vendors.okta.clone();
    okta.faults().add(FaultRule::always("/api/v1/logs", Fault::Unavailable));
    leaves_unheard(&stage);
    stage.pass(HOUR).await;
    assert!(caught.values("HookSilent").is_empty());
    assert_eq!(silences(&stage).await, 0);
    let findings = stage.findings().await;
    assert_eq!(
        findings
            .iter()
            .filter(|one| one.contains(codes::HOOK_UNWATCHED.id))
            .count(),
        1,
        "{findings:?}"
    );
    assert!(stage.is_whole());
    okta.faults().clear();
    stage.pass(MINUTE * 30).await;
    assert!(stage.is_cut());
    assert_eq!(silences(&stage).await, 1);
}

#[tokio::test]
async fn a_hook_that_is_no_longer_configured_is_watched_no_longer() {
    let caught = Caught::all();
    let mut stage = started(WorldSpec::default()).await;
    stage
        .reconfigure(|configuration| {
            for connection in configuration.connections.values_mut() {
                connection.tenant.hook = None;
            }
        })
        .await;
    stage.pass(MINUTE * 40).await;
    assert!(caught.values("HookSilent").is_empty());
    assert_eq!(stage.ledger().timers("hook", 10).await.expect("memory answers"), []);
}
