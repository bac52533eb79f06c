//! What objects are: the vendor's descriptions, cut down to what a hand-over needs and kept for a day.

use std::collections::BTreeMap;

use bytes::Bytes;
use rollcall_model::{Desk, Failure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::candidates::by_name;
use crate::exchange::{items, text};
use crate::salesforce::client::{Ask, Client};
use crate::salesforce::soql::is_name;

/// Descriptions asked for in one call. Few, because one of a grown org takes a megabyte.
const AT_ONCE: usize = 5;
/// The object that everything hangs on.
pub(super) const USER: &str = "User";

/// A field that holds a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LookUp {
    /// Its name.
    pub(super) name: String,
    /// We may write it.
    pub(super) updateable: bool,
    /// It may stand in a condition.
    pub(super) filterable: bool,
    /// It may hold a queue too: `referenceTo` names `Group`.
    pub(super) queue: bool,
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    /// It can be queried and is one that people fill, rather than a setting or something that goes with another object.
    pub(super) usable: bool,
    /// Its records can be changed.
    pub(super) updateable: bool,
    /// Fields that hold a user.
    pub(super) look_ups: Vec<LookUp>,
    /// Fields that hold something else, and what.
    pub(super) references: Vec<(String, Vec<String>)>,
    /// Those of the fields that tell closed records which it has.
    pub(super) marks: Vec<String>,
    /// Fields that a new record may carry.
    pub(super) createable: Vec<String>,
}

/// Fields that decide whether a record is still open, or whether it follows another one.
const MARKS: [&str; 4] = ["IsClosed", "IsConverted", "EndDateTime", "IsChild"];

/// A place where an object may name a user: an element of the user's `childRelationships`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Relation {
    pub(super) object: String,
    pub(super) field: String,
    pub(super) hidden: bool,
}

/// All that is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Descriptions {
    pub(super) relations: Vec<Relation>,
    pub(super) objects: BTreeMap<String, Described>,
    /// Objects that are not described to us, and why; asked again each time.
    #[serde(skip)]
    pub(super) refused: BTreeMap<String, String>,
}

impl Described {
    /// Reads `GET /sobjects/{O}/describe`.
    pub(super) fn of(body: &Value) -> Self {
        let flag = |value: &Value, name: &str| value.get(name) == Some(&Value::Bool(true));
        let fields = items(body, "fields");
        let mut described = Self {
            usable: flag(body, "queryable")
                && !flag(body, "customSetting")
                && !flag(body, "deprecatedAndHidden")
                && text(body, "keyPrefix").is_some()
                && text(body, "associateEntityType").is_none(),
            updateable: flag(body, "updateable"),
            ..Self::default()
        };
        for field in fields {
            let Some(name) = text(field, "name").filter(|name| is_name(name)) else {
                continue;
            };
            let to: Vec<String> = items(field, "referenceTo")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            if to.iter().any(|one| one == USER) {
                described.look_ups.push(LookUp {
                    name: name.to_owned(),
                    updateable: flag(field, "updateable"),
                    filterable: flag(field, "filterable"),
                    queue: to.iter().any(|one| one == "Group"),
                });
            } else if !to.is_empty() {
                described.references.push((name.to_owned(), to));
            }
            if MARKS.contains(&name) {
                described.marks.push(name.to_owned());
            }
            if flag(field, "createable") {
                described.createable.push(name.to_owned());
            }
        }
        described
    }
}

/// The descriptions of the user and of every object that may hold one, kept for a day by connection and API version.
pub(super) async fn read(client: &Client, desk: &dyn Desk) -> Result<Descriptions, Failure> {
    let key = format!(
        "salesforce-describe/{}/{}",
        client.settings.connection, client.settings.api_version
    );
    let kept = desk.recall(&key).await;
    let mut all: Descriptions = kept
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    if all.relations.is_empty() {
        let path = format!("{}/sobjects/{USER}/describe", client.data());
        let what = "describing the user";
        let response = client.send(&desk.call(), what, http::Method::GET, &path, None).await?;
        let body = crate::exchange::json(what, &response, true)?;
        all.relations = items(&body, "childRelationships")
            .iter()
            .filter_map(|relation| {
                Some(Relation {
                    object: text(relation, "childSObject").filter(|name| is_name(name))?.to_owned(),
                    field: text(relation, "field").filter(|name| is_name(name))?.to_owned(),
                    hidden: relation.get("deprecatedAndHidden") == Some(&Value::Bool(true)),
                })
            })
            .collect();
        if all.relations.is_empty() {
            return Err(Failure::needs_human(
                "describing the user: Salesforce names no object that could belong to one; check what the integration user may see",
            ));
        }
        all.objects.insert(USER.to_owned(), Described::of(&body));
        keep(desk, &key, &all).await;
    }
    let wanted = by_name(&all.relations);
    let missing: Vec<String> = wanted
        .into_keys()
        .filter(|name| !all.objects.contains_key(name))
        .collect();
    for names in missing.chunks(AT_ONCE) {
        let asks: Vec<(&str, Ask)> = names
            .iter()
            .map(|name| (name.as_str(), Ask::Path(format!("sobjects/{name}/describe"))))
            .collect();
        let what = "describing objects";
        for (name, part) in client.ask(&desk.call(), what, &asks).await? {
            match part {
                Ok(body) => {
                    all.objects.insert(name, Described::of(&body));
                }
                Err(refusal) => {
                    let code = if refusal.code.is_empty() {
                        refusal.status.to_string()
                    } else {
                        refusal.code
                    };
                    all.refused.insert(name, format!("not described: {code}"));
                }
            }
        }
        // After each call: whoever goes on after a crash does not begin anew.
        keep(desk, &key, &all).await;
    }
    Ok(all)
}

async fn keep(desk: &dyn Desk, key: &str, all: &Descriptions) {
    if let Ok(body) = serde_json::to_vec(all) {
        desk.remember(key, Bytes::from(body)).await;
    }
}
