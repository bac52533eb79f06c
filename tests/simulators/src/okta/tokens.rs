//! API tokens as objects (Okta, "API Tokens API"). A token's secret is never shown again; every use begins its window anew.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, own_link};
use super::events::{Actor, Origin, entity};
use super::problem;
use super::state::{ApiToken, Org, stamp};

/// How long a token lives without a use (Okta, "Create an API token").
pub(super) const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Org {
    fn token_json(&self, token: &ApiToken) -> Value {
        let expires = token.used.saturating_add(token.window).unwrap_or(token.used);
        json!({
            "id": token.id, "name": token.name, "userId": token.owner, "clientName": "Okta API",
            "created": stamp(token.created), "lastUpdated": stamp(token.used), "expiresAt": stamp(expires),
            "tokenWindow": iso(token.window), "network": { "connection": "ANYWHERE" },
            "_link": { "self": { "href": format!("{}/api/v1/api-tokens/{}", self.base, token.id) } },
        })
    }

    /// `GET /api-tokens`, which has neither filter nor pages, and `GET` and `DELETE` on `/api-tokens/{id}`. A token may always
    /// revoke itself as `current`.
    pub(super) fn api_tokens(&mut self, call: &Call<'_>, id: Option<&str>) -> Outcome {
        let read = *call.method == http::Method::GET;
        let id = match (id, &call.principal.actor) {
            (Some("current"), Actor::Token { id, .. }) if !read => Some(id.clone()),
            (Some("current"), _) => return Err(problem::no_such_method()),
            (id, _) => {
                let reach = if read { Reach::Read } else { Reach::Write };
                if !call.principal.allowed(Area::Tokens, reach) {
                    return Err(problem::forbidden());
                }
                id.map(str::to_owned)
            }
        };
        // A token whose window is over is dead and no longer listed.
        self.api_tokens
            .retain(|token| call.now.duration_since(token.used) <= token.window);
        let Some(id) = id else {
            let all = self.api_tokens.iter().map(|token| self.token_json(token)).collect();
            return Ok(Answer::page(all, own_link(&self.base, call), None));
        };
        let place = self.api_tokens.iter().position(|token| token.id == id);
        let place = place.ok_or_else(|| problem::not_found(&id, "ApiToken"))?;
        if read {
            let token = self.api_tokens.get(place);
            let token = token.ok_or_else(|| problem::not_found(&id, "ApiToken"))?;
            return Ok(Answer::ok(self.token_json(token)));
        }
        let token = self.api_tokens.remove(place);
        self.counters.add("revoke-api-token");
        let target = vec![entity(&token.id, "Token", "unknown", &token.name)];
        self.emit("system.api_token.revoke", target, &[], &Origin::of(call), call.now);
        Ok(Answer::nothing())
    }
}

/// `P30D`, or `PT5M` for a window that is no whole number of days, as in Okta's examples.
fn iso(window: SignedDuration) -> String {
    let minutes = window.as_mins();
    if minutes % (24 * 60) == 0 {
        format!("P{}D", minutes / (24 * 60))
    } else {
        format!("PT{minutes}M")
    }
}
