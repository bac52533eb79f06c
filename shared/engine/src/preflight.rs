//! What stands in the way of taking apart what somebody has, before anything is done.

use futures::future::join_all;
use rollcall_model::plan::{DISMANTLE, Goal, RunPlan};
use rollcall_model::{AccountClass, AccountRef, Call, Completeness, ConnectionId, Failure, Lane, Person, Preflight};
use rollcall_policy::decide;
use rollcall_runtime::clock::plus;
use serde::{Deserialize, Serialize};

use crate::{Engine, EngineError};

/// What a look at one account found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Where.
    pub connection: ConnectionId,
    /// Which account; none when the connection could not be searched.
    pub account: Option<AccountRef>,
    /// Its sign-in name there.
    pub username: String,
    /// What was found.
    pub found: Preflight,
}

impl Engine {
    /// Looks at everything that somebody has in the connections of the playbook for planned leaves. Changes nothing.
    ///
    /// # Errors
    ///
    /// `Refused` when no playbook takes planned leaves, or the person cannot be read.
    pub async fn preflight(&self, who: &str) -> Result<(Person, Vec<Looked>), EngineError> {
        let configuration = self.configuration();
        let found = decide::planned_playbook(configuration, Goal::Leave).ok_or_else(crate::leave::no_playbook)?;
        let person = self.read_person(who).await?;
        let plan = decide::run_plan(
            configuration,
            &found,
            &person,
            &person.account,
            &decide::Wish::default(),
        )
        .ok_or_else(|| EngineError::Refused(format!("there is no playbook {}", found.playbook)))?;
        let looked = self.look_before(&plan, &person).await;
        Ok((person, looked))
    }

    /// The same for a run plan that takes something apart; nothing for any other.
    pub(crate) async fn before_dismantling(&self, plan: &RunPlan, person: &Person) -> Vec<Looked> {
        if plan.stages.iter().any(|stage| stage.name == DISMANTLE) {
            self.look_before(plan, person).await
        } else {
            Vec::new()
        }
    }

    async fn look_before(&self, plan: &RunPlan, person: &Person) -> Vec<Looked> {
        let mut connections: Vec<&ConnectionId> = plan
            .stages
            .iter()
            .flat_map(|stage| stage.steps.iter().flat_map(|step| &step.connections))
            .collect();
        connections.sort();
        connections.dedup();
        let looks = connections.into_iter().map(|id| self.look_at(id, person));
        join_all(looks).await.into_iter().flatten().collect()
    }

    async fn look_at(&self, id: &ConnectionId, person: &Person) -> Vec<Looked> {
        let unseen = |account: Option<AccountRef>, username: &str, why: &str| Looked {
            connection: id.clone(),
            account,
            username: username.to_owned(),
            found: Preflight {
                obstacles: Vec::new(),
                uninspected: vec![why.to_owned()],
            },
        };
        let Some(connector) = self.connector(id) else {
            return vec![unseen(None, "", "the connection is not configured")];
        };
        let mine: Vec<String> = (person.account.connection == *id)
            .then(|| person.account.id.clone())
            .into_iter()
            .collect();
        let query = decide::account_query(self.configuration(), person, id, &mine);
        let search = match connector.find_accounts(&self.look_call(), &query).await {
            Ok(search) => search,
            Err(Failure { reason, .. }) => return vec![unseen(None, "", &reason)],
        };
        let own = search
            .accounts
            .iter()
            .filter(|account| account.sure || mine.contains(&account.account.id))
            .filter(|account| AccountClass::OWN.contains(&account.class));
        let mut looked = Vec::new();
        if let Completeness::Unproven(why) = &search.completeness {
            looked.push(unseen(None, "", why));
        }
        for account in own {
            looked.push(match connector.preflight(&self.look_call(), &account.account).await {
                Ok(found) => Looked {
                    connection: id.clone(),
                    account: Some(account.account.clone()),
                    username: account.username.clone(),
                    found,
                },
                Err(failure) => unseen(Some(account.account.clone()), &account.username, &failure.reason),
            });
        }
        looked
    }

    fn look_call(&self) -> Call {
        Call {
            deadline: plus(self.now(), self.settings.call),
            lane: Lane::Work,
        }
    }
}
