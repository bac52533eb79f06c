//! The clock: wakes what is due and whose wake was lost, and measures what waits, as a Lambda function that a schedule calls each minute.
//!
//! It decides nothing, so it needs neither the configuration nor any vendor's secret.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::{self, Output};
use rollcall_wiring::cloud::{Stack, StackSettings};
use serde_json::{Value, json};
use tracing::{Instrument as _, error, info, info_span};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Output::Json);
    let settings = StackSettings::read(|name| std::env::var(name).ok())
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    let stack = Arc::new(Stack::open(&settings).await);
    info!("The function is ready.");
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let span = info_span!("invocation", request_id = event.context.request_id);
        tick(Arc::clone(&stack)).instrument(span)
    });
    lambda_runtime::run(service).await.map_err(anyhow::Error::from_boxed)
}

/// One tick. An error makes the schedule repeat it; the next tick finds the same things due anyway.
async fn tick(stack: Arc<Stack>) -> Result<Value, lambda_runtime::Error> {
    match stack.tick().await {
        Ok(swept) => Ok(json!({"woken": swept.woken})),
        Err(why) => {
            let why = why.chain();
            error!(
                code = codes::LEDGER_UNAVAILABLE.id,
                why, "The sweep failed; the next one repeats it."
            );
            Err(why.into())
        }
    }
}
