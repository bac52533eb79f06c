//! Who is an administrator of what. OneLogin tells it the wrong way round: each privilege and each role names its users, and no
//! call names the privileges of a user. So the whole is read and kept for a minute, since privileges cost the shared v1 quota.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use rollcall_model::{AccountClass, Call, Failure, Lane};
use rollcall_runtime::clock::between;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::client::{Client, id_text, with_parameter};
use crate::encode::percent;
use crate::exchange::text;

/// The vendor's name of the privilege that may do everything.
const SUPER_USER: &str = "Super user";
/// How long what was read is taken for true.
const FRESH: Duration = Duration::from_mins(1);
/// How long it is better than nothing while the vendor cannot be asked.
const STALE: Duration = Duration::from_hours(1);
/// How long names of groups, which rarely change, are kept.
pub(super) const NAMES_FRESH: Duration = Duration::from_mins(10);
/// Calls made side by side.
const AT_ONCE: usize = 8;
/// Pages of one privilege's users.
const MOST_PAGES: usize = 50;

/// Something read and kept. Calls that need it at once share one reading.
pub(super) struct Kept<T>(Mutex<Option<(Timestamp, Arc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    /// What is kept, or a new reading. When that fails in passing, what was kept up to an hour ago.
    pub(super) async fn or_read(
        &self,
        now: Timestamp,
        fresh: Duration,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        let mut kept = self.0.lock().await;
        let held = kept.as_ref().map(|(at, value)| (between(*at, now), Arc::clone(value)));
        match held {
            Some((age, value)) if age < fresh => Ok(value),
            held => match read.await {
                Ok(value) => {
                    let value = Arc::new(value);
                    *kept = Some((now, Arc::clone(&value)));
                    Ok(value)
                }
                Err(failure) => match held {
                    Some((age, value)) if failure.is_retryable() && age < STALE => Ok(value),
                    _ => Err(failure),
                },
            },
        }
    }
}

impl<T> Kept<T> {
    /// A new reading, whatever is kept: for what is written to and read back.
    async fn renewed(&self, now: Timestamp, read: impl Future<Output = Result<T, Failure>>) -> Result<Arc<T>, Failure> {
        let mut kept = self.0.lock().await;
        let value = Arc::new(read.await?);
        *kept = Some((now, Arc::clone(&value)));
        Ok(value)
    }
}

/// A privilege and who holds it.
pub(super) struct Privilege {
    id: String,
    pub(super) name: String,
    users: BTreeSet<String>,
    /// Every member of these roles holds it too.
    roles: BTreeSet<String>,
}

/// A role and who administers it.
pub(super) struct Role {
    pub(super) name: String,
    admins: BTreeSet<String>,
}

/// Both, each as far as it could be read.
pub(super) struct Rights {
    pub(super) privileges: Result<Arc<Vec<Privilege>>, Failure>,
    pub(super) roles: Result<Arc<BTreeMap<String, Role>>, Failure>,
}

/// Reads both side by side.
pub(super) async fn rights(client: &Client, call: &Call) -> Rights {
    let now = client.exchange.clock.now();
    let (privileges, roles) = futures::join!(
        client.privileges.or_read(now, FRESH, read_privileges(client, call)),
        client.roles.or_read(now, FRESH, read_roles(client, call)),
    );
    Rights { privileges, roles }
}

/// The same as it is now, for taking and giving rights: what is kept may be from before another's change, or our own.
pub(super) async fn rights_now(client: &Client, call: &Call) -> Rights {
    let now = client.exchange.clock.now();
    let (privileges, roles) = futures::join!(
        client.privileges.renewed(now, read_privileges(client, call)),
        client.roles.renewed(now, read_roles(client, call)),
    );
    Rights { privileges, roles }
}

impl Rights {
    /// The name of a role, or its id where that is not known.
    pub(super) fn role_name(&self, id: &str) -> String {
        let role = self.roles.as_ref().ok().and_then(|all| all.get(id));
        role.map_or_else(|| id.to_owned(), |role| role.name.clone())
    }

    /// Privileges that the user holds by themselves, as `{id, name}` in order of id.
    pub(super) fn own_privileges(&self, user: &str) -> Vec<Value> {
        self.each_privilege(|privilege| {
            let own = privilege.users.contains(user);
            own.then(|| json!({ "id": privilege.id, "name": privilege.name }))
        })
    }

    /// Privileges that come with a role, as `{id, name, roles}` in order of id.
    pub(super) fn privileges_by_role(&self, held: &[String]) -> Vec<Value> {
        self.each_privilege(|privilege| {
            let by: Vec<String> = held
                .iter()
                .filter(|role| privilege.roles.contains(*role))
                .map(|role| self.role_name(role))
                .collect();
            (!by.is_empty()).then(|| json!({ "id": privilege.id, "name": privilege.name, "roles": by }))
        })
    }

    fn each_privilege(&self, shown: impl Fn(&Privilege) -> Option<Value>) -> Vec<Value> {
        let all = self.privileges.iter().flat_map(|all| all.iter());
        let rows: BTreeMap<&str, Value> = all.filter_map(|one| Some((one.id.as_str(), shown(one)?))).collect();
        rows.into_values().collect()
    }

    /// Roles that the user administers, as `{id, name}` in order of id.
    pub(super) fn administered(&self, user: &str) -> Vec<Value> {
        let all = self.roles.iter().flat_map(|all| all.iter());
        all.filter(|(_, role)| role.admins.contains(user))
            .map(|(id, role)| json!({ "id": id, "name": role.name }))
            .collect()
    }

    /// Names of the privileges that a user holds, by themselves or by a role.
    pub(super) fn privileges_of(&self, user: &str, roles: &[String]) -> Vec<String> {
        let mut names: Vec<String> = self
            .privileges
            .iter()
            .flat_map(|all| all.iter())
            .filter(|privilege| holds(privilege, user, roles))
            .map(|privilege| privilege.name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Names of the roles that a user administers.
    pub(super) fn administered_by(&self, user: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .roles
            .iter()
            .flat_map(|all| all.values())
            .filter(|role| role.admins.contains(user))
            .map(|role| role.name.clone())
            .collect();
        names.sort();
        names
    }

    /// What an account is for, as far as it could be told.
    pub(super) fn class(&self, client: &Client, user: &str, roles: &[String]) -> AccountClass {
        if client.is_own(user) {
            AccountClass::Service
        } else if self.privileges_of(user, roles).is_empty() && self.administered_by(user).is_empty() {
            AccountClass::Human
        } else {
            AccountClass::Admin
        }
    }

    /// Whether a user may do everything.
    pub(super) fn is_super(&self, user: &str, roles: &[String]) -> bool {
        self.super_user().any(|privilege| holds(privilege, user, roles))
    }

    fn super_user(&self) -> impl Iterator<Item = &Privilege> {
        self.privileges
            .iter()
            .flat_map(|all| all.iter())
            .filter(|privilege| privilege.name.eq_ignore_ascii_case(SUPER_USER))
    }

    /// Everybody but this user who may do everything.
    pub(super) async fn other_super_users(
        &self,
        client: &Client,
        call: &Call,
        user: &str,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut others = BTreeSet::new();
        for privilege in self.super_user() {
            others.extend(privilege.users.iter().cloned());
            for role in &privilege.roles {
                let path = format!("/api/2/roles/{}/users?limit=100", percent(role));
                let members = client.list(call, "reading the super users", &path).await?;
                others.extend(members.rows.iter().filter_map(|row| id_text(row.get("id"))));
            }
        }
        others.remove(user);
        Ok(others)
    }

    /// The failure that should end the whole read: on the urgent lane none does, because a cut does not wait for a list of
    /// administrators; everything slower reads again.
    pub(super) fn worth_waiting_for(&self, call: &Call) -> Option<Failure> {
        let failures = [self.privileges.as_ref().err(), self.roles.as_ref().err()];
        let failure = failures.into_iter().flatten().find(|failure| failure.is_retryable());
        failure.filter(|_| call.lane != Lane::Urgent).cloned()
    }
}

fn holds(privilege: &Privilege, user: &str, roles: &[String]) -> bool {
    privilege.users.contains(user) || roles.iter().any(|role| privilege.roles.contains(role))
}

/// The ids of the roles of a user, as the single user shows them.
pub(super) fn role_ids(user: &Value) -> Vec<String> {
    let ids = user.get("role_ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(|id| id_text(Some(id))).collect()
}

async fn read_privileges(client: &Client, call: &Call) -> Result<Vec<Privilege>, Failure> {
    let what = "reading the privileges";
    let all = client.get(call, what, "/api/1/privileges").await?;
    let all =
        all.ok_or_else(|| Failure::give_up(format!("{what}: OneLogin answered 404, the account has none to read")))?;
    let rows = members(&all, "privileges").unwrap_or_default();
    futures::stream::iter(rows)
        .map(|row| async move {
            let id = id_text(row.get("id")).unwrap_or_default();
            let base = format!("/api/1/privileges/{}", percent(&id));
            let (users, roles) = (format!("{base}/users"), format!("{base}/roles"));
            let (users, roles) = futures::join!(
                assigned(client, call, &users, "users"),
                assigned(client, call, &roles, "roles"),
            );
            Ok(Privilege {
                id: id.clone(),
                name: text(&row, "name").unwrap_or_default().to_owned(),
                users: users?,
                roles: roles?,
            })
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// Ids that a privilege names: a bare array, or an object with a total and a cursor (the vendor's own clients disagree).
async fn assigned(client: &Client, call: &Call, path: &str, name: &str) -> Result<BTreeSet<String>, Failure> {
    let what = format!("reading the {name} of a privilege");
    let mut ids = BTreeSet::new();
    let mut next = path.to_owned();
    for _ in 0..MOST_PAGES {
        // A privilege that went away in between is held by nobody.
        let Some(answer) = client.get(call, &what, &next).await? else {
            return Ok(BTreeSet::new());
        };
        let Some(rows) = members(&answer, name) else {
            return Err(Failure::retry(format!("{what}: the answer is not a list")));
        };
        ids.extend(rows.iter().filter_map(|row| id_text(row.get("id").or(Some(row)))));
        match text(&answer, "afterCursor") {
            Some(cursor) => next = with_parameter(path, "after_cursor", cursor),
            None => return Ok(ids),
        }
    }
    Err(Failure::give_up(format!("{what}: the list does not end")))
}

fn members(answer: &Value, name: &str) -> Option<Vec<Value>> {
    let list = answer.get(name).or_else(|| answer.get("data")).unwrap_or(answer);
    list.as_array().cloned()
}

async fn read_roles(client: &Client, call: &Call) -> Result<BTreeMap<String, Role>, Failure> {
    let what = "reading the roles";
    let listed = client.list(call, what, "/api/2/roles?fields=admins&limit=100").await?;
    if !listed.whole {
        return Err(Failure::retry(format!(
            "{what}: roles came or went while they were read"
        )));
    }
    let role = |row: &Value| {
        let admins = row.get("admins").and_then(Value::as_array);
        let role = Role {
            name: text(row, "name").unwrap_or_default().to_owned(),
            admins: admins
                .into_iter()
                .flatten()
                .filter_map(|id| id_text(Some(id)))
                .collect(),
        };
        Some((id_text(row.get("id"))?, role))
    };
    Ok(listed.rows.iter().filter_map(role).collect())
}
