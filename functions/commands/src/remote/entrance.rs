//! What `console` and `approve` do with a request. The caller is whom the API has verified; nothing in the body says who they
//! are.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rollcall_engine::{EngineError, expectation_statement, review_statement};
use rollcall_evidence::approval;
use rollcall_model::ledger::documents;
use rollcall_model::{Decision, Lane, Message, ReviewId, SignedApproval, Signer};
use rollcall_policy::Configuration;
use serde_json::Value;

use super::order::{KEPT_MINUTES, Order};
use super::rules::word;
use super::{AnswerTo, Done, Event, Reply, Request, Response, Rule, Typed, Where, answer, decoded};
use super::{minutes_after, parse, rule};
use crate::cli::{Command, DecideOptions, ExpectCommand, ReviewCommand};
use crate::local::Store;
use crate::operator::Me;
use crate::out::plain;
use crate::place::Hosted;
use crate::{Exit, Out, Place};

/// Which function this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `console`: everything but decisions.
    Console,
    /// `approve`: decisions only.
    Approve,
}

/// A function that takes commands.
pub struct Entrance {
    /// Which one.
    pub door: Door,
    /// The stack's state.
    pub store: Store,
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// The folder that it was read from.
    pub folder: PathBuf,
    /// The key that signs decisions, in `approve`.
    pub signer: Option<Arc<dyn Signer>>,
}

/// Not run: the status, and what the caller reads.
struct Refused(u16, Done);

fn refused(status: u16, why: impl Into<String>) -> Refused {
    let exit = if status == 400 { Exit::USAGE } else { Exit::FAILURE };
    Refused(status, Done::failed(why, exit))
}

impl Entrance {
    /// Answers one request.
    pub async fn handle(&self, event: &Event) -> Response {
        match Box::pin(self.answered(event)).await {
            Ok(reply) => Response::json(200, &reply),
            Err(Refused(status, done)) => Response::json(status, &done),
        }
    }

    async fn answered(&self, event: &Event) -> Result<Reply, Refused> {
        let caller = event.caller().ok_or_else(|| {
            refused(
                403,
                "the request carries no identity that AWS has verified: its route must ask for AWS_IAM",
            )
        })?;
        let me = Me::of_caller(&self.configuration, caller).ok_or_else(|| {
            refused(
                403,
                format!(
                    "{} is no operator of this stack: add `aws: \"{}\"` to an entry under `operators` in env/{}.yaml of the configuration, and deploy it",
                    plain(caller),
                    plain(caller),
                    self.configuration.environment
                ),
            )
        })?;
        let body = event.body().unwrap_or_default();
        let body: Value =
            serde_json::from_slice(&body).map_err(|why| refused(400, format!("the body is no JSON ({why})")))?;
        if body.get("answer").is_some() {
            let wanted: AnswerTo = read(body)?;
            return self.answer_to(&wanted.answer, caller).await;
        }
        let request: Request = read(body)?;
        let (typed, rule) = self.admitted(&request, &me)?;
        let files = decoded(&request.files).map_err(|why| refused(400, why.to_string()))?;
        tracing::info!(command = rule.name, "A command was taken.");
        match rule.place {
            Where::Console => {
                let hosted = Hosted {
                    store: self.store.clone(),
                    configuration: Arc::clone(&self.configuration),
                    folder: self.folder.clone(),
                    me,
                    files,
                    engine: None,
                    secrets: None,
                    approval: None,
                };
                let out = Out::kept(request.json || typed.cli.json);
                let ended = crate::run(&typed.cli.command, &Place::Stack(Box::new(hosted)), &out).await;
                Ok(Reply::Done(Done::of(out.said(), ended)))
            }
            Where::Worker => self.hand_over(request, &typed, caller, None).await,
            Where::Approve => {
                let signed = self.signed(&typed.cli.command, &me).await;
                let signed = signed.map_err(|why| refused(409, crate::out::chain(&why)))?;
                self.hand_over(request, &typed, caller, Some(signed)).await
            }
            Where::Here(_) => Err(refused(400, "it runs on your own machine")),
        }
    }

    /// What was typed, if the caller may ask this function for it.
    fn admitted(&self, request: &Request, me: &Me) -> Result<(Typed, Rule), Refused> {
        let line = std::iter::once("rollcall".to_owned()).chain(request.argv.iter().cloned());
        let typed = parse(line).map_err(|why| {
            let exit = u8::try_from(why.exit_code()).unwrap_or(2);
            Refused(400, Done::failed(why.render().to_string(), Exit(exit)))
        })?;
        let rule = rule(&typed.cli.command);
        if let Where::Here(instead) = rule.place {
            return Err(refused(400, format!("a stack does not run `{}`: {instead}", rule.name)));
        }
        if let Some(option) = typed.places.first() {
            return Err(refused(
                400,
                format!("a stack has its own configuration and state: leave --{option} away"),
            ));
        }
        if !rule.roles.iter().any(|role| me.may(*role)) {
            let words: Vec<&str> = rule.roles.iter().copied().map(word).collect();
            return Err(refused(
                403,
                format!(
                    "{} may not `{}`: it takes the role {}. Add it to their `roles` under `operators` in env/{}.yaml of the configuration, and deploy it",
                    me.name,
                    rule.name,
                    words.join(" or "),
                    self.configuration.environment
                ),
            ));
        }
        match (self.door, rule.place) {
            (Door::Console, Where::Approve) => Err(refused(
                400,
                format!(
                    "`{}` is a decision: it goes to the route /approve, which signs it",
                    rule.name
                ),
            )),
            (Door::Approve, Where::Console | Where::Worker) => Err(refused(
                400,
                format!("`{}` is no decision: it goes to the route /console", rule.name),
            )),
            _ => Ok((typed, rule)),
        }
    }

    /// What the caller decides, signed. Whether it may count (who asked, whom it is about, the group of approvers) is asked by
    /// whoever acts on it.
    async fn signed(&self, command: &Command, me: &Me) -> anyhow::Result<SignedApproval> {
        let signer = self
            .signer
            .as_deref()
            .context("this function has no key to sign with")?;
        let (ledger, now, by) = (self.store.ledger.as_ref(), self.store.clock.now(), me.recorded());
        let review = async |which: &DecideOptions, decision| {
            review_statement(ledger, &ReviewId::new(&which.id), &which.hash, decision, by, now).await
        };
        let statement = match command {
            Command::Reviews(options) => match &options.command {
                Some(ReviewCommand::Approve(which)) => review(which, Decision::Approved).await,
                Some(ReviewCommand::Refuse(which)) => review(which, Decision::Refused).await,
                _ => anyhow::bail!("it decides nothing"),
            },
            Command::Expect(options) => match &options.command {
                ExpectCommand::Approve(which) => expectation_statement(ledger, &which.id, by, now).await,
                _ => anyhow::bail!("it decides nothing"),
            },
            _ => anyhow::bail!("it decides nothing"),
        };
        let statement = statement.map_err(|why| match why {
            EngineError::Refused(why) => anyhow::anyhow!(why),
            other => other.into(),
        })?;
        Ok(approval::sign(statement, signer).await?)
    }

    /// Leaves an order for a worker.
    async fn hand_over(
        &self,
        request: Request,
        typed: &Typed,
        caller: &str,
        approval: Option<SignedApproval>,
    ) -> Result<Reply, Refused> {
        let unavailable =
            |why: String| refused(503, format!("the command could not be handed over ({why}): try again"));
        let id = format!("cmd_{}", self.store.ids.unique());
        let now = self.store.clock.now();
        let order = Order {
            argv: request.argv,
            files: request.files,
            json: request.json || typed.cli.json,
            caller: caller.to_owned(),
            at: now,
            approval,
        };
        let body = serde_json::to_value(&order).map_err(|why| unavailable(why.to_string()))?;
        self.store
            .ledger
            .add_passing_document(documents::COMMAND, &id, &body, &id, minutes_after(now, KEPT_MINUTES))
            .await
            .map_err(|why| unavailable(why.to_string()))?;
        let message =
            serde_json::to_string(&Message::Command(id.clone())).map_err(|why| unavailable(why.to_string()))?;
        self.store
            .queue
            .send(Lane::Work, &[message], std::time::Duration::ZERO)
            .await
            .map_err(|why| unavailable(why.to_string()))?;
        Ok(Reply::Wait { wait: id })
    }

    /// The answer to a command, for who sent it: it may tell what others must not read.
    async fn answer_to(&self, id: &str, caller: &str) -> Result<Reply, Refused> {
        let failed =
            |why: rollcall_model::LedgerError| refused(503, format!("the ledger does not answer ({why}): try again"));
        let ledger = self.store.ledger.as_ref();
        let order = ledger.document(documents::COMMAND, id).await.map_err(failed)?;
        let order = order.and_then(|found| serde_json::from_value::<Order>(found.body).ok());
        if order.is_none_or(|order| order.caller != caller) {
            return Err(refused(
                404,
                format!(
                    "there is no command {} of yours: answers are kept for a day, for who asked",
                    plain(id)
                ),
            ));
        }
        Ok(match answer(ledger, id).await.map_err(failed)? {
            Some(done) => Reply::Done(done),
            None => Reply::Pending { pending: true },
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Refused> {
    serde_json::from_value(body).map_err(|why| {
        refused(
            400,
            format!("the body is no request of this version ({why}): take the `rollcall` that belongs to the stack"),
        )
    })
}
