//! All users of the org, page by page.

use rollcall_model::{AccountRef, Call, Failure, ListedAccount, Page};
use serde_json::Value;

use super::accounts::{self, blind, class, held, names, row_id};
use super::client::{Ask, Client, is_next_page, page_of};
use super::retry::Refusal;
use super::soql::{is_name, soql_quote};
use crate::exchange::{self, text};

const WHAT: &str = "listing users";
/// The vendor's word for a cursor that has ended: it lives for two days (App Limits Cheat Sheet, "API Query Cursor Limits").
const CURSOR_ENDED: &str = "INVALID_QUERY_LOCATOR";

/// One page. The cursor is the vendor's own path of the next page, of which a list may have any number; a page may be shorter
/// than the vendor's 2,000 rows. The first page carries the proof for all of them. Inactive users are listed too.
pub(super) async fn list(
    client: &Client,
    call: &Call,
    fields: &[String],
    cursor: Option<&str>,
) -> Result<Page<ListedAccount>, Failure> {
    if let Some(wrong) = fields.iter().find(|field| !is_name(field)) {
        return Err(Failure::needs_human(format!(
            "{wrong:?} is not the name of a field of User: correct what is asked for"
        )));
    }
    let (body, unproven) = match cursor {
        Some(cursor) => (later(client, call, cursor).await?, None),
        None => first(client, call, fields).await?,
    };
    let (rows, next) = page_of(WHAT, &body)?;
    Ok(Page {
        items: rows.iter().filter_map(|row| listed(client, row, fields)).collect(),
        next: next.map(str::to_owned),
        unproven,
    })
}

async fn later(client: &Client, call: &Call, cursor: &str) -> Result<Value, Failure> {
    if !is_next_page(cursor) {
        return Err(Failure::give_up(format!("{WHAT}: the cursor is none of this list")));
    }
    let response = client
        .send(call, WHAT, http::Method::GET, cursor, None)
        .await
        .map_err(|failure| {
            if failure.reason.ends_with(CURSOR_ENDED) {
                Failure::give_up(format!("{}: begin the list again", failure.reason))
            } else {
                failure
            }
        })?;
    exchange::json(WHAT, &response, true)
}

/// The first page beside the proof: our own row, somebody else's, and the org's word on our rights, in one call.
async fn first(client: &Client, call: &Call, fields: &[String]) -> Result<(Value, Option<String>), Failure> {
    let own = client.access(call).await?.own_user;
    let wanted: Vec<&str> = fields.iter().map(String::as_str).collect();
    let users = format!("SELECT {} FROM User", accounts::fields(client, &wanted));
    let asks = [
        ("users", Ask::Query(users)),
        (
            "own",
            Ask::Query(format!("SELECT Id FROM User WHERE Id = {}", soql_quote(&own))),
        ),
        ("other", Ask::Query(accounts::somebody_else(&own))),
        ("rights", Ask::Query(accounts::RIGHTS.to_owned())),
    ];
    let mut parts = client.ask(call, WHAT, &asks).await?;
    let page = match parts.remove("users") {
        Some(Ok(page)) => page,
        Some(Err(refusal)) if accounts::hides_number(client, &refusal, &wanted) => {
            return Box::pin(first(client, call, fields)).await;
        }
        Some(Err(refusal)) => return Err(refusal.failure(WHAT)),
        None => return Err(Failure::retry(format!("{WHAT}: the answer leaves out the list"))),
    };
    let row = |name: &str| first_row(parts.get(name)?);
    let shows_own = row("own").and_then(row_id).as_deref() == Some(own.as_str());
    let unproven = blind(shows_own, row("other").is_some(), row("rights"));
    Ok((page, unproven))
}

fn first_row(part: &Result<Value, Refusal>) -> Option<&Value> {
    exchange::items(part.as_ref().ok()?, "records").first()
}

fn listed(client: &Client, row: &Value, fields: &[String]) -> Option<ListedAccount> {
    Some(ListedAccount {
        account: AccountRef::new(&client.settings.connection, row_id(row)?),
        class: class(row),
        username: text(row, "Username").unwrap_or_default().to_owned(),
        active: row.get("IsActive") == Some(&Value::Bool(true)),
        names: names(row),
        values: fields
            .iter()
            .filter_map(|field| Some((field.clone(), held(row, field)?.to_owned())))
            .collect(),
        person: None,
    })
}
