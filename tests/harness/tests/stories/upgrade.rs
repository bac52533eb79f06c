//! An upgrade under a run: items that an earlier version wrote are read, and a run in the middle of its stages goes on.
//!
//! `tests/fixtures/ledger/0.1.0.json` is the whole table of a leaver whose worker died between the intent of a freeze and its
//! call, as version 0.1.0 wrote it. It is never written again: a change of the code that cannot read it cannot be deployed over
//! a table in use. A version that writes another shape adds a file of its own, with
//! `ROLLCALL_WRITE_FIXTURE=FILE cargo test -p rollcall-harness --test stories upgrade -- --ignored`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_harness::clock::JumpClock;
use rollcall_harness::copies::{self, Copies, Restorable, fill};
use rollcall_harness::story::Story;
use rollcall_harness::world::{BEGINNING, World, WorldSpec};
use rollcall_harness::{oracle, story};
use rollcall_ledger::table::{Item, Key, Table};
use rollcall_ledger::{Sqlite, SqliteTable};
use rollcall_model::{LedgerError, RunState};
use rollcall_runtime::Clock as _;
use serde_json::{Value, json};

/// The connection whose freeze was intended.
const TARGET: &str = "sf-us";

/// Its clock stands at the beginning of the story: nothing in it vanishes.
fn sqlite() -> Arc<dyn Table> {
    let clock = JumpClock::new(BEGINNING.parse().expect("a constant"));
    let sqlite = Sqlite::memory().expect("SQLite in memory opens");
    Arc::new(SqliteTable::with_clock(sqlite, Arc::new(clock)))
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/ledger/0.1.0.json")
}

/// The items of the fixture, each body as `change` makes it.
fn items(change: impl Fn(&mut Value)) -> Vec<Item> {
    let text = std::fs::read_to_string(fixture()).expect("the fixture is there");
    let all: Vec<Value> = serde_json::from_str(&text).expect("the fixture is JSON");
    let items = all.into_iter().map(|mut item| {
        let part = |name: &str| item[name].as_str().expect("a text").to_owned();
        let (key, nonce) = (Key::new(part("pk"), part("sk")), part("nonce"));
        change(&mut item["body"]);
        Item {
            key,
            nonce,
            version: item["version"].as_u64().expect("a number"),
            due_at: item["due_at"].as_i64(),
            expires_at: item["expires_at"].as_i64(),
            body: item["body"].to_string(),
        }
    });
    items.collect()
}

/// A world whose ledger holds these items, ten minutes later: the directory says what it said, and nothing was changed yet.
async fn world(items: &[Item]) -> World {
    let table = sqlite();
    fill(table.as_ref(), items).await;
    let world = World::new(WorldSpec {
        table: Some(table),
        ..WorldSpec::default()
    })
    .await;
    world
        .vendors
        .deactivate(world.clock.now())
        .expect("the directory deactivates");
    world.vendors.okta.take_deliveries(world.clock.now());
    world.clock.advance(Duration::from_secs(600));
    world
}

/// Puts the configuration where the runs look for theirs: the fixture's own names secrets of a machine that is gone.
async fn pin(world: &World) {
    for run in world.ledger.runs(None, 10).await.expect("the runs are read") {
        let name = format!("configurations/{}.json", run.plan.config);
        let bundle = serde_json::to_vec(&world.configuration.to_bundle()).expect("a bundle is JSON");
        world.files.put(&name, bundle.into()).await.expect("memory takes files");
    }
}

/// The run is carried to its end, as if one version had done it all.
async fn goes_on(world: &World) {
    pin(world).await;
    let runs = world.ledger.runs(None, 10).await.expect("the runs are read");
    assert_eq!(runs.len(), 1);
    assert!(!runs[0].state.is_final(), "it is in the middle: {:?}", runs[0].state);
    let journal = world.ledger.journal(&runs[0].id).await.expect("the journal is read");
    assert!(journal.iter().any(|entry| entry.connection.as_str() == TARGET));
    let took = story::go_on(world).await;
    assert_eq!(
        oracle::violations(world, Story::default(), took).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_run_that_the_version_before_left_in_the_middle_goes_on() {
    let world = world(&items(|_| {})).await;
    goes_on(&world).await;
}

/// Members that came later than the first version of their item, with a default for items without them.
const ADDED: [&str; 16] = [
    "tell_due_at",
    "reference",
    "said",
    "asked_by",
    "undoes",
    "returned",
    "exception",
    "read",
    "finished",
    "if",
    "scope",
    "unassigned",
    "holds_while",
    "quiet",
    "successor",
    "accounts",
];

/// Takes away what has a default and says nothing.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| {
                let says_nothing =
                    value.is_null() || *value == json!(false) || *value == json!(0) || *value == json!([]);
                !(says_nothing && ADDED.contains(&name.as_str()))
            });
            members.values_mut().for_each(strip);
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        _ => {}
    }
}

#[tokio::test]
async fn items_from_before_a_member_was_added_are_read() {
    let bare = items(strip);
    let whole = items(|_| {});
    assert!(
        bare.iter()
            .zip(&whole)
            .any(|(bare, whole)| bare.body.len() < whole.body.len())
    );
    goes_on(&world(&bare).await).await;
}

const LATER: &str = "since_a_later_version";

/// Puts a member that nobody knows yet into the item and its run.
fn extend(body: &mut Value) {
    for place in ["", "/run", "/run/plan", "/run/person", "/event"] {
        if let Some(Value::Object(members)) = body.pointer_mut(place) {
            members.insert(LATER.to_owned(), json!({"kept": ["by", "nobody"]}));
        }
    }
}

#[tokio::test]
async fn members_of_a_newer_version_are_tolerated_and_go_when_the_item_is_written_again() {
    let newer = items(extend);
    assert!(newer.iter().all(|item| item.body.contains(LATER)));
    let world = world(&newer).await;
    goes_on(&world).await;
    // What an older worker writes is what it knows: a newer version must not rely on its member being there.
    let run = &world.ledger.runs(None, 10).await.expect("the runs are read")[0];
    assert!(!serde_json::to_string(run).expect("a run is JSON").contains(LATER));
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_refused_by_name_and_the_item_is_left_as_it_is() {
    let newer = items(|body| {
        if let Some(state) = body.pointer_mut("/run/state") {
            *state = json!({"state": "dreaming"});
        }
    });
    let id = newer
        .iter()
        .find_map(|item| {
            let body: Value = serde_json::from_str(&item.body).ok()?;
            Some(rollcall_model::RunId::new(body.pointer("/run/id")?.as_str()?))
        })
        .expect("the fixture has a run");
    let world = world(&newer).await;
    let refused = world.ledger.run(&id).await.expect_err("nobody knows that state");
    assert!(matches!(&refused, LedgerError::Corrupt { .. }), "{refused:?}");
    let said = refused.to_string();
    for part in ["unreadable item", "dreaming", "a newer version wrote it"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert_eq!(world.vendors.salesforce.counters().get("freeze"), 0);
}

/// Keeps what it copied.
struct Kept {
    table: Arc<dyn Table>,
    items: Arc<Mutex<Vec<Item>>>,
}

#[async_trait]
impl Copies for Kept {
    fn table(&self) -> &dyn Table {
        self.table.as_ref()
    }

    async fn copy(&self) -> Arc<dyn Table> {
        let items = copies::items(self.table.as_ref()).await;
        *self.items.lock().expect("one thread") = items;
        sqlite()
    }
}

/// The items after a write of the leaver's story; none when it has fewer.
async fn after(write: usize) -> Option<Vec<Item>> {
    let items = Arc::new(Mutex::new(Vec::new()));
    let kept = Kept {
        table: sqlite(),
        items: Arc::clone(&items),
    };
    let table = Arc::new(Restorable::new(Box::new(kept), write));
    let world = World::new(WorldSpec {
        table: Some(table.clone()),
        ..WorldSpec::default()
    })
    .await;
    story::tell(&world, Story::default()).await?;
    let runs = world.ledger.runs(None, 10).await.expect("memory answers");
    assert_eq!(runs[0].state, RunState::Done);
    let found = items.lock().expect("one thread").clone();
    table.restore().then_some(found)
}

#[tokio::test]
#[ignore = "writes a fixture; for a version that writes another shape"]
async fn write_the_fixture() {
    let file = std::env::var("ROLLCALL_WRITE_FIXTURE").expect("ROLLCALL_WRITE_FIXTURE names the file");
    let mut write = 1;
    let items = loop {
        let items = after(write).await.expect("the story has an intent");
        if items
            .iter()
            .any(|item| item.body.contains("salesforce/freeze") && item.body.contains("\"kind\":\"intent\""))
        {
            break items;
        }
        write += 1;
    };
    let all: Vec<Value> = items
        .iter()
        .map(|item| {
            let body: Value = serde_json::from_str(&item.body).expect("a body is JSON");
            json!({
                "pk": item.key.pk, "sk": item.key.sk, "version": item.version, "nonce": item.nonce,
                "due_at": item.due_at, "expires_at": item.expires_at, "body": body,
            })
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&all).expect("values are JSON");
    text.push('\n');
    std::fs::write(file, text).expect("the file can be written");
}
