//! Forgetting: what goes, and what stays.

use std::collections::BTreeSet;

use rollcall_model::ledger::{Forgot, LockKey, RunClaim, Settle, Whom, documents};
use rollcall_model::{AccountRef, Answer, Run, RunState, Timestamp};
use serde_json::json;

use super::{Bench, at, samples};

/// More passes than any forgetting needs.
pub(super) const PASSES: usize = 10;

/// A run of somebody of this bench, with names that nobody else has.
pub(super) fn run_of(bench: &Bench, id: &str, who: &str) -> Run {
    let person = format!("{}-{who}", bench.tag);
    let mut run = samples::run(&format!("{}-{id}", bench.tag), &person, &["sf"]);
    run.person.display = format!("Dr {person}");
    run.person.login = format!("{person}@example.com");
    run
}

/// Opens a run, journals something and ends it, at the moment of its opening.
pub(super) async fn ended(bench: &Bench, run: &Run) {
    end(bench, run, RunState::Done, run.opened_at).await;
}

pub(super) async fn end(bench: &Bench, run: &Run, state: RunState, ended_at: Timestamp) {
    let holder = bench.holder(run.id.as_str(), at(60));
    let mut claim = bench.open(run, &holder).await;
    let salt = claim.run.salt.clone();
    let head = claim.heads.get_mut(&"sf".into()).unwrap();
    let mut draft = samples::draft("cut/freeze");
    draft.private = json!({"account": run.person.login, "state": 1});
    let nonce = format!("{}-entry", run.id);
    let entries = bench
        .ledger
        .append(head, None, vec![draft], at(1), salt.as_bytes(), &nonce);
    bench.won(entries.await.unwrap());
    finish(bench, claim, state, ended_at).await;
}

/// Ends a run that is claimed.
pub(super) async fn finish(bench: &Bench, mut claim: RunClaim, state: RunState, ended_at: Timestamp) {
    claim.run.state = state;
    claim.run.ended_at = Some(ended_at);
    let nonce = format!("{}-end", claim.run.id);
    let answer = bench.ledger.settle(&mut claim, Settle::Finish, &nonce).await.unwrap();
    bench.won(answer);
}

/// Goes through all pages until nothing is found; what the first pass found.
pub(super) async fn forget(bench: &Bench, whom: &Whom) -> Forgot {
    let mut first = None;
    for _ in 0..PASSES {
        let pass = pages(bench, whom, false).await;
        if pass.destroyed.is_empty() {
            return first.unwrap_or(pass);
        }
        first.get_or_insert(pass);
    }
    panic!("it never ends");
}

pub(super) async fn pages(bench: &Bench, whom: &Whom, dry: bool) -> Forgot {
    let mut all = Forgot::default();
    loop {
        let page = bench.ledger.forget(whom, all.next.as_ref(), at(1), dry).await.unwrap();
        for (what, count) in page.destroyed {
            *all.destroyed.entry(what).or_default() += count;
        }
        // On a table that others use, too, items lie whose long bodies are in files of theirs.
        let obstacles = page.obstacles.into_iter();
        all.obstacles
            .extend(obstacles.filter(|why| !why.contains("cannot be read")));
        all.next = page.next;
        if all.next.is_none() {
            return all;
        }
    }
}

pub(super) fn whom(bench: &Bench, run: &Run) -> Whom {
    Whom {
        id: format!("fg_{}", bench.tag),
        persons: BTreeSet::from([run.plan.person.clone()]),
        accounts: BTreeSet::from([run.person.account.clone()]),
        runs: BTreeSet::from([run.id.clone()]),
        names: BTreeSet::from([run.person.display.clone(), run.person.login.clone()]),
        connections: ["dir-main", "dir-test"]
            .map(|id| (id.to_owned(), "dir".to_owned()))
            .into(),
    }
}

/// One key is made for a person, with their first run; each run has a salt of its own under it, the same at every claim.
pub async fn a_person_has_one_key_and_each_run_a_salt_of_its_own(bench: &Bench) {
    let (one, mut two) = (run_of(bench, "k1", "kim"), run_of(bench, "k2", "kim"));
    "another".clone_into(&mut two.salt);
    ended(bench, &one).await;
    ended(bench, &two).await;
    let read = async |run: &Run| bench.ledger.run(&run.id).await.unwrap().unwrap().salt;
    let (first, second) = (read(&one).await, read(&two).await);
    assert!(first != second && first == read(&one).await && first != one.salt);
    let id = documents::key_id(&one.plan.person);
    let key = bench.ledger.document(documents::KEY, &id).await.unwrap().unwrap();
    assert_eq!(key.body["key"], json!(one.salt), "the second run made none");
    let stored = serde_json::to_value(bench.ledger.run(&one.id).await.unwrap().unwrap()).unwrap();
    assert!(stored.get("salt").is_none(), "no run is written with its salt");
}

/// Nothing of them is left but what a receipt shows; everything of others is as it was.
pub async fn who_is_forgotten_leaves_only_what_a_receipt_shows(bench: &Bench) {
    let (mut ada, mut bo) = (run_of(bench, "f1", "ada1815"), run_of(bench, "f2", "bob1815"));
    bo.plan.successor = Some(ada.person.login.clone());
    ada.said = Some(rollcall_model::SourceState::Deactivated);
    for run in [&ada, &bo] {
        ended(bench, run).await;
        let account = run.person.account.to_string();
        let link = json!({"person": run.person});
        bench
            .ledger
            .put_document(documents::LINK, &account, &link)
            .await
            .unwrap();
        let name = json!({"person": run.plan.person});
        bench
            .ledger
            .put_document(documents::NAME, &run.person.login, &name)
            .await
            .unwrap();
        bench.accept(&samples::event(&run.person.account, "seen")).await;
        let holder = bench.holder(&format!("drain {}", run.id), at(60));
        let lock = bench.claim(&run.person.account, &holder).await;
        let inbox = bench.ledger.inbox(&run.person.account).await.unwrap();
        let inbox = bench
            .ledger
            .drain(&lock, &inbox, 1, "seen")
            .await
            .unwrap()
            .mine()
            .unwrap();
        bench.ledger.release_account(&lock, &inbox, None).await.unwrap();
    }
    let before = bench.ledger.journal(&ada.id).await.unwrap();
    let whom = whom(bench, &ada);
    let dry = pages(bench, &whom, true).await;
    assert_eq!(dry.obstacles, BTreeSet::new());
    assert!(bench.ledger.run(&ada.id).await.unwrap().unwrap().forgotten().is_none());
    let done = forget(bench, &whom).await;
    if !bench.lossy {
        assert_eq!(done.destroyed, dry.destroyed, "what was shown is what went");
    }
    let run = bench.ledger.run(&ada.id).await.unwrap().unwrap();
    assert_eq!(run.forgotten(), Some(whom.id.as_str()));
    let text = serde_json::to_string(&run).unwrap();
    assert!(!whom.texts().stand_in(&text), "{text}");
    assert!(!run.is_salted(), "the key is destroyed");
    let after = bench.ledger.journal(&ada.id).await.unwrap();
    assert_eq!(before.len(), after.len());
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.public, &old.digest), (&new.public, &new.digest));
        assert!(new.private.is_null());
    }
    let key = documents::key_id(&ada.plan.person);
    let account = ada.person.account.to_string();
    for (kind, id) in [
        (documents::KEY, &key),
        (documents::LINK, &account),
        (documents::NAME, &ada.person.login),
    ] {
        assert_eq!(bench.ledger.document(kind, id).await.unwrap(), None, "{kind}");
    }
    assert_eq!(bench.ledger.inbox(&ada.person.account).await.unwrap().seq, 0);
    assert_eq!(bench.ledger.runs(Some(&ada.plan.person), 10).await.unwrap().len(), 0);

    let other = bench.ledger.run(&bo.id).await.unwrap().unwrap();
    assert_eq!(
        (&other.person, other.plan.successor.as_deref()),
        (&bo.person, Some("(forgotten)"))
    );
    assert_eq!(bench.ledger.inbox(&bo.person.account).await.unwrap().seq, 1);
    let link = bench
        .ledger
        .document(documents::LINK, &bo.person.account.to_string())
        .await
        .unwrap();
    assert_eq!(link.unwrap().body, json!({"person": bo.person}));
    assert!(!bench.ledger.journal(&bo.id).await.unwrap()[0].private.is_null());
}

/// The id of their account is somebody else's in another connection: nothing of the other goes, in no kind of item.
pub async fn the_same_id_in_another_connection_is_somebody_else_s(bench: &Bench) {
    let (ada, mut bo) = (run_of(bench, "h1", "adah"), run_of(bench, "h2", "boh"));
    let other = AccountRef::new("dir-test", ada.person.account.id.as_str());
    bo.person.account = other.clone();
    for run in [&ada, &bo] {
        ended(bench, run).await;
    }
    let links = json!({"dir-main": [bench.account("boh").id], "dir-test": [other.id]});
    let documents = [
        (documents::LINK, other.to_string(), json!({"person": bo.person})),
        (documents::OWNER, other.to_string(), json!({"person": bo.plan.person})),
        (documents::LINKS, bo.plan.person.to_string(), links),
        (
            documents::PLAN,
            format!("{}-plan", bench.tag),
            json!({"account": other, "count": 1}),
        ),
    ];
    for (kind, id, body) in &documents {
        bench.ledger.put_document(kind, id, body).await.unwrap();
    }
    bench
        .accept(&samples::event(&other, &format!("{}-event", bench.tag)))
        .await;
    let holder = bench.holder("drain of another", at(60));
    let lock = bench.claim(&other, &holder).await;
    let inbox = bench.ledger.inbox(&other).await.unwrap();
    bench.ledger.release_account(&lock, &inbox, None).await.unwrap();

    forget(bench, &whom(bench, &ada)).await;
    let kept = bench.ledger.run(&ada.id).await.unwrap().unwrap();
    assert!(kept.forgotten().is_some(), "it was theirs");
    let kept = bench.ledger.run(&bo.id).await.unwrap().unwrap();
    assert_eq!(kept.person, bo.person);
    for (kind, id, body) in documents {
        let kept = bench.ledger.document(kind, &id).await.unwrap();
        assert_eq!(kept.map(|kept| kept.body), Some(body), "{kind} {id}");
    }
    assert_eq!(bench.ledger.inbox(&other).await.unwrap().rows.len(), 1, "what waits");
}

/// What has not ended stands in the way, and is not touched: a run, an event, a claim.
pub async fn what_has_not_ended_stands_in_the_way(bench: &Bench) {
    let run = run_of(bench, "o1", "opal77");
    let holder = bench.holder("open", at(60));
    bench.open(&run, &holder).await;
    bench.accept(&samples::event(&run.person.account, "waits")).await;
    let keys = [LockKey::Account(run.person.account.clone())];
    let claimed = bench.ledger.claim(&keys, &holder, at(0)).await.unwrap();
    assert!(matches!(claimed, Answer::Won(_) | Answer::AlreadyMine(_)));
    let found = pages(bench, &whom(bench, &run), false).await;
    for part in [
        "has not ended",
        "run of theirs is open",
        "waits to be dealt with",
        "claimed",
    ] {
        assert!(
            found.obstacles.iter().any(|why| why.contains(part)),
            "{part}: {:?}",
            found.obstacles
        );
    }
    assert_eq!(bench.ledger.run(&run.id).await.unwrap().unwrap().person, run.person);
    assert_eq!(bench.ledger.inbox(&run.person.account).await.unwrap().rows.len(), 1);
}
