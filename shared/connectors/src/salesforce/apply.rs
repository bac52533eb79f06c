//! Making one change to one user.

use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method};
use rollcall_model::{Applied, Call, Change, Executed, Failure, FailureClass};
use rollcall_runtime::Secret;
use serde_json::{Value, json};

use super::actions::{END_SESSIONS, FREEZE, REVOKE_TOKENS, UNFREEZE};
use super::assign;
use super::client::{Client, harmless};
use super::collections::{self, CHUNK, is_gone};
use super::deactivate::{self, DEACTIVATE, REACTIVATE};
use super::entitlements::{REMOVE, RESTORE};
use super::retry;
use super::soql::{eighteen, is_id, same_record, soql_quote};
use super::states::delete_tokens;
use crate::encode::form;
use crate::exchange::{items, request, text};

/// Tokens that are revoked side by side.
const AT_ONCE: usize = 8;

/// Makes the change.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change) -> Result<Applied, Failure> {
    let target = change.account.as_ref().and_then(|account| eighteen(&account.id));
    let Some(target) = target else {
        return Err(Failure::give_up(format!(
            "{} needs a Salesforce user, and the account's id is none",
            change.action
        )));
    };
    if same_record(&client.access(call).await?.own_user, &target) {
        return Err(Failure::give_up(format!(
            "{}: refused, it is the integration's own user",
            change.action
        )));
    }
    match change.action.as_str() {
        FREEZE | UNFREEZE => freeze(client, call, change, &target).await,
        REVOKE_TOKENS => revoke_tokens(client, call, &target).await,
        END_SESSIONS => end_sessions(client, call, change, &target).await,
        REMOVE => assign::remove(client, call, change).await,
        RESTORE => assign::restore(client, call, change, &target).await,
        DEACTIVATE | REACTIVATE => deactivate::apply(client, call, change, &target).await,
        other => Err(Failure::give_up(format!(
            "Salesforce has no action {other} in this version"
        ))),
    }
}

/// `UserLogin` is addressed by its own id only; the plan has read it.
async fn freeze(client: &Client, call: &Call, change: &Change, target: &str) -> Result<Applied, Failure> {
    let what = "freezing";
    let Some(frozen) = change.after.get("frozen").and_then(Value::as_bool) else {
        return Err(Failure::give_up(format!(
            "{what}: the change does not say whether the user ends frozen"
        )));
    };
    let login = if let Some(id) = text(&change.evidence, "login").filter(|id| is_id(id)) {
        id.to_owned()
    } else {
        let soql = format!("SELECT Id FROM UserLogin WHERE UserId = {}", soql_quote(target));
        let rows = client.query(call, "reading the log-in", &soql).await?;
        let id = rows.first().and_then(|row| text(row, "Id")).filter(|id| is_id(id));
        id.map(str::to_owned)
            .ok_or_else(|| Failure::retry(format!("{what}: the user has no log-in row now")))?
    };
    let path = format!("{}/sobjects/UserLogin/{login}", client.data());
    let response = client
        .send(call, what, Method::PATCH, &path, Some(&json!({ "IsFrozen": frozen })))
        .await?;
    Ok(Applied {
        request_id: retry::request_id(&response),
        reference: json!({ "login": login }),
    })
}

/// Every token by its own secret, side by side; one that is gone already is done. What fails is told as one failure after all
/// were tried, since no token should live on because another one's call was lost.
async fn revoke_tokens(client: &Client, call: &Call, target: &str) -> Result<Applied, Failure> {
    let remembered = client
        .delete_tokens
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .remove(target);
    let secrets = if let Some(secrets) = remembered {
        secrets
    } else {
        let soql = format!(
            "SELECT Id, DeleteToken FROM OauthToken WHERE UserId = {}",
            soql_quote(target)
        );
        let rows = client
            .query(call, "reading the OAuth tokens", &soql)
            .await
            .map_err(harmless)?;
        delete_tokens(&rows.iter().collect::<Vec<_>>())
    };
    let count = secrets.len();
    let results: Vec<Result<(), Failure>> = futures::stream::iter(secrets)
        .map(|secret| revoke(client, call, secret))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
    match summed(&format!("of {count} tokens"), failures, count) {
        Some(failure) => Err(failure),
        None => Ok(Applied {
            request_id: None,
            reference: json!({ "revoked": count }),
        }),
    }
}

/// `POST /services/oauth2/revoke` (OAuth 2.0, "Revoke OAuth Tokens").
async fn revoke(client: &Client, call: &Call, secret: Secret) -> Result<(), Failure> {
    let what = "revoking a token";
    let address = format!("{}/services/oauth2/revoke", client.access(call).await?.instance);
    let mut headers = HeaderMap::new();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let body = form(&[("token", secret.reveal())]);
    let response = client
        .exchange
        .send(call, what, request(Method::POST, &address, headers, body)?)
        .await?;
    if response.status().is_success() {
        return Ok(());
    }
    let refusal = retry::refusal(&response);
    match refusal.code.as_str() {
        "invalid_token" => Ok(()),
        "unsupported_token_type" => Err(Failure::needs_human(format!(
            "{what}: Salesforce answered {} unsupported_token_type: this org does not revoke other users' tokens over the API, revoke them on the user's page",
            refusal.status
        ))),
        _ => Err(retry::failure(what, &response)),
    }
}

/// Deletes the sessions that the plan has seen. New ones show at the read-back.
async fn end_sessions(client: &Client, call: &Call, change: &Change, target: &str) -> Result<Applied, Failure> {
    let seen: Vec<String> = items(&change.evidence, "ids")
        .iter()
        .filter_map(Value::as_str)
        .filter(|id| is_id(id))
        .map(str::to_owned)
        .collect();
    let ids = if seen.is_empty() {
        let soql = format!("SELECT Id FROM AuthSession WHERE UsersId = {}", soql_quote(target));
        let rows = client
            .query(call, "reading the sessions", &soql)
            .await
            .map_err(harmless)?;
        rows.iter()
            .filter_map(|row| text(row, "Id"))
            .filter(|id| is_id(id))
            .map(str::to_owned)
            .collect()
    } else {
        seen
    };
    let chunks = futures::future::join_all(ids.chunks(CHUNK).map(|chunk| delete(client, call, chunk))).await;
    let failures: Vec<Failure> = chunks.into_iter().flatten().collect();
    match summed(&format!("of {} sessions", ids.len()), failures, ids.len()) {
        Some(failure) => Err(failure),
        None => Ok(Applied {
            request_id: None,
            reference: json!({ "ended": ids.len() }),
        }),
    }
}

/// One collections call; answers what failed. A session that is gone is done, whichever way the vendor says so.
async fn delete(client: &Client, call: &Call, ids: &[String]) -> Vec<Failure> {
    let what = "ending sessions";
    match collections::delete(client, call, what, ids).await {
        Err(failure) => vec![failure],
        Ok(written) => written
            .into_iter()
            .filter_map(Result::err)
            .filter(|refusal| !is_gone(refusal))
            .map(|refusal| refusal.failure(what))
            .collect(),
    }
}

/// Several failures as one: retryable while any of them is, after the longest wait that one asks for, because the others meet
/// their refusal again at the repetition and nothing that could still be cut may stay. As soon as one part was or may have been
/// done, so was the whole.
pub(super) fn summed(of: &str, failures: Vec<Failure>, count: usize) -> Option<Failure> {
    let failed = failures.len();
    let partly = failed < count || failures.iter().any(|failure| failure.executed == Executed::Maybe);
    let wait = |failure: &Failure| match failure.class {
        FailureClass::Retry { after } => Some(after),
        _ => None,
    };
    let (mut passing, lasting): (Vec<Failure>, Vec<Failure>) = failures.into_iter().partition(Failure::is_retryable);
    passing.sort_by_key(|failure| std::cmp::Reverse(wait(failure)));
    let also = lasting.first().map(|failure| failure.reason.clone());
    let (mut failure, also) = match passing.into_iter().next() {
        Some(failure) => (failure, also),
        None => (lasting.into_iter().next()?, None),
    };
    failure.reason = format!("{failed} {of} failed, first: {}", failure.reason);
    if let Some(also) = also {
        failure.reason = format!("{}; and, not to be mended by a repetition: {also}", failure.reason);
    }
    Some(if partly { failure.maybe_executed() } else { failure })
}
