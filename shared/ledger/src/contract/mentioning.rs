//! Forgetting, kind by kind of item: what goes because it is theirs, what merely names them, and what stands in the way.

use std::collections::BTreeSet;

use rollcall_model::ledger::{Disposition, Timer, Whom, documents};
use rollcall_model::{ReviewId, ReviewState, Run, RunState, SignalBody};
use serde_json::{Value, json};

use super::forgetting::{ended, finish, forget, pages, run_of, whom};
use super::{Bench, at, samples};

/// A document is theirs by what its kind says of that, and the same of somebody else stays as it was.
pub async fn a_document_is_theirs_by_its_kind(bench: &Bench) {
    let (ada, bo) = (run_of(bench, "m1", "ada1816"), run_of(bench, "m2", "bob1816"));
    for run in [&ada, &bo] {
        ended(bench, run).await;
    }
    let of = |run: &Run, who: &str| {
        let id = |name: &str| format!("{}-{who}-{name}", bench.tag);
        let (person, login) = (&run.plan.person, run.person.login.clone());
        [
            (
                documents::LINK,
                id("link"),
                json!({"person": {"key": person}}),
                "links and names",
            ),
            (
                documents::OWNER,
                id("owner"),
                json!({"person": person}),
                "links and names",
            ),
            (documents::NAME, id("run"), json!({"run": run.id}), "links and names"),
            (
                documents::NAME,
                id("subject"),
                json!({"subject": run.person.account}),
                "links and names",
            ),
            (
                documents::OBSERVED,
                run.id.to_string(),
                json!({"seen": 1}),
                "observations",
            ),
            (
                documents::PLAN,
                id("plan"),
                json!({"account": run.person.account}),
                "plans",
            ),
            (documents::DEAD, id("dead"), json!({"body": login}), "dead letters"),
            (documents::FINDING, login.clone(), json!({}), "findings"),
            (documents::EXPECTED, login.clone(), json!({}), "announcements"),
            (documents::EXCEPTION, login, json!({}), "exceptions"),
        ]
    };
    let told = (
        documents::FORGOTTEN,
        format!("{}-fg", bench.tag),
        json!({"name": ada.person.login}),
        "",
    );
    let others: Vec<_> = of(&bo, "bo").into_iter().chain([told]).collect();
    for (kind, id, body, _) in of(&ada, "ada").iter().chain(&others) {
        bench.ledger.put_document(kind, id, body).await.unwrap();
    }
    let done = forget(bench, &whom(bench, &ada)).await;
    for (kind, id, _, what) in of(&ada, "ada") {
        assert_eq!(bench.ledger.document(kind, &id).await.unwrap(), None, "{kind} {id}");
        let count = if what == "links and names" { 4 } else { 1 };
        assert!(
            bench.lossy || done.destroyed[what] == count,
            "{what}: {:?}",
            done.destroyed
        );
    }
    for (kind, id, body, _) in others {
        let kept = bench.ledger.document(kind, &id).await.unwrap();
        assert_eq!(kept.map(|kept| kept.body), Some(body), "{kind} {id}");
    }
}

/// A timer of theirs goes once it is over, and bars before; one of somebody else loses their name.
pub async fn a_timer_of_theirs_goes_once_it_is_over(bench: &Bench) {
    let (ada, bo) = (run_of(bench, "t1", "ada1817"), run_of(bench, "t2", "bob1817"));
    ended(bench, &ada).await;
    let timer = |name: &str, body: Value| Timer {
        id: format!("leave/{}-{name}", bench.tag),
        due_at: None,
        body,
        version: 0,
    };
    let theirs = json!({"person": ada.plan.person, "state": "over"});
    let names = json!({"person": bo.plan.person, "state": "waiting", "manager": ada.person.login});
    let other = json!({"person": bo.plan.person, "state": "waiting"});
    for (name, body) in [("theirs", &theirs), ("names", &names), ("other", &other)] {
        let set = bench.ledger.set_timer(&timer(name, body.clone()), name).await.unwrap();
        bench.won(set);
    }
    let read = async |name: &str| {
        let id = timer(name, Value::Null).id;
        bench.ledger.timer(&id).await.unwrap().map(|timer| timer.body)
    };
    let whom = whom(bench, &ada);
    forget(bench, &whom).await;
    assert_eq!(read("theirs").await, None);
    let cleared = json!({"person": bo.plan.person, "state": "waiting", "manager": "(forgotten)"});
    assert_eq!(read("names").await, Some(cleared));
    assert_eq!(read("other").await, Some(other));

    let open = json!({"person": ada.plan.person, "state": "waiting"});
    bench.won(
        bench
            .ledger
            .set_timer(&timer("open", open.clone()), "open")
            .await
            .unwrap(),
    );
    bars(bench, &whom, "a leave is agreed for them").await;
    assert_eq!(read("open").await, Some(open));
}

/// A review of their run keeps no reasons; one of somebody else's loses their name when it is decided, and bars while it is open.
pub async fn a_review_keeps_nothing_of_them(bench: &Bench) {
    let (ada, bo) = (run_of(bench, "w1", "ada1818"), run_of(bench, "w2", "bob1818"));
    for run in [&ada, &bo] {
        ended(bench, run).await;
    }
    let review = |run: &Run, name: &str, reason: &str| {
        let mut review = samples::review(&run.id, name);
        review.reasons = vec![reason.to_owned()];
        review
    };
    let named = {
        let mut named = review(&bo, "named", "nothing");
        named.id = ReviewId::new(format!("rv-{}", ada.plan.person));
        named
    };
    let why = format!("{} manages them", ada.person.login);
    let (theirs, decided) = (review(&ada, "theirs", "they own much"), review(&bo, "decided", &why));
    let (other, open) = (review(&bo, "other", "somebody manages them"), review(&bo, "open", &why));
    for review in [&theirs, &decided, &other, &named] {
        bench.won(bench.ledger.open_review(review).await.unwrap());
    }
    let approved = ReviewState::Approved {
        by: "kim".to_owned(),
        at: at(1),
        signed: None,
    };
    let decision = bench
        .ledger
        .approve(&decided.id, &decided.plan_hash, &approved, at(1))
        .await;
    bench.won(decision.unwrap());
    let whom = whom(bench, &ada);
    forget(bench, &whom).await;
    let read = async |id: &ReviewId| bench.ledger.review(id).await.unwrap();
    assert_eq!(read(&theirs.id).await.unwrap().reasons, [""; 0]);
    let kept = read(&decided.id).await.unwrap();
    assert_eq!(
        (kept.reasons[0].as_str(), &kept.state),
        ("(forgotten) manages them", &approved)
    );
    assert_eq!(read(&other.id).await, Some(other));
    assert_eq!(read(&named.id).await, None);

    bench.won(bench.ledger.open_review(&open).await.unwrap());
    bars(bench, &whom, "of somebody else names them and is open").await;
    assert_eq!(read(&open.id).await, Some(open));
}

/// An event about them goes with what was made of it, and so does what was made of another that led to their run; an event about
/// somebody else stays without their name.
pub async fn an_event_goes_with_what_was_made_of_it(bench: &Bench) {
    let (ada, bo) = (run_of(bench, "v1", "ada1819"), run_of(bench, "v2", "bob1819"));
    // Both runs are opened by events about accounts that are nobody's yet.
    let mut opened = Vec::new();
    for run in [&ada, &bo] {
        let holder = bench.holder(run.id.as_str(), at(60));
        let (lock, inbox) = bench.account_with(&format!("of {}", run.id), 1, &holder).await;
        let (claim, inbox) = bench
            .ledger
            .open(run, &holder, &lock, &inbox, 1)
            .await
            .unwrap()
            .mine()
            .unwrap();
        finish(bench, claim, RunState::Done, run.opened_at).await;
        bench.ledger.release_account(&lock, &inbox, None).await.unwrap();
        opened.push(samples::event(&inbox.account, "0"));
    }
    let about = samples::event(&ada.person.account, "about");
    let names = samples::event(&bo.person.account, "names");
    for event in [&about, &names] {
        let text = json!({"actor": ada.person.login}).to_string();
        let signal = samples::signal(&event.key, &text);
        let nonce = format!("{} {}", bench.tag, event.key);
        bench.won(
            bench
                .ledger
                .set_aside(event, &signal, "why", at(0), &nonce)
                .await
                .unwrap(),
        );
    }
    forget(bench, &whom(bench, &ada)).await;
    let read = async |event: &rollcall_model::Event| bench.ledger.event(&event.key).await.unwrap();
    assert_eq!(read(&about).await, None);
    let kept = read(&names).await.unwrap();
    let cleared = json!({"actor": "(forgotten)"}).to_string();
    assert_eq!((kept.event, kept.signal.body), (names, SignalBody::Inline(cleared)));
    assert_eq!(read(&opened[0]).await.unwrap().disposition, None, "it named their run");
    let made = read(&opened[1]).await.unwrap().disposition;
    assert_eq!(made, Some(Disposition::Run(bo.id)));
}

/// The journal of somebody else's run loses their name, and nothing else, when the run has ended; before, it bars.
pub async fn a_journal_of_others_loses_their_name(bench: &Bench) {
    let ada = run_of(bench, "j1", "ada1820");
    ended(bench, &ada).await;
    let journalled = async |id: &str, who: &str, ends: bool| {
        let run = run_of(bench, id, who);
        let holder = bench.holder(run.id.as_str(), at(60));
        let mut claim = bench.open(&run, &holder).await;
        let drafts = [json!({"manager": ada.person.login}), json!({"manager": "somebody"})].map(|private| {
            let mut draft = samples::draft("cut/freeze");
            draft.private = private;
            draft
        });
        let head = claim.heads.get_mut(&"sf".into()).unwrap();
        let salt = claim.run.salt.clone();
        let written = bench
            .ledger
            .append(head, None, drafts.to_vec(), at(1), salt.as_bytes(), run.id.as_str());
        bench.won(written.await.unwrap());
        if ends {
            finish(bench, claim, RunState::Done, run.opened_at).await;
        }
        run.id
    };
    let ended = journalled("j2", "bob1820", true).await;
    let whom = whom(bench, &ada);
    forget(bench, &whom).await;
    let journal = bench.ledger.journal(&ended).await.unwrap();
    let privates: Vec<&Value> = journal.iter().map(|entry| &entry.private).collect();
    assert_eq!(
        privates,
        [&json!({"manager": "(forgotten)"}), &json!({"manager": "somebody"})]
    );

    let open = journalled("j3", "cyd1820", false).await;
    bars(
        bench,
        &whom,
        &format!("{open} of somebody else names them and has not ended"),
    )
    .await;
    let journal = bench.ledger.journal(&open).await.unwrap();
    assert_eq!(journal[0].private, json!({"manager": ada.person.login}));
}

/// A run of somebody else that names them and has not ended bars, and is left as it was.
pub async fn an_open_run_of_others_that_names_them_bars(bench: &Bench) {
    let (ada, mut bo) = (run_of(bench, "o2", "ada1821"), run_of(bench, "o3", "bob1821"));
    bo.plan.successor = Some(ada.person.login.clone());
    ended(bench, &ada).await;
    bench.open(&bo, &bench.holder("open", at(60))).await;
    bars(
        bench,
        &whom(bench, &ada),
        &format!("{} of somebody else names them", bo.id),
    )
    .await;
    let kept = bench.ledger.run(&bo.id).await.unwrap().unwrap();
    assert_eq!(kept.plan.successor, bo.plan.successor);
}

/// A claim that ends at the very moment bars nobody.
pub async fn a_claim_that_has_ended_goes(bench: &Bench) {
    let ada = run_of(bench, "c1", "ada1822");
    ended(bench, &ada).await;
    // `pages` forgets one second in.
    bench.claim(&ada.person.account, &bench.holder("short", at(1))).await;
    let found = pages(bench, &whom(bench, &ada), true).await;
    assert_eq!(found.obstacles, BTreeSet::new());
    assert!(found.destroyed.contains_key("claims"), "{:?}", found.destroyed);
}

/// Something stands in the way, in these words.
async fn bars(bench: &Bench, whom: &Whom, words: &str) {
    let found = pages(bench, whom, true).await;
    assert!(
        found.obstacles.iter().any(|why| why.contains(words)),
        "{:?}",
        found.obstacles
    );
}
