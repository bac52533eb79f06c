//! What a user has that a cut takes away, read side by side.

use http::StatusCode;
use jiff::{SignedDuration, Span, Timestamp};
use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Call, Failure, Observation, SourceState, State};
use serde_json::{Value, json};

use super::actions::{
    CLEAR_SESSIONS, IN_USE_DAYS, IN_USE_DEFAULT, REVOKE_API_TOKENS, REVOKE_GRANTS, SUSPEND, UNSUSPEND, unknown,
};
use super::client::{Client, read_failure};
use super::subject::{USERS, is_our_own, roles, state, user};
use crate::encode::percent;
use crate::exchange::text;

pub(super) const TOKENS: &str = "/api/v1/api-tokens";
const ASSIGNEES: &str = "/api/v1/iam/assignees/users";
/// The role whose last holder must not be barred.
const SUPER: &str = "SUPER_ADMIN";
/// As many administrators are looked at as it takes to know that somebody is left, and never more than these.
const ADMINS_LOOKED_AT: usize = 50;

/// Reads the states behind the actions.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    account: Option<&AccountRef>,
    actions: &[ActionUse],
) -> Result<Vec<Observation>, Failure> {
    let known = [SUSPEND, UNSUSPEND, REVOKE_GRANTS, REVOKE_API_TOKENS, CLEAR_SESSIONS];
    if let Some(other) = actions.iter().find(|asked| !known.contains(&asked.action.as_str())) {
        return Err(unknown(&other.action));
    }
    let Some(account) = account else {
        return Err(Failure::give_up("this action needs an Okta user"));
    };
    client.sign_in(call).await?;
    let wants = |name: &str| actions.iter().any(|asked| asked.action == name);
    let encoded = percent(&account.id);
    let (ours, user, grants, tokens, roles) = futures::join!(
        is_our_own(client, call, &account.id),
        user(client, call, "reading the user", &account.id),
        when(wants(REVOKE_GRANTS), grants(client, call, &account.id)),
        when(wants(REVOKE_API_TOKENS), api_tokens(client, call)),
        when(wants(SUSPEND), roles(client, call, &encoded)),
    );
    if ours? {
        let ours = known_state(json!({ "ours": true }), Value::Null);
        return Ok(vec![ours; actions.len()]);
    }
    let user = user?;
    let status = match &user {
        // The search that found it has shown that users are visible; a user that is not there now is deleted.
        None => Ok("deleted"),
        Some(user) => state(user).map(SourceState::as_str),
    };
    let evidence = match roles {
        Some(roles) if wants(SUSPEND) => rights(client, call, &account.id, roles).await,
        _ => Value::Null,
    };
    Ok(actions
        .iter()
        .map(|asked| match asked.action.as_str() {
            SUSPEND | UNSUSPEND => match &status {
                Ok(status) => known_state(json!({ "status": status }), evidence.clone()),
                Err(other) => Observation::Unknown(format!(
                    "Okta states a user status that this version does not know: {other}"
                )),
            },
            REVOKE_GRANTS if user.is_none() => known_state(json!({ "grants": "none" }), Value::Null),
            REVOKE_GRANTS => of_grants(grants.as_ref()),
            REVOKE_API_TOKENS => of_tokens(client, &account.id, asked, tokens.as_ref()),
            _ => known_state(json!({ "cleared": false }), Value::Null),
        })
        .collect())
}

async fn when<T>(wanted: bool, read: impl Future<Output = T>) -> Option<T> {
    if wanted { Some(read.await) } else { None }
}

fn known_state(value: Value, evidence: Value) -> Observation {
    Observation::Known(State { value, evidence })
}

/// Consents of a user. A deleted user has none; a listing that is refused says nothing.
async fn grants(client: &Client, call: &Call, id: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/api/v1/users/{}/grants?limit=200", percent(id));
    client.list(call, USERS, "reading the user's grants", &path).await
}

/// Every API token of the tenant: Okta cannot list those of one user.
pub(super) async fn api_tokens(client: &Client, call: &Call) -> Result<Vec<Value>, Failure> {
    client
        .list(call, TOKENS, "reading API tokens", "/api/v1/api-tokens")
        .await
}

fn of_grants(grants: Option<&Result<Vec<Value>, Failure>>) -> Observation {
    match grants {
        Some(Ok(grants)) if grants.is_empty() => known_state(json!({ "grants": "none" }), json!({ "count": 0 })),
        Some(Ok(grants)) => known_state(json!({ "grants": "some" }), json!({ "count": grants.len() })),
        Some(Err(failure)) => Observation::Unknown(failure.reason.clone()),
        None => Observation::Unknown("the grants were not read".to_owned()),
    }
}

fn of_tokens(
    client: &Client,
    user: &str,
    asked: &ActionUse,
    tokens: Option<&Result<Vec<Value>, Failure>>,
) -> Observation {
    let tokens = match tokens {
        Some(Ok(tokens)) => theirs(client, tokens, user),
        Some(Err(failure)) => return Observation::Unknown(failure.reason.clone()),
        None => return Observation::Unknown("the API tokens were not read".to_owned()),
    };
    if tokens.is_empty() {
        return known_state(json!({ "api_tokens": "none" }), json!({ "count": 0 }));
    }
    let days = asked
        .with
        .get(IN_USE_DAYS)
        .and_then(Value::as_i64)
        .unwrap_or(IN_USE_DEFAULT);
    let now = client.exchange.clock.now();
    let recent = now - SignedDuration::from_hours(24 * days.clamp(0, 3_650));
    let in_use: Vec<String> = tokens
        .iter()
        .filter(|_| days > 0)
        .filter_map(|token| Some((token, last_use(token)?)))
        .filter(|(_, used)| *used > recent)
        .map(|(token, used)| {
            format!(
                "{} (last used {used})",
                text(token, "name").unwrap_or("a token without a name")
            )
        })
        .collect();
    let names: Vec<&str> = tokens.iter().filter_map(|token| text(token, "name")).collect();
    let evidence = json!({ "count": tokens.len(), "names": names, "in_use": in_use.join(", ") });
    let held = if in_use.is_empty() { "some" } else { "in-use" };
    known_state(json!({ "api_tokens": held }), evidence)
}

/// The user's tokens without our own, which is never revoked.
pub(super) fn theirs<'a>(client: &Client, tokens: &'a [Value], user: &str) -> Vec<&'a Value> {
    tokens
        .iter()
        .filter(|token| text(token, "userId") == Some(user))
        .filter(|token| text(token, "id").is_none_or(|id| !client.settings.own_ids.iter().any(|own| own == id)))
        .collect()
}

/// When a token was last used: each use renews it, so it is its end less its window (Okta, "API token lifetime"). Where one of
/// the two is missing, the last update.
pub(super) fn last_use(token: &Value) -> Option<Timestamp> {
    let moment = |name: &str| text(token, name).and_then(|text| text.parse::<Timestamp>().ok());
    let window = text(token, "tokenWindow").and_then(|text| text.parse::<Span>().ok());
    let used = moment("expiresAt").zip(window).and_then(|(expires, window)| {
        // Windows are days here; a day is 24 hours to a token.
        let hours = window
            .total((jiff::Unit::Hour, jiff::SpanRelativeTo::days_are_24_hours()))
            .ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole hours of a token's window")]
        expires.checked_sub(SignedDuration::from_hours(hours as i64)).ok()
    });
    used.or_else(|| moment("lastUpdated"))
}

/// The admin roles that would be barred, and for a super administrator how many others could still act.
async fn rights(client: &Client, call: &Call, id: &str, roles: Result<Vec<String>, Failure>) -> Value {
    let roles = match roles {
        Ok(roles) => roles,
        Err(failure) => return json!({ "admins_unknown": failure.reason }),
    };
    if roles.is_empty() {
        return Value::Null;
    }
    if !roles.iter().any(|role| role == SUPER) {
        return json!({ "roles": roles });
    }
    match others(client, call, id).await {
        Ok(left) => json!({ "roles": roles, "admin": true, "admins_left": left }),
        Err(why) => json!({ "roles": roles, "admin": true, "admins_left": null, "admins_unknown": why }),
    }
}

/// Other users who are super administrators and can sign in. Two are enough to know, but all are counted, so that two leaves
/// at once cannot take the last place.
async fn others(client: &Client, call: &Call, id: &str) -> Result<u32, String> {
    let what = "reading who has an admin role";
    let response = client
        .get(call, ASSIGNEES, what, ASSIGNEES)
        .await
        .map_err(|failure| failure.reason)?;
    if response.status() != StatusCode::OK {
        return Err(read_failure(what, &response).reason);
    }
    let body = crate::exchange::json(what, &response, true).map_err(|failure| failure.reason)?;
    if body.pointer("/_links/next").is_some() {
        return Err("there are more administrators than one page shows".to_owned());
    }
    let assignees: Vec<String> = crate::exchange::items(&body, "value")
        .iter()
        .filter_map(|assignee| text(assignee, "id"))
        .filter(|other| *other != id)
        .map(str::to_owned)
        .collect();
    if assignees.len() > ADMINS_LOOKED_AT {
        return Err(format!(
            "{} people have an admin role: too many to look at each",
            assignees.len()
        ));
    }
    let looks = assignees.iter().map(|other| async move {
        let encoded = percent(other);
        let (user, roles) = futures::join!(
            user(client, call, "reading an administrator", other),
            roles(client, call, &encoded),
        );
        let acts = user?.is_some_and(|user| state(&user) == Ok(SourceState::Active));
        Ok::<bool, Failure>(acts && roles?.iter().any(|role| role == SUPER))
    });
    let found = futures::future::try_join_all(looks)
        .await
        .map_err(|failure| failure.reason)?;
    Ok(u32::try_from(found.into_iter().filter(|acts| *acts).count()).unwrap_or(u32::MAX))
}
