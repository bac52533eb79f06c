//! What can be done to a user in a cut, as pure descriptions; what can be taken apart later is in `dismantle`.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Value, json};

use crate::encode::{IS_UNDO, short};
use crate::exchange::{items, text};

/// Bars sign-in; groups, apps, factors and roles stay.
pub(super) const SUSPEND: &str = "okta/suspend";
/// The inverse of [`SUSPEND`].
pub(super) const UNSUSPEND: &str = "okta/unsuspend";
/// Takes back what the user allowed apps to do.
pub(super) const REVOKE_GRANTS: &str = "okta/revoke-grants";
/// Revokes the API tokens that the user made.
pub(super) const REVOKE_API_TOKENS: &str = "okta/revoke-api-tokens";
/// Ends sessions, and OAuth tokens with them.
pub(super) const CLEAR_SESSIONS: &str = "okta/clear-sessions";

/// Why nothing is done to the user behind our credential.
pub(super) const OURS: &str = "it is our own credential";

/// How many days back a use of an API token counts as recent, when `in_use_days` does not say.
pub(super) const IN_USE_DAYS: i64 = 7;
/// How long a user's record may need to show a new status: the read by id follows the write at once in every recording, so
/// this is room for a busy tenant.
const STATUS_SETTLES: Duration = Duration::from_secs(5);

/// Adds this connector's actions.
pub(crate) fn add_to(all: &mut ActionCatalogue) {
    for action in ACTIONS {
        all.add(Arc::new(action.clone()));
    }
    super::dismantle::add_to(all);
}

pub(super) type Parameter = (&'static str, bool, &'static str);

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
    Suspended,
    Active,
    NoGrants,
    NoApiTokens,
    NoSessions,
}

const ACTIONS: &[OnUser] = &[
    OnUser {
        name: SUSPEND,
        summary: "Suspends the user, who then cannot sign in; groups, apps, factors and roles stay.",
        scopes: &["okta.users.read", "okta.users.manage", "okta.roles.read"],
        parameters: &[],
        goal: Goal::Suspended,
    },
    OnUser {
        name: UNSUSPEND,
        summary: "Lifts the suspension, the inverse of okta/suspend.",
        scopes: &["okta.users.read", "okta.users.manage"],
        parameters: &[],
        goal: Goal::Active,
    },
    OnUser {
        name: REVOKE_GRANTS,
        summary: "Takes back every consent that the user has given to an app; an app asks again when it is next used.",
        scopes: &["okta.users.read", "okta.users.manage"],
        parameters: &[],
        goal: Goal::NoGrants,
    },
    OnUser {
        name: REVOKE_API_TOKENS,
        summary: "Revokes every API token that the user made; one in recent use waits for a person to decide.",
        scopes: &["okta.users.read", "okta.apiTokens.read", "okta.apiTokens.manage"],
        parameters: &[(
            "in_use_days",
            false,
            "days since its last use within which a token counts as in use by an integration; 7 when not given",
        )],
        goal: Goal::NoApiTokens,
    },
    OnUser {
        name: CLEAR_SESSIONS,
        summary: "Ends every Okta session of the user with the OAuth tokens of apps and the remembered devices.",
        scopes: &["okta.users.manage"],
        parameters: &[],
        goal: Goal::NoSessions,
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
        match self.goal {
            // Nobody can list sessions; clearing none of them again is as good as clearing them once.
            Goal::NoSessions => EffectClass::Keyed,
            _ => EffectClass::Set,
        }
    }

    fn settle(&self) -> Duration {
        match self.goal {
            Goal::Suspended => STATUS_SETTLES,
            _ => Duration::ZERO,
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn reversible(&self) -> bool {
        // Consents, tokens and sessions do not come back, but who may sign in makes new ones.
        true
    }

    fn observable(&self) -> bool {
        !matches!(self.goal, Goal::NoSessions)
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        match self.goal {
            Goal::Suspended => Undo::By {
                action: UNSUSPEND,
                with: Value::Null,
            },
            Goal::Active => Undo::Nothing(IS_UNDO),
            Goal::NoGrants => Undo::Nothing("an app asks for the consent again when it is next used"),
            Goal::NoApiTokens => Undo::Not("Okta does not bring a revoked API token back: its owner makes a new one"),
            Goal::NoSessions => Undo::Nothing("who may sign in starts new sessions"),
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse(OURS.to_owned());
        }
        let is = |name: &str| text(&observed.value, name).unwrap_or_default();
        match self.goal {
            Goal::Suspended => suspension(is("status")),
            Goal::Active => restoration(is("status")),
            Goal::NoGrants => match is("grants") {
                "none" => Planned::AlreadySo,
                "some" => change("grants", "none"),
                _ => unanswered("grants"),
            },
            Goal::NoApiTokens => match is("api_tokens") {
                "none" => Planned::AlreadySo,
                "some" => change("api_tokens", "none"),
                "in-use" if is_decided(with) => change("api_tokens", "none"),
                "in-use" => Planned::Ask(in_use(observed)),
                _ => unanswered("api_tokens"),
            },
            Goal::NoSessions => Planned::Change {
                after: json!({ "accepted": true }),
            },
        }
    }
}

/// Whether a person has decided for it; the engine says so when it plans again.
pub(super) fn is_decided(with: &Value) -> bool {
    with.get("decided") == Some(&Value::Bool(true))
}

/// How many days back counts as recent use.
pub(super) fn in_use_days(with: &Value) -> i64 {
    with.get("in_use_days")
        .and_then(|days| days.as_i64().or_else(|| days.as_str()?.trim().parse().ok()))
        .filter(|days| *days >= 0)
        .unwrap_or(IN_USE_DAYS)
}

pub(super) fn change(predicate: &str, after: &str) -> Planned {
    Planned::Change {
        after: json!({ predicate: after }),
    }
}

pub(super) fn unanswered(predicate: &str) -> Planned {
    Planned::Refuse(format!("the state read does not answer {predicate:?}"))
}

/// Who is deactivated, on the way to it or deleted is barred already, and more so than by a suspension.
fn suspension(status: &str) -> Planned {
    match status {
        "" => unanswered("status"),
        "suspended" | "deprovisioned" | "deleted" => Planned::AlreadySo,
        "staged" => Planned::Skip("the user was never activated: cannot sign in".to_owned()),
        // Okta documents suspension from ACTIVE only but links it from others too, so they are tried.
        _ => change("status", "suspended"),
    }
}

fn restoration(status: &str) -> Planned {
    match status {
        "" => unanswered("status"),
        "active" => Planned::AlreadySo,
        "suspended" => change("status", "active"),
        "deprovisioned" | "deleted" => Planned::Refuse(format!(
            "the user is {status}: no suspension is left to lift, activate the user in Okta"
        )),
        other => Planned::Skip(format!("the user is not suspended but {other}")),
    }
}

fn in_use(observed: &State) -> String {
    let tokens: Vec<String> = items(&observed.evidence, "in_use")
        .iter()
        .map(|token| {
            let name = short(text(token, "name").unwrap_or("unnamed"), 60);
            let id = short(text(token, "id").unwrap_or("no id"), 40);
            match text(token, "last_used") {
                Some(at) => format!("{name} ({id}, last used {at})"),
                None => format!("{name} ({id}, last use unknown)"),
            }
        })
        .collect();
    let tokens = if tokens.is_empty() {
        "an API token".to_owned()
    } else {
        tokens.join(", ")
    };
    format!("in recent use by an integration, which stops when it is revoked: {tokens}")
}
