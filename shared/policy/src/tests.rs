//! What the tests of this crate share: a small catalogue of actions and somebody who leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::action::{Action, ActionCatalogue, EffectClass, Planned, Undo};
use rollcall_model::connector::State;
use rollcall_model::ids::{AccountRef, PersonKey};
use rollcall_model::person::{Manager, Person, SourceState};
use rollcall_model::plan::Change;
use serde_json::{Value, json};

struct Fake {
    name: &'static str,
    after: Value,
    reversible: bool,
    on_account: bool,
    observable: bool,
    parameters: &'static [(&'static str, bool, &'static str)],
}

impl Action for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        "for tests"
    }

    fn effect(&self) -> EffectClass {
        if self.on_account {
            EffectClass::Set
        } else {
            EffectClass::Findable
        }
    }

    fn settle(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn on_account(&self) -> bool {
        self.on_account
    }

    fn reversible(&self) -> bool {
        self.reversible
    }

    fn observable(&self) -> bool {
        self.observable
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        self.parameters
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        Undo::Nothing("for tests")
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value == self.after {
            Planned::AlreadySo
        } else if observed.value == json!({"frozen": "last-admin"}) && with["decided"] != json!(true) {
            Planned::Ask("the last administrator".to_owned())
        } else if observed.value == json!({"frozen": "no-login-row"}) {
            Planned::Skip("never signed in".to_owned())
        } else if observed.value == json!({"frozen": "forbidden"}) {
            Planned::Refuse("the vendor forbids it".to_owned())
        } else {
            Planned::Change {
                after: self.after.clone(),
            }
        }
    }
}

/// The actions that tests use, with the real ones' names and states.
pub(crate) fn catalogue() -> ActionCatalogue {
    let mut catalogue = ActionCatalogue::default();
    let mut add = |name, after, reversible, on_account, parameters| {
        catalogue.add(Arc::new(Fake {
            name,
            after,
            reversible,
            on_account,
            observable: !matches!(name, "onelogin/log-out" | "okta/clear-sessions"),
            parameters,
        }));
    };
    add("salesforce/freeze", json!({"frozen": true}), true, true, &[]);
    add("salesforce/revoke-tokens", json!({"tokens": "none"}), true, true, &[]);
    add("salesforce/end-sessions", json!({"sessions": "none"}), true, true, &[]);
    add(
        "salesforce/hand-over",
        json!({"records": "none"}),
        false,
        true,
        &[("to", true, "who gets the records"), ("scope", false, "which records")],
    );
    add(
        "salesforce/hand-over-records",
        json!({"records": "none"}),
        true,
        true,
        &[
            ("to", false, "who gets the records"),
            ("objects", false, "targets by object"),
            ("scope", false, "which records"),
            ("fields", false, "other fields"),
            ("people", false, "who could take over"),
        ],
    );
    add(
        "salesforce/remove-entitlements",
        json!({"entitlements": "none"}),
        true,
        true,
        &[("what", false, "which")],
    );
    add("salesforce/deactivate", json!({"active": false}), false, true, &[]);
    add(
        "onelogin/remove-roles",
        json!({"roles": []}),
        true,
        true,
        &[("what", false, "which")],
    );
    add(
        "onelogin/remove-privileges",
        json!({"privileges": []}),
        true,
        true,
        &[("what", false, "which")],
    );
    add("onelogin/remove-devices", json!({"devices": []}), false, true, &[]);
    add(
        "okta/remove-groups",
        json!({"groups": []}),
        true,
        true,
        &[("what", false, "which")],
    );
    add("okta/reset-factors", json!({"factors": []}), false, true, &[]);
    add("okta/deactivate", json!({"status": "deprovisioned"}), false, true, &[]);
    add("onelogin/suspend", json!({"status": "suspended"}), true, true, &[]);
    add("onelogin/log-out", Value::Null, true, true, &[]);
    add("okta/suspend", json!({"status": "suspended"}), true, true, &[]);
    add("okta/revoke-grants", json!({"grants": "none"}), true, true, &[]);
    add("okta/revoke-api-tokens", json!({"api_tokens": "none"}), true, true, &[]);
    add("okta/clear-sessions", Value::Null, true, true, &[]);
    add("slack/post", json!({"posted": true}), false, false, &[]);
    add("slack/dm", json!({"posted": true}), false, false, &[]);
    catalogue
}

/// Somebody who has left.
pub(crate) fn amara() -> Person {
    Person {
        key: PersonKey::new("okta-main:00uAMARA"),
        account: AccountRef::new("okta-main", "00uAMARA"),
        state: SourceState::Deactivated,
        display: "Amara <Okafor>".to_owned(),
        login: "amara@example.com".to_owned(),
        email: Some("amara@example.com".to_owned()),
        manager: Some(Manager {
            account: None,
            login: Some("jun@example.com".to_owned()),
            email: Some("jun@example.com".to_owned()),
            display: Some("Jun Sato".to_owned()),
        }),
        groups: vec!["Everyone".to_owned(), "Sales-AE".to_owned()],
        roles: Vec::new(),
        attributes: BTreeMap::from([
            ("department".to_owned(), json!("Sales")),
            ("employeeNumber".to_owned(), json!("1001")),
        ]),
    }
}
