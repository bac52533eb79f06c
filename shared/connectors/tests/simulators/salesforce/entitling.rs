//! Entitlements taken away and given back.

use rollcall_model::{Action, Undo};

use super::*;

const REMOVE: &str = "salesforce/remove-entitlements";
const RESTORE: &str = "salesforce/restore-entitlements";

/// Somebody with one of everything, and what the org says they are assigned.
struct Given {
    world: World,
    salesforce: Salesforce,
    licensed_set: String,
    queue: String,
}

fn all() -> Value {
    json!({ "what": "all" })
}

fn action(name: &str) -> Arc<dyn Action> {
    catalogue().get(name).unwrap().clone()
}

impl Given {
    fn new() -> Self {
        let world = World::new();
        let org = &world.org;
        let licence = org.add_permission_set_licence("Field Service", 5);
        let licensed_set = org.add_permission_set("Dispatcher", Some(&licence));
        let queue = org.add_queue("Tier 2", &["Case"]);
        let what = [
            org.add_permission_set("Export", None),
            licensed_set.clone(),
            org.add_permission_set_group("Sales Desk"),
            licence,
            org.add_package("docgen", 10),
        ];
        for one in what {
            org.give(&world.jordan, &one);
        }
        org.join_group(&org.add_group("Berlin"), &world.jordan);
        org.join_group(&queue, &world.jordan);
        let salesforce = world.connect(None);
        Self {
            world,
            salesforce,
            licensed_set,
            queue,
        }
    }

    async fn look(&self, action: &str, with: Value) -> Observation {
        let asked = ActionUse {
            action: action.to_owned(),
            with,
        };
        let (call, account) = (self.world.clock.call(), self.world.account());
        let mut seen = self.salesforce.observe(&call, Some(&account), &[asked]).await.unwrap();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    async fn plan(&self, name: &str, with: &Value) -> Planned {
        let seen = self.look(name, with.clone()).await;
        action(name).plan(known(&seen), with)
    }

    /// Plans and makes a change.
    async fn make(
        &self,
        name: &str,
        with: &Value,
    ) -> (Change, Result<rollcall_model::Applied, rollcall_model::Failure>) {
        let seen = self.look(name, with.clone()).await;
        let change = planned(name, Some(self.world.account()), known(&seen), with.clone());
        let result = self.salesforce.apply(&self.world.clock.call(), &change, "m").await;
        (change, result)
    }

    fn assigned(&self) -> Vec<String> {
        self.world.org.assignments_of(&self.world.jordan)
    }
}

fn undo(change: &Change) -> Value {
    match action(REMOVE).undo(change, &Value::Null) {
        Undo::By { action, with } if action == RESTORE => with,
        other => panic!("{other:?}"),
    }
}

fn unknown(seen: &Observation) -> &str {
    match seen {
        Observation::Unknown(why) => why,
        Observation::Known(state) => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn all_of_it_goes_in_order_and_an_undo_brings_back_exactly_that() {
    let given = Given::new();
    let before = given.assigned();
    assert_eq!(before.len(), 8, "{before:?}");
    given.world.org.clear_calls();
    let (change, result) = given.make(REMOVE, &all()).await;
    assert_eq!(result.unwrap().reference, json!({ "removed": 7 }));
    let had: Vec<String> = change.before["entitlements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap()))
        .collect();
    assert_eq!(
        had,
        [
            "permission-set Dispatcher",
            "permission-set Export",
            "permission-set-group Sales Desk",
            "permission-set-licence Field Service",
            "package docgen",
            "group Berlin",
            "queue Tier 2",
        ]
    );
    assert_eq!(given.assigned().len(), 1, "the profile's own set stays");
    // Token, licences, look; then one deletion for each object.
    assert_eq!(given.world.org.calls().len(), 7, "{:?}", given.world.org.calls());
    assert_eq!(
        known(&given.look(REMOVE, all()).await).value,
        change.after,
        "the read-back finds what was planned"
    );
    assert_eq!(given.plan(REMOVE, &all()).await, Planned::AlreadySo);

    let with = undo(&change);
    let (back, result) = given.make(RESTORE, &with).await;
    assert_eq!(result.unwrap().reference, json!({ "restored": 7, "missing": [] }));
    assert_eq!(given.assigned(), before);
    assert_eq!(known(&given.look(RESTORE, with.clone()).await).value, back.after);
    assert_eq!(given.plan(RESTORE, &with).await, Planned::AlreadySo, "a second undo");
    assert_eq!(
        action(RESTORE).undo(&back, &Value::Null),
        Undo::Nothing("it takes something back itself")
    );
}

#[tokio::test]
async fn only_what_rollcall_gave_goes_unless_the_playbook_says_all() {
    let given = Given::new();
    let before = given.assigned();
    for with in [Value::Null, json!({ "what": "managed" })] {
        let Planned::Skip(why) = given.plan(REMOVE, &with).await else {
            panic!("{with}")
        };
        assert!(why.contains("all are left"), "{why}");
    }
    assert!(matches!(
        given.plan(REMOVE, &json!({ "what": "some" })).await,
        Planned::Refuse(_)
    ));
    assert_eq!(given.assigned(), before);
}

#[tokio::test]
async fn what_the_vendor_keeps_is_left_and_named() {
    let given = Given::new();
    let org = &given.world.org;
    let set = org.add_permission_set("Policy", None);
    let row = org.give(&given.world.jordan, &set);
    org.set_record("PermissionSetAssignment", &row, json!({ "IsRevoked": true }));
    let system = org.add_record("Group", json!({ "Name": "All Managers", "Type": "Manager" }));
    org.join_group(&system, &given.world.jordan);
    let seen = given.look(REMOVE, all()).await;
    let left = known(&seen).evidence["left"].to_string();
    assert!(left.contains("Policy") && left.contains("All Managers"), "{left}");
    let (_, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    assert_eq!(given.assigned().len(), 3);
    assert_eq!(given.plan(REMOVE, &all()).await, Planned::AlreadySo);
}

#[tokio::test]
async fn a_row_that_goes_meanwhile_is_fine_and_one_that_comes_is_not_touched() {
    let given = Given::new();
    let org = &given.world.org;
    let seen = given.look(REMOVE, all()).await;
    let change = planned(REMOVE, Some(given.world.account()), known(&seen), all());
    let gone = change.evidence["rows"][&given.queue].as_str().unwrap().to_owned();
    org.remove_record("GroupMember", &gone);
    let late = org.add_group("Late");
    org.join_group(&late, &given.world.jordan);
    given
        .salesforce
        .apply(&given.world.clock.call(), &change, "m")
        .await
        .unwrap();
    let after = given.look(REMOVE, all()).await;
    assert_ne!(
        known(&after).value,
        change.after,
        "nobody has a snapshot of the new one yet"
    );
    assert_eq!(known(&after).value["entitlements"][0]["name"], "Late");
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_a_repetition_finishes() {
    for fault in [
        Fault::AnswerLost,
        Fault::ServerErrorAfterExecution,
        Fault::Unavailable,
        Fault::Reset,
    ] {
        let given = Given::new();
        let before = given.assigned();
        given
            .world
            .org
            .faults()
            .add(FaultRule::once("/composite/sobjects", fault));
        let (change, result) = given.make(REMOVE, &all()).await;
        let failure = result.unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
        assert_eq!(failure.executed, rollcall_model::Executed::Maybe, "{failure:?}");
        if !known(&given.look(REMOVE, all()).await).value["entitlements"]
            .as_array()
            .unwrap()
            .is_empty()
        {
            given.make(REMOVE, &all()).await.1.unwrap();
        }
        assert_eq!(given.assigned().len(), 1);
        let with = undo(&change);
        given
            .world
            .org
            .faults()
            .add(FaultRule::once("/composite/sobjects", fault));
        let (_, result) = given.make(RESTORE, &with).await;
        assert!(result.unwrap_err().is_retryable());
        while !matches!(given.plan(RESTORE, &with).await, Planned::AlreadySo) {
            given.make(RESTORE, &with).await.1.unwrap();
        }
        assert_eq!(given.assigned(), before);
    }
}

#[tokio::test]
async fn a_repetition_of_the_same_restoration_meets_duplicates_and_that_is_fine() {
    let given = Given::new();
    let before = given.assigned();
    let (change, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    let (back, result) = given.make(RESTORE, &undo(&change)).await;
    result.unwrap();
    given
        .salesforce
        .apply(&given.world.clock.call(), &back, "m")
        .await
        .unwrap();
    assert_eq!(given.assigned(), before);
}

#[tokio::test]
async fn what_salesforce_no_longer_has_is_named_and_the_rest_comes_back() {
    let given = Given::new();
    let org = &given.world.org;
    let before = given.assigned();
    let (change, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    org.remove_record("PermissionSet", &given.licensed_set);
    org.set_record("Group", &given.queue, json!({ "Name": "Tier two" }));
    let with = undo(&change);
    let (back, result) = given.make(RESTORE, &with).await;
    let reference = result.unwrap().reference;
    assert_eq!(reference["restored"], 6);
    assert!(
        reference["missing"][0].as_str().unwrap().contains("Dispatcher"),
        "{reference}"
    );
    assert_eq!(
        known(&given.look(RESTORE, with.clone()).await).value,
        back.after,
        "a new name is no difference"
    );
    assert_eq!(given.assigned().len(), before.len() - 1);
    let Planned::Skip(why) = given.plan(RESTORE, &with).await else {
        panic!()
    };
    assert!(why.contains("Dispatcher"), "{why}");
}

#[tokio::test]
async fn a_set_given_for_a_time_comes_back_for_that_time_and_not_after_it() {
    let given = Given::new();
    let org = &given.world.org;
    let timed = org.add_permission_set("Audit week", None);
    let row = org.give(&given.world.jordan, &timed);
    org.set_record(
        "PermissionSetAssignment",
        &row,
        json!({ "ExpirationDate": "2026-03-09T08:00:00.000+0000" }),
    );
    let before = given.assigned();
    let (change, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    let with = undo(&change);
    given.make(RESTORE, &with).await.1.unwrap();
    assert_eq!(given.assigned(), before);
    given.make(REMOVE, &all()).await.1.unwrap();
    given.world.clock.pass(Duration::from_hours(24 * 8));
    let (_, result) = given.make(RESTORE, &with).await;
    let reference = result.unwrap().reference;
    assert!(
        reference["missing"][0].as_str().unwrap().contains("run out"),
        "{reference}"
    );
    assert_eq!(given.assigned().len(), before.len() - 1);
}

#[tokio::test]
async fn a_refusal_names_the_entitlement_and_keeps_the_vendors_words() {
    let given = Given::new();
    let (change, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    let package = change.before["entitlements"][4]["id"].as_str().unwrap();
    given
        .world
        .org
        .set_record("PackageLicense", package, json!({ "AllowedLicenses": 0 }));
    let (_, result) = given.make(RESTORE, &undo(&change)).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    assert!(
        failure.reason.contains("docgen") && failure.reason.contains("LICENSE_LIMIT_EXCEEDED"),
        "{failure}"
    );
    assert_eq!(given.assigned().len(), 7, "the others are back");
}

#[tokio::test]
async fn rows_that_may_be_hidden_prove_nothing() {
    for (denied, grant) in [
        (Permission::ViewSetup, "View Setup"),
        (Permission::ManageUsers, "Manage Users"),
        (Permission::ManagePackageLicences, "Manage Package Licenses"),
    ] {
        let given = Given::new();
        given.world.org.deny(denied);
        let seen = given.look(REMOVE, all()).await;
        assert!(unknown(&seen).contains(grant), "{denied:?}: {}", unknown(&seen));
    }
}

#[tokio::test]
async fn an_org_without_packages_or_their_licences_has_none() {
    let given = Given::new();
    let org = &given.world.org;
    for object in ["PermissionSetLicenseAssign", "UserPackageLicense", "PackageLicense"] {
        org.hide_object(object);
    }
    org.hide_field("PermissionSetAssignment", "ExpirationDate");
    let seen = given.look(REMOVE, all()).await;
    let state = known(&seen);
    assert_eq!(state.value["entitlements"].as_array().unwrap().len(), 5);
    assert_eq!(
        state.evidence["absent"],
        json!(["PermissionSetLicenseAssign", "UserPackageLicense"])
    );
}

#[tokio::test]
async fn more_than_one_collection_is_taken_and_given_back() {
    let given = Given::new();
    for number in 0..230 {
        let set = given.world.org.add_permission_set(&format!("Set {number}"), None);
        given.world.org.give(&given.world.jordan, &set);
    }
    let before = given.assigned();
    let (change, result) = given.make(REMOVE, &all()).await;
    result.unwrap();
    assert_eq!(given.assigned().len(), 1);
    given.make(RESTORE, &undo(&change)).await.1.unwrap();
    assert_eq!(given.assigned(), before);
}
