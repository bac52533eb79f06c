//! Who may own a record, and what keeps a record from being written.
//!
//! Codes follow the vendor's list of status codes (SOAP API Developer Guide, "Core Data Types"). The text of a queue that does
//! not serve an object is the vendor's; that of a new owner without read permission is not documented.

use serde_json::Value;

use super::super::errors::Refusal;
use super::super::schema::{Kind, Object};
use super::super::state::{Row, State};
use super::super::tables::Packed;

/// References whose record is locked together with the one that holds them.
const PARENTS: [&str; 6] = [
    "AccountId",
    "ParentId",
    "OpportunityId",
    "WhatId",
    "Account__c",
    "Project__c",
];

impl State {
    /// Refuses a write of a record for what the record is, before looking at what is written.
    pub(super) fn may_touch(&mut self, object: &Object, id: &str, number: u32) -> Result<(), Refusal> {
        let Some(record) = self.tables.record(&object.name, number) else {
            return Err(Refusal::not_found());
        };
        if record.is("IsDeleted") {
            return Err(Refusal {
                status: 404,
                ..Refusal::record("ENTITY_IS_DELETED", "entity is deleted", &[])
            });
        }
        if self.business.hidden_records.contains(id) {
            return Err(Refusal::record(
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                "insufficient access rights on cross-reference id",
                &[],
            ));
        }
        if self.business.no_edit.contains(&object.name) {
            return Err(Refusal::insufficient_access());
        }
        if record.is("IsArchived") {
            return Err(Refusal::record("ENTITY_IS_ARCHIVED", "entity is archived", &[]));
        }
        if object.name == "Lead" && record.is("IsConverted") {
            return Err(Refusal::record(
                "CANNOT_UPDATE_CONVERTED_LEAD",
                "cannot reference converted lead",
                &[],
            ));
        }
        if self.awaits_approval(object, id, &record) {
            return Err(Refusal::record(
                "ENTITY_IS_LOCKED",
                "the entity is locked for editing",
                &[],
            ));
        }
        let held = self.held_parent(&record);
        if let Some(held) = held {
            return Err(no_lock(&held));
        }
        // Not part of the transaction: the other party's hold gets shorter whatever becomes of this one.
        if let Some(times) = self.business.row_locks.get_mut(id).filter(|times| **times > 0) {
            *times -= 1;
            return Err(no_lock(id));
        }
        if self.business.frozen_owners
            && let Some(owner) = self
                .tables
                .record(&object.name, number)
                .and_then(|record| record.text("OwnerId"))
            && self.row("User", owner).is_some()
            && !self.is_active_user(owner)
        {
            return Err(inactive(owner, object));
        }
        match self.business.refused.get(id) {
            Some(message) => Err(Refusal::record(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                message.clone(),
                &["OwnerId"],
            )),
            None => Ok(()),
        }
    }

    /// True when an approval locks the record, or the master of which it is a detail.
    fn awaits_approval(&self, object: &Object, id: &str, record: &Packed<'_>) -> bool {
        if self.business.approvals.is_empty() {
            return false;
        }
        let master = object
            .fields
            .iter()
            .filter(|field| {
                field.cascade && matches!(field.kind, Kind::Reference { .. }) && object.field("OwnerId").is_none()
            })
            .filter_map(|field| record.text(&field.name))
            .any(|master| self.business.approvals.contains(master));
        master || self.business.approvals.contains(id)
    }

    /// The parent of a record, or the record itself, when another bulk job holds it.
    fn held_parent(&self, record: &Packed<'_>) -> Option<String> {
        if self.business.busy.is_empty() {
            return None;
        }
        let other = |id: &str| {
            let holder = self.business.busy.get(id);
            holder.is_some() && holder != self.business.job.as_ref()
        };
        Self::parents(record)
            .into_iter()
            .chain([record.id()])
            .find(|id| other(id))
    }

    /// The records that are locked together with one.
    pub(in super::super) fn parents(record: &Packed<'_>) -> Vec<String> {
        PARENTS
            .iter()
            .filter_map(|field| record.text(field))
            .map(str::to_owned)
            .collect()
    }

    /// Refuses an owner that may not own a record of the object.
    pub(super) fn may_own(&self, object: &Object, owner: &str) -> Result<(), Refusal> {
        if let Some(group) = self.row("Group", owner) {
            let serves = |row: &Row| {
                row.get("QueueId").and_then(Value::as_str) == Some(owner)
                    && row.get("SobjectType").and_then(Value::as_str) == Some(object.name.as_str())
            };
            let queue = group.get("Type").and_then(Value::as_str) == Some("Queue");
            return if queue && self.rows("QueueSobject").any(|(_, row)| serves(row)) {
                Ok(())
            } else {
                Err(Refusal::record(
                    "INVALID_OPERATION",
                    "Queue not associated with this SObject type",
                    &[],
                ))
            };
        }
        if !self.is_active_user(owner) {
            return Err(inactive(owner, object));
        }
        if self.may_read(owner, &object.name) {
            Ok(())
        } else {
            Err(Refusal::record(
                "TRANSFER_REQUIRES_READ",
                "The new owner must have read permission",
                &["OwnerId"],
            ))
        }
    }

    /// The owner that the object's assignment rule sets, where the call lets it run.
    pub(super) fn assigned(&self, object: &str) -> Option<String> {
        let runs = self.business.assign;
        self.business.assignment.get(object).filter(|_| runs).cloned()
    }

    fn is_active_user(&self, user: &str) -> bool {
        self.row("User", user).and_then(|row| row.get("IsActive")) == Some(&Value::Bool(true))
    }
}

fn inactive(owner: &str, object: &Object) -> Refusal {
    let message = format!(
        "operation performed with inactive user [{owner}] as owner of {}",
        object.name.to_lowercase()
    );
    Refusal::record("INACTIVE_OWNER_OR_USER", message, &["OwnerId"])
}

fn no_lock(id: &str) -> Refusal {
    Refusal::record(
        "UNABLE_TO_LOCK_ROW",
        format!("unable to obtain exclusive access to this record or 1 records: {id}"),
        &[],
    )
}
