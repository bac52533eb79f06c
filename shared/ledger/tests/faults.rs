//! The contract on a table that misbehaves: every command, repeated with the same nonce, ends in the right state.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where a failure is a panic and what led to it is printed"
)]

use std::sync::Arc;

use rollcall_ledger::contract::{Bench, Fault, FaultyTable, Repeating, Script};
use rollcall_ledger::{MemoryFiles, Sqlite, SqliteTable, TableLedger};

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

mod once {
    rollcall_ledger::ledger_promises!(with super::struck_once);
}

mod random {
    rollcall_ledger::ledger_promises!(with super::struck_at_random);
}
