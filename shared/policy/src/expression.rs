//! Conditions and mapped values: CEL, compiled and checked when the configuration is loaded.
//!
//! In a string, `${…}` is an expression. A string that is exactly one `${…}` yields the value with its type; otherwise the
//! values are put into the text. `$${` stands for a literal `${`. Conditions are bare expressions of type bool.
//!
//! Evaluation is total: whatever an expression does, the answer is a value or a typed error. Size, nesting and loops are
//! bounded when it is compiled, so that no expression can take the worker's stack or its time.

mod check;
mod evaluate;

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::Program;
use serde_json::Value;

use crate::configuration::ListSource;
use crate::decide::Memberships;
pub use check::Type;
pub use evaluate::EvaluationError;

/// The longest expression, in characters.
pub const LONGEST: usize = 1_000;
/// The deepest nesting of brackets. The generated parser takes up to 170 KiB of stack for each level in an unoptimised build.
const DEEPEST: usize = 6;
/// The most selections, calls and logical operators in one expression, counted in characters.
const MOST_MARKS: usize = 240;
/// The most comparisons, sums and other operators that deepen the tree one by one.
const MOST_OPERATORS: usize = 32;

/// Why an expression was refused at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Characters from the start of the text it stands in.
    pub offset: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub next: String,
}

impl ExpressionError {
    fn new(offset: usize, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            offset,
            what: what.into(),
            next: next.into(),
        }
    }
}

/// What an expression may name.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub(crate) lists: &'a BTreeMap<String, ListSource>,
    pub(crate) account: bool,
}

impl<'a> Names<'a> {
    /// The facts, with the lists of a configuration; `account.*` only where a single account is looked at.
    pub fn new(lists: &'a BTreeMap<String, ListSource>, account: bool) -> Self {
        Self { lists, account }
    }
}

/// What an expression sees when it is evaluated.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    pub(crate) facts: Value,
    pub(crate) memberships: &'a Memberships,
}

impl<'a> Scope<'a> {
    /// Facts as an object by root name, and who is in which list.
    pub fn new(facts: Value, memberships: &'a Memberships) -> Self {
        Self { facts, memberships }
    }
}

#[derive(Clone, Debug)]
struct Compiled {
    program: Arc<Program>,
    kind: Type,
}

fn compile(source: &str, names: &Names<'_>) -> Result<Compiled, ExpressionError> {
    bounded(source)?;
    // The parser is generated code; should it panic on some text, that text is refused like any other error.
    let cel = with_list_function(source);
    let parsed = std::panic::catch_unwind(|| Program::compile(&cel));
    let program = match parsed {
        Ok(Ok(program)) => program,
        Ok(Err(errors)) => {
            let (offset, what) = errors.errors.first().map_or((0, String::new()), |error| {
                (position(source, error.pos), plain(&error.msg))
            });
            return Err(ExpressionError::new(
                offset,
                format!("`{source}` is not an expression: {what}"),
                "write CEL, for example `person.department == 'Sales'`",
            ));
        }
        Err(_) => {
            return Err(ExpressionError::new(
                0,
                format!("`{source}` is not an expression"),
                "write CEL, for example `person.department == 'Sales'`",
            ));
        }
    };
    let kind = check::check(&program, source, names)?;
    Ok(Compiled {
        program: Arc::new(program),
        kind,
    })
}

/// The parser's message without its list of everything it would have taken.
fn plain(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.split(" expecting ").next().unwrap_or(message);
    message.replace("'<EOF>'", "at its end")
}

fn position(source: &str, (line, column): (isize, isize)) -> usize {
    let before = usize::try_from(line.max(1) - 1).unwrap_or(0);
    let lines: usize = source
        .split_inclusive('\n')
        .take(before)
        .map(|line| line.chars().count())
        .sum();
    lines + usize::try_from(column.max(1) - 1).unwrap_or(0)
}

/// Refuses what could be too deep or too long before the parser sees it.
fn bounded(source: &str) -> Result<(), ExpressionError> {
    if source.trim().is_empty() {
        return Err(ExpressionError::new(
            0,
            "the expression is empty",
            "write CEL, for example `person.active`",
        ));
    }
    let split = "split it into two conditions, or move the decision into a list or a group";
    if source.chars().count() > LONGEST {
        return Err(ExpressionError::new(
            LONGEST,
            format!("the expression is longer than {LONGEST} characters"),
            split,
        ));
    }
    let (mut depth, mut deepest, mut marks) = (0_usize, 0_usize, 0_usize);
    let mut bare = String::with_capacity(source.len());
    outside_quotes(source, |_, character| {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        marks += usize::from(!(character.is_alphanumeric() || character.is_whitespace()));
        bare.push(character);
    });
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = bare.split(|c| !is_word(c)).filter(|word| *word == "in").count();
    let signs = bare
        .split(|c| !"=<>!".contains(c))
        .filter(|sign| !sign.is_empty() && *sign != "!");
    let others = bare.chars().filter(|c| "+-*/%?[{".contains(*c)).count();
    let operators = words + signs.count() + others;
    if deepest > DEEPEST || marks > MOST_MARKS || operators > MOST_OPERATORS {
        return Err(ExpressionError::new(
            0,
            format!("the expression nests deeper than {DEEPEST} or has more than {MOST_OPERATORS} operators"),
            split,
        ));
    }
    Ok(())
}

/// Calls `each` with every character that is outside string literals, and its place.
fn outside_quotes(source: &str, mut each: impl FnMut(usize, char)) {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (offset, character) in source.chars().enumerate() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '\'' || character == '"' => quote = Some(character),
            None => each(offset, character),
        }
    }
}

/// `in` is an operator in CEL, so that `person.in('hold')` would not parse: the function's inner name has the same length,
/// which keeps every position.
const LIST_FUNCTION: &str = "iN";

fn with_list_function(source: &str) -> String {
    let mut bare = vec![false; source.chars().count()];
    outside_quotes(source, |offset, _| {
        if let Some(place) = bare.get_mut(offset) {
            *place = true;
        }
    });
    let characters: Vec<char> = source.chars().collect();
    let mut text = String::with_capacity(source.len());
    for (offset, character) in characters.iter().enumerate() {
        let is_name = *character == 'n'
            && bare.get(offset) == Some(&true)
            && offset >= 2
            && characters.get(offset - 1) == Some(&'i')
            && characters.get(offset - 2) == Some(&'.')
            && characters
                .get(offset + 1..)
                .is_some_and(|rest| rest.iter().find(|next| !next.is_whitespace()) == Some(&'('));
        text.push(if is_name { 'N' } else { *character });
    }
    text
}

/// A condition: an expression that is true or false.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    compiled: Compiled,
}

impl Condition {
    /// Compiles and checks.
    pub fn compile(text: &str, names: &Names<'_>) -> Result<Self, ExpressionError> {
        let compiled = compile(text, names)?;
        if !matches!(compiled.kind, Type::Bool | Type::Dynamic) {
            return Err(ExpressionError::new(
                0,
                format!("`{text}` is {}, not a condition", compiled.kind),
                "compare it with something, for example `… == 'Sales'`",
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            compiled,
        })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        match evaluate::evaluate(&self.compiled.program, scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(EvaluationError::new(format!(
                "`{}` is {}, neither true nor false",
                self.text,
                kind_of(&other)
            ))),
        }
    }
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expression(Compiled),
}

/// A string that may hold `${…}`.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Compiles and checks every `${…}`.
    pub fn compile(text: &str, names: &Names<'_>) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        for (offset, piece) in pieces(text)? {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text),
                Piece::Expression(source) => {
                    let compiled = compile(&source, names).map_err(|error| ExpressionError {
                        offset: error.offset + offset,
                        ..error
                    })?;
                    Part::Expression(compiled)
                }
            });
        }
        let spliced = parts.len() > 1;
        for part in &parts {
            if let Part::Expression(compiled) = part
                && spliced
                && !compiled.kind.fits_into_text()
            {
                return Err(ExpressionError::new(
                    0,
                    format!("`{text}` puts {} into a text", compiled.kind),
                    "name a field of it, for example `${person.manager.email}`",
                ));
            }
        }
        Ok(Self { parts })
    }

    /// The value: typed when the string is exactly one `${…}`, else a text.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        if let [Part::Expression(compiled)] = self.parts.as_slice() {
            return evaluate::evaluate(&compiled.program, scope);
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expression(compiled) => match evaluate::evaluate(&compiled.program, scope)? {
                    Value::String(value) => text.push_str(&value),
                    Value::Bool(value) => text.push_str(if value { "true" } else { "false" }),
                    Value::Number(value) => text.push_str(&value.to_string()),
                    other => {
                        let kind = kind_of(&other);
                        return Err(EvaluationError::new(format!("{kind} cannot be put into a text")));
                    }
                },
            }
        }
        Ok(Value::String(text))
    }

    /// The type of the value.
    pub fn kind(&self) -> Type {
        match self.parts.as_slice() {
            [Part::Expression(compiled)] => compiled.kind.clone(),
            _ => Type::Text,
        }
    }
}

enum Piece {
    Text(String),
    Expression(String),
}

/// Splits a string at its `${…}`; each piece with the place where its text begins.
fn pieces(text: &str) -> Result<Vec<(usize, Piece)>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let (mut pieces, mut literal, mut place) = (Vec::new(), String::new(), 0_usize);
    while let Some(&character) = characters.get(place) {
        let rest = characters.get(place..).unwrap_or_default();
        if rest.starts_with(&['$', '$', '{']) {
            literal.push_str("${");
            place += 3;
        } else if rest.starts_with(&['$', '{']) {
            if !literal.is_empty() {
                pieces.push((place, Piece::Text(std::mem::take(&mut literal))));
            }
            let source: String = rest.iter().skip(2).collect();
            let Some(length) = closing(&source) else {
                return Err(ExpressionError::new(
                    place,
                    "`${` has no closing `}`",
                    "close it, or write `$${` for the two characters themselves",
                ));
            };
            let inner: String = source.chars().take(length).collect();
            pieces.push((place + 2, Piece::Expression(inner)));
            place += length + 3;
        } else {
            literal.push(character);
            place += 1;
        }
    }
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push((place, Piece::Text(literal)));
    }
    Ok(pieces)
}

/// Where the `}` is that closes an expression.
fn closing(source: &str) -> Option<usize> {
    let (mut depth, mut found) = (0_usize, None);
    outside_quotes(source, |offset, character| match character {
        '{' => depth += 1,
        '}' if depth == 0 => found = found.or(Some(offset)),
        '}' => depth -= 1,
        _ => {}
    });
    found
}

/// Evaluates every `${…}` in a step's parameters, however deep.
pub fn evaluate_parameters(value: &Value, names: &Names<'_>, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
    Ok(match value {
        Value::String(text) => {
            let value = Template::compile(text, names)
                .map_err(|error| EvaluationError::new(error.what))?
                .evaluate(scope)?;
            if holds_fraction(&value) {
                return Err(EvaluationError::new(format!(
                    "`{text}` is or holds a number with a fraction; a plan holds whole numbers only"
                )));
            }
            value
        }
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| evaluate_parameters(item, names, scope))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| Ok((name.clone(), evaluate_parameters(member, names, scope)?)))
                .collect::<Result<_, EvaluationError>>()?,
        ),
        other => other.clone(),
    })
}

/// What a value is, for reasons: not which, because it may be all that is known of somebody.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn holds_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(members) => members.values().any(holds_fraction),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
