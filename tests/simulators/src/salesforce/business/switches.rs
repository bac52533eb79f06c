//! What a test turns about business records.

use super::super::Org;
use super::super::state::State;
use super::objects;

impl Org {
    /// Adds `AccountTeamMember` and `OpportunityTeamMember`, which orgs without teams do not know.
    pub fn enable_teams(&self) {
        let mut state = self.lock();
        for object in objects::teams() {
            state.add_packed(object);
        }
        state.objects_changed();
    }

    /// Adds a custom object with `Name`, `OwnerId` (users and queues) and the given look-ups to users. The name ends in
    /// `__c`; `prefix` is its key prefix of three characters, taken by no other object.
    pub fn add_custom_object(&self, name: &str, prefix: &str, user_fields: &[&str]) {
        let mut made = objects::packed(
            name,
            prefix,
            &[("Name", "text", "cun"), ("OwnerId", "ref:Group|User", "cu")],
            "cudr",
        );
        made.fields
            .extend(user_fields.iter().map(|field| objects::user_look_up(field)));
        let mut state = self.lock();
        for other in objects::beside(&made, 35) {
            state.schema.add(other);
        }
        state.add_packed(made);
        state.objects_changed();
    }

    /// Makes the next `times` writes of a record fail with `UNABLE_TO_LOCK_ROW`.
    pub fn lock_row(&self, id: &str, times: u32) {
        self.lock().business.row_locks.insert(id.to_owned(), times);
    }

    /// Locks a record, and its details, for an approval: `ENTITY_IS_LOCKED` until [`Org::end_approval`].
    pub fn approval_lock(&self, id: &str) {
        self.lock().business.approvals.insert(id.to_owned());
    }

    /// Ends the approval that locks a record.
    pub fn end_approval(&self, id: &str) {
        self.lock().business.approvals.remove(id);
    }

    /// Makes a validation rule refuse every change of a record with this text.
    pub fn refuse_by_rule(&self, id: &str, message: &str) {
        self.lock().business.refused.insert(id.to_owned(), message.to_owned());
    }

    /// Switches the validation rule off that refuses a record.
    pub fn allow_by_rule(&self, id: &str) {
        self.lock().business.refused.remove(id);
    }

    /// Keeps a user from reading an object, and so from owning its records: `TRANSFER_REQUIRES_READ`.
    pub fn may_not_read(&self, user_id: &str, object: &str) {
        let pair = (user_id.to_owned(), object.to_owned());
        self.lock().business.unreadable.insert(pair);
    }

    /// Hides an object from the caller, as a missing object permission does: it is neither listed nor described nor queried
    /// (`INVALID_TYPE`), and no relationship names it.
    pub fn hide_object(&self, object: &str) {
        let mut state = self.lock();
        if let Some(known) = state.schema.get(object).cloned() {
            state.schema.remove(object);
            state.business.hidden.insert(object.to_owned(), known);
            state.objects_changed();
        }
    }

    /// Shows an object again.
    pub fn show_object(&self, object: &str) {
        let mut state = self.lock();
        if let Some(known) = state.business.hidden.remove(object) {
            state.schema.add(known);
            state.objects_changed();
        }
    }

    /// Hides one record from the caller, as sharing does: no query finds it, a write is refused.
    pub fn hide_record(&self, id: &str) {
        self.lock().business.hidden_records.insert(id.to_owned());
    }

    /// Refuses every query of an object with `INSUFFICIENT_ACCESS`, though it is described.
    pub fn refuse_queries(&self, object: &str) {
        self.lock().business.no_query.insert(object.to_owned());
    }

    /// Refuses queries of an object that do not filter by ids (`MALFORMED_QUERY`), as the vendor does for some.
    pub fn demand_filter(&self, object: &str) {
        self.lock().business.narrow.insert(object.to_owned());
    }

    /// Refuses every write of an object's records with `INSUFFICIENT_ACCESS_OR_READONLY`.
    pub fn refuse_edits(&self, object: &str) {
        self.lock().business.no_edit.insert(object.to_owned());
    }

    /// Sets, or with `None` removes, the active assignment rule of `Case` or `Lead`: it puts this user or queue in place of
    /// whatever owner a REST call writes, unless the call says `Sforce-Auto-Assign: FALSE`.
    pub fn set_assignment_rule(&self, object: &str, owner: Option<&str>) {
        let mut state = self.lock();
        match owner {
            Some(owner) => state.business.assignment.insert(object.to_owned(), owner.to_owned()),
            None => state.business.assignment.remove(object),
        };
    }

    /// Sets whether records of inactive owners may be written (default true): the org switch together with the permission
    /// "Update Records with Inactive Owners".
    pub fn set_inactive_owners_writable(&self, writable: bool) {
        self.lock().business.frozen_owners = !writable;
    }

    /// Makes a queue that may own records of these objects and answers its id.
    pub fn add_queue(&self, name: &str, objects: &[&str]) -> String {
        let mut state = self.lock();
        let id = add_queue(&mut state, name, objects);
        state.commit();
        id
    }
}

fn add_queue(state: &mut State, name: &str, objects: &[&str]) -> String {
    let developer: String = name
        .chars()
        .map(|next| if next.is_ascii_alphanumeric() { next } else { '_' })
        .collect();
    let id = state.insert(
        "Group",
        serde_json::json!({ "Name": name, "DeveloperName": developer, "Type": "Queue" }),
    );
    for object in objects {
        state.insert(
            "QueueSobject",
            serde_json::json!({ "QueueId": id, "SobjectType": object }),
        );
    }
    id
}
