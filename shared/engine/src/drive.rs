//! A run, stage by stage, until it waits, is held or ends.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Holder, Lock, RunClaim, Settle};
use rollcall_model::plan::{Goal, TellMoment};
use rollcall_model::{Answer, Call, Lane, Message, RunState};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::telemetry::metrics::{CutIncomplete, RunEnded};
use serde_json::json;

use crate::drain::Until;
use crate::health::leaves_cut_open;
use crate::judge::ending;
use crate::stage::StageEnd;
use crate::undo::{LOOK, TakenBack};
use crate::{Engine, EngineError};

impl Engine {
    /// Drives a run that we hold. `fresh` says that its person was read in this very call. `subject` is the claim on the
    /// account whose change began it; it is renewed along with the run's. Driven until its cut only, a run that is still ours then is
    /// handed back.
    pub(crate) async fn drive(
        &self,
        mut claim: RunClaim,
        subject: &mut Lock,
        fresh: bool,
        until: Until,
    ) -> Result<Option<RunClaim>, EngineError> {
        let mut locks = Vec::new();
        let result = self.go_on(&mut claim, subject, &mut locks, fresh, until).await;
        if let Err(error) = &result
            && !matches!(error, EngineError::Fenced(_))
        {
            // Best effort: without it the run goes on too, but only when our lease has ended.
            let _ = self
                .park(
                    &mut claim,
                    plus(self.now(), Duration::from_secs(1)),
                    "the storage behind Rollcall failed",
                )
                .await;
        }
        if !locks.is_empty() {
            // Best effort: when this fails, the lease ends by itself.
            let _ = self.parts.ledger.release(&locks).await;
        }
        Ok(result?.then_some(claim))
    }

    /// True when the run goes on and is to be handed back.
    async fn go_on(
        &self,
        claim: &mut RunClaim,
        subject: &mut Lock,
        locks: &mut Vec<Lock>,
        mut fresh: bool,
        until: Until,
    ) -> Result<bool, EngineError> {
        let mut first = true;
        loop {
            if claim.run.state.is_final() {
                return Ok(false);
            }
            if until == Until::Cut && !claim.run.is_cutting() {
                return Ok(true);
            }
            // Every invocation makes one try, however short it is, so that a run always gets on.
            if !std::mem::take(&mut first) && !self.has_time_for(Duration::ZERO) {
                self.park(claim, self.now(), "the next invocation").await?;
                return Ok(false);
            }
            self.renew(claim, subject, locks).await?;
            let through = claim.run.stage >= claim.run.plan.stages.len();
            if let Some(ending) = claim.run.ending.clone().or_else(|| through.then(|| ending(&claim.run))) {
                if self.end(claim, subject, locks, ending).await? {
                    return Ok(false);
                }
                fresh = false;
                continue;
            }
            if !fresh {
                match self.taken_back(&claim.run).await? {
                    TakenBack::No => {}
                    TakenBack::Underway(why) => {
                        self.park(claim, plus(self.now(), LOOK), &why).await?;
                        return Ok(false);
                    }
                    TakenBack::Yes(why) => {
                        self.decided(claim, "superseded", json!({"why": why})).await?;
                        self.abandon(claim, &why).await?;
                        self.decide_ending(claim, RunState::Superseded { why }).await?;
                        continue;
                    }
                }
            }
            let due = claim.run.stage_due_at;
            if due > self.now() {
                self.watch(claim).await?;
                self.park(claim, due, "its hour").await?;
                return Ok(false);
            }
            if !self.look_at_review(claim).await? {
                continue;
            }
            if matches!(claim.run.state, RunState::Waiting { .. }) {
                claim.run.state = RunState::Open;
            }
            match self.stage(claim, subject, locks, fresh).await? {
                StageEnd::Next => {}
                StageEnd::Again { after, why } => {
                    if !self.pause(claim, after, &why).await? {
                        return Ok(false);
                    }
                }
                StageEnd::Held(until) => {
                    self.hold(claim, subject, locks, until).await?;
                    return Ok(false);
                }
                StageEnd::Ended(state) => self.decide_ending(claim, state).await?,
            }
            fresh = false;
        }
    }

    /// Waits in place when access is being cut and the wait is short; otherwise parks the run and answers false.
    async fn pause(&self, claim: &mut RunClaim, after: Duration, why: &str) -> Result<bool, EngineError> {
        if claim.run.is_cutting() && after <= self.settings.sleep_in_place && self.has_time_for(after) {
            // What is done so far must outlive us; `Keep` makes the run due right after our lease.
            self.settle(claim, Settle::Keep).await?;
            self.parts.clock.sleep(after).await;
            return Ok(true);
        }
        let until = plus(self.now(), after);
        self.park(claim, until, why).await?;
        Ok(false)
    }

    /// Lets the run go until a moment: state and due time in one write, then a wake that may be lost.
    pub(crate) async fn park(&self, claim: &mut RunClaim, until: Timestamp, why: &str) -> Result<(), EngineError> {
        claim.run.state = RunState::Waiting {
            until,
            why: why.to_owned(),
        };
        self.note_waiting_cut(claim).await?;
        self.settle(claim, Settle::Park(until)).await?;
        let delay = between(self.now(), until);
        if delay <= rollcall_model::queue::DELAY_LIMIT {
            self.wake(&Message::WakeRun(claim.run.id.clone()), delay).await?;
        }
        Ok(())
    }

    /// Writes the run back; the claim having passed on is an error that ends the work.
    pub(crate) async fn settle(&self, claim: &mut RunClaim, how: Settle) -> Result<(), EngineError> {
        let nonce = self.parts.ids.unique();
        match self.parts.ledger.settle(claim, how, &nonce).await? {
            Answer::Won(()) | Answer::AlreadyMine(()) => Ok(()),
            Answer::Lost(_) | Answer::Stale => Err(EngineError::Fenced(claim.run.id.to_string())),
        }
    }

    /// Makes the lease longer once a good part of it has passed, for everything that we hold, subject first.
    pub(crate) async fn renew(
        &self,
        claim: &mut RunClaim,
        subject: &mut Lock,
        locks: &mut Vec<Lock>,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let until = self.lease_end();
        if between(now, claim.holder.until) > self.settings.lease / 2
            || (self.ends_at.is_some() && until <= claim.holder.until)
        {
            return Ok(());
        }
        let holder = Holder {
            name: claim.holder.name.clone(),
            until,
        };
        let mut keys = vec![subject.key.clone()];
        keys.extend(locks.iter().map(|lock| lock.key.clone()));
        keys.sort();
        let Some(renewed) = self.parts.ledger.claim(&keys, &holder, now).await?.mine() else {
            return Err(EngineError::Fenced(crate::drain::ACCOUNT.to_owned()));
        };
        locks.clear();
        for lock in renewed {
            if lock.key == subject.key {
                *subject = lock;
            } else {
                locks.push(lock);
            }
        }
        // The run as we have it may hold what is not written yet.
        let (unwritten, joined) = (claim.run.clone(), claim.joined);
        match self.parts.ledger.claim_run(&claim.run.id, &holder, now).await?.mine() {
            Some(renewed) => *claim = renewed,
            None => return Err(EngineError::Fenced(claim.run.id.to_string())),
        }
        claim.run = unwritten;
        // Nothing was read anew, so an event that joined meanwhile must still be noticed.
        claim.joined = joined;
        Ok(())
    }

    /// What a connector is told about a call made now under this holder's lease.
    pub(crate) fn call(&self, holder: &Holder, lane: Lane) -> Call {
        let own = plus(self.now(), self.settings.call);
        let margin = i64::try_from(self.settings.margin.as_millis()).unwrap_or(i64::MAX);
        let lease =
            Timestamp::from_millisecond(holder.until.as_millisecond().saturating_sub(margin)).unwrap_or(holder.until);
        Call {
            deadline: own.min(lease),
            lane,
        }
    }

    /// Writes down how the run ends, and what is to be told about it: what follows can be repeated.
    pub(crate) async fn decide_ending(&self, claim: &mut RunClaim, ending: RunState) -> Result<(), EngineError> {
        self.note_restored(claim).await?;
        let moment = match &ending {
            RunState::Done => Some(TellMoment::Done),
            RunState::Incomplete { .. } | RunState::Refused { .. } => Some(TellMoment::Failed),
            _ => None,
        };
        if leaves_cut_open(&claim.run) {
            if matches!(ending, RunState::Incomplete { .. }) {
                CutIncomplete.emit(self.now());
            }
            self.cut_waits_no_longer(claim).await?;
        }
        claim.run.ending = Some(ending);
        claim.run.ended_at = Some(self.now());
        claim.run.state = RunState::Open;
        if let Some(moment) = moment {
            self.plan_tell(claim, moment, "end").await?;
        }
        self.settle(claim, Settle::Keep).await
    }

    /// Tells, seals and lets go. False when an event joined meanwhile and the run must look again.
    async fn end(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
        ending: RunState,
    ) -> Result<bool, EngineError> {
        if claim.run.ending.is_none() {
            self.decide_ending(claim, ending.clone()).await?;
        }
        if let Some(after) = self.tell(claim, subject, locks).await? {
            let until = plus(self.now(), after);
            self.park(claim, until, "telling").await?;
            return Ok(true);
        }
        if ending == RunState::Done {
            self.watch(claim).await?;
        }
        if claim.run.plan.goal == Goal::Undo {
            self.settle_exception(claim, &ending).await?;
        }
        let superseded = matches!(ending, RunState::Superseded { .. });
        if self.seal(claim, ending).await? {
            RunEnded {
                outcome: claim.run.state.name(),
            }
            .emit(self.now());
            self.wake_undone(&claim.run).await?;
            return Ok(true);
        }
        if superseded {
            // The event may say that the person has left after all: the source decides.
            claim.run.ending = None;
            claim.run.ended_at = None;
            claim.run.attempts = 0;
        }
        Ok(false)
    }
}
