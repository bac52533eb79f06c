//! Events: what happened, to whom, and who did it.
//!
//! One change shows under different type ids, depending on whether a person, the API, a mapping or a directory made it, and
//! the vendor does not say which id a v2 call raises. So each class of change has one id per source, which tests choose.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::state::{Tenant, stamp};

/// A class of changes; the ids in it are the vendor's (`GET /api/1/events/types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventClass {
    /// 13, 533, 48, 33, 291, 101.
    Created,
    /// 14, 529, 330 to 333.
    Updated,
    /// 512 or one of [`Self::Updated`].
    CustomAttributes,
    /// 16.
    Activated,
    /// 32, 552.
    Reactivated,
    /// 15.
    Deactivated,
    /// 21, 551.
    Suspended,
    /// 17, 530, 28.
    Deleted,
    /// 19, 531, 553.
    Locked,
    /// 12, 554.
    Unlocked,
    /// 4, 147, 149, 513.
    RoleGiven,
    /// 148, 150, 514.
    RoleTaken,
    /// 151.
    RoleAdminGiven,
    /// 152.
    RoleAdminTaken,
    /// 516, 550, 7.
    LoggedOut,
    /// 72, 2106, 2107.
    PrivilegeGiven,
    /// 73, 2108, 2109.
    PrivilegeTaken,
    /// 24, 36, 1600.
    DeviceRemoved,
    /// 11, 211, 510, 511, 1608.
    PasswordChanged,
    /// 223 to 226.
    LicenceChanged,
}

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventSource {
    /// The API.
    Api,
    /// A person in the portal.
    Portal,
    /// A mapping or a directory.
    System,
}

impl EventClass {
    /// The ids of the class: those of the API, the portal and the system first, then the others.
    fn ids(self) -> &'static [i64] {
        match self {
            Self::Created => &[533, 13, 33, 48, 291, 101],
            Self::Updated => &[529, 14, 14, 330, 331, 332, 333],
            Self::CustomAttributes => &[512, 14, 14, 529],
            Self::Activated => &[16, 16, 16],
            Self::Reactivated => &[552, 32, 32],
            Self::Deactivated => &[15, 15, 15],
            Self::Suspended => &[551, 21, 21],
            Self::Deleted => &[530, 17, 17, 28],
            Self::Locked => &[553, 19, 19, 531],
            Self::Unlocked => &[554, 12, 12],
            Self::RoleGiven => &[513, 147, 149, 4],
            Self::RoleTaken => &[514, 148, 150],
            Self::RoleAdminGiven => &[151, 151, 151],
            Self::RoleAdminTaken => &[152, 152, 152],
            Self::LoggedOut => &[516, 550, 550, 7],
            Self::PrivilegeGiven => &[2106, 2107, 72],
            Self::PrivilegeTaken => &[2108, 2109, 73],
            Self::DeviceRemoved => &[24, 24, 24, 36, 1600],
            Self::PasswordChanged => &[511, 211, 11, 510, 1608],
            Self::LicenceChanged => &[223, 225, 226, 224],
        }
    }
}

/// The chosen ids; without a choice the first that fits the source.
#[derive(Debug, Default)]
pub(super) struct EventIds(HashMap<(EventClass, EventSource), i64>);

impl EventIds {
    /// Chooses an id; false when it is not one of the class.
    pub(super) fn choose(&mut self, class: EventClass, source: EventSource, id: i64) -> bool {
        let known = class.ids().contains(&id);
        if known {
            self.0.insert((class, source), id);
        }
        known
    }

    fn of(&self, class: EventClass, source: EventSource) -> i64 {
        let at = match source {
            EventSource::Api => 0,
            EventSource::Portal => 1,
            EventSource::System => 2,
        };
        let usual = class.ids().get(at).copied().unwrap_or_default();
        self.0.get(&(class, source)).copied().unwrap_or(usual)
    }
}

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// An API credential.
    Api { client_id: String, v2: bool },
    /// A person in the portal, by user id.
    Person(i64),
    /// A part of the vendor, or a directory, by name.
    System(String),
}

impl Cause {
    fn source(&self) -> EventSource {
        match self {
            Self::Api { .. } => EventSource::Api,
            Self::Person(_) => EventSource::Portal,
            Self::System(_) => EventSource::System,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The number in the Events API, beyond 32 bits.
    pub(super) id: i64,
    /// The identity in webhooks, which the Events API does not show.
    pub(super) uuid: String,
    pub(super) at: Timestamp,
    /// When the Events API shows it.
    pub(super) visible: Timestamp,
    pub(super) kind: i64,
    pub(super) user_id: Option<i64>,
    pub(super) client_id: Option<String>,
    /// Whether a v2 call caused it, for which the webhook's `client_id` is uncertain.
    pub(super) by_v2: bool,
    /// All other members.
    pub(super) rest: Map<String, Value>,
}

/// Members that a v1 answer always has ("Get Events"; the last four are in the SDK's model of an event).
const API_FIELDS: [&str; 33] = [
    "user_name",
    "actor_user_id",
    "actor_user_name",
    "actor_system",
    "assuming_acting_user_id",
    "role_id",
    "role_name",
    "app_id",
    "app_name",
    "group_id",
    "group_name",
    "otp_device_id",
    "otp_device_name",
    "policy_id",
    "policy_name",
    "custom_message",
    "operation_name",
    "directory_id",
    "directory_sync_run_id",
    "resolution",
    "resource_type_id",
    "error_description",
    "proxy_ip",
    "risk_score",
    "risk_reasons",
    "risk_cookie_id",
    "browser_fingerprint",
    "notes",
    "ipaddr",
    "mapping_id",
    "privilege_id",
    "trusted_idp_id",
    "object_id",
];

/// Members that only webhooks have.
const HOOK_FIELDS: [&str; 20] = [
    "api_credential_name",
    "assumed_by_superadmin_or_reseller",
    "authentication_factor_description",
    "authentication_factor_id",
    "authentication_factor_type",
    "directory_name",
    "entity",
    "imported_user_id",
    "imported_user_name",
    "login_id",
    "login_name",
    "mapping_name",
    "param",
    "policy_type",
    "privilege_name",
    "resolved_at",
    "solved",
    "task_name",
    "user_agent",
    "user_field_id",
];

impl Event {
    fn member(&self, name: &str) -> Value {
        self.rest.get(name).cloned().unwrap_or(Value::Null)
    }

    /// As in `GET /api/1/events`.
    pub(super) fn for_api(&self, account_id: u64) -> Map<String, Value> {
        let mut event = Map::new();
        event.insert("id".to_owned(), json!(self.id));
        event.insert("created_at".to_owned(), json!(stamp(self.at)));
        event.insert("account_id".to_owned(), json!(account_id));
        event.insert("user_id".to_owned(), json!(self.user_id));
        event.insert("event_type_id".to_owned(), json!(self.kind));
        event.insert("client_id".to_owned(), json!(self.client_id));
        for name in API_FIELDS {
            event.insert(name.to_owned(), self.member(name));
        }
        event
    }

    /// As in a webhook. `sparse` leaves out what is null, as older payloads do; `hide_v2_client` makes `client_id` null
    /// when a v2 call caused the event.
    pub(super) fn for_webhook(&self, account_id: u64, sparse: bool, hide_v2_client: bool) -> Value {
        let mut event = self.for_api(account_id);
        event.remove("id");
        event.remove("created_at");
        event.insert("create".to_owned(), json!({"_id": self.uuid}));
        event.insert("uuid".to_owned(), json!(self.uuid));
        let seconds = self.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        event.insert("event_timestamp".to_owned(), json!(seconds));
        for name in HOOK_FIELDS {
            event.insert(name.to_owned(), self.member(name));
        }
        if self.by_v2 && hide_v2_client {
            event.insert("client_id".to_owned(), Value::Null);
        }
        if sparse {
            event.retain(|_, value| !value.is_null());
        }
        Value::Object(event)
    }
}

impl Tenant {
    /// Writes an event of a class about a user.
    pub(super) fn emit(&mut self, class: EventClass, user: i64, more: Value, cause: &Cause, now: Timestamp) {
        let kind = self.event_ids.of(class, cause.source());
        self.emit_kind(kind, Some(user), more, cause, now);
    }

    /// Writes an event of a type. `more` is an object of further members.
    pub(super) fn emit_kind(&mut self, kind: i64, user: Option<i64>, more: Value, cause: &Cause, now: Timestamp) {
        let mut rest = match more {
            Value::Object(rest) => rest,
            _ => Map::new(),
        };
        let name_of = |id: i64| self.users.get(&id).map(super::state::User::display_name);
        if let Some(name) = user.and_then(name_of) {
            rest.entry("user_name").or_insert(json!(name));
        }
        let (mut client, mut by_v2) = (None, false);
        match cause {
            Cause::Api { client_id, v2 } => {
                client = Some(client_id.clone());
                by_v2 = *v2;
                rest.insert("actor_user_name".to_owned(), json!("API"));
                rest.insert("actor_system".to_owned(), json!("API"));
            }
            Cause::Person(actor) => {
                rest.insert("actor_user_id".to_owned(), json!(actor));
                rest.insert("actor_user_name".to_owned(), json!(name_of(*actor)));
                rest.insert("actor_system".to_owned(), json!(""));
                rest.insert("ipaddr".to_owned(), json!("203.0.113.9"));
            }
            Cause::System(name) => {
                rest.insert("actor_user_name".to_owned(), json!(name));
                rest.insert("actor_system".to_owned(), json!(name));
            }
        }
        let event = Event {
            id: self.number(36_114_558_000),
            uuid: self.uuid(),
            at: now,
            visible: now.saturating_add(self.settings.event_delay).unwrap_or(now),
            kind,
            user_id: user,
            client_id: client,
            by_v2,
            rest,
        };
        self.webhooks.queue(&event, now);
        self.events.push(event);
    }
}
