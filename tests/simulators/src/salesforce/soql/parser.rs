//! Tokens to a statement.

use jiff::Timestamp;

use super::super::errors::Refusal;
use super::super::time;
use super::lexer::{self, Token, TokenKind};
use super::{Column, Cond, Literal, Op, Order, Query, malformed};

/// Longest statement the vendor takes, in characters (SOQL and SOSL Limits).
const LONGEST: usize = 100_000;

/// Reads a statement.
pub(in super::super) fn parse(source: &str, now: Timestamp) -> Result<Query, Refusal> {
    if source.chars().count() > LONGEST {
        return Err(malformed("SOQL statements cannot be longer than 100000 characters."));
    }
    let mut parser = Parser {
        tokens: lexer::tokens(source)?,
        next: 0,
        now,
    };
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    now: Timestamp,
}

impl Parser {
    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn unexpected(&self) -> Refusal {
        let shown = self.peek().map_or_else(|| "<EOF>".to_owned(), TokenKind::shown);
        malformed(format!("unexpected token: '{shown}'"))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(TokenKind::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    fn need_word(&mut self, word: &str) -> Result<(), Refusal> {
        if self.eat_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Symbol(next)) if *next == symbol);
        self.next += usize::from(found);
        found
    }

    fn need_symbol(&mut self, symbol: &str) -> Result<(), Refusal> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// A name that is no reserved word (SOQL Reference, "Reserved Keywords").
    fn name(&mut self) -> Result<(String, usize), Refusal> {
        const RESERVED: [&str; 17] = [
            "and", "asc", "desc", "excludes", "first", "from", "group", "having", "in", "includes", "last", "like",
            "limit", "not", "null", "or", "select",
        ];
        match self.tokens.get(self.next) {
            Some(Token {
                kind: TokenKind::Word(word),
                at,
            }) if !RESERVED.contains(&word.to_ascii_lowercase().as_str()) && !self.is_word("where") => {
                let found = (word.clone(), *at);
                self.next += 1;
                Ok(found)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn query(&mut self) -> Result<Query, Refusal> {
        self.need_word("select")?;
        let mut columns = vec![self.column()?];
        while self.eat_symbol(",") {
            columns.push(self.column()?);
        }
        if columns.contains(&Column::Count) && columns.len() > 1 {
            return Err(malformed("unexpected token: ','"));
        }
        self.need_word("from")?;
        // `Group` is the one object whose name is a reserved word.
        let at = self.tokens.get(self.next).map_or(0, |token| token.at);
        let from = if self.eat_word("group") {
            ("Group".to_owned(), at)
        } else {
            self.name()?
        };
        let scope = if self.eat_word("using") {
            self.need_word("scope")?;
            Some(self.name()?.0)
        } else {
            None
        };
        let filter = if self.eat_word("where") {
            Some(self.condition()?)
        } else {
            None
        };
        let mut order = Vec::new();
        if self.eat_word("order") {
            self.need_word("by")?;
            order.push(self.order()?);
            while self.eat_symbol(",") {
                order.push(self.order()?);
            }
        }
        let limit = if self.eat_word("limit") {
            Some(self.count()?)
        } else {
            None
        };
        let offset = if self.eat_word("offset") {
            Some(self.count()?)
        } else {
            None
        };
        Ok(Query {
            columns,
            from,
            scope,
            filter,
            order,
            limit,
            offset,
        })
    }

    fn column(&mut self) -> Result<Column, Refusal> {
        let (name, at) = self.name()?;
        if !self.eat_symbol("(") {
            return Ok(Column::Field(name, at));
        }
        if !name.eq_ignore_ascii_case("count") {
            return Err(malformed(format!("unexpected token: '{name}'")));
        }
        if self.eat_symbol(")") {
            return Ok(Column::Count);
        }
        let (path, at) = self.name()?;
        self.need_symbol(")")?;
        let alias = if matches!(self.peek(), Some(TokenKind::Word(word)) if !word.eq_ignore_ascii_case("from")) {
            Some(self.name()?.0)
        } else {
            None
        };
        Ok(Column::CountOf(path, at, alias))
    }

    fn order(&mut self) -> Result<Order, Refusal> {
        let (path, at) = self.name()?;
        let descending = if self.eat_word("desc") {
            true
        } else {
            self.eat_word("asc");
            false
        };
        let mut nulls_last = false;
        if self.eat_word("nulls") {
            nulls_last = self.eat_word("last");
            if !nulls_last {
                self.need_word("first")?;
            }
        }
        Ok(Order {
            path,
            at,
            descending,
            nulls_last,
        })
    }

    fn count(&mut self) -> Result<usize, Refusal> {
        let parsed = match self.peek() {
            Some(TokenKind::Number(digits)) => digits.parse().ok(),
            _ => None,
        };
        let count = parsed.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(count)
    }

    /// `simple`, `NOT simple`, `simple AND simple …` or `simple OR simple …`, never AND beside OR.
    fn condition(&mut self) -> Result<Cond, Refusal> {
        if self.eat_word("not") {
            return Ok(Cond::Not(Box::new(self.simple()?)));
        }
        let first = self.simple()?;
        let joiner = ["and", "or"].into_iter().find(|word| self.is_word(word));
        let Some(joiner) = joiner else {
            return Ok(first);
        };
        let mut parts = vec![first];
        while self.eat_word(joiner) {
            parts.push(self.simple()?);
        }
        Ok(if joiner == "and" {
            Cond::All(parts)
        } else {
            Cond::Any(parts)
        })
    }

    fn simple(&mut self) -> Result<Cond, Refusal> {
        if self.eat_symbol("(") {
            let inside = self.condition()?;
            self.need_symbol(")")?;
            return Ok(inside);
        }
        let (path, at) = self.name()?;
        let op = self.operator()?;
        let values = match op {
            Op::In | Op::NotIn => {
                self.need_symbol("(")?;
                if self.is_word("select") {
                    let query = Box::new(self.query()?);
                    self.need_symbol(")")?;
                    let negated = op == Op::NotIn;
                    return Ok(Cond::Within {
                        path,
                        at,
                        negated,
                        query,
                    });
                }
                let mut values = vec![self.literal(op)?];
                while self.eat_symbol(",") {
                    values.push(self.literal(op)?);
                }
                self.need_symbol(")")?;
                values
            }
            _ => vec![self.literal(op)?],
        };
        Ok(Cond::Test { path, at, op, values })
    }

    fn operator(&mut self) -> Result<Op, Refusal> {
        for (symbol, op) in [
            ("=", Op::Eq),
            ("!=", Op::Ne),
            ("<", Op::Lt),
            (">", Op::Gt),
            ("<=", Op::Le),
            (">=", Op::Ge),
        ] {
            if self.eat_symbol(symbol) {
                return Ok(op);
            }
        }
        if self.eat_word("like") {
            return Ok(Op::Like);
        }
        if self.eat_word("in") {
            return Ok(Op::In);
        }
        if self.eat_word("not") {
            self.need_word("in")?;
            return Ok(Op::NotIn);
        }
        Err(self.unexpected())
    }

    fn literal(&mut self, op: Op) -> Result<Literal, Refusal> {
        let refused = self.unexpected();
        match self.take().map(|token| token.kind) {
            Some(TokenKind::Quoted(inside)) if op == Op::Like => Ok(Literal::Pattern(lexer::pattern(&inside)?)),
            Some(TokenKind::Quoted(inside)) => Ok(Literal::Text(lexer::text(&inside)?)),
            Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case("null") => Ok(Literal::Null),
            Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case("true") => Ok(Literal::Bool(true)),
            Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case("false") => Ok(Literal::Bool(false)),
            Some(TokenKind::Word(word)) => self.days(&word).ok_or(refused),
            Some(TokenKind::Number(number)) if number.contains(['T', 't']) => number
                .parse::<Timestamp>()
                .map(|moment| Literal::DateTime(time::wire(moment)))
                .map_err(|_| refused),
            Some(TokenKind::Number(number)) if number.len() == 10 && number.get(4..5) == Some("-") => number
                .parse::<jiff::civil::Date>()
                .map(|day| Literal::Date(day.to_string()))
                .map_err(|_| refused),
            Some(TokenKind::Number(number)) => number.parse().map(Literal::Number).map_err(|_| refused),
            _ => Err(refused),
        }
    }

    /// The days that a date literal names, in the caller's time zone, which is GMT here (SOQL Reference, "Date Formats and
    /// Date Literals in WHERE"). The language has no `NOW()`.
    fn days(&mut self, word: &str) -> Option<Literal> {
        let today = self.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (first, after) = match word.to_ascii_lowercase().as_str() {
            "yesterday" => (today.yesterday().ok()?, today),
            "today" => (today, today.tomorrow().ok()?),
            "tomorrow" => (today.tomorrow().ok()?, today.tomorrow().ok()?.tomorrow().ok()?),
            "last_n_days" => {
                let Some(TokenKind::Number(count)) = self.take().map(|token| token.kind) else {
                    return None;
                };
                let count: i64 = count.strip_prefix(':')?.parse().ok().filter(|count| *count > 0)?;
                let first = today.checked_sub(jiff::Span::new().try_days(count).ok()?).ok()?;
                (first, today.tomorrow().ok()?)
            }
            _ => return None,
        };
        Some(Literal::Days(first.to_string(), after.to_string()))
    }
}
