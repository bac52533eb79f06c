//! What can be typed.

mod one_word;
mod several_words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rollcall_model::Goal;
use rollcall_runtime::telemetry::Output;

pub use one_word::*;
pub use several_words::*;

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
