//! The stories of the fault harness, and what must be true at their ends.

#[cfg(feature = "servers")]
mod cloud;
mod invocation;
mod leaver;
mod looks;
mod matrix;
mod restore;
mod undone;
mod upgrade;
