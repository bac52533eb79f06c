//! Whether somebody who seems to leave is changing from one kind of employment to another.

use rollcall_model::ledger::RunClaim;
use rollcall_model::plan::StageSpec;
use rollcall_model::{Account, AccountQuery, Completeness, Lane};
use rollcall_policy::{Configuration, decide};

use crate::Engine;

/// The fact's name in conditions.
const FACT: &str = "converting";

impl Engine {
    /// True when another, active account of the source carries a value of theirs in a field that `match` calls sure: a
    /// contractor who is hired gets a new account with the same employee number. False only when the search could have seen
    /// one. Nothing when it could not, when no value is there to search by, or when no condition of the stage asks.
    pub(crate) async fn converting(&self, configuration: &Configuration, claim: &RunClaim) -> Option<bool> {
        let stage = claim.run.plan.stages.get(claim.run.stage)?;
        if !asks(stage) {
            return None;
        }
        let person = &claim.run.person;
        let source = &configuration.source;
        let all = decide::account_query(configuration, person, source, &[]);
        let query = AccountQuery {
            keys: all.keys.into_iter().filter(|key| key.sure).collect(),
            linked: Vec::new(),
        };
        if query.keys.is_empty() {
            return None;
        }
        let call = self.call(&claim.holder, Lane::Work);
        let search = self.connector(source)?.find_accounts(&call, &query).await.ok()?;
        let is_another = |account: &Account| account.account != person.account && account.active && account.sure;
        if search.accounts.iter().any(is_another) {
            return Some(true);
        }
        (search.completeness == Completeness::Proven).then_some(false)
    }
}

fn asks(stage: &StageSpec) -> bool {
    let conditions = stage.steps.iter().filter_map(|step| step.condition.as_ref());
    conditions.chain(&stage.unless).any(|text| text.contains(FACT))
}
