//! An account's inbox becomes runs.

use rollcall_runtime::{Code, codes};
use std::collections::BTreeSet;
use std::time::Duration;

use rollcall_model::ledger::{Holder, Inbox, InboxRow, Lock, LockKey, RunClaim, documents};
use rollcall_model::run::Cause;
use rollcall_model::{
    AccountRef, Answer, Digest, Event, Message, Person, PersonKey, Run, RunId, SourceState, SubjectRead, digest,
};
use rollcall_policy::decide::{self, PlaybookMatch, Wish};
use rollcall_runtime::clock::plus;
use serde_json::json;

use crate::{Engine, EngineError};

/// A source's answer that is fresh enough to open a run on.
pub(crate) enum Subject {
    /// The person as read.
    Known(Box<Person>),
    /// The read proves nothing, or failed; why, and how long the vendor asked us to wait.
    Unreadable(String, Option<Duration>),
}

impl Engine {
    /// A lease that starts now.
    pub(crate) fn holder(&self) -> Holder {
        Holder {
            name: self.parts.ids.unique(),
            until: self.lease_end(),
        }
    }

    /// Claims the account, drains its inbox, drives the runs that come of it (and the named one), and lets go. Whoever holds
    /// the claim already sees what we saw, because it cannot let go of an inbox that has grown.
    pub(crate) async fn work(&self, account: &AccountRef, run: Option<&RunId>) -> Result<(), EngineError> {
        let holder = self.holder();
        let key = LockKey::Account(account.clone());
        let Some(mut lock) = self
            .parts
            .ledger
            .claim(std::slice::from_ref(&key), &holder, self.now())
            .await?
            .mine()
            .and_then(|mut locks| locks.pop())
        else {
            if let Some(run) = run {
                // The other worker drains the inbox, but it may not know that this run is due.
                self.wake(&Message::WakeRun(run.clone()), Duration::from_secs(2))
                    .await?;
            }
            return Ok(());
        };
        let result = self.work_claimed(account, run, &mut lock).await;
        if result.is_err() {
            // Best effort: when this fails too, the lease ends by itself.
            let _ = self.parts.ledger.release(std::slice::from_ref(&lock)).await;
        }
        result
    }

    pub(crate) async fn work_claimed(
        &self,
        account: &AccountRef,
        run: Option<&RunId>,
        lock: &mut Lock,
    ) -> Result<(), EngineError> {
        let mut asked = run.cloned();
        loop {
            let mut inbox = self.parts.ledger.inbox(account).await?;
            let mut opened = Vec::new();
            while let Some(row) = inbox.rows.first().cloned() {
                match self.take_or_count(&row, lock, inbox, &mut opened).await? {
                    Taken::On(next) => inbox = next,
                    Taken::Later(due_at, inbox) => {
                        for claim in opened {
                            self.drive_or_count(claim, lock, true).await?;
                        }
                        return self.leave(lock, &inbox, Some(due_at)).await.map(|_| ());
                    }
                }
            }
            let fresh = opened.len();
            if let Some(id) = asked.take()
                && !opened.iter().any(|claim: &RunClaim| claim.run.id == id)
            {
                match self.parts.ledger.claim_run(&id, &lock.holder, self.now()).await? {
                    Answer::Won(claim) | Answer::AlreadyMine(claim) => opened.push(claim),
                    Answer::Lost(_) | Answer::Stale => self.wake(&Message::WakeRun(id), Duration::from_secs(2)).await?,
                }
            }
            for (index, claim) in opened.into_iter().enumerate() {
                self.drive_or_count(claim, lock, index < fresh).await?;
            }
            // What came in meanwhile is ours to drain: nobody else could claim the account.
            if self.leave(lock, &inbox, None).await? {
                return Ok(());
            }
        }
    }

    /// Lets the account go; false when its inbox has grown and the claim is still ours.
    async fn leave(&self, lock: &Lock, inbox: &Inbox, due_at: Option<jiff::Timestamp>) -> Result<bool, EngineError> {
        match self.parts.ledger.release_account(lock, inbox, due_at).await? {
            Answer::Won(()) | Answer::AlreadyMine(()) => Ok(true),
            Answer::Stale => Ok(false),
            Answer::Lost(_) => Err(EngineError::Fenced(lock.key.to_string())),
        }
    }

    /// Deals with the first row: opens a run, joins one, or finds that nothing is to be done.
    pub(crate) async fn take(
        &self,
        row: &InboxRow,
        lock: &Lock,
        inbox: Inbox,
        opened: &mut Vec<RunClaim>,
    ) -> Result<Taken, EngineError> {
        let configuration = &self.parts.configuration;
        let matches = decide::goals(configuration, &row.event);
        if matches.is_empty() {
            return self.nothing(lock, &inbox, row.seq, "no playbook asks for it").await;
        }
        let mut inbox = inbox;
        let last = matches.len() - 1;
        for (index, found) in matches.iter().enumerate() {
            // Only the last playbook takes the row out of the inbox, so a crash in between repeats the earlier ones, which
            // then find their runs open.
            let upto = if index == last { row.seq } else { inbox.drained };
            let person = match self.subject(&inbox.account, &row.event).await? {
                Subject::Known(person) => person,
                Subject::Unreadable(why, asked) => {
                    let why = format!("the source could not be read: {why}");
                    return self
                        .later(lock, inbox, row, codes::SOURCE_UNREADABLE, &why, asked)
                        .await;
                }
            };
            let run = self.new_run(found, &person, &row.event)?;
            inbox = match self.parts.ledger.open(&run, &lock.holder, lock, &inbox, upto).await? {
                Answer::Won((claim, next)) | Answer::AlreadyMine((claim, next)) => {
                    tracing::info!(run = %claim.run.id, playbook = %claim.run.plan.playbook, "Run opened.");
                    opened.push(claim);
                    next
                }
                Answer::Lost(open) => match self
                    .parts
                    .ledger
                    .join(&RunId::new(open.clone()), lock, &inbox, upto)
                    .await?
                {
                    Answer::Won(next) | Answer::AlreadyMine(next) => {
                        tracing::info!(run = open, event = %row.event.key, "Event joined an open run.");
                        next
                    }
                    // The run ended in between, or the inbox grew: read again and decide again.
                    Answer::Lost(_) | Answer::Stale => self.parts.ledger.inbox(&inbox.account).await?,
                },
                Answer::Stale => self.parts.ledger.inbox(&inbox.account).await?,
            };
        }
        Ok(Taken::On(inbox))
    }

    async fn nothing(&self, lock: &Lock, inbox: &Inbox, upto: u64, why: &str) -> Result<Taken, EngineError> {
        match self.parts.ledger.drain(lock, inbox, upto, why).await? {
            Answer::Won(next) | Answer::AlreadyMine(next) => Ok(Taken::On(next)),
            Answer::Stale => Ok(Taken::On(self.parts.ledger.inbox(&inbox.account).await?)),
            Answer::Lost(_) => Err(EngineError::Fenced(lock.key.to_string())),
        }
    }

    /// A row cannot be dealt with now: the account becomes due again, and its claim is let go. After too many tries the event
    /// goes to the dead letters, where `redrive` finds it, and makes room for the next one.
    pub(crate) async fn later(
        &self,
        lock: &Lock,
        inbox: Inbox,
        row: &InboxRow,
        code: Code,
        why: &str,
        asked: Option<Duration>,
    ) -> Result<Taken, EngineError> {
        let tries = inbox.attempts + 1;
        tracing::warn!(code = code.id, account = %inbox.account, tries, why, "An event cannot be dealt with now; it will be tried again.");
        self.alert(code, &format!("{}/{}", code.id, row.event.key), why).await?;
        if tries >= self.settings.drain_tries {
            let signal = self
                .parts
                .ledger
                .event(&row.event.key)
                .await?
                .map(|stored| Message::Signal(stored.signal));
            let body = serde_json::to_string(&signal).unwrap_or_default();
            self.bury(row.event.key.as_str(), &body, &format!("{why} ({tries} tries)"))
                .await?;
            return self.nothing(lock, &inbox, row.seq, &format!("given up: {why}")).await;
        }
        let pause = self.settings.pause(tries, asked);
        let due_at = plus(self.now(), pause);
        self.wake(&Message::WakeAccount(inbox.account.clone()), pause).await?;
        Ok(Taken::Later(due_at, inbox))
    }

    /// What the source says of an account now. A deleted one is known by what an earlier run kept of it.
    pub(crate) async fn subject(&self, account: &AccountRef, event: &Event) -> Result<Subject, EngineError> {
        let Some(connector) = self.connector(&account.connection) else {
            return Ok(Subject::Unreadable(
                format!("connection {} is not configured", account.connection),
                None,
            ));
        };
        let call = self.call(&self.holder(), rollcall_model::Lane::Urgent);
        Ok(match connector.read_subject(&call, account).await {
            Ok(SubjectRead::Present(person)) => Subject::Known(person),
            Ok(SubjectRead::Gone) => Subject::Known(Box::new(self.gone(account, event).await?)),
            Ok(SubjectRead::Unproven(why)) => Subject::Unreadable(why, None),
            Err(failure) => {
                let asked = failure.retry_after();
                Subject::Unreadable(failure.reason, asked)
            }
        })
    }

    /// The person behind an account that is no more.
    async fn gone(&self, account: &AccountRef, event: &Event) -> Result<Person, EngineError> {
        if let Some(link) = self
            .parts
            .ledger
            .document(documents::LINK, &account.to_string())
            .await?
            && let Some(mut person) = link
                .body
                .get("person")
                .and_then(|person| serde_json::from_value::<Person>(person.clone()).ok())
        {
            person.state = SourceState::Deleted;
            return Ok(person);
        }
        Ok(Person {
            key: PersonKey::new(format!("{}:{}", account.connection, account.id)),
            account: account.clone(),
            state: SourceState::Deleted,
            display: event
                .account
                .as_ref()
                .map_or_else(String::new, |account| account.id.clone()),
            login: String::new(),
            email: None,
            manager: None,
            groups: Vec::new(),
            roles: Vec::new(),
            attributes: std::collections::BTreeMap::default(),
        })
    }

    fn new_run(&self, found: &PlaybookMatch, person: &Person, event: &Event) -> Result<Run, EngineError> {
        let plan = decide::run_plan(
            &self.parts.configuration,
            found,
            person,
            &person.account,
            &Wish::default(),
        )
        .ok_or_else(|| EngineError::Refused(format!("there is no playbook {}", found.playbook)))?;
        let due = plan.stages.first().map_or(0, |stage| stage.after_ms);
        // The same event opens the same run however often it is taken from the inbox.
        let mut run = self.asked_run(plan, person.clone(), event.key.as_str())?;
        run.cause = Cause {
            kind: event.kind.as_str().to_owned(),
            source: event.source.to_string(),
            vendor_type: event.vendor_type.clone(),
        };
        run.triggers = vec![event.key.clone()];
        run.event_at = event.occurred_at;
        run.received_at = event.received_at;
        run.stage_due_at = plus(run.opened_at, Duration::from_millis(u64::try_from(due).unwrap_or(0)));
        Ok(run)
    }

    /// Keeps what later look-ups need: who the account is, and by which names operators ask for the person.
    pub(crate) async fn remember(&self, run: &Run) -> Result<(), EngineError> {
        let person = &run.person;
        if person.login.is_empty() {
            return Ok(());
        }
        let ledger = &self.parts.ledger;
        ledger
            .put_document(documents::LINK, &person.account.to_string(), &json!({"person": person}))
            .await?;
        // Most people sign in with their address: one name then, written once.
        let names: BTreeSet<String> = [Some(person.login.as_str()), person.email.as_deref()]
            .into_iter()
            .flatten()
            .map(str::to_lowercase)
            .collect();
        for name in names {
            ledger
                .put_document(documents::NAME, &name, &json!({"person": person.key}))
                .await?;
        }
        Ok(())
    }

    /// Sends a wake after a while. Losing it costs time only: the clock finds what is due.
    pub(crate) async fn wake(&self, message: &Message, delay: Duration) -> Result<(), EngineError> {
        let body = serde_json::to_string(message).unwrap_or_default();
        self.parts
            .queue
            .send(
                rollcall_model::Lane::Work,
                &[body],
                delay.min(rollcall_model::queue::DELAY_LIMIT),
            )
            .await?;
        Ok(())
    }
}

pub(crate) fn run_id(cause: &str, playbook: &str, plan_hash: &Digest) -> RunId {
    let full = digest::sha256(format!("{cause}\n{playbook}\n{plan_hash}").as_bytes());
    RunId::new(format!("run_{}", full.as_str().get(..20).unwrap_or_default()))
}

/// What became of the first row.
pub(crate) enum Taken {
    /// It is dealt with.
    On(Inbox),
    /// The account must wait until then.
    Later(jiff::Timestamp, Inbox),
}
