//! The function `seal`, from both sides: what it is made of, and how a worker asks it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use rollcall_evidence::LocalSealer;
use rollcall_ledger::TableLedger;
use rollcall_ledger::aws::{self, SdkConfig, explain};
use rollcall_ledger::dynamodb::DynamoTable;
use rollcall_ledger::s3::{Retention, S3Files};
use rollcall_model::{Files, RunId, SealError, Sealer};
use rollcall_runtime::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{KeyFault, KmsSigner, SealSettings};

/// How long one try may take: a cold start, a journal, a signature and a locked object.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
/// How long all tries may take together. A lease is longer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
/// How `seal` names an error that no repetition mends.
const REFUSED: &str = "SealRefused";
/// How it names one that another try may mend.
const UNAVAILABLE: &str = "SealUnavailable";

/// What `seal` is asked: `{"run": "run_…"}` or `{"forgotten": "fg_…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealRequest {
    /// The receipt of a run.
    Run(RunId),
    /// The statement that somebody was forgotten.
    Forgotten(String),
}

/// What `seal` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealAnswer {
    /// Its name in the bucket: `receipts/run_….json`, `receipts/forgotten-fg_….json`.
    pub receipt: String,
}

/// The function's own parts: a ledger that it only reads, a bucket where receipts cannot be deleted before their time, a key.
pub struct Sealing(LocalSealer);

impl Sealing {
    /// Makes the clients and asks for the key's public half.
    pub async fn open(settings: &SealSettings) -> Result<Self, KeyFault> {
        let config = aws::load().await;
        let signer = KmsSigner::open(&config, &settings.key).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let retention = Retention {
            days: settings.days,
            clock: Arc::clone(&clock),
        };
        let files = S3Files::new(aws::s3(&config), settings.bucket.clone(), "").retaining(retention);
        let files: Arc<dyn Files> = Arc::new(files);
        let table = DynamoTable::new(aws::dynamodb(&config), settings.table.clone(), clock);
        let ledger = TableLedger::new(Arc::new(table), Arc::clone(&files));
        Ok(Self(LocalSealer::new(Arc::new(ledger), files, Arc::new(signer))))
    }

    /// Serves one request.
    pub async fn seal(&self, request: &SealRequest) -> Result<SealAnswer, SealError> {
        let receipt = match request {
            SealRequest::Run(run) => self.0.seal(run).await?,
            SealRequest::Forgotten(id) => self.0.seal_forgotten(id).await?,
        };
        Ok(SealAnswer { receipt })
    }
}

/// The name under which `seal` reports an error, as `errorType`.
pub const fn error_type(why: &SealError) -> &'static str {
    match why {
        SealError::Refused(_) => REFUSED,
        SealError::Unavailable(_) => UNAVAILABLE,
    }
}

/// Asks the function `seal`.
#[derive(Clone, Debug)]
pub struct LambdaSealer {
    client: Client,
    function: String,
}

impl LambdaSealer {
    /// A sealer that invokes the function of this name or ARN.
    pub fn new(config: &SdkConfig, function: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(aws::CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let settings = aws_sdk_lambda::config::Builder::from(config).timeout_config(timeouts);
        Self {
            client: Client::from_conf(settings.build()),
            function: function.into(),
        }
    }

    fn unavailable(&self, why: &str) -> SealError {
        SealError::Unavailable(format!("the function {}: {why}", self.function))
    }

    /// What the function said. An error that it does not name itself (a time-out, a crash) is worth another try.
    fn read(&self, failed: bool, payload: &[u8]) -> Result<String, SealError> {
        if !failed {
            return serde_json::from_slice(payload)
                .map(|answer: SealAnswer| answer.receipt)
                .map_err(|why| self.unavailable(&format!("its answer names no receipt: {why}")));
        }
        let said: Value = serde_json::from_slice(payload).unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let why = match text("errorMessage") {
            "" => "it failed without a word; its log says more",
            message => message,
        };
        Err(if text("errorType") == REFUSED {
            SealError::Refused(format!("the function {}: {why}", self.function))
        } else {
            self.unavailable(why)
        })
    }

    async fn ask(&self, request: &SealRequest) -> Result<String, SealError> {
        let request = serde_json::to_vec(request).map_err(|why| SealError::Refused(why.to_string()))?;
        let answer = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(request))
            .send()
            .await
            .map_err(|error| {
                self.unavailable(&format!(
                    "{}; the worker's role needs lambda:InvokeFunction on it",
                    explain(&error)
                ))
            })?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        self.read(answer.function_error().is_some(), payload)
    }
}

#[async_trait]
impl Sealer for LambdaSealer {
    async fn seal(&self, run: &RunId) -> Result<String, SealError> {
        self.ask(&SealRequest::Run(run.clone())).await
    }

    async fn seal_forgotten(&self, id: &str) -> Result<String, SealError> {
        self.ask(&SealRequest::Forgotten(id.to_owned())).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails, panics")]

    use super::*;

    fn sealer() -> LambdaSealer {
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_lambda::config::BehaviorVersion::v2026_01_12())
            .build();
        LambdaSealer::new(&config, "rc-seal")
    }

    #[test]
    fn a_request_names_a_run_or_somebody_who_was_forgotten() {
        for (request, text) in [
            (SealRequest::Run(RunId::new("run_1")), r#"{"run":"run_1"}"#),
            (SealRequest::Forgotten("fg_1".to_owned()), r#"{"forgotten":"fg_1"}"#),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
            assert_eq!(serde_json::from_str::<SealRequest>(text).unwrap(), request);
        }
        for odd in [r#"{"run":"run_1","forgotten":"fg_1"}"#, "{}", r#"{"person":"x"}"#] {
            assert!(serde_json::from_str::<SealRequest>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_answer_names_the_receipt() {
        let read = sealer().read(false, br#"{"receipt": "receipts/run_1.json"}"#);
        assert_eq!(read.unwrap(), "receipts/run_1.json");
        for odd in [&b"null"[..], b"", b"{}"] {
            assert!(matches!(sealer().read(false, odd), Err(SealError::Unavailable(_))));
        }
    }

    #[test]
    fn what_the_function_refuses_is_refused_and_everything_else_is_tried_again() {
        for why in [
            SealError::Refused("run run_1 is not ending".to_owned()),
            SealError::Unavailable("KMS".to_owned()),
        ] {
            let said = serde_json::json!({"errorType": error_type(&why), "errorMessage": why.to_string()});
            let read = sealer().read(true, said.to_string().as_bytes()).unwrap_err();
            assert_eq!(std::mem::discriminant(&read), std::mem::discriminant(&why));
            assert!(read.to_string().contains(&why.to_string()), "{read}");
        }
        for odd in [
            &br#"{"errorMessage": "Task timed out after 10.00 seconds"}"#[..],
            b"",
            b"[]",
        ] {
            assert!(matches!(sealer().read(true, odd), Err(SealError::Unavailable(_))));
        }
    }
}
