//! Keys of service apps, made anew in every run.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key pair that an app signs in with.
#[derive(Clone, Debug)]
pub struct ServiceKey {
    /// `kid`.
    pub id: &'static str,
    /// PKCS#8 in PEM.
    pub private_pem: String,
    /// The public half as a JWK.
    pub public: Value,
}

/// The key could not be made or written down.
#[derive(Debug, thiserror::Error)]
#[error("no RSA key could be made")]
pub struct KeyError;

impl ServiceKey {
    /// An RSA key of 2048 bits for RS256.
    pub fn rsa(id: &'static str) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError)?;
        let body: Vec<u8> = STANDARD.encode(private.as_ref()).into_bytes();
        let lines: Vec<&str> = body
            .chunks(64)
            .map(std::str::from_utf8)
            .collect::<Result<_, _>>()
            .map_err(|_| KeyError)?;
        let private_pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        let public = pair.public_key();
        let public = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        });
        Ok(Self {
            id,
            private_pem,
            public,
        })
    }
}
