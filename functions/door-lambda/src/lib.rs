//! What the hook functions share: environment to settings, AWS clients to a door, API Gateway's events to its requests.
//!
//! Everything slow happens while the function initialises, where the CPU is not throttled: secrets are fetched and the
//! connection to the queue is opened side by side.

pub mod adapter;
pub mod entrance;
pub mod settings;

use std::sync::Arc;

use lambda_http::{Request, RequestExt as _, service_fn};
use rollcall_inbound::Source;
use rollcall_ledger::aws;
use rollcall_ledger::s3::S3Files;
use rollcall_ledger::sqs::SqsQueue;
use rollcall_model::Lane;
use rollcall_runtime::aws_secrets::AwsSecrets;
use rollcall_runtime::telemetry::{self, Output};
use rollcall_runtime::{Secrets, SystemClock, codes};
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::entrance::{Entrance, Parts};
use crate::settings::Settings;

/// Runs a hook function until Lambda ends it.
pub async fn run(source: Source) -> anyhow::Result<()> {
    telemetry::init(Output::Json);
    let settings = Settings::read(source, |name| std::env::var(name).ok())
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    let entrance = Arc::new(open(settings).await?);
    info!("The function is ready.");
    let service = service_fn(move |request: Request| {
        let entrance = entrance.clone();
        let id = request.lambda_context_ref().map(|context| context.request_id.clone());
        let span = info_span!("request", request_id = id.unwrap_or_default());
        async move {
            let reply = entrance.handle(adapter::request(request)).await;
            Ok::<_, std::convert::Infallible>(adapter::response(reply))
        }
        .instrument(span)
    });
    lambda_http::run(service).await.map_err(anyhow::Error::from_boxed)
}

/// Builds the clients and opens the door.
async fn open(settings: Settings) -> anyhow::Result<Entrance> {
    let config = aws::load().await;
    let queue = SqsQueue::new(aws::sqs(&config), settings.queues.clone());
    let files = S3Files::new(aws::s3(&config), settings.bucket.clone(), "");
    let store = Arc::new(AwsSecrets::new(&config, Arc::new(SystemClock)));
    let forgetful = store.clone();
    let parts = Parts {
        queue: Arc::new(queue.clone()),
        files: Arc::new(files),
        clock: Arc::new(SystemClock),
        secrets: Secrets::with_remote(store),
        forget: Arc::new(move |reference| forgetful.forget(reference)),
    };
    let (warmed, entrance) = futures::join!(queue.warm_up(Lane::Urgent), Entrance::open(settings, parts));
    if let Err(why) = warmed {
        // The first event pays for the connection then; if the queue is really gone, that event is answered 503.
        warn!(code = codes::QUEUE_UNAVAILABLE.id, %why, "The queue could not be looked at.");
    }
    entrance
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))
        .map_err(Into::into)
}
