//! `GET /query` and its pages.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::records::attributes;
use super::rules::{self, Caller};
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
    ids: Vec<String>,
    user: String,
    page: usize,
    opened: Timestamp,
}

impl State {
    /// Runs a statement and answers its first page.
    pub(super) fn run_query(
        &mut self,
        caller: &Caller,
        version: &str,
        source: &str,
        batch: Option<usize>,
    ) -> Result<Value, Refusal> {
        let mut plan = soql::bind(soql::parse(source)?, &self.schema, source)?;
        plan.join(&|inner, column| {
            let ids = self.matching(caller, inner);
            let rows = ids.iter().filter_map(|id| self.row(&inner.object, id));
            rows.filter_map(|row| Some(self.reach(caller, &inner.object, row, column).as_str()?.to_owned()))
                .collect()
        });
        let ids = self.matching(caller, &plan);
        if plan.count {
            return Ok(json!({ "totalSize": ids.len(), "done": true, "records": [] }));
        }
        if let Some((path, name)) = &plan.count_of {
            let held = ids
                .iter()
                .filter_map(|id| self.row(&plan.object, id))
                .filter(|row| !self.reach(caller, &plan.object, row, path).is_null())
                .count();
            return Ok(
                json!({ "totalSize": 1, "done": true, "records": [{ "attributes": { "type": "AggregateResult" }, name: held }] }),
            );
        }
        let asked = batch.map_or(2000, |size| size.clamp(200, 2000));
        let page = asked.min(self.settings.page_size).max(1);
        let cursor = Cursor {
            plan,
            ids,
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

    /// A later page: `GET /query/{locator}-{offset}`.
    pub(super) fn next_page(&self, caller: &Caller, version: &str, place: &str) -> Result<Value, Refusal> {
        let invalid = || Refusal::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let (locator, offset) = place.rsplit_once('-').ok_or_else(invalid)?;
        let offset: usize = offset.parse().map_err(|_| invalid())?;
        let cursor = self
            .cursors
            .get(locator)
            .filter(|cursor| cursor.user == caller.user && offset < cursor.ids.len())
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
        let end = (offset + size).min(cursor.ids.len());
        let records: Vec<Value> = cursor
            .ids
            .get(offset..end)
            .unwrap_or_default()
            .iter()
            .filter_map(|id| self.row(&cursor.plan.object, id))
            .map(|row| self.project(caller, version, &cursor.plan, row))
            .collect();
        let done = end >= cursor.ids.len();
        let mut answer = json!({ "totalSize": cursor.ids.len(), "done": done, "records": records });
        if !done && let Some(map) = answer.as_object_mut() {
            map.insert(
                "nextRecordsUrl".to_owned(),
                json!(format!("/services/data/{version}/query/{locator}-{end}")),
            );
        }
        answer
    }

    /// Ids of the visible records that pass the filter, in order and within limit and offset.
    fn matching(&self, caller: &Caller, plan: &Plan) -> Vec<String> {
        let object = plan.object.as_str();
        let passes = |row: &Row| {
            rules::visible(self, caller, object, row)
                && setup_rules::in_scope(self, &caller.user, object, row, plan.scope.as_deref())
                && plan.accepts(&|path| self.reach(caller, object, row, path))
        };
        let (exact, above) = plan.demands();
        let known = exact.into_iter().find_map(|(field, values)| {
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
        let candidates: Box<dyn Iterator<Item = (&String, &Row)>> = match (known, above) {
            (Some(ids), _) => {
                let found = move |id: String| self.store().entry(object, &id);
                Box::new(ids.into_iter().filter_map(found))
            }
            (None, Some(id)) => Box::new(self.store().rows_from(object, id)),
            (None, None) => Box::new(self.rows(object)),
        };
        let by_id = plan.order.is_empty()
            || plan
                .order
                .first()
                .is_some_and(|(path, down, _)| path.field == "Id" && path.parents.is_empty() && !down);
        let wanted = plan.limit.map_or(usize::MAX, |limit| limit.saturating_add(plan.offset));
        let found = candidates.filter(|(_, row)| passes(row));
        let mut found: Vec<(&String, &Row)> = if by_id {
            found.take(wanted).collect()
        } else {
            found.collect()
        };
        if !by_id {
            found.sort_by(|(_, left), (_, right)| self.order(caller, plan, left, right));
        }
        found
            .into_iter()
            .take(wanted)
            .skip(plan.offset)
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn order(&self, caller: &Caller, plan: &Plan, left: &Row, right: &Row) -> Ordering {
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
    fn reach(&self, caller: &Caller, object: &str, row: &Row, path: &Path) -> Value {
        let (mut object, mut row) = (object, row);
        for (field, _) in &path.parents {
            match self.parent(caller, object, row, field) {
                Some(parent) => (object, row) = parent,
                None => return Value::Null,
            }
        }
        rules::value(self, caller, object, row, &path.field)
    }

    fn parent<'a>(&'a self, caller: &Caller, object: &str, row: &Row, field: &str) -> Option<(&'a str, &'a Row)> {
        let id = row.get(field)?.as_str()?;
        let Kind::Reference { to, .. } = &self.schema.get(object)?.field(field)?.kind else {
            return None;
        };
        let (target, found) = to
            .iter()
            .find_map(|target| Some((target.as_str(), self.row(target, id)?)))?;
        rules::visible(self, caller, target, found).then_some((target, found))
    }

    fn project(&self, caller: &Caller, version: &str, plan: &Plan, row: &Row) -> Value {
        let mut record = stub(version, &plan.object, row);
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
        (object, row): (&str, &Row),
        parents: &[(String, String)],
        field: &str,
        into: &mut Row,
    ) {
        let Some(((reference, relationship), rest)) = parents.split_first() else {
            into.insert(field.to_owned(), rules::value(self, caller, object, row, field));
            return;
        };
        let slot = into.entry(relationship.clone()).or_insert(Value::Null);
        let Some((target, found)) = self.parent(caller, object, row, reference) else {
            return;
        };
        if slot.is_null() {
            *slot = Value::Object(stub(version, target, found));
        }
        if let Some(inner) = slot.as_object_mut() {
            self.place(caller, version, (target, found), rest, field, inner);
        }
    }
}

/// A record that so far says only what it is.
fn stub(version: &str, object: &str, row: &Row) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert(
        "attributes".to_owned(),
        attributes(
            version,
            object,
            row.get("Id").and_then(Value::as_str).unwrap_or_default(),
        ),
    );
    record
}
