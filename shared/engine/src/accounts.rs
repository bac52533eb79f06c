//! Which accounts the person has, and in which state they are.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use rollcall_model::ledger::{Lock, LockKey, RunClaim, documents};
use rollcall_model::plan::{CUT, ChangeKey, StagePlan, Verdict};
use rollcall_model::{AccountRef, ConnectionId, Failure, Lane, Observation, Outcome};
use rollcall_policy::decide::{self, Observations, StageInputs, Wanted};
use rollcall_policy::{Configuration, StageInputs as Inputs};
use serde_json::json;

use crate::stage::Known;
use crate::{Engine, EngineError};

/// A stage's plan with what it was made from.
pub(crate) struct Planned {
    pub(crate) plan: StagePlan,
    pub(crate) found: Inputs,
    /// How long a vendor that did not answer asked us to wait.
    pub(crate) patient: Option<Duration>,
}

impl Engine {
    /// Searches every connection of the present stage, all at the same time. Beside what was found: how long a vendor that did
    /// not answer asked us to wait.
    pub(crate) async fn find(
        &self,
        configuration: &Configuration,
        claim: &RunClaim,
    ) -> Result<(Inputs, Option<Duration>), EngineError> {
        let call = self.call(&claim.holder, lane(claim));
        let linked = self.linked(claim).await?;
        let Some(stage) = claim.run.plan.stages.get(claim.run.stage) else {
            return Ok((StageInputs::default(), None));
        };
        let mut connections: Vec<&ConnectionId> = stage.steps.iter().flat_map(|step| &step.connections).collect();
        connections.sort();
        connections.dedup();
        let searches = join_all(connections.into_iter().map(|connection| {
            let call = call.clone();
            let query = decide::account_query(
                configuration,
                &claim.run.person,
                connection,
                linked.get(connection).map_or(&[], Vec::as_slice),
            );
            async move {
                let result = match self.connector(connection) {
                    Some(connector) => connector.find_accounts(&call, &query).await,
                    None => Err(Failure::give_up(format!(
                        "connection {connection} is no longer configured"
                    ))),
                };
                (connection.clone(), result)
            }
        }))
        .await;
        let mut asked = None;
        let mut found = StageInputs {
            linked,
            ..StageInputs::default()
        };
        for (connection, result) in searches {
            match result {
                Ok(search) => {
                    found.accounts.insert(connection, search);
                }
                Err(failure) => {
                    asked = asked.max(failure.retry_after());
                    found.unreadable.insert(connection, failure.reason);
                }
            }
        }
        self.know_accounts(claim, &mut found).await?;
        Ok((found, asked))
    }

    /// The accounts that earlier runs found for this person.
    async fn linked(&self, claim: &RunClaim) -> Result<BTreeMap<ConnectionId, Vec<String>>, EngineError> {
        let links = self
            .parts
            .ledger
            .document(documents::LINKS, claim.run.person.key.as_str())
            .await?;
        let mut linked: BTreeMap<ConnectionId, Vec<String>> = links
            .and_then(|links| serde_json::from_value(links.body).ok())
            .unwrap_or_default();
        // The accounts that a plan names are the person's: a run of theirs changed them.
        let named = claim.run.plan.stages.iter().flat_map(|stage| &stage.steps);
        for step in named.filter(|step| !step.accounts.is_empty()) {
            for connection in &step.connections {
                let ids = linked.entry(connection.clone()).or_default();
                let new: Vec<&String> = step.accounts.iter().filter(|id| !ids.contains(id)).collect();
                ids.extend(new.into_iter().cloned());
            }
        }
        // What the directories themselves say who it is needs no match.
        for own in [&claim.run.person.account, &claim.run.plan.subject] {
            let ids = linked.entry(own.connection.clone()).or_default();
            if !ids.contains(&own.id) {
                ids.push(own.id.clone());
            }
        }
        Ok(linked)
    }

    /// Keeps which accounts are the person's, so that a later run knows them by id.
    pub(crate) async fn link(&self, claim: &RunClaim, found: &Inputs) -> Result<(), EngineError> {
        let mut links = found.linked.clone();
        for (connection, search) in &found.accounts {
            let ids = links.entry(connection.clone()).or_default();
            ids.extend(
                search
                    .accounts
                    .iter()
                    .filter(|account| {
                        found.confirmed.contains(&account.account)
                            || (account.sure
                                && !found.owners.contains_key(&account.account)
                                && !found.denied.contains(&account.account))
                    })
                    .map(|account| account.account.id.clone()),
            );
            ids.sort();
            ids.dedup();
        }
        links.retain(|_, ids| !ids.is_empty());
        if links != found.linked {
            self.own_accounts(claim, &found.linked, &links).await?;
            self.parts
                .ledger
                .put_document(documents::LINKS, claim.run.person.key.as_str(), &json!(links))
                .await?;
        }
        Ok(())
    }

    /// Claims every account found, and the person's sign-in name; all or nothing. False when somebody else has one of them.
    pub(crate) async fn lock_accounts(
        &self,
        claim: &RunClaim,
        subject: &Lock,
        locks: &mut Vec<Lock>,
        found: &Inputs,
    ) -> Result<bool, EngineError> {
        let mut keys: Vec<LockKey> = found
            .accounts
            .values()
            .flat_map(|search| {
                search
                    .accounts
                    .iter()
                    .map(|account| LockKey::Account(account.account.clone()))
            })
            .filter(|key| *key != subject.key)
            .collect();
        if !claim.run.person.login.is_empty() {
            keys.push(LockKey::Login(claim.run.person.login.clone()));
        }
        keys.sort();
        keys.dedup();
        if keys.iter().all(|key| locks.iter().any(|lock| lock.key == *key)) {
            return Ok(true);
        }
        let Some(claimed) = self.parts.ledger.claim(&keys, &claim.holder, self.now()).await?.mine() else {
            return Ok(false);
        };
        // Locks of an earlier try that are no longer wanted stay with us until the run is let go.
        locks.retain(|lock| !keys.contains(&lock.key));
        locks.extend(claimed);
        Ok(true)
    }

    /// Observes every account found, all connections at the same time, and makes the stage's plan. `seen` is what the journal
    /// says of changes that an earlier try made.
    pub(crate) async fn plan(
        &self,
        configuration: &Configuration,
        known: &Known,
        claim: &RunClaim,
        mut found: Inputs,
        seen: &BTreeMap<ChangeKey, Outcome>,
    ) -> Result<Planned, EngineError> {
        let facts = known.facts(&claim.run);
        let call = self.call(&claim.holder, lane(claim));
        found.lists.clone_from(&known.reads);
        found.accepted = self.accepted(&claim.run, seen);
        let wanted = decide::to_observe(
            configuration,
            &self.parts.actions,
            &facts,
            claim.run.stage,
            &found.accounts,
        );
        let reads = join_all(
            wanted
                .iter()
                .filter(|asked| !asked.wanted.is_empty())
                .filter_map(|asked| {
                    let connector = self.connector(&asked.account.connection)?;
                    let call = call.clone();
                    Some(async move {
                        let actions: Vec<_> = asked.wanted.iter().map(|wanted| wanted.action.clone()).collect();
                        (asked, connector.observe(&call, Some(&asked.account), &actions).await)
                    })
                }),
        )
        .await;
        let mut patient = None;
        for (asked, result) in reads {
            match result {
                Ok(states) => note_states(&mut found.observations, &asked.account, &asked.wanted, states),
                Err(failure) => {
                    patient = patient.max(failure.retry_after());
                    found
                        .unreadable
                        .insert(asked.account.connection.clone(), failure.reason);
                }
            }
        }
        let make =
            |found: &Inputs| decide::stage_plan(configuration, &self.parts.actions, &facts, claim.run.stage, found);
        let mut plan = make(&found);
        let said = self.said(claim, &plan).await?;
        if !said.decided.is_empty() {
            found.decided = said.decided;
            plan = make(&found);
        }
        for item in &mut plan.items {
            if matches!(item.verdict, Verdict::Ask(_)) && said.too_late.contains(&item.change.key()) {
                item.verdict = Verdict::Refuse("nobody decided about it in time".to_owned());
            }
        }
        Ok(Planned { plan, found, patient })
    }
}

fn note_states(observations: &mut Observations, account: &AccountRef, asked: &[Wanted], states: Vec<Observation>) {
    for (wanted, state) in asked.iter().zip(states) {
        observations.insert(
            (account.clone(), wanted.step.clone(), wanted.action.action.clone()),
            state,
        );
    }
}

/// Whose share of a vendor's quota the present stage uses.
pub(crate) fn lane(claim: &RunClaim) -> Lane {
    match claim.run.plan.stages.get(claim.run.stage) {
        Some(stage) if stage.name == CUT => Lane::Urgent,
        _ => Lane::Work,
    }
}
