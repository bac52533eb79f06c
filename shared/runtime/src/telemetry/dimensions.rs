//! The names by which metrics are divided. Every metric takes its names from here, so that alarms and the dashboard never
//! meet a second spelling. Each value costs a series, so none of them may hold a person, a run or anything else unbounded.

/// A configured tenant: `okta-main`.
pub const CONNECTION: &str = "Connection";
/// A queue: `urgent`, `work`, `bulk`.
pub const LANE: &str = "Lane";
/// An error code: `RC0101`.
pub const CODE: &str = "Code";
