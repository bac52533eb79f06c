//! Verification: offline, from the text and a public key, naming the first thing that is wrong.
//!
//! The order is the document's own trust: is it whole JSON of this format; did the key sign the manifest; does everything else
//! match the manifest. Digests are taken over what stands in the text, never over a value read and written again, so that
//! another spelling of the same moment counts as altered. White space between tokens, and how a text is escaped, do not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_model::digest;
use rollcall_model::{ConnectionId, Digest};
use serde_json::{Map, Value};

use crate::compare;
use crate::fault::{Fault, Place};
use crate::public_key::PublicKey;
use crate::reader;
use crate::receipt::{ALGORITHM, FORMAT, Header, Manifest};

const TOP: &[&str] = &["format", "header", "journals", "manifest", "signature"];
const HEADER: &[&str] = &[
    "run",
    "goal",
    "playbook",
    "person",
    "state",
    "event_at",
    "received_at",
    "opened_at",
    "ended_at",
    "time_to_cut_ms",
    "plan_hash",
    "stage_hashes",
    "configuration",
    "binary_version",
];
const JOURNAL: &[&str] = &["sequence", "entries"];
const ENTRY: &[&str] = &[
    "seq",
    "prev",
    "at",
    "kind",
    "what",
    "outcome",
    "request_id",
    "private",
    "digest",
];
const MANIFEST: &[&str] = &["format", "key_id", "header", "sequences"];
const SEALED: &[&str] = &["sequence", "count", "entries"];
const SIGNATURE: &[&str] = &["algorithm", "key_id", "value"];

/// What a good receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed.
    pub key_id: String,
    /// The run as a whole.
    pub header: Header,
    /// Every sequence with its number of entries, in order of name.
    pub sequences: Vec<(ConnectionId, u64)>,
}

impl Verified {
    /// Entries in all sequences.
    pub fn entries(&self) -> u64 {
        self.sequences.iter().map(|(_, count)| count).sum()
    }
}

/// One sequence as it stands in the text.
pub(crate) struct Found<'a> {
    pub(crate) sequence: &'a str,
    pub(crate) entries: Vec<&'a Map<String, Value>>,
}

/// Verifies a receipt's text against public keys; with several (after a rotation) the receipt's key id chooses.
pub fn verify(text: &[u8], keys: &[PublicKey]) -> Result<Verified, Fault> {
    let root = Place::default();
    let document = reader::read(text)?;
    let top = object(&document, &root)?;
    // The format decides what the members may be, so it is read before they are.
    let found = text_of(top, "format", &root)?;
    if found != FORMAT {
        return Err(Fault::Format {
            found: found.to_owned(),
        });
    }
    members(top, TOP, &root)?;
    let header = header(top, &root)?;
    let journals = journals(top, &root)?;
    let manifest = manifest(top, &root)?;
    let key_id = signature(top, &manifest, keys, &root)?;

    if digest_of(header)? != manifest.header {
        return Err(Fault::HeaderAltered {
            change: compare::header(header, &manifest.header),
        });
    }
    compare::journals(&journals, &manifest.sequences)?;
    let header = serde_json::from_value(Value::Object(header.clone())).map_err(|_| Fault::WrongShape {
        place: root.member("header"),
        expected: "a header with times, digests and whole milliseconds",
    })?;
    Ok(Verified {
        key_id,
        header,
        sequences: manifest
            .sequences
            .into_iter()
            .map(|sealed| (sealed.sequence, sealed.count))
            .collect(),
    })
}

fn header<'a>(top: &'a Map<String, Value>, root: &Place) -> Result<&'a Map<String, Value>, Fault> {
    let place = root.member("header");
    let header = object(member(top, "header", root)?, &place)?;
    members(header, HEADER, &place)?;
    for name in HEADER {
        let here = place.member(name);
        match *name {
            "ended_at" => optional_text(member(header, name, &place)?, &here)?,
            "time_to_cut_ms" => {
                for (connection, ms) in object(member(header, name, &place)?, &here)? {
                    if !ms.is_i64() {
                        return Err(wrong(here.member(connection), "a number of milliseconds"));
                    }
                }
            }
            "stage_hashes" => {
                for (stage, hash) in object(member(header, name, &place)?, &here)? {
                    if !hash.is_string() {
                        return Err(wrong(here.member(stage), "a text"));
                    }
                }
            }
            _ => {
                text_of(header, name, &place)?;
            }
        }
    }
    Ok(header)
}

fn journals<'a>(top: &'a Map<String, Value>, root: &Place) -> Result<Vec<Found<'a>>, Fault> {
    let place = root.member("journals");
    let mut journals = Vec::new();
    for (index, journal) in list(member(top, "journals", root)?, &place)?.iter().enumerate() {
        let unnamed = place.item(index, None);
        let journal = object(journal, &unnamed)?;
        let sequence = text_of(journal, "sequence", &unnamed)?;
        let here = place.item(index, Some(sequence));
        members(journal, JOURNAL, &here)?;
        let within = here.member("entries");
        let mut entries = Vec::new();
        for (index, entry) in list(member(journal, "entries", &here)?, &within)?.iter().enumerate() {
            let here = within.item(index, None);
            let entry = object(entry, &here)?;
            members(entry, ENTRY, &here)?;
            for name in ENTRY {
                match *name {
                    "seq" if member(entry, name, &here)?.is_u64() => {}
                    "seq" => return Err(wrong(here.member(name), "a number")),
                    "outcome" | "request_id" => {
                        optional_text(member(entry, name, &here)?, &here.member(name))?;
                    }
                    _ => {
                        text_of(entry, name, &here)?;
                    }
                }
            }
            entries.push(entry);
        }
        journals.push(Found { sequence, entries });
    }
    Ok(journals)
}

fn manifest(top: &Map<String, Value>, root: &Place) -> Result<Manifest, Fault> {
    let place = root.member("manifest");
    let value = member(top, "manifest", root)?;
    let manifest = object(value, &place)?;
    members(manifest, MANIFEST, &place)?;
    for name in ["format", "key_id", "header"] {
        text_of(manifest, name, &place)?;
    }
    let within = place.member("sequences");
    for (index, sealed) in list(member(manifest, "sequences", &place)?, &within)?
        .iter()
        .enumerate()
    {
        let unnamed = within.item(index, None);
        let sealed = object(sealed, &unnamed)?;
        let here = within.item(index, Some(text_of(sealed, "sequence", &unnamed)?));
        members(sealed, SEALED, &here)?;
        if !member(sealed, "count", &here)?.is_u64() {
            return Err(wrong(here.member("count"), "a number"));
        }
        let digests = here.member("entries");
        for (index, digest) in list(member(sealed, "entries", &here)?, &digests)?.iter().enumerate() {
            if !digest.is_string() {
                return Err(wrong(digests.item(index, None), "a text"));
            }
        }
    }
    // Only texts, numbers and lists of them: reading and writing again gives the same canonical bytes.
    serde_json::from_value(value.clone()).map_err(|_| wrong(place, "a manifest"))
}

fn signature(top: &Map<String, Value>, manifest: &Manifest, keys: &[PublicKey], root: &Place) -> Result<String, Fault> {
    let place = root.member("signature");
    let signature = object(member(top, "signature", root)?, &place)?;
    members(signature, SIGNATURE, &place)?;
    let algorithm = text_of(signature, "algorithm", &place)?;
    let key_id = text_of(signature, "key_id", &place)?;
    let value = text_of(signature, "value", &place)?;
    if algorithm != ALGORITHM {
        return Err(Fault::Algorithm {
            found: algorithm.to_owned(),
        });
    }
    if key_id != manifest.key_id {
        return Err(Fault::KeyDiffers {
            manifest: manifest.key_id.clone(),
            signature: key_id.to_owned(),
        });
    }
    let bytes = STANDARD
        .decode(value)
        .ok()
        .filter(|bytes| bytes.len() == 64)
        .ok_or(Fault::SignatureMalformed)?;
    let key = keys
        .iter()
        .find(|key| key.key_id() == key_id)
        .ok_or_else(|| Fault::UnknownKey {
            key_id: key_id.to_owned(),
            given: keys.iter().map(PublicKey::key_id).collect(),
        })?;
    let statement = manifest
        .statement()
        .map_err(|_| wrong(root.member("manifest"), "a manifest"))?;
    if !key.verifies(&statement, &bytes) {
        return Err(Fault::SignatureMismatch {
            key_id: key_id.to_owned(),
        });
    }
    if manifest.format != FORMAT {
        return Err(Fault::ManifestInconsistent {
            what: "it names another format than the document".to_owned(),
        });
    }
    Ok(key_id.to_owned())
}

/// SHA-256 over the canonical form of a part as it stands in the text.
pub(crate) fn digest_of(part: &Map<String, Value>) -> Result<Digest, Fault> {
    digest::digest(part).map_err(|_| wrong(Place::default(), "ASCII in every member name"))
}

fn wrong(place: Place, expected: &'static str) -> Fault {
    Fault::WrongShape { place, expected }
}

fn members(object: &Map<String, Value>, names: &[&'static str], place: &Place) -> Result<(), Fault> {
    if let Some(name) = object.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(Fault::UnknownMember {
            place: place.clone(),
            name: name.clone(),
        });
    }
    match names.iter().find(|name| !object.contains_key(**name)) {
        Some(name) => Err(Fault::MissingMember {
            place: place.clone(),
            name,
        }),
        None => Ok(()),
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &'static str, place: &Place) -> Result<&'a Value, Fault> {
    object.get(name).ok_or_else(|| Fault::MissingMember {
        place: place.clone(),
        name,
    })
}

fn object<'a>(value: &'a Value, place: &Place) -> Result<&'a Map<String, Value>, Fault> {
    value.as_object().ok_or_else(|| wrong(place.clone(), "an object"))
}

fn list<'a>(value: &'a Value, place: &Place) -> Result<&'a [Value], Fault> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| wrong(place.clone(), "a list"))
}

fn text_of<'a>(object: &'a Map<String, Value>, name: &'static str, place: &Place) -> Result<&'a str, Fault> {
    member(object, name, place)?
        .as_str()
        .ok_or_else(|| wrong(place.member(name), "a text"))
}

fn optional_text(value: &Value, place: &Place) -> Result<(), Fault> {
    if value.is_null() || value.is_string() {
        Ok(())
    } else {
        Err(wrong(place.clone(), "a text or null"))
    }
}

#[cfg(test)]
mod tests;
