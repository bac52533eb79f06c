//! A command for a stack: how it travels, who may ask for it, where it runs.
//!
//! The caller's machine posts a [`Request`] to the function `console` (or `approve`), signed with their AWS credentials. What
//! needs no vendor runs there; the rest waits in the ledger as an [`Order`] until a worker has run it and left a [`Reply`].

mod entrance;
mod event;
mod order;
mod rules;
mod typed;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use entrance::{Door, Entrance};
pub use event::{Event, Response};
pub use order::{Lent, Order, Worked, answer, run_order};
use rollcall_model::Timestamp;
pub use rules::{Rule, Where, rule};
use serde::{Deserialize, Serialize};
pub use typed::{Typed, inputs, outputs, parse};

/// The most bytes of a caller's files together. Lambda takes 6 MB a request (*AWS Lambda Developer Guide*, "Lambda quotas"), of
/// which Base64 and the rest of the request leave this.
pub const FILES_LIMIT: usize = 4 * 1024 * 1024;

/// What somebody asks a stack for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What was typed after `rollcall`, without `--stack`.
    pub argv: Vec<String>,
    /// The caller's files in Base64, by the names that stand in `argv`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// One document instead of text.
    #[serde(default)]
    pub json: bool,
    /// How wide the caller's terminal is. Nothing is laid out by it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
}

/// Asks for what became of a command that a worker was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerTo {
    /// The command's id.
    pub answer: String,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// A worker runs it; ask for the answer by this id.
    Wait {
        /// The command's id.
        wait: String,
    },
    /// It has not been answered yet.
    Pending {
        /// True.
        pending: bool,
    },
    /// It has ended.
    Done(Done),
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What it printed.
    pub lines: String,
    /// Why it failed, when it did not end by itself.
    pub error: Option<String>,
    /// As a shell sees it.
    pub exit: u8,
    /// Files that it made, in Base64, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

impl Done {
    /// It was not run, or broke off; why, and what to do.
    pub fn failed(why: impl Into<String>, exit: crate::Exit) -> Self {
        Self {
            error: Some(why.into()),
            exit: exit.0,
            ..Self::default()
        }
    }

    /// What a command said and how it ended.
    pub fn of(said: crate::out::Said, ended: anyhow::Result<crate::Exit>) -> Self {
        let (error, exit) = match ended {
            Ok(exit) => (None, exit),
            Err(why) => (Some(crate::out::chain(&why)), crate::Exit::FAILURE),
        };
        Self {
            lines: said.text,
            error,
            exit: exit.0,
            files: said
                .files
                .into_iter()
                .map(|(name, content)| (name, STANDARD.encode(content)))
                .collect(),
        }
    }
}

/// Files as bytes again.
///
/// # Errors
///
/// Names the file that is no Base64, or says that they are too large together.
pub fn decoded(files: &BTreeMap<String, String>) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for (name, content) in files {
        let bytes = STANDARD
            .decode(content)
            .map_err(|_| anyhow::anyhow!("the file {} did not arrive as Base64", crate::out::plain(name)))?;
        all.insert(name.clone(), bytes);
    }
    let size: usize = all.values().map(Vec::len).sum();
    anyhow::ensure!(
        size <= FILES_LIMIT,
        "the files have {size} bytes together, and {FILES_LIMIT} can be sent: send them in parts"
    );
    Ok(all)
}

/// Bytes as they are sent.
pub fn encoded(content: &[u8]) -> String {
    STANDARD.encode(content)
}

/// Now, plus so many minutes.
fn minutes_after(at: Timestamp, minutes: i64) -> Timestamp {
    Timestamp::from_second(at.as_second().saturating_add(minutes.saturating_mul(60))).unwrap_or(Timestamp::MAX)
}
