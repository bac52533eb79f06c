//! Which command runs where, and what whoever asks for it must be. One table, tested as a table.

use rollcall_policy::configuration::Role;

use crate::cli::{Command, ExpectCommand, LeaveCommand, LinkCommand, ReceiptCommand, ReviewCommand, RunCommand};

/// Where a command for a stack runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In `console`: the ledger, the queues and the files are all that it needs.
    Console,
    /// In a worker, which may call the vendors.
    Worker,
    /// In `approve`, which signs the decision; a worker then carries it out.
    Approve,
    /// On the caller's own machine; what to do there.
    Here(&'static str),
}

/// What is asked of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The command, as it is typed.
    pub name: &'static str,
    /// Where it runs.
    pub place: Where,
    /// Any of these roles.
    pub roles: &'static [Role],
}

/// Looking is for everybody who has a role.
const LOOK: &[Role] = &[
    Role::Viewer,
    Role::Operator,
    Role::Approver,
    Role::Confidential,
    Role::Config,
];
const OPERATE: &[Role] = &[Role::Operator];
const APPROVE: &[Role] = &[Role::Approver];
const PROVE: &[Role] = &[Role::Config, Role::Operator];

/// The rule of a command.
pub fn rule(command: &Command) -> Rule {
    let of = |name, place, roles| Rule { name, place, roles };
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(_) => of(
            "demo",
            Where::Here("it simulates its vendors: run `rollcall demo` without --stack"),
            LOOK,
        ),
        Command::Serve(_) => of(
            "serve",
            Where::Here("a stack serves by itself: leave --stack away to serve on this machine"),
            LOOK,
        ),
        Command::Check(options) if options.schemas.is_some() => of(
            "check --schemas",
            Where::Here(
                "the schemas are in this program: run `rollcall check --offline --schemas FOLDER` without --stack",
            ),
            LOOK,
        ),
        Command::Check(options) if options.offline => of(
            "check --offline",
            Where::Here(
                "it reads a folder and no network: run `rollcall check --offline --config FOLDER` without --stack",
            ),
            LOOK,
        ),
        Command::Check(_) => of("check", Where::Worker, PROVE),
        Command::Link(options) => match &options.command {
            None if options.dry_run => of("link --dry-run", Where::Worker, OPERATE),
            None => of("link", Where::Worker, OPERATE),
            Some(LinkCommand::Confirm(_)) => of("link confirm", Where::Worker, OPERATE),
            Some(LinkCommand::Deny(_)) => of("link deny", Where::Worker, OPERATE),
            Some(LinkCommand::Show(_)) => of("link show", Where::Worker, LOOK),
        },
        Command::Plan(_) => of("plan", Where::Worker, OPERATE),
        Command::Preflight(_) => of("preflight", Where::Worker, OPERATE),
        Command::Ready(_) => of("ready", Where::Worker, PROVE),
        Command::Apply(_) => of("apply", Where::Worker, OPERATE),
        Command::Undo(_) => of("undo", Where::Worker, OPERATE),
        Command::Replay(options) if options.event.is_some() => of("replay --event", Where::Console, OPERATE),
        Command::Replay(_) => of("replay", Where::Worker, PROVE),
        Command::Explain(_) => of("explain", Where::Console, LOOK),
        Command::Answer(_) => of(
            "answer",
            Where::Here("`rollcall answer` asks for it without sending a command"),
            LOOK,
        ),
        Command::Today(_) => of("today", Where::Console, LOOK),
        Command::Run(RunCommand::Report(_)) => of("run report", Where::Console, LOOK),
        Command::Receipt(ReceiptCommand::Verify(_)) => of(
            "receipt verify",
            Where::Here(
                "a stack's own word about its receipt proves nothing: fetch the receipt and the public key, and run `rollcall receipt verify FILE --key KEY` without --stack",
            ),
            LOOK,
        ),
        Command::Redrive(options) if options.list => of("redrive --list", Where::Console, LOOK),
        Command::Redrive(_) => of("redrive", Where::Console, OPERATE),
        Command::Reviews(options) => match &options.command {
            None | Some(ReviewCommand::List) => of("reviews list", Where::Console, LOOK),
            Some(ReviewCommand::Show(_)) => of("reviews show", Where::Console, LOOK),
            Some(ReviewCommand::Approve(_)) => of("reviews approve", Where::Approve, APPROVE),
            Some(ReviewCommand::Refuse(_)) => of("reviews refuse", Where::Approve, APPROVE),
        },
        Command::Expect(options) => match &options.command {
            ExpectCommand::Leavers(_) => of("expect leavers", Where::Worker, OPERATE),
            ExpectCommand::List => of("expect list", Where::Worker, LOOK),
            ExpectCommand::Show(_) => of("expect show", Where::Worker, LOOK),
            ExpectCommand::Approve(_) => of("expect approve", Where::Approve, APPROVE),
            ExpectCommand::Cancel(_) => of("expect cancel", Where::Worker, OPERATE),
        },
        Command::Leave(options) => match &options.command {
            None => of("leave", Where::Worker, OPERATE),
            Some(LeaveCommand::List(_)) => of("leave list", Where::Console, LOOK),
            Some(LeaveCommand::Cancel(_)) => of("leave cancel", Where::Console, OPERATE),
        },
        Command::Forget(_) => of("forget", Where::Worker, OPERATE),
        Command::Pause(_) => of("pause", Where::Console, OPERATE),
        Command::Restored(_) => of("restored", Where::Console, OPERATE),
        Command::Resume(_) => of("resume", Where::Console, OPERATE),
    }
}

/// A role as the configuration writes it.
pub(super) const fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Approver => "approver",
        Role::Confidential => "confidential",
        Role::Config => "config",
    }
}
