//! What a test sees of the business records from outside, uncounted.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};

use super::super::Org;
use super::super::state::State;

/// How often references to users changed through the API, of one object's field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Records whose reference changed at least once.
    pub records: usize,
    /// All changes together.
    pub changes: usize,
    /// The most changes of one record (at most 255).
    pub most: usize,
}

/// Fields that say when a record was written and by whom, not what it is.
const STAMPS: [&str; 3] = ["LastModifiedById", "LastModifiedDate", "SystemModstamp"];
/// Objects whose records come back under a new id when they are put back.
const REPLACED: [&str; 2] = ["AccountTeamMember", "OpportunityTeamMember"];

impl Org {
    /// How many records of each object a user or queue owns; what is in the bin or archived does not count.
    pub fn owned_by(&self, owner: &str) -> BTreeMap<String, usize> {
        let mut owned = self.referred_by(owner);
        owned.retain(|field, _| field.ends_with(".OwnerId"));
        owned
            .into_iter()
            .filter_map(|(field, count)| Some((field.strip_suffix(".OwnerId")?.to_owned(), count)))
            .collect()
    }

    /// How many records point at a user or queue, by `Object.Field`; what is in the bin or archived does not count.
    pub fn referred_by(&self, id: &str) -> BTreeMap<String, usize> {
        let state = self.lock();
        let mut found = BTreeMap::new();
        for (object, table) in state.tables.all() {
            for (field, _) in table.changes() {
                let count = state
                    .holders(object, field, id)
                    .into_iter()
                    .filter_map(|number| state.tables.record(object, number))
                    .filter(|record| !record.is("IsDeleted") && !record.is("IsArchived"))
                    .count();
                if count > 0 {
                    found.insert(format!("{object}.{field}"), count);
                }
            }
        }
        found
    }

    /// Ids of an object's records whose reference holds this id, ascending.
    pub fn records_of(&self, object: &str, field: &str, id: &str) -> Vec<String> {
        let state = self.lock();
        let numbers = state.holders(object, field, id);
        let table = state.tables.get(object);
        numbers
            .into_iter()
            .filter_map(|number| Some(table?.id(number)))
            .collect()
    }

    /// How often references to users changed through the API, by `Object.Field`. Fields that never changed are left out.
    pub fn owner_changes(&self) -> BTreeMap<String, Changes> {
        let state = self.lock();
        let mut found = BTreeMap::new();
        for (object, table) in state.tables.all() {
            for (field, counts) in table.changes() {
                let mut changes = Changes::default();
                for count in counts.iter().copied().map(usize::from).filter(|count| *count > 0) {
                    changes.records += 1;
                    changes.changes += count;
                    changes.most = changes.most.max(count);
                }
                if changes.records > 0 {
                    found.insert(format!("{object}.{field}"), changes);
                }
            }
        }
        found
    }

    /// All business records that live, one line of JSON each behind its object's name, in an order that depends on nothing
    /// else. Without what says when and by whom a record was last written, and without the id of a team's members, who come
    /// back under a new one.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.lock().each_line(&mut |line| {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        });
        bytes
    }

    /// The SHA-256 of [`Org::snapshot`] in hexadecimal, made without holding it.
    pub fn fingerprint(&self) -> String {
        let mut hash = Context::new(&SHA256);
        self.lock().each_line(&mut |line| {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        });
        let mut text = String::new();
        for byte in hash.finish().as_ref() {
            // Writing to a string cannot fail.
            let _written = write!(text, "{byte:02x}");
        }
        text
    }
}

impl State {
    fn each_line(&self, take: &mut dyn FnMut(&str)) {
        for (object, table) in self.tables.all() {
            let replaced = REPLACED.contains(&object.as_str());
            let hidden =
                |field: &str| STAMPS.contains(&field) || (replaced && matches!(field, "CreatedById" | "CreatedDate"));
            let shown: Vec<(usize, String)> = table
                .names()
                .enumerate()
                .filter(|(_, field)| !hidden(field))
                .map(|(column, field)| (column, format!(",\"{field}\":")))
                .collect();
            let lines = table.numbers_from(1).filter_map(|number| {
                let record = self
                    .tables
                    .record(object, number)
                    .filter(|record| !record.is("IsDeleted"))?;
                let id = if replaced { String::new() } else { record.id() };
                let mut line = format!("{object} {{\"Id\":\"{id}\"");
                for (column, field) in &shown {
                    line.push_str(field);
                    // Writing to a string cannot fail.
                    let _written = write!(line, "{}", record.at(*column));
                }
                line.push('}');
                Some(line)
            });
            if replaced {
                let mut sorted: Vec<String> = lines.collect();
                sorted.sort();
                for line in &sorted {
                    take(line);
                }
            } else {
                for line in lines {
                    take(&line);
                }
            }
        }
    }
}
