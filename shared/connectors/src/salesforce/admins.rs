//! Who else administers the org, read beside the log-in that a freeze is about: freezing the last administrator would leave
//! nobody to lift the freeze.

use rollcall_model::{Call, Failure};
use serde_json::{Map, Value, json};

use super::accounts::administers;
use super::client::{Ask, Client, Parts, Rows};
use super::retry::Refusal;
use super::soql::{eighteen, soql_quote};
use crate::exchange::text;

/// Others are counted up to here.
const MOST: usize = 200;

/// The name of the part that reads log-ins of other administrators.
pub(super) const OTHERS: &str = "admins";
const USER: &str = "user";
const PROFILE: &str = "profile";

/// The parts of a composite call: the user, the user's profile, and the log-ins, not frozen, of the other active standard users
/// whose profile has Modify All Data. One who never signed in has no log-in and counts for nobody. The user and the profile are
/// read by id because a composite call takes five queries and this makes the fifth.
pub(super) fn asks(target: &str, own: &str) -> [(&'static str, Ask); 3] {
    let others = format!(
        "SELECT Id, UserId FROM UserLogin WHERE IsFrozen = false AND UserId NOT IN ({}, {}) AND UserId IN \
         (SELECT Id FROM User WHERE IsActive = true AND UserType = 'Standard' AND Profile.PermissionsModifyAllData = true) \
         LIMIT {MOST}",
        soql_quote(target),
        soql_quote(own)
    );
    [
        (
            USER,
            Ask::Path(format!("sobjects/User/{target}?fields=UserType,ProfileId")),
        ),
        (
            PROFILE,
            Ask::Path(format!(
                "sobjects/Profile/@{{{USER}.ProfileId}}?fields=PermissionsModifyAllData,PermissionsManageUsers"
            )),
        ),
        (OTHERS, Ask::Query(others)),
    ]
}

/// What those parts answered. `Err` where the org refused one for good.
pub(super) struct Admins {
    user: Result<Value, Refusal>,
    profile: Result<Value, Refusal>,
    others: Rows,
}

impl Admins {
    /// Takes the parts out of an answer that holds them all.
    pub(super) async fn take(client: &Client, call: &Call, what: &str, parts: &mut Parts) -> Result<Self, Failure> {
        let mut part = |name: &str| parts.remove(name).unwrap_or(Ok(Value::Null));
        let (user, profile, others) = (part(USER), part(PROFILE), part(OTHERS));
        Ok(Self {
            user,
            profile,
            others: client.rows(call, what, others).await?,
        })
    }

    /// True when the log-in of somebody who is neither of the two came back.
    pub(super) fn shows_a_stranger(&self) -> bool {
        self.others.as_ref().is_ok_and(|rows| !rows.is_empty())
    }

    /// `admin` and `admins_left` of an administrator, nothing of anybody else, and `admins_unknown` where either cannot be
    /// told. `sees_others` says that log-ins of others would have come back.
    pub(super) fn evidence(&self, sees_others: bool) -> Map<String, Value> {
        let admin = match (&self.user, &self.profile) {
            (Ok(user), Ok(profile)) => text(user, "UserType") == Some("Standard") && administers(profile),
            (Err(refusal), _) | (_, Err(refusal)) => {
                let why = refusal.failure("reading the user's profile").reason;
                let why =
                    format!("{why}; whether the user is an administrator shows with View Setup and Configuration");
                return Map::from_iter([("admins_unknown".to_owned(), json!(why))]);
            }
        };
        if !admin {
            return Map::new();
        }
        let (left, unknown) = match &self.others {
            Err(refusal) => (None, Some(refusal.failure("counting the other administrators").reason)),
            Ok(_) if !sees_others => (
                None,
                Some("log-ins of others do not show, so nobody can be counted: grant Manage Users".to_owned()),
            ),
            Ok(rows) => (Some(distinct(rows)), None),
        };
        let mut evidence = Map::from_iter([
            ("admin".to_owned(), json!(true)),
            ("admins_left".to_owned(), json!(left)),
        ]);
        if let Some(why) = unknown {
            evidence.insert("admins_unknown".to_owned(), json!(why));
        }
        evidence
    }
}

fn distinct(rows: &[Value]) -> usize {
    let mut ids: Vec<String> = rows.iter().filter_map(|row| eighteen(text(row, "UserId")?)).collect();
    ids.sort();
    ids.dedup();
    ids.len()
}
