//! One record, however it is stored.

use serde_json::Value;

use super::super::rules::{self, Caller};
use super::super::state::{Row, State};
use super::super::tables::Packed;

/// A look at a record.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Record<'a> {
    Whole(&'a Row),
    Packed(Packed<'a>),
}

impl<'a> Record<'a> {
    /// A stored text field.
    pub(in super::super) fn text(&self, field: &str) -> Option<&'a str> {
        match self {
            Self::Whole(row) => row.get(field)?.as_str(),
            Self::Packed(packed) => packed.text(field),
        }
    }

    /// The id.
    pub(in super::super) fn id(&self) -> String {
        match self {
            Self::Whole(row) => row.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned(),
            Self::Packed(packed) => packed.id(),
        }
    }

    /// The record as stored.
    pub(in super::super) fn row(&self) -> Row {
        match self {
            Self::Whole(row) => (*row).clone(),
            Self::Packed(packed) => packed.row(),
        }
    }

    /// A field as the caller reads it.
    pub(in super::super) fn value(&self, state: &State, caller: &Caller, object: &str, field: &str) -> Value {
        match self {
            Self::Whole(row) => rules::value(state, caller, object, row, field),
            Self::Packed(packed) => packed.value(field),
        }
    }

    /// True when the caller may see it.
    pub(in super::super) fn visible(&self, state: &State, caller: &Caller, object: &str) -> bool {
        match self {
            Self::Whole(row) => rules::visible(state, caller, object, row),
            Self::Packed(packed) => state.shows(packed),
        }
    }
}

impl State {
    /// One record of any object.
    pub(in super::super) fn record(&self, object: &str, id: &str) -> Option<Record<'_>> {
        match self.tables.get(object) {
            Some(table) => Some(Record::Packed(self.tables.record(object, table.number(id)?)?)),
            None => self.row(object, id).map(Record::Whole),
        }
    }
}
