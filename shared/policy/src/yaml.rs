//! YAML with places: a tree in which every value knows its file, line and column.
//!
//! A configuration needs few of YAML's means, so anchors, aliases, tags, merge keys and several documents in one file are
//! refused: what is read is what is written, and no small file can grow large.

use std::sync::Arc;

use serde_json::{Value, json};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::{Problem, Problems};

/// The largest YAML file, in bytes.
pub(crate) const LARGEST: usize = 256 * 1024;
/// The deepest nesting.
const DEEPEST: usize = 24;
/// The most values in one file.
const MOST: usize = 20_000;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub file: Arc<str>,
    pub line: usize,
    pub column: usize,
}

impl At {
    pub(crate) fn file(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            line: 0,
            column: 0,
        }
    }

    pub(crate) fn problem(&self, what: impl Into<String>, next: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_string(),
            line: self.line,
            column: self.column,
            what: what.into(),
            next: next.into(),
        }
    }
}

/// How a scalar was written, as far as places and types need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Scalar(String, Style),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub name: String,
    pub at: At,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub at: At,
    pub data: Data,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Scalar(text, Style::Plain) => match text.as_str() {
                "" | "~" | "null" => "nothing",
                "true" | "false" => "true or false",
                text if text.parse::<f64>().is_ok() => "a number",
                _ => "a text",
            },
            Data::Scalar(..) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }

    /// The place of a character within a scalar.
    pub(crate) fn within(&self, line: usize, offset: usize) -> At {
        let mut at = self.at.clone();
        match &self.data {
            // The place of a block is that of its first character, after the indentation.
            Data::Scalar(_, Style::Plain | Style::Block) => {
                at.line += line;
                at.column += offset;
            }
            Data::Scalar(_, Style::Quoted) => {
                at.line += line;
                at.column += offset + 1;
            }
            Data::List(_) | Data::Map(_) => {}
        }
        at
    }

    /// The content alone, in a form in which equal contents are equal and every digest can be made: members as sorted
    /// pairs, numbers as their text.
    pub(crate) fn content(&self) -> Value {
        match &self.data {
            Data::Scalar(text, Style::Plain) => json!({"plain": text}),
            Data::Scalar(text, _) => json!(text),
            Data::List(items) => Value::Array(items.iter().map(Self::content).collect()),
            Data::Map(members) => {
                let mut pairs: Vec<(&str, Value)> = members
                    .iter()
                    .map(|(key, value)| (key.name.as_str(), value.content()))
                    .collect();
                pairs.sort_by(|one, two| one.0.cmp(two.0));
                json!({"members": pairs})
            }
        }
    }
}

/// Parses one file. Problems are added; `None` when nothing can be read on.
pub(crate) fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Node> {
    let name: Arc<str> = Arc::from(file);
    let top = At::file(file);
    if text.len() > LARGEST {
        problems.push(top.problem(
            format!("the file is larger than {} KiB", LARGEST / 1024),
            "split it, or move rows into a table (CSV)",
        ));
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Builder {
        file: name,
        events: Parser::new_from_str(text),
        count: 0,
        problems,
    };
    match parser.document() {
        Ok(Some(node)) => Some(node),
        Ok(None) => {
            parser
                .problems
                .push(top.problem("the file is empty", "fill it in, or remove it"));
            None
        }
        Err(problem) => {
            parser.problems.push(*problem);
            None
        }
    }
}

type Parsed<T> = Result<T, Box<Problem>>;

struct Builder<'p, P> {
    file: Arc<str>,
    events: P,
    count: usize,
    problems: &'p mut Problems,
}

type Item<'t> = Result<(Event<'t>, Span), serde_saphyr::granit_parser::ScanError>;

impl<'t, P: Iterator<Item = Item<'t>>> Builder<'_, P> {
    fn at(&self, span: &Span) -> At {
        At {
            file: Arc::clone(&self.file),
            line: span.start.line(),
            column: span.start.col() + 1,
        }
    }

    fn next(&mut self) -> Parsed<Option<(Event<'t>, At)>> {
        loop {
            return match self.events.next() {
                None => Ok(None),
                Some(Err(error)) => {
                    let at = At {
                        file: Arc::clone(&self.file),
                        line: error.marker().line(),
                        column: error.marker().col() + 1,
                    };
                    Err(Box::new(at.problem(
                        format!("this is not YAML: {}", error.info()),
                        "check the indentation and quotes at and above this line",
                    )))
                }
                Some(Ok((
                    Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd,
                    _,
                ))) => continue,
                Some(Ok((event, span))) => Ok(Some((event, self.at(&span)))),
            };
        }
    }

    fn document(&mut self) -> Parsed<Option<Node>> {
        let Some((event, at)) = self.next()? else {
            return Ok(None);
        };
        let node = self.node(event, at, 0)?;
        match self.next()? {
            None => Ok(Some(node)),
            Some((_, at)) => Err(Box::new(
                at.problem("a second document begins here", "put it into a file of its own"),
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, at: At, depth: usize) -> Parsed<Node> {
        self.count += 1;
        if depth > DEEPEST || self.count > MOST {
            return Err(Box::new(at.problem(
                format!("the file nests deeper than {DEEPEST} or holds more than {MOST} values"),
                "move rows into a table (CSV)",
            )));
        }
        match event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _)
                if anchor != 0 =>
            {
                Err(Box::new(Self::foreign(&at, "an anchor")))
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => Err(Box::new(Self::foreign(&at, "a tag"))),
            Event::Scalar(text, style, ..) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                Ok(Node {
                    at,
                    data: Data::Scalar(text.into_owned(), style),
                })
            }
            Event::SequenceStart(..) => self.list(at, depth),
            Event::MappingStart(..) => self.map(at, depth),
            _ => Err(Box::new(Self::foreign(&at, "an alias"))),
        }
    }

    fn foreign(at: &At, what: &str) -> Problem {
        at.problem(
            format!("{what} of YAML is not used in a configuration"),
            "write the value out where it is needed",
        )
    }

    fn list(&mut self, at: At, depth: usize) -> Parsed<Node> {
        let mut items = Vec::new();
        while let Some((event, place)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, place, depth + 1)?);
        }
        Ok(Node {
            at,
            data: Data::List(items),
        })
    }

    fn map(&mut self, at: At, depth: usize) -> Parsed<Node> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        while let Some((event, place)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, place, depth + 1)?;
            let Data::Scalar(name, _) = key.data else {
                return Err(Box::new(
                    key.at.problem("a member's name is not a text", "write `name: value`"),
                ));
            };
            let Some((event, place)) = self.next()? else {
                break;
            };
            let value = self.node(event, place, depth + 1)?;
            if members.iter().any(|(known, _)| known.name == name) {
                self.problems.push(
                    key.at
                        .problem(format!("`{name}` is given twice"), "keep one of the two"),
                );
                continue;
            }
            members.push((Key { name, at: key.at }, value));
        }
        Ok(Node {
            at,
            data: Data::Map(members),
        })
    }
}
