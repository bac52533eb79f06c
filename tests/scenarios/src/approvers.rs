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
use serde_json::json;

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
    instead(spec, "okta-main", Groups::Members(members), None)
}

/// A world whose directory cannot be asked about groups.
pub fn without_groups(spec: WorldSpec) -> WorldSpec {
    instead(spec, "okta-main", Groups::Unreadable, None)
}

/// A world in whose organisation everybody is an administrator, and whose connector counts so many beside each.
pub fn with_admins(spec: WorldSpec, left: u64) -> WorldSpec {
    instead(spec, "sf-us", Groups::Unreadable, Some(left))
}

fn instead(spec: WorldSpec, connection: &'static str, groups: Groups, admins_left: Option<u64>) -> WorldSpec {
    WorldSpec {
        wrap: Some(Arc::new(
            move |connectors: &mut BTreeMap<ConnectionId, Arc<dyn Connector>>| {
                let id = ConnectionId::from(connection);
                let inner = connectors.remove(&id).expect("the connection is there");
                let instead = Instead {
                    inner,
                    groups,
                    admins_left,
                };
                connectors.insert(id, Arc::new(instead));
            },
        )),
        ..spec
    }
}

/// What a connector says of groups.
#[derive(Clone, Copy)]
enum Groups {
    Members(&'static [&'static str]),
    Unreadable,
}

/// A connector that knows about groups and administrators what a scenario wants, and everything else by itself.
struct Instead {
    inner: Arc<dyn Connector>,
    groups: Groups,
    admins_left: Option<u64>,
}

#[async_trait]
impl Connector for Instead {
    fn connection(&self) -> &ConnectionId {
        self.inner.connection()
    }

    fn normalise(&self, signal: &Signal, raw: &str) -> Event {
        self.inner.normalise(signal, raw)
    }

    async fn sign_in(&self, call: &Call) -> Result<(), Failure> {
        self.inner.sign_in(call).await
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
        let mut states = self.inner.observe(call, account, actions).await?;
        for state in &mut states {
            if let (Some(left), Observation::Known(state)) = (self.admins_left, state) {
                if !state.evidence.is_object() {
                    state.evidence = json!({});
                }
                state.evidence["admin"] = json!(true);
                state.evidence["admins_left"] = json!(left);
            }
        }
        Ok(states)
    }

    async fn apply(&self, call: &Call, change: &Change, marker: &str) -> Result<Applied, Failure> {
        self.inner.apply(call, change, marker).await
    }

    async fn find_effect(&self, call: &Call, change: &Change, marker: &str) -> Result<Option<Applied>, Failure> {
        self.inner.find_effect(call, change, marker).await
    }

    async fn group_members(&self, _call: &Call, group: &str) -> Result<GroupRead, Failure> {
        let Groups::Members(members) = self.groups else {
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
