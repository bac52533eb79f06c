//! What a user holds that a dismantling takes: one look for all of its actions.

use rollcall_model::connector::ActionUse;
use rollcall_model::{Call, Failure, Observation, State};
use serde_json::{Map, Value, json};

use super::client::{Client, Listed, id_text};
use super::dismantle::{
    ADD_PRIVILEGES, ADD_ROLES, DEACTIVATE, REACTIVATE, REMOVE_DEVICES, REMOVE_PRIVILEGES, REMOVE_ROLES,
};
use super::entitlements::{ADMINISTERED, PRIVILEGES, ROLES, missing, roles, wanted};
use super::rights::{Rights, rights, rights_now, role_ids};
use super::states::{evidence, of_a_super_user};
use super::status::GONE;
use super::subject::{absence, user};
use super::{devices, lifecycle};
use crate::exchange::text;

/// What was asked for and read.
pub(super) struct Holdings {
    /// `None` when there is certainly no such user, the reason when it cannot be told.
    user: Result<Option<Value>, String>,
    rights: Option<Rights>,
    mappings: Option<Result<Listed, String>>,
    devices: Option<Result<Vec<Value>, String>>,
}

/// Reads what the actions need, side by side.
pub(super) async fn look(client: &Client, call: &Call, id: &str, actions: &[ActionUse]) -> Result<Holdings, Failure> {
    let asks = |names: &[&str]| actions.iter().any(|asked| names.contains(&asked.action.as_str()));
    client.sign_in(call).await?;
    let (user, rights, mappings, devices) = futures::join!(
        user(client, call, "reading the user", id),
        async {
            if asks(&[REMOVE_PRIVILEGES, ADD_PRIVILEGES]) {
                Some(rights_now(client, call).await)
            } else if asks(&[REMOVE_ROLES, DEACTIVATE]) {
                Some(rights(client, call).await)
            } else {
                None
            }
        },
        when(
            asks(&[REMOVE_ROLES]),
            client.list(call, "reading the mappings", "/api/2/mappings?limit=100")
        ),
        when(asks(&[REMOVE_DEVICES]), devices::listed(client, call, id)),
    );
    let user = match user? {
        Some(user) if id_text(user.get("id")).as_deref() != Some(id) => {
            Err("OneLogin answered with another user than the one asked for".to_owned())
        }
        Some(user) => Ok(Some(user)),
        None => absence(client, call, id).await?.map(|()| None),
    };
    if let Some(failure) = rights.as_ref().and_then(|rights| rights.worth_waiting_for(call)) {
        return Err(failure);
    }
    Ok(Holdings {
        user,
        rights,
        mappings: mappings?,
        devices: devices?,
    })
}

/// Something that is only read when asked for; what OneLogin refuses for good is a reason and no failure.
async fn when<T>(
    wanted: bool,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<Option<Result<T, String>>, Failure> {
    if !wanted {
        return Ok(None);
    }
    match read.await {
        Ok(found) => Ok(Some(Ok(found))),
        Err(failure) if failure.may_pass() => Err(failure),
        Err(failure) => Ok(Some(Err(failure.reason))),
    }
}

impl Holdings {
    /// The state behind one action.
    pub(super) async fn answer(
        &self,
        client: &Client,
        call: &Call,
        id: &str,
        asked: &ActionUse,
    ) -> Result<Observation, Failure> {
        let user = match &self.user {
            Err(why) => return Ok(Observation::Unknown(why.clone())),
            Ok(None) => return Ok(without_a_user(asked)),
            Ok(Some(user)) => user,
        };
        Ok(match asked.action.as_str() {
            REMOVE_ROLES => self.to_remove_roles(client, call, id, user).await,
            ADD_ROLES => known(
                json!({ "missing_roles": missing(&asked.with, ROLES, &role_ids(user)) }),
                shown(user),
            ),
            REMOVE_PRIVILEGES => self.to_remove_privileges(client, call, id, user).await,
            ADD_PRIVILEGES => self.to_add_privileges(id, user, &asked.with),
            REMOVE_DEVICES => match &self.devices {
                Some(Ok(found)) => {
                    let (value, evidence) = devices::predicate(found);
                    Observation::Known(State { value, evidence })
                }
                Some(Err(why)) => Observation::Unknown(why.clone()),
                None => unread("the MFA devices"),
            },
            DEACTIVATE => match (lifecycle::to_deactivate(user), &self.rights) {
                (Ok(word), Some(rights)) => Observation::Known(State {
                    value: json!({ "status": word }),
                    evidence: evidence(client, call, id, user, rights).await,
                }),
                (Ok(_), None) => unread("the rights"),
                (Err(stated), _) => not_known(&stated),
            },
            REACTIVATE => match lifecycle::to_reactivate(user) {
                Ok(word) => known(json!({ "status": word }), shown(user)),
                Err(stated) => not_known(&stated),
            },
            _ => unread("its state"),
        })
    }

    async fn to_remove_roles(&self, client: &Client, call: &Call, id: &str, user: &Value) -> Observation {
        let mappings = match &self.mappings {
            Some(Ok(listed)) if listed.whole => &listed.rows,
            Some(Ok(_)) => {
                return Observation::Unknown("mappings came or went while they were read".to_owned());
            }
            Some(Err(why)) => return Observation::Unknown(why.clone()),
            None => return unread("the mappings"),
        };
        let Some(rights) = &self.rights else {
            return unread("the roles");
        };
        let found = roles(&role_ids(user), rights, mappings);
        let mut about = shown(user);
        about.insert("count".to_owned(), json!(found.own.len()));
        about.insert("left".to_owned(), json!({ "by_mapping": found.by_mapping }));
        let taken: Vec<String> = found
            .own
            .iter()
            .filter_map(|role| text(role, "id").map(str::to_owned))
            .collect();
        if rights.is_super("", &taken) {
            about.extend(of_a_super_user(client, call, id, rights).await);
        }
        known(json!({ ROLES: found.own }), about)
    }

    async fn to_remove_privileges(&self, client: &Client, call: &Call, id: &str, user: &Value) -> Observation {
        let rights = match self.whole_rights() {
            Ok(rights) => rights,
            Err(why) => return Observation::Unknown(why),
        };
        let (own, administered) = (rights.own_privileges(id), rights.administered(id));
        let mut about = shown(user);
        about.insert("count".to_owned(), json!(own.len() + administered.len()));
        about.insert(
            "left".to_owned(),
            json!({ "by_role": rights.privileges_by_role(&role_ids(user)) }),
        );
        if rights.is_super(id, &[]) {
            about.extend(of_a_super_user(client, call, id, rights).await);
        }
        known(json!({ PRIVILEGES: own, ADMINISTERED: administered }), about)
    }

    fn to_add_privileges(&self, id: &str, user: &Value, with: &Value) -> Observation {
        let rights = match self.whole_rights() {
            Ok(rights) => rights,
            Err(why) => return Observation::Unknown(why),
        };
        let ids = |held: &[Value]| -> Vec<String> {
            held.iter()
                .filter_map(|one| text(one, "id").map(str::to_owned))
                .collect()
        };
        known(
            json!({
                "missing_privileges": missing(with, PRIVILEGES, &ids(&rights.own_privileges(id))),
                "missing_role_admin": missing(with, ADMINISTERED, &ids(&rights.administered(id))),
            }),
            shown(user),
        )
    }

    /// The rights when both halves of them could be read.
    fn whole_rights(&self) -> Result<&Rights, String> {
        let rights = self.rights.as_ref().ok_or("the rights were not read")?;
        match (&rights.privileges, &rights.roles) {
            (Ok(_), Ok(_)) => Ok(rights),
            (Err(failure), _) | (_, Err(failure)) => Err(failure.reason.clone()),
        }
    }
}

/// Who is gone holds nothing, and gets nothing back.
fn without_a_user(asked: &ActionUse) -> Observation {
    let value = match asked.action.as_str() {
        REMOVE_ROLES => json!({ ROLES: [] }),
        REMOVE_PRIVILEGES => json!({ PRIVILEGES: [], ADMINISTERED: [] }),
        ADD_ROLES => json!({ "missing_roles": wanted(&asked.with, ROLES), "user": GONE }),
        ADD_PRIVILEGES => json!({
            "missing_privileges": wanted(&asked.with, PRIVILEGES),
            "missing_role_admin": wanted(&asked.with, ADMINISTERED),
            "user": GONE,
        }),
        REMOVE_DEVICES => json!({ "devices": "none" }),
        _ => json!({ "status": GONE }),
    };
    known(value, Map::new())
}

fn known(value: Value, evidence: Map<String, Value>) -> Observation {
    Observation::Known(State {
        value,
        evidence: Value::Object(evidence),
    })
}

fn unread(what: &str) -> Observation {
    Observation::Unknown(format!("{what} were not read"))
}

fn not_known(stated: &str) -> Observation {
    Observation::Unknown(format!("OneLogin states what this version does not know: {stated}"))
}

/// What stands beside every state of a user.
fn shown(user: &Value) -> Map<String, Value> {
    ["status", "state", "directory_id"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), user.get(*name)?.clone())))
        .filter(|(_, value)| !value.is_null())
        .collect()
}
