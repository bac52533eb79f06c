//! Proof of what was done: signed receipts, their verification by anybody, the keys, and the story for people.
//!
//! Everything but [`keys`] and [`sealer`] is pure. A [`Receipt`] is made from a run and its journal by [`Receipt::of`], signed by [`seal`],
//! and checked offline by [`verify()`], which needs nothing but the text and a public key.

pub mod approval;
mod compare;
pub mod fault;
pub mod forgotten;
pub mod keys;
pub mod public_key;
mod reader;
pub mod receipt;
pub mod report;
pub mod sealer;
pub mod timeline;
pub mod verify;

#[cfg(test)]
mod samples;

pub use fault::{Fault, Place};
pub use forgotten::{Forgotten, Pseudonym, Statement};
pub use keys::{FileSigner, KeyError};
pub use public_key::{PublicKey, PublicKeyError};
pub use receipt::{FORMAT, Header, Journal, Manifest, Receipt, SealError, Sealed, Unsealable, Unsigned, seal};
pub use report::{Finding, Folds, Proof, Report};
pub use sealer::{LocalSealer, VERSION};
pub use timeline::Timeline;
pub use verify::{Verified, verify};
