//! The leaver under faults. The same functions print the report of `cargo run -p rollcall-harness --bin harness`.

use rollcall_harness::story::{Arrives, Happens, Story};
use rollcall_harness::world::{World, WorldSpec};
use rollcall_harness::{oracle, story};

#[tokio::test]
async fn without_faults_the_leaver_is_cut_and_told_once() {
    let world = World::new(WorldSpec::default()).await;
    let took = story::tell(&world, Story::default()).await;
    for run in world.ledger.runs(None, 10).await.unwrap() {
        for note in &run.notes {
            println!("{} {}", note.at, note.text);
        }
        for record in &run.changes {
            println!("{} {:?}", record.change.key(), record.outcome);
        }
    }
    for (index, line) in world.injector.log().iter().enumerate() {
        println!("{:>3} {line}", index + 1);
    }
    assert_eq!(
        oracle::violations(&world, Story::default(), took).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_reactivation_between_acceptance_and_cut_ends_superseded_with_nothing_cut() {
    let story = Story {
        happens: Happens::LeavesAndReturns,
        ..Story::default()
    };
    let world = World::new(WorldSpec::default()).await;
    let took = story::tell(&world, story).await;
    assert_eq!(oracle::violations(&world, story, took).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_hooks_for_one_leaver_make_one_run_one_message_and_one_receipt() {
    for arrives in [Arrives::Twice, Arrives::TwoHooks, Arrives::Scrambled] {
        let story = Story {
            arrives,
            ..Story::default()
        };
        let world = World::new(WorldSpec::default()).await;
        let took = story::tell(&world, story).await;
        assert_eq!(
            oracle::violations(&world, story, took).await,
            Vec::<String>::new(),
            "{arrives:?}"
        );
    }
}
