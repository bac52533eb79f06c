//! Whether what was planned is what is planned now.

use std::collections::BTreeSet;

use rollcall_model::ledger::RunClaim;
use rollcall_model::plan::{StagePlan, Verdict};
use rollcall_model::{ConnectionId, RunState};
use serde_json::json;

use crate::journal::Journalled;
use crate::stage::StageEnd;
use crate::{Engine, EngineError};

/// How the reason begins for which a plan that a person named is refused, and what stands between the things that moved.
const MOVED: &str = "the plan that was named has moved: ";
const BETWEEN: &str = "; ";

/// What had moved, where a run did nothing because the world was not as the plan that somebody named had it.
pub fn what_moved(state: &RunState) -> Option<Vec<&str>> {
    let RunState::Refused { why } = state else {
        return None;
    };
    Some(why.strip_prefix(MOVED)?.split(BETWEEN).collect())
}

impl Engine {
    /// A plan that a person named is refused when the world moved; an automatic one is made again, three times at most. What cannot be
    /// read now has not moved: it is tried again, and compared with the named plan then. Nor has what we have begun ourselves: a worker died
    /// in the middle of it, or a vendor did half of it.
    pub(crate) async fn moved(
        &self,
        claim: &mut RunClaim,
        plan: &StagePlan,
        journalled: &Journalled,
    ) -> Result<Option<StageEnd>, EngineError> {
        if let Some(bound) = claim.run.bound.clone().filter(|bound| bound.stage == plan.stage) {
            let unread = unread(plan);
            let others = |plan: &StagePlan| {
                let mut plan = without(plan, &unread);
                plan.items.retain(|item| !journalled.ours.contains(&item.change.key()));
                plan
            };
            let moved = others(&bound).moved(&others(plan));
            if !moved.is_empty() {
                let why = format!("{MOVED}{}", moved.join(BETWEEN));
                self.decided(claim, "refused: moved", json!({"moved": moved})).await?;
                return Ok(Some(StageEnd::Ended(RunState::Refused { why })));
            }
        } else if claim.run.replans > 3 {
            let why = "the accounts keep changing while the plan is carried out".to_owned();
            return Ok(Some(StageEnd::Ended(RunState::Incomplete { why })));
        }
        Ok(None)
    }
}

/// Counts an automatic plan that differs from the one before it. A system that could not be read then or now has not moved: its
/// changes become unknown and known again without anybody having touched an account.
pub(crate) fn count_replan(claim: &mut RunClaim, plan: &StagePlan) {
    let Some(before) = claim
        .run
        .stage_plan
        .as_ref()
        .filter(|before| before.stage == plan.stage)
    else {
        return;
    };
    let mut unread_ever = unread(before);
    unread_ever.extend(unread(plan));
    if !without(before, &unread_ever)
        .moved(&without(plan, &unread_ever))
        .is_empty()
    {
        claim.run.replans += 1;
    }
}

/// The connections of which something could not be read for a plan.
fn unread(plan: &StagePlan) -> BTreeSet<ConnectionId> {
    let unknown = plan
        .items
        .iter()
        .filter(|item| matches!(item.verdict, Verdict::Unknown(_)));
    unknown.map(|item| item.change.connection.clone()).collect()
}

/// A plan as far as it is about other connections.
fn without(plan: &StagePlan, connections: &BTreeSet<ConnectionId>) -> StagePlan {
    let mut plan = plan.clone();
    plan.items.retain(|item| !connections.contains(&item.change.connection));
    plan
}
