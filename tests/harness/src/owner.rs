//! A leaver who owns records and holds entitlements: what is put into the world, and what must have become of it.

use std::collections::BTreeMap;

use rollcall_model::{HandOver, Run};
use rollcall_simulators::salesforce::{Org, UserSeed};
use rollcall_simulators::world::{LeaverWorld, MANAGER};
use serde_json::json;

use crate::world::Texts;

/// What the leaver owns at the beginning, and who may get it.
pub struct Owned {
    /// The manager's user.
    pub manager: String,
    /// The queue for cases.
    pub queue: String,
    /// How many records of each object are the leaver's.
    pub records: BTreeMap<String, usize>,
    /// How many of them are left with the leaver in the end: closed, refused by a rule.
    pub left: usize,
}

/// How many contacts there are; with the configured threshold they go by bulk.
const CONTACTS: usize = 12;

/// Gives the leaver something to hand over: few records, so that a story has few points, and one of each difficulty.
pub fn give(vendors: &LeaverWorld) -> Owned {
    let org = &vendors.salesforce;
    let owner = vendors.leaver_user.as_str();
    let manager = org.add_user(UserSeed {
        federation_identifier: Some(MANAGER.to_owned()),
        employee_number: Some("E0007".to_owned()),
        ..UserSeed::new(MANAGER)
    });
    let queue = org.add_queue("Orphans", &["Case"]);
    records(org, owner);
    let licence = org.add_permission_set_licence("CPQ User", 5);
    for given in [&licence, &org.add_permission_set("CPQ", Some(&licence))] {
        org.give(owner, given);
    }
    org.join_group(&org.add_group("Sales West"), owner);
    Owned {
        manager,
        queue,
        records: org.owned_by(owner),
        left: 2,
    }
}

fn records(org: &Org, owner: &str) {
    let seed = |object: &str, count: usize, make: &dyn Fn(usize) -> serde_json::Value| {
        org.seed_records(object, count, make).expect("the seeds fit the object")
    };
    let accounts = seed(
        "Account",
        3,
        &|place| json!({ "OwnerId": owner, "Name": format!("Customer {place}") }),
    );
    seed(
        "Contact",
        CONTACTS,
        &|place| json!({ "OwnerId": owner, "LastName": format!("Contact {place}"), "AccountId": accounts.id(place % 3) }),
    );
    let deals = seed("Opportunity", 6, &|place| {
        let stage = if place == 0 { "Closed Won" } else { "Prospecting" };
        json!({
            "OwnerId": owner, "Name": format!("Deal {place}"), "AccountId": accounts.id(place % 3), "StageName": stage,
            "CloseDate": "2026-12-31",
        })
    });
    org.lock_row(&deals.id(2), 1);
    let cases = seed(
        "Case",
        4,
        &|place| json!({ "OwnerId": owner, "Subject": format!("Case {place}"), "Status": "New", "AccountId": accounts.id(place % 3) }),
    );
    org.refuse_by_rule(&cases.id(3), "Not without an entitlement");
    seed(
        "Project__c",
        2,
        &|place| json!({ "OwnerId": owner, "Name": format!("Project {place}") }),
    );
}

/// Makes the fixture's playbook dismantle right after the cut; more than ten records of one object go by bulk.
pub fn dismantles(files: &mut Texts) {
    let playbook = files.get_mut("playbooks/leaver.yaml").expect("the fixture has it");
    *playbook = "uses: rollcall/leaver@1\n\
                 with:\n  salesforce: sf-us\n  dismantle_salesforce: sf-us\n  after: 0s\n  to: [manager]\n  objects: {Case: \"queue:Orphans\"}\n  security: \"#security\"\n"
        .to_owned();
    let root = files.get_mut("rollcall.yaml").expect("the fixture has it");
    *root = root.replace("lists:\n", "lists:\n  hold: {group: okta-main/Legal-Hold}\n");
    let environment = files.get_mut("env/test.yaml").expect("the harness made it");
    *environment = environment.replace(
        "    hosts: [us.my.salesforce.example]\n",
        "    hosts: [us.my.salesforce.example]\n    bulk_above: 10\n",
    );
}

/// Everything about records and entitlements that is not as it must be.
pub fn violations(vendors: &LeaverWorld, owned: &Owned, leaves: bool, runs: &[Run]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let org = &vendors.salesforce;
    let user = vendors.leaver_user.as_str();
    let all: usize = owned.records.values().sum();
    let left: usize = org.owned_by(user).values().sum();
    let given: usize = [&owned.manager, &owned.queue]
        .iter()
        .map(|who| org.owned_by(who).values().sum::<usize>())
        .sum();
    must(
        left + given == all,
        format!("of {all} records {left} are the leaver's and {given} were given"),
    );
    must(
        left == if leaves { owned.left } else { all },
        format!("{left} records are the leaver's"),
    );
    let most = org
        .owner_changes()
        .values()
        .map(|changes| changes.most)
        .max()
        .unwrap_or(0);
    must(
        most <= u8::from(leaves).into(),
        format!("a record changed hands {most} times"),
    );
    must(
        org.is_active(user) != leaves,
        format!("active: {}", org.is_active(user)),
    );
    let held = org
        .assignments_of(user)
        .iter()
        .filter(|line| !line.starts_with("PermissionSetAssignment") || line.contains("0PS"))
        .count();
    // The profile's own set stays whatever happens.
    must((held <= 1) == leaves, format!("{held} entitlements"));
    let open = org.bulk_jobs().get("Open").copied().unwrap_or(0);
    must(open == 0, format!("{open} bulk jobs are open"));

    for run in runs
        .iter()
        .filter(|run| leaves && run.plan.goal == rollcall_model::Goal::Leave)
    {
        let told: Vec<HandOver> = run
            .changes
            .iter()
            .filter(|record| record.change.action == "salesforce/hand-over-records")
            .filter_map(|record| serde_json::from_value(record.reference.clone()).ok())
            .collect();
        must(told.len() == 1, format!("{} hand-overs are told", told.len()));
        for told in &told {
            for tally in &told.tallies {
                must(tally.balances(), format!("the equation does not hold: {tally:?}"));
            }
            let sum = told.total();
            must(
                (sum.counted + sum.arrived) as usize == all && (sum.kept + sum.refused) as usize == owned.left,
                format!("told {sum:?} of {all}"),
            );
        }
    }
    wrong
}
