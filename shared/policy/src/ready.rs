//! Observe mode beside what people did: what became of each change that was planned and not made, and whether that is enough
//! to let a playbook go further.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_model::plan::{ChangeKey, PlanItem, StagePlan, Verdict};
use rollcall_model::{ConnectionId, PersonKey, RunId};
use serde::{Deserialize, Serialize};

/// What the account says now of one change that observe mode planned and did not make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub enum Became {
    /// It was so before Rollcall looked; it says nothing about what people do.
    Before,
    /// People did the same.
    Same,
    /// Nobody has done it.
    NotYet,
    /// The account is in a state that is neither the one before nor the one that the change leads to.
    Else {
        /// Which.
        why: String,
    },
    /// Rollcall itself would not have made it, or only after somebody had said so.
    NotByUs {
        /// Why.
        why: String,
    },
    /// A condition said that it does not apply.
    Skipped,
    /// It cannot be told: the action cannot be read back, or the reading proved nothing.
    Unread {
        /// Why.
        why: String,
    },
}

/// What became of each change of a stage plan that was made in observe mode, by the plan of the same stage as it would be made
/// now. `observable` says of an action's name whether its effect can be read back.
pub fn compare(planned: &StagePlan, now: &StagePlan, observable: impl Fn(&str) -> bool) -> Vec<(PlanItem, Became)> {
    planned
        .items
        .iter()
        .map(|item| (item.clone(), became(item, now, &observable)))
        .collect()
}

fn became(planned: &PlanItem, now: &StagePlan, observable: &impl Fn(&str) -> bool) -> Became {
    match &planned.verdict {
        Verdict::AlreadySo => return Became::Before,
        Verdict::Skip(_) => return Became::Skipped,
        Verdict::Refuse(why) => return Became::NotByUs { why: why.clone() },
        Verdict::Ask(why) => {
            return Became::NotByUs {
                why: format!("a person would have been asked: {why}"),
            };
        }
        Verdict::Unknown(why) => {
            return Became::NotByUs {
                why: format!("its state could not be read when it was planned: {why}"),
            };
        }
        Verdict::Run => {}
    }
    let change = &planned.change;
    if !observable(&change.action) {
        return Became::Unread {
            why: format!("what {} does cannot be read back", change.action),
        };
    }
    let found = now
        .items
        .iter()
        .find(|item| item.change.key() == change.key())
        // An account that is gone has a line without an account, which is green only where its absence is proven.
        .or_else(|| {
            now.items.iter().find(|item| {
                let other = &item.change;
                other.account.is_none()
                    && (&other.step, &other.connection, &other.action)
                        == (&change.step, &change.connection, &change.action)
            })
        });
    let Some(found) = found else {
        return Became::Else {
            why: "the account is no longer found".to_owned(),
        };
    };
    match &found.verdict {
        Verdict::AlreadySo => Became::Same,
        Verdict::Run if found.change.before == change.before => Became::NotYet,
        Verdict::Run => Became::Else {
            why: format!("was {}, is {}", change.before, found.change.before),
        },
        Verdict::Unknown(why) => Became::Unread { why: why.clone() },
        Verdict::Skip(why) | Verdict::Refuse(why) | Verdict::Ask(why) => Became::Else { why: why.clone() },
    }
}

/// When the comparisons made so far saw one change undone and done: the vendors do not say when a state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sightings {
    /// The latest look that found it not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_yet: Option<Timestamp>,
    /// The first look after that which found it done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

impl Sightings {
    /// The same after one more look. A change that was done and is not any more is another state than both.
    #[must_use]
    pub fn look(self, became: &mut Became, now: Timestamp) -> Self {
        match became {
            Became::Same => Self {
                done: self.done.or(Some(now)),
                ..self
            },
            Became::NotYet => {
                if let Some(done) = self.done {
                    *became = Became::Else {
                        why: format!("it was done at {done} and is not any more"),
                    };
                    return self;
                }
                Self {
                    not_yet: Some(now),
                    done: None,
                }
            }
            _ => self,
        }
    }

    /// Whether people were later than this long after the plan; none when the looks do not say.
    pub fn late(self, planned_at: Timestamp, within_ms: i64) -> Option<bool> {
        let after = |at: Timestamp| at.as_millisecond() - planned_at.as_millisecond();
        let done = self.done?;
        if self.not_yet.is_some_and(|at| after(at) > within_ms) {
            return Some(true);
        }
        (after(done) <= within_ms).then_some(false)
    }
}

/// One change that was planned in observe mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The stage.
    pub stage: String,
    /// The step.
    pub step: String,
    /// Where.
    pub connection: ConnectionId,
    /// By which action.
    pub action: String,
    /// The change within its run.
    pub key: ChangeKey,
    /// When its stage was planned.
    pub planned_at: Timestamp,
    /// What became of it.
    #[serde(flatten)]
    pub became: Became,
    /// Whether people were late with it; none where it is not done, or nobody looked in between.
    pub late: Option<bool>,
}

/// Whether the source still says what the run was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Still {
    /// It does.
    Says,
    /// It took its word back: Rollcall would have cut somebody who works here.
    TookBack {
        /// What it says.
        why: String,
    },
    /// It could not be read.
    Unread {
        /// Why.
        why: String,
    },
}

/// Somebody whose run was planned in observe mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObservedPerson {
    /// The run.
    pub run: RunId,
    /// Who.
    pub person: PersonKey,
    /// Their sign-in name in the source.
    pub login: String,
    /// The run's id stands for them everywhere.
    pub quiet: bool,
    /// When the run was opened.
    pub opened_at: Timestamp,
    /// What the source says now.
    pub still: Still,
    /// Why stages would have been held, had the mode been `enforce`.
    pub held: Vec<String>,
    /// Each change.
    pub changes: Vec<Compared>,
}

/// What is asked for before a playbook goes further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// How many people must have been observed whose changes can be judged.
    pub people: usize,
    /// Of a hundred changes that can be judged, how many people must have made the same.
    pub agreement: u32,
    /// How long people have for what Rollcall does at once, in milliseconds. What is younger and not done is not judged.
    pub within_ms: i64,
}

/// How often each thing became of the changes of one step in one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// People did the same.
    pub same: usize,
    /// Of these, known to be late.
    pub late: usize,
    /// Not done, and there was time.
    pub not_done: usize,
    /// Not done, and there still is time.
    pub not_due: usize,
    /// Something else.
    pub other: usize,
    /// Rollcall would not have made it by itself.
    pub not_by_us: usize,
    /// It cannot be told.
    pub unread: usize,
    /// It was so before.
    pub before: usize,
}

impl Counts {
    fn add(&mut self, change: &Compared, within_ms: i64, now: Timestamp) {
        let age = now.as_millisecond() - change.planned_at.as_millisecond();
        match &change.became {
            Became::Same => {
                self.same += 1;
                self.late += usize::from(change.late == Some(true));
            }
            Became::NotYet if age > within_ms => self.not_done += 1,
            Became::NotYet => self.not_due += 1,
            Became::Else { .. } => self.other += 1,
            Became::NotByUs { .. } => self.not_by_us += 1,
            Became::Unread { .. } => self.unread += 1,
            Became::Before => self.before += 1,
            Became::Skipped => {}
        }
    }

    /// Changes of which can be said whether people made them.
    pub fn judged(&self) -> usize {
        self.same + self.not_done + self.other
    }
}

/// Which step, where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The connection.
    pub connection: ConnectionId,
    /// The stage.
    pub stage: String,
    /// The step.
    pub step: String,
}

/// Whether a playbook may go further, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// What was asked for.
    pub terms: Terms,
    /// How many people were observed, those included of whom nothing can be judged.
    pub people: usize,
    /// Of these, those with a change that can be judged.
    pub judged_people: usize,
    /// People whom the source calls active again.
    pub false_positives: usize,
    /// Of a hundred changes that can be judged, how many people made as well; none while there is none.
    pub agreement: Option<u32>,
    /// By connection, stage and step.
    pub places: Vec<(Place, Counts)>,
    /// What is missing for `review`; empty: ready.
    pub missing_for_review: Vec<String>,
    /// What is missing for `enforce`; empty: ready.
    pub missing_for_enforce: Vec<String>,
}

/// Judges what was compared. People whom the source calls active again count as false positives and for nothing else.
pub fn judge(people: &[ObservedPerson], terms: Terms, now: Timestamp) -> Readiness {
    let (mut places, mut all) = (BTreeMap::<Place, Counts>::new(), Counts::default());
    let (mut judged_people, mut false_positives, mut unread_people) = (0, 0, 0);
    let mut held = BTreeSet::new();
    for person in people {
        match &person.still {
            Still::TookBack { .. } => {
                false_positives += 1;
                continue;
            }
            Still::Unread { .. } => {
                unread_people += 1;
                continue;
            }
            Still::Says => {}
        }
        if !person.held.is_empty() {
            held.insert(&person.run);
        }
        let mut own = Counts::default();
        for change in &person.changes {
            let place = Place {
                connection: change.connection.clone(),
                stage: change.stage.clone(),
                step: change.step.clone(),
            };
            for counts in [places.entry(place).or_default(), &mut own, &mut all] {
                counts.add(change, terms.within_ms, now);
            }
        }
        judged_people += usize::from(own.judged() > 0);
    }
    let agreement = (all.same * 100)
        .checked_div(all.judged())
        .map(|percent| u32::try_from(percent).unwrap_or(100));
    let mut review = Vec::new();
    if judged_people < terms.people {
        review.push(format!(
            "{judged_people} of at least {} people can be judged: observe longer",
            terms.people
        ));
    }
    match agreement {
        Some(percent) if percent < terms.agreement => review.push(format!(
            "people did the same in {percent} % of the changes and {} % are asked for: look at what was not done and at what was done otherwise",
            terms.agreement
        )),
        _ => {}
    }
    if unread_people > 0 {
        review.push(format!(
            "{unread_people} people cannot be read in the source now: look again when it answers"
        ));
    }
    let mut enforce = review.clone();
    for (count, what) in [
        (
            false_positives,
            "people are active again: with `enforce` they would have lost their access; find out why they were deactivated, or stay with `review`",
        ),
        (
            all.other,
            "changes came to another state than Rollcall's: find out who or what made it so",
        ),
        (
            all.not_by_us,
            "changes would not have been made without a person: settle them with `rollcall link`, or expect them to wait",
        ),
        (
            held.len(),
            "people's runs would have been held: see why, and whether approvers can keep up with that",
        ),
    ] {
        if count > 0 {
            enforce.push(format!("{count} {what}"));
        }
    }
    Readiness {
        terms,
        people: people.len(),
        judged_people,
        false_positives,
        agreement,
        places: places.into_iter().collect(),
        missing_for_review: review,
        missing_for_enforce: enforce,
    }
}

#[cfg(test)]
mod tests;
