//! The back ends of AWS: what we rely on, asked of real servers and of scripted ones.
#![cfg(all(feature = "servers", feature = "dynamodb", feature = "sqs", feature = "s3"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails, panics"
)]

mod cloud;
mod dynamodb;
mod faults;
mod s3;
mod s3_denied;
mod sqs;
mod support;
