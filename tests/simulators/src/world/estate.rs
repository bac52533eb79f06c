//! What the leaver owns: five thousand records in each org, and everything that makes handing them over hard.
//!
//! In the first org an approval locks one of her deals, some rows are locked by somebody else for a moment, a validation rule
//! refuses three cases, and she is the default owner of leads, so Salesforce does not let her be deactivated. In the second one
//! her manager's user is inactive, so somebody else must take over. A third org does not know her at all.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::company::{Seeded, elsewhere};
use super::{LeaverWorld, MANAGER, SESSION_DEFAULT, SESSIONS_LAST, person};
use crate::salesforce::{ConnectedApp, Org, Seeded as Records, UserSeed as SalesforceUser};

/// Salesforce's id of the third org.
pub const APAC_ORG: &str = "00D5f000003CORPEA4";
/// Username of Rollcall's own user in the third org.
pub const APAC_INTEGRATION: &str = "rollcall@corp.example.apac.integration";
/// Address of whoever takes over when nobody else can.
pub const OPERATIONS: &str = "ops@corp.example";
/// The queue for cases and leads.
pub const ORPHANS: &str = "Orphans";
/// How many records the leaver owns in each org.
pub const RECORDS: usize = 5_000;
/// Why the first org does not let her be deactivated, as Salesforce says it.
pub const BLOCKED: &str = "You cannot deactivate this user. The user is the default lead owner.";

/// What the leaver owns, and who may take it over.
pub struct Estate {
    /// The third org.
    pub apac: Arc<Org>,
    /// The third org's consumer key.
    pub apac_consumer_key: String,
    /// The manager's user in the first org.
    pub manager_us: String,
    /// The manager's user in the second org, which is inactive.
    pub manager_emea: String,
    /// Users of operations in the first and the second org.
    pub operations: [String; 2],
    /// Queues in the first and the second org.
    pub orphans: [String; 2],
    /// The deal that an approval locks.
    pub locked_deal: String,
    /// Cases that a validation rule refuses.
    pub refused_cases: [String; 3],
}

impl LeaverWorld {
    /// The whole company with everything that the leaver owns.
    pub fn estate(now: Timestamp) -> Seeded<Self> {
        let mut world = Self::company(now)?;
        world.estate = Some(Estate::gather(&world, now)?);
        Ok(world)
    }
}

impl Estate {
    fn gather(world: &LeaverWorld, now: Timestamp) -> Seeded<Self> {
        let us = &world.salesforce;
        let company = world.company.as_ref().ok_or("there is no company")?;
        let emea = &company.emea;

        let manager_us = us.add_user(person(MANAGER, "Sam", "Lindqvist", "E0007"));
        us.set_record("User", &world.leaver_user, json!({ "ManagerId": manager_us }));
        let operations_us = us.add_user(SalesforceUser::new(OPERATIONS));
        let manager_emea = emea.add_user(SalesforceUser {
            is_active: false,
            ..elsewhere(MANAGER, "Sam", "Lindqvist", "E0007")
        });
        emea.set_record("User", &company.leaver_emea, json!({ "ManagerId": manager_emea }));
        let operations_emea = emea.add_user(SalesforceUser {
            email: Some(OPERATIONS.to_owned()),
            ..SalesforceUser::new("ops@corp.example.emea")
        });
        let orphans = [us, emea].map(|org| org.add_queue(ORPHANS, &["Case", "Lead"]));

        let (locked_deal, refused_cases) = American::own(us, &world.leaver_user)?.trouble(us, &world.leaver_user);
        european(emea, &company.leaver_emea)?;

        let apac = Arc::new(Org::new(APAC_ORG, false, now));
        apac.set_session_lifetime(SESSIONS_LAST);
        let own = apac.add_user(SalesforceUser::new(APAC_INTEGRATION).integration());
        apac.log_in(&own);
        apac.add_user(SalesforceUser::new("priya.raman@corp.example.apac").admin());
        apac.set_session_lifetime(SESSION_DEFAULT);
        let apac_consumer_key = "3MVG9.demo.consumer.key.apac".to_owned();
        apac.add_app(ConnectedApp {
            consumer_key: apac_consumer_key.clone(),
            name: "Rollcall".to_owned(),
            public_key: None,
            client_secret: Some(world.credentials.consumer_secret.clone()),
            run_as: Some(APAC_INTEGRATION.to_owned()),
            pre_authorised: Vec::new(),
        });

        Ok(Self {
            apac,
            apac_consumer_key,
            manager_us,
            manager_emea,
            operations: [operations_us, operations_emea],
            orphans,
            locked_deal,
            refused_cases,
        })
    }
}

/// Her records in the first org that something is the matter with.
struct American {
    deals: Records,
    cases: Records,
}

impl American {
    /// Five thousand records over eleven objects; one object alone has more than two thousand.
    fn own(org: &Org, owner: &str) -> Seeded<Self> {
        org.enable_teams();
        let accounts = org.seed_records(
            "Account",
            300,
            |place| json!({ "OwnerId": owner, "Name": format!("Customer {place:04}"), "Type": "Customer" }),
        )?;
        let account = |place: usize| accounts.id(place % accounts.len());
        org.seed_records(
            "Contact",
            2_200,
            |place| json!({ "OwnerId": owner, "LastName": format!("Contact {place:04}"), "AccountId": account(place) }),
        )?;
        let deals = org.seed_records("Opportunity", 500, |place| {
            // A tenth is closed and stays hers: history is not handed over.
            let stage = if place % 10 == 0 { "Closed Won" } else { "Prospecting" };
            json!({
                "OwnerId": owner, "Name": format!("Deal {place:04}"), "AccountId": account(place), "StageName": stage,
                "CloseDate": "2026-12-31",
            })
        })?;
        let cases = org.seed_records("Case", 600, |place| {
            json!({ "OwnerId": owner, "Subject": format!("Case {place:04}"), "Status": "New", "AccountId": account(place) })
        })?;
        org.seed_records("Lead", 300, |place| {
            json!({ "OwnerId": owner, "LastName": format!("Lead {place:04}"), "Company": "Example Ltd", "Status": "Open" })
        })?;
        org.seed_records(
            "Campaign",
            20,
            |place| json!({ "OwnerId": owner, "Name": format!("Campaign {place:02}"), "IsActive": true }),
        )?;
        org.seed_records("Task", 500, |place| {
            let status = if place % 5 == 0 { "Completed" } else { "Not Started" };
            json!({ "OwnerId": owner, "Subject": "Call", "Status": status, "Priority": "Normal", "WhatId": account(place) })
        })?;
        org.seed_records("Event", 100, |place| {
            json!({
                "OwnerId": owner, "Subject": "Visit", "WhatId": account(place),
                "StartDateTime": "2031-02-03T09:00:00.000+0000", "EndDateTime": "2031-02-03T10:00:00.000+0000",
            })
        })?;
        org.seed_records(
            "Contract",
            60,
            |place| json!({ "OwnerId": owner, "AccountId": account(place), "Status": "Activated" }),
        )?;
        org.seed_records(
            "Project__c",
            250,
            |place| json!({ "OwnerId": owner, "Name": format!("Project {place:03}"), "Status__c": "Running" }),
        )?;
        org.seed_records(
            "Visit__c",
            170,
            |place| json!({ "OwnerId": owner, "Account__c": account(place), "Done__c": false }),
        )?;
        Ok(Self { deals, cases })
    }

    /// What makes it hard; answers the locked deal and the refused cases.
    fn trouble(&self, org: &Org, leaver: &str) -> (String, [String; 3]) {
        let deal = self.deals.id(7);
        org.approval_lock(&deal);
        for place in [3, 4, 5] {
            org.lock_row(&self.deals.id(place), 2);
        }
        let refused = [11, 12, 13].map(|place| self.cases.id(place));
        for case in &refused {
            org.refuse_by_rule(case, "A case needs an entitlement before its owner may change");
        }
        org.block_deactivation(leaver, "DELETE_FAILED", BLOCKED);

        let licence = org.add_permission_set_licence("CPQ User", 20);
        let quoting = org.add_permission_set("CPQ", Some(&licence));
        let forecast = org.add_permission_set("Forecast", None);
        for given in [&licence, &quoting, &forecast, &org.add_package("esign", 50)] {
            org.give(leaver, given);
        }
        org.join_group(&org.add_group("Sales West"), leaver);
        (deal, refused)
    }
}

/// Five thousand records over eight objects, none of them in trouble.
fn european(org: &Org, owner: &str) -> Seeded<()> {
    let accounts = org.seed_records(
        "Account",
        400,
        |place| json!({ "OwnerId": owner, "Name": format!("Kunde {place:04}"), "Type": "Customer" }),
    )?;
    let account = |place: usize| accounts.id(place % accounts.len());
    let of = |fields: Value, place: usize| {
        let mut fields = fields;
        if let Some(map) = fields.as_object_mut() {
            map.insert("OwnerId".to_owned(), json!(owner));
            map.insert("AccountId".to_owned(), json!(account(place)));
        }
        fields
    };
    org.seed_records("Contact", 1_600, |place| {
        of(json!({ "LastName": format!("Kontakt {place:04}") }), place)
    })?;
    org.seed_records("Opportunity", 700, |place| {
        of(
            json!({ "Name": format!("Auftrag {place:04}"), "StageName": "Prospecting", "CloseDate": "2026-12-31" }),
            place,
        )
    })?;
    org.seed_records("Case", 800, |place| {
        of(
            json!({ "Subject": format!("Fall {place:04}"), "Status": "Working" }),
            place,
        )
    })?;
    org.seed_records("Lead", 400, |place| {
        json!({ "OwnerId": owner, "LastName": format!("Interessent {place:04}"), "Company": "Beispiel GmbH", "Status": "Open" })
    })?;
    org.seed_records("Task", 600, |place| {
        json!({ "OwnerId": owner, "Subject": "Anruf", "Status": "Not Started", "Priority": "Normal", "WhatId": account(place) })
    })?;
    org.seed_records(
        "Project__c",
        300,
        |place| json!({ "OwnerId": owner, "Name": format!("Projekt {place:03}"), "Status__c": "Running" }),
    )?;
    org.seed_records(
        "Visit__c",
        200,
        |place| json!({ "OwnerId": owner, "Account__c": account(place), "Done__c": false }),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn she_owns_five_thousand_records_in_each_org_and_none_in_the_third() {
        let world = LeaverWorld::estate("2026-11-28T09:00:00Z".parse().unwrap()).unwrap();
        let company = world.company.as_ref().unwrap();
        for (org, user) in [
            (&world.salesforce, &world.leaver_user),
            (&company.emea, &company.leaver_emea),
        ] {
            let owned = org.owned_by(user);
            assert_eq!(owned.values().sum::<usize>(), RECORDS, "{owned:?}");
            assert!(owned.len() >= 8, "{owned:?}");
            assert!(owned.keys().any(|object| object.ends_with("__c")), "{owned:?}");
        }
        let estate = world.estate.as_ref().unwrap();
        assert_eq!(estate.apac.user_id(super::super::LEAVER), None);
    }
}
