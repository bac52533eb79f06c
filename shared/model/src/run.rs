//! A run: one goal for one person, from opening to receipt.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::ids::{AccountRef, ConnectionId, Digest, PersonKey, ReviewId, RunId, SignalKey};
use crate::outcome::Outcome;
use crate::person::{Person, SourceState};
use crate::plan::{Change, ChangeKey, RunPlan, StagePlan};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RunState {
    /// Work is going on or due.
    Open,
    /// It waits until a moment; why.
    Waiting {
        /// When it goes on.
        until: Timestamp,
        /// What it waits for.
        why: String,
    },
    /// A stage waits for a decision.
    Held {
        /// The review.
        review: ReviewId,
    },
    /// Every change is green.
    Done,
    /// It ended with something not green; what.
    Incomplete {
        /// The first thing that is not green.
        why: String,
    },
    /// The source no longer says so.
    Superseded {
        /// What the source says now.
        why: String,
    },
    /// A person's plan moved, or a review was refused or ran out.
    Refused {
        /// Why.
        why: String,
    },
}

impl RunState {
    /// True when the run has ended.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::Incomplete { .. } | Self::Superseded { .. } | Self::Refused { .. }
        )
    }

    /// The state's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Waiting { .. } => "Waiting",
            Self::Held { .. } => "Held",
            Self::Done => "Done",
            Self::Incomplete { .. } => "Incomplete",
            Self::Superseded { .. } => "Superseded",
            Self::Refused { .. } => "Refused",
        }
    }

    /// Why, where the state has a reason.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Waiting { why, .. } | Self::Incomplete { why } | Self::Superseded { why } | Self::Refused { why } => {
                Some(why)
            }
            _ => None,
        }
    }
}

/// What became of one change, with its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The change as planned.
    pub change: Change,
    /// Its end so far.
    pub outcome: Outcome,
    /// When work on it began.
    pub started_at: Timestamp,
    /// When its outcome was known.
    pub ended_at: Timestamp,
    /// The vendor's request id of the write.
    pub request_id: Option<String>,
    /// What the vendor named the result, as [`Applied::reference`](crate::Applied::reference); a
    /// [`HandOver`](crate::HandOver) where records were moved.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub reference: serde_json::Value,
}

/// What the key of somebody who was forgotten begins with.
const FORGOTTEN: &str = "forgotten:";

/// What a derived salt begins with.
const DERIVED: &str = "derived:";

/// The salt of one run under its person's key: HMAC-SHA256 over the run's id. Whoever sees two receipts cannot tell by it
/// whether they are about one person; whoever has the key can, and nobody can once the key is destroyed.
pub fn derived_salt(key: &str, run: &RunId) -> String {
    let salt = digest::pseudonym(key.as_bytes(), format!("salt of {run}").as_bytes());
    format!("{DERIVED}{salt}")
}

/// A salt that follows from a key, or none: neither is ever written down.
fn is_derived(salt: &str) -> bool {
    salt.is_empty() || salt.starts_with(DERIVED)
}

/// One goal for one person. The ledger keeps it whole and replaces it only under the claimer's fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Identity.
    pub id: RunId,
    /// What it may do.
    pub plan: RunPlan,
    /// The run plan's hash.
    pub plan_hash: Digest,
    /// The stage plan that a person named with `apply`; the stage is refused when the world moved.
    pub bound: Option<StagePlan>,
    /// The person as the source last described them.
    pub person: Person,
    /// Where it stands.
    pub state: RunState,
    /// Index of the stage at work; equal to the number of stages when all are through.
    pub stage: usize,
    /// Tries of the present stage so far.
    pub attempts: u32,
    /// Failed tries of telling so far.
    pub tell_tries: u32,
    /// Nothing is told before this moment: a vendor asked for patience, or the last try failed a moment ago.
    #[serde(default)]
    pub tell_due_at: Option<Timestamp>,
    /// Automatic plans made again because the world moved, in the present stage.
    pub replans: u32,
    /// The present stage's plan as last made.
    pub stage_plan: Option<StagePlan>,
    /// Hash of each stage's plan that was applied, by stage.
    pub stage_hashes: BTreeMap<String, Digest>,
    /// What became of each change, in order of first planning; messages included.
    pub changes: Vec<ChangeRecord>,
    /// Per connection: when the last of its cut changes was green.
    pub cut_at: BTreeMap<ConnectionId, Timestamp>,
    /// What the first event said; empty texts for a run that a person asked for.
    pub cause: Cause,
    /// The events that asked for it, first first.
    pub triggers: Vec<SignalKey>,
    /// The first event's own time.
    pub event_at: Timestamp,
    /// When the first event's door had it.
    pub received_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the present stage became or becomes due.
    pub stage_due_at: Timestamp,
    /// How it ends, once that is decided; what is left is telling, sealing and letting go.
    pub ending: Option<RunState>,
    /// When that was decided.
    pub ended_at: Option<Timestamp>,
    /// Key of the pseudonyms in its receipt and its journal. The ledger fills it in for whoever opens, claims or reads the run
    /// ([`derived_salt`]) and never stores it beside the run. Before the opening: what becomes the person's key if they have
    /// none. Runs of older versions keep the salt that was stored in them.
    #[serde(default, skip_serializing_if = "is_derived")]
    pub salt: String,
    /// Name of its receipt in the files.
    pub receipt: Option<String>,
    /// What happened on the way, for the story.
    pub notes: Vec<Note>,
    /// What the subject's own directory last said of it. The person may be described by another directory, the source.
    #[serde(default)]
    pub said: Option<SourceState>,
    /// The operator who asked for it, as authenticated; none for a run that an event opened.
    #[serde(default)]
    pub asked_by: Option<String>,
    /// The run that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RunId>,
    /// How often access that an earlier run had cut was found to be back before this run.
    #[serde(default)]
    pub returned: u32,
    /// What an undo keeps the playbook from: written down for the person with the write that opens the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception>,
    /// The last stage plan that somebody approved: what is left of it at a later try is no new question. It counts only with
    /// the approval of its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<StagePlan>,
    /// How far the journal was read while a long change is at work, so that no try reads all of it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<JournalMark>,
}

/// A person whom a playbook leaves alone, because somebody took back what it had done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Whom.
    pub person: PersonKey,
    /// The playbook that leaves them alone.
    pub playbook: String,
    /// What the source said of them: another word of it ends the exception.
    pub source: SourceState,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The operator, as authenticated.
    pub by: String,
    /// When they asked.
    pub at: Timestamp,
    /// The run that takes back.
    pub run: RunId,
    /// The run that is taken back.
    pub undoes: RunId,
    /// The only stage that is taken back; none: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

impl Exception {
    /// The name that it is kept by: one a playbook and person.
    pub fn id(playbook: &str, person: &PersonKey) -> String {
        format!("{playbook} {person}")
    }

    /// Whether it still keeps the playbook from the person, by the source's present word.
    pub fn holds(&self, source: SourceState, now: Timestamp) -> bool {
        self.source == source && now < self.until
    }

    /// Whether it takes back what the run's stage of this name did.
    pub fn covers(&self, run: &RunId, stage: &str) -> bool {
        self.undoes == *run && self.stage.as_deref().is_none_or(|only| only == stage)
    }
}

/// How far a run's journal was read, and what it said of its changes up to there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalMark {
    /// The place of the last entry that need not be read again, by sequence.
    pub upto: BTreeMap<ConnectionId, u64>,
    /// Intents that nobody saw the end of, with the moment after which no call of theirs is under way.
    pub open: BTreeMap<ChangeKey, Timestamp>,
    /// The last outcome that was seen.
    pub seen: BTreeMap<ChangeKey, Outcome>,
    /// Changes that were begun, whatever came of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub begun: BTreeSet<ChangeKey>,
    /// Nothing but a vendor's work is waited for, until then: a wake before it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Timestamp>,
    /// Whoever worked at its long changes last let go of them by themselves, so no call of theirs is under way.
    #[serde(default)]
    pub let_go: bool,
}

/// What the event that opened a run said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// `user.deactivated`.
    pub kind: String,
    /// The connection that reported it.
    pub source: String,
    /// The vendor's own event type.
    pub vendor_type: String,
}

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

impl Run {
    /// Whether the salt that it carries belongs to it: one that was derived, or that an older version stored in it.
    pub fn is_salted(&self) -> bool {
        !self.salt.is_empty()
    }

    /// Whether the stage that it stands at is its cut, and nothing has decided how it ends.
    pub fn is_cutting(&self) -> bool {
        let stage = self.plan.stages.get(self.stage);
        self.ending.is_none() && stage.is_some_and(|stage| stage.name == crate::plan::CUT)
    }

    /// The record of a change by its key.
    pub fn record(&self, key: &crate::plan::ChangeKey) -> Option<&ChangeRecord> {
        self.changes.iter().find(|record| record.change.key() == *key)
    }

    /// Adds or replaces the record of a change.
    pub fn put_record(&mut self, record: ChangeRecord) {
        let key = record.change.key();
        match self.changes.iter_mut().find(|old| old.change.key() == key) {
            Some(old) => *old = record,
            None => self.changes.push(record),
        }
    }

    /// Whom the run was for when they were forgotten since: what stands for them.
    pub fn forgotten(&self) -> Option<&str> {
        self.plan.person.as_str().strip_prefix(FORGOTTEN)
    }

    /// Leaves nothing of the person in it: what stays are times, hashes and states.
    pub fn forget(&mut self, id: &str) {
        let nobody = PersonKey::new(format!("{FORGOTTEN}{id}"));
        let blank = |account: &AccountRef| AccountRef::new(&account.connection, "forgotten");
        self.person = Person {
            key: nobody.clone(),
            account: blank(&self.person.account),
            state: self.person.state,
            display: crate::redact::FORGOTTEN.to_owned(),
            login: String::new(),
            email: None,
            manager: None,
            groups: Vec::new(),
            roles: Vec::new(),
            attributes: BTreeMap::new(),
        };
        self.plan.subject = blank(&self.plan.subject);
        self.plan.person = nobody;
        self.plan.successor = None;
        self.plan.unassigned = None;
        for step in self.plan.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            step.accounts.clear();
            step.with = serde_json::Value::Null;
        }
        match &mut self.state {
            RunState::Incomplete { why } | RunState::Superseded { why } | RunState::Refused { why } => {
                crate::redact::FORGOTTEN.clone_into(why);
            }
            _ => {}
        }
        self.bound = None;
        self.stage_plan = None;
        self.changes.clear();
        self.triggers.clear();
        self.notes.clear();
        self.said = None;
        self.exception = None;
        self.read = None;
        self.salt.clear();
    }

    /// Adds a line to the story.
    pub fn note(&mut self, at: Timestamp, text: impl Into<String>) {
        self.notes.push(Note { at, text: text.into() });
    }

    /// Milliseconds from the door's receipt to the cut, by connection.
    pub fn time_to_cut_ms(&self) -> BTreeMap<ConnectionId, i64> {
        self.cut_at
            .iter()
            .map(|(connection, at)| {
                (
                    connection.clone(),
                    at.as_millisecond() - self.received_at.as_millisecond(),
                )
            })
            .collect()
    }
}
