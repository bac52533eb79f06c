//! Ed25519 keys in AWS KMS: what signs receipts and approvals in a stack, and what checks approvals there.
//!
//! Key spec `ECC_NIST_EDWARDS25519` signs with `ED25519_SHA_512`, which takes the raw message and is Ed25519 of RFC 8032 (KMS
//! developer guide, "Key spec reference"; `Sign` in the API reference: `MessageType` must be `RAW`).

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_evidence::{PublicKey, PublicKeyError};
use rollcall_ledger::aws::{SdkConfig, explain};
use rollcall_model::{Signature, Signer, SignerError};
use rollcall_runtime::{Code, codes};

/// The algorithm's name in our documents (RFC 8032, pure Ed25519).
const ALGORITHM: &str = "Ed25519";

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// KMS did not give its public half.
    #[error(
        "the public key of {key} cannot be read: {why}; the function's role needs kms:GetPublicKey on this key, and the key must be enabled"
    )]
    Unavailable {
        /// As the settings name it.
        key: String,
        /// What KMS said.
        why: String,
    },
    /// It is a key of another kind.
    #[error("{key} is no signing key of the spec ECC_NIST_EDWARDS25519 ({found}): name one that is")]
    Kind {
        /// As the settings name it.
        key: String,
        /// What it is.
        found: String,
    },
    /// What KMS gave is no such public key.
    #[error("{key}: {source}")]
    Public {
        /// As the settings name it.
        key: String,
        /// What is wrong with it.
        source: PublicKeyError,
    },
}

impl KeyFault {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } => codes::CONFIG_SECRET,
            Self::Kind { .. } | Self::Public { .. } => codes::CONFIG_SECRET_UNUSABLE,
        }
    }
}

/// The public half of a key: its ARN, its id, or an alias. `GetPublicKey` answers it as DER `SubjectPublicKeyInfo`.
pub async fn public_key(config: &SdkConfig, key: &str) -> Result<PublicKey, KeyFault> {
    Ok(of(&Client::new(config), key).await?.0)
}

/// The public half, and the ARN of the key that an alias names now.
async fn of(client: &Client, key: &str) -> Result<(PublicKey, String), KeyFault> {
    let answer = client.get_public_key().key_id(key).send().await;
    let answer = answer.map_err(|error| KeyFault::Unavailable {
        key: key.to_owned(),
        why: explain(&error),
    })?;
    let found = answer.key_spec().map_or("none", KeySpec::as_str);
    // Compared as text, so that a client that is older than the spec still knows it.
    if found != "ECC_NIST_EDWARDS25519" {
        return Err(KeyFault::Kind {
            key: key.to_owned(),
            found: found.to_owned(),
        });
    }
    let der = answer.public_key().map(Blob::as_ref).unwrap_or_default();
    let public = PublicKey::from_der(der).map_err(|source| KeyFault::Public {
        key: key.to_owned(),
        source,
    })?;
    Ok((public, answer.key_id().unwrap_or(key).to_owned()))
}

/// Signs with a key that never leaves KMS.
#[derive(Clone, Debug)]
pub struct KmsSigner {
    client: Client,
    key: String,
    public: PublicKey,
    key_id: String,
}

impl KmsSigner {
    /// A signer with the key of this ARN, id or alias; asks for its public half once, and stays with the key that an alias names
    /// then.
    pub async fn open(config: &SdkConfig, key: &str) -> Result<Self, KeyFault> {
        let client = Client::new(config);
        let (public, key) = of(&client, key).await?;
        Ok(Self {
            client,
            key,
            public,
            key_id: public.key_id(),
        })
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

#[async_trait]
impl Signer for KmsSigner {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn sign(&self, bytes: &[u8]) -> Result<Signature, SignerError> {
        let answer = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(bytes))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .send()
            .await
            .map_err(|error| {
                SignerError::Unavailable(format!(
                    "KMS does not sign with {}: {}; the function's role needs kms:Sign on this key, and the key must be enabled",
                    self.key,
                    explain(&error)
                ))
            })?;
        let value = answer.signature().map(Blob::as_ref).unwrap_or_default();
        // A receipt or an approval that nobody can verify must not be kept.
        if !self.public.verifies(bytes, value) {
            return Err(SignerError::Unavailable(format!(
                "what KMS signed with {} is no signature of key id {}",
                self.key, self.key_id
            )));
        }
        Ok(Signature {
            algorithm: ALGORITHM.to_owned(),
            key_id: self.key_id.clone(),
            value: STANDARD.encode(value),
        })
    }
}
