//! What a connector can do, as pure descriptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connector::State;
use crate::plan::Change;

/// What an intent without an observation means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectClass {
    /// Absolute state: wait the settle time, read by id, repeat only when it is still `before`.
    Set,
    /// The vendor knows our key: repeat with the same key.
    Keyed,
    /// A job in steps of which only the last has an effect.
    Staged,
    /// Our key can be searched for: adopt what is found, repeat only after a complete search.
    Findable,
    /// Nothing can be read back.
    Blind,
}

/// The pure result of looking at a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Nothing to do.
    AlreadySo,
    /// This state should become that one.
    Change {
        /// The state the action writes.
        after: Value,
    },
    /// The action does not apply to this account; why.
    Skip(String),
    /// The action may not be done; why.
    Refuse(String),
    /// It may be done when a person says so, and only then; what they have to know.
    Ask(String),
}

/// How a change that was made is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// By this action, with these parameters, on the same account.
    By {
        /// The action's name.
        action: &'static str,
        /// Its parameters: what the change found before it, from the journal.
        with: Value,
    },
    /// Nothing is lost with it, so there is nothing to take back: ended sessions; why.
    Nothing(&'static str),
    /// The vendor has no way to take it back; what people have to do instead.
    Not(&'static str),
}

/// One thing a connector can do. Pure: reading and writing are the connector's.
pub trait Action: Send + Sync {
    /// `kind/verb`: `salesforce/freeze`.
    fn name(&self) -> &'static str;
    /// One sentence for the generated reference.
    fn summary(&self) -> &'static str;
    /// How a lost answer is treated.
    fn effect(&self) -> EffectClass;
    /// How long the vendor may take until a read shows the effect.
    fn settle(&self) -> Duration;
    /// The least vendor scopes or permissions it needs.
    fn scopes(&self) -> &'static [&'static str];
    /// True when it works on an account; false for messages and the like.
    fn on_account(&self) -> bool {
        true
    }
    /// True when its inverse gives all of it back, so that it may stand in a cut.
    fn reversible(&self) -> bool;
    /// False when the vendor has no way to read back what it does: the vendor's acceptance is then the observation, and within
    /// a run it is not done again once it was accepted. Such an action must be harmless to repeat.
    fn observable(&self) -> bool {
        true
    }
    /// Parameters that `with:` may carry: name → (required, what it is).
    fn parameters(&self) -> &'static [(&'static str, bool, &'static str)] {
        &[]
    }
    /// True when it takes many calls over many records: the engine then uses [`Connector::advance`](crate::Connector::advance)
    /// in place of `apply`, and believes its word on what became of it.
    fn long(&self) -> bool {
        false
    }
    /// How a change by this action is taken back, from what the journal says of it. Pure.
    fn undo(&self, change: &Change, reference: &Value) -> Undo;
    /// What should become of an observed state. Pure.
    fn plan(&self, observed: &State, with: &Value) -> Planned;
}

/// Every action the binary knows, by name.
#[derive(Clone, Default)]
pub struct ActionCatalogue(BTreeMap<&'static str, Arc<dyn Action>>);

impl ActionCatalogue {
    /// Adds an action; the name decides.
    pub fn add(&mut self, action: Arc<dyn Action>) {
        self.0.insert(action.name(), action);
    }

    /// The action of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Action>> {
        self.0.get(name)
    }

    /// All actions in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Action>> {
        self.0.values()
    }
}

impl std::fmt::Debug for ActionCatalogue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}
