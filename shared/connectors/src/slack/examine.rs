//! What the connection needs in order to work, looked at one by one.

use std::collections::BTreeSet;

use rollcall_model::{Call, Failure, FailureClass, Probe, ProbeResult};

use super::actions;
use super::client::Client;
use crate::exchange::{header, text};

const TENANT: &str = "tenant";
const SCOPES: &str = "scopes";
const CANARY: &str = "canary";
const PERMISSIONS: &str = "permissions";
const QUOTA: &str = "quota";
const OWN_CREDENTIAL: &str = "own-credential";

/// Nobody's address (RFC 2606), which a search that works does not find.
const NOBODY: &str = "rollcall-canary@nobody.invalid";

/// All probes. Nothing is changed and nothing is posted.
pub(super) async fn examine(client: &Client, call: &Call) -> Vec<Probe> {
    let (answer, response) = match client.identify(call).await {
        Ok(identified) => identified,
        Err(failure) => {
            let mut probes = vec![failed(TENANT, &failure)];
            for what in [SCOPES, CANARY, PERMISSIONS, OWN_CREDENTIAL] {
                probes.push(Probe::new(
                    what,
                    ProbeResult::Unknown,
                    "the token does not answer",
                    None,
                ));
            }
            probes.push(quota());
            return probes;
        }
    };
    let team = text(&answer, "team_id").unwrap_or("a workspace without a name");
    let mut probes = vec![if team == client.settings.team_id {
        Probe::new(TENANT, ProbeResult::Good, team, None)
    } else {
        Probe::new(
            TENANT,
            ProbeResult::Bad,
            format!(
                "the token belongs to workspace {team}, configured {}",
                client.settings.team_id
            ),
            Some("correct team_id, or set the token of the configured workspace"),
        )
    }];
    probes.push(scopes(header(&response, "x-oauth-scopes")));
    if team == client.settings.team_id {
        probes.push(canary(client, call).await);
    } else {
        probes.push(Probe::new(
            CANARY,
            ProbeResult::Unknown,
            "nothing is asked of another workspace",
            None,
        ));
    }
    probes.push(Probe::new(
        PERMISSIONS,
        ProbeResult::Unknown,
        "whether the bot is in every channel that it posts to does not show here",
        Some("invite the bot to each channel that the playbooks name"),
    ));
    probes.push(if text(&answer, "bot_id").is_some() {
        Probe::new(OWN_CREDENTIAL, ProbeResult::Good, "the token is a bot's", None)
    } else {
        Probe::new(
            OWN_CREDENTIAL,
            ProbeResult::Warning,
            "the token is a person's: it ends when that person leaves",
            Some("set the bot's token of the app (xoxb-…)"),
        )
    });
    probes.push(quota());
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

fn quota() -> Probe {
    Probe::new(
        QUOTA,
        ProbeResult::Unknown,
        "Slack does not tell how much of its limits is left; it says when one is reached",
        None,
    )
}

/// The scopes come with every answer (`x-oauth-scopes`); the ones for private channels are needed only where they are posted to.
fn scopes(given: Option<&str>) -> Probe {
    let Some(given) = given else {
        return Probe::new(
            SCOPES,
            ProbeResult::Unknown,
            "the answer does not name the token's scopes",
            None,
        );
    };
    let given: BTreeSet<&str> = given
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .collect();
    let missing: Vec<&str> = actions::scopes()
        .into_iter()
        .filter(|scope| !given.contains(scope))
        .collect();
    if missing.is_empty() {
        return Probe::new(SCOPES, ProbeResult::Good, "all that the actions need", None);
    }
    let result = if missing.iter().all(|scope| scope.starts_with("groups:")) {
        ProbeResult::Warning
    } else {
        ProbeResult::Bad
    };
    Probe::new(
        SCOPES,
        result,
        format!("missing: {}", missing.join(", ")),
        Some("add them to the app and install it again; groups: scopes are for private channels"),
    )
}

/// A search for nobody: a token that may search says that there is no such person.
async fn canary(client: &Client, call: &Call) -> Probe {
    let what = "looking for nobody";
    match client
        .read(call, what, "users.lookupByEmail", &[("email", NOBODY)])
        .await
    {
        Ok(_) => Probe::new(
            CANARY,
            ProbeResult::Warning,
            format!("somebody has the address {NOBODY}"),
            Some("look who: no mail can reach it"),
        ),
        Err(failure) if failure.reason.contains("users_not_found") => Probe::new(
            CANARY,
            ProbeResult::Good,
            "people are found by their e-mail address",
            None,
        ),
        Err(failure) => failed(CANARY, &failure),
    }
}
