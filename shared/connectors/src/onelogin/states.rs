//! The state behind the actions on one user, in one look.

use futures::StreamExt as _;
use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Call, Failure, Observation, State};
use serde_json::{Map, Value, json};

use super::actions::{LOG_OUT, SUSPEND, UNSUSPEND};
use super::client::{Client, id_text, is_id};
use super::rights::{Rights, rights, role_ids};
use super::status::{self, GONE};
use super::subject::{absence, user};
use super::{dismantle, holdings};

/// Other super users that are looked at; beyond this many it does not matter whether there are more.
const MOST_OTHERS: usize = 50;
/// Calls made side by side.
const AT_ONCE: usize = 8;

/// One answer per action, all from the same look.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    account: Option<&AccountRef>,
    actions: &[ActionUse],
) -> Result<Vec<Observation>, Failure> {
    if let Some(unknown) = actions
        .iter()
        .find(|asked| ![SUSPEND, UNSUSPEND, LOG_OUT].contains(&asked.action.as_str()) && !is_dismantling(asked))
    {
        return Err(no_action(&unknown.action));
    }
    let id = account.map(|account| account.id.as_str()).filter(|id| is_id(id));
    let Some(id) = id else {
        return Err(Failure::give_up(
            "this action needs a OneLogin user, and the account's id is none",
        ));
    };
    if client.is_own(id) {
        let ours = Observation::Known(State {
            value: json!({ "ours": true }),
            evidence: Value::Null,
        });
        return Ok(vec![ours; actions.len()]);
    }
    let is_status = |asked: &&ActionUse| [SUSPEND, UNSUSPEND].contains(&asked.action.as_str());
    let state = if actions.iter().any(|asked| is_status(&asked)) {
        look(client, call, id).await?
    } else {
        unreadable()
    };
    let holdings = if actions.iter().any(is_dismantling) {
        Some(Box::pin(holdings::look(client, call, id, actions)).await?)
    } else {
        None
    };
    let mut all = Vec::with_capacity(actions.len());
    for asked in actions {
        all.push(match &holdings {
            _ if is_status(&asked) => state.clone(),
            Some(holdings) if is_dismantling(asked) => holdings.answer(client, call, id, asked).await?,
            _ => unreadable(),
        });
    }
    Ok(all)
}

fn is_dismantling(asked: &ActionUse) -> bool {
    dismantle::ALL.contains(&asked.action.as_str())
}

pub(super) fn no_action(name: &str) -> Failure {
    Failure::give_up(format!("OneLogin has no action {name} in this version"))
}

fn unreadable() -> Observation {
    Observation::Unknown("OneLogin shows nobody's sessions: that it accepted the log-out is all there is".to_owned())
}

async fn look(client: &Client, call: &Call, id: &str) -> Result<Observation, Failure> {
    client.sign_in(call).await?;
    let (user, rights) = futures::join!(user(client, call, "reading the user", id), rights(client, call));
    let Some(user) = user? else {
        return Ok(match absence(client, call, id).await? {
            Ok(()) => Observation::Known(State {
                value: json!({ "status": GONE }),
                evidence: Value::Null,
            }),
            Err(why) => Observation::Unknown(why),
        });
    };
    if id_text(user.get("id")).as_deref() != Some(id) {
        return Ok(Observation::Unknown(
            "OneLogin answered with another user than the one asked for".to_owned(),
        ));
    }
    if let Some(failure) = rights.worth_waiting_for(call) {
        return Err(failure);
    }
    Ok(match status::word(&user) {
        Ok(word) => Observation::Known(State {
            value: json!({ "status": word }),
            evidence: evidence(client, call, id, &user, &rights).await,
        }),
        Err(stated) => Observation::Unknown(format!("OneLogin states what this version does not know: {stated}")),
    })
}

/// What stays with a suspended user and what may undo it: rights, and a directory that masters the user.
pub(super) async fn evidence(client: &Client, call: &Call, id: &str, user: &Value, rights: &Rights) -> Value {
    let mut all = Map::new();
    for name in ["status", "state", "directory_id", "trusted_idp_id"] {
        if let Some(value) = user.get(name).filter(|value| !value.is_null()) {
            all.insert(name.to_owned(), value.clone());
        }
    }
    let unknown = |failure: &Failure| json!(format!("unknown: {failure}"));
    let roles = role_ids(user);
    let privileges = match &rights.privileges {
        Ok(_) => json!(rights.privileges_of(id, &roles)),
        Err(failure) => unknown(failure),
    };
    all.insert("privileges".to_owned(), privileges);
    let administered = match &rights.roles {
        Ok(_) => json!(rights.administered_by(id)),
        Err(failure) => unknown(failure),
    };
    all.insert("role_admin".to_owned(), administered);
    if rights.is_super(id, &roles) {
        all.extend(of_a_super_user(client, call, id, rights).await);
    }
    Value::Object(all)
}

/// What the guard has to know of somebody who may do everything.
pub(super) async fn of_a_super_user(client: &Client, call: &Call, id: &str, rights: &Rights) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("admin".to_owned(), json!(true));
    // A count that cannot be made is left out, and a guard takes that for none.
    if let Ok(left) = super_users_left(client, call, id, rights).await {
        all.insert("admins_left".to_owned(), json!(left));
    }
    all
}

/// How many other super users can sign in.
async fn super_users_left(client: &Client, call: &Call, id: &str, rights: &Rights) -> Result<usize, Failure> {
    let others = rights.other_super_users(client, call, id).await?;
    let read: Vec<Result<Option<Value>, Failure>> = futures::stream::iter(others.into_iter().take(MOST_OTHERS))
        .map(|other| async move { user(client, call, "reading another super user", &other).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut left = 0;
    for other in read {
        // Only `active` can sign in now; a user who has to set a password first is no help at once.
        if other?.is_some_and(|other| {
            status::word(&other) == Ok(status::ACTIVE) && other.get("state").and_then(Value::as_i64) != Some(3)
        }) {
            left += 1;
        }
    }
    Ok(left)
}
