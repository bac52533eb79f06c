//! What can be taken apart after a cut, and given back, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Map, Value, json};

use super::actions::OWN;
use super::entitlements::{ADMINISTERED, PRIVILEGES, ROLES, named};
use super::lifecycle;
use super::status::{ACTIVE, DEACTIVATED, GONE};
use crate::encode::{IS_UNDO, short};
use crate::exchange::{items, text};

/// Takes the roles that people gave by hand.
pub(super) const REMOVE_ROLES: &str = "onelogin/remove-roles";
/// The inverse of [`REMOVE_ROLES`].
pub(super) const ADD_ROLES: &str = "onelogin/add-roles";
/// Takes the user's own privileges, and the administration of roles.
pub(super) const REMOVE_PRIVILEGES: &str = "onelogin/remove-privileges";
/// The inverse of [`REMOVE_PRIVILEGES`].
pub(super) const ADD_PRIVILEGES: &str = "onelogin/add-privileges";
/// Removes every MFA device.
pub(super) const REMOVE_DEVICES: &str = "onelogin/remove-devices";
/// Sets the status that a user has before any activation.
pub(super) const DEACTIVATE: &str = "onelogin/deactivate";
/// The inverse of [`DEACTIVATE`].
pub(super) const REACTIVATE: &str = "onelogin/reactivate";

/// All of them.
pub(super) const ALL: [&str; 7] = [
    REMOVE_ROLES,
    ADD_ROLES,
    REMOVE_PRIVILEGES,
    ADD_PRIVILEGES,
    REMOVE_DEVICES,
    DEACTIVATE,
    REACTIVATE,
];

type Parameter = (&'static str, bool, &'static str);

const WHAT: Parameter = (
    "what",
    false,
    "`managed` (the default: only what Rollcall gave, which is nothing yet, so all are left and named) or `all`",
);

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
    /// Nothing of these kinds is left.
    Without(&'static [&'static str]),
    /// Everything of these kinds that is asked for is there.
    With(&'static [&'static str]),
    NoDevices,
    Deactivated,
    Reactivated,
}

const ACTIONS: &[OnUser] = &[
    OnUser {
        name: REMOVE_ROLES,
        summary: "Takes the user's roles, and with them the apps that these give; roles that a mapping gives come back by it and are \
                  left and named.",
        scopes: &["Manage All"],
        parameters: &[WHAT],
        goal: Goal::Without(&[ROLES]),
    },
    OnUser {
        name: ADD_ROLES,
        summary: "Gives the user roles, the inverse of onelogin/remove-roles.",
        scopes: &["Manage All"],
        parameters: &[(ROLES, true, "the roles: a list of `{id, name}` or of ids")],
        goal: Goal::With(&[ROLES]),
    },
    OnUser {
        name: REMOVE_PRIVILEGES,
        summary: "Takes the user's own privileges and the administration of roles; privileges that come with a role are named.",
        scopes: &["Manage All"],
        parameters: &[WHAT],
        goal: Goal::Without(&[PRIVILEGES, ADMINISTERED]),
    },
    OnUser {
        name: ADD_PRIVILEGES,
        summary: "Gives the user privileges and the administration of roles, the inverse of onelogin/remove-privileges.",
        scopes: &["Manage All"],
        parameters: &[
            (PRIVILEGES, false, "the privileges: a list of `{id, name}` or of ids"),
            (
                ADMINISTERED,
                false,
                "the roles to administer: a list of `{id, name}` or of ids",
            ),
        ],
        goal: Goal::With(&[PRIVILEGES, ADMINISTERED]),
    },
    OnUser {
        name: REMOVE_DEVICES,
        summary: "Removes every MFA device of the user, temporary tokens included; who may sign in enrols anew.",
        scopes: &["Manage All"],
        parameters: &[],
        goal: Goal::NoDevices,
    },
    OnUser {
        name: DEACTIVATE,
        summary: "Sets the user's status to deactivated; roles, privileges and devices stay.",
        scopes: &["Manage Users"],
        parameters: &[],
        goal: Goal::Deactivated,
    },
    OnUser {
        name: REACTIVATE,
        summary: "Gives a deactivated user a status again, the inverse of onelogin/deactivate.",
        scopes: &["Manage Users"],
        parameters: &[(
            "status",
            false,
            "the status to give: `active` (the default), or the one from before the deactivation, such as `suspended`",
        )],
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
            // Each reading of the privileges costs the quota that all tools of the account share.
            Goal::Without([PRIVILEGES, ..]) | Goal::With([PRIVILEGES, ..]) => Duration::ZERO,
            _ => Duration::from_secs(1),
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn reversible(&self) -> bool {
        !matches!(self.goal, Goal::NoDevices)
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn undo(&self, change: &Change, _reference: &Value) -> Undo {
        match self.goal {
            Goal::Without(kinds) => given_back(kinds, &change.before),
            Goal::NoDevices => {
                Undo::Not("OneLogin does not bring MFA devices back: the person enrols anew at the next sign-in")
            }
            Goal::Deactivated => Undo::By {
                action: REACTIVATE,
                // Who was barred before stays barred: lifting a suspension is another action's.
                with: match text(&change.before, "status").filter(|was| lifecycle::number(was).is_some()) {
                    None | Some(ACTIVE) => Value::Null,
                    Some(was) => json!({ "status": was }),
                },
            },
            Goal::With(_) | Goal::Reactivated => Undo::Nothing(IS_UNDO),
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        let state = &observed.value;
        if state.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse(OWN.to_owned());
        }
        match self.goal {
            Goal::Without(kinds) => removal(kinds, state, with),
            Goal::With(kinds) => addition(kinds, state, with),
            Goal::NoDevices => match text(state, "devices") {
                Some("none") => Planned::AlreadySo,
                Some("some") => Planned::Change {
                    after: json!({ "devices": "none" }),
                },
                _ => unanswered("devices"),
            },
            Goal::Deactivated => match text(state, "status") {
                None => unanswered("status"),
                Some(DEACTIVATED | GONE) => Planned::AlreadySo,
                Some(_) => Planned::Change {
                    after: json!({ "status": DEACTIVATED }),
                },
            },
            Goal::Reactivated => activation(state, with),
        }
    }
}

fn unanswered(predicate: &str) -> Planned {
    Planned::Refuse(format!("the state read does not answer {predicate:?}"))
}

fn emptied(names: impl Iterator<Item = String>) -> Value {
    Value::Object(names.map(|name| (name, json!([]))).collect())
}

fn removal(kinds: &[&str], state: &Value, with: &Value) -> Planned {
    if let Some(kind) = kinds
        .iter()
        .find(|kind| state.get(**kind).is_none_or(|held| !held.is_array()))
    {
        return unanswered(kind);
    }
    let held: Vec<&Value> = kinds.iter().flat_map(|kind| items(state, kind)).collect();
    match text(with, "what").unwrap_or("managed") {
        "all" | "managed" if held.is_empty() => Planned::AlreadySo,
        "all" => Planned::Change {
            after: emptied(kinds.iter().map(|kind| (*kind).to_owned())),
        },
        "managed" => Planned::Skip(format!(
            "Rollcall gave none of these, so they are left (`what: all` takes them): {}",
            named(held)
        )),
        other => Planned::Refuse(format!("`what` is {}: it may be `managed` or `all`", short(other, 40))),
    }
}

fn addition(kinds: &[&str], state: &Value, with: &Value) -> Planned {
    if kinds.iter().all(|kind| items(with, kind).is_empty()) {
        return Planned::Refuse(format!("`{}` does not say which", kinds.join("` or `")));
    }
    if text(state, "user") == Some(GONE) {
        return Planned::Refuse("the user is gone: nothing can be given back".to_owned());
    }
    let missing: Vec<String> = kinds.iter().map(|kind| format!("missing_{kind}")).collect();
    if let Some(name) = missing
        .iter()
        .find(|name| state.get(name.as_str()).is_none_or(|rows| !rows.is_array()))
    {
        return unanswered(name);
    }
    if missing.iter().all(|name| items(state, name).is_empty()) {
        return Planned::AlreadySo;
    }
    Planned::Change {
        after: emptied(missing.into_iter()),
    }
}

fn activation(state: &Value, with: &Value) -> Planned {
    let wanted = text(with, "status").unwrap_or(ACTIVE);
    if lifecycle::number(wanted).is_none() {
        return Planned::Refuse(format!(
            "`status` is {}, which no deactivated user can get: use `active` or `suspended`",
            short(wanted, 40)
        ));
    }
    let change = Planned::Change {
        after: json!({ "status": wanted }),
    };
    match text(state, "status") {
        None => unanswered("status"),
        Some(DEACTIVATED) => change,
        Some(GONE) => Planned::Refuse("the user is gone: it must be made anew".to_owned()),
        Some("rejected") => Planned::Refuse(
            "the user is rejected, not deactivated: somebody must decide to approve it in OneLogin".to_owned(),
        ),
        // A deactivation may take the date of the activation along, and then shows the same as if there had been none.
        Some("unactivated") if with.get("status").is_some() => change,
        Some("unactivated" | "unused") => {
            Planned::Skip("the user was never activated, so there is no deactivation to take back".to_owned())
        }
        Some(_) => Planned::AlreadySo,
    }
}

fn given_back(kinds: &[&'static str], before: &Value) -> Undo {
    let mut with = Map::new();
    for kind in kinds {
        let held = items(before, kind);
        if !held.is_empty() {
            with.insert((*kind).to_owned(), json!(held));
        }
    }
    if with.is_empty() {
        return Undo::Nothing("nothing was taken");
    }
    Undo::By {
        action: if kinds.contains(&ROLES) {
            ADD_ROLES
        } else {
            ADD_PRIVILEGES
        },
        with: Value::Object(with),
    }
}
