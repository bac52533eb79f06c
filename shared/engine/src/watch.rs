//! A cut is read again: 15 minutes after it, 24 hours after it, then every day for 30 days.
//!
//! Access comes back by hand, by provisioning that runs the other way, by a backup. Each reading makes the plan of the cut
//! again with the configuration that the run pinned; what it would do was undone by somebody. Then access is cut again and
//! those whom a failure is told hear why: by a new run, or by the run itself while it waits for a later stage.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Holder, Lock, RunClaim, Settle, Timer};
use rollcall_model::plan::{CUT, Goal, StagePlan, TellMoment, Verdict};
use rollcall_model::run::Cause;
use rollcall_model::{AccountRef, Answer, Lane, Outcome, Person, Run, RunId, RunState, SourceState};
use rollcall_runtime::clock::plus;
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::metrics::AccessReturned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::accounts::Planned;
use crate::stage::{Known, OBSERVED_ONLY};
use crate::whose::Subject;
use crate::{Engine, EngineError};

/// The kind of these timers.
pub(crate) const KIND: &str = "watch";

/// When a cut is read for the first time.
const FIRST: Duration = Duration::from_mins(15);
/// How far apart the further readings are, counted from the cut.
const DAILY: Duration = Duration::from_hours(24);
/// How long a cut is watched.
const WATCHED_FOR: Duration = Duration::from_hours(24 * 30);
/// When a reading is repeated that proved nothing.
const UNREAD: Duration = Duration::from_mins(15);
/// As many of a person's runs as are looked through for a newer one.
const RECENT: usize = 50;

/// A cut that is watched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Watched {
    /// The run that cut.
    run: RunId,
    /// The account whose claim covers the person.
    pub(crate) subject: AccountRef,
    /// When the last of its cut changes was green.
    cut_at: Timestamp,
    /// Readings so far.
    ring: u32,
}

impl Watched {
    /// When the reading of this number is due; none when the watch is over by then.
    fn due(&self, ring: u32) -> Option<Timestamp> {
        let after = if ring == 0 { FIRST } else { DAILY * ring };
        (after <= WATCHED_FOR).then(|| plus(self.cut_at, after))
    }
}

/// Why a watched cut is left alone from now on, or what it is read with.
pub(crate) enum Reason {
    /// It holds: the person as read, and what the subject's directory says.
    Holds(Box<Person>, SourceState),
    /// It is over; why.
    Over(String),
    /// Whether it holds cannot be told now; why.
    Unread(String),
}

impl Engine {
    /// Sets the watch over a run's cut, once: before the run waits for a later stage, and before it ends. The timer is there
    /// when anybody can know of the cut.
    pub(crate) async fn watch(&self, claim: &RunClaim) -> Result<(), EngineError> {
        let run = &claim.run;
        if run.plan.goal != Goal::Leave && run.plan.scope.is_none() {
            return Ok(());
        }
        let cut: Vec<_> = run.changes.iter().filter(|record| record.change.stage == CUT).collect();
        let observed_only = cut.iter().any(|record| record.outcome.reason() == Some(OBSERVED_ONLY));
        let done = cut
            .iter()
            .filter(|record| matches!(record.outcome, Outcome::Changed | Outcome::AlreadySo))
            .map(|record| record.ended_at)
            .max();
        let (Some(cut_at), false) = (done, observed_only) else {
            return Ok(());
        };
        let watched = Watched {
            run: run.id.clone(),
            subject: run.plan.subject.clone(),
            cut_at,
            ring: 0,
        };
        let Some(due_at) = watched.due(0).filter(|_| plus(cut_at, WATCHED_FOR) > self.now()) else {
            return Ok(());
        };
        let timer = Timer {
            id: format!("{KIND}/{}", run.id),
            due_at: Some(due_at),
            body: json!(watched),
            version: 0,
        };
        let nonce = self.parts.ids.unique();
        // `Stale`: an earlier try of this run set it.
        self.parts.ledger.set_timer(&timer, &nonce).await?;
        Ok(())
    }

    /// Reads a cut again. Answers the run that is to be driven because access came back.
    pub(crate) async fn look_again(
        &self,
        timer: &Timer,
        watched: Watched,
        lock: &Lock,
    ) -> Result<Option<RunId>, EngineError> {
        let Some(run) = self.parts.ledger.run(&watched.run).await? else {
            return self.unwatch(timer, "its run is gone").await;
        };
        if let Some(why) = self.followed(&run).await? {
            return self.unwatch(timer, &why).await;
        }
        let (person, said) = match self.reason(&run, &lock.holder).await? {
            Reason::Holds(person, said) => (*person, said),
            Reason::Over(why) => return self.unwatch(timer, &why).await,
            Reason::Unread(why) => return self.unread(timer, watched, &why).await,
        };
        let mut claim = self.reading(timer, &run, person, said, watched.ring, lock)?;
        let configuration = self.pinned(&claim.run.plan.config).await?;
        let (found, _) = self.find(&configuration, &claim).await?;
        let reads = self.lists(&configuration, &claim.holder).await;
        let known = Known::of(&configuration, &claim.run, reads);
        let Planned { plan, .. } = self
            .plan(&configuration, &known, &claim, found, &BTreeMap::default())
            .await?;
        let back = self.back(&plan);
        if back.is_empty() {
            return match unknown(&plan) {
                Some(why) => self.unread(timer, watched, &why).await,
                None => self.next_reading(timer, watched).await.map(|()| None),
            };
        }
        self.count_returned(&plan);
        let why = format!("access came back: {}", back.join(", "));
        self.alert(
            codes::ACCESS_RETURNED,
            &format!("{}/{}/returned", timer.id, watched.ring),
            &why,
        )
        .await?;
        let driven = if run.state.is_final() {
            self.cut_anew(&mut claim, lock, &why).await?
        } else {
            self.cut_again(&run, lock, &why).await?
        };
        self.next_reading(timer, watched).await?;
        Ok(driven)
    }

    /// Why a later run of the same person and purpose makes this watch needless: it has a watch of its own, or somebody decided
    /// about it.
    async fn followed(&self, run: &Run) -> Result<Option<String>, EngineError> {
        let later = self.parts.ledger.runs(Some(&run.plan.person), RECENT).await?;
        // What somebody gave back is not taken away again.
        let undone = later.iter().find(|other| {
            let exception = other.exception.as_ref();
            exception.is_some_and(|exception| exception.covers(&run.id, CUT))
                && !matches!(other.state, RunState::Refused { .. })
        });
        if let Some(undo) = undone {
            return Ok(Some(format!("{} takes it back", undo.id)));
        }
        Ok(later
            .iter()
            .filter(|other| other.id != run.id && other.opened_at > run.opened_at)
            .filter(|other| other.plan.goal == run.plan.goal && other.plan.scope == run.plan.scope)
            .find(|other| matches!(other.state, RunState::Done | RunState::Refused { .. }))
            .map(|other| format!("{} followed and ended {}", other.id, other.state.name())))
    }

    /// Whether what was cut is still to be cut, by the source's present word.
    pub(crate) async fn reason(&self, run: &Run, holder: &Holder) -> Result<Reason, EngineError> {
        let plan = &run.plan;
        let known = match self.subject(&plan.subject, None).await? {
            Subject::Known(known) => *known,
            Subject::Unreadable(why, _) => {
                return Ok(Reason::Unread(format!("the source cannot be read: {why}")));
            }
        };
        let said = known.said;
        if let Some((app, scope)) = plan.unassigned.as_ref().zip(plan.scope.as_ref()) {
            let call = self.call(holder, Lane::Urgent);
            match self.given_again(&call, &plan.subject, app, scope).await {
                Ok(None) => {}
                Ok(Some(why)) => return Ok(Reason::Over(why)),
                Err((why, _)) => return Ok(Reason::Unread(why)),
            }
        } else if !plan.agrees_with(said) {
            let why = format!("{} now says {}", plan.subject.connection, said.as_str());
            return Ok(Reason::Over(why));
        }
        // A deleted account says less than the run kept of it.
        let mut person = Box::new(known.person);
        if person.state == SourceState::Deleted {
            *person = Person {
                state: person.state,
                ..run.person.clone()
            };
        }
        Ok(Reason::Holds(person, said))
    }

    /// The run that would cut again, as nobody has opened it yet: the watched run's plan and configuration, its cut only. The
    /// same reading gives the same run.
    fn reading(
        &self,
        timer: &Timer,
        run: &Run,
        person: Person,
        said: SourceState,
        ring: u32,
        lock: &Lock,
    ) -> Result<RunClaim, EngineError> {
        let mut plan = run.plan.clone();
        plan.stages.retain(|stage| stage.name == CUT);
        let mut again = self.asked_run(plan, person, &format!("{}/{ring}", timer.id))?;
        again.cause = Cause {
            kind: "access.returned".to_owned(),
            source: run.plan.subject.connection.to_string(),
            vendor_type: String::new(),
        };
        again.said = Some(said);
        again.asked_by.clone_from(&run.asked_by);
        again.returned = run.returned + 1;
        Ok(RunClaim {
            run: again,
            version: 0,
            holder: lock.holder.clone(),
            heads: std::collections::BTreeMap::default(),
            joined: 0,
        })
    }

    /// What a plan would do again, each once. Actions that cannot be read back say nothing about what came back.
    fn back(&self, plan: &StagePlan) -> Vec<String> {
        let names: BTreeSet<String> = plan
            .items
            .iter()
            .filter(|item| item.verdict == Verdict::Run)
            .filter(|item| self.is_observable(&item.change.action))
            .map(|item| format!("{} {}", item.change.connection, item.change.action))
            .collect();
        names.into_iter().collect()
    }

    /// Counts each connection in which something came back.
    fn count_returned(&self, plan: &StagePlan) {
        let again = plan.items.iter().filter(|item| item.verdict == Verdict::Run);
        let connections: BTreeSet<_> = again
            .filter(|item| self.is_observable(&item.change.action))
            .map(|item| &item.change.connection)
            .collect();
        for connection in connections {
            AccessReturned {
                connection: connection.as_str(),
            }
            .emit(self.now());
        }
    }

    /// The watched run has ended: a new one cuts again. What is to be told is opened with it, so that it is told once.
    async fn cut_anew(&self, claim: &mut RunClaim, lock: &Lock, why: &str) -> Result<Option<RunId>, EngineError> {
        claim.run.note(self.now(), why);
        self.plan_tell(claim, TellMoment::Failed, "returned").await?;
        let id = claim.run.id.clone();
        match self.parts.ledger.open_asked(&claim.run, &lock.holder).await? {
            Answer::Won(_) | Answer::AlreadyMine(_) => {
                tracing::warn!(run = %id, returned = claim.run.returned, "Run opened because access came back.");
                Ok(Some(id))
            }
            // A try of ours that died after it had opened the run.
            Answer::Lost(open) if open == id.as_str() => self.unfinished_run(&id).await,
            // Another run for this person and goal is open: it cuts, and the next reading tells.
            Answer::Lost(_) => Ok(None),
            Answer::Stale => Err(EngineError::Fenced(id.to_string())),
        }
    }

    /// The watched run waits for a later stage: it goes back to its cut.
    async fn cut_again(&self, run: &Run, lock: &Lock, why: &str) -> Result<Option<RunId>, EngineError> {
        let waits = |run: &Run| matches!(run.state, RunState::Waiting { .. } | RunState::Held { .. });
        let Some(cut) = run.plan.stages.iter().position(|stage| stage.name == CUT) else {
            return Ok(None);
        };
        let is_past = |run: &Run| run.stage > cut && run.ending.is_none() && waits(run);
        if !is_past(run) {
            // It is at its cut, or about to end: the next reading tells.
            return Ok(None);
        }
        let claimed = self.parts.ledger.claim_run(&run.id, &lock.holder, self.now()).await?;
        let Some(mut claim) = claimed.mine() else {
            return Err(EngineError::Fenced(run.id.to_string()));
        };
        if is_past(&claim.run) {
            let now = self.now();
            claim.run.stage = cut;
            claim.run.attempts = 0;
            claim.run.replans = 0;
            claim.run.stage_plan = None;
            claim.run.state = RunState::Open;
            claim.run.stage_due_at = now;
            claim.run.returned += 1;
            claim.run.note(now, why);
            let occasion = format!("returned-{}", claim.run.returned);
            self.plan_tell(&mut claim, TellMoment::Failed, &occasion).await?;
        }
        // Parked for now and not for later: whoever comes after a crash finds it due.
        self.settle(&mut claim, Settle::Park(self.now())).await?;
        Ok(Some(claim.run.id))
    }

    async fn next_reading(&self, timer: &Timer, mut watched: Watched) -> Result<(), EngineError> {
        let now = self.now();
        loop {
            watched.ring += 1;
            match watched.due(watched.ring) {
                // A machine that was down for days reads once, not once for each day.
                Some(due_at) if due_at <= now => {}
                Some(due_at) => return self.put_timer(timer, &watched, Some(due_at)).await,
                None => return self.unwatch(timer, "it was watched to the end").await.map(|_| ()),
            }
        }
    }

    /// The reading proved nothing: it is repeated, and said once.
    async fn unread(&self, timer: &Timer, mut watched: Watched, why: &str) -> Result<Option<RunId>, EngineError> {
        self.alert(codes::CUT_UNREAD, &format!("{}/unread", timer.id), why)
            .await?;
        let again = plus(self.now(), UNREAD);
        while let Some(next) = watched.due(watched.ring + 1).filter(|next| *next <= again) {
            // The next reading takes this one's place.
            watched.ring += 1;
            if next > self.now() {
                self.put_timer(timer, &watched, Some(next)).await?;
                return Ok(None);
            }
        }
        if plus(watched.cut_at, WATCHED_FOR) < again {
            return self.unwatch(timer, "it was watched to the end").await;
        }
        self.put_timer(timer, &watched, Some(again)).await?;
        Ok(None)
    }

    async fn unwatch(&self, timer: &Timer, why: &str) -> Result<Option<RunId>, EngineError> {
        tracing::info!(timer = timer.id, why, "A cut is not watched any longer.");
        // `Stale`: another worker has removed it or written it on; either way it is not ours any more.
        self.parts.ledger.remove_timer(&timer.id, timer.version).await?;
        Ok(None)
    }
}

/// Why a reading that found nothing back proves nothing.
fn unknown(plan: &StagePlan) -> Option<String> {
    plan.items.iter().find_map(|item| match &item.verdict {
        Verdict::Unknown(why) => Some(format!("{} {}: {why}", item.change.connection, item.change.action)),
        _ => None,
    })
}
