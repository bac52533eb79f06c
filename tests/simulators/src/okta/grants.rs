//! Consents: what users allowed apps to do (Okta, "User Grants API").

use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, continued, own_link};
use super::events::{Origin, user_target};
use super::problem::{self, Problem};
use super::state::{Grant, Org, User};

impl Org {
    fn grant_json(&self, user: &User, grant: &Grant) -> Value {
        let own = format!("{}/api/v1/users/{}/grants/{}", self.base, user.id, grant.id);
        json!({
            "id": grant.id, "status": "ACTIVE", "clientId": grant.client, "scopeId": grant.scope, "userId": user.id,
            "issuer": self.base, "source": "END_USER", "_links": { "self": { "href": own } },
        })
    }

    /// `GET` and `DELETE` on `/users/{id}/grants`: 20 a page unless asked, 200 at most; deleting none is accepted.
    pub(super) fn grants(&mut self, call: &Call<'_>, key: &str) -> Outcome {
        if *call.method == http::Method::GET {
            let at = self.resolve(call, key)?;
            let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
            let limit = call.limit(20, 1, 200)?;
            let start = match call.param("after") {
                None => 0,
                Some(after) => user
                    .grants
                    .iter()
                    .position(|grant| grant.id == after)
                    .ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))?,
            };
            let next = user.grants.get(start + limit);
            let next = next.map(|grant| continued(&self.base, call, &grant.id));
            let page = user.grants.iter().skip(start).take(limit);
            let page = page.map(|grant| self.grant_json(user, grant)).collect();
            return Ok(Answer::page(page, own_link(&self.base, call), next));
        }
        let at = self.resolve_for(call, key, Area::Users, Reach::Write)?;
        let user = self.user_mut(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let gone = std::mem::take(&mut user.grants);
        let target = vec![user_target(user)];
        if !gone.is_empty() {
            for _ in &gone {
                self.counters.add("revoke-grant");
            }
            let origin = Origin::of(call);
            self.emit("app.oauth2.as.consent.revoke.user", target, &[], &origin, call.now);
        }
        Ok(Answer::nothing())
    }

    /// `GET` and `DELETE` on `/users/{id}/grants/{grantId}`.
    pub(super) fn grant(&mut self, call: &Call<'_>, key: &str, id: &str) -> Outcome {
        let unknown = || problem::not_found(id, "OAuth2ScopeConsentGrant");
        if *call.method == http::Method::GET {
            let at = self.resolve(call, key)?;
            let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
            let grant = user.grants.iter().find(|grant| grant.id == id).ok_or_else(unknown)?;
            return Ok(Answer::ok(self.grant_json(user, grant)));
        }
        let at = self.resolve_for(call, key, Area::Users, Reach::Write)?;
        let user = self.user_mut(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let place = user
            .grants
            .iter()
            .position(|grant| grant.id == id)
            .ok_or_else(unknown)?;
        user.grants.remove(place);
        let target = vec![user_target(user)];
        self.counters.add("revoke-grant");
        let origin = Origin::of(call);
        self.emit("app.oauth2.as.consent.revoke.user", target, &[], &origin, call.now);
        Ok(Answer::nothing())
    }
}
