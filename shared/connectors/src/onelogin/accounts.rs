//! Searching the account for a person's users.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use http::Method;
use rollcall_model::{Account, AccountQuery, AccountRef, AccountSearch, Call, Completeness, Failure, MatchKey};
use serde_json::Value;

use super::client::{Client, id_text, is_id, with_parameter};
use super::rights::{Rights, rights, role_ids};
use super::subject::{absence, canary_id, user};
use super::{retry, status};
use crate::encode::short;
use crate::exchange::{header, json, text};

/// What the list of users can be searched by (OneLogin Users API v2, "List users"). An unknown parameter is not promised to be
/// refused, and one that is ignored would bring everybody.
const SEARCHABLE: [&str; 4] = ["email", "username", "external_id", "samaccountname"];
/// The beginning of the name of a custom attribute.
pub(super) const CUSTOM: &str = "custom_attributes.";
/// More users than this for one value are no search result.
const MOST_HITS: usize = 50;
/// Nor are more pages: they show others than those with the value, or one of them again and again.
const MOST_PAGES: usize = 10;
/// Calls made side by side.
const AT_ONCE: usize = 8;

/// One search for each key, and a read by id for each linked user. What a search shows is read again by id: the list trails, and
/// takes `*` for anything.
pub(super) async fn find(client: &Client, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
    let unproven = |why: &str| AccountSearch {
        accounts: Vec::new(),
        completeness: Completeness::Unproven(why.to_owned()),
    };
    for key in &query.keys {
        if !is_searchable(&key.field) {
            return Err(Failure::needs_human(format!(
                "OneLogin cannot be searched by {:?}: use one of {} or custom_attributes.<short name> in `match`",
                short(&key.field, 60),
                SEARCHABLE.join(", ")
            )));
        }
    }
    let keys: Vec<&MatchKey> = query.keys.iter().filter(|key| !key.value.trim().is_empty()).collect();
    if keys.is_empty() && query.linked.is_empty() {
        return Ok(unproven("there is nothing to search by"));
    }
    if query.linked.iter().any(|id| !is_id(id)) {
        return Ok(unproven("a linked account has an id that is none of OneLogin's"));
    }
    client.sign_in(call).await?;
    // Who administers what takes two calls one after the other, and so does finding users.
    let (found, canary, rights) = futures::join!(
        users(client, call, &keys, &query.linked),
        list_canary(client, call, !keys.is_empty()),
        rights(client, call)
    );
    if let Some(failure) = rights.worth_waiting_for(call) {
        return Err(failure);
    }
    let canary = canary?;
    let (users, refused) = found?;
    let mut why = canary.err().or(refused);
    let mut all = BTreeMap::new();
    for (id, user) in users {
        let linked = query.linked.contains(&id);
        match user? {
            Some(user) => {
                if let Some(account) = matched(client, &user, &keys, linked, &rights) {
                    all.insert(id, account);
                }
            }
            // Deleted, when that is certain: then there is no account to act on. Found by a search only, it was deleted since.
            None if linked => {
                let absent = absence(client, call, &id).await?;
                why = why.or_else(|| {
                    absent
                        .err()
                        .map(|why| format!("the linked user {id} did not come back: {why}"))
                });
            }
            None => {}
        }
    }
    let mut accounts: Vec<Account> = all.into_values().collect();
    accounts.sort_by(|one, two| one.account.id.cmp(&two.account.id));
    Ok(AccountSearch {
        accounts,
        completeness: why.map_or(Completeness::Proven, Completeness::Unproven),
    })
}

/// A user, or why it could not be read; none where there is no such id.
type Read = Result<Option<Value>, Failure>;

/// Every linked user, and every one that a key may belong to, as read by id. Beside them why the vendor does not search by one of the
/// keys.
async fn users(
    client: &Client,
    call: &Call,
    keys: &[&MatchKey],
    linked: &[String],
) -> Result<(Vec<(String, Read)>, Option<String>), Failure> {
    let searches = futures::future::join_all(keys.iter().map(|key| search(client, call, key))).await;
    let mut ids: BTreeSet<String> = linked.iter().cloned().collect();
    let mut refused = None;
    for search in searches {
        match search? {
            Ok(hits) => ids.extend(hits),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    let users = futures::stream::iter(ids)
        .map(|id| async move {
            let user = user(client, call, "reading a user", &id).await;
            (id, user)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    Ok((users, refused))
}

fn is_searchable(field: &str) -> bool {
    let custom = field.strip_prefix(CUSTOM);
    SEARCHABLE.contains(&field) || custom.is_some_and(is_name)
}

/// Short names of custom attributes; anything else would be structure in an address.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '-'))
}

/// Ids of the users that may have this value. `Err` inside says why the vendor does not search by it.
async fn search(client: &Client, call: &Call, key: &MatchKey) -> Result<Result<Vec<String>, String>, Failure> {
    let what = "searching users";
    let path = with_parameter("/api/2/users?limit=100", &key.field, key.value.trim());
    let mut hits = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = cursor
            .as_deref()
            .map_or_else(|| path.clone(), |cursor| with_parameter(&path, "cursor", cursor));
        let response = client.answer(call, what, Method::GET, &page, None).await?;
        if !response.status().is_success() {
            // An attribute that the account does not define; the other keys are still worth their answer.
            let refusal = retry::Refusal::of(&response);
            if response.status().as_u16() == 400 {
                return Ok(Err(format!(
                    "OneLogin does not search by {}: {}",
                    key.field,
                    short(&refusal.message, 120)
                )));
            }
            return Err(retry::failure(what, &response));
        }
        let Value::Array(rows) = json(what, &response, true)? else {
            return Err(Failure::retry(format!("{what}: the answer is not a list")));
        };
        // A row that shows another value is a wildcard's, or the filter was not heeded.
        let fits = |row: &&Value| held(row, &key.field).is_none_or(|held| same(&held, &key.value));
        hits.extend(rows.iter().filter(fits).filter_map(|row| id_text(row.get("id"))));
        cursor = header(&response, "after-cursor")
            .filter(|next| !next.is_empty())
            .map(str::to_owned);
        if hits.len() > MOST_HITS || (cursor.is_some() && rows.is_empty()) {
            break;
        }
        if cursor.is_none() {
            return Ok(Ok(hits));
        }
    }
    Err(Failure::needs_human(format!(
        "more than {MOST_HITS} users may have this {}, or the list of them does not end: it names nobody, take it out of `match`",
        key.field
    )))
}

/// That the list of users, which the searches ask, shows somebody who must be there. `Err` inside says why it does not.
pub(super) async fn list_canary(client: &Client, call: &Call, needed: bool) -> Result<Result<(), String>, Failure> {
    if !needed {
        return Ok(Ok(()));
    }
    let what = "searching the canary";
    let (path, known) = match canary_id(client) {
        Some(id) => (with_parameter("/api/2/users?limit=100", "user_ids", id), Some(id)),
        None => ("/api/2/users?limit=2".to_owned(), None),
    };
    let page = client.page(call, what, &path, None).await?;
    let seen = page.rows.iter().filter_map(|row| id_text(row.get("id")));
    let shown = seen.into_iter().any(|id| known.is_none_or(|known| known == id));
    Ok(match known {
        _ if shown => Ok(()),
        Some(id) => Err(format!(
            "the list of users does not show the canary {id}: correct it, or check the privileges of the credential's owner"
        )),
        None => Err("the list of users shows nobody: check the privileges of the credential's owner".to_owned()),
    })
}

/// A value of a user as text, custom attributes included; `None` when the user does not show the field at all.
pub(super) fn held(user: &Value, field: &str) -> Option<String> {
    let value = match field.strip_prefix(CUSTOM) {
        Some(custom) => user.get("custom_attributes")?.get(custom)?,
        None => user.get(field)?,
    };
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// Searches ignore case, and so does this.
fn same(held: &str, value: &str) -> bool {
    held.trim().to_lowercase() == value.trim().to_lowercase()
}

/// The account when it is linked or a key really matches.
fn matched(client: &Client, user: &Value, keys: &[&MatchKey], linked: bool, rights: &Rights) -> Option<Account> {
    let id = id_text(user.get("id"))?;
    let hits: Vec<&&MatchKey> = keys
        .iter()
        .filter(|key| held(user, &key.field).is_some_and(|held| same(&held, &key.value)))
        .collect();
    let mut matched_by: Vec<String> = hits.iter().map(|key| key.field.clone()).collect();
    if linked {
        matched_by.push("linked".to_owned());
    }
    if matched_by.is_empty() {
        return None;
    }
    Some(Account {
        account: AccountRef::new(&client.settings.connection, &id),
        class: rights.class(client, &id, &role_ids(user)),
        username: username(user),
        active: is_active(user),
        sure: linked || hits.iter().any(|key| key.sure),
        matched_by,
        names: names(user),
    })
}

/// The username as it is written, or the e-mail address where there is none.
pub(super) fn username(user: &Value) -> String {
    let name = text(user, "username").or_else(|| text(user, "email"));
    name.unwrap_or_default().to_owned()
}

/// What is not known counts as usable, so that nobody is overlooked.
pub(super) fn is_active(user: &Value) -> bool {
    status::state(user).is_ok_and(|state| !state.has_left()) || status::state(user).is_err()
}

/// E-mail address and number.
pub(super) fn names(user: &Value) -> Vec<String> {
    let mut names: Vec<String> = ["email", "external_id"]
        .iter()
        .filter_map(|name| held(user, name))
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    names.dedup();
    names
}
