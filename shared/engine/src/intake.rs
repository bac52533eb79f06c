//! From a message to an account or a run.

use rollcall_model::ledger::documents;
use rollcall_model::{AccountRef, Answer, Delivery, Event, EventKind, Message, Signal, SignalBody};
use rollcall_policy::decide;
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Code, codes};
use serde_json::json;
use tracing::Instrument as _;

use crate::undo::may_be_return;
use crate::{Engine, EngineError};

/// What is noted with an event of which nothing comes.
pub(crate) const UNASKED: &str = "no playbook asks for it";

impl Engine {
    /// Deals with one delivery. `Ok` means that it can be acknowledged: it is done, or the ledger knows what is left. An
    /// error means that it should come again; at its last delivery the message goes to the dead letters with the reason
    /// instead, so it never blocks another.
    pub async fn handle(&self, delivery: &Delivery) -> Result<(), EngineError> {
        let message = match serde_json::from_str::<Message>(&delivery.body) {
            Ok(message) => message,
            // No repetition makes sense of it.
            Err(error) => {
                return self
                    .bury(&delivery.id, &delivery.body, &format!("not a message: {error}"))
                    .await;
            }
        };
        let span = if let Message::WakeRun(id) = &message {
            tracing::info_span!("wake", run = %id)
        } else {
            tracing::info_span!("message")
        };
        self.handle_message(delivery, message).instrument(span).await
    }

    async fn handle_message(&self, delivery: &Delivery, message: Message) -> Result<(), EngineError> {
        match Box::pin(self.dispatch(message)).await {
            Err(EngineError::Fenced(what)) => {
                tracing::info!(what, "Another worker has taken over.");
                Ok(())
            }
            Err(error) if delivery.attempt >= self.settings.deliveries => {
                self.bury(&delivery.id, &delivery.body, &error.chain()).await
            }
            other => other,
        }
    }

    /// Records that a message's handler panicked; at its last delivery the message goes to the dead letters.
    pub async fn panicked(&self, delivery: &Delivery, what: &str) -> Result<bool, EngineError> {
        tracing::error!(
            code = codes::HANDLER_PANICKED.id,
            attempt = delivery.attempt,
            what,
            "A message's handler panicked."
        );
        if delivery.attempt < self.settings.deliveries {
            return Ok(false);
        }
        self.bury(&delivery.id, &delivery.body, &format!("panic: {what}"))
            .await?;
        Ok(true)
    }

    async fn dispatch(&self, message: Message) -> Result<(), EngineError> {
        match message {
            Message::Signal(signal) => {
                if let Some(account) = self.accept(&signal).await? {
                    self.work(&account, None).await?;
                }
                Ok(())
            }
            Message::WakeAccount(account) => self.work(&account, None).await,
            Message::WakeTimer(id) => self.ring(&id).await,
            // Only a stack's worker knows who asked and what with; it takes commands before they come here.
            Message::Command(id) => Err(EngineError::Refused(format!(
                "command {id} came to a process that runs none"
            ))),
            Message::WakeRun(id) => match self.parts.ledger.run(&id).await? {
                // Each wake that is answered too early would send another one, and a vendor would be asked ever more often.
                Some(run) if self.rests(&run) => Ok(()),
                Some(run) if !run.state.is_final() => self.work(&run.plan.subject, Some(&id)).await,
                Some(_) => Ok(()),
                None => {
                    tracing::warn!(run = %id, "A wake names a run that is not in the ledger.");
                    Ok(())
                }
            },
        }
    }

    /// Reads a signal and takes its event into the ledger, once. Answers the account whose inbox holds it; none when nothing
    /// comes of it.
    pub(crate) async fn accept(&self, signal: &Signal) -> Result<Option<AccountRef>, EngineError> {
        let event = self.read(signal).await?;
        let (ledger, now) = (&self.parts.ledger, self.now());
        let nonce = self.parts.ids.unique();
        let nothing = self.is_nothing(&event);
        let answer = if nothing {
            ledger.set_aside(&event, signal, UNASKED, now, &nonce).await?
        } else {
            let due_at = plus(now, self.settings.lease);
            ledger.accept(&event, signal, due_at, &nonce).await?
        };
        match answer {
            Answer::Won(()) | Answer::AlreadyMine(()) => {
                tracing::info!(event = %event.key, kind = %event.kind, "Event accepted.");
            }
            Answer::Lost(_) | Answer::Stale => {
                tracing::info!(event = %event.key, kind = %event.kind, "Event was accepted before.");
            }
        }
        // Also for a duplicate: the worker that accepted it first may have died right after.
        Ok(event.account.filter(|_| !nothing))
    }

    /// Whether nothing can come of an event, whatever is known of its account: no playbook asks for such a one, and it does not
    /// say that somebody is back. Then it needs neither its place in an order nor a claim.
    fn is_nothing(&self, event: &Event) -> bool {
        decide::goals(self.configuration(), event).is_empty() && !may_be_return(event)
    }

    /// The event in a signal. What no connector can read is kept as unknown.
    async fn read(&self, signal: &Signal) -> Result<Event, EngineError> {
        let raw = match &signal.body {
            SignalBody::Inline(text) => text.clone(),
            SignalBody::File(digest) => {
                let bytes = self.parts.files.get(&format!("signals/{digest}")).await?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        Ok(match self.connector(&signal.source) {
            Some(connector) => connector.normalise(signal, &raw),
            None => Event {
                key: signal.key.clone(),
                source: signal.source.clone(),
                kind: EventKind::Unknown("no such connection".to_owned()),
                vendor_type: String::new(),
                account: None,
                app: None,
                actor: None,
                ours: false,
                succeeded: true,
                occurred_at: signal.received_at,
                received_at: signal.received_at,
            },
        })
    }

    /// Puts what cannot be dealt with aside, with its reason, and says so once.
    pub(crate) async fn bury(&self, id: &str, body: &str, why: &str) -> Result<(), EngineError> {
        let letter = json!({"body": body, "why": why, "at": self.now()});
        let nonce = self.parts.ids.unique();
        let answer = self
            .parts
            .ledger
            .add_document(documents::DEAD, id, &letter, &nonce)
            .await?;
        if matches!(answer, Answer::Won(())) {
            tracing::error!(
                code = codes::DEAD_LETTERS.id,
                id,
                why,
                "A message went to the dead letters; mend the cause, then `rollcall redrive`."
            );
        }
        Ok(())
    }

    /// Raises a finding once; later calls with the same id change nothing.
    pub(crate) async fn alert(&self, code: Code, id: &str, why: &str) -> Result<(), EngineError> {
        let finding = json!({"code": code.id, "why": why, "at": self.now()});
        let nonce = self.parts.ids.unique();
        if matches!(
            self.parts
                .ledger
                .add_document(documents::FINDING, id, &finding, &nonce)
                .await?,
            Answer::Won(())
        ) {
            // What it says of accounts and people stays in the ledger.
            tracing::error!(code = code.id, what = code.meaning, "Needs attention.");
        }
        Ok(())
    }
}
