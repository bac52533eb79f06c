//! Taking somebody's names out of texts.
//!
//! A name counts where it stands alone: `00u1` is not found in `00u12`. Upper and lower case of ASCII letters are the same.
//!
//! What others hold must stay as it was, and the same words may be theirs: an org and its sandbox give the same ids, and a number is
//! somebody's employee number here and somebody else's account there. So an account's id counts by its connection wherever the
//! place tells that, and a number only where numbers of people stand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::AccountRef;

/// What stands where a name stood.
pub const FORGOTTEN: &str = "(forgotten)";

/// The shortest name that is looked for: shorter ones would be found in everything.
pub const SHORTEST: usize = 4;

/// Names that are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The longest first, so that no part of a name is left of it.
    all: Vec<Name>,
    /// Ids that are accounts of theirs, with the connections in which they are.
    accounts: BTreeMap<String, BTreeSet<String>>,
    /// The kind of each connection there is.
    connections: BTreeMap<String, String>,
}

/// A spelling of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    text: String,
    /// It is the id of accounts of theirs, in these connections, and no other name of theirs.
    of: Option<BTreeSet<String>>,
}

impl Name {
    /// A word that may as well be the id of an account: an address or a sentence is none.
    fn is_word(&self) -> bool {
        !self
            .text
            .contains(|one: char| one.is_whitespace() || matches!(one, '@' | '/' | ':' | '%' | '\\'))
    }

    fn is_number(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// What a place tells of the ids in it.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    /// Nothing.
    Any,
    /// It belongs to this connection.
    In(&'a str),
    /// It is the id of an account of this connection.
    IdIn(&'a str),
}

impl Names {
    /// The names, with the spellings that they have in raw messages: percent-encoded, and with JSON's escapes. Those shorter
    /// than [`SHORTEST`] are left out.
    pub fn new<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self::with_accounts(names, &BTreeSet::new(), BTreeMap::new())
    }

    /// The same, and ids of accounts. `connections` tells the kind of each connection there is.
    pub fn with_accounts<I: IntoIterator<Item = String>>(
        names: I,
        accounts: &BTreeSet<AccountRef>,
        connections: BTreeMap<String, String>,
    ) -> Self {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for account in accounts {
            let of = ids.entry(account.id.clone()).or_default();
            of.insert(account.connection.to_string());
        }
        let mut all = BTreeMap::new();
        let whole = accounts.iter().map(ToString::to_string);
        let bare = ids.iter().map(|(id, of)| (id.clone(), Some(of.clone())));
        // A name of theirs that is an id as well counts as a name.
        for (name, of) in bare.chain(names.into_iter().chain(whole).map(|name| (name, None))) {
            let name = name.trim();
            if name.chars().count() < SHORTEST {
                continue;
            }
            for text in [name.replace('@', "%40"), percent(name), escaped(name), name.to_owned()] {
                all.insert(text, of.clone());
            }
        }
        let mut all: Vec<Name> = all.into_iter().map(|(text, of)| Name { text, of }).collect();
        all.sort_by(|one, other| {
            let longer = other.text.len().cmp(&one.text.len());
            longer.then_with(|| one.cmp(other))
        });
        Self {
            all,
            accounts: ids,
            connections,
        }
    }

    /// Whether one of them stands in the text.
    pub fn stand_in(&self, text: &str) -> bool {
        self.all
            .iter()
            .any(|name| self.place(text, name, 0, Place::Any).is_some())
    }

    /// Whether one of them stands in the document.
    pub fn stand_in_document(&self, document: &Value) -> bool {
        self.clear(&mut document.clone())
    }

    /// The text without them; none when none stands in it. A number gives way to `0`, so that a raw message stays readable.
    pub fn out_of(&self, text: &str) -> Option<String> {
        self.out_of_place(text, Place::Any)
    }

    /// The same for a text that belongs to a connection.
    pub fn out_of_text_of(&self, connection: &str, text: &str) -> Option<String> {
        self.out_of_place(text, Place::In(connection))
    }

    fn out_of_place(&self, text: &str, of: Place<'_>) -> Option<String> {
        let mut text = text.to_owned();
        let mut changed = false;
        for name in &self.all {
            let instead = if name.is_number() { "0" } else { FORGOTTEN };
            let mut from = 0;
            while let Some(at) = self.place(&text, name, from, of) {
                text.replace_range(at..at + name.text.len(), instead);
                from = at + instead.len();
                changed = true;
            }
        }
        changed.then_some(text)
    }

    /// Takes them out of every text in a document and every number that may be a person's, and drops members that are named by
    /// one of them.
    pub fn clear(&self, document: &mut Value) -> bool {
        self.clear_member("", document, Place::Any)
    }

    fn clear_member(&self, member: &str, value: &mut Value, of: Place<'_>) -> bool {
        match value {
            Value::String(text) => match self.out_of_place(text, of) {
                Some(other) => {
                    *text = other;
                    true
                }
                None => false,
            },
            Value::Number(number) if names_people(member) => {
                let number = number.to_string();
                let theirs = self
                    .all
                    .iter()
                    .any(|name| name.text == number && self.is_theirs(name, of));
                if theirs {
                    *value = Value::from(0);
                }
                theirs
            }
            // All of them are gone through, whatever the first ones held.
            Value::Array(items) => {
                let mut changed = false;
                for item in items {
                    changed |= self.clear_member(member, item, of);
                }
                changed
            }
            Value::Object(members) => {
                let connection = members.get("connection").and_then(Value::as_str).map(str::to_owned);
                let of = match &connection {
                    Some(connection) => Place::In(connection),
                    None => of,
                };
                let had = members.len();
                members.retain(|name, _| !self.stand_in(name));
                let dropped = members.len() != had;
                members.iter_mut().fold(dropped, |changed, (name, value)| {
                    let of = match of {
                        Place::In(connection) if name == "id" => Place::IdIn(connection),
                        _ if self.connections.contains_key(name) && !value.is_object() => Place::IdIn(name),
                        _ if self.connections.contains_key(name) => Place::In(name),
                        of => of,
                    };
                    self.clear_member(name, value, of) || changed
                })
            }
            _ => false,
        }
    }

    /// Whether a name that stands in such a place is theirs.
    fn is_theirs(&self, name: &Name, of: Place<'_>) -> bool {
        match of {
            Place::Any => true,
            Place::In(connection) => name.of.as_ref().is_none_or(|theirs| {
                theirs.contains(connection)
                    // Another kind of system has no such ids, so it names them; but all count with the same numbers.
                    || (!name.is_number() && !theirs.iter().any(|other| self.alike(other, connection)))
            }),
            Place::IdIn(connection) => !name.is_word() || self.is_account(connection, &name.text),
        }
    }

    fn is_account(&self, connection: &str, id: &str) -> bool {
        self.accounts.get(id).is_some_and(|of| of.contains(connection))
    }

    fn alike(&self, one: &str, other: &str) -> bool {
        self.connections.get(one) == self.connections.get(other)
    }

    /// Where a name of theirs stands alone, from a place on.
    fn place(&self, text: &str, name: &Name, from: usize, of: Place<'_>) -> Option<usize> {
        if !self.is_theirs(name, of) {
            return None;
        }
        let (hay, needle) = (text.as_bytes(), name.text.as_bytes());
        if needle.is_empty() || hay.len() < needle.len() {
            return None;
        }
        (from..=hay.len() - needle.len()).find(|&at| {
            let end = at + needle.len();
            let same = hay.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(needle));
            let parts = || text.get(..at).zip(text.get(end..));
            same && parts().is_some_and(|(before, after)| {
                stands_alone(before, after)
                    && (!name.is_word() || self.may_follow(before, &name.text))
                    && (!name.is_number() || (!in_figures(before, after) && !counts(before)))
            })
        })
    }

    /// Behind `connection/` and `connection:` stands an account's id: theirs only in that connection.
    fn may_follow(&self, before: &str, word: &str) -> bool {
        let Some(before) = before.strip_suffix(['/', ':']) else {
            return true;
        };
        let begins = before
            .rfind(|one: char| !one.is_ascii_alphanumeric() && one != '-' && one != '_')
            .map_or(0, |at| at + 1);
        before
            .get(begins..)
            .is_none_or(|last| !self.connections.contains_key(last) || self.is_account(last, word))
    }
}

fn stands_alone(before: &str, after: &str) -> bool {
    !before.chars().next_back().is_some_and(char::is_alphanumeric)
        && !after.chars().next().is_some_and(char::is_alphanumeric)
}

/// Whether a number between these is a part of a date, a time, an address or another figure.
fn in_figures(before: &str, after: &str) -> bool {
    let joins = |one: char| matches!(one, '-' | '.' | '/' | ':' | '+');
    let digit = |one: Option<char>| one.is_some_and(|one| one.is_ascii_digit());
    let mut back = before.chars().rev();
    let mut on = after.chars();
    (back.next().is_some_and(joins) && digit(back.next())) || (on.next().is_some_and(joins) && digit(on.next()))
}

/// Whether what follows is the bare number of a JSON member that counts or measures something.
fn counts(before: &str) -> bool {
    let Some(member) = before.trim_end().strip_suffix(':') else {
        return false;
    };
    let Some(member) = member.trim_end().strip_suffix('"') else {
        return false;
    };
    // Within a text of JSON that is itself a text of JSON.
    let member = member.trim_end_matches('\\');
    let begins = member.rfind('"').map_or(0, |at| at + 1);
    !member.get(begins..).is_some_and(names_people)
}

/// Whether the number in a member of this name tells who somebody is: `user_id`, `managerId`, `employeeNumber`.
fn names_people(member: &str) -> bool {
    let member = member.to_ascii_lowercase();
    ["id", "ids", "number"].iter().any(|end| member.ends_with(end))
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
mod tests;
