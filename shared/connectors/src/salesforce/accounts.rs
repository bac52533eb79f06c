//! Searching the org for a person's users, and what is said of one.

use std::sync::atomic::Ordering;

use rollcall_model::{
    Account, AccountClass, AccountQuery, AccountRef, AccountSearch, Call, Completeness, Failure, MatchKey,
};
use serde_json::Value;

use super::client::{Client, Rows};
use super::retry::Refusal;
use super::soql::{eighteen, is_name, soql_quote};
use crate::exchange::text;

/// What is read of every user.
const FIELDS: &str = "Id, Username, Email, FederationIdentifier, IsActive, UserType, Profile.PermissionsModifyAllData, \
                      Profile.PermissionsManageUsers, Profile.UserLicense.Name";
/// One more, which field-level security may hide from the integration user: then the query that asks for it is refused whole.
const NUMBER: &str = "EmployeeNumber";
/// Fields whose values a list may call a user by.
const NAMES: [&str; 3] = ["Email", "FederationIdentifier", NUMBER];
/// What the org says of our right to see users.
pub(super) const RIGHTS: &str =
    "SELECT PermissionsViewAllUsers, PermissionsManageUsers FROM UserPermissionAccess LIMIT 1";
/// Longest query text: with its encoding it stays well below the vendor's 16,384 bytes for address and headers.
const LONGEST_QUERY: usize = 8_000;

/// One query over every key, every link and our own user, with two probes beside it in the same call. Our own row must come
/// back, and because it would do so even for a user who sees nobody else, a permission or somebody else's row must show too.
pub(super) async fn find(client: &Client, call: &Call, query: &AccountQuery) -> Result<AccountSearch, Failure> {
    let what = "searching users";
    let nothing = |why: String| {
        Ok(AccountSearch {
            accounts: Vec::new(),
            completeness: Completeness::Unproven(why),
        })
    };
    for key in &query.keys {
        if !is_name(&key.field) {
            return Err(Failure::needs_human(format!(
                "{:?} is not the name of a field of User: correct `match`",
                key.field
            )));
        }
    }
    // An empty literal would match everybody whose field is empty.
    let keys: Vec<&MatchKey> = query.keys.iter().filter(|key| !key.value.trim().is_empty()).collect();
    let mut linked = Vec::new();
    for id in &query.linked {
        match eighteen(id) {
            Some(id) => linked.push(id),
            None => return nothing("a linked account has an id that is none of Salesforce's".to_owned()),
        }
    }
    if keys.is_empty() && linked.is_empty() {
        return nothing("there is nothing to search by".to_owned());
    }
    let own = client.access(call).await?.own_user;
    let wanted: Vec<&str> = keys.iter().map(|key| key.field.as_str()).collect();
    let soql = search(&fields(client, &wanted), &own, &keys, &linked);
    if soql.len() > LONGEST_QUERY {
        return Err(Failure::give_up(format!("{what}: the keys are too long for one query")));
    }
    let mut answers = client
        .queries(
            call,
            what,
            &[
                ("found", soql),
                ("other", somebody_else(&own)),
                ("rights", RIGHTS.to_owned()),
            ],
        )
        .await?;
    let found = match answers.remove("found") {
        Some(Ok(rows)) => rows,
        Some(Err(refusal)) if hides_number(client, &refusal, &wanted) => {
            return Box::pin(find(client, call, query)).await;
        }
        Some(Err(refusal)) => return Err(refusal.failure(what)),
        None => return Err(Failure::retry(format!("{what}: the answer leaves out the search"))),
    };
    let mut accounts: Vec<Account> = found
        .iter()
        .filter_map(|row| matched(client, row, &keys, &linked))
        .collect();
    accounts.sort_by(|one, two| one.account.id.cmp(&two.account.id));
    let completeness = completeness(&own, &found, &linked, answers.get("other"), answers.get("rights"));
    Ok(AccountSearch { accounts, completeness })
}

/// A user that is not ours, by which it shows that others can be seen.
pub(super) fn somebody_else(own: &str) -> String {
    format!(
        "SELECT Id FROM User WHERE Id != {} AND UserType = 'Standard' LIMIT 1",
        soql_quote(own)
    )
}

/// The fields to select: those of every search, and those that are wanted besides.
pub(super) fn fields(client: &Client, wanted: &[&str]) -> String {
    let mut fields = FIELDS.to_owned();
    let number = (!client.numbers_hidden.load(Ordering::Relaxed)).then_some(NUMBER);
    for field in number.iter().chain(wanted) {
        if !fields.split(", ").any(|asked| asked.eq_ignore_ascii_case(field)) {
            fields.push_str(", ");
            fields.push_str(field);
        }
    }
    fields
}

/// True when a query was refused for the employee number alone, which nobody asked for: it is not asked for again.
pub(super) fn hides_number(client: &Client, refusal: &Refusal, wanted: &[&str]) -> bool {
    refusal.code == "INVALID_FIELD"
        && refusal.message.contains(NUMBER)
        && !wanted.iter().any(|field| field.eq_ignore_ascii_case(NUMBER))
        && !client.numbers_hidden.swap(true, Ordering::Relaxed)
}

fn search(fields: &str, own: &str, keys: &[&MatchKey], linked: &[String]) -> String {
    let ids: Vec<String> = linked.iter().map(String::as_str).chain([own]).map(soql_quote).collect();
    let mut terms = vec![format!("Id IN ({})", ids.join(", "))];
    terms.extend(
        keys.iter()
            .map(|key| format!("{} = {}", key.field, soql_quote(key.value.trim()))),
    );
    format!("SELECT {fields} FROM User WHERE {}", terms.join(" OR "))
}

fn completeness(
    own: &str,
    found: &[Value],
    linked: &[String],
    other: Option<&Rows>,
    rights: Option<&Rows>,
) -> Completeness {
    let shows = |id: &str| found.iter().any(|row| row_id(row).as_deref() == Some(id));
    let others = found.len() > 1 || matches!(other, Some(Ok(rows)) if !rows.is_empty());
    let rights = rights.and_then(|rows| rows.as_ref().ok()?.first());
    if let Some(why) = blind(shows(own), others, rights) {
        return Completeness::Unproven(why);
    }
    match linked.iter().find(|id| !shows(id)) {
        // Users of Salesforce cannot be deleted, so a link that leads nowhere was not seen rather than is not there.
        Some(id) => Completeness::Unproven(format!("the linked user {id} did not come back")),
        None => Completeness::Proven,
    }
}

/// Why users may be hidden from us, when they may: our own row must show, and beside it the org's word on our rights. Orgs
/// without the object that states them must show at least somebody else.
pub(super) fn blind(own: bool, others: bool, rights: Option<&Value>) -> Option<String> {
    if !own {
        return Some("the integration user cannot see its own user: grant View All Users and API Enabled".to_owned());
    }
    let right = rights.map(|row| {
        ["PermissionsViewAllUsers", "PermissionsManageUsers"]
            .iter()
            .any(|name| row.get(name) == Some(&Value::Bool(true)))
    });
    (!right.unwrap_or(others)).then(|| "the integration user does not see other users: grant View All Users".to_owned())
}

pub(super) fn row_id(row: &Value) -> Option<String> {
    eighteen(text(row, "Id")?)
}

fn matched(client: &Client, row: &Value, keys: &[&MatchKey], linked: &[String]) -> Option<Account> {
    let id = row_id(row)?;
    let hits: Vec<&&MatchKey> = keys
        .iter()
        .filter(|key| same(row, &key.field, key.value.trim()))
        .collect();
    let mut matched_by: Vec<String> = hits.iter().map(|key| key.field.clone()).collect();
    let mut sure = hits.iter().any(|key| key.sure);
    if linked.contains(&id) {
        matched_by.push("linked".to_owned());
        sure = true;
    }
    if matched_by.is_empty() {
        // Our own row, there as the canary only.
        return None;
    }
    Some(Account {
        account: AccountRef::new(&client.settings.connection, id),
        class: class(row),
        username: text(row, "Username").unwrap_or_default().to_owned(),
        active: row.get("IsActive") == Some(&Value::Bool(true)),
        matched_by,
        sure,
        names: names(row),
    })
}

/// Comparisons in SOQL ignore case, and so does this one.
fn same(row: &Value, field: &str, value: &str) -> bool {
    held(row, field).is_some_and(|held| held.trim().to_lowercase() == value.to_lowercase())
}

/// The text of a field, whatever case its name is written in.
pub(super) fn held<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row.as_object()?
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(field))
        .and_then(|(_, held)| held.as_str())
}

/// What a list may call the user by besides the sign-in name: lower-cased, each once.
pub(super) fn names(row: &Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in NAMES.iter().filter_map(|field| held(row, field)) {
        let name = name.trim().to_lowercase();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// True for a profile that administers the org.
pub(super) fn administers(profile: &Value) -> bool {
    ["PermissionsModifyAllData", "PermissionsManageUsers"]
        .iter()
        .any(|name| profile.get(name) == Some(&Value::Bool(true)))
}

/// What a user is for (Object Reference, User.UserType). Rights that come from permission sets do not show here.
pub(super) fn class(row: &Value) -> AccountClass {
    let licence = row
        .pointer("/Profile/UserLicense/Name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_lowercase();
    match text(row, "UserType") {
        Some("AutomatedProcess" | "CloudIntegrationUser" | "Guest") => AccountClass::Service,
        Some("PowerPartner" | "PowerCustomerSuccess" | "CustomerSuccess" | "CspLitePortal" | "SelfService") => {
            AccountClass::Portal
        }
        _ if licence.contains("integration") => AccountClass::Service,
        _ if row.get("Profile").is_some_and(administers) => AccountClass::Admin,
        _ => AccountClass::Human,
    }
}
