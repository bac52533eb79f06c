use serde_json::json;

use super::*;
use crate::scripted::fixture;

fn relation(object: &str, field: &str) -> Relation {
    Relation {
        object: object.to_owned(),
        field: field.to_owned(),
        hidden: false,
    }
}

fn described(references: &[(&str, &str)], marks: &[&str], more: &Value) -> Described {
    let mut fields =
        vec![json!({ "name": "OwnerId", "referenceTo": ["User"], "updateable": true, "filterable": true })];
    fields.extend(
        references
            .iter()
            .map(|(name, to)| json!({ "name": name, "referenceTo": [to] })),
    );
    fields.extend(marks.iter().map(|name| json!({ "name": name, "referenceTo": [] })));
    fields.extend(more.as_array().cloned().unwrap_or_default());
    Described::of(&json!({ "queryable": true, "updateable": true, "keyPrefix": "a00", "fields": fields }))
}

fn company() -> Descriptions {
    let objects = [
        ("Task", described(&[("WhatId", "Account")], &["IsClosed"], &Value::Null)),
        ("Event", described(&[], &["EndDateTime", "IsChild"], &Value::Null)),
        ("Asset", described(&[("AccountId", "Account")], &[], &Value::Null)),
        ("Lead", described(&[], &["IsConverted"], &Value::Null)),
        ("Line__c", described(&[("Deal__c", "Deal__c")], &[], &Value::Null)),
        (
            "Deal__c",
            described(
                &[("Plan__c", "Zoo__c")],
                &[],
                &json!([{ "name": "Approver__c", "referenceTo": ["User"], "updateable": true, "filterable": true },
                       { "name": "Author__c", "referenceTo": ["User"], "updateable": false, "filterable": true }]),
            ),
        ),
        ("Zoo__c", described(&[], &[], &Value::Null)),
        ("Account", described(&[("ParentId", "Account")], &[], &Value::Null)),
        ("Macro", described(&[], &[], &Value::Null)),
        (
            "Opportunity",
            described(&[("AccountId", "Account")], &["IsClosed"], &Value::Null),
        ),
    ];
    let mut relations: Vec<Relation> = objects.iter().map(|(name, _)| relation(name, "OwnerId")).collect();
    relations.extend([
        relation("Deal__c", "Approver__c"),
        relation("Deal__c", "Author__c"),
        relation("Account", "CreatedById"),
        relation("AccountShare", "UserOrGroupId"),
        relation("AccountTeamMember", "UserId"),
        relation("Contact", "OwnerId"),
    ]);
    Descriptions {
        relations,
        objects: objects.into_iter().map(|(name, one)| (name.to_owned(), one)).collect(),
        refused: BTreeMap::from([("Contact".to_owned(), "not described: NOT_FOUND".to_owned())]),
    }
}

#[test]
fn only_what_a_user_can_own_is_looked_at() {
    let names = by_name(&[
        relation("Account", "OwnerId"),
        relation("Account", "CreatedById"),
        relation("Account", "LastModifiedById"),
        relation("AccountShare", "UserOrGroupId"),
        relation("AccountFeed", "InsertedById"),
        relation("AccountHistory", "CreatedById"),
        relation("AccountChangeEvent", "OwnerId"),
        relation("Market_Share__c", "OwnerId"),
        relation("My_Share", "OwnerId"),
        relation("GroupMember", "UserOrGroupId"),
        relation("AccountTeamMember", "UserId"),
        Relation {
            hidden: true,
            ..relation("Old__c", "OwnerId")
        },
    ]);
    let names: Vec<(&str, Vec<&str>)> = names
        .iter()
        .map(|(name, fields)| (name.as_str(), fields.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        names,
        [
            ("Account", vec!["OwnerId"]),
            ("AccountTeamMember", vec!["UserId"]),
            ("Market_Share__c", vec!["OwnerId"])
        ]
    );
}

#[test]
fn parents_come_before_children_and_masters_before_what_refers_to_them() {
    let order = Order::read(&Value::Null).unwrap();
    let (plan, unseen) = plan(&company(), &order);
    let names: Vec<&str> = plan.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Account",
            "Opportunity",
            "Lead",
            "Zoo__c",
            "Deal__c",
            "Line__c",
            "Asset",
            "Macro",
            "Task",
            "Event"
        ]
    );
    assert_eq!(
        unseen,
        [
            ("AccountTeamMember".to_owned(), "not described".to_owned()),
            ("Contact".to_owned(), "not described: NOT_FOUND".to_owned())
        ]
    );
    let deal = plan.object("Deal__c").unwrap();
    let fields: Vec<(&str, bool)> = deal
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.moves))
        .collect();
    assert_eq!(
        fields,
        [("OwnerId", true), ("Approver__c", false)],
        "what cannot be written is not looked at"
    );
    assert_eq!(deal.parent.as_deref(), Some("Plan__c"));
}

#[test]
fn one_selection_shows_all_that_decides_about_a_record() {
    let order = Order::read(&Value::Null).unwrap();
    let (plan, _) = plan(&company(), &order);
    let began: Timestamp = "2026-03-02T08:00:00.123Z".parse().unwrap();
    let deal = plan.object("Deal__c").unwrap();
    assert_eq!(
        deal.select(&deal.names("0055f00000AAAA1AAP")),
        "SELECT Id, OwnerId, Approver__c, Plan__c FROM Deal__c WHERE OwnerId = '0055f00000AAAA1AAP' OR Approver__c = '0055f00000AAAA1AAP'"
    );
    let event = plan.object("Event").unwrap();
    assert_eq!(
        event.select("x"),
        "SELECT Id, OwnerId, EndDateTime, IsChild FROM Event WHERE x"
    );
    assert_eq!(
        event.open.as_ref().unwrap().condition(began),
        "EndDateTime >= 2026-03-02T08:00:00Z"
    );
    let cell = |end: &'static str, child: &'static str| {
        move |name: &str| if name == "EndDateTime" { end } else { child }.to_owned()
    };
    let stays = |end, child| event.record("e".to_owned(), cell(end, child), began).stays;
    assert_eq!(
        stays("2026-03-02T07:59:59.000+0000", "false"),
        Some("past: the scope is open")
    );
    assert_eq!(stays("2026-03-02T08:00:01.000+0000", "false"), None);
    assert_eq!(
        stays("2026-03-02T08:00:01.000Z", "true"),
        Some("an invitation: it follows its event")
    );
    assert_eq!(stays("", ""), None, "what does not say that it ended has not");
    for (name, mark) in [
        ("Opportunity", "IsClosed"),
        ("Lead", "IsConverted"),
        ("Task", "IsClosed"),
    ] {
        let object = plan.object(name).unwrap();
        assert_eq!(object.open, Some(Open::While(mark.to_owned())), "{name}");
        let stays = |value: &'static str| object.record("r".to_owned(), |_| value.to_owned(), began).stays;
        assert!(stays("true").is_some() && stays("false").is_none(), "{name}");
    }
    let all = Order::read(&json!({ "scope": "all" })).unwrap();
    assert_eq!(super::plan(&company(), &all).0.object("Lead").unwrap().open, None);
}

#[test]
fn the_vendors_descriptions_are_understood() {
    let read = |name: &str| {
        let text = fixture(&format!("salesforce/{name}"));
        Described::of(&serde_json::from_str(&text).unwrap())
    };
    let account = read("describe.Account.json");
    assert!(account.usable && account.updateable);
    assert_eq!(account.look_ups.len(), 1);
    assert!(account.look_ups[0].updateable && !account.look_ups[0].queue);
    assert_eq!(
        account.references,
        [("ParentId".to_owned(), vec!["Account".to_owned()])]
    );
    let case = read("describe.Case.json");
    assert!(
        case.look_ups.iter().any(|field| field.name == "OwnerId" && field.queue),
        "{case:?}"
    );
    assert!(read("describe.DetailObject.json").look_ups.is_empty());
}
