//! How a hand-over stands: what a successor gets, and nothing else.
//!
//! It stays small. Lists of records are files, named here; a list of indexes into one is as long as one page of work at most.

use rollcall_model::{Failure, Tally, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// When work began; past events are past as of then.
    pub(super) began: Timestamp,
    /// The file with the plan of work.
    pub(super) plan: String,
    /// How often everything was looked at before: 0 is the first look, every later one checks that nothing is left.
    pub(super) round: u8,
    /// The next object to look at, by its place in the plan.
    pub(super) look: usize,
    /// Whether this round found records that have to be worked at.
    pub(super) found: bool,
    /// Whether anything was written at all.
    pub(super) wrote: bool,
    /// Objects with more records than one look reads, by place in the plan.
    pub(super) large: Vec<usize>,
    /// What is being worked at, the first of them now.
    pub(super) queue: Vec<Work>,
    /// The number of the last file.
    pub(super) serial: u32,
    /// What became of the records so far.
    pub(super) tallies: Vec<Tally>,
    /// Evidence files: the tally that they belong to, and the name.
    pub(super) evidence: Vec<(usize, String)>,
    /// What else has to be said.
    pub(super) notes: Vec<String>,
}

/// A page of records of one object that name the user by one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    /// Whose numbers it adds to.
    pub(super) tally: usize,
    /// Where more pages come from, when there are more.
    pub(super) source: Option<Source>,
    /// When the page was read: an old one is checked again before anything is written.
    pub(super) selected: Timestamp,
    /// The page's number, which names its files.
    pub(super) number: u32,
    /// The file of the rows that are to be written in this pass.
    pub(super) file: Option<String>,
    /// How many they are.
    pub(super) rows: usize,
    /// How often the page was gone through before.
    pub(super) pass: u8,
    /// The row that is next.
    pub(super) at: usize,
    /// The chunk from there on may have been written: it is read before it is written again.
    pub(super) sent: bool,
    /// Rows to try again as they are.
    pub(super) again: Vec<u32>,
    /// Rows to try with the next target.
    pub(super) onward: Vec<u32>,
    /// The page's evidence, by its place among the evidence files.
    pub(super) evidence: Option<usize>,
    /// How many lines of it count; a crash may have left more, which are written anew.
    pub(super) lines: usize,
    /// The file with the teams of the page's records as they were.
    pub(super) teams: Option<String>,
    /// The job that writes the page.
    pub(super) job: Option<Job>,
}

impl Work {
    /// Work without a page yet.
    pub(super) fn new(tally: usize, selected: Timestamp) -> Self {
        Self {
            tally,
            source: None,
            selected,
            number: 0,
            file: None,
            rows: 0,
            pass: 0,
            at: 0,
            sent: false,
            again: Vec::new(),
            onward: Vec::new(),
            evidence: None,
            lines: 0,
            teams: None,
            job: None,
        }
    }
}

/// A list that is read by a query job, page by page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The job, once it is known.
    pub(super) job: Option<String>,
    /// When the job was made.
    pub(super) made: Option<Timestamp>,
    /// When its result was there.
    pub(super) ready: Option<Timestamp>,
    /// What to ask for the next page with; none for the first.
    pub(super) locator: Option<String>,
    /// The last record of the page before, from which a new job goes on.
    pub(super) last: Option<String>,
    /// All pages were read.
    pub(super) ended: bool,
    /// Jobs that failed, one after the other.
    pub(super) failures: u8,
    /// Records that were refused before are still there and are left out.
    pub(super) known: bool,
}

/// An ingest job. Only closing it has an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Job {
    /// About to be created; whoever finds this does not know whether it was.
    Creating {
        /// Since when.
        at: Timestamp,
    },
    /// Created. Whoever finds this does not know whether the rows were uploaded, and begins with another job.
    Open {
        /// The job.
        id: String,
    },
    /// Uploaded and about to be closed; the job itself says whether it was.
    Closing {
        /// The job.
        id: String,
    },
    /// Closed: the vendor is at it.
    Closed {
        /// The job.
        id: String,
        /// Since when.
        at: Timestamp,
        /// It did not end and was asked to stop.
        aborted: bool,
    },
}

impl State {
    /// A beginning.
    pub(super) fn new(began: Timestamp, plan: String) -> Self {
        Self {
            began,
            plan,
            round: 0,
            look: 0,
            found: false,
            wrote: false,
            large: Vec::new(),
            queue: Vec::new(),
            serial: 0,
            tallies: Vec::new(),
            evidence: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What was saved.
    pub(super) fn read(saved: &Value) -> Result<Self, Failure> {
        serde_json::from_value(saved.clone()).map_err(|error| {
            Failure::give_up(format!(
                "the saved state of the hand-over is not understood ({error}): another version wrote it"
            ))
        })
    }

    /// The form to save.
    pub(super) fn written(&self) -> Result<Value, Failure> {
        serde_json::to_value(self).map_err(|error| Failure::give_up(format!("the state cannot be written: {error}")))
    }

    /// The place of the numbers of an object and field, which are made when there are none.
    pub(super) fn tally(&mut self, object: &str, field: &str) -> usize {
        let known = self
            .tallies
            .iter()
            .position(|tally| tally.object == object && tally.field == field);
        known.unwrap_or_else(|| {
            self.tallies.push(Tally {
                object: object.to_owned(),
                field: field.to_owned(),
                ..Tally::default()
            });
            self.tallies.len() - 1
        })
    }

    /// The numbers at a place.
    pub(super) fn numbers(&mut self, tally: usize) -> Option<&mut Tally> {
        self.tallies.get_mut(tally)
    }

    /// Says that something could not be looked at; the first reason stays.
    pub(super) fn not_inspected(&mut self, object: &str, field: &str, why: impl Into<String>) {
        let place = self.tally(object, field);
        if let Some(tally) = self.numbers(place) {
            tally.uninspected.get_or_insert_with(|| why.into());
        }
    }

    /// Says something once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_large_org_in_the_middle_of_a_page_is_small() {
        let at: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let mut state = State::new(at, "runs/0123456789/work/plan.json".to_owned());
        for object in 0..150 {
            let place = state.tally(&format!("Some_Custom_Object_{object}__c"), "OwnerId");
            let tally = state.numbers(place).unwrap();
            (tally.counted, tally.moved) = (12_345, 12_345);
            tally.to.insert("0055f00000BBBB1AAP".to_owned(), 12_345);
            state.evidence.push((
                place,
                format!("runs/0123456789/Some_Custom_Object_{object}__c/{place:04}.csv"),
            ));
        }
        let mut work = Work::new(0, at);
        work.again = (0..2_000).collect();
        state.queue.push(work);
        let written = state.written().unwrap();
        assert!(written.to_string().len() < 64 * 1024, "{}", written.to_string().len());
        assert_eq!(State::read(&written).unwrap(), state);
        assert!(State::read(&serde_json::json!({ "v": 1 })).is_err());
    }
}
