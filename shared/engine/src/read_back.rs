//! Reading back what was made, and what it therefore came to.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_model::connector::ActionUse;
use rollcall_model::journal::Draft;
use rollcall_model::plan::Change;
use rollcall_model::{
    AccountRef, Applied, ChangeRecord, Connector, Executed, Failure, FailureClass, Observation, Outcome,
};
use rollcall_runtime::clock::{between, plus};
use serde_json::Value;

use crate::Engine;
use crate::apply::{Part, observed};
use crate::pass::Pass;

/// A change whose call was made in this try, or in an earlier one whose end nobody saw.
pub(crate) struct Made<'a> {
    pub(crate) change: &'a Change,
    pub(crate) started_at: Timestamp,
    pub(crate) result: Result<Applied, Failure>,
}

impl Engine {
    /// Reads back what was made: one observation per account, repeated while a vendor settles.
    pub(crate) async fn read_back(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        made: Vec<Made<'_>>,
        part: &mut Part,
        drafts: &mut Vec<Draft>,
    ) {
        let mut by_account: BTreeMap<Option<AccountRef>, Vec<Made<'_>>> = BTreeMap::new();
        for one in made {
            if let Err(failure) = &one.result {
                part.came.asked = part.came.asked.max(failure.retry_after());
            }
            let readable = one.change.account.is_some()
                && self.is_observable(&one.change.action)
                && !matches!(&one.result, Err(failure) if failure.executed == Executed::No);
            by_account
                .entry(readable.then(|| one.change.account.clone()).flatten())
                .or_default()
                .push(one);
        }
        for (account, group) in by_account {
            let states = match &account {
                Some(account) => self.settled(pass, connector, account, &group).await,
                None => group.iter().map(|_| None).collect(),
            };
            let now = self.now();
            for (one, state) in group.into_iter().zip(states) {
                let (outcome, known) = judge(&one, state);
                let change = pass.as_begun(one.change, outcome.clone(), now).change;
                let (request_id, reference) = match &one.result {
                    Ok(applied) => (applied.request_id.clone(), applied.reference.clone()),
                    Err(failure) => (failure.request_id.clone(), Value::Null),
                };
                if known {
                    drafts.push(observed(one.change, &outcome, request_id.clone(), &reference));
                }
                part.records.push(ChangeRecord {
                    change,
                    outcome,
                    started_at: one.started_at,
                    ended_at: now,
                    request_id,
                    reference,
                });
            }
        }
    }

    /// Whether what an action does can be read back.
    pub(crate) fn is_observable(&self, action: &str) -> bool {
        self.parts.actions.get(action).is_none_or(|action| action.observable())
    }

    /// The states after the calls, read again until all are as wanted or the longest settle time has passed.
    async fn settled(
        &self,
        pass: &Pass<'_>,
        connector: &dyn Connector,
        account: &AccountRef,
        group: &[Made<'_>],
    ) -> Vec<Option<Observation>> {
        let uses: Vec<ActionUse> = group
            .iter()
            .map(|one| ActionUse {
                action: one.change.action.clone(),
                with: one.change.with.clone(),
            })
            .collect();
        let settle = group.iter().map(|one| one.change.settle_ms).max().unwrap_or(0);
        let until = plus(self.now(), Duration::from_millis(u64::try_from(settle).unwrap_or(0)));
        let mut pause = Duration::from_millis(100);
        loop {
            let call = self.call(&pass.holder, pass.lane);
            let states = match connector.observe(&call, Some(account), &uses).await {
                Ok(states) => states,
                Err(failure) => {
                    let unread = Observation::Unknown(format!("could not be read back: {}", failure.reason));
                    vec![unread; uses.len()]
                }
            };
            let all = group
                .iter()
                .zip(&states)
                .all(|(one, state)| matches!(state, Observation::Known(state) if state.value == one.change.after));
            let now = self.now();
            if all || now >= until || between(now, pass.holder.until) < self.settings.margin * 2 {
                return states.into_iter().map(Some).collect();
            }
            self.parts.clock.sleep(pause.min(between(now, until))).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// The outcome, and whether it is certain enough to close the intent: an intent that stays open is looked at again.
fn judge(one: &Made<'_>, state: Option<Observation>) -> (Outcome, bool) {
    match (&one.result, state) {
        // Without an account there is nothing to read back: the vendor's answer is the observation.
        (Ok(_), None) => (Outcome::Changed, true),
        (_, Some(Observation::Known(state))) if state.value == one.change.after => (Outcome::Changed, true),
        (Ok(_), Some(Observation::Known(_))) => (Outcome::Pending, false),
        (_, Some(Observation::Unknown(why))) => (Outcome::Unknown(why), false),
        (Err(failure), None) if failure.executed == Executed::Maybe => {
            (Outcome::Unknown(format!("no answer came: {}", failure.reason)), false)
        }
        // Never sent, or read after the settle time and still as before: the call did nothing.
        (Err(failure), _) => (refused(failure), true),
    }
}

pub(crate) fn refused(failure: &Failure) -> Outcome {
    match &failure.class {
        FailureClass::Retry { .. } | FailureClass::Credential => {
            Outcome::Unknown(format!("not done yet: {}", failure.reason))
        }
        FailureClass::GiveUp | FailureClass::NeedsHuman => Outcome::Failed(failure.reason.clone()),
    }
}
