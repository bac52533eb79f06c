//! The contract on a table that misbehaves: every command, repeated with the same nonce, ends in the right state.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where a failure is a panic and what led to it is printed"
)]

use std::sync::Arc;

use rollcall_ledger::contract::{Bench, Fault, FaultyTable, Repeating, Script, at, samples};
use rollcall_ledger::{MemoryFiles, Sqlite, SqliteTable, TableLedger};
use rollcall_model::ledger::{LockKey, Settle};
use rollcall_model::{Ledger as _, LedgerError, ReviewState};
use serde_json::json;

/// How many operations of a promise are struck one by one; of longer promises every so-manieth.
const STRUCK: u64 = 60;

fn bench(script: Script) -> (Bench, Arc<FaultyTable>) {
    let table = Arc::new(SqliteTable::new(Sqlite::memory().unwrap()));
    let faulty = Arc::new(FaultyTable::new(table, script));
    let ledger = TableLedger::new(faulty.clone(), Arc::new(MemoryFiles::new()));
    let repeating = Repeating(Arc::new(ledger));
    (Bench::new(Arc::new(repeating), "t").lossy(), faulty)
}

/// One run of a promise for each operation and fault, that operation alone going wrong that way.
async fn struck_once(promise: impl AsyncFn(&Bench)) {
    let (quiet, table) = bench(Script::Quiet);
    promise(&quiet).await;
    let operations = table.operations();
    let step = usize::try_from(operations.div_ceil(STRUCK)).unwrap();
    for fault in [Fault::Before, Fault::After, Fault::Late] {
        for number in (0..operations).step_by(step) {
            println!("operation {number} of {operations}, {fault:?}");
            let (bench, _) = bench(Script::Once(number, fault));
            promise(&bench).await;
        }
    }
}

/// Runs of a promise with faults at random, from rare to every other operation.
async fn struck_at_random(promise: impl AsyncFn(&Bench)) {
    for (seed, per_mille) in (0..24).zip([20, 100, 300, 500].into_iter().cycle()) {
        println!("seed {seed}, {per_mille} of 1000");
        let (bench, _) = bench(Script::Random { seed, per_mille });
        promise(&bench).await;
    }
}

/// Somebody else is always first: every command gives up at some time and says so, instead of trying for ever.
#[tokio::test]
async fn a_command_that_loses_every_race_gives_up() {
    let sqlite = Sqlite::memory().unwrap();
    let ledger = |script| {
        let table = FaultyTable::new(Arc::new(SqliteTable::new(sqlite.clone())), script);
        TableLedger::new(Arc::new(table), Arc::new(MemoryFiles::new()))
    };
    let before = Bench::new(Arc::new(ledger(Script::Quiet)), "t");
    let holder = before.holder("1", at(60));
    let (lock, inbox) = before.account_with("raced", 2, &holder).await;
    let run = samples::run("t-run", "t-person", &["sf-us"]);
    let mut claim = before.open(&run, &holder).await;
    let review = samples::review(&run.id, "plan");
    before.ledger.open_review(&review).await.unwrap();
    let body = json!({ "some": "text" });
    before.ledger.put_document("kind", "id", &body).await.unwrap();

    let ledger = ledger(Script::Always(Fault::Raced));
    let gave_up = |what: &str, became: Result<(), LedgerError>| {
        assert!(matches!(became, Err(LedgerError::Throttled)), "{what}: {became:?}");
    };
    let event = samples::event(&inbox.account, "new");
    let signal = samples::signal(&event.key, "{}");
    let keys = [LockKey::Account(before.account("another"))];
    let other = samples::run("t-other", "t-somebody", &["sf-us"]);
    let decision = ReviewState::Approved {
        by: "kim".to_owned(),
        at: at(1),
        signed: None,
    };
    gave_up("accept", ledger.accept(&event, &signal, at(0), "n").await.map(drop));
    gave_up("claim", ledger.claim(&keys, &holder, at(0)).await.map(drop));
    gave_up("drain", ledger.drain(&lock, &inbox, 2, "nothing").await.map(drop));
    gave_up("join", ledger.join(&run.id, &lock, &inbox, 2).await.map(drop));
    gave_up("open", ledger.open(&other, &holder, &lock, &inbox, 2).await.map(drop));
    gave_up("open as asked", ledger.open_asked(&other, &holder).await.map(drop));
    gave_up("claim a run", ledger.claim_run(&run.id, &holder, at(1)).await.map(drop));
    gave_up("settle", ledger.settle(&mut claim, Settle::Keep, "n").await.map(drop));
    gave_up(
        "release an account",
        ledger.release_account(&lock, &inbox, Some(at(9))).await.map(drop),
    );
    gave_up("release", ledger.release(&[lock]).await);
    gave_up(
        "approve",
        ledger
            .approve(&review.id, &review.plan_hash, &decision, at(1))
            .await
            .map(drop),
    );
    gave_up("put a document", ledger.put_document("kind", "id", &json!(1)).await);
    gave_up(
        "add a document",
        ledger.add_document("kind", "another", &body, "n").await.map(drop),
    );
    gave_up("remove a document", ledger.remove_document("kind", "id").await);
}

mod once {
    rollcall_ledger::ledger_promises!(with super::struck_once);
}

mod random {
    rollcall_ledger::ledger_promises!(with super::struck_at_random);
}
