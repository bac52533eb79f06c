//! The objects people work on, and what the vendor puts beside each of them.
//!
//! Object Reference, page by page; which owners an object may have follows `OwnerId.referenceTo` of its describe. The custom
//! objects are those of an imagined org: one with two more look-ups to users, its detail without an owner, and one that
//! stands for itself.

use super::super::objects::{Line, object};
use super::super::schema::{Field, Kind, Nature, Object};

const ACCOUNT: &[Line] = &[
    ("Name", "text", "cu"),
    ("OwnerId", "ref:User", "cu"),
    ("ParentId", "ref:Account>ChildAccounts", "cun"),
    ("Type", "pick:Customer|Partner|Prospect", "cun"),
    ("Industry", "text", "cun"),
    ("Phone", "text", "cun"),
];
const CONTACT: &[Line] = &[
    ("FirstName", "text", "cun"),
    ("LastName", "text", "cu"),
    ("Name", "text", "n"),
    ("Email", "email", "cun"),
    ("AccountId", "ref:Account>Contacts", "cun"),
    ("ReportsToId", "ref:Contact", "cun"),
    ("OwnerId", "ref:User", "cu"),
];
const OPPORTUNITY: &[Line] = &[
    ("Name", "text", "cu"),
    ("AccountId", "ref:Account>Opportunities", "cunk"),
    ("StageName", "text", "cu"),
    ("Amount", "num", "cun"),
    ("CloseDate", "date", "cu"),
    ("IsClosed", "bool", ""),
    ("IsWon", "bool", ""),
    ("CampaignId", "ref:Campaign>Opportunities", "cun"),
    ("OwnerId", "ref:User", "cu"),
];
const CASE: &[Line] = &[
    ("CaseNumber", "text", "n"),
    ("Subject", "text", "cun"),
    ("Status", "pick:New|Working|Escalated|Closed", "cun"),
    ("Priority", "pick:High|Medium|Low", "cun"),
    ("IsClosed", "bool", ""),
    ("AccountId", "ref:Account>Cases", "cun"),
    ("ContactId", "ref:Contact>Cases", "cun"),
    ("ParentId", "ref:Case>Cases", "cun"),
    ("OwnerId", "ref:Group|User", "cu"),
];
const LEAD: &[Line] = &[
    ("FirstName", "text", "cun"),
    ("LastName", "text", "cu"),
    ("Name", "text", "n"),
    ("Company", "text", "cu"),
    ("Email", "email", "cun"),
    ("Status", "text", "cun"),
    ("IsConverted", "bool", "c"),
    ("ConvertedDate", "date", "n"),
    ("OwnerId", "ref:Group|User", "cu"),
];
const CAMPAIGN: &[Line] = &[
    ("Name", "text", "cu"),
    ("Type", "text", "cun"),
    ("Status", "text", "cun"),
    ("IsActive", "bool", "cu"),
    ("StartDate", "date", "cun"),
    ("EndDate", "date", "cun"),
    ("ParentId", "ref:Campaign>ChildCampaigns", "cun"),
    ("OwnerId", "ref:User", "cu"),
];
const WHAT: &str = "ref:Account|Asset|Campaign|Case|Contract|Opportunity|Project__c|Visit__c";
const TASK: &[Line] = &[
    ("Subject", "text", "cun"),
    ("Status", "text", "cun"),
    ("Priority", "text", "cun"),
    ("ActivityDate", "date", "cun"),
    ("WhatId", WHAT, "cun"),
    ("WhoId", "ref:Contact|Lead", "cun"),
    ("AccountId", "ref:Account", "n"),
    ("IsClosed", "bool", ""),
    ("IsArchived", "bool", ""),
    ("IsRecurrence", "bool", "c"),
    ("RecurrenceActivityId", "ref:Task", "n"),
    ("OwnerId", "ref:Group|User", "cu"),
];
const EVENT: &[Line] = &[
    ("Subject", "text", "cun"),
    ("StartDateTime", "time", "cun"),
    ("EndDateTime", "time", "cun"),
    ("WhatId", WHAT, "cun"),
    ("WhoId", "ref:Contact|Lead", "cun"),
    ("AccountId", "ref:Account", "n"),
    ("IsChild", "bool", ""),
    ("IsArchived", "bool", ""),
    ("IsRecurrence", "bool", "c"),
    ("RecurrenceActivityId", "ref:Event", "n"),
    ("OwnerId", "ref:User", "cu"),
];
const CONTRACT: &[Line] = &[
    ("ContractNumber", "text", "n"),
    ("AccountId", "ref:Account>Contracts", "cu"),
    ("Status", "text", "cun"),
    ("StartDate", "date", "cun"),
    ("EndDate", "date", "n"),
    ("CompanySignedId", "ref:User>ContractsSigned", "cun"),
    ("ActivatedById", "ref:User", "n"),
    ("OwnerId", "ref:User", "cu"),
];
const ASSET: &[Line] = &[
    ("Name", "text", "cu"),
    ("AccountId", "ref:Account>Assets", "cun"),
    ("ContactId", "ref:Contact>Assets", "cun"),
    ("Status", "text", "cun"),
    ("OwnerId", "ref:User", "cu"),
];
const CONTENT_DOCUMENT: &[Line] = &[
    ("Title", "text", "u"),
    ("FileType", "text", "n"),
    ("ContentSize", "int", "n"),
    ("IsArchived", "bool", "u"),
    ("ArchivedById", "ref:User", "n"),
    ("OwnerId", "ref:User>OwnedContentDocuments", "u"),
];
const PRODUCT: &[Line] = &[("Name", "text", "cu"), ("IsActive", "bool", "cu")];
const PROJECT: &[Line] = &[
    ("Name", "text", "cun"),
    ("Account__c", "ref:Account>Projects__r", "cun"),
    ("Status__c", "pick:Planned|Running|Finished", "cun"),
    ("Reviewer__c", "ref:User>Reviewed_Projects__r", "cun"),
    ("Backup_Owner__c", "ref:User>Backed_Up_Projects__r", "cun"),
    ("OwnerId", "ref:Group|User", "cu"),
];
const INVOICE: &[Line] = &[
    ("Name", "text", "n"),
    ("Project__c", "ref:Project__c>Invoices__r", "ck"),
    ("Amount__c", "num", "cun"),
    ("Paid__c", "bool", "cu"),
    ("Approver__c", "ref:User>Approved_Invoices__r", "cun"),
];
const VISIT: &[Line] = &[
    ("Name", "text", "n"),
    ("Account__c", "ref:Account>Visits__r", "cun"),
    ("Visit_Date__c", "date", "cun"),
    ("Done__c", "bool", "cu"),
    ("OwnerId", "ref:Group|User", "cu"),
];
const OLD_REQUEST: &[Line] = &[("Name", "text", "cun"), ("OwnerId", "ref:Group|User", "cu")];
const ROUTING: &[Line] = &[
    ("Name", "text", "cun"),
    ("SetupOwnerId", "ref:Organization|Profile|User", "c"),
];
const ACCOUNT_TEAM: &[Line] = &[
    ("AccountId", "ref:Account>AccountTeamMembers", "ck"),
    ("UserId", "ref:User", "c"),
    ("TeamMemberRole", "text", "cun"),
    ("AccountAccessLevel", "pick:All|Edit|Read", "cun"),
    ("CaseAccessLevel", "pick:Edit|None|Read", "cun"),
    ("ContactAccessLevel", "pick:Edit|None|Read", "cun"),
    ("OpportunityAccessLevel", "pick:Edit|None|Read", "cun"),
];
const OPPORTUNITY_TEAM: &[Line] = &[
    ("OpportunityId", "ref:Opportunity>OpportunityTeamMembers", "ck"),
    ("UserId", "ref:User", "c"),
    ("TeamMemberRole", "text", "cun"),
    ("OpportunityAccessLevel", "pick:All|Edit|Read", "cun"),
];

/// Every record has these.
const HEAD: Line = ("Id", "id", "");
const SYSTEM: &[Line] = &[
    ("IsDeleted", "bool", ""),
    ("CreatedDate", "time", ""),
    ("CreatedById", "ref:User", ""),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
    ("SystemModstamp", "time", ""),
];

const SHARE: &[Line] = &[
    ("Id", "id", ""),
    ("UserOrGroupId", "ref:Group|User", "ck"),
    ("RowCause", "text", "c"),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
];
const FEED: &[Line] = &[
    ("Id", "id", ""),
    ("Type", "text", ""),
    ("Body", "text", "n"),
    ("InsertedById", "ref:User", ""),
    ("CreatedById", "ref:User", ""),
    ("CreatedDate", "time", ""),
];
const HISTORY: &[Line] = &[
    ("Id", "id", ""),
    ("Field", "text", ""),
    ("CreatedById", "ref:User", ""),
    ("CreatedDate", "time", ""),
];
const CHANGE_EVENT: &[Line] = &[
    ("Id", "id", ""),
    ("ReplayId", "text", "x"),
    ("OwnerId", "ref:User", "n"),
    ("CreatedById", "ref:User", ""),
    ("LastModifiedById", "ref:User", ""),
];

/// An object with packed records.
pub(super) fn packed(name: &str, prefix: &str, fields: &[Line], may: &str) -> Object {
    let lines: Vec<Line> = [&[HEAD], fields, SYSTEM].concat();
    let mut made = object(name, prefix, &lines, may);
    made.nature = Nature::Business;
    made
}

/// A custom look-up to users, `Approver__c` for example.
pub(super) fn user_look_up(name: &str) -> Field {
    let stem = name.strip_suffix("__c").unwrap_or(name);
    Field {
        name: name.to_owned(),
        kind: Kind::Reference {
            to: vec!["User".to_owned()],
            relationship: format!("{stem}__r"),
        },
        createable: true,
        updateable: true,
        nillable: true,
        filterable: true,
        children: None,
        cascade: false,
    }
}

/// What people work on.
pub(super) fn business() -> Vec<Object> {
    [
        ("Account", "001", ACCOUNT, "cudr"),
        ("Contact", "003", CONTACT, "cudr"),
        ("Opportunity", "006", OPPORTUNITY, "cudr"),
        ("Case", "500", CASE, "cudr"),
        ("Lead", "00Q", LEAD, "cudr"),
        ("Campaign", "701", CAMPAIGN, "cudr"),
        ("Task", "00T", TASK, "cudr"),
        ("Event", "00U", EVENT, "cudr"),
        ("Contract", "800", CONTRACT, "cudr"),
        ("Asset", "02i", ASSET, "cudr"),
        // A document is made by way of its first version.
        ("ContentDocument", "069", CONTENT_DOCUMENT, "udr"),
        ("Product2", "01t", PRODUCT, "cudr"),
        ("Project__c", "a00", PROJECT, "cudr"),
        ("Invoice__c", "a01", INVOICE, "cudr"),
        ("Visit__c", "a02", VISIT, "cudr"),
    ]
    .into_iter()
    .map(|(name, prefix, fields, may)| packed(name, prefix, fields, may))
    .collect()
}

/// Present only where the feature is on.
pub(super) fn teams() -> Vec<Object> {
    [
        ("AccountTeamMember", "01M", ACCOUNT_TEAM),
        ("OpportunityTeamMember", "00q", OPPORTUNITY_TEAM),
    ]
    .into_iter()
    .map(|(name, prefix, fields)| {
        let mut made = packed(name, prefix, fields, "cudr");
        made.fields.retain(|field| field.name != "OwnerId");
        made
    })
    .collect()
}

/// What a client must know to leave alone: a custom setting, and an object that a package left behind.
pub(super) fn chaff() -> Vec<Object> {
    let mut setting = packed("Routing__c", "a0R", ROUTING, "cudr");
    setting.nature = Nature::Setting;
    let mut old = packed("Old_Request__c", "a0S", OLD_REQUEST, "cudr");
    old.nature = Nature::Deprecated;
    vec![setting, old]
}

/// What the vendor makes beside an object: feed, history, shares and change events. Only their descriptions exist here; none
/// holds a record.
pub(super) fn beside(of: &Object, number: u32) -> Vec<Object> {
    let custom = of.name.strip_suffix("__c");
    let mark = char::from_digit(number % 36, 36).unwrap_or('0');
    let named = |kind: &str| custom.map_or_else(|| format!("{}{kind}", of.name), |stem| format!("{stem}__{kind}"));
    [
        ("Feed", "Feed", "0D5".to_owned(), FEED, "d"),
        ("History", "History", format!("0h{mark}"), HISTORY, ""),
        ("Share", "Share", format!("0r{mark}"), SHARE, "cudr"),
        ("ChangeEvent", "ChangeEvent", "000".to_owned(), CHANGE_EVENT, "-"),
    ]
    .into_iter()
    .filter(|(suffix, ..)| *suffix != "Share" || of.field("OwnerId").is_some())
    .map(|(suffix, kind, prefix, fields, may)| {
        let mut made = object(&named(suffix), &prefix, fields, may);
        // The vendor names no associate for a feed.
        made.nature = Nature::Beside(if kind == "Feed" { "" } else { kind }, of.name.clone());
        made
    })
    .collect()
}
