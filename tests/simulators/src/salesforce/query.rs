//! `GET /query` and its pages.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::business::Record;
use super::errors::Refusal;
use super::records::attributes;
use super::rules::Caller;
use super::schema::Kind;
use super::setup_rules;
use super::soql::{self, Path, Plan};
use super::state::{Row, State};

/// How long a cursor lives (App Limits Cheat Sheet, "API Query Cursor Limits").
const CURSOR_LIFE: Duration = Duration::from_hours(48);

/// A result that is read page by page.
#[derive(Debug)]
pub(super) struct Cursor {
    plan: Plan,
    found: Found,
    user: String,
    page: usize,
    opened: Timestamp,
}

/// Records that a statement selects, in its order.
#[derive(Debug)]
pub(super) enum Found {
    Ids(Vec<String>),
    /// Running numbers of packed records.
    Numbers(Vec<u32>),
}

impl Found {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

impl State {
    /// Runs a statement and answers its first page.
    pub(super) fn run_query(
        &mut self,
        caller: &Caller,
        version: &str,
        source: &str,
        batch: Option<usize>,
        all: bool,
    ) -> Result<Value, Refusal> {
        let (plan, found) = self.select(caller, source, all)?;
        if plan.count {
            return Ok(json!({ "totalSize": found.len(), "done": true, "records": [] }));
        }
        if let Some((path, name)) = &plan.count_of {
            let held = self
                .found(&plan, &found, 0..found.len())
                .filter(|row| !self.reach(caller, &plan.object, *row, path).is_null())
                .count();
            return Ok(
                json!({ "totalSize": 1, "done": true, "records": [{ "attributes": { "type": "AggregateResult" }, name: held }] }),
            );
        }
        let asked = batch.map_or(2000, |size| size.clamp(200, 2000));
        let page = asked.min(self.settings.page_size).max(1);
        let cursor = Cursor {
            plan,
            found,
            user: caller.user.clone(),
            page,
            opened: self.now,
        };
        let locator = self.next_id("01g");
        let answer = self.page(caller, version, &locator, &cursor, 0);
        if answer.get("done") == Some(&json!(false)) {
            self.cursors.insert(locator, cursor);
        }
        Ok(answer)
    }

    /// Parses, checks and runs a statement.
    pub(super) fn select(&self, caller: &Caller, source: &str, all: bool) -> Result<(Plan, Found), Refusal> {
        let mut plan = soql::bind(soql::parse(source, self.now)?, &self.schema, source)?;
        let by_ids = plan.keys().iter().flatten().any(|(field, _)| field.ends_with("Id"));
        let object = self.object(&plan.object)?;
        self.may_query(&object, by_ids)?;
        plan.join(&|inner, column| {
            let found = self.matching(caller, inner, all);
            self.found(inner, &found, 0..found.len())
                .filter_map(|row| Some(self.reach(caller, &inner.object, row, column).as_str()?.to_owned()))
                .collect()
        });
        let found = self.matching(caller, &plan, all);
        Ok((plan, found))
    }

    /// The records at some places of a result. What was deleted since is left out.
    pub(super) fn found<'a>(
        &'a self,
        plan: &'a Plan,
        found: &'a Found,
        places: Range<usize>,
    ) -> Box<dyn Iterator<Item = Record<'a>> + 'a> {
        match found {
            Found::Ids(ids) => {
                let ids = ids.get(places).unwrap_or_default().iter();
                Box::new(ids.filter_map(|id| self.record(&plan.object, id)))
            }
            Found::Numbers(numbers) => {
                let numbers = numbers.get(places).unwrap_or_default().iter();
                Box::new(numbers.filter_map(|&number| Some(Record::Packed(self.tables.record(&plan.object, number)?))))
            }
        }
    }

    /// A later page: `GET /query/{locator}-{offset}`.
    pub(super) fn next_page(&self, caller: &Caller, version: &str, place: &str) -> Result<Value, Refusal> {
        let invalid = || Refusal::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let (locator, offset) = place.rsplit_once('-').ok_or_else(invalid)?;
        let offset: usize = offset.parse().map_err(|_| invalid())?;
        let cursor = self
            .cursors
            .get(locator)
            .filter(|cursor| cursor.user == caller.user && offset < cursor.found.len())
            .ok_or_else(invalid)?;
        if cursor
            .opened
            .saturating_add(CURSOR_LIFE)
            .is_ok_and(|end| end <= self.now)
        {
            return Err(invalid());
        }
        Ok(self.page(caller, version, locator, cursor, offset))
    }

    fn page(&self, caller: &Caller, version: &str, locator: &str, cursor: &Cursor, offset: usize) -> Value {
        // A page may be shorter than asked, by an amount the client cannot foresee.
        let short = if self.settings.short_pages { 1 + offset % 2 } else { 0 };
        let size = cursor.page.saturating_sub(short).max(1);
        let total = cursor.found.len();
        let end = (offset + size).min(total);
        let records: Vec<Value> = self
            .found(&cursor.plan, &cursor.found, offset..end)
            .map(|row| self.project(caller, version, &cursor.plan, row))
            .collect();
        let done = end >= total;
        let mut answer = json!({ "totalSize": total, "done": done, "records": records });
        if !done && let Some(map) = answer.as_object_mut() {
            map.insert(
                "nextRecordsUrl".to_owned(),
                json!(format!("/services/data/{version}/query/{locator}-{end}")),
            );
        }
        answer
    }

    /// The visible records that pass the filter, in order and within limit and offset.
    fn matching(&self, caller: &Caller, plan: &Plan, all: bool) -> Found {
        match self.tables.get(&plan.object) {
            Some(table) => Found::Numbers(self.matching_packed(caller, plan, table, all)),
            None => Found::Ids(self.matching_whole(caller, plan)),
        }
    }

    fn matching_whole(&self, caller: &Caller, plan: &Plan) -> Vec<String> {
        let object = plan.object.as_str();
        let passes = |row: &Row| {
            let record = Record::Whole(row);
            record.visible(self, caller, object)
                && setup_rules::in_scope(self, &caller.user, object, row, plan.scope.as_deref())
                && plan.accepts(&|path| self.reach(caller, object, record, path))
        };
        let known = plan.keys().into_iter().find_map(|mut keys| {
            let (field, values) = keys.pop().filter(|_| keys.is_empty())?;
            let ids: Option<Vec<Vec<String>>> = values
                .into_iter()
                .map(|value| {
                    if field == "Id" {
                        Some(vec![value.to_owned()])
                    } else {
                        self.store().found(object, field, value)
                    }
                })
                .collect();
            Some(ids?.into_iter().flatten().collect::<BTreeSet<_>>())
        });
        let candidates: Box<dyn Iterator<Item = (&String, &Row)>> = match (known, plan.above()) {
            (Some(ids), _) => {
                let found = move |id: String| self.store().entry(object, &id);
                Box::new(ids.into_iter().filter_map(found))
            }
            (None, Some(id)) => Box::new(self.store().rows_from(object, id)),
            (None, None) => Box::new(self.rows(object)),
        };
        let by_id = plan.by_id();
        let wanted = plan.limit.map_or(usize::MAX, |limit| limit.saturating_add(plan.offset));
        let found = candidates.filter(|(_, row)| passes(row));
        let mut found: Vec<(&String, &Row)> = if by_id {
            found.take(wanted).collect()
        } else {
            found.collect()
        };
        if !by_id {
            found.sort_by(|(_, left), (_, right)| self.order(caller, plan, Record::Whole(left), Record::Whole(right)));
        }
        found
            .into_iter()
            .take(wanted)
            .skip(plan.offset)
            .map(|(id, _)| id.clone())
            .collect()
    }

    pub(super) fn order(&self, caller: &Caller, plan: &Plan, left: Record<'_>, right: Record<'_>) -> Ordering {
        for (path, descending, nulls_last) in &plan.order {
            let (left, right) = (
                self.reach(caller, &plan.object, left, path),
                self.reach(caller, &plan.object, right, path),
            );
            let step = match (left.is_null(), right.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if *nulls_last {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, true) => {
                    if *nulls_last {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, false) => {
                    let up = soql::sort_values(&left, &right);
                    if *descending { up.reverse() } else { up }
                }
            };
            if step != Ordering::Equal {
                return step;
            }
        }
        Ordering::Equal
    }

    /// The value at the end of a path.
    pub(super) fn reach(&self, caller: &Caller, object: &str, row: Record<'_>, path: &Path) -> Value {
        let (mut object, mut row) = (object, row);
        for (field, _) in &path.parents {
            match self.parent(caller, object, row, field) {
                Some(parent) => (object, row) = parent,
                None => return Value::Null,
            }
        }
        row.value(self, caller, object, &path.field)
    }

    fn parent<'a>(
        &'a self,
        caller: &Caller,
        object: &str,
        row: Record<'_>,
        field: &str,
    ) -> Option<(&'a str, Record<'a>)> {
        let id = row.text(field)?;
        let Kind::Reference { to, .. } = &self.schema.get(object)?.field(field)?.kind else {
            return None;
        };
        let (target, found) = to
            .iter()
            .find_map(|target| Some((target.as_str(), self.record(target, id)?)))?;
        found.visible(self, caller, target).then_some((target, found))
    }

    fn project(&self, caller: &Caller, version: &str, plan: &Plan, row: Record<'_>) -> Value {
        let mut record = stub(version, &plan.object, &row);
        for path in &plan.columns {
            self.place(
                caller,
                version,
                (&plan.object, row),
                &path.parents,
                &path.field,
                &mut record,
            );
        }
        Value::Object(record)
    }

    /// Puts the field at the end of a path into its place, making the parents on the way; a missing parent is null.
    fn place(
        &self,
        caller: &Caller,
        version: &str,
        (object, row): (&str, Record<'_>),
        parents: &[(String, String)],
        field: &str,
        into: &mut Row,
    ) {
        let Some(((reference, relationship), rest)) = parents.split_first() else {
            into.insert(field.to_owned(), row.value(self, caller, object, field));
            return;
        };
        let slot = into.entry(relationship.clone()).or_insert(Value::Null);
        let Some((target, found)) = self.parent(caller, object, row, reference) else {
            return;
        };
        if slot.is_null() {
            *slot = Value::Object(stub(version, target, &found));
        }
        if let Some(inner) = slot.as_object_mut() {
            self.place(caller, version, (target, found), rest, field, inner);
        }
    }
}

/// A record that so far says only what it is.
fn stub(version: &str, object: &str, row: &Record<'_>) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("attributes".to_owned(), attributes(version, object, &row.id()));
    record
}
