//! Whether everything is as it should be: asked of the simulated vendors themselves, not of what Rollcall says of them.

use rollcall_evidence::Verified;
use rollcall_model::{Outcome, Run, RunState};
use rollcall_simulators::world::LeaverWorld;

/// The longest time from the door to the cut, in milliseconds.
const LONGEST_CUT_MS: i64 = 1_000;

/// One question and its answer.
pub(super) struct Check {
    pub(super) what: String,
    pub(super) holds: bool,
}

/// What nobody may touch, as it was before.
#[derive(PartialEq, Eq)]
pub(super) struct Bystander {
    frozen: bool,
    sessions: Vec<String>,
    tokens: Vec<String>,
}

impl Bystander {
    /// The colleague with the same family name.
    pub(super) fn of(world: &LeaverWorld) -> Self {
        let (org, colleague) = (&world.salesforce, &world.colleague_user);
        Self { frozen: org.is_frozen(colleague), sessions: org.sessions_of(colleague), tokens: org.tokens_of(colleague) }
    }
}

/// Everything that must hold in the end.
pub(super) fn inspect(world: &LeaverWorld, before: &Bystander, runs: &[Run], verified: &Result<Verified, String>) -> Vec<Check> {
    let org = &world.salesforce;
    let leaver = &world.leaver_user;
    let mut checks = Vec::new();
    let mut check = |holds: bool, what: String| checks.push(Check { what, holds });

    check(runs.len() == 1, format!("one hook made one run ({})", runs.len()));
    for run in runs {
        let why = run.state.why().map_or_else(String::new, |why| format!(": {why}"));
        check(run.state == RunState::Done, format!("the run is Done ({}{why})", run.state.name()));
        let cut = run.time_to_cut_ms();
        for step in run.plan.stages.iter().filter(|stage| stage.name == "cut").flat_map(|stage| &stage.steps) {
            for connection in &step.connections {
                let took = cut.get(connection);
                let said = took.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
                check(took.is_some_and(|ms| *ms <= LONGEST_CUT_MS), format!("{connection} was cut within {LONGEST_CUT_MS} ms ({said})"));
            }
        }
    }
    check(org.is_frozen(leaver) && org.counters().get("freeze") == 1, format!("the leaver was frozen, once ({})", org.counters().get("freeze")));
    check(org.sessions_of(leaver).is_empty(), format!("no session is left ({})", org.sessions_of(leaver).len()));
    check(org.tokens_of(leaver).is_empty(), format!("no token is left ({})", org.tokens_of(leaver).len()));
    check(org.is_active(leaver), "the cut can be taken back: the user is frozen, not deactivated".to_owned());
    check(*before == Bystander::of(world), "the colleague with the same name was not touched".to_owned());

    let told = runs.iter().flat_map(|run| &run.changes).filter(|record| record.change.stage == "tell");
    let (mut planned, mut sent) = (0, 0);
    for record in told {
        match &record.outcome {
            Outcome::Skipped(_) => {}
            Outcome::Changed => {
                planned += 1;
                sent += 1;
            }
            _ => planned += 1,
        }
    }
    let posted = world.slack.counters().get("post-message");
    check(
        planned > 0 && planned == sent && posted == sent,
        format!("each message reached Slack once ({planned} planned, {sent} sent, {posted} in Slack)"),
    );
    match verified {
        Ok(verified) => {
            let named = runs.iter().any(|run| run.id == verified.header.run);
            check(named, format!("the receipt verifies: {} entries, key {}", verified.entries(), verified.key_id));
        }
        Err(why) => check(false, format!("the receipt verifies ({why})")),
    }
    checks
}
