//! What a user holds that a dismantling takes: one look for all of its actions.

use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Call, Failure, Observation};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::dismantle::{ADD_GROUPS, DEACTIVATE, REACTIVATE, REMOVE_GROUPS, RESET_FACTORS};
use super::groups::{Memberships, memberships, missing, wanted};
use super::states::{known, listed};
use super::{admins, factors, lifecycle};
use crate::exchange::text;

/// What was asked for and read; inside it the reason why Okta will not show it.
pub(super) struct Holdings {
    memberships: Option<Result<Memberships, String>>,
    factors: Option<Result<Vec<Value>, String>>,
    apps: Option<Result<Vec<Value>, String>>,
    /// Admin roles; their failure is a part of the answer.
    roles: Option<Result<Vec<Value>, Failure>>,
}

impl Holdings {
    /// Reads what these actions need, side by side.
    pub(super) async fn read(client: &Client, call: &Call, id: &str, actions: &[ActionUse]) -> Result<Self, Failure> {
        let asks = |name: &str| actions.iter().any(|asked| asked.action == name);
        let (removes, deactivates) = (asks(REMOVE_GROUPS), asks(DEACTIVATE));
        let (memberships, factors, apps, roles) = futures::join!(
            listed(removes || asks(ADD_GROUPS), memberships(client, call, id, removes)),
            listed(asks(RESET_FACTORS), factors::listed(client, call, id)),
            listed(deactivates, lifecycle::assigned_apps(client, call, id)),
            async {
                if removes || deactivates {
                    Some(admins::roles(client, call, id).await)
                } else {
                    None
                }
            },
        );
        if let Some(Err(failure)) = &roles
            && failure.is_retryable()
        {
            return Err(failure.clone());
        }
        Ok(Self {
            memberships: memberships?,
            factors: factors?,
            apps: apps?,
            roles,
        })
    }

    /// The state behind one action. `user` is `None` when there is certainly no such user, the reason when it cannot be told.
    pub(super) async fn answer(
        &self,
        client: &Client,
        call: &Call,
        account: &AccountRef,
        user: &Result<Option<Value>, String>,
        asked: &ActionUse,
    ) -> Result<Observation, Failure> {
        let user = match user {
            Err(why) => return Ok(Observation::Unknown(why.clone())),
            Ok(None) => return Ok(without_a_user(asked)),
            Ok(Some(user)) => user,
        };
        match asked.action.as_str() {
            REMOVE_GROUPS => self.to_remove(client, call, &account.id, user).await,
            ADD_GROUPS => Ok(self.to_add(&asked.with)),
            RESET_FACTORS => Ok(match self.factors.as_ref() {
                Some(Ok(factors)) => {
                    let (value, evidence) = factors::predicate(user, factors);
                    known(value, evidence)
                }
                other => unread(other, "the factors"),
            }),
            DEACTIVATE => self.to_deactivate(client, call, &account.id, user).await,
            REACTIVATE => Ok(match lifecycle::to_reactivate(user, &asked.with) {
                Some(status) => known(json!({ "status": status }), Value::Object(seen(user))),
                None => statusless(),
            }),
            _ => Ok(Observation::Unknown("nothing was read for it".to_owned())),
        }
    }

    /// The memberships that may be ended; beside them who gave the others, and admin roles, which stay.
    async fn to_remove(&self, client: &Client, call: &Call, id: &str, user: &Value) -> Result<Observation, Failure> {
        let found = match self.memberships.as_ref() {
            Some(Ok(found)) => found,
            other => return Ok(unread(other, "the groups and the group rules")),
        };
        let mut evidence = seen(user);
        let admin_roles = match &self.roles {
            Some(Ok(roles)) => json!(admins::role_names(&admins::direct(roles))),
            Some(Err(failure)) => json!(format!("unknown: {failure}")),
            None => Value::Null,
        };
        evidence.insert("count".to_owned(), json!(found.own.len()));
        evidence.insert(
            "left".to_owned(),
            json!({ "admin_roles": admin_roles, "groups": found.left() }),
        );
        // A group that makes super administrators takes that away with the membership, as the guard has to know.
        let takes_an_admin = match &self.roles {
            Some(Ok(roles)) => admins::is_super_by_group(roles),
            _ => true,
        };
        if takes_an_admin && !found.own.is_empty() {
            self.with_admins(client, call, id, &mut evidence).await?;
        }
        Ok(known(json!({ "groups": found.own }), Value::Object(evidence)))
    }

    fn to_add(&self, with: &Value) -> Observation {
        match self.memberships.as_ref() {
            Some(Ok(found)) => known(json!({ "missing": missing(found, with) }), Value::Null),
            other => unread(other, "the groups"),
        }
    }

    /// The status, the apps that would be lost, and for somebody who is not out yet what the roles mean to the tenant.
    async fn to_deactivate(
        &self,
        client: &Client,
        call: &Call,
        id: &str,
        user: &Value,
    ) -> Result<Observation, Failure> {
        let Some(status) = lifecycle::to_deactivate(user) else {
            return Ok(statusless());
        };
        let mut evidence = seen(user);
        let apps = match &self.apps {
            Some(Ok(apps)) => json!(apps),
            Some(Err(why)) => json!(format!("unknown: {why}")),
            None => Value::Null,
        };
        evidence.insert("apps".to_owned(), apps);
        if !matches!(status.as_str(), "deprovisioned" | "deactivating") {
            self.with_admins(client, call, id, &mut evidence).await?;
        }
        Ok(known(json!({ "status": status }), Value::Object(evidence)))
    }

    async fn with_admins(
        &self,
        client: &Client,
        call: &Call,
        id: &str,
        evidence: &mut Map<String, Value>,
    ) -> Result<(), Failure> {
        let Some(roles) = self.roles.clone() else {
            return Ok(());
        };
        let about = admins::evidence_of(client, call, id, roles).await?;
        if let Value::Object(about) = about {
            evidence.extend(about);
        }
        Ok(())
    }
}

/// Who is deleted holds nothing, and gets nothing back.
fn without_a_user(asked: &ActionUse) -> Observation {
    let value = match asked.action.as_str() {
        REMOVE_GROUPS => json!({ "groups": [] }),
        ADD_GROUPS => json!({ "missing": wanted(&asked.with), "user": "deleted" }),
        RESET_FACTORS => json!({ "factors": "none" }),
        _ => json!({ "status": "deleted" }),
    };
    known(value, Value::Null)
}

/// What stands beside every state of a user.
fn seen(user: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("okta_status".to_owned(), json!(text(user, "status")));
    all.insert("login".to_owned(), json!(user.pointer("/profile/login")));
    all
}

fn statusless() -> Observation {
    Observation::Unknown("the user's record states no status".to_owned())
}

fn unread<T>(found: Option<&Result<T, String>>, what: &str) -> Observation {
    Observation::Unknown(match found {
        Some(Err(why)) => why.clone(),
        _ => format!("{what} were not read"),
    })
}
