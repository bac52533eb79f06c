//! Putting business records into an org, few or a million.

use serde_json::{Value, json};

use super::super::Org;
use super::super::state::{Row, State};
use super::super::{ids, time};
use super::write;

/// Records that were just put in: ids in order of making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    prefix: String,
    first: u64,
    count: usize,
}

impl Seeded {
    /// The id of the record of this place, counted from zero.
    pub fn id(&self, place: usize) -> String {
        ids::numbered(
            &self.prefix,
            self.first.saturating_add(u64::try_from(place).unwrap_or(u64::MAX)),
        )
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All ids, made one by one.
    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.count).map(|place| self.id(place))
    }
}

/// What is wrong with a seed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SeedError {
    /// The object is none of those that people work on; use [`Org::add_record`], or switch its feature on first.
    #[error("{0} is no business object of this org: switch its feature on, or use add_record")]
    NoBusiness(String),
    /// A record is no JSON object, or has a field that the object has not.
    #[error("{object} record {place} has no field {field}: name a field of its describe")]
    NoField {
        /// The object.
        object: String,
        /// The place of the record, counted from zero.
        place: usize,
        /// The field.
        field: String,
    },
}

impl Org {
    /// Adds `count` records of a business object as they stand, past all rules. `make` gets the place, counted from zero, and
    /// answers the fields (ids in 18 characters, moments as the wire has them). Fields that follow from others (`IsClosed`,
    /// `IsWon`, `Name`) and stamps are filled in where they are not given.
    pub fn seed_records(
        &self,
        object: &str,
        count: usize,
        mut make: impl FnMut(usize) -> Value,
    ) -> Result<Seeded, SeedError> {
        let mut state = self.lock();
        let prefix = match state.schema.get(object) {
            Some(known) if state.is_packed(object) => known.prefix.clone(),
            _ => return Err(SeedError::NoBusiness(object.to_owned())),
        };
        let wrong = |place: usize, field: &str| SeedError::NoField {
            object: object.to_owned(),
            place,
            field: field.to_owned(),
        };
        let first = state.numbers_used(&prefix) + 1;
        let moment = json!(time::wire(state.now));
        for place in 0..count {
            let Value::Object(fields) = make(place) else {
                return Err(wrong(place, ""));
            };
            let number = state.next_number(&prefix);
            if let Err(field) = state.fill(object, number, fields, &moment) {
                return Err(wrong(place, &field));
            }
            state.commit();
        }
        Ok(Seeded { prefix, first, count })
    }
}

impl State {
    /// Writes a new business record under a number. `Err` names a field that the object does not have.
    pub(in super::super) fn fill(
        &mut self,
        object: &str,
        number: u64,
        mut fields: Row,
        moment: &Value,
    ) -> Result<(), String> {
        write::derive(object, &mut fields);
        let mut cells = self.tables.fresh(object, fields)?;
        let Some(table) = self.tables.get(object) else {
            return Err(object.to_owned());
        };
        let owner = table
            .column("OwnerId")
            .and_then(|column| cells.get(column))
            .copied()
            .unwrap_or(0);
        let places: Vec<(Option<usize>, bool)> = [
            ("CreatedDate", true),
            ("LastModifiedDate", true),
            ("SystemModstamp", true),
            ("CreatedById", false),
            ("LastModifiedById", false),
        ]
        .into_iter()
        .map(|(name, time)| (table.column(name), time))
        .collect();
        let moment = self.tables.pool.place(moment.clone());
        for (place, time) in places {
            if let Some(cell) = place.and_then(|place| cells.get_mut(place)).filter(|cell| **cell == 0) {
                *cell = if time { moment } else { owner };
            }
        }
        self.write_packed(object, u32::try_from(number).unwrap_or(u32::MAX), Some(&cells));
        Ok(())
    }
}
