//! The parts of Rollcall in AWS: one DynamoDB table, SQS queues, a bucket, secrets by reference.
//!
//! Everything slow happens while a function initialises, where the CPU is not throttled.

mod batch;
mod kms;
mod sealing;
mod settings;
mod worker;

use std::sync::Arc;

use rollcall_engine::{EngineError, Swept};
use rollcall_ledger::aws::SdkConfig;
use rollcall_ledger::dynamodb::DynamoTable;
use rollcall_ledger::s3::S3Files;
use rollcall_ledger::sqs::SqsQueue;
use rollcall_ledger::{TableLedger, aws};
use rollcall_model::{Files, Lane, Ledger, Queue, RunId};
use rollcall_runtime::aws_secrets::AwsSecrets;
use rollcall_runtime::{Clock, Secrets, SystemClock, codes};

pub use batch::{Arrived, Batch, Commands, Means};
pub use kms::{KeyFault, KmsSigner, public_key};
pub use sealing::{LambdaSealer, SealAnswer, SealRequest, Sealing, error_type};
pub use settings::{ConsoleSettings, SealSettings, SettingsError, StackSettings, WorkerSettings};
pub use worker::{OpenError, Worker};

/// A stack's state, as every function of it sees it.
#[derive(Clone)]
pub struct Stack {
    /// Durable state.
    pub ledger: Arc<dyn Ledger>,
    /// The lanes.
    pub queue: Arc<dyn Queue>,
    /// Large bodies, configurations, receipts.
    pub files: Arc<dyn Files>,
    /// Environment, files, SSM and Secrets Manager.
    pub secrets: Secrets,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Region, credentials and end points, for the clients that only some functions need.
    pub aws: SdkConfig,
}

impl Stack {
    /// Makes the clients and opens the connections to the table and the queues.
    pub async fn open(settings: &StackSettings) -> Self {
        let config = aws::load().await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let files: Arc<dyn Files> = Arc::new(S3Files::new(aws::s3(&config), settings.bucket.clone(), ""));
        let table = DynamoTable::new(aws::dynamodb(&config), settings.table.clone(), Arc::clone(&clock));
        let ledger = TableLedger::new(Arc::new(table), Arc::clone(&files));
        let queue = SqsQueue::new(aws::sqs(&config), settings.queues.clone());
        let nobody = RunId::new("warm-up");
        let (read, looked) = futures::join!(ledger.run(&nobody), queue.warm_up(Lane::Work));
        // What is not there now may be there for the first message; if not, that message comes again.
        if let Err(why) = read {
            tracing::warn!(code = codes::LEDGER_UNAVAILABLE.id, %why, "The ledger could not be looked at.");
        }
        if let Err(why) = looked {
            tracing::warn!(code = codes::QUEUE_UNAVAILABLE.id, %why, "The queue could not be looked at.");
        }
        Self {
            ledger: Arc::new(ledger),
            queue: Arc::new(queue),
            files,
            secrets: Secrets::with_remote(Arc::new(AwsSecrets::new(&config, Arc::clone(&clock)))),
            clock,
            aws: config,
        }
    }

    /// Wakes what is due and whose wake was lost, and measures.
    pub async fn tick(&self) -> Result<Swept, EngineError> {
        rollcall_engine::tick(self.ledger.as_ref(), self.queue.as_ref(), self.clock.now()).await
    }
}
