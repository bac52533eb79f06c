//! The journal: one hash-linked sequence per run and connection, `intent → call → observed`.
//!
//! Each entry has a public part, which goes into the receipt, and a private part, which stays in the ledger. The public part
//! carries the HMAC of the private one under the run's salt, so the receipt binds everything and discloses nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{self, CanonicalError};
use crate::ids::{ConnectionId, Digest, RunId};
use crate::plan::ChangeKey;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A call is about to be made.
    Intent,
    /// A long change has come this far.
    Progress,
    /// The outcome is known.
    Observed,
    /// The engine decided something: a stage was planned, held, superseded.
    Decision,
}

/// The part of an entry that a receipt shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicEntry {
    /// Position in its sequence, from 1.
    pub seq: u64,
    /// Digest of the entry before; of nothing for the first.
    pub prev: Digest,
    /// When it was written, RFC 3339 with milliseconds.
    pub at: Timestamp,
    /// What it says.
    pub kind: EntryKind,
    /// Stage and step, and the action; for a decision what was decided.
    pub what: String,
    /// The outcome's name, once observed.
    pub outcome: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// HMAC-SHA256 of the private part under the run's salt.
    pub private: Digest,
}

/// One entry of one sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The run.
    pub run: RunId,
    /// The sequence within the run: a connection, or `rollcall` for the engine's own decisions.
    pub connection: ConnectionId,
    /// The change it is about.
    pub change: Option<ChangeKey>,
    /// No call of this intent is under way after this moment.
    pub deadline: Option<Timestamp>,
    /// What the receipt shows.
    pub public: PublicEntry,
    /// What stays in the ledger: account, states, reasons, references.
    pub private: Value,
    /// SHA-256 of the canonical public part.
    pub digest: Digest,
}

/// What the caller knows of an entry before it has a place in a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it says.
    pub kind: EntryKind,
    /// The change it is about.
    pub change: Option<ChangeKey>,
    /// Stage, step and action, or the decision.
    pub what: String,
    /// The outcome's name, once observed.
    pub outcome: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
    /// No call of this intent is under way after this moment.
    pub deadline: Option<Timestamp>,
    /// What stays in the ledger.
    pub private: Value,
}

/// The end of one sequence: how many entries, and the digest of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The run.
    pub run: RunId,
    /// The sequence.
    pub connection: ConnectionId,
    /// How many entries it has.
    pub length: u64,
    /// Digest of the last entry; of nothing when there is none.
    pub head: Digest,
}

impl Chain {
    /// An empty sequence.
    pub fn empty(run: RunId, connection: ConnectionId) -> Self {
        Self {
            run,
            connection,
            length: 0,
            head: digest::sha256(b""),
        }
    }

    /// The next entry, and the sequence as it is with it.
    pub fn next(&self, draft: Draft, at: Timestamp, salt: &[u8]) -> Result<(Entry, Self), CanonicalError> {
        let public = PublicEntry {
            seq: self.length + 1,
            prev: self.head.clone(),
            at,
            kind: draft.kind,
            what: draft.what,
            outcome: draft.outcome,
            request_id: draft.request_id,
            private: digest::pseudonym(salt, &digest::canonical(&draft.private)?),
        };
        let digest = digest::digest(&public)?;
        let chain = Self {
            length: public.seq,
            head: digest.clone(),
            ..self.clone()
        };
        let entry = Entry {
            run: self.run.clone(),
            connection: self.connection.clone(),
            change: draft.change,
            deadline: draft.deadline,
            public,
            private: draft.private,
            digest,
        };
        Ok((entry, chain))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_linked_and_bind_their_private_part() {
        let at: Timestamp = "2026-03-02T08:15:30.123Z".parse().unwrap();
        let draft = |who: &str| Draft {
            kind: EntryKind::Intent,
            change: None,
            what: "cut/freeze".to_owned(),
            outcome: None,
            request_id: None,
            deadline: None,
            private: json!({"account": who}),
        };
        let empty = Chain::empty(RunId::new("r"), "sf".into());
        let (first, chain) = empty.next(draft("005A"), at, b"salt").unwrap();
        let (second, chain) = chain.next(draft("005A"), at, b"salt").unwrap();
        assert_eq!(first.public.seq, 1);
        assert_eq!(second.public.prev, first.digest);
        assert_eq!((chain.length, &chain.head), (2, &second.digest));
        let (other, _) = empty.next(draft("005B"), at, b"salt").unwrap();
        assert_ne!(first.digest, other.digest, "another account is another digest");
        assert!(!serde_json::to_string(&first.public).unwrap().contains("005A"));
    }
}
