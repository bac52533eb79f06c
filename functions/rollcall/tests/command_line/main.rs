//! The command `rollcall` as people type it, in processes of its own. One binary, because linking fifteen took longer than most of them.

mod captured;
mod check;
mod decide;
mod demo;
mod forget;
mod hostile;
mod kill;
mod leave;
mod link;
mod metrics;
mod operate;
mod ready;
mod receipt;
mod report;
mod support;
mod undo;
