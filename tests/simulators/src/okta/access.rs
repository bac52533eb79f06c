//! What a person holds beside the status: sessions, refresh tokens, factors, managers.

use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, own_link};
use super::events::{Origin, user_target};
use super::problem;
use super::state::{Org, stamp};

impl Org {
    /// `DELETE /users/{id}/sessions?oauthTokens=&forgetDevices=`: by id only, never by login. Remembered devices go unless
    /// they are to stay.
    pub(super) fn clear_sessions(&mut self, call: &Call<'_>, id: &str) -> Outcome {
        if !self.by_id.contains_key(id) {
            return Err(problem::not_found(id, "User"));
        }
        let at = self.resolve_for(call, id, Area::Users, Reach::Assist)?;
        let (tokens, devices) = (call.flag("oauthTokens", false), call.flag("forgetDevices", true));
        let user = self.user_mut(at).ok_or_else(|| problem::not_found(id, "User"))?;
        let had = !user.sessions.is_empty()
            || (tokens && !user.refresh_tokens.is_empty())
            || (devices && user.remembered_devices > 0);
        user.sessions.clear();
        if devices {
            user.remembered_devices = 0;
        }
        if tokens {
            user.refresh_tokens.clear();
        }
        let target = vec![user_target(user)];
        if had {
            self.counters.add("clear-sessions");
        }
        self.emit("user.session.clear", target, &[], &Origin::of(call), call.now);
        Ok(Answer::nothing())
    }

    /// `GET /users/{id}/clients` and `DELETE /users/{id}/clients/{clientId}/tokens`.
    pub(super) fn clients_of(&mut self, call: &Call<'_>, key: &str, client: Option<&str>) -> Outcome {
        let Some(client) = client else {
            let at = self.resolve(call, key)?;
            let clients = self
                .user(at)
                .map(|user| user.refresh_tokens.keys().cloned().collect::<Vec<_>>());
            let object =
                |id: String| json!({ "client_id": id, "client_name": id, "client_uri": null, "logo_uri": null });
            let list = clients.unwrap_or_default().into_iter().map(object).collect();
            return Ok(Answer::page(list, own_link(&self.base, call), None));
        };
        let at = self.resolve_for(call, key, Area::Users, Reach::Write)?;
        let user = self.user_mut(at).ok_or_else(|| problem::not_found(key, "User"))?;
        user.refresh_tokens
            .remove(client)
            .ok_or_else(|| problem::not_found(client, "OAuth2Client"))?;
        let target = vec![user_target(user)];
        self.counters.add("revoke-client-tokens");
        self.emit("app.oauth2.token.revoke", target, &[], &Origin::of(call), call.now);
        Ok(Answer::nothing())
    }

    /// `GET /users/{id}/factors` and `DELETE /users/{id}/factors/{factorId}`.
    pub(super) fn factors(&mut self, call: &Call<'_>, key: &str, factor: Option<&str>) -> Outcome {
        let Some(factor) = factor else {
            let at = self.resolve(call, key)?;
            let factors = self.user(at).map(|user| user.factors.as_slice()).unwrap_or_default();
            let object = |factor: &super::state::Factor| {
                json!({
                    "id": factor.id, "factorType": factor.kind, "provider": factor.provider, "vendorName": factor.provider,
                    "status": "ACTIVE", "created": stamp(factor.created), "lastUpdated": stamp(factor.created), "profile": {},
                    "_links": {},
                })
            };
            return Ok(Answer::page(
                factors.iter().map(object).collect(),
                own_link(&self.base, call),
                None,
            ));
        };
        let at = self.resolve_for(call, key, Area::Users, Reach::Assist)?;
        let user = self.user_mut(at).ok_or_else(|| problem::not_found(key, "User"))?;
        if user.status == super::state::Status::Deprovisioned {
            return Err(problem::wrong_status());
        }
        let place = user.factors.iter().position(|one| one.id == factor);
        let gone = user
            .factors
            .remove(place.ok_or_else(|| problem::not_found(factor, "Factor"))?);
        // Removing Okta Verify's push takes its siblings along.
        if matches!(gone.kind.as_str(), "push" | "signed_nonce") {
            user.factors
                .retain(|one| !(one.provider == gone.provider && matches!(one.kind.as_str(), "push" | "signed_nonce")));
        }
        let target = vec![user_target(user)];
        self.counters.add("remove-factor");
        let details = [("factor", gone.kind.to_uppercase())];
        self.emit(
            "user.mfa.factor.deactivate",
            target,
            &details,
            &Origin::of(call),
            call.now,
        );
        Ok(Answer::nothing())
    }

    /// `GET /users/{id}/linkedObjects/{name}`: the ids are only in the links.
    pub(super) fn linked_objects(&self, call: &Call<'_>, key: &str, name: &str) -> Outcome {
        let at = self.resolve(call, key)?;
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let link = |id: &str| json!({ "_links": { "self": { "href": format!("{}/api/v1/users/{id}", self.base) } } });
        let list: Vec<Value> = match name {
            // The associated side of the seeded relation.
            "subordinate" => {
                let reports = |other: &&super::state::User| other.linked.get("manager") == Some(&user.id);
                self.users
                    .iter()
                    .flatten()
                    .filter(reports)
                    .map(|other| link(&other.id))
                    .collect()
            }
            "manager" => user.linked.get(name).map(|id| link(id)).into_iter().collect(),
            _ => return Err(problem::not_found(name, "LinkedObjectDefinition")),
        };
        Ok(Answer::page(list, own_link(&self.base, call), None))
    }
}
