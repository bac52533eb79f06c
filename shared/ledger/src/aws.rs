//! What the AWS clients have in common: where they connect, how long they wait, how often they try again.
//!
//! The configuration is read once, in a binary's start-up, and each client is built once from it. Endpoint, region and
//! credentials come from the environment the way every AWS tool reads them (`AWS_ENDPOINT_URL`, `AWS_REGION`, …), so the
//! same binary talks to a local AWS in tests.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

#[cfg(feature = "dynamodb")]
use aws_sdk_dynamodb as sdk;
#[cfg(all(feature = "s3", not(feature = "dynamodb"), not(feature = "sqs")))]
use aws_sdk_s3 as sdk;
#[cfg(all(feature = "sqs", not(feature = "dynamodb")))]
use aws_sdk_sqs as sdk;

/// How long a connection may take. AWS's own end points answer within milliseconds inside a region.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one try of a call may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take with all its tries. A lease is longer than this, so a call never outlives its claim.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a call is tried in all.
pub const ATTEMPTS: u32 = 3;

/// Reads the configuration. The behaviour version is fixed, so that time-outs and retries change only when this line does.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .retry_config(
            // The SDK's own first pause is up to a second; a ledger write that waits that long holds up a cut.
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(Duration::from_millis(100))
                .with_max_backoff(Duration::from_secs(2)),
        )
        .load()
        .await
}

/// The client of DynamoDB.
#[cfg(feature = "dynamodb")]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// The client of SQS.
#[cfg(feature = "sqs")]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// The client of S3. An end point of one's own (a local AWS, a store with S3's interface) has no name per bucket, so buckets
/// go into the path there.
#[cfg(feature = "s3")]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let own = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let settings = aws_sdk_s3::config::Builder::from(config).force_path_style(own).build();
    aws_sdk_s3::Client::from_conf(settings)
}

/// What went wrong in a few words: the service's code and message, or the chain of causes. Never the raw answer, which may
/// hold an item's content.
pub fn explain<E, R>(error: &sdk::error::SdkError<E, R>) -> String
where
    E: sdk::error::ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Send + Sync + std::fmt::Debug + 'static,
{
    use sdk::error::SdkError;
    match error {
        SdkError::ServiceError(_) => {
            let code = error_code(error).unwrap_or("an error without a code");
            match sdk::error::ProvideErrorMetadata::message(error) {
                Some(message) => format!("{code}: {message}"),
                None => code.to_owned(),
            }
        }
        other => rollcall_model::chain(other),
    }
}

/// The service's error code, when it answered with one.
pub(crate) fn error_code<E, R>(error: &sdk::error::SdkError<E, R>) -> Option<&str>
where
    E: sdk::error::ProvideErrorMetadata,
{
    sdk::error::ProvideErrorMetadata::code(error)
}

#[cfg(any(feature = "dynamodb", feature = "sqs"))]
/// Whether the service asked us to slow down (the SDK's own retries are over by then).
pub(crate) fn is_throttling(code: &str) -> bool {
    // The list is that of the AWS SDK reference guide, "Retry behavior", throttling errors.
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "ThrottlingError"
            | "ProvisionedThroughputExceeded"
    )
}
