//! Opening runs.

use futures::future::join_all;
use rollcall_model::ledger::{Disposition, Settle, documents};
use rollcall_model::{Answer, Exception, Goal, LedgerError, PersonKey, RunId, SourceState};

use super::Bench;
use super::samples::{self, at, run};

/// While a run is open for a person and goal, a second one is lost to it, by exactly its id; another goal is free.
pub async fn one_run_is_open_for_a_person_and_goal(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let person = format!("{}-p1", bench.tag);
    let first = run(&format!("{}-r1", bench.tag), &person, &["sf-us"]);
    let claim = bench.open(&first, &holder).await;
    assert_eq!(claim.run, samples::salted(&first));
    assert_eq!(claim.heads.len(), 2, "one sequence a connection, and our own");
    let mut second = run(&format!("{}-r2", bench.tag), &person, &["sf-us"]);
    let lost = bench.ledger.open_asked(&second, &holder).await.unwrap();
    assert!(matches!(lost, Answer::Lost(id) if id == first.id.as_str()));
    assert_eq!(bench.ledger.run(&second.id).await.unwrap(), None);
    second.plan.goal = Goal::Join;
    bench.open(&second, &holder).await;
    let key = PersonKey::new(person);
    let open = bench.ledger.open_run(&key, Goal::Leave, None).await.unwrap();
    assert_eq!(open, Some(first.id));
    assert_eq!(bench.ledger.open_run(&key, Goal::Move, None).await.unwrap(), None);
}

/// Of many openings at a time, one wins, and the others learn its id.
pub async fn one_of_many_openings_wins(bench: &Bench) {
    let person = format!("{}-p-many", bench.tag);
    let answers = join_all((0..10).map(|number| {
        let run = run(&format!("{}-m{number}", bench.tag), &person, &["sf-us"]);
        async move {
            let holder = bench.holder(&number.to_string(), at(60));
            let answer = bench.ledger.open_asked(&run, &holder).await.unwrap();
            (run.id, answer)
        }
    }))
    .await;
    let mut winners = Vec::new();
    let mut seen = Vec::new();
    for (id, answer) in answers {
        match answer {
            Answer::Won(_) | Answer::AlreadyMine(_) => winners.push(id),
            Answer::Lost(other) => seen.push(RunId::new(other)),
            Answer::Stale => panic!("an opening is won or lost"),
        }
    }
    assert_eq!((winners.len(), seen.len()), (1, 9));
    assert!(seen.iter().all(|other| *other == winners[0]));
    let runs = bench.ledger.runs(Some(&PersonKey::new(person)), 50).await;
    assert_eq!(runs.unwrap().len(), 1);
}

/// The rows that asked for a run are dealt with by its opening, also when they are more than one write takes.
pub async fn opening_deals_with_its_rows(bench: &Bench) {
    for (name, events, connections) in [("few", 2, 1), ("many", 45, 3), ("wide", 5, 16)] {
        let holder = bench.holder(name, at(60));
        let (lock, inbox) = bench.account_with(&format!("open-{name}"), events, &holder).await;
        let names: Vec<String> = (0..connections).map(|n| format!("sf-{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let id = format!("{}-open-{name}", bench.tag);
        let mut run = run(&id, &format!("{id}-p"), &names);
        run.triggers = vec![inbox.rows[0].event.key.clone()];
        let upto = inbox.seq - 1;
        let answer = bench.ledger.open(&run, &holder, &lock, &inbox, upto).await;
        let (claim, after) = bench.won(answer.unwrap());
        assert_eq!(claim.heads.len(), connections + 1, "{name}");
        assert_eq!((after.drained, after.rows.len()), (upto, 1), "{name}");
        assert_eq!(after, bench.ledger.inbox(&after.account).await.unwrap());
        for row in &inbox.rows {
            let stored = bench.ledger.event(&row.event.key).await.unwrap().unwrap();
            let made = (row.seq <= upto).then(|| Disposition::Run(run.id.clone()));
            assert_eq!(stored.disposition, made, "{name} {}", row.seq);
        }
        let joined = bench.ledger.triggers(&run.id).await.unwrap();
        let beside = usize::try_from(upto).unwrap() - 1;
        assert_eq!(joined.len(), beside, "{name}: all but what the run names itself");
    }
}

/// An opening whose answer was lost is recognised by its holder; somebody else loses to the run itself.
pub async fn an_opening_is_recognised_when_repeated(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("twice", 1, &holder).await;
    let id = format!("{}-twice", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let open = |holder| bench.ledger.open(&run, holder, &lock, &inbox, 1);
    let (first, _) = bench.won(open(&holder).await.unwrap());
    let Answer::AlreadyMine((second, after)) = open(&holder).await.unwrap() else {
        panic!("it is ours already");
    };
    assert_eq!(second.version, first.version);
    assert_eq!(second.heads, first.heads);
    assert_eq!((after.drained, after.rows.len()), (1, 0));
    let other = bench.holder("2", at(60));
    let lost = open(&other).await.unwrap();
    assert!(matches!(lost, Answer::Lost(lost) if lost == id));
}

/// Without the account's lock nothing is opened.
pub async fn a_lost_lock_opens_nothing(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("unlocked", 1, &holder).await;
    let other = bench.holder("2", at(200));
    let keys = [lock.key.clone()];
    bench.won(bench.ledger.claim(&keys, &other, at(100)).await.unwrap());
    let id = format!("{}-unlocked", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let stale = bench.ledger.open(&run, &holder, &lock, &inbox, 1).await;
    assert!(matches!(stale.unwrap(), Answer::Stale));
    assert_eq!(bench.ledger.run(&run.id).await.unwrap(), None);
}

/// What was read of the inbox must still be so: rows that do not exist, or that were dealt with meanwhile, open nothing.
pub async fn an_inbox_that_moved_opens_nothing(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let (lock, inbox) = bench.account_with("moved", 2, &holder).await;
    let id = format!("{}-moved", bench.tag);
    let run = run(&id, &format!("{id}-p"), &["sf-us"]);
    let ahead = bench.ledger.open(&run, &holder, &lock, &inbox, 3).await;
    assert!(matches!(ahead.unwrap(), Answer::Stale));
    let drained = bench
        .ledger
        .drain(&lock, &inbox, 1, "nothing")
        .await
        .unwrap()
        .mine()
        .unwrap();
    let behind = bench.ledger.open(&run, &holder, &lock, &inbox, 2).await;
    assert!(matches!(behind.unwrap(), Answer::Stale));
    assert_eq!(bench.ledger.run(&run.id).await.unwrap(), None);
    let (_, left) = bench
        .ledger
        .open(&run, &holder, &lock, &drained, 2)
        .await
        .unwrap()
        .mine()
        .unwrap();
    assert_eq!((left.drained, left.rows), (2, Vec::new()));
}

/// A run over more connections than one write takes is refused by name, and nothing of it is there.
pub async fn a_run_too_wide_is_refused(bench: &Bench) {
    let names: Vec<String> = (0..17).map(|n| format!("sf-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let id = format!("{}-wide", bench.tag);
    let run = run(&id, &format!("{id}-p"), &names);
    let holder = bench.holder("1", at(60));
    let refused = bench.ledger.open_asked(&run, &holder).await;
    let Err(error @ LedgerError::Unfit { .. }) = refused else {
        panic!("17 connections are too many");
    };
    assert!(error.to_string().contains("16"), "{error}");
    assert_eq!(bench.ledger.run(&run.id).await.unwrap(), None);
}

/// A person's runs are listed newest first.
pub async fn runs_are_listed_newest_first(bench: &Bench) {
    let person = format!("{}-list", bench.tag);
    let goals = [Goal::Join, Goal::Leave, Goal::Move];
    for (number, goal) in (0..).zip(goals) {
        let mut run = run(&format!("{person}-{number}"), &person, &["sf-us"]);
        run.plan.goal = goal;
        run.opened_at = at(number);
        bench.open(&run, &bench.holder("1", at(60))).await;
    }
    let listed = bench.ledger.runs(Some(&PersonKey::new(person)), 2).await;
    let goals: Vec<Goal> = listed.unwrap().iter().map(|run| run.plan.goal).collect();
    assert_eq!(goals, [Goal::Move, Goal::Leave]);
    let all = bench.ledger.runs(None, 1000).await.unwrap();
    assert!(all.len() >= 3);
    assert!(all.is_sorted_by(|one, next| one.opened_at >= next.opened_at));
}

/// A run about one connection is open beside the run about all, and beside that of another connection; a second one about the
/// same connection is lost to it. Its end frees its own place only.
pub async fn runs_about_one_connection_stand_beside_the_run_about_all(bench: &Bench) {
    let holder = bench.holder("1", at(60));
    let person = format!("{}-scoped", bench.tag);
    let key = PersonKey::new(&person);
    let scoped = |name: &str, scope: Option<&str>| {
        let mut run = run(&format!("{person}-{name}"), &person, &["sf-us"]);
        run.plan.scope = scope.map(Into::into);
        run
    };
    let all = scoped("all", None);
    let us = scoped("us", Some("sf-us"));
    let emea = scoped("emea", Some("sf-emea"));
    let mut claims = Vec::new();
    for run in [&all, &us, &emea] {
        claims.push(bench.open(run, &holder).await);
    }
    let again = bench.ledger.open_asked(&scoped("us2", Some("sf-us")), &holder).await;
    assert!(matches!(again.unwrap(), Answer::Lost(id) if id == us.id.as_str()));
    let open = async |scope: Option<&str>| {
        let scope = scope.map(Into::into);
        bench.ledger.open_run(&key, Goal::Leave, scope.as_ref()).await.unwrap()
    };
    assert_eq!(open(None).await, Some(all.id.clone()));
    assert_eq!(open(Some("sf-us")).await, Some(us.id.clone()));
    assert_eq!(open(Some("sf-emea")).await, Some(emea.id.clone()));
    assert_eq!(open(Some("sf-apac")).await, None);
    let ended = bench.ledger.settle(&mut claims[1], Settle::Finish, "end").await;
    bench.won(ended.unwrap());
    assert_eq!(open(Some("sf-us")).await, None);
    assert_eq!(open(None).await, Some(all.id));
    assert_eq!(open(Some("sf-emea")).await, Some(emea.id));
    bench.open(&scoped("us3", Some("sf-us")), &holder).await;
}

/// An undo's exception is in force with the write that opens the run, takes an earlier one's place, and is not written for a
/// run that is not opened.
pub async fn an_exception_is_in_force_with_the_opening(bench: &Bench) {
    let person = format!("{}-exception", bench.tag);
    let key = PersonKey::new(&person);
    let undo = |name: &str| {
        let mut undo = run(&format!("{person}-{name}"), &person, &["sf-us"]);
        undo.plan.goal = Goal::Undo;
        undo.exception = Some(Exception {
            person: key.clone(),
            playbook: "leaver".to_owned(),
            source: SourceState::Deactivated,
            until: at(1_000),
            by: "ada@example.com".to_owned(),
            at: at(0),
            run: undo.id.clone(),
            undoes: RunId::new("leave"),
            stage: None,
        });
        undo
    };
    let kept = async || {
        let id = Exception::id("leaver", &key);
        let document = bench.ledger.document(documents::EXCEPTION, &id).await.unwrap();
        document.map(|document| serde_json::from_value::<Exception>(document.body).unwrap())
    };
    let holder = bench.holder("1", at(60));
    let (first, second) = (undo("1"), undo("2"));
    let mut claim = bench.open(&first, &holder).await;
    assert_eq!(kept().await, first.exception);
    let lost = bench.ledger.open_asked(&second, &holder).await.unwrap();
    assert!(matches!(lost, Answer::Lost(id) if id == first.id.as_str()));
    assert_eq!(kept().await, first.exception);
    let ended = bench.ledger.settle(&mut claim, Settle::Finish, "end").await;
    bench.won(ended.unwrap());
    bench.open(&second, &holder).await;
    assert_eq!(kept().await, second.exception);
}
