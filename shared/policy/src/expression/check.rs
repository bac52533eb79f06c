//! The static check: every name declared, every function known, operands of the right type.

use std::fmt;

use cel::Program;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op};

use super::{ExpressionError, LIST_FUNCTION, Names};
use crate::facts::{self, Object};
use crate::suggest::nearest;

/// How deep loops may nest: each runs over a person's groups or the like.
const DEEPEST_LOOP: usize = 2;

/// The type of an expression, as far as it is known before it is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Whole,
    /// A number with a fraction.
    Fraction,
    /// A text.
    Text,
    /// Absent.
    Null,
    /// A list.
    List(Box<Type>),
    /// One of the facts.
    Fact(Object),
    /// Known only when it is evaluated: an attribute of the profile.
    Dynamic,
}

impl Type {
    /// True when its value can stand in a text.
    pub fn fits_into_text(&self) -> bool {
        matches!(
            self,
            Self::Bool | Self::Whole | Self::Fraction | Self::Text | Self::Dynamic
        )
    }

    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dynamic | Self::Null, _)
            | (_, Self::Dynamic | Self::Null)
            | (Self::Whole | Self::Fraction, Self::Whole | Self::Fraction) => true,
            (Self::List(one), Self::List(two)) => one.agrees(two),
            (one, two) => one == two,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => out.write_str("true or false"),
            Self::Whole | Self::Fraction => out.write_str("a number"),
            Self::Text => out.write_str("a text"),
            Self::Null => out.write_str("null"),
            Self::List(_) => out.write_str("a list"),
            Self::Fact(object) => write!(out, "a whole {}", object.name()),
            Self::Dynamic => out.write_str("of a type that is known only later"),
        }
    }
}

pub(super) fn check(program: &Program, source: &str, names: &Names<'_>) -> Result<Type, ExpressionError> {
    let mut checker = Checker {
        program,
        source,
        names,
        local: Vec::new(),
        loops: 0,
    };
    checker.expression(program.expression())
}

struct Checker<'a> {
    program: &'a Program,
    source: &'a str,
    names: &'a Names<'a>,
    local: Vec<(String, Type)>,
    loops: usize,
}

type Checked = Result<Type, ExpressionError>;

impl Checker<'_> {
    fn error(&self, at: &IdedExpr, what: impl Into<String>, next: impl Into<String>) -> ExpressionError {
        let offset = self
            .program
            .source_info()
            .offset_for(at.id)
            .map_or(0, |(start, _)| start);
        ExpressionError::new(usize::try_from(offset).unwrap_or(0), what, next)
    }

    fn expression(&mut self, at: &IdedExpr) -> Checked {
        match &at.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Double(_) => Type::Fraction,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Whole,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Null => Type::Null,
                LiteralValue::Bytes(_) => return Err(self.foreign(at, "bytes")),
            }),
            Expr::Ident(name) => self.name(at, name),
            Expr::Select(select) => {
                let operand = self.expression(&select.operand)?;
                let field = self.field(at, &operand, &select.field)?;
                if select.test && operand == Type::Fact(Object::Person) && select.field == "converting" {
                    return Err(self.error(
                        at,
                        "`has` cannot ask whether a conversion could be told",
                        "write `person.converting`: while it cannot be told, the condition waits",
                    ));
                }
                Ok(if select.test { Type::Bool } else { field })
            }
            Expr::List(list) => {
                if !list.optional_indices.is_empty() {
                    return Err(self.foreign(at, "an optional element"));
                }
                let mut element: Option<Type> = None;
                for item in &list.elements {
                    let kind = self.expression(item)?;
                    element = Some(match element {
                        Some(before) if before != kind => Type::Dynamic,
                        _ => kind,
                    });
                }
                Ok(Type::List(Box::new(element.unwrap_or(Type::Dynamic))))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        let key = self.expression(&entry.key)?;
                        if !key.agrees(&Type::Text) {
                            return Err(self.error(
                                &entry.key,
                                format!("a member's name is {key}"),
                                "write it as a text",
                            ));
                        }
                        self.expression(&entry.value)?;
                    }
                }
                Ok(Type::Dynamic)
            }
            Expr::Call(call) => {
                let mut arguments = Vec::new();
                for argument in &call.args {
                    arguments.push(self.expression(argument)?);
                }
                match &call.target {
                    Some(target) => self.member(at, target, &call.func_name, &call.args, &arguments),
                    None => self.call(at, &call.func_name, &arguments),
                }
            }
            Expr::Comprehension(comprehension) => self.comprehension(at, comprehension),
            Expr::Struct(_) => Err(self.foreign(at, "a message")),
            Expr::Unspecified => Err(self.foreign(at, "an empty expression")),
        }
    }

    fn foreign(&self, at: &IdedExpr, what: &str) -> ExpressionError {
        self.error(
            at,
            format!("`{}` uses {what}, which conditions do not have", self.source),
            "use texts, numbers, lists, and the facts person, account, event and run",
        )
    }

    fn name(&self, at: &IdedExpr, name: &str) -> Checked {
        if let Some((_, kind)) = self.local.iter().rev().find(|(local, _)| local == name) {
            return Ok(kind.clone());
        }
        match Object::root(name) {
            Some(Object::Account) if !self.names.account => Err(self.error(
                at,
                "`account` is not known here: no single account is looked at",
                "use it in a step's `if` or `with`",
            )),
            Some(object) => Ok(Type::Fact(object)),
            None => Err(self.error(
                at,
                format!("nothing is called `{name}`"),
                match nearest(name, Object::ROOTS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the facts are person, account, event and run; a text needs quotes".to_owned(),
                },
            )),
        }
    }

    fn field(&self, at: &IdedExpr, operand: &Type, field: &str) -> Checked {
        match operand {
            Type::Dynamic => Ok(Type::Dynamic),
            Type::Fact(object) => facts::field(*object, field).ok_or_else(|| {
                let next = match nearest(field, facts::fields(*object)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if *object == Object::Person => {
                        format!("any other attribute of the profile is `person.attributes.{field}`")
                    }
                    None => format!("it has {}", facts::fields(*object).join(", ")),
                };
                self.error(at, format!("`{}` has no `{field}`", object.name()), next)
            }),
            other => Err(self.error(at, format!("`.{field}` is asked of {other}"), "only facts have fields")),
        }
    }

    fn comprehension(&mut self, at: &IdedExpr, inner: &ComprehensionExpr) -> Checked {
        let range = self.expression(&inner.iter_range)?;
        let element = match range {
            Type::List(element) => *element,
            Type::Dynamic => Type::Dynamic,
            other => {
                return Err(self.error(
                    at,
                    format!("a loop runs over {other}"),
                    "loop over a list, for example `person.groups`",
                ));
            }
        };
        self.loops += 1;
        if self.loops > DEEPEST_LOOP {
            return Err(self.error(
                at,
                format!("loops nest deeper than {DEEPEST_LOOP}"),
                "move the decision into a group or a list",
            ));
        }
        let accumulator = match self.expression(&inner.accu_init)? {
            Type::List(_) => Type::List(Box::new(Type::Dynamic)),
            other => other,
        };
        let mark = self.local.len();
        self.local.push((inner.iter_var.clone(), element));
        if let Some(second) = &inner.iter_var2 {
            self.local.push((second.clone(), Type::Dynamic));
        }
        self.local.push((inner.accu_var.clone(), accumulator));
        self.expression(&inner.loop_cond)?;
        self.expression(&inner.loop_step)?;
        let result = self.expression(&inner.result)?;
        self.local.truncate(mark);
        self.loops -= 1;
        Ok(result)
    }

    fn member(
        &mut self,
        at: &IdedExpr,
        target: &IdedExpr,
        name: &str,
        expressions: &[IdedExpr],
        arguments: &[Type],
    ) -> Checked {
        let operand = self.expression(target)?;
        match (name, arguments) {
            (LIST_FUNCTION, [_]) if operand == Type::Fact(Object::Person) => self.list(at, expressions),
            ("size", []) => self.sized(at, &operand),
            ("startsWith" | "endsWith" | "contains", [argument]) => {
                self.expect(at, name, &operand, &Type::Text)?;
                self.expect(at, name, argument, &Type::Text)?;
                Ok(Type::Bool)
            }
            _ => Err(self.unknown_function(at, name)),
        }
    }

    /// `person.in('hold')`: the list must be declared, so that a misspelt hold is not found out too late.
    fn list(&self, at: &IdedExpr, expressions: &[IdedExpr]) -> Checked {
        let Some(Expr::Literal(LiteralValue::String(name))) = expressions.first().map(|argument| &argument.expr) else {
            return Err(self.error(
                at,
                "`person.in` needs the name of a list in quotes",
                "write `person.in('hold')`",
            ));
        };
        let name = name.inner();
        if self.names.lists.contains_key(name) {
            return Ok(Type::Bool);
        }
        let known: Vec<&str> = self.names.lists.keys().map(String::as_str).collect();
        Err(self.error(
            at,
            format!("there is no list `{name}`"),
            match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "declare it under `lists` in rollcall.yaml (declared: {})",
                    or_none(&known)
                ),
            },
        ))
    }

    fn sized(&self, at: &IdedExpr, operand: &Type) -> Checked {
        match operand {
            Type::Text | Type::List(_) | Type::Dynamic => Ok(Type::Whole),
            other => Err(self.error(at, format!("`size` is asked of {other}"), "it counts lists and texts")),
        }
    }

    fn expect(&self, at: &IdedExpr, name: &str, found: &Type, wanted: &Type) -> Result<(), ExpressionError> {
        if found.agrees(wanted) {
            return Ok(());
        }
        Err(self.error(
            at,
            format!("{} takes {wanted} and is given {found}", shown(name)),
            "compare things of one kind",
        ))
    }

    fn unknown_function(&self, at: &IdedExpr, name: &str) -> ExpressionError {
        self.error(
            at,
            format!(
                "there is no function `{}` here",
                if name == LIST_FUNCTION { "in" } else { name }
            ),
            "there are person.in, size, has, startsWith, endsWith, contains, exists, all, exists_one, map, filter, \
             string, int and type-preserving operators",
        )
    }

    fn call(&self, at: &IdedExpr, name: &str, arguments: &[Type]) -> Checked {
        match (name, arguments) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [..]) => {
                for argument in arguments {
                    self.expect(at, name, argument, &Type::Bool)?;
                }
                Ok(Type::Bool)
            }
            (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [one]) => {
                self.expect(at, name, one, &Type::Bool)?;
                Ok(Type::Bool)
            }
            (op::EQUALS | op::NOT_EQUALS, [one, two]) => {
                if matches!(one, Type::Fact(_)) || matches!(two, Type::Fact(_)) {
                    let whole = if matches!(one, Type::Fact(_)) { one } else { two };
                    return Err(self.error(at, format!("{whole} is compared"), "compare one of its fields"));
                }
                self.expect(at, name, two, one)?;
                Ok(Type::Bool)
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [one, two]) => {
                if !matches!(one, Type::Whole | Type::Fraction | Type::Text | Type::Dynamic) {
                    return Err(self.error(
                        at,
                        format!("{} is asked of {one}", shown(name)),
                        "compare numbers or texts",
                    ));
                }
                self.expect(at, name, two, one)?;
                Ok(Type::Bool)
            }
            (op::ADD, [one, two]) => {
                let fits = matches!(
                    one,
                    Type::Whole | Type::Fraction | Type::Text | Type::List(_) | Type::Dynamic
                );
                if !fits {
                    return Err(self.error(at, format!("`+` is asked of {one}"), "add numbers, texts or lists"));
                }
                self.expect(at, name, two, one)?;
                Ok(if *one == Type::Dynamic {
                    two.clone()
                } else {
                    one.clone()
                })
            }
            (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [one, two]) => {
                self.expect(at, name, one, &Type::Whole)?;
                self.expect(at, name, two, &Type::Whole)?;
                Ok(if *one == Type::Dynamic {
                    two.clone()
                } else {
                    one.clone()
                })
            }
            (op::NEGATE, [one]) => {
                self.expect(at, name, one, &Type::Whole)?;
                Ok(one.clone())
            }
            (op::IN, [_, Type::List(_) | Type::Dynamic]) => Ok(Type::Bool),
            (op::IN, [_, other]) => Err(self.error(
                at,
                format!("`in` looks into {other}"),
                "it looks into lists, for example `'Sales' in person.groups`",
            )),
            (op::INDEX, [Type::List(element), index]) => {
                self.expect(at, name, index, &Type::Whole)?;
                Ok((**element).clone())
            }
            (op::INDEX, [Type::Dynamic, _]) => Ok(Type::Dynamic),
            (op::CONDITIONAL, [condition, one, two]) => {
                self.expect(at, name, condition, &Type::Bool)?;
                Ok(if one == two { one.clone() } else { Type::Dynamic })
            }
            ("size", [one]) => self.sized(at, one),
            ("string", [one]) if one.fits_into_text() => Ok(Type::Text),
            ("int", [Type::Text | Type::Whole | Type::Fraction | Type::Dynamic]) => Ok(Type::Whole),
            _ => Err(self.unknown_function(at, name)),
        }
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// An operator as people write it.
fn shown(name: &str) -> String {
    match name {
        op::CONDITIONAL => "`? :`".to_owned(),
        op::INDEX => "`[…]`".to_owned(),
        other => format!("`{}`", other.trim_matches(['_', '@'])),
    }
}
