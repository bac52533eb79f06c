//! Deactivating a user, which gives the licence back, and activating them again.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rollcall_model::{
    Action, ActionCatalogue, Applied, Call, Change, EffectClass, Executed, Failure, Observation, Planned, State, Undo,
};
use serde_json::{Value, json};

use super::admins::{self, Admins};
use super::client::{Ask, Client};
use super::collections;
use super::licences::{self, Inventory};
use super::retry::Refusal;
use super::soql::{eighteen, same_record, soql_quote};
use crate::encode::{IS_UNDO, short};
use crate::exchange::text;

/// Deactivates the user.
pub(super) const DEACTIVATE: &str = "salesforce/deactivate";
/// The inverse of [`DEACTIVATE`].
pub(super) const REACTIVATE: &str = "salesforce/reactivate";

/// What is known to block a deactivation: its kind, words of the vendor's text that tell it (all of them, in lower case), and
/// the way out (help pages "Considerations for Deactivating Users" and 000384586, 000384761; the texts are the vendor's, the
/// code beside them is not documented).
pub(super) const BLOCKERS: &[(&str, &[&str], &str)] = &[
    (
        "default-case-owner",
        &["default", "owner of cases"],
        "choose another Default Case Owner in Setup, Support Settings",
    ),
    (
        "default-case-owner",
        &["default case"],
        "choose another Default Case Owner in Setup, Support Settings",
    ),
    (
        "automated-case-user",
        &["automated case user"],
        "choose another Automated Case User in Setup, Support Settings",
    ),
    (
        "default-workflow-user",
        &["workflow user"],
        "choose another Default Workflow User in Setup, Process Automation Settings",
    ),
    (
        "default-lead-creator",
        &["lead", "creator"],
        "choose another Default Lead Creator in Setup, Web-to-Lead",
    ),
    (
        "default-lead-owner",
        &["lead", "owner"],
        "choose another Default Lead Owner in Setup, Lead Settings",
    ),
    (
        "rule",
        &["rule"],
        "name somebody else in the assignment, escalation and auto-response rules in Setup",
    ),
    (
        "approver",
        &["approv"],
        "name another approver in the approval processes in Setup, and another delegated approver on users",
    ),
    (
        "workflow",
        &["workflow"],
        "name somebody else in the workflow's field updates, tasks and e-mail alerts in Setup",
    ),
    (
        "hierarchy-field",
        &["hierarchy"],
        "empty or change the custom hierarchy field on the users that name them",
    ),
    (
        "portal-administrator",
        &["portal"],
        "choose another administrator in the customer portal's settings",
    ),
    (
        "opportunity-settings",
        &["opportunity"],
        "choose another sender of big deal alerts and update reminders in Setup",
    ),
    (
        "last-admin",
        &["administrator"],
        "make another active user an administrator first",
    ),
];

/// The way out of a kind of blocker.
pub(super) fn way_out(kind: &str) -> &'static str {
    BLOCKERS.iter().find(|(known, _, _)| *known == kind).map_or(
        "see Considerations for Deactivating Users in Salesforce Help",
        |(_, _, way)| way,
    )
}

/// Adds the two actions.
pub(super) fn add_to(all: &mut ActionCatalogue) {
    all.add(Arc::new(SetActive { active: false }));
    all.add(Arc::new(SetActive { active: true }));
}

/// [`DEACTIVATE`] and [`REACTIVATE`].
#[derive(Clone, Copy, Debug)]
struct SetActive {
    active: bool,
}

impl Action for SetActive {
    fn name(&self) -> &'static str {
        if self.active { REACTIVATE } else { DEACTIVATE }
    }

    fn summary(&self) -> &'static str {
        if self.active {
            "Activates the user again, the inverse of salesforce/deactivate; it takes a licence."
        } else {
            "Deactivates the user and so gives the user licence back; records, sets and groups stay, territories and manual shares are lost."
        }
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["API Enabled", "Manage Users", "View Setup and Configuration"]
    }

    fn reversible(&self) -> bool {
        // Activation brings neither territories nor manual shares back.
        self.active
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        if self.active {
            Undo::Nothing(IS_UNDO)
        } else {
            Undo::By {
                action: REACTIVATE,
                with: Value::Null,
            }
        }
    }

    fn plan(&self, observed: &State, _with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is the integration's own user".to_owned());
        }
        match observed.value.get("active").and_then(Value::as_bool) {
            Some(active) if active == self.active => Planned::AlreadySo,
            Some(_) => Planned::Change {
                after: json!({ "active": self.active }),
            },
            None => Planned::Refuse("the state read does not say whether the user is active".to_owned()),
        }
    }
}

/// Whether the user is active; beside it who else administers the org, which the guard needs, and the org's licences:
/// `licences` is a list of `{kind, id, name, used, total}` of those in use (see [`licences`]), or `{unread: why}`, and
/// `licence` the id of the user's own.
pub(super) async fn observe(
    client: &Client,
    call: &Call,
    target: &str,
    own: &str,
    inventory: &Inventory,
) -> Result<Observation, Failure> {
    let what = "reading whether the user is active";
    let [user, profile, others] = admins::asks(target, own);
    let soql = format!(
        "SELECT Id, IsActive, Profile.UserLicenseId FROM User WHERE Id = {}",
        soql_quote(target)
    );
    let rights = "SELECT PermissionsManageUsers FROM UserPermissionAccess LIMIT 1".to_owned();
    let asks = [
        user,
        profile,
        others,
        ("active", Ask::Query(soql)),
        ("rights", Ask::Query(rights)),
    ];
    let mut parts = client.ask(call, what, &asks).await?;
    let admins = Admins::take(client, call, what, &mut parts).await?;
    let mut part = |name: &str| parts.remove(name).unwrap_or(Ok(Value::Null));
    let (active, rights) = (part("active"), part("rights"));
    let rows = match client.rows(call, what, active).await? {
        Ok(rows) => rows,
        Err(refusal) => return Ok(Observation::Unknown(refusal.failure(what).reason)),
    };
    let row = rows
        .iter()
        .find(|row| text(row, "Id").is_some_and(|id| same_record(id, target)));
    let Some((row, active)) = row.and_then(|row| Some((row, row.get("IsActive")?.as_bool()?))) else {
        return Ok(Observation::Unknown(
            "the user did not come back: grant the integration user View All Users".to_owned(),
        ));
    };
    let manages = rights
        .ok()
        .and_then(|body| body.pointer("/records/0/PermissionsManageUsers").cloned())
        .map(|right| right == Value::Bool(true));
    let mut evidence = admins.evidence(manages.unwrap_or_else(|| admins.shows_a_stranger()));
    evidence.insert("licences".to_owned(), licences::shown(&inventory.licences));
    let licence = row.pointer("/Profile/UserLicenseId").and_then(Value::as_str);
    if let Some(licence) = licence.and_then(eighteen) {
        evidence.insert("licence".to_owned(), json!(licence));
    }
    Ok(Observation::Known(State {
        value: json!({ "active": active }),
        evidence: Value::Object(evidence),
    }))
}

/// Makes the change, as a collection of one so that the vendor's own text comes back, and counts the licences afterwards. The
/// reference is `{"licences": {"before": […], "after": […]}}`: the licences whose use has changed since the stage was planned,
/// what `remove-entitlements` gave back included, and the user's own.
pub(super) async fn apply(client: &Client, call: &Call, change: &Change, target: &str) -> Result<Applied, Failure> {
    let Some(active) = change.after.get("active").and_then(Value::as_bool) else {
        return Err(Failure::give_up("the change does not say whether the user ends active"));
    };
    let what = if active { "activating" } else { "deactivating" };
    let record = json!({ "attributes": { "type": "User" }, "id": target, "IsActive": active });
    let written = collections::write(client, call, what, Method::PATCH, &[record]).await?;
    if let Some(Err(refusal)) = written.into_iter().next() {
        return Err(if active { full(&refusal) } else { blocked(&refusal) });
    }
    // The user is changed, whether or not somebody can be told what it freed.
    let after = match licences::read(client, call).await {
        Ok(inventory) => inventory.licences,
        Err(failure) => Err(failure.reason),
    };
    let before = change.evidence.get("licences").cloned().unwrap_or_default();
    let own = text(&change.evidence, "licence");
    Ok(Applied {
        request_id: None,
        reference: json!({ "licences": licences::compared(&before, &after, own.as_slice()) }),
    })
}

/// The refusal of a deactivation. What passes by itself is tried again; everything else waits for a person, with Salesforce's
/// own words, because the code does not tell what blocks. The call changed nothing.
fn blocked(refusal: &Refusal) -> Failure {
    let what = "deactivating";
    let plain = refusal.failure(what);
    if plain.may_pass() {
        return plain;
    }
    let said = refusal.message.to_lowercase();
    let known = BLOCKERS
        .iter()
        .find(|(_, words, _)| words.iter().all(|word| said.contains(word)));
    let way = match (refusal.code.as_str(), known) {
        ("CANNOT_DISABLE_LAST_ADMIN", _) => way_out("last-admin"),
        (_, Some((_, _, way))) => way,
        (code, None) if code.starts_with("INSUFFICIENT_ACCESS") => "grant the integration user Manage Users",
        (_, None) => "see Considerations for Deactivating Users in Salesforce Help",
    };
    let mut failure = Failure::needs_human(format!(
        "{what}: Salesforce refuses ({}): \"{}\". The way out: {way}. A frozen user stays frozen.",
        refusal.code,
        short(refusal.message.trim(), 300)
    ));
    failure.executed = Executed::No;
    failure
}

/// The refusal of an activation.
fn full(refusal: &Refusal) -> Failure {
    let plain = refusal.failure("activating");
    if plain.may_pass() {
        return plain;
    }
    let way = match refusal.code.as_str() {
        "LICENSE_LIMIT_EXCEEDED" => "free or buy a user licence of the profile's kind",
        code if code.starts_with("INSUFFICIENT_ACCESS") => "grant the integration user Manage Users",
        _ => "see the user in Setup",
    };
    Failure::needs_human(format!(
        "activating: Salesforce refuses ({}): \"{}\". The way out: {way}",
        refusal.code,
        short(refusal.message.trim(), 300)
    ))
}

#[cfg(test)]
mod tests {
    use rollcall_model::FailureClass;

    use super::*;

    fn refusal(code: &str, message: &str) -> Refusal {
        Refusal {
            status: 400,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn every_known_text_names_its_way_out_whatever_its_code() {
        for (message, way) in [
            (
                "You cannot deactivate this user. You cannot deactivate a user who is the default owner of cases",
                "Default Case Owner",
            ),
            (
                "You cannot deactivate the Default Workflow User",
                "Default Workflow User",
            ),
            (
                "You cannot disable the Web to Lead Default Creator.",
                "Default Lead Creator",
            ),
            ("This user is the default lead owner", "Default Lead Owner"),
            ("This user is the Automated Case User", "Automated Case User"),
            (
                "This user is active in a lead assignment rule",
                "assignment, escalation",
            ),
            ("The user is an approver in an approval process", "another approver"),
            ("This user is referenced in a custom hierarchy field", "hierarchy field"),
            (
                "The user is the sole recipient of a workflow email alert",
                "e-mail alerts",
            ),
            ("The user is the administrator of a customer portal", "customer portal"),
            (
                "You must have at least one active administrator user.",
                "another active user an administrator",
            ),
            ("Nobody has written this down", "Considerations for Deactivating Users"),
        ] {
            for code in [
                "FIELD_INTEGRITY_EXCEPTION",
                "UNKNOWN_TO_US",
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            ] {
                let failure = blocked(&refusal(code, message));
                assert_eq!(failure.class, FailureClass::NeedsHuman, "{failure}");
                assert!(
                    failure.reason.contains(message) && failure.reason.contains(way),
                    "{failure}"
                );
                assert!(
                    failure.reason.contains("stays frozen") && failure.executed == Executed::No,
                    "{failure}"
                );
            }
        }
    }

    #[test]
    fn what_passes_by_itself_blocks_nothing() {
        for code in ["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"] {
            assert!(
                blocked(&refusal(code, "default owner of cases")).is_retryable(),
                "{code}"
            );
            assert!(full(&refusal(code, "x")).is_retryable(), "{code}");
        }
        let failure = full(&refusal("LICENSE_LIMIT_EXCEEDED", "License Limit Exceeded"));
        assert_eq!(failure.class, FailureClass::NeedsHuman);
        assert!(failure.reason.contains("buy a user licence"), "{failure}");
    }

    #[test]
    fn the_last_administrator_is_named_by_code_or_text() {
        let failure = blocked(&refusal("X", "You cannot deactivate the last admin: administrator"));
        assert!(failure.reason.contains("another active user"), "{failure}");
        let last = blocked(&refusal("CANNOT_DISABLE_LAST_ADMIN", ""));
        assert!(last.reason.contains("another active user"), "{last}");
    }
}
