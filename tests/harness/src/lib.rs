//! The fault harness: the real engine, connectors, ledger commands and doors in one thread, over a virtual clock, with a
//! crash, a lost answer or a delay injected at a chosen point.
//!
//! A *point* is one use of the outside: a write or read of the ledger's table, a message sent, received or acknowledged, a
//! file stored or read, a request to a vendor. A run without faults counts the points; then every point is struck once
//! with each fault that fits it, and an oracle looks at the vendors' state, the ledger and the receipts afterwards.
//! Everything follows from a seed, so a violation can be run again.

pub mod clock;
pub mod copies;
pub mod ids;
pub mod inject;
pub mod looks;
pub mod matrix;
pub mod oracle;
pub mod owner;
pub mod server;
pub mod story;
pub mod undone;
pub mod wire;
pub mod world;
pub mod wrap;

pub use inject::{Fault, Injector, Strike};
pub use matrix::{Faults, Report, exhaustive, seeded};
pub use world::{World, WorldSpec};
