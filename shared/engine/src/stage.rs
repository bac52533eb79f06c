//! One try of one stage: read the source again, find the accounts, observe, plan, guard, apply.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Lock, RunClaim, Settle};
use rollcall_model::plan::{CUT, StagePlan, Verdict};
use rollcall_model::{Outcome, Run, RunState};
use rollcall_policy::decide::{EventFacts, Facts, ListReads, Memberships};
use rollcall_policy::{Configuration, StageInputs, decide};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use serde_json::json;

use crate::accounts::Planned;
use crate::guard::{InTheWay, Verdict as Guarded};
use crate::journal::Journalled;
use crate::moved::count_replan;
use crate::reason::superseded;
use crate::{Engine, EngineError};

/// Why a change of a run in observe mode was not made.
pub(crate) const OBSERVED_ONLY: &str = "observe mode: planned, not done";

/// How a decision ends with which a stage was planned in observe mode.
pub(crate) const OBSERVED_MARK: &str = ", observe only";

/// What the note of such a stage says.
pub(crate) const OBSERVED_NOTE: &str = ": observe mode, ";

/// How a try of a stage ended.
pub(crate) enum StageEnd {
    /// The stage is through; the run's cursor stands on the next.
    Next,
    /// Something is not green yet.
    Again {
        /// How long to wait.
        after: Duration,
        /// What is not green.
        why: String,
    },
    /// A person must decide, before this moment.
    Held(Timestamp),
    /// The run ends.
    Ended(RunState),
}

impl Engine {
    pub(crate) async fn stage(
        &self,
        claim: &mut RunClaim,
        subject: &mut Lock,
        locks: &mut Vec<Lock>,
        fresh: bool,
    ) -> Result<StageEnd, EngineError> {
        let configuration = self.pinned(&claim.run.plan.config).await?;
        if !fresh && let Some(end) = self.read_again(claim).await? {
            return Ok(end);
        }
        if let Some(end) = self.given_back(claim).await? {
            return Ok(end);
        }
        if let Some(why) = superseded(claim) {
            self.decided(claim, "superseded", json!({"why": why})).await?;
            self.abandon(claim, &why).await?;
            self.restored(claim, &why).await?;
            return Ok(StageEnd::Ended(RunState::Superseded { why }));
        }
        let reads = self.lists(&configuration, &claim.holder).await;
        let mut known = Known::of(&configuration, &claim.run, reads);
        known.converting = self.converting(&configuration, claim).await;
        match decide::stage_stop(&configuration, &known.facts(&claim.run), claim.run.stage) {
            decide::Stop::Go => {}
            decide::Stop::Stopped(why) => {
                self.decided(claim, "stopped", json!({"why": why})).await?;
                self.abandon(claim, &why).await?;
                return Ok(StageEnd::Ended(RunState::Superseded { why }));
            }
            decide::Stop::Unknown(why) => return self.not_yet(claim, codes::CONDITION_UNKNOWN, why, None).await,
        }
        // A call that an earlier holder began may still be under way until its deadline; nothing is read before.
        let journalled = if fresh {
            Journalled::default()
        } else {
            self.journalled(claim).await?
        };
        if let Some(wait) = self.unfinished(claim, &journalled.open) {
            if wait > self.settings.sleep_in_place || !self.has_time_for(wait) {
                return Ok(StageEnd::Again {
                    after: wait,
                    why: "a call of an earlier try may still be under way".to_owned(),
                });
            }
            self.parts.clock.sleep(wait).await;
            self.renew(claim, subject, locks).await?;
        }

        let (found, asked) = self.find(&configuration, claim).await?;
        if !self.lock_accounts(claim, subject, locks, &found).await? {
            return Ok(StageEnd::Again {
                after: Duration::from_secs(2),
                why: "another worker holds an account of this person".to_owned(),
            });
        }
        let Planned {
            mut plan,
            found,
            patient,
        } = self
            .plan(&configuration, &known, claim, found, &journalled.seen)
            .await?;
        self.go_on_with(claim, &mut plan, &journalled);
        count_replan(claim, &plan);
        if let Some(end) = self.moved(claim, &plan, &journalled).await? {
            self.keep(claim, &found).await?;
            return Ok(end);
        }
        match self.guard(&configuration, &known, claim, &plan).await? {
            // Nothing holds it any more, so a review that is still open has nothing left to decide.
            Guarded::Go if matches!(claim.run.state, RunState::Held { .. }) => claim.run.state = RunState::Open,
            Guarded::Go => {}
            Guarded::ObserveOnly(in_the_way) => {
                self.keep(claim, &found).await?;
                return self.observe_only(claim, &plan, &in_the_way).await;
            }
            Guarded::Hold(until) => {
                self.keep(claim, &found).await?;
                return Ok(StageEnd::Held(until));
            }
        }

        // What an earlier try could not even name (a connection that it could not read) is not a change any more.
        let planned: BTreeSet<_> = plan.items.iter().map(|item| item.change.key()).collect();
        claim.run.changes.retain(|record| {
            record.change.stage != plan.stage || record.outcome.is_green() || planned.contains(&record.change.key())
        });
        let hash = plan.hash()?;
        let stage = stage_name(claim);
        self.decided(
            claim,
            &format!("{stage} planned {hash}"),
            json!({"plan": plan, "attempt": claim.run.attempts + 1}),
        )
        .await?;
        claim.run.stage_hashes.insert(stage, hash);
        claim.run.stage_plan = Some(plan.clone());
        if let Some(mark) = &mut claim.run.read {
            mark.let_go = false;
        }
        self.settle(claim, Settle::Keep).await?;

        let mut applied = self.apply(claim, subject, locks, &plan, &journalled).await?;
        // Nothing of this stands before a cut: it costs writes, and a later try makes up for it.
        self.keep(claim, &found).await?;
        self.name_service_accounts(claim, &plan).await?;
        applied.waits_for_people = self.ask_people(&configuration, claim, &plan, &found).await?;
        applied.asked = applied.asked.max(asked).max(patient);
        self.judge(claim, subject, locks, &plan, applied).await
    }

    /// Keeps who the person is and which accounts are theirs, for later runs and for the operator's look-ups.
    async fn keep(&self, claim: &RunClaim, found: &StageInputs) -> Result<(), EngineError> {
        if claim.run.stage == 0 && claim.run.attempts == 0 {
            self.remember(&claim.run).await?;
        }
        self.link(claim, found).await
    }

    /// Moves the cursor: the next stage is due when its time after this one is over.
    async fn on_to_the_next(&self, claim: &mut RunClaim) -> Result<(), EngineError> {
        if stage_name(claim) == CUT {
            self.cut_waits_no_longer(claim).await?;
        }
        let run = &mut claim.run;
        run.stage += 1;
        run.stage_plan = None;
        let after = run.plan.stages.get(run.stage).map_or(0, |next| next.after_ms);
        run.stage_due_at = plus(self.now(), Duration::from_millis(u64::try_from(after).unwrap_or(0)));
        Ok(())
    }

    /// The stage is through, told, and kept.
    pub(crate) async fn next_stage(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
    ) -> Result<StageEnd, EngineError> {
        self.on_to_the_next(claim).await?;
        claim.run.attempts = 0;
        claim.run.replans = 0;
        claim.run.state = RunState::Open;
        self.settle(claim, Settle::Keep).await?;
        self.tell(claim, subject, locks).await?;
        Ok(StageEnd::Next)
    }

    /// How long calls of earlier tries may still be under way.
    fn unfinished(
        &self,
        claim: &RunClaim,
        open: &BTreeMap<rollcall_model::ChangeKey, crate::journal::OpenIntent>,
    ) -> Option<Duration> {
        let let_go = claim.run.read.as_ref().is_some_and(|mark| mark.let_go);
        let is_idle = |key: &rollcall_model::ChangeKey| {
            let known = claim.run.record(key);
            let_go && known.is_some_and(|known| self.is_long(&known.change.action))
        };
        let latest = open
            .iter()
            .filter(|(key, _)| !is_idle(key))
            .map(|(_, intent)| intent.deadline)
            .max()?;
        let wait = between(self.now(), plus(latest, self.settings.margin));
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Mode `observe`: the plan is kept, nothing is done. `rollcall ready` reads it again.
    async fn observe_only(
        &self,
        claim: &mut RunClaim,
        plan: &StagePlan,
        in_the_way: &InTheWay,
    ) -> Result<StageEnd, EngineError> {
        let now = self.now();
        let hash = plan.hash()?;
        self.decided(
            claim,
            &format!("{} planned {hash}{OBSERVED_MARK}", plan.stage),
            json!({"plan": plan, "in_the_way": in_the_way}),
        )
        .await?;
        claim.run.stage_hashes.insert(plan.stage.clone(), hash);
        for item in &plan.items {
            let outcome = match &item.verdict {
                Verdict::AlreadySo => Outcome::AlreadySo,
                _ => Outcome::Skipped(OBSERVED_ONLY.to_owned()),
            };
            claim.run.put_record(rollcall_model::ChangeRecord {
                change: item.change.clone(),
                outcome,
                started_at: now,
                ended_at: now,
                request_id: None,
                reference: serde_json::Value::Null,
            });
        }
        claim.run.note(
            now,
            format!(
                "{}{OBSERVED_NOTE}{} changes planned and none made",
                plan.stage,
                plan.items.len()
            ),
        );
        self.on_to_the_next(claim).await?;
        Ok(StageEnd::Next)
    }
}

/// What conditions may know, owned, so that facts can borrow from it.
pub(crate) struct Known {
    event: EventFacts,
    memberships: Memberships,
    pub(crate) reads: ListReads,
    /// Whether the person seems to be converting; nothing when it was not asked or cannot be told.
    pub(crate) converting: Option<bool>,
}

impl Known {
    pub(crate) fn of(configuration: &Configuration, run: &Run, reads: ListReads) -> Self {
        let cause = &run.cause;
        let event = EventFacts {
            kind: cause.kind.clone(),
            source: cause.source.clone(),
            vendor_type: cause.vendor_type.clone(),
        };
        Self {
            event,
            memberships: decide::memberships(configuration, &run.person, &reads),
            reads,
            converting: None,
        }
    }

    pub(crate) fn facts<'a>(&'a self, run: &'a Run) -> Facts<'a> {
        Facts {
            plan: &run.plan,
            plan_hash: &run.plan_hash,
            person: &run.person,
            event: &self.event,
            memberships: &self.memberships,
            converting: self.converting,
        }
    }
}

pub(crate) fn stage_name(claim: &RunClaim) -> String {
    claim
        .run
        .plan
        .stages
        .get(claim.run.stage)
        .map_or_else(String::new, |stage| stage.name.clone())
}
