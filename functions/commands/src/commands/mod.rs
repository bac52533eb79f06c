//! One file a command.

mod again;
pub(crate) mod apply;
mod check;
mod expect;
mod explain;
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

use std::pin::Pin;

use crate::cli::{Command, ReceiptCommand, RunCommand};
use crate::{Exit, Out, Place};

/// A command's future as one type that is known to be fit for any thread: a worker runs commands in tasks of their own, and the
/// compiler cannot see that through all of them at once.
fn boxed<'a>(
    command: impl Future<Output = anyhow::Result<Exit>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Exit>> + Send + 'a>> {
    Box::pin(command)
}

/// Runs a command at a place. What takes a process of its own (the demo, the server) is the binary's and refused here.
pub async fn run(command: &Command, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(_) => anyhow::bail!("the demo runs in a process of its own: `rollcall demo`"),
        Command::Serve(_) => anyhow::bail!("the server is a process of its own: `rollcall serve`"),
        Command::Check(options) => boxed(check::run(options, place, out)).await,
        Command::Link(options) => boxed(link::run(options, place, out)).await,
        Command::Plan(options) => boxed(plan::run(options, place, out)).await,
        Command::Preflight(options) => boxed(preflight::run(options, place, out)).await,
        Command::Ready(options) => boxed(ready::run(options, place, out)).await,
        Command::Apply(options) => boxed(apply::run(options, place, out)).await,
        Command::Undo(options) => boxed(undo::run(options, place, out)).await,
        Command::Replay(options) => boxed(replay::run(options, place, out)).await,
        Command::Explain(options) => boxed(explain::run(options, place, out)).await,
        Command::Answer(_) => anyhow::bail!("only a stack answers later: name it with --stack"),
        Command::Today(options) => boxed(today::run(options, place, out)).await,
        Command::Run(RunCommand::Report(options)) => boxed(report::run(options, place, out)).await,
        Command::Receipt(ReceiptCommand::Verify(options)) => receipt::verify(options, out),
        Command::Redrive(options) => boxed(redrive::run(options, place, out)).await,
        Command::Reviews(options) => boxed(reviews::run(options, place, out)).await,
        Command::Expect(options) => boxed(expect::run(options, place, out)).await,
        Command::Leave(options) => boxed(leave::run(options, place, out)).await,
        Command::Pause(options) => boxed(pause::pause(options, place, out)).await,
        Command::Restored(options) => boxed(restored::run(options, place, out)).await,
        Command::Resume(options) => boxed(pause::resume(options, place, out)).await,
    }
}
