//! A command that a worker runs: once, in time, for whom it was asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::Engine;
use rollcall_model::ledger::documents;
use rollcall_model::{Answer, ConnectionId, Connector, Ledger, LedgerError, SignedApproval, Timestamp};
use rollcall_policy::Configuration;
use rollcall_runtime::Secrets;
use serde::{Deserialize, Serialize};

use super::{Done, Reply, Typed, Where, decoded, minutes_after, parse, rule};
use crate::local::Store;
use crate::operator::Me;
use crate::out::{chain, plain};
use crate::place::Hosted;
use crate::{Exit, Out, Place};

/// An order that waited longer is not run any more: whoever asked has gone, and the world has moved.
const EXPIRES_MINUTES: i64 = 10;
/// How long orders and answers can be read.
pub(super) const KEPT_MINUTES: i64 = 24 * 60;

/// A command in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What was typed after `rollcall`.
    pub argv: Vec<String>,
    /// The caller's files in Base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// One document instead of text.
    pub json: bool,
    /// Who asked: the ARN that AWS has verified. What they may do is looked up anew when it is run.
    pub caller: String,
    /// When.
    pub at: Timestamp,
    /// The signed decision, for one that `approve` has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<SignedApproval>,
}

/// What is to be done about a delivered order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worked {
    /// It is answered, or nobody will ask.
    Settled,
    /// Another invocation is at it: look again later.
    Busy,
}

/// What a worker lends to the commands that it runs.
#[derive(Clone)]
pub struct Lent {
    /// The stack's state.
    pub store: Store,
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// The folder that it was read from.
    pub folder: PathBuf,
    /// The engine, for the present invocation.
    pub engine: Engine,
    /// Its connectors.
    pub connectors: BTreeMap<ConnectionId, Arc<dyn Connector>>,
    /// The vendors' secrets by reference.
    pub secrets: Secrets,
}

impl Lent {
    /// The surroundings of an order, for who asked for it.
    fn hosted(self, order: &Order) -> anyhow::Result<Hosted> {
        let me = Me::of_caller(&self.configuration, &order.caller)
            .ok_or_else(|| anyhow::anyhow!("{} is no operator of this stack any more", plain(&order.caller)))?;
        Ok(Hosted {
            store: self.store,
            configuration: self.configuration,
            folder: self.folder,
            me,
            files: decoded(&order.files)?,
            engine: Some((self.engine, self.connectors)),
            secrets: Some(self.secrets),
            approval: order.approval.clone(),
        })
    }
}

/// Who runs an order and until when: kept beside it, so that it is run once.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    until: Timestamp,
}

/// What a worker or the present state answers to a command; nothing while it is not answered.
pub async fn answer(ledger: &dyn Ledger, id: &str) -> Result<Option<Done>, LedgerError> {
    let found = ledger.document(documents::ANSWER, id).await?;
    Ok(found.and_then(|found| match serde_json::from_value(found.body) {
        Ok(Reply::Done(done)) => Some(done),
        _ => None,
    }))
}

/// Runs an order that was delivered, at most once, and leaves its answer.
///
/// `until` is when the invocation must have answered.
pub async fn run_order(id: &str, until: Timestamp, lent: Lent) -> Result<Worked, LedgerError> {
    let store = lent.store.clone();
    let (ledger, now, nonce) = (store.ledger.as_ref(), store.clock.now(), store.ids.unique());
    let Some(found) = ledger.document(documents::COMMAND, id).await? else {
        tracing::warn!(command = id, "A command is not in the ledger any more.");
        return Ok(Worked::Settled);
    };
    if ledger.document(documents::ANSWER, id).await?.is_some() {
        return Ok(Worked::Settled);
    }
    let order: Order = match serde_json::from_value(found.body) {
        Ok(order) => order,
        Err(why) => {
            let why = format!("this worker cannot read the command ({why}): it is older or newer than the console");
            return leave(ledger, id, now, Done::failed(why, Exit::FAILURE)).await;
        }
    };
    let expires = minutes_after(order.at, EXPIRES_MINUTES);
    if expires <= now {
        let why = format!(
            "no worker took it within {EXPIRES_MINUTES} minutes, so it was not run: nothing was done. Send it again"
        );
        return leave(ledger, id, now, Done::failed(why, Exit::FAILURE)).await;
    }
    let taken = serde_json::to_value(Taken { until }).unwrap_or_default();
    let kept = minutes_after(now, KEPT_MINUTES);
    match ledger
        .add_passing_document(documents::TAKEN, id, &taken, &nonce, kept)
        .await?
    {
        Answer::Won(()) | Answer::AlreadyMine(()) => {}
        Answer::Lost(_) | Answer::Stale => {
            let taken = ledger.document(documents::TAKEN, id).await?;
            let taken = taken.and_then(|taken| serde_json::from_value::<Taken>(taken.body).ok());
            if taken.is_some_and(|taken| now < taken.until) {
                return Ok(Worked::Busy);
            }
            let why = "the worker that ran it has stopped before it answered, and it is not run twice. What it began goes on: `rollcall explain` tells how far it came";
            return leave(ledger, id, now, Done::failed(why, Exit::FAILURE)).await;
        }
    }
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let done = match lent.hosted(&order) {
        Ok(hosted) => in_time(order, hosted, left).await,
        Err(why) => Done::failed(chain(&why), Exit::FAILURE),
    };
    leave(ledger, id, now, done).await
}

async fn leave(ledger: &dyn Ledger, id: &str, now: Timestamp, done: Done) -> Result<Worked, LedgerError> {
    let body = serde_json::to_value(Reply::Done(done)).unwrap_or_default();
    let until = minutes_after(now, KEPT_MINUTES);
    // Whoever was first has answered; both know the same.
    ledger
        .add_passing_document(documents::ANSWER, id, &body, "answer", until)
        .await?;
    Ok(Worked::Settled)
}

/// Runs it in a thread of its own, so that a panic and the end of time still leave what it had said. A command's future is not fit for a task of
/// the worker's runtime: it keeps closures over its waits. What it starts there is the worker's all the same: a connection to the ledger, which
/// others use next, must not end with the command that opened it.
async fn in_time(order: Order, hosted: Hosted, left: Duration) -> Done {
    let out = Arc::new(Out::kept(order.json));
    let said = Arc::clone(&out);
    let (tell, told) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let ended = runtime.block_on(async {
            tokio::time::timeout(left, asked(order, hosted, &out))
                .await
                .unwrap_or_else(|_| Err(anyhow::anyhow!(LATE)))
        });
        // Nobody waits any more when the invocation has ended; the ledger then says that the command broke off.
        let _ = tell.send(ended);
    });
    // A thread that panicked has dropped its end. The panic's text may quote what was being read; its place stands in a log
    // line of its own.
    let ended = told.await.unwrap_or_else(|_| Err(anyhow::anyhow!(BROKE_OFF)));
    Done::of(said.said(), ended)
}

const LATE: &str =
    "the worker's time ended before the command did. What it began goes on: `rollcall explain` tells how";
const BROKE_OFF: &str = "the command broke off in the worker; the function's log names the place";

async fn asked(order: Order, hosted: Hosted, out: &Out) -> anyhow::Result<Exit> {
    let line = std::iter::once("rollcall".to_owned()).chain(order.argv);
    let typed = parse(line).map_err(|why| anyhow::anyhow!(why.render().to_string()))?;
    allowed(&typed, &hosted)?;
    let place = Place::Stack(Box::new(hosted));
    crate::run(&typed.cli.command, &place, out).await
}

/// The console has asked already; the worker asks again, because roles may have been taken since, and so that nothing but a
/// signed decision decides.
fn allowed(typed: &Typed, hosted: &Hosted) -> anyhow::Result<()> {
    let rule = rule(&typed.cli.command);
    anyhow::ensure!(
        rule.roles.iter().any(|role| hosted.me.may(*role)),
        "{} may not `{}` any more",
        hosted.me.name,
        rule.name
    );
    let fits = match rule.place {
        Where::Worker => hosted.approval.is_none(),
        Where::Approve => hosted.approval.is_some(),
        Where::Console | Where::Here(_) => false,
    };
    anyhow::ensure!(fits, "a worker does not run `{}` in this way", rule.name);
    Ok(())
}
