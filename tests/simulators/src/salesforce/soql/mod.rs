//! The part of SOQL that an offboarding needs, as strict as the vendor about it.
//!
//! Grammar and escapes follow the SOQL and SOSL Reference ("SOQL SELECT Syntax", "Quoted String Escape Sequences",
//! "Condition Expression Syntax"): AND and OR do not mix without parentheses, a backslash that starts no known escape is an
//! error, text compares without case, `null` is unequal to every value. Semi-joins and anti-joins are kept to the rules of its page
//! "Comparison Operators".

mod bind;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use bind::{Path, Plan, bind, sort_values};
pub(super) use parser::parse;

use super::errors::Refusal;

/// A statement as written.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) columns: Vec<Column>,
    pub(super) from: (String, usize),
    /// `USING SCOPE`.
    pub(super) scope: Option<String>,
    pub(super) filter: Option<Cond>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: Option<usize>,
}

/// One selected thing.
#[derive(Debug, PartialEq)]
pub(super) enum Column {
    /// A field, perhaps of a parent: path and place in the text.
    Field(String, usize),
    /// `COUNT()`.
    Count,
    /// `COUNT(field)`: path, place, alias.
    CountOf(String, usize, Option<String>),
}

/// A condition, over field paths as written.
#[derive(Debug, PartialEq)]
pub(super) enum Cond {
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    Test {
        path: String,
        at: usize,
        op: Op,
        values: Vec<Literal>,
    },
    /// A semi-join, or an anti-join where `negated`.
    Within {
        path: String,
        at: usize,
        negated: bool,
        query: Box<Query>,
    },
}

/// A comparison. `In` and `NotIn` take any number of values, the others one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Like,
    In,
    NotIn,
}

/// A value in a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    /// A LIKE pattern.
    Pattern(Vec<Glob>),
    Number(f64),
    Bool(bool),
    /// In the wire's own UTC form, so that text order is time order.
    DateTime(String),
    /// `2026-03-02`
    Date(String),
    /// A date literal such as `TODAY`: its first day and the day after its last.
    Days(String, String),
    Null,
}

/// One place of a LIKE pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glob {
    Char(char),
    /// `_`
    One,
    /// `%`
    Many,
}

/// One ORDER BY term.
#[derive(Debug, PartialEq)]
pub(super) struct Order {
    pub(super) path: String,
    pub(super) at: usize,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "MALFORMED_QUERY", message)
}

/// An error that shows its place in the statement, the way the vendor draws it.
fn pointed(code: &'static str, source: &str, at: usize, message: &str) -> Refusal {
    let before: String = source.chars().take(at).collect();
    let column = before.chars().count() + 1;
    let line: String = source.chars().skip(at.saturating_sub(40)).take(80).collect();
    let caret = " ".repeat(at.min(40));
    Refusal::new(
        400,
        code,
        format!("\n{line}\n{caret}^\nERROR at Row:1:Column:{column}\n{message}"),
    )
}
