//! Whether everything is as it should be: asked of the simulated vendors themselves, not of what Rollcall says of them.

use std::collections::BTreeSet;

use rollcall_evidence::Verified;
use rollcall_model::{Outcome, Run, RunState};
use rollcall_simulators::onelogin::Status as OneLoginStatus;
use rollcall_simulators::salesforce::Org;
use rollcall_simulators::world::{Company, LeaverWorld};

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
    who: &'static str,
    frozen: bool,
    sessions: Vec<String>,
    tokens: Vec<String>,
}

impl Bystander {
    fn of(who: &'static str, org: &Org, user: &str) -> Self {
        Self {
            who,
            frozen: org.is_frozen(user),
            sessions: org.sessions_of(user),
            tokens: org.tokens_of(user),
        }
    }

    /// The colleague with the same family name, the service account, and the protected person.
    pub(super) fn all(world: &LeaverWorld, company: &Company) -> Vec<Self> {
        let (us, emea) = (&world.salesforce, &company.emea);
        let (_, protected_us, protected_emea) = &company.protected_accounts;
        vec![
            Self::of("the colleague with the same name", us, &world.colleague_user),
            Self::of("the colleague's second user", emea, &company.colleague_emea),
            Self::of("the service account", emea, &company.service_emea),
            Self::of("Noor, who is protected", us, protected_us),
            Self::of("Noor's second user", emea, protected_emea),
        ]
    }
}

/// Everything that must hold in the end. The first run is the leaver's, the second the protected person's.
pub(super) fn inspect(
    world: &LeaverWorld,
    company: &Company,
    before: &[Bystander],
    runs: &[Run],
    verified: &Result<Verified, String>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |what: &str, holds: bool, found: String| {
        checks.push(Check {
            what: what.to_owned(),
            holds,
            found,
        });
    };

    check(
        "two hooks made two runs",
        runs.len() == 2,
        format!("{} runs", runs.len()),
    );
    if let Some(run) = runs.first() {
        let why = run.state.why().map_or_else(String::new, |why| format!(": {why}"));
        check(
            "Amara's run is done, and nothing in it is in doubt",
            run.state == RunState::Done,
            format!("{}{why}", run.state.name()),
        );
        let cut = run.time_to_cut_ms();
        let connections: BTreeSet<_> = run
            .plan
            .stages
            .iter()
            .filter(|stage| stage.name == "cut")
            .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
            .collect();
        for connection in connections {
            let took = cut.get(connection);
            let said = took.map_or_else(|| "never cut".to_owned(), |ms| format!("{ms} ms"));
            let what = format!("{connection} was cut within {LONGEST_CUT_MS} ms of the hook");
            check(&what, took.is_some_and(|ms| *ms <= LONGEST_CUT_MS), said);
        }
    }
    let left = company.onelogin.sessions_of(company.leaver_onelogin).len();
    let status = company.onelogin.status_of(company.leaver_onelogin);
    check(
        "OneLogin: Amara is suspended and signed out",
        status == Some(OneLoginStatus::Suspended) && left == 0,
        format!("{status:?}, {left} sessions"),
    );
    for (which, org, user) in [
        ("sf-us", &world.salesforce, &world.leaver_user),
        ("sf-us", &world.salesforce, &company.leaver_admin),
        ("sf-emea", &company.emea, &company.leaver_emea),
    ] {
        let (frozen, active) = (org.is_frozen(user), org.is_active(user));
        let (sessions, tokens) = (org.sessions_of(user).len(), org.tokens_of(user).len());
        let name = if *user == company.leaver_admin {
            "Amara's user for administration"
        } else {
            "Amara"
        };
        check(
            &format!("{which}: {name} is frozen, without a session or a token, and it can be taken back"),
            frozen && active && sessions + tokens == 0,
            format!("frozen: {frozen}, active: {active}, {sessions} sessions, {tokens} tokens"),
        );
    }
    let freezes = (
        world.salesforce.counters().get("freeze"),
        company.emea.counters().get("freeze"),
    );
    check("each user was frozen once", freezes == (2, 1), format!("{freezes:?}"));
    for (before, now) in before.iter().zip(Bystander::all(world, company)) {
        let what = format!("nothing happened to {}", before.who);
        check(&what, *before == now, "something of theirs changed".to_owned());
    }
    let held = runs.get(1);
    check(
        "Noor's run waits for an approver",
        held.is_some_and(|run| matches!(run.state, RunState::Held { .. })),
        held.map_or_else(|| "there is none".to_owned(), |run| run.state.name().to_owned()),
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
