//! Keys that the demo makes at its start, so that sign-in goes the way it goes in production.

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

/// A private key and what is registered of it.
pub(super) struct AppKey {
    /// PKCS#8.
    pub(super) pem: String,
    /// The public half.
    pub(super) public: Value,
}

/// A P-256 key for an Okta service app.
pub(super) fn elliptic(kid: &str) -> anyhow::Result<AppKey> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .ok()
        .context("no P-256 key could be made")?;
    let der = pair.to_pkcs8v1().ok().context("the P-256 key has no PKCS#8 form")?;
    let pem = pem(der.as_ref());
    let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_pem(pem.as_bytes())?, Algorithm::ES256)?;
    jwk.common.key_id = Some(kid.to_owned());
    Ok(AppKey {
        public: serde_json::to_value(jwk)?,
        pem,
    })
}

/// An RSA key for a Salesforce connected app.
pub(super) fn rsa() -> anyhow::Result<AppKey> {
    let pair = KeyPair::generate(KeySize::Rsa2048)
        .ok()
        .context("no RSA key could be made")?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok().context("the RSA key has no PKCS#8 form")?;
    let pem = pem(der.as_ref());
    let jwk = Jwk::from_encoding_key(&EncodingKey::from_rsa_pem(pem.as_bytes())?, Algorithm::RS256)?;
    Ok(AppKey {
        public: serde_json::to_value(jwk)?,
        pem,
    })
}

/// RFC 7468: 64 characters a line.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for (place, letter) in STANDARD.encode(der).chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text
}
