//! The statement that somebody was forgotten: signed, and without a name.
//!
//! It lists the person's runs with the pseudonym that each receipt shows, so that an auditor sees which receipts are about
//! somebody of whom nothing else is left, and that the same person is meant by all of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rollcall_model::digest::{self, CanonicalError};
use rollcall_model::{Digest, RunId, Signature, Signer};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Place};
use crate::public_key::PublicKey;
use crate::reader;
use crate::receipt::{ALGORITHM, SealError};

/// Name and version of the format.
pub const FORMAT: &str = "rollcall-forgotten/1";

/// A run of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pseudonym {
    /// The run.
    pub run: RunId,
    /// Who they are in its receipt; none when their key was gone already.
    pub person: Option<Digest>,
}

/// What is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What stands for the person from then on: `fg_…`.
    pub id: String,
    /// When it was asked for.
    pub at: Timestamp,
    /// The operator who asked, as authenticated.
    pub by: String,
    /// Their runs, in order.
    pub runs: Vec<Pseudonym>,
    /// How much was destroyed, by what it was.
    pub destroyed: BTreeMap<String, u64>,
    /// Version of the program.
    pub binary_version: String,
}

/// A signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// [`FORMAT`].
    pub format: String,
    /// What is stated.
    pub statement: Statement,
    /// Over [`Forgotten::signed`].
    pub signature: Signature,
}

impl Forgotten {
    /// Signs a statement.
    pub async fn seal(statement: Statement, signer: &dyn Signer) -> Result<Self, SealError> {
        let key_id = signer.key_id().to_owned();
        let signature = signer.sign(&Self::signed(&statement, &key_id)?).await?;
        if signature.algorithm != ALGORITHM || signature.key_id != key_id {
            return Err(SealError::Answer("another algorithm or key"));
        }
        Ok(Self {
            format: FORMAT.to_owned(),
            statement,
            signature,
        })
    }

    /// Where it lies in the files.
    pub fn name(id: &str) -> String {
        format!("receipts/forgotten-{id}.json")
    }

    /// The document as text: JSON, indented, with a final line break.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The bytes that are signed: canonical JSON of `format`, `key_id` and the SHA-256 of the canonical statement, short for the
    /// same reason as a receipt's.
    pub fn signed(statement: &Statement, key_id: &str) -> Result<Vec<u8>, CanonicalError> {
        #[derive(Serialize)]
        struct Signed<'a> {
            format: &'a str,
            key_id: &'a str,
            statement: Digest,
        }
        digest::canonical(&Signed {
            format: FORMAT,
            key_id,
            statement: digest::digest(statement)?,
        })
    }

    /// Whether a text says that it is one of these.
    pub fn is(text: &[u8]) -> bool {
        serde_json::from_slice::<serde_json::Value>(text)
            .is_ok_and(|document| document.get("format").and_then(serde_json::Value::as_str) == Some(FORMAT))
    }

    /// Reads and verifies one.
    pub fn verify(text: &[u8], keys: &[PublicKey]) -> Result<Self, Fault> {
        let shape = || Fault::WrongShape {
            place: Place::default(),
            expected: "a statement about somebody who was forgotten",
        };
        // Refuses what readers could take for different documents: members that stand there twice, an end too early.
        let document = reader::read(text)?;
        let read: Self = serde_json::from_value(document.clone()).map_err(|_| shape())?;
        if read.format != FORMAT {
            return Err(Fault::Format { found: read.format });
        }
        // Another spelling of the same moment was not signed.
        if serde_json::to_value(&read).ok() != Some(document) {
            return Err(shape());
        }
        let key_id = read.signature.key_id.clone();
        let key = keys
            .iter()
            .find(|key| key.key_id() == key_id)
            .ok_or_else(|| Fault::UnknownKey {
                key_id: key_id.clone(),
                given: keys.iter().map(PublicKey::key_id).collect(),
            })?;
        let signed = Self::signed(&read.statement, &key_id).map_err(|_| shape())?;
        let value = STANDARD
            .decode(&read.signature.value)
            .ok()
            .filter(|bytes| bytes.len() == 64)
            .ok_or(Fault::SignatureMalformed)?;
        if read.signature.algorithm != ALGORITHM || !key.verifies(&signed, &value) {
            return Err(Fault::SignatureMismatch { key_id });
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::FileSigner;

    #[tokio::test]
    async fn a_statement_verifies_and_an_altered_one_does_not() {
        let place = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_create(&place.path().join("key.pem")).unwrap();
        let pem = std::fs::read_to_string(crate::keys::public_path(&place.path().join("key.pem"))).unwrap();
        let keys = PublicKey::all_from_pem(&pem).unwrap();
        let statement = Statement {
            id: "fg_1".to_owned(),
            at: "2026-03-02T08:15:30.123Z".parse().unwrap(),
            by: "ines@corp.example".to_owned(),
            runs: vec![Pseudonym {
                run: RunId::new("run_1"),
                person: Some(Digest::new("ab")),
            }],
            destroyed: BTreeMap::from([("runs".to_owned(), 1)]),
            binary_version: "0".to_owned(),
        };
        let text = Forgotten::seal(statement.clone(), &signer)
            .await
            .unwrap()
            .to_text()
            .unwrap();
        assert!(Forgotten::is(text.as_bytes()));
        let read = Forgotten::verify(text.as_bytes(), &keys).unwrap();
        assert_eq!(read.statement, statement);
        for (from, to) in [
            ("run_1", "run_2"),
            ("\"runs\": 1", "\"runs\": 2"),
            ("ines@", "noor@"),
            (".123Z", ".1230Z"),
        ] {
            let altered = text.replace(from, to);
            assert_ne!(altered, text);
            assert!(Forgotten::verify(altered.as_bytes(), &keys).is_err(), "{to}");
        }
        assert!(matches!(
            Forgotten::verify(text.as_bytes(), &[]),
            Err(Fault::UnknownKey { .. })
        ));
    }
}
