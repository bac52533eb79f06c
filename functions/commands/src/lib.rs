//! What an operator can ask for: the command line, and each command over one machine or over a stack.
//!
//! The binary `rollcall` runs the commands on one machine; the functions `console`, `approve` and `worker` run the same code for
//! somebody who calls a stack.

#[allow(
    missing_docs,
    reason = "the help texts say what each is; a comment more would be shown as one"
)]
pub mod cli;
mod commands;
mod hour;
pub mod local;
pub mod operator;
pub mod out;
pub mod place;
pub mod remote;
pub mod report;
pub mod watch;
mod window;

pub use cli::{Cli, Command};
pub use commands::apply::drive;
pub use commands::run;
pub use out::{Exit, Out};
pub use place::Place;
