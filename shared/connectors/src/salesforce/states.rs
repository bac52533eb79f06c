//! The states behind the actions on one user, all in one call.

use std::collections::BTreeMap;

use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Call, Failure, Observation, State};
use rollcall_runtime::Secret;
use serde_json::{Value, json};

use super::actions::{END_SESSIONS, FREEZE, NO_LOGIN_ROW, REVOKE_TOKENS, UNFREEZE};
use super::admins::{self, Admins};
use super::client::{Ask, Client, Rows};
use super::deactivate::{self, DEACTIVATE, REACTIVATE};
use super::entitlements::{REMOVE, RESTORE};
use super::retry::Refusal;
use super::soql::{eighteen, same_record, soql_quote};
use super::{licences, membership};
use crate::exchange::text;

/// What one look at a user saw. `Err` where the org refused that query for good.
struct Seen {
    own: String,
    target: String,
    logins: Rows,
    sessions: Rows,
    tokens: Rows,
    /// What the org says our own rights are: Manage Users, Customize Application.
    rights: Option<(bool, bool)>,
    admins: Admins,
}

/// Every action that can be asked about.
const KNOWN: [&str; 8] = [
    FREEZE,
    UNFREEZE,
    REVOKE_TOKENS,
    END_SESSIONS,
    REMOVE,
    RESTORE,
    DEACTIVATE,
    REACTIVATE,
];

/// Reads what the actions ask about. The cut is one call whichever of its actions are asked for, because what one query shows
/// proves what another may conclude from an empty answer; entitlements and the user's own state are further ones and share the
/// org's licences.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    account: Option<&AccountRef>,
    actions: &[ActionUse],
) -> Result<Vec<Observation>, Failure> {
    if let Some(unknown) = actions.iter().find(|asked| !KNOWN.contains(&asked.action.as_str())) {
        return Err(Failure::give_up(format!(
            "Salesforce has no action {} in this version",
            unknown.action
        )));
    }
    let target = account.and_then(|account| eighteen(&account.id));
    let Some(target) = target else {
        return Err(Failure::give_up(
            "this action needs a Salesforce user, and the account's id is none",
        ));
    };
    let own = client.access(call).await?.own_user;
    if same_record(&own, &target) {
        let ours = Observation::Known(State {
            value: json!({ "ours": true }),
            evidence: Value::Null,
        });
        return Ok(vec![ours; actions.len()]);
    }
    let of = |names: [&str; 2]| -> Vec<&ActionUse> {
        let asked = actions.iter();
        asked.filter(|one| names.contains(&one.action.as_str())).collect()
    };
    let (entitlements, activity) = (of([REMOVE, RESTORE]), of([DEACTIVATE, REACTIVATE]));
    let mut membership = Vec::new();
    let mut active = None;
    if entitlements.len() + activity.len() > 0 {
        let inventory = licences::read(client, call).await?;
        if !entitlements.is_empty() {
            membership = membership::observe(client, call, &target, &inventory, &entitlements).await?;
        }
        if !activity.is_empty() {
            active = Some(deactivate::observe(client, call, &target, &own, &inventory).await?);
        }
    }
    let seen = if entitlements.len() + activity.len() < actions.len() {
        let seen = look(client, call, own, target).await?;
        remember_tokens(client, &seen);
        Some(seen)
    } else {
        None
    };
    let mut membership = membership.into_iter();
    let answered = actions.iter().map(|asked| match (asked.action.as_str(), &seen) {
        (REMOVE | RESTORE, _) => membership.next(),
        (DEACTIVATE | REACTIVATE, _) => active.clone(),
        (REVOKE_TOKENS, Some(seen)) => Some(tokens(seen)),
        (END_SESSIONS, Some(seen)) => Some(sessions(seen)),
        (_, Some(seen)) => Some(frozen(seen)),
        (_, None) => None,
    });
    let unread = || Observation::Unknown("its state was not read".to_owned());
    Ok(answered.map(|one| one.unwrap_or_else(unread)).collect())
}

async fn look(client: &Client, call: &Call, own: String, target: String) -> Result<Seen, Failure> {
    let both = format!("({}, {})", soql_quote(&target), soql_quote(&own));
    let query = |name: &'static str, soql: String| (name, Ask::Query(soql));
    let [user, profile, admins] = admins::asks(&target, &own);
    // Five queries, which is as many as one call takes (REST API Developer Guide, "Composite").
    let asks = [
        query(
            "logins",
            format!("SELECT Id, UserId, IsFrozen FROM UserLogin WHERE UserId IN {both}"),
        ),
        query(
            "sessions",
            format!("SELECT Id, UsersId, SessionType FROM AuthSession WHERE UsersId IN {both}"),
        ),
        query(
            "tokens",
            format!("SELECT Id, UserId, AppName, DeleteToken FROM OauthToken WHERE UserId IN {both}"),
        ),
        query(
            "rights",
            "SELECT PermissionsManageUsers, PermissionsCustomizeApplication FROM UserPermissionAccess LIMIT 1"
                .to_owned(),
        ),
        user,
        profile,
        admins,
    ];
    let what = "reading the user's log-in, sessions and tokens";
    let mut parts = client.ask(call, what, &asks).await?;
    let admins = Admins::take(client, call, what, &mut parts).await?;
    let mut rows = BTreeMap::new();
    for (name, part) in parts {
        rows.insert(name, client.rows(call, what, part).await?);
    }
    let mut take = |name: &str| rows.remove(name).unwrap_or_else(|| Ok(Vec::new()));
    let right = |row: &Value, name: &str| row.get(name) == Some(&Value::Bool(true));
    Ok(Seen {
        logins: take("logins"),
        sessions: take("sessions"),
        tokens: take("tokens"),
        rights: take("rights").ok().and_then(|rows| rows.into_iter().next()).map(|row| {
            (
                right(&row, "PermissionsManageUsers"),
                right(&row, "PermissionsCustomizeApplication"),
            )
        }),
        admins,
        own,
        target,
    })
}

impl Seen {
    fn of<'a>(rows: &'a [Value], field: &str, user: &str) -> Vec<&'a Value> {
        rows.iter()
            .filter(|row| text(row, field).and_then(eighteen).as_deref() == Some(user))
            .collect()
    }

    /// Log-in rows and sessions of others need Manage Users; without it only our own show. So our own row proves that the
    /// query works, and somebody else's row, or the org's word, that it is not blind.
    fn sees_others(&self) -> bool {
        let (logins, sessions) = (
            self.logins.as_deref().unwrap_or_default(),
            self.sessions.as_deref().unwrap_or_default(),
        );
        let shown = self.admins.shows_a_stranger()
            || !Self::of(logins, "UserId", &self.target).is_empty()
            || !Self::of(sessions, "UsersId", &self.target).is_empty();
        self.rights.map_or(shown, |(manage_users, _)| manage_users)
    }

    fn own_session(&self) -> bool {
        self.sessions
            .as_ref()
            .is_ok_and(|rows| !Self::of(rows, "UsersId", &self.own).is_empty())
    }
}

fn known(value: Value, evidence: Value) -> Observation {
    Observation::Known(State { value, evidence })
}

fn refused(what: &str, refusal: &Refusal) -> Observation {
    Observation::Unknown(refusal.failure(what).reason)
}

fn frozen(seen: &Seen) -> Observation {
    let rows = match &seen.logins {
        Ok(rows) => rows,
        Err(refusal) => return refused("reading the log-in", refusal),
    };
    match Seen::of(rows, "UserId", &seen.target).first() {
        Some(row) => match row.get("IsFrozen").and_then(Value::as_bool) {
            Some(frozen) => {
                let mut evidence = seen.admins.evidence(seen.sees_others());
                evidence.insert("login".to_owned(), row.get("Id").cloned().unwrap_or_default());
                known(json!({ "frozen": frozen }), Value::Object(evidence))
            }
            None => Observation::Unknown("the log-in row does not say whether it is frozen".to_owned()),
        },
        None if seen.sees_others() => known(json!({ "frozen": NO_LOGIN_ROW }), Value::Null),
        None => Observation::Unknown(
            "no log-in row came back, and the permission to see those of others is missing: grant Manage Users"
                .to_owned(),
        ),
    }
}

fn sessions(seen: &Seen) -> Observation {
    let rows = match &seen.sessions {
        Ok(rows) => rows,
        Err(refusal) => return refused("reading the sessions", refusal),
    };
    let ids = ids(&Seen::of(rows, "UsersId", &seen.target));
    if !ids.is_empty() {
        return known(json!({ "sessions": "some" }), json!({ "count": ids.len(), "ids": ids }));
    }
    if seen.own_session() && seen.sees_others() {
        return known(json!({ "sessions": "none" }), json!({ "count": 0 }));
    }
    Observation::Unknown(
        "no session came back, and the permission to see those of others is missing: grant Manage Users".to_owned(),
    )
}

fn tokens(seen: &Seen) -> Observation {
    let rows = match &seen.tokens {
        Ok(rows) => rows,
        Err(refusal) => return refused("reading the OAuth tokens", refusal),
    };
    let held = Seen::of(rows, "UserId", &seen.target);
    if !held.is_empty() {
        let mut apps: Vec<&str> = held.iter().filter_map(|row| text(row, "AppName")).collect();
        apps.sort_unstable();
        apps.dedup();
        return known(
            json!({ "tokens": "some" }),
            json!({ "count": held.len(), "ids": ids(&held), "apps": apps }),
        );
    }
    // Where the org does not state our rights, no row of our own can prove this one; the integration user is set up with its
    // permissions as a whole, so the two proofs beside it stand for it.
    let proven = seen
        .rights
        .map_or_else(|| seen.own_session() && seen.sees_others(), |(_, customize)| customize);
    if proven {
        return known(json!({ "tokens": "none" }), json!({ "count": 0 }));
    }
    Observation::Unknown(
        "no token came back, and the permission to see those of others is missing: grant Customize Application"
            .to_owned(),
    )
}

fn ids(rows: &[&Value]) -> Vec<String> {
    let mut ids: Vec<String> = rows
        .iter()
        .filter_map(|row| text(row, "Id"))
        .map(str::to_owned)
        .collect();
    ids.sort();
    ids
}

/// Keeps the secrets of the target's tokens for the change that follows.
fn remember_tokens(client: &Client, seen: &Seen) {
    let rows = seen.tokens.as_deref().unwrap_or_default();
    let secrets = delete_tokens(&Seen::of(rows, "UserId", &seen.target));
    let mut all = client
        .delete_tokens
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if secrets.is_empty() {
        all.remove(&seen.target);
    } else {
        all.insert(seen.target.clone(), secrets);
    }
}

/// The secrets by which tokens are revoked.
pub(super) fn delete_tokens(rows: &[&Value]) -> Vec<Secret> {
    rows.iter()
        .filter_map(|row| text(row, "DeleteToken"))
        .map(Secret::new)
        .collect()
}
