//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rollcall_model::Goal;
use rollcall_runtime::telemetry::Output;

/// Identity lifecycle automation: joiners provisioned, movers re-entitled, leavers cut off at once, everything proven.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  rollcall demo                                   see one leaver cut, on simulated vendors
  rollcall check --offline --config config        check the configuration folder
  rollcall serve --config config --env prod       run on this machine
  rollcall plan amara.okafor@corp.example         what would be done, and its hash
  rollcall explain amara.okafor@corp.example      the whole story of one person";

impl Cli {
    /// Who reads the log lines of this command.
    pub(crate) fn telemetry(&self) -> Output {
        match &self.command {
            Command::Serve(options) if options.json_logs => Output::Json,
            _ => Output::Text,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show one leaver from signed hook to receipt, on simulated vendors.
    #[cfg(feature = "demo")]
    #[command(after_help = "Examples:\n  rollcall demo\n  rollcall demo --once --json")]
    Demo(DemoOptions),
    /// Run doors, worker and clock on this machine.
    #[command(after_help = "Examples:\n  rollcall serve --config config --env prod --listen 127.0.0.1:8080")]
    Serve(ServeOptions),
    /// Check the configuration folder and run its playbooks' tests.
    #[command(
        after_help = "Examples:\n  rollcall check --offline --config config\n  rollcall check --offline --schemas docs/reference/schema"
    )]
    Check(CheckOptions),
    /// Say what would be done for a person now; change nothing.
    #[command(
        after_help = "Examples:\n  rollcall plan amara.okafor@corp.example\n  rollcall plan okta-main/00u1abcd --json"
    )]
    Plan(PlanOptions),
    /// Carry out exactly a plan that was printed, or refuse and say what moved.
    #[command(after_help = "Examples:\n  rollcall apply 5f1c…")]
    Apply(ApplyOptions),
    /// Read captured hook bodies, or an event again, and say what they come to.
    #[command(
        after_help = "Examples:\n  rollcall replay --connection okta-main captured/*.json\n  rollcall replay --event okta-main:6f0f1c52-8a10-11f0-9c1e-0b5f5d1b2c01"
    )]
    Replay(ReplayOptions),
    /// Tell the whole story of a person, an event or a run.
    #[command(after_help = "Examples:\n  rollcall explain amara.okafor@corp.example\n  rollcall explain run_0d3b…")]
    Explain(ExplainOptions),
    /// Work with receipts.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Send dead letters back to their queue, after the cause is mended.
    #[command(after_help = "Examples:\n  rollcall redrive --list\n  rollcall redrive\n  rollcall redrive ID")]
    Redrive(RedriveOptions),
    /// Agree that somebody leaves at an hour, or now; list such leaves; call one off.
    #[command(
        after_help = "Examples:\n  rollcall leave amara.okafor@corp.example --at 2026-11-27T17:00[Australia/Melbourne]\n  rollcall leave amara.okafor@corp.example --at 17:00 --to sam.lindqvist@corp.example   at five where she is\n  rollcall leave amara.okafor@corp.example --at now --quiet\n  rollcall leave list\n  rollcall leave cancel lv_5f1c09d2a7b3"
    )]
    Leave(LeaveOptions),
    /// Stop writes: everything, one connection or one playbook.
    #[command(after_help = "Examples:\n  rollcall pause\n  rollcall pause connection/sf-us --include-cuts")]
    Pause(PauseOptions),
    /// Let paused writes go on; waiting runs are planned again.
    #[command(after_help = "Examples:\n  rollcall resume\n  rollcall resume connection/sf-us")]
    Resume(ResumeOptions),
}

fn goal(text: &str) -> Result<Goal, String> {
    [Goal::Leave, Goal::Join, Goal::Move]
        .into_iter()
        .find(|goal| goal.as_str() == text)
        .ok_or_else(|| "write leave, join or move".to_owned())
}

/// Where the state of this machine lives.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataOptions {
    /// Folder with the ledger, files and keys.
    #[arg(long, default_value = ".rollcall", env = "ROLLCALL_DATA")]
    pub(crate) data: PathBuf,
}

/// Which configuration is in force.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigOptions {
    /// The configuration folder.
    #[arg(long, default_value = "config", env = "ROLLCALL_CONFIG")]
    pub(crate) config: PathBuf,
    /// The environment: `env/NAME.yaml` in the folder.
    #[arg(long, default_value = "prod", env = "ROLLCALL_ENV")]
    pub(crate) env: String,
}

#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// End after the story instead of staying up.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
    /// Where the doors listen. Put a TLS-terminating proxy in front of anything but loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Log JSON lines to standard output instead of text to standard error.
    #[arg(long)]
    pub(crate) json_logs: bool,
    /// How long a claim lasts, in milliseconds: a killed process's work is taken up after it. No vendor call is longer than
    /// half of it.
    #[arg(long, default_value_t = 60_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(2_000..=900_000))]
    pub(crate) lease: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The configuration folder.
    #[arg(long, default_value = "config", env = "ROLLCALL_CONFIG")]
    pub(crate) config: PathBuf,
    /// Only this environment; by default every `env/*.yaml` of the folder.
    #[arg(long, env = "ROLLCALL_ENV")]
    pub(crate) env: Option<String>,
    /// Without any network. Checks with network come in a later version.
    #[arg(long, required = true)]
    pub(crate) offline: bool,
    /// Also write the JSON Schemas for editors into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) schemas: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanOptions {
    /// Sign-in name or id in the source, or `connection/id`.
    pub(crate) person: String,
    /// What for: `leave`, `join` or `move`.
    #[arg(long, default_value = "leave", value_parser = goal)]
    pub(crate) goal: Goal,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    /// The hash that `rollcall plan` printed.
    pub(crate) hash: String,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Captured hook bodies.
    pub(crate) files: Vec<PathBuf>,
    /// The connection whose hook sent them.
    #[arg(long, default_value = "okta-main")]
    pub(crate) connection: String,
    /// An accepted event's key instead: its kept signal is read again and queued again.
    #[arg(long, conflicts_with = "files")]
    pub(crate) event: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// A person's sign-in name, an event's key or a run's id; without it, the latest runs.
    pub(crate) what: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Verify a receipt offline, and name the first thing that is wrong.
    #[command(after_help = "Examples:\n  rollcall receipt verify receipt.json --key receipt.pem.pub")]
    Verify(VerifyOptions),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The receipt.
    pub(crate) file: PathBuf,
    /// A public key that may have signed it; several after a rotation. By default this machine's own.
    #[arg(long = "key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveOptions {
    /// Only this dead letter.
    pub(crate) id: Option<String>,
    /// Show them and send nothing.
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LeaveOptions {
    #[command(subcommand)]
    pub(crate) command: Option<LeaveCommand>,
    /// Sign-in name or id in the source, or `connection/id`.
    #[arg(required = true)]
    pub(crate) person: Option<String>,
    /// When: `now`, a moment, or a time of day for the next time that it is so; with a zone in brackets, or in the person's
    /// own zone where their directory knows it.
    #[arg(long, required = true, value_name = "TIME[ZONE]")]
    pub(crate) at: Option<String>,
    /// Messages, reviews and logs carry the run's id instead of the person.
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Who takes over what they owned: a sign-in name.
    #[arg(long, value_name = "SUCCESSOR")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaveCommand {
    /// Leaves that wait for their hour. Of quiet ones only those with the role `confidential` see more than the id.
    #[command(after_help = "Examples:\n  rollcall leave list\n  rollcall leave list --json")]
    List(ListLeavesOptions),
    /// Call a leave off, as long as its hour has not come.
    #[command(after_help = "Examples:\n  rollcall leave cancel lv_5f1c09d2a7b3")]
    Cancel(CancelLeaveOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ListLeavesOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct CancelLeaveOptions {
    /// The id that `rollcall leave` printed.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PauseOptions {
    /// `all`, `connection/NAME` or `playbook/NAME`.
    #[arg(default_value = "all")]
    pub(crate) what: String,
    /// Stop cuts as well; by default they go on.
    #[arg(long)]
    pub(crate) include_cuts: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeOptions {
    /// `all`, `connection/NAME` or `playbook/NAME`.
    #[arg(default_value = "all")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}
