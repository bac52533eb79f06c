//! What a try of a stage came to: on to the next stage, again later, or the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::ledger::{Lock, RunClaim};
use rollcall_model::plan::{CUT, Goal, StagePlan, TellMoment, Verdict};
use rollcall_model::{ConnectionId, Run, RunState};
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::metrics::TimeToCut;

use crate::apply::Came;
use crate::stage::StageEnd;
use crate::{Engine, EngineError};

/// A pause shorter than this is a hiccup, which nobody needs to hear about.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// How long a paused run sleeps when nobody wakes it: `resume` does.
pub(crate) const PAUSED: Duration = Duration::from_mins(1);

impl Engine {
    /// What the try came to: on to the next stage, again later, or the end.
    pub(crate) async fn judge(
        &self,
        claim: &mut RunClaim,
        subject: &Lock,
        locks: &[Lock],
        plan: &StagePlan,
        applied: Came,
    ) -> Result<StageEnd, EngineError> {
        let now = self.now();
        self.mark_cut(claim, plan);
        let open: Vec<String> = claim
            .run
            .changes
            .iter()
            .filter(|record| record.change.stage == plan.stage && !record.outcome.is_final())
            .filter(|record| !applied.patience.excuses(&record.change.key()))
            .map(|record| {
                let reason = record.outcome.reason().unwrap_or("the vendor is still at it");
                format!("{} {}: {reason}", record.change.connection, record.change.action)
            })
            .collect();
        let working = applied.patience.working.clone();
        if working.is_some() {
            claim.run.read.get_or_insert_default().let_go = true;
        }
        if let Some(why) = applied.paused {
            // Nobody's fault and nobody's news: it goes on when somebody resumes.
            return Ok(StageEnd::Again { after: PAUSED, why });
        }
        if let (Some(until), Some(why)) = (waits_only(claim, plan, &applied), open.first()) {
            // Everything that needs nobody is done; the rest goes on when somebody has decided, or when their time is over.
            self.tell(claim, subject, locks).await?;
            return Ok(StageEnd::Again {
                after: between(self.now(), until).max(Duration::from_secs(1)),
                why: why.clone(),
            });
        }
        if let (Some((after, why)), true) = (&working, open.is_empty()) {
            // Waiting for a vendor's job is no failed try, and what failed before it is over: a hand-over of days meets many a hiccup.
            claim.run.attempts = 0;
            claim.run.read.get_or_insert_default().rest = Some(plus(now, *after));
            return Ok(StageEnd::Again {
                after: *after,
                why: why.clone(),
            });
        }
        if let Some(first) = open.first() {
            claim.run.attempts += 1;
            let why = first.clone();
            claim.run.note(now, format!("{} not complete: {why}", plan.stage));
            self.alert(
                codes::STAGE_INCOMPLETE,
                &format!("{}/{}/incomplete", claim.run.id, plan.stage),
                &why,
            )
            .await?;
            // The last try of what fails is the one after the last long change is through: no job is left half-way.
            if claim.run.attempts >= self.settings.tries && working.is_none() {
                if goes_on(claim) {
                    return self.next_stage(claim, subject, locks).await;
                }
                return Ok(StageEnd::Ended(RunState::Incomplete { why }));
            }
            let after = self.settings.pause(claim.run.attempts, applied.asked);
            let after = working.map_or(after, |(working, _)| working.min(after));
            if after < WORTH_TELLING {
                return Ok(StageEnd::Again { after, why });
            }
            // Somebody should know while there is still something to mend; telling them must not hold up the next try.
            self.plan_tell(claim, TellMoment::Failed, &plan.stage).await?;
            self.tell(claim, subject, locks).await?;
            return Ok(StageEnd::Again {
                after: after.saturating_sub(between(now, self.now())),
                why,
            });
        }
        let failed = claim
            .run
            .changes
            .iter()
            .find(|record| record.change.stage == plan.stage && !record.outcome.is_green())
            .map(|record| {
                let reason = record.outcome.reason().unwrap_or_default();
                format!(
                    "{} {}: {} ({reason})",
                    record.change.connection,
                    record.change.action,
                    record.outcome.name()
                )
            });
        if let Some(why) = failed {
            self.alert(
                codes::STAGE_FAILED,
                &format!("{}/{}/failed", claim.run.id, plan.stage),
                &why,
            )
            .await?;
            if !goes_on(claim) {
                return Ok(StageEnd::Ended(RunState::Incomplete { why }));
            }
        }
        if plan.stage == CUT {
            self.plan_tell(claim, TellMoment::Cut, "").await?;
        }
        self.next_stage(claim, subject, locks).await
    }

    /// Keeps the moment at which each connection's cut was green for the first time, and counts it then.
    fn mark_cut(&self, claim: &mut RunClaim, plan: &StagePlan) {
        for (connection, cut_at) in green_cuts(claim, plan) {
            let run = &mut claim.run;
            if run.cut_at.contains_key(&connection) {
                continue;
            }
            if run.plan.goal != Goal::Undo {
                let measured = TimeToCut {
                    connection: connection.as_str(),
                    received_at: run.received_at,
                    event_at: run.event_at,
                    cut_at,
                };
                measured.emit(self.now());
            }
            run.cut_at.insert(connection, cut_at);
        }
    }
}

/// Whether a run goes on to its next stage although this one is not green: what an undo cannot give back of one stage is no
/// reason to keep what it can give back of another.
fn goes_on(claim: &RunClaim) -> bool {
    let run = &claim.run;
    run.plan.goal == Goal::Undo && run.stage + 1 < run.plan.stages.len()
}

/// How a run ends whose stages are all through.
pub(crate) fn ending(run: &Run) -> RunState {
    let stages: BTreeSet<&str> = run.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    let left = run
        .changes
        .iter()
        .find(|record| stages.contains(record.change.stage.as_str()) && !record.outcome.is_green());
    left.map_or(RunState::Done, |record| RunState::Incomplete {
        why: format!(
            "{} {}: {} ({})",
            record.change.connection,
            record.change.action,
            record.outcome.name(),
            record.outcome.reason().unwrap_or("the vendor is still at it")
        ),
    })
}

/// The connections whose cut is green, and since when.
fn green_cuts(claim: &RunClaim, plan: &StagePlan) -> BTreeMap<ConnectionId, Timestamp> {
    if plan.stage != CUT {
        return BTreeMap::new();
    }
    let mut ends: BTreeMap<_, Option<Timestamp>> = BTreeMap::new();
    for record in claim
        .run
        .changes
        .iter()
        .filter(|record| record.change.stage == plan.stage)
    {
        let end = ends
            .entry(record.change.connection.clone())
            .or_insert(Some(record.ended_at));
        *end = match (*end, record.outcome.is_green()) {
            (Some(at), true) => Some(at.max(record.ended_at)),
            _ => None,
        };
    }
    ends.into_iter()
        .filter_map(|(connection, at)| Some((connection, at?)))
        .collect()
}

/// Until when to wait when nothing but people's decisions is missing.
fn waits_only(claim: &RunClaim, plan: &StagePlan, applied: &Came) -> Option<Timestamp> {
    let until = applied.waits_for_people?;
    let asks = |key: &rollcall_model::ChangeKey| {
        plan.items
            .iter()
            .any(|item| matches!(item.verdict, Verdict::Ask(_)) && item.change.key() == *key)
    };
    claim
        .run
        .changes
        .iter()
        .filter(|record| record.change.stage == plan.stage && !record.outcome.is_final())
        .filter(|record| !applied.patience.behind.contains(&record.change.key()))
        .all(|record| asks(&record.change.key()))
        .then_some(until)
}
