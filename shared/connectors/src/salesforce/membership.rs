//! Which entitlements a user has, read with proof.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_model::connector::ActionUse;
use rollcall_model::{Call, Failure, Observation, State};
use serde_json::{Map, Value, json};

use super::client::{Client, Rows};
use super::entitlements::{self, Entitlement, Kind, RESTORE};
use super::licences::Inventory;
use super::retry::Refusal;
use super::soql::{eighteen, is_id, soql_quote};
use crate::exchange::text;

const WHAT: &str = "reading the entitlements";
/// A field that orgs without assignments for a time may not have.
pub(super) const UNTIL: &str = "ExpirationDate";
/// Ids in one `IN (…)`: the address stays well below the vendor's 16,384 bytes.
const IDS: usize = 200;
/// Queries in one call.
const QUERIES: usize = 5;

/// What one look at a user's entitlements saw. `Err` where the org refused that query for good.
struct Seen {
    assignments: Rows,
    licences: Rows,
    packages: Rows,
    members: Rows,
    /// What the org says of Manage Users.
    manages_users: Option<bool>,
}

/// What a user has: entitlements, the rows that assign them, and what stays whatever is done.
#[derive(Default)]
struct Membership {
    held: Vec<Entitlement>,
    rows: BTreeMap<String, String>,
    left: Vec<String>,
    absent: Vec<&'static str>,
}

/// Answers one action's question; the look itself is shared by all of them.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    target: &str,
    inventory: &Inventory,
    asked: &[&ActionUse],
) -> Result<Vec<Observation>, Failure> {
    let seen = look(client, call, target).await?;
    let membership = match membership(&seen, inventory) {
        Ok(membership) => membership,
        Err(why) => return Ok(vec![Observation::Unknown(why); asked.len()]),
    };
    let mut all = Vec::new();
    for one in asked {
        let mut evidence = Map::from_iter([
            ("rows".to_owned(), json!(membership.rows)),
            ("count".to_owned(), json!(membership.held.len())),
        ]);
        if !membership.left.is_empty() {
            evidence.insert("left".to_owned(), json!(membership.left));
        }
        if !membership.absent.is_empty() {
            evidence.insert("absent".to_owned(), json!(membership.absent));
        }
        if one.action == RESTORE {
            let wanted = entitlements::listed(&one.with).unwrap_or_default();
            let (available, missing) = existing(client, call, inventory, wanted).await?;
            evidence.insert("available".to_owned(), json!(available));
            evidence.insert("missing".to_owned(), json!(missing));
        }
        all.push(Observation::Known(State {
            value: json!({ "entitlements": membership.held }),
            evidence: Value::Object(evidence),
        }));
    }
    Ok(all)
}

async fn look(client: &Client, call: &Call, target: &str) -> Result<Seen, Failure> {
    let id = soql_quote(target);
    let queries = [
        ("assignments", assignments(&id, true)),
        (
            "licences",
            format!(
                "SELECT Id, PermissionSetLicenseId, PermissionSetLicense.MasterLabel FROM PermissionSetLicenseAssign WHERE AssigneeId = {id}"
            ),
        ),
        (
            "packages",
            format!(
                "SELECT Id, PackageLicenseId, PackageLicense.NamespacePrefix FROM UserPackageLicense WHERE UserId = {id}"
            ),
        ),
        (
            "members",
            format!("SELECT Id, GroupId, Group.Name, Group.Type FROM GroupMember WHERE UserOrGroupId = {id}"),
        ),
        (
            "rights",
            "SELECT PermissionsManageUsers FROM UserPermissionAccess LIMIT 1".to_owned(),
        ),
    ];
    let mut rows = client.queries(call, WHAT, &queries).await?;
    let mut take = |name: &str| rows.remove(name).unwrap_or_else(|| Ok(Vec::new()));
    let mut assigned = take("assignments");
    let hides_until = |refusal: &Refusal| refusal.code == "INVALID_FIELD" && refusal.message.contains(UNTIL);
    if assigned.as_ref().is_err_and(hides_until) {
        assigned = Ok(client.query(call, WHAT, &assignments(&id, false)).await?);
    }
    Ok(Seen {
        assignments: assigned,
        licences: take("licences"),
        packages: take("packages"),
        members: take("members"),
        manages_users: take("rights")
            .ok()
            .and_then(|rows| rows.into_iter().next())
            .map(|row| row.get("PermissionsManageUsers") == Some(&Value::Bool(true))),
    })
}

fn assignments(id: &str, with_until: bool) -> String {
    let until = if with_until { ", ExpirationDate" } else { "" };
    format!(
        "SELECT Id, PermissionSetId, PermissionSet.Label, PermissionSet.IsOwnedByProfile, PermissionSetGroupId, \
         PermissionSetGroup.MasterLabel, IsRevoked{until} FROM PermissionSetAssignment WHERE AssigneeId = {id}"
    )
}

/// Everything by its proof, or why an empty answer would prove nothing.
fn membership(seen: &Seen, inventory: &Inventory) -> Result<Membership, String> {
    let mut all = Membership::default();
    permission_sets(&mut all, &seen.assignments)?;
    // These show with the permission that the rows of permission sets show with.
    one_of(
        &mut all,
        Kind::PermissionSetLicence,
        &seen.licences,
        ("PermissionSetLicenseId", "/PermissionSetLicense/MasterLabel"),
        "PermissionSetLicenseAssign",
    )?;
    one_of(
        &mut all,
        Kind::Package,
        &seen.packages,
        ("PackageLicenseId", "/PackageLicense/NamespacePrefix"),
        "UserPackageLicense",
    )?;
    if seen.packages.as_ref().is_ok_and(Vec::is_empty) && !inventory.sees_packages {
        return Err(
            "licences of packages are in use, and whose they are does not show: grant Manage Package Licenses"
                .to_owned(),
        );
    }
    groups(&mut all, &seen.members)?;
    let members = seen.members.as_ref().is_ok_and(|rows| !rows.is_empty());
    if !members && !seen.manages_users.unwrap_or(inventory.sees_members) {
        return Err(
            "no membership of a group came back, and the permission to see those of others is missing: grant Manage Users"
                .to_owned(),
        );
    }
    all.held.sort();
    Ok(all)
}

/// Every user has the set that is their profile (Object Reference, PermissionSet.IsOwnedByProfile). It proves that the others
/// would show, and is never an entitlement itself.
fn permission_sets(all: &mut Membership, rows: &Rows) -> Result<(), String> {
    let rows = rows
        .as_ref()
        .map_err(|refusal| refusal.failure("reading the permission sets").reason)?;
    let is_profile = |row: &Value| row.pointer("/PermissionSet/IsOwnedByProfile") == Some(&Value::Bool(true));
    if !rows.iter().any(is_profile) {
        return Err(
            "the permission set that is the user's profile did not come back, so others may be hidden: grant View Setup and Configuration"
                .to_owned(),
        );
    }
    for row in rows.iter().filter(|row| !is_profile(row)) {
        // A group of sets also names a set: the one that the vendor adds up from it.
        let (kind, id, name) = match text(row, "PermissionSetGroupId") {
            Some(group) => (Kind::PermissionSetGroup, group, "/PermissionSetGroup/MasterLabel"),
            None => (
                Kind::PermissionSet,
                text(row, "PermissionSetId").unwrap_or_default(),
                "/PermissionSet/Label",
            ),
        };
        let revoked = row.get("IsRevoked") == Some(&Value::Bool(true));
        let until = text(row, UNTIL).map(str::to_owned);
        add(
            all,
            kind,
            id,
            row,
            name,
            until,
            revoked.then_some("a user access policy revoked it, and keeps its row"),
        )?;
    }
    Ok(())
}

fn one_of(
    all: &mut Membership,
    kind: Kind,
    rows: &Rows,
    (id, name): (&str, &str),
    object: &'static str,
) -> Result<(), String> {
    match rows {
        Ok(rows) => rows
            .iter()
            .try_for_each(|row| add(all, kind, text(row, id).unwrap_or_default(), row, name, None, None)),
        Err(refusal) if refusal.code == "INVALID_TYPE" => {
            all.absent.push(object);
            Ok(())
        }
        Err(refusal) => Err(refusal.failure(WHAT).reason),
    }
}

fn groups(all: &mut Membership, rows: &Rows) -> Result<(), String> {
    let rows = rows
        .as_ref()
        .map_err(|refusal| refusal.failure("reading the groups and queues").reason)?;
    for row in rows {
        let (kind, left) = match row.pointer("/Group/Type").and_then(Value::as_str) {
            Some("Queue") => (Kind::Queue, None),
            Some("Regular") => (Kind::Group, None),
            _ => (Kind::Group, Some("the system keeps its members")),
        };
        let id = text(row, "GroupId").unwrap_or_default();
        add(all, kind, id, row, "/Group/Name", None, left)?;
    }
    Ok(())
}

fn add(
    all: &mut Membership,
    kind: Kind,
    id: &str,
    row: &Value,
    name: &str,
    until: Option<String>,
    left: Option<&str>,
) -> Result<(), String> {
    let (Some(id), Some(held)) = (eighteen(id), text(row, "Id").filter(|id| is_id(id))) else {
        return Err(format!("a row of a {} came back without its ids", kind.called()));
    };
    let name = row.pointer(name).and_then(Value::as_str).unwrap_or(&id).to_owned();
    let entitlement = Entitlement { kind, id, name, until };
    if let Some(why) = left {
        all.left.push(format!("{}: {why}", entitlement.named()));
    } else {
        all.rows.insert(entitlement.id.clone(), held.to_owned());
        all.held.push(entitlement);
    }
    Ok(())
}

/// Which of the wanted ones there are, as they are called now, and which cannot be given, with why. Only asked once the rows of
/// the user have proven that sets and groups show.
async fn existing(
    client: &Client,
    call: &Call,
    inventory: &Inventory,
    wanted: Vec<Entitlement>,
) -> Result<(Vec<Entitlement>, Vec<String>), Failure> {
    let mut queries = Vec::new();
    for (object, name, kinds) in [
        ("PermissionSet", "Label", &[Kind::PermissionSet][..]),
        ("PermissionSetGroup", "MasterLabel", &[Kind::PermissionSetGroup][..]),
        ("Group", "Name", &[Kind::Group, Kind::Queue][..]),
    ] {
        let ids: Vec<String> = wanted
            .iter()
            .filter(|one| kinds.contains(&one.kind) && is_id(&one.id))
            .map(|one| soql_quote(&one.id))
            .collect();
        for chunk in ids.chunks(IDS) {
            let soql = format!("SELECT Id, {name} FROM {object} WHERE Id IN ({})", chunk.join(", "));
            queries.push((name, format!("q{}", queries.len()), soql));
        }
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for known in [&inventory.permission_sets, &inventory.packages].into_iter().flatten() {
        names.extend(known.clone());
    }
    for some in queries.chunks(QUERIES) {
        let asks: Vec<(&str, String)> = some.iter().map(|(_, key, soql)| (key.as_str(), soql.clone())).collect();
        let mut parts = client
            .queries(call, "looking whether the entitlements exist", &asks)
            .await?;
        for (field, key, _) in some {
            let rows = match parts.remove(key.as_str()) {
                Some(Ok(rows)) => rows,
                // An object that the org does not have has no records.
                Some(Err(refusal)) if refusal.code == "INVALID_TYPE" => Vec::new(),
                Some(Err(refusal)) => return Err(refusal.failure("looking whether the entitlements exist")),
                None => Vec::new(),
            };
            for row in rows {
                if let (Some(id), Some(name)) = (text(&row, "Id").and_then(eighteen), text(&row, field)) {
                    names.insert(id, name.to_owned());
                }
            }
        }
    }
    let now = client.exchange.clock.now();
    let (mut available, mut missing) = (Vec::new(), Vec::new());
    for mut one in wanted {
        let ended = one.until.as_deref().and_then(moment).is_some_and(|until| until <= now);
        match names.get(&one.id) {
            Some(_) if ended => missing.push(format!("{}: its time has run out", one.named())),
            Some(name) => {
                one.name.clone_from(name);
                available.push(one);
            }
            None => missing.push(format!("{}: Salesforce no longer has it", one.named())),
        }
    }
    available.sort();
    Ok((available, missing))
}

/// `2026-03-01T15:20:11.000+0000`: the vendor writes the offset without a colon.
fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
        .ok()?
        .to_timestamp()
        .ok()
}
