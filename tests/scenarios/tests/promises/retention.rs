//! What was kept long enough goes, by a timer, and receipts stay.

use std::time::Duration;

use rollcall_evidence::verify;
use rollcall_harness::WorldSpec;
use rollcall_model::ledger::documents;
use rollcall_scenarios::Stage;
use rollcall_simulators::world::LEAVER;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_run_goes_when_its_time_is_over_and_with_it_what_was_known_of_who_left() {
    let mut stage = Stage::new(WorldSpec::default()).await;
    stage.engine.start().await.expect("the configuration is kept");
    stage.leaves().await;
    stage.settle().await;
    let run = stage.run().await;
    let receipt = run.receipt.clone().expect("it has one");
    let stored = stage.world.files.get(&receipt).await.expect("it is there");
    let kept = stage.world.configuration.retention.runs;
    assert_eq!(stage.documents(documents::KEY).await.len(), 1);

    // A day before its time everything is still there, however often the timer rang.
    stage.later(kept - DAY * 2).await;
    stage.later(DAY).await;
    assert_eq!(stage.run().await.id, run.id);
    let events = stage.ledger().event(&run.triggers[0]).await.expect("memory answers");
    assert!(events.is_none(), "events are kept for a month");

    stage.later(DAY * 2).await;
    assert_eq!(stage.ledger().run(&run.id).await.expect("memory answers"), None);
    assert_eq!(stage.ledger().journal(&run.id).await.expect("memory answers"), []);
    assert!(stage.documents(documents::KEY).await.is_empty());
    let known = stage.ledger().document(documents::NAME, LEAVER).await;
    assert_eq!(known.expect("memory answers"), None);
    let left = stage.world.files.get(&receipt).await.expect("it stays");
    assert_eq!(left, stored);
    assert!(verify(&left, &[*stage.world.signer.public_key()]).is_ok());

    // The timer goes on.
    let timers = stage.ledger().timers("retention", 10).await.expect("memory answers");
    assert_eq!(timers.len(), 1);
    assert!(timers[0].due_at.is_some_and(|due_at| due_at > stage.now()));
}
