//! What Rollcall promises, each promise a test named after it.

mod approvals;
mod cost;
mod dismantle_when;
mod expect;
mod faults;
mod forget;
mod guard;
mod held;
mod last_admin;
mod leave;
mod link;
mod long;
mod named;
mod pause;
mod poison;
mod quiet;
mod reads;
mod ready;
mod recovery;
mod sealing;
mod stand_in;
mod telling;
mod tenants;
mod triggers;
mod undo;
mod watch;
