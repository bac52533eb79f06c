//! Writes of business records.

use serde_json::{Value, json};

use super::super::errors::Refusal;
use super::super::rules::Caller;
use super::super::schema::{Kind, Object};
use super::super::state::{Row, State};
use super::super::time;

/// Objects whose members go when the owner of their parent changes, with the parent and the reference to it.
///
/// SOAP API Developer Guide, "OwnerChangeOptions": teams are kept only where a SOAP header says so; REST and Bulk have none.
const TEAMS: [(&str, &str, &str); 2] = [
    ("Account", "AccountTeamMember", "AccountId"),
    ("Opportunity", "OpportunityTeamMember", "OpportunityId"),
];

impl State {
    /// `PATCH` of a business record.
    pub(in super::super) fn update_business(
        &mut self,
        caller: &Caller,
        object: &Object,
        id: &str,
        body: &Row,
    ) -> Result<String, Refusal> {
        let id = Self::record_id(object, id)?;
        let number = self.business_number(object, &id)?;
        self.may_touch(object, &id, number)?;
        let mut fields = self.checked_fields(object, body, false)?;
        derive(&object.name, &mut fields);
        let record = self
            .tables
            .record(&object.name, number)
            .ok_or_else(Refusal::not_found)?;
        let owner = fields.get("OwnerId").and_then(Value::as_str);
        if let Some(owner) = owner.filter(|owner| record.text("OwnerId") != Some(owner)) {
            if object.name == "Event" && record.is("IsChild") {
                // The code is not documented: an invitation belongs to whoever was invited.
                return Err(Refusal::record(
                    "FIELD_INTEGRITY_EXCEPTION",
                    "You cannot change the owner of a child event",
                    &["OwnerId"],
                ));
            }
            self.may_own(object, owner)?;
        }
        if let Some(owner) = self.assigned(&object.name) {
            if record.text("OwnerId") != Some(owner.as_str()) {
                self.effects.push("assignment-rule");
            }
            fields.insert("OwnerId".to_owned(), json!(owner));
        }
        self.apply(caller, object, number, fields);
        Ok(id)
    }

    /// `POST` of a business record; the body has passed the checks that every object shares.
    pub(in super::super) fn create_business(
        &mut self,
        caller: &Caller,
        object: &Object,
        mut row: Row,
    ) -> Result<String, Refusal> {
        if self.business.no_edit.contains(&object.name) {
            return Err(Refusal::insufficient_access());
        }
        // Whoever makes a record may have it.
        let owner = row.get("OwnerId").and_then(Value::as_str);
        if let Some(owner) = owner.filter(|owner| *owner != caller.user) {
            self.may_own(object, owner)?;
        }
        if let Some(owner) = self.assigned(&object.name) {
            row.insert("OwnerId".to_owned(), json!(owner));
        }
        self.not_on_the_team(object, &row)?;
        row.insert("CreatedById".to_owned(), json!(caller.user));
        row.insert("LastModifiedById".to_owned(), json!(caller.user));
        let id = self.insert(&object.name, Value::Object(row));
        self.effects.push("create");
        Ok(id)
    }

    /// `DELETE` of a business record: into the bin, its details with it. Members of a team are gone for good.
    pub(in super::super) fn delete_business(&mut self, object: &Object, id: &str) -> Result<String, Refusal> {
        let id = Self::record_id(object, id)?;
        let number = self.business_number(object, &id)?;
        self.may_touch(object, &id, number)?;
        self.bin(&object.name, number);
        self.effects.push("delete");
        Ok(id)
    }

    fn bin(&mut self, object: &str, number: u32) {
        if TEAMS.iter().any(|(_, team, _)| *team == object) {
            let id = self.tables.get(object).map(|table| table.id(number));
            self.write_packed(object, number, None);
            self.note_deleted(id);
            return;
        }
        let Some(id) = self.tables.get(object).map(|table| table.id(number)) else {
            return;
        };
        self.change(
            object,
            number,
            [("IsDeleted".to_owned(), json!(true))].into_iter().collect(),
        );
        let details: Vec<(String, String)> = self
            .schema
            .all()
            .filter(|detail| detail.is_business())
            .flat_map(|detail| detail.fields.iter().map(move |field| (detail, field)))
            .filter(|(_, field)| {
                field.cascade && matches!(&field.kind, Kind::Reference { to, .. } if to.iter().any(|to| to == object))
            })
            .map(|(detail, field)| (detail.name.clone(), field.name.clone()))
            .collect();
        for (detail, field) in details {
            for held in self.holders(&detail, &field, &id) {
                self.bin(&detail, held);
            }
        }
    }

    /// Numbers of the records whose reference holds this id.
    pub(super) fn holders(&self, object: &str, field: &str, id: &str) -> Vec<u32> {
        let found = self.tables.get(object).and_then(|table| {
            let cell = self.tables.pool.find(id)?;
            table.holders(table.column(field)?, cell)
        });
        found.into_iter().flatten().copied().collect()
    }

    /// The number of a record for a write, or why there is none.
    fn business_number(&self, object: &Object, id: &str) -> Result<u32, Refusal> {
        let table = self.tables.get(&object.name);
        let number = table.and_then(|table| table.number(id).filter(|&number| table.has(number)));
        match number {
            Some(number) => Ok(number),
            None if self.was_deleted(id) => Err(Refusal {
                status: 404,
                ..Refusal::record("ENTITY_IS_DELETED", "entity is deleted", &[])
            }),
            None => Err(Refusal::not_found()),
        }
    }

    /// Writes what differs, with all that follows from it.
    fn apply(&mut self, caller: &Caller, object: &Object, number: u32, mut fields: Row) {
        let Some(record) = self.tables.record(&object.name, number) else {
            return;
        };
        fields.retain(|name, value| record.stored(name) != value);
        if fields.is_empty() {
            return;
        }
        let Some(table) = self.tables.get(&object.name) else {
            return;
        };
        let moved: Vec<usize> = fields
            .keys()
            .filter_map(|name| table.column(name))
            .filter(|&column| table.points_at_users(column))
            .collect();
        let owner_changes = fields.contains_key("OwnerId");
        let id = table.id(number);
        fields.insert("LastModifiedDate".to_owned(), json!(time::wire(self.now)));
        fields.insert("SystemModstamp".to_owned(), json!(time::wire(self.now)));
        fields.insert("LastModifiedById".to_owned(), json!(caller.user));
        self.change(&object.name, number, fields);
        for &column in &moved {
            self.note_change(&object.name, number, column);
        }
        if owner_changes {
            self.effects.push("change-owner");
            self.end_teams(&object.name, &id);
        } else if moved.is_empty() {
            self.effects.push("update");
        } else {
            self.effects.push("change-look-up");
        }
    }

    fn end_teams(&mut self, object: &str, id: &str) {
        for (_, team, field) in TEAMS.iter().filter(|(parent, ..)| *parent == object) {
            for member in self.holders(team, field, id) {
                self.bin(team, member);
                self.effects.push("remove-team-member");
            }
        }
    }

    /// Refuses a second membership of one user. The vendor does not document what it answers; `DUPLICATE_VALUE` is what it
    /// answers for every other pair that may exist once.
    fn not_on_the_team(&self, object: &Object, row: &Row) -> Result<(), Refusal> {
        let Some((_, team, field)) = TEAMS.iter().find(|(_, team, _)| *team == object.name) else {
            return Ok(());
        };
        let parent = row.get(*field).and_then(Value::as_str).unwrap_or_default();
        let user = row.get("UserId").and_then(Value::as_str);
        let twin = self
            .holders(team, field, parent)
            .into_iter()
            .filter_map(|number| self.tables.record(team, number))
            .find(|member| member.text("UserId") == user);
        match twin {
            Some(twin) => Err(Refusal::record(
                "DUPLICATE_VALUE",
                format!(
                    "duplicate value found: UserId duplicates value on record with id: {}",
                    twin.id()
                ),
                &[],
            )),
            None => Ok(()),
        }
    }
}

/// Fields that follow from others, where they are not given.
pub(super) fn derive(object: &str, fields: &mut Row) {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let follows: Vec<(&str, Value)> = match object {
        "Case" => text("Status")
            .map(|status| ("IsClosed", json!(status == "Closed")))
            .into_iter()
            .collect(),
        "Task" => text("Status")
            .map(|status| ("IsClosed", json!(status == "Completed")))
            .into_iter()
            .collect(),
        "Opportunity" => text("StageName").map_or_else(Vec::new, |stage| {
            let closed = json!(stage.starts_with("Closed"));
            vec![("IsClosed", closed), ("IsWon", json!(stage == "Closed Won"))]
        }),
        "Contact" | "Lead" => {
            let name = text("LastName").map(|last| match text("FirstName") {
                Some(first) => json!(format!("{first} {last}")),
                None => json!(last),
            });
            name.map(|name| ("Name", name)).into_iter().collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in follows {
        fields.entry(name).or_insert(value);
    }
}
