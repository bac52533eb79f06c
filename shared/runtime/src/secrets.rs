//! Secrets by reference: `env:NAME`, `file:PATH`, `ssm:/name`, `secretsmanager:name`.
//!
//! A configuration never holds a secret, only where it is. What is fetched is wrapped so that no log line, error or debug
//! print can show it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

/// A secret text. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself; search for this name to find every place that sees a secret.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; a final line break is dropped.
    File(String),
    /// A parameter of AWS Systems Manager, decrypted.
    Ssm(String),
    /// A secret of AWS Secrets Manager.
    SecretsManager(String),
}

impl SecretRef {
    /// Reads `scheme:rest`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("ssm", name)) if !name.is_empty() => Ok(Self::Ssm(name.to_owned())),
            Some(("secretsmanager", name)) if !name.is_empty() => Ok(Self::SecretsManager(name.to_owned())),
            // The text may be a secret that somebody pasted by mistake, so it is not repeated.
            _ => Err(SecretError::NotAReference),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(out, "env:{name}"),
            Self::File(path) => write!(out, "file:{path}"),
            Self::Ssm(name) => write!(out, "ssm:{name}"),
            Self::SecretsManager(name) => write!(out, "secretsmanager:{name}"),
        }
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not `env:`, `file:`, `ssm:` or `secretsmanager:`.
    #[error("a secret is given by reference: env:NAME, file:PATH, ssm:/name or secretsmanager:name")]
    NotAReference,
    /// Nothing is there.
    #[error("no secret at {0}: set it, then start again")]
    Missing(SecretRef),
    /// It is there and cannot be read.
    #[error("the secret at {reference} cannot be read: {why}")]
    Unreadable {
        /// Where it is.
        reference: SecretRef,
        /// What went wrong.
        why: String,
    },
    /// This binary was not given that store.
    #[error("this binary cannot read {0}: it knows env: and file: only")]
    Unsupported(SecretRef),
}

/// A store of secrets outside the machine.
#[async_trait]
pub trait RemoteSecrets: Send + Sync {
    /// Fetches the present value.
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

/// Fetches secrets from wherever their references point.
#[derive(Clone, Default)]
pub struct Secrets {
    remote: Option<Arc<dyn RemoteSecrets>>,
}

impl Secrets {
    /// Environment and files only.
    pub fn local() -> Self {
        Self { remote: None }
    }

    /// Environment, files, and a store outside.
    pub fn with_remote(remote: Arc<dyn RemoteSecrets>) -> Self {
        Self { remote: Some(remote) }
    }

    /// Fetches the present value.
    pub async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Env(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| SecretError::Missing(reference.clone())),
            SecretRef::File(path) => read_file(Path::new(path), reference),
            SecretRef::Ssm(_) | SecretRef::SecretsManager(_) => match &self.remote {
                Some(remote) => remote.fetch(reference).await,
                None => Err(SecretError::Unsupported(reference.clone())),
            },
        }
    }
}

fn read_file(path: &Path, reference: &SecretRef) -> Result<Secret, SecretError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(SecretError::Missing(reference.clone())),
        Err(error) => Err(SecretError::Unreadable {
            reference: reference.clone(),
            why: error.to_string(),
        }),
    }
}
