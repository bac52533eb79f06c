//! Evaluation: facts in, a JSON value or a typed error out.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use cel::extractors::This;
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program, Value as Cel};
use serde_json::Value;

use super::{LIST_FUNCTION, Scope};
use crate::decide::{Membership, Memberships};

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

impl EvaluationError {
    /// An error with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Building the standard environment costs far more than an evaluation, and it never changes.
fn environment() -> Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENVIRONMENT.get_or_init(|| Arc::new(Env::stdlib())))
}

pub(super) fn evaluate(program: &Program, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
    // Overflows and bad indices are typed errors of the interpreter. Should it panic all the same, one expression fails,
    // not the worker.
    catch_unwind(AssertUnwindSafe(|| run(program, scope)))
        .unwrap_or_else(|_| Err(EvaluationError::new("the expression could not be evaluated")))
}

fn run(program: &Program, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
    let mut context = Context::with_env(environment());
    if let Value::Object(roots) = &scope.facts {
        for (name, fact) in roots {
            context.add_variable_from_value(name.as_str(), to_cel(fact));
        }
    }
    let memberships: Memberships = scope.memberships.clone();
    context
        .add_function(LIST_FUNCTION, move |This(_): This<Cel>, list: Arc<String>| {
            is_in(&memberships, &list)
        })
        .map_err(|error| EvaluationError::new(error.to_string()))?;
    let value = program
        .execute(&context)
        .map_err(|error| EvaluationError(reason(&error)))?;
    to_json(&value)
}

fn is_in(memberships: &Memberships, list: &str) -> Result<bool, ExecutionError> {
    match memberships.get(list) {
        Some(Membership::In) => Ok(true),
        Some(Membership::Out) => Ok(false),
        Some(Membership::Unknown(why)) => Err(ExecutionError::function_error(
            LIST_FUNCTION,
            format!("the list `{list}` could not be read: {why}"),
        )),
        None => Err(ExecutionError::function_error(
            LIST_FUNCTION,
            format!("the list `{list}` was not read"),
        )),
    }
}

/// Why, without the values: the interpreter quotes them, in another order each time, and one of them may be all that is known of
/// somebody. A reason is hashed with its plan, and told.
fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::UnsupportedBinaryOperator(sign, one, two) => {
            format!("`{sign}` cannot be used on {} and {}", one.type_of(), two.type_of())
        }
        ExecutionError::ValuesNotComparable(one, two) => {
            format!("{} cannot be compared with {}", one.type_of(), two.type_of())
        }
        ExecutionError::Overflow(sign, ..) => format!("the result of `{sign}` is too large"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "it asks for an element that the list does not have".to_owned(),
        ExecutionError::UnsupportedIndex(index, of) => {
            format!("{} is no place in {}", index.type_of(), of.type_of())
        }
        ExecutionError::UnsupportedTargetType { target } => format!("it asks {} for something else", target.type_of()),
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("{} has no `{method}`", target.type_of())
        }
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a member's name", key.type_of()),
        ExecutionError::DuplicateKey(_) => "it gives a member twice".to_owned(),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchKey(name) if name.as_str() == "converting" => {
            "whether the person is converting could not be told".to_owned()
        }
        ExecutionError::NoSuchKey(name) => {
            format!("there is no `{name}` here; ask `has(…)` first where an attribute may be absent")
        }
        ExecutionError::UnexpectedType { .. } => "a function was given a value of another kind".to_owned(),
        ExecutionError::InvalidArgumentCount { .. }
        | ExecutionError::NoSuchOverload(_)
        | ExecutionError::UndeclaredReference(_)
        | ExecutionError::MissingArgumentOrTarget => error.to_string(),
        _ => "it cannot be evaluated".to_owned(),
    }
}

fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => number
            .as_i64()
            .map(Cel::Int)
            .or_else(|| number.as_u64().map(Cel::UInt))
            .or_else(|| number.as_f64().map(Cel::Float))
            .unwrap_or(Cel::Null),
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(members) => Cel::Map(Map {
            map: Arc::new(
                members
                    .iter()
                    .map(|(name, member)| (Key::String(Arc::new(name.clone())), to_cel(member)))
                    .collect::<HashMap<_, _>>(),
            ),
        }),
    }
}

struct NotData<'a>(&'a Cel);

impl fmt::Display for NotData<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the value is {}, which is not data", self.0.type_of())
    }
}

fn to_json(value: &Cel) -> Result<Value, EvaluationError> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(value) => Value::Bool(*value),
        Cel::Int(number) => Value::from(*number),
        Cel::UInt(number) => Value::from(*number),
        Cel::Float(number) => serde_json::Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| EvaluationError::new("the value is not a number"))?,
        Cel::String(text) => Value::String(text.to_string()),
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Cel::Map(members) => Value::Object(
            members
                .map
                .iter()
                .map(|(key, member)| match key {
                    Key::String(name) => Ok((name.to_string(), to_json(member)?)),
                    _ => Err(EvaluationError::new("a member's name is not a text")),
                })
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(EvaluationError::new(NotData(other).to_string())),
    })
}
