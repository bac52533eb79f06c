//! Places in limited windows, and decisions that wait for a human.

use jiff::Timestamp;
use rollcall_model::ledger::Reservation;
use rollcall_model::{Answer, Digest, LedgerError, Review, ReviewId, ReviewState};

use super::items::{ReviewName, RunName, WindowItem};
use super::keys;
use super::writing::{Done, TRIES, as_read, exhausted, put, put_due};
use super::{EVERYTHING, TableLedger};
use crate::table::{When, Write};

impl TableLedger {
    pub(super) async fn reserve_place(&self, reservation: &Reservation) -> Result<Answer<()>, LedgerError> {
        let place = keys::window(&reservation.key, reservation.window);
        for _ in 0..TRIES {
            let item = self.read(place.clone()).await?;
            let mut window: WindowItem = match &item {
                Some(item) => self.decode(item).await?,
                None => WindowItem::default(),
            };
            if window.members.contains(&reservation.member) {
                return Ok(Answer::AlreadyMine(()));
            }
            let taken = window.members.len();
            if u32::try_from(taken).unwrap_or(u32::MAX) >= reservation.limit {
                return Ok(Answer::Lost(format!("{taken} of {} are taken", reservation.limit)));
            }
            window.members.push(reservation.member.clone());
            let body = self.encode("window", &window).await?;
            let part = Write::Put {
                key: place.clone(),
                body,
                due_at: None,
                // Windows are hours: one that lies as far back as an event that is forgotten is asked for by nobody.
                expires_at: self.expiry(reservation.window),
                when: as_read(item.as_ref()),
            };
            match self.write(&[part], &reservation.member).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn open_one_review(&self, review: &Review) -> Result<Answer<()>, LedgerError> {
        let place = keys::review(&review.id);
        for _ in 0..TRIES {
            if let Some(item) = self.read(place.clone()).await? {
                let old: Review = self.decode(&item).await?;
                return Ok(if old.run == review.run && old.plan_hash == review.plan_hash {
                    Answer::AlreadyMine(())
                } else {
                    Answer::Lost(format!("run {} opened it for another plan", old.run))
                });
            }
            let body = self.encode("review", review).await?;
            let name = ReviewName {
                review: review.id.clone(),
            };
            let listed = keys::listed_review(review.opened_at, &review.id);
            let parts = [
                put(place.clone(), body, When::Absent),
                put(listed, self.encode("review name", &name).await?, When::Absent),
            ];
            match self.write(&parts, review.id.as_str()).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn read_review(&self, id: &ReviewId) -> Result<Option<Review>, LedgerError> {
        match self.read(keys::review(id)).await? {
            Some(item) => Ok(Some(self.decode(&item).await?)),
            None => Ok(None),
        }
    }

    pub(super) async fn list_reviews(&self, open: bool, most: usize) -> Result<Vec<Review>, LedgerError> {
        let names = self
            .table
            .query(keys::REVIEWS, keys::LISTED_REVIEW, true, EVERYTHING)
            .await?;
        let mut found = Vec::new();
        for item in &names {
            let name: ReviewName = self.decode(item).await?;
            match self.read_review(&name.review).await? {
                Some(review) if !open || review.state == ReviewState::Open => found.push(review),
                _ => {}
            }
            if found.len() >= most {
                break;
            }
        }
        Ok(found)
    }

    pub(super) async fn decide_review(
        &self,
        id: &ReviewId,
        plan_hash: &Digest,
        decision: &ReviewState,
        now: Timestamp,
    ) -> Result<Answer<()>, LedgerError> {
        if *decision == ReviewState::Open {
            return Err(LedgerError::Unfit {
                item: format!("review {id}"),
                why: "open is not a decision".to_owned(),
            });
        }
        for _ in 0..TRIES {
            let Some(item) = self.read(keys::review(id)).await? else {
                return Ok(Answer::Lost(format!("there is no review {id}")));
            };
            let mut review: Review = self.decode(&item).await?;
            if review.plan_hash != *plan_hash {
                return Ok(Answer::Stale);
            }
            if review.state != ReviewState::Open {
                return Ok(if same_decision(&review.state, decision) {
                    Answer::AlreadyMine(())
                } else {
                    Answer::Lost(decided(&review.state))
                });
            }
            if now > review.expires_at {
                return Ok(Answer::Lost(format!("it expired at {}", review.expires_at)));
            }
            review.state = decision.clone();
            let wake = self.read(keys::wake(&review.run)).await?;
            let name = RunName {
                run: review.run.clone(),
            };
            // The run's own item belongs to whoever holds the run; the wake stands beside it until the next claim sees it.
            let parts = [
                put(
                    keys::review(id),
                    self.encode("review", &review).await?,
                    When::Version(item.version),
                ),
                put_due(
                    keys::wake(&review.run),
                    self.encode("wake", &name).await?,
                    Some(now.as_millisecond()),
                    as_read(wake.as_ref()),
                ),
            ];
            match self.write(&parts, &decided(decision)).await? {
                Done::Now => return Ok(Answer::Won(())),
                Done::Before => return Ok(Answer::AlreadyMine(())),
                Done::No => {}
            }
        }
        exhausted()
    }

    pub(super) async fn reopen_review(&self, id: &ReviewId, seen: &ReviewState) -> Result<Answer<()>, LedgerError> {
        let Some(item) = self.read(keys::review(id)).await? else {
            return Ok(Answer::Lost(format!("there is no review {id}")));
        };
        let mut review: Review = self.decode(&item).await?;
        if review.state == ReviewState::Open {
            return Ok(Answer::AlreadyMine(()));
        }
        if review.state != *seen {
            return Ok(Answer::Stale);
        }
        review.state = ReviewState::Open;
        let body = self.encode("review", &review).await?;
        let part = put(keys::review(id), body, When::Version(item.version));
        Ok(match self.write(&[part], "reopened").await? {
            Done::Now => Answer::Won(()),
            Done::Before => Answer::AlreadyMine(()),
            Done::No => Answer::Stale,
        })
    }
}

/// The same decision by the same person: a repetition may carry a later time.
fn same_decision(one: &ReviewState, other: &ReviewState) -> bool {
    match (one, other) {
        (ReviewState::Approved { by, .. }, ReviewState::Approved { by: again, .. })
        | (ReviewState::Refused { by, .. }, ReviewState::Refused { by: again, .. }) => by == again,
        _ => false,
    }
}

fn decided(state: &ReviewState) -> String {
    match state {
        ReviewState::Open => "open".to_owned(),
        ReviewState::Approved { by, at, .. } => format!("approved by {by} at {at}"),
        ReviewState::Refused { by, at, .. } => format!("refused by {by} at {at}"),
    }
}
