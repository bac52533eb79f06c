//! What stands in the way of deactivating a user, and what breaks with it. Reads only.
//!
//! A query that a missing permission makes empty proves nothing: it is named as not looked at, as is what the org does not have
//! and what Salesforce shows to no API (help page "Considerations for Deactivating Users").

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::{AccountRef, Call, Failure, Obstacle, Preflight};
use serde_json::Value;

use super::admins::{self, Admins};
use super::client::{Ask, Client, Parts};
use super::deactivate::way_out;
use super::looks::{LOOKS, Look, Shows};
use super::soql::{eighteen, is_name, same_record, soql_quote};
use crate::encode::short;
use crate::exchange::{items, text};

/// Queries in one call.
const QUERIES: usize = 5;
/// Rows of which names are told; a query asks for no more.
pub(super) const MOST: usize = 200;
/// Names that a finding spells out.
const MOST_NAMED: usize = 5;
const WHAT: &str = "looking at what a deactivation would meet";
/// The caller's own permissions, each field of the description of permission sets.
const RIGHTS: &str = "SELECT PermissionsManageUsers, PermissionsViewAllUsers, PermissionsViewSetup, \
                      PermissionsCustomizeApplication, PermissionsViewAllData, PermissionsManagePvtRptsAndDashbds \
                      FROM UserPermissionAccess LIMIT 1";
/// Why an answer is not believed that shows nothing at all, not even what is always there.
const BLIND: &str = "nothing showed, not even our own rights; look again";
/// What no query shows.
const HIDDEN: &str = "default lead owner and creator, default case owner, automated case user, default workflow user, and who \
                      is named in rules, workflows and approval processes: Salesforce shows them in Setup only; a \
                      deactivation that meets one is refused and names it";

/// Looks. Besides the token: one call for the user, then one for every four queries, each with a query that is never empty beside them.
pub(super) async fn preflight(client: &Client, call: &Call, account: &AccountRef) -> Result<Preflight, Failure> {
    let Some(target) = eighteen(&account.id) else {
        return Err(Failure::give_up(
            "a preflight needs a Salesforce user, and the account's id is none",
        ));
    };
    let own = client.access(call).await?.own_user;
    let mut all = Preflight::default();
    if same_record(&own, &target) {
        all.obstacles.push(obstacle(
            "own-user",
            "it is the user that Rollcall signs in as".to_owned(),
            true,
            "sign in as a user of the Salesforce Integration licence that belongs to nobody",
        ));
        return Ok(all);
    }
    let [user, profile, others] = admins::asks(&target, &own);
    let members = format!(
        "SELECT GroupId, Group.Name FROM GroupMember WHERE UserOrGroupId = {} AND Group.Type = 'Queue' LIMIT {MOST}",
        soql_quote(&target)
    );
    let asks = [
        user,
        profile,
        others,
        ("describe", Ask::Path("sobjects/User/describe".to_owned())),
        ("rights", Ask::Query(RIGHTS.to_owned())),
        ("queues", Ask::Query(members)),
    ];
    let mut parts = client.ask(call, WHAT, &asks).await?;
    let admins = Admins::take(client, call, WHAT, &mut parts).await?;
    let rights = Rights::take(&mut parts);
    last_admin(&mut all, &admins, &rights);
    let hierarchy = hierarchy_fields(&mut all, &mut parts);
    let queues = queues(&mut all, &mut parts, &rights);

    let mut asked: Vec<(String, String)> = LOOKS
        .iter()
        .map(|look| (look.kind.replace('-', "_"), look.soql(&target)))
        .collect();
    for (number, field) in hierarchy.iter().enumerate() {
        let soql = format!(
            "SELECT Id, Name FROM User WHERE {field} = {} AND IsActive = true LIMIT {MOST}",
            soql_quote(&target)
        );
        asked.push((format!("hierarchy_{number}"), soql));
    }
    if !queues.is_empty() {
        let ids: Vec<String> = queues.keys().map(|id| soql_quote(id)).collect();
        asked.push((
            "members".to_owned(),
            format!(
                "SELECT GroupId, UserOrGroupId FROM GroupMember WHERE GroupId IN ({}) AND UserOrGroupId != {}",
                ids.join(", "),
                soql_quote(&target)
            ),
        ));
    }
    let mut answers: BTreeMap<String, (Part, Rights)> = BTreeMap::new();
    for some in asked.chunks(QUERIES - 1) {
        let mut asks: Vec<(&str, Ask)> = some
            .iter()
            .map(|(name, soql)| (name.as_str(), Ask::Query(soql.clone())))
            .collect();
        asks.push(("rights", Ask::Query(RIGHTS.to_owned())));
        let mut parts = client.ask(call, WHAT, &asks).await?;
        let rights = Rights::take(&mut parts);
        answers.extend(parts.into_iter().map(|(name, part)| (name, (part, rights.clone()))));
    }
    for look in LOOKS {
        if let Some((part, rights)) = answers.remove(&look.kind.replace('-', "_")) {
            judge(&mut all, look, part, &rights);
        }
    }
    for (number, field) in hierarchy.iter().enumerate() {
        if let Some((part, rights)) = answers.remove(&format!("hierarchy_{number}")) {
            hierarchy_users(&mut all, field, part, &rights);
        }
    }
    if let Some((part, rights)) = answers.remove("members") {
        let label = "the other members of their queues";
        match client.rows(call, WHAT, part).await? {
            Ok(rows) if rows.is_empty() && rights.0.is_none() => all.uninspected.push(format!("{label}: {BLIND}")),
            Ok(rows) => last_members(&mut all, &queues, &rows),
            Err(refusal) => all
                .uninspected
                .push(format!("{label}: {}", refusal.failure("reading them").reason)),
        }
    }
    all.uninspected.push(HIDDEN.to_owned());
    Ok(all)
}

/// One answer of several.
type Part = Result<Value, super::retry::Refusal>;

/// What the org says of our own rights in the same answer; nothing where it does not say. It always has a row, so without one nothing else
/// that is empty there proves anything.
#[derive(Clone)]
struct Rights(Option<Value>);

impl Rights {
    fn take(parts: &mut Parts) -> Self {
        let body = parts.remove("rights").and_then(Result::ok).unwrap_or_default();
        Self(items(&body, "records").first().cloned())
    }

    /// Why an empty answer proves nothing, when it does not.
    fn lacks(&self, field: &str, permission: &str) -> Option<String> {
        match &self.0 {
            Some(row) if row.get(field) == Some(&Value::Bool(true)) => None,
            Some(_) => Some(format!(
                "nothing shows without {permission}: grant it to the integration user"
            )),
            None => Some(format!(
                "nothing showed, and the org does not say whether we have {permission}"
            )),
        }
    }
}

fn obstacle(kind: &str, found: String, blocks: bool, way_out: &str) -> Obstacle {
    Obstacle {
        kind: kind.to_owned(),
        found,
        blocks,
        way_out: way_out.to_owned(),
    }
}

fn last_admin(all: &mut Preflight, admins: &Admins, rights: &Rights) {
    let sees_others = admins.shows_a_stranger() || rights.lacks("PermissionsManageUsers", "").is_none();
    let evidence = admins.evidence(sees_others);
    if evidence.get("admins_left").and_then(Value::as_u64) == Some(0) {
        let found = "no other active administrator whose sign-in is not frozen is left".to_owned();
        all.obstacles
            .push(obstacle("last-admin", found, true, way_out("last-admin")));
    } else if let Some(why) = evidence.get("admins_unknown").and_then(Value::as_str) {
        all.uninspected.push(format!("the other administrators: {why}"));
    }
}

/// Custom fields of users that name a user: a value of theirs blocks (a custom reference from user to user is a hierarchy).
fn hierarchy_fields(all: &mut Preflight, parts: &mut Parts) -> Vec<String> {
    match parts.remove("describe").unwrap_or(Ok(Value::Null)) {
        Ok(body) => items(&body, "fields")
            .iter()
            .filter(|field| field.get("custom") == Some(&Value::Bool(true)))
            .filter(|field| items(field, "referenceTo").iter().any(|to| to == "User"))
            .filter_map(|field| text(field, "name").filter(|name| is_name(name)))
            .map(str::to_owned)
            .collect(),
        Err(refusal) => {
            let why = refusal.failure("describing users").reason;
            all.uninspected.push(format!("custom hierarchy fields: {why}"));
            Vec::new()
        }
    }
}

fn hierarchy_users(all: &mut Preflight, field: &str, part: Part, rights: &Rights) {
    let label = format!("the hierarchy field {field}");
    match part {
        Ok(body) => {
            half(all, &label, &body);
            if !items(&body, "records").is_empty() {
                let found = format!("{field} of {}", counted("user", &named(&body, "/Name")));
                all.obstacles
                    .push(obstacle("hierarchy-field", found, true, way_out("hierarchy-field")));
            } else if rights.0.is_none() {
                all.uninspected.push(format!("{label}: {BLIND}"));
            }
        }
        Err(refusal) => {
            let why = refusal.failure("reading it").reason;
            all.uninspected.push(format!("{label}: {why}"));
        }
    }
}

/// Says so when a list has fewer rows than it counts itself.
fn half(all: &mut Preflight, label: &str, body: &Value) {
    let shown = items(body, "records").len() as u64;
    let counted = body.get("totalSize").and_then(Value::as_u64).unwrap_or(0);
    if shown < counted {
        all.uninspected
            .push(format!("{label}: {shown} of {counted} were shown; look again"));
    }
}

/// The queues they are in, by id.
fn queues(all: &mut Preflight, parts: &mut Parts, rights: &Rights) -> BTreeMap<String, String> {
    let label = "queues";
    match parts.remove("queues").unwrap_or(Ok(Value::Null)) {
        Ok(body) => {
            let rows = items(&body, "records");
            half(all, label, &body);
            if rows.is_empty()
                && let Some(why) = rights.lacks("PermissionsManageUsers", "Manage Users")
            {
                all.uninspected.push(format!("{label}: {why}"));
            }
            rows.iter()
                .filter_map(|row| {
                    let id = text(row, "GroupId").and_then(eighteen)?;
                    let name = row.pointer("/Group/Name").and_then(Value::as_str).unwrap_or(&id);
                    Some((id.clone(), name.to_owned()))
                })
                .collect()
        }
        Err(refusal) => {
            all.uninspected
                .push(format!("{label}: {}", refusal.failure("reading them").reason));
            BTreeMap::new()
        }
    }
}

fn last_members(all: &mut Preflight, queues: &BTreeMap<String, String>, others: &[Value]) {
    let peopled: BTreeSet<String> = others
        .iter()
        .filter_map(|row| text(row, "GroupId").and_then(eighteen))
        .collect();
    for (id, name) in queues {
        if !peopled.contains(id) {
            all.obstacles.push(obstacle(
                "last-queue-member",
                format!("the queue {:?} has no other member", short(name, 80)),
                false,
                "put somebody else into the queue: what arrives there is seen by nobody",
            ));
        }
    }
}

/// What one look came to: an obstacle, something not looked at, or nothing.
fn judge(all: &mut Preflight, look: &Look, part: Part, rights: &Rights) {
    let body = match part {
        Ok(body) => body,
        Err(refusal) if refusal.code == "INVALID_TYPE" => {
            all.uninspected.push(format!(
                "{}: the org does not have {}, or hides it from the integration user",
                look.label, look.object
            ));
            return;
        }
        Err(refusal) => {
            let why = refusal.failure("reading them").reason;
            all.uninspected.push(format!("{}: {why}", look.label));
            return;
        }
    };
    let count = match look.shows {
        Shows::Count => body.get("totalSize").and_then(Value::as_u64).unwrap_or(0),
        Shows::Names(_) => {
            half(all, look.label, &body);
            u64::try_from(items(&body, "records").len()).unwrap_or(u64::MAX)
        }
    };
    if count == 0 {
        if let Some(why) = rights.lacks(look.right.0, look.right.1) {
            all.uninspected.push(format!("{}: {why}", look.label));
        }
        return;
    }
    for (kind, found) in found(look, &body, count) {
        all.obstacles.push(obstacle(&kind, found, look.blocks, look.way_out));
    }
}

/// Scheduled jobs fall into reports and others by the vendor's one-letter type (Object Reference, CronJobDetail.JobType: `8`
/// report run, `A` reporting notification).
fn found(look: &Look, body: &Value, count: u64) -> Vec<(String, String)> {
    let Shows::Names(pointer) = look.shows else {
        return vec![(look.kind.to_owned(), format!("{count} {}", look.label))];
    };
    if look.object != "CronTrigger" {
        return vec![(look.kind.to_owned(), counted(look.one, &named(body, pointer)))];
    }
    let is_report = |row: &&Value| {
        matches!(
            row.pointer("/CronJobDetail/JobType").and_then(Value::as_str),
            Some("8" | "A")
        )
    };
    let name = |row: &Value| row.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (reports, jobs): (Vec<&Value>, Vec<&Value>) = items(body, "records").iter().partition(is_report);
    [
        ("scheduled-report", "scheduled report", reports),
        ("scheduled-job", "scheduled job", jobs),
    ]
    .into_iter()
    .filter(|(_, _, rows)| !rows.is_empty())
    .map(|(kind, one, rows)| {
        let names: Vec<String> = rows.into_iter().map(|row| name(row).unwrap_or_default()).collect();
        (kind.to_owned(), counted(one, &names))
    })
    .collect()
}

/// The names of the rows; empty where a row has none.
fn named(body: &Value, pointer: &str) -> Vec<String> {
    items(body, "records")
        .iter()
        .map(|row| {
            row.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

/// `3 users: Ada, Bo, Cy`.
fn counted(one: &str, names: &[String]) -> String {
    let known: BTreeSet<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    let shown: Vec<String> = known.iter().take(MOST_NAMED).map(|name| short(name, 60)).collect();
    let most = if names.len() == MOST { " or more" } else { "" };
    let plural = if names.len() == 1 { "" } else { "s" };
    let mut text = format!("{}{most} {one}{plural}", names.len());
    if !shown.is_empty() {
        let rest = if known.len() > shown.len() { ", …" } else { "" };
        text = format!("{text}: {}{rest}", shown.join(", "));
    }
    text
}
