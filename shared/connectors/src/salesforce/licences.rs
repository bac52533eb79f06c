//! How many licences of each kind there are and are used, as an org-wide inventory: read before and after somebody's licence is
//! given back, so that a report can show what came back.
//!
//! | kind | object | used counts |
//! |---|---|---|
//! | `user` | `UserLicense` | active users |
//! | `permission-set` | `PermissionSetLicense` | assignments, also of inactive users |
//! | `package` | `PackageLicense` | assignments, also of inactive users |

use std::collections::BTreeMap;

use rollcall_model::{Call, Failure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, Rows};
use super::soql::eighteen;
use crate::exchange::text;

/// The parts of the call: `UsedLicenses` of `UserLicense` cannot stand in a condition since API 64.0 (Object Reference,
/// UserLicense), so all rows are read. The last two show whether rows of others are seen at all.
const PARTS: [(&str, &str); 5] = [
    (
        "user",
        "SELECT Id, Name, MasterLabel, TotalLicenses, UsedLicenses FROM UserLicense",
    ),
    (
        "permission_set",
        "SELECT Id, MasterLabel, TotalLicenses, UsedLicenses FROM PermissionSetLicense",
    ),
    (
        "package",
        "SELECT Id, NamespacePrefix, AllowedLicenses, UsedLicenses FROM PackageLicense",
    ),
    ("package_rows", "SELECT Id FROM UserPackageLicense LIMIT 1"),
    ("member_rows", "SELECT Id FROM GroupMember LIMIT 1"),
];

/// One kind of licence in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Licence {
    /// `user`, `permission-set` or `package`.
    pub(super) kind: String,
    /// The vendor's id.
    pub(super) id: String,
    /// The vendor's name.
    pub(super) name: String,
    /// How many are used.
    pub(super) used: i64,
    /// How many there are; negative when a package may be used by everybody.
    pub(super) total: i64,
}

/// What one look at the org's licences saw. `Err` where the org refused that query for good.
pub(super) struct Inventory {
    /// Licences of which at least one is used.
    pub(super) licences: Result<Vec<Licence>, String>,
    /// Every permission set licence by id: name.
    pub(super) permission_sets: Option<BTreeMap<String, String>>,
    /// Every package licence by id: namespace.
    pub(super) packages: Option<BTreeMap<String, String>>,
    /// Whether the assignments of packages can be seen, as far as the counters and the rows tell.
    pub(super) sees_packages: bool,
    /// Whether somebody's membership of a group came back.
    pub(super) sees_members: bool,
}

/// Reads the inventory: one call.
pub(super) async fn read(client: &Client, call: &Call) -> Result<Inventory, Failure> {
    let queries: Vec<(&str, String)> = PARTS.iter().map(|(name, soql)| (*name, (*soql).to_owned())).collect();
    let mut parts = client.queries(call, "reading the licences", &queries).await?;
    let mut take = |name: &str| parts.remove(name).unwrap_or_else(|| Ok(Vec::new()));
    let (users, sets, packages) = (take("user"), take("permission_set"), take("package"));
    let (package_rows, member_rows) = (take("package_rows"), take("member_rows"));
    let counted: i64 = listed("package", &packages).iter().map(|one| one.used).sum();
    let some = |rows: &Rows| rows.as_ref().is_ok_and(|rows| !rows.is_empty());
    Ok(Inventory {
        licences: in_use(&users, &sets, &packages),
        permission_sets: names("permission-set", &sets),
        packages: names("package", &packages),
        // The counters are the org's; a list that is empty against them is blind, because no field says whether the caller has
        // Manage Package Licenses.
        sees_packages: packages.is_err() || counted == 0 || some(&package_rows),
        sees_members: some(&member_rows),
    })
}

/// An org always has user licences: without one the read was blind.
fn in_use(users: &Rows, sets: &Rows, packages: &Rows) -> Result<Vec<Licence>, String> {
    match users {
        Err(refusal) => return Err(refusal.failure("reading the user licences").reason),
        Ok(rows) if rows.is_empty() => {
            return Err("no licence came back: grant View Setup and Configuration".to_owned());
        }
        Ok(_) => {}
    }
    let mut all: Vec<Licence> = [("user", users), ("permission-set", sets), ("package", packages)]
        .into_iter()
        .flat_map(|(kind, rows)| listed(kind, rows))
        .filter(|licence| licence.used > 0)
        .collect();
    all.sort_by(|one, two| (&one.kind, &one.id).cmp(&(&two.kind, &two.id)));
    Ok(all)
}

fn listed(kind: &str, rows: &Rows) -> Vec<Licence> {
    let one = |row: &Value| {
        let number = |name: &str| row.get(name).and_then(Value::as_i64);
        let name = ["MasterLabel", "NamespacePrefix", "Name"]
            .iter()
            .find_map(|field| text(row, field))?;
        Some(Licence {
            kind: kind.to_owned(),
            id: eighteen(text(row, "Id")?)?,
            name: name.to_owned(),
            used: number("UsedLicenses")?,
            total: number("TotalLicenses").or_else(|| number("AllowedLicenses"))?,
        })
    };
    rows.as_deref().unwrap_or_default().iter().filter_map(one).collect()
}

fn names(kind: &str, rows: &Rows) -> Option<BTreeMap<String, String>> {
    rows.is_ok()
        .then(|| listed(kind, rows).into_iter().map(|one| (one.id, one.name)).collect())
}

/// `{"before": […], "after": […]}`: the licences of which another number is used now, and those in `always` (ids). Where one of
/// the two could not be read, its place says `{"unread": why}`.
pub(super) fn compared(before: &Value, after: &Result<Vec<Licence>, String>, always: &[&str]) -> Value {
    let earlier: Option<Vec<Licence>> = serde_json::from_value(before.clone()).ok();
    let (Some(earlier), Ok(later)) = (&earlier, after) else {
        return json!({ "before": before, "after": shown(after) });
    };
    let used = |all: &[Licence], id: &str| all.iter().find(|one| one.id == id).map_or(0, |one| one.used);
    let tells = |one: &&Licence| always.contains(&one.id.as_str()) || used(earlier, &one.id) != used(later, &one.id);
    // A licence that nobody uses any more is not among those in use: it is named with none.
    let none_left = earlier
        .iter()
        .filter(|one| !later.iter().any(|other| other.id == one.id))
        .map(|one| Licence { used: 0, ..one.clone() });
    let mut rest: Vec<Licence> = later.iter().filter(tells).cloned().chain(none_left).collect();
    rest.sort_by(|one, two| (&one.kind, &one.id).cmp(&(&two.kind, &two.id)));
    json!({ "before": earlier.iter().filter(tells).collect::<Vec<_>>(), "after": rest })
}

/// An inventory as evidence.
pub(super) fn shown(licences: &Result<Vec<Licence>, String>) -> Value {
    match licences {
        Ok(all) => json!(all),
        Err(why) => json!({ "unread": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence(kind: &str, id: &str, used: i64) -> Licence {
        Licence {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: format!("{kind} {id}"),
            used,
            total: 10,
        }
    }

    #[test]
    fn what_came_back_is_told_beside_the_users_own_licence() {
        let before = json!([
            licence("package", "c", 1),
            licence("permission-set", "b", 4),
            licence("permission-set", "d", 2),
            licence("user", "a", 7),
            licence("user", "e", 3),
        ]);
        let after = Ok(vec![
            licence("permission-set", "b", 3),
            licence("permission-set", "d", 2),
            licence("user", "a", 6),
            licence("user", "e", 3),
        ]);
        let told = compared(&before, &after, &["e"]);
        let short = |side: &str| {
            told[side]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| format!("{}={}", one["id"].as_str().unwrap(), one["used"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(short("before"), ["c=1", "b=4", "a=7", "e=3"]);
        assert_eq!(short("after"), ["c=0", "b=3", "a=6", "e=3"]);
    }

    #[test]
    fn an_inventory_that_could_not_be_read_says_so() {
        let told = compared(&json!({ "unread": "x" }), &Err("y".to_owned()), &[]);
        assert_eq!(told, json!({ "before": { "unread": "x" }, "after": { "unread": "y" } }));
    }
}
