//! Message texts: MiniJinja, strict, every interpolated value escaped for Slack.
//!
//! Slack reads `<…>` as links and mentions and `&…;` as entities; a display name like `<!channel>` must stay a name
//! (Slack API, "Formatting text for app surfaces", section "Escaping text").

use std::collections::BTreeSet;
use std::sync::OnceLock;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Value, json};

use crate::decide::{Facts, TextFacts};
use crate::facts;
use crate::suggest::nearest;

/// The longest template, in bytes.
const LONGEST: usize = 8_000;
/// Steps that rendering may take; a text of a few lines takes some hundreds.
const FUEL: u64 = 20_000;

/// Why a text was refused at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextError {
    /// Line within the text, from 0.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub next: String,
}

const RUN: &[&str] = &[
    "cut",
    "goal",
    "handover",
    "id",
    "licences",
    "open_app_sessions",
    "playbook",
    "summary",
    "why",
];
const PERSON: &[&str] = &["department", "display", "email", "login", "manager", "state", "title"];
const MANAGER: &[&str] = &["display", "email", "login"];

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|out, state, value| {
            if value.kind() == ValueKind::Undefined {
                return minijinja::escape_formatter(out, state, value);
            }
            out.write_str(&escape(&value.to_string()))
                .map_err(|_| minijinja::Error::new(ErrorKind::WriteFailure, "no room for the text"))
        });
        environment
    })
}

/// A value on one line: a break in a name would begin a line that reads like one of ours.
fn one_line(value: &Value) -> Value {
    match value {
        Value::String(text) => text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect::<String>()
            .into(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), one_line(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Escapes the three characters that Slack gives a meaning.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Checks a text against a sample in which everything is filled.
pub(crate) fn check(text: &str) -> Result<(), TextError> {
    if text.len() > LONGEST {
        return Err(TextError {
            line: 0,
            what: format!("the text is longer than {LONGEST} bytes"),
            next: "shorten it".to_owned(),
        });
    }
    let wrong = |error: &minijinja::Error| TextError {
        line: error.line().unwrap_or(1).saturating_sub(1),
        what: format!(
            "the text is not a valid template: {}",
            error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
        ),
        next: "write `{{ person.display }}` and the like; the fields are in the reference".to_owned(),
    };
    let template = environment().template_from_str(text).map_err(|error| wrong(&error))?;
    let mut named: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    named.sort();
    for name in named {
        if let Some(next) = unknown(&name) {
            return Err(TextError {
                line: text.lines().position(|line| line.contains(&name)).unwrap_or(0),
                what: format!("a text cannot show `{name}`"),
                next,
            });
        }
    }
    template.render(Serde(sample())).map_err(|error| wrong(&error))?;
    Ok(())
}

/// What to do about a name that no text can show; `None` when it can.
fn unknown(name: &str) -> Option<String> {
    let mut parts = name.split('.');
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let (known, asked): (&[&str], &str) = match (first, second, third) {
        ("person", Some("manager"), Some(field)) => (MANAGER, field),
        ("person", Some(field), _) => (PERSON, field),
        ("run", Some(field), _) => (RUN, field),
        ("person" | "run", None, _) => return None,
        (other, ..) => (&["person", "run"], other),
    };
    if known.contains(&asked) {
        return None;
    }
    Some(nearest(asked, known).map_or_else(
        || format!("it can show {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    ))
}

fn sample() -> Value {
    json!({
        "person": {
            "display": "Amara Okafor", "login": "amara@example.com", "email": "amara@example.com", "state": "deactivated",
            "department": "Sales", "title": "Account Executive",
            "manager": {"display": "Jun Sato", "login": "jun@example.com", "email": "jun@example.com"},
        },
        "run": {
            "id": "run-1", "goal": "leave", "playbook": "leaver", "cut": "sf-us 412 ms", "summary": "3 changes",
            "why": "the mode is review", "handover": "sf-us: 12 counted: 12 moved (to 005 12), 0 kept, 0 refused, 0 gone",
            "licences": "sf-us: Salesforce 1, 165.00 EUR a month", "open_app_sessions": "onelogin-main: Mail, Vault",
        },
    })
}

/// The text of a message.
pub(crate) fn render(text: &str, facts: &Facts<'_>, texts: &TextFacts) -> Result<String, String> {
    let all = facts::person(facts.person);
    let shown: BTreeSet<&str> = PERSON.iter().copied().collect();
    let person: serde_json::Map<String, Value> = all
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| shown.contains(name.as_str()))
        .map(|(name, value)| {
            let value = if facts.plan.quiet {
                veiled(value, &texts.id)
            } else {
                one_line(value)
            };
            (name.clone(), value)
        })
        .collect();
    let context = json!({
        "person": person,
        "run": {
            "id": texts.id,
            "goal": facts.plan.goal.as_str(),
            "playbook": facts.plan.playbook,
            "cut": texts.cut,
            "summary": texts.summary,
            "why": texts.why,
            "handover": texts.handover,
            "licences": texts.licences,
            "open_app_sessions": texts.open_app_sessions,
        },
    });
    environment()
        .template_from_str(text)
        .and_then(|template| template.render(Serde(context)))
        .map_err(|error| error.to_string())
}

/// The same fields, each of which names the run and nothing else.
fn veiled(value: &Value, run: &str) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), veiled(value, run)))
            .collect(),
        _ => Value::String(format!("run {run}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_refused_even_in_a_branch_not_taken() {
        let error = check("hello\n{% if run.why == '' %}{{ person.dispaly }}{% endif %}").unwrap_err();
        assert_eq!(error.line, 1);
        assert_eq!(error.what, "a text cannot show `person.dispaly`");
        assert_eq!(error.next, "did you mean `display`?");
        assert!(check("{{ secrets.okta }}").is_err());
        assert!(check("{{ person.manager.phone }}").is_err());
    }

    #[test]
    fn syntax_and_endless_loops_are_refused() {
        assert_eq!(check("a\n{{ person.display").unwrap_err().line, 1);
        let endless = "{% for x in [1,2,3,4,5,6,7,8,9,0] %}".repeat(5) + "{{ x }}" + &"{% endfor %}".repeat(5);
        assert!(check(&endless).unwrap_err().what.contains("fuel"));
        assert!(check(&"x".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn the_usual_texts_pass() {
        for text in [
            "{{ person.display }} is out: {{ run.cut }}",
            "{{ person.manager.display }}: {{ run.handover }}",
            "{% if run.why %}{{ run.why | upper }}{% endif %}",
            "no fields",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_name_with_a_line_break_begins_no_line() {
        let value =
            json!({"display": "Amara\nAll is well.\r\u{1b}[2J", "manager": {"display": "Jun\u{85}Sato"}, "groups": 2});
        assert_eq!(
            one_line(&value),
            json!({"display": "Amara All is well.  [2J", "manager": {"display": "Jun Sato"}, "groups": 2})
        );
    }

    #[test]
    fn names_stay_names() {
        assert_eq!(escape("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }
}
