//! The names by which metrics are divided. Every metric takes its names from here, so that alarms and the dashboard never
//! meet a second spelling. Each value costs a series, so none of them may hold a person, a run or anything else unbounded.

use std::sync::OnceLock;

/// The deployed stack that wrote the line; added to every series where [`STACK_VARIABLE`] is set, and nowhere else.
pub const STACK: &str = "Stack";
/// A configured tenant: `okta-main`.
pub const CONNECTION: &str = "Connection";
/// A queue: `urgent`, `work`, `bulk`.
pub const LANE: &str = "Lane";
/// An error code: `RC0101`.
pub const CODE: &str = "Code";
/// How a run ended: `Done`, `Incomplete`, `Superseded`, `Refused`.
pub const OUTCOME: &str = "Outcome";

/// The environment variable with the stack's name.
pub const STACK_VARIABLE: &str = "ROLLCALL_STACK";

/// The stack of this process, as its environment said at the first metric.
pub(super) fn stack() -> Option<&'static str> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    NAME.get_or_init(|| {
        std::env::var(STACK_VARIABLE)
            .ok()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
    })
    .as_deref()
}
