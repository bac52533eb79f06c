//! Linking everybody beforehand: each account of each connection gets its person, from whole lists instead of one search a
//! person. A list that proves nothing changes nothing, and no reading ever takes a link away: only a person's decision does.

mod decide;
mod read;
mod stored;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use rollcall_model::ConnectionId;
use rollcall_model::ledger::documents;
use rollcall_policy::link::{self, JoinInputs, Joined, People, Stored};
use serde::Serialize;
use serde_json::json;

pub use decide::{Confirmed, PersonLinks};

use crate::{Engine, EngineError};
use read::Listed;
use write::Wrote;

/// What to link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Only this connection.
    pub connection: Option<ConnectionId>,
    /// Write nothing.
    pub dry_run: bool,
}

/// Where a link run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkProgress {
    /// So many accounts of a connection were listed.
    Listed(ConnectionId, usize),
    /// So many of a connection's links were written or found written.
    Written(ConnectionId, usize),
    /// So many people of the source were written or found written.
    People(usize),
}

/// One connection's part of a link run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum LinkedConnection {
    /// It was listed completely.
    Joined {
        /// How many accounts it has.
        accounts: usize,
        /// What the join came to.
        #[serde(flatten)]
        joined: Box<Joined>,
        /// Documents that were written; 0 when all was so before, and in a dry run.
        written: usize,
        /// Accounts that somebody else linked to another person in the meantime: left as they are.
        overtaken: Vec<String>,
    },
    /// Nothing of it was written; why, and what to do.
    Left {
        /// Why.
        why: String,
    },
}

/// What a link run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// How many people the source has.
    pub people: usize,
    /// How many of them are active.
    pub active: usize,
    /// Nothing was written because nothing was to be.
    pub dry_run: bool,
    /// By connection.
    pub connections: BTreeMap<ConnectionId, LinkedConnection>,
}

impl LinkReport {
    /// True when every connection was listed completely.
    pub fn is_whole(&self) -> bool {
        self.connections
            .values()
            .all(|one| matches!(one, LinkedConnection::Joined { .. }))
    }
}

impl Engine {
    /// Lists everybody in the source and every account elsewhere, and keeps whose is whose. Repeating it writes only what is
    /// new, so one that was interrupted is simply run again. An error means that nothing at all could be told: the source
    /// could not be read completely, or the ledger failed.
    pub async fn link_everyone(
        &self,
        options: &LinkOptions,
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<LinkReport, EngineError> {
        let configuration = self.configuration();
        let mut targets = link::linkable(configuration);
        if let Some(only) = &options.connection {
            targets.retain(|target| target == only);
            if targets.is_empty() {
                return Err(EngineError::Refused(format!(
                    "{only} cannot be linked: it is not configured, is the source, or is of a kind whose accounts are not \
                     listed"
                )));
            }
        }
        let people = self.people(progress).await?;
        let stored = self.stored_links().await?;
        let service = self.service_list().await?;
        if !options.dry_run {
            self.write_people(&people, progress).await?;
        }
        let lists = join_all(targets.iter().map(|target| self.listed(target, progress))).await;
        let mut connections = BTreeMap::new();
        for (target, listed) in targets.into_iter().zip(lists) {
            let one = match listed {
                Ok(listed) => {
                    self.linked_connection(options, &target, &listed, &people, &stored, &service, progress)
                        .await?
                }
                Err(why) => {
                    tracing::warn!(connection = %target, why, "A connection was not linked.");
                    LinkedConnection::Left { why }
                }
            };
            connections.insert(target, one);
        }
        Ok(LinkReport {
            people: people.len(),
            active: people
                .values()
                .filter(|person| person.state == rollcall_model::SourceState::Active)
                .count(),
            dry_run: options.dry_run,
            connections,
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one connection's part of a run that has read all of these"
    )]
    async fn linked_connection(
        &self,
        options: &LinkOptions,
        target: &ConnectionId,
        listed: &Listed,
        people: &People,
        stored: &Stored,
        service: &BTreeSet<String>,
        progress: &(dyn Fn(LinkProgress) + Sync),
    ) -> Result<LinkedConnection, EngineError> {
        let joined = link::join(
            self.configuration(),
            &JoinInputs {
                connection: target,
                people,
                accounts: &listed.accounts,
                assignments: listed.assignments.as_deref(),
                stored,
                service,
            },
        );
        let mut wrote = Wrote::default();
        if !options.dry_run {
            wrote = self.write_links(target, &joined, people, progress).await?;
            if let Some(coverage) = &joined.coverage {
                // Last, so that it never speaks of links that are not there yet.
                let body = json!({
                    "percent": coverage.percent, "linked": coverage.linked, "without": coverage.without,
                    "people": coverage.people, "at": self.now(),
                });
                self.parts
                    .ledger
                    .put_document(documents::COVERAGE, target.as_str(), &body)
                    .await?;
            }
        }
        Ok(LinkedConnection::Joined {
            accounts: listed.accounts.len(),
            joined: Box::new(joined),
            written: wrote.documents,
            overtaken: wrote.overtaken,
        })
    }
}
