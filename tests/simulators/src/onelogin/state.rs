//! What a tenant holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::events::{Event, EventIds};
use super::limits::Limits;
use super::webhooks::WebhookState;
use crate::wire::Counters;

/// A user's `status` (OneLogin's user resource; its Go SDK names the same numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// 0: never activated, or deactivated by hand.
    Unactivated,
    /// 1: the only one that can log in.
    Active,
    /// 2.
    Suspended,
    /// 3: temporary, see `locked_until`.
    Locked,
    /// 4.
    PasswordExpired,
    /// 5.
    AwaitingPasswordReset,
    /// 6: defined and not used by the vendor.
    Unused,
    /// 7.
    PasswordPending,
    /// 8.
    SecurityQuestionsRequired,
}

impl Status {
    /// All of them, by number.
    const ALL: [Self; 9] = [
        Self::Unactivated,
        Self::Active,
        Self::Suspended,
        Self::Locked,
        Self::PasswordExpired,
        Self::AwaitingPasswordReset,
        Self::Unused,
        Self::PasswordPending,
        Self::SecurityQuestionsRequired,
    ];

    /// The number on the wire, 0 to 8.
    pub fn number(self) -> i64 {
        Self::ALL
            .iter()
            .position(|one| *one == self)
            .and_then(|at| i64::try_from(at).ok())
            .unwrap_or_default()
    }

    pub(super) fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied())
    }
}

/// A user's `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// 0.
    Unapproved,
    /// 1: the only one that can log in.
    Approved,
    /// 2.
    Rejected,
    /// 3.
    Unlicensed,
}

impl State {
    /// The number on the wire, 0 to 3.
    pub fn number(self) -> i64 {
        match self {
            Self::Unapproved => 0,
            Self::Approved => 1,
            Self::Rejected => 2,
            Self::Unlicensed => 3,
        }
    }

    pub(super) fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Unapproved),
            1 => Some(Self::Approved),
            2 => Some(Self::Rejected),
            3 => Some(Self::Unlicensed),
            _ => None,
        }
    }
}

/// What an API credential may do; one per credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Log-in calls only: nothing here.
    AuthenticationOnly,
    /// Reads users and events.
    ReadUsers,
    /// Reads and changes users, but neither locks them nor changes roles.
    ManageUsers,
    /// Reads everything.
    ReadAll,
    /// Everything.
    ManageAll,
}

/// An API credential pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredential {
    /// 64 hexadecimal digits at the vendor; any text here.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
    /// Its scope.
    pub scope: Scope,
    /// The id of the administrator who made it. When that user is deleted, calls answer 500.
    pub owner: i64,
}

/// A token that was issued.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: String,
    pub(super) refresh: String,
    pub(super) client_id: String,
    pub(super) created: Timestamp,
}

/// A person.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: i64,
    /// Text and number attributes by their v2 name; absent means null.
    pub(super) profile: Map<String, Value>,
    pub(super) status: Status,
    /// What a lock that ends gives back.
    pub(super) before_lock: Status,
    pub(super) state: State,
    pub(super) group_id: Option<i64>,
    pub(super) directory_id: Option<i64>,
    /// What the directory says about the user; a synchronisation brings it back.
    pub(super) directory_status: Status,
    pub(super) roles: BTreeSet<i64>,
    pub(super) custom: BTreeMap<String, Value>,
    pub(super) devices: Vec<Device>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) activated: Option<Timestamp>,
    pub(super) last_login: Option<Timestamp>,
    pub(super) password_changed: Option<Timestamp>,
    pub(super) locked_until: Option<Timestamp>,
    pub(super) invalid_logins: u32,
}

impl User {
    /// A text attribute; empty when absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.profile.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The name that events show: first and last name, or the e-mail address when both are empty.
    pub(super) fn display_name(&self) -> String {
        let name = format!("{} {}", self.text("firstname"), self.text("lastname"));
        match name.trim() {
            "" => self.text("email").to_owned(),
            name => name.to_owned(),
        }
    }

    /// Only active and approved users can log in.
    pub(super) fn can_log_in(&self) -> bool {
        self.status == Status::Active && self.state == State::Approved
    }
}

/// An enrolled factor.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) factor: String,
    pub(super) default: bool,
}

/// A session in the portal, or inside an app.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) user: i64,
    /// The app, for a session that lives there.
    pub(super) app: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) apps: BTreeSet<i64>,
    pub(super) admins: BTreeSet<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: String,
}

#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) visible: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Privilege {
    pub(super) id: String,
    /// The number in events, which has no counterpart in the API.
    pub(super) number: i64,
    pub(super) name: String,
    pub(super) description: String,
    /// `{"Version", "Statement"}`.
    pub(super) document: Value,
    pub(super) users: BTreeSet<i64>,
    pub(super) roles: BTreeSet<i64>,
}

/// What a mapping does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingAction {
    /// Gives the role with this id.
    AddRole(i64),
    /// Sets the status.
    SetStatus(Status),
    /// Sets the group with this id.
    SetGroup(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub(super) id: i64,
    pub(super) name: String,
    /// Attribute and value, all of which must fit.
    pub(super) conditions: Vec<(String, String)>,
    pub(super) action: MappingAction,
    pub(super) enabled: bool,
}

/// When mappings run after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MappingMode {
    Async,
    Sync,
    Disabled,
}

/// What is not the vendor's data but the simulator's behaviour.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) default_page: usize,
    pub(super) largest_page: usize,
    pub(super) list_delay: SignedDuration,
    pub(super) event_delay: SignedDuration,
    pub(super) mapping_delay: SignedDuration,
    pub(super) suspend_ends_sessions: bool,
    pub(super) lock_policy_minutes: Option<i64>,
    pub(super) token_seconds: i64,
    pub(super) v2_scope_status: u16,
    pub(super) bare_privilege_users: bool,
    pub(super) last_cursor_empty: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_page: 50,
            largest_page: 100,
            list_delay: SignedDuration::ZERO,
            event_delay: SignedDuration::ZERO,
            mapping_delay: SignedDuration::from_secs(1),
            suspend_ends_sessions: false,
            lock_policy_minutes: None,
            token_seconds: 36_000,
            v2_scope_status: 401,
            bare_privilege_users: false,
            last_cursor_empty: false,
        }
    }
}

/// One account.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) account_id: u64,
    pub(super) base: String,
    pub(super) counters: Arc<Counters>,
    pub(super) settings: Settings,
    pub(super) users: BTreeMap<i64, User>,
    /// How users were before each change, oldest first; kept only while the list endpoint lags.
    pub(super) history: Vec<(Timestamp, i64, Option<User>)>,
    pub(super) attributes: BTreeSet<String>,
    pub(super) roles: BTreeMap<i64, Role>,
    pub(super) groups: BTreeMap<i64, Group>,
    pub(super) apps: BTreeMap<i64, App>,
    pub(super) directories: BTreeMap<i64, String>,
    pub(super) privileges: Vec<Privilege>,
    pub(super) mappings: Vec<Mapping>,
    /// Mapping runs that an update left behind: when, and for whom.
    pub(super) mapping_runs: Vec<(Timestamp, i64)>,
    pub(super) sessions: Vec<Session>,
    pub(super) credentials: Vec<ClientCredential>,
    /// Users that a credential does not see, by client id.
    pub(super) hidden: HashMap<String, BTreeSet<i64>>,
    pub(super) tokens: Vec<Token>,
    pub(super) events: Vec<Event>,
    pub(super) event_ids: EventIds,
    pub(super) limits: Limits,
    pub(super) webhooks: WebhookState,
    sequence: u64,
}

impl Tenant {
    pub(super) fn new(account_id: u64, counters: Arc<Counters>) -> Self {
        Self {
            account_id,
            base: format!("https://tenant-{account_id}.onelogin.example"),
            counters,
            settings: Settings::default(),
            users: BTreeMap::new(),
            history: Vec::new(),
            attributes: BTreeSet::new(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            apps: BTreeMap::new(),
            directories: BTreeMap::new(),
            privileges: Vec::new(),
            mappings: Vec::new(),
            mapping_runs: Vec::new(),
            sessions: Vec::new(),
            credentials: Vec::new(),
            hidden: HashMap::new(),
            tokens: Vec::new(),
            events: Vec::new(),
            event_ids: EventIds::default(),
            limits: Limits::default(),
            webhooks: WebhookState::default(),
            sequence: 0,
        }
    }

    /// The next number of a kind of object, starting at `first`.
    pub(super) fn number(&mut self, first: i64) -> i64 {
        self.sequence += 1;
        first.saturating_add(i64::try_from(self.sequence).unwrap_or(i64::MAX))
    }

    /// 64 hexadecimal digits that occur once.
    pub(super) fn secret(&mut self, purpose: &str) -> String {
        self.sequence += 1;
        let digest = Sha256::digest(format!("{purpose}:{}:{}", self.account_id, self.sequence));
        hexadecimal(&digest)
    }

    /// A UUID that occurs once.
    pub(super) fn uuid(&mut self) -> String {
        let digits = self.secret("uuid");
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-4{}-8{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }

    /// Keeps how the user is now, for a list endpoint that lags behind. Call it before every change of a user.
    pub(super) fn remember(&mut self, id: i64, now: Timestamp) {
        let delay = self.settings.list_delay;
        if delay.is_zero() {
            return;
        }
        self.history.retain(|(at, _, _)| now.duration_since(*at) <= delay);
        self.history.push((now, id, self.users.get(&id).cloned()));
    }

    /// The users as the list endpoint sees them.
    pub(super) fn listed(&self, now: Timestamp) -> Vec<User> {
        let mut view = self.users.clone();
        let delay = self.settings.list_delay;
        if !delay.is_zero() {
            let recent = self.history.iter().filter(|(at, _, _)| now.duration_since(*at) < delay);
            // From the youngest change back to the oldest, so that the oldest state within the delay stays.
            for (_, id, before) in recent.rev() {
                match before {
                    Some(user) => view.insert(*id, user.clone()),
                    None => view.remove(id),
                };
            }
        }
        view.into_values().collect()
    }

    /// Ids of a role's members.
    pub(super) fn members(&self, role: i64) -> Vec<i64> {
        self.users
            .values()
            .filter(|user| user.roles.contains(&role))
            .map(|user| user.id)
            .collect()
    }

    /// Ids of the apps a user has, which come through roles only.
    pub(super) fn apps_of(&self, user: &User) -> BTreeSet<i64> {
        user.roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .flat_map(|role| role.apps.iter().copied())
            .collect()
    }

    /// The host's first label, which error texts quote.
    pub(super) fn subdomain(&self) -> String {
        url::Url::parse(&self.base)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .and_then(|host| host.split('.').next().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Cuts a moment down to whole milliseconds, the finest that the vendor shows.
pub(super) fn whole_millis(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment)
}

/// `2026-11-20T09:15:02.190Z`.
pub(super) fn stamp(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// A duration that can be added to a moment.
pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _writing_to_a_string_works = write!(text, "{byte:02x}");
        text
    })
}
