//! Apps and their assignments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, continued, own_link};
use super::events::{Origin, assignment_targets};
use super::filter::{self, Expression, Operator};
use super::problem::{self, Problem};
use super::state::{App, AppUser, Org, User, stamp};

impl Org {
    fn app_json(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "name": "oidc_client",
            "label": app.label,
            "status": if app.active { "ACTIVE" } else { "INACTIVE" },
            "created": stamp(app.created),
            "lastUpdated": stamp(app.created),
            "signOnMode": "OPENID_CONNECT",
            "features": app.features,
            "_links": { "self": { "href": format!("{}/api/v1/apps/{}", self.base, app.id) } },
        })
    }

    fn app_user_json(&self, app: &App, user: &User, assignment: &AppUser) -> Value {
        json!({
            "id": user.id,
            "externalId": assignment.external_id,
            "created": stamp(assignment.created),
            "lastUpdated": stamp(assignment.created),
            "statusChanged": stamp(assignment.created),
            "scope": if assignment.through.is_some() { "GROUP" } else { "USER" },
            "status": "ACTIVE",
            "syncState": "DISABLED",
            "credentials": { "userName": assignment.user_name.as_deref().unwrap_or_else(|| user.text("login")) },
            "profile": {},
            "_links": {
                "app": { "href": format!("{}/api/v1/apps/{}", self.base, app.id) },
                "user": { "href": format!("{}/api/v1/users/{}", self.base, user.id) },
            },
        })
    }

    /// Everything below `/apps`.
    pub(super) fn apps(&mut self, call: &Call<'_>, rest: &[&str]) -> Outcome {
        let reach = if *call.method == http::Method::GET {
            Reach::Read
        } else {
            Reach::Write
        };
        if !call.principal.allowed(Area::Apps, reach) {
            return Err(problem::forbidden());
        }
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list_apps(call),
            ("GET", [id]) => {
                let app = self.app(id).ok_or_else(|| problem::not_found(id, "AppInstance"))?;
                Ok(Answer::ok(self.app_json(app)))
            }
            ("GET", [id, "users"]) => self.app_users(call, id),
            ("GET", [id, "users", user]) => {
                let (app, user) = (self.app(id), self.by_id.get(*user).and_then(|at| self.user(*at)));
                let app = app.ok_or_else(|| problem::not_found(id, "AppInstance"))?;
                let found = user.and_then(|user| user.apps.get(&app.id).map(|assignment| (user, assignment)));
                let (user, assignment) =
                    found.ok_or_else(|| problem::not_found(rest.last().unwrap_or(&""), "AppUser"))?;
                Ok(Answer::ok(self.app_user_json(app, user, assignment)))
            }
            ("DELETE", [id, "users", user]) => self.remove_app_user(call, id, user),
            (_, [] | [_] | [_, "users"] | [_, "users", _]) => Err(problem::no_such_method()),
            _ => Err(problem::no_such_path()),
        }
    }

    fn app(&self, id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    fn list_apps(&self, call: &Call<'_>) -> Outcome {
        let limit = call.limit(20, 1, 200)?;
        let start = call.param("after").map_or(Some(0), |after| {
            usize::from_str_radix(after.strip_prefix("0oa")?, 16).ok()
        });
        let start = start.ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))?;
        let prefix = call.param("q").unwrap_or_default().to_lowercase();
        let expression = call.param("filter").map(app_filter).transpose()?;
        let held = |app: &App, name: &str| -> Vec<Value> {
            match name {
                "user.id" => {
                    let users = self.users.iter().flatten();
                    users
                        .filter(|user| user.apps.contains_key(&app.id))
                        .map(|user| json!(user.id))
                        .collect()
                }
                other => filter::values_at(&self.app_json(app), other),
            }
        };
        let wanted = |app: &&App| {
            app.label.to_lowercase().starts_with(&prefix)
                && expression
                    .as_ref()
                    .is_none_or(|expression| expression.fits(false, &|name| held(app, name)))
        };
        let found: Vec<&App> = self.apps.iter().filter(wanted).collect();
        let next =
            (found.len() > start + limit).then(|| continued(&self.base, call, &format!("0oa{:012x}", start + limit)));
        let expanded = call.param("expand").and_then(|expand| expand.strip_prefix("user/"));
        let expanded = expanded.and_then(|id| self.by_id.get(id)).and_then(|at| self.user(*at));
        let page = found.into_iter().skip(start).take(limit).map(|app| {
            let mut object = self.app_json(app);
            let embedded =
                expanded.and_then(|user| user.apps.get(&app.id).map(|row| self.app_user_json(app, user, row)));
            if let (Some(members), Some(embedded)) = (object.as_object_mut(), embedded) {
                members.insert("_embedded".to_owned(), json!({ "user": embedded }));
            }
            object
        });
        Ok(Answer::page(page.collect(), own_link(&self.base, call), next))
    }

    fn app_users(&self, call: &Call<'_>, id: &str) -> Outcome {
        let app = self.app(id).ok_or_else(|| problem::not_found(id, "AppInstance"))?;
        let limit = call.limit(50, 1, 500)?;
        let start = call.param("after").map_or(Some(0), |after| {
            usize::from_str_radix(after.strip_prefix("00u")?, 16).ok()
        });
        let start = start.ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor."))?;
        let assigned = self.users.iter().enumerate().skip(start).filter_map(|(at, user)| {
            let user = user.as_ref()?;
            user.apps.get(id).map(|assignment| (at, user, assignment))
        });
        let mut assigned = assigned;
        let page: Vec<Value> = assigned
            .by_ref()
            .take(limit)
            .map(|(_, user, assignment)| self.app_user_json(app, user, assignment))
            .collect();
        let next = assigned
            .next()
            .map(|(at, ..)| continued(&self.base, call, &format!("00u{at:012x}")));
        Ok(Answer::page(page, own_link(&self.base, call), next))
    }

    fn remove_app_user(&mut self, call: &Call<'_>, id: &str, user: &str) -> Outcome {
        self.take_app(id, user, &Origin::of(call), call.now)?;
        Ok(Answer::nothing())
    }

    /// Takes an app from a user as an administrator does: not while a group grants it.
    pub(super) fn take_app(&mut self, id: &str, user: &str, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        self.app(id).ok_or_else(|| problem::not_found(id, "AppInstance"))?;
        let at = self
            .by_id
            .get(user)
            .copied()
            .ok_or_else(|| problem::not_found(user, "AppUser"))?;
        let assignment = self.user(at).and_then(|user| user.apps.get(id));
        let assignment = assignment.ok_or_else(|| problem::not_found(user, "AppUser"))?;
        if assignment.through.is_some() {
            let cause =
                "The application cannot be unassigned from the user while their group memberships grant them access";
            return Err(Problem::new(403, "E0000046", "Deactivate application for user forbidden.").because(cause));
        }
        if self.unassign(at, id, origin, now) {
            self.counters.add("unassign-app");
        }
        Ok(())
    }

    /// Assigns an app, with its event; nothing happens when it is assigned already.
    pub(super) fn assign(&mut self, at: usize, app_id: &str, through: Option<String>, origin: &Origin, now: Timestamp) {
        let id = self.fresh("0ua");
        let assignment = AppUser {
            id,
            through,
            created: now,
            external_id: None,
            user_name: None,
        };
        let Some(app) = self.app(app_id).cloned() else {
            return;
        };
        let Some(user) = self.user_mut(at).filter(|user| !user.apps.contains_key(app_id)) else {
            return;
        };
        user.apps.insert(app_id.to_owned(), assignment.clone());
        let targets = assignment_targets(user, &app, &assignment);
        self.emit("application.user_membership.add", targets, &[], origin, now);
    }

    /// Assignments of a user as (app id, through a group), for tests.
    pub(super) fn assignments(&self, at: usize) -> BTreeMap<String, bool> {
        let apps = self.user(at).map(|user| &user.apps).into_iter().flatten();
        apps.map(|(id, assignment)| (id.clone(), assignment.through.is_some()))
            .collect()
    }
}

fn app_filter(text: &str) -> Result<Expression, Problem> {
    let bad = || Problem::new(400, "E0000031", "Invalid search criteria.");
    let parsed = filter::parse(text).ok_or_else(bad)?;
    let known = |(attribute, operator): (&str, Operator)| {
        matches!(attribute, "id" | "status" | "name" | "user.id" | "group.id") && operator == Operator::Eq
    };
    if parsed.comparisons().into_iter().all(known) {
        Ok(parsed)
    } else {
        Err(bad())
    }
}
