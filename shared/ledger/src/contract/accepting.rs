//! Taking events in.

use futures::future::join_all;
use rollcall_model::ledger::{Disposition, Due};
use rollcall_model::{Answer, SignalBody, SignalKey};

use super::Bench;
use super::samples::{self, at, event, signal};

/// The second acceptance of an event is lost, whoever asks, and changes nothing; the first caller recognises its own.
pub async fn an_event_is_accepted_once(bench: &Bench) {
    let account = bench.account("once");
    let event = event(&account, "1");
    let signal = signal(&event.key, "{\"raw\": 1}");
    let accept = |nonce: &'static str| bench.ledger.accept(&event, &signal, at(0), nonce);
    bench.won(accept("a").await.unwrap());
    assert_eq!(accept("a").await.unwrap(), Answer::AlreadyMine(()));
    assert!(matches!(accept("b").await.unwrap(), Answer::Lost(_)));
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    assert_eq!((inbox.seq, inbox.rows.len(), inbox.drained), (1, 1, 0));
    assert_eq!(inbox.rows[0].event, event);
    let stored = bench.ledger.event(&event.key).await.unwrap().unwrap();
    assert_eq!((stored.event, stored.signal), (event, signal));
    assert_eq!((stored.seq, stored.disposition), (Some(1), None));
}

/// Of many acceptances at a time, one wins, and the inbox has one row.
pub async fn an_event_is_accepted_once_by_many_at_a_time(bench: &Bench) {
    let account = bench.account("once-many");
    let event = event(&account, "1");
    let signal = signal(&event.key, "{}");
    let answers = join_all((0..10).map(|number| {
        let (event, signal) = (&event, &signal);
        async move {
            let nonce = format!("n{number}");
            bench.ledger.accept(event, signal, at(0), &nonce).await
        }
    }))
    .await;
    let mine = answers.into_iter().filter_map(|answer| answer.unwrap().mine()).count();
    assert_eq!(mine, 1, "exactly one wins");
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    assert_eq!((inbox.seq, inbox.rows.len()), (1, 1));
}

/// Places are given out without gaps, also to events that arrive together.
pub async fn every_event_has_its_own_place(bench: &Bench) {
    let account = bench.account("places");
    for number in 0..3 {
        bench.accept(&event(&account, &format!("a{number}"))).await;
    }
    let together: Vec<_> = (0..9).map(|number| event(&account, &format!("b{number}"))).collect();
    join_all(together.iter().map(|event| bench.accept(event))).await;
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    let places: Vec<u64> = inbox.rows.iter().map(|row| row.seq).collect();
    assert_eq!(places, (1..=12).collect::<Vec<_>>());
    let first: Vec<&str> = inbox.rows[..3]
        .iter()
        .map(|row| row.event.key.as_str().rsplit(':').next().unwrap())
        .collect();
    assert_eq!(first, ["a0", "a1", "a2"], "in order of acceptance");
}

/// An event that names no account is kept and has no place.
pub async fn an_event_without_account_is_kept(bench: &Bench) {
    let mut event = event(&bench.account("none"), "1");
    event.account = None;
    bench.accept(&event).await;
    let stored = bench.ledger.event(&event.key).await.unwrap().unwrap();
    assert_eq!((stored.event, stored.seq), (event, None));
    let missing = SignalKey::new(format!("{}-missing", bench.tag));
    assert_eq!(bench.ledger.event(&missing).await.unwrap(), None);
}

/// An account with events is due at the earliest moment asked for, until its inbox is drained and released.
pub async fn an_account_is_due_until_it_is_drained(bench: &Bench) {
    let account = bench.account("due");
    for (name, due) in [("1", 100), ("2", 50), ("3", 200)] {
        let event = event(&account, name);
        let signal = signal(&event.key, "{}");
        let answer = bench.ledger.accept(&event, &signal, at(due), name).await;
        bench.won(answer.unwrap());
    }
    let due = Due::Account(account.clone());
    bench.not_due(at(49), &due).await;
    bench.due(at(50), &due).await;
    let lock = bench.claim(&account, &bench.holder("w", at(60))).await;
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    let drained = bench.ledger.drain(&lock, &inbox, 3, "not ours").await;
    let inbox = bench.won(drained.unwrap());
    bench.due(at(50), &due).await;
    let released = bench.ledger.release_account(&lock, &inbox, None).await;
    bench.won(released.unwrap());
    bench.not_due(at(9999), &due).await;
}

/// Bodies far over what an item takes come back as they were.
pub async fn long_bodies_come_back(bench: &Bench) {
    let account = bench.account("long");
    let event = event(&account, "1");
    let long = "å".repeat(150 * 1024);
    let signal = signal(&event.key, &long);
    let answer = bench.ledger.accept(&event, &signal, at(0), "n").await;
    bench.won(answer.unwrap());
    let body = serde_json::json!({"text": &long});
    let (kind, ledger) = (format!("{}-long", bench.tag), &bench.ledger);
    ledger.put_document(&kind, "d", &body).await.unwrap();
    let document = ledger.document(&kind, "d").await.unwrap().unwrap();
    assert_eq!(document.body, body);
    assert_eq!(ledger.documents(&kind, 10).await.unwrap(), [document]);
    let stored = ledger.event(&event.key).await.unwrap().unwrap();
    assert_eq!(stored.signal.body, SignalBody::Inline(long), "each has its own file");
}

/// Whatever a vendor calls an account, it has an inbox of its own.
pub async fn any_text_names_an_account(bench: &Bench) {
    let names = ["a#b", "a", "a/b", "Ünïcødé", "日本語", "🦀", "a b", "\"", "%", "_", "'"];
    for name in names {
        let account = bench.account(name);
        bench.accept(&event(&account, "1")).await;
        bench.accept(&event(&account, "é#/\u{1f980}")).await;
    }
    for name in names {
        let inbox = bench.ledger.inbox(&bench.account(name)).await.unwrap();
        assert_eq!((inbox.seq, inbox.rows.len()), (2, 2), "{name}");
        assert_eq!(inbox.rows[1].event.account, Some(bench.account(name)));
    }
}

/// An event that is set aside is taken once like any other, whichever way it comes again; nothing waits for anybody.
pub async fn an_event_is_set_aside_once(bench: &Bench) {
    let account = bench.account("aside");
    let event = samples::event(&account, "aside");
    let signal = samples::signal(&event.key, "{}");
    let aside = |nonce: &'static str| bench.ledger.set_aside(&event, &signal, "nobody asks", at(0), nonce);
    bench.won(aside("a").await.unwrap());
    assert_eq!(aside("a").await.unwrap(), Answer::AlreadyMine(()));
    assert!(matches!(aside("b").await.unwrap(), Answer::Lost(_)));
    let accepted = bench.ledger.accept(&event, &signal, at(0), "c").await.unwrap();
    assert!(matches!(accepted, Answer::Lost(_)));
    let stored = bench.ledger.event(&event.key).await.unwrap().unwrap();
    assert_eq!((&stored.event, &stored.signal, stored.seq), (&event, &signal, None));
    assert_eq!(stored.disposition, Some(Disposition::Nothing("nobody asks".to_owned())));
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    assert_eq!((inbox.seq, inbox.rows.len()), (0, 0));

    // One that was accepted before is not set aside.
    let other = samples::event(&account, "accepted");
    bench.accept(&other).await;
    let signal = samples::signal(&other.key, "{}");
    let late = bench.ledger.set_aside(&other, &signal, "nobody asks", at(0), "d").await;
    assert!(matches!(late.unwrap(), Answer::Lost(_)));
    assert_eq!(bench.ledger.event(&other.key).await.unwrap().unwrap().disposition, None);
}
