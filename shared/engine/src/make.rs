//! One change: what an earlier try left of it, then its intent and its call.

use std::time::Duration;

use rollcall_model::journal::Draft;
use rollcall_model::ledger::Head;
use rollcall_model::plan::{Change, ChangeKey};
use rollcall_model::{Applied, Call, Connector, EffectClass, EntryKind, Failure, Outcome, digest};
use rollcall_runtime::clock::between;
use serde_json::json;

use crate::apply::what;
use crate::pass::Pass;
use crate::{Engine, EngineError};

/// What became of one change before anything is read back.
pub(crate) enum Step {
    /// The call was made.
    Made(Result<Applied, Failure>),
    /// An earlier try's effect was found.
    Found(Applied),
    /// No call was made.
    Not(Outcome),
    /// Somebody stopped writes; why.
    Paused(String),
}

impl Engine {
    /// One change: what an earlier try left, then intent and call.
    pub(crate) async fn make(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        head: &mut Head,
        change: &Change,
    ) -> Result<Step, EngineError> {
        if let Some(why) = self.paused(&pass.playbook, change).await? {
            return Ok(Step::Paused(why));
        }
        let key = change.key();
        let marker = marker(&pass.run, &key);
        let call = self.call(&pass.holder, pass.lane);
        let is_begun = pass.open.contains_key(&key);
        let by_marker = matches!(change.effect, EffectClass::Findable | EffectClass::Blind);
        // After a restoration the intent may be in the part of the journal that is lost.
        if is_begun || (by_marker && self.restoration().await?.is_some()) {
            match change.effect {
                // The engine waited for the deadline and the settle time before it observed, and it is still `before`.
                EffectClass::Set | EffectClass::Keyed | EffectClass::Staged => {}
                EffectClass::Findable => match connector.find_effect(&call, change, &marker).await {
                    Ok(Some(applied)) if is_begun => return Ok(Step::Found(applied)),
                    Ok(Some(_)) => return Ok(Step::Not(Outcome::AlreadySo)),
                    Ok(None) => {}
                    Err(failure) if failure.is_retryable() => {
                        return Ok(Step::Not(Outcome::Unknown(format!(
                            "whether it was sent could not be found out: {}",
                            failure.reason
                        ))));
                    }
                    Err(failure) => {
                        return Ok(Step::Not(Outcome::Unsure(format!(
                            "whether it was sent cannot be found out: {}",
                            failure.reason
                        ))));
                    }
                },
                EffectClass::Blind => {
                    return Ok(Step::Not(Outcome::Unsure(
                        "it may have been sent; it is not sent twice".to_owned(),
                    )));
                }
            }
        }
        if between(self.now(), call.deadline) < Duration::from_millis(500) {
            return Ok(Step::Not(Outcome::Unknown(
                "no time was left under the lease; it is tried again".to_owned(),
            )));
        }
        let lock = change.account.as_ref().and_then(|account| pass.locks.get(account));
        let intent = intent(change, &call, &marker);
        self.append(head, lock, vec![intent], &pass.salt).await?;
        Ok(Step::Made(connector.apply(&call, change, &marker).await))
    }
}

/// The entry that stands in the journal before a call.
pub(crate) fn intent(change: &Change, call: &Call, marker: &str) -> Draft {
    Draft {
        kind: EntryKind::Intent,
        change: Some(change.key()),
        what: what(change),
        outcome: None,
        request_id: None,
        deadline: Some(call.deadline),
        private: json!({
            "account": change.account, "before": change.before, "after": change.after, "with": change.with,
            "evidence": change.evidence, "marker": marker,
        }),
    }
}

/// Our key for a change, the same on every repetition, and short enough for every vendor's field.
pub(crate) fn marker(run: &str, key: &ChangeKey) -> String {
    let full = digest::sha256(format!("{run}\n{key}").as_bytes());
    format!("rc-{}", full.as_str().get(..32).unwrap_or_default())
}
