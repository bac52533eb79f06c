//! Who a person is elsewhere: match values and list membership.

use std::collections::BTreeMap;

use rollcall_model::connector::{AccountQuery, MatchKey};
use rollcall_model::ids::ConnectionId;
use rollcall_model::person::Person;
use serde_json::Value;

use super::standing::SERVICE;
use super::{ListRead, ListReads, Membership, Memberships};
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
            // Every directory's own name for the sign-in name is the login, whether or not its profile repeats it.
            let own_login = || person.attribute("login").filter(|_| from == "username");
            let Some(value) = person.attribute(from).or_else(own_login) else {
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

/// Which lists the person is in, as far as the configuration, the person's own groups and what was read at run time tell. A
/// person without a single group was not read completely: a directory puts everybody into at least one.
pub fn memberships(configuration: &Configuration, person: &Person, reads: &ListReads) -> Memberships {
    configuration
        .lists
        .iter()
        .map(|(name, source)| (name.clone(), membership(source, person, reads.get(name))))
        .collect()
}

/// The lists that somebody must read at run time before anything is decided: objects, groups of another directory than the
/// source, and the group whose members are service accounts. A group of the source is told by the person's own groups.
pub fn lists_to_read(configuration: &Configuration) -> BTreeMap<String, ListSource> {
    configuration
        .lists
        .iter()
        .filter(|(name, source)| match source {
            ListSource::Object { .. } => true,
            ListSource::Group { connection, .. } => name.as_str() == SERVICE || *connection != configuration.source,
            ListSource::Csv { .. } | ListSource::People(_) => false,
        })
        .map(|(name, source)| (name.clone(), source.clone()))
        .collect()
}

fn membership(source: &ListSource, person: &Person, read: Option<&ListRead>) -> Membership {
    let is_in = match source {
        ListSource::Group { connection, name }
            if person.account.connection == *connection && !person.groups.is_empty() =>
        {
            person.groups.iter().any(|group| group == name)
        }
        ListSource::Group { connection, name } => match read {
            Some(read) => return by_read(read, person),
            None if person.account.connection == *connection => {
                return Membership::Unknown(format!(
                    "{connection}/{name} cannot be told: {connection} showed no group of the person at all, not even the \
                     one that holds everybody; let the integration read groups"
                ));
            }
            None => {
                return Membership::Unknown(format!(
                    "{connection}/{name} was not read: the person was read from {}",
                    person.account.connection
                ));
            }
        },
        ListSource::Object { name } => {
            return read.map_or_else(
                || Membership::Unknown(format!("the object {name} was not read")),
                |read| by_read(read, person),
            );
        }
        ListSource::Csv { values, .. } | ListSource::People(values) => names(person)
            .iter()
            .any(|name| values.iter().any(|value| value == name)),
    };
    if is_in { Membership::In } else { Membership::Out }
}

fn by_read(read: &ListRead, person: &Person) -> Membership {
    match read {
        ListRead::Unreadable(why) => Membership::Unknown(why.clone()),
        ListRead::Entries(entries) if names(person).iter().any(|name| entries.contains(name)) => Membership::In,
        ListRead::Entries(_) => Membership::Out,
    }
}

/// What a list may call the person by, lower-cased.
fn names(person: &Person) -> Vec<String> {
    let mut names = vec![
        person.login.to_lowercase(),
        person.account.id.to_lowercase(),
        person.account.to_string().to_lowercase(),
        person.key.as_str().to_lowercase(),
    ];
    names.extend(person.email.as_deref().map(str::to_lowercase));
    names.extend(match person.attributes.get("employeeNumber") {
        Some(Value::String(number)) => Some(number.trim().to_lowercase()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    });
    names.retain(|name| !name.is_empty());
    names
}
