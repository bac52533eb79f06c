//! An account's inbox becomes runs.

use rollcall_runtime::{Code, codes};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::OptionFuture;
use rollcall_model::ledger::{Holder, Inbox, InboxRow, Lock, LockKey, RunClaim};
use rollcall_model::{AccountRef, Answer, Message, RunId};
use rollcall_policy::decide;
use rollcall_runtime::clock::plus;

use crate::intake::UNASKED;
use crate::whose::{Known, Subject, beside};
use crate::{Engine, EngineError};

/// What is said of a claim that was lost. Which account it is stays out of logs.
pub(crate) const ACCOUNT: &str = "an account";

impl Engine {
    /// A lease that starts now.
    pub(crate) fn holder(&self) -> Holder {
        Holder {
            name: self.parts.ids.unique(),
            until: self.lease_end(),
        }
    }

    /// The claim on an account, or nothing while somebody else has it.
    pub(crate) async fn claim_account(
        &self,
        account: &AccountRef,
        holder: &Holder,
    ) -> Result<Option<Lock>, EngineError> {
        let key = LockKey::Account(account.clone());
        let answer = self
            .parts
            .ledger
            .claim(std::slice::from_ref(&key), holder, self.now())
            .await?;
        Ok(answer.mine().and_then(|mut locks| locks.pop()))
    }

    /// Claims the account, drains its inbox, drives the runs that come of it (and the named one), and lets go. Whoever holds
    /// the claim already sees what we saw, because it cannot let go of an inbox that has grown.
    pub(crate) async fn work(&self, account: &AccountRef, run: Option<&RunId>) -> Result<(), EngineError> {
        let holder = self.holder();
        let Some(mut lock) = self.claim_account(account, &holder).await? else {
            if let Some(run) = run {
                // The other worker drains the inbox, but it may not know that this run is due.
                self.wake(&Message::WakeRun(run.clone()), Duration::from_secs(2))
                    .await?;
            }
            return Ok(());
        };
        let result = Box::pin(self.work_claimed(account, run, &mut lock)).await;
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
        let signed_in = self.signing_in(&account.connection);
        loop {
            let mut inbox = self.parts.ledger.inbox(account).await?;
            let tokens = self.tokens(&inbox, &signed_in);
            let is_asked = tokens.is_some();
            let work = async {
                if is_asked {
                    // What comes in while a token is waited for is served by the same reading.
                    signed_in.clone().await;
                    inbox = self.parts.ledger.inbox(account).await?;
                }
                self.work_through(inbox, &mut asked, lock).await
            };
            // What came in meanwhile is ours to drain: nobody else could claim the account.
            if beside(OptionFuture::from(tokens).map(drop), Box::pin(work)).await? {
                return Ok(());
            }
        }
    }

    /// Drains an inbox and drives what comes of it. False when it has grown since.
    async fn work_through(
        &self,
        mut inbox: Inbox,
        asked: &mut Option<RunId>,
        lock: &mut Lock,
    ) -> Result<bool, EngineError> {
        let mut drained = Drained::default();
        while let Some(row) = inbox.rows.first().cloned() {
            let known = drained.opened.len();
            match self.take_or_count(&row, lock, inbox, &mut drained).await? {
                Taken::On(next) => inbox = next,
                Taken::Later(due_at, inbox) => {
                    self.drive_opened(drained, lock).await?;
                    self.leave(lock, &inbox, Some(due_at)).await?;
                    return Ok(true);
                }
            }
            if drained.opened.len() > known && !inbox.rows.is_empty() {
                self.cut_first(&mut drained, known, lock).await?;
            }
        }
        if let Some(id) = asked.take()
            && !drained.opened.iter().any(|opened| opened.claim.run.id == id)
        {
            match self.parts.ledger.claim_run(&id, &lock.holder, self.now()).await? {
                Answer::Won(claim) | Answer::AlreadyMine(claim) => {
                    drained.opened.push(Opened { claim, fresh: false });
                }
                Answer::Lost(_) | Answer::Stale => self.wake(&Message::WakeRun(id), Duration::from_secs(2)).await?,
            }
        }
        self.drive_opened(drained, lock).await?;
        self.leave(lock, &inbox, None).await
    }

    /// Drives the runs that were opened last until access is cut: what else is in the inbox waits for that. One change of a person brings
    /// many events, and none of them is worth a vendor's answer before the cut. They join the run afterwards.
    async fn cut_first(&self, drained: &mut Drained, known: usize, lock: &mut Lock) -> Result<(), EngineError> {
        for opened in drained.opened.split_off(known) {
            if !opened.claim.run.is_cutting() {
                drained.opened.push(opened);
                continue;
            }
            let claim = Box::pin(self.drive_or_count(opened.claim, lock, opened.fresh, Until::Cut)).await?;
            // It took its time: what the directories said before it is good enough for joining the run, and for nothing else.
            if let Some(said) = &mut drained.said {
                said.fresh = false;
            }
            match claim {
                Some(claim) => drained.opened.push(Opened { claim, fresh: false }),
                None => drained.said = None,
            }
        }
        Ok(())
    }

    /// Drives everything that was opened.
    async fn drive_opened(&self, drained: Drained, lock: &mut Lock) -> Result<(), EngineError> {
        for Opened { claim, fresh } in drained.opened {
            Box::pin(self.drive_or_count(claim, lock, fresh, Until::End)).await?;
        }
        Ok(())
    }

    /// Lets the account go; false when its inbox has grown and the claim is still ours.
    async fn leave(&self, lock: &Lock, inbox: &Inbox, due_at: Option<jiff::Timestamp>) -> Result<bool, EngineError> {
        match self.parts.ledger.release_account(lock, inbox, due_at).await? {
            Answer::Won(()) | Answer::AlreadyMine(()) => Ok(true),
            Answer::Stale => Ok(false),
            Answer::Lost(_) => Err(EngineError::Fenced(ACCOUNT.to_owned())),
        }
    }

    /// Deals with the first row: opens a run, joins one, or finds that nothing is to be done.
    pub(crate) async fn take(
        &self,
        row: &InboxRow,
        lock: &Lock,
        inbox: Inbox,
        drained: &mut Drained,
    ) -> Result<Taken, EngineError> {
        let configuration = &self.parts.configuration;
        let matches = decide::goals(configuration, &row.event);
        if matches.is_empty() {
            self.returned(&inbox.account, &row.event).await?;
            return self.nothing(lock, &inbox, row.seq, UNASKED).await;
        }
        let mut inbox = inbox;
        let last = matches.len() - 1;
        for (index, found) in matches.iter().enumerate() {
            // Only the last playbook takes the row out of the inbox, so a crash in between repeats the earlier ones, which
            // then find their runs open.
            let upto = if index == last { row.seq } else { inbox.drained };
            // What was said after this row was in the inbox holds for it.
            let said = drained.said.take().filter(|said| said.upto >= row.seq);
            let said = match said {
                Some(said) => said,
                None => match self.subject(&inbox.account, Some(&row.event)).await? {
                    Subject::Known(known) => Said {
                        upto: inbox.rows.last().map_or(row.seq, |last| last.seq),
                        known,
                        fresh: true,
                    },
                    Subject::Unreadable(why, asked) => {
                        let why = format!("the source could not be read: {why}");
                        return self
                            .later(lock, inbox, row, codes::SOURCE_UNREADABLE, &why, asked)
                            .await;
                    }
                },
            };
            let Said { known, fresh, .. } = drained.said.insert(said);
            let reads = self.lists(configuration, &lock.holder).await;
            let run = self.new_run(found, known, &reads, &row.event)?;
            let needless = match self.covered_by_leave(found, &known.person) {
                Some(why) => Some(why.to_owned()),
                None => self.echo(&run).await?,
            };
            let needless = match needless {
                Some(why) => Some(why),
                None => self.left_alone(&run).await?,
            };
            if let Some(why) = needless {
                inbox = match self.parts.ledger.drain(lock, &inbox, upto, &why).await? {
                    Answer::Won(next) | Answer::AlreadyMine(next) => next,
                    Answer::Stale => self.parts.ledger.inbox(&inbox.account).await?,
                    Answer::Lost(_) => return Err(EngineError::Fenced(ACCOUNT.to_owned())),
                };
                continue;
            }
            inbox = match self.parts.ledger.open(&run, &lock.holder, lock, &inbox, upto).await? {
                Answer::Won((claim, next)) | Answer::AlreadyMine((claim, next)) => {
                    tracing::info!(run = %claim.run.id, playbook = %claim.run.plan.playbook, "Run opened.");
                    drained.opened.push(Opened { claim, fresh: *fresh });
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
            Answer::Lost(_) => Err(EngineError::Fenced(ACCOUNT.to_owned())),
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
        // A panic's text may quote what was being read.
        let said = if code == codes::HANDLER_PANICKED {
            code.meaning
        } else {
            why
        };
        tracing::warn!(code = code.id, event = %row.event.key, tries, why = said, "An event cannot be dealt with now; it will be tried again.");
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

/// What a look at an inbox has brought so far.
#[derive(Default)]
pub(crate) struct Drained {
    /// Runs of ours that go on, in the order of their opening.
    opened: Vec<Opened>,
    /// What the directories said last.
    said: Option<Said>,
}

struct Opened {
    claim: RunClaim,
    /// Its person was read in this very call.
    fresh: bool,
}

/// What the directories said when every row up to `upto` was in the inbox.
struct Said {
    upto: u64,
    known: Box<Known>,
    /// Nothing was driven since: a run that it opens need not read again.
    fresh: bool,
}

/// How far a run is driven at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Its cut is through: then it is handed back.
    Cut,
    /// It waits, is held or ends.
    End,
}

/// What became of the first row.
pub(crate) enum Taken {
    /// It is dealt with.
    On(Inbox),
    /// The account must wait until then.
    Later(jiff::Timestamp, Inbox),
}
