//! Keeping what the join came to. Every document is written only when it would say something else, so that a repetition
//! writes nothing and an interrupted run goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use rollcall_model::ledger::documents;
use rollcall_model::{AccountRef, Answer, ConnectionId, Person, PersonKey, SourceState};
use rollcall_policy::link::{Joined, Link, People};
use serde_json::{Value, json};

use super::LinkProgress;
use super::decide::Links;
use crate::{Engine, EngineError};

/// How many documents are written at the same time.
const SIDE_BY_SIDE: usize = 16;
/// After how many documents the progress is told.
const TELL: usize = 500;

/// What was written for one connection.
#[derive(Debug, Default)]
pub(super) struct Wrote {
    /// Documents.
    pub(super) documents: usize,
    /// Accounts that were linked to somebody else in the meantime.
    pub(super) overtaken: Vec<String>,
}

impl Engine {
    /// Keeps who each account of the source is, and by which names operators ask for people.
    pub(super) async fn write_people(
        &self,
        people: &People,
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<(), EngineError> {
        let writes = stream::iter(people.values().map(|person| self.keep_person(&person.account, person)));
        counted(writes.buffer_unordered(SIDE_BY_SIDE), |done| {
            progress(LinkProgress::People(done));
        })
        .await?;
        let names = stream::iter(
            names(people)
                .into_iter()
                .map(async |(name, key)| self.put_if_other(documents::NAME, &name, &json!({"person": key})).await),
        );
        counted(names.buffer_unordered(SIDE_BY_SIDE), |_| {}).await?;
        Ok(())
    }

    /// Keeps a connection's links: the owner first, under the condition that there is none, because what was listed as stored
    /// may be out of date; then the person's list; then, for a directory, who the account is.
    pub(super) async fn write_links(
        &self,
        target: &ConnectionId,
        joined: &Joined,
        people: &People,
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<Wrote, EngineError> {
        let directory = self
            .configuration()
            .connection(target)
            .is_some_and(|connection| connection.kind.is_directory());
        let mut by_person: BTreeMap<&PersonKey, Vec<&Link>> = BTreeMap::new();
        for link in &joined.links {
            by_person.entry(&link.person).or_default().push(link);
        }
        let mut wrote = Wrote::default();
        let mut done = 0;
        let mut writes = stream::iter(by_person.into_iter().map(async |(key, links)| {
            let person = people.get(key).filter(|_| directory);
            self.keep_links(key, &links, person).await
        }))
        .buffer_unordered(SIDE_BY_SIDE);
        while let Some(one) = writes.try_next().await? {
            done += 1;
            wrote.documents += one.documents;
            wrote.overtaken.extend(one.overtaken);
            if done % TELL == 0 {
                progress(LinkProgress::Written(target.clone(), done));
            }
        }
        progress(LinkProgress::Written(target.clone(), done));
        wrote.overtaken.sort();
        Ok(wrote)
    }

    async fn keep_links(
        &self,
        key: &PersonKey,
        links: &[&Link],
        person: Option<&Person>,
    ) -> Result<Wrote, EngineError> {
        let mut wrote = Wrote::default();
        let mut theirs = Vec::new();
        for link in links {
            let owner = json!({"person": key});
            let id = link.account.to_string();
            let nonce = self.parts.ids.unique();
            match self
                .parts
                .ledger
                .add_document(documents::OWNER, &id, &owner, &nonce)
                .await?
            {
                Answer::Won(()) => wrote.documents += 1,
                Answer::AlreadyMine(()) => {}
                Answer::Lost(_) | Answer::Stale => {
                    let stands = self.parts.ledger.document(documents::OWNER, &id).await?;
                    if stands.and_then(|stands| super::stored::person(&stands.body)).as_ref() != Some(key) {
                        tracing::warn!(connection = %link.account.connection, "The account was linked to somebody else in the meantime.");
                        wrote.overtaken.push(id);
                        continue;
                    }
                }
            }
            theirs.push(&link.account);
        }
        if self.add_links(key, &theirs).await? {
            wrote.documents += 1;
        }
        if let Some(person) = person {
            for account in theirs {
                wrote.documents += self.keep_person(account, person).await?;
            }
        }
        Ok(wrote)
    }

    /// Adds accounts to the person's list. True when it did not have them all.
    pub(super) async fn add_links(&self, key: &PersonKey, accounts: &[&AccountRef]) -> Result<bool, EngineError> {
        let before = self.links_document(key).await?;
        let mut links = before.clone();
        for account in accounts {
            let ids = links.entry(account.connection.clone()).or_default();
            ids.push(account.id.clone());
            ids.sort();
            ids.dedup();
        }
        self.put_links(key, &before, links).await
    }

    /// The person's list as it stands.
    pub(super) async fn links_document(&self, key: &PersonKey) -> Result<Links, EngineError> {
        let stands = self.parts.ledger.document(documents::LINKS, key.as_str()).await?;
        Ok(stands
            .and_then(|stands| serde_json::from_value(stands.body).ok())
            .unwrap_or_default())
    }

    pub(super) async fn put_links(
        &self,
        key: &PersonKey,
        before: &Links,
        mut links: Links,
    ) -> Result<bool, EngineError> {
        links.retain(|_, ids| !ids.is_empty());
        if links == *before {
            return Ok(false);
        }
        self.parts
            .ledger
            .put_document(documents::LINKS, key.as_str(), &json!(links))
            .await?;
        Ok(true)
    }

    /// Keeps who a directory's account is, so that an event about it finds the person even when it is no more. What a list
    /// does not show (groups, roles, the manager) stays as it was read last: without it a protected person would be none.
    pub(super) async fn keep_person(&self, account: &AccountRef, person: &Person) -> Result<usize, EngineError> {
        let id = account.to_string();
        let stands = self.parts.ledger.document(documents::LINK, &id).await?;
        let before = stands
            .as_ref()
            .and_then(|stands| stands.body.get("person").cloned())
            .and_then(|person| serde_json::from_value::<Person>(person).ok())
            .filter(|before| before.key == person.key);
        let mut now = person.clone();
        if let Some(before) = before {
            if now.groups.is_empty() {
                now.groups = before.groups;
            }
            if now.roles.is_empty() {
                now.roles = before.roles;
            }
            now.manager = now.manager.or(before.manager);
            for (name, value) in before.attributes {
                now.attributes.entry(name).or_insert(value);
            }
        }
        let body = json!({"person": now});
        if stands.is_some_and(|stands| stands.body == body) {
            return Ok(0);
        }
        self.parts.ledger.put_document(documents::LINK, &id, &body).await?;
        Ok(1)
    }

    async fn put_if_other(&self, kind: &str, id: &str, body: &Value) -> Result<usize, EngineError> {
        if self
            .parts
            .ledger
            .document(kind, id)
            .await?
            .is_some_and(|stands| stands.body == *body)
        {
            return Ok(0);
        }
        self.parts.ledger.put_document(kind, id, body).await?;
        Ok(1)
    }
}

/// Whom each name means: a sign-in name before an address, somebody active before somebody who is not, then by key, so that
/// every run says the same.
fn names(people: &People) -> BTreeMap<String, &PersonKey> {
    let mut all: BTreeMap<String, BTreeSet<(bool, bool, &PersonKey)>> = BTreeMap::new();
    for person in people.values() {
        let gone = person.state != SourceState::Active;
        for (address, name) in [(false, Some(&person.login)), (true, person.email.as_ref())] {
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                all.entry(name.to_lowercase())
                    .or_default()
                    .insert((gone, address, &person.key));
            }
        }
    }
    all.into_iter()
        .filter_map(|(name, meant)| Some((name, meant.first()?.2)))
        .collect()
}

async fn counted(
    writes: impl futures::Stream<Item = Result<usize, EngineError>>,
    tell: impl Fn(usize),
) -> Result<(), EngineError> {
    let mut writes = std::pin::pin!(writes);
    let mut done = 0;
    while writes.try_next().await?.is_some() {
        done += 1;
        if done % TELL == 0 {
            tell(done);
        }
    }
    Ok(())
}
