//! Policy: the configuration folder, its playbooks and expressions, and `decide`.
//!
//! Everything here is pure: no clock, no network, no async. Only [`load`] reads files. A [`Configuration`] that exists is
//! valid as a whole: every name resolves, every expression and text has been compiled and checked, so what can still go
//! wrong later is the world (an unreadable list, a missing attribute), and that is answered with typed reasons, never a
//! panic.

pub mod configuration;
pub mod decide;
mod problem;

pub use configuration::{
    Configuration, Connection, Guard, Hook, Kind, ListSource, MatchRow, Mode, ModeRule, OktaAuth,
    Playbook, Rate, SalesforceFlow, Table, Tenant, TenantSettings, Trigger,
};
pub use decide::{
    EventFacts, Facts, Guarded, Hold, HoldCode, Limit, Membership, Memberships, Observations,
    PlaybookMatch, StageInputs, Stop, TextFacts, ToObserve, Wanted, account_query, goals, guard,
    memberships, planned_playbook, run_plan, stage_plan, stage_stop, tell_changes, to_observe,
};
pub use problem::{Problem, Problems};
