//! Approvers, and a directory that says who they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_engine::Approver;
use rollcall_harness::WorldSpec;
use rollcall_model::connector::{ActionUse, Applied, GroupRead, Member};
use rollcall_model::{
    AccountQuery, AccountRef, AccountSearch, Call, Change, ConnectionId, Connector, Event, Failure, Observation,
    Signal, SubjectRead,
};

/// Somebody who signed in as this account, whom the configuration knows by this login and without a role.
pub fn signed_in(login: &str) -> Approver {
    Approver {
        account: login.split('@').next().unwrap_or_default().to_owned(),
        login: Some(login.to_owned()),
        role: false,
    }
}

/// A world whose directory answers the question who is in `RC-Approvers`, or fails to.
pub fn with_approvers(spec: WorldSpec, members: &'static [&'static str]) -> WorldSpec {
    wrapped(spec, Some(members))
}

/// A world whose directory cannot be asked about groups.
pub fn without_groups(spec: WorldSpec) -> WorldSpec {
    wrapped(spec, None)
}

fn wrapped(spec: WorldSpec, members: Option<&'static [&'static str]>) -> WorldSpec {
    WorldSpec {
        wrap: Some(Arc::new(
            move |connectors: &mut BTreeMap<ConnectionId, Arc<dyn Connector>>| {
                let id = ConnectionId::from("okta-main");
                let inner = connectors.remove(&id).expect("the directory is there");
                connectors.insert(id, Arc::new(Directory { inner, members }));
            },
        )),
        ..spec
    }
}

/// The directory, with one group whose members it tells.
struct Directory {
    inner: Arc<dyn Connector>,
    members: Option<&'static [&'static str]>,
}

#[async_trait]
impl Connector for Directory {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        self.inner.normalise(signal, raw)
    }

    async fn read_subject(&self, call: &Call, account: &AccountRef) -> Result<SubjectRead, Failure> {
        self.inner.read_subject(call, account).await
    }

    async fn find_accounts(&self, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
        self.inner.find_accounts(call, query).await
    }

    async fn observe(
        &self,
        call: &Call,
        account: Option<&AccountRef>,
        actions: &[ActionUse],
    ) -> Result<Vec<Observation>, Failure> {
        self.inner.observe(call, account, actions).await
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        self.inner.apply(call, change, marker).await
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.inner.find_effect(call, change, marker).await
    }

    async fn group_members(&self, _call: &Call, group: &str) -> Result<GroupRead, Failure> {
        let Some(members) = self.members else {
            return Ok(GroupRead::Unproven("the integration may not read groups".to_owned()));
        };
        if group != "RC-Approvers" {
            return Ok(GroupRead::NoSuchGroup);
        }
        let members = members.iter().enumerate().map(|(number, login)| Member {
            id: format!("00uAPPROVER{number}"),
            login: (*login).to_owned(),
            email: None,
        });
        Ok(GroupRead::Members(members.collect()))
    }
}
