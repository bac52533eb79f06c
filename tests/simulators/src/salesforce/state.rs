//! What an org remembers, and the only ways to change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::bulk::Bulk;
use super::business::Business;
use super::query::Cursor;
use super::schema::Schema;
use super::seed::ConnectedApp;
use super::store::Store;
use super::tables::Tables;
use super::{Permission, ids, objects, time};

/// One record. Keys that start with `_` are the simulator's own and no field of the object.
pub(super) type Row = Map<String, Value>;

/// Usernames taken in any org: the vendor holds them unique over all its orgs in the world, for ever. Clones share.
#[derive(Clone, Debug, Default)]
pub struct Usernames(Arc<Mutex<BTreeSet<String>>>);

impl Usernames {
    /// Takes a username; false when somebody has it.
    pub fn claim(&self, username: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(username.to_lowercase())
    }

    fn release(&self, username: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&username.to_lowercase());
    }
}

/// Switches a test turns.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) denied: BTreeSet<Permission>,
    pub(super) daily_limit: u64,
    pub(super) session_seconds: u64,
    pub(super) calls_per_token: Option<u64>,
    pub(super) page_size: usize,
    pub(super) short_pages: bool,
    pub(super) delete_tokens_work: bool,
    pub(super) tokens_end_sessions: bool,
}

/// A step of the present transaction, kept to take it back.
#[derive(Debug)]
enum Undo {
    Row(String, String, Option<Row>),
    Deleted(String),
    Username(String),
    Packed(String, u32, Option<Box<[u32]>>),
    Change(String, u32, usize),
}

/// A place in the transaction to return to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Savepoint {
    undo: usize,
    effects: usize,
}

/// The org.
#[derive(Debug)]
pub(super) struct State {
    /// The present moment: that of the call being answered.
    pub(super) now: Timestamp,
    pub(super) created: Timestamp,
    pub(super) org_id: String,
    pub(super) sandbox: bool,
    pub(super) base_url: String,
    pub(super) schema: Schema,
    pub(super) settings: Settings,
    pub(super) apps: BTreeMap<String, ConnectedApp>,
    /// Access token to the id of its `AuthSession`.
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) blockers: BTreeMap<String, Vec<(String, String)>>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    /// Records of business objects.
    pub(super) tables: Tables,
    pub(super) business: Business,
    pub(super) bulk: Bulk,
    pub(super) calls: Vec<(http::Method, String)>,
    /// Effects of the present call, counted when it is committed.
    pub(super) effects: Vec<&'static str>,
    usernames: Usernames,
    store: Store,
    deleted: BTreeSet<String>,
    undo: Vec<Undo>,
    numbers: BTreeMap<String, u64>,
    /// API calls by hour since the epoch.
    usage: BTreeMap<i64, u64>,
}

impl State {
    pub(super) fn new(org_id: &str, sandbox: bool, now: Timestamp, usernames: Usernames) -> Self {
        let mut state = Self {
            now,
            created: now,
            org_id: ids::id18(org_id).unwrap_or_else(|| org_id.to_owned()),
            sandbox,
            base_url: "https://corp-example.my.salesforce.com".to_owned(),
            schema: objects::standard(),
            settings: Settings {
                denied: BTreeSet::new(),
                daily_limit: 115_000,
                session_seconds: 7200,
                calls_per_token: None,
                page_size: 2000,
                short_pages: false,
                delete_tokens_work: true,
                tokens_end_sessions: true,
            },
            apps: BTreeMap::new(),
            tokens: BTreeMap::new(),
            blockers: BTreeMap::new(),
            cursors: BTreeMap::new(),
            tables: Tables::default(),
            business: Business::default(),
            bulk: Bulk::default(),
            calls: Vec::new(),
            effects: Vec::new(),
            usernames,
            store: Store::default(),
            deleted: BTreeSet::new(),
            undo: Vec::new(),
            numbers: BTreeMap::new(),
            usage: BTreeMap::new(),
        };
        state.add_business();
        state
    }

    /// True when the caller's user has this permission. Whoever has Manage Users has View All Users (help page "User Sharing
    /// Considerations"), so without the second there is no first.
    pub(super) fn allows(&self, permission: Permission) -> bool {
        let denied = |permission| self.settings.denied.contains(&permission);
        match permission {
            Permission::ManageUsers => !denied(Permission::ManageUsers) && !denied(Permission::ViewAllUsers),
            other => !denied(other),
        }
    }

    /// A new id with this key prefix.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        ids::numbered(prefix, self.next_number(prefix))
    }

    /// A new running number for this key prefix.
    pub(super) fn next_number(&mut self, prefix: &str) -> u64 {
        if let Some(number) = self.numbers.get_mut(prefix) {
            *number += 1;
            return *number;
        }
        self.numbers.insert(prefix.to_owned(), 1);
        1
    }

    /// The last running number given out for this key prefix.
    pub(super) fn numbers_used(&self, prefix: &str) -> u64 {
        self.numbers.get(prefix).copied().unwrap_or(0)
    }

    /// The records that are not packed.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// The records of an object that is no business object, by id.
    pub(super) fn rows(&self, object: &str) -> impl Iterator<Item = (&String, &Row)> {
        self.store.rows(object)
    }

    /// One record of an object that is no business object.
    pub(super) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        Some(self.store.entry(object, id)?.1)
    }

    /// A text field of one record.
    pub(super) fn text(&self, object: &str, id: &str, field: &str) -> Option<&str> {
        self.row(object, id)?.get(field)?.as_str()
    }

    /// True when a record of this id existed and was deleted.
    pub(super) fn was_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }

    /// Ids of the records whose field holds exactly this text.
    pub(super) fn ids_where(&self, object: &str, field: &str, value: &str) -> Vec<String> {
        let holds = |row: &Row| row.get(field).and_then(Value::as_str) == Some(value);
        match self.store.found(object, field, value) {
            Some(mut ids) => {
                ids.retain(|id| self.row(object, id).is_some_and(holds));
                ids
            }
            None => self
                .rows(object)
                .filter(|(_, row)| holds(row))
                .map(|(id, _)| id.clone())
                .collect(),
        }
    }

    /// The id of the user with this username in any case.
    pub(super) fn user_named(&self, username: &str) -> Option<String> {
        self.store.found("User", "Username", username)?.pop()
    }

    /// Writes a record whole.
    pub(super) fn put(&mut self, object: &str, id: &str, row: Row) {
        let before = self.store.insert(object, id, row);
        self.undo.push(Undo::Row(object.to_owned(), id.to_owned(), before));
    }

    /// Writes all cells of a packed record, or takes it away.
    pub(super) fn write_packed(&mut self, object: &str, number: u32, cells: Option<&[u32]>) {
        if let Some(table) = self.tables.get_mut(object) {
            let before = table.write(number, cells);
            self.undo.push(Undo::Packed(object.to_owned(), number, before));
        }
    }

    /// Writes some fields of a packed record that exists.
    pub(super) fn change(&mut self, object: &str, number: u32, fields: Row) {
        let Some(table) = self.tables.get(object) else { return };
        let Some(mut cells) = table.cells(number).map(<[u32]>::to_vec) else {
            return;
        };
        let places: Vec<(Option<usize>, Value)> = fields
            .into_iter()
            .map(|(name, value)| (table.column(&name), value))
            .collect();
        for (place, value) in places {
            if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
                *cell = self.tables.pool.place(value);
            }
        }
        self.write_packed(object, number, Some(&cells));
    }

    /// Notes that a packed record's reference to a user changed.
    pub(super) fn note_change(&mut self, object: &str, number: u32, column: usize) {
        if let Some(table) = self.tables.get_mut(object) {
            table.note_change(number, column, false);
            self.undo.push(Undo::Change(object.to_owned(), number, column));
        }
    }

    /// Notes that a record of this id is gone for good.
    pub(super) fn note_deleted(&mut self, id: Option<String>) {
        if let Some(id) = id
            && self.deleted.insert(id.clone())
        {
            self.undo.push(Undo::Deleted(id));
        }
    }

    /// Writes some fields of a record that exists.
    pub(super) fn set(&mut self, object: &str, id: &str, fields: Value) {
        if let Some(table) = self.tables.get(object) {
            if let (Some(number), Value::Object(fields)) = (table.number(id), fields) {
                self.change(object, number, fields);
            }
            return;
        }
        if let (Some(mut row), Value::Object(fields)) = (self.row(object, id).cloned(), fields) {
            row.extend(fields);
            self.put(object, id, row);
        }
    }

    /// Inserts a record and answers its id.
    pub(super) fn insert(&mut self, object: &str, fields: Value) -> String {
        let prefix = self
            .schema
            .get(object)
            .map_or_else(|| "a00".to_owned(), |object| object.prefix.clone());
        if self.is_packed(object) {
            let number = self.next_number(&prefix);
            let moment = json!(time::wire(self.now));
            let fields = if let Value::Object(fields) = fields {
                fields
            } else {
                Row::new()
            };
            // Fields that the object does not have leave no record behind; whoever reads it back notices.
            return match self.fill(object, number, fields, &moment) {
                Ok(()) => ids::numbered(&prefix, number),
                Err(_) => String::new(),
            };
        }
        let id = self.next_id(&prefix);
        self.insert_as(object, &id, fields);
        id
    }

    /// Inserts a record under a given id. Fields of the object that are not given are null, or false for booleans.
    pub(super) fn insert_as(&mut self, object: &str, id: &str, fields: Value) {
        let mut row = Row::new();
        if let Some(schema) = self.schema.get(object) {
            for field in &schema.fields {
                let value = match field.name.as_str() {
                    "CreatedDate" | "LastModifiedDate" | "SystemModstamp" => {
                        json!(time::wire(self.now))
                    }
                    _ if field.kind == super::schema::Kind::Boolean => json!(false),
                    _ => Value::Null,
                };
                row.insert(field.name.clone(), value);
            }
        }
        if let Value::Object(fields) = fields {
            row.extend(fields);
        }
        row.insert("Id".to_owned(), json!(id));
        self.put(object, id, row);
    }

    /// Removes a record; false when there was none.
    pub(super) fn remove(&mut self, object: &str, id: &str) -> bool {
        let Some(row) = self.store.remove(object, id) else {
            return false;
        };
        self.undo.push(Undo::Row(object.to_owned(), id.to_owned(), Some(row)));
        if self.deleted.insert(id.to_owned()) {
            self.undo.push(Undo::Deleted(id.to_owned()));
        }
        true
    }

    /// Takes a username for this org; false when it is taken anywhere.
    pub(super) fn claim_username(&mut self, username: &str) -> bool {
        let free = self.usernames.claim(username);
        if free {
            self.undo.push(Undo::Username(username.to_owned()));
        }
        free
    }

    /// Marks the present state.
    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint {
            undo: self.undo.len(),
            effects: self.effects.len(),
        }
    }

    /// Returns to a mark.
    pub(super) fn rollback(&mut self, to: Savepoint) {
        while self.undo.len() > to.undo {
            match self.undo.pop() {
                Some(Undo::Row(object, id, Some(row))) => {
                    self.store.insert(&object, &id, row);
                }
                Some(Undo::Row(object, id, None)) => {
                    self.store.remove(&object, &id);
                }
                Some(Undo::Deleted(id)) => {
                    self.deleted.remove(&id);
                }
                Some(Undo::Username(username)) => self.usernames.release(&username),
                Some(Undo::Packed(object, number, cells)) => {
                    if let Some(table) = self.tables.get_mut(&object) {
                        table.write(number, cells.as_deref());
                    }
                }
                Some(Undo::Change(object, number, column)) => {
                    if let Some(table) = self.tables.get_mut(&object) {
                        table.note_change(number, column, true);
                    }
                }
                None => break,
            }
        }
        self.effects.truncate(to.effects);
    }

    /// Ends a transaction of a call that has several; its effects stand.
    pub(super) fn end_transaction(&mut self) {
        self.undo.clear();
    }

    /// Ends the transaction and hands out its effects.
    pub(super) fn commit(&mut self) -> Vec<&'static str> {
        self.undo.clear();
        std::mem::take(&mut self.effects)
    }

    /// API calls of the last 24 hours.
    pub(super) fn used_calls(&self) -> u64 {
        let hour = self.now.as_second().div_euclid(3600);
        self.usage.range(hour - 23..).map(|(_, count)| count).sum()
    }

    /// Counts API calls at the present moment.
    pub(super) fn use_calls(&mut self, count: u64) {
        *self.usage.entry(self.now.as_second().div_euclid(3600)).or_insert(0) += count;
    }

    /// True while a session row is within its life, which each call extends (Object Reference, AuthSession: it expires at
    /// `LastModifiedDate + NumSecondsValid`).
    pub(super) fn session_lives(&self, row: &Row) -> bool {
        let touched = row.get("LastModifiedDate").and_then(Value::as_str).and_then(time::read);
        let seconds = row.get("NumSecondsValid").and_then(Value::as_u64).unwrap_or(0);
        touched.is_some_and(|touched| {
            touched
                .saturating_add(Duration::from_secs(seconds))
                .is_ok_and(|end| end > self.now)
        })
    }

    /// Opens a session for a user, perhaps with the access token that carries it.
    pub(super) fn open_session(
        &mut self,
        user: &str,
        kind: &str,
        login: &str,
        parent: Option<&str>,
        token: Option<&str>,
    ) -> String {
        let id = self.insert(
            "AuthSession",
            json!({
                "UsersId": user, "SessionType": kind, "LoginType": login, "ParentId": parent, "_OauthToken": token, "_Calls": 0,
                "NumSecondsValid": self.settings.session_seconds, "SourceIp": "203.0.113.24", "SessionSecurityLevel": "STANDARD",
            }),
        );
        self.set("User", user, json!({ "LastLoginDate": time::wire(self.now) }));
        if self.ids_where("UserLogin", "UserId", user).is_empty() {
            self.insert("UserLogin", json!({ "UserId": user }));
        }
        id
    }

    /// Ends every session and token of a user: what deactivation does.
    pub(super) fn end_access(&mut self, user: &str) {
        for id in self.ids_where("AuthSession", "UsersId", user) {
            self.remove("AuthSession", &id);
        }
        for id in self.ids_where("OauthToken", "UserId", user) {
            self.remove("OauthToken", &id);
        }
    }
}
