//! From a configuration to running parts. No decisions: what to do is the engine's, what is allowed is the policy's.

#[cfg(feature = "aws")]
pub mod cloud;
mod connect;
mod doors;
mod pump;

pub use connect::{WiringError, connectors, reader};
pub use doors::doors;
pub use pump::{Pump, PumpSettings};
