//! `rollcall restored`: the ledger has the state of an earlier moment again. To be said before workers go on with it.

use std::process::ExitCode;

use rollcall_engine::{Restored, mark_restored};
use serde_json::json;

use crate::cli::RestoredOptions;
use crate::local::{self, Store};
use crate::operator::Me;
use crate::out::{Out, moment};

pub(crate) async fn run(options: &RestoredOptions, out: &Out) -> anyhow::Result<ExitCode> {
    let store = Store::existing(&options.data)?;
    let me = Me::of(&local::configuration(&options.config)?)?;
    let at = store.clock.now();
    anyhow::ensure!(
        options.as_of <= at,
        "{} is not past: give the moment that the backup is of",
        options.as_of
    );
    let restored = Restored {
        as_of: options.as_of,
        at,
        by: me.recorded().to_owned(),
    };
    mark_restored(store.ledger.as_ref(), &restored).await?;
    out.title(&format!(
        "Noted: the ledger has its state of {} again.",
        moment(restored.as_of)
    ));
    out.line("For seven days each message is looked for before it is sent.");
    out.line(
        "What was asked for, decided or forgotten since is not in it: docs/runbooks/restore.md says how to go on.",
    );
    out.document(&json!({"restored": restored}))?;
    Ok(ExitCode::SUCCESS)
}
