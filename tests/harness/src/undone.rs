//! A leave that is taken back: what is asked for after the story, what is struck on the way, and what must be true at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_engine::{EngineError, UndoWish, what_moved};
use rollcall_evidence::approval::{self, Question};
use rollcall_model::plan::{PlanItem, Verdict};
use rollcall_model::{Decision, Goal, ReviewId, Run, RunId, RunState};
use rollcall_runtime::Clock as _;
use rollcall_simulators::Fault as VendorFault;
use rollcall_simulators::okta::Status as OktaStatus;
use rollcall_simulators::onelogin::Status as OneLoginStatus;
use rollcall_simulators::salesforce::Org;

use crate::inject::{Fault, Strike};
use crate::matrix::{Faults, Report};
use crate::oracle;
use crate::story::{self, Story, alive};
use crate::world::{World, WorldSpec};

/// Who takes the leave back.
const BY: &str = "priya.raman@corp.example";
/// Who approves what is held.
const APPROVER: &str = "kim.tanaka@corp.example";
/// How long the playbook leaves the person alone.
const KEEP: Duration = Duration::from_hours(240);
/// How often somebody tries again when the command dies or fails under them.
const TRIES: usize = 6;

/// What everybody has in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    orgs: Vec<OrgEnd>,
    okta: Option<OktaStatus>,
    onelogin: Option<OneLoginStatus>,
    /// Records of the leaver, the manager and the queue, by object.
    owned: Vec<BTreeMap<String, usize>>,
    /// How many entitlements the leaver holds.
    held: usize,
    /// Bulk jobs that nobody closed.
    open_jobs: u64,
    /// How often the record that moved most has moved: away and back.
    moved: u64,
}

/// One org's user of the leaver's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OrgEnd {
    frozen: bool,
    active: bool,
    unfrozen: u64,
}

impl End {
    fn of(world: &World) -> Self {
        let vendors = &world.vendors;
        let (org, user) = (&vendors.salesforce, vendors.leaver_user.as_str());
        let end = |org: &Org, user: &str| OrgEnd {
            frozen: org.is_frozen(user),
            active: org.is_active(user),
            unfrozen: org.counters().get("unfreeze"),
        };
        let mut orgs = vec![end(org, user)];
        for before in &world.before.orgs {
            orgs.extend(before.cut.iter().map(|user| end(&before.org, &user.id)));
        }
        let owners = world.owned.iter().flat_map(|owned| [&owned.manager, &owned.queue]);
        let changes = org.owner_changes();
        Self {
            orgs,
            okta: vendors.okta.user_status(&vendors.leaver),
            onelogin: vendors
                .company
                .as_ref()
                .and_then(|company| company.onelogin.status_of(company.leaver_onelogin)),
            owned: std::iter::once(user)
                .chain(owners.map(String::as_str))
                .map(|who| org.owned_by(who))
                .collect(),
            held: org.assignments_of(user).len(),
            open_jobs: org.bulk_jobs().get("Open").copied().unwrap_or(0) as u64,
            moved: changes.values().map(|changes| changes.most as u64).max().unwrap_or(0),
        }
    }
}

/// Somebody takes the leave back, and tries again when the command dies or fails. Answers the undoing run.
async fn take_back(world: &World) -> Result<RunId, String> {
    let runs = world.ledger.runs(None, 100).await.map_err(|error| error.to_string())?;
    let leave = runs.iter().find(|run| run.plan.goal == Goal::Leave);
    let wish = UndoWish {
        run: leave.ok_or("nobody left")?.id.clone(),
        stage: None,
        keep: KEEP,
    };
    let mut last = String::new();
    for _ in 0..TRIES {
        let worker = world.worker().await;
        let asked = async {
            let proposal = worker.propose_undo(&wish).await?;
            // Whoever reads that something could not be read plans again.
            let unread = |item: &PlanItem| matches!(item.verdict, Verdict::Unknown(_));
            if proposal.stage.items.iter().any(unread) {
                return Err(EngineError::Refused("not everything could be read".to_owned()));
            }
            let asked = worker.apply_named_by(proposal.hash.as_str(), Some(BY)).await?;
            Ok::<_, EngineError>(asked.run)
        };
        match alive(&worker, asked).await {
            Some(Ok(run)) => return Ok(run),
            Some(Err(error)) => last = error.chain(),
            None => "the command died".clone_into(&mut last),
        }
        // Whoever died in it may hold the person still.
        world.clock.advance(Duration::from_mins(2));
    }
    Err(format!("the undo could not be asked for: {last}"))
}

/// A leave without faults, and then its undo with the strikes of `spec`. Answers the world, the point after which the undo began, and
/// what was wrong.
async fn tell(spec: WorldSpec, story: Story, plain: Option<&End>) -> (World, u64, Vec<String>) {
    let lies = spec.strikes.iter().any(is_lie);
    let world = World::new(spec).await;
    let left = story::tell(&world, story).await;
    let from = world.injector.count();
    let mut wrong = Vec::new();
    if left.is_none() {
        wrong.push("the leave did not end".to_owned());
    }
    match carry_through(&world, lies).await {
        Err(why) => wrong.push(why),
        Ok(undo) => wrong.extend(violations(&world, &undo, plain).await),
    }
    (world, from, wrong)
}

/// Whether a strike is an answer that is right in every way and not true: nobody can tell it from a list that is empty.
fn is_lie(strike: &Strike) -> bool {
    strike.fault == Fault::Vendor(VendorFault::EmptyList)
}

/// Takes the leave back. After a lie people do what they are told to: they ask again when the plan that they named has moved
/// (RC0502), and approve what is held for them. Answers the run that ended last.
async fn carry_through(world: &World, lies: bool) -> Result<RunId, String> {
    let mut undo = take_back(world).await?;
    for _ in 0..TRIES {
        if story::go_on(world).await.is_none() {
            return Err("the undo did not end within the bound".to_owned());
        }
        let run = world.ledger.run(&undo).await.map_err(|error| error.to_string())?;
        match run.map(|run| run.state) {
            Some(state) if lies && what_moved(&state).is_some() => undo = take_back(world).await?,
            Some(RunState::Held { review }) if lies => approve(world, &review).await?,
            _ => break,
        }
    }
    Ok(undo)
}

async fn approve(world: &World, review: &ReviewId) -> Result<(), String> {
    let ledger = &world.ledger;
    let found = ledger.review(review).await.map_err(|error| error.to_string())?;
    let found = found.ok_or("the review is not there")?;
    let statement = Question::of(&found).answer(Decision::Approved, APPROVER, world.clock.now());
    let signed = approval::sign(statement, world.approver.as_ref()).await;
    let decision = signed.map_err(|error| error.to_string())?.into_state();
    let decided = ledger.approve(review, &found.plan_hash, &decision, world.clock.now());
    decided.await.map(drop).map_err(|error| error.to_string())
}

async fn violations(world: &World, undo: &RunId, plain: Option<&End>) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = End::of(world);
    if let Some(plain) = plain.filter(|plain| **plain != end) {
        wrong.push(format!("it ended with {end:?} instead of {plain:?}"));
    }
    for (place, org) in end.orgs.iter().enumerate() {
        if org.frozen || !org.active {
            wrong.push(format!("the leaver's user {place} has no access: {org:?}"));
        }
    }
    let runs = world.ledger.runs(None, 100).await.unwrap_or_default();
    // One that was refused did nothing: the end says so.
    let undone: Vec<&Run> = runs
        .iter()
        .filter(|run| run.plan.goal == Goal::Undo && (run.id == *undo || what_moved(&run.state).is_none()))
        .collect();
    match undone.as_slice() {
        [run] if run.id == *undo && run.state == RunState::Done => {
            let journal = world.ledger.journal(undo).await.unwrap_or_default();
            wrong.extend(oracle::receipt(world, run, journal.len() as u64).await);
        }
        others => wrong.push(format!(
            "{:?} instead of one undo that is done",
            others.iter().map(|run| (&run.id, &run.state)).collect::<Vec<_>>()
        )),
    }
    wrong.extend(oracle::dead(world).await);
    wrong
}

/// Strikes every point of an undo with the faults that are asked for: whatever strikes, everybody has in the end what they have without.
pub async fn exhaustive(name: &str, story: Story, faults: Faults<'_>, only: impl Fn(&str) -> bool) -> Report {
    let spec = |strikes| WorldSpec {
        strikes,
        company: story.company,
        owns: story.owns,
        ..WorldSpec::default()
    };
    let mut report = Report::named(name);
    let (plain, from, wrong) = tell(spec(Vec::new()), story, None).await;
    report.book(&plain, "without faults", &wrong);
    if wrong.is_empty() {
        let end = End::of(&plain);
        let again = async |strike| {
            let (world, _, wrong) = tell(spec(vec![strike]), story, Some(&end)).await;
            (world, wrong)
        };
        report.strike(&plain.injector.log(), from, faults, only, again).await;
    }
    report
}
