//! Durable state: the ledger's commands, the queues and the files, over the back ends that keep them.
//!
//! The commands are written once, in [`commands`], over the [`table::Table`] trait; SQLite and DynamoDB differ only below it.
//! The suite in `contract` (feature `contract`) says what every back end promises.

pub mod commands;
pub mod folder;
pub mod memory;
pub mod table;

#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "sqlite")]
pub mod sqlite_queue;
#[cfg(feature = "sqlite")]
mod together;

#[cfg(any(feature = "dynamodb", feature = "sqs", feature = "s3"))]
pub mod aws;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sqs")]
pub mod sqs;

#[cfg(feature = "contract")]
pub mod contract;

pub use commands::TableLedger;
pub use folder::Folder;
pub use memory::MemoryFiles;
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, SqliteError, SqliteTable};
#[cfg(feature = "sqlite")]
pub use sqlite_queue::{QueueSettings, SqliteQueue};
