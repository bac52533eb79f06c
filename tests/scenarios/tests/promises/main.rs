//! What Rollcall promises, each promise a test named after it.

mod cost;
mod faults;
mod guard;
mod link;
mod named;
mod pause;
mod poison;
mod reads;
mod recovery;
mod stand_in;
mod telling;
mod tenants;
mod triggers;
