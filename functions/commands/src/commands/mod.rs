//! One file a command.

mod again;
pub(crate) mod apply;
mod check;
mod expect;
mod explain;
mod forget;
mod leave;
mod link;
mod pause;
mod plan;
mod preflight;
mod ready;
mod receipt;
mod redrive;
mod replay;
mod report;
mod restored;
mod reviews;
mod today;
mod undo;

use crate::cli::{Command, ReceiptCommand, RunCommand};
use crate::{Exit, Out, Place};

/// Runs a command at a place. What takes a process of its own (the demo, the server) is the binary's and refused here.
pub async fn run(command: &Command, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(_) => anyhow::bail!("the demo runs in a process of its own: `rollcall demo`"),
        Command::Serve(_) => anyhow::bail!("the server is a process of its own: `rollcall serve`"),
        Command::Check(options) => check::run(options, place, out).await,
        Command::Link(options) => link::run(options, place, out).await,
        Command::Plan(options) => plan::run(options, place, out).await,
        Command::Preflight(options) => preflight::run(options, place, out).await,
        Command::Ready(options) => ready::run(options, place, out).await,
        Command::Apply(options) => apply::run(options, place, out).await,
        Command::Undo(options) => undo::run(options, place, out).await,
        Command::Replay(options) => replay::run(options, place, out).await,
        Command::Explain(options) => explain::run(options, place, out).await,
        Command::Answer(_) => anyhow::bail!("only a stack answers later: name it with --stack"),
        Command::Today(options) => today::run(options, place, out).await,
        Command::Run(RunCommand::Report(options)) => report::run(options, place, out).await,
        Command::Receipt(ReceiptCommand::Verify(options)) => receipt::verify(options, out),
        Command::Redrive(options) => redrive::run(options, place, out).await,
        Command::Reviews(options) => reviews::run(options, place, out).await,
        Command::Expect(options) => expect::run(options, place, out).await,
        Command::Leave(options) => leave::run(options, place, out).await,
        Command::Forget(options) => forget::run(options, place, out).await,
        Command::Pause(options) => pause::pause(options, place, out).await,
        Command::Restored(options) => restored::run(options, place, out).await,
        Command::Resume(options) => pause::resume(options, place, out).await,
    }
}
