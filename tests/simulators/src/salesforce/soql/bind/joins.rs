//! Semi-joins and anti-joins: a field of ids against the ids that a query over another object selects (SOQL and SOSL Reference,
//! "Comparison Operators").

use std::collections::BTreeSet;

use super::super::super::errors::Refusal;
use super::super::super::schema::Kind;
use super::super::{Cond, Query, malformed};
use super::{Binder, Bound, Path, Plan, bind};

/// A subquery and what it found once it has run.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    plan: Plan,
    pub(super) found: BTreeSet<String>,
}

/// Subqueries that one statement may hold.
const MOST_JOINS: usize = 2;

/// Refuses subqueries beyond two, beside OR, and anywhere but at the top level.
pub(super) fn allowed(filter: &Cond) -> Result<(), Refusal> {
    let within = |part: &Cond| matches!(part, Cond::Within { .. });
    let nested = match filter {
        Cond::Any(parts) if parts.iter().any(within) => {
            return Err(malformed(
                "Semi join sub-selects are not allowed with the 'OR' operator",
            ));
        }
        Cond::All(parts) | Cond::Any(parts) => parts.iter().any(|part| !within(part) && part.joins() > 0),
        Cond::Not(part) => part.joins() > 0,
        Cond::Test { .. } | Cond::Within { .. } => false,
    };
    if nested {
        return Err(malformed(
            "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.",
        ));
    }
    if filter.joins() > MOST_JOINS {
        return Err(malformed(format!(
            "Maximum {MOST_JOINS} semi join sub-selects are allowed."
        )));
    }
    Ok(())
}

impl Binder<'_> {
    /// Checks both sides. The texts are the vendor's where they are known; the code is.
    pub(super) fn within(&self, text: &str, at: usize, negated: bool, query: Query) -> Result<Bound, Refusal> {
        let path = self.path(text, at)?;
        let ids = |path: &Path| matches!(path.kind, Kind::Id | Kind::Reference { .. });
        if !path.parents.is_empty() || !ids(&path) {
            return Err(malformed(format!(
                "semi join sub-selects take an id or a reference of the object itself, not '{text}'"
            )));
        }
        if query.from.0.eq_ignore_ascii_case(&self.object.name) {
            return Err(malformed(
                "The inner and outer selects should not be on the same object type",
            ));
        }
        if !query.order.is_empty() || query.limit.is_some() || query.offset.is_some() {
            return Err(malformed(
                "ORDER BY, LIMIT and OFFSET are not allowed in semi join sub-selects",
            ));
        }
        if query.filter.as_ref().is_some_and(|filter| filter.joins() > 0) {
            return Err(malformed("Nesting of semi join sub-selects is not supported"));
        }
        let plan = bind(query, self.schema, self.source)?;
        match plan.columns.as_slice() {
            [one] if one.parents.is_empty() && ids(one) => {}
            _ => return Err(malformed("semi join sub-selects can only query id fields")),
        }
        let found = BTreeSet::new();
        Ok(Bound::Within(path, negated, Box::new(Inner { plan, found })))
    }
}

impl Plan {
    /// Runs the subqueries: `run` answers the ids that one selects by its only column.
    pub(in super::super::super) fn join(&mut self, run: &dyn Fn(&Plan, &Path) -> BTreeSet<String>) {
        if let Some(filter) = &mut self.filter {
            filter.join(run);
        }
    }
}

impl Cond {
    /// How many subqueries it holds at its own level.
    pub(super) fn joins(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::joins).sum(),
            Self::Not(part) => part.joins(),
            Self::Test { .. } => 0,
            Self::Within { .. } => 1,
        }
    }
}

impl Bound {
    fn join(&mut self, run: &dyn Fn(&Plan, &Path) -> BTreeSet<String>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.join(run)),
            Self::Not(part) => part.join(run),
            Self::Test(..) => {}
            Self::Within(_, _, inner) => {
                if let Some(column) = inner.plan.columns.first() {
                    inner.found = run(&inner.plan, column);
                }
            }
        }
    }
}
