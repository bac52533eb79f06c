//! The standard objects that the first stages of an offboarding touch.
//!
//! Fields, key prefixes and supported calls follow the vendor's Object Reference, page by page: User, UserLogin,
//! AuthSession, OauthToken, Organization, Profile, UserRole, UserLicense, PermissionSet, PermissionSetAssignment,
//! UserPermissionAccess.

use super::schema::{Field, Kind, Nature, Object, Schema};

/// A line of a field table: name, type, flags.
///
/// Types: `id`, `text`, `email`, `bool`, `int`, `num`, `date`, `time`, `pick:A|B`, `ref:Object[|Object][>Children]` with the
/// parent's name for the relationship. Flags: `c` createable, `u` updateable, `n` nillable, `x` not filterable, `k` deleted
/// with its parent.
pub(super) type Line = (&'static str, &'static str, &'static str);

const USER: &[Line] = &[
    ("Id", "id", ""),
    ("Username", "text", "cu"),
    ("Email", "email", "cu"),
    ("FirstName", "text", "cun"),
    ("LastName", "text", "cu"),
    ("Name", "text", ""),
    ("Alias", "text", "cu"),
    ("FederationIdentifier", "text", "cun"),
    ("EmployeeNumber", "text", "cun"),
    ("CompanyName", "text", "cun"),
    ("Department", "text", "cun"),
    ("Title", "text", "cun"),
    ("IsActive", "bool", "cu"),
    ("UserType", "text", ""),
    ("ProfileId", "ref:Profile", "cu"),
    ("UserRoleId", "ref:UserRole", "cun"),
    ("ManagerId", "ref:User", "cun"),
    ("DelegatedApproverId", "ref:User", "cun"),
    (
        "TimeZoneSidKey",
        "pick:America/Los_Angeles|America/New_York|Asia/Tokyo|Europe/Berlin|Europe/London|Europe/Paris|GMT",
        "cu",
    ),
    ("LocaleSidKey", "pick:de_DE|en_GB|en_US|fr_FR|ja_JP", "cu"),
    ("LanguageLocaleKey", "pick:de|en_GB|en_US|fr|ja", "cu"),
    ("EmailEncodingKey", "pick:ISO-8859-1|UTF-8", "cu"),
    ("LastLoginDate", "time", "n"),
    ("CreatedDate", "time", ""),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
    ("SystemModstamp", "time", ""),
];
const USER_LOGIN: &[Line] = &[
    ("Id", "id", ""),
    ("UserId", "ref:User", ""),
    ("IsFrozen", "bool", "u"),
    ("IsPasswordLocked", "bool", "u"),
    ("LastModifiedDate", "time", ""),
    ("LastModifiedById", "ref:User", ""),
];
const AUTH_SESSION: &[Line] = &[
    ("Id", "id", ""),
    ("UsersId", "ref:User", ""),
    ("SessionType", "text", ""),
    ("LoginType", "text", ""),
    ("ParentId", "ref:AuthSession", "n"),
    ("NumSecondsValid", "int", ""),
    ("SourceIp", "text", ""),
    ("IsCurrent", "bool", "x"),
    ("SessionSecurityLevel", "text", "n"),
    ("CreatedDate", "time", ""),
    ("LastModifiedDate", "time", ""),
];
const OAUTH_TOKEN: &[Line] = &[
    ("Id", "id", ""),
    ("UserId", "ref:User", ""),
    ("AppName", "text", ""),
    ("AppMenuItemId", "text", "n"),
    ("DeleteToken", "text", "x"),
    ("LastUsedDate", "time", "n"),
    ("UseCount", "int", ""),
    ("CreatedDate", "time", ""),
];
const ORGANIZATION: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("IsSandbox", "bool", ""),
    ("InstanceName", "text", ""),
    ("OrganizationType", "text", ""),
];
const PROFILE: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("UserType", "text", ""),
    ("UserLicenseId", "ref:UserLicense", ""),
    ("PermissionsModifyAllData", "bool", ""),
    ("PermissionsManageUsers", "bool", ""),
];
const USER_ROLE: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("DeveloperName", "text", ""),
    ("ParentRoleId", "text", "n"),
];
const USER_LICENSE: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("MasterLabel", "text", ""),
    ("LicenseDefinitionKey", "text", ""),
    ("Status", "text", ""),
    ("TotalLicenses", "int", ""),
    // Not filterable since API 64.0.
    ("UsedLicenses", "int", "x"),
];
const PERMISSION_SET: &[Line] = &[
    ("Id", "id", ""),
    ("Name", "text", ""),
    ("Label", "text", ""),
    ("IsOwnedByProfile", "bool", ""),
    ("ProfileId", "ref:Profile", "n"),
    ("LicenseId", "text", "n"),
    ("PermissionsModifyAllData", "bool", ""),
    ("PermissionsManageUsers", "bool", ""),
];
const PERMISSION_SET_ASSIGNMENT: &[Line] = &[
    ("Id", "id", ""),
    ("AssigneeId", "ref:User", "c"),
    ("PermissionSetId", "ref:PermissionSet", "c"),
    ("PermissionSetGroupId", "ref:PermissionSetGroup", "cn"),
    ("ExpirationDate", "time", "cun"),
    ("IsActive", "bool", ""),
    ("IsRevoked", "bool", ""),
];
/// There is a field for every permission of the vendor's; these are the ones that the simulator has switches for.
const USER_PERMISSION_ACCESS: &[Line] = &[
    ("Id", "id", ""),
    ("LastCacheUpdate", "time", "n"),
    ("PermissionsApiEnabled", "bool", ""),
    ("PermissionsCustomizeApplication", "bool", ""),
    ("PermissionsManageUsers", "bool", ""),
    ("PermissionsManagePvtRptsAndDashbds", "bool", ""),
    ("PermissionsViewAllData", "bool", ""),
    ("PermissionsViewAllUsers", "bool", ""),
    ("PermissionsViewSetup", "bool", ""),
];
/// The object that says what the caller itself may do.
pub(super) const ACCESS: &str = "UserPermissionAccess";
/// Id of its only record. The vendor documents none: this is the empty id, as of a record that is nowhere stored.
pub(super) const ACCESS_ROW: &str = "000000000000000AAA";

/// What every org starts with.
pub(super) fn standard() -> Schema {
    let mut schema = Schema::default();
    for (name, prefix, fields, may) in [
        ("User", "005", USER, "scur"),
        ("UserLogin", "0Yw", USER_LOGIN, "sur"),
        ("AuthSession", "0Ak", AUTH_SESSION, "sdr"),
        ("OauthToken", "0CQ", OAUTH_TOKEN, "s"),
        ("Organization", "00D", ORGANIZATION, "r"),
        ("Profile", "00e", PROFILE, "sr"),
        ("UserRole", "00E", USER_ROLE, "sr"),
        ("UserLicense", "100", USER_LICENSE, "sr"),
        ("PermissionSet", "0PS", PERMISSION_SET, "sr"),
        ("PermissionSetAssignment", "0Pa", PERMISSION_SET_ASSIGNMENT, "scudr"),
    ] {
        schema.add(object(name, prefix, fields, may));
    }
    for object in super::setup_objects::all() {
        schema.add(object);
    }
    schema.add(permission_access());
    schema
}

/// Object Reference, UserPermissionAccess: API 41.0 and later, `describeSObjects()` and `query()` only, open to users
/// without View Setup. A key prefix is not documented.
pub(super) fn permission_access() -> Object {
    object(ACCESS, "000", USER_PERMISSION_ACCESS, "s")
}

/// The letters of `may`: s setup, c create, u update, d delete, r retrieve by id, - not to be queried.
pub(super) fn object(name: &str, prefix: &str, fields: &[Line], may: &str) -> Object {
    Object {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        fields: fields.iter().map(field).collect(),
        setup: may.contains('s'),
        createable: may.contains('c'),
        updateable: may.contains('u'),
        deletable: may.contains('d'),
        retrieveable: may.contains('r'),
        queryable: !may.contains('-'),
        nature: Nature::Plain,
    }
}

fn field(&(name, kind, flags): &Line) -> Field {
    let (kind, children) = kind
        .split_once('>')
        .map_or((kind, None), |(kind, children)| (kind, Some(children)));
    let list = |rest: &str| rest.split('|').map(str::to_owned).collect::<Vec<_>>();
    let kind = match kind.split_once(':') {
        Some(("pick", values)) => Kind::Picklist(list(values)),
        Some(("ref", to)) => Kind::Reference {
            to: list(to),
            relationship: match (name.strip_suffix("Id"), name.strip_suffix("__c")) {
                (Some(stem), _) => stem.to_owned(),
                (_, Some(stem)) => format!("{stem}__r"),
                _ => name.to_owned(),
            },
        },
        _ => match kind {
            "id" => Kind::Id,
            "email" => Kind::Email,
            "bool" => Kind::Boolean,
            "int" => Kind::Int,
            "num" => Kind::Double,
            "date" => Kind::Date,
            "time" => Kind::DateTime,
            _ => Kind::Text,
        },
    };
    Field {
        name: name.to_owned(),
        kind,
        createable: flags.contains('c'),
        updateable: flags.contains('u'),
        nillable: flags.contains('n'),
        filterable: !flags.contains('x'),
        children: children.map(str::to_owned),
        cascade: flags.contains('k'),
    }
}
