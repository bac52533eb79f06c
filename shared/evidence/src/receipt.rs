//! The receipt: what one run did, in a form that a third party can check and that names nobody.
//!
//! ```text
//! { "format": …, "header": {…}, "journals": [{"sequence": …, "entries": […]}], "manifest": {…}, "signature": {…} }
//! ```
//!
//! The manifest holds the digest of the header and, per sequence, the digest of every entry in order, so that a verifier can
//! say which entry was altered, removed, inserted or moved. The signature covers the [`Manifest::statement`]: the canonical
//! JSON of format, key id and the manifest's own digest. The statement is short because AWS KMS signs at most 4096 bytes
//! (KMS API reference, `Sign`, `Message`) and Ed25519 there takes whole messages, while a manifest grows with the journal.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rollcall_model::digest::{self, CanonicalError};
use rollcall_model::journal::PublicEntry;
use rollcall_model::{Chain, ConnectionId, Digest, Entry, Goal, Run, RunId, Signature, Signer, SignerError};
use serde::{Deserialize, Serialize};

/// Name and version of the format.
pub const FORMAT: &str = "rollcall-receipt/1";

/// The only signature algorithm of this format (RFC 8032, pure Ed25519).
pub const ALGORITHM: &str = "Ed25519";

/// What the receipt says of the run as a whole. No personal data: the person is a pseudonym, the state has no reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// What it was for.
    pub goal: Goal,
    /// The playbook's name.
    pub playbook: String,
    /// HMAC-SHA256 of the person's key under the run's salt.
    pub person: Digest,
    /// The state's name ([`rollcall_model::RunState::name`]).
    pub state: String,
    /// The first event's own time.
    pub event_at: Timestamp,
    /// When the first event's door had it.
    pub received_at: Timestamp,
    /// When the run was opened.
    pub opened_at: Timestamp,
    /// When it ended; absent while it has not.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from `received_at` to the cut, by connection.
    pub time_to_cut_ms: BTreeMap<ConnectionId, i64>,
    /// The run plan's hash.
    pub plan_hash: Digest,
    /// Hash of each stage's plan that was applied.
    pub stage_hashes: BTreeMap<String, Digest>,
    /// Digest of the configuration that the run pinned.
    pub configuration: Digest,
    /// Version of the program that made the receipt.
    pub binary_version: String,
}

/// One entry: its public part and the digest over that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedEntry {
    /// The public part.
    #[serde(flatten)]
    pub public: PublicEntry,
    /// SHA-256 of the canonical public part.
    pub digest: Digest,
}

/// One journal sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The connection, or `rollcall` for the engine's own decisions.
    pub sequence: ConnectionId,
    /// Its entries, in order.
    pub entries: Vec<SealedEntry>,
}

/// One sequence as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The sequence's name.
    pub sequence: ConnectionId,
    /// How many entries it has.
    pub count: u64,
    /// Their digests, in order.
    pub entries: Vec<Digest>,
}

/// What the signature binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The key that signs.
    pub key_id: String,
    /// SHA-256 of the canonical header.
    pub header: Digest,
    /// Every sequence, in order of name.
    pub sequences: Vec<Sealed>,
}

impl Manifest {
    /// The bytes that are signed: canonical JSON of `format`, `key_id` and the SHA-256 of the canonical manifest.
    pub fn statement(&self) -> Result<Vec<u8>, CanonicalError> {
        #[derive(Serialize)]
        struct Statement<'a> {
            format: &'a str,
            key_id: &'a str,
            manifest: Digest,
        }
        digest::canonical(&Statement {
            format: &self.format,
            key_id: &self.key_id,
            manifest: digest::digest(self)?,
        })
    }
}

/// A receipt before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The run as a whole.
    pub header: Header,
    /// The journal, sequences in order of name.
    pub journals: Vec<Journal>,
}

/// A signed receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// The run as a whole.
    pub header: Header,
    /// The journal.
    pub journals: Vec<Journal>,
    /// What is signed.
    pub manifest: Manifest,
    /// The signature over the manifest's statement.
    pub signature: Signature,
}

/// Why no receipt can be made of a journal: what was read is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// The entries read are fewer or more than the sequence's head says.
    #[error("{sequence}: {read} entries were read, the sequence has {length}")]
    Length {
        /// The sequence.
        sequence: ConnectionId,
        /// Entries read.
        read: u64,
        /// Entries that its head counts.
        length: u64,
    },
    /// An entry does not continue the one before, or is not what its digest says.
    #[error("{sequence}: entry {seq} does not continue the sequence: {what}")]
    Broken {
        /// The sequence.
        sequence: ConnectionId,
        /// The place, from 1.
        seq: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Entries of a sequence for which no head was given, or of another run.
    #[error("{sequence}: entries were read of a sequence that this run does not have")]
    Stray {
        /// The sequence.
        sequence: ConnectionId,
    },
    /// The run was read without the salt of its pseudonyms: its person's key is destroyed.
    #[error("the run has no salt for its pseudonyms")]
    NoSalt,
    /// A part has no canonical form.
    #[error("a part of the receipt has no canonical form")]
    Canonical(#[from] CanonicalError),
}

impl Receipt {
    /// The unsigned receipt of a run: pure. `heads` are the ends of all its sequences, empty ones included; the journal must
    /// reach exactly to them, so that a short read can never be signed as the whole.
    pub fn of(run: &Run, journal: &[Entry], heads: &[Chain], binary_version: &str) -> Result<Unsigned, Unsealable> {
        if !run.is_salted() {
            return Err(Unsealable::NoSalt);
        }
        let mut sequences: BTreeMap<&ConnectionId, Vec<&Entry>> =
            heads.iter().map(|head| (&head.connection, Vec::new())).collect();
        for entry in journal {
            match sequences.get_mut(&entry.connection) {
                Some(entries) if entry.run == run.id => entries.push(entry),
                _ => {
                    return Err(Unsealable::Stray {
                        sequence: entry.connection.clone(),
                    });
                }
            }
        }
        let mut ends: BTreeMap<&ConnectionId, &Chain> = BTreeMap::new();
        for head in heads {
            ends.insert(&head.connection, head);
        }
        let mut journals = Vec::with_capacity(sequences.len());
        for (sequence, mut entries) in sequences {
            entries.sort_by_key(|entry| entry.public.seq);
            if let Some(head) = ends.get(sequence) {
                check(&entries, head)?;
            }
            journals.push(Journal {
                sequence: sequence.clone(),
                entries: entries
                    .into_iter()
                    .map(|entry| SealedEntry {
                        public: entry.public.clone(),
                        digest: entry.digest.clone(),
                    })
                    .collect(),
            });
        }
        Ok(Unsigned {
            header: Header::of(run, binary_version),
            journals,
        })
    }

    /// The receipt as text: JSON, indented, with a final line break.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

impl Header {
    fn of(run: &Run, binary_version: &str) -> Self {
        Self {
            run: run.id.clone(),
            goal: run.plan.goal,
            playbook: run.plan.playbook.clone(),
            // The salt's text is the key here as in the journal's private digests.
            person: digest::pseudonym(run.salt.as_bytes(), run.person.key.as_str().as_bytes()),
            state: run.state.name().to_owned(),
            event_at: run.event_at,
            received_at: run.received_at,
            opened_at: run.opened_at,
            ended_at: run.ended_at,
            time_to_cut_ms: run.time_to_cut_ms(),
            plan_hash: run.plan_hash.clone(),
            stage_hashes: run.stage_hashes.clone(),
            configuration: run.plan.config.clone(),
            binary_version: binary_version.to_owned(),
        }
    }
}

fn check(entries: &[&Entry], head: &Chain) -> Result<(), Unsealable> {
    let read = entries.len() as u64;
    if read != head.length {
        return Err(Unsealable::Length {
            sequence: head.connection.clone(),
            read,
            length: head.length,
        });
    }
    let mut chain = Chain::empty(head.run.clone(), head.connection.clone());
    let broken = |seq, what| Unsealable::Broken {
        sequence: head.connection.clone(),
        seq,
        what,
    };
    for entry in entries {
        let seq = chain.length + 1;
        if entry.public.seq != seq {
            return Err(broken(seq, "it has another number"));
        }
        if entry.public.prev != chain.head {
            return Err(broken(seq, "it names another entry before it"));
        }
        if digest::digest(&entry.public)? != entry.digest {
            return Err(broken(seq, "its digest is not its own"));
        }
        chain.length = seq;
        chain.head = entry.digest.clone();
    }
    if chain.head == head.head {
        Ok(())
    } else {
        Err(broken(head.length, "the sequence's head is another entry"))
    }
}

impl Unsigned {
    /// What a key of this id would sign.
    pub fn manifest(&self, key_id: &str) -> Result<Manifest, CanonicalError> {
        Ok(Manifest {
            format: FORMAT.to_owned(),
            key_id: key_id.to_owned(),
            header: digest::digest(&self.header)?,
            sequences: self
                .journals
                .iter()
                .map(|journal| Sealed {
                    sequence: journal.sequence.clone(),
                    count: journal.entries.len() as u64,
                    entries: journal.entries.iter().map(|entry| entry.digest.clone()).collect(),
                })
                .collect(),
        })
    }
}

/// Why a receipt could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key's holder could not sign.
    #[error("the receipt could not be signed")]
    Signer(#[from] SignerError),
    /// The signer answered with something that is no signature of the key that it had named.
    #[error("the signer's answer is no signature of the key it names: {0}")]
    Answer(&'static str),
    /// A part has no canonical form.
    #[error("a part of the receipt has no canonical form")]
    Canonical(#[from] CanonicalError),
}

/// Signs a receipt.
pub async fn seal(unsigned: Unsigned, signer: &dyn Signer) -> Result<Receipt, SealError> {
    let manifest = unsigned.manifest(signer.key_id())?;
    let signature = signer.sign(&manifest.statement()?).await?;
    if signature.algorithm != ALGORITHM {
        return Err(SealError::Answer("another algorithm"));
    }
    if signature.key_id != manifest.key_id {
        return Err(SealError::Answer("another key"));
    }
    if !STANDARD.decode(&signature.value).is_ok_and(|bytes| bytes.len() == 64) {
        return Err(SealError::Answer("not 64 bytes in Base64"));
    }
    Ok(Receipt {
        format: FORMAT.to_owned(),
        header: unsigned.header,
        journals: unsigned.journals,
        manifest,
        signature,
    })
}

#[cfg(test)]
mod tests;
