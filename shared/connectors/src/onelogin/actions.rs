//! What can be done to a user in a cut, as pure descriptions; what can be taken apart later is in `dismantle`.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Value, json};

use crate::encode::IS_UNDO;

use super::status::{ACTIVE, DEACTIVATED, GONE, SUSPENDED};

/// Bars sign-in; everything else of the user stays.
pub(super) const SUSPEND: &str = "onelogin/suspend";
/// The inverse of [`SUSPEND`].
pub(super) const UNSUSPEND: &str = "onelogin/unsuspend";
/// Ends the portal's sessions.
pub(super) const LOG_OUT: &str = "onelogin/log-out";

/// Why nothing is done to the user behind our credential.
pub(super) const OWN: &str = "it is the user behind our own credential";

/// Adds this connector's actions.
pub(crate) fn add_to(all: &mut ActionCatalogue) {
    all.add(Arc::new(SetStatus { suspend: true }));
    all.add(Arc::new(SetStatus { suspend: false }));
    all.add(Arc::new(LogOut));
    super::dismantle::add_to(all);
}

/// [`SUSPEND`] and [`UNSUSPEND`].
#[derive(Clone, Copy, Debug)]
struct SetStatus {
    suspend: bool,
}

impl Action for SetStatus {
    fn name(&self) -> &'static str {
        if self.suspend { SUSPEND } else { UNSUSPEND }
    }

    fn summary(&self) -> &'static str {
        if self.suspend {
            "Suspends the user, who then cannot sign in; roles, apps and privileges stay, and open sessions are another action's."
        } else {
            "Lifts the suspension, the inverse of onelogin/suspend."
        }
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        // The vendor promises nothing; its answer already shows the changed user.
        Duration::from_secs(1)
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["Manage Users"]
    }

    fn reversible(&self) -> bool {
        true
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        if self.suspend {
            Undo::By {
                action: UNSUSPEND,
                with: Value::Null,
            }
        } else {
            Undo::Nothing(IS_UNDO)
        }
    }

    fn plan(&self, observed: &State, _with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse(OWN.to_owned());
        }
        let Some(status) = observed.value.get("status").and_then(Value::as_str) else {
            return Planned::Refuse("the state read does not answer \"status\"".to_owned());
        };
        if self.suspend {
            return match status {
                SUSPENDED | DEACTIVATED | GONE => Planned::AlreadySo,
                _ => Planned::Change {
                    after: json!({ "status": SUSPENDED }),
                },
            };
        }
        match status {
            SUSPENDED => Planned::Change {
                after: json!({ "status": ACTIVE }),
            },
            GONE => Planned::Refuse("the user is gone: it must be made anew".to_owned()),
            DEACTIVATED => Planned::Refuse(
                "the user is deactivated, not suspended: somebody must decide to activate it in OneLogin".to_owned(),
            ),
            "unactivated" | "unused" => {
                Planned::Skip("the user was never activated, so there is no suspension to lift".to_owned())
            }
            _ => Planned::AlreadySo,
        }
    }
}

/// [`LOG_OUT`].
#[derive(Clone, Copy, Debug)]
struct LogOut;

impl Action for LogOut {
    fn name(&self) -> &'static str {
        LOG_OUT
    }

    fn summary(&self) -> &'static str {
        "Ends the user's sessions in the portal and bars new sign-ins to apps by them; sessions already open inside apps live on and are named."
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Keyed
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["Manage Users"]
    }

    fn reversible(&self) -> bool {
        // A session does not come back, but nothing is lost with it: who may sign in starts a new one.
        true
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        Undo::Nothing("who may sign in starts new sessions")
    }

    fn observable(&self) -> bool {
        // No call shows a user's sessions.
        false
    }

    fn plan(&self, observed: &State, _with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse(OWN.to_owned());
        }
        if observed.value.get("accepted") == Some(&Value::Bool(true)) {
            return Planned::AlreadySo;
        }
        Planned::Change {
            after: json!({ "accepted": true }),
        }
    }
}
