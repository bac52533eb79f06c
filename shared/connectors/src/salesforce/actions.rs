//! What can be done to a user, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Value, json};

use super::{deactivate, entitlements};
use crate::encode::IS_UNDO;

/// Bars sign-in; the user keeps licence and records.
pub(super) const FREEZE: &str = "salesforce/freeze";
/// The inverse of [`FREEZE`].
pub(super) const UNFREEZE: &str = "salesforce/unfreeze";
/// Revokes OAuth tokens of connected apps.
pub(super) const REVOKE_TOKENS: &str = "salesforce/revoke-tokens";
/// Ends sessions.
pub(super) const END_SESSIONS: &str = "salesforce/end-sessions";

/// The value of `frozen` for a user who has no row to freeze.
pub(super) const NO_LOGIN_ROW: &str = "no-login-row";

/// Adds this connector's actions.
pub(crate) fn add_to(all: &mut ActionCatalogue) {
    for action in ACTIONS {
        all.add(Arc::new(action.clone()));
    }
    super::handover::actions::add_to(all);
    entitlements::add_to(all);
    deactivate::add_to(all);
}

/// One action: a predicate, and the value it must have afterwards.
#[derive(Clone, Debug)]
struct SetTo {
    name: &'static str,
    summary: &'static str,
    scopes: &'static [&'static str],
    predicate: &'static str,
    goal: Goal,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    Is(bool),
    None,
}

const ACTIONS: &[SetTo] = &[
    SetTo {
        name: FREEZE,
        summary: "Freezes the user, who then cannot sign in; licence, records and assignments stay.",
        scopes: &["API Enabled", "Manage Users"],
        predicate: "frozen",
        goal: Goal::Is(true),
    },
    SetTo {
        name: UNFREEZE,
        summary: "Lifts the freeze, the inverse of salesforce/freeze.",
        scopes: &["API Enabled", "Manage Users"],
        predicate: "frozen",
        goal: Goal::Is(false),
    },
    SetTo {
        name: REVOKE_TOKENS,
        summary: "Revokes every OAuth token that the user has given to an app; an app asks again when it is next used.",
        scopes: &["API Enabled", "Customize Application"],
        predicate: "tokens",
        goal: Goal::None,
    },
    SetTo {
        name: END_SESSIONS,
        summary: "Ends every session of the user; somebody who may sign in starts a new one.",
        scopes: &["API Enabled", "Manage Users"],
        predicate: "sessions",
        goal: Goal::None,
    },
];

impl Action for SetTo {
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
        // Queries read what the call before them committed.
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn reversible(&self) -> bool {
        // Tokens and sessions do not come back, but nothing is lost with them: who may sign in makes new ones.
        true
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        match (self.predicate, self.goal) {
            ("frozen", Goal::Is(true)) => Undo::By {
                action: UNFREEZE,
                with: Value::Null,
            },
            ("frozen", _) => Undo::Nothing(IS_UNDO),
            ("tokens", _) => Undo::Nothing("an app asks for a token again when it is next used"),
            _ => Undo::Nothing("who may sign in starts new sessions"),
        }
    }

    fn plan(&self, observed: &State, _with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is the integration's own user".to_owned());
        }
        let after = match self.goal {
            Goal::Is(frozen) => json!({ self.predicate: frozen }),
            Goal::None => json!({ self.predicate: "none" }),
        };
        if observed.value == after {
            return Planned::AlreadySo;
        }
        match (self.goal, observed.value.get(self.predicate)) {
            (Goal::Is(_), Some(Value::String(row))) if row == NO_LOGIN_ROW => Planned::Skip(
                "the user never signed in, so there is nothing to freeze: deactivation bars the first sign-in"
                    .to_owned(),
            ),
            (Goal::Is(_), Some(Value::Bool(_))) => Planned::Change { after },
            (Goal::None, Some(Value::String(some))) if some == "some" => Planned::Change { after },
            _ => Planned::Refuse(format!("the state read does not answer {:?}", self.predicate)),
        }
    }
}
