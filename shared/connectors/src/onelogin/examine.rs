//! Looking at everything that the connection needs, without changing anything.

use rollcall_model::connector::{Probe, ProbeResult};
use rollcall_model::{Call, Failure};
use serde_json::Value;

use super::accounts::list_canary;
use super::client::{Client, is_id};
use super::rights::{Rights, rights, role_ids};
use super::subject::{canary, canary_id, group_names, login, user};
use super::{devices, second_master, status};

use crate::encode::short;

/// Every probe, in the order in which somebody would mend what they find. Without a token only the first is answered.
pub(super) async fn examine(client: &Client, call: &Call) -> Vec<Probe> {
    if let Err(failure) = client.sign_in(call).await {
        let mut all = vec![Probe::new(
            "tenant",
            ProbeResult::Bad,
            failure.reason,
            Some("correct the tenant's url, id, client_id and secret"),
        )];
        for what in [
            "scopes",
            "canary",
            "permissions",
            "quota",
            "own-credential",
            "second-master",
        ] {
            all.push(Probe::new(
                what,
                ProbeResult::Unknown,
                "there is no token to ask with".to_owned(),
                None,
            ));
        }
        return all;
    }
    let tenant = Probe::new(
        "tenant",
        ProbeResult::Good,
        format!("the token is of account {}", client.settings.account_id),
        None,
    );
    // Read once for all probes: what is refused is not kept.
    let rights = rights(client, call).await;
    let (scopes, canary, permissions, quota, own, second) = futures::join!(
        scopes(client, call),
        canary_probe(client, call),
        permissions(client, call, &rights),
        quota(client, call),
        own_credential(client, call, &rights),
        second_master::probe(client, call, &rights),
    );
    vec![tenant, scopes, canary, permissions, quota, own, second]
}

/// A probe that failed: what passes is unknown, the rest is bad.
pub(super) fn failed(what: &str, failure: Failure) -> Probe {
    if failure.is_retryable() {
        Probe::unseen(what, failure.reason)
    } else {
        Probe::new(what, ProbeResult::Bad, failure.reason, None)
    }
}

/// OneLogin names no scope, and a write is the only proof of one; what can be read tells the level as far as it shows.
async fn scopes(client: &Client, call: &Call) -> Probe {
    let (users, roles) = futures::join!(
        client.page(call, "reading users", "/api/2/users?limit=1", None),
        client.page(call, "reading roles", "/api/2/roles?limit=1", None),
    );
    match (users, roles) {
        (Err(failure), _) => failed("scopes", failure),
        (Ok(_), Ok(_)) => Probe::new(
            "scopes",
            ProbeResult::Good,
            "users and roles are readable, so the scope is Read All or Manage All; which of them shows at the first change only: roles, \
             privileges and MFA devices need Manage All"
                .to_owned(),
            None,
        ),
        (Ok(_), Err(failure)) if failure.is_retryable() => failed("scopes", failure),
        (Ok(_), Err(_)) => Probe::new(
            "scopes",
            ProbeResult::Bad,
            "users are readable and roles are not, so the scope is Read Users or Manage Users".to_owned(),
            Some("make a credential with the scope Manage All"),
        ),
    }
}

async fn canary_probe(client: &Client, call: &Call) -> Probe {
    let (single, listed) = futures::join!(canary(client, call, ""), list_canary(client, call, true));
    match (single, listed) {
        (Err(failure), _) | (_, Err(failure)) => failed("canary", failure),
        (Ok(Err(why)), _) | (_, Ok(Err(why))) => {
            Probe::new("canary", ProbeResult::Bad, why, Some("configure a canary who is there"))
        }
        (Ok(Ok(())), Ok(Ok(()))) => match canary_id(client) {
            Some(id) => Probe::new(
                "canary",
                ProbeResult::Good,
                format!("user {id} is read and listed"),
                None,
            ),
            None => Probe::new(
                "canary",
                ProbeResult::Warning,
                "no canary is configured; the list shows somebody, which proves less".to_owned(),
                Some("configure a user who always stays as the canary"),
            ),
        },
    }
}

/// Privileges, role administrators, groups and MFA devices: without the first two administrators are taken for everyday accounts.
async fn permissions(client: &Client, call: &Call, rights: &Rights) -> Probe {
    // Somebody's devices can only be asked for by an id.
    let (groups, devices) = futures::join!(group_names(client, call), async {
        match canary_id(client) {
            Some(id) => devices::listed(client, call, id).await.err(),
            None => None,
        }
    });
    let parts = [
        ("privileges", rights.privileges.as_ref().err().cloned()),
        ("role administrators", rights.roles.as_ref().err().cloned()),
        ("groups", groups.err()),
        ("MFA devices", devices),
    ];
    let lacking: Vec<(&str, Failure)> = parts
        .into_iter()
        .filter_map(|(name, failure)| Some((name, failure?)))
        .collect();
    if lacking.is_empty() {
        return Probe::new(
            "permissions",
            ProbeResult::Good,
            match canary_id(client) {
                Some(_) => "privileges, role administrators, groups and MFA devices are readable".to_owned(),
                None => "privileges, role administrators and groups are readable".to_owned(),
            },
            None,
        );
    }
    let result = if lacking.iter().all(|(_, failure)| failure.is_retryable()) {
        ProbeResult::Unknown
    } else {
        ProbeResult::Warning
    };
    let named: Vec<String> = lacking
        .iter()
        .map(|(name, failure)| format!("{name} not readable ({failure})"))
        .collect();
    Probe::new(
        "permissions",
        result,
        format!(
            "{}: administrators may be taken for everyday accounts, and what is not readable is not taken apart",
            named.join("; ")
        ),
        Some("grant Manage All; privileges need the Delegated Administration subscription as well"),
    )
}

/// The v1 budget, shared with every other tool of the account.
async fn quota(client: &Client, call: &Call) -> Probe {
    let answer = match client.get(call, "asking for the rate limit", "/auth/rate_limit").await {
        Ok(answer) => answer.unwrap_or_default(),
        Err(failure) => return failed("quota", failure),
    };
    let count = |name: &str| answer.get("data")?.get(name)?.as_u64();
    let (Some(limit), Some(left)) = (count("X-RateLimit-Limit"), count("X-RateLimit-Remaining")) else {
        return Probe::unseen("quota", "OneLogin does not say what is left");
    };
    let reset = count("X-RateLimit-Reset").map_or_else(String::new, |seconds| format!(", renewed in {seconds} s"));
    let found = format!("{left} of {limit} v1 calls are left{reset}");
    if left.saturating_mul(100) < limit.saturating_mul(crate::pace::RESERVE_PERCENT) {
        Probe::new(
            "quota",
            ProbeResult::Warning,
            found,
            Some("another tool uses up the account's calls: find it, all credentials share them"),
        )
    } else {
        Probe::new("quota", ProbeResult::Good, found, None)
    }
}

/// The user behind the credential: when they are deleted, it dies.
async fn own_credential(client: &Client, call: &Call, rights: &Rights) -> Probe {
    let what = "own-credential";
    let own = client.settings.own_user_ids.iter().find(|id| is_id(id));
    let Some(id) = own else {
        return Probe::new(
            what,
            ProbeResult::Warning,
            "OneLogin does not tell who made the credential, and the configuration does not either, so nothing keeps Rollcall \
             from suspending them"
                .to_owned(),
            Some("add the user id of the credential's owner to own_ids"),
        );
    };
    let found = match user(client, call, "reading the credential's owner", id).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            return Probe::new(
                what,
                ProbeResult::Bad,
                format!("user {id} of own_ids is not there"),
                Some("correct own_ids; a credential whose owner is deleted stops working"),
            );
        }
        Err(failure) => return failed(what, failure),
    };
    let name = short(&login(&found), 80);
    let word = status::word(&found).unwrap_or("in a status that is not known");
    if word != status::ACTIVE {
        return Probe::new(
            what,
            ProbeResult::Bad,
            format!("the owner {name} ({id}) is {word}"),
            Some("make the credential as an active service account"),
        );
    }
    // Somebody with a manager or a number works here.
    let everyday = ["manager_user_id", "external_id", "directory_id"].iter().any(|name| {
        found
            .get(*name)
            .is_some_and(|value| !value.is_null() && value != &Value::from(""))
    });
    let held = rights.privileges_of(id, &role_ids(&found));
    if everyday {
        Probe::new(
            what,
            ProbeResult::Warning,
            format!(
                "the owner {name} ({id}) has a manager, a number or a directory: it looks like a person's everyday account"
            ),
            Some("make the credential as a service account, which nobody offboards"),
        )
    } else {
        let held = if held.is_empty() {
            "none that are shown".to_owned()
        } else {
            held.join(", ")
        };
        Probe::new(
            what,
            ProbeResult::Good,
            format!("the owner {name} ({id}) is active; privileges: {held}"),
            None,
        )
    }
}
