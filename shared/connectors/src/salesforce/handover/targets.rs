//! Who gets the records: everybody whom the configuration names is looked up once, and whoever cannot own records is left out
//! with the reason.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::connector::MatchKey;
use rollcall_model::{AccountRef, Desk, Failure};
use serde_json::Value;

use super::candidates::{Plan, row_id};
use super::order::{Order, Wanted};
use crate::exchange::text;
use crate::salesforce::client::{Client, Rows};
use crate::salesforce::soql::{eighteen, is_name, same_record, soql_quote};

/// How far up a chain of managers is followed.
const STEPS: usize = 10;
/// What is read of everybody.
const FIELDS: &str = "Id, Username, Email, IsActive, UserType, ManagerId, Profile.UserLicense.Name";
/// Licences whose users cannot own business records (Salesforce Help, "User Licenses").
const WITHOUT_RECORDS: [&str; 8] = [
    "Chatter Free",
    "Chatter External",
    "Identity",
    "External Identity",
    "Salesforce Integration",
    "Analytics Cloud Integration User",
    "Guest User License",
    "XOrg Proxy User",
];
/// How many queries one call takes.
const MOST_QUERIES: usize = 5;

/// A user as read.
#[derive(Clone, Debug)]
struct User {
    id: String,
    active: bool,
    kind: String,
    licence: Option<String>,
    manager: Option<String>,
    row: Value,
}

impl User {
    fn of(row: &Value) -> Option<Self> {
        let licence = row.pointer("/Profile/UserLicense/Name").and_then(Value::as_str);
        Some(Self {
            id: row_id(row)?,
            active: row.get("IsActive") == Some(&Value::Bool(true)),
            kind: text(row, "UserType").unwrap_or_default().to_owned(),
            licence: licence.map(str::to_owned),
            manager: text(row, "ManagerId").and_then(eighteen),
            row: row.clone(),
        })
    }

    fn has(&self, field: &str, value: &str) -> bool {
        text(&self.row, field).is_some_and(|held| held.eq_ignore_ascii_case(value.trim()))
    }

    /// Why records cannot be given to this user, as far as the row tells.
    fn unfit(&self, leaver: &str, own: &str) -> Option<String> {
        if same_record(&self.id, leaver) {
            Some("is the leaver".to_owned())
        } else if same_record(&self.id, own) {
            Some("is the integration's own user".to_owned())
        } else if !self.active {
            Some("is inactive".to_owned())
        } else if self.kind != "Standard" {
            Some(format!("is a user of type {}", crate::encode::short(&self.kind, 40)))
        } else {
            let licence = self.licence.as_deref()?;
            WITHOUT_RECORDS
                .contains(&licence)
                .then(|| format!("has the licence {licence}, which owns no records"))
        }
    }
}

/// Somebody as found: users in order, or why there is nobody.
type Found = Result<Vec<String>, String>;

/// All that was looked up.
#[derive(Debug, Default)]
pub(super) struct Targets {
    users: BTreeMap<Wanted, Found>,
    /// Queues by configured name, with the objects that each may own.
    queues: BTreeMap<String, Queue>,
    /// What people should know about the search.
    pub(super) notes: Vec<String>,
}

impl Targets {
    /// Who gets records of an object by a field, in order, and why others do not.
    fn of(&self, object: &str, queue: bool, wanted: &[Wanted]) -> (Vec<String>, Vec<String>) {
        let (mut ids, mut why): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for one in wanted {
            match one {
                Wanted::Queue(name) if !queue => {
                    why.push(format!("queue {name}: Salesforce lets no queue stand there"));
                }
                Wanted::Queue(name) => match self.queues.get(name) {
                    Some(Ok((id, objects))) if objects.contains(object) => ids.push(id.clone()),
                    Some(Ok(_)) => why.push(format!("queue {name}: it may not own {object}: add the object to it")),
                    Some(Err(reason)) => why.push(format!("queue {name} {reason}")),
                    None => {}
                },
                user => match self.users.get(user) {
                    Some(Ok(found)) => ids.extend(found.iter().cloned()),
                    Some(Err(reason)) => why.push(reason.clone()),
                    None => {}
                },
            }
        }
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        (ids, why)
    }

    /// Fills in who gets what.
    pub(super) fn fill(&self, plan: &mut Plan, order: &Order) {
        for object in &mut plan.objects {
            let wanted = order.for_object(&object.name);
            for field in object.fields.iter_mut().filter(|field| field.moves) {
                let (ids, why) = self.of(&object.name, field.queue, wanted);
                field.nobody = if ids.is_empty() { why.join("; ") } else { String::new() };
                field.targets = ids;
            }
        }
    }
}

/// Looks everybody up.
pub(super) async fn find(client: &Client, desk: &dyn Desk, leaver: &str, order: &Order) -> Result<Targets, Failure> {
    let own = client.access(&desk.call()).await?.own_user;
    let names: BTreeSet<&str> = order.everybody().filter_map(user_name).collect();
    let queues: BTreeSet<&str> = order.everybody().filter_map(queue_name).collect();
    let mut asks: Vec<(&str, String)> = vec![(
        "leaver",
        format!("SELECT {FIELDS} FROM User WHERE Id = {}", soql_quote(leaver)),
    )];
    let uses = |wanted: &Wanted| order.everybody().any(|one| one == wanted);
    let chain = uses(&Wanted::Chain);
    if uses(&Wanted::Successor) && !order.successor.is_empty() {
        asks.push(("successor", by_keys(&order.successor)));
    }
    if (uses(&Wanted::Manager) || chain) && !order.manager.is_empty() {
        asks.push(("manager", by_keys(&order.manager)));
    }
    if !names.is_empty() {
        let list = list(names.iter().copied());
        asks.push((
            "named",
            format!("SELECT {FIELDS} FROM User WHERE Username IN ({list}) OR Email IN ({list})"),
        ));
    }
    if !queues.is_empty() {
        let list = list(queues.iter().copied());
        asks.push((
            "queues",
            format!(
                "SELECT QueueId, SobjectType, Queue.Name, Queue.DeveloperName FROM QueueSobject WHERE Queue.Name IN ({list}) OR Queue.DeveloperName IN ({list})"
            ),
        ));
    }
    debug_assert!(asks.len() <= MOST_QUERIES);
    let what = "finding who gets the records";
    let mut answers = client.queries(&desk.call(), what, &asks).await?;
    let mut take = |name: &str| answers.remove(name);
    let (users_of_leaver, successors, managers, named, groups) = (
        take("leaver"),
        take("successor"),
        take("manager"),
        take("named"),
        take("queues"),
    );
    let Some(leaver_row) = users(users_of_leaver).ok().and_then(|rows| rows.into_iter().next()) else {
        return Err(Failure::retry(format!("{what}: the user did not come back")));
    };
    let mut targets = Targets::default();
    let mut found: BTreeMap<Wanted, Result<Vec<User>, String>> = BTreeMap::new();
    if uses(&Wanted::Successor) {
        let one = match successors {
            Some(rows) => one_of("successor", &order.successor, rows, &mut targets.notes),
            None => Err("successor: nobody is named".to_owned()),
        };
        found.insert(Wanted::Successor, one.map(|one| vec![one]));
    }
    let mut manager = match managers {
        Some(rows) => one_of("manager", &order.manager, rows, &mut targets.notes),
        None => Err("manager: the directory names none".to_owned()),
    };
    if uses(&Wanted::Manager) || chain {
        // The directory's word counts; where it leads nowhere in this org, the org's own does.
        if let (Err(why), Some(id)) = (&manager, &leaver_row.manager) {
            manager = match by_id(client, desk, id).await? {
                Some(user) => Ok(user),
                None => Err(format!("{why}; the org's manager {id} did not come back")),
            };
        } else if let Err(why) = &manager {
            manager = Err(format!("{why}, and the org has none"));
        }
    }
    if chain {
        found.insert(Wanted::Chain, above(client, desk, manager.as_ref().ok(), leaver).await?);
    }
    if uses(&Wanted::Manager) {
        found.insert(Wanted::Manager, manager.map(|one| vec![one]));
    }
    let named = named.map_or_else(|| Ok(Vec::new()), |rows| users(Some(rows)));
    for name in names {
        let one = named.clone().and_then(|rows| one_named(name, rows));
        found.insert(Wanted::User(name.to_owned()), one.map(|one| vec![one]));
    }
    targets.users = sift(client, desk, leaver, &own, found).await?;
    if let Some(rows) = groups {
        targets.queues = queues_of(&queues, rows);
    }
    Ok(targets)
}

fn user_name(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::User(name) => Some(name),
        _ => None,
    }
}

fn queue_name(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Queue(name) => Some(name),
        _ => None,
    }
}

fn list<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.map(soql_quote).collect::<Vec<_>>().join(", ")
}

fn by_keys(keys: &[MatchKey]) -> String {
    let mut fields = FIELDS.to_owned();
    for key in keys.iter().filter(|key| is_name(&key.field)) {
        if !fields.split(", ").any(|field| field.eq_ignore_ascii_case(&key.field)) {
            fields.push_str(", ");
            fields.push_str(&key.field);
        }
    }
    // An empty value would match everybody whose field is empty.
    let terms: Vec<String> = keys
        .iter()
        .filter(|key| !key.value.trim().is_empty() && is_name(&key.field))
        .map(|key| format!("{} = {}", key.field, soql_quote(key.value.trim())))
        .collect();
    let condition = if terms.is_empty() {
        "Id = null".to_owned()
    } else {
        terms.join(" OR ")
    };
    format!("SELECT {fields} FROM User WHERE {condition}")
}

fn users(rows: Option<Rows>) -> Result<Vec<User>, String> {
    match rows {
        Some(Ok(rows)) => Ok(rows.iter().filter_map(User::of).collect()),
        Some(Err(refusal)) => Err(format!("could not be searched: {}", refusal.code)),
        None => Ok(Vec::new()),
    }
}

/// The one user that a sure key names; or the only one that any key does, which people are told.
fn one_of(who: &str, keys: &[MatchKey], rows: Rows, notes: &mut Vec<String>) -> Result<User, String> {
    let rows = users(Some(rows)).map_err(|why| format!("{who} {why}"))?;
    let sure: Vec<&User> = rows
        .iter()
        .filter(|user| keys.iter().any(|key| key.sure && user.has(&key.field, &key.value)))
        .collect();
    match (sure.as_slice(), rows.as_slice()) {
        ([one], _) => Ok((*one).clone()),
        ([], [one]) => {
            notes.push(format!(
                "the {who} ({}) was found only by a key that is not sure",
                one.id
            ));
            Ok(one.clone())
        }
        ([], []) => Err(format!("{who}: has no user in this org")),
        (sure, all) => Err(format!(
            "{who}: {} users match, so nobody knows which",
            if sure.is_empty() { all.len() } else { sure.len() }
        )),
    }
}

/// A configured user: the sign-in name decides, an e-mail address only when one user has it.
fn one_named(name: &str, rows: Vec<User>) -> Result<User, String> {
    let by_name = rows.iter().find(|user| user.has("Username", name)).cloned();
    if let Some(user) = by_name {
        return Ok(user);
    }
    let mut by_mail = rows.into_iter().filter(|user| user.has("Email", name));
    match (by_mail.next(), by_mail.next()) {
        (Some(user), None) => Ok(user),
        (None, _) => Err(format!("user {name}: is not in this org")),
        _ => Err(format!(
            "user {name}: several users have this address, name one by its sign-in name"
        )),
    }
}

async fn by_id(client: &Client, desk: &dyn Desk, id: &str) -> Result<Option<User>, Failure> {
    let soql = format!("SELECT {FIELDS} FROM User WHERE Id = {}", soql_quote(id));
    let rows = client.query(&desk.call(), "reading a manager", &soql).await?;
    Ok(rows.first().and_then(User::of))
}

/// Everybody above the manager, up to ten steps; a circle ends it.
async fn above(
    client: &Client,
    desk: &dyn Desk,
    manager: Option<&User>,
    leaver: &str,
) -> Result<Result<Vec<User>, String>, Failure> {
    let Some(manager) = manager else {
        return Ok(Err("managers-chain: there is no manager to begin with".to_owned()));
    };
    let mut seen = BTreeSet::from([leaver.to_owned(), manager.id.clone()]);
    let mut chain = Vec::new();
    let mut next = manager.manager.clone();
    while let Some(id) = next.take().filter(|id| chain.len() < STEPS && seen.insert(id.clone())) {
        if let Some(user) = by_id(client, desk, &id).await? {
            next.clone_from(&user.manager);
            chain.push(user);
        }
    }
    if chain.is_empty() {
        return Ok(Err("managers-chain: nobody is above the manager".to_owned()));
    }
    Ok(Ok(chain))
}

/// Leaves out who cannot own records, with the reasons.
async fn sift(
    client: &Client,
    desk: &dyn Desk,
    leaver: &str,
    own: &str,
    found: BTreeMap<Wanted, Result<Vec<User>, String>>,
) -> Result<BTreeMap<Wanted, Found>, Failure> {
    let everybody: BTreeSet<&str> = found
        .values()
        .flatten()
        .flatten()
        .filter(|user| user.unfit(leaver, own).is_none())
        .map(|user| user.id.as_str())
        .collect();
    let mut barred: BTreeMap<String, &'static str> = BTreeMap::new();
    if !everybody.is_empty() {
        let soql = format!(
            "SELECT UserId FROM UserLogin WHERE IsFrozen = true AND UserId IN ({})",
            list(everybody.iter().copied())
        );
        let rows = client
            .query(&desk.call(), "looking whether a successor is frozen", &soql)
            .await?;
        let frozen = rows.iter().filter_map(|row| text(row, "UserId").and_then(eighteen));
        barred.extend(frozen.map(|id| (id, "is frozen")));
        for id in everybody {
            if !barred.contains_key(id)
                && desk
                    .is_leaving(&AccountRef::new(&client.settings.connection, id))
                    .await?
            {
                barred.insert(id.to_owned(), "is leaving, too");
            }
        }
    }
    let mut all = BTreeMap::new();
    for (wanted, users) in found {
        let who = label(&wanted);
        let fit = users.and_then(|users| {
            let (mut ids, mut why) = (Vec::new(), Vec::new());
            for user in users {
                let reason = user
                    .unfit(leaver, own)
                    .or_else(|| barred.get(&user.id).map(|reason| (*reason).to_owned()));
                match reason {
                    Some(reason) => why.push(format!("{who} ({}) {reason}", user.id)),
                    None => ids.push(user.id),
                }
            }
            if ids.is_empty() { Err(why.join("; ")) } else { Ok(ids) }
        });
        all.insert(wanted, fit);
    }
    Ok(all)
}

fn label(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Successor => "successor".to_owned(),
        Wanted::Manager => "manager".to_owned(),
        Wanted::Chain => "managers-chain".to_owned(),
        Wanted::User(name) => format!("user {name}"),
        Wanted::Queue(name) => format!("queue {name}"),
    }
}

/// A queue with the objects that it may own, or why there is none.
type Queue = Result<(String, BTreeSet<String>), String>;

/// Queues by their configured names, with what each may own (`QueueSobject`). The developer name decides where several queues
/// have the same label.
fn queues_of(wanted: &BTreeSet<&str>, rows: Rows) -> BTreeMap<String, Queue> {
    let rows = match rows {
        Ok(rows) => rows,
        Err(refusal) => {
            let why = format!("could not be searched: {}", refusal.code);
            return wanted
                .iter()
                .map(|name| ((*name).to_owned(), Err(why.clone())))
                .collect();
        }
    };
    let of = |name: &str| {
        let by = |field: &str| {
            let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            let place = format!("/Queue/{field}");
            for row in rows.iter().filter(|row| {
                let held = row.pointer(&place).and_then(Value::as_str);
                held.is_some_and(|held| held.eq_ignore_ascii_case(name))
            }) {
                if let (Some(queue), Some(object)) = (text(row, "QueueId").and_then(eighteen), text(row, "SobjectType"))
                {
                    found.entry(queue).or_default().insert(object.to_owned());
                }
            }
            found
        };
        let mut found = by("DeveloperName");
        if found.is_empty() {
            found = by("Name");
        }
        if found.len() > 1 {
            return Err("is the name of several: use the developer name".to_owned());
        }
        found
            .pop_first()
            .ok_or_else(|| "is not in this org, or may own nothing".to_owned())
    };
    wanted.iter().map(|name| ((*name).to_owned(), of(name))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LEAVER: &str = "0055f00000AAAA1AAP";
    const SAM: &str = "0055f00000BBBB1AAP";
    const OWN: &str = "0055f00000CCCC1AAP";

    fn user(id: &str, more: &[(&str, Value)]) -> Value {
        let mut row = json!({
            "Id": id, "IsActive": true, "UserType": "Standard", "Username": "sam@corp.example", "Email": "sam@corp.example",
            "Profile": { "UserLicense": { "Name": "Salesforce" } },
        });
        for (name, value) in more {
            row[*name] = value.clone();
        }
        row
    }

    #[test]
    fn only_active_licensed_people_own_records() {
        let licence = |name: &str| json!({ "UserLicense": { "Name": name } });
        for (row, says) in [
            (user(SAM, &[]), None),
            (user(SAM, &[("Profile", Value::Null)]), None),
            (user(LEAVER, &[]), Some("leaver")),
            (user(OWN, &[]), Some("integration")),
            (user(SAM, &[("IsActive", json!(false))]), Some("inactive")),
            (user(SAM, &[("UserType", json!("CsnOnly"))]), Some("CsnOnly")),
            (user(SAM, &[("Profile", licence("Identity"))]), Some("Identity")),
        ] {
            let why = User::of(&row).unwrap().unfit(LEAVER, OWN);
            match says {
                None => assert_eq!(why, None),
                Some(says) => assert!(why.unwrap().contains(says), "{row}"),
            }
        }
    }

    #[test]
    fn a_successor_is_one_user_and_a_sure_key_decides() {
        let key = |field: &str, value: &str, sure: bool| MatchKey {
            field: field.to_owned(),
            value: value.to_owned(),
            sure,
        };
        let keys = [
            key("EmployeeNumber", "7", true),
            key("Email", "sam@corp.example", false),
        ];
        let sure = user(SAM, &[("EmployeeNumber", json!("7"))]);
        let other = user(OWN, &[]);
        let mut notes = Vec::new();
        let one = one_of("successor", &keys, Ok(vec![other.clone(), sure]), &mut notes).unwrap();
        assert_eq!((one.id.as_str(), notes.len()), (SAM, 0));
        let one = one_of("successor", &keys, Ok(vec![other.clone()]), &mut notes).unwrap();
        assert_eq!((one.id.as_str(), notes.len()), (OWN, 1));
        let two = one_of("successor", &keys, Ok(vec![other, user(SAM, &[])]), &mut notes);
        assert!(two.unwrap_err().contains("2 users match"));
        assert!(
            one_of("successor", &keys, Ok(Vec::new()), &mut notes)
                .unwrap_err()
                .contains("no user")
        );
    }

    #[test]
    fn hostile_names_stay_values_and_empty_ones_match_nobody() {
        let key = |value: &str| MatchKey {
            field: "Badge__c".to_owned(),
            value: value.to_owned(),
            sure: true,
        };
        let soql = by_keys(&[key("' OR Id != '")]);
        assert!(
            soql.ends_with(r"Badge__c FROM User WHERE Badge__c = '\' OR Id != \''"),
            "{soql}"
        );
        assert!(by_keys(&[key("  ")]).ends_with("WHERE Id = null"));
    }

    #[test]
    fn a_queue_is_found_by_one_of_its_names() {
        let row = |queue: &str, name: &str, developer: &str, object: &str| json!({ "QueueId": queue, "SobjectType": object, "Queue": { "Name": name, "DeveloperName": developer } });
        let (one, two) = ("00G000000000001EAA", "00G000000000002EAA");
        let rows = || {
            Ok(vec![
                row(one, "Support", "Support_EU", "Case"),
                row(one, "Support", "Support_EU", "Lead"),
                row(two, "Support", "Support_US", "Case"),
            ])
        };
        let wanted = BTreeSet::from(["Support", "support_us", "Sales"]);
        let found = queues_of(&wanted, rows());
        assert!(found["Support"].as_ref().unwrap_err().contains("several"));
        assert_eq!(
            found["support_us"],
            Ok((two.to_owned(), BTreeSet::from(["Case".to_owned()])))
        );
        assert!(found["Sales"].as_ref().unwrap_err().contains("not in this org"));
        assert_eq!(
            queues_of(&BTreeSet::from(["Support_EU"]), rows())["Support_EU"]
                .as_ref()
                .unwrap()
                .1
                .len(),
            2
        );
    }

    #[test]
    fn targets_keep_their_order_and_a_queue_stands_only_where_it_may() {
        let queue = ("00G5f00000QQQQ1EAG".to_owned(), BTreeSet::from(["Case".to_owned()]));
        let targets = Targets {
            users: BTreeMap::from([
                (Wanted::Successor, Err("successor: nobody is named".to_owned())),
                (Wanted::Manager, Ok(vec![SAM.to_owned()])),
                (Wanted::Chain, Ok(vec![SAM.to_owned(), OWN.to_owned()])),
            ]),
            queues: BTreeMap::from([("Support".to_owned(), Ok(queue.clone()))]),
            notes: Vec::new(),
        };
        let wanted = [
            Wanted::Queue("Support".to_owned()),
            Wanted::Successor,
            Wanted::Manager,
            Wanted::Chain,
        ];
        assert_eq!(targets.of("Case", true, &wanted).0, [queue.0.as_str(), SAM, OWN]);
        let (ids, why) = targets.of("Account", false, &wanted);
        assert_eq!(ids, [SAM, OWN]);
        assert!(
            why[0].contains("no queue stand there") && why[1].contains("nobody is named"),
            "{why:?}"
        );
        assert!(targets.of("Lead", true, &wanted).1[0].contains("may not own Lead"));
    }
}
