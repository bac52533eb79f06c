//! Commands of several words, and what they take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigOptions, DataOptions, Places};

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
