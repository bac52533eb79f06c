//! The contract on the cloud back ends: DynamoDB Local, and SQS and S3 of a local AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{config, queues, required, unique};
use rollcall_ledger::contract::queueing::QueueBench;
use rollcall_ledger::contract::tables::TableBench;
use rollcall_ledger::contract::{Bench, FaultyTable, Repeating, Script};
use rollcall_ledger::dynamodb::{DynamoTable, create_table};
use rollcall_ledger::s3::S3Files;
use rollcall_ledger::sqs::SqsQueue;
use rollcall_ledger::table::Table;
use rollcall_ledger::{MemoryFiles, TableLedger, aws};
use rollcall_model::{Files, Lane, Ledger};
use rollcall_runtime::SystemClock;

const MAX_RECEIVES: u32 = 3;

async fn table() -> Arc<dyn Table> {
    let client = aws::dynamodb(&config(&required("ROLLCALL_TEST_DYNAMODB_URL")).await);
    let name = unique("table");
    create_table(&client, &name, &SystemClock).await.unwrap();
    Arc::new(DynamoTable::new(client, name, Arc::new(SystemClock)))
}

fn ledger(table: Arc<dyn Table>) -> Arc<dyn Ledger> {
    Arc::new(TableLedger::new(table, Arc::new(MemoryFiles::new())))
}

async fn queue() -> QueueBench {
    let client = queues::client().await;
    let mut lanes = BTreeMap::new();
    for lane in Lane::ALL {
        lanes.insert(lane, queues::lane(&client, lane, MAX_RECEIVES).await);
    }
    QueueBench {
        queue: Arc::new(SqsQueue::new(client, lanes)),
        clock: Arc::new(SystemClock),
        max_receives: MAX_RECEIVES,
    }
}

async fn files() -> Arc<dyn Files> {
    let client = aws::s3(&config(&required("ROLLCALL_TEST_AWS_URL")).await);
    let bucket = unique("files");
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    Arc::new(S3Files::new(client, bucket, ""))
}

mod dynamodb {
    use super::*;

    rollcall_ledger::table_promises!(async {
        TableBench {
            table: table().await,
            tag: "t".to_owned(),
        }
    });
    rollcall_ledger::ledger_promises!(async { Bench::new(ledger(table().await), "t") });
}

/// Answers get lost, writes come late, lists are old, and we are asked to slow down.
mod dynamodb_in_trouble {
    use super::*;

    rollcall_ledger::ledger_promises!(async {
        let script = Script::Random {
            seed: 7,
            per_mille: 100,
        };
        let faulty = Arc::new(FaultyTable::new(table().await, script));
        Bench::new(Arc::new(Repeating(ledger(faulty))), "t").lossy()
    });
}

mod sqs {
    use super::*;

    rollcall_ledger::queue_promises!(async { queue().await });
}

mod s3 {
    use super::*;

    rollcall_ledger::file_promises!(async { files().await });
}

/// The heart of it, under more scripts of trouble: twelve with `tests/run --full`, one otherwise.
#[tokio::test]
async fn work_is_done_once_under_many_scripts_of_trouble() {
    let scripts = if std::env::var_os("ROLLCALL_FULL").is_some() {
        12
    } else {
        1
    };
    for seed in 100..100 + scripts {
        let faulty = Arc::new(FaultyTable::new(table().await, Script::Random { seed, per_mille: 200 }));
        let bench = Bench::new(Arc::new(Repeating(ledger(faulty))), format!("t{seed}")).lossy();
        rollcall_ledger::contract::working::work_is_done_once_although_workers_die(&bench).await;
    }
}
