//! The contract on SQLite, in memory and in a file.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a failure is a panic and what led to it is printed"
)]

use std::sync::Arc;

use rollcall_ledger::contract::queueing::QueueBench;
use rollcall_ledger::contract::tables::TableBench;
use rollcall_ledger::contract::{Bench, StepClock, at};
use rollcall_ledger::{Folder, MemoryFiles, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::Files;

fn ledger(sqlite: Arc<Sqlite>) -> Bench {
    let table = Arc::new(SqliteTable::new(sqlite));
    let ledger = TableLedger::new(table, Arc::new(MemoryFiles::new()));
    Bench::new(Arc::new(ledger), "t")
}

fn queue(sqlite: Arc<Sqlite>) -> QueueBench {
    let clock = Arc::new(StepClock::starting_at(at(0)));
    let settings = QueueSettings {
        max_receives: 3,
        ..QueueSettings::default()
    };
    QueueBench {
        queue: Arc::new(SqliteQueue::new(sqlite, clock.clone(), settings)),
        clock,
        max_receives: 3,
    }
}

fn table(sqlite: Arc<Sqlite>) -> TableBench {
    TableBench {
        table: Arc::new(SqliteTable::new(sqlite)),
        tag: "t".to_owned(),
    }
}

/// A new file; its folder is removed with the operating system's own clean-up, after the test has let go of it.
fn file() -> Arc<Sqlite> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("rollcall.db")).unwrap();
    // On the systems we run on, an open file outlives its name.
    drop(folder);
    sqlite
}

mod memory {
    use super::*;

    rollcall_ledger::ledger_promises!(async { ledger(Sqlite::memory().unwrap()) });
    rollcall_ledger::queue_promises!(async { queue(Sqlite::memory().unwrap()) });
    rollcall_ledger::table_promises!(async { table(Sqlite::memory().unwrap()) });
    rollcall_ledger::file_promises!(async { Arc::new(MemoryFiles::new()) as Arc<dyn Files> });
}

mod on_disk {
    use super::*;

    rollcall_ledger::ledger_promises!(async { ledger(file()) });
    rollcall_ledger::queue_promises!(async { queue(file()) });
    rollcall_ledger::table_promises!(async { table(file()) });
    rollcall_ledger::file_promises!(async {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(Folder::new(folder.keep())) as Arc<dyn Files>
    });
}
