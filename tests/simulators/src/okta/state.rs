//! What an org holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::hooks::HookState;
use super::limits::Limits;
use super::logs::Journal;
use crate::wire::Counters;

/// A user's status (Okta, "User object", `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the vendor's own words")]
pub enum Status {
    Staged,
    Provisioned,
    Active,
    PasswordExpired,
    LockedOut,
    Recovery,
    Suspended,
    Deprovisioned,
}

impl Status {
    /// The status as it appears in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Active => "ACTIVE",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Recovery => "RECOVERY",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// What the search index still believes about a user.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    pub(super) until: Timestamp,
    /// Nothing when the user was not there yet.
    pub(super) seen: Option<(Status, Map<String, Value>)>,
}

/// A consent grant.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) client: String,
    pub(super) scope: String,
}

/// An enrolled factor.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) provider: String,
    pub(super) created: Timestamp,
}

/// A directly assigned admin role.
#[derive(Clone, Debug)]
pub(super) struct RoleAssignment {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) created: Timestamp,
    /// What a `CUSTOM` assignment binds.
    pub(super) custom: Option<Binding>,
}

/// A custom role over a resource set.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) label: String,
    pub(super) role: String,
    pub(super) set: String,
}

/// An app assignment of one user.
#[derive(Clone, Debug)]
pub(super) struct AppUser {
    pub(super) id: String,
    /// The group that grants it; a direct assignment when absent.
    pub(super) through: Option<String>,
    pub(super) created: Timestamp,
    /// The app's own id of the user; lost with the assignment.
    pub(super) external_id: Option<String>,
    /// The app's sign-in name of the user, where it is not the login.
    pub(super) user_name: Option<String>,
}

/// A person in the directory.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) status: Status,
    /// A running asynchronous deactivation ends at this moment.
    pub(super) leaving: Option<Timestamp>,
    pub(super) created: Timestamp,
    pub(super) activated: Option<Timestamp>,
    pub(super) status_changed: Option<Timestamp>,
    pub(super) last_login: Option<Timestamp>,
    pub(super) last_updated: Timestamp,
    pub(super) password_changed: Option<Timestamp>,
    pub(super) has_password: bool,
    /// `OKTA`, or the outside system that masters the profile.
    pub(super) provider: String,
    pub(super) profile: Map<String, Value>,
    /// Grows with every profile write; the ETag comes from it, so a status change leaves the ETag alone.
    pub(super) revision: u64,
    /// Ids of open sessions.
    pub(super) sessions: Vec<String>,
    /// Browsers and devices that need no second factor.
    pub(super) remembered_devices: u32,
    /// Refresh tokens by OAuth client.
    pub(super) refresh_tokens: BTreeMap<String, u32>,
    pub(super) grants: Vec<Grant>,
    pub(super) factors: Vec<Factor>,
    /// Ids of the groups, without `Everyone`, which holds all.
    pub(super) groups: BTreeSet<String>,
    pub(super) roles: Vec<RoleAssignment>,
    pub(super) apps: BTreeMap<String, AppUser>,
    /// Linked objects: relation name to primary user id.
    pub(super) linked: BTreeMap<String, String>,
    pub(super) stale: Option<Stale>,
}

impl User {
    /// A profile member as text; empty when absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.profile.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// First and last name.
    pub(super) fn display_name(&self) -> String {
        format!("{} {}", self.text("firstName"), self.text("lastName"))
            .trim()
            .to_owned()
    }
}

/// What kind of group (Okta, "Group object", `type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Made in Okta and writable.
    Okta,
    /// Imported from a directory or an app; its members are not writable here.
    App,
    /// `Everyone` and its like; not writable.
    BuiltIn,
}

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) kind: GroupKind,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) membership_updated: Timestamp,
    /// Positions of the members in [`Org::users`]; unused for `Everyone`.
    pub(super) members: BTreeSet<usize>,
    /// Admin roles that members get through the group.
    pub(super) roles: Vec<RoleAssignment>,
}

/// A group rule that compares one profile attribute with one value.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    /// Only an active rule gives and takes; what it gave stays when it is made inactive.
    pub(super) active: bool,
    pub(super) name: String,
    pub(super) attribute: String,
    pub(super) value: String,
    pub(super) group: String,
    pub(super) excluded: BTreeSet<String>,
    pub(super) created: Timestamp,
}

/// An app in the org.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) active: bool,
    pub(super) created: Timestamp,
    /// Groups that are assigned.
    pub(super) groups: BTreeSet<String>,
    /// Provisioning features that are on.
    pub(super) features: Vec<String>,
}

/// An SSWS token.
#[derive(Clone, Debug)]
pub(super) struct ApiToken {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) used: Timestamp,
    /// How long it lives without a use; each use begins the window anew.
    pub(super) window: SignedDuration,
}

/// An API Services app.
#[derive(Clone, Debug)]
pub(super) struct ServiceClient {
    pub(super) keys: Vec<Jwk>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) dpop: bool,
}

/// An access token that was handed out.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) client: String,
    pub(super) scopes: BTreeSet<String>,
    pub(super) expires: Timestamp,
    /// Thumbprint of the DPoP key it is bound to.
    pub(super) bound_to: Option<String>,
}

/// Whether absent values are written (Okta's present style) or left out (seen in older deliveries).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyStyle {
    /// Absent values appear as `null`.
    #[default]
    NullsWritten,
    /// Null members are left out, `client` shrinks to an empty `ipChain` and `securityContext` to `{}`.
    NullsOmitted,
}

/// The whole state of an org.
#[derive(Debug)]
pub(super) struct Org {
    pub(super) id: String,
    pub(super) base: String,
    pub(super) counters: Arc<Counters>,
    drawn: u64,
    /// Users in order of creation; a removed user leaves a gap, so that positions and cursors stay valid.
    pub(super) users: Vec<Option<User>>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) by_login: HashMap<String, usize>,
    /// Users with a running asynchronous deactivation.
    pub(super) leaving: Vec<usize>,
    pub(super) groups: Vec<Group>,
    pub(super) rules: Vec<Rule>,
    pub(super) apps: Vec<App>,
    pub(super) api_tokens: Vec<ApiToken>,
    pub(super) clients: BTreeMap<String, ServiceClient>,
    pub(super) access_tokens: HashMap<String, AccessToken>,
    /// `jti` values of assertions and proofs, until they could not be presented again anyway.
    pub(super) seen_jti: HashMap<String, Timestamp>,
    pub(super) hooks: HookState,
    pub(super) journal: Journal,
    pub(super) limits: Limits,
    pub(super) custom_attributes: BTreeSet<String>,
    pub(super) deactivation_takes: SignedDuration,
    pub(super) search_lag: SignedDuration,
    pub(super) joined_links: bool,
    pub(super) unknown_members: bool,
    pub(super) type_id: String,
}

impl Org {
    pub(super) fn new(id: &str, now: Timestamp, counters: Arc<Counters>) -> Self {
        let mut org = Self {
            id: id.to_owned(),
            base: "https://okta.example.com".to_owned(),
            counters,
            drawn: 0,
            users: Vec::new(),
            by_id: HashMap::new(),
            by_login: HashMap::new(),
            leaving: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
            apps: Vec::new(),
            api_tokens: Vec::new(),
            clients: BTreeMap::new(),
            access_tokens: HashMap::new(),
            seen_jti: HashMap::new(),
            hooks: HookState::default(),
            journal: Journal::default(),
            limits: Limits::default(),
            custom_attributes: BTreeSet::new(),
            deactivation_takes: SignedDuration::ZERO,
            search_lag: SignedDuration::ZERO,
            joined_links: false,
            unknown_members: false,
            type_id: String::new(),
        };
        org.type_id = org.fresh("oty");
        let everyone = org.fresh("00g");
        org.groups.push(Group {
            id: everyone,
            kind: GroupKind::BuiltIn,
            name: "Everyone".to_owned(),
            description: Some("All users in your organization".to_owned()),
            created: now,
            updated: now,
            membership_updated: now,
            members: BTreeSet::new(),
            roles: Vec::new(),
        });
        org
    }

    /// The next 32 bytes of the org's own stream; the same org with the same calls draws the same ones.
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        Sha256::digest(format!("{}|{}", self.id, self.drawn)).into()
    }

    /// A new id of 20 characters with the given prefix.
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        let body = letters(&self.draw(), 20_usize.saturating_sub(prefix.len()));
        format!("{prefix}{body}")
    }

    /// A new opaque secret of 40 characters with the given prefix.
    pub(super) fn secret(&mut self, prefix: &str) -> String {
        let (first, second) = (self.draw(), self.draw());
        format!("{prefix}{}{}", letters(&first, 20), letters(&second, 20))
    }

    /// A new UUID in text form.
    pub(super) fn uuid(&mut self) -> String {
        let hex = hexadecimal(&self.draw());
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        // The fixed digits say "version 4, variant 1", so that strict parsers take it.
        format!(
            "{}-{}-4{}-a{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }

    /// The user at a position.
    pub(super) fn user(&self, at: usize) -> Option<&User> {
        self.users.get(at).and_then(Option::as_ref)
    }

    /// The user at a position, for writing.
    pub(super) fn user_mut(&mut self, at: usize) -> Option<&mut User> {
        self.users.get_mut(at).and_then(Option::as_mut)
    }

    /// The position of a user by id, login, or the login's local part where that is unique.
    pub(super) fn find_user(&self, key: &str) -> Option<usize> {
        if let Some(at) = self.by_id.get(key) {
            return Some(*at);
        }
        let key = key.to_lowercase();
        if let Some(at) = self.by_login.get(&key) {
            return Some(*at);
        }
        if key.contains('@') {
            return None;
        }
        let prefix = format!("{key}@");
        let mut short = self
            .by_login
            .iter()
            .filter(|(login, _)| login.starts_with(&prefix))
            .map(|(_, at)| *at);
        match (short.next(), short.next()) {
            (Some(at), None) => Some(at),
            _ => None,
        }
    }

    /// The group with this id.
    pub(super) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The group with this id, for writing.
    pub(super) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.id == id)
    }

    /// All admin role types of a user, direct and through groups.
    pub(super) fn role_kinds(&self, user: &User) -> BTreeSet<String> {
        let direct = user.roles.iter().map(|role| role.kind.clone());
        let groups = self.groups.iter().filter(|group| user.groups.contains(&group.id));
        let derived = groups.flat_map(|group| group.roles.iter().map(|role| role.kind.clone()));
        direct.chain(derived).collect()
    }

    /// Remembers what the search index knows before a write, when the index lags.
    pub(super) fn before_write(&mut self, at: usize, now: Timestamp) {
        let lag = self.search_lag;
        if lag.is_zero() {
            return;
        }
        if let Some(user) = self.user_mut(at) {
            let seen = match user.stale.take() {
                Some(stale) if stale.until > now => stale.seen,
                _ => Some((user.status, user.profile.clone())),
            };
            user.stale = Some(Stale {
                until: now.saturating_add(lag).unwrap_or(Timestamp::MAX),
                seen,
            });
        }
    }
}

/// The first `count` letters and digits made from `bytes`.
fn letters(bytes: &[u8], count: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = |byte: &u8| {
        char::from(
            ALPHABET
                .get(usize::from(*byte) % ALPHABET.len())
                .copied()
                .unwrap_or(b'0'),
        )
    };
    bytes.iter().take(count).map(letter).collect()
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// A moment as Okta writes it: UTC with milliseconds and `Z`.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The same moment without its sub-millisecond part.
pub(super) fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// A standard duration as a signed one; the longest there is when it does not fit.
pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
