//! What can be wrong with a receipt, and where.

use std::fmt;

use rollcall_model::ConnectionId;
use serde_json::Value;

/// One step on the way to a place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An item of a list.
    Item {
        /// From 0.
        index: usize,
        /// The item's own name, when it had said it.
        label: Option<String>,
    },
}

/// A place in a document, outermost first. Empty: the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Vec<Step>);

impl Place {
    /// The place of a member here.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let mut place = self.clone();
        place.0.push(Step::Member(name.to_owned()));
        place
    }

    /// The place of an item here.
    #[must_use]
    pub fn item(&self, index: usize, label: Option<&str>) -> Self {
        let mut place = self.clone();
        place.0.push(Step::Item {
            index,
            label: label.map(str::to_owned),
        });
        place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut steps = self.0.iter().peekable();
        let mut singular = None;
        while let Some(step) = steps.next() {
            match step {
                Step::Member(name) => {
                    let list = matches!(steps.peek(), Some(Step::Item { .. }));
                    match name.as_str() {
                        "journals" if list && parts.is_empty() => singular = Some("journal"),
                        "entries" if list => singular = Some("entry"),
                        "sequences" if list => singular = Some("sequence"),
                        _ => parts.push(shown(name)),
                    }
                }
                Step::Item { index, label } => {
                    let what = singular.take().unwrap_or("item");
                    parts.push(label.as_deref().map_or_else(|| format!("{what} {}", index + 1), shown));
                }
            }
        }
        if parts.is_empty() {
            out.write_str("the document")
        } else {
            out.write_str(&parts.join(": "))
        }
    }
}

/// Text of an unverified document, safe to print: no control characters, not endless.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut safe: String = text
        .chars()
        .take(LONGEST)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        safe.push('…');
    }
    safe
}

/// One member that was changed after signing, with what had been signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The member.
    pub member: &'static str,
    /// The value that makes the signed digest come out.
    pub signed: Value,
    /// The value that stands there.
    pub found: Value,
}

impl fmt::Display for Alteration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} was signed as {} and now reads {}",
            self.member,
            shown(&self.signed.to_string()),
            shown(&self.found.to_string())
        )
    }
}

/// The first thing that is wrong with a receipt. Entries are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text ends before the document does.
    #[error("the receipt is cut off at byte {at}, in {place}")]
    CutOff {
        /// Length of what is there, in bytes.
        at: usize,
        /// Where the end falls.
        place: Place,
    },
    /// Not the JSON of a receipt.
    #[error("{place}: malformed at byte {at}: {what}")]
    Malformed {
        /// Offset in bytes.
        at: usize,
        /// Where.
        place: Place,
        /// What is wrong.
        what: &'static str,
    },
    /// Two members of one name; readers differ in which they take.
    #[error("{place}: the member {name:?} stands there twice", name = shown(.name))]
    Duplicate {
        /// Where.
        place: Place,
        /// The name.
        name: String,
    },
    /// Another format, or a later version of this one.
    #[error("the format is {found:?}, this program verifies {expected:?}", found = shown(.found), expected = crate::receipt::FORMAT)]
    Format {
        /// What the document says.
        found: String,
    },
    /// A member that the format does not have.
    #[error("{place}: the format has no member {name:?}", name = shown(.name))]
    UnknownMember {
        /// Where.
        place: Place,
        /// The name.
        name: String,
    },
    /// A member that the format requires.
    #[error("{place}: the member {name:?} is missing")]
    MissingMember {
        /// Where.
        place: Place,
        /// The name.
        name: &'static str,
    },
    /// A value of another kind than the format has there.
    #[error("{place}: not {expected}")]
    WrongShape {
        /// Where.
        place: Place,
        /// What belongs there.
        expected: &'static str,
    },
    /// The signature names another key than the manifest that it covers.
    #[error("the manifest was made for key {manifest}, the signature names key {signature}", manifest = shown(.manifest), signature = shown(.signature))]
    KeyDiffers {
        /// Key id in the manifest.
        manifest: String,
        /// Key id in the signature.
        signature: String,
    },
    /// None of the given keys made the signature.
    #[error("signed by key {key_id}, which is not among the keys given ({given})", key_id = shown(.key_id), given = .given.join(", "))]
    UnknownKey {
        /// The key that the receipt names.
        key_id: String,
        /// Ids of the keys given.
        given: Vec<String>,
    },
    /// Another algorithm than Ed25519.
    #[error("signature: the algorithm is {found:?}, the format has only \"Ed25519\"", found = shown(.found))]
    Algorithm {
        /// What the document says.
        found: String,
    },
    /// The signature is not 64 bytes in standard Base64.
    #[error("signature: malformed: not 64 bytes in Base64")]
    SignatureMalformed,
    /// The key did not sign this manifest.
    #[error("the signature does not match the manifest: key {key_id} did not sign this receipt as it stands", key_id = shown(.key_id))]
    SignatureMismatch {
        /// The key.
        key_id: String,
    },
    /// What was signed contradicts itself: a fault of the program that made the receipt.
    #[error("manifest: signed, but it contradicts itself: {what}")]
    ManifestInconsistent {
        /// How.
        what: String,
    },
    /// The header is not the one that was signed.
    #[error("the header was altered{}", told(.change.as_ref()))]
    HeaderAltered {
        /// The one member that differs, when it can be told.
        change: Option<Alteration>,
    },
    /// A signed sequence is not there.
    #[error("{sequence}: the whole sequence was removed ({of} entries)")]
    SequenceMissing {
        /// The sequence.
        sequence: ConnectionId,
        /// Entries it had.
        of: u64,
    },
    /// A sequence that was not signed.
    #[error("{}: the sequence was added after signing", shown(.sequence.as_str()))]
    SequenceAdded {
        /// The sequence.
        sequence: ConnectionId,
    },
    /// The sequences stand in another order.
    #[error("{sequence}: the sequence stands in another place than it was signed in")]
    SequenceMoved {
        /// The first that is out of its place.
        sequence: ConnectionId,
    },
    /// An entry is not as it was signed.
    #[error("{sequence}: entry {seq} of {of} was altered{}", told(.change.as_ref()))]
    Altered {
        /// The sequence.
        sequence: ConnectionId,
        /// The entry.
        seq: u64,
        /// Entries signed.
        of: u64,
        /// The one member that differs, when it can be told.
        change: Option<Alteration>,
    },
    /// An entry that was not signed, or a second copy of one.
    #[error("{sequence}: an entry was inserted at place {at}; {of} were signed{}", .copy_of.map_or_else(String::new, |seq| format!("; it repeats entry {seq}")))]
    Inserted {
        /// The sequence.
        sequence: ConnectionId,
        /// Its place.
        at: u64,
        /// Entries signed.
        of: u64,
        /// The entry that it repeats.
        copy_of: Option<u64>,
    },
    /// One or more entries are not there.
    #[error("{sequence}: {} of {of} removed", if .count == &1 { format!("entry {seq}") } else { format!("entries {seq} to {}", seq + count - 1) })]
    Removed {
        /// The sequence.
        sequence: ConnectionId,
        /// The first of them.
        seq: u64,
        /// How many in a row.
        count: u64,
        /// Entries signed.
        of: u64,
    },
    /// Entries stand in another order.
    #[error("{sequence}: the entries were reordered: entry {found} of {of} stands at place {at}")]
    Reordered {
        /// The sequence.
        sequence: ConnectionId,
        /// The first place that is wrong.
        at: u64,
        /// The entry that stands there.
        found: u64,
        /// Entries signed.
        of: u64,
    },
    /// As signed, but it does not name the entry before it.
    #[error("{sequence}: entry {seq} of {of} does not link to the entry before it")]
    BrokenLink {
        /// The sequence.
        sequence: ConnectionId,
        /// The entry.
        seq: u64,
        /// Entries signed.
        of: u64,
    },
    /// As signed, but numbered wrongly.
    #[error("{sequence}: the entry at place {at} of {of} is numbered {found}")]
    WrongNumber {
        /// The sequence.
        sequence: ConnectionId,
        /// Its place.
        at: u64,
        /// Its number.
        found: String,
        /// Entries signed.
        of: u64,
    },
}

fn told(change: Option<&Alteration>) -> String {
    change.map_or_else(String::new, |change| format!(": {change}"))
}
