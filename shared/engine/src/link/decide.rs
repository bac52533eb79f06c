//! A person's word on whose an account is. It wins over everything that was read.

use std::collections::BTreeMap;

use rollcall_model::ledger::documents;
use rollcall_model::{AccountRef, ConnectionId, Person, PersonKey};
use serde::Serialize;
use serde_json::json;

use super::stored;
use crate::{Engine, EngineError};

/// A person's accounts elsewhere: vendor ids by connection.
pub(super) type Links = BTreeMap<ConnectionId, Vec<String>>;

/// What a confirmation changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Whose the account was until now, when it was somebody else's.
    pub was: Option<PersonKey>,
}

/// What is kept of one person's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonLinks {
    /// Who.
    pub person: PersonKey,
    /// The source's word on them when they were read last.
    pub known: Option<Person>,
    /// Vendor ids by connection.
    pub accounts: BTreeMap<ConnectionId, Vec<String>>,
    /// Of those, accounts that the ledger gives to somebody else: to whom.
    pub disputed: BTreeMap<String, PersonKey>,
    /// Accounts of which somebody decided that they are not theirs.
    pub denied: Vec<String>,
}

impl Engine {
    /// The account is this person's, whoever it was linked to: somebody decided so.
    pub async fn confirm_account(&self, person: &PersonKey, account: &AccountRef) -> Result<Confirmed, EngineError> {
        let (ledger, id) = (&self.parts.ledger, account.to_string());
        let was = self.owner_of(account).await?.filter(|was| was != person);
        ledger
            .remove_document(documents::DENIED, &denied(person, account))
            .await?;
        ledger
            .put_document(documents::OWNER, &id, &json!({"person": person}))
            .await?;
        if let Some(was) = &was {
            self.take_link(was, account).await?;
        }
        self.add_links(person, &[account]).await?;
        if self.is_directory(&account.connection) {
            match self.known_person(person).await? {
                Some(known) => {
                    self.keep_person(account, &known).await?;
                }
                // It may still say somebody else.
                None if was.is_some() => ledger.remove_document(documents::LINK, &id).await?,
                None => {}
            }
        }
        tracing::info!(connection = %account.connection, "Somebody confirmed whose an account is.");
        Ok(Confirmed { was })
    }

    /// The account is not this person's: somebody decided so. True when it was linked to them.
    pub async fn deny_account(&self, person: &PersonKey, account: &AccountRef) -> Result<bool, EngineError> {
        let (ledger, id) = (&self.parts.ledger, account.to_string());
        // First, so that dying in between leaves the decision and not the link.
        ledger
            .put_document(documents::DENIED, &denied(person, account), &json!({"at": self.now()}))
            .await?;
        let owned = self.owner_of(account).await?.as_ref() == Some(person);
        if owned {
            ledger.remove_document(documents::OWNER, &id).await?;
        }
        let listed = self.take_link(person, account).await?;
        if self.is_directory(&account.connection) && account.connection != self.configuration().source {
            let stands = ledger.document(documents::LINK, &id).await?;
            let theirs = stands
                .and_then(|stands| serde_json::from_value::<Person>(stands.body.get("person")?.clone()).ok())
                .is_some_and(|known| known.key == *person);
            if theirs {
                ledger.remove_document(documents::LINK, &id).await?;
            }
        }
        tracing::info!(connection = %account.connection, "Somebody decided that an account is not a person's.");
        Ok(owned || listed)
    }

    /// The person whom somebody means: a sign-in name or address, an account of theirs anywhere as `connection/id`, an id in
    /// the source, or the key itself.
    pub async fn person_meant(&self, who: &str) -> Result<Option<PersonKey>, EngineError> {
        if let Some(key) = self.find_person(who).await? {
            return Ok(Some(key));
        }
        let source = &self.configuration().source;
        let account = stored::account(who)
            .or_else(|| source_account(&PersonKey::new(who)))
            .unwrap_or_else(|| AccountRef::new(source, who));
        let known = self
            .parts
            .ledger
            .document(documents::LINK, &account.to_string())
            .await?;
        let known = known
            .and_then(|known| serde_json::from_value::<Person>(known.body.get("person")?.clone()).ok())
            .map(|known| known.key);
        match known {
            Some(key) => Ok(Some(key)),
            None => self.owner_of(&account).await,
        }
    }

    /// What is kept of one person's accounts.
    pub async fn links_of(&self, person: &PersonKey) -> Result<PersonLinks, EngineError> {
        let accounts = self.links_document(person).await?;
        let mut disputed = BTreeMap::new();
        for (connection, ids) in &accounts {
            for id in ids {
                let account = AccountRef::new(connection, id);
                if let Some(owner) = self.owner_of(&account).await?.filter(|owner| owner != person) {
                    disputed.insert(account.to_string(), owner);
                }
            }
        }
        let mut denied: Vec<String> = self
            .stored_links()
            .await?
            .denied
            .into_iter()
            .filter(|(of, _)| of == person)
            .map(|(_, account)| account.to_string())
            .collect();
        denied.sort();
        Ok(PersonLinks {
            person: person.clone(),
            known: self.known_person(person).await?,
            accounts,
            disputed,
            denied,
        })
    }

    /// Whose the ledger says an account is.
    pub async fn owner_of(&self, account: &AccountRef) -> Result<Option<PersonKey>, EngineError> {
        let stands = self
            .parts
            .ledger
            .document(documents::OWNER, &account.to_string())
            .await?;
        Ok(stands.and_then(|stands| stored::person(&stands.body)))
    }

    async fn take_link(&self, person: &PersonKey, account: &AccountRef) -> Result<bool, EngineError> {
        let before = self.links_document(person).await?;
        let mut links = before.clone();
        if let Some(ids) = links.get_mut(&account.connection) {
            ids.retain(|id| *id != account.id);
        }
        self.put_links(person, &before, links).await
    }

    /// The source's word on a person when they were read last.
    async fn known_person(&self, person: &PersonKey) -> Result<Option<Person>, EngineError> {
        let Some(account) = source_account(person) else {
            return Ok(None);
        };
        let known = self
            .parts
            .ledger
            .document(documents::LINK, &account.to_string())
            .await?;
        Ok(known
            .and_then(|known| serde_json::from_value::<Person>(known.body.get("person")?.clone()).ok())
            .filter(|known| known.key == *person))
    }

    fn is_directory(&self, connection: &ConnectionId) -> bool {
        self.configuration()
            .connection(connection)
            .is_some_and(|connection| connection.kind.is_directory())
    }
}

/// What the decision that an account is not a person's is called.
fn denied(person: &PersonKey, account: &AccountRef) -> String {
    format!("{person} {account}")
}

/// The account that a person's key is made from: `connection:id`.
fn source_account(person: &PersonKey) -> Option<AccountRef> {
    let (connection, id) = person.as_str().split_once(':')?;
    Some(AccountRef::new(connection, id))
}
