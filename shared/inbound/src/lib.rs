//! Doors: where other systems' messages come in.
//!
//! A door verifies who sent a request, cuts its body into elements without changing a byte of them, gives each a stable key
//! and a lane, and puts them on a queue. It interprets nothing else, so a mistake in reading an event can be repaired and the
//! signal read again. One file per source holds what is particular to it; [`door`] is the same for all, in the cloud and on
//! one machine.

pub mod door;
pub mod envelope;
pub mod okta;
pub mod onelogin;
mod scan;
pub mod source;
pub mod verify;

pub use door::{Door, DoorReply, DoorRequest, DoorSettings, DoorSettingsError};
pub use source::{Element, Source, Split};
