//! Keeping: how long events, runs, reviews and what is known of people stay.

use std::time::Duration;

use rollcall_model::ledger::{Keeping, documents};
use rollcall_model::plan::Goal;
use rollcall_model::{AccountRef, PersonKey, ReviewId, Run, RunState, Timestamp};
use serde_json::json;

use super::forgetting::{PASSES, end, ended, run_of};
use super::{Bench, at, samples, seconds};

const DAY: Duration = Duration::from_hours(24);

/// An event is there for as long as was said, and then it never was.
pub async fn an_event_is_kept_as_long_as_was_said(bench: &Bench) {
    bench.ledger.keep(Keeping { events: DAY * 7 });
    let account = bench.account("kept");
    let long_ago = Timestamp::from_second(86_400).unwrap();
    let far_off = Timestamp::from_second(7_258_118_400).unwrap();
    for (name, due_at, there) in [("old", long_ago, false), ("new", far_off, true)] {
        let event = samples::event(&account, name);
        let signal = samples::signal(&event.key, "{}");
        let nonce = format!("{} {name}", bench.tag);
        bench.ledger.accept(&event, &signal, due_at, &nonce).await.unwrap();
        assert_eq!(bench.ledger.event(&event.key).await.unwrap().is_some(), there, "{name}");
    }
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    let rows: Vec<&str> = inbox.rows.iter().map(|row| row.event.key.as_str()).collect();
    assert_eq!(rows, [samples::event(&account, "new").key.as_str()]);
    assert_eq!(inbox.drained + 1, inbox.rows[0].seq, "what is gone is dealt with");

    // An account of which nothing is left is let go of.
    let gone = bench.account("gone");
    let event = samples::event(&gone, "gone");
    let signal = samples::signal(&event.key, "{}");
    let nonce = format!("{} gone", bench.tag);
    bench.ledger.accept(&event, &signal, long_ago, &nonce).await.unwrap();
    let lock = bench.claim(&gone, &bench.holder("gone", far_off)).await;
    let inbox = bench.ledger.inbox(&gone).await.unwrap();
    assert_eq!((inbox.rows.len(), inbox.drained), (0, inbox.seq));
    bench.won(bench.ledger.release_account(&lock, &inbox, None).await.unwrap());
}

/// Runs and reviews go when they were kept long enough, and with the last run of somebody who left what was known of them.
pub async fn what_was_kept_long_enough_goes(bench: &Bench) {
    let long_ago = Timestamp::from_second(86_400).unwrap();
    let (mut old, mut young) = (run_of(bench, "r1", "olga42"), run_of(bench, "r2", "yara42"));
    old.opened_at = long_ago;
    young.opened_at = Timestamp::from_second(86_400 * 3).unwrap();
    for run in [&old, &young] {
        ended(bench, run).await;
        let link = json!({"person": run.person});
        let account = run.person.account.to_string();
        bench
            .ledger
            .put_document(documents::LINK, &account, &link)
            .await
            .unwrap();
    }
    let mut review = samples::review(&old.id, "p");
    review.id = ReviewId::new(format!("{}-old", bench.tag));
    review.opened_at = long_ago;
    review.expires_at = long_ago;
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let before = Timestamp::from_second(86_400 * 2).unwrap();
    for _ in 0..PASSES {
        bench.ledger.retire(before, 1_000).await.unwrap();
    }
    assert_eq!(bench.ledger.run(&old.id).await.unwrap(), None);
    assert_eq!(bench.ledger.journal(&old.id).await.unwrap(), []);
    assert_eq!(bench.ledger.review(&review.id).await.unwrap(), None);
    let known = async |run: &Run| {
        let (link, key) = (run.person.account.to_string(), documents::key_id(&run.plan.person));
        let link = bench.ledger.document(documents::LINK, &link).await.unwrap().is_some();
        let key = bench.ledger.document(documents::KEY, &key).await.unwrap().is_some();
        (link, key)
    };
    assert_eq!(known(&old).await, (false, false));
    assert!(bench.ledger.run(&young.id).await.unwrap().is_some());
    assert_eq!(known(&young).await, (true, true));
    let of = |run: &Run| PersonKey::new(run.plan.person.as_str());
    assert_eq!(bench.ledger.runs(Some(&of(&old)), 10).await.unwrap(), []);
    let account: &AccountRef = &young.person.account;
    assert_eq!(bench.ledger.inbox(account).await.unwrap().seq, 0);
}

/// Opened long ago is not enough: a run that ends at the very moment stays, and so does one that has not ended, a review that
/// was decided then, and what is known of somebody who has not left or of whom another run is kept.
pub async fn what_is_not_over_stays(bench: &Bench) {
    let long_ago = Timestamp::from_second(86_400).unwrap();
    let before = Timestamp::from_second(86_400 * 2).unwrap();
    let mut open = run_of(bench, "s1", "omar43");
    let mut late = run_of(bench, "s2", "lena43");
    let mut joiner = run_of(bench, "s3", "jane43");
    let mut failed = run_of(bench, "s4", "fred43");
    let mut first = run_of(bench, "s5", "twin43");
    for run in [&mut open, &mut late, &mut joiner, &mut failed, &mut first] {
        run.opened_at = long_ago;
    }
    joiner.plan.goal = Goal::Join;
    let mut second = run_of(bench, "s6", "twin43");
    second.opened_at = before;
    bench.open(&open, &bench.holder("open", at(60))).await;
    end(bench, &late, RunState::Done, before).await;
    let why = "somebody must look".to_owned();
    end(bench, &failed, RunState::Incomplete { why }, long_ago).await;
    for run in [&joiner, &first, &second] {
        ended(bench, run).await;
    }
    let mut review = samples::review(&late.id, "p");
    review.id = ReviewId::new(format!("{}-late", bench.tag));
    (review.opened_at, review.expires_at) = (long_ago, before);
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let named = async |run: &Run, put: bool| {
        let id = run.person.login.to_lowercase();
        if put {
            let body = json!({"person": run.plan.person});
            bench.ledger.put_document(documents::NAME, &id, &body).await.unwrap();
        }
        bench.ledger.document(documents::NAME, &id).await.unwrap().is_some()
    };
    for run in [&joiner, &failed, &first] {
        assert!(named(run, true).await);
    }
    for _ in 0..PASSES {
        bench.ledger.retire(before, 1_000).await.unwrap();
    }
    for (run, there) in [
        (&open, true),
        (&late, true),
        (&joiner, false),
        (&failed, false),
        (&first, false),
    ] {
        assert_eq!(bench.ledger.run(&run.id).await.unwrap().is_some(), there, "{}", run.id);
    }
    assert!(bench.ledger.review(&review.id).await.unwrap().is_some());
    for run in [&joiner, &failed, &first] {
        assert!(named(run, false).await, "{} is known", run.person.login);
    }
    // With the last run of somebody who left, their name goes.
    for _ in 0..PASSES {
        let later = before.checked_add(seconds(1)).unwrap();
        bench.ledger.retire(later, 1_000).await.unwrap();
    }
    assert!(!named(&first, false).await);
}
