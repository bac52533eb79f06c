//! Messages as changes.

use rollcall_model::EffectClass;
use rollcall_model::action::ActionCatalogue;
use rollcall_model::plan::{Change, PlanItem, TellMoment, TellSpec, Verdict};
use serde_json::{Value, json};

use super::{Facts, TextFacts};
use crate::configuration::Configuration;
use crate::expression::{Names, Scope, Template, kind_of};
use crate::{facts, text};

/// The stage name under which messages are journalled.
const STAGE: &str = "tell";

/// The messages of one moment, in order. A message that has nobody to go to (the person has no manager) is `Skip` with its
/// reason, one whose text or recipient cannot be made is `Unknown`; neither stands in a run's way. Messages of a quiet run go to
/// fixed addressees only and name the run instead of the person.
pub fn tell_changes(
    configuration: &Configuration,
    catalogue: &ActionCatalogue,
    facts: &Facts<'_>,
    moment: TellMoment,
    texts: &TextFacts,
) -> Vec<PlanItem> {
    let scope = Scope::new(facts::of_run(facts, STAGE), facts.memberships);
    facts
        .plan
        .tell
        .iter()
        .filter(|tell| tell.moment == moment)
        .enumerate()
        .map(|(place, tell)| {
            let mut item = bare(catalogue, tell, place);
            if facts.plan.quiet && tell.to.contains("${") {
                item.verdict = Verdict::Skip("quiet: only fixed addressees are told".to_owned());
                return item;
            }
            let address = address(configuration, tell, &scope);
            let text = text::render(&tell.text, facts, texts);
            match (address, text) {
                (Ok(to), _) if to.is_empty() => {
                    item.verdict = Verdict::Skip(format!("`{}` names nobody for this person", tell.to));
                }
                (Ok(to), Ok(text)) => {
                    let to_name = if tell.action.ends_with("/dm") {
                        "email"
                    } else {
                        "channel"
                    };
                    item.change.with = json!({to_name: to, "text": text});
                }
                (Err(why), _) => {
                    item.verdict = Verdict::Unknown(format!("its recipient cannot be told: {why}"));
                }
                (_, Err(why)) => {
                    item.verdict = Verdict::Unknown(format!("its text cannot be made: {why}"));
                }
            }
            item
        })
        .collect()
}

fn bare(catalogue: &ActionCatalogue, tell: &TellSpec, place: usize) -> PlanItem {
    let action = catalogue.get(&tell.action);
    PlanItem {
        change: Change {
            stage: STAGE.to_owned(),
            step: format!("{}-{}", tell.moment.as_str(), place + 1),
            connection: tell.connection.clone(),
            account: None,
            action: tell.action.clone(),
            effect: action.map_or(EffectClass::Blind, |action| action.effect()),
            settle_ms: action.map_or(0, |action| super::stage::settle_ms(action.as_ref())),
            with: Value::Null,
            before: json!({"posted": false}),
            after: json!({"posted": true}),
            evidence: Value::Null,
        },
        verdict: Verdict::Run,
    }
}

/// A recipient as text: a person or manager stands for their e-mail address.
fn address(configuration: &Configuration, tell: &TellSpec, scope: &Scope<'_>) -> Result<String, String> {
    let template = Template::compile(&tell.to, &Names::new(&configuration.lists, false)).map_err(|error| error.what)?;
    match template.evaluate(scope).map_err(|error| error.to_string())? {
        Value::String(text) => Ok(text),
        Value::Object(fields) => Ok(fields
            .get("email")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()),
        other => Err(format!("`{}` is {}, not an address", tell.to, kind_of(&other))),
    }
}
