//! Okta's filter language: `attribute op "value"`, `attribute pr`, `and`, `or`, `not (…)`, parentheses.
//!
//! The same grammar serves users' `search` and `filter`, groups and the System Log; what each allows is checked by the
//! caller through [`Expression::comparisons`].

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Sw,
    Ew,
    Co,
    Pr,
}

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare {
        attribute: String,
        operator: Operator,
        value: Value,
    },
}

impl Expression {
    /// All (attribute, operator) pairs in the filter.
    pub(super) fn comparisons(&self) -> Vec<(&str, Operator)> {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                let mut all = left.comparisons();
                all.extend(right.comparisons());
                all
            }
            Self::Not(inner) => inner.comparisons(),
            Self::Compare {
                attribute, operator, ..
            } => vec![(attribute, *operator)],
        }
    }

    /// Whether an object fits, given what it holds for an attribute (several values for a list). `fold` ignores case.
    pub(super) fn fits(&self, fold: bool, values: &dyn Fn(&str) -> Vec<Value>) -> bool {
        match self {
            Self::And(left, right) => left.fits(fold, values) && right.fits(fold, values),
            Self::Or(left, right) => left.fits(fold, values) || right.fits(fold, values),
            Self::Not(inner) => !inner.fits(fold, values),
            Self::Compare {
                attribute,
                operator,
                value,
            } => {
                let held = values(attribute);
                match operator {
                    Operator::Pr => held.iter().any(|one| !one.is_null() && *one != ""),
                    Operator::Ne => !held.iter().any(|one| holds(one, Operator::Eq, value, fold)),
                    _ => held.iter().any(|one| holds(one, *operator, value, fold)),
                }
            }
        }
    }
}

fn holds(held: &Value, operator: Operator, wanted: &Value, fold: bool) -> bool {
    let (Some(left), Some(right)) = (held.as_str(), wanted.as_str()) else {
        let order = match (held.as_f64(), wanted.as_f64()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ if held == wanted => Some(Ordering::Equal),
            _ => None,
        };
        return ordered(order, operator);
    };
    let change = |text: &str| {
        if fold { text.to_lowercase() } else { text.to_owned() }
    };
    let (folded_left, folded_right) = (change(left), change(right));
    match operator {
        Operator::Sw => folded_left.starts_with(&folded_right),
        Operator::Ew => folded_left.ends_with(&folded_right),
        Operator::Co => folded_left.contains(&folded_right),
        _ => match (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
            (Ok(left), Ok(right)) => ordered(Some(left.cmp(&right)), operator),
            _ => ordered(Some(folded_left.cmp(&folded_right)), operator),
        },
    }
}

fn ordered(order: Option<Ordering>, operator: Operator) -> bool {
    order.is_some_and(|order| match operator {
        Operator::Eq => order == Ordering::Equal,
        Operator::Ne => order != Ordering::Equal,
        Operator::Gt => order == Ordering::Greater,
        Operator::Ge => order != Ordering::Less,
        Operator::Lt => order == Ordering::Less,
        Operator::Le => order != Ordering::Greater,
        Operator::Sw | Operator::Ew | Operator::Co | Operator::Pr => false,
    })
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Text(String),
    Word(String),
}

/// Parses a filter; nothing when it is not one.
pub(super) fn parse(text: &str) -> Option<Expression> {
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let expression = any_of(&mut rest)?;
    rest.is_empty().then_some(expression)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => {
                let mut value = String::new();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => value.push(characters.next()?),
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = characters.next_if(|next| !matches!(next, ' ' | '\t' | '(' | ')' | '"')) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

fn take_word(rest: &mut &[Token], wanted: &str) -> bool {
    if let [Token::Word(word), tail @ ..] = *rest
        && word.eq_ignore_ascii_case(wanted)
    {
        *rest = tail;
        return true;
    }
    false
}

fn any_of(rest: &mut &[Token]) -> Option<Expression> {
    let mut left = all_of(rest)?;
    while take_word(rest, "or") {
        left = Expression::Or(Box::new(left), Box::new(all_of(rest)?));
    }
    Some(left)
}

fn all_of(rest: &mut &[Token]) -> Option<Expression> {
    let mut left = one(rest)?;
    while take_word(rest, "and") {
        left = Expression::And(Box::new(left), Box::new(one(rest)?));
    }
    Some(left)
}

fn one(rest: &mut &[Token]) -> Option<Expression> {
    if take_word(rest, "not") {
        return Some(Expression::Not(Box::new(one(rest)?)));
    }
    match *rest {
        [Token::Open, tail @ ..] => {
            *rest = tail;
            let inner = any_of(rest)?;
            let [Token::Close, tail @ ..] = *rest else {
                return None;
            };
            *rest = tail;
            Some(inner)
        }
        [Token::Word(attribute), Token::Word(operator), tail @ ..] => {
            let operator = operator_named(operator)?;
            let attribute = attribute.clone();
            *rest = tail;
            if operator == Operator::Pr {
                return Some(Expression::Compare {
                    attribute,
                    operator,
                    value: Value::Null,
                });
            }
            let value = match *rest {
                [Token::Text(text), tail @ ..] => {
                    *rest = tail;
                    Value::from(text.clone())
                }
                [Token::Word(word), tail @ ..] => {
                    *rest = tail;
                    let value: Value = serde_json::from_str(word).ok()?;
                    if !(value.is_number() || value.is_boolean()) {
                        return None;
                    }
                    value
                }
                _ => return None,
            };
            Some(Expression::Compare {
                attribute,
                operator,
                value,
            })
        }
        _ => None,
    }
}

fn operator_named(name: &str) -> Option<Operator> {
    Some(match name.to_ascii_lowercase().as_str() {
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        "sw" => Operator::Sw,
        "ew" => Operator::Ew,
        "co" => Operator::Co,
        "pr" => Operator::Pr,
        _ => return None,
    })
}

/// All values at a dotted path inside a JSON object; lists contribute each of their items.
pub(super) fn values_at(value: &Value, path: &str) -> Vec<Value> {
    let mut found = vec![value];
    for part in path.split('.') {
        let spread = found.into_iter().flat_map(|one| match one {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        });
        found = spread.filter_map(|one| one.get(part)).collect();
    }
    found
        .into_iter()
        .flat_map(|one| match one {
            Value::Array(items) => items.clone(),
            other => vec![other.clone()],
        })
        .collect()
}
