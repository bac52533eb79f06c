//! Actions and what they need of the vendors.

use std::fmt::Write as _;
use std::time::Duration;

use rollcall_connectors::okta;
use rollcall_model::{Action, ActionCatalogue, EffectClass};
use serde_json::{Value, json};

/// The page about every action.
pub(crate) fn page(actions: &ActionCatalogue) -> String {
    let mut text = format!(
        "{}# Actions\n\nWhat a playbook's steps and messages may use. The effect class says what happens after a lost answer; see\n\
         [effects](../concepts/effects.md).\n",
        crate::MADE
    );
    for action in actions.iter() {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| | |\n|---|---|\n| works on | {} |\n| effect class | {} |\n| settle time | {} |\n| may stand in a cut | {} |\n| needs | {} |\n",
            action.name(),
            action.summary(),
            if action.on_account() { "an account" } else { "a message" },
            effect(action.effect()),
            settle(action.settle()),
            if action.reversible() { "yes" } else { "no" },
            action.scopes().join(", "),
        );
        if !action.parameters().is_empty() {
            text.push_str("\n| parameter | | what it is |\n|---|---|---|\n");
            for (name, required, about) in action.parameters() {
                let required = if *required { "required" } else { "optional" };
                let _ = writeln!(text, "| `{name}` | {required} | {about} |");
            }
        }
    }
    text
}

/// The same for programs, and what the sources need to be read.
pub(crate) fn capabilities(actions: &ActionCatalogue) -> Value {
    let actions: Vec<Value> = actions.iter().map(|action| capability(action.as_ref())).collect();
    json!({ "actions": actions, "sources": { "okta": { "read": okta::READ_SCOPES, "hook_watch": okta::LOG_SCOPES } } })
}

fn capability(action: &dyn Action) -> Value {
    let parameters: Vec<Value> = action
        .parameters()
        .iter()
        .map(|(name, required, about)| json!({ "name": name, "required": required, "about": about }))
        .collect();
    json!({
        "name": action.name(),
        "on_account": action.on_account(),
        "effect": effect(action.effect()),
        "settle_ms": u64::try_from(action.settle().as_millis()).unwrap_or(u64::MAX),
        "reversible": action.reversible(),
        "scopes": action.scopes(),
        "parameters": parameters,
    })
}

fn effect(class: EffectClass) -> &'static str {
    match class {
        EffectClass::Set => "set",
        EffectClass::Keyed => "keyed",
        EffectClass::Staged => "staged",
        EffectClass::Findable => "findable",
        EffectClass::Blind => "blind",
    }
}

fn settle(time: Duration) -> String {
    if time.is_zero() {
        "none: a read shows it at once".to_owned()
    } else {
        format!("{} s", time.as_secs_f32())
    }
}
