//! A restoration, rehearsed: the table as it was in the middle of a run takes the place of the one with which the run was
//! carried to its end. Vendors are further along than the ledger then knows. docs/runbooks/restore.md is this in production.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_engine::{Restored, mark_restored};
use rollcall_harness::clock::JumpClock;
use rollcall_harness::copies::{Copies, Restorable, fill, items};
use rollcall_harness::matrix::is_full;
use rollcall_harness::server::ServerTime;
use rollcall_harness::story::Story;
use rollcall_harness::world::{BEGINNING, World, WorldSpec};
use rollcall_harness::{oracle, story};
use rollcall_ledger::table::Table;
use rollcall_ledger::{Sqlite, SqliteTable};
use rollcall_model::{Outcome, Run, RunState};
use rollcall_runtime::Clock as _;
use rollcall_simulators::world::CHANNEL;

/// SQLite in memory.
struct InMemory(Arc<dyn Table>);

/// Its clock stands at the beginning of the story: nothing in it vanishes.
fn sqlite() -> Arc<dyn Table> {
    let clock = JumpClock::new(BEGINNING.parse().expect("a constant"));
    let sqlite = Sqlite::memory().expect("SQLite in memory opens");
    Arc::new(SqliteTable::with_clock(sqlite, Arc::new(clock)))
}

impl InMemory {
    fn boxed() -> Box<dyn Copies> {
        Box::new(Self(sqlite()))
    }
}

#[async_trait]
impl Copies for InMemory {
    fn table(&self) -> &dyn Table {
        self.0.as_ref()
    }

    async fn copy(&self) -> Arc<dyn Table> {
        let copy = sqlite();
        fill(copy.as_ref(), &items(self.0.as_ref()).await).await;
        copy
    }
}

/// What was really done, everywhere.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    salesforce: BTreeMap<String, u64>,
    messages: Vec<String>,
    posted: u64,
}

const EFFECTS: [&str; 10] = [
    "freeze",
    "unfreeze",
    "revoke-token",
    "revoke-access-token",
    "end-session",
    "deactivate",
    "update-user",
    "change-owner",
    "change-look-up",
    "unassign",
];

fn done(world: &World) -> Done {
    let counters = world.vendors.salesforce.counters();
    let slack = &world.vendors.slack;
    Done {
        salesforce: EFFECTS
            .iter()
            .map(|effect| ((*effect).to_owned(), counters.get(effect)))
            .collect(),
        messages: slack
            .messages(CHANNEL)
            .into_iter()
            .map(|message| message.text)
            .collect(),
        posted: slack.counters().get("post-message"),
    }
}

async fn runs(world: &World) -> Vec<Run> {
    world.ledger.runs(None, 10).await.expect("the ledger answers")
}

/// Tells the story to its end, puts the copy in the table's place an hour later, and goes on. The world, and whether there was
/// a copy: a story may have fewer writes.
async fn rehearse(
    source: Box<dyn Copies>,
    after: usize,
    story: Story,
    marked: bool,
) -> Option<(World, Arc<Restorable>)> {
    let table = Arc::new(Restorable::new(source, after));
    let world = World::new(WorldSpec {
        table: Some(table.clone()),
        owns: story.owns,
        ..WorldSpec::default()
    })
    .await;
    let took = story::tell(&world, story).await;
    assert_eq!(oracle::violations(&world, story, took).await, Vec::<String>::new());
    let before = done(&world);
    let as_of = world.clock.now();
    if !table.restore() {
        return None;
    }
    world.clock.advance(Duration::from_secs(3_600));
    if marked {
        let restored = Restored {
            as_of,
            at: world.clock.now(),
            by: "priya.raman@corp.example".to_owned(),
        };
        mark_restored(world.ledger.as_ref(), &restored)
            .await
            .expect("the ledger answers");
    }
    let went_on = story::go_on(&world).await;
    assert!(went_on.is_some(), "write {after}: it never comes to rest");
    let after_it = done(&world);
    if marked {
        assert_eq!(after_it, before, "write {after}: something was done twice");
    }
    Some((world, table))
}

/// How a run says that it is about a restored ledger.
fn says_so(run: &Run) -> bool {
    run.notes
        .iter()
        .any(|note| note.text.contains("the ledger was restored"))
}

/// Whoever is in the ledger at all is brought to the same end, with a receipt that verifies and does not claim what others did.
async fn is_honest(world: &World, story: Story, after: usize) -> bool {
    let runs = runs(world).await;
    let Some(run) = runs.first() else {
        // The copy is from before the event was taken: the ledger knows nobody, and nobody is touched.
        return false;
    };
    let wrong = oracle::violations(world, Story { owns: false, ..story }, Some(Duration::ZERO)).await;
    // What the lost part intended or handed over is not claimed by this one: it counts what it found and nothing else.
    let wrong: Vec<&String> = wrong
        .iter()
        .filter(|what| !what.contains("nothing was intended") && !what.starts_with("told Tally"))
        .collect();
    assert!(wrong.is_empty(), "write {after}: {wrong:?}");
    assert_eq!(run.state, RunState::Done, "write {after}");
    if run.receipt.is_some() && says_so(run) {
        for record in &run.changes {
            assert!(
                matches!(
                    record.outcome,
                    Outcome::Changed | Outcome::AlreadySo | Outcome::Skipped(_)
                ),
                "write {after}: {} {:?}",
                record.change.key(),
                record.outcome
            );
        }
    }
    true
}

/// Every moment of a story, one after the other; how many of them left the run in the middle.
async fn every_moment(story: Story, step: usize) -> usize {
    let (mut after, mut middle) = (1, 0);
    while let Some((world, _)) = rehearse(InMemory::boxed(), after, story, true).await {
        let known = is_honest(&world, story, after).await;
        middle += usize::from(known && runs(&world).await.iter().any(says_so));
        after += step;
    }
    middle
}

#[tokio::test]
async fn a_ledger_that_is_restored_to_any_moment_of_a_cut_does_nothing_twice() {
    let middle = every_moment(Story::default(), 1).await;
    assert!(middle > 10, "only {middle} moments left the run in the middle");
}

#[tokio::test]
async fn a_ledger_that_is_restored_in_the_middle_of_a_hand_over_moves_nothing_twice() {
    let story = Story {
        owns: true,
        ..Story::default()
    };
    let step = if is_full() { 1 } else { 9 };
    let middle = every_moment(story, step).await;
    assert!(middle > 3, "only {middle} moments left the run in the middle");
}

#[tokio::test]
async fn without_the_word_that_it_was_restored_a_message_is_sent_again() {
    // This is why the runbook says it before workers go on.
    let mut doubled = 0;
    let mut after = 1;
    while let Some((world, _)) = rehearse(InMemory::boxed(), after, Story::default(), false).await {
        let counters = world.vendors.salesforce.counters();
        assert_eq!(
            counters.get("freeze"),
            1,
            "write {after}: what can be read is never done twice"
        );
        let texts: Vec<String> = done(&world).messages;
        doubled += usize::from(texts.iter().filter(|text| text.contains("is out")).count() > 1);
        after += 4;
    }
    assert!(doubled > 0, "the mark would not be needed");
}

#[cfg(feature = "servers")]
mod dynamodb {
    //! The same on Amazon's DynamoDB Local, which has no backups: every item of the table is put into a new one as it is.

    use aws_sdk_dynamodb::Client;
    use rollcall_ledger::aws;
    use rollcall_ledger::dynamodb::{DynamoTable, create_table};
    use rollcall_runtime::{Clock as _, Ids, RandomIds, SystemClock};

    use super::*;

    struct InDynamoDb {
        client: Client,
        name: String,
        table: ServerTime<DynamoTable>,
    }

    async fn new_table(client: &Client) -> (String, ServerTime<DynamoTable>) {
        let name = format!("restore-{}", RandomIds.unique());
        create_table(client, &name, &SystemClock)
            .await
            .expect("a table can be made");
        let table = DynamoTable::new(client.clone(), name.clone(), Arc::new(SystemClock));
        (name, ServerTime::new(table, SystemClock.now()))
    }

    #[async_trait]
    impl Copies for InDynamoDb {
        fn table(&self) -> &dyn Table {
            &self.table
        }

        async fn copy(&self) -> Arc<dyn Table> {
            let (name, copy) = new_table(&self.client).await;
            let mut from = None;
            loop {
                let page = self
                    .client
                    .scan()
                    .table_name(&self.name)
                    .consistent_read(true)
                    .set_exclusive_start_key(from.take())
                    .send()
                    .await
                    .expect("the table can be read");
                for item in page.items() {
                    let put = self.client.put_item().table_name(&name).set_item(Some(item.clone()));
                    put.send().await.expect("the copy takes items");
                }
                from = page.last_evaluated_key().cloned();
                if from.is_none() {
                    return Arc::new(copy);
                }
            }
        }
    }

    async fn source() -> Box<dyn Copies> {
        // A missing server is a failure, never a skip: whoever asks for these tests wants them run.
        let url = std::env::var("ROLLCALL_TEST_DYNAMODB_URL")
            .expect("ROLLCALL_TEST_DYNAMODB_URL is not set: run this through tests/run or tests/servers/with");
        let config = aws::load().await.to_builder().endpoint_url(url).build();
        let client = aws::dynamodb(&config);
        let (name, table) = new_table(&client).await;
        Box::new(InDynamoDb { client, name, table })
    }

    #[tokio::test]
    async fn a_table_that_is_restored_to_another_one_does_nothing_twice() {
        let step = if is_full() { 1 } else { 5 };
        let (mut after, mut middle) = (1, 0);
        while let Some((world, _)) = rehearse(source().await, after, Story::default(), true).await {
            let known = is_honest(&world, Story::default(), after).await;
            middle += usize::from(known && runs(&world).await.iter().any(says_so));
            after += step;
        }
        assert!(middle > 2, "only {middle} moments left the run in the middle");
    }
}
