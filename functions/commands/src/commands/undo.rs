//! `rollcall undo`: how a run is taken back, and with `--yes` exactly that, carried out here to its end.

use std::time::Duration;

use rollcall_engine::{EngineError, Proposal, UndoWish};
use rollcall_model::RunId;

use super::{apply, plan};
use crate::Exit;
use crate::Place;
use crate::cli::UndoOptions;
use crate::out::{Out, plain};

const LEASE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn run(options: &UndoOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let configuration = place.configuration(&options.config)?;
    let me = place.me(&configuration)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    let wish = UndoWish {
        run: RunId::new(&options.run),
        stage: options.stage.clone(),
        keep: DAY * options.keep,
    };
    let proposal = match machine.engine.propose_undo(&wish).await {
        Ok(proposal) => proposal,
        Err(EngineError::Refused(why)) => anyhow::bail!("{why}"),
        Err(error) => return Err(error.into()),
    };
    plan::show(&proposal, out);
    left(&proposal, options.keep, out);
    if options.yes {
        return apply::carry_out(&machine, &store, proposal.hash.as_str(), me.recorded(), out).await;
    }
    out.document(&proposal)?;
    Ok(Exit::SUCCESS)
}

/// What the undo does nothing about, and what it keeps the playbook from.
fn left(proposal: &Proposal, days: u32, out: &Out) {
    let Some(undo) = &proposal.undo else { return };
    for (title, all) in [
        ("\nCannot be taken back", &undo.not),
        ("\nNeeds nothing", &undo.nothing),
    ] {
        if all.is_empty() {
            continue;
        }
        out.title(title);
        for one in all {
            out.line(format!("  {}: {}", plain(&one.change), plain(&one.why)));
        }
    }
    out.line(format!(
        "\n{} then leaves them alone for {days} days, or until the source says something other than {}.",
        plain(&proposal.run_plan.playbook),
        proposal.person.state.as_str()
    ));
}
