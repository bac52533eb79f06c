//! `decide`: pure functions from a configuration and what was read to plans and holds.
//!
//! The engine calls them in this order: [`goals`] for an event, [`run_plan`] once per run, then for each stage
//! [`memberships`], [`stage_stop`], [`account_query`], [`to_observe`], [`stage_plan`], [`guard`]; and [`tell_changes`] at
//! each moment.

mod accounts;
mod guard;
mod results;
mod run;
mod stage;
mod standing;
mod targets;
mod tell;
mod undo;

use std::collections::BTreeMap;

use rollcall_model::ids::{AccountRef, ConnectionId, Digest, PersonKey};
use rollcall_model::person::Person;
use rollcall_model::plan::{ChangeKey, Goal, RunPlan};
use rollcall_model::{AccountSearch, Event, Observation};

pub use accounts::{account_query, lists_to_read, memberships};
pub use guard::{guard, guard_in};
pub use run::{cuts_at_once, goals, planned_playbook, run_plan};
pub use stage::{stage_plan, stage_stop, to_observe};
pub(crate) use targets::PEOPLE;
pub use tell::tell_changes;
pub use undo::{Left, UndoPlan, undo_plan};

/// A playbook that concerns an event, and the goal a run of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybookMatch {
    /// The playbook's name.
    pub playbook: String,
    /// What a run of it is for.
    pub goal: Goal,
    /// The event is no leaving, only a reason to cut: the run has the stage `cut` and no other.
    pub cut_only: bool,
    /// The run is about one application: the connection that it stands for, and the source's id of it.
    pub about: Option<(ConnectionId, String)>,
}

/// What somebody asks for when they ask for a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// It was asked for by a person or a date, so it does not need the source's word that the person has left.
    pub asked: bool,
    /// The run's id stands for the person everywhere.
    pub quiet: bool,
    /// Who takes over.
    pub successor: Option<String>,
}

/// A list as it was read at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRead {
    /// Its entries, lower-cased: sign-in names, e-mail addresses, vendor ids, `connection/id`.
    Entries(std::collections::BTreeSet<String>),
    /// It could not be read with certainty; why.
    Unreadable(String),
}

/// Lists that were read at run time, by name.
pub type ListReads = BTreeMap<String, ListRead>;

/// What the guard must know beside the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardInputs {
    /// Of a hundred people, how many are linked, by connection; a connection that was never counted is absent.
    pub coverage: BTreeMap<ConnectionId, u32>,
    /// How often access was back after a cut.
    pub returned: u32,
    /// This person's leaving was announced and approved for now: the limits do not count it.
    pub expected: bool,
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

/// Whether everything about a person is kept quiet: they are in the list `quiet`, or whether they are cannot be told.
pub fn is_quiet(memberships: &Memberships) -> bool {
    !matches!(memberships.get("quiet"), None | Some(Membership::Out))
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
    /// Whether the person seems to be changing from one kind of employment to another: their account was switched off and
    /// another, active one of the source carries a value of theirs in a sure field of `match`. `None` when it could not be
    /// told, which is never taken for `false`: a condition that asks for it has no answer, and its stage is tried again.
    pub converting: Option<bool>,
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
    /// Accounts that were linked to somebody else, to whom.
    pub owners: BTreeMap<AccountRef, PersonKey>,
    /// Accounts of which somebody decided that they are the person's.
    pub confirmed: std::collections::BTreeSet<AccountRef>,
    /// Accounts of which somebody decided that they are not the person's.
    pub denied: std::collections::BTreeSet<AccountRef>,
    /// Changes by actions that cannot be read back and that the vendor accepted in this run.
    pub accepted: std::collections::BTreeSet<ChangeKey>,
    /// Single changes that somebody decided about: true when they may be made.
    pub decided: BTreeMap<ChangeKey, bool>,
    /// Lists that name accounts, as read.
    pub lists: ListReads,
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
    /// The person is under legal hold and the stage destroys or moves something.
    LegalHold,
    /// Too few people are linked in a connection for the mode `enforce`.
    Coverage,
    /// Access came back after more than one cut.
    Returned,
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
    /// The reservation's key: the stage's name and the connection, `cut/sf-us`.
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
    /// Administrators' accounts that would be barred, one entry a connection.
    pub admins: Vec<LastAdmin>,
}

/// An administrator's account that a plan would bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAdmin {
    /// Where.
    pub connection: ConnectionId,
    /// How many other administrators could still act, as the connector counted them.
    pub others: u32,
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
    /// What was handed over to whom, a line for each connection; empty while nothing is.
    pub handover: String,
    /// Which licences became free, a line for each connection, and what they cost; empty while none is.
    pub licences: String,
    /// Sessions in applications that signing out leaves open, as far as they were seen; empty when none was.
    pub open_app_sessions: String,
}

#[cfg(test)]
mod tests;
