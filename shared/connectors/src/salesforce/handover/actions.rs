//! The hand-over of records and its inverse, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, HandOver, Planned, State, Undo};
use serde_json::{Value, json};

use super::order::Order;
use crate::encode::IS_UNDO;

/// Gives away what names the user.
pub(in crate::salesforce) const HAND_OVER: &str = "salesforce/hand-over-records";
/// The inverse of [`HAND_OVER`].
pub(in crate::salesforce) const TAKE_BACK: &str = "salesforce/take-back-records";

/// Adds both actions.
pub(in crate::salesforce) fn add_to(all: &mut ActionCatalogue) {
    all.add(Arc::new(Records { back: false }));
    all.add(Arc::new(Records { back: true }));
}

/// Moves records, away from the user or back.
#[derive(Clone, Copy, Debug)]
struct Records {
    back: bool,
}

impl Action for Records {
    fn name(&self) -> &'static str {
        if self.back { TAKE_BACK } else { HAND_OVER }
    }

    fn summary(&self) -> &'static str {
        if self.back {
            "Gives records back to the user where they still belong to whom we gave them, the inverse of salesforce/hand-over-records."
        } else {
            "Gives every record that the user owns to a successor, a manager, a fallback user or a queue, and accounts for each of them."
        }
    }

    fn effect(&self) -> EffectClass {
        EffectClass::Staged
    }

    fn settle(&self) -> Duration {
        // Queries read what the call before them committed.
        Duration::ZERO
    }

    fn scopes(&self) -> &'static [&'static str] {
        &[
            "API Enabled",
            "View All Users",
            "Transfer Record",
            "Edit on each object, or Modify All Data",
        ]
    }

    fn reversible(&self) -> bool {
        // Manual shares of a record go with its owner. And a cut counts no records.
        false
    }

    fn long(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        if self.back {
            &[("evidence", true, "names of the evidence files of the hand-over")]
        } else {
            &[
                (
                    "to",
                    false,
                    "who gets the records, in order: successor, manager, managers-chain, user:<login or e-mail>, queue:<name>",
                ),
                (
                    "objects",
                    false,
                    "another order for single objects: object → one target or a list",
                ),
                (
                    "scope",
                    false,
                    "open (default): closed deals, cases and tasks, converted leads and past events keep their owner; or all",
                ),
                (
                    "fields",
                    false,
                    "what becomes of look-ups besides OwnerId: Object.Field → move or report (default)",
                ),
                (
                    "people",
                    false,
                    "who successor and manager are, by the connection's match fields; filled in",
                ),
            ]
        }
    }

    fn undo(&self, _change: &Change, reference: &Value) -> Undo {
        if self.back {
            return Undo::Nothing(IS_UNDO);
        }
        match serde_json::from_value::<HandOver>(reference.clone()) {
            Ok(done) if done.total().moved == 0 => Undo::Nothing("no record was given to anybody"),
            Ok(done) => Undo::By {
                action: TAKE_BACK,
                with: json!({ "evidence": done.evidence }),
            },
            Err(_) => Undo::Not(
                "the journal does not say where the evidence of the hand-over lies: give the records back by hand",
            ),
        }
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        if observed.value.get("ours") == Some(&Value::Bool(true)) {
            return Planned::Refuse("it is the integration's own user".to_owned());
        }
        let checked = if self.back {
            super::back::evidence_of(with).map(drop)
        } else {
            Order::read(with).map(drop)
        };
        match checked {
            Ok(()) => Planned::Change {
                after: json!({ "handed-over": !self.back }),
            },
            Err(why) => Planned::Refuse(why),
        }
    }
}
