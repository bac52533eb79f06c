//! Canonical JSON and the digests over it.
//!
//! The canonical form is that of RFC 8785 for the documents we make: members sorted, no white space, shortest escapes. We
//! hash no floating-point numbers and only ASCII member names, so byte order and UTF-16 order agree and number formatting is
//! never in question; [`canonical`] refuses what falls outside.

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ids::Digest;

/// Why a document has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// It could not be turned into JSON at all.
    #[error("not representable as JSON")]
    Json(#[from] serde_json::Error),
    /// A number with a fraction or exponent.
    #[error("a number that is not a whole number has no canonical form here")]
    Float,
    /// A member name outside ASCII.
    #[error("a member name outside ASCII has no canonical form here")]
    Name,
}

/// The canonical bytes of a document.
pub fn canonical<T: Serialize + ?Sized>(document: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(document)?;
    check(&value)?;
    // serde_json's map is sorted (its `preserve_order` feature is off in this workspace; a test below pins that).
    Ok(serde_json::to_vec(&value)?)
}

fn check(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) if number.is_f64() => Err(CanonicalError::Float),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            if name.is_ascii() {
                check(member)
            } else {
                Err(CanonicalError::Name)
            }
        }),
        _ => Ok(()),
    }
}

/// SHA-256 over the canonical form.
pub fn digest<T: Serialize + ?Sized>(document: &T) -> Result<Digest, CanonicalError> {
    Ok(sha256(&canonical(document)?))
}

/// SHA-256 over raw bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::new(hex(&Sha256::digest(bytes)))
}

/// HMAC-SHA256 over raw bytes, keyed with a run's salt: a pseudonym that outsiders can compare but not reverse.
pub fn pseudonym(salt: &[u8], bytes: &[u8]) -> Digest {
    // HMAC takes keys of any length, so this never fails; an empty digest would be seen at once by the receipt's verifier.
    Hmac::<Sha256>::new_from_slice(salt).map_or_else(
        |_| Digest::new(""),
        |mut mac| {
            mac.update(bytes);
            Digest::new(hex(&mac.finalize().into_bytes()))
        },
    )
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_spaces_dropped() {
        let document = json!({"b": [1, 2], "a": {"z": null, "é-free": "é\n"}});
        assert!(matches!(canonical(&document), Err(CanonicalError::Name)));
        let document = json!({"b": [1, 2], "a": {"z": null, "k": "é\n\u{1}"}});
        assert_eq!(
            String::from_utf8(canonical(&document).unwrap()).unwrap(),
            "{\"a\":{\"k\":\"é\\n\\u0001\",\"z\":null},\"b\":[1,2]}"
        );
    }

    #[test]
    fn fractions_are_refused() {
        assert!(matches!(canonical(&json!({"a": 1.5})), Err(CanonicalError::Float)));
    }

    #[test]
    fn known_vectors() {
        assert_eq!(
            sha256(b"abc").as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231, test case 2.
        assert_eq!(
            pseudonym(b"Jefe", b"what do ya want for nothing?").as_str(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
