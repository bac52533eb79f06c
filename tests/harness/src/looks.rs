//! What only looks, while something goes wrong: `check`, `preflight` and `link`. None of them changes anything at a vendor, and none of
//! them says or keeps what is not so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::{LinkOptions, LinkReport, LinkedConnection, Looked};
use rollcall_model::ledger::documents;
use rollcall_model::{Call, ConnectionId, Lane, Obstacle, Probe, ProbeResult};
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Clock as _, Ids};
use serde_json::Value;

use crate::ids::SeededIds;
use crate::inject::{Life, Strike, is_call};
use crate::matrix::{Faults, Report};
use crate::story::alive;
use crate::world::{World, WorldSpec};

/// How long `check` waits for a connection.
const TIME: Duration = Duration::from_secs(28);
/// How often somebody tries again when the command dies or fails under them.
const TRIES: usize = 3;
/// What linking keeps.
pub const KEPT: [&str; 6] = [
    documents::OWNER,
    documents::LINKS,
    documents::LINK,
    documents::NAME,
    documents::DENIED,
    documents::COVERAGE,
];

fn spec() -> WorldSpec {
    WorldSpec {
        company: true,
        ..WorldSpec::default()
    }
}

/// Calls of a vendor that change something there. Tokens, several queries in one and questions about ourselves are posted, too.
fn changes(world: &World) -> Vec<String> {
    const LOOKS: [&str; 5] = ["/token", "/auth.test", "/query", "/composite", "/introspect"];
    let log = world.injector.log().into_iter();
    log.filter(|what| is_call(what) && !what.starts_with("GET ") && !LOOKS.iter().any(|look| what.ends_with(look)))
        .map(|what| format!("it changed something: {what}"))
        .collect()
}

/// What `check` said of each connection.
type Probes = BTreeMap<ConnectionId, Vec<Probe>>;

async fn examine(world: &World) -> Probes {
    let life = Life::new(Arc::clone(&world.injector));
    let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1));
    let mut said = Probes::new();
    // One after the other, so that each point is the same in every story.
    for (id, connector) in world.connectors(&life, &ids).await {
        let call = Call {
            deadline: plus(world.clock.now(), TIME),
            lane: Lane::Bulk,
        };
        let mut probes = connector.examine(&call).await;
        // Each look costs some of what is left.
        for probe in probes.iter_mut().filter(|probe| probe.result == ProbeResult::Good) {
            probe.found.retain(|letter| !letter.is_ascii_digit());
        }
        said.insert(id, probes);
    }
    said
}

/// What is wrong with what was said beside what is so: everything else must say that it could not be looked at, or what to do.
fn misjudged(said: &Probes, plain: &Probes) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, plain) in plain {
        let said = &said[id];
        let other: Vec<&Probe> = said.iter().filter(|probe| !plain.contains(probe)).collect();
        for probe in &other {
            if probe.result == ProbeResult::Good {
                wrong.push(format!("{id} is called good where it was not seen: {probe:?}"));
            }
            if probe.found.is_empty() {
                wrong.push(format!("{id}: nothing says why: {probe:?}"));
            }
        }
        // What is bad says in its reason what to mend.
        let helps = |probe: &&Probe| probe.result == ProbeResult::Bad || probe.next.is_some();
        if !other.is_empty() && !other.iter().any(helps) {
            wrong.push(format!("{id}: nothing says what to do: {other:?}"));
        }
        if other.is_empty() && said.len() < plain.len() {
            wrong.push(format!(
                "{id}: something was left out silently: {said:?} instead of {plain:?}"
            ));
        }
    }
    wrong
}

/// `check`, with these faults at each call.
pub async fn check(name: &str, faults: Faults<'_>) -> Report {
    let mut report = Report::named(name);
    let world = World::new(spec()).await;
    let plain = examine(&world).await;
    let mut wrong = changes(&world);
    for (id, probes) in &plain {
        if !probes.iter().any(|probe| probe.result == ProbeResult::Good) {
            wrong.push(format!("{id}: there is nothing that a fault could hide: {probes:?}"));
        }
    }
    report.book(&world, "without faults", &wrong);
    let again = async |strike| {
        let world = World::new(WorldSpec {
            strikes: vec![strike],
            ..spec()
        })
        .await;
        let mut wrong = misjudged(&examine(&world).await, &plain);
        if examine(&world).await != plain {
            wrong.push("it does not say the same again when all is well".to_owned());
        }
        wrong.extend(changes(&world));
        (world, wrong)
    };
    report.strike(&world.injector.log(), 0, faults, is_call, again).await;
    report
}

/// The leaver is in a queue, which stands in the way of a deactivation.
async fn looked_before(strikes: Vec<Strike>) -> World {
    let world = World::new(WorldSpec {
        owns: true,
        strikes,
        ..WorldSpec::default()
    })
    .await;
    let queue = world.owned.as_ref().expect("the leaver owns something").queue.as_str();
    world.vendors.salesforce.join_group(queue, &world.vendors.leaver_user);
    world
}

/// `preflight` of the leaver, with these faults at each call.
pub async fn preflight(name: &str, faults: Faults<'_>) -> Report {
    let mut report = Report::named(name);
    let look = async |world: &World| {
        let found = world
            .worker()
            .await
            .preflight(&format!("okta-main/{}", world.vendors.leaver))
            .await;
        found.map(|(_, looked)| looked).map_err(|error| error.chain())
    };
    let world = looked_before(Vec::new()).await;
    let plain = look(&world).await;
    let mut wrong = changes(&world);
    if !plain.as_ref().is_ok_and(|plain| obstacles(plain).count() > 0) {
        wrong.push(format!("nothing was found that a fault could hide: {plain:?}"));
    }
    report.book(&world, "without faults", &wrong);
    let again = async |strike| {
        let world = looked_before(vec![strike]).await;
        let mut wrong = changes(&world);
        match (&look(&world).await, &plain) {
            (Ok(found), Ok(plain)) if found != plain => {
                let told = |looked: &Looked| looked.found.uninspected.iter().any(|what| !is_told(plain, what));
                if !found.iter().any(told) {
                    wrong.push(format!("{found:?} instead of {plain:?}, and nothing says so"));
                }
                // Of half a list what was shown is told.
                if obstacles(found).any(|one| !obstacles(plain).any(|other| one.kind == other.kind)) {
                    wrong.push(format!("{found:?} are not all there"));
                }
            }
            (Ok(_), Ok(_)) => {}
            (Err(why), _) if !why.is_empty() => {}
            (found, _) => wrong.push(format!("{found:?}")),
        }
        if look(&world).await != plain {
            wrong.push("it does not say the same again when all is well".to_owned());
        }
        (world, wrong)
    };
    report.strike(&world.injector.log(), 0, faults, is_call, again).await;
    report
}

fn obstacles(looked: &[Looked]) -> impl Iterator<Item = &Obstacle> {
    looked.iter().flat_map(|looked| &looked.found.obstacles)
}

/// Whether something is said not to be looked at in any case.
fn is_told(plain: &[Looked], what: &String) -> bool {
    plain.iter().any(|looked| looked.found.uninspected.contains(what))
}

/// What linking kept: by kind and id, without the moment.
type Kept = BTreeMap<(&'static str, String), Value>;

async fn kept(world: &World) -> Kept {
    let mut all = Kept::new();
    for kind in KEPT {
        for document in world.ledger.documents(kind, 1_000).await.expect("memory answers") {
            let mut body = document.body;
            if let Some(members) = body.as_object_mut() {
                members.remove("at");
            }
            all.insert((kind, document.id), body);
        }
    }
    all
}

/// Everybody is linked; nobody answers when the process died.
async fn link(world: &World) -> Option<Result<LinkReport, String>> {
    let worker = world.worker().await;
    let options = LinkOptions::default();
    let linked = async {
        worker
            .link_everyone(&options, &|_| {})
            .await
            .map_err(|error| error.chain())
    };
    alive(&worker, linked).await
}

/// Accounts by person, of the lists of links.
fn links(kept: &Kept) -> BTreeSet<(String, String, String)> {
    let lists = kept.iter().filter(|((kind, _), _)| *kind == documents::LINKS);
    lists
        .flat_map(|((_, person), body)| {
            let connections = body.as_object().into_iter().flatten();
            connections.flat_map(move |(connection, ids)| {
                let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_str);
                ids.map(move |id| (person.clone(), connection.clone(), id.to_owned()))
            })
        })
        .collect()
}

/// What was kept although it is not so.
fn mislinked(kept: &Kept, plain: &Kept) -> Vec<String> {
    let mut wrong: Vec<String> = links(kept)
        .difference(&links(plain))
        .map(|link| format!("{link:?} was linked"))
        .collect();
    // Lists were compared link by link, and coverage is what a list says by itself.
    let others = kept
        .iter()
        .filter(|((kind, _), _)| ![documents::LINKS, documents::COVERAGE].contains(kind));
    for (key, body) in others {
        if plain.get(key) != Some(body) {
            wrong.push(format!("{key:?} is {body} instead of {:?}", plain.get(key)));
        }
    }
    wrong
}

/// `link`, with these faults at each point: what was kept is so, whatever was left out is told, and the next time makes it whole.
pub async fn linked(name: &str, faults: Faults<'_>, only: impl Fn(&str) -> bool) -> Report {
    let mut report = Report::named(name);
    let world = World::new(spec()).await;
    let mut wrong = match link(&world).await {
        Some(Ok(linked)) if linked.is_whole() => Vec::new(),
        other => vec![format!("{other:?}")],
    };
    wrong.extend(changes(&world));
    let plain = kept(&world).await;
    if links(&plain).is_empty() {
        wrong.push("nobody was linked".to_owned());
    }
    report.book(&world, "without faults", &wrong);
    let again = async |strike| {
        let world = World::new(WorldSpec {
            strikes: vec![strike],
            ..spec()
        })
        .await;
        let mut wrong = Vec::new();
        match link(&world).await {
            Some(Ok(linked)) => wrong.extend(linked.connections.iter().filter_map(|(id, one)| match one {
                LinkedConnection::Left { why } if why.is_empty() => {
                    Some(format!("{id} was left, and nothing says why"))
                }
                _ => None,
            })),
            Some(Err(why)) if why.is_empty() => wrong.push("it failed, and nothing says why".to_owned()),
            Some(Err(_)) | None => {}
        }
        wrong.extend(mislinked(&kept(&world).await, &plain));
        let mut whole = false;
        for _ in 0..TRIES {
            whole = matches!(link(&world).await, Some(Ok(linked)) if linked.is_whole());
            if whole {
                break;
            }
        }
        if !whole {
            wrong.push("it cannot be made whole".to_owned());
        }
        let now = kept(&world).await;
        if now != plain {
            wrong.push(format!("in the end {now:?} is kept instead of {plain:?}"));
        }
        wrong.extend(changes(&world));
        (world, wrong)
    };
    report.strike(&world.injector.log(), 0, faults, only, again).await;
    report
}
