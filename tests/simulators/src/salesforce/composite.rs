//! Composite: up to 25 calls in one, later ones using what earlier ones answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::errors::Refusal;
use super::rules::Caller;
use super::state::State;

/// Most parts of one call.
const MOST: usize = 25;
/// Most queries and collections among them.
const MOST_QUERIES: usize = 5;

/// One part as sent.
struct Part {
    reference: String,
    method: Method,
    url: String,
    body: Value,
    /// What the part says to assignment rules, if anything.
    assign: Option<bool>,
}

impl State {
    /// `POST /composite`.
    pub(super) fn composite(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
        let body = call.object()?;
        let all_or_none = body.get("allOrNone") == Some(&json!(true));
        let parts = parts(body.get("compositeRequest"))?;
        let start = self.savepoint();
        let mut answers: BTreeMap<String, Value> = BTreeMap::new();
        let mut results: Vec<(String, Answer)> = Vec::new();
        let mut first_write = None;
        for part in &parts {
            let mixture = all_or_none.then(|| self.mixture(part, &mut first_write)).flatten();
            let answer = match mixture {
                Some(refusal) => refusal.into(),
                None => self.run_part(caller, part, &answers).unwrap_or_else(Answer::from),
            };
            if answer.status < 400 {
                answers.insert(part.reference.clone(), answer.body.clone().unwrap_or(Value::Null));
            }
            results.push((part.reference.clone(), answer));
        }
        if all_or_none && results.iter().any(|(_, answer)| answer.status >= 400) {
            self.rollback(start);
            let halted = Refusal::new(
                400,
                "PROCESSING_HALTED",
                "The transaction was rolled back since another operation in the same transaction failed.",
            );
            for (_, answer) in results.iter_mut().filter(|(_, answer)| answer.status < 400) {
                *answer = halted.clone().into();
            }
        }
        let results: Vec<Value> = results
            .into_iter()
            .map(|(reference, answer)| json!({ "body": answer.body, "httpHeaders": {}, "httpStatusCode": answer.status, "referenceId": reference }))
            .collect();
        Ok(Answer::json(200, json!({ "compositeResponse": results })))
    }

    fn run_part(&mut self, caller: &Caller, part: &Part, answers: &BTreeMap<String, Value>) -> Result<Answer, Refusal> {
        let url = filled(&part.url, answers)?;
        let body = match filled_body(&part.body, answers)? {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let call = Call::at(part.method.clone(), &url, body).ok_or_else(Refusal::not_found)?;
        let outer = self.business.assign;
        self.business.assign = part.assign.unwrap_or(outer);
        let answer = self.route(caller, &call);
        self.business.assign = outer;
        answer
    }

    /// The refusal of a write that mixes setup objects with others in one transaction.
    fn mixture(&self, part: &Part, first: &mut Option<(bool, String)>) -> Option<Refusal> {
        if part.method == Method::GET {
            return None;
        }
        let mut segments = part.url.split(['/', '?']).skip_while(|&segment| segment != "sobjects");
        let object = segments.nth(1).and_then(|name| self.schema.get(name))?;
        match first {
            None => {
                *first = Some((object.setup, object.name.clone()));
                None
            }
            Some((setup, _)) if *setup == object.setup => None,
            Some((_, original)) => {
                let message = format!(
                    "DML operation on setup object is not permitted after you have updated a non-setup object (or vice versa): {}, original object: {original}",
                    object.name
                );
                Some(Refusal::record("MIXED_DML_OPERATION", message, &[]))
            }
        }
    }
}

fn parts(requests: Option<&Value>) -> Result<Vec<Part>, Refusal> {
    let invalid = |message: &str| Refusal::new(400, "INVALID_INPUT", message);
    let Some(Value::Array(requests)) = requests else {
        return Err(Refusal::new(400, "JSON_PARSER_ERROR", "compositeRequest is required"));
    };
    if requests.len() > MOST {
        return Err(Refusal::new(
            400,
            "LIMIT_EXCEEDED",
            format!("The composite request has more than {MOST} subrequests"),
        ));
    }
    let mut parts: Vec<Part> = Vec::new();
    for request in requests {
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let reference = text("referenceId").to_owned();
        let well_formed = reference.starts_with(|first: char| first.is_ascii_alphanumeric())
            && reference
                .chars()
                .all(|next| next.is_ascii_alphanumeric() || next == '_');
        if !well_formed || parts.iter().any(|part| part.reference == reference) {
            return Err(invalid(
                "The referenceId of each subrequest must be unique, start with a letter or digit and hold letters, digits and underscores only",
            ));
        }
        let method = match text("method") {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PATCH" => Method::PATCH,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            other => return Err(invalid(&format!("Invalid HTTP method: {other}"))),
        };
        parts.push(Part {
            reference,
            method,
            url: text("url").to_owned(),
            body: request.get("body").cloned().unwrap_or(Value::Null),
            assign: request
                .get("httpHeaders")
                .and_then(Value::as_object)
                .and_then(|headers| {
                    let (_, value) = headers
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case("Sforce-Auto-Assign"))?;
                    Some(!value.as_str()?.eq_ignore_ascii_case("false"))
                }),
        });
    }
    let heavy = parts
        .iter()
        .filter(|part| part.url.contains("/query") || part.url.contains("/composite/sobjects"))
        .count();
    if heavy > MOST_QUERIES {
        return Err(Refusal::new(
            400,
            "LIMIT_EXCEEDED",
            format!("The composite request has more than {MOST_QUERIES} query or collection subrequests"),
        ));
    }
    Ok(parts)
}

/// Puts answers in place of `@{reference.path}`.
fn filled(text: &str, answers: &BTreeMap<String, Value>) -> Result<String, Refusal> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, tail)) = after.split_once('}') else {
            break;
        };
        done.push_str(before);
        let value = referenced(path, answers)?;
        done.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = tail;
    }
    done.push_str(rest);
    Ok(done)
}

fn filled_body(body: &Value, answers: &BTreeMap<String, Value>) -> Result<Value, Refusal> {
    Ok(match body {
        Value::String(text) => match text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}')) {
            // A value that is only a reference keeps the type of what it refers to.
            Some(path) if !path.contains('}') => referenced(path, answers)?,
            _ => Value::String(filled(text, answers)?),
        },
        Value::Array(items) => items
            .iter()
            .map(|item| filled_body(item, answers))
            .collect::<Result<_, _>>()?,
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), filled_body(value, answers)?)))
                .collect::<Result<_, Refusal>>()?,
        ),
        other => other.clone(),
    })
}

fn referenced(path: &str, answers: &BTreeMap<String, Value>) -> Result<Value, Refusal> {
    let (reference, rest) = path.split_once('.').unwrap_or((path, ""));
    let pointer: String = rest
        .split('.')
        .filter(|step| !step.is_empty())
        .flat_map(|step| step.split(['[', ']']).filter(|name| !name.is_empty()))
        .fold(String::new(), |pointer, step| pointer + "/" + step);
    let found = answers
        .get(reference)
        .and_then(|answer| answer.pointer(&pointer))
        .filter(|value| !value.is_null());
    found.cloned().ok_or_else(|| {
        Refusal::new(
            400,
            "PROCESSING_HALTED",
            format!("Invalid reference specified. No value for {path} found in {reference}"),
        )
    })
}
