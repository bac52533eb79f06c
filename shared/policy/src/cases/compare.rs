//! Comparing a rehearsal with what a test expects.

use std::collections::BTreeMap;

use rollcall_model::action::ActionCatalogue;
use rollcall_model::ids::ConnectionId;
use rollcall_model::plan::{StagePlan, TellMoment, Verdict};
use serde_json::{Value, json};

use super::rehearse::Rehearsal;
use super::{Case, Expect, Held, recipients};
use crate::configuration::{Configuration, Mode};
use crate::decide::{Facts, TextFacts, tell_changes};

/// Connections of which some (or every) line of a plan is so.
fn connections(plan: &StagePlan, every: bool, is_so: impl Fn(&Verdict, &Value) -> bool) -> Vec<ConnectionId> {
    let mut by_connection: BTreeMap<&ConnectionId, Vec<bool>> = BTreeMap::new();
    for item in &plan.items {
        by_connection
            .entry(&item.change.connection)
            .or_default()
            .push(is_so(&item.verdict, &item.change.before));
    }
    by_connection
        .into_iter()
        .filter(|(_, lines)| {
            if every {
                lines.iter().all(|line| *line)
            } else {
                lines.iter().any(|line| *line)
            }
        })
        .map(|(connection, _)| connection.clone())
        .collect()
}

fn listed(connections: &[ConnectionId]) -> String {
    let names: Vec<&str> = connections.iter().map(ConnectionId::as_str).collect();
    format!("[{}]", names.join(", "))
}

pub(super) fn compare(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    rehearsal: &Rehearsal,
    case: &Case,
) -> Vec<String> {
    let expect = &case.expect;
    let mut differences = Vec::new();
    if let Some(expected) = &expect.stages {
        let stages: Vec<String> = facts.plan.stages.iter().map(|stage| stage.name.clone()).collect();
        if stages != *expected {
            differences.push(format!(
                "stages: expected [{}], is [{}]",
                expected.join(", "),
                stages.join(", ")
            ));
        }
    }
    let mut same = |what: &str, expected: &[ConnectionId], found: &[ConnectionId]| {
        if expected != found {
            differences.push(format!("{what}: expected {}, is {}", listed(expected), listed(found)));
        }
    };
    for (stage, expected) in &expect.changed {
        let found = rehearsal
            .plans
            .iter()
            .find(|plan| plan.stage == *stage)
            .map(|plan| connections(plan, false, |verdict, _| *verdict == Verdict::Run))
            .unwrap_or_default();
        same(stage, expected, &found);
    }
    let over_all = |every: bool, is_so: &dyn Fn(&Verdict, &Value) -> bool| {
        let mut all: Vec<ConnectionId> = rehearsal
            .plans
            .iter()
            .flat_map(|plan| connections(plan, every, is_so))
            .collect();
        all.sort();
        all.dedup();
        all
    };
    if let Some(expected) = &expect.no_account {
        let none = json!({"account": "none"});
        same(
            "no_account",
            expected,
            &over_all(true, &|verdict, before| {
                *verdict == Verdict::AlreadySo && *before == none
            }),
        );
    }
    if let Some(expected) = &expect.skip {
        same(
            "skip",
            expected,
            &over_all(true, &|verdict, _| matches!(verdict, Verdict::Skip(_))),
        );
    }
    if let Some(expected) = &expect.unknown {
        same(
            "unknown",
            expected,
            &over_all(false, &|verdict, _| matches!(verdict, Verdict::Unknown(_))),
        );
    }
    if let Some(expected) = &expect.ask {
        same(
            "ask",
            expected,
            &over_all(false, &|verdict, _| matches!(verdict, Verdict::Ask(_))),
        );
    }
    for stage in &expect.stopped {
        if !rehearsal.stopped.contains(stage) {
            differences.push(format!("stopped: {stage} is not stopped"));
        }
    }
    differences.extend(recipients::compare(facts, rehearsal, case));
    differences.extend(compare_guard(rehearsal, expect));
    differences.extend(compare_tell(configuration, catalogue, facts, rehearsal, expect));
    differences
}

fn compare_guard(rehearsal: &Rehearsal, expect: &Expect) -> Vec<String> {
    let mut differences = Vec::new();
    let reasons: Vec<&str> = rehearsal
        .guarded
        .iter()
        .flat_map(|guarded| &guarded.holds)
        .map(|hold| hold.reason.as_str())
        .collect();
    match &expect.held {
        Some(Held::Yes) if reasons.is_empty() => {
            differences.push("held: no stage is held".to_owned());
        }
        Some(Held::No) if !reasons.is_empty() => {
            differences.push(format!("held: {}", reasons.join("; ")));
        }
        Some(Held::Because(text)) if !reasons.iter().any(|reason| reason.contains(text)) => {
            differences.push(format!(
                "held: expected a reason with \"{text}\", are [{}]",
                reasons.join("; ")
            ));
        }
        _ => {}
    }
    if let Some(expected) = expect.mode {
        let found = rehearsal.guarded.iter().map(|guarded| guarded.mode).min();
        if found != Some(expected) {
            differences.push(format!(
                "mode: expected {expected}, is {}",
                found.map_or("none", Mode::as_str)
            ));
        }
    }
    differences
}

fn compare_tell(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    rehearsal: &Rehearsal,
    expect: &Expect,
) -> Vec<String> {
    let mut differences = Vec::new();
    let cut: Vec<String> = rehearsal
        .plans
        .iter()
        .filter(|plan| plan.stage == "cut")
        .flat_map(|plan| connections(plan, false, |verdict, _| *verdict == Verdict::Run))
        .map(|connection| format!("{connection} 0 ms"))
        .collect();
    let texts = TextFacts {
        id: "test".to_owned(),
        cut: cut.join(", "),
        summary: "test".to_owned(),
        why: "test".to_owned(),
        ..TextFacts::default()
    };
    for (moment, expected) in &expect.tell {
        let moments = [TellMoment::Cut, TellMoment::Done, TellMoment::Held, TellMoment::Failed];
        let Some(found) = moments.into_iter().find(|known| known.as_str() == moment) else {
            continue;
        };
        let told: Vec<String> = tell_changes(configuration, catalogue, facts, found, &texts)
            .iter()
            .map(|item| match &item.verdict {
                Verdict::Run => {
                    let with = &item.change.with;
                    let to = with.get("channel").or_else(|| with.get("email"));
                    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
                    format!("{}: {}", text(to), text(with.get("text")))
                }
                verdict => format!("{verdict:?}"),
            })
            .collect();
        if !told.iter().any(|line| line.contains(expected)) {
            differences.push(format!(
                "tell.{moment}: expected \"{expected}\", is [{}]",
                told.join("; ")
            ));
        }
    }
    differences
}
