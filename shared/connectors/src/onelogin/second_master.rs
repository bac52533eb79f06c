//! Who else writes to the users: directories, trusted identity providers and mappings. What they master comes back after it was
//! changed here (OneLogin, "Mappings": they override what was set by hand).

use rollcall_model::Call;
use rollcall_model::connector::{Probe, ProbeResult};
use serde_json::Value;

use super::client::{Client, id_text};
use super::examine::failed;
use super::rights::Rights;
use super::subject::login;
use crate::encode::short;
use crate::exchange::{items, text};

/// Names that are given of each kind.
const NAMED: usize = 3;
const WHAT: &str = "second-master";

/// Counts the users that something else masters, and names the mappings that would undo a suspension or give roles back.
pub(super) async fn probe(client: &Client, call: &Call, rights: &Rights) -> Probe {
    let path = "/api/2/users?limit=100&fields=id,username,email,directory_id,trusted_idp_id";
    let (users, mappings) = futures::join!(
        client.list(call, "reading the users' masters", path),
        client.list(call, "reading the mappings", "/api/2/mappings?limit=100"),
    );
    let users = match users {
        Ok(users) => users,
        Err(failure) => return failed(WHAT, failure),
    };
    let mut found = Vec::new();
    let mut next = Vec::new();
    for (field, by, off) in [
        (
            "directory_id",
            "a directory",
            "end the directory's hold on the status of users, or offboard them there",
        ),
        (
            "trusted_idp_id",
            "a trusted identity provider",
            "switch off provisioning by the trusted identity provider",
        ),
    ] {
        let mastered: Vec<String> = users
            .rows
            .iter()
            .filter(|user| id_text(user.get(field)).is_some_and(|id| id != "0"))
            .map(|user| short(&login(user), 80))
            .collect();
        if !mastered.is_empty() {
            let names: Vec<&str> = mastered.iter().take(NAMED).map(String::as_str).collect();
            found.push(format!(
                "{} of {} users are mastered by {by} ({}{})",
                mastered.len(),
                users.rows.len(),
                names.join(", "),
                if mastered.len() > NAMED { ", …" } else { "" }
            ));
            next.push(off);
        }
    }
    let mut unread = None;
    match mappings {
        Ok(mappings) => {
            let role_name = |id: &str| {
                let kept = rights.roles.as_ref().ok().and_then(|all| all.get(id));
                kept.map_or_else(|| id.to_owned(), |role| role.name.clone())
            };
            let (status, roles) = undoing(&mappings.rows, role_name);
            if !status.is_empty() {
                found.push(format!("mappings that set the status: {}", status.join(", ")));
                next.push("switch off the mappings that set the status, they undo a suspension");
            }
            if !roles.is_empty() {
                found.push(format!("mappings that give roles: {}", roles.join(", ")));
                next.push("see that no mapping gives a leaver's role back");
            }
        }
        Err(failure) => unread = Some(format!("the mappings are not readable ({failure})")),
    }
    let (result, found) = match (found.is_empty(), unread) {
        (true, None) => (ProbeResult::Good, "nothing else masters the users".to_owned()),
        (true, Some(unread)) => return Probe::unseen(WHAT, unread),
        (false, unread) => {
            found.extend(unread);
            (ProbeResult::Warning, found.join("; "))
        }
    };
    let next = (!next.is_empty()).then(|| next.join("; "));
    Probe::new(WHAT, result, found, next.as_deref())
}

/// Enabled mappings with an action that sets a status, and those that give roles, each with the roles' names.
fn undoing(mappings: &[Value], role_name: impl Fn(&str) -> String) -> (Vec<String>, Vec<String>) {
    let mut status = Vec::new();
    let mut roles = Vec::new();
    let enabled = mappings
        .iter()
        .filter(|mapping| mapping.get("enabled") != Some(&Value::Bool(false)));
    for mapping in enabled {
        let name = short(text(mapping, "name").unwrap_or("without a name"), 80);
        for action in items(mapping, "actions") {
            match text(action, "action") {
                Some("set_status") => status.push(name.clone()),
                Some("add_role" | "set_role") => {
                    let given: Vec<String> = items(action, "value")
                        .iter()
                        .filter_map(|id| id_text(Some(id)))
                        .map(|id| role_name(&id))
                        .collect();
                    roles.push(format!("{name} ({})", given.join(", ")));
                }
                _ => {}
            }
        }
    }
    status.dedup();
    (status, roles)
}
