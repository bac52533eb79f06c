//! A run for programs: the shape that `demo`, `apply` and `explain` share.

use rollcall_model::Run;
use serde_json::{Value, json};

/// What became of a run. Moments are milliseconds since the door had the first event.
pub(crate) fn run_document(run: &Run) -> Value {
    let changes: Vec<Value> = run
        .changes
        .iter()
        .map(|record| {
            json!({
                "connection": record.change.connection,
                "account": record.change.account.as_ref().map(|account| &account.id),
                "stage": record.change.stage,
                "step": record.change.step,
                "action": record.change.action,
                "outcome": record.outcome.name(),
                "reason": record.outcome.reason(),
                "request_id": record.request_id,
                "started_ms": record.started_at.as_millisecond() - run.received_at.as_millisecond(),
                "took_ms": record.ended_at.as_millisecond() - record.started_at.as_millisecond(),
            })
        })
        .collect();
    json!({
        "id": run.id,
        "goal": run.plan.goal,
        "playbook": run.plan.playbook,
        "plan_hash": run.plan_hash,
        "state": run.state.name(),
        "why": run.state.why(),
        "changes": changes,
        "time_to_cut_ms": run.time_to_cut_ms(),
    })
}
