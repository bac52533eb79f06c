//! Changes that take many calls: worked off in pieces, each of which can be the last one of its invocation.
//!
//! A connector's [`advance`](crate::Connector::advance) does a piece and says how it stands. Whatever it needs to know later it
//! saves at the [`Desk`] first: a successor starts from what was saved last and from nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connector::{Applied, Call};
use crate::failure::Failure;
use crate::ids::AccountRef;
use crate::outcome::Outcome;

/// What the engine lends a connector while it works at a long change.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The call to make next: its deadline is no later than the lease's end.
    fn call(&self) -> Call;

    /// Keeps how the change stands, in the journal, under the fence: before every call that has an effect, and after what
    /// became of it is known. `what` is public and names nobody: `Account: job closed, 2310 rows`. The whole of `state` is
    /// what a successor gets, so it stays small (≤ 64 KB); what is long goes into a file and is named here.
    async fn save(&self, what: &str, state: &Value) -> Result<(), Failure>;

    /// Stores a file of the run's evidence, whole, under a name that the change chooses: `Account/0003.csv`. The answer is the
    /// name to fetch it by. Storing the same name again replaces it, so a piece that is repeated after a crash must come to
    /// the same content or not be named by anything yet.
    async fn store(&self, name: &str, body: Bytes) -> Result<String, Failure>;

    /// Reads a stored file by the name that [`store`](Self::store) answered.
    async fn fetch(&self, name: &str) -> Result<Bytes, Failure>;

    /// Whether the person behind an account is leaving, too: a run that takes their access away is open or ended well.
    async fn is_leaving(&self, account: &AccountRef) -> Result<bool, Failure>;

    /// Why nothing may be written just now, when somebody stopped writes; asked before every call that has an effect.
    async fn stopped(&self) -> Result<Option<String>, Failure>;

    /// Something kept for a day by its name, such as a vendor's descriptions. Losing it costs calls and nothing else.
    async fn recall(&self, name: &str) -> Option<Bytes>;

    /// Keeps something for a day by its name.
    async fn remember(&self, name: &str, body: Bytes);
}

/// How a long change stands after a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// There is more to do at once; the engine looks at its lease and asks again.
    More,
    /// The vendor is at it: look again after this long.
    Later {
        /// How long.
        after: Duration,
        /// What is waited for.
        why: String,
    },
    /// All through.
    Done {
        /// The vendor's answer; the reference holds the [`HandOver`] where records were moved.
        applied: Applied,
        /// What became of the change.
        outcome: Outcome,
    },
}

/// What became of the records of one object by one field. Every record is in exactly one place:
/// `counted + arrived = moved + kept + refused + gone`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The vendor's name of the object: `Opportunity`.
    pub object: String,
    /// The field that named the person: `OwnerId`.
    pub field: String,
    /// Records that named the person when work began.
    pub counted: u64,
    /// Records that came to name them while work went on.
    pub arrived: u64,
    /// Records that we gave to somebody else.
    pub moved: u64,
    /// Records that were left on purpose, by the configured scope.
    pub kept: u64,
    /// Records that the vendor did not let us change.
    pub refused: u64,
    /// Records that somebody else changed or deleted meanwhile.
    pub gone: u64,
    /// Why it could not be looked at, or not to the end; then the numbers are not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uninspected: Option<String>,
    /// Who got how many, by the vendor's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to: BTreeMap<String, u64>,
    /// How many were refused, by the vendor's code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<String, u64>,
}

impl Tally {
    /// Whether every record is in exactly one place.
    pub fn balances(&self) -> bool {
        self.counted + self.arrived == self.moved + self.kept + self.refused + self.gone
    }
}

/// A hand-over in numbers, and where its evidence lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// By object and field, in the order of work.
    pub tallies: Vec<Tally>,
    /// Files with one line for each record: `object,record,field,old,new,result,reason`. What an undo works from.
    pub evidence: Vec<String>,
    /// What else was seen and is not moved by the API: private reports, scheduled jobs; for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl HandOver {
    /// The sum over all objects. Name and field are empty.
    pub fn total(&self) -> Tally {
        self.tallies.iter().fold(Tally::default(), |mut sum, one| {
            sum.counted += one.counted;
            sum.arrived += one.arrived;
            sum.moved += one.moved;
            sum.kept += one.kept;
            sum.refused += one.refused;
            sum.gone += one.gone;
            for (who, many) in &one.to {
                *sum.to.entry(who.clone()).or_default() += many;
            }
            for (code, many) in &one.refusals {
                *sum.refusals.entry(code.clone()).or_default() += many;
            }
            sum
        })
    }

    /// Whether everything was looked at and every record is in exactly one place.
    pub fn is_whole(&self) -> bool {
        self.tallies
            .iter()
            .all(|tally| tally.uninspected.is_none() && tally.balances())
    }
}

/// Something that stands in the way of deactivating an account, or breaks with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What it is, in a word that stays the same: `default-lead-owner`, `running-user`, `scheduled-job`, `last-queue-member`.
    pub kind: String,
    /// What was found, with names.
    pub found: String,
    /// The vendor refuses to deactivate while it is so; otherwise something stops working afterwards.
    pub blocks: bool,
    /// The way out, for people.
    pub way_out: String,
}

/// What a look before dismantling found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// What stands in the way or breaks.
    pub obstacles: Vec<Obstacle>,
    /// What was not looked at, and why: a permission, a feature that is off.
    pub uninspected: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counted: u64, moved: u64) -> Tally {
        Tally {
            object: "Account".to_owned(),
            field: "OwnerId".to_owned(),
            counted,
            moved,
            ..Tally::default()
        }
    }

    #[test]
    fn a_hand_over_is_whole_when_all_was_seen_and_every_record_is_in_one_place() {
        let mut all = HandOver {
            tallies: vec![tally(3, 3), tally(2, 2)],
            ..HandOver::default()
        };
        assert!(all.is_whole());
        assert_eq!((all.total().counted, all.total().moved), (5, 5));
        all.tallies[1].moved = 1;
        assert!(!all.is_whole(), "a record is nowhere");
        all.tallies[1].refused = 1;
        assert!(all.is_whole());
        all.tallies[0].uninspected = Some("INSUFFICIENT_ACCESS".to_owned());
        assert!(!all.is_whole(), "something was not looked at");
    }
}
