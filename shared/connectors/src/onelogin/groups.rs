//! The members of a role or group, by its exact name.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use rollcall_model::connector::{GroupRead, Member};
use rollcall_model::{Call, Failure};
use serde_json::Value;

use super::client::{Client, id_text, with_parameter};
use super::subject::{group_names, login, user};
use crate::exchange::text;

/// Calls made side by side.
const AT_ONCE: usize = 8;

/// A role's members, or a group's where no role has the name: a person shows both kinds as their groups.
pub(super) async fn members(client: &Client, call: &Call, name: &str) -> Result<GroupRead, Failure> {
    let what = "searching the role";
    if name.trim().is_empty() {
        return Ok(GroupRead::Unproven(
            "a role without a name cannot be searched".to_owned(),
        ));
    }
    client.sign_in(call).await?;
    let path = with_parameter("/api/2/roles?limit=100", "name", name);
    let (named, any) = futures::join!(
        client.list(call, what, &path),
        client.page(call, what, "/api/2/roles?limit=1", None),
    );
    let (named, any) = (named?, any?);
    // The filter ignores case and takes `*` for anything; a name is exact.
    let roles: Vec<String> = named
        .rows
        .iter()
        .filter(|role| text(role, "name") == Some(name))
        .filter_map(|role| id_text(role.get("id")))
        .collect();
    if !roles.is_empty() {
        let mut all = BTreeMap::new();
        for role in roles {
            if let Err(why) = of_role(client, call, &role, &mut all).await? {
                return Ok(GroupRead::Unproven(why));
            }
        }
        return Ok(GroupRead::Members(all.into_values().collect()));
    }
    let groups = group_names(client, call).await?;
    if let Some((id, _)) = groups.iter().find(|(_, held)| held.as_str() == name) {
        return of_group(client, call, id).await;
    }
    Ok(if any.rows.is_empty() {
        GroupRead::Unproven("OneLogin shows no role at all: check the scope of the credential".to_owned())
    } else if named.whole {
        GroupRead::NoSuchGroup
    } else {
        GroupRead::Unproven("roles came or went while they were searched".to_owned())
    })
}

/// The list of members is paged by offset; the role itself names all ids at once, so both together miss nobody. `Err` inside
/// says why they may.
async fn of_role(
    client: &Client,
    call: &Call,
    role: &str,
    all: &mut BTreeMap<String, Member>,
) -> Result<Result<(), String>, Failure> {
    let what = "reading the members of a role";
    let (role_path, users_path) = (
        format!("/api/2/roles/{role}"),
        format!("/api/2/roles/{role}/users?limit=100"),
    );
    let (whole, listed) = futures::join!(client.get(call, what, &role_path), client.list(call, what, &users_path));
    let listed = listed?;
    all.extend(listed.rows.iter().filter_map(member));
    let Some(whole) = whole? else {
        return Ok(Err("the role went away while it was read".to_owned()));
    };
    let Some(ids) = whole.get("users").and_then(Value::as_array) else {
        return Ok(if listed.whole {
            Ok(())
        } else {
            Err("members came or went while the role was read".to_owned())
        });
    };
    let missing: BTreeSet<String> = ids
        .iter()
        .filter_map(|id| id_text(id.get("id").or(Some(id))))
        .filter(|id| !all.contains_key(id))
        .collect();
    let found: Vec<Result<Option<Value>, Failure>> = futures::stream::iter(missing)
        .map(|id| async move { user(client, call, "reading a member", &id).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for each in found {
        match each? {
            Some(user) => all.extend(member(&user)),
            None => return Ok(Err("the role has a member whom the credential does not see".to_owned())),
        }
    }
    Ok(Ok(()))
}

async fn of_group(client: &Client, call: &Call, id: &str) -> Result<GroupRead, Failure> {
    let what = "reading the members of a group";
    let path = format!("/api/2/users?limit=100&group_id={id}");
    let listed = client.list(call, what, &path).await?;
    // A filter that is not heeded would make everybody a member.
    let stranger = listed
        .rows
        .iter()
        .any(|row| id_text(row.get("group_id")).is_some_and(|group| group != id));
    if stranger || !listed.whole {
        return Ok(GroupRead::Unproven(
            "the list of the group's members moved or shows others while it was read".to_owned(),
        ));
    }
    let members: BTreeMap<String, Member> = listed.rows.iter().filter_map(member).collect();
    Ok(GroupRead::Members(members.into_values().collect()))
}

fn member(row: &Value) -> Option<(String, Member)> {
    let id = id_text(row.get("id"))?;
    let member = Member {
        id: id.clone(),
        login: login(row),
        email: text(row, "email").map(|email| email.trim().to_lowercase()),
    };
    Some((id, member))
}
