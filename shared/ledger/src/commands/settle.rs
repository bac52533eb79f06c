//! Writing a run back.

use rollcall_model::ledger::{Holder, RunClaim, Settle};
use rollcall_model::{Answer, LedgerError};

use super::TableLedger;
use super::items::{RunItem, RunName};
use super::keys;
use super::writing::{Done, TRIES, exhausted, put_due};
use crate::table::{When, Write};

/// How long after its lease's end, in milliseconds, a run whose worker has not come back is looked at.
const AFTER_LEASE_MS: i64 = 1000;

/// When to look at a claimed run, in case its holder dies.
pub(super) fn guard_due(holder: &Holder) -> i64 {
    holder.until.as_millisecond().saturating_add(AFTER_LEASE_MS)
}

/// What finishing needs besides the run itself.
enum Goal {
    /// It is ours: free it.
    Free(Write),
    /// It is not ours, or free already.
    NotOurs,
    /// Events joined that the holder has not seen.
    Joined,
}

impl TableLedger {
    pub(super) async fn settle_run(
        &self,
        claim: &mut RunClaim,
        how: &Settle,
        nonce: &str,
    ) -> Result<Answer<()>, LedgerError> {
        let keep = *how == Settle::Keep;
        let finished = matches!(how, Settle::Finish | Settle::FinishUnlessJoined);
        let item = RunItem {
            run: claim.run.clone(),
            lease: keep.then(|| (&claim.holder).into()),
            nonce: nonce.to_owned(),
            finished,
        };
        let body = self.encode("run", &item).await?;
        let due_at = match how {
            Settle::Keep => Some(guard_due(&claim.holder)),
            Settle::Park(until) => Some(until.as_millisecond()),
            Settle::Hold | Settle::Finish | Settle::FinishUnlessJoined => None,
        };
        let place = keys::run(&claim.run.id);
        for _ in 0..TRIES {
            let mut parts = vec![put_due(
                place.clone(),
                body.clone(),
                due_at,
                When::Version(claim.version),
            )];
            if finished {
                match self.goal(claim, how).await? {
                    Goal::Free(part) => parts.push(part),
                    Goal::NotOurs => {}
                    Goal::Joined => return Ok(Answer::Stale),
                }
            }
            let done = self.write(&parts, nonce).await?;
            if done == Done::Now {
                claim.version += 1;
                return Ok(Answer::Won(()));
            }
            let Some(now) = self.read(place.clone()).await? else {
                return Ok(Answer::Stale);
            };
            if now.version == claim.version {
                // The run is as we knew it, so the goal moved: an event joined.
                continue;
            }
            let found: RunItem = self.decode(&now).await?;
            if found.nonce == nonce && !nonce.is_empty() {
                if now.version == claim.version + 1 {
                    claim.version = now.version;
                    return Ok(Answer::AlreadyMine(()));
                }
                // Somebody claimed the run after we had let it go: our part is done, and the claim is theirs.
                if !keep {
                    return Ok(Answer::AlreadyMine(()));
                }
            }
            return Ok(match found.lease {
                Some(lease) if lease.name != claim.holder.name => Answer::Lost(lease.name),
                _ => Answer::Stale,
            });
        }
        exhausted()
    }

    async fn goal(&self, claim: &RunClaim, how: &Settle) -> Result<Goal, LedgerError> {
        let plan = &claim.run.plan;
        let place = keys::open(&plan.person, plan.goal, plan.scope.as_ref());
        let Some(open) = self.read(place.clone()).await? else {
            return Ok(Goal::NotOurs);
        };
        if self.decode::<RunName>(&open).await?.run != claim.run.id {
            return Ok(Goal::NotOurs);
        }
        if *how == Settle::FinishUnlessJoined && open.version != claim.joined {
            let joined = self.joined_events(&claim.run.id).await?;
            if joined.iter().any(|event| !claim.run.triggers.contains(event)) {
                return Ok(Goal::Joined);
            }
        }
        Ok(Goal::Free(Write::Delete {
            key: place,
            when: When::Version(open.version),
        }))
    }
}
