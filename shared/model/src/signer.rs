//! Signing as a service: who may use a key is the deployment's matter.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A detached Ed25519 signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Always `Ed25519` (RFC 8032).
    pub algorithm: String,
    /// Which key: the first 16 hexadecimal digits of the SHA-256 of the raw public key.
    pub key_id: String,
    /// The 64 bytes in standard Base64.
    pub value: String,
}

/// Why a signature could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The key's holder did not answer; worth another try.
    #[error("the signer is unavailable: {0}")]
    Unavailable(String),
}

/// Signs bytes with a key that the caller never sees.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Which key signs.
    fn key_id(&self) -> &str;
    /// Signs the bytes.
    async fn sign(&self, bytes: &[u8]) -> Result<Signature, SignerError>;
}

/// Tells whether a signature was made with a key that counts here. It holds public keys only, so whoever verifies cannot sign.
pub trait Verifier: Send + Sync {
    /// True when one of the keys made this signature over exactly these bytes. The signature's key id only says which key to
    /// try.
    fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool;
}
