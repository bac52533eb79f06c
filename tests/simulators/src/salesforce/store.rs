//! Records by object and id, with an index over the fields that look-ups go by.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::state::Row;

/// Fields looked up by value. The rest is found by reading every record, as it is rare.
const INDEXED: [&str; 9] = [
    "UserId",
    "UsersId",
    "AssigneeId",
    "OwnerId",
    "ParentId",
    "Username",
    "Email",
    "FederationIdentifier",
    "_OauthToken",
];

/// All records of an org.
#[derive(Debug, Default)]
pub(super) struct Store {
    tables: BTreeMap<String, BTreeMap<String, Row>>,
    /// Object and field, then the value in lower case, then ids.
    index: BTreeMap<(String, &'static str), BTreeMap<String, BTreeSet<String>>>,
}

impl Store {
    /// Writes a record and answers what it replaced.
    pub(super) fn insert(&mut self, object: &str, id: &str, row: Row) -> Option<Row> {
        let before = self.remove(object, id);
        for (field, value) in keys(&row) {
            let values = self.index.entry((object.to_owned(), field)).or_default();
            values.entry(value).or_default().insert(id.to_owned());
        }
        self.tables
            .entry(object.to_owned())
            .or_default()
            .insert(id.to_owned(), row);
        before
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, object: &str, id: &str) -> Option<Row> {
        let row = self.tables.get_mut(object)?.remove(id)?;
        for (field, value) in keys(&row) {
            let Some(values) = self.index.get_mut(&(object.to_owned(), field)) else {
                continue;
            };
            if let Some(ids) = values.get_mut(&value) {
                ids.remove(id);
                if ids.is_empty() {
                    values.remove(&value);
                }
            }
        }
        Some(row)
    }

    /// One record with its id.
    pub(super) fn entry(&self, object: &str, id: &str) -> Option<(&String, &Row)> {
        self.tables.get(object)?.get_key_value(id)
    }

    /// The records of an object, by id.
    pub(super) fn rows(&self, object: &str) -> impl Iterator<Item = (&String, &Row)> {
        self.tables.get(object).into_iter().flatten()
    }

    /// The records of an object from an id on.
    pub(super) fn rows_from(&self, object: &str, id: String) -> impl Iterator<Item = (&String, &Row)> {
        let table = self.tables.get(object).into_iter();
        table.flat_map(move |table| table.range(id.clone()..))
    }

    /// Ids of the records whose field holds this text in any case, or `None` when the field is not indexed.
    pub(super) fn found(&self, object: &str, field: &str, value: &str) -> Option<Vec<String>> {
        let field = INDEXED.into_iter().find(|&indexed| indexed == field)?;
        let values = self.index.get(&(object.to_owned(), field));
        let ids = values.and_then(|values| values.get(&value.to_lowercase()));
        Some(ids.into_iter().flatten().cloned().collect())
    }
}

fn keys(row: &Row) -> impl Iterator<Item = (&'static str, String)> {
    INDEXED.into_iter().filter_map(|field| {
        let value = row.get(field).and_then(Value::as_str)?;
        Some((field, value.to_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Row, Store};

    fn row(user: &str) -> Row {
        let mut row = Row::new();
        row.insert("UserId".to_owned(), json!(user));
        row
    }

    #[test]
    fn the_index_follows_every_write() {
        let mut store = Store::default();
        store.insert("UserLogin", "1", row("a"));
        store.insert("UserLogin", "2", row("A"));
        let found = |store: &Store, value: &str| store.found("UserLogin", "UserId", value).unwrap();
        assert_eq!(found(&store, "a"), ["1", "2"]);
        store.insert("UserLogin", "1", row("b"));
        assert_eq!((found(&store, "a").len(), found(&store, "b").len()), (1, 1));
        store.remove("UserLogin", "2");
        assert!(found(&store, "a").is_empty());
        assert_eq!(store.found("UserLogin", "IsFrozen", "true"), None);
    }
}
