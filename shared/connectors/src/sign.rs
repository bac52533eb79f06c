//! Signed assertions: what Okta's and Salesforce's token endpoints take instead of a secret.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rollcall_model::Failure;
use rollcall_runtime::Secret;
use serde::Serialize;

/// Reads a private key in PEM (PKCS#1 or PKCS#8; RSA, or P-256) and says how it signs.
pub(crate) fn private_key(pem: &Secret) -> Result<(EncodingKey, Algorithm), Failure> {
    let text = pem.reveal().as_bytes();
    // The two readers refuse each other's keys, and neither error says more than that it is not that kind.
    if let Ok(key) = EncodingKey::from_rsa_pem(text) {
        return Ok((key, Algorithm::RS256));
    }
    EncodingKey::from_ec_pem(text)
        .map(|key| (key, Algorithm::ES256))
        .map_err(|_| {
            Failure::credential("the connection's private key is not a PEM text of an RSA or P-256 key: set it again")
        })
}

/// Signs claims.
pub(crate) fn signed<T: Serialize>(header: &Header, claims: &T, key: &EncodingKey) -> Result<String, Failure> {
    jsonwebtoken::encode(header, claims, key).map_err(|_| {
        Failure::credential(
            "the connection's private key cannot sign: set an RSA key of 2048 bits or more, or a P-256 key",
        )
    })
}
