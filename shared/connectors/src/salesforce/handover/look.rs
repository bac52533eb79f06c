//! Looking for records: one selection for each object over all of its fields, five objects in a call. The first look gives the
//! counts and the lists of work; every later one finds what came meanwhile, and the last one finds nothing.

use rollcall_model::Failure;
use serde_json::Value;

use super::candidates::{Field, Object, json_cell, row_id};
use super::lines::Fate;
use super::mover::{Mover, QUERIES};
use super::state::{Source, State, Work};
use crate::encode::short;
use crate::exchange;
use crate::salesforce::client::Ask;
use crate::salesforce::retry::Refusal;
use crate::salesforce::soql::{same_record, soql_quote};

const WHAT: &str = "looking for records";

/// A question of a call.
enum About<'a> {
    /// All records of an object.
    All(&'a Object),
    /// How many open ones of a large object are left, by one field.
    Left(&'a Object, &'a Field),
}

impl Mover<'_> {
    /// Looks at the next objects. Answers whether there is something to save.
    pub(super) async fn look(&self, state: &mut State) -> Result<bool, Failure> {
        let mut asks: Vec<About<'_>> = Vec::new();
        let first = state.look;
        while let Some(object) = self.plan.objects.get(state.look) {
            let more: Vec<About<'_>> = if state.round > 0 && state.large.contains(&state.look) {
                let moving = object.fields.iter().filter(|field| field.moves);
                moving.map(|field| About::Left(object, field)).collect()
            } else {
                vec![About::All(object)]
            };
            if !asks.is_empty() && asks.len() + more.len() > QUERIES {
                break;
            }
            asks.extend(more);
            state.look += 1;
        }
        let mut found = false;
        for some in asks.chunks(QUERIES) {
            found |= self.ask_for(state, some, first).await?;
        }
        if found {
            let seen = format!("looked at {} of {} objects", state.look, self.plan.objects.len());
            self.save(&seen, state, None).await?;
        }
        Ok(found)
    }

    async fn ask_for(&self, state: &mut State, asks: &[About<'_>], first: usize) -> Result<bool, Failure> {
        let names: Vec<String> = (0..asks.len()).map(|place| format!("q{place}")).collect();
        let queries: Vec<(&str, Ask)> = names
            .iter()
            .zip(asks)
            .map(|(name, about)| (name.as_str(), Ask::Query(self.question(state, about))))
            .collect();
        let mut parts = self.client.ask(&self.desk.call(), WHAT, &queries).await?;
        let mut found = false;
        for (name, about) in names.iter().zip(asks) {
            let Some(part) = parts.remove(name) else { continue };
            found |= match about {
                About::All(object) => Box::pin(self.all_of(state, object, part, first)).await?,
                About::Left(object, field) => self.left_of(state, object, field, part),
            };
        }
        Ok(found)
    }

    fn question(&self, state: &State, about: &About<'_>) -> String {
        match about {
            About::All(object) => object.select(&object.names(self.leaver)),
            About::Left(object, field) => {
                let mut soql = format!(
                    "SELECT COUNT() FROM {} WHERE {} = {}",
                    object.name,
                    field.name,
                    soql_quote(self.leaver)
                );
                if let Some(open) = &object.open {
                    soql.push_str(" AND ");
                    soql.push_str(&open.condition(state.began));
                }
                soql
            }
        }
    }

    /// Takes in the records of an object.
    async fn all_of(
        &self,
        state: &mut State,
        object: &Object,
        part: Result<Value, Refusal>,
        first: usize,
    ) -> Result<bool, Failure> {
        let page = match part {
            Ok(page) => page,
            Err(refusal) => {
                unseen(state, object, &refusal);
                return Ok(true);
            }
        };
        let total = page.get("totalSize").and_then(Value::as_u64).unwrap_or(0);
        if total == 0 {
            return Ok(false);
        }
        let now = self.now();
        if usize::try_from(total).is_ok_and(|total| total > self.client.settings.bulk_above) {
            let place = self
                .plan
                .objects
                .iter()
                .skip(first)
                .position(|one| one.name == object.name);
            if let Some(place) = place
                .map(|place| place + first)
                .filter(|place| !state.large.contains(place))
            {
                state.large.push(place);
            }
            for field in &object.fields {
                let mut work = Work::new(state.tally(&object.name, &field.name), now);
                work.source = Some(Source {
                    known: state.round > 0,
                    ..Source::default()
                });
                state.queue.push(work);
            }
            state.found = true;
            return Ok(true);
        }
        let rows = match self.client.rows(&self.desk.call(), WHAT, Ok(page)).await? {
            Ok(rows) => rows,
            Err(refusal) => {
                unseen(state, object, &refusal);
                return Ok(true);
            }
        };
        if rows.len() != usize::try_from(total).unwrap_or(usize::MAX) {
            return Err(Failure::retry(format!(
                "{WHAT}: the list of {} is not whole",
                object.name
            )));
        }
        let mut found = false;
        for field in &object.fields {
            found |= self.by_field(state, object, field, &rows).await?;
        }
        Ok(found)
    }

    async fn by_field(
        &self,
        state: &mut State,
        object: &Object,
        field: &Field,
        rows: &[Value],
    ) -> Result<bool, Failure> {
        let mut records = Vec::new();
        for row in rows
            .iter()
            .filter(|row| exchange::text(row, &field.name).is_some_and(|held| same_record(held, self.leaver)))
        {
            let Some(id) = row_id(row) else {
                return Err(Failure::retry(format!(
                    "{WHAT}: a row of {} has no usable Id",
                    object.name
                )));
            };
            records.push(object.record(id, |name| json_cell(row, name), state.began));
        }
        if records.is_empty() {
            return Ok(false);
        }
        let tally = state.tally(&object.name, &field.name);
        if state.round > 0 {
            let known = self.ids_of(state, tally, &[Fate::Kept, Fate::Refused]).await?;
            records.retain(|record| !known.contains(&record.id));
            if records.is_empty() {
                return Ok(false);
            }
        }
        let mut work = Work::new(tally, self.now());
        let written = self.open_page(state, &mut work, records).await?;
        if written > 0 {
            state.queue.push(work);
        }
        state.found = true;
        Ok(true)
    }

    /// More than were refused are left: some came meanwhile.
    fn left_of(&self, state: &mut State, object: &Object, field: &Field, part: Result<Value, Refusal>) -> bool {
        let left = match part {
            Ok(page) => page.get("totalSize").and_then(Value::as_u64).unwrap_or(0),
            Err(refusal) => {
                unseen(state, object, &refusal);
                return true;
            }
        };
        let tally = state.tally(&object.name, &field.name);
        if state.numbers(tally).is_none_or(|tally| left <= tally.refused) {
            return false;
        }
        let mut work = Work::new(tally, self.now());
        work.source = Some(Source {
            known: true,
            ..Source::default()
        });
        state.queue.push(work);
        state.found = true;
        true
    }
}

fn unseen(state: &mut State, object: &Object, refusal: &Refusal) {
    let field = object.fields.iter().find(|field| field.moves).or(object.fields.first());
    let code = if refusal.code.is_empty() {
        refusal.status.to_string()
    } else {
        refusal.code.clone()
    };
    let why = format!("{code}: {}", short(&refusal.message, 200));
    state.not_inspected(&object.name, field.map_or("OwnerId", |field| &field.name), why);
}
