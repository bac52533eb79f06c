//! Stateful, strict simulators of the vendors that Rollcall talks to.
//!
//! A simulator is a plain state machine: [`Simulator::answer`] takes one request and the present moment and says what goes
//! back over the wire. It never sleeps, never reads the clock and never opens a socket, so that the fault harness can drive
//! it inside one thread under a virtual clock, while [`serve`] puts the very same object behind a loopback port for the
//! demo and for the vendors' official clients.
//!
//! This crate uses no room of Rollcall on purpose: shared types would agree with our own misreadings.

pub mod faults;
pub mod keys;
pub mod okta;
pub mod onelogin;
pub mod routes;
pub mod salesforce;
pub mod slack;
pub mod world;

mod serve;
mod wire;

pub use faults::{Fault, FaultRule, Faults};
pub use serve::{Served, serve};
pub use wire::{Counters, Reply, Request, Response, Simulator};
