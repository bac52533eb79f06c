//! A hook that is silent while the vendor's own log speaks.
//!
//! Hooks are hints, and a hook that was switched off, or whose address or secret is wrong, gives none: nothing fails, and nobody
//! leaves. Each hook has a timer; when it rings, the vendor's log is read for the kinds of events for which a playbook waits,
//! and each event that is older than ten minutes must have been accepted by then. One that was not is taken in as if the
//! hook had delivered it: it has the same key, so the hook may still come and changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::connector::Logged;
use rollcall_model::ledger::Timer;
use rollcall_model::{ConnectionId, Connector, Failure, Lane, Message, Signal, SignalBody};
use rollcall_policy::configuration::Trigger;
use rollcall_runtime::clock::{between, plus};
use rollcall_runtime::codes;
use rollcall_runtime::telemetry::metrics::HookSilent;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Engine, EngineError};

/// The kind of these timers.
pub(crate) const KIND: &str = "hook";

/// How far apart the looks are.
const EVERY: Duration = Duration::from_mins(15);
/// How long a hook may take.
const GRACE: Duration = Duration::from_mins(10);
/// How much of what was looked at before is looked at again: a log may show an event later than it happened.
const AGAIN: Duration = Duration::from_mins(15);
/// How far a look goes back at the most, when nobody looked for long.
const FARTHEST: Duration = Duration::from_hours(24);
/// How long a log may be unreadable for a passing reason before it is said.
const BLIND_FOR: Duration = Duration::from_mins(45);
/// Pages of one look. What lies behind them is looked at the next time.
const MOST_PAGES: usize = 10;

/// How far a log was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Heard {
    connection: ConnectionId,
    /// Everything before this moment was looked at.
    upto: Timestamp,
    /// Since when the hook is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    silent_since: Option<Timestamp>,
}

/// What one look found.
struct Look {
    missing: Vec<Logged>,
    /// Whether the log was read to its end.
    whole: bool,
}

impl Engine {
    /// Sets the timer of every hook whose vendor has a log to compare it with, once.
    pub(crate) async fn watch_hooks(&self) -> Result<(), EngineError> {
        let now = self.now();
        for connection in self.configuration().connections.values() {
            let compares = self.connector(&connection.id).is_some_and(|one| one.compares_log());
            if connection.tenant.hook.is_none() || !compares {
                continue;
            }
            let heard = Heard {
                connection: connection.id.clone(),
                upto: before(now, GRACE),
                silent_since: None,
            };
            let timer = Timer {
                id: format!("{KIND}/{}", connection.id),
                due_at: Some(plus(now, EVERY)),
                body: json!(heard),
                version: 0,
            };
            let nonce = self.parts.ids.unique();
            // `Stale`: an earlier start set it.
            self.parts.ledger.set_timer(&timer, &nonce).await?;
        }
        Ok(())
    }

    /// Looks whether a hook has delivered what its vendor's log holds. Nobody's account is touched, so none is claimed; of two
    /// workers that look at once, one writes the timer on.
    pub(crate) async fn look_at_hook(&self, timer: &Timer, mut heard: Heard) -> Result<(), EngineError> {
        let id = heard.connection.clone();
        let configured = self
            .configuration()
            .connection(&id)
            .is_some_and(|one| one.tenant.hook.is_some());
        let connector = self.connector(&id).filter(|_| configured);
        let Some(connector) = connector else {
            tracing::info!(connection = %id, "A hook is not watched any longer: it is not configured.");
            self.parts.ledger.remove_timer(&timer.id, timer.version).await?;
            return Ok(());
        };
        let now = self.now();
        let until = before(now, GRACE);
        let since = before(heard.upto, AGAIN).max(before(now, FARTHEST));
        let look = match self.missing(connector.as_ref(), since, until).await? {
            Ok(look) => look,
            Err(failure) => {
                // Not a silent hook, and no proof of one that speaks: nothing is said of it, and the same while is asked again.
                tracing::warn!(
                    code = codes::HOOK_UNWATCHED.id,
                    connection = %id,
                    why = failure.reason,
                    "A hook cannot be compared with its vendor's log."
                );
                // A vendor that is away, or a quota that is kept for urgent work, is worth a finding only when it lasts.
                if !failure.is_retryable() || between(heard.upto, until) >= BLIND_FOR {
                    let why = format!("{id}: {}", failure.reason);
                    self.alert(codes::HOOK_UNWATCHED, &format!("{}/unwatched", timer.id), &why)
                        .await?;
                }
                return self.put_timer(timer, &heard, Some(plus(now, EVERY))).await;
            }
        };
        let silent = !look.missing.is_empty();
        HookSilent {
            connection: id.as_str(),
            silent,
        }
        .emit(now);
        if silent {
            tracing::warn!(
                code = codes::HOOK_SILENT.id,
                connection = %id,
                missing = look.missing.len(),
                "A hook is silent while the log speaks."
            );
            let began = *heard.silent_since.get_or_insert(now);
            let why = format!(
                "the log of {id} holds {} events, older than ten minutes, that its hook did not deliver; they were taken from the log",
                look.missing.len()
            );
            self.alert(codes::HOOK_SILENT, &format!("{}/{}", timer.id, began.as_second()), &why)
                .await?;
            self.take_in(&id, look.missing, now).await?;
        } else {
            heard.silent_since = None;
        }
        if look.whole {
            heard.upto = until;
        }
        self.put_timer(timer, &heard, Some(plus(now, EVERY))).await
    }

    /// What the log holds and the ledger has not accepted.
    async fn missing(
        &self,
        connector: &dyn Connector,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Result<Look, Failure>, EngineError> {
        let kinds = self.waited_for(connector.connection());
        let mut missing = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = self.call(&self.holder(), Lane::Bulk);
            let page = connector.logged(&call, &kinds, since, until, cursor.as_deref()).await;
            let page = match page {
                Ok(page) => page,
                Err(failure) => return Ok(Err(failure)),
            };
            for one in page.items {
                if self.parts.ledger.event(&one.key).await?.is_none() {
                    missing.push(one);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Ok(Look { missing, whole: true }));
            }
        }
        Ok(Ok(Look { missing, whole: false }))
    }

    /// The kinds of events from a connection for which a playbook waits.
    fn waited_for(&self, connection: &ConnectionId) -> Vec<String> {
        let triggers = self
            .configuration()
            .playbooks
            .values()
            .flat_map(|playbook| &playbook.on);
        let kinds: BTreeSet<&String> = triggers
            .filter_map(|trigger| match trigger {
                Trigger::Event { from, kinds } if from.contains(connection) => Some(kinds),
                _ => None,
            })
            .flatten()
            .collect();
        kinds.into_iter().cloned().collect()
    }

    /// Takes in what the hook should have delivered, by the way that its deliveries go.
    async fn take_in(
        &self,
        connection: &ConnectionId,
        missing: Vec<Logged>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let messages: Vec<String> = missing
            .into_iter()
            .map(|one| {
                Message::Signal(Signal {
                    key: one.key,
                    source: connection.clone(),
                    format: one.format,
                    received_at: now,
                    body: SignalBody::Inline(one.raw),
                })
            })
            .filter_map(|message| serde_json::to_string(&message).ok())
            .collect();
        self.parts.queue.send(Lane::Urgent, &messages, Duration::ZERO).await?;
        Ok(())
    }
}

/// A while before a moment.
fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
