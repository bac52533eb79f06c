//! A Salesforce org.
//!
//! REST API, SOQL, Collections, Composite and the two server-to-server OAuth flows over a generic store of records, with the
//! objects that ending somebody's access touches. Vendor facts: REST API Developer Guide, SOQL and SOSL Reference, Object
//! Reference, and the help pages on the OAuth JWT bearer and client credentials flows. Where the vendor's documents leave a
//! code open, the choice is named beside it.

mod bulk;
mod business;
mod call;
mod collections;
mod composite;
mod errors;
mod ids;
mod oauth;
mod objects;
mod query;
mod records;
mod rest;
mod rules;
mod schema;
mod seed;
mod soql;
mod state;
mod store;
mod tables;
mod time;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use bulk::{BulkFailure, Pace};
pub use business::{Changes, SeedError, Seeded};
pub use ids::id18;
pub use seed::{AppKey, ConnectedApp, SessionKind, UserSeed};
pub use state::Usernames;

use crate::faults::Faults;
use crate::wire::Counters;
use state::State;

/// A permission of the users that call the API. Missing "view" permissions hide records instead of raising errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Without it: no `UserLogin` or `AuthSession` of others, no write to users, log-ins, sessions or assignments.
    ManageUsers,
    /// Without it: no profiles, roles, licences, permission sets or assignments of others.
    ViewSetup,
    /// Without it: no `OauthToken` of others.
    CustomizeApplication,
    /// Without it: no other `User`. Manage Users includes it, so that denying this denies that too.
    ViewAllUsers,
    /// Without it: 403 on every call.
    ApiEnabled,
}

/// One simulated org.
#[derive(Debug)]
pub struct Org {
    state: Mutex<State>,
    counters: Counters,
    faults: Faults,
}

impl Org {
    /// A new org with the standard profiles and no users. `org_id` has 15 or 18 characters and starts with `00D`.
    pub fn new(org_id: &str, is_sandbox: bool, now: Timestamp) -> Self {
        Self::with_usernames(org_id, is_sandbox, now, Usernames::default())
    }

    /// The same, sharing the world's usernames with other orgs.
    pub fn with_usernames(org_id: &str, is_sandbox: bool, now: Timestamp, usernames: Usernames) -> Self {
        let mut state = State::new(org_id, is_sandbox, now, usernames);
        state.furnish();
        Self {
            state: Mutex::new(state),
            counters: Counters::default(),
            faults: Faults::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the My Domain URL: `instance_url` of token answers, an accepted `aud`.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut self.lock().base_url);
    }

    /// The org's id in 18 characters.
    pub fn id(&self) -> String {
        self.lock().org_id.clone()
    }

    /// Takes a permission away from every caller.
    pub fn deny(&self, permission: Permission) {
        self.lock().settings.denied.insert(permission);
    }

    /// Gives a permission back.
    pub fn allow(&self, permission: Permission) {
        self.lock().settings.denied.remove(&permission);
    }

    /// Makes `UserPermissionAccess`, which says what the caller may do, unknown (`INVALID_TYPE`) as in orgs without it.
    pub fn hide_permission_access(&self, hidden: bool) {
        let mut state = self.lock();
        if hidden {
            state.schema.remove(objects::ACCESS);
        } else {
            state.schema.add(objects::permission_access());
        }
    }

    /// Hides a field from every caller, as field-level security does: `INVALID_FIELD` for whoever names it.
    pub fn hide_field(&self, object: &str, field: &str) {
        let mut state = self.lock();
        if let Some(mut hidden) = state.schema.get(object).cloned() {
            hidden.fields.retain(|known| known.name != field);
            state.schema.add(hidden);
        }
    }

    /// Sets the calls allowed in 24 hours.
    pub fn set_daily_limit(&self, calls: u64) {
        self.lock().settings.daily_limit = calls;
    }

    /// Counts calls as if another client had made them now.
    pub fn use_calls(&self, calls: u64) {
        self.lock().use_calls(calls);
    }

    /// Sets how long new sessions live without a call (default two hours). Every call extends the caller's session.
    pub fn set_session_lifetime(&self, life: Duration) {
        self.lock().settings.session_seconds = life.as_secs();
    }

    /// Ends each API session after this many calls (401 from then on); `None` for never.
    pub fn expire_tokens_after(&self, calls: Option<u64>) {
        self.lock().settings.calls_per_token = calls;
    }

    /// Sets the largest page of a query (default 2,000, the vendor's own bound).
    pub fn set_page_size(&self, records: usize) {
        self.lock().settings.page_size = records;
    }

    /// Makes pages shorter than asked by a varying amount, as the vendor reserves to itself.
    pub fn set_short_pages(&self, short: bool) {
        self.lock().settings.short_pages = short;
    }

    /// Sets whether the revoke endpoint takes `OauthToken.DeleteToken` (documented for Apex; over HTTP unproven).
    pub fn set_delete_tokens_work(&self, work: bool) {
        self.lock().settings.delete_tokens_work = work;
    }

    /// Sets whether revoking an `OauthToken` ends the sessions that came from it (default true).
    pub fn set_tokens_end_sessions(&self, end: bool) {
        self.lock().settings.tokens_end_sessions = end;
    }

    /// Makes deactivation of a user fail with this code and text. The vendor documents the texts; the code over REST is
    /// not documented.
    pub fn block_deactivation(&self, user_id: &str, code: &str, message: &str) {
        self.lock()
            .blockers
            .entry(user_id.to_owned())
            .or_default()
            .push((code.to_owned(), message.to_owned()));
    }

    /// Removes what blocks the deactivation of a user.
    pub fn unblock_deactivation(&self, user_id: &str) {
        self.lock().blockers.remove(user_id);
    }

    /// Sets the number of user licences of a kind (`SFDC`, `SALESFORCE_INTEGRATION`).
    pub fn set_licences(&self, name: &str, total: u64) {
        let mut state = self.lock();
        for id in state.ids_where("UserLicense", "Name", name) {
            state.set("UserLicense", &id, json!({ "TotalLicenses": total }));
        }
        state.commit();
    }

    /// Changes fields of a record as a person in the org would, past all rules and counters.
    pub fn set_record(&self, object: &str, id: &str, fields: Value) {
        let mut state = self.lock();
        state.set(object, id, fields);
        state.commit();
    }

    /// Activates or deactivates a user as a person in the org would: with its effects on sessions and tokens, uncounted.
    pub fn set_active(&self, user_id: &str, active: bool) {
        let mut state = self.lock();
        state.set("User", user_id, json!({ "IsActive": active }));
        if !active {
            state.end_access(user_id);
        }
        state.commit();
    }

    /// Freezes a user, or lifts the freeze, as a person in the org would: uncounted.
    pub fn set_frozen(&self, user_id: &str, frozen: bool) {
        let mut state = self.lock();
        for id in state.ids_where("UserLogin", "UserId", user_id) {
            state.set("UserLogin", &id, json!({ "IsFrozen": frozen }));
        }
        state.commit();
    }

    /// A record as stored.
    pub fn record(&self, object: &str, id: &str) -> Option<Value> {
        Some(Value::Object(self.lock().record(object, id)?.row()))
    }

    /// The id of the user with this username.
    pub fn user_id(&self, username: &str) -> Option<String> {
        self.lock().user_named(username)
    }

    /// True when the user's log-in is frozen.
    pub fn is_frozen(&self, user_id: &str) -> bool {
        let state = self.lock();
        state
            .ids_where("UserLogin", "UserId", user_id)
            .iter()
            .any(|id| state.row("UserLogin", id).and_then(|row| row.get("IsFrozen")) == Some(&json!(true)))
    }

    /// True when the user exists and is active.
    pub fn is_active(&self, user_id: &str) -> bool {
        self.lock().row("User", user_id).and_then(|row| row.get("IsActive")) == Some(&json!(true))
    }

    /// Ids of the user's sessions that live at the moment of the last call.
    pub fn sessions_of(&self, user_id: &str) -> Vec<String> {
        let state = self.lock();
        let mut ids = state.ids_where("AuthSession", "UsersId", user_id);
        ids.retain(|id| state.row("AuthSession", id).is_some_and(|row| state.session_lives(row)));
        ids
    }

    /// Ids of the user's `OauthToken` records.
    pub fn tokens_of(&self, user_id: &str) -> Vec<String> {
        self.lock().ids_where("OauthToken", "UserId", user_id)
    }

    /// Effects so far: `freeze`, `unfreeze`, `revoke-token`, `revoke-access-token`, `end-session`, `deactivate`, `activate`,
    /// `update-user`, `create-user`, `assign`, `unassign`, `change-owner`, `change-look-up`, `remove-team-member`,
    /// `assignment-rule`, ….
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The fault switch.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every call so far: method, then path and query as sent.
    pub fn calls(&self) -> Vec<(http::Method, String)> {
        self.lock().calls.clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.lock().calls.clear();
    }
}
