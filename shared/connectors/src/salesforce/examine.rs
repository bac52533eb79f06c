//! What the connection needs in order to work, looked at one by one.

use std::collections::BTreeMap;

use http::Method;
use rollcall_model::{Call, Failure, FailureClass, Probe, ProbeResult};
use serde_json::Value;

use super::accounts::{administers, somebody_else};
use super::client::{Client, Rows};
use super::soql::{eighteen, same_record, soql_quote};
use super::token::Access;
use crate::encode::short;
use crate::exchange::{self, text};

const TENANT: &str = "tenant";
const SCOPES: &str = "scopes";
const CANARY: &str = "canary";
const PERMISSIONS: &str = "permissions";
const QUOTA: &str = "quota";
const OWN_CREDENTIAL: &str = "own-credential";
const SECOND_MASTER: &str = "second-master";

/// A warning is due when less than this part of the day's calls is left, in percent.
const QUOTA_FLOOR: u64 = 20;
/// Ambiguous values that a finding names.
const MOST_NAMED: usize = 5;
/// The vendor's name of each permission, and whether the cut works without it.
const RIGHTS: [(&str, &str, bool); 5] = [
    ("PermissionsApiEnabled", "API Enabled", false),
    ("PermissionsViewAllUsers", "View All Users", false),
    ("PermissionsManageUsers", "Manage Users", false),
    ("PermissionsCustomizeApplication", "Customize Application", false),
    ("PermissionsViewSetup", "View Setup and Configuration", true),
];

/// All probes, in the order in which they depend on each other. Nothing is changed.
pub(super) async fn examine(client: &Client, call: &Call) -> Vec<Probe> {
    let access = match client.access(call).await {
        Ok(access) => access,
        Err(failure) => {
            let mut probes = vec![failed(TENANT, &failure)];
            for what in [SCOPES, CANARY, PERMISSIONS, QUOTA, OWN_CREDENTIAL, SECOND_MASTER] {
                probes.push(Probe::new(
                    what,
                    ProbeResult::Unknown,
                    "there is no token to ask with",
                    None,
                ));
            }
            return probes;
        }
    };
    let own = soql_quote(&access.own_user);
    let names: Vec<&str> = RIGHTS.iter().map(|(field, ..)| *field).collect();
    let queries = [
        (
            "organization",
            "SELECT Id, IsSandbox, InstanceName, OrganizationType FROM Organization".to_owned(),
        ),
        (
            "rights",
            format!("SELECT {} FROM UserPermissionAccess LIMIT 1", names.join(", ")),
        ),
        (
            "own",
            format!(
                "SELECT Id, Username, UserType, IsActive, ManagerId, Profile.PermissionsModifyAllData, \
                 Profile.PermissionsManageUsers, Profile.UserLicense.Name FROM User WHERE Id = {own}"
            ),
        ),
        ("other", somebody_else(&access.own_user)),
        (
            "browser",
            format!("SELECT Id FROM AuthSession WHERE UsersId = {own} AND SessionType = 'UI'"),
        ),
    ];
    let mut probes = Vec::new();
    match client.queries(call, "examining the org", &queries).await {
        Ok(seen) => {
            probes.push(tenant(client, &access, first(&seen, "organization")));
            probes.push(scopes(&access));
            probes.push(canary(first(&seen, "own"), first(&seen, "other")));
            probes.push(permissions(first(&seen, "rights")));
            probes.push(own_credential(first(&seen, "own"), seen.get("browser")));
        }
        Err(failure) => {
            probes.push(tenant(client, &access, None));
            probes.push(scopes(&access));
            for what in [CANARY, PERMISSIONS, OWN_CREDENTIAL] {
                probes.push(failed(what, &failure));
            }
        }
    }
    probes.push(quota(client, call).await);
    probes.push(other_writers(client, call, &access).await);
    probes.push(ambiguous(client, call).await);
    probes
}

/// What somebody must mend is bad; what may pass is not known.
fn failed(what: &str, failure: &Failure) -> Probe {
    match failure.class {
        FailureClass::Credential | FailureClass::NeedsHuman => {
            Probe::new(what, ProbeResult::Bad, failure.reason.clone(), None)
        }
        _ => Probe::unseen(what, failure.reason.clone()),
    }
}

fn first<'a>(seen: &'a BTreeMap<String, Rows>, name: &str) -> Option<&'a Value> {
    seen.get(name)?.as_ref().ok()?.first()
}

/// The token's org was compared when it came; the org's own record must agree, also on being a sandbox.
fn tenant(client: &Client, access: &Access, organization: Option<&Value>) -> Probe {
    let Some(row) = organization else {
        let org = short(&client.settings.org_id, 40);
        return Probe::unseen(
            TENANT,
            format!("the token is of the configured org {org}; the org's own record did not show"),
        );
    };
    let id = text(row, "Id").unwrap_or_default();
    if !same_record(id, &client.settings.org_id) {
        let found = format!(
            "the org is {}, configured {}",
            short(id, 40),
            short(&client.settings.org_id, 40)
        );
        return Probe::new(
            TENANT,
            ProbeResult::Bad,
            found,
            Some("correct org_id, or the app's key"),
        );
    }
    let named = |sandbox: bool| if sandbox { "a sandbox" } else { "a production org" };
    match row.get("IsSandbox").and_then(Value::as_bool) {
        Some(sandbox) if sandbox == client.settings.sandbox => Probe::new(
            TENANT,
            ProbeResult::Good,
            format!("{id} at {}, {}", access.instance, named(sandbox)),
            None,
        ),
        Some(sandbox) => Probe::new(
            TENANT,
            ProbeResult::Bad,
            format!(
                "{id} is {}, configured as {}",
                named(sandbox),
                named(client.settings.sandbox)
            ),
            Some("correct sandbox: addresses and usernames differ between the two"),
        ),
        None => Probe::new(
            TENANT,
            ProbeResult::Warning,
            format!("{id} does not say whether it is a sandbox"),
            None,
        ),
    }
}

fn scopes(access: &Access) -> Probe {
    let Some(scopes) = access.scopes.as_deref() else {
        return Probe::unseen(SCOPES, "the token answer names no scopes");
    };
    let has = |name: &str| scopes.split_whitespace().any(|scope| scope == name);
    if has("full") || has("web") {
        Probe::new(
            SCOPES,
            ProbeResult::Warning,
            scopes,
            Some("api is enough: take full and web from the app"),
        )
    } else if has("api") {
        Probe::new(SCOPES, ProbeResult::Good, scopes, None)
    } else {
        Probe::new(SCOPES, ProbeResult::Bad, scopes, Some("give the app the scope api"))
    }
}

fn canary(own: Option<&Value>, other: Option<&Value>) -> Probe {
    match (own, other) {
        (Some(_), Some(_)) => Probe::new(CANARY, ProbeResult::Good, "our own user and somebody else's show", None),
        (Some(_), None) => Probe::new(
            CANARY,
            ProbeResult::Bad,
            "our own user shows, and nobody else's",
            Some("grant the integration user View All Users"),
        ),
        (None, _) => Probe::new(
            CANARY,
            ProbeResult::Bad,
            "our own user does not show",
            Some("grant the integration user View All Users and API Enabled"),
        ),
    }
}

fn permissions(rights: Option<&Value>) -> Probe {
    let Some(row) = rights else {
        return Probe::new(
            PERMISSIONS,
            ProbeResult::Unknown,
            "the org does not state the integration user's permissions",
            Some(
                "look at the permission set in Setup: View All Users, Manage Users, Customize Application, API Enabled",
            ),
        );
    };
    let missing: Vec<&(&str, &str, bool)> = RIGHTS
        .iter()
        .filter(|(field, ..)| row.get(field) != Some(&Value::Bool(true)))
        .collect();
    if missing.is_empty() {
        return Probe::new(PERMISSIONS, ProbeResult::Good, "all that is needed", None);
    }
    let names: Vec<&str> = missing.iter().map(|(_, name, _)| *name).collect();
    let result = if missing.iter().all(|(_, _, spare)| *spare) {
        ProbeResult::Warning
    } else {
        ProbeResult::Bad
    };
    let found = format!("missing: {}", names.join(", "));
    Probe::new(
        PERMISSIONS,
        result,
        found,
        Some("grant them to the integration user by its permission set"),
    )
}

/// The integration user should be nobody's: signs of a person are a manager, a browser session and a licence for people.
fn own_credential(own: Option<&Value>, browser: Option<&Rows>) -> Probe {
    let Some(row) = own else {
        return Probe::unseen(OWN_CREDENTIAL, "our own user does not show");
    };
    let name = short(text(row, "Username").unwrap_or("the integration user"), 100);
    if row.get("IsActive") != Some(&Value::Bool(true)) {
        return Probe::new(
            OWN_CREDENTIAL,
            ProbeResult::Bad,
            format!("{name} is inactive"),
            Some("activate it, or name another user in the app"),
        );
    }
    let mut signs = Vec::new();
    if text(row, "ManagerId").is_some() {
        signs.push("it has a manager".to_owned());
    }
    if matches!(browser, Some(Ok(rows)) if !rows.is_empty()) {
        signs.push("somebody is signed in as it in a browser".to_owned());
    }
    match row.pointer("/Profile/UserLicense/Name").and_then(Value::as_str) {
        Some(licence) if !licence.to_lowercase().contains("integration") => {
            signs.push(format!("its licence is {}", short(licence, 60)));
        }
        _ => {}
    }
    if row.get("Profile").is_some_and(administers) && !signs.is_empty() {
        signs.push("its profile administers the org".to_owned());
    }
    if signs.is_empty() {
        Probe::new(
            OWN_CREDENTIAL,
            ProbeResult::Good,
            format!("{name} is active and looks like nobody's own"),
            None,
        )
    } else {
        Probe::new(
            OWN_CREDENTIAL,
            ProbeResult::Warning,
            format!("{name} looks like a person's user: {}", signs.join(", ")),
            Some("use a user of the Salesforce Integration licence that belongs to nobody"),
        )
    }
}

/// `GET /limits` (REST API Developer Guide, "Limits"): `DailyApiRequests` with `Max` and `Remaining`.
async fn quota(client: &Client, call: &Call) -> Probe {
    let what = "reading the limits";
    let path = format!("{}/limits", client.data());
    let answer = match client.send(call, what, Method::GET, &path, None).await {
        Ok(response) => exchange::json(what, &response, true),
        Err(failure) => Err(failure),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return failed(QUOTA, &failure),
    };
    let number = |name: &str| {
        answer
            .pointer(&format!("/DailyApiRequests/{name}"))
            .and_then(Value::as_u64)
    };
    let (Some(left), Some(most)) = (number("Remaining"), number("Max")) else {
        return Probe::unseen(QUOTA, "the limits do not name DailyApiRequests");
    };
    let found = format!("{left} of {most} API calls of the day are left");
    if left.saturating_mul(100) < most.saturating_mul(QUOTA_FLOOR) {
        let next = "see in Setup which integrations use the org's calls, or buy more";
        Probe::new(QUOTA, ProbeResult::Warning, found, Some(next))
    } else {
        Probe::new(QUOTA, ProbeResult::Good, found, None)
    }
}

/// Whether something else changes users. Salesforce shows who changed a user last; it does not show by the API who provisions.
async fn other_writers(client: &Client, call: &Call, access: &Access) -> Probe {
    let soql = format!(
        "SELECT Id, LastModifiedById, LastModifiedBy.Username FROM User WHERE LastModifiedById != {} AND \
         LastModifiedBy.Profile.UserLicense.Name LIKE '%Integration%' LIMIT 1",
        soql_quote(&access.own_user)
    );
    let rows = match client
        .query(call, "looking for another master of the users", &soql)
        .await
    {
        Ok(rows) => rows,
        Err(failure) => return failed(SECOND_MASTER, &failure),
    };
    match rows.first() {
        Some(row) => {
            let by = row.pointer("/LastModifiedBy/Username").and_then(Value::as_str);
            let by = by.or_else(|| text(row, "LastModifiedById")).unwrap_or("another one");
            Probe::new(
                SECOND_MASTER,
                ProbeResult::Warning,
                format!("another integration user, {}, changes users", short(by, 100)),
                Some("find out what it writes: two masters undo each other's changes"),
            )
        }
        None => Probe::new(
            SECOND_MASTER,
            ProbeResult::Unknown,
            "no other integration user changed a user last; provisioning that runs as an administrator does not show",
            Some(
                "look in Setup under Single Sign-On Settings for just-in-time provisioning, and in the apps for user provisioning; in the directory, whether it provisions this org",
            ),
        ),
    }
}

/// Values of `FederationIdentifier` that more than one user holds: a match by it is then no one's. The vendor holds them unique,
/// but does not say whether in any case, and our comparison ignores case.
async fn ambiguous(client: &Client, call: &Call) -> Probe {
    let soql = "SELECT Id, FederationIdentifier FROM User WHERE FederationIdentifier != null";
    let rows = match client.query(call, "reading the federation identifiers", soql).await {
        Ok(rows) => rows,
        Err(failure) => return failed(SECOND_MASTER, &failure),
    };
    let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &rows {
        if let (Some(value), Some(id)) = (text(row, "FederationIdentifier"), text(row, "Id").and_then(eighteen)) {
            holders.entry(value.trim().to_lowercase()).or_default().push(id);
        }
    }
    let users = rows.len();
    holders.retain(|_, ids| ids.len() > 1);
    if holders.is_empty() {
        return Probe::new(
            SECOND_MASTER,
            ProbeResult::Good,
            format!("no two of {users} users share a federation identifier"),
            None,
        );
    }
    let named: Vec<String> = holders.values().take(MOST_NAMED).map(|ids| ids.join(" and ")).collect();
    Probe::new(
        SECOND_MASTER,
        ProbeResult::Warning,
        format!(
            "{} federation identifiers are held by several users: {}",
            holders.len(),
            named.join("; ")
        ),
        Some("correct them: by such a value nobody can tell whose user it is"),
    )
}
