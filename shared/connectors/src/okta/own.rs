//! Our own credential: whose it is, and how long it lasts.

use jiff::SignedDuration;
use rollcall_model::connector::{Probe, ProbeResult};
use rollcall_model::{Call, Failure};
use serde_json::Value;

use super::client::Client;
use super::examine::{advice, failed, probe};
use super::states::{api_tokens, last_use};
use super::subject::{profile_text, user};
use super::{OktaAuth, admins};
use crate::encode::short;
use crate::exchange::text;

const WHAT: &str = "own-credential";
/// An API token should never be nearer to its end than this.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far the last use of the token that makes this very call may lie back; more means that uses do not renew it.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(24);

/// The admin roles of the user that the API token belongs to.
pub(super) async fn roles(client: &Client, call: &Call) -> Result<Vec<String>, Failure> {
    match client.own_user(call).await? {
        Some(id) => Ok(admins::role_names(&admins::roles(client, call, &id).await?)),
        None => Ok(Vec::new()),
    }
}

/// Whose credential it is; for an API token also whether it may end without anybody's notice.
pub(super) async fn credential(client: &Client, call: &Call) -> Vec<Probe> {
    if let OktaAuth::ServiceApp { client_id, .. } = &client.settings.auth {
        return vec![probe(WHAT, ProbeResult::Good, &format!("the service app {client_id}"))];
    }
    // A token may see its own user even where it may see nobody else.
    let (owner, tokens) = futures::join!(
        user(client, call, "reading our own user", "me"),
        api_tokens(client, call)
    );
    let mut probes = vec![match owner {
        Ok(Some(owner)) => whose(&owner),
        Ok(None) => Probe::unseen(WHAT, "the token's user is not shown to it"),
        Err(failure) => failed(WHAT, &failure),
    }];
    probes.push(match tokens {
        Ok(tokens) => lasting(client, &tokens),
        Err(failure) => failed(WHAT, &failure),
    });
    probes
}

/// An API token dies with its user's deactivation, so it must not be a person's who may leave. Okta has no mark for that: a
/// number or a manager is what people have and service users do not.
fn whose(owner: &Value) -> Probe {
    let login = short(profile_text(owner, "login").unwrap_or("a user without a login"), 100);
    let found = format!("an API token of {login}");
    let is_person = ["employeeNumber", "manager", "managerId"]
        .iter()
        .any(|field| profile_text(owner, field).is_some());
    if is_person {
        return advice(
            WHAT,
            ProbeResult::Warning,
            &format!("{found}, who is a person: it dies with their deactivation"),
            "use a service app, or a user of its own",
        );
    }
    probe(WHAT, ProbeResult::Good, &found)
}

fn lasting(client: &Client, tokens: &[Value]) -> Probe {
    let own = tokens
        .iter()
        .find(|token| client.settings.own_ids.iter().any(|own| text(token, "id") == Some(own)));
    let Some(own) = own else {
        return advice(
            WHAT,
            ProbeResult::Warning,
            "which API token is ours cannot be told: none of `own_ids` is in the list of tokens",
            "put the token's id (00T…) into `own_ids`",
        );
    };
    let now = client.exchange.clock.now();
    let end = text(own, "expiresAt").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let Some(end) = end else {
        return Probe::unseen(WHAT, "Okta does not say when the API token ends");
    };
    let found = format!("the API token ends on {end} unless it is used before");
    // Every use gives it another 30 days, and this was one: an earlier end is one that uses do not put off.
    let renews = last_use(own).is_some_and(|at| now.duration_since(at) <= JUST_NOW);
    let window = end.duration_since(now);
    if window < SOON && !(renews && window >= SOON - JUST_NOW) {
        return advice(
            WHAT,
            ProbeResult::Warning,
            &found,
            "make a new token, or use a service app",
        );
    }
    probe(WHAT, ProbeResult::Good, &found)
}
