//! All users of the tenant, page by page.

use std::collections::BTreeMap;

use rollcall_model::connector::{ListedAccount, Page};
use rollcall_model::{AccountClass, AccountRef, Call, Failure};
use serde_json::Value;

use super::client::Client;
use super::subject::{USERS, names, person, profile_text, state};
use crate::encode::percent;
use crate::exchange::text;

/// Users on a page, Okta's most.
const PAGE: usize = 200;

/// The users who are not deactivated, then those who are: the plain list leaves the latter out, and the search that would show
/// both runs on an index that trails (Okta Users API, "List all users").
pub(super) async fn page(
    client: &Client,
    call: &Call,
    fields: &[String],
    cursor: Option<&str>,
) -> Result<Page<ListedAccount>, Failure> {
    let what = "listing the users";
    let live = format!("/api/v1/users?limit={PAGE}");
    let path = match cursor {
        None => live,
        Some(cursor) if cursor.starts_with("/api/v1/users?") => cursor.to_owned(),
        Some(_) => {
            return Err(Failure::give_up(format!(
                "{what}: the cursor is none of this connection's"
            )));
        }
    };
    let is_second = path.contains("DEPROVISIONED");
    let (users, next) = client.page(call, USERS, what, &path).await?;
    let unproven = (cursor.is_none() && users.is_empty()).then(|| {
        "Okta showed nobody at all, as it does to an app without an admin role that sees users: grant it one".to_owned()
    });
    let gone = || {
        let filter = percent("status eq \"DEPROVISIONED\"");
        format!("/api/v1/users?filter={filter}&limit={PAGE}")
    };
    Ok(Page {
        items: users.iter().filter_map(|user| listed(client, user, fields)).collect(),
        next: next.or_else(|| (!is_second).then(gone)),
        unproven,
    })
}

fn listed(client: &Client, user: &Value, fields: &[String]) -> Option<ListedAccount> {
    let account = AccountRef::new(&client.settings.connection, text(user, "id")?);
    let state = state(user);
    let values: BTreeMap<String, String> = fields
        .iter()
        .filter_map(|field| {
            let value = profile_text(user, field).or_else(|| text(user, field))?;
            Some((field.clone(), value.to_owned()))
        })
        .collect();
    let active = state.as_ref().is_ok_and(|state| !state.has_left());
    let person = state
        .ok()
        .map(|state| Box::new(person(client, &account, user, state, Vec::new())));
    Some(ListedAccount {
        // Administrators show in their roles only, one call each.
        class: AccountClass::Human,
        username: profile_text(user, "login").unwrap_or_default().to_owned(),
        active,
        names: names(user),
        values,
        person,
        account,
    })
}
