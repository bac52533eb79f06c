//! What the connection needs in order to work, looked at one by one.

use std::fmt::Write as _;

use rollcall_model::connector::{Probe, ProbeResult};
use rollcall_model::{Call, Failure};
use serde_json::Value;

use super::admins;
use super::client::Client;
use super::members::GROUPS;
use super::states::api_tokens;
use super::subject::{USERS, canary};
use super::{
    ASSIGNMENT_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, LOG_SCOPES, ManagerLink, OktaAuth, READ_SCOPES, factors, masters,
    own,
};
use crate::encode::{percent, short};
use crate::exchange::{json, number, text};

/// Below this part of a quota, in per cent, somebody else is using it up.
const LITTLE_LEFT: i64 = 25;

/// Everything, and "unknown" for what could not be looked at.
pub(super) async fn all(client: &Client, call: &Call) -> Vec<Probe> {
    if let Err(failure) = client.sign_in(call).await {
        let mut probes = vec![if failure.is_retryable() {
            failed("tenant", &failure)
        } else {
            probe("tenant", ProbeResult::Bad, &failure.reason)
        }];
        probes.extend(
            [
                "scopes",
                "canary",
                "permissions",
                "quota",
                "own-credential",
                "second-master",
            ]
            .map(|what| {
                probe(
                    what,
                    ProbeResult::Unknown,
                    "not looked at: the connection cannot sign in",
                )
            }),
        );
        return probes;
    }
    let tenant = format!("{} is tenant {}", client.base(), client.settings.tenant_id);
    let (scopes, canary, (permissions, quota), credential, masters) = futures::join!(
        scopes(client, call),
        looked_at(client, call),
        permissions(client, call),
        own::credential(client, call),
        masters::second(client, call),
    );
    let mut probes = vec![
        probe("tenant", ProbeResult::Good, &tenant),
        scopes,
        canary,
        permissions,
        quota,
    ];
    probes.extend(credential);
    probes.extend(masters);
    probes
}

/// A probe without advice.
pub(super) fn probe(what: &str, result: ProbeResult, found: &str) -> Probe {
    Probe::new(what, result, found, None)
}

/// A probe with advice.
pub(super) fn advice(what: &str, result: ProbeResult, found: &str, next: &str) -> Probe {
    Probe::new(what, result, found, Some(next))
}

/// A look that failed.
pub(super) fn failed(what: &str, failure: &Failure) -> Probe {
    Probe::unseen(what, &failure.reason)
}

async fn scopes(client: &Client, call: &Call) -> Probe {
    const WHAT: &str = "scopes";
    if let OktaAuth::Ssws(_) = client.settings.auth {
        return match own::roles(client, call).await {
            Ok(roles) if roles.is_empty() => advice(
                WHAT,
                ProbeResult::Bad,
                "an API token has no scopes but the roles of its user, who has none",
                "give the token's user an admin role",
            ),
            Ok(roles) => probe(
                WHAT,
                ProbeResult::Good,
                &format!(
                    "an API token has no scopes but the roles of its user: {}",
                    roles.join(", ")
                ),
            ),
            // Every admin role that is of use here may at least read roles.
            Err(failure) if !failure.is_retryable() => advice(
                WHAT,
                ProbeResult::Bad,
                &format!("an API token has no scopes but the roles of its user: {failure}"),
                "give the token's user an admin role",
            ),
            Err(failure) => failed(WHAT, &failure),
        };
    }
    let granted = match client.scopes(call).await {
        Ok(granted) => granted,
        Err(failure) => return failed(WHAT, &failure),
    };
    let lacks = |scopes: &[&str]| -> Vec<String> {
        scopes
            .iter()
            .filter(|scope| {
                // `.manage` includes read (Okta, "OAuth 2.0 scopes").
                let more = scope.replace(".read", ".manage");
                !granted.iter().any(|has| has == *scope || *has == more)
            })
            .map(|scope| (*scope).to_owned())
            .collect()
    };
    let links = match client.settings.manager {
        ManagerLink::LinkedObject(_) => lacks(&["okta.linkedObjects.read"]),
        ManagerLink::Profile => Vec::new(),
    };
    let (read, cut, apps) = (lacks(READ_SCOPES), lacks(CUT_SCOPES), lacks(ASSIGNMENT_SCOPES));
    let (dismantle, logs) = (lacks(DISMANTLE_SCOPES), lacks(LOG_SCOPES));
    let mut found = format!("granted: {}", granted.join(", "));
    for (missing, use_of) in [
        (&read, "reading"),
        (&links, "reading managers"),
        (&cut, "cutting accounts of this tenant"),
        (&dismantle, "dismantling accounts of this tenant"),
        (&apps, "looking at assignments of applications"),
        (&logs, "noticing a silent hook"),
    ] {
        if !missing.is_empty() {
            let _ = write!(found, "; missing for {use_of}: {}", missing.join(", "));
        }
    }
    let missing: Vec<String> = [read.clone(), links, cut, dismantle, apps, logs].concat();
    if missing.is_empty() {
        return probe(WHAT, ProbeResult::Good, &found);
    }
    let result = if read.is_empty() {
        ProbeResult::Warning
    } else {
        ProbeResult::Bad
    };
    let next = format!("grant the app, as far as it is to do this: {}", missing.join(", "));
    advice(WHAT, result, &found, &next)
}

async fn looked_at(client: &Client, call: &Call) -> Probe {
    const WHAT: &str = "canary";
    match canary(client, call).await {
        Ok(Ok(id)) => probe(WHAT, ProbeResult::Good, &format!("{id} is there")),
        Ok(Err(why)) => advice(
            WHAT,
            ProbeResult::Bad,
            &why,
            "set `canary` to the id of a user who always exists",
        ),
        Err(failure) => failed(WHAT, &failure),
    }
}

/// What the role lets us see, each by a list as short as it can be; and what is left of the quota that most calls count
/// against, which the same answer says.
async fn permissions(client: &Client, call: &Call) -> (Probe, Probe) {
    const WHAT: &str = "permissions";
    let response = match client.get(call, USERS, "listing a user", "/api/v1/users?limit=1").await {
        Ok(response) => response,
        Err(failure) => return (failed(WHAT, &failure), failed("quota", &failure)),
    };
    let quota = match (
        number(&response, "x-rate-limit-remaining"),
        number(&response, "x-rate-limit-limit"),
    ) {
        (Some(left), Some(limit)) => {
            let found = format!("{left} of {limit} calls of {USERS} are left in this minute");
            if left.saturating_mul(100) < limit.saturating_mul(LITTLE_LEFT) {
                let next = "see what else calls Okta with this credential, or raise its share of the limit";
                advice("quota", ProbeResult::Warning, &found, next)
            } else {
                probe("quota", ProbeResult::Good, &found)
            }
        }
        _ => Probe::unseen("quota", "Okta did not say what is left of its limits"),
    };
    let users = if response.status().is_success() {
        json("listing a user", &response, true).unwrap_or_default()
    } else {
        Value::Null
    };
    let sample = users
        .as_array()
        .and_then(|all| text(all.first()?, "id"))
        .map(str::to_owned);
    // Somebody's roles, consents and factors can only be asked for by an id.
    let Some(id) = client.settings.canary.clone().or_else(|| sample.clone()) else {
        let found = "sees no user at all, so roles, consents and factors were not tried";
        return (
            advice(WHAT, ProbeResult::Bad, found, "grant an admin role that sees users"),
            quota,
        );
    };
    let consents = format!("/api/v1/users/{}/grants?limit=1", percent(&id));
    let (groups, rules, roles, tokens, grants, factors) = futures::join!(
        client.page(call, GROUPS, "listing a group", "/api/v1/groups?limit=1"),
        client.page(call, GROUPS, "listing a group rule", "/api/v1/groups/rules?limit=1"),
        admins::roles(client, call, &id),
        api_tokens(client, call),
        client.page(call, USERS, "listing a consent", &consents),
        factors::listed(client, call, &id),
    );
    let looks = [
        (
            "users",
            true,
            sample.map(drop).ok_or_else(|| "the list is empty".to_owned()),
        ),
        ("groups", true, seen(groups)),
        ("admin roles", true, seen(roles)),
        ("API tokens", false, seen(tokens)),
        ("consents", false, seen(grants)),
        ("group rules", false, seen(rules)),
        ("factors", false, seen(factors)),
    ];
    (summary(WHAT, &looks), quota)
}

/// One look: what at, whether everything depends on it, and how it went.
type Looked = (&'static str, bool, Result<(), String>);

fn seen<T>(look: Result<T, Failure>) -> Result<(), String> {
    look.map(drop).map_err(|failure| short(&failure.reason, 200))
}

fn summary(what: &str, looks: &[Looked]) -> Probe {
    let works: Vec<&str> = looks.iter().filter(|look| look.2.is_ok()).map(|look| look.0).collect();
    let mut found = match works.as_slice() {
        [] => "sees nothing".to_owned(),
        works => format!("sees {}", works.join(", ")),
    };
    let mut result = ProbeResult::Good;
    for (name, needed, look) in looks {
        if let Err(why) = look {
            let _ = write!(found, "; not {name} ({why})");
            result = result.max(if *needed {
                ProbeResult::Bad
            } else {
                ProbeResult::Warning
            });
        }
    }
    if result == ProbeResult::Good {
        return probe(what, result, &found);
    }
    let next = "give the credential an admin role that sees these, beside the scopes";
    advice(what, result, &found, next)
}
