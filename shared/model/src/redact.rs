//! Taking somebody's names out of texts.
//!
//! A name counts where it stands alone: `00u1` is not found in `00u12`. Upper and lower case of ASCII letters are the same.

use std::collections::BTreeSet;

use serde_json::Value;

/// What stands where a name stood.
pub const FORGOTTEN: &str = "(forgotten)";

/// The shortest name that is looked for: shorter ones would be found in everything.
pub const SHORTEST: usize = 4;

/// Names that are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// The names, with the spellings that they have in raw messages: percent-encoded, and with JSON's escapes. Those shorter
    /// than [`SHORTEST`] are left out.
    pub fn new<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut all = BTreeSet::new();
        for name in names {
            let name = name.trim().to_owned();
            if name.chars().count() < SHORTEST {
                continue;
            }
            all.insert(name.replace('@', "%40"));
            all.insert(percent(&name));
            all.insert(escaped(&name));
            all.insert(name);
        }
        let mut all: Vec<String> = all.into_iter().collect();
        // The longest first, so that no part of a name is left of it.
        all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        Self(all)
    }

    /// Every spelling that is looked for.
    pub fn all(&self) -> &[String] {
        &self.0
    }

    /// Whether one of them stands in the text.
    pub fn stand_in(&self, text: &str) -> bool {
        self.0.iter().any(|name| place(text, name, 0).is_some())
    }

    /// The text without them; none when none stands in it. A number gives way to `0`, so that a raw message stays readable.
    pub fn out_of(&self, text: &str) -> Option<String> {
        let mut text = text.to_owned();
        let mut changed = false;
        for name in &self.0 {
            let instead = if name.bytes().all(|byte| byte.is_ascii_digit()) {
                "0"
            } else {
                FORGOTTEN
            };
            let mut from = 0;
            while let Some(at) = place(&text, name, from) {
                text.replace_range(at..at + name.len(), instead);
                from = at + instead.len();
                changed = true;
            }
        }
        changed.then_some(text)
    }

    /// Takes them out of every text and every number in a document, and drops members that are named by one of them.
    pub fn clear(&self, document: &mut Value) -> bool {
        match document {
            Value::String(text) => match self.out_of(text) {
                Some(other) => {
                    *text = other;
                    true
                }
                None => false,
            },
            Value::Number(number) if self.stand_in(&number.to_string()) => {
                *document = Value::from(0);
                true
            }
            // All of them are gone through, whatever the first ones held.
            Value::Array(items) => {
                let mut changed = false;
                for item in items {
                    changed |= self.clear(item);
                }
                changed
            }
            Value::Object(members) => {
                let had = members.len();
                members.retain(|name, _| !self.stand_in(name));
                let dropped = members.len() != had;
                members
                    .values_mut()
                    .fold(dropped, |changed, member| self.clear(member) || changed)
            }
            _ => false,
        }
    }
}

/// Where a name stands alone, from a place on.
fn place(text: &str, name: &str, from: usize) -> Option<usize> {
    let (hay, needle) = (text.as_bytes(), name.as_bytes());
    if needle.is_empty() || hay.len() < needle.len() {
        return None;
    }
    (from..=hay.len() - needle.len()).find(|&at| {
        let end = at + needle.len();
        hay.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(needle))
            && text.is_char_boundary(at)
            && text.is_char_boundary(end)
            && !text
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_some_and(char::is_alphanumeric)
            && !text
                .get(end..)
                .and_then(|after| after.chars().next())
                .is_some_and(char::is_alphanumeric)
    })
}

fn percent(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// As a JSON writer spells it that keeps to ASCII.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    name.encode_utf16()
        .fold(String::with_capacity(name.len()), |mut text, unit| {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(all: &[&str]) -> Names {
        Names::new(all.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn names_are_found_where_they_stand_alone_whatever_their_case() {
        let names = names(&["00u1abc", "ada@corp.example", "Zoë Ek"]);
        for text in [
            "okta-main/00u1abc",
            "ADA@corp.example left",
            "(Zoë Ek)",
            "login=ada%40corp.example",
            "{\"name\":\"Zo\\u00eb Ek\"}",
            "Zo%C3%AB%20Ek",
        ] {
            let other = names.out_of(text).unwrap_or_else(|| panic!("{text}"));
            assert!(other.contains(FORGOTTEN) && !names.stand_in(&other), "{other}");
        }
        for text in ["00u1abcd", "x00u1abc", "nada@corp.example", "Zoë Eker", "é"] {
            assert_eq!(names.out_of(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_give_way_to_a_number_and_short_names_are_not_looked_for() {
        let names = names(&["123456", "Al"]);
        assert_eq!(
            names.out_of("{\"user_id\":123456,\"n\":1234567}").unwrap(),
            "{\"user_id\":0,\"n\":1234567}"
        );
        assert!(!names.stand_in("Al"));
    }

    #[test]
    fn a_document_loses_values_and_members() {
        let names = names(&["ada@corp.example", "123456"]);
        let mut document = json!({"a": ["to ada@corp.example", 1], "ada@corp.example": true, "id": 123_456, "b": "bo"});
        assert!(names.clear(&mut document));
        assert_eq!(document, json!({"a": ["to (forgotten)", 1], "id": 0, "b": "bo"}));
        assert!(!names.clear(&mut document));
    }
}
