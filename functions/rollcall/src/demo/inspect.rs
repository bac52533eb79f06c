//! Whether everything is as it should be: asked of the simulated vendors themselves, not of what Rollcall says of them.

use std::collections::BTreeSet;

use rollcall_evidence::Verified;
use rollcall_model::{ConnectionId, Outcome, Run, RunState};
use rollcall_simulators::onelogin::Status as OneLoginStatus;
use rollcall_simulators::salesforce::Org;
use rollcall_simulators::world::{BLOCKED, Company, Estate, LeaverWorld, RECORDS};

use rollcall_commands::report::handed_over;

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
    estate: &Estate,
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
        // The one thing that only a person in Salesforce can mend.
        check(
            "all of Amara's run is done but what Salesforce refuses, and that is named",
            matches!(&run.state, RunState::Incomplete { why } if why.contains(BLOCKED)),
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
    for (which, org, user, stays) in [
        ("sf-us: Amara", &world.salesforce, &world.leaver_user, true),
        (
            "sf-us: Amara's user for administration",
            &world.salesforce,
            &company.leaver_admin,
            false,
        ),
        ("sf-emea: Amara", &company.emea, &company.leaver_emea, false),
    ] {
        let (frozen, active) = (org.is_frozen(user), org.is_active(user));
        let (sessions, tokens) = (org.sessions_of(user).len(), org.tokens_of(user).len());
        let state = if stays { "stays frozen" } else { "is deactivated" };
        check(
            &format!("{which} {state}, without a session or a token"),
            frozen && active == stays && sessions + tokens == 0,
            format!("frozen: {frozen}, active: {active}, {sessions} sessions, {tokens} tokens"),
        );
    }
    if let Some(run) = runs.first() {
        records(world, company, estate, run, &mut check);
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

/// Whether every record is where it was handed to, or named.
fn records(
    world: &LeaverWorld,
    company: &Company,
    estate: &Estate,
    run: &Run,
    check: &mut dyn FnMut(&str, bool, String),
) {
    let handed = handed_over(run);
    for (connection, org, user) in [
        ("sf-us", &world.salesforce, &world.leaver_user),
        ("sf-emea", &company.emea, &company.leaver_emea),
    ] {
        let tally = handed.get(&ConnectionId::from(connection)).cloned().unwrap_or_default();
        let numbers = format!(
            "{} + {} = {} + {} + {} + {}",
            tally.counted, tally.arrived, tally.moved, tally.kept, tally.refused, tally.gone
        );
        check(
            &format!(
                "{connection}: every record is accounted for: counted + arrived = moved + kept + refused + gone, {numbers}"
            ),
            tally.balances() && tally.counted == RECORDS as u64,
            numbers.clone(),
        );
        let owned: usize = org.owned_by(user).values().sum();
        let left = tally.kept + tally.refused;
        check(
            &format!("{connection}: Amara still owns the {left} that were kept or refused, and no other"),
            owned as u64 == left,
            format!("{owned} are hers"),
        );
        let most = org
            .owner_changes()
            .values()
            .map(|changes| changes.most)
            .max()
            .unwrap_or(0);
        check(
            &format!("{connection}: no record changed hands twice"),
            most == 1,
            format!("one changed hands {most} times"),
        );
    }
    let [us, emea] = &estate.orphans;
    let queued = [(&world.salesforce, us), (&company.emea, emea)].map(|(org, queue)| {
        let owned = org.owned_by(queue);
        (
            owned.get("Case").copied().unwrap_or(0),
            owned.get("Lead").copied().unwrap_or(0),
        )
    });
    check(
        "cases and leads are in the queue Orphans, but for three cases that a rule refuses",
        queued == [(597, 300), (800, 400)],
        format!("{queued:?}"),
    );
    let manager: usize = world.salesforce.owned_by(&estate.manager_us).values().sum();
    let inactive: usize = company.emea.owned_by(&estate.manager_emea).values().sum();
    let operations: usize = company.emea.owned_by(&estate.operations[1]).values().sum();
    check(
        "the rest is her manager's; in sf-emea, where he has no licence, it is operations'",
        manager > 3_000 && inactive == 0 && operations > 3_000,
        format!("{manager} his, {inactive} his without a licence, {operations} operations'"),
    );
    let given: Vec<String> = [
        (&world.salesforce, &world.leaver_user),
        (&company.emea, &company.leaver_emea),
    ]
    .iter()
    .flat_map(|(org, user)| org.assignments_of(user))
    .filter(|line| !line.starts_with("PermissionSetAssignment"))
    .collect();
    check(
        "no licence, package or group is left with her",
        given.is_empty(),
        given.join("; "),
    );
}
