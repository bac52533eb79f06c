//! Who else decides about the tenant's users and about their accounts elsewhere.

use rollcall_model::Call;
use rollcall_model::Failure;
use rollcall_model::connector::{Probe, ProbeResult};
use serde_json::Value;

use super::assignments::APPS;
use super::client::Client;
use super::examine::{advice, failed, probe};
use super::subject::USERS;
use crate::encode::short;
use crate::exchange::{items, text};

const WHAT: &str = "second-master";
/// Pages of users and of apps that are looked at.
const MOST_PAGES: usize = 5;

/// What a feature of an app means here, and what to switch off (Okta Applications API, `features`).
const FEATURES: [(&str, &str, &str); 3] = [
    (
        "PUSH_USER_DEACTIVATION",
        "deactivates accounts in the app by itself",
        "Provisioning, To App, Deactivate Users",
    ),
    (
        "IMPORT_NEW_USERS",
        "imports users into Okta",
        "Provisioning, To Okta, Schedule import",
    ),
    (
        "PROFILE_MASTERING",
        "masters profiles and states of users in Okta",
        "Provisioning, To Okta, Profile & Lifecycle Sourcing",
    ),
];

/// Users whose record is mastered elsewhere, and apps that act on their own.
pub(super) async fn second(client: &Client, call: &Call) -> Vec<Probe> {
    let (users, apps) = futures::join!(
        some(client, call, USERS, "listing users", "/api/v1/users?limit=200"),
        some(client, call, APPS, "listing the apps", "/api/v1/apps?limit=200"),
    );
    let mut probes = vec![match users {
        Ok((users, whole)) => sourced(&users, whole),
        Err(failure) => failed(WHAT, &failure),
    }];
    match apps {
        Ok((apps, whole)) => probes.extend(acting(&apps, whole)),
        Err(failure) => probes.push(failed(WHAT, &failure)),
    }
    probes
}

/// The first pages of a list, and whether these are all.
async fn some(
    client: &Client,
    call: &Call,
    bucket: &str,
    what: &str,
    first: &str,
) -> Result<(Vec<Value>, bool), Failure> {
    let (mut all, mut path) = (Vec::new(), first.to_owned());
    for _ in 0..MOST_PAGES {
        let (page, next) = client.page(call, bucket, what, &path).await?;
        all.extend(page);
        match next {
            None => return Ok((all, true)),
            Some(next) => path = next,
        }
    }
    Ok((all, false))
}

fn sourced(users: &[Value], whole: bool) -> Probe {
    let elsewhere = users
        .iter()
        .filter(|user| {
            user.pointer("/credentials/provider/type")
                .and_then(Value::as_str)
                .is_some_and(|provider| provider != "OKTA")
        })
        .count();
    let of = if whole { "" } else { "first " };
    let found = format!("{elsewhere} of the {of}{} users are mastered outside Okta", users.len());
    if users.is_empty() {
        return Probe::unseen(WHAT, "no user is shown, so who masters them cannot be told");
    }
    if elsewhere == 0 {
        return probe(WHAT, ProbeResult::Good, &found);
    }
    advice(
        WHAT,
        ProbeResult::Warning,
        &found,
        "their next import may undo a suspension: end them at their master as well",
    )
}

fn acting(apps: &[Value], whole: bool) -> Vec<Probe> {
    let mut probes: Vec<Probe> = apps
        .iter()
        .filter(|app| text(app, "status").is_none_or(|status| status == "ACTIVE"))
        .filter_map(|app| {
            let does: Vec<&(&str, &str, &str)> = FEATURES
                .iter()
                .filter(|(feature, ..)| items(app, "features").iter().any(|has| has == feature))
                .collect();
            if does.is_empty() {
                return None;
            }
            let join = |part: fn(&(&'static str, &'static str, &'static str)) -> &'static str, between: &str| {
                does.iter().map(|one| part(one)).collect::<Vec<_>>().join(between)
            };
            let label = short(text(app, "label").unwrap_or("an app without a label"), 100);
            let id = text(app, "id").unwrap_or_default();
            Some(advice(
                WHAT,
                ProbeResult::Warning,
                &format!("{label} ({id}) {}", join(|one| one.1, ", ")),
                &format!("switch off in {label}: {}", join(|one| one.2, "; ")),
            ))
        })
        .collect();
    if probes.is_empty() {
        let of = if whole { "" } else { "first " };
        let found = format!(
            "none of the {of}{} apps imports, masters or deactivates users",
            apps.len()
        );
        probes.push(probe(WHAT, ProbeResult::Good, &found));
    }
    probes
}
