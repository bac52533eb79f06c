//! All users, page by page.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use rollcall_model::connector::{ListedAccount, Page};
use rollcall_model::{AccountRef, Call, Failure};
use serde_json::Value;

use super::accounts::{CUSTOM, held, is_active, is_name, list_canary, names, username};
use super::client::{Client, id_text};
use super::rights::{Rights, rights, role_ids};
use super::status;
use super::subject::{login, person, user};
use crate::encode::short;

/// What is asked for; the list shows a reduced user otherwise (OneLogin Users API v2, "List users", `fields`).
const FIELDS: [&str; 34] = [
    "id",
    "username",
    "email",
    "firstname",
    "lastname",
    "title",
    "department",
    "company",
    "comment",
    "phone",
    "preferred_locale_code",
    "status",
    "state",
    "group_id",
    "role_ids",
    "directory_id",
    "trusted_idp_id",
    "external_id",
    "manager_user_id",
    "manager_ad_id",
    "samaccountname",
    "userprincipalname",
    "distinguished_name",
    "member_of",
    "created_at",
    "updated_at",
    "activated_at",
    "last_login",
    "invitation_sent_at",
    "password_changed_at",
    "locked_until",
    "invalid_login_attempts",
    "custom_attributes",
    // Ours: the username, or the e-mail address where there is none.
    "login",
];
/// Calls made side by side.
const AT_ONCE: usize = 8;

/// Where a list stands. Pages are offsets, so users who come or go while it is read move the others: the whole is then read
/// once more, and whoever takes it takes each user once.
struct Place {
    sweep: u8,
    total: Option<usize>,
    moved: bool,
    cursor: Option<String>,
}

impl Place {
    fn read(text: Option<&str>) -> Result<Self, Failure> {
        let Some(text) = text else {
            return Ok(Self {
                sweep: 1,
                total: None,
                moved: false,
                cursor: None,
            });
        };
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next();
        let (Some(sweep), Some(total), Some(moved), Some(cursor)) = (part(), part(), part(), part()) else {
            return Err(Failure::give_up(
                "the list of users cannot go on from a cursor that is not its own",
            ));
        };
        Ok(Self {
            sweep: sweep.parse().unwrap_or(1),
            total: total.parse().ok(),
            moved: moved == "moved",
            cursor: Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty()),
        })
    }

    fn written(&self) -> String {
        let total = self.total.map_or_else(|| "-".to_owned(), |total| total.to_string());
        let moved = if self.moved { "moved" } else { "still" };
        let cursor = self.cursor.as_deref().unwrap_or_default();
        format!("{}.{total}.{moved}.{cursor}", self.sweep)
    }
}

/// One page.
pub(super) async fn accounts(
    client: &Client,
    call: &Call,
    fields: &[String],
    cursor: Option<&str>,
) -> Result<Page<ListedAccount>, Failure> {
    let unknown = fields
        .iter()
        .find(|field| !FIELDS.contains(&field.as_str()) && !field.strip_prefix(CUSTOM).is_some_and(is_name));
    if let Some(field) = unknown {
        return Err(Failure::needs_human(format!(
            "{:?} is not a field of a OneLogin user: correct the configuration",
            short(field, 60)
        )));
    }
    let place = Place::read(cursor)?;
    client.sign_in(call).await?;
    let asked: Vec<&str> = FIELDS.into_iter().filter(|field| *field != "login").collect();
    let path = format!("/api/2/users?limit=100&fields={}", asked.join(","));
    let (page, canary, rights) = futures::join!(
        client.page(call, "listing users", &path, place.cursor.as_deref()),
        list_canary(client, call, cursor.is_none()),
        rights(client, call),
    );
    let page = page?;
    let mut unproven = canary?.err();
    if let Some(failure) = rights.worth_waiting_for(call) {
        return Err(failure);
    }
    let rows: Vec<Value> = futures::stream::iter(page.rows)
        .map(|row| whole(client, call, fields, row))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let items = rows
        .iter()
        .filter_map(|row| listed(client, row, fields, &rights))
        .collect();
    let moved = place.moved || place.total.is_some_and(|total| page.total != Some(total));
    // Without a total nobody can tell, so that a list of several pages is read twice.
    let uncertain = page.total.is_none() && (place.cursor.is_some() || page.next.is_some());
    let next = match page.next {
        Some(next) => Some(Place {
            sweep: place.sweep,
            total: page.total,
            moved,
            cursor: Some(next),
        }),
        None if (moved || uncertain) && place.sweep == 1 => Some(Place {
            sweep: 2,
            total: None,
            moved: false,
            cursor: None,
        }),
        None => {
            if moved {
                unproven = Some("users came or went each time that the list was read: read it again".to_owned());
            }
            None
        }
    };
    Ok(Page {
        items,
        next: next.map(|place| place.written()),
        unproven,
    })
}

/// The row, or the user by id where the row leaves out a field that was asked for.
async fn whole(client: &Client, call: &Call, fields: &[String], row: Value) -> Result<Value, Failure> {
    let lacks = |field: &str| match field.strip_prefix(CUSTOM) {
        Some(_) => row.get("custom_attributes").is_none(),
        None => field != "login" && row.get(field).is_none(),
    };
    if !fields.iter().any(|field| lacks(field)) {
        return Ok(row);
    }
    let Some(id) = id_text(row.get("id")) else {
        return Ok(row);
    };
    let found = user(client, call, "reading a listed user", &id).await?;
    Ok(found.unwrap_or(row))
}

fn listed(client: &Client, row: &Value, fields: &[String], rights: &Rights) -> Option<ListedAccount> {
    let id = id_text(row.get("id"))?;
    let account = AccountRef::new(&client.settings.connection, &id);
    let values: BTreeMap<String, String> = fields
        .iter()
        .filter_map(|field| {
            let value = if field == "login" {
                login(row)
            } else {
                held(row, field)?
            };
            (!value.trim().is_empty()).then(|| (field.clone(), value))
        })
        .collect();
    let person = status::state(row)
        .ok()
        .map(|state| Box::new(person(client, row, &account, state)));
    Some(ListedAccount {
        class: rights.class(client, &id, &role_ids(row)),
        username: username(row),
        active: is_active(row),
        names: names(row),
        values,
        person,
        account,
    })
}
