//! Groups, members and rules.
//!
//! Membership of `APP_GROUP` and `BUILT_IN` groups is not writable. Removing a member that a rule added succeeds and puts
//! the user on the rule's exclusion list, which is how a careless offboarding tool blocks a later rehire.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, continued, own_link};
use super::events::{Origin, entity, group_target, user_target};
use super::filter;
use super::problem::{self, Problem};
use super::state::{Group, GroupKind, Org, Rule, User, stamp};

impl GroupKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Okta => "OKTA_GROUP",
            Self::App => "APP_GROUP",
            Self::BuiltIn => "BUILT_IN",
        }
    }
}

impl Org {
    fn group_json(&self, group: &Group) -> Value {
        let own = format!("{}/api/v1/groups/{}", self.base, group.id);
        let class = if group.kind == GroupKind::App {
            "okta:windows_security_principal"
        } else {
            "okta:user_group"
        };
        let mut object = json!({
            "id": group.id,
            "type": group.kind.name(),
            "profile": { "name": group.name, "description": group.description },
            "objectClass": [class],
            "created": stamp(group.created),
            "lastUpdated": stamp(group.updated),
            "lastMembershipUpdated": stamp(group.membership_updated),
            "_links": {
                "self": { "href": own },
                "users": { "href": format!("{own}/users") },
                "apps": { "href": format!("{own}/apps") },
            },
        });
        self.add_unknown(&mut object);
        object
    }

    /// `GET /groups`.
    pub(super) fn list_groups(&self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Groups, Reach::Read) {
            return Err(problem::forbidden());
        }
        let limit = call.limit(10_000, 1, 10_000)?;
        let start = offset(call)?;
        let text = call.param("search").or_else(|| call.param("filter"));
        let expression = text
            .map(|text| filter::parse(text).ok_or_else(invalid_search))
            .transpose()?;
        let prefix = call.param("q").unwrap_or_default().to_lowercase();
        let wanted = |group: &&Group| {
            group.name.to_lowercase().starts_with(&prefix)
                && expression.as_ref().is_none_or(|expression| {
                    let object = self.group_json(group);
                    expression.fits(call.param("search").is_some(), &|name| filter::values_at(&object, name))
                })
        };
        let found: Vec<&Group> = self.groups.iter().filter(wanted).collect();
        let next =
            (found.len() > start + limit).then(|| continued(&self.base, call, &format!("00g{:012x}", start + limit)));
        let page = found
            .into_iter()
            .skip(start)
            .take(limit)
            .map(|group| self.group_json(group))
            .collect();
        Ok(Answer::page(page, own_link(&self.base, call), next))
    }

    /// `POST /groups`.
    pub(super) fn create_group(&mut self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Groups, Reach::Write) {
            return Err(problem::forbidden());
        }
        let (name, description) = self.group_profile(call, None)?;
        let id = self.insert_group(&name, description, GroupKind::Okta, call.now);
        self.counters.add("create-group");
        let group = self.group(&id).ok_or_else(problem::malformed)?;
        let (target, body) = (vec![group_target(group)], self.group_json(group));
        self.emit("group.lifecycle.create", target, &[], &Origin::of(call), call.now);
        Ok(Answer::ok(body))
    }

    /// Adds a group without an event.
    pub(super) fn insert_group(
        &mut self,
        name: &str,
        description: Option<String>,
        kind: GroupKind,
        now: Timestamp,
    ) -> String {
        let id = self.fresh("00g");
        self.groups.push(Group {
            id: id.clone(),
            kind,
            name: name.to_owned(),
            description,
            created: now,
            updated: now,
            membership_updated: now,
            members: BTreeSet::new(),
            roles: Vec::new(),
        });
        id
    }

    /// `GET`, `PUT` and `DELETE` on `/groups/{id}`.
    pub(super) fn one_group(&mut self, call: &Call<'_>, id: &str) -> Outcome {
        let reach = if *call.method == http::Method::GET {
            Reach::Read
        } else {
            Reach::Write
        };
        if !call.principal.allowed(Area::Groups, reach) {
            return Err(problem::forbidden());
        }
        let group = self.group(id).ok_or_else(|| problem::not_found(id, "UserGroup"))?;
        if reach == Reach::Read {
            return Ok(Answer::ok(self.group_json(group)));
        }
        if group.kind != GroupKind::Okta {
            return Err(problem::forbidden());
        }
        let origin = Origin::of(call);
        if *call.method == http::Method::DELETE {
            let target = vec![group_target(group)];
            self.groups.retain(|group| group.id != id);
            for user in self.users.iter_mut().flatten() {
                user.groups.remove(id);
            }
            self.counters.add("delete-group");
            self.emit("group.lifecycle.delete", target, &[], &origin, call.now);
            return Ok(Answer::nothing());
        }
        let (name, description) = self.group_profile(call, Some(id))?;
        let now = call.now;
        let group = self.group_mut(id).ok_or_else(|| problem::not_found(id, "UserGroup"))?;
        group.name = name;
        group.description = description;
        group.updated = now;
        let target = vec![group_target(group)];
        self.counters.add("update-group");
        self.emit("group.profile.update", target, &[], &origin, now);
        let group = self.group(id).ok_or_else(|| problem::not_found(id, "UserGroup"))?;
        Ok(Answer::ok(self.group_json(group)))
    }

    fn group_profile(&self, call: &Call<'_>, own: Option<&str>) -> Result<(String, Option<String>), Problem> {
        let body = call.object()?;
        let profile = body
            .get("profile")
            .and_then(Value::as_object)
            .ok_or_else(problem::malformed)?;
        let name = profile.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.chars().count() > 255 {
            return Err(problem::invalid("name", "name: The field cannot be left blank"));
        }
        if self
            .groups
            .iter()
            .any(|group| group.name == name && Some(group.id.as_str()) != own)
        {
            let cause = "name: An object with this field already exists in the current organization";
            return Err(problem::invalid("name", cause));
        }
        Ok((
            name.to_owned(),
            profile.get("description").and_then(Value::as_str).map(str::to_owned),
        ))
    }

    /// `GET /groups/{id}/users`: deactivated members included.
    pub(super) fn group_members(&self, call: &Call<'_>, id: &str) -> Outcome {
        if !call.principal.allowed(Area::Groups, Reach::Read) {
            return Err(problem::forbidden());
        }
        let group = self.group(id).ok_or_else(|| problem::not_found(id, "UserGroup"))?;
        let limit = call.limit(1000, 1, 1000)?;
        let start = offset(call)?;
        let everyone = group.kind == GroupKind::BuiltIn;
        let members = self
            .users
            .iter()
            .enumerate()
            .skip(start)
            .filter_map(|(at, user)| user.as_ref().map(|user| (at, user)));
        let mut members = members.filter(|(at, _)| everyone || group.members.contains(at));
        let page: Vec<Value> = members
            .by_ref()
            .take(limit)
            .map(|(_, user)| self.user_json(user, false))
            .collect();
        let next = members
            .next()
            .map(|(at, _)| continued(&self.base, call, &format!("00g{at:012x}")));
        Ok(Answer::page(page, own_link(&self.base, call), next))
    }

    /// `PUT` and `DELETE` on `/groups/{id}/users/{userId}`; a repeated call answers 204 and changes nothing.
    pub(super) fn membership(&mut self, call: &Call<'_>, group_id: &str, user_id: &str) -> Outcome {
        if !call.principal.allowed(Area::Groups, Reach::Write) {
            return Err(problem::forbidden());
        }
        let group = self
            .group(group_id)
            .ok_or_else(|| problem::not_found(group_id, "UserGroup"))?;
        let at = self
            .by_id
            .get(user_id)
            .copied()
            .ok_or_else(|| problem::not_found(user_id, "User"))?;
        let admin = !group.roles.is_empty() || self.user(at).is_some_and(|user| self.is_admin(user));
        if group.kind != GroupKind::Okta || (admin && !call.principal.may_manage_admins()) {
            return Err(problem::forbidden());
        }
        let origin = Origin::of(call);
        if *call.method == http::Method::PUT {
            self.join_group(at, group_id, &origin, call.now);
        } else {
            self.leave_group(at, group_id, &origin, call.now);
        }
        Ok(Answer::nothing())
    }

    /// Adds a member, with its event and the apps that the group grants.
    pub(super) fn join_group(&mut self, at: usize, group_id: &str, origin: &Origin, now: Timestamp) {
        let Some(group) = self.group_mut(group_id) else {
            return;
        };
        if !group.members.insert(at) {
            return;
        }
        group.membership_updated = now;
        let group = group_target(group);
        let Some(user) = self.user_mut(at) else {
            return;
        };
        user.groups.insert(group_id.to_owned());
        let target = vec![user_target(user), group];
        self.counters.add("add-member");
        self.emit("group.user_membership.add", target, &[], origin, now);
        let granted: Vec<String> = self
            .apps
            .iter()
            .filter(|app| app.groups.contains(group_id))
            .map(|app| app.id.clone())
            .collect();
        for app in granted {
            self.assign(at, &app, Some(group_id.to_owned()), &origin.cascade(), now);
        }
    }

    /// Removes a member, with its event, the apps that the group granted, and the exclusion when a rule had added it.
    pub(super) fn leave_group(&mut self, at: usize, group_id: &str, origin: &Origin, now: Timestamp) {
        let Some(group) = self.group_mut(group_id) else {
            return;
        };
        if !group.members.remove(&at) {
            return;
        }
        group.membership_updated = now;
        let group = group_target(group);
        let Some(user) = self.user_mut(at) else {
            return;
        };
        user.groups.remove(group_id);
        let through = |app: &super::state::AppUser| app.through.as_deref() == Some(group_id);
        let lost: Vec<String> = user
            .apps
            .iter()
            .filter(|(_, app)| through(app))
            .map(|(id, _)| id.clone())
            .collect();
        let (user_id, target) = (user.id.clone(), vec![user_target(user), group]);
        let snapshot = user.clone();
        self.counters.add("remove-member");
        self.emit("group.user_membership.remove", target.clone(), &[], origin, now);
        for app in lost {
            self.unassign(at, &app, &origin.cascade(), now);
        }
        let mut excluding = Vec::new();
        for rule in self
            .rules
            .iter_mut()
            .filter(|rule| rule.group == group_id && applies(rule, &snapshot))
        {
            if rule.excluded.insert(user_id.clone()) {
                excluding.push(entity(&rule.id, "GroupRule", "unknown", &rule.name));
            }
        }
        for rule in excluding {
            let mut target = target.clone();
            target.push(rule);
            self.emit(
                "group.user_membership.rule.add_exclusion",
                target,
                &[],
                &origin.cascade(),
                now,
            );
        }
    }

    /// Evaluates the rules for a user, as Okta's job does after a profile change.
    pub(super) fn run_rules(&mut self, at: usize, now: Timestamp) {
        if self.rules.is_empty() {
            return;
        }
        let Some(user) = self.user(at).cloned() else {
            return;
        };
        for rule in self.rules.clone() {
            let origin = Origin::job(rule.id.clone());
            let member = user.groups.contains(&rule.group);
            let belongs = applies(&rule, &user) && !rule.excluded.contains(&user.id);
            if belongs && !member {
                self.join_group(at, &rule.group, &origin, now);
            } else if rule.active && member && !applies(&rule, &user) {
                self.leave_group(at, &rule.group, &origin, now);
            }
        }
    }

    /// `GET /groups/rules`: 50 on a page, 200 at the most.
    pub(super) fn list_rules(&self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Groups, Reach::Read) {
            return Err(problem::forbidden());
        }
        let object = |rule: &Rule| {
            json!({
                "id": rule.id,
                "type": "group_rule",
                "status": if rule.active { "ACTIVE" } else { "INACTIVE" },
                "name": rule.name,
                "created": stamp(rule.created),
                "lastUpdated": stamp(rule.created),
                "conditions": {
                    "people": { "users": { "exclude": rule.excluded }, "groups": { "exclude": [] } },
                    "expression": {
                        "type": "urn:okta:expression:1.0",
                        "value": format!("user.{}==\"{}\"", rule.attribute, rule.value),
                    },
                },
                "actions": { "assignUserToGroups": { "groupIds": [rule.group] } },
            })
        };
        let limit = call.limit(50, 1, 200)?;
        let start = offset(call)?;
        let next = (self.rules.len() > start + limit)
            .then(|| continued(&self.base, call, &format!("00g{:012x}", start + limit)));
        let page = self.rules.iter().skip(start).take(limit).map(object).collect();
        Ok(Answer::page(page, own_link(&self.base, call), next))
    }

    /// `GET /users/{id}/groups`: all of them, `Everyone` included.
    pub(super) fn groups_of(&self, call: &Call<'_>, key: &str) -> Outcome {
        let at = self.resolve(call, key)?;
        let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
        let member = |group: &&Group| group.kind == GroupKind::BuiltIn || user.groups.contains(&group.id);
        let groups = self
            .groups
            .iter()
            .filter(member)
            .map(|group| self.group_json(group))
            .collect();
        Ok(Answer::page(groups, own_link(&self.base, call), None))
    }
}

fn applies(rule: &Rule, user: &User) -> bool {
    rule.active && user.text(&rule.attribute) == rule.value
}

fn invalid_search() -> Problem {
    Problem::new(400, "E0000031", "Invalid search criteria.")
}

fn offset(call: &Call<'_>) -> Result<usize, Problem> {
    call.param("after").map_or(Ok(0), |after| {
        let parsed = after
            .strip_prefix("00g")
            .and_then(|text| usize::from_str_radix(text, 16).ok());
        parsed.ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))
    })
}
