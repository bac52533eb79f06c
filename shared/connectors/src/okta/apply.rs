//! Making one change to one user.

use futures::StreamExt as _;
use http::{Method, StatusCode};
use rollcall_model::{Applied, Call, Change, Executed, Failure, HttpResponse};
use serde_json::{Value, json};

use super::actions::{
    CLEAR_SESSIONS, OURS, REVOKE_API_TOKENS, REVOKE_GRANTS, SUSPEND, UNSUSPEND, in_use_days, is_decided,
};
use super::client::Client;
use super::dismantle::{ADD_GROUPS, DEACTIVATE, REACTIVATE, REMOVE_GROUPS, RESET_FACTORS};
use super::states::{REST, api_tokens, is_in_use, is_ours, tokens_of, unknown_action};
use super::subject::{USERS, canary};
use super::{factors, groups, lifecycle, retry};
use crate::encode::percent;
use crate::exchange::text;

/// Calls of one change that are made side by side.
pub(super) const AT_ONCE: usize = 8;

/// Makes the change.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change) -> Result<Applied, Failure> {
    let Some(account) = &change.account else {
        return Err(Failure::give_up(format!(
            "{} needs an Okta user, and there is none",
            change.action
        )));
    };
    let id = account.id.as_str();
    // By their own id only; a login would be somebody else's as soon as it is renamed.
    let ours = is_ours(client, call, id).await.map_err(harmless)?;
    if ours && change.action != REVOKE_API_TOKENS {
        return Err(Failure::give_up(format!("{}: refused, {OURS}", change.action)));
    }
    match change.action.as_str() {
        SUSPEND => lifecycle::step(client, call, id, &lifecycle::SUSPEND).await,
        UNSUSPEND => lifecycle::step(client, call, id, &lifecycle::UNSUSPEND).await,
        REVOKE_GRANTS => revoke_grants(client, call, id).await,
        REVOKE_API_TOKENS => revoke_api_tokens(client, call, id, &change.with).await,
        CLEAR_SESSIONS => clear_sessions(client, call, id).await,
        REMOVE_GROUPS => groups::remove(client, call, change, id).await,
        ADD_GROUPS => groups::add(client, call, change, id).await,
        RESET_FACTORS => factors::reset(client, call, id).await,
        DEACTIVATE => lifecycle::deactivate(client, call, change, id).await,
        REACTIVATE => lifecycle::reactivate(client, call, change, id).await,
        other => Err(unknown_action(other)),
    }
}

/// `DELETE /users/{id}/grants`: 204, also when there are none.
async fn revoke_grants(client: &Client, call: &Call, id: &str) -> Result<Applied, Failure> {
    let what = "revoking the consents";
    let path = format!("/api/v1/users/{}/grants", percent(id));
    let response = client.write(call, USERS, what, Method::DELETE, &path).await?;
    finished(what, &response)
}

/// `DELETE /users/{id}/sessions`, which takes an id and no login. Remembered devices go with them, and with `oauthTokens` the
/// refresh and access tokens of OIDC apps.
async fn clear_sessions(client: &Client, call: &Call, id: &str) -> Result<Applied, Failure> {
    let what = "clearing the sessions";
    let path = format!(
        "/api/v1/users/{}/sessions?oauthTokens=true&forgetDevices=true",
        percent(id)
    );
    let response = client.write(call, USERS, what, Method::DELETE, &path).await?;
    if response.status() == StatusCode::NOT_FOUND {
        // Somebody who is gone has no sessions; a caller who cannot see them has proven nothing.
        return match canary(client, call).await.map_err(harmless)? {
            Ok(_) => Ok(done(&response, json!({ "status": "deleted" }))),
            Err(_) => Err(retry::failure(what, &response)),
        };
    }
    finished(what, &response)
}

/// Every token of the user by its id, side by side, our own never. What fails is told as one failure after all were tried.
async fn revoke_api_tokens(client: &Client, call: &Call, id: &str, with: &Value) -> Result<Applied, Failure> {
    let what = "revoking the API tokens";
    let unnamed = !client.settings.own_ids.iter().any(|own| own.starts_with("00T"));
    if unnamed && is_ours(client, call, id).await.map_err(harmless)? {
        return Err(Failure::give_up(format!("{what}: refused, {OURS}")));
    }
    let all = api_tokens(client, call).await.map_err(harmless)?;
    let held = tokens_of(client, &all, id);
    let now = client.exchange.clock.now();
    let days = in_use_days(with);
    if let Some(token) = held
        .iter()
        .find(|token| is_in_use(token, now, days))
        .filter(|_| !is_decided(with))
    {
        return Err(Failure::retry(format!(
            "{what}: {} has been used since the plan was made, which nobody has decided about",
            crate::encode::short(text(token, "id").unwrap_or("a token"), 40)
        )));
    }
    let ids: Vec<String> = held
        .iter()
        .filter_map(|token| text(token, "id"))
        .map(str::to_owned)
        .collect();
    let count = ids.len();
    let results: Vec<Result<(), Failure>> = futures::stream::iter(ids)
        .map(|token| revoke(client, call, token))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    match summed("API tokens", count, failures) {
        Some(failure) => Err(failure),
        None => Ok(Applied {
            request_id: None,
            reference: json!({ "revoked": count }),
        }),
    }
}

/// `DELETE /api-tokens/{id}`; one that is gone already is done.
async fn revoke(client: &Client, call: &Call, token: String) -> Result<(), Failure> {
    let what = "revoking an API token";
    let path = format!("/api/v1/api-tokens/{}", percent(&token));
    let response = client.write(call, REST, what, Method::DELETE, &path).await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(()),
        status if status.is_success() => Ok(()),
        _ => Err(retry::failure(what, &response)),
    }
}

fn finished(what: &str, response: &HttpResponse) -> Result<Applied, Failure> {
    if response.status().is_success() {
        return Ok(done(response, json!({})));
    }
    Err(retry::failure(what, response))
}

pub(super) fn done(response: &HttpResponse, reference: Value) -> Applied {
    Applied {
        request_id: retry::request_id(response),
        reference,
    }
}

/// A read before the write, or after its refusal, has no effect whatever becomes of it.
pub(super) fn harmless(mut failure: Failure) -> Failure {
    failure.executed = Executed::No;
    failure
}

/// Several failures as one: the first that somebody must mend, otherwise the first. As soon as one part was or may have been
/// done, so was the whole.
pub(super) fn summed(what: &str, count: usize, failures: Vec<Failure>) -> Option<Failure> {
    let failed = failures.len();
    let partly = failed < count || failures.iter().any(|failure| failure.executed == Executed::Maybe);
    let worst = failures.iter().position(|failure| !failure.is_retryable()).unwrap_or(0);
    let mut failure = failures.into_iter().nth(worst)?;
    failure.reason = format!("{failed} of {count} {what} failed, first: {}", failure.reason);
    Some(if partly { failure.maybe_executed() } else { failure })
}
