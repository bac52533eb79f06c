//! Business records: what people own, and what stands in the way of giving it to somebody else.

mod access;
mod objects;
mod outside;
mod owner;
mod record;
mod search;
mod seeds;
mod switches;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::objects as setup;
use super::schema::{Nature, Object};
use super::state::State;

pub use outside::Changes;
pub use seeds::{SeedError, Seeded};

pub(super) use record::Record;

/// Switches and marks of the business records.
#[derive(Debug, Default)]
pub(super) struct Business {
    /// Record to how many writes still find it locked.
    row_locks: BTreeMap<String, u32>,
    /// Records that wait for an approval.
    approvals: BTreeSet<String>,
    /// Record to the text of the validation rule that refuses its changes.
    refused: BTreeMap<String, String>,
    /// Users and objects they may not read.
    unreadable: BTreeSet<(String, String)>,
    /// Objects taken out of the caller's sight, to put them back.
    hidden: BTreeMap<String, Object>,
    hidden_records: BTreeSet<String>,
    /// Objects that may be described but not queried.
    no_query: BTreeSet<String>,
    /// Objects that are only queried through a narrow filter.
    narrow: BTreeSet<String>,
    /// Objects that may be read but not edited.
    no_edit: BTreeSet<String>,
    /// Object to the owner that its active assignment rule sets.
    assignment: BTreeMap<String, String>,
    /// True where records of inactive owners may not be written.
    frozen_owners: bool,
    /// Parent to the bulk job whose transaction holds it.
    pub(super) busy: BTreeMap<String, String>,
    /// True when the call lets assignment rules run.
    pub(super) assign: bool,
    /// The bulk job that writes, if one does.
    pub(super) job: Option<String>,
    /// When the objects changed last, where that was after the org was made.
    changed: Option<Timestamp>,
}

impl State {
    /// Gives a new org its business objects, and groups and queues where it has none.
    pub(super) fn add_business(&mut self) {
        for (number, object) in (0_u32..).zip(objects::business()) {
            for other in objects::beside(&object, number) {
                self.schema.add(other);
            }
            self.add_packed(object);
        }
        for object in objects::chaff() {
            self.add_packed(object);
        }
        for (name, prefix, fields) in [("Group", "00G", GROUP), ("QueueSobject", "03g", QUEUE_SOBJECT)] {
            if self.schema.get(name).is_none() {
                self.schema.add(setup::object(name, prefix, fields, "scudr"));
            }
        }
    }

    fn add_packed(&mut self, object: Object) {
        self.tables.add(&object);
        self.schema.add(object);
    }

    /// True for an object whose records are packed.
    pub(super) fn is_packed(&self, object: &str) -> bool {
        self.tables.get(object).is_some()
    }

    /// When the objects changed last. The vendor counts in whole seconds, so that a change is a second later than the last.
    pub(super) fn described(&self) -> Timestamp {
        self.business.changed.unwrap_or(self.created)
    }

    pub(super) fn objects_changed(&mut self) {
        let next = self.described().saturating_add(std::time::Duration::from_secs(1));
        self.business.changed = Some(next.map_or(self.now, |next| next.max(self.now)));
    }
}

impl Object {
    /// True for what people work on.
    fn is_business(&self) -> bool {
        self.nature == Nature::Business
    }
}

const GROUP: &[setup::Line] = &[
    ("Id", "id", ""),
    ("Name", "text", "cu"),
    ("DeveloperName", "text", "cun"),
    ("Type", "text", "c"),
    ("Email", "text", "cun"),
    ("OwnerId", "ref:User", "n"),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
];
const QUEUE_SOBJECT: &[setup::Line] = &[
    ("Id", "id", ""),
    ("QueueId", "ref:Group", "c"),
    ("SobjectType", "text", "c"),
];
