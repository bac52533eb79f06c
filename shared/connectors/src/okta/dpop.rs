//! Proof of possession (RFC 9449): each request carries a fresh signature by a key that the token is bound to.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rollcall_model::Failure;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A key of this process, apart from the key that the app is registered with. It is never stored.
pub(super) struct ProofKey {
    key: EncodingKey,
    public: Jwk,
    /// The nonce that the server last asked for. Okta renews it daily and takes the old one for three days more.
    nonce: Mutex<Option<String>>,
}

impl ProofKey {
    /// Makes a key. It comes from the operating system's generator: a key that a test could repeat would be no key.
    pub(super) fn generate() -> Result<Self, Failure> {
        let unusable = || Failure::retry("no key for DPoP could be made");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| unusable())?;
        let der = pair.to_pkcs8v1().map_err(|_| unusable())?;
        let key = EncodingKey::from_ec_der(der.as_ref());
        let public = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|_| unusable())?;
        Ok(Self {
            key,
            public,
            nonce: Mutex::default(),
        })
    }

    /// Keeps the nonce for the next proof.
    pub(super) fn take_nonce(&self, nonce: &str) {
        *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.to_owned());
    }

    /// A proof for one request. `htu` leaves out query and fragment; `token_hash` is for calls that carry a token.
    pub(super) fn proof(
        &self,
        method: &str,
        address: &str,
        token_hash: Option<&str>,
        now: Timestamp,
        unique: &str,
    ) -> Result<String, Failure> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(self.public.clone());
        let target = address.split(['?', '#']).next().unwrap_or(address);
        let mut claims = json!({ "htm": method, "htu": target, "iat": now.as_second(), "jti": unique });
        if let Some(members) = claims.as_object_mut() {
            if let Some(hash) = token_hash {
                members.insert("ath".to_owned(), json!(hash));
            }
            if let Some(nonce) = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
                members.insert("nonce".to_owned(), json!(nonce));
            }
        }
        crate::sign::signed(&header, &claims, &self.key)
    }
}

/// The hash of a token that each proof repeats (`ath`).
pub(super) fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}
