//! Limits, reviews and documents.

use futures::future::join_all;
use rollcall_model::ledger::{Due, Reservation, Settle};
use rollcall_model::{Answer, Digest, Review, ReviewId, ReviewState, RunState, Timestamp};
use serde_json::json;

use super::Bench;
use super::samples::{at, review, run};

fn reservation(bench: &Bench, key: &str, member: &str, limit: u32) -> Reservation {
    Reservation {
        key: format!("{}-{key}", bench.tag),
        window: at(0),
        limit,
        member: member.to_owned(),
    }
}

/// Of many that ask at a time, exactly as many get a place as there are; each member takes one, however often it asks.
pub async fn a_limit_holds_under_many(bench: &Bench) {
    let asked = join_all((0..12).map(|number| async move {
        let reservation = reservation(bench, "many", &format!("m{number}"), 5);
        bench.ledger.reserve(&reservation).await.unwrap()
    }))
    .await;
    let mine = asked.into_iter().filter_map(Answer::mine).count();
    assert_eq!(mine, 5);
}

/// The same member takes no second place; another window and another key have places of their own.
pub async fn a_member_takes_one_place(bench: &Bench) {
    let mut asked = reservation(bench, "one", "m", 1);
    bench.won(bench.ledger.reserve(&asked).await.unwrap());
    let again = bench.ledger.reserve(&asked).await.unwrap();
    assert_eq!(again, Answer::AlreadyMine(()));
    asked.member.push_str("-other");
    let lost = bench.ledger.reserve(&asked).await.unwrap();
    assert!(matches!(lost, Answer::Lost(why) if why.contains('1')));
    asked.window = at(3600);
    bench.won(bench.ledger.reserve(&asked).await.unwrap());
    let none = reservation(bench, "none", "m", 0);
    let lost = bench.ledger.reserve(&none).await.unwrap();
    assert!(matches!(lost, Answer::Lost(_)));
}

/// A review is decided once, by the first who decides.
pub async fn a_review_is_decided_once(bench: &Bench) {
    let run = run(&format!("{}-rev", bench.tag), "p", &["sf-us"]);
    let review = review(&run.id, "h1");
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let again = bench.ledger.open_review(&review).await.unwrap();
    assert_eq!(again, Answer::AlreadyMine(()));
    let other = Review {
        plan_hash: Digest::new("h2"),
        ..review.clone()
    };
    let taken = bench.ledger.open_review(&other).await.unwrap();
    assert!(
        matches!(taken, Answer::Lost(_)),
        "another plan of the same run: {taken:?}"
    );
    let stored = bench.ledger.review(&review.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&review));
    let answers = join_all((0..6).map(|number| {
        let review = &review;
        async move {
            let by = format!("{number}@example.com");
            let decision = if number % 2 == 0 {
                ReviewState::Approved {
                    by,
                    at: at(5),
                    signed: None,
                }
            } else {
                ReviewState::Refused {
                    by,
                    at: at(5),
                    signed: None,
                }
            };
            let hash = &review.plan_hash;
            let answer = bench.ledger.approve(&review.id, hash, &decision, at(5)).await;
            (decision, answer.unwrap())
        }
    }))
    .await;
    let won: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| !matches!(answer, Answer::Lost(_)))
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let (decision, _) = won[0];
    let (ReviewState::Approved { by, .. } | ReviewState::Refused { by, .. }) = decision else {
        panic!("{decision:?}");
    };
    for (_, answer) in &answers {
        assert!(
            !matches!(answer, Answer::Lost(why) if !why.contains(by)),
            "who was first: {answer:?}"
        );
    }
    let stored = bench.ledger.review(&review.id).await.unwrap().unwrap();
    assert_eq!(stored.state, *decision);
    let again = bench.ledger.approve(&review.id, &review.plan_hash, decision, at(6));
    assert_eq!(again.await.unwrap(), Answer::AlreadyMine(()));
}

/// A decision about another plan, after the end, or about no review at all decides nothing.
pub async fn a_decision_binds_to_the_plan_and_ends(bench: &Bench) {
    let run = run(&format!("{}-bind", bench.tag), "p", &["sf-us"]);
    let review = review(&run.id, "h1");
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let decision = ReviewState::Approved {
        by: "ada@example.com".to_owned(),
        at: at(5),
        signed: None,
    };
    let decide = async |id: &ReviewId, hash: &str, now| {
        let hash = Digest::new(hash);
        let answer = bench.ledger.approve(id, &hash, &decision, now).await;
        answer.unwrap()
    };
    assert_eq!(decide(&review.id, "h2", at(5)).await, Answer::Stale);
    let late = decide(&review.id, "h1", at(3601)).await;
    assert!(matches!(late, Answer::Lost(why) if why.contains("expired")));
    let missing = ReviewId::new(format!("{}-none", bench.tag));
    let lost = decide(&missing, "h1", at(5)).await;
    assert!(matches!(lost, Answer::Lost(_)));
    let open = ReviewState::Open;
    let hash = &review.plan_hash;
    let refused = bench.ledger.approve(&review.id, hash, &open, at(5)).await;
    assert!(refused.is_err(), "open is no decision");
    let stored = bench.ledger.review(&review.id).await.unwrap().unwrap();
    assert_eq!(stored.state, ReviewState::Open);
    bench.won(decide(&review.id, "h1", review.expires_at).await);
}

/// A decision that turns out not to count is taken away, and another one can be made; a decision that has replaced it stays.
pub async fn a_review_is_opened_again_only_as_it_was_seen(bench: &Bench) {
    let run = run(&format!("{}-reopen", bench.tag), "p", &["sf-us"]);
    let review = review(&run.id, "h1");
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let said = |by: &str| ReviewState::Approved {
        by: by.to_owned(),
        at: at(5),
        signed: None,
    };
    let (forged, real) = (said("mallory@example.com"), said("ada@example.com"));
    let hash = &review.plan_hash;
    bench.won(bench.ledger.approve(&review.id, hash, &forged, at(5)).await.unwrap());
    let other = bench.ledger.reopen(&review.id, &real).await.unwrap();
    assert_eq!(other, Answer::Stale);
    bench.won(bench.ledger.reopen(&review.id, &forged).await.unwrap());
    let stored = bench.ledger.review(&review.id).await.unwrap().unwrap();
    assert_eq!(stored, review);
    let again = bench.ledger.reopen(&review.id, &forged).await.unwrap();
    assert_eq!(again, Answer::AlreadyMine(()));
    bench.won(bench.ledger.approve(&review.id, hash, &real, at(6)).await.unwrap());
    assert_eq!(bench.ledger.reopen(&review.id, &forged).await.unwrap(), Answer::Stale);
    let stored = bench.ledger.review(&review.id).await.unwrap().unwrap();
    assert_eq!(stored.state, real);
}

/// A decision wakes its run, even while somebody holds the run: the next claim takes the wake.
pub async fn a_decision_wakes_its_run(bench: &Bench) {
    let id = format!("{}-wake", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(600))).await;
    let review = review(&run.id, "h1");
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let decision = ReviewState::Approved {
        by: "ada@example.com".to_owned(),
        at: at(5),
        signed: None,
    };
    let decided = bench.ledger.approve(&review.id, &review.plan_hash, &decision, at(5));
    bench.won(decided.await.unwrap());
    let held = bench.ledger.settle(&mut claim, Settle::Hold, "h").await;
    bench.won(held.unwrap());
    let due = Due::Run(run.id.clone());
    bench.due(at(5), &due).await;
    let other = bench.holder("2", at(60));
    let claim = bench.ledger.claim_run(&run.id, &other, at(5)).await;
    let mut claim = bench.won(claim.unwrap());
    bench.not_due(at(60), &due).await;
    let held = bench.ledger.settle(&mut claim, Settle::Hold, "h2").await;
    bench.won(held.unwrap());
    bench.not_due(at(9999), &due).await;
}

/// A decision that comes while its run is ending wakes nothing for ever: whoever follows the wake takes it away.
pub async fn a_decision_on_a_run_that_has_ended_is_not_due_for_ever(bench: &Bench) {
    let id = format!("{}-wake-late", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let holder = bench.holder("1", at(600));
    let mut claim = bench.open(&run, &holder).await;
    let review = review(&run.id, "h1");
    bench.won(bench.ledger.open_review(&review).await.unwrap());
    let decision = ReviewState::Approved {
        by: "ada@example.com".to_owned(),
        at: at(5),
        signed: None,
    };
    let decided = bench.ledger.approve(&review.id, &review.plan_hash, &decision, at(5));
    bench.won(decided.await.unwrap());
    claim.run.state = RunState::Done;
    bench.won(bench.ledger.settle(&mut claim, Settle::Finish, "f").await.unwrap());
    let due = Due::Run(run.id.clone());
    bench.due(at(5), &due).await;
    let late = bench.ledger.claim_run(&run.id, &bench.holder("2", at(60)), at(6)).await;
    assert!(matches!(late.unwrap(), Answer::Lost(_)));
    bench.not_due(at(9999), &due).await;
}

/// Reviews are listed newest first; those that somebody has decided are left out when only the open ones are asked for. Opening
/// one twice lists it once.
pub async fn reviews_are_listed_newest_first_and_the_open_ones_alone(bench: &Bench) {
    let mut opened = Vec::new();
    // Later than what other promises open on the same table.
    for number in 0..4 {
        let run = run(&format!("{}-list{number}", bench.tag), "p", &["sf-us"]);
        let review = Review {
            opened_at: at(1_000_000 + number),
            expires_at: at(2_000_000),
            ..review(&run.id, "h1")
        };
        bench.won(bench.ledger.open_review(&review).await.unwrap());
        let again = bench.ledger.open_review(&review).await.unwrap();
        assert_eq!(again, Answer::AlreadyMine(()));
        opened.push(review);
    }
    let decision = ReviewState::Refused {
        by: "ada@example.com".to_owned(),
        at: at(1_000_010),
        signed: None,
    };
    let decided = &opened[2];
    let answer = bench
        .ledger
        .approve(&decided.id, &decided.plan_hash, &decision, at(1_000_010));
    bench.won(answer.await.unwrap());
    let ours = async |open: bool| {
        let prefix = format!("{}-list", bench.tag);
        let listed = bench.ledger.reviews(open, 1_000).await.unwrap();
        assert!(listed.is_sorted_by(|one, next| one.opened_at >= next.opened_at));
        let ours = listed
            .into_iter()
            .filter(|review| review.run.as_str().starts_with(&prefix));
        ours.map(|review| review.id).collect::<Vec<_>>()
    };
    let ids: Vec<ReviewId> = opened.iter().rev().map(|review| review.id.clone()).collect();
    assert_eq!(ours(false).await, ids);
    let open: Vec<ReviewId> = ids.into_iter().filter(|id| *id != decided.id).collect();
    assert_eq!(ours(true).await, open);
    assert_eq!(bench.ledger.reviews(true, 2).await.unwrap().len(), 2);
}

/// Documents are written, replaced, listed in order and removed; adding finds what is there.
pub async fn documents_stand_by_themselves(bench: &Bench) {
    let (kind, ledger) = (format!("{}-docs", bench.tag), &bench.ledger);
    assert_eq!(ledger.document(&kind, "b").await.unwrap(), None);
    ledger.remove_document(&kind, "b").await.unwrap();
    ledger.put_document(&kind, "b", &json!({"n": 1})).await.unwrap();
    ledger.put_document(&kind, "b", &json!({"n": 2})).await.unwrap();
    let added = ledger.add_document(&kind, "b", &json!(3), "x").await;
    assert!(matches!(added.unwrap(), Answer::Lost(_)));
    for (id, nonce) in [("é/日本#1", "y"), ("a", "z"), ("", "w")] {
        let body = json!(id);
        let add = || ledger.add_document(&kind, id, &body, nonce);
        bench.won(add().await.unwrap());
        assert_eq!(add().await.unwrap(), Answer::AlreadyMine(()));
    }
    let other = ledger.add_document(&kind, "a", &json!(0), "other").await;
    assert!(matches!(other.unwrap(), Answer::Lost(_)));
    let listed = ledger.documents(&kind, 10).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["", "a", "b", "é/日本#1"]);
    assert_eq!(listed[2].body, json!({"n": 2}));
    assert_eq!(ledger.documents(&kind, 2).await.unwrap().len(), 2);
    ledger.remove_document(&kind, "b").await.unwrap();
    assert_eq!(ledger.document(&kind, "b").await.unwrap(), None);
    assert_eq!(ledger.documents(&kind, 10).await.unwrap().len(), 3);
    // In 2100, and in 1970.
    for (id, until, there) in [("later", 4_102_444_800, true), ("over", 1, false)] {
        let (body, until) = (json!(id), Timestamp::from_second(until).unwrap());
        let added = ledger.add_passing_document(&kind, id, &body, "p", until).await;
        bench.won(added.unwrap());
        let found = ledger.document(&kind, id).await.unwrap();
        assert_eq!(found.is_some(), there, "{id}");
    }
    let next = format!("{kind}-next");
    assert_eq!(ledger.documents(&next, 10).await.unwrap(), []);
}
