//! The operator's command.

#[cfg(feature = "demo")]
mod demo;
mod server;
#[cfg(feature = "stack")]
mod stack;

use std::process::ExitCode;

use rollcall_commands::cli::{self, Cli, Command};
use rollcall_commands::out::{self, Out};
use rollcall_commands::remote::{Typed, Where, parse, rule};
use rollcall_commands::{Place, local};
use rollcall_runtime::telemetry;

fn main() -> ExitCode {
    let typed = match parse(std::env::args_os()) {
        Ok(typed) => typed,
        Err(why) => why.exit(),
    };
    log(&typed.cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return out::fail(&anyhow::Error::new(error).context("the runtime did not start")),
    };
    match runtime.block_on(dispatch(typed)) {
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
    // The SDK warns of each place where it looked for credentials in vain, with what a proxy answered there. The command's own error says it.
    let (filter, _) = telemetry::levels(Some("warn,aws_config=off"));
    // Only a second subscriber is refused, and there is none.
    let _ = tracing::subscriber::set_global_default(telemetry::people(filter, std::io::stderr));
}

async fn dispatch(typed: Typed) -> anyhow::Result<ExitCode> {
    let out = Out::new(typed.cli.json);
    if let Some(name) = asked(&typed) {
        return stack(&typed, &name, &out).await;
    }
    match typed.cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(&options, &out).await,
        Command::Serve(options) => server::serve(&options, &out).await,
        command => Ok(rollcall_commands::run(&command, &Place::Machine, &out).await?.into()),
    }
}

/// The stack that is to be asked. What runs on this machine only is not bothered by a name in the environment.
fn asked(typed: &Typed) -> Option<String> {
    let name = typed.cli.stack.clone().filter(|name| !name.is_empty())?;
    let answer = matches!(typed.cli.command, Command::Answer(_));
    let here = matches!(rule(&typed.cli.command).place, Where::Here(_)) && !answer;
    (!here || typed.places.contains(&"stack")).then_some(name)
}

#[cfg(feature = "stack")]
async fn stack(typed: &Typed, name: &str, out: &Out) -> anyhow::Result<ExitCode> {
    Ok(Box::pin(stack::run(typed, name, out)).await?.into())
}

#[cfg(not(feature = "stack"))]
#[expect(clippy::unused_async, reason = "with the feature it has to wait")]
async fn stack(_: &Typed, name: &str, _: &Out) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "this `rollcall` cannot call the stack {name}: build it with `cargo build --release -p rollcall --features stack`"
    )
}
