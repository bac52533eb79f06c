//! Timers: what is looked at at a moment, without a run of its own yet.
//!
//! A timer's work is done under the claim on its subject's account, like everything else that concerns somebody. Whatever it
//! does is written so that doing it again changes nothing, and only then is the timer written on: a worker that dies in
//! between costs time only.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use rollcall_model::ledger::{Lock, Timer};
use rollcall_model::queue::DELAY_LIMIT;
use rollcall_model::{AccountRef, Answer, Message, RunId};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use serde::Serialize;
use serde_json::json;
use tracing::Instrument as _;

use crate::hook::{self, Heard};
use crate::leave::{self, AgreedLeave};
use crate::retention;
use crate::watch::{self, Watched};
use crate::{Engine, EngineError};

/// When a timer is looked at again whose subject another worker holds.
const BUSY: Duration = Duration::from_secs(2);
/// How long before its moment a timer that is far off is looked at: near enough for a wake that arrives at the moment itself,
/// early enough for a clock that sweeps once a minute.
const AHEAD: Duration = Duration::from_mins(10);
/// When a timer is looked at again whose work failed in a way that no repetition is known to mend.
const STUMBLED: Duration = Duration::from_mins(15);

/// What a timer without a subject is for. Nobody's account is touched, so none is claimed.
enum Chore {
    Hook(Heard),
    Retention,
}

impl Chore {
    fn of(timer: &Timer) -> Option<Self> {
        match timer.id.split('/').next()? {
            hook::KIND => serde_json::from_value(timer.body.clone()).ok().map(Self::Hook),
            retention::KIND => Some(Self::Retention),
            _ => None,
        }
    }
}

/// What a timer about somebody is for.
enum Kind {
    Leave(AgreedLeave),
    Watch(Watched),
}

impl Kind {
    fn of(timer: &Timer) -> Option<Self> {
        let body = timer.body.clone();
        match timer.id.split('/').next()? {
            leave::KIND => serde_json::from_value(body).ok().map(Self::Leave),
            watch::KIND => serde_json::from_value(body).ok().map(Self::Watch),
            _ => None,
        }
    }

    fn subject(&self) -> &AccountRef {
        match self {
            Self::Leave(leave) => &leave.subject,
            Self::Watch(watched) => &watched.subject,
        }
    }
}

impl Engine {
    /// Looks at a timer: nothing when it is gone or not due.
    pub(crate) async fn ring(&self, id: &str) -> Result<(), EngineError> {
        // The run that a watch is named after is on every line about it.
        let span = if let Some((watch::KIND, run)) = id.split_once('/') {
            tracing::info_span!("run", run, timer = id)
        } else {
            tracing::info_span!("timer", timer = id)
        };
        self.ring_named(id).instrument(span).await
    }

    async fn ring_named(&self, id: &str) -> Result<(), EngineError> {
        let Some(timer) = self.due_timer(id).await? else {
            return Ok(());
        };
        if let Some(chore) = Chore::of(&timer) {
            let work = async {
                match chore {
                    Chore::Hook(heard) => self.look_at_hook(&timer, heard).await,
                    Chore::Retention => self.retire(&timer).await,
                }
            };
            return self.unless_stumbling(&timer, work).await;
        }
        let Some(kind) = Kind::of(&timer) else {
            let why = "this version cannot read this timer; it is kept and not looked at again";
            self.alert(codes::MESSAGE_UNREADABLE, &format!("{id}/unreadable"), why)
                .await?;
            return self.put_timer(&timer, &timer.body, None).await;
        };
        let subject = kind.subject().clone();
        let holder = self.holder();
        let Some(mut lock) = self.claim_account(&subject, &holder).await? else {
            return self.wake(&Message::WakeTimer(id.to_owned()), BUSY).await;
        };
        let result = self.ring_claimed(id, &subject, &mut lock).await;
        if result.is_err() {
            // Best effort: when this fails too, the lease ends by itself.
            let _ = self.parts.ledger.release(std::slice::from_ref(&lock)).await;
        }
        result
    }

    async fn ring_claimed(&self, id: &str, subject: &AccountRef, lock: &mut Lock) -> Result<(), EngineError> {
        // Whoever held the account before us may have dealt with it.
        let run = match self.due_timer(id).await? {
            Some(timer) => self.rung(&timer, lock).await?,
            None => None,
        };
        // Events that came meanwhile are ours to drain, because nobody else could claim the account.
        Box::pin(self.work_claimed(subject, run.as_ref(), lock)).await
    }

    /// The timer's own work: the run that is to be driven because of it.
    async fn rung(&self, timer: &Timer, lock: &Lock) -> Result<Option<RunId>, EngineError> {
        let work = async {
            match Kind::of(timer) {
                Some(Kind::Leave(leave)) => self.begin_leave(timer, leave, lock).await,
                Some(Kind::Watch(watched)) => self.look_again(timer, watched, lock).await,
                None => Ok(None),
            }
        };
        self.unless_stumbling(timer, work).await
    }

    /// A panic, or an error that no repetition mends, must not come back with every sweep.
    async fn unless_stumbling<T: Default>(
        &self,
        timer: &Timer,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let why = match AssertUnwindSafe(Box::pin(work)).catch_unwind().await {
            Ok(Err(error)) if !error.is_passing() => error.chain(),
            Ok(done) => return done,
            Err(_) => "the work on it panicked".to_owned(),
        };
        self.alert(codes::HANDLER_PANICKED, &format!("{}/stumbled", timer.id), &why)
            .await?;
        self.put_timer(timer, &timer.body, Some(plus(self.now(), STUMBLED)))
            .await?;
        Ok(T::default())
    }

    async fn due_timer(&self, id: &str) -> Result<Option<Timer>, EngineError> {
        let timer = self.parts.ledger.timer(id).await?;
        Ok(timer.filter(|timer| timer.due_at.is_some_and(|due_at| due_at <= self.now())))
    }

    /// Writes a timer on under the version that was read, and sends the wake for a moment that is near. Somebody else having
    /// written it is an error that ends the work.
    pub(crate) async fn put_timer(
        &self,
        timer: &Timer,
        body: &impl Serialize,
        due_at: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let next = Timer {
            due_at,
            body: json!(body),
            ..timer.clone()
        };
        let nonce = self.parts.ids.unique();
        match self.parts.ledger.set_timer(&next, &nonce).await? {
            Answer::Won(()) | Answer::AlreadyMine(()) => {}
            Answer::Lost(_) | Answer::Stale => return Err(EngineError::Fenced(format!("timer {}", timer.id))),
        }
        let Some(due_at) = due_at else {
            return Ok(());
        };
        let delay = between(self.now(), due_at);
        if delay <= DELAY_LIMIT {
            self.wake(&Message::WakeTimer(timer.id.clone()), delay).await?;
        }
        Ok(())
    }

    /// When a timer for this moment is to be looked at first, so that its work begins at the moment and not at the sweep
    /// after it.
    pub(crate) fn first_look(&self, at: Timestamp) -> Timestamp {
        let wait = between(self.now(), at);
        if wait <= DELAY_LIMIT {
            at
        } else {
            plus(self.now(), wait.saturating_sub(AHEAD))
        }
    }
}
