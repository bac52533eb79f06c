//! A run for programs: the shape that `demo`, `apply` and `explain` share.

use std::collections::BTreeMap;

use rollcall_model::{ConnectionId, HandOver, Run, Tally};
use serde_json::{Value, json};

/// What became of the records that were handed over, by connection: the sum over accounts, objects and fields.
pub fn handed_over(run: &Run) -> BTreeMap<ConnectionId, Tally> {
    let mut all: BTreeMap<ConnectionId, HandOver> = BTreeMap::new();
    for record in &run.changes {
        let Ok(one) = serde_json::from_value::<HandOver>(record.reference.clone()) else {
            continue;
        };
        let sum = all.entry(record.change.connection.clone()).or_default();
        sum.tallies.extend(one.tallies);
    }
    all.into_iter()
        .map(|(connection, sum)| (connection, sum.total()))
        .collect()
}

/// The same for programs.
pub fn handover_document(run: &Run) -> Value {
    handed_over(run)
        .into_iter()
        .map(|(connection, tally)| {
            let numbers = json!({
                "counted": tally.counted, "arrived": tally.arrived, "moved": tally.moved, "kept": tally.kept,
                "refused": tally.refused, "gone": tally.gone,
            });
            (connection.to_string(), numbers)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What became of a run. Moments are milliseconds since the door had the first event.
pub fn run_document(run: &Run) -> Value {
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
        "handover": handover_document(run),
    })
}
