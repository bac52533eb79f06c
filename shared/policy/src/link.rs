//! Whose an account is: the join of everybody in the source with every account of another connection. Pure, so that a dry run
//! says exactly what a real one writes.
//!
//! A link that stands is never moved, whatever an address or a sign-in name says by now: those are given to somebody else one
//! day, an account's id never is. A new link needs exactly one person with a sure claim.

mod claims;
mod coverage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rollcall_model::connector::{Assignment, ListedAccount};
use rollcall_model::ids::{AccountRef, ConnectionId, PersonKey};
use rollcall_model::person::{AccountClass, Person};
use serde::Serialize;

use crate::configuration::{Configuration, Kind};
use claims::{Claims, Places};
pub use coverage::Coverage;

/// How an account was claimed by the directory's word that it gives somebody the application with exactly this account.
pub const BY_ASSIGNMENT: &str = "assignment";
/// How an account was claimed by the sign-in name that the directory keeps for the application. A name, so not sure.
pub const BY_ASSIGNED_NAME: &str = "assignment's username";

/// Everybody in the source, by key.
pub type People = BTreeMap<PersonKey, Person>;

/// What the ledger says of accounts already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Whose an account is.
    pub owners: HashMap<AccountRef, PersonKey>,
    /// Accounts of which somebody decided that they are not this person's.
    pub denied: HashSet<(PersonKey, AccountRef)>,
}

/// Everything that the join looks at.
#[derive(Clone, Copy, Debug)]
pub struct JoinInputs<'a> {
    /// The connection whose accounts these are.
    pub connection: &'a ConnectionId,
    /// Everybody in the source.
    pub people: &'a People,
    /// Every account of the connection, each once.
    pub accounts: &'a [ListedAccount],
    /// Whom the source gives the application that stands for the connection; none when the connection names none.
    pub assignments: Option<&'a [Assignment]>,
    /// What the ledger says.
    pub stored: &'a Stored,
    /// The entries of the list `service`, lower-cased.
    pub service: &'a BTreeSet<String>,
}

/// Somebody's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Where and which.
    pub account: AccountRef,
    /// Sign-in name there.
    pub username: String,
    /// What it is for.
    pub class: AccountClass,
    /// Whose.
    pub person: PersonKey,
    /// By what: the fields that agree, or `assignment`; empty when only the ledger says so.
    pub by: Vec<String>,
    /// The ledger does not say so yet.
    pub new: bool,
}

/// Somebody who may be meant, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Who.
    pub person: PersonKey,
    /// Their sign-in name in the source.
    pub login: String,
    /// The fields that agree.
    pub by: Vec<String>,
}

/// An account that was not linked, and who may be meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// Where and which.
    pub account: AccountRef,
    /// Sign-in name there.
    pub username: String,
    /// What it is for.
    pub class: AccountClass,
    /// Who may be meant, in order of key.
    pub claims: Vec<Claim>,
}

/// An account that stays whose the ledger says it is although somebody else has one of its names now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Where and which.
    pub account: AccountRef,
    /// Sign-in name there.
    pub username: String,
    /// Whose it is and stays.
    pub owner: PersonKey,
    /// Who matches it by something that its owner does not match by.
    pub claims: Vec<Claim>,
}

/// A service account that somebody who left is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// Where and which.
    pub account: AccountRef,
    /// Sign-in name there.
    pub username: String,
    /// Who was behind it.
    pub person: PersonKey,
    /// What to do.
    pub next: &'static str,
}

/// What the join came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Accounts with a person, in order of id.
    pub links: Vec<Link>,
    /// Accounts that several people claim by something sure.
    pub ambiguous: Vec<Doubt>,
    /// Accounts that people claim by something unsure only.
    pub unsure: Vec<Doubt>,
    /// Links that stand although a name says otherwise.
    pub conflicts: Vec<Conflict>,
    /// Service accounts whose person left.
    pub service: Vec<Orphan>,
    /// Linked accounts that the list did not show. They stay linked.
    pub unseen: Vec<AccountRef>,
    /// How many service accounts there are; they are never linked.
    pub services: usize,
    /// How many accounts nobody claims.
    pub unclaimed: usize,
    /// How many people are known there; none when nobody counts.
    pub coverage: Option<Coverage>,
}

/// The fields that accounts of a connection must be listed with, so that they can be matched. Empty when `match` has no row
/// for the two kinds.
pub fn target_fields(configuration: &Configuration, connection: &ConnectionId) -> Vec<String> {
    let mut fields: Vec<String> = claims::rows(configuration, connection)
        .into_iter()
        .map(|row| row.field)
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

/// The source's fields that people must be listed with, so that they can be matched anywhere.
pub fn source_fields(configuration: &Configuration) -> Vec<String> {
    let Some(source) = configuration.source_kind() else {
        return Vec::new();
    };
    let mut fields: Vec<String> = configuration
        .matching
        .iter()
        .filter_map(|row| row.fields.get(&source).cloned())
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

/// The connections that can be linked: all but the source, of kinds that list their accounts.
pub fn linkable(configuration: &Configuration) -> Vec<ConnectionId> {
    configuration
        .connections
        .values()
        .filter(|connection| connection.id != configuration.source)
        .filter(|connection| matches!(connection.kind, Kind::Okta | Kind::Onelogin | Kind::Salesforce))
        .map(|connection| connection.id.clone())
        .collect()
}

/// Joins one connection's accounts with the people of the source.
pub fn join(configuration: &Configuration, inputs: &JoinInputs<'_>) -> Joined {
    let claims = Claims::of(configuration, inputs);
    let mut joined = Joined::default();
    let mut places = Places::default();
    let mut accounts: Vec<&ListedAccount> = inputs.accounts.iter().collect();
    accounts.sort_by(|one, two| one.account.cmp(&two.account));
    accounts.dedup_by(|one, two| one.account == two.account);
    for account in &accounts {
        account_of(account, inputs, &claims, &mut joined, &mut places);
    }
    let seen: HashSet<&AccountRef> = accounts.iter().map(|account| &account.account).collect();
    joined.unseen = inputs
        .stored
        .owners
        .keys()
        .filter(|account| account.connection == *inputs.connection && !seen.contains(account))
        .cloned()
        .collect();
    joined.unseen.sort();
    for account in &joined.unseen {
        if let Some(owner) = inputs.stored.owners.get(account) {
            places.linked.insert(owner.clone());
        }
    }
    joined.coverage = coverage::count(inputs, &claims, &places);
    joined
}

fn account_of(
    account: &ListedAccount,
    inputs: &JoinInputs<'_>,
    claims: &Claims<'_>,
    joined: &mut Joined,
    places: &mut Places,
) {
    let found = claims.on(account);
    let denied = |person: &PersonKey| {
        inputs
            .stored
            .denied
            .contains(&(person.clone(), account.account.clone()))
    };
    // Somebody's decision that it is not theirs undoes a link that was not taken out yet.
    let owner = inputs
        .stored
        .owners
        .get(&account.account)
        .filter(|owner| !denied(owner));
    let service = is_service(account, inputs.service);
    if service {
        joined.services += 1;
        let behind = owner
            .into_iter()
            .chain(found.keys())
            .find(|person| inputs.people.get(person).is_none_or(|person| person.state.has_left()));
        if let Some(person) = behind {
            joined.service.push(Orphan {
                account: account.account.clone(),
                username: account.username.clone(),
                person: person.clone(),
                next: "rotate its secrets, and give it an owner who is here",
            });
        }
    }
    if let Some(owner) = owner {
        places.linked.insert(owner.clone());
        let own = found.get(owner);
        joined.links.push(Link {
            account: account.account.clone(),
            username: account.username.clone(),
            class: account.class,
            person: owner.clone(),
            by: own.map(|own| own.by.clone()).unwrap_or_default(),
            new: false,
        });
        let others: Vec<Claim> = found
            .iter()
            .filter(|(person, claim)| {
                *person != owner
                    && claim
                        .by
                        .iter()
                        .any(|field| own.is_none_or(|own| !own.by.contains(field)))
            })
            .map(|(person, claim)| claim.shown(person, inputs.people))
            .collect();
        if !others.is_empty() {
            joined.conflicts.push(Conflict {
                account: account.account.clone(),
                username: account.username.clone(),
                owner: owner.clone(),
                claims: others,
            });
        }
        return;
    }
    if service {
        return;
    }
    let sure: Vec<&PersonKey> = found
        .iter()
        .filter(|(_, claim)| claim.sure)
        .map(|(key, _)| key)
        .collect();
    let doubt = |only_sure: bool| Doubt {
        account: account.account.clone(),
        username: account.username.clone(),
        class: account.class,
        claims: found
            .iter()
            .filter(|(_, claim)| claim.sure || !only_sure)
            .map(|(person, claim)| claim.shown(person, inputs.people))
            .collect(),
    };
    match sure.as_slice() {
        [] if found.is_empty() => joined.unclaimed += 1,
        [] => {
            places.doubted.extend(found.keys().cloned());
            joined.unsure.push(doubt(false));
        }
        [person] => {
            places.linked.insert((*person).clone());
            joined.links.push(Link {
                account: account.account.clone(),
                username: account.username.clone(),
                class: account.class,
                person: (*person).clone(),
                by: found.get(*person).map(|claim| claim.by.clone()).unwrap_or_default(),
                new: true,
            });
        }
        several => {
            places.doubted.extend(several.iter().map(|person| (*person).clone()));
            joined.ambiguous.push(doubt(true));
        }
    }
}

/// Whether programs use the account: the connector says so, or the list `service` names it.
fn is_service(account: &ListedAccount, service: &BTreeSet<String>) -> bool {
    account.class == AccountClass::Service
        || [
            account.username.to_lowercase(),
            account.account.id.to_lowercase(),
            account.account.to_string().to_lowercase(),
        ]
        .iter()
        .chain(&account.names)
        .any(|name| service.contains(name))
}
