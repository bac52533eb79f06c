//! What the configuration asks for: who gets the records, which of them, and which look-ups.

use std::collections::BTreeMap;

use rollcall_model::connector::MatchKey;
use serde::Deserialize;
use serde_json::Value;

use crate::encode::short;
use crate::salesforce::soql::is_name;

/// Somebody who may get records, as configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// Who takes over, named for this person.
    Successor,
    /// The manager: as the directory says, else as the org does.
    Manager,
    /// The managers above, as the org has them.
    Chain,
    /// A user by sign-in name or e-mail address.
    User(String),
    /// A queue by name.
    Queue(String),
}

impl Wanted {
    fn read(text: &str) -> Result<Self, String> {
        let named = |name: &str| (!name.trim().is_empty()).then(|| name.trim().to_owned());
        let known = match text {
            "successor" => Some(Self::Successor),
            "manager" => Some(Self::Manager),
            "managers-chain" => Some(Self::Chain),
            _ => match text.split_once(':') {
                Some(("user", name)) => named(name).map(Self::User),
                Some(("queue", name)) => named(name).map(Self::Queue),
                _ => None,
            },
        };
        known.ok_or_else(|| {
            format!(
                "{:?} is nobody to give records to: use successor, manager, managers-chain, user:<login or e-mail> or queue:<name>",
                short(text, 60)
            )
        })
    }
}

/// The parameters of a hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Who gets records, in order.
    pub(super) to: Vec<Wanted>,
    /// The same for single objects.
    pub(super) objects: BTreeMap<String, Vec<Wanted>>,
    /// Closed records move too.
    pub(super) all: bool,
    /// `Object.Field` → whether it moves.
    pub(super) fields: BTreeMap<String, bool>,
    /// Who the successor is.
    pub(super) successor: Vec<MatchKey>,
    /// Who the manager is.
    pub(super) manager: Vec<MatchKey>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Default, Deserialize)]
struct Somebody {
    #[serde(default)]
    keys: Vec<MatchKey>,
}

#[derive(Default, Deserialize)]
struct People {
    #[serde(default)]
    successor: Option<Somebody>,
    #[serde(default)]
    manager: Option<Somebody>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    to: Option<OneOrMore>,
    #[serde(default)]
    objects: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    people: Option<People>,
}

impl Order {
    /// Reads the parameters; what is wrong with them is said for the person who wrote them.
    pub(super) fn read(with: &Value) -> Result<Self, String> {
        let raw = match with {
            Value::Null => Raw::default(),
            with => serde_json::from_value(with.clone())
                .map_err(|error| format!("the parameters of the hand-over are not understood: {error}"))?,
        };
        let to = match raw.to {
            Some(list) => targets(list)?,
            None => vec![Wanted::Successor, Wanted::Manager, Wanted::Chain],
        };
        if to.is_empty() {
            return Err("`to` names nobody: name at least one target, such as successor".to_owned());
        }
        let mut objects = BTreeMap::new();
        for (object, list) in raw.objects {
            if !is_name(&object) {
                return Err(format!(
                    "`objects`: {:?} is not the name of an object",
                    short(&object, 60)
                ));
            }
            let list = targets(list)?;
            if list.is_empty() {
                return Err(format!("`objects`: {object} names nobody"));
            }
            objects.insert(object, list);
        }
        let mut fields = BTreeMap::new();
        for (name, what) in raw.fields {
            let whole = name
                .split_once('.')
                .is_some_and(|(object, field)| is_name(object) && is_name(field));
            if !whole {
                return Err(format!(
                    "`fields`: {:?} is not of the form Object.Field",
                    short(&name, 90)
                ));
            }
            let moves = match what.as_str() {
                "move" => true,
                "report" => false,
                other => {
                    return Err(format!(
                        "`fields`: {name} is {:?}; use move or report",
                        short(other, 20)
                    ));
                }
            };
            fields.insert(name, moves);
        }
        let all = match raw.scope.as_deref() {
            None | Some("open") => false,
            Some("all") => true,
            Some(other) => return Err(format!("`scope` is {:?}; use open or all", short(other, 20))),
        };
        let people = raw.people.unwrap_or_default();
        let keys = |somebody: Option<Somebody>| somebody.map(|one| one.keys).unwrap_or_default();
        let (successor, manager) = (keys(people.successor), keys(people.manager));
        if let Some(key) = successor.iter().chain(&manager).find(|key| !is_name(&key.field)) {
            return Err(format!(
                "{:?} is not the name of a field of User: correct `match`",
                short(&key.field, 60)
            ));
        }
        Ok(Self {
            to,
            objects,
            all,
            fields,
            successor,
            manager,
        })
    }

    /// Who gets records of this object, in order.
    pub(super) fn for_object(&self, object: &str) -> &[Wanted] {
        self.objects.get(object).unwrap_or(&self.to)
    }

    /// Everybody who is named anywhere.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &Wanted> {
        self.to.iter().chain(self.objects.values().flatten())
    }

    /// Whether records that name the user by this field move. An owner does unless it is only to be reported.
    pub(super) fn moves(&self, object: &str, field: &str) -> bool {
        self.fields
            .get(&format!("{object}.{field}"))
            .copied()
            .unwrap_or(field == "OwnerId")
    }
}

fn targets(list: OneOrMore) -> Result<Vec<Wanted>, String> {
    let list = match list {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(list) => list,
    };
    list.iter().map(|text| Wanted::read(text)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_configured_is_read_and_the_rest_has_defaults() {
        let nothing = Order::read(&Value::Null).unwrap();
        assert_eq!(nothing.to, [Wanted::Successor, Wanted::Manager, Wanted::Chain]);
        assert!(!nothing.all);
        assert!(nothing.moves("Account", "OwnerId") && !nothing.moves("Account", "Approver__c"));
        let order = Order::read(&json!({
            "to": "manager",
            "objects": { "Case": ["queue:Support", "user:kim@corp.example"] },
            "scope": "all",
            "fields": { "Deal__c.Approver__c": "move", "Asset.OwnerId": "report" },
            "people": { "successor": { "keys": [{ "field": "EmployeeNumber", "value": "7", "sure": true }] } },
        }))
        .unwrap();
        assert_eq!(order.for_object("Account"), [Wanted::Manager]);
        assert_eq!(
            order.for_object("Case"),
            [
                Wanted::Queue("Support".to_owned()),
                Wanted::User("kim@corp.example".to_owned())
            ]
        );
        assert!(order.all && order.moves("Deal__c", "Approver__c") && !order.moves("Asset", "OwnerId"));
        assert_eq!((order.successor.len(), order.manager.len()), (1, 0));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (with, says) in [
            (json!({ "to": ["boss"] }), "nobody to give records to"),
            (json!({ "to": [] }), "names nobody"),
            (json!({ "to": ["user: "] }), "nobody to give records to"),
            (json!({ "objects": { "A b": "manager" } }), "not the name of an object"),
            (json!({ "scope": "closed" }), "use open or all"),
            (json!({ "fields": { "Account": "move" } }), "Object.Field"),
            (json!({ "fields": { "Account.X__c": "drop" } }), "use move or report"),
            (json!({ "whom": "me" }), "not understood"),
            (
                json!({ "people": { "manager": { "keys": [{ "field": "a'b", "value": "x", "sure": true }] } } }),
                "correct `match`",
            ),
        ] {
            let why = Order::read(&with).unwrap_err();
            assert!(why.contains(says), "{with}: {why}");
        }
    }
}
