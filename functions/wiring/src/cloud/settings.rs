//! What a function's environment says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rollcall_ledger::sqs::LaneUrls;
use rollcall_model::Lane;
use rollcall_runtime::{Code, codes};

/// Where a stack keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSettings {
    /// `ROLLCALL_TABLE`: the ledger's table.
    pub table: String,
    /// `ROLLCALL_QUEUE_URGENT`, `…_WORK`, `…_BULK`: the queues' URLs; with `_DLQ` behind, those of their dead letters, which
    /// may be absent.
    pub queues: BTreeMap<Lane, LaneUrls>,
    /// `ROLLCALL_BUCKET`: the bucket for large bodies, configurations and receipts.
    pub bucket: String,
}

/// What a worker needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// Where the state is.
    pub stack: StackSettings,
    /// `ROLLCALL_CONFIG`: the configuration folder; `/opt/config` by default, where a layer with a folder `config` appears.
    pub config: PathBuf,
    /// `ROLLCALL_ENV`: which of the configuration's environments this stack is.
    pub environment: String,
    /// `ROLLCALL_SEAL`: name or ARN of the function that makes receipts; the worker holds no key that signs anything.
    pub seal: String,
    /// `ROLLCALL_APPROVAL_KEY`: the KMS key (ARN, id or alias) whose signature makes an approval count. The worker only asks for
    /// its public half.
    pub approval_key: String,
}

/// What `console` and `approve` need besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Where the state is.
    pub stack: StackSettings,
    /// `ROLLCALL_STACK`: the stack's name.
    pub name: String,
    /// `ROLLCALL_CONFIG`: the configuration folder, as for a worker.
    pub config: PathBuf,
    /// `ROLLCALL_ENV`: which of the configuration's environments this stack is.
    pub environment: String,
    /// `ROLLCALL_APPROVAL_KEY`: the KMS key (ARN, id or alias) that signs decisions; only `approve` has one.
    approval_key: Option<String>,
}

impl ConsoleSettings {
    /// The key that signs decisions.
    pub fn approval_key(&self) -> Result<&str, SettingsError> {
        let missing = || SettingsError::Missing("ROLLCALL_APPROVAL_KEY".to_owned());
        self.approval_key.as_deref().ok_or_else(missing)
    }

    /// Reads them through `variable`, which answers for one name at a time.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variables = Variables(variable);
        Ok(Self {
            stack: variables.stack()?,
            name: variables.required("ROLLCALL_STACK")?,
            approval_key: variables.optional("ROLLCALL_APPROVAL_KEY"),
            config: variables.config(),
            environment: variables.required("ROLLCALL_ENV")?,
        })
    }
}
/// What the function `seal` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealSettings {
    /// `ROLLCALL_TABLE`: the ledger's table, which it reads.
    pub table: String,
    /// `ROLLCALL_BUCKET`: where it reads large bodies and keeps receipts.
    pub bucket: String,
    /// `ROLLCALL_RECEIPT_KEY`: the KMS key (ARN, id or alias) that signs receipts.
    pub key: String,
    /// `ROLLCALL_RECEIPT_DAYS`: for how many days nobody can delete a receipt, 1 to 3650.
    pub days: u32,
}

/// The longest retention: nobody can take it back, so a slip of the finger must not keep something for a century.
const MOST_DAYS: u32 = 3_650;

/// Why the environment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It has no default and is not set.
    #[error("{0} is not set")]
    Missing(String),
    /// It is set to something else than expected. The value is not repeated: it may be a secret in the wrong place.
    #[error("{name} must be {expected}")]
    Invalid {
        /// The variable.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl SettingsError {
    /// The error's code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing(_) => codes::CONFIG_MISSING,
            Self::Invalid { .. } => codes::CONFIG_INVALID,
        }
    }
}

/// Reads single variables; an empty one counts as not set.
struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&self, name: &str) -> Result<String, SettingsError> {
        self.optional(name)
            .ok_or_else(|| SettingsError::Missing(name.to_owned()))
    }

    fn url(&self, name: String) -> Result<Option<String>, SettingsError> {
        match self.optional(&name) {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => Ok(Some(url)),
            Some(_) => Err(SettingsError::Invalid {
                name,
                expected: "a queue's URL",
            }),
            None => Ok(None),
        }
    }

    fn lane(&self, lane: Lane) -> Result<LaneUrls, SettingsError> {
        let name = format!("ROLLCALL_QUEUE_{}", lane.as_str().to_uppercase());
        let dead = self.url(format!("{name}_DLQ"))?;
        match self.url(name.clone())? {
            Some(queue) => Ok(LaneUrls { queue, dead }),
            None => Err(SettingsError::Missing(name)),
        }
    }

    /// The configuration's folder; by default where a layer with a folder `config` appears.
    fn config(&self) -> PathBuf {
        self.optional("ROLLCALL_CONFIG")
            .unwrap_or_else(|| "/opt/config".to_owned())
            .into()
    }

    fn stack(&self) -> Result<StackSettings, SettingsError> {
        let mut queues = BTreeMap::new();
        for lane in Lane::ALL {
            queues.insert(lane, self.lane(lane)?);
        }
        Ok(StackSettings {
            table: self.required("ROLLCALL_TABLE")?,
            queues,
            bucket: self.required("ROLLCALL_BUCKET")?,
        })
    }
}

impl StackSettings {
    /// Reads them through `variable`, which answers for one name at a time.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Variables(variable).stack()
    }

    /// The lane whose queue an event source names: the last part of an ARN is the queue's name, and so is that of its URL
    /// (*Amazon SQS Developer Guide*, "Queue and message identifiers").
    pub fn lane_of(&self, arn: &str) -> Option<Lane> {
        let name = arn.rsplit(':').next().filter(|name| !name.is_empty())?;
        let mut lanes = self.queues.iter();
        lanes
            .find(|(_, urls)| urls.queue.rsplit('/').next() == Some(name))
            .map(|(lane, _)| *lane)
    }
}

impl WorkerSettings {
    /// Reads them through `variable`, which answers for one name at a time.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variables = Variables(variable);
        Ok(Self {
            stack: variables.stack()?,
            config: variables.config(),
            environment: variables.required("ROLLCALL_ENV")?,
            seal: variables.required("ROLLCALL_SEAL")?,
            approval_key: variables.required("ROLLCALL_APPROVAL_KEY")?,
        })
    }
}

impl SealSettings {
    /// Reads them through `variable`, which answers for one name at a time.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variables = Variables(variable);
        let days = variables.required("ROLLCALL_RECEIPT_DAYS")?;
        let days = days.trim().parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        Ok(Self {
            table: variables.required("ROLLCALL_TABLE")?,
            bucket: variables.required("ROLLCALL_BUCKET")?,
            key: variables.required("ROLLCALL_RECEIPT_KEY")?,
            days: days.ok_or_else(|| SettingsError::Invalid {
                name: "ROLLCALL_RECEIPT_DAYS".to_owned(),
                expected: "a whole number of days from 1 to 3650",
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails, panics")]

    use super::*;

    const COMPLETE: &[(&str, &str)] = &[
        ("ROLLCALL_TABLE", "rc"),
        ("ROLLCALL_BUCKET", "rc-files"),
        ("ROLLCALL_QUEUE_URGENT", "https://queue.example/1/rc-urgent"),
        ("ROLLCALL_QUEUE_WORK", "https://queue.example/1/rc-work"),
        ("ROLLCALL_QUEUE_BULK", "https://queue.example/1/rc-bulk"),
        ("ROLLCALL_ENV", "prod"),
        ("ROLLCALL_SEAL", "rc-seal"),
        ("ROLLCALL_APPROVAL_KEY", "alias/rc-approve"),
    ];

    const SEAL: &[(&str, &str)] = &[
        ("ROLLCALL_TABLE", "rc"),
        ("ROLLCALL_BUCKET", "rc-files"),
        ("ROLLCALL_RECEIPT_KEY", "alias/rc-receipt"),
        ("ROLLCALL_RECEIPT_DAYS", "2555"),
    ];

    fn read_seal(changes: &[(&str, &str)]) -> Result<SealSettings, SettingsError> {
        SealSettings::read(|name| {
            let mut all = changes.iter().chain(SEAL);
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn seal_needs_no_queue_and_a_retention_that_somebody_meant() {
        assert_eq!(read_seal(&[]).unwrap().days, 2_555);
        for (name, _) in SEAL {
            let error = read_seal(&[(name, "")]).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} is not set"));
        }
        for days in ["0", "-1", "3651", "seven years", "4294967296"] {
            let error = read_seal(&[("ROLLCALL_RECEIPT_DAYS", days)]).unwrap_err();
            assert_eq!(error.code().id, "RC0202", "{days}");
        }
    }

    fn read(changes: &[(&str, &str)]) -> Result<WorkerSettings, SettingsError> {
        WorkerSettings::read(|name| {
            let mut all = changes.iter().chain(COMPLETE);
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_has_a_default_may_be_absent() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.config, PathBuf::from("/opt/config"));
        assert_eq!(settings.stack.queues[&Lane::Urgent].dead, None);
        let dead = "https://queue.example/1/rc-urgent-dead";
        let settings = read(&[("ROLLCALL_CONFIG", "/var/c"), ("ROLLCALL_QUEUE_URGENT_DLQ", dead)]).unwrap();
        assert_eq!(settings.config, PathBuf::from("/var/c"));
        assert_eq!(settings.stack.queues[&Lane::Urgent].dead.as_deref(), Some(dead));
    }

    #[test]
    fn what_has_none_is_missed_by_name() {
        for (name, _) in COMPLETE {
            let error = read(&[(name, " ")]).unwrap_err();
            assert_eq!(
                (error.to_string(), error.code().id),
                (format!("{name} is not set"), "RC0201")
            );
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_not_repeated() {
        for name in ["ROLLCALL_QUEUE_WORK", "ROLLCALL_QUEUE_BULK_DLQ"] {
            let error = read(&[(name, "planted")]).unwrap_err();
            assert_eq!(error.code().id, "RC0202");
            let text = error.to_string();
            assert!(text.starts_with(name) && !text.contains("planted"), "{text}");
        }
    }

    #[test]
    fn a_queue_is_known_by_the_name_in_its_arn() {
        let stack = read(&[]).unwrap().stack;
        assert_eq!(stack.lane_of("arn:aws:sqs:eu-west-1:1:rc-work"), Some(Lane::Work));
        for other in ["arn:aws:sqs:eu-west-1:1:rc-work-dead", "arn:aws:sqs:eu-west-1:1:", ""] {
            assert_eq!(stack.lane_of(other), None, "{other}");
        }
    }
}
