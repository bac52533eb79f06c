//! Everything together: workers that die, at any point, and the work gets done once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use rollcall_model::ledger::{Disposition, Due, Holder, Inbox, Lock, LockKey, RunClaim, Settle};
use rollcall_model::{AccountRef, Answer, Goal, PersonKey, RunId, RunState};

use super::Bench;
use super::samples::{at, draft, event, run};

/// How many accounts of one person report the same thing.
const ACCOUNTS: usize = 3;
/// How many events each reports.
const EVENTS: usize = 4;
/// How long a lease lasts, in seconds.
const LEASE: i64 = 60;

/// One worker's one life: it stops dead after so many commands.
struct Worker<'a> {
    bench: &'a Bench,
    holder: Holder,
    now: i64,
    left: usize,
}

impl Worker<'_> {
    /// One command less to live; none when it is dead.
    fn step(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    /// Deals with an account: claim, open or join, release.
    async fn account(&mut self, account: &AccountRef, person: &PersonKey) -> Option<()> {
        let ledger = &self.bench.ledger;
        let keys = [LockKey::Account(account.clone())];
        self.step()?;
        let claimed = ledger.claim(&keys, &self.holder, at(self.now)).await;
        let lock = claimed.unwrap().mine()?.remove(0);
        loop {
            self.step()?;
            let mut inbox = ledger.inbox(account).await.unwrap();
            if !inbox.rows.is_empty() {
                inbox = self.rows(&lock, inbox, person).await?;
            }
            self.step()?;
            match ledger.release_account(&lock, &inbox, None).await.unwrap() {
                Answer::Stale => {}
                _ => return Some(()),
            }
        }
    }

    async fn rows(&mut self, lock: &Lock, inbox: Inbox, person: &PersonKey) -> Option<Inbox> {
        let ledger = &self.bench.ledger;
        loop {
            let upto = inbox.seq;
            self.step()?;
            let open = ledger.open_run(person, Goal::Leave, None).await.unwrap();
            self.step()?;
            if let Some(open) = open {
                match ledger.join(&open, lock, &inbox, upto).await.unwrap() {
                    Answer::Won(after) | Answer::AlreadyMine(after) => return Some(after),
                    Answer::Stale => continue,
                    Answer::Lost(_) => return None,
                }
            }
            let opener = inbox.rows[0].event.key.clone();
            let mut new = run(&format!("run-{opener}"), person.as_str(), &["sf-us"]);
            new.triggers = vec![opener];
            let opened = ledger.open(&new, &self.holder, lock, &inbox, upto).await;
            match opened.unwrap() {
                Answer::Won((claim, after)) | Answer::AlreadyMine((claim, after)) => {
                    self.work(claim).await?;
                    return Some(after);
                }
                Answer::Lost(_) => {}
                Answer::Stale => return None,
            }
        }
    }

    /// Carries a run to its end: one intent and one observation, then finish.
    async fn work(&mut self, mut claim: RunClaim) -> Option<()> {
        let ledger = &self.bench.ledger;
        loop {
            let head = claim.heads.get_mut(&"sf-us".into()).unwrap();
            while head.chain.length < 2 {
                self.step()?;
                let nonce = format!("{}-{}", head.chain.run, head.chain.length);
                let entries = vec![draft(&format!("step {}", head.chain.length))];
                let written = ledger.append(head, None, entries, at(self.now), b"s", &nonce);
                written.await.unwrap().mine()?;
            }
            claim.run.state = RunState::Done;
            self.step()?;
            let nonce = format!("{} finishes {}", self.holder.name, claim.version);
            match ledger
                .settle(&mut claim, Settle::FinishUnlessJoined, &nonce)
                .await
                .unwrap()
            {
                Answer::Won(()) | Answer::AlreadyMine(()) => return Some(()),
                Answer::Lost(_) => return None,
                Answer::Stale => {
                    self.step()?;
                    let id = &claim.run.id;
                    let again = ledger.claim_run(id, &self.holder, at(self.now)).await;
                    claim = again.unwrap().mine()?;
                }
            }
        }
    }

    async fn run(&mut self, id: &RunId) -> Option<()> {
        self.step()?;
        let ledger = &self.bench.ledger;
        let claimed = ledger.claim_run(id, &self.holder, at(self.now)).await;
        self.work(claimed.unwrap().mine()?).await
    }
}

/// Workers run side by side and die at every point of their work; events keep arriving. In the end every event is dealt with
/// exactly once, no run is left open, every journal has each step once, and nothing is due.
pub async fn work_is_done_once_although_workers_die(bench: &Bench) {
    let person = PersonKey::new(format!("{}-worked", bench.tag));
    let accounts: Vec<AccountRef> = (0..ACCOUNTS)
        .map(|number| bench.account(&format!("work-{number}")))
        .collect();
    let arrivals = |number: usize| {
        let accounts = &accounts;
        async move {
            for account in accounts {
                bench.accept(&event(account, &number.to_string())).await;
            }
        }
    };
    arrivals(0).await;
    let mut quiet = false;
    for round in 0..60 {
        let now = i64::try_from(round).unwrap() * (LEASE + 2);
        let workers = (0..3).map(|number| {
            let (accounts, person) = (&accounts, &person);
            async move {
                let mut worker = Worker {
                    bench,
                    holder: bench.holder(&format!("{round}-{number}"), at(now + LEASE)),
                    now,
                    left: if round < 40 { round / 2 + number } else { 1000 },
                };
                let due = bench.ledger.due(at(now), 100_000).await.unwrap();
                for what in due {
                    let _ = match &what {
                        Due::Account(account) if accounts.contains(account) => worker.account(account, person).await,
                        Due::Run(id) if id.as_str().contains(&bench.tag) => worker.run(id).await,
                        _ => None,
                    };
                }
            }
        });
        let next = async {
            if round % 8 == 3 && round / 8 + 1 < EVENTS {
                arrivals(round / 8 + 1).await;
            }
        };
        futures::future::join(join_all(workers), next).await;
        let far = at(now + 10 * LEASE);
        let due = bench.ledger.due(far, 100_000).await.unwrap();
        quiet = round > 40 && !due.iter().any(|what| ours(what, &accounts, bench));
        if quiet {
            break;
        }
    }
    assert!(quiet, "all is done in the end");
    check(bench, &person, &accounts).await;
}

fn ours(what: &Due, accounts: &[AccountRef], bench: &Bench) -> bool {
    match what {
        Due::Account(account) => accounts.contains(account),
        Due::Run(id) => id.as_str().contains(&bench.tag),
        Due::Timer(_) => false,
    }
}

async fn check(bench: &Bench, person: &PersonKey, accounts: &[AccountRef]) {
    let ledger = &bench.ledger;
    assert_eq!(ledger.open_run(person, Goal::Leave, None).await.unwrap(), None);
    let mut asked: BTreeMap<RunId, BTreeSet<_>> = BTreeMap::new();
    for account in accounts {
        let inbox = ledger.inbox(account).await.unwrap();
        assert_eq!(inbox.seq, EVENTS as u64);
        assert_eq!((inbox.drained, inbox.rows.len()), (inbox.seq, 0));
        for number in 0..EVENTS {
            let key = event(account, &number.to_string()).key;
            let stored = ledger.event(&key).await.unwrap().unwrap();
            let Some(Disposition::Run(id)) = stored.disposition else {
                panic!("{key} was not dealt with");
            };
            asked.entry(id).or_default().insert(key);
        }
    }
    let runs = ledger.runs(Some(person), 100).await.unwrap();
    assert_eq!(runs.len(), asked.len());
    for run in runs {
        assert_eq!(run.state, RunState::Done);
        let mut named: BTreeSet<_> = run.triggers.iter().cloned().collect();
        named.extend(ledger.triggers(&run.id).await.unwrap());
        assert_eq!(Some(&named), asked.get(&run.id), "every event asked one run");
        let journal = ledger.journal(&run.id).await.unwrap();
        let steps: Vec<_> = journal.iter().map(|entry| entry.public.what.as_str()).collect();
        assert_eq!(steps, ["step 0", "step 1"], "each step once");
    }
}
