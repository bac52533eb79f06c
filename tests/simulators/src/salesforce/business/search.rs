//! Finding packed records by what a statement demands of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;

use super::super::rules::Caller;
use super::super::soql::{Path, Plan};
use super::super::state::State;
use super::super::tables::Table;
use super::Record;

impl State {
    /// Numbers of the visible records that pass the filter, in order and within limit and offset.
    pub(in super::super) fn matching_packed(&self, caller: &Caller, plan: &Plan, table: &Table, all: bool) -> Vec<u32> {
        let object = plan.object.as_str();
        let passes = |number: u32| {
            let Some(packed) = self.tables.record(object, number) else {
                return false;
            };
            let current = all || !(packed.is("IsDeleted") || packed.is("IsArchived"));
            let record = Record::Packed(packed);
            let read = |path: &Path| {
                if path.parents.is_empty() {
                    packed.value(&path.field)
                } else {
                    self.reach(caller, object, record, path)
                }
            };
            current && self.shows(&packed) && plan.accepts(&read)
        };
        let wanted = plan.limit.map_or(usize::MAX, |limit| limit.saturating_add(plan.offset));
        let found = self.candidates(plan, table).filter(|&number| passes(number));
        let mut found: Vec<u32> = if plan.by_id() {
            found.take(wanted).collect()
        } else {
            found.collect()
        };
        if !plan.by_id() {
            let order =
                |left: &u32, right: &u32| match (self.tables.record(object, *left), self.tables.record(object, *right))
                {
                    (Some(left), Some(right)) => self.order(caller, plan, Record::Packed(left), Record::Packed(right)),
                    _ => Ordering::Equal,
                };
            found.sort_by(order);
        }
        found.into_iter().take(wanted).skip(plan.offset).collect()
    }

    /// Numbers, ascending, that may pass: from an index where the filter allows it.
    fn candidates<'a>(&'a self, plan: &Plan, table: &'a Table) -> Box<dyn Iterator<Item = u32> + 'a> {
        let first = plan.above().and_then(|id| table.number(&id)).unwrap_or(1);
        for keys in plan.keys() {
            if keys.iter().all(|(field, _)| *field == "Id") {
                let numbers: BTreeSet<u32> = keys
                    .iter()
                    .flat_map(|(_, ids)| ids.iter().filter_map(|id| table.number(id)))
                    .filter(|&number| number >= first)
                    .collect();
                return Box::new(numbers.into_iter());
            }
            let places: Option<Vec<(usize, Option<u32>)>> = keys
                .iter()
                .flat_map(|(field, values)| values.iter().map(move |value| (field, value)))
                .map(|(field, value)| {
                    let column = table.column(field).filter(|&column| table.indexed(column));
                    // A value that nothing holds has no cell.
                    column.map(|column| (column, self.tables.pool.find(value)))
                })
                .collect();
            if let Some(places) = places {
                let sets = places
                    .into_iter()
                    .filter_map(|(column, cell)| table.holders(column, cell?));
                let runs = sets.map(|set| set.range(first..).copied().peekable());
                return Box::new(Merged { runs: runs.collect() });
            }
        }
        Box::new(table.numbers_from(first))
    }
}

/// Ascending runs as one, each number once.
struct Merged<I: Iterator<Item = u32>> {
    runs: Vec<Peekable<I>>,
}

impl<I: Iterator<Item = u32>> Iterator for Merged<I> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let least = self.runs.iter_mut().filter_map(|run| run.peek().copied()).min()?;
        for run in &mut self.runs {
            run.next_if_eq(&least);
        }
        Some(least)
    }
}
