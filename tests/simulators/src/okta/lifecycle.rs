//! The status of users: who may go where, and what follows.
//!
//! The table is Okta's ("User lifecycle" operations and the error list). Lifecycle calls are not idempotent: a second
//! `suspend` is refused. What Okta leaves open is decided so that a careless client is caught: sessions survive suspension
//! and deactivation until they are cleared, and groups and roles stay.

use jiff::Timestamp;
use serde_json::json;

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome};
use super::events::{Origin, assignment_targets, user_target};
use super::problem::{self, Problem};
use super::state::{Org, Status};

impl Org {
    /// `POST /users/{key}/lifecycle/{action}`.
    pub(super) fn lifecycle(&mut self, call: &Call<'_>, key: &str, action: &str) -> Outcome {
        let reach = match action {
            "unlock" | "reset_factors" | "expire_password" | "reset_password" => Reach::Assist,
            "activate" | "reactivate" | "deactivate" | "suspend" | "unsuspend" => Reach::Write,
            _ => return Err(problem::no_such_path()),
        };
        let at = self.resolve_for(call, key, Area::Users, reach)?;
        let (origin, now) = (Origin::of(call), call.now);
        match action {
            "activate" => {
                self.activate(at, &origin, now)?;
                Ok(self.activation_answer(call.flag("sendEmail", true)))
            }
            "reactivate" => {
                self.reactivate(at, &origin, now)?;
                Ok(self.activation_answer(call.flag("sendEmail", false)))
            }
            "deactivate" => self.deactivate(at, &origin, now).map(|()| Answer::done()),
            "suspend" => self.suspend(at, &origin, now).map(|()| Answer::done()),
            "unsuspend" => self.unsuspend(at, &origin, now).map(|()| Answer::done()),
            "unlock" => self.unlock(at, &origin, now).map(|()| Answer::done()),
            "reset_factors" => self.reset_factors(at, &origin, now).map(|()| Answer::done()),
            "expire_password" => {
                self.expire_password(at, &origin, now)?;
                let user = self.user(at).ok_or_else(|| problem::not_found(key, "User"))?;
                Ok(Answer::ok(self.user_json(user, true)))
            }
            _ => {
                let Some(_) = call.param("sendEmail") else {
                    return Err(Problem::new(
                        400,
                        "E0000028",
                        "The request is missing a required parameter.",
                    ));
                };
                self.reset_password(at, &origin, now)?;
                let token = self.secret("");
                let link = json!({ "resetPasswordUrl": format!("{}/reset_password/{token}", self.base) });
                Ok(if call.flag("sendEmail", true) {
                    Answer::done()
                } else {
                    Answer::ok(link)
                })
            }
        }
    }

    /// Ends asynchronous deactivations that are due.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.leaving.is_empty() {
            return;
        }
        for at in std::mem::take(&mut self.leaving) {
            match self.user(at).and_then(|user| user.leaving) {
                Some(due) if due <= now => self.finish_deactivation(at, due),
                Some(_) => self.leaving.push(at),
                None => {}
            }
        }
    }

    /// Starts a deactivation; with a duration of zero it also ends here.
    pub(super) fn deactivate(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status == Status::Deprovisioned {
            return Err(problem::not_found(&user.id, "User"));
        }
        if user.leaving.is_some() {
            return Ok(());
        }
        let target = vec![user_target(user)];
        let due = now.saturating_add(self.deactivation_takes).unwrap_or(now);
        self.before_write(at, now);
        self.counters.add("deactivate");
        self.emit("user.lifecycle.deactivate", target, &[], origin, now);
        if let Some(user) = self.user_mut(at) {
            user.leaving = Some(due);
        }
        self.leaving.push(at);
        self.settle(now);
        Ok(())
    }

    fn finish_deactivation(&mut self, at: usize, now: Timestamp) {
        self.before_write(at, now);
        let Some(user) = self.user_mut(at) else {
            return;
        };
        user.leaving = None;
        user.status = Status::Deprovisioned;
        user.status_changed = Some(now);
        user.last_updated = now;
        let id = user.id.clone();
        // Assignments to active apps go, those to inactive apps stay; groups and roles stay.
        let gone: Vec<String> = self
            .apps
            .iter()
            .filter(|app| app.active)
            .map(|app| app.id.clone())
            .collect();
        for app in gone {
            self.unassign(at, &app, &Origin::job(format!("deprovision-{id}")), now);
        }
        // Tokens that the user made die with the user.
        self.api_tokens.retain(|token| token.owner != id);
    }

    /// Takes an app away, with its event; nothing happens when it is not assigned.
    pub(super) fn unassign(&mut self, at: usize, app_id: &str, origin: &Origin, now: Timestamp) -> bool {
        let Some(assignment) = self.user_mut(at).and_then(|user| user.apps.remove(app_id)) else {
            return false;
        };
        let app = self.apps.iter().find(|app| app.id == app_id);
        let Some((app, user)) = app.zip(self.user(at)) else {
            return false;
        };
        let targets = assignment_targets(user, app, &assignment);
        self.emit("application.user_membership.remove", targets, &[], origin, now);
        true
    }

    /// `STAGED` and `DEPROVISIONED` become `ACTIVE` or `PROVISIONED`.
    pub(super) fn activate(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.leaving.is_some() {
            return Err(Problem::new(
                409,
                "E0000113",
                "The request conflicts with a change that is still running.",
            ));
        }
        if !matches!(user.status, Status::Staged | Status::Deprovisioned) {
            return Err(Problem::new(
                403,
                "E0000016",
                "Activation failed because the user is already active",
            ));
        }
        let next = if user.has_password || user.provider != "OKTA" {
            Status::Active
        } else {
            Status::Provisioned
        };
        self.counters.add("activate");
        self.change(at, next, "user.lifecycle.activate", origin, now);
        if let Some(user) = self.user_mut(at) {
            user.activated = Some(now);
        }
        self.run_rules(at, now);
        Ok(())
    }

    /// A new activation for `PROVISIONED` and `RECOVERY`; the status stays.
    pub(super) fn reactivate(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if !matches!(user.status, Status::Provisioned | Status::Recovery) || user.leaving.is_some() {
            return Err(problem::wrong_status());
        }
        let target = vec![user_target(user)];
        self.counters.add("reactivate");
        self.emit("user.lifecycle.reactivate", target, &[], origin, now);
        Ok(())
    }

    /// `ACTIVE` becomes `SUSPENDED`.
    pub(super) fn suspend(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status != Status::Active || user.leaving.is_some() {
            return Err(problem::invalid(
                "suspendUser",
                "Cannot suspend a user that is not active",
            ));
        }
        self.counters.add("suspend");
        self.change(at, Status::Suspended, "user.lifecycle.suspend", origin, now);
        Ok(())
    }

    /// `SUSPENDED` becomes `ACTIVE`.
    pub(super) fn unsuspend(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status != Status::Suspended || user.leaving.is_some() {
            return Err(problem::invalid(
                "unsuspendUser",
                "Cannot unsuspend a user that is not suspended",
            ));
        }
        self.counters.add("unsuspend");
        self.change(at, Status::Active, "user.lifecycle.unsuspend", origin, now);
        Ok(())
    }

    /// `LOCKED_OUT` becomes `ACTIVE`.
    pub(super) fn unlock(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status != Status::LockedOut || user.leaving.is_some() {
            let summary = "Unlock is not allowed for this user.";
            return Err(Problem::new(403, "E0000032", summary).because("The user is not locked out."));
        }
        self.counters.add("unlock");
        self.change(at, Status::Active, "user.account.unlock_by_admin", origin, now);
        Ok(())
    }

    /// Removes all factors.
    pub(super) fn reset_factors(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user_mut(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        if user.status == Status::Deprovisioned {
            return Err(problem::wrong_status());
        }
        let had = !user.factors.is_empty();
        user.factors.clear();
        let target = vec![user_target(user)];
        if had {
            self.counters.add("reset-factors");
        }
        self.emit("user.mfa.factor.reset_all", target, &[], origin, now);
        Ok(())
    }

    fn expire_password(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        match user.status {
            Status::PasswordExpired => Ok(()),
            Status::Active if user.leaving.is_none() => {
                self.counters.add("expire-password");
                self.change(at, Status::PasswordExpired, "user.account.expire_password", origin, now);
                Ok(())
            }
            _ => Err(problem::wrong_status()),
        }
    }

    fn reset_password(&mut self, at: usize, origin: &Origin, now: Timestamp) -> Result<(), Problem> {
        let user = self.user(at).ok_or_else(|| problem::not_found("unknown", "User"))?;
        let allowed = matches!(
            user.status,
            Status::Active | Status::Provisioned | Status::PasswordExpired | Status::LockedOut | Status::Recovery
        );
        if !allowed || user.leaving.is_some() {
            return Err(Problem::new(403, "E0000017", "Password reset failed"));
        }
        self.counters.add("reset-password");
        self.change(at, Status::Recovery, "user.account.reset_password", origin, now);
        Ok(())
    }

    /// Sets a status and writes its event.
    fn change(&mut self, at: usize, next: Status, kind: &'static str, origin: &Origin, now: Timestamp) {
        self.before_write(at, now);
        let Some(user) = self.user_mut(at) else {
            return;
        };
        user.status = next;
        user.status_changed = Some(now);
        user.last_updated = now;
        let target = vec![user_target(user)];
        self.emit(kind, target, &[], origin, now);
    }

    fn activation_answer(&mut self, mailed: bool) -> Answer {
        if mailed {
            return Answer::done();
        }
        let token = self.secret("");
        Answer::ok(json!({ "activationUrl": format!("{}/welcome/{token}", self.base), "activationToken": token }))
    }
}
