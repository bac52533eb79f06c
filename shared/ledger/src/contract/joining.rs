//! Events that join a run, and events of which nothing comes.

use rollcall_model::Answer;
use rollcall_model::ledger::{Disposition, Settle};

use super::Bench;
use super::samples::{at, event, run};

/// Joined events are triggers of the run and dealt with, however many they are.
pub async fn joined_events_become_triggers(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-join", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    bench.open(&run, &holder).await;
    let (lock, inbox) = bench.account_with("join", 30, &holder).await;
    let answer = bench.ledger.join(&run.id, &lock, &inbox, 29).await;
    let after = bench.won(answer.unwrap());
    assert_eq!((after.drained, after.rows.len()), (29, 1));
    assert_eq!(after, bench.ledger.inbox(&after.account).await.unwrap());
    let mut joined = bench.ledger.triggers(&run.id).await.unwrap();
    let mut asked: Vec<_> = inbox.rows[..29].iter().map(|row| row.event.key.clone()).collect();
    joined.sort();
    asked.sort();
    assert_eq!(joined, asked);
    let first = bench.ledger.event(&asked[0]).await.unwrap().unwrap();
    assert_eq!(first.disposition, Some(Disposition::Run(run.id.clone())));
    let again = bench.ledger.join(&run.id, &lock, &inbox, 29).await.unwrap();
    assert_eq!(again, Answer::AlreadyMine(after));
}

/// A run that has finished is not joined: the rows stay, and another run can be opened for them.
pub async fn a_finished_run_is_not_joined(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-joined-late", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &holder).await;
    let settled = bench.ledger.settle(&mut claim, Settle::Finish, "f").await;
    bench.won(settled.unwrap());
    let (lock, inbox) = bench.account_with("join-late", 1, &holder).await;
    let stale = bench.ledger.join(&run.id, &lock, &inbox, 1).await.unwrap();
    assert_eq!(stale, Answer::Stale);
    let now = bench.ledger.inbox(&inbox.account).await.unwrap();
    assert_eq!(now, inbox, "nothing moved");
}

/// Rows of which nothing comes are noted with the reason, and later ones stay.
pub async fn rows_drained_for_nothing_say_why(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("nothing", 40, &holder).await;
    bench.accept(&event(&inbox.account, "meanwhile")).await;
    let answer = bench.ledger.drain(&lock, &inbox, 39, "a sign-in").await;
    let after = bench.won(answer.unwrap());
    assert_eq!((after.drained, after.seq), (39, 41));
    let left: Vec<u64> = after.rows.iter().map(|row| row.seq).collect();
    assert_eq!(left, [40, 41], "what arrived meanwhile is there too");
    for row in &inbox.rows {
        let stored = bench.ledger.event(&row.event.key).await.unwrap().unwrap();
        let why = (row.seq <= 39).then(|| Disposition::Nothing("a sign-in".to_owned()));
        assert_eq!(stored.disposition, why, "{}", row.seq);
    }
    let again = bench.ledger.drain(&lock, &inbox, 39, "again").await;
    assert_eq!(again.unwrap(), Answer::AlreadyMine(after));
}
