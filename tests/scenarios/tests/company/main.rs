//! Two directories, two orgs, every account of a person: each promise a test named after it.

mod accounts;
mod bad_reads;
mod burst;
mod directions;
