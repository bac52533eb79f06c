//! `rollcall demo`: one leaver from signed hook to receipt, on simulated vendors, through the very code that `serve` runs.

mod inspect;
mod keys;
mod scene;
mod story;
mod undo;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, StatusCode};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_engine::{Engine, LinkOptions};
use rollcall_evidence::{PublicKey, Verified, verify};
use rollcall_model::{ConnectionId, HttpRequest, Ledger, Run, RunState, Transport as _};
use rollcall_runtime::Secrets;
use rollcall_simulators::world::{HOOK, LEAVER, PROTECTED};

use crate::cli::DemoOptions;
use crate::local::{self, Store};
use crate::out::Out;
use crate::server::{self, Running};
use inspect::{Bystander, inspect};
use rollcall_commands::watch::Watch;
use scene::Scene;
use story::Story;
use undo::Holdings;

/// Long enough for the slowest machine; the demo says what is missing when it is over.
const PATIENCE: Duration = Duration::from_mins(1);
const LEASE: Duration = Duration::from_mins(1);
const OKTA_DOOR: &str = "/hooks/okta-main";

pub(crate) async fn run(options: &DemoOptions, out: &Out) -> anyhow::Result<ExitCode> {
    let scene = Scene::set().await?;
    let store = Store::open(&scene.data().data, LEASE)?;
    let machine = local::machine(local::configuration(&scene.config())?, &store, LEASE).await?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let engine = machine.engine.clone();
    let running = server::start(
        machine.engine,
        &store,
        &Secrets::local(),
        server::Listening {
            at: listen,
            metrics: false,
        },
        server::pump_settings(LEASE),
    )
    .await?;
    let transport = ReqwestTransport::new(HttpSettings::default());
    let door = format!("http://{}{OKTA_DOOR}", running.address);
    anyhow::ensure!(
        running.paths.iter().any(|path| path == OKTA_DOOR),
        "the demo's configuration has no hook of Okta's"
    );

    out.title("Rollcall demo: somebody leaves");
    out.line("Amara Okafor has an account in two directories and a user in two Salesforce orgs, one more user in the first org with");
    out.line("which she administers it, and a service account in the second that carries her number. Everywhere she is signed in.");
    out.line("She owns five thousand records in each of the two; a third org does not know her. Noor Haddad, who leads the company, is");
    out.line("protected.");
    out.line("The vendors are simulators on loopback; everything else is what runs in production.\n");
    verify_hook(&scene, &transport, &door).await?;
    out.line(format!("  Okta has verified the hook at {door}"));

    link(&engine, out).await?;

    let before = Bystander::all(&scene.world, scene.company()?);
    let holdings = if options.undo {
        Some(Holdings::of(&scene)?)
    } else {
        None
    };
    let pressed = store.clock.now();
    scene
        .world
        .deactivate(pressed)
        .map_err(|why| anyhow::anyhow!("Okta refused the deactivation: {why}"))?;
    out.line("  An administrator deactivates Amara in Okta; Okta posts its event hook:\n");
    deliver(&scene, &transport, &door, pressed).await?;
    let mut watch = Watch::new(&store.ledger, out, pressed);
    follow(&store.ledger, &mut watch, 1).await?;
    out.line("\n  By mistake somebody deactivates Noor, too:\n");
    let pressed = store.clock.now();
    scene
        .world
        .okta
        .admin_deactivate(&scene.company()?.protected, &scene.world.administrator, pressed)
        .map_err(|why| anyhow::anyhow!("Okta refused the deactivation: {why:?}"))?;
    deliver(&scene, &transport, &door, pressed).await?;
    let mut runs = follow(&store.ledger, &mut watch, 2).await?;
    // The one that it is about comes first, whatever the ledger lists first.
    runs.sort_by_key(|run| run.opened_at);

    let verified = match runs.first() {
        Some(run) => verified(run, &store),
        None => Err("there is no run".to_owned()),
    };
    let mut checks = inspect(
        &scene.world,
        scene.company()?,
        scene.estate()?,
        &before,
        &runs,
        &verified,
    );
    let mut undone = None;
    if let (Some(before), Some(run)) = (&holdings, runs.first()) {
        let undo = undo::take_back(&engine, &store, run, out).await?;
        checks.extend(undo::compare(before, &Holdings::of(&scene)?, &undo));
        undone = Some(undo);
    }
    let well = checks.iter().all(|check| check.holds);
    let story = Story {
        scene: &scene,
        store: &store,
        runs: &runs,
        undone: undone.as_ref(),
        checks: &checks,
    };
    story.tell(out).await?;
    let stays = !options.once && !out.json;
    if stays {
        stay(&scene, running, &door, out).await?;
    } else {
        running.stop().await;
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Links everybody beforehand, as `rollcall link` does: a deactivation takes the evidence away.
async fn link(engine: &Engine, out: &Out) -> anyhow::Result<()> {
    let report = engine.link_everyone(&LinkOptions::default(), &|_| {}).await?;
    anyhow::ensure!(report.is_whole(), "not every connection could be linked: {report:?}");
    let names: Vec<&str> = report.connections.keys().map(ConnectionId::as_str).collect();
    out.line(format!(
        "  `rollcall link` has found whose account is whose in {}\n",
        names.join(", ")
    ));
    Ok(())
}

/// The one-time question by which Okta makes sure that the hook's address is ours.
async fn verify_hook(scene: &Scene, transport: &ReqwestTransport, door: &str) -> anyhow::Result<()> {
    let question = scene
        .world
        .okta
        .verification(HOOK)
        .context("the simulated Okta does not know the hook")?;
    let answer = send(transport, Method::GET, door, &question.headers, Bytes::new()).await?;
    let body = String::from_utf8_lossy(answer.body());
    anyhow::ensure!(
        answer.status() == StatusCode::OK && body.contains(&question.challenge),
        "the door did not repeat Okta's challenge ({})",
        answer.status()
    );
    Ok(())
}

/// Posts what the directory's hooks have to deliver.
async fn deliver(scene: &Scene, transport: &ReqwestTransport, door: &str, now: jiff::Timestamp) -> anyhow::Result<()> {
    let deliveries = scene.world.okta.take_deliveries(now);
    anyhow::ensure!(!deliveries.is_empty(), "the simulated Okta has nothing to deliver");
    for delivery in deliveries {
        let answer = send(transport, Method::POST, door, &delivery.headers, delivery.body.into()).await?;
        anyhow::ensure!(
            answer.status() == StatusCode::OK,
            "the door answered {}",
            answer.status()
        );
    }
    Ok(())
}

async fn send(
    transport: &ReqwestTransport,
    method: Method,
    door: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> anyhow::Result<http::Response<Bytes>> {
    let mut request = http::Request::builder().method(method).uri(door);
    // The host is the door's own here, not the name that the hook is configured with.
    for (name, value) in headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "connection"))
    {
        request = request.header(name, value);
    }
    let request: HttpRequest = request.body(body)?;
    Ok(transport.send(request, Duration::from_secs(3)).await?)
}

/// Follows what comes of the hooks until this many runs have ended or wait for a person.
async fn follow(ledger: &Arc<dyn Ledger>, watch: &mut Watch<'_>, how_many: usize) -> anyhow::Result<Vec<Run>> {
    let begun = Instant::now();
    loop {
        let runs = ledger.runs(None, 10).await?;
        for run in &runs {
            watch.look(&run.id).await?;
        }
        let ended = runs.len() >= how_many
            && runs.iter().all(|run| {
                // Whoever waits has told so before they wait.
                let told = run.changes.iter().all(|record| record.outcome.is_final());
                run.state.is_final() || (matches!(run.state, RunState::Held { .. }) && told)
            });
        if ended || begun.elapsed() > PATIENCE {
            return Ok(runs);
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// The run's receipt, read from its file and verified with the public key alone.
fn verified(run: &Run, store: &Store) -> Result<Verified, String> {
    let name = run.receipt.as_ref().ok_or("the run has no receipt")?;
    let text = std::fs::read(store.files.locate(name)).map_err(|why| why.to_string())?;
    let pem = std::fs::read_to_string(local::public_key_of(&store.folder)).map_err(|why| why.to_string())?;
    let keys = PublicKey::all_from_pem(&pem).map_err(|why| why.to_string())?;
    verify(&text, &keys).map_err(|why| why.to_string())
}

async fn stay(scene: &Scene, running: Running, door: &str, out: &Out) -> anyhow::Result<()> {
    out.title("\nStill running; Ctrl-C ends it");
    out.line(format!("  door       {door}"));
    for (connection, url) in &scene.vendors {
        out.line(format!("  {connection:<13}  {url} (simulated)"));
    }
    out.line(format!(
        "  Amara is {LEAVER}, Noor {PROTECTED}; everything of this demo is in {}",
        scene.folder.display()
    ));
    server::until_told_to_stop().await?;
    running.stop().await;
    Ok(())
}
