//! Making one change to one user.

use http::Method;
use rollcall_model::{Applied, Call, Change, Failure, HttpResponse};
use serde_json::{Value, json};

use super::actions::{CLEAR_SESSIONS, REVOKE_API_TOKENS, REVOKE_GRANTS, SUSPEND, UNSUSPEND, unknown};
use super::client::Client;
use super::retry;
use super::states::{TOKENS, api_tokens, theirs};
use super::subject::{ONE_USER, is_our_own};
use crate::encode::percent;
use crate::exchange::text;

/// Makes the change.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change) -> Result<Applied, Failure> {
    let Some(account) = &change.account else {
        return Err(Failure::give_up(format!("{} needs an Okta user", change.action)));
    };
    if is_our_own(client, call, &account.id).await? {
        return Err(Failure::give_up(format!(
            "{}: refused, it is our own credential's user",
            change.action
        )));
    }
    let user = format!("/api/v1/users/{}", percent(&account.id));
    match change.action.as_str() {
        SUSPEND => lifecycle(client, call, change, &user, "suspend").await,
        UNSUSPEND => lifecycle(client, call, change, &user, "unsuspend").await,
        REVOKE_GRANTS => {
            let response = client
                .send(
                    call,
                    ONE_USER,
                    "revoking grants",
                    Method::DELETE,
                    &format!("{user}/grants"),
                )
                .await?;
            done_or_gone("revoking grants", &response)
        }
        REVOKE_API_TOKENS => revoke_tokens(client, call, &account.id).await,
        CLEAR_SESSIONS => {
            let path = format!("{user}/sessions?oauthTokens=true&forgetDevices=true");
            let response = client
                .send(call, ONE_USER, "ending sessions", Method::DELETE, &path)
                .await?;
            done_or_gone("ending sessions", &response)
        }
        other => Err(unknown(other)),
    }
}

/// Lifecycle calls are not idempotent: a refusal may mean that it is so already, which the read that follows decides. The
/// reason is for the case that it is not (Okta Users API, "User status").
async fn lifecycle(client: &Client, call: &Call, change: &Change, user: &str, verb: &str) -> Result<Applied, Failure> {
    let what = format!("{verb} the user");
    let response = client
        .send(call, ONE_USER, &what, Method::POST, &format!("{user}/lifecycle/{verb}"))
        .await?;
    if response.status().is_success() {
        return Ok(applied(&response, Value::Null));
    }
    let status = text(&change.before, "status").unwrap_or("unknown");
    let failure = retry::failure(&what, &response);
    let refused = Failure::needs_human(format!(
        "{}: a user who is {status} cannot be suspended or reinstated this way; deactivate them in Okta",
        failure.reason
    ));
    // It may be so all the same: it is read.
    Err(refused.maybe_executed().with_request_id(failure.request_id))
}

/// Every token by its own id, one that is gone is done; all are tried before the first failure is told.
async fn revoke_tokens(client: &Client, call: &Call, user: &str) -> Result<Applied, Failure> {
    let what = "revoking API tokens";
    let tokens = api_tokens(client, call).await?;
    let ids: Vec<&str> = theirs(client, &tokens, user)
        .into_iter()
        .filter_map(|token| text(token, "id"))
        .collect();
    let calls = ids.iter().map(|id| async move {
        let path = format!("/api/v1/api-tokens/{}", percent(id));
        let response = client.send(call, TOKENS, what, Method::DELETE, &path).await?;
        done_or_gone(what, &response)
    });
    let mut worst: Option<Failure> = None;
    let mut last = None;
    for outcome in futures::future::join_all(calls).await {
        match outcome {
            Ok(applied) => last = applied.request_id,
            // While any part may be tried again, the whole may.
            Err(failure) if worst.as_ref().is_none_or(|worst| !worst.is_retryable()) => worst = Some(failure),
            Err(_) => {}
        }
    }
    match worst {
        Some(failure) => Err(failure.maybe_executed()),
        None => Ok(Applied {
            request_id: last,
            reference: json!({ "revoked": ids.len() }),
        }),
    }
}

/// A success, or the word that there is nothing left to do it to.
fn done_or_gone(what: &str, response: &HttpResponse) -> Result<Applied, Failure> {
    if response.status().is_success() || response.status().as_u16() == 404 {
        return Ok(applied(response, Value::Null));
    }
    Err(retry::failure(what, response))
}

fn applied(response: &HttpResponse, reference: Value) -> Applied {
    Applied {
        request_id: retry::request_id(response),
        reference,
    }
}
