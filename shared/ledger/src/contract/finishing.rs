//! Claiming runs and writing them back.

use rollcall_model::ledger::{Due, Settle};
use rollcall_model::{Answer, Goal, RunState};

use super::Bench;
use super::samples::{self, at, draft, run};

/// A claimed run is lost to others until the lease has ended.
pub async fn a_claimed_run_is_lost_to_others(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-claimed", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    bench.open(&run, &holder).await;
    let other = bench.holder("2", at(120));
    let lost = bench.ledger.claim_run(&run.id, &other, at(59)).await.unwrap();
    assert!(matches!(lost, Answer::Lost(name) if name == holder.name));
    let won = bench.ledger.claim_run(&run.id, &other, at(60)).await.unwrap();
    assert_eq!(bench.won(won).run, samples::salted(&run));
    let unknown = format!("{}-unknown", bench.tag).as_str().into();
    let stale = bench.ledger.claim_run(&unknown, &other, at(0)).await;
    assert!(matches!(stale.unwrap(), Answer::Stale));
}

/// After somebody else has claimed a run, the earlier holder can neither write entries nor settle.
pub async fn an_earlier_holder_writes_nothing(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-fenced", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us", "sf-eu"]);
    let mut old = bench.open(&run, &holder).await;
    let other = bench.holder("2", at(200));
    let won = bench.ledger.claim_run(&run.id, &other, at(60)).await.unwrap();
    let mut new = bench.won(won);
    for head in old.heads.values_mut() {
        let entries = vec![draft("late")];
        let refused = bench.ledger.append(head, None, entries, at(61), b"s", "late");
        assert_eq!(refused.await.unwrap(), Answer::Stale);
    }
    for how in [
        Settle::Keep,
        Settle::Park(at(1)),
        Settle::Hold,
        Settle::Finish,
        Settle::FinishUnlessJoined,
    ] {
        old.run.attempts = 99;
        let refused = bench.ledger.settle(&mut old, how, "late").await.unwrap();
        assert_eq!(refused, Answer::Lost(other.name.clone()));
    }
    assert_eq!(bench.ledger.journal(&run.id).await.unwrap(), []);
    assert_eq!(bench.ledger.run(&run.id).await.unwrap(), Some(samples::salted(&run)));
    let head = new.heads.get_mut(&"sf-us".into()).unwrap();
    let written = bench
        .ledger
        .append(head, None, vec![draft("in time")], at(61), b"s", "n")
        .await;
    bench.won(written.unwrap());
    new.run.attempts = 1;
    let settled = bench.ledger.settle(&mut new, Settle::Keep, "k").await;
    bench.won(settled.unwrap());
    assert_eq!(bench.ledger.run(&run.id).await.unwrap().unwrap().attempts, 1);
}

/// The same holder claims again at once, and its own earlier claim writes nothing from then on.
pub async fn the_same_holder_claims_a_run_again(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-reclaim", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut old = bench.open(&run, &holder).await;
    let again = bench.ledger.claim_run(&run.id, &holder, at(1)).await;
    let Answer::AlreadyMine(mut new) = again.unwrap() else {
        panic!("it was ours already");
    };
    let stale = bench.ledger.settle(&mut old, Settle::Keep, "a").await;
    assert_eq!(stale.unwrap(), Answer::Stale);
    let settled = bench.ledger.settle(&mut new, Settle::Keep, "b").await;
    bench.won(settled.unwrap());
}

/// A parked run is free at once and due when asked for.
pub async fn a_parked_run_is_due_then(bench: &Bench) {
    let id = format!("{}-park", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(60))).await;
    claim.run.state = RunState::Waiting {
        until: at(500),
        why: "after: 500 s".to_owned(),
    };
    let settled = bench.ledger.settle(&mut claim, Settle::Park(at(500)), "p");
    bench.won(settled.await.unwrap());
    let due = Due::Run(run.id.clone());
    bench.not_due(at(499), &due).await;
    bench.due(at(500), &due).await;
    let other = bench.holder("2", at(60));
    let won = bench.ledger.claim_run(&run.id, &other, at(2)).await.unwrap();
    assert_eq!(bench.won(won).run.state.name(), "Waiting");
}

/// A run whose worker does not come back is due after the lease's end; keeping it moves that on.
pub async fn a_dead_workers_run_is_due_after_its_lease(bench: &Bench) {
    let id = format!("{}-dead", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(60))).await;
    let due = Due::Run(run.id.clone());
    bench.not_due(at(60), &due).await;
    bench.due(at(61), &due).await;
    claim.holder.until = at(90);
    let settled = bench.ledger.settle(&mut claim, Settle::Keep, "k").await;
    bench.won(settled.unwrap());
    bench.not_due(at(90), &due).await;
    bench.due(at(91), &due).await;
    let other = bench.holder("2", at(200));
    let lost = bench.ledger.claim_run(&run.id, &other, at(89)).await.unwrap();
    assert!(matches!(lost, Answer::Lost(_)), "keeping renewed the lease");
    bench.won(bench.ledger.claim_run(&run.id, &other, at(91)).await.unwrap());
    bench.not_due(at(200), &due).await;
    bench.due(at(201), &due).await;
}

/// A held run is due never, and free.
pub async fn a_held_run_is_not_due(bench: &Bench) {
    let id = format!("{}-held", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(60))).await;
    let settled = bench.ledger.settle(&mut claim, Settle::Hold, "h").await;
    bench.won(settled.unwrap());
    bench.not_due(at(99_999), &Due::Run(run.id.clone())).await;
    let other = bench.holder("2", at(60));
    bench.won(bench.ledger.claim_run(&run.id, &other, at(1)).await.unwrap());
}

/// A finished run is due never and claimed by nobody, so that a late wake does no harm; its goal is free for another run.
pub async fn finishing_frees_the_goal(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-finish", bench.tag);
    let person = format!("{id}-p");
    let first = run(&id, &person, &["sf-us"]);
    let mut claim = bench.open(&first, &holder).await;
    claim.run.state = RunState::Done;
    let settled = bench.ledger.settle(&mut claim, Settle::Finish, "f").await;
    bench.won(settled.unwrap());
    bench.not_due(at(99_999), &Due::Run(first.id.clone())).await;
    let second = run(&format!("{id}-2"), &person, &["sf-us"]);
    bench.open(&second, &holder).await;
    let late = bench.ledger.claim_run(&first.id, &holder, at(1)).await;
    assert!(matches!(late.unwrap(), Answer::Lost(_)));
    let again = bench.ledger.settle(&mut claim, Settle::Finish, "f2").await;
    bench.won(again.unwrap());
    let open = bench.ledger.open_run(&first.plan.person, Goal::Leave, None).await;
    assert_eq!(open.unwrap(), Some(second.id));
    let done = bench.ledger.run(&first.id).await.unwrap().unwrap();
    assert_eq!(done.state, RunState::Done);
}

/// An event that joined after the claim keeps the run from finishing unseen.
pub async fn finishing_notices_a_late_join(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let id = format!("{}-late", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &holder).await;
    let (lock, inbox) = bench.account_with("late", 2, &holder).await;
    let joined = bench.ledger.join(&run.id, &lock, &inbox, 1).await;
    let inbox = bench.won(joined.unwrap());
    let stale = bench.ledger.settle(&mut claim, Settle::FinishUnlessJoined, "a").await;
    assert_eq!(stale.unwrap(), Answer::Stale);
    let again = bench.ledger.claim_run(&run.id, &holder, at(1)).await;
    let mut claim = again.unwrap().mine().unwrap();
    let joined = bench.ledger.join(&run.id, &lock, &inbox, 2).await;
    bench.won(joined.unwrap());
    let stale = bench.ledger.settle(&mut claim, Settle::FinishUnlessJoined, "b").await;
    assert_eq!(stale.unwrap(), Answer::Stale);
    claim.run.triggers = bench.ledger.triggers(&run.id).await.unwrap();
    let settled = bench.ledger.settle(&mut claim, Settle::FinishUnlessJoined, "c").await;
    bench.won(settled.unwrap());
}

/// Settling whose answer was lost is recognised by its nonce.
pub async fn settling_is_recognised_when_repeated(bench: &Bench) {
    let id = format!("{}-settle", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let mut claim = bench.open(&run, &bench.holder("1", at(60))).await;
    let mut copy = claim.clone();
    let settled = bench.ledger.settle(&mut claim, Settle::Keep, "k").await;
    bench.won(settled.unwrap());
    let again = bench.ledger.settle(&mut copy, Settle::Keep, "k").await;
    assert!(again.unwrap().mine().is_some());
    assert_eq!(copy.version, claim.version);
    let parked = bench.ledger.settle(&mut claim, Settle::Park(at(9)), "p").await;
    bench.won(parked.unwrap());
    let other = bench.holder("2", at(60));
    bench.won(bench.ledger.claim_run(&run.id, &other, at(9)).await.unwrap());
    let again = bench.ledger.settle(&mut copy, Settle::Park(at(9)), "p").await;
    assert!(again.unwrap().mine().is_some(), "we had let it go");
    let third = bench.holder("3", at(60));
    let lost = bench.ledger.claim_run(&run.id, &third, at(9)).await.unwrap();
    assert!(matches!(lost, Answer::Lost(_)), "and the next one keeps it");
}
