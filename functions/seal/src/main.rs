//! Seal: makes, signs and keeps the receipt of a run that is ending, and the statement that somebody was forgotten, as a Lambda
//! function that the worker invokes.
//!
//! It is the only role that may use the receipt key. It reads the ledger itself and is told nothing but an id, so whoever
//! may invoke it can have nothing signed that the ledger does not hold.

use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use rollcall_model::SealError;
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::{self, Output};
use rollcall_wiring::cloud::{SealAnswer, SealRequest, SealSettings, Sealing, error_type};
use serde_json::Value;
use tracing::{Instrument as _, error, info, info_span};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Output::Json);
    let settings = SealSettings::read(|name| std::env::var(name).ok())
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    let sealing = Sealing::open(&settings)
        .await
        .inspect_err(|why| error!(code = why.code().id, %why, "The function cannot start."))?;
    info!("The function is ready.");
    let sealing = Arc::new(sealing);
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let span = info_span!("invocation", request_id = event.context.request_id);
        serve(Arc::clone(&sealing), event.payload).instrument(span)
    });
    lambda_runtime::run(service).await.map_err(anyhow::Error::from_boxed)
}

/// Serves one request. An error's type tells the worker whether another try may mend it.
async fn serve(sealing: Arc<Sealing>, request: Value) -> Result<SealAnswer, Diagnostic> {
    let request: SealRequest = serde_json::from_value(request).map_err(|why| {
        failed(&SealError::Refused(format!(
            "the request is neither {{\"run\": \"run_…\"}} nor {{\"forgotten\": \"fg_…\"}}: {why}"
        )))
    })?;
    let answer = sealing.seal(&request).await.map_err(|why| failed(&why))?;
    info!(name = answer.receipt, "A document was sealed.");
    Ok(answer)
}

fn failed(why: &SealError) -> Diagnostic {
    let code = codes::RECEIPT_NOT_SIGNED;
    error!(code = code.id, %why, "A document could not be sealed.");
    Diagnostic {
        error_type: error_type(why).to_owned(),
        error_message: format!("{code}: {why}"),
    }
}
