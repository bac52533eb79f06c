//! What can be told, as pure descriptions.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Action, ActionCatalogue, Change, EffectClass, Planned, State, Undo};
use serde_json::{Value, json};

use crate::exchange::text;

/// A message in a channel.
pub(super) const POST: &str = "slack/post";
/// A message to one person.
pub(super) const DM: &str = "slack/dm";
/// A new text for an earlier message.
pub(super) const UPDATE: &str = "slack/update";

/// How long a message may take until the history shows it.
const HISTORY_LAG: Duration = Duration::from_secs(10);

/// Adds this connector's actions.
pub(crate) fn add_to(all: &mut ActionCatalogue) {
    for action in ACTIONS {
        all.add(Arc::new(action.clone()));
    }
}

/// Every scope that an action needs, each once, in the order of their names.
pub(super) fn scopes() -> std::collections::BTreeSet<&'static str> {
    ACTIONS.iter().flat_map(|action| action.scopes).copied().collect()
}

type Parameter = (&'static str, bool, &'static str);

/// One way of telling.
#[derive(Clone, Debug)]
struct Tell {
    name: &'static str,
    summary: &'static str,
    effect: EffectClass,
    scopes: &'static [&'static str],
    parameters: &'static [Parameter],
}

const TEXT: Parameter = ("text", true, "the message; what is over 4,000 characters is cut");
const BLOCKS: Parameter = (
    "blocks",
    false,
    "Block Kit blocks; the text is then what notifications show",
);
const THREAD: Parameter = ("thread_ts", false, "the message to answer in its thread");

const ACTIONS: &[Tell] = &[
    Tell {
        name: POST,
        summary: "Posts a message in a channel.",
        effect: EffectClass::Findable,
        scopes: &[
            "chat:write",
            "channels:history",
            "groups:history",
            "channels:read",
            "groups:read",
        ],
        parameters: &[
            ("channel", true, "the channel's id, or its name with #"),
            TEXT,
            BLOCKS,
            THREAD,
        ],
    },
    Tell {
        name: DM,
        summary: "Sends a direct message to the person with an e-mail address.",
        effect: EffectClass::Findable,
        scopes: &["chat:write", "users:read.email", "im:write", "im:history"],
        parameters: &[
            ("email", true, "the person's e-mail address in Slack"),
            TEXT,
            BLOCKS,
            THREAD,
        ],
    },
    Tell {
        name: UPDATE,
        summary: "Replaces the text of a message that Rollcall posted.",
        // The same text under the same (channel, ts) is the same message however often it is written.
        effect: EffectClass::Keyed,
        scopes: &["chat:write"],
        parameters: &[
            ("channel", true, "the channel's id"),
            ("ts", true, "the message's ts"),
            TEXT,
            BLOCKS,
        ],
    },
];

impl Action for Tell {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn effect(&self) -> EffectClass {
        self.effect
    }

    fn settle(&self) -> Duration {
        match self.effect {
            EffectClass::Findable => HISTORY_LAG,
            _ => Duration::ZERO,
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    fn on_account(&self) -> bool {
        false
    }

    fn reversible(&self) -> bool {
        false
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn undo(&self, _change: &Change, _reference: &Value) -> Undo {
        Undo::Nothing("what people were told stays told")
    }

    fn plan(&self, observed: &State, with: &Value) -> Planned {
        let missing = self
            .parameters
            .iter()
            .find(|(name, required, _)| *required && text(with, name).is_none_or(|text| text.trim().is_empty()));
        if let Some((name, _, what)) = missing {
            return Planned::Refuse(format!("{name} is missing: {what}"));
        }
        match observed.value.get("posted") {
            Some(Value::Bool(true)) => Planned::AlreadySo,
            _ => Planned::Change {
                after: json!({ "posted": true }),
            },
        }
    }
}
