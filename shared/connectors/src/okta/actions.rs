//! What can be done to a user, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, EffectClass, Failure, Planned, State};
use serde_json::{Value, json};

/// Bars sign-in, keeps groups, applications and factors.
pub(super) const SUSPEND: &str = "okta/suspend";
/// The inverse of [`SUSPEND`].
pub(super) const UNSUSPEND: &str = "okta/unsuspend";
/// Takes back the consents that the user gave to applications.
pub(super) const REVOKE_GRANTS: &str = "okta/revoke-grants";
/// Revokes the API tokens that the user made.
pub(super) const REVOKE_API_TOKENS: &str = "okta/revoke-api-tokens";
/// Ends sessions and the tokens of applications.
pub(super) const CLEAR_SESSIONS: &str = "okta/clear-sessions";

/// The parameter that says how long ago the last use of a token must be.
pub(super) const IN_USE_DAYS: &str = "in_use_days";
/// Its value when nobody gives one.
pub(super) const IN_USE_DEFAULT: i64 = 7;

/// Adds this connector's actions.
pub(crate) fn add_to(all: &mut ActionCatalogue) {
    for action in ACTIONS {
        all.add(Arc::new(action.clone()));
    }
}

/// The failure of an action that this connector does not have.
pub(super) fn unknown(action: &str) -> Failure {
    Failure::give_up(format!("Okta has no action {action} in this version"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Suspended,
    Active,
    NoGrants,
    NoTokens,
    Cleared,
}

#[derive(Clone, Debug)]
struct Deed {
    name: &'static str,
    summary: &'static str,
    scopes: &'static [&'static str],
    goal: Goal,
}

const ACTIONS: &[Deed] = &[
    Deed {
        name: SUSPEND,
        summary: "Suspends the user, who then cannot sign in; groups, applications and factors stay.",
        scopes: &["okta.users.manage", "okta.roles.read"],
        goal: Goal::Suspended,
    },
    Deed {
        name: UNSUSPEND,
        summary: "Ends the suspension, the inverse of okta/suspend.",
        scopes: &["okta.users.manage"],
        goal: Goal::Active,
    },
    Deed {
        name: REVOKE_GRANTS,
        summary: "Takes back every consent that the user gave to an application; an application asks again.",
        scopes: &["okta.users.manage"],
        goal: Goal::NoGrants,
    },
    Deed {
        name: REVOKE_API_TOKENS,
        summary: "Revokes every API token that the user made; one in recent use is asked about first, because an integration may live on it.",
        scopes: &["okta.apiTokens.manage"],
        goal: Goal::NoTokens,
    },
    Deed {
        name: CLEAR_SESSIONS,
        summary: "Ends every Okta session of the user, with the access and refresh tokens of applications and remembered devices; Okta cannot show that none is left.",
        scopes: &["okta.users.manage"],
        goal: Goal::Cleared,
    },
];

impl Action for Deed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn effect(&self) -> EffectClass {
        match self.goal {
            Goal::Cleared => EffectClass::Keyed,
            _ => EffectClass::Set,
        }
    }

    fn settle(&self) -> Duration {
        // A single user and their own lists are read as they are; only the search index trails.
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn reversible(&self) -> bool {
        // Grants, tokens and sessions do not come back, but nothing is lost with them that their owner cannot make again.
        true
    }

    fn observable(&self) -> bool {
        self.goal != Goal::Cleared
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        match self.goal {
            Goal::NoTokens => &[(
                IN_USE_DAYS,
                false,
                "a token that was used within so many days is asked about instead of revoked: 7 by default, 0 asks about none",
            )],
            _ => &[],
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is our own credential's user".to_owned());
        }
        let text = |name: &str| observed.value.get(name).and_then(Value::as_str);
        match self.goal {
            Goal::Suspended => match text("status") {
                Some("suspended" | "deactivated" | "deactivating" | "deleted") => Planned::AlreadySo,
                Some("staged") => Planned::Skip("never activated: there is no way to sign in".to_owned()),
                Some(_) => Planned::Change {
                    after: json!({ "status": "suspended" }),
                },
                None => Planned::Refuse("the state read does not answer \"status\"".to_owned()),
            },
            Goal::Active => match text("status") {
                Some("active") => Planned::AlreadySo,
                Some("suspended") => Planned::Change {
                    after: json!({ "status": "active" }),
                },
                other => Planned::Skip(format!(
                    "{} is no suspension that could be ended",
                    other.unwrap_or("the state")
                )),
            },
            Goal::NoGrants => none_of(text("grants"), "grants"),
            Goal::NoTokens
                if text("api_tokens") == Some("in-use") && with.get("decided") != Some(&Value::Bool(true)) =>
            {
                Planned::Ask(format!(
                    "API tokens in recent use, so an integration may live on them: {}. Give the integration a credential of its \
                     own, then say yes",
                    observed
                        .evidence
                        .get("in_use")
                        .and_then(Value::as_str)
                        .unwrap_or("unnamed")
                ))
            }
            Goal::NoTokens => none_of(text("api_tokens"), "api_tokens"),
            Goal::Cleared => Planned::Change {
                after: json!({ "cleared": true }),
            },
        }
    }
}

fn none_of(held: Option<&str>, predicate: &str) -> Planned {
    match held {
        Some("none") => Planned::AlreadySo,
        Some("some" | "in-use") => Planned::Change {
            after: json!({ predicate: "none" }),
        },
        _ => Planned::Refuse(format!("the state read does not answer {predicate:?}")),
    }
}
