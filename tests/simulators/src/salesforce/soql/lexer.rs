//! Statement text to tokens.

use super::super::errors::Refusal;
use super::{Glob, malformed};

/// One token and its place (in characters).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A keyword, field path or object name.
    Word(String),
    /// The inside of a quoted string, escapes untouched: what they mean depends on the operator.
    Quoted(String),
    /// A number, date or date-time.
    Number(String),
    Symbol(&'static str),
}

impl TokenKind {
    /// The token as an error message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Number(text) => text.clone(),
            Self::Quoted(text) => format!("'{text}'"),
            Self::Symbol(text) => (*text).to_owned(),
        }
    }
}

/// Splits a statement.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Refusal> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&first) = chars.get(at) {
        let start = at;
        let run = |from: usize, keep: &dyn Fn(char) -> bool| {
            chars
                .iter()
                .skip(from)
                .take_while(|&&next| keep(next))
                .collect::<String>()
        };
        let kind = match first {
            ' ' | '\t' | '\n' | '\r' => {
                at += 1;
                continue;
            }
            '\'' => {
                let (inside, next) = quoted(&chars, at + 1)?;
                at = next;
                TokenKind::Quoted(inside)
            }
            'a'..='z' | 'A'..='Z' => {
                let word = run(at, &|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '.'));
                at += word.len();
                TokenKind::Word(word)
            }
            // A colon starts the number of a date literal such as LAST_N_DAYS:30.
            '0'..='9' | '-' | ':' => {
                let number = run(at, &|next| {
                    next.is_ascii_alphanumeric() || matches!(next, '-' | '+' | ':' | '.')
                });
                at += number.len();
                TokenKind::Number(number)
            }
            _ => {
                let two = run(at, &|next| matches!(next, '<' | '>' | '=' | '!'));
                let symbol = match (first, two.as_str()) {
                    (',', _) => ",",
                    ('(', _) => "(",
                    (')', _) => ")",
                    (_, "=") => "=",
                    (_, "!=" | "<>") => "!=",
                    (_, "<") => "<",
                    (_, ">") => ">",
                    (_, "<=") => "<=",
                    (_, ">=") => ">=",
                    _ => {
                        return Err(malformed(format!(
                            "line 1:{start} no viable alternative at character '{first}'"
                        )));
                    }
                };
                at += two.len().max(1);
                TokenKind::Symbol(symbol)
            }
        };
        found.push(Token { kind, at: start });
    }
    Ok(found)
}

/// The inside of a string up to its closing quote, and the place after that quote.
fn quoted(chars: &[char], from: usize) -> Result<(String, usize), Refusal> {
    let mut inside = String::new();
    let mut at = from;
    loop {
        match chars.get(at) {
            None => {
                return Err(malformed(format!(
                    "line 1:{} mismatched character '<EOF>' expecting '''",
                    chars.len()
                )));
            }
            Some('\'') => return Ok((inside, at + 1)),
            Some('\n' | '\r') => {
                return Err(malformed(format!(
                    "line 1:{at} line breaks not allowed in string literals"
                )));
            }
            Some('\\') => {
                inside.push('\\');
                if let Some(&next) = chars.get(at + 1) {
                    inside.push(next);
                }
                at += 2;
            }
            Some(&other) => {
                inside.push(other);
                at += 1;
            }
        }
    }
}

/// The pattern behind a quoted string after LIKE.
pub(super) fn pattern(inside: &str) -> Result<Vec<Glob>, Refusal> {
    decode(inside, true)
}

/// The text behind a quoted string after any other operator.
pub(super) fn text(inside: &str) -> Result<String, Refusal> {
    Ok(decode(inside, false)?
        .into_iter()
        .filter_map(|place| if let Glob::Char(one) = place { Some(one) } else { None })
        .collect())
}

fn decode(inside: &str, like: bool) -> Result<Vec<Glob>, Refusal> {
    let illegal = |sequence: &str| {
        malformed(format!(
            "Invalid string literal '{inside}'. Illegal character sequence '\\{sequence}' in string literal."
        ))
    };
    let mut places = Vec::new();
    let mut chars = inside.chars();
    while let Some(next) = chars.next() {
        let place = match next {
            '%' if like => Glob::Many,
            '_' if like => Glob::One,
            '\\' => Glob::Char(match chars.next() {
                Some('n' | 'N') => '\n',
                Some('r' | 'R') => '\r',
                Some('t' | 'T') => '\t',
                Some('b' | 'B') => '\u{8}',
                Some('f' | 'F') => '\u{c}',
                Some(same @ ('"' | '\'' | '\\')) => same,
                Some(same @ ('_' | '%')) if like => same,
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    u32::from_str_radix(&digits, 16)
                        .ok()
                        .filter(|_| digits.len() == 4)
                        .and_then(char::from_u32)
                        .ok_or_else(|| illegal(&format!("u{digits}")))?
                }
                Some(other) => return Err(illegal(&other.to_string())),
                None => return Err(illegal("")),
            }),
            other => Glob::Char(other),
        };
        places.push(place);
    }
    Ok(places)
}
