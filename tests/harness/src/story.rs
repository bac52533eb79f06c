//! The leaver's story: what happens in the directory, how it reaches the door, and workers that go on until all is quiet.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_model::{Lane, Timestamp};
use rollcall_policy::Configuration;
use rollcall_simulators::world::{EMEA_ORG, LeaverWorld, OKTA_ORG, ONELOGIN_ACCOUNT, SECOND_HOOK, SLACK_TEAM};

use crate::world::{Edit, Texts, Worker, World};

/// What happens to the leaver in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happens {
    /// They are deactivated.
    Leaves,
    /// They are deactivated, and activated again before any worker looks.
    LeavesAndReturns,
    /// They are deactivated in both directories. Needs the whole company.
    LeavesEverywhere,
}

/// How the events reach the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrives {
    /// Once, in order.
    Once,
    /// Every delivery twice.
    Twice,
    /// Through two hooks, with different delivery ids.
    TwoHooks,
    /// Through two hooks, twice each, in reverse order.
    Scrambled,
}

/// One story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Story {
    /// In the directory.
    pub happens: Happens,
    /// At the door.
    pub arrives: Arrives,
    /// Workers side by side.
    pub workers: usize,
    /// Two directories and two orgs instead of one each.
    pub company: bool,
    /// The leaver owns records, and the playbook dismantles right after the cut.
    pub owns: bool,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            happens: Happens::Leaves,
            arrives: Arrives::Once,
            workers: 1,
            company: false,
            owns: false,
        }
    }
}

/// How long a story may take in virtual time: a bound on every run.
pub const BOUND: Duration = Duration::from_secs(6 * 3600);

/// Tells the story to its end. Answers the virtual time it took, or nothing when it did not end within the bound.
pub async fn tell(world: &World, story: Story) -> Option<Duration> {
    use rollcall_runtime::Clock as _;
    let beginning = world.clock.now();
    happen(world, story).await;
    let deadline = rollcall_runtime::clock::plus(beginning, BOUND);
    let mut workers = Vec::new();
    for _ in 0..story.workers {
        workers.push(work(world, deadline));
    }
    let ended = futures::future::join_all(workers).await;
    let took = rollcall_runtime::clock::between(beginning, world.clock.now());
    ended.into_iter().all(|ended| ended).then_some(took)
}

/// Goes on until everything is at rest, without anything happening: what the ledger says is all there is.
pub async fn go_on(world: &World) -> Option<Duration> {
    use rollcall_runtime::Clock as _;
    let beginning = world.clock.now();
    let ended = work(world, rollcall_runtime::clock::plus(beginning, BOUND)).await;
    ended.then(|| rollcall_runtime::clock::between(beginning, world.clock.now()))
}

async fn happen(world: &World, story: Story) {
    use rollcall_runtime::Clock as _;
    let okta = &world.vendors.okta;
    if matches!(story.arrives, Arrives::TwoHooks | Arrives::Scrambled) {
        okta.set_hook_active(SECOND_HOOK, true);
    }
    okta.set_duplicates(matches!(story.arrives, Arrives::Twice | Arrives::Scrambled));
    world
        .vendors
        .deactivate(world.clock.now())
        .expect("the directory deactivates");
    if story.happens == Happens::LeavesAndReturns {
        world.clock.advance(Duration::from_millis(5));
        okta.admin_activate(&world.vendors.leaver, &world.vendors.administrator, world.clock.now())
            .expect("the directory activates");
        world.vendors.give_back();
    }
    world.clock.advance(Duration::from_millis(5));
    let mut deliveries = okta.take_deliveries(world.clock.now());
    if story.arrives == Arrives::Scrambled {
        deliveries.reverse();
    }
    assert!(!deliveries.is_empty(), "the hook delivers something");
    for delivery in deliveries {
        assert_eq!(world.post(&delivery).await, 200, "the door takes it");
    }
    if story.happens == Happens::LeavesEverywhere {
        let company = world.vendors.company.as_ref().expect("the whole company is there");
        let onelogin = &company.onelogin;
        onelogin
            .admin_deactivate(
                company.leaver_onelogin,
                company.administrator_onelogin,
                world.clock.now(),
            )
            .expect("OneLogin deactivates");
        world.clock.advance(rollcall_simulators::world::Company::FLUSH * 2);
        for delivery in onelogin.take_deliveries(world.clock.now()) {
            let status = world
                .post_to(crate::world::ONELOGIN_DOOR, &delivery.headers, &delivery.body)
                .await;
            assert_eq!(status, 200, "the door takes it");
        }
    }
}

/// One place for a worker: whoever dies in it is replaced. True when everything came to rest before the deadline.
async fn work(world: &World, deadline: Timestamp) -> bool {
    use rollcall_runtime::Clock as _;
    let mut worker = world.worker().await;
    let mut next_sweep = world.clock.now();
    let mut quiet = false;
    // A story that neither ends nor lets time pass is as wrong as one that takes too long.
    for _ in 0..200_000 {
        if world.clock.now() > deadline {
            return false;
        }
        if world.clock.now() >= next_sweep {
            next_sweep = rollcall_runtime::clock::plus(world.clock.now(), Duration::from_secs(60));
            if alive(&worker, worker.sweep()).await.is_none() {
                worker = world.worker().await;
            }
        }
        let Some((lane, delivery)) = world.receive().await else {
            if world.busy.load(Ordering::Relaxed) == 0 && at_rest(world).await {
                if quiet {
                    return true;
                }
                // A message that a dead worker took comes back when its visibility ends; only then is it really over.
                quiet = true;
                world.clock.advance(crate::world::VISIBILITY + Duration::from_secs(1));
                continue;
            }
            // Time passes only when nobody works: an idle worker's waiting must not age another's lease.
            if world.busy.load(Ordering::Relaxed) == 0 {
                world.clock.advance(world.idle);
            }
            tokio::task::yield_now().await;
            continue;
        };
        quiet = false;
        world.busy.fetch_add(1, Ordering::Relaxed);
        let handled = alive(&worker, one(world, &worker, lane, &delivery)).await;
        world.busy.fetch_sub(1, Ordering::Relaxed);
        if handled.is_none() {
            // The message is not acknowledged; its visibility ends some time later.
            worker = world.worker().await;
        }
    }
    false
}

async fn one(world: &World, worker: &Worker, lane: Lane, delivery: &rollcall_model::Delivery) {
    match worker.handle(delivery).await {
        // The acknowledgement is a point too: a worker may die before or after it.
        Ok(()) => {
            let queue = crate::wrap::FaultQueue {
                inner: world.queue.clone(),
                life: worker.life.clone(),
            };
            let _ = rollcall_model::Queue::acknowledge(&queue, lane, delivery).await;
        }
        Err(error) => {
            let _ = error.chain();
            let _ = world.queue.give_back(lane, delivery, Duration::from_secs(1)).await;
        }
    }
}

/// Runs until it is done or the worker dies.
pub(crate) async fn alive<T>(worker: &Worker, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = worker.life.ended() => None,
    }
}

/// True when the ledger has nothing left to do: no run open, no inbox undrained.
async fn at_rest(world: &World) -> bool {
    let runs = world.ledger.runs(None, 100).await.expect("memory answers");
    let held = runs
        .iter()
        .all(|run| run.state.is_final() || matches!(run.state, rollcall_model::RunState::Held { .. }));
    if !held {
        return false;
    }
    let far = rollcall_runtime::clock::plus(rollcall_runtime::Clock::now(world.clock.as_ref()), BOUND * 100);
    let due = world.ledger.due(far, 100).await.expect("memory answers");
    due.iter().all(|due| match due {
        rollcall_model::ledger::Due::Run(id) => runs
            .iter()
            .any(|run| run.id == *id && matches!(run.state, rollcall_model::RunState::Held { .. })),
        // What is to be looked at some other day is no work of today.
        rollcall_model::ledger::Due::Timer(_) => true,
        rollcall_model::ledger::Due::Account(_) => false,
    })
}

/// The fixture's configuration, pointed at the simulators of this world, with what `edit` makes of it. `folder` takes the
/// secrets.
pub fn configuration(vendors: &LeaverWorld, folder: &Path, edit: Option<&Edit>) -> Configuration {
    let credentials = &vendors.credentials;
    let secret = |name: &str, value: &str| {
        let path = folder.join(name);
        std::fs::write(&path, value).expect("a temporary file");
        format!("file:{}", path.display())
    };
    let mut environment = format!(
        "tenants:
  okta-main:
    url: https://corp.okta.example
    id: {OKTA_ORG}
    auth: ssws
    secret: {okta}
    hook: {{header: authorization, secrets: [\"{hook}\"]}}
  sf-us:
    url: https://us.my.salesforce.example
    id: {org}
    flow: client-credentials
    consumer_key: {key}
    secret: {salesforce}
    hosts: [us.my.salesforce.example]
  slack:
    url: https://slack.example/api
    id: {SLACK_TEAM}
    secret: {slack}
",
        okta = secret("okta", &credentials.okta_token),
        hook = secret("hook", &credentials.hook_secret),
        org = vendors.salesforce.id(),
        key = credentials.consumer_key,
        salesforce = secret("salesforce", &credentials.consumer_secret),
        slack = secret("slack", &credentials.slack_token),
    );
    if let Some(company) = &vendors.company {
        let [onelogin_app, us_app, emea_app] = &company.apps;
        environment = environment.replace(
            "    flow: client-credentials\n",
            &format!("    app: {us_app}\n    flow: client-credentials\n"),
        );
        environment.push_str(&format!(
            "  onelogin-main:
    url: https://corp.onelogin.example
    id: {ONELOGIN_ACCOUNT}
    app: {onelogin_app}
    client_id: {client}
    secret: {onelogin}
    hook: {{header: authorization, secrets: [\"{webhook}\"]}}
  sf-emea:
    url: https://emea.my.salesforce.example
    id: {EMEA_ORG}
    app: {emea_app}
    flow: client-credentials
    consumer_key: {key}
    secret: {salesforce}
    hosts: [emea.my.salesforce.example]
",
            client = company.client_id,
            onelogin = secret("onelogin", &company.client_secret),
            webhook = secret("webhook", &company.webhook_secret),
            key = company.emea_consumer_key,
            salesforce = secret("emea", &credentials.consumer_secret),
        ));
    }
    environment.push_str("mode: {default: enforce}\n");
    let mut files: Texts = Texts::new();
    let name = if vendors.company.is_some() { "company" } else { "leaver" };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/config")
        .join(name);
    read_folder(&fixture, &fixture, &mut files);
    files.insert("env/test.yaml".to_owned(), environment);
    // Nobody is linked in a new world; how many are has scenarios of its own.
    if let Some(root) = files.get_mut("rollcall.yaml") {
        *root = root.replace("  linked: 95%\n", "");
    }
    if let Some(edit) = edit {
        edit(&mut files);
    }
    rollcall_policy::load_files(&files, "test", &rollcall_connectors::catalogue())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Every file below a folder, by its path in it; the environments that come with the fixture are left out.
fn read_folder(root: &Path, folder: &Path, into: &mut Texts) {
    for entry in std::fs::read_dir(folder).expect("the fixture is there") {
        let path = entry.expect("the fixture can be listed").path();
        if path.is_dir() {
            read_folder(root, &path, into);
        } else {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .into_owned();
            if !name.starts_with("env/") {
                into.insert(name, std::fs::read_to_string(&path).expect("the fixture is text"));
            }
        }
    }
}
