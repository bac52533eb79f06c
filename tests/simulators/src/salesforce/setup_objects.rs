//! The setup objects behind entitlements, and what breaks or stops with a user: fields, key prefixes and supported calls after
//! the vendor's Object Reference, page by page.

use super::objects::{self, Line};
use super::schema::Object;

const GROUP: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", "cu"),
    ("DeveloperName", "text", "cun"),
    (
        "Type",
        "pick:Manager|Organization|Queue|Regular|Role|RoleAndSubordinates|Territory",
        "c",
    ),
    ("DoesSendEmailToMembers", "bool", ""),
    ("Email", "text", "cun"),
    ("OwnerId", "ref:User", "n"),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
];
const GROUP_MEMBER: &[Line] = &[
    ("Id", "id", ""),
    ("GroupId", "ref:Group", "c"),
    ("UserOrGroupId", "ref:Group|User", "c"),
];
const QUEUE_SOBJECT: &[Line] = &[
    ("Id", "id", ""),
    ("QueueId", "ref:Group", "c"),
    ("SobjectType", "text", "c"),
];
const PERMISSION_SET_GROUP: &[Line] = &[
    ("Id", "id", ""),
    ("DeveloperName", "text", ""),
    ("MasterLabel", "text", ""),
    ("Status", "text", ""),
];
const PERMISSION_SET_LICENCE: &[Line] = &[
    ("Id", "id", ""),
    ("DeveloperName", "text", ""),
    ("MasterLabel", "text", ""),
    ("Status", "text", ""),
    ("TotalLicenses", "int", ""),
    ("UsedLicenses", "int", ""),
    ("ExpirationDate", "time", "n"),
];
const PERMISSION_SET_LICENCE_ASSIGN: &[Line] = &[
    ("Id", "id", ""),
    ("AssigneeId", "ref:User", "c"),
    ("PermissionSetLicenseId", "ref:PermissionSetLicense", "c"),
];
const PACKAGE_LICENCE: &[Line] = &[
    ("Id", "id", ""),
    ("NamespacePrefix", "text", ""),
    ("AllowedLicenses", "int", ""),
    ("UsedLicenses", "int", ""),
    ("Status", "text", ""),
    ("ExpirationDate", "time", "n"),
];
const USER_PACKAGE_LICENCE: &[Line] = &[
    ("Id", "id", ""),
    ("UserId", "ref:User", "c"),
    ("PackageLicenseId", "ref:PackageLicense", "c"),
];
const TERRITORY: &[Line] = &[("Id", "id", ""), ("Name", "text", ""), ("DeveloperName", "text", "")];
const USER_TERRITORY: &[Line] = &[
    ("Id", "id", ""),
    ("UserId", "ref:User", "c"),
    ("Territory2Id", "ref:Territory2", "c"),
    ("RoleInTerritory2", "text", "cun"),
    ("IsActive", "bool", ""),
];
const DASHBOARD: &[Line] = &[
    ("Id", "id", ""),
    ("Title", "text", ""),
    ("FolderName", "text", "n"),
    ("RunningUserId", "ref:User", "n"),
    ("Type", "text", ""),
];
const REPORT: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("FolderName", "text", "n"),
    // The folder, or the user whose private folder it is.
    ("OwnerId", "ref:User", "n"),
];
const CRON_JOB: &[Line] = &[("Id", "id", ""), ("Name", "text", ""), ("JobType", "text", "")];
const CRON_TRIGGER: &[Line] = &[
    ("Id", "id", ""),
    ("CronJobDetailId", "ref:CronJobDetail", ""),
    ("OwnerId", "ref:User", ""),
    ("State", "text", ""),
    ("NextFireTime", "time", "n"),
];
const ASYNC_JOB: &[Line] = &[
    ("Id", "id", ""),
    ("JobType", "text", ""),
    ("Status", "text", ""),
    ("CreatedById", "ref:User", ""),
    ("MethodName", "text", "n"),
];
const WORK_ITEM: &[Line] = &[
    ("Id", "id", ""),
    ("ProcessInstanceId", "text", ""),
    ("ActorId", "ref:Group|User", "u"),
    ("OriginalActorId", "ref:Group|User", ""),
    ("CreatedDate", "time", ""),
];

/// The objects, each with its letters of what may be done: s setup, c create, u update, d delete, r retrieve by id. Packages
/// are not on the vendor's list of setup objects (Apex Developer Guide, "sObjects That Can't Be Used Together in DML
/// Operations"), which says of itself that it is not complete.
pub(super) fn all() -> impl Iterator<Item = Object> {
    [
        ("Group", "00G", GROUP, "scudr"),
        ("GroupMember", "011", GROUP_MEMBER, "scdr"),
        ("QueueSobject", "03g", QUEUE_SOBJECT, "scdr"),
        ("PermissionSetGroup", "0PG", PERMISSION_SET_GROUP, "sr"),
        ("PermissionSetLicense", "0PL", PERMISSION_SET_LICENCE, "sr"),
        (
            "PermissionSetLicenseAssign",
            "2LA",
            PERMISSION_SET_LICENCE_ASSIGN,
            "scdr",
        ),
        ("PackageLicense", "050", PACKAGE_LICENCE, "r"),
        ("UserPackageLicense", "051", USER_PACKAGE_LICENCE, "cdr"),
        ("Territory2", "0MI", TERRITORY, "sr"),
        ("UserTerritory2Association", "0UT", USER_TERRITORY, "scdr"),
        ("Dashboard", "01Z", DASHBOARD, "r"),
        ("Report", "00O", REPORT, "r"),
        ("CronJobDetail", "08a", CRON_JOB, "r"),
        ("CronTrigger", "08e", CRON_TRIGGER, "r"),
        ("AsyncApexJob", "707", ASYNC_JOB, "r"),
        ("ProcessInstanceWorkitem", "04i", WORK_ITEM, "udr"),
    ]
    .into_iter()
    .map(|(name, prefix, fields, may)| objects::object(name, prefix, fields, may))
}
