//! The nouns of Rollcall and the traits between its rooms.
//!
//! Everything here is data or a trait: no I/O, no clock, no randomness. A signal becomes an [`Event`]; the event opens a
//! [`Run`] for one [`Person`] and one [`Goal`]; the run's [`RunPlan`] names stages; each stage is planned as [`Change`]s,
//! whose effects are journalled as [`Entry`]s. The [`Ledger`], [`Queue`], [`Files`], [`Connector`], [`Sealer`] and [`Verifier`]
//! traits are what the engine knows of the outside.

pub mod action;
pub mod causes;
pub mod connector;
pub mod digest;
pub mod event;
pub mod failure;
pub mod files;
pub mod ids;
pub mod journal;
pub mod ledger;
pub mod long;
pub mod outcome;
pub mod person;
pub mod personal;
pub mod plan;
pub mod queue;
pub mod redact;
pub mod review;
pub mod run;
pub mod sealer;
pub mod signer;
pub mod transport;

pub use action::{Action, ActionCatalogue, EffectClass, Planned, Undo};
pub use causes::chain;
pub use connector::{
    AccountQuery, AccountSearch, Applied, Assigned, Assignment, Call, Completeness, Connector, GroupRead,
    ListedAccount, MatchKey, Member, Observation, Page, Probe, ProbeResult, State, SubjectRead,
};
pub use event::{Event, EventKind, Lane, Signal, SignalBody, SignalFormat};
pub use failure::{Executed, Failure, FailureClass};
pub use files::{FileError, Files};
pub use ids::{AccountRef, ConnectionId, Digest, PersonKey, ReviewId, RunId, SignalKey};
pub use journal::{Chain, Entry, EntryKind};
pub use ledger::{Answer, Ledger, LedgerError};
pub use long::{Advance, Desk, HandOver, Obstacle, Preflight, Tally};
pub use outcome::Outcome;
pub use person::{Account, AccountClass, Manager, Person, SourceState};
pub use plan::{Change, ChangeKey, Goal, RunPlan, StagePlan, StageSpec, StepSpec, TellMoment, TellSpec};
pub use queue::{Delivery, Message, Queue, QueueError};
pub use review::{APPROVAL_FORMAT, Decision, Review, ReviewAbout, ReviewState, SignedApproval, Statement};
pub use run::{ChangeRecord, Exception, Run, RunState};
pub use sealer::{SealError, Sealer};
pub use signer::{Signature, Signer, SignerError, Verifier};
pub use transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// Instants are jiff timestamps, cut to whole milliseconds by the runtime's clock, because both ledgers store milliseconds.
pub use jiff::Timestamp;
