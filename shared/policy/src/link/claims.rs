//! Who claims an account, and by what.

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_model::connector::ListedAccount;
use rollcall_model::ids::{ConnectionId, PersonKey};
use rollcall_model::person::Person;

use super::{BY_ASSIGNED_NAME, BY_ASSIGNMENT, Claim, JoinInputs, People};
use crate::configuration::{Configuration, Kind};

/// A row of `match` for two kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The source's field.
    pub(super) from: String,
    /// The target's field.
    pub(super) field: String,
    /// A hit is the person.
    pub(super) sure: bool,
}

/// The rows of `match` that name a field for the source's kind and for the connection's.
pub(super) fn rows(configuration: &Configuration, connection: &ConnectionId) -> Vec<Row> {
    let kinds = configuration
        .source_kind()
        .zip(configuration.connection(connection).map(|target| target.kind));
    let Some((source, target)) = kinds else {
        return Vec::new();
    };
    let of_kinds = |row: &crate::configuration::MatchRow| {
        Some(Row {
            from: row.fields.get(&source)?.clone(),
            field: row.fields.get(&target)?.clone(),
            sure: row.sure,
        })
    };
    configuration.matching.iter().filter_map(of_kinds).collect()
}

/// One person's claim on one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The fields that agree, in the order of `match`.
    pub(super) by: Vec<String>,
    /// One of them is sure.
    pub(super) sure: bool,
}

impl Found {
    fn add(&mut self, by: &str, sure: bool) {
        if !self.by.iter().any(|known| known == by) {
            self.by.push(by.to_owned());
        }
        self.sure |= sure;
    }

    pub(super) fn shown(&self, person: &PersonKey, people: &People) -> Claim {
        Claim {
            person: person.clone(),
            login: people
                .get(person)
                .map(|person| person.login.clone())
                .unwrap_or_default(),
            by: self.by.clone(),
        }
    }
}

/// What became of people in the connection.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// They have a linked account there.
    pub(super) linked: HashSet<PersonKey>,
    /// An account there may be theirs, and nobody knows.
    pub(super) doubted: HashSet<PersonKey>,
}

/// An index from values to people.
pub(super) struct Claims<'a> {
    /// By row of `match`.
    rows: Vec<(Row, HashMap<String, Vec<&'a PersonKey>>)>,
    /// By the target's own id, as the source keeps it with an assignment.
    ids: HashMap<String, Vec<&'a PersonKey>>,
    /// By the target's sign-in name, as the source keeps it with an assignment.
    names: HashMap<String, Vec<&'a PersonKey>>,
    /// Whom the source gives the application.
    pub(super) assigned: HashSet<&'a PersonKey>,
    kind: Option<Kind>,
    inputs: &'a JoinInputs<'a>,
}

impl<'a> Claims<'a> {
    pub(super) fn of(configuration: &Configuration, inputs: &'a JoinInputs<'a>) -> Self {
        let kind = configuration.connection(inputs.connection).map(|target| target.kind);
        let rows = rows(configuration, inputs.connection)
            .into_iter()
            .map(|row| {
                let mut index: HashMap<String, Vec<&PersonKey>> = HashMap::new();
                for (key, person) in inputs.people {
                    if let Some(value) = person.attribute(&row.from) {
                        index.entry(value.to_lowercase()).or_default().push(key);
                    }
                }
                (row, index)
            })
            .collect();
        let mut all = Self {
            rows,
            ids: HashMap::new(),
            names: HashMap::new(),
            assigned: HashSet::new(),
            kind,
            inputs,
        };
        let by_account: HashMap<_, _> = inputs
            .people
            .iter()
            .map(|(key, person)| (&person.account, key))
            .collect();
        for assignment in inputs.assignments.unwrap_or_default() {
            let Some(person) = by_account.get(&assignment.account) else {
                continue;
            };
            all.assigned.insert(person);
            if let Some(id) = filled(assignment.external_id.as_deref()) {
                all.ids.entry(same_id(kind, id)).or_default().push(person);
            }
            if let Some(name) = filled(assignment.username.as_deref()) {
                all.names.entry(name.to_lowercase()).or_default().push(person);
            }
        }
        all
    }

    /// Everybody who claims this account and of whom nobody decided that it is not theirs.
    pub(super) fn on(&self, account: &ListedAccount) -> BTreeMap<PersonKey, Found> {
        let mut found: BTreeMap<PersonKey, Found> = BTreeMap::new();
        let mut claim = |people: Option<&Vec<&PersonKey>>, by: &str, sure: bool| {
            for person in people.into_iter().flatten() {
                found.entry((*person).clone()).or_default().add(by, sure);
            }
        };
        claim(
            self.ids.get(&same_id(self.kind, &account.account.id)),
            BY_ASSIGNMENT,
            true,
        );
        for (row, index) in &self.rows {
            if let Some(value) = value(account, &row.field) {
                claim(index.get(&value.to_lowercase()), &row.field, row.sure);
            }
        }
        claim(
            self.names.get(&account.username.trim().to_lowercase()),
            BY_ASSIGNED_NAME,
            false,
        );
        found.retain(|person, _| {
            !self
                .inputs
                .stored
                .denied
                .contains(&(person.clone(), account.account.clone()))
        });
        found
    }

    /// Whether an account of this person would have been recognised for sure: they have a value in a sure field.
    pub(super) fn could_show(&self, person: &Person) -> bool {
        self.rows
            .iter()
            .any(|(row, _)| row.sure && person.attribute(&row.from).is_some())
    }
}

/// What the account holds in a field. Salesforce's field names ignore case, and a directory's person may hold what the list
/// did not repeat.
fn value<'a>(account: &'a ListedAccount, field: &str) -> Option<&'a str> {
    let listed = account.values.get(field).or_else(|| {
        account
            .values
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(field))
            .map(|(_, value)| value)
    });
    filled(listed.map(String::as_str)).or_else(|| account.person.as_ref().and_then(|person| person.attribute(field)))
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A vendor's id in the form in which two spellings of the same are equal. Salesforce writes an id with 15 characters or with
/// 18, of which the last three only repeat which letters are capitals; ids are told apart by case everywhere.
fn same_id(kind: Option<Kind>, id: &str) -> String {
    match kind {
        Some(Kind::Salesforce) if id.len() == 18 => id.get(..15).unwrap_or(id).to_owned(),
        _ => id.to_owned(),
    }
}
