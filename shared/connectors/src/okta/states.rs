//! The states behind the actions on one user.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use rollcall_model::connector::ActionUse;
use rollcall_model::{AccountRef, Call, Failure, Observation, State};
use serde_json::{Value, json};

use super::actions::{CLEAR_SESSIONS, REVOKE_API_TOKENS, REVOKE_GRANTS, SUSPEND, UNSUSPEND, in_use_days};
use super::admins;
use super::client::Client;
use super::dismantle::{ADD_GROUPS, DEACTIVATE, REACTIVATE, REMOVE_GROUPS, RESET_FACTORS};
use super::holdings::Holdings;
use super::subject::{USERS, canary, user};
use crate::encode::percent;
use crate::exchange::text;

/// The row of Okta's rate-limit table that everything without a row of its own counts against.
pub(super) const REST: &str = "/api/v1";

/// A list, or why Okta will not show it.
type Listed = Result<Vec<Value>, String>;

/// Reads what the actions need to know. User, consents, tokens and what else the user holds are asked for side by side; what
/// administrators would be left after them, and only when the user would be barred.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    account: Option<&AccountRef>,
    actions: &[ActionUse],
) -> Result<Vec<Observation>, Failure> {
    const KNOWN: [&str; 10] = [
        SUSPEND,
        UNSUSPEND,
        REVOKE_GRANTS,
        REVOKE_API_TOKENS,
        CLEAR_SESSIONS,
        REMOVE_GROUPS,
        ADD_GROUPS,
        RESET_FACTORS,
        DEACTIVATE,
        REACTIVATE,
    ];
    if let Some(unknown) = actions.iter().find(|asked| !KNOWN.contains(&asked.action.as_str())) {
        return Err(unknown_action(&unknown.action));
    }
    let Some(account) = account else {
        return Err(Failure::give_up("this action needs an Okta user, and there is none"));
    };
    let asks = |name: &str| actions.iter().any(|asked| asked.action == name);
    client.sign_in(call).await?;
    let (ours, user, grants, tokens, holdings) = futures::join!(
        is_ours(client, call, &account.id),
        user(client, call, "reading the user", &account.id),
        listed(asks(REVOKE_GRANTS), grants(client, call, &account.id)),
        listed(asks(REVOKE_API_TOKENS), api_tokens(client, call)),
        Holdings::read(client, call, &account.id, actions),
    );
    let ours = ours?;
    let look = Look {
        ours,
        user: match user? {
            Some(user) if text(&user, "id") != Some(account.id.as_str()) => {
                Err("Okta answered with another user than the one asked for".to_owned())
            }
            Some(user) => Ok(Some(user)),
            None => canary(client, call).await?.map(|_| None),
        },
        grants: grants?,
        tokens: tokens?,
    };
    let holdings = holdings?;
    let mut all = Vec::with_capacity(actions.len());
    for asked in actions {
        all.push(match asked.action.as_str() {
            SUSPEND => look.status_before_suspension(client, call, &account.id).await?,
            UNSUSPEND => look.status(),
            REVOKE_GRANTS => look.grants(),
            REVOKE_API_TOKENS => look.api_tokens(client, call, &account.id, &asked.with).await?,
            REMOVE_GROUPS | ADD_GROUPS | RESET_FACTORS | DEACTIVATE | REACTIVATE if look.ours => our_own(),
            REMOVE_GROUPS | ADD_GROUPS | RESET_FACTORS | DEACTIVATE | REACTIVATE => {
                holdings.answer(client, call, account, &look.user, asked).await?
            }
            // Not observable: the vendor's acceptance is the state.
            _ => known(json!({ "accepted": false }), Value::Null),
        });
    }
    Ok(all)
}

/// The failure of an action that this connector does not have.
pub(super) fn unknown_action(action: &str) -> Failure {
    Failure::give_up(format!("Okta has no action {action} in this version"))
}

/// What one look at a user saw.
struct Look {
    ours: bool,
    /// `None` when there is certainly no such user, the reason when it cannot be told.
    user: Result<Option<Value>, String>,
    grants: Option<Listed>,
    tokens: Option<Listed>,
}

impl Look {
    fn status(&self) -> Observation {
        if self.ours {
            return our_own();
        }
        match &self.user {
            Err(why) => Observation::Unknown(why.clone()),
            Ok(None) => known(json!({ "status": "deleted" }), Value::Null),
            Ok(Some(user)) => match status(user) {
                Some(status) => known(
                    json!({ "status": status }),
                    json!({ "okta_status": text(user, "status"), "login": user.pointer("/profile/login") }),
                ),
                None => Observation::Unknown("the user's record states no status".to_owned()),
            },
        }
    }

    /// The status, and for somebody who would be suspended the roles and what they mean to the tenant.
    async fn status_before_suspension(&self, client: &Client, call: &Call, id: &str) -> Result<Observation, Failure> {
        let mut observation = self.status();
        if let Observation::Known(state) = &mut observation {
            let barred = matches!(
                text(&state.value, "status"),
                None | Some("suspended" | "deprovisioned" | "deleted" | "staged")
            );
            if !barred && !self.ours {
                let about = admins::evidence(client, call, id).await?;
                if let (Some(evidence), Value::Object(about)) = (state.evidence.as_object_mut(), about) {
                    evidence.extend(about);
                }
            }
        }
        Ok(observation)
    }

    fn grants(&self) -> Observation {
        if self.ours {
            return our_own();
        }
        match (&self.user, &self.grants) {
            (Ok(None), _) => known(json!({ "grants": "none" }), json!({ "count": 0 })),
            (Err(why), _) | (_, Some(Err(why))) => Observation::Unknown(why.clone()),
            (_, None) => Observation::Unknown("the consents were not read".to_owned()),
            (_, Some(Ok(grants))) => {
                let held = if grants.is_empty() { "none" } else { "some" };
                let mut clients: Vec<&str> = grants.iter().filter_map(|grant| text(grant, "clientId")).collect();
                clients.sort_unstable();
                clients.dedup();
                known(
                    json!({ "grants": held }),
                    json!({ "count": grants.len(), "clients": clients }),
                )
            }
        }
    }

    async fn api_tokens(&self, client: &Client, call: &Call, id: &str, with: &Value) -> Result<Observation, Failure> {
        // Our own token is known by its id only, so beside an unnamed one of ours no other can be told apart.
        if self.ours && !names_its_token(client) {
            return Ok(our_own());
        }
        let tokens = match (&self.user, &self.tokens) {
            (Err(why), _) | (_, Some(Err(why))) => return Ok(Observation::Unknown(why.clone())),
            (_, None) => return Ok(Observation::Unknown("the API tokens were not read".to_owned())),
            (_, Some(Ok(tokens))) => tokens,
        };
        // A token always shows itself to its own list; where it does not, the list shows less than there is.
        if let Some(me) = client.own_user(call).await?
            && !tokens.iter().any(|token| text(token, "userId") == Some(me.as_str()))
        {
            return Ok(Observation::Unknown(
                "the list of API tokens does not even hold our own: give the token's user an admin role that sees them"
                    .to_owned(),
            ));
        }
        let held = tokens_of(client, tokens, id);
        let now = client.exchange.clock.now();
        let recent: Vec<&&Value> = held
            .iter()
            .filter(|token| is_in_use(token, now, in_use_days(with)))
            .collect();
        let value = match (held.is_empty(), recent.is_empty()) {
            (true, _) => "none",
            (false, true) => "some",
            (false, false) => "in-use",
        };
        let ids: Vec<&str> = held.iter().filter_map(|token| text(token, "id")).collect();
        let in_use: Vec<Value> = recent
            .iter()
            .map(|token| {
                json!({ "id": text(token, "id"), "name": text(token, "name"),
                        "last_used": last_use(token).map(|at| at.to_string()) })
            })
            .collect();
        Ok(known(
            json!({ "api_tokens": value }),
            json!({ "count": held.len(), "ids": ids, "in_use": in_use }),
        ))
    }
}

pub(super) fn known(value: Value, evidence: Value) -> Observation {
    Observation::Known(State { value, evidence })
}

fn our_own() -> Observation {
    known(json!({ "ours": true }), Value::Null)
}

/// The status in lower case. Who is on the way to being deactivated counts as deactivated: Okta finishes that by itself.
pub(super) fn status(user: &Value) -> Option<String> {
    if text(user, "transitioningToStatus") == Some("DEPROVISIONED") {
        return Some("deprovisioned".to_owned());
    }
    text(user, "status").map(str::to_lowercase)
}

/// Whether it is the user that our own credential belongs to.
pub(super) async fn is_ours(client: &Client, call: &Call, id: &str) -> Result<bool, Failure> {
    let named = client.settings.own_ids.iter().any(|own| own == id);
    Ok(named || client.own_user(call).await?.as_deref() == Some(id))
}

fn names_its_token(client: &Client) -> bool {
    client.settings.own_ids.iter().any(|own| own.starts_with("00T"))
}

/// The tokens of a user without our own.
pub(super) fn tokens_of<'a>(client: &Client, tokens: &'a [Value], user: &str) -> Vec<&'a Value> {
    tokens
        .iter()
        .filter(|token| text(token, "userId") == Some(user))
        .filter(|token| !client.settings.own_ids.iter().any(|own| text(token, "id") == Some(own)))
        .collect()
}

/// Every use renews a token for its window, so the window before its end is its last use (API Tokens API, `expiresAt` and
/// `tokenWindow`).
pub(super) fn last_use(token: &Value) -> Option<Timestamp> {
    let at = |name: &str| text(token, name).and_then(|time| time.parse::<Timestamp>().ok());
    let window = text(token, "tokenWindow").and_then(window);
    match (at("expiresAt"), window) {
        (Some(end), Some(window)) => end.checked_sub(window).ok(),
        _ => at("lastUpdated"),
    }
}

/// An ISO 8601 duration with days of 24 hours.
fn window(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

/// Whether the token was used within the last days. One that does not tell is taken to be.
pub(super) fn is_in_use(token: &Value, now: Timestamp, days: i64) -> bool {
    last_use(token).is_none_or(|at| now.duration_since(at) <= SignedDuration::from_hours(days.saturating_mul(24)))
}

/// Something that is only read when asked for; what Okta refuses for good is a reason and no failure.
pub(super) async fn listed<T>(
    wanted: bool,
    list: impl Future<Output = Result<T, Failure>>,
) -> Result<Option<Result<T, String>>, Failure> {
    if !wanted {
        return Ok(None);
    }
    match list.await {
        Ok(all) => Ok(Some(Ok(all))),
        Err(failure) if failure.may_pass() => Err(failure),
        Err(failure) => Ok(Some(Err(failure.reason))),
    }
}

async fn grants(client: &Client, call: &Call, id: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("/api/v1/users/{}/grants?limit=200", percent(id));
    client.list(call, USERS, "reading the consents", &path).await
}

/// All API tokens of the tenant; the list has no filter.
pub(super) async fn api_tokens(client: &Client, call: &Call) -> Result<Vec<Value>, Failure> {
    let all = client
        .list(call, REST, "reading the API tokens", "/api/v1/api-tokens")
        .await?;
    // Each once, should a page repeat it.
    let unique: BTreeMap<String, Value> = all
        .into_iter()
        .filter_map(|token| Some((text(&token, "id")?.to_owned(), token)))
        .collect();
    Ok(unique.into_values().collect())
}
