//! Secrets in AWS: parameters of Systems Manager (decrypted) and secrets of Secrets Manager.
//!
//! A value is kept for five minutes, so that a busy worker does not ask for each call and a rotated secret is in use soon.
//! Who is refused with a value says so with [`AwsSecrets::forget`]; the next fetch then asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use jiff::Timestamp;

use crate::clock::{Clock, plus};
use crate::secrets::{RemoteSecrets, Secret, SecretError, SecretRef};

/// How long a fetched value is used before it is fetched again.
pub const KEEP: Duration = Duration::from_mins(5);

/// Secrets in AWS, each kept for [`KEEP`].
pub struct AwsSecrets {
    kept: Kept,
}

impl AwsSecrets {
    /// Both stores, from the configuration that all clients share.
    pub fn new(config: &SdkConfig, clock: Arc<dyn Clock>) -> Self {
        let store = Store {
            parameters: aws_sdk_ssm::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
        };
        Self {
            kept: Kept::new(Arc::new(store), clock),
        }
    }

    /// Drops a value that was refused (a 401), so that the next fetch asks the store.
    pub fn forget(&self, reference: &SecretRef) {
        self.kept.forget(reference);
    }
}

#[async_trait]
impl RemoteSecrets for AwsSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        self.kept.fetch(reference).await
    }
}

/// Remembers what another store gave.
struct Kept {
    store: Arc<dyn RemoteSecrets>,
    clock: Arc<dyn Clock>,
    values: Mutex<HashMap<String, (Secret, Timestamp)>>,
}

impl Kept {
    fn new(store: Arc<dyn RemoteSecrets>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            values: Mutex::new(HashMap::new()),
        }
    }

    fn forget(&self, reference: &SecretRef) {
        self.values
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&reference.to_string());
    }

    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let name = reference.to_string();
        let now = self.clock.now();
        let kept = self
            .values
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name)
            .cloned();
        if let Some((value, until)) = kept
            && now < until
        {
            return Ok(value);
        }
        let value = self.store.fetch(reference).await?;
        let entry = (value.clone(), plus(now, KEEP));
        self.values
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, entry);
        Ok(value)
    }
}

/// The two services.
struct Store {
    parameters: aws_sdk_ssm::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

#[async_trait]
impl RemoteSecrets for Store {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Ssm(name) => self.parameter(name, reference).await,
            SecretRef::SecretsManager(name) => self.secret(name, reference).await,
            SecretRef::Env(_) | SecretRef::File(_) => Err(SecretError::Unsupported(reference.clone())),
        }
    }
}

impl Store {
    async fn parameter(&self, name: &str, reference: &SecretRef) -> Result<Secret, SecretError> {
        use aws_sdk_ssm::error::ProvideErrorMetadata as _;
        let sent = self
            .parameters
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await;
        match sent {
            Ok(answer) => match answer.parameter.and_then(|parameter| parameter.value) {
                Some(value) => Ok(Secret::new(value)),
                None => Err(SecretError::Missing(reference.clone())),
            },
            Err(error) => match error.as_service_error() {
                Some(GetParameterError::ParameterNotFound(_) | GetParameterError::ParameterVersionNotFound(_)) => {
                    Err(SecretError::Missing(reference.clone()))
                }
                _ => Err(unreadable(reference, error.code(), &error)),
            },
        }
    }

    async fn secret(&self, name: &str, reference: &SecretRef) -> Result<Secret, SecretError> {
        use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
        let sent = self.secrets.get_secret_value().secret_id(name).send().await;
        match sent {
            Ok(answer) => answer
                .secret_string
                .map(Secret::new)
                .ok_or_else(|| SecretError::Unreadable {
                    reference: reference.clone(),
                    why: "it is binary; store it as text".to_owned(),
                }),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Err(SecretError::Missing(reference.clone())),
                _ => Err(unreadable(reference, error.code(), &error)),
            },
        }
    }
}

/// Only the service's code or the chain of causes: an answer may hold the value.
fn unreadable(reference: &SecretRef, code: Option<&str>, error: &dyn std::error::Error) -> SecretError {
    let why = code.map_or_else(|| rollcall_model::chain(error), ToOwned::to_owned);
    SecretError::Unreadable {
        reference: reference.clone(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    /// A clock that stands where it is put, in seconds.
    #[derive(Default)]
    struct Hands(AtomicI64);

    #[async_trait]
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
        }

        async fn sleep(&self, _: Duration) {}
    }

    /// Gives a new value each time; fails while told to.
    #[derive(Default)]
    struct Counting {
        asked: AtomicU32,
        failing: AtomicU32,
    }

    #[async_trait]
    impl RemoteSecrets for Counting {
        async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
            if self.failing.load(Ordering::SeqCst) > 0 {
                return Err(SecretError::Missing(reference.clone()));
            }
            Ok(Secret::new(format!(
                "{reference} {}",
                self.asked.fetch_add(1, Ordering::SeqCst)
            )))
        }
    }

    fn kept() -> (Kept, Arc<Counting>, Arc<Hands>) {
        let (store, clock) = (Arc::new(Counting::default()), Arc::new(Hands::default()));
        (
            Kept::new(Arc::clone(&store) as _, Arc::clone(&clock) as _),
            store,
            clock,
        )
    }

    fn reference() -> SecretRef {
        SecretRef::Ssm("/rc/okta".to_owned())
    }

    async fn value(kept: &Kept) -> String {
        kept.fetch(&reference()).await.unwrap().reveal().to_owned()
    }

    #[tokio::test]
    async fn a_value_is_used_for_five_minutes_and_then_fetched_again() {
        let (kept, _, clock) = kept();
        assert_eq!(value(&kept).await, "ssm:/rc/okta 0");
        clock.0.store(299, Ordering::SeqCst);
        assert_eq!(value(&kept).await, "ssm:/rc/okta 0");
        clock.0.store(300, Ordering::SeqCst);
        assert_eq!(value(&kept).await, "ssm:/rc/okta 1");
    }

    #[tokio::test]
    async fn a_forgotten_value_is_fetched_again_and_others_stay() {
        let (kept, store, _) = kept();
        let other = SecretRef::SecretsManager("/rc/okta".to_owned());
        value(&kept).await;
        kept.fetch(&other).await.unwrap();
        kept.forget(&reference());
        assert_eq!(value(&kept).await, "ssm:/rc/okta 2");
        assert_eq!(kept.fetch(&other).await.unwrap().reveal(), "secretsmanager:/rc/okta 1");
        assert_eq!(store.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let (kept, store, _) = kept();
        store.failing.store(1, Ordering::SeqCst);
        assert!(kept.fetch(&reference()).await.is_err());
        store.failing.store(0, Ordering::SeqCst);
        assert_eq!(value(&kept).await, "ssm:/rc/okta 0");
    }
}
