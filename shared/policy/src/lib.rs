//! Policy: the configuration folder, its playbooks and expressions, and `decide`.
//!
//! Everything here is pure: no clock, no network, no async. Only [`load`] reads files. A [`Configuration`] that exists is
//! valid as a whole: every name resolves, every expression and text has been compiled and checked, so what can still go
//! wrong later is the world (an unreadable list, a missing attribute), and that is answered with typed reasons, never a
//! panic.

mod bundle;
mod cases;
pub mod configuration;
pub mod decide;
pub mod expression;
mod facts;
pub mod files;
pub mod link;
mod load;
mod problem;
mod reader;
pub mod ready;
mod shipped;
mod suggest;
mod text;
mod units;
mod yaml;

pub use bundle::Bundle;
pub use cases::{Case, Converting, Expect, Given, Held, Presence, Recipient, Target, TestResult, When, run_tests};
pub use configuration::{
    Configuration, Connection, Guard, Hook, Kind, LicenceCost, ListSource, MatchRow, Mode, ModeRule, Modes, OktaAuth,
    Playbook, Rate, SalesforceFlow, Table, Tell, Tenant, TenantSettings, Trigger,
};
pub use decide::{
    EventFacts, Facts, Guarded, Hold, HoldCode, Limit, Membership, Memberships, Observations, PlaybookMatch,
    StageInputs, Stop, TextFacts, ToObserve, Wanted, account_query, goals, guard, memberships, planned_playbook,
    run_plan, stage_plan, stage_stop, tell_changes, to_observe,
};
pub use files::schemas;
pub use load::{load, load_files};
pub use problem::{Problem, Problems};

#[cfg(test)]
mod tests;
