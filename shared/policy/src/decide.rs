//! `decide`: pure functions from a configuration and what was read to plans and holds.
//!
//! The engine calls them in this order: [`goals`] for an event, [`run_plan`] once per run, then for each stage
//! [`memberships`], [`stage_stop`], [`account_query`], [`to_observe`], [`stage_plan`], [`guard`]; and [`tell_changes`] at
//! each moment.

mod accounts;
mod guard;
mod run;
mod stage;
mod tell;

use std::collections::BTreeMap;

use rollcall_model::ids::{AccountRef, ConnectionId, Digest};
use rollcall_model::person::Person;
use rollcall_model::plan::{Goal, RunPlan};
use rollcall_model::{AccountSearch, Event, Observation};

pub use accounts::{account_query, memberships};
pub use guard::guard;
pub use run::{goals, planned_playbook, run_plan};
pub use stage::{stage_plan, stage_stop, to_observe};
pub use tell::tell_changes;

/// A playbook that concerns an event, and the goal a run of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybookMatch {
    /// The playbook's name.
    pub playbook: String,
    /// What a run of it is for.
    pub goal: Goal,
}

/// Whether a person is in a list of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// They are.
    In,
    /// They are not, and the read could have seen it.
    Out,
    /// The list could not be read with certainty; why. Never taken for `Out`.
    Unknown(String),
}

/// Membership by list name, for one person.
pub type Memberships = BTreeMap<String, Membership>;

/// What conditions may know of the event that opened the run. Empty texts for a run that a person started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// `user.deactivated`.
    pub kind: String,
    /// The connection that reported it.
    pub source: String,
    /// The vendor's own event type.
    pub vendor_type: String,
}

impl From<&Event> for EventFacts {
    fn from(event: &Event) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            source: event.source.as_str().to_owned(),
            vendor_type: event.vendor_type.clone(),
        }
    }
}

/// What is known of a run when one of its stages is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The run plan.
    pub plan: &'a RunPlan,
    /// The run plan's hash.
    pub plan_hash: &'a Digest,
    /// The person as just re-read.
    pub person: &'a Person,
    /// The event that opened the run.
    pub event: &'a EventFacts,
    /// Who is in which list, from [`memberships`] (entries may be replaced by the caller's own reads).
    pub memberships: &'a Memberships,
}

/// One action that a stage wants to know the state of, on one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The step it belongs to.
    pub step: String,
    /// The action with its parameters, evaluated.
    pub action: rollcall_model::connector::ActionUse,
}

/// What to observe on one account before a stage can be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct ToObserve {
    /// The account.
    pub account: AccountRef,
    /// The actions whose states are wanted, in the order of the plan. Steps whose `if` is false are left out.
    pub wanted: Vec<Wanted>,
}

/// Observations by account, step id and action name.
pub type Observations = BTreeMap<(AccountRef, String, String), Observation>;

/// What was read for a stage.
#[derive(Clone, Debug, Default)]
pub struct StageInputs {
    /// What each connection's search found.
    pub accounts: BTreeMap<ConnectionId, AccountSearch>,
    /// Vendor ids that the ledger links to the person, by connection: an id that the search did not return keeps "no
    /// account" from being believed.
    pub linked: BTreeMap<ConnectionId, Vec<String>>,
    /// The states that [`to_observe`] asked for.
    pub observations: Observations,
    /// Connections that could not be read at all; why.
    pub unreadable: BTreeMap<ConnectionId, String>,
}

/// Whether a stage may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing speaks against it.
    Go,
    /// Its `unless` holds; the reason with the expression.
    Stopped(String),
    /// Its `unless` could not be evaluated with certainty; why. The stage must not start; try again.
    Unknown(String),
}

/// Why a stage is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldCode {
    /// The person is in the list `protected`.
    Protected,
    /// A list could not be read with certainty.
    UnreadableList,
    /// The mode is `review`.
    Review,
}

/// One reason to hold a stage for a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The kind of reason.
    pub code: HoldCode,
    /// The reason for people, with the next step.
    pub reason: String,
}

/// A place to reserve in the ledger before the stage is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The reservation's key: the stage's name.
    pub key: String,
    /// How many runs may pass in an hour.
    pub per_hour: u32,
}

/// What the pure part of the guard says of a stage plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The strictest mode over environment, playbook, cohort and the connections that the stage would write to. `observe`
    /// means: stop after planning. `review` is also present as a hold.
    pub mode: crate::Mode,
    /// Reasons to hold; empty when it may go on.
    pub holds: Vec<Hold>,
    /// Reservations to make; empty when the stage would change nothing.
    pub limits: Vec<Limit>,
}

/// What message texts may show of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFacts {
    /// The run's id.
    pub id: String,
    /// When access was cut where: `sf-us 412 ms, sf-emea 530 ms`.
    pub cut: String,
    /// What was done, in a line or a few.
    pub summary: String,
    /// Why the run is held or failed.
    pub why: String,
    /// What was handed over to whom; empty while nothing is.
    pub handover: String,
}

#[cfg(test)]
mod tests;
