//! The operator's command.

mod cli;
mod commands;
#[cfg(feature = "demo")]
mod demo;
mod hour;
mod local;
mod operator;
mod out;
mod report;
mod server;
mod watch;
mod window;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ReceiptCommand, RunCommand};
use out::Out;
use rollcall_runtime::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return out::fail(&anyhow::Error::new(error).context("the runtime did not start")),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(error) => out::fail(&error),
    }
}

/// A server logs all that it does; a command that somebody waits for says only what goes wrong, unless asked for more.
fn log(cli: &Cli) {
    let asked = std::env::var_os(telemetry::LEVEL_VARIABLE).is_some();
    if asked || matches!(cli.command, Command::Serve(_)) {
        return telemetry::init(cli.telemetry());
    }
    let (filter, _) = telemetry::levels(Some("warn"));
    // Only a second subscriber is refused, and there is none.
    let _ = tracing::subscriber::set_global_default(telemetry::people(filter, std::io::stderr));
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let out = Out::new(cli.json);
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(&options, &out).await,
        Command::Serve(options) => server::serve(&options, &out).await,
        Command::Check(options) => commands::check::run(&options, &out).await,
        Command::Link(options) => commands::link::run(&options, &out).await,
        Command::Plan(options) => commands::plan::run(&options, &out).await,
        Command::Preflight(options) => commands::preflight::run(&options, &out).await,
        Command::Apply(options) => commands::apply::run(&options, &out).await,
        Command::Undo(options) => commands::undo::run(&options, &out).await,
        Command::Replay(options) => commands::replay::run(&options, &out).await,
        Command::Explain(options) => commands::explain::run(&options, &out).await,
        Command::Run(RunCommand::Report(options)) => commands::report::run(&options, &out).await,
        Command::Receipt(ReceiptCommand::Verify(options)) => commands::receipt::verify(&options, &out),
        Command::Redrive(options) => commands::redrive::run(&options, &out).await,
        Command::Reviews(options) => commands::reviews::run(&options, &out).await,
        Command::Expect(options) => commands::expect::run(&options, &out).await,
        Command::Leave(options) => commands::leave::run(&options, &out).await,
        Command::Forget(options) => commands::forget::run(&options, &out).await,
        Command::Pause(options) => commands::pause::pause(&options, &out).await,
        Command::Resume(options) => commands::pause::resume(&options, &out).await,
    }
}
