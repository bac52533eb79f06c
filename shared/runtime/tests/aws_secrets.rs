//! What we rely on from Systems Manager and Secrets Manager, asked of a local AWS.
#![cfg(feature = "servers")]
#![allow(clippy::panic, reason = "a test that fails, panics")]

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use rollcall_runtime::aws_secrets::AwsSecrets;
use rollcall_runtime::secrets::RemoteSecrets;
use rollcall_runtime::{Ids, RandomIds, SecretError, SecretRef, Secrets, SystemClock};

async fn config() -> SdkConfig {
    let url = std::env::var("ROLLCALL_TEST_AWS_URL").unwrap_or_else(|_| {
        panic!("ROLLCALL_TEST_AWS_URL is not set: run this through tests/run or tests/servers/with")
    });
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .load()
        .await
}

fn unique(prefix: &str) -> String {
    format!("{prefix}{}", RandomIds.unique())
}

#[tokio::test]
async fn a_parameter_is_read_decrypted_and_again_only_when_forgotten() {
    let config = config().await;
    let name = unique("/rc/okta-");
    let client = aws_sdk_ssm::Client::new(&config);
    let store = |value: &'static str| {
        client
            .put_parameter()
            .name(&name)
            .value(value)
            .r#type(aws_sdk_ssm::types::ParameterType::SecureString)
            .overwrite(true)
            .send()
    };
    store("first").await.unwrap();
    let secrets = AwsSecrets::new(&config, Arc::new(SystemClock));
    let reference = SecretRef::parse(&format!("ssm:{name}")).unwrap();
    assert_eq!(secrets.fetch(&reference).await.unwrap().reveal(), "first");
    store("rotated").await.unwrap();
    assert_eq!(secrets.fetch(&reference).await.unwrap().reveal(), "first");
    secrets.forget(&reference);
    assert_eq!(secrets.fetch(&reference).await.unwrap().reveal(), "rotated");
}

#[tokio::test]
async fn a_secret_is_read_as_text_and_a_binary_one_is_refused() {
    let config = config().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let (text, binary) = (unique("text-"), unique("binary-"));
    client
        .create_secret()
        .name(&text)
        .secret_string("{\"token\":\"t\"}")
        .send()
        .await
        .unwrap();
    let blob = aws_sdk_secretsmanager::primitives::Blob::new([1, 2, 3]);
    client
        .create_secret()
        .name(&binary)
        .secret_binary(blob)
        .send()
        .await
        .unwrap();
    let secrets = Secrets::with_remote(Arc::new(AwsSecrets::new(&config, Arc::new(SystemClock))));
    let fetched = secrets.fetch(&SecretRef::SecretsManager(text)).await.unwrap();
    assert_eq!(fetched.reveal(), "{\"token\":\"t\"}");
    let error = secrets.fetch(&SecretRef::SecretsManager(binary)).await.unwrap_err();
    assert!(matches!(error, SecretError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_one_is_named_in_either_store() {
    let secrets = AwsSecrets::new(&config().await, Arc::new(SystemClock));
    for reference in [
        SecretRef::Ssm(unique("/rc/none-")),
        SecretRef::SecretsManager(unique("none-")),
    ] {
        let error = secrets.fetch(&reference).await.unwrap_err();
        assert!(
            matches!(&error, SecretError::Missing(named) if *named == reference),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_not_a_missing_secret() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let retries = aws_config::retry::RetryConfig::disabled();
    let config = config()
        .await
        .to_builder()
        .endpoint_url(format!("http://{nobody}"))
        .retry_config(retries)
        .build();
    let secrets = AwsSecrets::new(&config, Arc::new(SystemClock));
    let error = secrets.fetch(&SecretRef::Ssm("/rc/okta".to_owned())).await.unwrap_err();
    assert!(matches!(error, SecretError::Unreadable { .. }), "{error}");
}
