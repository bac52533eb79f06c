//! Claims of accounts and sign-in names.

use futures::future::join_all;
use rollcall_model::ledger::{Due, LockKey};
use rollcall_model::{Answer, LedgerError};

use super::Bench;
use super::samples::{at, event};
use crate::table::WRITE_LIMIT;

/// While a lease runs, others lose, and of a claim that is lost in part nothing is claimed.
pub async fn a_claim_is_exclusive_and_all_or_nothing(bench: &Bench) {
    let key = |name: &str| LockKey::Account(bench.account(name));
    let login = LockKey::Login(format!("{}@example.com", bench.tag));
    let (one, two) = (bench.holder("1", at(60)), bench.holder("2", at(60)));
    let keys = [key("x-b"), login.clone(), key("x-a"), key("x-a")];
    let locks = bench.won(bench.ledger.claim(&keys, &one, at(0)).await.unwrap());
    assert_eq!(locks.len(), 3, "each key once");
    let keys = [key("x-0"), key("x-a")];
    let lost = bench.ledger.claim(&keys, &two, at(59)).await.unwrap();
    assert_eq!(lost, Answer::Lost(one.name.clone()));
    let three = bench.holder("3", at(60));
    let free = bench.ledger.claim(&[key("x-0")], &three, at(0)).await;
    bench.won(free.unwrap());
    let lost = bench.ledger.claim(&[login], &two, at(0)).await.unwrap();
    assert_eq!(lost, Answer::Lost(one.name));
    let nothing = bench.ledger.claim(&[], &two, at(0)).await.unwrap();
    assert_eq!(nothing, Answer::Won(Vec::new()));
}

/// Of many claims at a time, one wins.
pub async fn one_of_many_claims_wins(bench: &Bench) {
    let keys: Vec<_> = (0..4)
        .map(|number| LockKey::Account(bench.account(&format!("many-{number}"))))
        .collect();
    let answers = join_all((0..10).map(|number| {
        let keys = &keys;
        async move {
            let holder = bench.holder(&number.to_string(), at(60));
            bench.ledger.claim(keys, &holder, at(0)).await.unwrap()
        }
    }))
    .await;
    let mine = answers.into_iter().filter_map(Answer::mine).count();
    assert_eq!(mine, 1);
}

/// One claim takes as many accounts as one write, and no more.
pub async fn a_claim_takes_as_many_accounts_as_a_write(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let account = |number: usize| LockKey::Account(bench.account(&format!("many-{number}")));
    let mut keys: Vec<LockKey> = (0..WRITE_LIMIT).map(account).collect();
    let locks = bench.won(bench.ledger.claim(&keys, &holder, at(0)).await.unwrap());
    assert_eq!(locks.len(), WRITE_LIMIT);
    keys.push(account(WRITE_LIMIT));
    let refused = bench.ledger.claim(&keys, &holder, at(0)).await;
    assert!(matches!(refused, Err(LedgerError::Unfit { .. })), "{refused:?}");
}

/// The holder of a lock renews it: a later end, a larger fence.
pub async fn the_same_holder_renews(bench: &Bench) {
    let account = bench.account("renew");
    let lock = bench.claim(&account, &bench.holder("1", at(60))).await;
    let keys = [
        LockKey::Account(account.clone()),
        LockKey::Account(bench.account("renew-2")),
    ];
    let later = bench.holder("1", at(120));
    let answer = bench.ledger.claim(&keys, &later, at(30)).await.unwrap();
    let locks = bench.won(answer);
    assert!(locks[0].fence > lock.fence);
    let other = bench.holder("2", at(200));
    let lost = bench.ledger.claim(&keys, &other, at(119)).await.unwrap();
    assert!(matches!(lost, Answer::Lost(_)), "the later end counts");
    let again = bench.ledger.claim(&keys, &later, at(31)).await.unwrap();
    assert!(matches!(again, Answer::AlreadyMine(_)));
}

/// A lease that has ended is taken over, and the earlier holder can neither drain nor release.
pub async fn an_ended_lease_is_taken_over_and_fenced(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("expiry", 1, &holder).await;
    let keys = [lock.key.clone()];
    let other = bench.holder("2", at(120));
    let answer = bench.ledger.claim(&keys, &other, at(60)).await.unwrap();
    let taken = bench.won(answer).remove(0);
    assert!(taken.fence > lock.fence);
    let lost = bench.ledger.drain(&lock, &inbox, 1, "late").await.unwrap();
    assert_eq!(lost, Answer::Lost(other.name.clone()));
    let lost = bench.ledger.release_account(&lock, &inbox, Some(at(1))).await;
    assert_eq!(lost.unwrap(), Answer::Lost(other.name.clone()));
    bench.ledger.release(&[lock]).await.unwrap();
    let three = bench.holder("3", at(120));
    let lost = bench.ledger.claim(&keys, &three, at(61)).await.unwrap();
    assert_eq!(lost, Answer::Lost(other.name), "the release did nothing");
    let drained = bench.ledger.drain(&taken, &inbox, 1, "in time").await;
    assert_eq!(bench.won(drained.unwrap()).drained, 1);
}

/// A released lock is free at once, and its fence goes on growing.
pub async fn a_released_lock_is_free_and_its_fence_grows(bench: &Bench) {
    let account = bench.account("release");
    let lock = bench.claim(&account, &bench.holder("1", at(60))).await;
    bench.ledger.release(std::slice::from_ref(&lock)).await.unwrap();
    bench.ledger.release(std::slice::from_ref(&lock)).await.unwrap();
    let next = bench.claim(&account, &bench.holder("2", at(60))).await;
    assert!(next.fence > lock.fence);
    bench.ledger.release(&[]).await.unwrap();
}

/// An event that arrives between reading the inbox and letting go keeps the account claimed.
pub async fn an_event_that_slips_in_keeps_the_account(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("slip", 1, &holder).await;
    let drained = bench.ledger.drain(&lock, &inbox, 1, "nothing").await;
    let inbox = bench.won(drained.unwrap());
    bench.accept(&event(&bench.account("slip"), "late")).await;
    let stale = bench.ledger.release_account(&lock, &inbox, None).await;
    assert_eq!(stale.unwrap(), Answer::Stale);
    let other = bench.holder("2", at(60));
    let keys = [lock.key.clone()];
    let lost = bench.ledger.claim(&keys, &other, at(1)).await.unwrap();
    assert_eq!(lost, Answer::Lost(holder.name), "it is still ours");
    let inbox = bench.ledger.inbox(&inbox.account).await.unwrap();
    assert_eq!(inbox.rows.len(), 1);
    let drained = bench.ledger.drain(&lock, &inbox, 2, "nothing").await;
    let inbox = bench.won(drained.unwrap());
    let released = bench.ledger.release_account(&lock, &inbox, None).await;
    bench.won(released.unwrap());
    bench.won(bench.ledger.claim(&keys, &other, at(1)).await.unwrap());
}

/// An account with rows left is not let go as if it were drained.
pub async fn rows_left_keep_the_account(bench: &Bench) {
    let (lock, inbox) = bench.account_with("left", 2, &bench.holder("1", at(60))).await;
    let drained = bench.ledger.drain(&lock, &inbox, 1, "nothing").await;
    let inbox = bench.won(drained.unwrap());
    let stale = bench.ledger.release_account(&lock, &inbox, None).await;
    assert_eq!(stale.unwrap(), Answer::Stale);
}

/// A failed draining is counted and comes back when asked for; progress clears the count.
pub async fn a_failed_draining_is_counted_and_due(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("failed", 1, &holder).await;
    let account = inbox.account.clone();
    let released = bench.ledger.release_account(&lock, &inbox, Some(at(300))).await;
    bench.won(released.unwrap());
    let due = Due::Account(account.clone());
    bench.not_due(at(299), &due).await;
    bench.due(at(300), &due).await;
    let lock = bench.claim(&account, &bench.holder("2", at(60))).await;
    let inbox = bench.ledger.inbox(&account).await.unwrap();
    assert_eq!(inbox.attempts, 1, "once, whatever was lost on the way");
    let drained = bench.ledger.drain(&lock, &inbox, 1, "nothing").await;
    assert_eq!(bench.won(drained.unwrap()).attempts, 0);
}

/// An account without any event is claimed and let go like any other.
pub async fn an_account_without_events_is_let_go(bench: &Bench) {
    let (lock, inbox) = bench.account_with("empty", 0, &bench.holder("1", at(60))).await;
    assert_eq!((inbox.version, inbox.seq, inbox.rows.len()), (0, 0, 0));
    let released = bench.ledger.release_account(&lock, &inbox, None).await;
    bench.won(released.unwrap());
    bench.claim(&inbox.account, &bench.holder("2", at(60))).await;
}

/// A release whose answer was lost is recognised, even after somebody else has claimed.
pub async fn a_release_is_recognised_when_repeated(bench: &Bench) {
    let (lock, inbox) = bench.account_with("again", 0, &bench.holder("1", at(60))).await;
    let release = || bench.ledger.release_account(&lock, &inbox, None);
    bench.won(release().await.unwrap());
    assert_eq!(release().await.unwrap(), Answer::AlreadyMine(()));
    bench.claim(&inbox.account, &bench.holder("2", at(60))).await;
    assert_eq!(release().await.unwrap(), Answer::AlreadyMine(()));
}
