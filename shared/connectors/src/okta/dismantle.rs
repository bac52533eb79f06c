//! What can be taken apart after a cut, and given back, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Map, Value, json};

use super::actions::{OURS, Parameter, change, unanswered};
use super::groups::named;
use crate::encode::IS_UNDO;
use crate::exchange::{items, text};

/// Ends memberships that people gave by hand.
pub(super) const REMOVE_GROUPS: &str = "okta/remove-groups";
/// The inverse of [`REMOVE_GROUPS`].
pub(super) const ADD_GROUPS: &str = "okta/add-groups";
/// Unenrols every factor.
pub(super) const RESET_FACTORS: &str = "okta/reset-factors";
/// Ends the account as far as Okta keeps it.
pub(super) const DEACTIVATE: &str = "okta/deactivate";
/// The inverse of [`DEACTIVATE`], as far as there is one.
pub(super) const REACTIVATE: &str = "okta/reactivate";

/// Deactivation and activation run in the background, and as a rule for a second or two; what takes longer is looked at again
/// later.
const LIFECYCLE_SETTLES: Duration = Duration::from_secs(5);
/// Lists of groups and rules may trail a write for some seconds (Okta Terraform provider, `delay_read_seconds`).
const MEMBERSHIP_SETTLES: Duration = Duration::from_secs(5);

/// Adds these actions.
pub(super) fn add_to(all: &mut ActionCatalogue) {
    for action in ACTIONS {
        all.add(Arc::new(action.clone()));
    }
}

#[derive(Clone, Debug)]
struct OnUser {
    name: &'static str,
    summary: &'static str,
    scopes: &'static [&'static str],
    parameters: &'static [Parameter],
    goal: Goal,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    NoGroups,
    Groups,
    NoFactors,
    Deactivated,
    Reactivated,
}

const ACTIONS: &[OnUser] = &[
    OnUser {
        name: REMOVE_GROUPS,
        summary: "Ends the user's memberships in groups of Okta's own; those that a group rule gives, imported groups and Everyone \
                  are left and named, and so are admin roles.",
        scopes: &[
            "okta.users.read",
            "okta.groups.read",
            "okta.groups.manage",
            "okta.roles.read",
        ],
        parameters: &[(
            "what",
            false,
            "`managed` (the default: only what Rollcall gave, which is nothing yet, so all are left and named) or `all`",
        )],
        goal: Goal::NoGroups,
    },
    OnUser {
        name: ADD_GROUPS,
        summary: "Puts the user into groups, the inverse of okta/remove-groups.",
        scopes: &["okta.users.read", "okta.groups.manage"],
        parameters: &[("groups", true, "the groups: a list of `{id, name}` or of ids")],
        goal: Goal::Groups,
    },
    OnUser {
        name: RESET_FACTORS,
        summary: "Unenrols every factor of the user, who enrols anew when signing in again; Okta does it before a deactivation only.",
        scopes: &["okta.users.read", "okta.users.manage"],
        parameters: &[],
        goal: Goal::NoFactors,
    },
    OnUser {
        name: DEACTIVATE,
        summary: "Deactivates the user without a mail: assignments of apps end for good, with what these apps then delete; groups and \
                  roles stay.",
        scopes: &[
            "okta.users.read",
            "okta.users.manage",
            "okta.roles.read",
            "okta.apps.read",
        ],
        parameters: &[],
        goal: Goal::Deactivated,
    },
    OnUser {
        name: REACTIVATE,
        summary: "Activates a deactivated user again without a mail, the inverse of okta/deactivate: whose password is gone is \
                  PROVISIONED and needs a new one, and apps that were assigned directly stay lost.",
        scopes: &["okta.users.read", "okta.users.manage"],
        parameters: &[
            (
                "status",
                false,
                "`active` (the default), or `suspended` to bar the user at once as before the deactivation",
            ),
            (
                "lost_apps",
                false,
                "names of the apps that the deactivation took, for people to assign again; nothing is done with them",
            ),
        ],
        goal: Goal::Reactivated,
    },
];

impl Action for OnUser {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        match self.goal {
            Goal::NoGroups | Goal::Groups => MEMBERSHIP_SETTLES,
            Goal::Deactivated | Goal::Reactivated => LIFECYCLE_SETTLES,
            Goal::NoFactors => Duration::ZERO,
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn reversible(&self) -> bool {
        // Apps may delete mail and files with the assignment that a deactivation ends, so it is none although it has an inverse.
        !matches!(self.goal, Goal::NoFactors | Goal::Deactivated)
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn undo(&self, change: &Change, _reference: &Value) -> Undo {
        match self.goal {
            Goal::NoGroups => match items(&change.before, "groups") {
                [] => Undo::Nothing("no membership was ended"),
                groups => Undo::By {
                    action: ADD_GROUPS,
                    with: json!({ "groups": groups }),
                },
            },
            Goal::NoFactors => {
                Undo::Not("Okta does not bring factors back: the person enrols anew at the next sign-in")
            }
            Goal::Deactivated => deactivation_undone(change),
            Goal::Groups | Goal::Reactivated => Undo::Nothing(IS_UNDO),
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse(OURS.to_owned());
        }
        let status = text(&observed.value, "status").unwrap_or_default();
        match self.goal {
            Goal::NoGroups => removal(&observed.value, with),
            Goal::Groups => addition(&observed.value, with),
            Goal::NoFactors => factors(&observed.value, &observed.evidence),
            Goal::Deactivated => match status {
                "" => unanswered("status"),
                "deprovisioned" | "deleted" => Planned::AlreadySo,
                // Under way counts as done as far as asking for it goes, and as pending until it is; see `lifecycle`.
                _ => change("status", "deprovisioned"),
            },
            Goal::Reactivated => activation(status, with),
        }
    }
}

fn removal(state: &Value, with: &Value) -> Planned {
    let Some(groups) = state.get("groups").and_then(Value::as_array) else {
        return unanswered("groups");
    };
    match text(with, "what").unwrap_or("managed") {
        "all" | "managed" if groups.is_empty() => Planned::AlreadySo,
        "all" => Planned::Change {
            after: json!({ "groups": [] }),
        },
        "managed" => Planned::Skip(format!(
            "Rollcall gave none of these groups, so they are left (`what: all` takes them): {}",
            named(groups)
        )),
        other => Planned::Refuse(format!(
            "`what` is {}: it may be `managed` or `all`",
            crate::encode::short(other, 40)
        )),
    }
}

fn addition(state: &Value, with: &Value) -> Planned {
    if items(with, "groups").is_empty() {
        return Planned::Refuse("`groups` does not say which groups".to_owned());
    }
    if text(state, "user") == Some("deleted") {
        return Planned::Refuse("the user is deleted: no group can have them back".to_owned());
    }
    match state.get("missing").and_then(Value::as_array).map(Vec::is_empty) {
        None => unanswered("missing"),
        Some(true) => Planned::AlreadySo,
        Some(false) => Planned::Change {
            after: json!({ "missing": [] }),
        },
    }
}

fn factors(state: &Value, evidence: &Value) -> Planned {
    match text(state, "factors") {
        Some("none") => Planned::AlreadySo,
        Some("some") => change("factors", "none"),
        Some("kept") => Planned::Skip(format!(
            "the user is deactivated: Okta unenrols no factor then, and nobody signs in with one; left are {}",
            items(evidence, "factors")
                .iter()
                .filter_map(|factor| text(factor, "type"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
        _ => unanswered("factors"),
    }
}

/// Only who is deactivated, or on the way in either direction, is activated. Somebody who is active is left alone even where a
/// suspended user was to be restored: they were activated and let in by a later decision.
fn activation(status: &str, with: &Value) -> Planned {
    let after = match text(with, "status") {
        None | Some("active") => "activated",
        Some("suspended") => "barred",
        Some(other) => {
            return Planned::Refuse(format!(
                "`status` is {}: it may be `active` or `suspended`",
                crate::encode::short(other, 40)
            ));
        }
    };
    match status {
        "" => unanswered("status"),
        "deprovisioned" | "deactivating" | "activating" => change("status", after),
        "deleted" => Planned::Refuse("the user is deleted: it must be made anew".to_owned()),
        "staged" => Planned::Skip("the user was never activated, so there is no deactivation to take back".to_owned()),
        _ => Planned::AlreadySo,
    }
}

/// As what the user comes back, and without which apps. Who was barred stays barred: this takes back the deactivation only, and
/// the suspension is another action's.
fn deactivation_undone(change: &Change) -> Undo {
    let shown = text(&change.evidence, "okta_status");
    let was = text(&change.before, "status").unwrap_or_default();
    if shown == Some("STAGED") || was == "staged" {
        return Undo::Not(
            "the user had never been activated, and Okta has no way back to that: activate the user when they start",
        );
    }
    let mut with = Map::new();
    // While a deactivation runs the record still shows the status from before it.
    if shown == Some("SUSPENDED") || was == "suspended" {
        with.insert("status".to_owned(), json!("suspended"));
    }
    if let Some(apps) = change.evidence.get("apps").filter(|apps| !apps.is_null()) {
        with.insert("lost_apps".to_owned(), apps.clone());
    }
    Undo::By {
        action: REACTIVATE,
        with: if with.is_empty() {
            Value::Null
        } else {
            Value::Object(with)
        },
    }
}
