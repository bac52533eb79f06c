//! Timers.

use futures::future::join_all;
use rollcall_model::Answer;
use rollcall_model::ledger::{Due, Timer};
use serde_json::json;

use super::Bench;
use super::samples::at;

fn timer(bench: &Bench, kind: &str, name: &str, due: Option<i64>) -> Timer {
    Timer {
        id: format!("{kind}/{}-{name}", bench.tag),
        due_at: due.map(at),
        body: json!({"name": name}),
        version: 0,
    }
}

async fn read(bench: &Bench, id: &str) -> Option<Timer> {
    bench.ledger.timer(id).await.unwrap()
}

/// A timer is due from its moment on, until it is written without one or removed.
pub async fn a_timer_is_due_from_its_moment_on(bench: &Bench) {
    let set = timer(bench, "leave", "due", Some(500));
    bench.won(bench.ledger.set_timer(&set, "a").await.unwrap());
    let due = Due::Timer(set.id.clone());
    bench.not_due(at(499), &due).await;
    bench.due(at(500), &due).await;
    bench.due(at(9999), &due).await;
    let stored = read(bench, &set.id).await.unwrap();
    assert_eq!((stored.due_at, &stored.body), (set.due_at, &set.body));
    let kept = Timer {
        due_at: None,
        body: json!({"state": "begun"}),
        ..stored
    };
    bench.won(bench.ledger.set_timer(&kept, "b").await.unwrap());
    bench.not_due(at(9999), &due).await;
    let stored = read(bench, &set.id).await.unwrap();
    assert_eq!((stored.due_at, &stored.body), (None, &kept.body));
    let again = Timer {
        due_at: Some(at(600)),
        ..stored
    };
    bench.won(bench.ledger.set_timer(&again, "c").await.unwrap());
    bench.due(at(600), &due).await;
    let stored = read(bench, &set.id).await.unwrap();
    let removed = bench.ledger.remove_timer(&set.id, stored.version).await.unwrap();
    assert!(bench.lossy || removed == Answer::Won(()), "{removed:?}");
    bench.not_due(at(9999), &due).await;
    assert_eq!(read(bench, &set.id).await, None);
}

/// A new timer never replaces one that is there, and the same write repeated is recognised.
pub async fn a_timer_is_set_once(bench: &Bench) {
    let set = timer(bench, "watch", "once", Some(100));
    let write = || bench.ledger.set_timer(&set, "first");
    bench.won(write().await.unwrap());
    assert_eq!(write().await.unwrap(), Answer::AlreadyMine(()));
    let other = Timer {
        body: json!({"name": "another"}),
        due_at: Some(at(1)),
        ..set.clone()
    };
    let stale = bench.ledger.set_timer(&other, "second").await.unwrap();
    assert_eq!(stale, Answer::Stale);
    let stored = read(bench, &set.id).await.unwrap();
    assert_eq!((stored.due_at, stored.body), (set.due_at, set.body));
}

/// Of many that write a timer on at a time, one wins: its hour comes once, or it is called off once.
pub async fn a_timer_is_written_on_by_one(bench: &Bench) {
    let set = timer(bench, "leave", "many", Some(100));
    bench.won(bench.ledger.set_timer(&set, "set").await.unwrap());
    let stored = read(bench, &set.id).await.unwrap();
    let answers = join_all((0..8).map(|number| {
        let stored = &stored;
        async move {
            let next = Timer {
                body: json!({"by": number}),
                due_at: None,
                ..stored.clone()
            };
            let answer = bench.ledger.set_timer(&next, &format!("many {number}")).await;
            (number, answer.unwrap())
        }
    }))
    .await;
    let winners: Vec<i32> = answers
        .iter()
        .filter(|(_, answer)| *answer != Answer::Stale)
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    let now = read(bench, &set.id).await.unwrap();
    assert_eq!(now.body, json!({"by": winners[0]}));
    assert_ne!(now.version, stored.version);
}

/// What was read before somebody wrote removes nothing, and what is gone stays gone.
pub async fn a_timer_is_removed_under_its_version(bench: &Bench) {
    let set = timer(bench, "watch", "remove", Some(100));
    bench.won(bench.ledger.set_timer(&set, "set").await.unwrap());
    let first = read(bench, &set.id).await.unwrap();
    bench.won(bench.ledger.set_timer(&first, "again").await.unwrap());
    let stale = bench.ledger.remove_timer(&set.id, first.version).await.unwrap();
    assert_eq!(stale, Answer::Stale);
    let second = read(bench, &set.id).await.unwrap();
    let removed = bench.ledger.remove_timer(&set.id, second.version).await.unwrap();
    // A removal whose answer was lost finds nothing left: the timer is gone either way.
    assert!(bench.lossy || removed == Answer::Won(()), "{removed:?}");
    assert_eq!(read(bench, &set.id).await, None);
    let gone = bench.ledger.set_timer(&second, "late").await.unwrap();
    assert_eq!(gone, Answer::Stale, "a write under the old version brings nothing back");
    assert_eq!(read(bench, &set.id).await, None);
}

/// Timers are listed by their kind, those that are not due among them.
pub async fn timers_are_listed_by_kind(bench: &Bench) {
    let (kind, other) = (format!("{}-k", bench.tag), format!("{}-k2", bench.tag));
    for (kind, name, due) in [
        (&kind, "b", Some(5)),
        (&kind, "a/é", None),
        (&kind, "c", Some(7)),
        (&other, "d", Some(6)),
    ] {
        let set = timer(bench, kind, name, due);
        bench.won(bench.ledger.set_timer(&set, name).await.unwrap());
    }
    let listed = bench.ledger.timers(&kind, 10).await.unwrap();
    let names: Vec<_> = listed.iter().map(|timer| timer.body["name"].clone()).collect();
    assert_eq!(names, ["a/é", "b", "c"]);
    let dues: Vec<_> = listed.iter().map(|timer| timer.due_at).collect();
    assert_eq!(dues, [None, Some(at(5)), Some(at(7))]);
    assert_eq!(bench.ledger.timers(&kind, 2).await.unwrap().len(), 2);
    assert_eq!(bench.ledger.timers(&other, 10).await.unwrap().len(), 1);
    for timer in listed {
        let same = read(bench, &timer.id).await;
        assert_eq!(same, Some(timer), "what is listed can be written on");
    }
}
