//! What a user is given beside profile and role: permission sets and their groups, licences of permission sets and packages,
//! public groups and queues. Taking all of it away, and giving a snapshot back, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::encode::{IS_UNDO, short};

/// Takes entitlements away.
pub(super) const REMOVE: &str = "salesforce/remove-entitlements";
/// The inverse of [`REMOVE`].
pub(super) const RESTORE: &str = "salesforce/restore-entitlements";

/// Names that a reason spells out; beyond it counts.
const MOST_NAMED: usize = 10;

/// What an entitlement is, in the order in which they are taken away: a permission set may need a licence, so the licence goes
/// after it. They are given back in the order of [`Kind::BACK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    PermissionSet,
    PermissionSetGroup,
    PermissionSetLicence,
    Package,
    Group,
    Queue,
}

impl Kind {
    /// The order in which they are given back.
    pub(super) const BACK: [Self; 6] = [
        Self::PermissionSetLicence,
        Self::PermissionSet,
        Self::PermissionSetGroup,
        Self::Package,
        Self::Group,
        Self::Queue,
    ];

    /// What people call it.
    pub(super) const fn called(self) -> &'static str {
        match self {
            Self::PermissionSet => "permission set",
            Self::PermissionSetGroup => "permission set group",
            Self::PermissionSetLicence => "permission set licence",
            Self::Package => "package",
            Self::Group => "group",
            Self::Queue => "queue",
        }
    }
}

/// One entitlement: of the set, group, licence or queue itself, not of the row that assigns it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Entitlement {
    pub(super) kind: Kind,
    /// The vendor's id in 18 characters.
    pub(super) id: String,
    /// The vendor's name.
    pub(super) name: String,
    /// When the assignment ends by itself, as the vendor writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
}

impl Entitlement {
    /// `permission set "Export"`.
    pub(super) fn named(&self) -> String {
        format!("{} {:?}", self.kind.called(), short(&self.name, 80))
    }

    /// True when both are the same thing, whatever it is called and however long it is given.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.id == other.id
    }
}

/// The list inside a state, a snapshot or a parameter; `None` where it is none.
pub(super) fn listed(of: &Value) -> Option<Vec<Entitlement>> {
    serde_json::from_value(of.get("entitlements")?.clone()).ok()
}

/// Names, of which the first few are spelled out.
pub(super) fn spelled(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Adds the two actions.
pub(super) fn add_to(all: &mut ActionCatalogue) {
    all.add(Arc::new(Remove));
    all.add(Arc::new(Restore));
}

/// What both need of the integration user.
const SCOPES: &[&str] = &[
    "API Enabled",
    "Manage Users",
    "Assign Permission Sets",
    "View Setup and Configuration",
    "Manage Package Licenses",
];

/// [`REMOVE`].
#[derive(Clone, Copy, Debug)]
struct Remove;

impl Action for Remove {
    fn name(&self) -> &'static str {
        REMOVE
    }

    fn summary(&self) -> &'static str {
        "Takes away permission sets and their groups, licences of permission sets and packages, public groups and queues; what the user had is kept in the change, and profile and role stay."
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        SCOPES
    }

    fn reversible(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        &[(
            "what",
            false,
            "`all`, or `managed` (the default): only what Rollcall gave, which is nothing yet",
        )]
    }

    fn undo(&self, change: &Change, _reference: &Value) -> Undo {
        match listed(&change.before) {
            Some(had) => Undo::By {
                action: RESTORE,
                with: json!({ "entitlements": had }),
            },
            None => Undo::Not("what the user had was not read: give it back by hand from the setup audit trail"),
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is the integration's own user".to_owned());
        }
        let Some(held) = listed(&observed.value) else {
            return Planned::Refuse("the state read does not list the entitlements".to_owned());
        };
        if held.is_empty() {
            return Planned::AlreadySo;
        }
        match with.get("what").map_or(Some("managed"), Value::as_str) {
            Some("all") => Planned::Change {
                after: json!({ "entitlements": [] }),
            },
            Some("managed") => Planned::Skip(
                "Rollcall has given none of the entitlements here, so all are left; `what: all` takes them away"
                    .to_owned(),
            ),
            _ => Planned::Refuse("`what` is `all` or `managed`: correct the step".to_owned()),
        }
    }
}

/// [`RESTORE`].
#[derive(Clone, Copy, Debug)]
struct Restore;

impl Action for Restore {
    fn name(&self) -> &'static str {
        RESTORE
    }

    fn summary(&self) -> &'static str {
        "Gives back the entitlements of a snapshot, the inverse of salesforce/remove-entitlements; what Salesforce no longer has is named."
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Set
    }

    fn settle(&self) -> Duration {
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        SCOPES
    }

    fn reversible(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        &[(
            "entitlements",
            true,
            "the list that salesforce/remove-entitlements found before it: `kind`, `id`, `name`, and `until` where it was given for a time",
        )]
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        Undo::Nothing(IS_UNDO)
    }

    /// The evidence of the state says which of the wanted ones there are (`available`, as they are called now), and which can
    /// not be given (`missing`, with why).
    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is the integration's own user".to_owned());
        }
        if listed(with).is_none() {
            return Planned::Refuse(
                "`entitlements` is not a list as salesforce/remove-entitlements keeps it: take it from that change's `before`"
                    .to_owned(),
            );
        }
        let available = observed.evidence.get("available").cloned().unwrap_or_default();
        let available: Option<Vec<Entitlement>> = serde_json::from_value(available).ok();
        let (Some(held), Some(available)) = (listed(&observed.value), available) else {
            return Planned::Refuse("the state read does not list the entitlements".to_owned());
        };
        let mut after = held.clone();
        for wanted in available {
            if !after.iter().any(|one| one.is(&wanted)) {
                after.push(wanted);
            }
        }
        if after.len() > held.len() {
            after.sort();
            return Planned::Change {
                after: json!({ "entitlements": after }),
            };
        }
        let missing = observed.evidence.get("missing").and_then(Value::as_array);
        let missing: Vec<String> = missing
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if missing.is_empty() {
            Planned::AlreadySo
        } else {
            Planned::Skip(format!("the rest is as it was; not given back: {}", spelled(&missing)))
        }
    }
}
