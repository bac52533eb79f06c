//! The arguments of a call: query, form or JSON, whichever it came in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::Request;

/// Arguments by name. Values from a form are text even where they stand for a structure.
#[derive(Debug, Default)]
pub(super) struct Args {
    values: BTreeMap<String, Value>,
    /// A JSON body without `charset`: works, with a warning.
    pub(super) missing_charset: bool,
}

impl Args {
    /// Reads a call; an error is Slack's own code.
    pub(super) fn read(request: &Request) -> Result<Self, &'static str> {
        let mut args = Self::of_query(request);
        let kind = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("application/json") {
            args.missing_charset = !kind.contains("charset");
            match serde_json::from_slice(request.body()) {
                Ok(Value::Object(body)) => args.values.extend(body),
                Ok(_) => return Err("json_not_object"),
                Err(_) if request.body().is_empty() => {}
                Err(_) => return Err("invalid_json"),
            }
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            args.add_form(request.body());
        } else if !request.body().is_empty() {
            return Err("invalid_post_type");
        }
        Ok(args)
    }

    /// Reads the query alone, as a method does that takes no JSON.
    pub(super) fn of_query(request: &Request) -> Self {
        let mut args = Self::default();
        args.add_form(request.uri().query().unwrap_or_default().as_bytes());
        args
    }

    fn add_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            self.values.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }

    /// A text argument that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// True when the argument is given at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A flag: `true`, `"true"`, `"1"` or 1.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "True" | "1"),
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            _ => false,
        }
    }

    /// A count.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        let value = self.values.get(name)?;
        value
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .or_else(|| value.as_str()?.parse().ok())
    }

    /// A structure, which a form carries as JSON text; `Err` when that text is none.
    pub(super) fn structure(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// A list of texts, comma-separated in a form.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }
}
