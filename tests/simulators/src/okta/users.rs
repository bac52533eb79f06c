//! Single users: read, create, update, delete.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome};
use super::events::{Actor, Origin, user_target};
use super::problem::{self, Problem};
use super::render::{etag, project};
use super::state::{Org, Stale, Status, User};

/// The base profile (Okta, "User profile", default attributes).
const BASE_ATTRIBUTES: [&str; 31] = [
    "city",
    "costCenter",
    "countryCode",
    "department",
    "displayName",
    "division",
    "email",
    "employeeNumber",
    "firstName",
    "honorificPrefix",
    "honorificSuffix",
    "lastName",
    "locale",
    "login",
    "manager",
    "managerId",
    "middleName",
    "mobilePhone",
    "nickName",
    "organization",
    "postalAddress",
    "preferredLanguage",
    "primaryPhone",
    "profileUrl",
    "secondEmail",
    "state",
    "streetAddress",
    "timezone",
    "title",
    "userType",
    "zipCode",
];

/// The most groups named at creation.
const MOST_GROUPS: usize = 20;

/// What a new user starts with.
#[derive(Clone, Debug)]
pub(super) struct NewUser {
    pub(super) profile: Map<String, Value>,
    pub(super) status: Status,
    pub(super) has_password: bool,
    pub(super) provider: String,
}

impl Org {
    /// Whether the profile has this attribute.
    pub(super) fn is_attribute(&self, name: &str) -> bool {
        BASE_ATTRIBUTES.contains(&name) || self.custom_attributes.contains(name)
    }

    /// The position of the user that a path segment names, as far as the caller may see users at all.
    pub(super) fn resolve(&self, call: &Call<'_>, key: &str) -> Result<usize, Problem> {
        if key == "me" {
            let own = match &call.principal.actor {
                Actor::Token { owner, .. } | Actor::Person(owner) => self.by_id.get(owner).copied(),
                Actor::Client(_) | Actor::System(_) => None,
            };
            return own.ok_or_else(|| problem::not_found("me", "User"));
        }
        if !call.principal.allowed(Area::Users, Reach::Read) {
            return Err(problem::forbidden());
        }
        self.find_user(key).ok_or_else(|| problem::not_found(key, "User"))
    }

    /// As [`Self::resolve`], for a write: the caller needs the reach, and a super administrator's role for administrators.
    pub(super) fn resolve_for(&self, call: &Call<'_>, key: &str, area: Area, reach: Reach) -> Result<usize, Problem> {
        let at = self.resolve(call, key)?;
        if !call.principal.allowed(area, reach) {
            return Err(problem::forbidden());
        }
        let admin = self.user(at).is_some_and(|user| self.is_admin(user));
        if admin && !call.principal.may_manage_admins() {
            return Err(problem::forbidden());
        }
        Ok(at)
    }

    /// `GET /users/{key}`.
    pub(super) fn read_user(&self, call: &Call<'_>, key: &str) -> Outcome {
        let at = self.resolve(call, key)?;
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let object = self.user_json(user, true);
        let mut answer = Answer::ok(match call.param("fields") {
            Some(fields) => project(&object, fields),
            None => object,
        });
        answer.headers.push(("etag", etag(user)));
        Ok(answer)
    }

    /// `POST /users`.
    pub(super) fn create_user(&mut self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Users, Reach::Write) {
            return Err(problem::forbidden());
        }
        let body = call.object()?;
        let profile = body
            .get("profile")
            .and_then(Value::as_object)
            .cloned()
            .ok_or_else(problem::malformed)?;
        self.check_profile(&profile, None)?;
        let credentials = body.get("credentials").and_then(Value::as_object);
        let has_password = credentials.is_some_and(|credentials| {
            credentials
                .get("password")
                .and_then(Value::as_object)
                .is_some_and(|password| !password.is_empty())
        });
        // Without provider=true a provider block in the body is ignored.
        let named = credentials.and_then(|credentials| credentials.get("provider")?.get("type")?.as_str());
        let provider = named
            .filter(|_| call.flag("provider", false))
            .unwrap_or("OKTA")
            .to_owned();
        let groups = group_ids(&body)?;
        for id in &groups {
            let group = self.group(id).ok_or_else(|| problem::not_found(id, "UserGroup"))?;
            if group.kind != super::state::GroupKind::Okta {
                return Err(problem::forbidden());
            }
        }
        let external = provider != "OKTA";
        let status = match (call.flag("activate", true), has_password || external) {
            (false, _) => Status::Staged,
            (true, false) => Status::Provisioned,
            (true, true) if call.param("nextLogin") == Some("changePassword") && !external => Status::PasswordExpired,
            (true, true) => Status::Active,
        };
        let origin = Origin::of(call);
        let at = self.insert_user(
            NewUser {
                profile,
                status,
                has_password,
                provider,
            },
            call.now,
        );
        self.announce_creation(at, &origin, call.now);
        for id in groups {
            self.join_group(at, &id, &origin, call.now);
        }
        self.run_rules(at, call.now);
        let user = self.user(at).ok_or_else(problem::malformed)?;
        Ok(Answer::ok(self.user_json(user, true)))
    }

    /// Adds a user without an event.
    pub(super) fn insert_user(&mut self, new: NewUser, now: Timestamp) -> usize {
        let id = self.fresh("00u");
        let at = self.users.len();
        let live = !matches!(new.status, Status::Staged);
        let lag = self.search_lag;
        let unseen = Stale {
            until: now.saturating_add(lag).unwrap_or(now),
            seen: None,
        };
        let user = User {
            id: id.clone(),
            status: new.status,
            leaving: None,
            created: now,
            activated: live.then_some(now),
            status_changed: live.then_some(now),
            last_login: None,
            last_updated: now,
            password_changed: new.has_password.then_some(now),
            has_password: new.has_password,
            provider: new.provider,
            profile: new.profile,
            revision: u64::try_from(at).unwrap_or_default() << 20,
            sessions: Vec::new(),
            remembered_devices: 0,
            refresh_tokens: BTreeMap::new(),
            grants: Vec::new(),
            factors: Vec::new(),
            groups: BTreeSet::new(),
            roles: Vec::new(),
            apps: BTreeMap::new(),
            linked: BTreeMap::new(),
            stale: (!lag.is_zero()).then_some(unseen),
        };
        self.by_id.insert(id, at);
        self.by_login.insert(user.text("login").to_lowercase(), at);
        self.users.push(Some(user));
        at
    }

    /// Counts a creation and writes its events.
    pub(super) fn announce_creation(&mut self, at: usize, origin: &Origin, now: Timestamp) {
        let Some(user) = self.user(at) else { return };
        let (target, live) = (vec![user_target(user)], user.status != Status::Staged);
        self.counters.add("create");
        self.emit("user.lifecycle.create", target.clone(), &[], origin, now);
        if live {
            self.emit("user.lifecycle.activate", target, &[], origin, now);
        }
    }

    /// `POST` (partial) and `PUT` (whole) on `/users/{key}`.
    pub(super) fn update_user(&mut self, call: &Call<'_>, key: &str, whole: bool) -> Outcome {
        let at = self.resolve_for(call, key, Area::Users, Reach::Write)?;
        let body = call.object()?;
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        if call
            .header("if-match")
            .is_some_and(|tag| tag != "*" && tag != etag(user))
        {
            return Err(Problem::new(
                412,
                "E0000231",
                "The ETag does not match the current version of the resource.",
            ));
        }
        let given = body
            .get("profile")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if whole && given.is_empty() {
            return Err(problem::invalid("profile", "profile: The field cannot be left blank"));
        }
        if !given.is_empty() && user.provider != "OKTA" {
            return Err(Problem::new(
                403,
                "E0000023",
                "Operation failed because user profile is mastered under another system",
            ));
        }
        let mut profile = if whole { Map::new() } else { user.profile.clone() };
        for (name, value) in given {
            if value.is_null() {
                profile.remove(&name);
                if !self.is_attribute(&name) {
                    profile.insert(name, value);
                }
            } else {
                profile.insert(name, value);
            }
        }
        self.check_profile(&profile, Some(at))?;
        self.write_profile(at, profile, &Origin::of(call), call.now);
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let mut answer = Answer::ok(self.user_json(user, true));
        answer.headers.push(("etag", etag(user)));
        Ok(answer)
    }

    /// Stores a checked profile, with event and rules; nothing happens when it is equal or the user is deactivated.
    pub(super) fn write_profile(&mut self, at: usize, profile: Map<String, Value>, origin: &Origin, now: Timestamp) {
        let Some(user) = self.user(at) else { return };
        let names: BTreeSet<&String> = user.profile.keys().chain(profile.keys()).collect();
        let changed: Vec<String> = names
            .into_iter()
            .filter(|name| user.profile.get(*name) != profile.get(*name))
            .cloned()
            .collect();
        if changed.is_empty() || user.status == Status::Deprovisioned {
            return;
        }
        let old_login = user.text("login").to_lowercase();
        self.before_write(at, now);
        let Some(user) = self.user_mut(at) else {
            return;
        };
        user.profile = profile;
        user.revision += 1;
        user.last_updated = now;
        let new_login = user.text("login").to_lowercase();
        let target = vec![user_target(user)];
        self.by_login.remove(&old_login);
        self.by_login.insert(new_login, at);
        self.counters.add("update-profile");
        let details = [("changedAttributes", changed.join(","))];
        self.emit("user.account.update_profile", target, &details, origin, now);
        self.run_rules(at, now);
    }

    /// `DELETE /users/{key}`: deactivates first, and removes a deactivated user for ever.
    pub(super) fn delete_user(&mut self, call: &Call<'_>, key: &str) -> Outcome {
        let at = self.resolve_for(call, key, Area::Users, Reach::Write)?;
        self.delete_step(at, &Origin::of(call), call.now)?;
        Ok(Answer::nothing())
    }

    /// One of the two steps of a deletion.
    pub(super) fn delete_step(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status != Status::Deprovisioned {
            return self.deactivate(at, origin, now);
        }
        let (target, id, login) = (
            vec![user_target(user)],
            user.id.clone(),
            user.text("login").to_lowercase(),
        );
        self.counters.add("delete");
        self.emit("user.lifecycle.delete.initiated", target.clone(), &[], origin, now);
        for group in &mut self.groups {
            group.members.remove(&at);
        }
        if let Some(place) = self.users.get_mut(at) {
            *place = None;
        }
        self.by_id.remove(&id);
        self.by_login.remove(&login);
        self.emit("user.lifecycle.delete.completed", target, &[], &origin.cascade(), now);
        Ok(())
    }

    /// Refuses a profile that Okta would refuse.
    pub(super) fn check_profile(&self, profile: &Map<String, Value>, own: Option<usize>) -> Result<(), Problem> {
        if let Some(unknown) = profile.keys().find(|name| !self.is_attribute(name)) {
            let cause = format!("Property name '{unknown}' is not defined in profile");
            return Err(problem::invalid(unknown, cause));
        }
        for (name, least, most) in [
            ("login", 5, 100),
            ("email", 5, 100),
            ("firstName", 1, 50),
            ("lastName", 1, 50),
        ] {
            let value = profile.get(name).and_then(Value::as_str).unwrap_or_default();
            let length = value.chars().count();
            if length == 0 {
                return Err(problem::invalid(
                    name,
                    format!("{name}: The field cannot be left blank"),
                ));
            }
            if length < least || length > most {
                let cause = format!("{name}: String must have a length between {least} and {most} characters");
                return Err(problem::invalid(name, cause));
            }
        }
        let login = profile
            .get("login")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase();
        if self.by_login.get(&login).is_some_and(|at| Some(*at) != own) {
            let cause = "login: An object with this field already exists in the current organization";
            return Err(problem::invalid("login", cause));
        }
        Ok(())
    }
}

fn group_ids(body: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    let Some(ids) = body.get("groupIds").filter(|ids| !ids.is_null()) else {
        return Ok(Vec::new());
    };
    let ids = ids.as_array().ok_or_else(problem::malformed)?;
    if ids.len() > MOST_GROUPS {
        let summary = "Target count limit exceeded";
        return Err(Problem::new(400, "E0000093", summary).because("The number of group targets is too large"));
    }
    ids.iter()
        .map(|id| id.as_str().map(str::to_owned).ok_or_else(problem::malformed))
        .collect()
}
