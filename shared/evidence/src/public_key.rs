//! Public keys: what a verifier needs, and nothing else.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_model::digest;

/// What stands before the 32 bytes in a `SubjectPublicKeyInfo` of Ed25519 (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const LABEL: &str = "PUBLIC KEY";

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// No `-----BEGIN PUBLIC KEY-----` block.
    #[error("no PEM block \"PUBLIC KEY\" in the text")]
    NoBlock,
    /// The block is not Base64.
    #[error("the PEM block \"PUBLIC KEY\" is not Base64")]
    Base64,
    /// The key is of another kind.
    #[error("not an Ed25519 public key")]
    Kind,
}

impl PublicKey {
    /// A key from its 32 raw bytes (RFC 8032).
    pub const fn from_raw(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// A key from DER, as AWS KMS `GetPublicKey` returns it.
    pub fn from_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        der.strip_prefix(&SPKI)
            .and_then(|raw| <[u8; 32]>::try_from(raw).ok())
            .map(Self)
            .ok_or(PublicKeyError::Kind)
    }

    /// The first key in a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, PublicKeyError> {
        Self::all_from_pem(text)?
            .first()
            .copied()
            .ok_or(PublicKeyError::NoBlock)
    }

    /// Every key in a PEM text, such as the old and the new one after a rotation. At least one.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, PublicKeyError> {
        let blocks = pem_blocks(text, LABEL).ok_or(PublicKeyError::Base64)?;
        if blocks.is_empty() {
            return Err(PublicKeyError::NoBlock);
        }
        blocks.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        to_pem(LABEL, &[SPKI.as_slice(), &self.0].concat())
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the raw key.
    pub fn key_id(&self) -> String {
        digest::sha256(&self.0).as_str().chars().take(16).collect()
    }

    /// True when this key made the signature over these bytes.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0.as_slice())
            .verify(bytes, signature)
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PublicKey({})", self.key_id())
    }
}

/// The contents of every PEM block of one label; none when a block is not Base64 or does not end.
pub(crate) fn pem_blocks(text: &str, label: &str) -> Option<Vec<Vec<u8>>> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&begin) {
        let (body, tail) = after.split_once(&end)?;
        let packed: String = body.split_ascii_whitespace().collect();
        blocks.push(STANDARD.decode(packed).ok()?);
        rest = tail;
    }
    Some(blocks)
}

/// A PEM block, 64 characters a line (RFC 7468, section 2).
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, letter) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8410, section 10.1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_rfc_example_is_read_and_written() {
        let key = PublicKey::from_pem(PEM).unwrap();
        assert_eq!(key.to_pem(), PEM);
        assert_eq!(key.key_id().len(), 16);
        assert!(digest::sha256(&key.0).as_str().starts_with(&key.key_id()));
    }

    #[test]
    fn several_keys_in_one_text_are_all_read() {
        let other = PublicKey::from_raw([7; 32]);
        let text = format!("# old\n{PEM}# new\n{}", other.to_pem());
        let keys = PublicKey::all_from_pem(&text).unwrap();
        assert_eq!(keys, [PublicKey::from_pem(PEM).unwrap(), other]);
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        assert_eq!(PublicKey::from_pem(""), Err(PublicKeyError::NoBlock));
        assert_eq!(
            PublicKey::from_pem(&PEM.replace("MCow", "M*ow")),
            Err(PublicKeyError::Base64)
        );
        // An X25519 key (1.3.101.110) is of the same length.
        assert_eq!(
            PublicKey::from_pem(&PEM.replace("K2VwAyEA", "K2VuAyEA")),
            Err(PublicKeyError::Kind)
        );
        assert_eq!(PublicKey::from_der(&SPKI), Err(PublicKeyError::Kind));
    }

    #[test]
    fn a_signature_of_rfc_8032_verifies_and_no_other() {
        // RFC 8032, section 7.1, test 2.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let raw = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let key = PublicKey::from_raw(raw.try_into().unwrap());
        let mut signature = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert!(key.verifies(&[0x72], &signature));
        assert!(!key.verifies(&[0x73], &signature));
        signature[0] ^= 1;
        assert!(!key.verifies(&[0x72], &signature));
        assert!(!key.verifies(&[0x72], &[]));
    }
}
