//! The worker: takes messages from the queues and lets the engine do what they ask for, as a Lambda function behind SQS.

mod commands;
mod event;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use rollcall_runtime::telemetry::{self, Output};
use rollcall_wiring::cloud::{Stack, Worker, WorkerSettings};
use tracing::{Instrument as _, error, info, info_span};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Output::Json);
    let settings = WorkerSettings::read(|name| std::env::var(name).ok())
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    let stack = Stack::open(&settings.stack).await;
    let name = std::env::var("ROLLCALL_STACK").unwrap_or_default();
    let worker = Worker::open(settings, stack)
        .await
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    info!("The function is ready.");
    let worker = Arc::new(worker.with_commands(Arc::new(commands::Runner::new(name))));
    let service = service_fn(move |event: LambdaEvent<SqsEvent>| {
        let span = info_span!("invocation", request_id = event.context.request_id);
        work(Arc::clone(&worker), event).instrument(span)
    });
    lambda_runtime::run(service).await.map_err(anyhow::Error::from_boxed)
}

async fn work(worker: Arc<Worker>, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, std::convert::Infallible> {
    let arrived = event::arrived(event.payload, &worker.settings().stack);
    let batch = worker.until(event::deadline(&event.context)).await;
    let mut answer = SqsBatchResponse::default();
    for id in batch.work(arrived).await {
        answer.add_failure(id);
    }
    Ok(answer)
}
