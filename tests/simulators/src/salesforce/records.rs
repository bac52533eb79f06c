//! One record at a time: create, read, update, delete.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::business::Record;
use super::errors::Refusal;
use super::rules::{self, Caller};
use super::schema::{Kind, Object};
use super::state::{Row, State};
use super::{id18, time};

impl State {
    /// The object of this name, or the vendor's 404.
    pub(super) fn object(&self, name: &str) -> Result<Arc<Object>, Refusal> {
        self.schema.shared(name).ok_or_else(Refusal::not_found)
    }

    /// The long form of a record id from a path or a body.
    pub(super) fn record_id(object: &Object, id: &str) -> Result<String, Refusal> {
        match id18(id) {
            Some(id) if id.starts_with(&object.prefix) => Ok(id),
            Some(_) => Err(Refusal::not_found()),
            None if matches!(id.len(), 15 | 18) => Err(Refusal::new(400, "MALFORMED_ID", format!("malformed id {id}"))),
            None => Err(Refusal::new(
                404,
                "NOT_FOUND",
                format!("Provided external ID field does not exist or is not accessible: {id}"),
            )),
        }
    }

    /// The record for a write, or why there is none.
    fn record_for_write(&self, object: &Object, id: &str) -> Result<Row, Refusal> {
        if self.was_deleted(id) {
            return Err(Refusal {
                status: 404,
                ..Refusal::record("ENTITY_IS_DELETED", "entity is deleted", &[])
            });
        }
        self.row(&object.name, id).cloned().ok_or_else(Refusal::not_found)
    }

    /// `GET /sobjects/{O}/{id}`: all fields, or those named.
    pub(super) fn read_record(
        &self,
        caller: &Caller,
        version: &str,
        object: &str,
        id: &str,
        fields: Option<&str>,
    ) -> Result<Value, Refusal> {
        let object = self.object(object)?;
        if !object.retrieveable {
            return Err(Refusal::new(
                400,
                "INVALID_TYPE_FOR_OPERATION",
                format!("entity type {} does not support retrieve", object.name),
            ));
        }
        let id = Self::record_id(&object, id)?;
        let row = self
            .record(&object.name, &id)
            .filter(|row| row.visible(self, caller, &object.name))
            .ok_or_else(Refusal::not_found)?;
        if let Record::Packed(packed) = row
            && packed.is("IsDeleted")
        {
            return Err(Refusal {
                status: 404,
                ..Refusal::record("ENTITY_IS_DELETED", "entity is deleted", &[])
            });
        }
        let mut record = Map::new();
        record.insert("attributes".to_owned(), attributes(version, &object.name, &id));
        for field in &object.fields {
            let wanted = fields.is_none_or(|names| {
                field.name == "Id"
                    || names
                        .split(',')
                        .any(|name| name.trim().eq_ignore_ascii_case(&field.name))
            });
            if wanted {
                record.insert(field.name.clone(), row.value(self, caller, &object.name, &field.name));
            }
        }
        if let Some(unknown) =
            fields.and_then(|names| names.split(',').find(|name| object.field(name.trim()).is_none()))
        {
            return Err(Refusal::new(
                400,
                "INVALID_FIELD",
                format!("No such column '{}' on entity '{}'.", unknown.trim(), object.name),
            ));
        }
        Ok(Value::Object(record))
    }

    /// `PATCH /sobjects/{O}/{id}`.
    pub(super) fn update_record(
        &mut self,
        caller: &Caller,
        object: &str,
        id: &str,
        body: &Row,
    ) -> Result<String, Refusal> {
        let object = self.object(object)?;
        if !object.updateable {
            return Err(Refusal::new(
                400,
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type cannot be updated: {}", object.name),
            ));
        }
        if self.is_packed(&object.name) {
            return self.update_business(caller, &object, id, body);
        }
        let id = Self::record_id(&object, id)?;
        let old = self.record_for_write(&object, &id)?;
        rules::may_write(self, &object)?;
        let mut new = old.clone();
        new.extend(self.checked_fields(&object, body, false)?);
        let mark = self.savepoint();
        let judged = rules::before_update(self, caller, &object.name, &id, &old, &mut new);
        if let Err(refusal) = judged {
            self.rollback(mark);
            return Err(refusal);
        }
        if new != old {
            self.stamp(caller, &object, &mut new);
            self.put(&object.name, &id, new.clone());
            rules::after_update(self, &object.name, &id, &old, &new);
        }
        Ok(id)
    }

    /// `POST /sobjects/{O}`.
    pub(super) fn create_record(&mut self, caller: &Caller, object: &str, body: &Row) -> Result<String, Refusal> {
        let object = self.object(object)?;
        if !object.createable {
            return Err(Refusal::new(
                400,
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type cannot be inserted: {}", object.name),
            ));
        }
        rules::may_write(self, &object)?;
        let mut row = self.checked_fields(&object, body, true)?;
        // Owners and switches have defaults; every other field that cannot be empty must be given.
        let defaulted = ["IsActive", "OwnerId"];
        let required = |name: &str| {
            !defaulted.contains(&name)
                && !row.contains_key(name)
                && (name != "PermissionSetId" || !row.contains_key("PermissionSetGroupId"))
        };
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| field.createable && !field.nillable && required(&field.name))
            .filter(|field| !self.is_packed(&object.name) || field.kind != Kind::Boolean)
            .map(|field| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::record(
                "REQUIRED_FIELD_MISSING",
                format!("Required fields are missing: [{}]", missing.join(", ")),
                &missing,
            ));
        }
        if object.field("OwnerId").is_some() {
            row.entry("OwnerId").or_insert_with(|| json!(caller.user));
        }
        if self.is_packed(&object.name) {
            return self.create_business(caller, &object, row);
        }
        let mark = self.savepoint();
        if let Err(refusal) = rules::before_create(self, &object.name, &mut row) {
            self.rollback(mark);
            return Err(refusal);
        }
        self.stamp(caller, &object, &mut row);
        let id = self.insert(&object.name, Value::Object(row));
        rules::after_create(self, &object.name, &id);
        Ok(id)
    }

    /// `DELETE /sobjects/{O}/{id}`.
    pub(super) fn delete_record(&mut self, caller: &Caller, object: &str, id: &str) -> Result<String, Refusal> {
        let object = self.object(object)?;
        if !object.deletable {
            return Err(Refusal::new(
                400,
                "INVALID_TYPE_FOR_OPERATION",
                format!("entity type {} does not support delete", object.name),
            ));
        }
        if self.is_packed(&object.name) {
            return self.delete_business(&object, id);
        }
        let id = Self::record_id(&object, id)?;
        let row = self.record_for_write(&object, &id)?;
        let own_session =
            object.name == "AuthSession" && row.get("UsersId").and_then(Value::as_str) == Some(caller.user.as_str());
        if !own_session {
            rules::may_write(self, &object)?;
        }
        rules::before_delete(self, &object.name, &row)?;
        self.remove(&object.name, &id);
        rules::after_delete(self, &object.name, &id);
        Ok(id)
    }

    /// The fields of a write under their proper names, each allowed and of its type.
    pub(super) fn checked_fields(&self, object: &Object, body: &Row, creating: bool) -> Result<Row, Refusal> {
        let mut fields = Row::new();
        for (name, value) in body {
            if name == "attributes" {
                continue;
            }
            if name.eq_ignore_ascii_case("id") {
                return Err(Refusal::new(
                    400,
                    "INVALID_FIELD",
                    "The Id field should not be specified in the sobject data.",
                ));
            }
            let Some(field) = object.field(name) else {
                return Err(Refusal::new(
                    400,
                    "INVALID_FIELD",
                    format!("No such column '{name}' on sobject of type {}", object.name),
                ));
            };
            if !(if creating { field.createable } else { field.updateable }) {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(Refusal::record(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    message,
                    &[&field.name],
                ));
            }
            fields.insert(
                field.name.clone(),
                rules::check_value(self, object, &field.name, value)?,
            );
        }
        Ok(fields)
    }

    fn stamp(&self, caller: &Caller, object: &Object, row: &mut Row) {
        for (field, value) in [
            ("LastModifiedDate", time::wire(self.now)),
            ("SystemModstamp", time::wire(self.now)),
            ("LastModifiedById", caller.user.clone()),
        ] {
            if object.field(field).is_some() {
                row.insert(field.to_owned(), json!(value));
            }
        }
    }
}

/// The `attributes` of a record.
pub(super) fn attributes(version: &str, object: &str, id: &str) -> Value {
    json!({ "type": object, "url": format!("/services/data/{version}/sobjects/{object}/{id}") })
}
