//! What differs between a receipt's parts and its signed manifest, told apart: altered, inserted, removed, moved.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{ConnectionId, Digest, digest};
use serde_json::{Map, Value};

use crate::fault::{Alteration, Fault, shown};
use crate::receipt::Sealed;
use crate::verify::{Found, digest_of};

const OUTCOMES: [&str; 9] = [
    "Changed",
    "AlreadySo",
    "Pending",
    "Skipped",
    "Superseded",
    "Refused",
    "Unsure",
    "Unknown",
    "Failed",
];
const KINDS: [&str; 3] = ["intent", "observed", "decision"];
const GOALS: [&str; 3] = ["join", "move", "leave"];
const STATES: [&str; 7] = ["Open", "Waiting", "Held", "Done", "Incomplete", "Superseded", "Refused"];
const TIMES: [&str; 4] = ["event_at", "received_at", "opened_at", "ended_at"];

/// Compares every sequence with what was signed, in the order of signing.
pub(crate) fn journals(found: &[Found<'_>], signed: &[Sealed]) -> Result<(), Fault> {
    for sealed in signed {
        if sealed.count != sealed.entries.len() as u64 {
            return Err(Fault::ManifestInconsistent {
                what: format!(
                    "{} entries counted in {}, {} listed",
                    sealed.count,
                    shown(sealed.sequence.as_str()),
                    sealed.entries.len()
                ),
            });
        }
    }
    let known: BTreeSet<&str> = signed.iter().map(|sealed| sealed.sequence.as_str()).collect();
    if known.len() != signed.len() {
        return Err(Fault::ManifestInconsistent {
            what: "it lists a sequence twice".to_owned(),
        });
    }
    let mut seen = BTreeSet::new();
    for journal in found {
        if !known.contains(journal.sequence) || !seen.insert(journal.sequence) {
            return Err(Fault::SequenceAdded {
                sequence: journal.sequence.into(),
            });
        }
    }
    if let Some(missing) = signed.iter().find(|sealed| !seen.contains(sealed.sequence.as_str())) {
        return Err(Fault::SequenceMissing {
            sequence: missing.sequence.clone(),
            of: missing.count,
        });
    }
    for (journal, sealed) in found.iter().zip(signed) {
        if journal.sequence != sealed.sequence.as_str() {
            return Err(Fault::SequenceMoved {
                sequence: journal.sequence.into(),
            });
        }
        sequence(journal, sealed)?;
    }
    Ok(())
}

fn sequence(journal: &Found<'_>, sealed: &Sealed) -> Result<(), Fault> {
    let mut computed = Vec::with_capacity(journal.entries.len());
    for entry in &journal.entries {
        computed.push(digest_of(&public(entry))?);
    }
    let walk = Walk {
        sequence: &sealed.sequence,
        entries: &journal.entries,
        computed: &computed,
        signed: &sealed.entries,
        of: sealed.count,
    };
    let mut prev = digest::sha256(b"");
    for place in 0..walk.signed.len().max(walk.entries.len()) {
        walk.place(place, &prev)?;
        if let Some(digest) = walk.signed.get(place) {
            prev = digest.clone();
        }
    }
    Ok(())
}

/// The public part of an entry: everything but the digest over it.
fn public(entry: &Map<String, Value>) -> Map<String, Value> {
    let mut public = entry.clone();
    public.remove("digest");
    public
}

struct Walk<'a> {
    sequence: &'a ConnectionId,
    entries: &'a [&'a Map<String, Value>],
    computed: &'a [Digest],
    signed: &'a [Digest],
    of: u64,
}

impl Walk<'_> {
    /// Checks one place, all before it being good; `prev` is the signed digest before it.
    fn place(&self, place: usize, prev: &Digest) -> Result<(), Fault> {
        let at = place as u64 + 1;
        let (Some(entry), Some(computed)) = (self.entries.get(place), self.computed.get(place)) else {
            return Err(self.removed(at, self.of - place as u64));
        };
        let Some(signed) = self.signed.get(place) else {
            return Err(self.inserted(at, computed));
        };
        if computed == signed {
            return self.as_signed(entry, signed, prev, at);
        }
        let later = self.computed.iter().skip(place + 1).any(|other| other == signed);
        let stands_for = self.signed.iter().position(|other| other == computed);
        Err(match (stands_for, later) {
            // A later entry stands here; the one that belongs here comes after it, or not at all.
            (Some(found), true) if found > place => Fault::Reordered {
                sequence: self.sequence.clone(),
                at,
                found: found as u64 + 1,
                of: self.of,
            },
            (Some(found), false) if found > place => {
                // Those of the gap that stand elsewhere were not removed.
                let gone = self
                    .signed
                    .iter()
                    .skip(place)
                    .take(found - place)
                    .take_while(|digest| !self.computed.contains(digest))
                    .count();
                self.removed(at, gone as u64)
            }
            (_, true) => self.inserted(at, computed),
            (_, false) => Fault::Altered {
                sequence: self.sequence.clone(),
                seq: at,
                of: self.of,
                change: self.repair(entry, signed, prev, at),
            },
        })
    }

    /// The content is the signed one: its own digest, its number and its link must be so too.
    fn as_signed(&self, entry: &Map<String, Value>, signed: &Digest, prev: &Digest, at: u64) -> Result<(), Fault> {
        let says = |name: &str, expected: &str| entry.get(name).and_then(Value::as_str) == Some(expected);
        if !says("digest", signed.as_str()) {
            return Err(Fault::Altered {
                sequence: self.sequence.clone(),
                seq: at,
                of: self.of,
                change: Some(Alteration {
                    member: "digest",
                    signed: Value::from(signed.as_str()),
                    found: entry.get("digest").cloned().unwrap_or_default(),
                }),
            });
        }
        let number = entry.get("seq").cloned().unwrap_or_default();
        if number.as_u64() != Some(at) {
            return Err(Fault::WrongNumber {
                sequence: self.sequence.clone(),
                at,
                found: number.to_string(),
                of: self.of,
            });
        }
        if !says("prev", prev.as_str()) {
            return Err(Fault::BrokenLink {
                sequence: self.sequence.clone(),
                seq: at,
                of: self.of,
            });
        }
        Ok(())
    }

    fn removed(&self, seq: u64, count: u64) -> Fault {
        Fault::Removed {
            sequence: self.sequence.clone(),
            seq,
            count,
            of: self.of,
        }
    }

    fn inserted(&self, at: u64, computed: &Digest) -> Fault {
        Fault::Inserted {
            sequence: self.sequence.clone(),
            at,
            of: self.of,
            copy_of: self
                .signed
                .iter()
                .position(|signed| signed == computed)
                .map(|index| index as u64 + 1),
        }
    }

    /// Looks for the one member whose signed value is known or can be guessed from the rest of the sequence. The digest
    /// proves a guess right, so this never names a member falsely; altered free values cannot be told.
    fn repair(&self, entry: &Map<String, Value>, signed: &Digest, prev: &Digest, at: u64) -> Option<Alteration> {
        let mut guesses: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for name in ["at", "what", "request_id", "outcome"] {
            let mut values: Vec<Value> = self
                .entries
                .iter()
                .filter_map(|other| other.get(name).cloned())
                .collect();
            values.push(Value::Null);
            guesses.insert(name, values);
        }
        guesses.insert("seq", vec![Value::from(at)]);
        guesses.insert("prev", vec![Value::from(prev.as_str())]);
        guesses.insert("kind", KINDS.map(Value::from).to_vec());
        guesses.entry("outcome").or_default().extend(OUTCOMES.map(Value::from));
        repair(&public(entry), signed, &guesses)
    }
}

/// The header's altered member, when it is one whose values are few or stand elsewhere in it.
pub(crate) fn header(header: &Map<String, Value>, signed: &Digest) -> Option<Alteration> {
    let mut times: Vec<Value> = TIMES.iter().filter_map(|name| header.get(*name).cloned()).collect();
    times.push(Value::Null);
    let mut guesses: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    guesses.insert("goal", GOALS.map(Value::from).to_vec());
    guesses.insert("state", STATES.map(Value::from).to_vec());
    for name in TIMES {
        guesses.insert(name, times.clone());
    }
    repair(header, signed, &guesses)
}

fn repair(
    part: &Map<String, Value>,
    signed: &Digest,
    guesses: &BTreeMap<&'static str, Vec<Value>>,
) -> Option<Alteration> {
    let mut tried = part.clone();
    for (member, values) in guesses {
        let found = part.get(*member).cloned()?;
        for value in values {
            tried.insert((*member).to_owned(), value.clone());
            if digest_of(&tried).is_ok_and(|digest| digest == *signed) {
                return Some(Alteration {
                    member,
                    signed: value.clone(),
                    found,
                });
            }
        }
        tried.insert((*member).to_owned(), found);
    }
    None
}
