//! Logs as JSON lines on standard output (or text for people on standard error), metrics as CloudWatch EMF lines.
//!
//! A binary calls [`init`] once, before anything else. Nothing here ever formats a request body or a secret: callers log
//! codes, names of connections, counts and digests.

pub mod dimensions;
pub mod emf;
pub mod logs;
pub mod metrics;
pub mod table;

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::codes;

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A machine: JSON lines on standard output, metrics among them.
    Json,
    /// A person: compact text on standard error, no metrics.
    Text,
}

/// The environment variable with the level: `info`, or by place: `info,rollcall_engine=debug`.
pub const LEVEL_VARIABLE: &str = "ROLLCALL_LOG";

/// Starts logs and metrics for this process. A second call changes nothing.
pub fn init(output: Output) {
    let (filter, understood) = levels(std::env::var(LEVEL_VARIABLE).ok().as_deref());
    let started = match output {
        Output::Json => {
            emf::send_to(emf::Sink::Stdout);
            std::panic::set_hook(Box::new(report_panic));
            tracing_subscriber::registry()
                .with(filter)
                .with(logs::JsonLines::new(io::stdout))
                .try_init()
                .is_ok()
        }
        Output::Text => people(filter, io::stderr).try_init().is_ok(),
    };
    if started && !understood {
        tracing::warn!(
            code = codes::CONFIG_LOG_LEVEL.id,
            "{LEVEL_VARIABLE} is not understood; info is used."
        );
    }
}

/// A panic's place, as a line like any other. Its text is left out: it may quote what was being read.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    tracing::error!(place, "A panic: a defect of ours.");
}

/// The filter for a text such as `info,rollcall_engine=debug`, and whether the text was understood.
pub fn levels(text: Option<&str>) -> (Targets, bool) {
    let default = || Targets::new().with_default(tracing::Level::INFO);
    match text.map(str::trim) {
        None | Some("") => (default(), true),
        Some(text) => text
            .parse()
            .map_or_else(|_| (default(), false), |filter| (filter, true)),
    }
}

/// Text for people, into any writer.
pub fn people<W>(filter: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(filter).with(
        tracing_subscriber::fmt::layer()
            .compact()
            .with_ansi(false)
            .with_target(false)
            .with_writer(writer),
    )
}

/// JSON lines, into any writer.
pub fn machine<W>(filter: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry()
        .with(filter)
        .with(logs::JsonLines::new(writer))
}

#[cfg(test)]
mod tests;
