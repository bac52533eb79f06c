//! `rollcall plan`: what would be done for a person now. Reads the vendors, changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use rollcall_engine::{EngineError, Proposal};
use rollcall_model::plan::{PlanItem, Verdict};
use rollcall_model::{AccountQuery, Call, ConnectionId, Goal, Lane, MatchKey, SourceState};
use rollcall_policy::Kind;
use rollcall_runtime::clock::plus;
use serde_json::Value;

use super::preflight;
use crate::Exit;
use crate::Place;
use crate::cli::PlanOptions;
use crate::local::{Machine, Store};
use crate::out::{Out, plain};

/// How long one question to the source may take.
const ASKING: Duration = Duration::from_secs(15);
const LEASE: Duration = Duration::from_mins(1);

pub(crate) async fn run(options: &PlanOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.open(&options.data, LEASE)?;
    let machine = place
        .machine(place.configuration(&options.config)?, &store, LEASE)
        .await?;
    let who = resolve(&machine, &store, &options.person).await?;
    let proposal = match machine.engine.propose(options.goal, &who).await {
        Ok(proposal) => proposal,
        Err(EngineError::Refused(why)) => anyhow::bail!("{why}"),
        Err(error) => return Err(error.into()),
    };
    out.document(&proposal)?;
    show(&proposal, out);
    Ok(Exit::SUCCESS)
}

/// The account that a name stands for: `connection/id` as it is, a sign-in name or address by asking the source.
pub(super) async fn resolve(machine: &Machine, store: &Store, who: &str) -> anyhow::Result<String> {
    if who.contains('/') || !who.contains('@') {
        return Ok(who.to_owned());
    }
    let configuration = machine.engine.configuration();
    let field = match configuration.source_kind() {
        Some(Kind::Onelogin) => "username",
        _ => "login",
    };
    let Some(connector) = machine.connectors.get(&configuration.source) else {
        return Ok(who.to_owned());
    };
    let key = |field: &str| MatchKey {
        field: field.to_owned(),
        value: who.to_owned(),
        sure: true,
    };
    let query = AccountQuery {
        keys: vec![key(field), key("email")],
        linked: Vec::new(),
    };
    let call = Call {
        deadline: plus(store.clock.now(), ASKING),
        lane: Lane::Work,
    };
    let found = connector.find_accounts(&call, &query).await;
    let found = found
        .map_err(|failure| anyhow::anyhow!("{} cannot be asked for {who}: {}", configuration.source, failure.reason))?;
    match found.accounts.as_slice() {
        [one] => Ok(one.account.to_string()),
        [] => anyhow::bail!(
            "{} knows nobody called {who}: give the sign-in name, or connection/id",
            configuration.source
        ),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|account| format!("{} ({})", account.account, account.username))
                .collect();
            anyhow::bail!("{who} is several accounts, name one of {}", names.join(", "))
        }
    }
}

pub(super) fn show(proposal: &Proposal, out: &Out) {
    let (person, plan) = (&proposal.person, &proposal.run_plan);
    let address = person.email.as_deref().unwrap_or(&person.login);
    out.title(&format!(
        "{}: {} <{}>",
        plan.goal,
        plain(&person.display),
        plain(address)
    ));
    out.line(format!(
        "  {} says {}; playbook {}",
        plan.subject.connection,
        person.state.as_str(),
        plain(&plan.playbook)
    ));
    for (place, stage) in plan.stages.iter().enumerate() {
        let after = SignedDuration::from_millis(stage.after_ms);
        if place == 0 {
            out.title(&format!("\n{} now", stage.name));
            items(&proposal.stage.items, out);
        } else {
            out.title(&format!("\n{} {after:#} later; it is planned again then", stage.name));
            for step in &stage.steps {
                let connections: Vec<&str> = step.connections.iter().map(ConnectionId::as_str).collect();
                out.line(format!(
                    "  {}  {} in {}",
                    step.id,
                    step.actions.join(", "),
                    connections.join(", ")
                ));
            }
        }
        if let Some(unless) = &stage.unless {
            out.line(format!("  not when {unless}"));
        }
    }
    if !proposal.preflight.is_empty() {
        out.title("\nIn the way of the dismantling");
        for line in preflight::lines(&proposal.preflight) {
            out.line(line);
        }
    }
    if !plan.tell.is_empty() {
        out.title("\nWho is told");
        let wide = plan.tell.iter().map(|tell| tell.to.chars().count()).max().unwrap_or(0);
        for tell in &plan.tell {
            out.line(format!(
                "  {:<6}  {:<wide$}  by {}",
                tell.moment.as_str(),
                plain(&tell.to),
                tell.action
            ));
        }
    }
    let counts = counted(&proposal.stage.items);
    out.title(&format!("\n{counts}"));
    if let Some(why) = disagrees(plan.goal, person.state) {
        out.line(format!(
            "  Note: {} says {}, so applying this would end as superseded: {why}",
            plan.subject.connection,
            person.state.as_str()
        ));
    }
    out.line(format!("  hash  {}", proposal.hash));
    out.line(format!("  next  rollcall apply {}", proposal.hash));
    out.line("        carries out exactly this, or refuses and says what moved");
}

/// Why the source's word does not ask for the goal.
fn disagrees(goal: Goal, state: SourceState) -> Option<&'static str> {
    match goal {
        Goal::Leave if !state.has_left() => {
            Some("only somebody whom the source calls deactivated or deleted is cut off")
        }
        Goal::Join | Goal::Move if state != SourceState::Active => {
            Some("only somebody whom the source calls active is given access")
        }
        _ => None,
    }
}

fn items(items: &[PlanItem], out: &Out) {
    for line in lines(items) {
        out.line(line);
    }
}

/// A line for each change, by connection and account.
pub(super) fn lines(items: &[PlanItem]) -> Vec<String> {
    let mut lines = Vec::new();
    let wide = items
        .iter()
        .map(|item| verb(&item.change.action).chars().count())
        .max()
        .unwrap_or(0);
    let mut last: Option<(&ConnectionId, Option<&str>)> = None;
    for item in items {
        let change = &item.change;
        let place = (
            &change.connection,
            change.account.as_ref().map(|account| account.id.as_str()),
        );
        if last != Some(place) {
            lines.push(format!(
                "  {}  {}",
                change.connection,
                place.1.map_or_else(|| "no account".to_owned(), plain)
            ));
            last = Some(place);
        }
        let (sign, said) = match &item.verdict {
            Verdict::Run => (
                "~",
                format!(
                    "{}{}",
                    difference(&change.before, &change.after),
                    evidence(&change.evidence)
                ),
            ),
            Verdict::AlreadySo => ("=", format!("is so already{}", state_of(&change.before))),
            Verdict::Skip(why) => ("-", format!("skipped: {}", plain(why))),
            Verdict::Refuse(why) => ("✗", format!("refused: {}", plain(why))),
            Verdict::Unknown(why) => ("?", format!("unknown: {}", plain(why))),
            Verdict::Ask(why) => ("?", format!("a person must decide: {}", plain(why))),
        };
        lines.push(format!("    {sign} {:<wide$}  {said}", verb(&change.action)));
    }
    lines
}

fn verb(action: &str) -> &str {
    action.split_once('/').map_or(action, |(_, verb)| verb)
}

/// `frozen: false → true`.
fn difference(before: &Value, after: &Value) -> String {
    let empty = serde_json::Map::new();
    let (old, new) = (
        before.as_object().unwrap_or(&empty),
        after.as_object().unwrap_or(&empty),
    );
    let mut parts: Vec<String> = new
        .iter()
        .map(|(name, value)| {
            format!(
                "{}: {} → {}",
                plain(name),
                old.get(name).map_or_else(|| "-".to_owned(), word),
                word(value)
            )
        })
        .collect();
    if parts.is_empty() {
        parts.push(format!("{before} → {after}"));
    }
    parts.join(", ")
}

fn state_of(state: &Value) -> String {
    let parts: Vec<String> = state
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{}: {}", plain(name), word(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// How many things stand behind a state, where the vendor tells.
fn evidence(evidence: &Value) -> String {
    evidence
        .get("count")
        .and_then(Value::as_u64)
        .map_or_else(String::new, |count| format!("  ({count})"))
}

fn counted(items: &[PlanItem]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        let name = match item.verdict {
            Verdict::Run => "to change",
            Verdict::AlreadySo => "already so",
            Verdict::Skip(_) => "skipped",
            Verdict::Refuse(_) => "refused",
            Verdict::Unknown(_) => "unknown",
            Verdict::Ask(_) => "to decide",
        };
        *counts.entry(name).or_default() += 1;
    }
    let order = ["to change", "already so", "skipped", "refused", "unknown"];
    let parts: Vec<String> = order
        .iter()
        .filter_map(|name| counts.get(name).map(|count| format!("{count} {name}")))
        .collect();
    if parts.is_empty() {
        "Nothing is planned.".to_owned()
    } else {
        format!("{}.", parts.join(", "))
    }
}
