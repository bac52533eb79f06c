//! The operator's command.

#[cfg(feature = "demo")]
mod demo;
mod server;

use std::process::ExitCode;

use clap::Parser;

use rollcall_commands::cli::{self, Cli, Command};
use rollcall_commands::out::{self, Out};
use rollcall_commands::{Place, local};
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
        command => Ok(rollcall_commands::run(&command, &Place::Machine, &out).await?.into()),
    }
}
