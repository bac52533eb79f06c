//! The leaver on the cloud back ends: DynamoDB Local for the ledger, SQS and S3 of a local AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use rollcall_harness::server::ServerTime;
use rollcall_harness::story::{Arrives, Happens, Story};
use rollcall_harness::world::{World, WorldSpec};
use rollcall_harness::{Fault, Faults, exhaustive, oracle, story};
use rollcall_ledger::aws::{self, SdkConfig};
use rollcall_ledger::dynamodb::{DynamoTable, create_table};
use rollcall_ledger::s3::S3Files;
use rollcall_ledger::sqs::{LaneUrls, SqsQueue};
use rollcall_ledger::table::{Item, Key, Table, Write, Written};
use rollcall_model::{Files, Lane, LedgerError, Queue, RunState};
use rollcall_runtime::{Clock as _, Ids, RandomIds, SystemClock};
use tokio::sync::OnceCell;

/// The address of a test server. A missing one is a failure, never a skip: whoever asks for these tests wants them run.
fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run this through tests/run or tests/servers/with"))
}

/// The configuration as binaries load it, with an end point of ours and shorter pauses between tries.
async fn config(url: &str) -> SdkConfig {
    let loaded = aws::load().await;
    let retries = loaded.retry_config().expect("the loader sets it").clone();
    let retries = retries
        .with_initial_backoff(Duration::from_millis(1))
        .with_max_backoff(Duration::from_millis(2));
    loaded.to_builder().endpoint_url(url).retry_config(retries).build()
}

fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", RandomIds.unique())
}

/// A table in DynamoDB that is made when it is first used, so that every world can have one of its own.
struct Fresh {
    client: Client,
    table: OnceCell<ServerTime<DynamoTable>>,
}

impl Fresh {
    fn boxed(client: &Client) -> Arc<dyn Table> {
        Arc::new(Self {
            client: client.clone(),
            table: OnceCell::new(),
        })
    }

    async fn table(&self) -> &ServerTime<DynamoTable> {
        let make = || async {
            let name = unique("world");
            let made = create_table(&self.client, &name, &SystemClock).await;
            made.unwrap_or_else(|why| panic!("no table could be made: {why}"));
            let table = DynamoTable::new(self.client.clone(), name, Arc::new(SystemClock));
            ServerTime::new(table, SystemClock.now())
        };
        self.table.get_or_init(make).await
    }
}

#[async_trait]
impl Table for Fresh {
    async fn write(&self, parts: &[Write], nonce: &str) -> Result<Written, LedgerError> {
        self.table().await.write(parts, nonce).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, LedgerError> {
        self.table().await.get(keys).await
    }

    async fn query(&self, pk: &str, prefix: &str, backwards: bool, most: usize) -> Result<Vec<Item>, LedgerError> {
        self.table().await.query(pk, prefix, backwards, most).await
    }

    async fn scan(&self, after: Option<&Key>, most: usize) -> Result<(Vec<Item>, Option<Key>), LedgerError> {
        self.table().await.scan(after, most).await
    }

    async fn due(&self, now: i64, most: usize) -> Result<Vec<Item>, LedgerError> {
        self.table().await.due(now, most).await
    }
}

async fn dynamodb() -> Client {
    aws::dynamodb(&config(&required("ROLLCALL_TEST_DYNAMODB_URL")).await)
}

/// Queues of this test's own, each with its dead letters.
async fn queue(config: &SdkConfig) -> Arc<dyn Queue> {
    let client = aws::sqs(config);
    let mut lanes = BTreeMap::new();
    for lane in Lane::ALL {
        let name = unique(lane.as_str());
        let make = async |name: String| {
            let made = client.create_queue().queue_name(name).send().await;
            made.expect("a queue can be made").queue_url.expect("it has a URL")
        };
        let dead = Some(make(format!("{name}-dead")).await);
        let queue = make(name).await;
        lanes.insert(lane, LaneUrls { queue, dead });
    }
    Arc::new(SqsQueue::new(client, lanes))
}

/// A bucket of this test's own.
async fn files(config: &SdkConfig) -> Arc<dyn Files> {
    let client = aws::s3(config);
    let bucket = unique("files");
    let made = client.create_bucket().bucket(&bucket).send().await;
    made.expect("a bucket can be made");
    Arc::new(S3Files::new(client, bucket, ""))
}

/// A world whose whole state is in the cloud.
async fn cloud() -> World {
    let local = config(&required("ROLLCALL_TEST_AWS_URL")).await;
    let spec = WorldSpec {
        table: Some(Fresh::boxed(&dynamodb().await)),
        queue: Some(queue(&local).await),
        files: Some(files(&local).await),
        idle: Duration::from_secs(5),
        ..WorldSpec::default()
    };
    World::new(spec).await
}

#[tokio::test]
async fn a_leaver_goes_from_the_door_through_sqs_and_dynamodb_to_a_receipt_in_s3() {
    let world = cloud().await;
    let took = story::tell(&world, Story::default()).await;
    assert_eq!(
        oracle::violations(&world, Story::default(), took).await,
        Vec::<String>::new()
    );
    let runs = world.ledger.runs(None, 10).await.unwrap();
    let receipt = runs[0].receipt.as_deref().unwrap();
    assert!(world.files.locate(receipt).starts_with("s3://files-"));
}

#[tokio::test]
async fn doubled_and_reordered_hooks_make_one_run_in_the_cloud_too() {
    let story = Story {
        arrives: Arrives::Scrambled,
        workers: 2,
        ..Story::default()
    };
    let world = cloud().await;
    let took = story::tell(&world, story).await;
    assert_eq!(oracle::violations(&world, story, took).await, Vec::<String>::new());
}

#[tokio::test]
async fn who_returns_before_the_cut_keeps_their_access_in_the_cloud_too() {
    let story = Story {
        happens: Happens::LeavesAndReturns,
        ..Story::default()
    };
    let world = cloud().await;
    let took = story::tell(&world, story).await;
    assert_eq!(oracle::violations(&world, story, took).await, Vec::<String>::new());
    let runs = world.ledger.runs(None, 10).await.unwrap();
    assert!(matches!(runs[0].state, RunState::Superseded { .. }));
}

/// Strikes every write of the ledger once, each in a world and a table of its own.
async fn strike(fault: Fault) {
    let client = dynamodb().await;
    let report = exhaustive(
        &format!("leaver on DynamoDB, {fault:?}"),
        Story::default(),
        Faults::Each(&[fault]),
        || Some(Fresh::boxed(&client)),
        |what| what.starts_with("write "),
    )
    .await;
    println!("{report}");
    assert_eq!(report.violations, Vec::<String>::new());
    let struck = report.struck.get(&fault).copied().unwrap_or(0);
    assert!(struck > 10, "only {struck} writes were struck");
}

#[tokio::test]
async fn a_crash_before_any_write_to_dynamodb_leaves_nothing_wrong() {
    strike(Fault::CrashBefore).await;
}

#[tokio::test]
async fn a_crash_after_any_write_to_dynamodb_leaves_nothing_wrong() {
    strike(Fault::CrashAfter).await;
}

#[tokio::test]
async fn a_lost_answer_to_any_write_to_dynamodb_leaves_nothing_wrong() {
    strike(Fault::AnswerLost).await;
}
