//! What every binary needs before it does anything: the clock, ids, secrets by reference, telemetry, coded errors.

#[cfg(feature = "aws")]
pub mod aws_secrets;
pub mod clock;
pub mod codes;
pub mod ids;
pub mod secrets;
pub mod telemetry;

pub use clock::{Clock, SystemClock};
pub use codes::Code;
pub use ids::{Ids, RandomIds};
pub use secrets::{Secret, SecretError, SecretRef, Secrets};
