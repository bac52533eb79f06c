//! The stage for scenarios: one company, one worker at a time, a clock that is moved by hand, and short questions about
//! what became of a run.

mod approvers;
mod ask;
mod company;
mod everywhere;
mod stage;

pub use approvers::{signed_in, with_admins, with_approvers, without_groups};
pub use ask::{outcomes, outcomes_of, record, told};
pub use company::{CHIDI, MANAGER_IN_SLACK, edited, replaced};
pub use everywhere::{Lost, company};
pub use stage::Stage;

/// A whole minute, which scenarios wait often.
pub const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
/// An hour.
pub const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);
