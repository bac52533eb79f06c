//! Who a person is elsewhere: match values and list membership.

use std::collections::BTreeMap;

use rollcall_model::connector::{AccountQuery, MatchKey};
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::Person;

use super::{ListReads, Membership, Memberships};
use crate::configuration::{Configuration, ListSource};

/// The values to search a connection by, from the rows of `match`; values that the person lacks are left out. `linked`
/// are the vendor ids that the ledger links to the person there.
pub fn account_query(
    configuration: &Configuration,
    person: &Person,
    connection: &ConnectionId,
    linked: &[String],
) -> AccountQuery {
    let kinds = configuration
        .connection(&person.account.connection)
        .map(|source| source.kind)
        .or_else(|| configuration.source_kind())
        .zip(configuration.connection(connection).map(|target| target.kind));
    let mut keys: Vec<MatchKey> = Vec::new();
    if let Some((source, target)) = kinds {
        for row in &configuration.matching {
            let (Some(from), Some(field)) = (row.fields.get(&source), row.fields.get(&target)) else {
                continue;
            };
            let Some(value) = person.attribute(from) else {
                continue;
            };
            match keys.iter_mut().find(|key| key.field == *field && key.value == value) {
                Some(same) => same.sure |= row.sure,
                None => keys.push(MatchKey {
                    field: field.clone(),
                    value: value.to_owned(),
                    sure: row.sure,
                }),
            }
        }
    }
    AccountQuery {
        keys,
        linked: linked.to_vec(),
    }
}

/// Which lists the person is in, as far as the configuration and the person's own groups tell. A person without a single
/// group was not read completely: a directory puts everybody into at least one.
pub fn memberships(configuration: &Configuration, person: &Person, _reads: &ListReads) -> Memberships {
    configuration
        .lists
        .iter()
        .map(|(name, source)| (name.clone(), membership(source, person)))
        .collect()
}

/// The lists that somebody must read at run time before anything is decided: objects, and groups whose members name accounts.
pub fn lists_to_read(configuration: &Configuration) -> BTreeMap<String, ListSource> {
    let _ = configuration;
    BTreeMap::new()
}

fn membership(source: &ListSource, person: &Person) -> Membership {
    let is_in = match source {
        ListSource::Group { connection, name } => {
            if person.account.connection != *connection {
                return Membership::Unknown(format!(
                    "{connection}/{name} was not read: the person was read from {}",
                    person.account.connection
                ));
            }
            if person.groups.is_empty() {
                return Membership::Unknown(format!(
                    "{connection}/{name} cannot be told: {connection} showed no group of the person at all, not even the \
                     one that holds everybody; let the integration read groups"
                ));
            }
            person.groups.iter().any(|group| group == name)
        }
        ListSource::Object { name } => return Membership::Unknown(format!("the object {name} was not read")),
        ListSource::Csv { values, .. } | ListSource::People(values) => names(person)
            .iter()
            .any(|name| values.iter().any(|value| value == name)),
    };
    if is_in { Membership::In } else { Membership::Out }
}

fn names(person: &Person) -> Vec<String> {
    let mut names = vec![
        person.login.to_lowercase(),
        person.account.id.to_lowercase(),
        person.key.as_str().to_lowercase(),
    ];
    names.extend(person.email.as_deref().map(str::to_lowercase));
    names
}
