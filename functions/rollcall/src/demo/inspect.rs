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
    /// What was found; interesting when it does not hold.
    pub(super) found: String,
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
        Self {
            frozen: org.is_frozen(colleague),
            sessions: org.sessions_of(colleague),
            tokens: org.tokens_of(colleague),
        }
    }
}

/// Everything that must hold in the end.
pub(super) fn inspect(
    world: &LeaverWorld,
    before: &Bystander,
    runs: &[Run],
    verified: &Result<Verified, String>,
) -> Vec<Check> {
    let org = &world.salesforce;
    let leaver = &world.leaver_user;
    let mut checks = Vec::new();
    let mut check = |what: &str, holds: bool, found: String| {
        checks.push(Check {
            what: what.to_owned(),
            holds,
            found,
        });
    };

    check("one hook made one run", runs.len() == 1, format!("{} runs", runs.len()));
    for run in runs {
        let why = run.state.why().map_or_else(String::new, |why| format!(": {why}"));
        check(
            "the run is done, and nothing in it is in doubt",
            run.state == RunState::Done,
            format!("{}{why}", run.state.name()),
        );
        let cut = run.time_to_cut_ms();
        for step in run
            .plan
            .stages
            .iter()
            .filter(|stage| stage.name == "cut")
            .flat_map(|stage| &stage.steps)
        {
            for connection in &step.connections {
                let took = cut.get(connection);
                let said = took.map_or_else(|| "never cut".to_owned(), |ms| format!("{ms} ms"));
                let what = format!("{connection} was cut within {LONGEST_CUT_MS} ms of the hook");
                check(&what, took.is_some_and(|ms| *ms <= LONGEST_CUT_MS), said);
            }
        }
    }
    let freezes = org.counters().get("freeze");
    let frozen = org.is_frozen(leaver);
    check(
        "Salesforce: Amara was frozen, once",
        frozen && freezes == 1,
        format!("frozen: {frozen}, {freezes} times"),
    );
    let (sessions, tokens) = (org.sessions_of(leaver).len(), org.tokens_of(leaver).len());
    check(
        "Salesforce: none of her sessions is left",
        sessions == 0,
        format!("{sessions} left"),
    );
    check(
        "Salesforce: none of her tokens is left",
        tokens == 0,
        format!("{tokens} left"),
    );
    check(
        "Salesforce: it can be taken back, she is frozen and not deactivated",
        org.is_active(leaver),
        "deactivated".to_owned(),
    );
    let untouched = *before == Bystander::of(world);
    check(
        "Salesforce: the colleague with the same name was not touched",
        untouched,
        "something of theirs changed".to_owned(),
    );

    let told = runs
        .iter()
        .flat_map(|run| &run.changes)
        .filter(|record| record.change.stage == "tell");
    let (mut planned, mut sent) = (0, 0);
    for record in told {
        planned += u64::from(!matches!(record.outcome, Outcome::Skipped(_)));
        sent += u64::from(record.outcome == Outcome::Changed);
    }
    let posted = world.slack.counters().get("post-message");
    let once = planned > 0 && planned == sent && posted == sent;
    check(
        "Slack: each message is there, once",
        once,
        format!("{planned} planned, {sent} sent, {posted} there"),
    );
    match verified {
        Ok(verified) => {
            let named = runs.iter().any(|run| run.id == verified.header.run);
            let what = format!(
                "the receipt verifies offline: {} entries, signed by key {}",
                verified.entries(),
                verified.key_id
            );
            check(&what, named, "it is another run's".to_owned());
        }
        Err(why) => check("the receipt verifies offline", false, why.clone()),
    }
    checks
}
