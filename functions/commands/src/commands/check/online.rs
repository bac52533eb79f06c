//! Each connection of one environment, looked at and not touched: all side by side, each within its own time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rollcall_model::{Call, ConnectionId, Connector, Lane, Probe, ProbeResult};
use rollcall_policy::Configuration;
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{USUAL, cross};
use crate::Place;
use crate::cli::CheckOptions;
use crate::out::{Out, plain};

/// How long one connection may take.
const TIME: Duration = Duration::from_secs(30);
/// How much of that a single call may not use, so that its answer is still read.
const MARGIN: Duration = Duration::from_secs(2);
/// What connectors call a look at who else writes to their accounts.
const SECOND_MASTER: &str = "second-master";

/// What was found.
pub(super) struct Proven {
    environment: String,
    connections: BTreeMap<ConnectionId, Vec<Probe>>,
    cross: Vec<Probe>,
}

/// A call that starts now.
pub(super) fn call() -> Call {
    Call {
        deadline: plus(SystemClock.now(), TIME.saturating_sub(MARGIN)),
        lane: Lane::Bulk,
    }
}

pub(super) async fn run(options: &CheckOptions, place: &Place, out: &Out) -> anyhow::Result<Proven> {
    let folder = place.folder(&options.config);
    let environment = match place.environment(options.env.as_deref()) {
        Some(name) => name.to_owned(),
        None => only_environment(folder)?,
    };
    let actions = rollcall_connectors::catalogue();
    let configuration =
        rollcall_policy::load(folder, &environment, &actions).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let only = options.connection.as_deref().map(ConnectionId::new);
    if let Some(only) = &only {
        anyhow::ensure!(
            configuration.connection(only).is_some(),
            "there is no connection {}: there are {}",
            plain(only.as_str()),
            names(&configuration)
        );
    }
    let made = place.each_connector(&configuration).await;
    let looked = made
        .iter()
        .filter(|(id, _)| only.as_ref().is_none_or(|only| only == *id))
        .map(async |(id, connector)| (id.clone(), examined(connector.as_ref()).await));
    let files = place.files(&options.data)?;
    let (connections, cross) = futures::join!(
        join_all(looked),
        cross::probes(&configuration, &made, files.as_ref(), only.as_ref())
    );
    let proven = Proven {
        environment,
        connections: connections.into_iter().collect(),
        cross,
    };
    proven.show(out);
    Ok(proven)
}

/// The environment that is meant when none is named: the only one, or the usual one.
fn only_environment(folder: &Path) -> anyhow::Result<String> {
    let names = super::environments(folder)?;
    match names.as_slice() {
        [only] => Ok(only.clone()),
        _ if names.iter().any(|name| name == USUAL) => Ok(USUAL.to_owned()),
        _ => anyhow::bail!(
            "which environment's connections are to be proven? Name one with --env ({}), or check --offline",
            names.join(", ")
        ),
    }
}

fn names(configuration: &Configuration) -> String {
    let names: Vec<&str> = configuration.connections.keys().map(ConnectionId::as_str).collect();
    names.join(", ")
}

async fn examined(connector: Result<&Arc<dyn Connector>, &String>) -> Vec<Probe> {
    let connector = match connector {
        Ok(connector) => connector,
        Err(why) => {
            return vec![Probe::new(
                "secret",
                ProbeResult::Bad,
                why.clone(),
                Some("give this process the secret that the environment file refers to"),
            )];
        }
    };
    match tokio::time::timeout(TIME, connector.examine(&call())).await {
        Ok(probes) if probes.is_empty() => vec![Probe::new(
            "connection",
            ProbeResult::Unknown,
            "nothing was looked at: this version has no examination for this kind",
            None,
        )],
        Ok(probes) => probes,
        Err(_) => vec![Probe::new(
            "connection",
            ProbeResult::Unknown,
            format!("no answer within {} s", TIME.as_secs()),
            Some("look whether this machine reaches the tenant's address, then check again"),
        )],
    }
}

fn sign(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Good => "✓",
        ProbeResult::Warning => "!",
        ProbeResult::Bad => "✗",
        ProbeResult::Unknown => "?",
    }
}

impl Proven {
    fn all(&self) -> impl Iterator<Item = &Probe> {
        self.connections.values().flatten().chain(&self.cross)
    }

    /// True when something must not stay as it is.
    pub(super) fn has_bad(&self) -> bool {
        self.all().any(|probe| probe.result == ProbeResult::Bad)
    }

    fn count(&self, result: ProbeResult) -> usize {
        self.all().filter(|probe| probe.result == result).count()
    }

    pub(super) fn document(&self) -> Value {
        json!({
            "environment": self.environment,
            "connections": self.connections,
            "configuration": self.cross,
        })
    }

    fn show(&self, out: &Out) {
        for (connection, probes) in &self.connections {
            out.title(&format!("\n{connection}"));
            table(probes, out);
        }
        if !self.cross.is_empty() {
            out.title("\nwhat the configuration needs of them");
            table(&self.cross, out);
        }
        let masters: Vec<(&ConnectionId, &Probe)> = self
            .connections
            .iter()
            .flat_map(|(connection, probes)| probes.iter().map(move |probe| (connection, probe)))
            .filter(|(_, probe)| probe.what == SECOND_MASTER && probe.result != ProbeResult::Good)
            .collect();
        if !masters.is_empty() {
            out.title("\nSomebody else writes to these accounts, too, and would undo what Rollcall does:");
            for (connection, probe) in masters {
                out.line(format!("  {connection}: {}", plain(&probe.found)));
                if let Some(next) = &probe.next {
                    out.line(format!("    {}", plain(next)));
                }
            }
        }
        out.title(&format!(
            "\n{}: {} good, {} to look at, {} bad, {} not found out.",
            self.environment,
            self.count(ProbeResult::Good),
            self.count(ProbeResult::Warning),
            self.count(ProbeResult::Bad),
            self.count(ProbeResult::Unknown)
        ));
    }
}

fn table(probes: &[Probe], out: &Out) {
    let rows: Vec<Vec<String>> = probes
        .iter()
        .map(|probe| {
            vec![
                sign(probe.result).to_owned(),
                plain(&probe.what),
                plain(&probe.found),
                plain(probe.next.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    out.table(&["", "what", "found", "next"], &rows);
}
