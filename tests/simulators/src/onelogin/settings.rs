//! Switches for what the vendor leaves open, and for what goes wrong.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::OneLogin;
use super::events::{EventClass, EventSource};
use super::state::{signed, whole_millis};

impl OneLogin {
    /// Chooses the event type id that a source raises for a class of changes; false, and nothing changed, when the class
    /// does not have it.
    pub fn choose_event_id(&self, class: EventClass, source: EventSource, id: i64) -> bool {
        self.tenant().event_ids.choose(class, source, id)
    }

    /// Sets the default and the largest page of v2 lists (50 and 100; the vendor's texts disagree).
    pub fn set_page_sizes(&self, default: usize, largest: usize) {
        let settings = &mut self.tenant().settings;
        settings.default_page = default.max(1);
        settings.largest_page = largest.max(1);
    }

    /// Makes the v2 list of users lag behind changes by this long (zero at first). Set it before the changes.
    pub fn set_list_delay(&self, delay: Duration) {
        self.tenant().settings.list_delay = signed(delay);
    }

    /// Makes the Events API show an event only after this long (zero at first; no number is public). Webhooks are not
    /// concerned.
    pub fn set_event_delay(&self, delay: Duration) {
        self.tenant().settings.event_delay = signed(delay);
    }

    /// Sets how long after the answer mappings run that an update leaves behind (one second at first).
    pub fn set_mapping_delay(&self, delay: Duration) {
        self.tenant().settings.mapping_delay = signed(delay);
    }

    /// Sets whether a suspension ends the sessions in the portal (no at first; there is no public statement).
    pub fn set_suspend_ends_sessions(&self, ends: bool) {
        self.tenant().settings.suspend_ends_sessions = ends;
    }

    /// Sets the lock period of the users' policy in minutes; `None`, at first, for no policy.
    pub fn set_lock_policy(&self, minutes: Option<i64>) {
        self.tenant().settings.lock_policy_minutes = minutes;
    }

    /// Sets how long tokens live; ten hours at first. Tokens that exist are concerned too.
    pub fn set_token_life(&self, life: Duration) {
        self.tenant().settings.token_seconds = signed(life).as_secs();
    }

    /// Sets what v2 answers when the scope does not reach: 401, at first, or 403. v1 always answers 401.
    pub fn set_v2_scope_status(&self, status: u16) {
        self.tenant().settings.v2_scope_status = status;
    }

    /// Makes the users and roles of a privilege a bare array, instead of the object with a total that the vendor's SDK reads.
    pub fn set_bare_privilege_users(&self, bare: bool) {
        self.tenant().settings.bare_privilege_users = bare;
    }

    /// Makes the last `after_cursor` of v1 lists an empty text instead of null; both occur.
    pub fn set_empty_last_cursor(&self, empty: bool) {
        self.tenant().settings.last_cursor_empty = empty;
    }

    /// Sets the v1 calls per hour of the account; 5,000 at first.
    pub fn set_rate_limit(&self, per_hour: u64) {
        self.tenant().limits.set(per_hour);
    }

    /// Spends v1 calls as another client of the account would.
    pub fn use_calls(&self, calls: u64, now: Timestamp) {
        self.tenant().limits.spend(calls, whole_millis(now));
    }

    /// Sets the body of 429, which is not documented; a v1 error object at first.
    pub fn set_rate_limit_body(&self, body: Value) {
        self.tenant().limits.refusal = Some(body);
    }

    /// Ends every token now, as the expiry does.
    pub fn expire_tokens(&self) {
        self.tenant().tokens.clear();
    }
}
