//! What one SQLite file promises to several processes, and across their deaths.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, where a failure is a panic and what led to it is printed"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rollcall_ledger::contract::at;
use rollcall_ledger::contract::samples::{event, signal};
use rollcall_ledger::{MemoryFiles, QueueSettings, Sqlite, SqliteQueue, SqliteTable, TableLedger};
use rollcall_model::{AccountRef, Answer, Event, Lane, Ledger, Queue};
use rollcall_runtime::clock::SystemClock;

/// Tells a copy of this test program that it is the process under test: `<file> <name> <events>`.
const CHILD: &str = "ROLLCALL_LEDGER_TEST_CHILD";

fn ledger(path: &Path) -> TableLedger {
    let table = Arc::new(SqliteTable::new(Sqlite::open(path).unwrap()));
    TableLedger::new(table, Arc::new(MemoryFiles::new()))
}

fn account() -> AccountRef {
    AccountRef::new("dir-main", "00u1")
}

fn numbered(number: usize) -> Event {
    event(&account(), &number.to_string())
}

/// Starts a copy of this program that runs only the named test.
fn child(test: &str, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The child: accepts events, several at the same moment so that they share a write, and says which ones it won.
async fn be_child(role: &str) {
    let mut words = role.split('\t');
    let mut word = || words.next().unwrap();
    let (path, name, events) = (word(), word(), word());
    let ledger = ledger(Path::new(path));
    let numbers: Vec<usize> = (0..events.parse().unwrap()).collect();
    for together in numbers.chunks(4) {
        let ledger = &ledger;
        let accepted = together.iter().map(|number| async move {
            let event = numbered(*number);
            let signal = signal(&event.key, "{}");
            let answer = ledger.accept(&event, &signal, at(0), name).await.unwrap();
            if answer == Answer::Won(()) {
                println!("\nwon {number}");
            }
        });
        futures::future::join_all(accepted).await;
    }
}

/// The event that a line of a child's says it won.
fn number(line: &str) -> Option<usize> {
    line.strip_prefix("won ")?.parse().ok()
}

/// What the children said that they had won.
fn won(children: Vec<Child>) -> Vec<usize> {
    let mut won = Vec::new();
    for mut child in children {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        won.extend(lines.filter_map(|line| number(&line.unwrap())));
        child.wait().unwrap();
    }
    won.sort_unstable();
    won
}

#[tokio::test]
async fn what_was_answered_survives_the_death_of_the_process() {
    if let Ok(role) = std::env::var(CHILD) {
        return be_child(&role).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let role = format!("{}\tone\t100000", path.display());
    let mut child = child("what_was_answered_survives_the_death_of_the_process", &role);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It is killed in the midst of its work, and what it had said by then is read to the end.
    let mut won = lines
        .by_ref()
        .filter_map(|line| number(&line.unwrap()))
        .take(10)
        .collect::<Vec<_>>();
    child.kill().unwrap();
    won.extend(lines.map_while(Result::ok).filter_map(|line| number(&line)));
    child.wait().unwrap();
    let ledger = ledger(&path);
    let inbox = ledger.inbox(&account()).await.unwrap();
    let stored = usize::try_from(inbox.seq).unwrap();
    assert!(
        won.len() >= 10 && stored >= won.len(),
        "{stored} stored, {} answered",
        won.len()
    );
    assert_eq!(inbox.rows.len(), stored, "every place has its row");
    for number in won {
        let again = numbered(number);
        let answer = ledger.accept(&again, &signal(&again.key, "{}"), at(0), "one").await;
        assert_eq!(answer.unwrap(), Answer::AlreadyMine(()), "{number} was answered");
    }
    let next = numbered(100_000);
    let answer = ledger.accept(&next, &signal(&next.key, "{}"), at(0), "two").await;
    assert_eq!(answer.unwrap(), Answer::Won(()));
}

#[tokio::test]
async fn several_processes_share_one_file() {
    if let Ok(role) = std::env::var(CHILD) {
        return be_child(&role).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let children = ["one", "two", "three"].map(|name| {
        let role = format!("{}\t{name}\t30", path.display());
        child("several_processes_share_one_file", &role)
    });
    let won = won(children.into());
    assert_eq!(won, (0..30).collect::<Vec<_>>(), "each event once, by one of them");
    let inbox = ledger(&path).inbox(&account()).await.unwrap();
    assert_eq!((inbox.seq, inbox.rows.len()), (30, 30));
}

#[tokio::test]
async fn what_this_process_sends_is_told_at_once_whenever_somebody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let queue = || {
        let sqlite = Sqlite::open(&path).unwrap();
        SqliteQueue::new(sqlite, Arc::new(SystemClock), QueueSettings::default())
    };
    let (ours, another) = (queue(), queue());
    let body = ["hello".to_owned()];
    // Sent while somebody waits.
    let waits = ours.arrival(Lane::Urgent);
    let sent = async {
        tokio::task::yield_now().await;
        ours.send(Lane::Urgent, &body, Duration::ZERO).await
    };
    let ((), sent) = futures::join!(waits, sent);
    sent.unwrap();
    // Sent before.
    ours.send(Lane::Urgent, &body, Duration::ZERO).await.unwrap();
    ours.arrival(Lane::Urgent).await;
    // Told once, of this lane alone, and not of what another process sends.
    ours.send(Lane::Work, &body, Duration::ZERO).await.unwrap();
    another.send(Lane::Urgent, &body, Duration::ZERO).await.unwrap();
    assert!(ours.arrival(Lane::Urgent).now_or_never().is_none());
    let received = ours.receive(Lane::Urgent, 10, Duration::from_mins(1)).await.unwrap();
    assert_eq!(received.len(), 3, "what is not told is there all the same");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder.path().join("rollcall.db"));
    let first = numbered(1);
    let answer = ledger.accept(&first, &signal(&first.key, "{}"), at(0), "n").await;
    answer.unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 2, "the file and its log");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("rollcall.db");
    let error = Sqlite::open(&path).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    let path = folder.path().join("text.db");
    std::fs::write(&path, "this is no database, it is a longer text than a header").unwrap();
    assert!(Sqlite::open(&path).is_err());
}
