//! What the functions `console` and `approve` share: environment to an entrance, API Gateway's events to its requests.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use rollcall_commands::local::Store;
use rollcall_commands::remote::{Door, Entrance, Event};
use rollcall_model::Signer;
use rollcall_runtime::telemetry::{self, Output};
use rollcall_runtime::{RandomIds, codes};
use rollcall_wiring::cloud::{ConsoleSettings, KmsSigner, Stack};
use tracing::{Instrument as _, error, info, info_span};

/// Runs the function until Lambda ends it.
pub async fn run(door: Door) -> anyhow::Result<()> {
    let settings = ConsoleSettings::read(|name| std::env::var(name).ok())
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    let actions = rollcall_connectors::catalogue();
    let configuration =
        rollcall_policy::load(&settings.config, &settings.environment, &actions).map_err(|problems| {
            let why = problems.to_string();
            error!(code = codes::CONFIG_FOLDER.id, why, "The function cannot start.");
            anyhow::anyhow!(why)
        })?;
    let stack = Stack::open(&settings.stack).await;
    let signer: Option<Arc<dyn Signer>> = match door {
        Door::Console => None,
        Door::Approve => {
            let key = settings.approval_key();
            let key = key.inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
            let signer = KmsSigner::open(&stack.aws, key).await;
            let signer = signer.inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
            Some(Arc::new(signer))
        }
    };
    let entrance = Entrance {
        door,
        store: store(settings.name, stack),
        configuration: Arc::new(configuration),
        folder: settings.config,
        signer,
    };
    info!("The function is ready.");
    let entrance = Arc::new(entrance);
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let span = info_span!("request", request_id = event.context.request_id);
        let entrance = Arc::clone(&entrance);
        async move { Ok::<_, std::convert::Infallible>(entrance.handle(&event.payload).await) }.instrument(span)
    });
    lambda_runtime::run(service).await.map_err(anyhow::Error::from_boxed)
}

/// Logs as JSON lines, from the first moment.
pub fn log() {
    telemetry::init(Output::Json);
}

/// A stack's state as commands see it.
fn store(name: String, stack: Stack) -> Store {
    Store {
        folder: std::path::PathBuf::new(),
        stack: Some(name),
        ledger: stack.ledger,
        queue: stack.queue,
        files: stack.files,
        clock: stack.clock,
        ids: Arc::new(RandomIds),
    }
}
