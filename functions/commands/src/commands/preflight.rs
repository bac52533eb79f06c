//! `rollcall preflight`: what stands in the way of taking apart what somebody has. Reads the vendors, changes nothing.

use std::time::Duration;

use rollcall_engine::{EngineError, Looked};
use serde_json::json;

use super::plan;
use crate::Exit;
use crate::Place;
use crate::cli::PreflightOptions;
use crate::out::{Out, plain};

const LEASE: Duration = Duration::from_mins(1);

pub(crate) async fn run(options: &PreflightOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.open(&options.data, LEASE)?;
    let machine = place
        .machine(place.configuration(&options.config)?, &store, LEASE)
        .await?;
    let who = plan::resolve(&machine, &store, &options.person).await?;
    let (person, looked) = match machine.engine.preflight(&who).await {
        Ok(found) => found,
        Err(EngineError::Refused(why)) => anyhow::bail!("{why}"),
        Err(error) => return Err(error.into()),
    };
    out.document(&json!({"person": person.key, "display": person.display, "accounts": looked}))?;
    out.title(&format!("{} <{}>", plain(&person.display), plain(&person.login)));
    for line in lines(&looked) {
        out.line(line);
    }
    Ok(Exit::SUCCESS)
}

/// A line for each obstacle and each thing that was not looked at, by account.
pub(super) fn lines(looked: &[Looked]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in looked {
        let account = one
            .account
            .as_ref()
            .map_or_else(|| "not searched".to_owned(), |account| plain(&account.id));
        lines.push(format!("  {}  {account} {}", one.connection, plain(&one.username)));
        for obstacle in &one.found.obstacles {
            let sign = if obstacle.blocks { "✗" } else { "!" };
            lines.push(format!(
                "    {sign} {}: {}",
                plain(&obstacle.kind),
                plain(&obstacle.found)
            ));
            lines.push(format!("      {}", plain(&obstacle.way_out)));
        }
        for unseen in &one.found.uninspected {
            lines.push(format!("    ? not looked at: {}", plain(unseen)));
        }
        if one.found == rollcall_model::Preflight::default() {
            lines.push("    = nothing in the way".to_owned());
        }
    }
    if lines.is_empty() {
        lines.push("  No account was found that a leave would take apart.".to_owned());
    }
    lines
}
