//! The members of a group that is known by name.

use rollcall_model::connector::{GroupRead, Member};
use rollcall_model::{Call, Failure};
use serde_json::Value;

use super::accounts::quote;
use super::client::Client;
use super::subject::profile_text;
use crate::encode::percent;
use crate::exchange::text;

/// Row of Okta's rate-limit table for group lists, their members and rules.
pub(super) const GROUPS: &str = "/api/v1/groups";

/// Reads the group of exactly this name. The search also asks for what every tenant has, the group of everyone: where that
/// does not come back, groups are hidden from the credential (it is from administrators of single groups) and a missing group
/// proves nothing.
pub(super) async fn of(client: &Client, call: &Call, name: &str) -> Result<GroupRead, Failure> {
    let what = "searching the group";
    let search = format!("type eq \"BUILT_IN\" or profile.name eq {}", quote(name));
    let path = format!("/api/v1/groups?search={}&limit=200", percent(&search));
    let found = client.list(call, GROUPS, what, &path).await?;
    let called: Vec<&Value> = found
        .iter()
        .filter(|group| group.pointer("/profile/name").and_then(Value::as_str) == Some(name))
        .collect();
    let id = match called.as_slice() {
        [] if found.iter().any(|group| text(group, "type") == Some("BUILT_IN")) => return Ok(GroupRead::NoSuchGroup),
        [] => {
            return Ok(GroupRead::Unproven(
                "no such group came back, nor the one of everyone: grant the app an admin role that sees all groups"
                    .to_owned(),
            ));
        }
        [one] => text(one, "id"),
        several => {
            return Ok(GroupRead::Unproven(format!(
                "{} groups have this name: rename all but one",
                several.len()
            )));
        }
    };
    let Some(id) = id else {
        return Ok(GroupRead::Unproven("the group has no id".to_owned()));
    };
    let path = format!("/api/v1/groups/{}/users?limit=200", percent(id));
    let members = client.list(call, GROUPS, "reading the group's members", &path).await?;
    Ok(GroupRead::Members(members.iter().filter_map(member).collect()))
}

fn member(user: &Value) -> Option<Member> {
    Some(Member {
        id: text(user, "id")?.to_owned(),
        login: profile_text(user, "login").unwrap_or_default().to_lowercase(),
        email: profile_text(user, "email").map(str::to_lowercase),
    })
}
