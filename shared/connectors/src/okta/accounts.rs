//! Searching the tenant for a person's accounts.

use std::collections::BTreeMap;

use rollcall_model::{Account, AccountClass, AccountQuery, AccountRef, AccountSearch, Call, Completeness, Failure};
use serde_json::Value;

use super::admins;
use super::client::Client;
use super::subject::{USERS, canary_id, names, profile_text, state, user};
use crate::encode::percent;
use crate::exchange::text;

/// One search over all keys and the canary, and a read by id for each linked account. The search runs on an index that
/// trails, so what it finds is only as complete as the canary beside it shows; a link is read by id and does not trail.
pub(super) async fn find(client: &Client, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
    let unproven = |why: &str| AccountSearch {
        accounts: Vec::new(),
        completeness: Completeness::Unproven(why.to_owned()),
    };
    for key in &query.keys {
        if !is_name(&key.field) {
            return Err(Failure::needs_human(format!(
                "{:?} is not the name of an Okta profile attribute: correct `match`",
                key.field
            )));
        }
    }
    let keys: Vec<_> = query.keys.iter().filter(|key| !key.value.trim().is_empty()).collect();
    if keys.is_empty() && query.linked.is_empty() {
        return Ok(unproven("there is nothing to search by"));
    }
    // The search itself must show the canary, so nobody has to read it before: the way to a cut is a call shorter.
    let canary = match canary_id(client, call).await? {
        Ok(id) => id,
        Err(why) => return Ok(unproven(&why)),
    };
    let mut terms = vec![format!("id eq {}", quote(&canary))];
    terms.extend(
        keys.iter()
            .map(|key| format!("profile.{} eq {}", key.field, quote(key.value.trim()))),
    );
    let path = format!("/api/v1/users?search={}&limit=200", percent(&terms.join(" or ")));
    let links = futures::future::join_all(query.linked.iter().map(|id| async move {
        let user = user(client, call, "reading a linked user", id);
        futures::join!(user, admins::roles(client, call, id))
    }));
    let (found, linked) = futures::join!(client.list(call, USERS, "searching users", &path), links);
    let found = found?;
    let seen = found.iter().any(|user| text(user, "id") == Some(canary.as_str()));
    let mut all: BTreeMap<String, Account> = BTreeMap::new();
    for user in &found {
        if let Some(account) = matched(client, user, &keys) {
            all.insert(account.account.id.clone(), account);
        }
    }
    let mut held = BTreeMap::new();
    for (user, roles) in linked {
        if let Some(user) = user?
            && let Some(mut account) = matched(client, &user, &keys).or_else(|| bare(client, &user))
        {
            account.matched_by.push("linked".to_owned());
            account.sure = true;
            held.insert(account.account.id.clone(), roles);
            all.insert(account.account.id.clone(), account);
        }
    }
    classify(client, call, &mut all, held).await;
    let completeness = if seen {
        Completeness::Proven
    } else {
        Completeness::Unproven(
            "the search did not return the canary: the index trails, the app lacks an admin role that sees users, or the canary is to be corrected"
                .to_owned(),
        )
    };
    Ok(AccountSearch {
        accounts: all.into_values().collect(),
        completeness,
    })
}

/// Roles as they were read, by the account's id.
type Held = BTreeMap<String, Result<Vec<Value>, Failure>>;

/// Marks the accounts that hold an admin role, which shows in their roles only: one call each, side by side, but for those whose roles
/// are there already. Roles that cannot be read leave an account what it is for everybody, a person's: nobody's cut waits for it.
async fn classify(client: &Client, call: &Call, all: &mut BTreeMap<String, Account>, mut held: Held) {
    let unread = all.keys().filter(|id| !held.contains_key(*id));
    let looks = unread.map(|id| async move { (id.clone(), admins::roles(client, call, id).await) });
    let looks = futures::future::join_all(looks).await;
    held.extend(looks);
    for (id, roles) in held {
        match (all.get_mut(&id), roles) {
            (Some(account), Ok(roles)) if !roles.is_empty() => account.class = AccountClass::Admin,
            (_, Ok(_)) => {}
            (_, Err(failure)) => tracing::warn!(
                connection = %client.settings.connection, %failure,
                "whether an account is an administrator's cannot be read"
            ),
        }
    }
}

/// A value inside a search expression, in quotes (Okta API, "Filter": backslash and quote are escaped).
pub(super) fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_name(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && field.chars().all(|next| next.is_ascii_alphanumeric() || next == '_')
}

/// The account when at least one key really matches: the index may answer with what is no longer so.
fn matched(client: &Client, user: &Value, keys: &[&rollcall_model::MatchKey]) -> Option<Account> {
    let hits: Vec<_> = keys
        .iter()
        .filter(|key| {
            profile_text(user, &key.field)
                .is_some_and(|value| value.trim().to_lowercase() == key.value.trim().to_lowercase())
        })
        .collect();
    if hits.is_empty() {
        return None;
    }
    let mut account = bare(client, user)?;
    account.matched_by = hits.iter().map(|key| key.field.clone()).collect();
    account.sure = hits.iter().any(|key| key.sure);
    Some(account)
}

fn bare(client: &Client, user: &Value) -> Option<Account> {
    Some(Account {
        account: AccountRef::new(&client.settings.connection, text(user, "id")?),
        class: AccountClass::Human,
        username: profile_text(user, "login").unwrap_or_default().to_owned(),
        active: state(user).is_ok_and(|state| !state.has_left()),
        matched_by: Vec::new(),
        sure: false,
        names: names(user),
    })
}
