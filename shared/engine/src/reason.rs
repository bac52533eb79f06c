//! Whether a run still has its reason: what its directory says of the subject now.

use std::time::Duration;

use rollcall_model::ledger::RunClaim;
use rollcall_model::{Lane, RunState, SourceState, SubjectRead};
use rollcall_runtime::{Code, codes};
use serde_json::json;

use crate::stage::StageEnd;
use crate::{Engine, EngineError};

impl Engine {
    /// Reads the source again: at every resume, before anything is done.
    pub(crate) async fn read_again(&self, claim: &mut RunClaim) -> Result<Option<StageEnd>, EngineError> {
        let account = claim.run.plan.subject.clone();
        // Only a cut goes on without what it can do without: a hand-over that does not know the manager would find nobody to give to.
        let call = self.call(&claim.holder, crate::accounts::lane(claim));
        let Some(connector) = self.connector(&account.connection) else {
            let why = format!("connection {} is no longer configured", account.connection);
            return Ok(Some(StageEnd::Ended(RunState::Incomplete { why })));
        };
        let person = claim.run.person.account.clone();
        let described = async {
            match self.connector(&person.connection).filter(|_| person != account) {
                Some(source) => Some(source.read_subject(&call, &person).await),
                None => None,
            }
        };
        // The directory that reported says whether the run has its reason; the source says who the person is.
        let (said, described) = futures::join!(connector.read_subject(&call, &account), described);
        let (why, asked) = match said.and_then(|said| Ok((said, described.transpose()?))) {
            Ok((SubjectRead::Unproven(why), _) | (_, Some(SubjectRead::Unproven(why)))) => (why, None),
            Ok((said, described)) => {
                claim.run.said = Some(match &said {
                    SubjectRead::Present(read) => read.state,
                    _ => SourceState::Deleted,
                });
                match described.unwrap_or(said) {
                    SubjectRead::Present(read) => claim.run.person = *read,
                    _ => claim.run.person.state = SourceState::Deleted,
                }
                return Ok(None);
            }
            Err(failure) => {
                let asked = failure.retry_after();
                (failure.reason, asked)
            }
        };
        let why = format!("the source cannot be read: {why}");
        self.not_yet(claim, codes::SOURCE_UNREADABLE, why, asked)
            .await
            .map(Some)
    }

    /// A run about one application has its reason while the directory does not give it to the subject again.
    pub(crate) async fn given_back(&self, claim: &mut RunClaim) -> Result<Option<StageEnd>, EngineError> {
        let plan = &claim.run.plan;
        let Some((app, scope)) = plan.unassigned.clone().zip(plan.scope.clone()) else {
            return Ok(None);
        };
        let call = self.call(&claim.holder, Lane::Urgent);
        match self.given_again(&call, &plan.subject, &app, &scope).await {
            Ok(None) => Ok(None),
            Ok(Some(why)) => {
                self.decided(claim, "superseded", json!({"why": why})).await?;
                Ok(Some(StageEnd::Ended(RunState::Superseded { why })))
            }
            Err((why, asked)) => {
                let why = format!("whether the application was given back cannot be told: {why}");
                self.not_yet(claim, codes::SOURCE_UNREADABLE, why, asked)
                    .await
                    .map(Some)
            }
        }
    }

    /// Something that must be known cannot be: try again later, and say so once.
    pub(crate) async fn not_yet(
        &self,
        claim: &mut RunClaim,
        code: Code,
        why: String,
        asked: Option<Duration>,
    ) -> Result<StageEnd, EngineError> {
        claim.run.attempts += 1;
        claim.run.note(self.now(), why.clone());
        self.alert(code, &format!("{}/{}", claim.run.id, code.id), &why).await?;
        if claim.run.attempts >= self.settings.tries {
            return Ok(StageEnd::Ended(RunState::Incomplete { why }));
        }
        let after = self.settings.pause(claim.run.attempts, asked);
        Ok(StageEnd::Again { after, why })
    }
}

/// Why the subject's directory no longer says what the run needs.
pub(crate) fn superseded(claim: &RunClaim) -> Option<String> {
    let run = &claim.run;
    if run.plan.unassigned.is_some() {
        return None;
    }
    let said = run.said.unwrap_or(run.person.state);
    (!run.plan.agrees_with(said)).then(|| format!("{} now says {}", run.plan.subject.connection, said.as_str()))
}
