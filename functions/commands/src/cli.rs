//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rollcall_model::Goal;
use rollcall_runtime::telemetry::Output;

/// Identity lifecycle automation: joiners provisioned, movers re-entitled, leavers cut off at once, everything proven.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Ask the stack of this name instead of this machine: AWS says who you are, and no vendor secret comes here.
    #[arg(long, global = true, value_name = "NAME", env = "ROLLCALL_STACK_NAME")]
    pub stack: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  rollcall demo                                   see one leaver cut, on simulated vendors
  rollcall check --offline --config config        check the configuration folder
  rollcall check --config config --env prod       prove each connection as well
  rollcall link --config config --env prod        find out whose each account is, beforehand
  rollcall serve --config config --env prod       run on this machine
  rollcall plan amara.okafor@corp.example         what would be done, and its hash
  rollcall explain amara.okafor@corp.example      the whole story of one person
  rollcall today                                  what happened, what waits, what is due
  rollcall run report run_0d3b…                   a page about one run, for an auditor";

impl Cli {
    /// Who reads the log lines of this command.
    pub fn telemetry(&self) -> Output {
        match &self.command {
            Command::Serve(options) if options.json_logs => Output::Json,
            _ => Output::Text,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show one leaver from signed hook to receipt, on simulated vendors.
    #[cfg(feature = "demo")]
    #[command(after_help = "Examples:\n  rollcall demo\n  rollcall demo --once --json")]
    Demo(DemoOptions),
    /// Run doors, worker and clock on this machine.
    #[command(after_help = "Examples:\n  rollcall serve --config config --env prod --listen 127.0.0.1:8080")]
    Serve(ServeOptions),
    /// Check the configuration folder, run its playbooks' tests, and prove each connection.
    #[command(
        after_help = "Examples:\n  rollcall check --config config --env prod\n  rollcall check --connection sf-us\n  rollcall check --offline --config config\n  rollcall check --offline --schemas docs/reference/schema"
    )]
    Check(CheckOptions),
    /// Find out whose each account is, beforehand, and how many people are known where.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  rollcall link --dry-run\n  rollcall link --connection sf-us\n  rollcall link show amara.okafor@corp.example\n  rollcall link confirm amara.okafor@corp.example sf-us/005…\n  rollcall link deny amara.okafor@corp.example sf-us/005…"
    )]
    Link(LinkOptions),
    /// Say what would be done for a person now; change nothing.
    #[command(
        after_help = "Examples:\n  rollcall plan amara.okafor@corp.example\n  rollcall plan okta-main/00u1abcd --json"
    )]
    Plan(PlanOptions),
    /// Say what stands in the way of taking apart what somebody has, with the way out of each; change nothing.
    #[command(
        after_help = "Examples:\n  rollcall preflight amara.okafor@corp.example\n  rollcall preflight okta-main/00u1abcd --json"
    )]
    Preflight(PreflightOptions),
    /// Say whether a playbook may go beyond observe mode: what it planned there, beside what people did by hand.
    #[command(
        after_help = "Examples:\n  rollcall ready leaver\n  rollcall ready leaver --for enforce --people 25\n  rollcall ready leaver --days 14 --json\n\nEnds with 0 when the playbook is ready for the mode of --for, else with 1."
    )]
    Ready(ReadyOptions),
    /// Carry out exactly a plan that was printed, or refuse and say what moved.
    #[command(after_help = "Examples:\n  rollcall apply 5f1c…")]
    Apply(ApplyOptions),
    /// Plan how a run is taken back; the playbook then leaves the person alone for a while.
    #[command(
        after_help = "Examples:\n  rollcall undo run_0d3b…\n  rollcall undo run_0d3b… --stage dismantle\n  rollcall undo run_0d3b… --for 7 --yes"
    )]
    Undo(UndoOptions),
    /// Read captured hook bodies, or an event again, and say what they come to.
    #[command(
        after_help = "Examples:\n  rollcall replay --connection okta-main captured/*.json\n  rollcall replay --event okta-main:6f0f1c52-8a10-11f0-9c1e-0b5f5d1b2c01"
    )]
    Replay(ReplayOptions),
    /// Tell the whole story of a person, an event or a run.
    #[command(after_help = "Examples:\n  rollcall explain amara.okafor@corp.example\n  rollcall explain run_0d3b…")]
    Explain(ExplainOptions),
    /// What happened since yesterday, what waits, what failed and what is due today, in one screen.
    #[command(
        after_help = "Examples:\n  rollcall today\n  rollcall today --hours 72 --json\n  rollcall today --stack rollcall-prod"
    )]
    Today(TodayOptions),
    /// Print what a stack's worker answered to a command, up to a day later.
    #[command(after_help = "Examples:\n  rollcall answer cmd_0197… --stack rollcall-prod")]
    Answer(AnswerOptions),
    /// Work with one run.
    #[command(subcommand)]
    Run(RunCommand),
    /// Work with receipts.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Send dead letters back to their queue, after the cause is mended.
    #[command(after_help = "Examples:\n  rollcall redrive --list\n  rollcall redrive\n  rollcall redrive ID")]
    Redrive(RedriveOptions),
    /// Show what waits for a decision, and decide it.
    #[command(
        after_help = "Examples:\n  rollcall reviews\n  rollcall reviews show run_0d3b…-cut-5f1c…\n  rollcall reviews approve run_0d3b…-cut-5f1c… 5f1c0a9b7d3e"
    )]
    Reviews(ReviewsOptions),
    /// Announce leavers, so that the limits do not hold them; two approvers must agree.
    #[command(
        after_help = "Examples:\n  rollcall expect leavers --file hr.csv --window '2026-11-27T10:00/11:00[Europe/London]'\n  rollcall expect list\n  rollcall expect approve 3fb1c2d4e5f6"
    )]
    Expect(ExpectOptions),
    /// Agree that somebody leaves at an hour, or now; list such leaves; call one off.
    #[command(
        after_help = "Examples:\n  rollcall leave amara.okafor@corp.example --at 2026-11-27T17:00[Australia/Melbourne]\n  rollcall leave amara.okafor@corp.example --at 17:00 --to sam.lindqvist@corp.example   at five where she is\n  rollcall leave amara.okafor@corp.example --at now --quiet\n  rollcall leave list\n  rollcall leave cancel lv_5f1c09d2a7b3"
    )]
    Leave(LeaveOptions),
    /// Forget somebody: destroy their key, who they were, and every private part. Receipts stay, and name nobody.
    #[command(
        after_help = "Examples:\n  rollcall forget amara.okafor@corp.example         what would be destroyed\n  rollcall forget amara.okafor@corp.example --yes\n  rollcall forget fg_5f1c09d2a7b3 --yes              go on after a failure"
    )]
    Forget(ForgetOptions),
    /// Stop writes: everything, one connection or one playbook.
    #[command(after_help = "Examples:\n  rollcall pause\n  rollcall pause connection/sf-us --include-cuts")]
    Pause(PauseOptions),
    /// Say that the ledger was restored to an earlier moment: messages are then looked for before they are sent.
    #[command(after_help = "Examples:\n  rollcall restored --as-of 2026-11-27T10:00:00Z")]
    Restored(RestoredOptions),
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
pub struct DataOptions {
    /// Folder with the ledger, files and keys.
    #[arg(long, default_value = ".rollcall", env = "ROLLCALL_DATA")]
    pub data: PathBuf,
}

/// Which configuration is in force.
#[derive(Clone, Debug, Args)]
pub struct ConfigOptions {
    /// The configuration folder.
    #[arg(long, default_value = "config", env = "ROLLCALL_CONFIG")]
    pub config: PathBuf,
    /// The environment: `env/NAME.yaml` in the folder.
    #[arg(long, default_value = "prod", env = "ROLLCALL_ENV")]
    pub env: String,
}

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
pub struct LinkOptions {
    #[command(subcommand)]
    pub command: Option<LinkCommand>,
    /// Say what would be linked; write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Only this connection.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Say that an account is a person's.
    #[command(after_help = "Examples:\n  rollcall link confirm amara.okafor@corp.example sf-us/005…")]
    Confirm(LinkDecision),
    /// Say that an account is not a person's; no list links them again.
    #[command(after_help = "Examples:\n  rollcall link deny amara.okafor@corp.example sf-us/005…")]
    Deny(LinkDecision),
    /// Show which accounts are linked to a person.
    #[command(after_help = "Examples:\n  rollcall link show amara.okafor@corp.example")]
    Show(LinkShow),
}

#[derive(Debug, Args)]
pub struct LinkDecision {
    /// Sign-in name, address, key, id in the source, or an account of theirs as `connection/id`.
    pub person: String,
    /// The account: `CONNECTION/ID`.
    #[arg(value_name = "CONNECTION/ID")]
    pub account: String,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct LinkShow {
    /// Sign-in name, address, key, id in the source, or an account of theirs as `connection/id`.
    pub person: String,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
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

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Write one HTML page about a run, for people who were not there: it needs nothing but itself and prints well.
    #[command(
        after_help = "Examples:\n  rollcall run report run_0d3b…\n  rollcall run report run_0d3b… --out leaver.html --data /var/lib/rollcall"
    )]
    Report(RunReportOptions),
}

#[derive(Debug, Args)]
pub struct RunReportOptions {
    /// The run's id, as `rollcall explain` lists it.
    pub run: String,
    /// The file to write; one that is there is replaced. By default RUN.html in the present folder.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Leave every long list folded; by default those with something that is not green are unfolded. On paper all are.
    #[arg(long)]
    pub open_none: bool,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Verify a receipt offline, and name the first thing that is wrong.
    #[command(after_help = "Examples:\n  rollcall receipt verify receipt.json --key receipt.pem.pub")]
    Verify(VerifyOptions),
}

#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// The receipt.
    pub file: PathBuf,
    /// A public key that may have signed it; several after a rotation. By default this machine's own.
    #[arg(long = "key", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct LeaveOptions {
    #[command(subcommand)]
    pub command: Option<LeaveCommand>,
    /// Sign-in name or id in the source, or `connection/id`.
    #[arg(required = true)]
    pub person: Option<String>,
    /// When: `now`, a moment, or a time of day for the next time that it is so; with a zone in brackets, or in the person's
    /// own zone where their directory knows it.
    #[arg(long, required = true, value_name = "TIME[ZONE]")]
    pub at: Option<String>,
    /// Messages, reviews and logs carry the run's id instead of the person.
    #[arg(long)]
    pub quiet: bool,
    /// Who takes over what they owned: a sign-in name.
    #[arg(long, value_name = "SUCCESSOR")]
    pub to: Option<String>,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub enum LeaveCommand {
    /// Leaves that wait for their hour. Of quiet ones only those with the role `confidential` see more than the id.
    #[command(after_help = "Examples:\n  rollcall leave list\n  rollcall leave list --json")]
    List(ListLeavesOptions),
    /// Call a leave off, as long as its hour has not come.
    #[command(after_help = "Examples:\n  rollcall leave cancel lv_5f1c09d2a7b3")]
    Cancel(CancelLeaveOptions),
}

#[derive(Debug, Args)]
pub struct ListLeavesOptions {
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub data: DataOptions,
}

#[derive(Debug, Args)]
pub struct CancelLeaveOptions {
    /// The id that `rollcall leave` printed.
    pub id: String,
    #[command(flatten)]
    pub config: ConfigOptions,
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

/// Configuration and state for commands of several words: they may stand behind any of them.
#[derive(Clone, Debug, Args)]
pub struct Places {
    /// The configuration folder.
    #[arg(long, global = true, default_value = "config", env = "ROLLCALL_CONFIG")]
    config: PathBuf,
    /// The environment: `env/NAME.yaml` in the folder.
    #[arg(long, global = true, default_value = "prod", env = "ROLLCALL_ENV")]
    env: String,
    /// Folder with the ledger, files and keys.
    #[arg(long, global = true, default_value = ".rollcall", env = "ROLLCALL_DATA")]
    data: PathBuf,
}

impl Places {
    /// Which configuration is in force.
    pub fn config(&self) -> ConfigOptions {
        ConfigOptions {
            config: self.config.clone(),
            env: self.env.clone(),
        }
    }

    /// Where the state lives.
    pub fn data(&self) -> DataOptions {
        DataOptions {
            data: self.data.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub struct ReviewsOptions {
    #[command(subcommand)]
    pub command: Option<ReviewCommand>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// What waits for a decision; what `rollcall reviews` does by itself.
    List,
    /// Why it waits, and what would be done.
    Show(ReviewOptions),
    /// Let exactly this plan be carried out.
    Approve(DecideOptions),
    /// Let it not be carried out.
    Refuse(DecideOptions),
}

#[derive(Debug, Args)]
pub struct ReviewOptions {
    /// The review's id.
    pub id: String,
}

#[derive(Debug, Args)]
pub struct DecideOptions {
    /// The review's id.
    pub id: String,
    /// The hash of the plan that was read, or its first 12 characters at least.
    pub hash: String,
}

#[derive(Debug, Args)]
pub struct ExpectOptions {
    #[command(subcommand)]
    pub command: ExpectCommand,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Debug, Subcommand)]
pub enum ExpectCommand {
    /// Announce the people of a file for a window.
    Leavers(LeaversOptions),
    /// Every announcement.
    List,
    /// Who is announced, and who has agreed.
    Show(ExpectationOptions),
    /// Agree to an announcement of somebody else's.
    Approve(ExpectationOptions),
    /// Take an announcement back: the limits count its people again.
    Cancel(ExpectationOptions),
}

#[derive(Debug, Args)]
pub struct LeaversOptions {
    /// CSV: the column `login`, `email` or `employeeNumber`, else the first.
    #[arg(long)]
    pub file: PathBuf,
    /// When they leave: `2026-11-27T10:00/11:00[Europe/London]`, or two moments with offset: `…T10:00Z/…T11:00Z`.
    #[arg(long)]
    pub window: String,
}

#[derive(Debug, Args)]
pub struct ExpectationOptions {
    /// The announcement's id.
    pub id: String,
}
