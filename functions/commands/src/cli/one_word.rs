//! What commands of one word take.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use rollcall_model::Goal;

use super::{ConfigOptions, DataOptions, goal};

#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// End after the story instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// Take everything back at the end, and compare with what was before.
    #[arg(long)]
    pub undo: bool,
}

#[derive(Debug, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
    /// Where the doors listen. Put a TLS-terminating proxy in front of anything but loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Log JSON lines to standard output instead of text to standard error.
    #[arg(long)]
    pub json_logs: bool,
    /// Answer `/metrics` beside the doors, in Prometheus' text format, to everybody who can reach them: it names connections, and
    /// nobody. A proxy should pass on `/hooks/` only.
    #[arg(long)]
    pub metrics: bool,
    /// How long a claim lasts, in milliseconds: a killed process's work is taken up after it. No vendor call is longer than
    /// half of it.
    #[arg(long, default_value_t = 60_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(2_000..=900_000))]
    pub lease: u64,
}

#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The configuration folder.
    #[arg(long, default_value = "config", env = "ROLLCALL_CONFIG")]
    pub config: PathBuf,
    /// Only this environment; by default every `env/*.yaml` of the folder.
    #[arg(long, env = "ROLLCALL_ENV")]
    pub env: Option<String>,
    /// Without any network: the folder and its tests only.
    #[arg(long)]
    pub offline: bool,
    /// Prove only this connection.
    #[arg(long, value_name = "NAME", conflicts_with = "offline")]
    pub connection: Option<String>,
    /// Where lists that are objects lie. The ledger in it is not opened.
    #[command(flatten)]
    pub data: DataOptions,
    /// Also write the JSON Schemas for editors into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub schemas: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct PlanOptions {
    /// Sign-in name or id in the source, or `connection/id`.
    pub person: String,
    /// What for: `leave`, `join` or `move`.
    #[arg(long, default_value = "leave", value_parser = goal)]
    pub goal: Goal,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct PreflightOptions {
    /// Sign-in name or id in the source, or `connection/id`.
    pub person: String,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ReadyOptions {
    /// The playbook's name.
    pub playbook: String,
    /// The mode that the exit code is about: `review` or `enforce`.
    #[arg(long = "for", default_value = "review", value_name = "MODE", value_parser = ["review", "enforce"])]
    pub mode: String,
    /// How many people must have been observed whose changes can be judged.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub people: usize,
    /// Of a hundred changes that can be judged, how many people must have made as well.
    #[arg(long, default_value_t = 95, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub agreement: u32,
    /// How long people have for what Rollcall does at once. What is not done and younger than that is not judged.
    #[arg(long, default_value_t = 24, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(0..=8_760))]
    pub within: u32,
    /// How many days back to look.
    #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: u32,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct UndoOptions {
    /// The run's id, as `rollcall explain` prints it.
    pub run: String,
    /// Only this stage of it: `cut` or `dismantle`. By default all that it did.
    #[arg(long)]
    pub stage: Option<String>,
    /// How many days the playbook leaves the person alone when the source says nothing new meanwhile.
    #[arg(long = "for", default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
    pub keep: u32,
    /// Carry it out at once, without reading the plan first.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ForgetOptions {
    /// Sign-in name, `connection/id` or a run of theirs; or `fg_…`, to go on.
    pub person: String,
    /// Do it. Nothing brings it back.
    #[arg(long)]
    pub yes: bool,
    /// Also when a run of theirs could still be taken back.
    #[arg(long)]
    pub even_undo: bool,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ApplyOptions {
    /// The hash that `rollcall plan` printed.
    pub hash: String,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// Captured hook bodies.
    pub files: Vec<PathBuf>,
    /// The connection whose hook sent them.
    #[arg(long, default_value = "okta-main")]
    pub connection: String,
    /// An accepted event's key instead: its kept signal is read again and queued again.
    #[arg(long, conflicts_with = "files")]
    pub event: Option<String>,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// A person's sign-in name, an event's key or a run's id; without it, the latest runs.
    pub what: Option<String>,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct AnswerOptions {
    /// The command's id, as it was printed.
    pub id: String,
}

#[derive(Debug, Args)]
pub struct TodayOptions {
    /// How many hours back and ahead it looks.
    #[arg(long, default_value_t = 24, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=720))]
    pub hours: u32,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct RedriveOptions {
    /// Only this dead letter.
    pub id: Option<String>,
    /// Show them and send nothing.
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct PauseOptions {
    /// `all`, `connection/NAME` or `playbook/NAME`.
    #[arg(default_value = "all")]
    pub what: String,
    /// Stop cuts as well; by default they go on.
    #[arg(long)]
    pub include_cuts: bool,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct RestoredOptions {
    /// The moment whose state the ledger has again, with offset.
    #[arg(long, value_name = "MOMENT")]
    pub as_of: rollcall_model::Timestamp,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct ResumeOptions {
    /// `all`, `connection/NAME` or `playbook/NAME`.
    #[arg(default_value = "all")]
    pub what: String,
    #[command(flatten)]
    pub data: DataOptions,
}
