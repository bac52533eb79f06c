//! Plans: what a run may do, and what one stage of it will do.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::EffectClass;
use crate::digest::{self, CanonicalError};
use crate::ids::{AccountRef, ConnectionId, Digest, PersonKey};
use crate::person::{AccountClass, SourceState};

/// The stage that takes access away. Playbooks, receipts and reports all call it so.
pub const CUT: &str = "cut";
/// The stage that takes apart what is left.
pub const DISMANTLE: &str = "dismantle";

/// What a run is for. One run is open per person and goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Give access.
    Join,
    /// Change access.
    Move,
    /// Take access away.
    Leave,
    /// Take back what an earlier run did.
    Undo,
}

impl Goal {
    /// The goal's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Move => "move",
            Self::Leave => "leave",
            Self::Undo => "undo",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// One step of a stage: some actions, in some connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Unique within the stage.
    pub id: String,
    /// Action names, in order.
    pub actions: Vec<String>,
    /// Where; sets are already resolved.
    pub connections: Vec<ConnectionId>,
    /// Parameters as configured: literals, with `${…}` expressions not yet evaluated.
    #[serde(default)]
    pub with: Value,
    /// CEL condition; false skips the step with that as its reason.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// A step of the same stage that must be green in the same connection first.
    #[serde(default)]
    pub after: Option<String>,
    /// Which accounts it concerns. Service accounts never are.
    #[serde(default = "own_accounts", skip_serializing_if = "is_own_accounts")]
    pub classes: Vec<AccountClass>,
    /// The only accounts that it concerns, by the vendor's id; empty: all. An undo works on the accounts that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

impl StepSpec {
    /// Whether the step concerns this account, as far as its id tells.
    pub fn concerns(&self, id: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|one| one == id)
    }
}

fn own_accounts() -> Vec<AccountClass> {
    AccountClass::OWN.to_vec()
}

fn is_own_accounts(classes: &[AccountClass]) -> bool {
    classes == AccountClass::OWN
}

/// One stage of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpec {
    /// `cut` or `dismantle`, or `steps` for playbooks without either.
    pub name: String,
    /// How long after the end of the stage before it, in milliseconds.
    pub after_ms: i64,
    /// CEL condition that stops the stage when it holds at its start.
    #[serde(default)]
    pub unless: Option<String>,
    /// The steps, in order.
    pub steps: Vec<StepSpec>,
}

/// When people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TellMoment {
    /// Access is cut in every system.
    Cut,
    /// Everything is done.
    Done,
    /// A stage waits for a decision.
    Held,
    /// The run ended without reaching its goal, or needs somebody.
    Failed,
}

impl TellMoment {
    /// The moment's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Done => "done",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

/// One message at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TellSpec {
    /// When.
    pub moment: TellMoment,
    /// By which connection.
    pub connection: ConnectionId,
    /// By which action (`slack/post`, `slack/dm`).
    pub action: String,
    /// To whom: a channel, an address, or a `${…}` expression.
    pub to: String,
    /// MiniJinja text.
    pub text: String,
}

/// What a run may do: hashed first, before anything is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// What it is for.
    pub goal: Goal,
    /// For whom.
    pub person: PersonKey,
    /// The account whose change began it.
    pub subject: AccountRef,
    /// The playbook's name.
    pub playbook: String,
    /// The configuration it was made from.
    pub config: Digest,
    /// The stages, in order.
    pub stages: Vec<StageSpec>,
    /// Who is told, and when.
    pub tell: Vec<TellSpec>,
    /// The only connection that it concerns, for a run about one application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ConnectionId>,
    /// The application, by the source's id, that must still be taken from the subject: the run's reason instead of a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unassigned: Option<String>,
    /// What the subject's directory may say of it while the run has its reason; empty: what the goal asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds_while: Vec<SourceState>,
    /// Messages, reviews and metrics carry the run's id instead of the person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Who takes over what the person owned: a sign-in name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

impl RunPlan {
    /// Whether the run still has its reason when the subject's directory says this of it.
    pub fn agrees_with(&self, state: SourceState) -> bool {
        if !self.holds_while.is_empty() {
            return self.holds_while.contains(&state);
        }
        match self.goal {
            Goal::Leave => state.has_left(),
            Goal::Join | Goal::Move => state == SourceState::Active,
            // Somebody asked for it, whatever the directory says.
            Goal::Undo => true,
        }
    }

    /// The run plan's hash.
    pub fn hash(&self) -> Result<Digest, CanonicalError> {
        digest::digest(self)
    }

    /// Every connection that the run may write to, each once, in order of name.
    pub fn connections(&self) -> Vec<ConnectionId> {
        let mut all: Vec<ConnectionId> = self
            .stages
            .iter()
            .flat_map(|stage| stage.steps.iter().flat_map(|step| step.connections.iter().cloned()))
            .chain(self.tell.iter().map(|tell| tell.connection.clone()))
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Identity of a change within its run: the same at every planning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeKey(String);

impl ChangeKey {
    /// The text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One change: this account, by this action, from `before` to `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The stage it belongs to.
    pub stage: String,
    /// The step it belongs to.
    pub step: String,
    /// Where.
    pub connection: ConnectionId,
    /// Which account; absent for messages.
    pub account: Option<AccountRef>,
    /// By which action.
    pub action: String,
    /// How a lost answer is treated.
    pub effect: EffectClass,
    /// How long the vendor may take until a read shows the effect, in milliseconds.
    pub settle_ms: i64,
    /// The action's parameters, evaluated.
    pub with: Value,
    /// The state it expects to find.
    pub before: Value,
    /// The state it leaves.
    pub after: Value,
    /// Ids and counts at the time of planning; outside the hash.
    pub evidence: Value,
}

impl Change {
    /// The change's identity within its run.
    pub fn key(&self) -> ChangeKey {
        let account = self.account.as_ref().map_or("-", |account| account.id.as_str());
        ChangeKey(format!(
            "{}/{}/{}/{account}/{}",
            self.stage, self.step, self.connection, self.action
        ))
    }
}

/// What planning decided about one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "kebab-case")]
pub enum Verdict {
    /// It will be made.
    Run,
    /// It is so already.
    AlreadySo,
    /// A condition, or the action itself, says that it does not apply.
    Skip(String),
    /// It may not be made.
    Refuse(String),
    /// The state could not be read with certainty.
    Unknown(String),
    /// A person must decide about this one change; the others do not wait for it.
    Ask(String),
}

/// One line of a stage plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// The change.
    pub change: Change,
    /// What was decided about it.
    pub verdict: Verdict,
}

/// What one stage will do, made just before it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePlan {
    /// The run plan that allows it.
    pub run_plan: Digest,
    /// The stage.
    pub stage: String,
    /// Every change that was considered, in the order in which they run.
    pub items: Vec<PlanItem>,
}

impl StagePlan {
    /// The hash of what would be done: evidence is left out, so a session more or less does not move the hash.
    pub fn hash(&self) -> Result<Digest, CanonicalError> {
        let mut bare = self.clone();
        for item in &mut bare.items {
            item.change.evidence = Value::Null;
        }
        digest::digest(&bare)
    }

    /// What moved between a plan that somebody named (`self`) and the plan as it would be now. A change that has meanwhile
    /// reached its `after` has not moved.
    pub fn moved(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        if self.run_plan != now.run_plan {
            moved.push("the playbook, its parameters or the configuration changed".to_owned());
        }
        for named in &self.items {
            let key = named.change.key();
            match now.items.iter().find(|item| item.change.key() == key) {
                None => moved.push(format!("{key}: no longer planned")),
                Some(item) if item.verdict == Verdict::AlreadySo => {}
                Some(item) if item.verdict != named.verdict => {
                    moved.push(format!("{key}: was {:?}, is {:?}", named.verdict, item.verdict));
                }
                Some(item) if item.change.before != named.change.before => {
                    moved.push(format!("{key}: was {}, is {}", named.change.before, item.change.before));
                }
                Some(item) if item.change.after != named.change.after => {
                    moved.push(format!(
                        "{key}: would become {}, now {}",
                        named.change.after, item.change.after
                    ));
                }
                Some(item) if item.change.with != named.change.with => {
                    moved.push(format!("{key}: its parameters changed"));
                }
                Some(_) => {}
            }
        }
        for item in &now.items {
            let key = item.change.key();
            if item.verdict != Verdict::AlreadySo && !self.items.iter().any(|named| named.change.key() == key) {
                moved.push(format!("{key}: new"));
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(before: &Value, verdict: Verdict, evidence: Value) -> StagePlan {
        StagePlan {
            run_plan: Digest::new("r"),
            stage: "cut".to_owned(),
            items: vec![PlanItem {
                change: Change {
                    stage: "cut".to_owned(),
                    step: "freeze".to_owned(),
                    connection: "sf-us".into(),
                    account: Some(AccountRef::new("sf-us", "005")),
                    action: "salesforce/freeze".to_owned(),
                    effect: EffectClass::Set,
                    settle_ms: 0,
                    with: Value::Null,
                    before: before.clone(),
                    after: json!({"frozen": true}),
                    evidence,
                },
                verdict,
            }],
        }
    }

    #[test]
    fn evidence_does_not_move_the_hash() {
        let one = plan(&json!({"frozen": false}), Verdict::Run, json!({"sessions": 1}));
        let two = plan(&json!({"frozen": false}), Verdict::Run, json!({"sessions": 2}));
        assert_eq!(one.hash().unwrap(), two.hash().unwrap());
        assert_ne!(
            one.hash().unwrap(),
            plan(&json!({"frozen": null}), Verdict::Run, Value::Null)
                .hash()
                .unwrap()
        );
    }

    #[test]
    fn what_reached_its_end_has_not_moved() {
        let named = plan(&json!({"frozen": false}), Verdict::Run, Value::Null);
        let done = plan(&json!({"frozen": true}), Verdict::AlreadySo, Value::Null);
        assert_eq!(named.moved(&done), Vec::<String>::new());
        let other = plan(&json!({"frozen": "?"}), Verdict::Run, Value::Null);
        assert_eq!(named.moved(&other).len(), 1);
        let gone = StagePlan {
            items: Vec::new(),
            ..named.clone()
        };
        assert_eq!(named.moved(&gone).len(), 1);
        assert_eq!(gone.moved(&named).len(), 1);
    }
}
