//! `rollcall forget`: what forgetting somebody would destroy, and with `--yes` its destruction.

use std::time::Duration;

use rollcall_engine::ForgetWish;
use rollcall_policy::Configuration;
use rollcall_policy::configuration::Role;
use serde_json::json;

use super::reviews::said;
use crate::cli::ForgetOptions;
use crate::local::Store;
use crate::operator::{self, Me};
use crate::out::{Out, plain};
use crate::{Exit, Place};

const LEASE: Duration = Duration::from_mins(1);

pub(crate) async fn run(options: &ForgetOptions, place: &Place, out: &Out) -> anyhow::Result<Exit> {
    let store = place.existing(&options.data)?;
    let configuration = place.configuration(&options.config)?;
    let me = place.me(&configuration)?;
    allowed(&me, &configuration, &store)?;
    let machine = place.machine(configuration, &store, LEASE).await?;
    let wish = ForgetWish {
        who: options.person.clone(),
        by: me.recorded().to_owned(),
        even_undo: options.even_undo,
    };
    if options.yes {
        let (statement, name) = said(machine.engine.forget(&wish).await)?;
        let stored = store.files.locate(&name);
        out.title(&format!("Forgotten: {}.", statement.id));
        out.line(format!("  runs       {}", statement.runs.len()));
        for (what, count) in &statement.destroyed {
            out.line(format!("  destroyed  {count} {what}"));
        }
        out.line(format!("  statement  {stored}"));
        out.line("\nCopies outside go later: backups of this machine, messages in chats, reports that somebody saved.");
        out.document(&json!({"forgotten": statement, "statement": stored}))?;
        return Ok(Exit::SUCCESS);
    }
    let looked = said(machine.engine.look_at_forgetting(&wish).await)?;
    if looked.begun {
        out.title("It was begun and has not come to its end.");
        out.line(format!("  next       rollcall forget {} --yes", looked.id));
    } else {
        out.title(&format!("Forgetting {} would destroy:", plain(&options.person)));
        for (what, count) in &looked.found {
            out.line(format!("  {count} {what}"));
        }
        out.line(format!(
            "The receipts of {} runs stay; nobody can tell any more whom they are about.",
            looked.runs.len()
        ));
        for note in &looked.notes {
            out.line(format!("Note: {}.", plain(note)));
        }
        if looked.obstacles.is_empty() {
            out.line("\nNothing was destroyed. With --yes it is, for good.");
        } else {
            out.title("\nIt cannot be done now:");
            for why in &looked.obstacles {
                out.line(format!("  {}", plain(why)));
            }
        }
    }
    out.document(&looked)?;
    Ok(if looked.obstacles.is_empty() {
        Exit::SUCCESS
    } else {
        Exit::from(1)
    })
}

/// Destroying evidence needs a person whom the configuration names, or, where it names nobody, whoever owns the state. What it
/// shows includes quiet runs.
fn allowed(me: &Me, configuration: &Configuration, store: &Store) -> anyhow::Result<()> {
    if store.stack.is_none() && configuration.operators.is_empty() {
        anyhow::ensure!(
            operator::owns(&store.folder),
            "{} does not own {}, and the configuration names no `operators`: only the owner of the state may forget somebody",
            me.name,
            store.folder.display()
        );
        return Ok(());
    }
    anyhow::ensure!(
        me.may(Role::Operator) && me.may(Role::Confidential),
        "{} may not forget anybody: give them the roles `operator` and `confidential` under `operators` in the environment's file",
        me.name
    );
    Ok(())
}
