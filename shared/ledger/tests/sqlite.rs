//! The contract on SQLite, in memory and in a file.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a failure is a panic and what led to it is printed"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rollcall_ledger::contract::queueing::QueueBench;
use rollcall_ledger::contract::tables::TableBench;
use rollcall_ledger::contract::{Bench, Fault, FaultyTable, Script, StepClock, at, samples};
use rollcall_ledger::table::{Table as _, When, Write};
use rollcall_ledger::{Folder, MemoryFiles, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::ledger::{Keeping, Settle, Whom, documents};
use rollcall_model::{AccountRef, Digest, Files, Ledger as _, LedgerError, PersonKey, RunState, SignalBody};
use serde_json::json;

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

    /// `DynamoDB` removes what has expired by itself, so this is no promise of every ledger.
    #[tokio::test]
    async fn what_has_expired_is_swept_and_counted() {
        let bench = ledger(Sqlite::memory().unwrap());
        bench.ledger.keep(Keeping {
            events: Duration::from_hours(24),
        });
        let account = bench.account("swept");
        for name in ["one", "two", "three"] {
            let event = samples::event(&account, name);
            let signal = samples::signal(&event.key, "{}");
            bench.ledger.accept(&event, &signal, at(0), name).await.unwrap();
        }
        assert_eq!(bench.ledger.sweep(2).await.unwrap(), 2, "no more than asked for");
        assert!(bench.ledger.sweep(usize::MAX).await.unwrap() > 0, "the third");
        assert_eq!(bench.ledger.sweep(usize::MAX).await.unwrap(), 0);
    }

    rollcall_ledger::ledger_promises!(async { ledger(Sqlite::memory().unwrap()) });
    rollcall_ledger::queue_promises!(async { queue(Sqlite::memory().unwrap()) });
    rollcall_ledger::table_promises!(async { table(Sqlite::memory().unwrap()) });
    rollcall_ledger::file_promises!(async { Arc::new(MemoryFiles::new()) as Arc<dyn Files> });
}

/// What is long lies in a file of its own; whoever goes through the ledger learns which files are still needed.
#[tokio::test]
async fn long_bodies_lie_in_files_which_forgetting_names_while_they_are_needed() {
    let table = Arc::new(SqliteTable::new(Sqlite::memory().unwrap()));
    let files = Arc::new(MemoryFiles::new());
    let ledger = TableLedger::new(table.clone(), files.clone());
    let put = async |who: &str, text: &str| {
        let body = json!({ "person": { "key": who }, "text": text });
        ledger.put_document(documents::LINK, who, &body).await.unwrap();
        files.names()
    };
    let long = "x".repeat(150 * 1024);
    assert_eq!(put("ada", "short").await, [""; 0]);
    let of_bo = put("bo", &long).await;
    let of_both = put("ada", &long).await;
    assert_eq!((of_bo.len(), of_both.len()), (1, 2));
    assert!(of_both.iter().all(|name| name.starts_with("bodies/")), "{of_both:?}");

    let mut whom = Whom {
        id: "fg_1".to_owned(),
        ..Whom::default()
    };
    let needed = ledger.forget(&whom, None, at(1), false).await.unwrap().bodies;
    assert_eq!(needed, BTreeSet::from_iter(of_both));
    whom.persons.insert(PersonKey::new("ada"));
    // A raw message that came as a file goes with its event.
    let account = AccountRef::new("dir", "ada");
    let event = samples::event(&account, "filed");
    let mut signal = samples::signal(&event.key, "");
    signal.body = SignalBody::File(Digest::new("d1"));
    files.put("signals/d1", "raw".into()).await.unwrap();
    ledger.set_aside(&event, &signal, "why", at(0), "aside").await.unwrap();
    whom.accounts.insert(account);
    // Somebody always writes first, so nothing goes, and its file is needed still.
    let raced = FaultyTable::new(table, Script::Always(Fault::Raced));
    let raced = TableLedger::new(Arc::new(raced), files.clone());
    let needed = raced.forget(&whom, None, at(1), false).await.unwrap().bodies;
    assert_eq!(needed.len(), 2);
    let needed = ledger.forget(&whom, None, at(1), false).await.unwrap().bodies;
    assert_eq!(needed, BTreeSet::from_iter(of_bo));
    assert!(!files.names().contains(&"signals/d1".to_owned()));
}

/// What retention says in its figures: so many runs and reviews.
#[tokio::test]
async fn runs_and_reviews_that_go_are_counted() {
    let bench = ledger(Sqlite::memory().unwrap());
    for name in ["one", "two"] {
        let run = samples::run(&format!("t-{name}"), &format!("t-{name}-p"), &["sf"]);
        let mut claim = bench.open(&run, &bench.holder(name, at(60))).await;
        claim.run.state = RunState::Done;
        claim.run.ended_at = Some(at(1));
        let settled = bench.ledger.settle(&mut claim, Settle::Finish, name).await.unwrap();
        bench.won(settled);
        let review = samples::review(&run.id, "plan");
        bench.won(bench.ledger.open_review(&review).await.unwrap());
    }
    assert_eq!(bench.ledger.retire(at(60), 1).await.unwrap(), 1, "one at a time");
    assert_eq!(bench.ledger.retire(at(7200), 1_000).await.unwrap(), 3);
    assert_eq!(bench.ledger.retire(at(7200), 1_000).await.unwrap(), 0);
}

/// A row that nobody removed is missing: what it said must not be passed over.
#[tokio::test]
async fn an_inbox_without_a_row_that_it_names_is_corrupt() {
    let table = Arc::new(SqliteTable::new(Sqlite::memory().unwrap()));
    let ledger = Arc::new(TableLedger::new(table.clone(), Arc::new(MemoryFiles::new())));
    let bench = Bench::new(ledger, "t");
    let account = bench.account("torn");
    bench.accept(&samples::event(&account, "1")).await;
    let (items, _) = table.scan(None, 100).await.unwrap();
    let row = items.into_iter().find(|item| item.key.sk.starts_with("IN#")).unwrap();
    let when = When::Version(row.version);
    table
        .write(&[Write::Delete { key: row.key, when }], "torn")
        .await
        .unwrap();
    let read = bench.ledger.inbox(&account).await;
    assert!(matches!(read, Err(LedgerError::Corrupt { .. })), "{read:?}");
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
