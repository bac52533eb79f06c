//! Which objects can belong to a user, in which order they change hands, and which of their records do.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::describe::{Described, Descriptions, Relation, USER};
use super::order::Order;
use crate::exchange::text;
use crate::salesforce::soql::{is_name, soql_quote};

/// Fields that say who did something, which never changes.
const HISTORY_FIELDS: [&str; 4] = ["CreatedById", "LastModifiedById", "LastActorId", "SubmittedById"];
/// Objects that go with another one: sharing, feeds, histories, change events.
const COMPANIONS: [&str; 4] = ["Share", "Feed", "History", "ChangeEvent"];
/// Rows that only say that the user belongs to something: other actions take these apart.
const MEMBERSHIPS: [&str; 12] = [
    "AccountTeamMember",
    "OpportunityTeamMember",
    "CaseTeamMember",
    "UserAccountTeamMember",
    "UserTeamMember",
    "GroupMember",
    "PermissionSetAssignment",
    "PermissionSetLicenseAssign",
    "UserPackageLicense",
    "UserTerritory2Association",
    "UserLogin",
    "AuthSession",
];
/// The order of standard objects: what others hang on comes first, because a child moves only where its parent may be edited.
const FIRST: [&str; 6] = ["Account", "Contact", "Opportunity", "Case", "Lead", "Campaign"];
const AFTER_CUSTOM: [&str; 3] = ["Contract", "Order", "Asset"];
const LAST: [&str; 3] = ["Task", "Event", "ContentDocument"];
/// Fields that say what a record hangs on, the first that an object has.
const PARENTS: [&str; 6] = [
    "AccountId",
    "ParentId",
    "OpportunityId",
    "CaseId",
    "WhatId",
    "ContactId",
];

/// The fields of each object that may name the user.
pub(super) fn by_name(relations: &[Relation]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for relation in relations {
        let name = relation.object.as_str();
        let companion = COMPANIONS.iter().any(|end| {
            name.strip_suffix(end)
                .is_some_and(|stem| !stem.is_empty() && !name.ends_with("__c"))
        });
        if relation.hidden
            || companion
            || HISTORY_FIELDS.contains(&relation.field.as_str())
            || MEMBERSHIPS.contains(&name) && !TEAMS.iter().any(|(_, team, _)| *team == name)
        {
            continue;
        }
        all.entry(relation.object.clone())
            .or_default()
            .insert(relation.field.clone());
    }
    all
}

/// Objects whose teams an owner change takes apart: the object, its team's object, and the field that names the record.
pub(super) const TEAMS: [(&str, &str, &str); 2] = [
    ("Account", "AccountTeamMember", "AccountId"),
    ("Opportunity", "OpportunityTeamMember", "OpportunityId"),
];

/// When a record counts as open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Open {
    /// While this field is false.
    While(String),
    /// While this moment is to come.
    Until(String),
}

impl Open {
    fn of(marks: &[String]) -> Option<Self> {
        let has = |name: &str| marks.iter().any(|mark| mark == name);
        ["IsConverted", "IsClosed"]
            .into_iter()
            .find(|name| has(name))
            .map(|name| Self::While(name.to_owned()))
            .or_else(|| has("EndDateTime").then(|| Self::Until("EndDateTime".to_owned())))
    }

    /// The field that it looks at.
    pub(super) fn field(&self) -> &str {
        match self {
            Self::While(field) | Self::Until(field) => field,
        }
    }

    /// Why a record with this value is not open; nothing when it is.
    pub(super) fn closed(&self, value: &str, began: Timestamp) -> Option<&'static str> {
        match self {
            Self::While(field) if value == "true" => Some(match field.as_str() {
                "IsConverted" => "converted: the scope is open",
                _ => "closed: the scope is open",
            }),
            Self::Until(_) if moment(value).is_some_and(|end| end < began) => Some("past: the scope is open"),
            _ => None,
        }
    }

    /// The same as a condition.
    pub(super) fn condition(&self, began: Timestamp) -> String {
        match self {
            Self::While(field) => format!("{field} = false"),
            Self::Until(field) => {
                let began = Timestamp::from_second(began.as_second()).unwrap_or(began);
                format!("{field} >= {began}")
            }
        }
    }
}

/// `2026-03-01T15:20:11.000+0000`, the vendor's form, or RFC 3339.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
            .ok()?
            .to_timestamp()
            .ok()
    })
}

/// A field of an object that may name the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    /// Records move; otherwise they are reported.
    pub(super) moves: bool,
    /// A queue may stand there.
    pub(super) queue: bool,
    /// Who gets the records, by id, in order.
    pub(super) targets: Vec<String>,
    /// Why there is nobody, when there is nobody.
    pub(super) nobody: String,
}

/// An object to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    /// The field that says what its records hang on.
    pub(super) parent: Option<String>,
    /// When a record is open, where only open ones move.
    pub(super) open: Option<Open>,
    /// Has records that follow another one and cannot change hands on their own (`IsChild`).
    pub(super) children: bool,
}

/// An object's team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Team {
    pub(super) object: String,
    /// The field that names the record.
    pub(super) of: String,
    /// What a row consists of.
    pub(super) fields: Vec<String>,
}

/// The plan of work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) objects: Vec<Object>,
    pub(super) teams: BTreeMap<String, Team>,
}

impl Plan {
    /// The object of this name.
    pub(super) fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == name)
    }
}

impl Object {
    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The selection of its records, ready for more conditions: every field that decides about a record, once.
    pub(super) fn select(&self, condition: &str) -> String {
        let mut columns = vec!["Id"];
        let more = self
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .chain(self.parent.as_deref())
            .chain(self.open.as_ref().map(Open::field))
            .chain(self.children.then_some("IsChild"));
        for column in more {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        format!("SELECT {} FROM {} WHERE {condition}", columns.join(", "), self.name)
    }

    /// The condition that any of its fields names the user.
    pub(super) fn names(&self, user: &str) -> String {
        self.fields
            .iter()
            .map(|field| format!("{} = {}", field.name, soql_quote(user)))
            .collect::<Vec<_>>()
            .join(" OR ")
    }
}

/// A record as selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) parent: String,
    /// Why it stays where it is.
    pub(super) stays: Option<&'static str>,
}

impl Object {
    /// A record from its cells, whichever form they came in.
    pub(super) fn record(&self, id: String, cell: impl Fn(&str) -> String, began: Timestamp) -> Record {
        let stays = if self.children && cell("IsChild") == "true" {
            Some("an invitation: it follows its event")
        } else {
            self.open
                .as_ref()
                .and_then(|open| open.closed(&cell(open.field()), began))
        };
        Record {
            id,
            parent: self.parent.as_deref().map(cell).unwrap_or_default(),
            stays,
        }
    }
}

/// A cell of a JSON row as text.
pub(super) fn json_cell(row: &Value, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// The objects to look at, in order; what cannot be looked at, with the reason, by object.
pub(super) fn plan(all: &Descriptions, order: &Order) -> (Plan, Vec<(String, String)>) {
    let mut plan = Plan::default();
    let mut unseen: Vec<(String, String)> = Vec::new();
    for (name, fields) in by_name(&all.relations) {
        let Some(described) = all.objects.get(&name) else {
            let why = all.refused.get(&name).cloned();
            unseen.push((name, why.unwrap_or_else(|| "not described".to_owned())));
            continue;
        };
        if let Some((object, _, of)) = TEAMS.iter().find(|(_, team, _)| *team == name) {
            let team = Team {
                object: name.clone(),
                of: (*of).to_owned(),
                fields: described.createable.clone(),
            };
            if [&team.of, "UserId"]
                .iter()
                .all(|field| team.fields.iter().any(|one| one == field))
            {
                plan.teams.insert((*object).to_owned(), team);
            }
            continue;
        }
        if let Some(object) = object(&name, &fields, described, order) {
            plan.objects.push(object);
        }
    }
    sort(&mut plan.objects, all);
    (plan, unseen)
}

fn object(name: &str, fields: &BTreeSet<String>, described: &Described, order: &Order) -> Option<Object> {
    if !described.usable || !described.updateable || !is_name(name) {
        return None;
    }
    let fields: Vec<Field> = described
        .look_ups
        .iter()
        .filter(|look_up| look_up.updateable && look_up.filterable && fields.contains(&look_up.name))
        .map(|look_up| Field {
            // Users are people, not records: who reports to whom is not ours to change.
            moves: order.moves(name, &look_up.name) && name != USER,
            name: look_up.name.clone(),
            queue: look_up.queue,
            targets: Vec::new(),
            nobody: String::new(),
        })
        .collect();
    if fields.is_empty() {
        return None;
    }
    let refers = |field: &str| described.references.iter().any(|(known, _)| known == field);
    let parent = PARENTS
        .into_iter()
        .find(|field| refers(field))
        .map(str::to_owned)
        .or_else(|| {
            let custom = described.references.iter().find(|(field, _)| field.ends_with("__c"));
            custom.map(|(field, _)| field.clone())
        });
    Some(Object {
        name: name.to_owned(),
        fields,
        parent,
        open: if order.all { None } else { Open::of(&described.marks) },
        children: described.marks.iter().any(|mark| mark == "IsChild"),
    })
}

fn rank(name: &str) -> (usize, usize) {
    let place = |list: &[&str]| list.iter().position(|one| *one == name);
    if let Some(place) = place(&FIRST) {
        (0, place)
    } else if name.ends_with("__c") {
        (1, 0)
    } else if let Some(place) = place(&AFTER_CUSTOM) {
        (2, place)
    } else if let Some(place) = place(&LAST) {
        (4, place)
    } else {
        (3, 0)
    }
}

/// Sorts by the order of standard objects; custom ones so that what others refer to comes first.
fn sort(objects: &mut [Object], all: &Descriptions) {
    let customs: BTreeSet<String> = objects
        .iter()
        .filter(|object| object.name.ends_with("__c"))
        .map(|object| object.name.clone())
        .collect();
    let mut depth: BTreeMap<String, usize> = BTreeMap::new();
    // As many passes as objects settle every chain; a circle ends with them, too.
    for _ in 0..customs.len() {
        let mut changed = false;
        for name in &customs {
            let above = all
                .objects
                .get(name)
                .into_iter()
                .flat_map(|object| object.references.iter().flat_map(|(_, to)| to))
                .filter(|to| customs.contains(*to) && *to != name)
                .map(|to| depth.get(to).copied().unwrap_or(0) + 1)
                .max()
                .unwrap_or(0)
                .min(customs.len());
            changed |= depth.insert(name.clone(), above) != Some(above);
        }
        if !changed {
            break;
        }
    }
    objects.sort_by_cached_key(|object| {
        (
            rank(&object.name),
            depth.get(&object.name).copied().unwrap_or(0),
            object.name.clone(),
        )
    });
}

/// The id in a JSON row, in its long form.
pub(super) fn row_id(row: &Value) -> Option<String> {
    text(row, "Id").and_then(crate::salesforce::soql::eighteen)
}

#[cfg(test)]
mod tests;
