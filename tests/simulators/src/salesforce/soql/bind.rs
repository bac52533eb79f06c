//! A statement checked against the objects of an org, ready to run.

mod joins;
mod keys;

use std::cmp::Ordering;

use serde_json::Value;

use super::super::errors::Refusal;
use super::super::ids::id18;
use super::super::schema::{Field, Kind, Object, Schema};
use super::{Column, Cond, Glob, Literal, Op, Query, malformed, pointed};

use joins::Inner;

/// A field reached from the object of the statement.
#[derive(Clone, Debug)]
pub(in super::super) struct Path {
    /// Each parent on the way: the reference field and the relationship's name.
    pub(in super::super) parents: Vec<(String, String)>,
    /// The field at the end.
    pub(in super::super) field: String,
    kind: Kind,
}

/// A statement that can run.
#[derive(Clone, Debug)]
pub(in super::super) struct Plan {
    /// The object it reads.
    pub(in super::super) object: String,
    /// What it selects; empty for a count.
    pub(in super::super) columns: Vec<Path>,
    /// Set for `COUNT(field)`: field and the name of the result.
    pub(in super::super) count_of: Option<(Path, String)>,
    /// True for `COUNT()`.
    pub(in super::super) count: bool,
    filter: Option<Bound>,
    /// Sort keys: path, descending, nulls last.
    pub(in super::super) order: Vec<(Path, bool, bool)>,
    pub(in super::super) limit: Option<usize>,
    pub(in super::super) offset: usize,
    /// `USING SCOPE`.
    pub(in super::super) scope: Option<String>,
}

#[derive(Clone, Debug)]
enum Bound {
    All(Vec<Bound>),
    Any(Vec<Bound>),
    Not(Box<Bound>),
    Test(Path, Op, Vec<Literal>),
    /// The ids of a subquery hold the field's value, or do not where the flag is set.
    Within(Path, bool, Box<Inner>),
}

/// Checks a statement and resolves its names.
pub(in super::super) fn bind(query: Query, schema: &Schema, source: &str) -> Result<Plan, Refusal> {
    let (from, at) = &query.from;
    let Some(object) = schema.get(from) else {
        return Err(pointed(
            "INVALID_TYPE",
            source,
            *at,
            &format!("sObject type '{from}' is not supported."),
        ));
    };
    let binder = Binder { schema, object, source };
    if let Some(filter) = &query.filter {
        joins::allowed(filter)?;
    }
    let mut columns: Vec<Path> = Vec::new();
    let (mut count, mut count_of) = (false, None);
    for column in query.columns {
        match column {
            Column::Field(path, at) => {
                let bound = binder.path(&path, at)?;
                if columns
                    .iter()
                    .any(|other| other.field == bound.field && other.parents == bound.parents)
                {
                    return Err(Refusal::new(
                        400,
                        "INVALID_FIELD",
                        format!("duplicate field selected: {}", bound.field),
                    ));
                }
                columns.push(bound);
            }
            Column::Count => count = true,
            Column::CountOf(path, at, alias) => {
                let name = alias.unwrap_or_else(|| "expr0".to_owned());
                count_of = Some((binder.path(&path, at)?, name));
            }
        }
    }
    if count_of.is_some() && !columns.is_empty() {
        return Err(malformed(
            "Field must be grouped or aggregated: the statement has no GROUP BY",
        ));
    }
    let filter = query.filter.map(|filter| binder.condition(filter)).transpose()?;
    let order = query
        .order
        .into_iter()
        .map(|order| Ok((binder.path(&order.path, order.at)?, order.descending, order.nulls_last)))
        .collect::<Result<_, Refusal>>()?;
    let offset = query.offset.unwrap_or(0);
    if offset > 2000 {
        return Err(Refusal::new(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ));
    }
    Ok(Plan {
        object: object.name.clone(),
        columns,
        count_of,
        count,
        filter,
        order,
        limit: query.limit,
        offset,
        scope: query.scope,
    })
}

struct Binder<'a> {
    schema: &'a Schema,
    object: &'a Object,
    source: &'a str,
}

impl Binder<'_> {
    fn path(&self, text: &str, at: usize) -> Result<Path, Refusal> {
        let mut object = self.object;
        let mut parents = Vec::new();
        let mut steps = text.split('.').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                let Some(field) = object.field(step) else {
                    let message = format!(
                        "No such column '{step}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
                        object.name
                    );
                    return Err(pointed("INVALID_FIELD", self.source, at, &message));
                };
                return Ok(Path {
                    parents,
                    field: field.name.clone(),
                    kind: field.kind.clone(),
                });
            }
            // `User.Id` in a statement over User is the object itself, not a parent.
            if parents.is_empty() && object.relationship(step).is_none() && step.eq_ignore_ascii_case(&object.name) {
                continue;
            }
            let parent = object
                .relationship(step)
                .and_then(|field| Some((field, self.schema.get(parent_object(field)?)?)));
            let Some((field, target)) = parent.filter(|_| parents.len() < 5) else {
                let message = format!(
                    "Didn't understand relationship '{step}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
                );
                return Err(pointed("INVALID_FIELD", self.source, at, &message));
            };
            let name = if let Kind::Reference { relationship, .. } = &field.kind {
                relationship.clone()
            } else {
                step.to_owned()
            };
            parents.push((field.name.clone(), name));
            object = target;
        }
        Err(malformed(format!("unexpected token: '{text}'")))
    }

    fn condition(&self, cond: Cond) -> Result<Bound, Refusal> {
        let all = |parts: Vec<Cond>| {
            parts
                .into_iter()
                .map(|part| self.condition(part))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match cond {
            Cond::All(parts) => Bound::All(all(parts)?),
            Cond::Any(parts) => Bound::Any(all(parts)?),
            Cond::Not(part) => Bound::Not(Box::new(self.condition(*part)?)),
            Cond::Test {
                path: text,
                at,
                op,
                values,
            } => {
                let path = self.path(&text, at)?;
                if !self.filterable(&path) {
                    let message = format!("field '{}' can not be filtered in a query call", path.field);
                    return Err(pointed("INVALID_FIELD", self.source, at, &message));
                }
                let values = values
                    .into_iter()
                    .map(|value| fit(&path, op, value))
                    .collect::<Result<_, _>>()?;
                Bound::Test(path, op, values)
            }
            Cond::Within {
                path,
                at,
                negated,
                query,
            } => self.within(&path, at, negated, *query)?,
        })
    }

    fn filterable(&self, path: &Path) -> bool {
        let mut object = Some(self.object);
        for (field, _) in &path.parents {
            object = object
                .and_then(|object| object.field(field))
                .and_then(parent_object)
                .and_then(|name| self.schema.get(name));
        }
        object
            .and_then(|object| object.field(&path.field))
            .is_some_and(|field| field.filterable)
    }
}

/// The object a relationship leads to; where there are several, the last (users stand last in the vendor's own lists).
fn parent_object(field: &Field) -> Option<&str> {
    if let Kind::Reference { to, .. } = &field.kind {
        to.last().map(String::as_str)
    } else {
        None
    }
}

/// Checks that a value suits its field and brings ids into their long form.
fn fit(path: &Path, op: Op, value: Literal) -> Result<Literal, Refusal> {
    let refused = |kind: &str, quotes: &str| {
        let message = format!(
            "value of filter criterion for field '{}' must be of type {kind} and should {quotes}be enclosed in quotes",
            path.field
        );
        Refusal::new(400, "INVALID_FIELD", message)
    };
    let operator = || {
        Refusal::new(
            400,
            "INVALID_QUERY_FILTER_OPERATOR",
            format!("invalid operator on {} field", kind_name(&path.kind)),
        )
    };
    if op == Op::Like && !matches!(path.kind, Kind::Text | Kind::Email | Kind::Picklist(_)) {
        return Err(operator());
    }
    match (&path.kind, value) {
        (_, Literal::Null) if matches!(op, Op::Eq | Op::Ne | Op::In | Op::NotIn) => Ok(Literal::Null),
        // The vendor keeps no empty text: it reads as null.
        (_, Literal::Text(text)) if text.is_empty() && matches!(op, Op::Eq | Op::Ne | Op::In | Op::NotIn) => {
            Ok(Literal::Null)
        }
        (Kind::Id | Kind::Reference { .. }, Literal::Text(text)) => id18(&text).map(Literal::Text).ok_or_else(|| {
            Refusal::new(
                400,
                "INVALID_QUERY_FILTER_OPERATOR",
                format!("invalid ID field: {text}"),
            )
        }),
        (Kind::Text | Kind::Email | Kind::Picklist(_), value @ (Literal::Text(_) | Literal::Pattern(_)))
        | (Kind::Int | Kind::Double, value @ Literal::Number(_))
        | (Kind::DateTime, value @ (Literal::DateTime(_) | Literal::Days(..)))
        | (Kind::Date, value @ (Literal::Date(_) | Literal::Days(..))) => Ok(value),
        (Kind::Boolean, value @ Literal::Bool(_)) if matches!(op, Op::Eq | Op::Ne) => Ok(value),
        (Kind::Boolean, Literal::Bool(_)) => Err(operator()),
        (Kind::Id | Kind::Reference { .. } | Kind::Text | Kind::Email | Kind::Picklist(_), _) => {
            Err(refused("string", ""))
        }
        (kind, _) => Err(refused(kind_name(kind), "not ")),
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference { .. } => "id",
        Kind::Text | Kind::Email | Kind::Picklist(_) => "string",
        Kind::Boolean => "boolean",
        Kind::Int => "int",
        Kind::Double => "double",
        Kind::Date => "date",
        Kind::DateTime => "dateTime",
    }
}

impl Plan {
    /// True when the record passes the filter; `value` reads a field of it.
    pub(in super::super) fn accepts(&self, value: &dyn Fn(&Path) -> Value) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(value))
    }
}

impl Literal {
    fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Bound {
    fn holds(&self, value: &dyn Fn(&Path) -> Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(value)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value)),
            Self::Not(part) => !part.holds(value),
            Self::Within(path, negated, inner) => {
                let held = value(path);
                held.as_str().is_some_and(|id| inner.found.contains(id)) != *negated
            }
            Self::Test(path, op, values) => {
                let held = value(path);
                let compare = |literal: &Literal| order_to(&path.kind, &held, literal);
                let equal = |literal: &Literal| compare(literal) == Some(Ordering::Equal);
                let Some(first) = values.first() else {
                    return false;
                };
                match op {
                    Op::Eq => equal(first),
                    Op::Ne => !equal(first),
                    Op::In => values.iter().any(equal),
                    Op::NotIn => !values.iter().any(equal),
                    Op::Lt => compare(first) == Some(Ordering::Less),
                    Op::Gt => compare(first) == Some(Ordering::Greater),
                    Op::Le => matches!(compare(first), Some(Ordering::Less | Ordering::Equal)),
                    Op::Ge => matches!(compare(first), Some(Ordering::Greater | Ordering::Equal)),
                    Op::Like => match (&held, first) {
                        (Value::String(text), Literal::Pattern(pattern)) => {
                            let folded: Vec<char> = text.to_lowercase().chars().collect();
                            glob(&folded, pattern)
                        }
                        _ => false,
                    },
                }
            }
        }
    }
}

/// How a held value stands to a literal; `None` when they cannot be compared (a null on one side only).
fn order_to(kind: &Kind, held: &Value, literal: &Literal) -> Option<Ordering> {
    match (held, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(held), Literal::Bool(literal)) => Some(held.cmp(literal)),
        (Value::Number(held), Literal::Number(literal)) => held.as_f64()?.partial_cmp(literal),
        (Value::String(held), Literal::DateTime(literal) | Literal::Date(literal)) => Some(held.cmp(literal)),
        // A span of days equals every moment and every day in it.
        (Value::String(held), Literal::Days(first, after)) => {
            let day = held.get(..10)?;
            Some(if day < first.as_str() {
                Ordering::Less
            } else if day >= after.as_str() {
                Ordering::Greater
            } else {
                Ordering::Equal
            })
        }
        (Value::String(held), Literal::Text(literal)) if matches!(kind, Kind::Id | Kind::Reference { .. }) => {
            Some(held.cmp(literal))
        }
        (Value::String(held), Literal::Text(literal)) => Some(held.to_lowercase().cmp(&literal.to_lowercase())),
        _ => None,
    }
}

/// How two held values sort.
pub(in super::super) fn sort_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(left), Value::String(right)) => left
            .to_lowercase()
            .cmp(&right.to_lowercase())
            .then_with(|| left.cmp(right)),
        _ => Ordering::Equal,
    }
}

fn glob(text: &[char], pattern: &[Glob]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Glob::Many, rest)) => (0..=text.len()).any(|skip| text.get(skip..).is_some_and(|tail| glob(tail, rest))),
        Some((Glob::One, rest)) => text.split_first().is_some_and(|(_, tail)| glob(tail, rest)),
        Some((Glob::Char(wanted), rest)) => text
            .split_first()
            .is_some_and(|(found, tail)| wanted.to_lowercase().eq(found.to_lowercase()) && glob(tail, rest)),
    }
}
