//! Business records, packed: a million of them fit where a million maps would not.
//!
//! A table holds one object's records by running number, one 32-bit cell for each field. A cell names a value in the pool,
//! which holds every distinct value once. The id is no cell: it follows from the number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::ids;
use super::schema::{Kind, Object};
use super::state::Row;

/// The cell of null.
const NULL: u32 = 0;
/// The cell of false.
const FALSE: u32 = 1;

/// Every distinct value once.
#[derive(Debug)]
pub(super) struct Pool {
    values: Vec<Value>,
    places: HashMap<u64, u32>,
}

impl Default for Pool {
    fn default() -> Self {
        let mut pool = Self {
            values: Vec::new(),
            places: HashMap::new(),
        };
        for first in [Value::Null, Value::Bool(false), Value::Bool(true)] {
            pool.place(first);
        }
        pool
    }
}

impl Pool {
    /// The value in a cell.
    pub(super) fn get(&self, cell: u32) -> &Value {
        usize::try_from(cell)
            .ok()
            .and_then(|cell| self.values.get(cell))
            .unwrap_or(&Value::Null)
    }

    /// The cell of a value, made when it is new.
    pub(super) fn place(&mut self, value: Value) -> u32 {
        match value {
            Value::Null if !self.values.is_empty() => return NULL,
            Value::Bool(yes) if self.values.len() > 2 => return FALSE + u32::from(yes),
            _ => {}
        }
        match self.seek(&value) {
            Ok(cell) => cell,
            Err(hash) => {
                let cell = u32::try_from(self.values.len()).unwrap_or(NULL);
                self.values.push(value);
                self.places.insert(hash, cell);
                cell
            }
        }
    }

    /// The cell of a text that some record holds.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.seek(&Value::from(text)).ok()
    }

    /// The cell of a value, or the free place for it. Two values on one hash go to different salts.
    fn seek(&self, value: &Value) -> Result<u32, u64> {
        for salt in 0_u32.. {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            match value {
                Value::String(text) => text.hash(&mut hasher),
                other => other.to_string().hash(&mut hasher),
            }
            let hash = hasher.finish();
            match self.places.get(&hash) {
                None => return Err(hash),
                Some(&cell) if self.get(cell) == value => return Ok(cell),
                Some(_) => {}
            }
        }
        Err(0)
    }
}

/// One field of a table.
#[derive(Debug)]
struct Column {
    name: String,
    empty: u32,
    /// For references: cell to the numbers of the records that hold it.
    held: Option<HashMap<u32, BTreeSet<u32>>>,
    /// For references to users: how often each record's value changed through the API.
    changes: Option<Vec<u8>>,
}

/// The records of one object.
#[derive(Debug)]
pub(super) struct Table {
    prefix: String,
    columns: Vec<Column>,
    cells: Vec<u32>,
    there: Vec<bool>,
}

impl Table {
    fn new(object: &Object) -> Self {
        let columns = object.fields.iter().filter(|field| field.name != "Id");
        Self {
            prefix: object.prefix.clone(),
            columns: columns
                .map(|field| {
                    let stamp = matches!(field.name.as_str(), "CreatedById" | "LastModifiedById");
                    let to: &[String] = match &field.kind {
                        Kind::Reference { to, .. } if !stamp => to,
                        _ => &[],
                    };
                    Column {
                        name: field.name.clone(),
                        empty: if field.kind == Kind::Boolean { FALSE } else { NULL },
                        held: (!to.is_empty()).then(HashMap::new),
                        changes: to.iter().any(|to| to == "User").then(Vec::new),
                    }
                })
                .collect(),
            cells: Vec::new(),
            there: Vec::new(),
        }
    }

    /// The place of a field among the cells.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The names of all fields but the id.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The number behind an id of this object.
    pub(super) fn number(&self, id: &str) -> Option<u32> {
        ids::number(&self.prefix, id)
    }

    /// The id of a number.
    pub(super) fn id(&self, number: u32) -> String {
        ids::numbered(&self.prefix, u64::from(number))
    }

    /// True when there is a record of this number.
    pub(super) fn has(&self, number: u32) -> bool {
        slot(number).and_then(|at| self.there.get(at)).copied().unwrap_or(false)
    }

    /// The numbers of all records, ascending, from one on.
    pub(super) fn numbers_from(&self, first: u32) -> impl Iterator<Item = u32> {
        let end = u32::try_from(self.there.len()).unwrap_or(u32::MAX);
        (first.max(1)..=end).filter(|&number| self.has(number))
    }

    /// The cells of a record.
    pub(super) fn cells(&self, number: u32) -> Option<&[u32]> {
        if !self.has(number) {
            return None;
        }
        let from = slot(number)? * self.columns.len();
        self.cells.get(from..from + self.columns.len())
    }

    /// True for a column with an index.
    pub(super) fn indexed(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.held.is_some())
    }

    /// The numbers of the records that hold a cell in an indexed column.
    pub(super) fn holders(&self, column: usize, cell: u32) -> Option<&BTreeSet<u32>> {
        self.columns.get(column)?.held.as_ref()?.get(&cell)
    }

    /// Writes all cells of a record, or takes it away, and answers what it replaced.
    pub(super) fn write(&mut self, number: u32, cells: Option<&[u32]>) -> Option<Box<[u32]>> {
        let before: Option<Box<[u32]>> = self.cells(number).map(Into::into);
        let at = slot(number)?;
        if at >= self.there.len() {
            self.there.resize(at + 1, false);
            self.cells.resize((at + 1) * self.columns.len(), NULL);
        }
        let width = self.columns.len();
        for (place, column) in self.columns.iter_mut().enumerate() {
            let old = before.as_ref().and_then(|cells| cells.get(place)).copied();
            let new = cells.and_then(|cells| cells.get(place)).copied();
            if old != new
                && let Some(held) = &mut column.held
            {
                if let Some(old) = old.filter(|&old| old != NULL)
                    && let Some(numbers) = held.get_mut(&old)
                {
                    numbers.remove(&number);
                }
                if let Some(new) = new.filter(|&new| new != NULL) {
                    held.entry(new).or_default().insert(number);
                }
            }
            if let (Some(cell), Some(new)) = (self.cells.get_mut(at * width + place), new) {
                *cell = new;
            }
        }
        if let Some(there) = self.there.get_mut(at) {
            *there = cells.is_some();
        }
        before
    }

    /// Notes that a record's reference to a user changed through the API, or takes the note back.
    pub(super) fn note_change(&mut self, number: u32, column: usize, back: bool) {
        let changes = self.columns.get_mut(column).and_then(|column| column.changes.as_mut());
        if let (Some(at), Some(changes)) = (slot(number), changes) {
            if at >= changes.len() {
                changes.resize(at + 1, 0);
            }
            if let Some(count) = changes.get_mut(at) {
                *count = if back {
                    count.saturating_sub(1)
                } else {
                    count.saturating_add(1)
                };
            }
        }
    }

    /// Each reference to users, with its counts of changes by record (at most 255).
    pub(super) fn changes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.columns
            .iter()
            .filter_map(|column| Some((column.name.as_str(), column.changes.as_deref()?)))
    }

    /// True when a column points at users (or queues).
    pub(super) fn points_at_users(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.changes.is_some())
    }
}

fn slot(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// All packed records of an org.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) pool: Pool,
    by_object: BTreeMap<String, Table>,
}

impl Tables {
    /// Makes room for an object's records. Records of an object that is there already stay.
    pub(super) fn add(&mut self, object: &Object) {
        self.by_object
            .entry(object.name.clone())
            .or_insert_with(|| Table::new(object));
    }

    /// The table of an object, when its records are packed.
    pub(super) fn get(&self, object: &str) -> Option<&Table> {
        self.by_object.get(object)
    }

    /// The same, to write.
    pub(super) fn get_mut(&mut self, object: &str) -> Option<&mut Table> {
        self.by_object.get_mut(object)
    }

    /// All tables by object name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Table)> {
        self.by_object.iter()
    }

    /// One record.
    pub(super) fn record(&self, object: &str, number: u32) -> Option<Packed<'_>> {
        let table = self.get(object)?;
        Some(Packed {
            cells: table.cells(number)?,
            table,
            pool: &self.pool,
            number,
        })
    }

    /// The cells for a new record: what is given, and nothing (or false) for the rest. `Err` names a field that the object
    /// does not have.
    pub(super) fn fresh(&mut self, object: &str, fields: Row) -> Result<Vec<u32>, String> {
        let Some(table) = self.by_object.get(object) else {
            return Err(object.to_owned());
        };
        let mut cells: Vec<u32> = table.columns.iter().map(|column| column.empty).collect();
        for (name, value) in fields {
            if name == "Id" {
                continue;
            }
            match table.column(&name).and_then(|column| cells.get_mut(column)) {
                Some(cell) => *cell = self.pool.place(value),
                None => return Err(name),
            }
        }
        Ok(cells)
    }
}

/// A look at one packed record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    table: &'a Table,
    pool: &'a Pool,
    cells: &'a [u32],
    /// Its running number.
    pub(super) number: u32,
}

impl<'a> Packed<'a> {
    /// Its id.
    pub(super) fn id(&self) -> String {
        self.table.id(self.number)
    }

    /// A stored field; null for the id and for what the object does not have.
    pub(super) fn stored(&self, field: &str) -> &'a Value {
        let cell = self.table.column(field).and_then(|column| self.cells.get(column));
        cell.map_or(&Value::Null, |&cell| self.pool.get(cell))
    }

    /// The value in a column.
    pub(super) fn at(&self, column: usize) -> &'a Value {
        self.cells.get(column).map_or(&Value::Null, |&cell| self.pool.get(cell))
    }

    /// A text field.
    pub(super) fn text(&self, field: &str) -> Option<&'a str> {
        self.stored(field).as_str()
    }

    /// True when a switch is set.
    pub(super) fn is(&self, field: &str) -> bool {
        self.stored(field) == &Value::Bool(true)
    }

    /// Any field.
    pub(super) fn value(&self, field: &str) -> Value {
        if field == "Id" {
            Value::from(self.id())
        } else {
            self.stored(field).clone()
        }
    }

    /// The whole record.
    pub(super) fn row(&self) -> Row {
        let mut row = Row::new();
        row.insert("Id".to_owned(), Value::from(self.id()));
        for (name, &cell) in self.table.names().zip(self.cells) {
            row.insert(name.to_owned(), self.pool.get(cell).clone());
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Pool;

    #[test]
    fn a_value_is_held_once() {
        let mut pool = Pool::default();
        let cells: Vec<u32> = [json!("a"), json!(1), json!("1"), json!(null), json!(true), json!(false)]
            .into_iter()
            .map(|value| pool.place(value))
            .collect();
        assert_eq!(pool.place(json!("a")), cells[0]);
        assert_ne!(cells[1], cells[2]);
        assert_eq!(pool.get(cells[3]), &Value::Null);
        assert_eq!((pool.get(cells[4]), pool.get(cells[5])), (&json!(true), &json!(false)));
        assert_eq!((pool.find("a"), pool.find("b")), (Some(cells[0]), None));
    }
}
