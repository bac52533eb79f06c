//! Entitlements that a test puts into an org, and what it asks of them.

use serde_json::{Value, json};

use super::Org;
use super::schema::{Field, Kind};
use super::state::Row;

impl Org {
    /// Adds a public group and answers its id.
    pub fn add_group(&self, name: &str) -> String {
        self.add_record(
            "Group",
            json!({ "Name": name, "DeveloperName": name.replace(' ', "_"), "Type": "Regular" }),
        )
    }

    /// Puts a user (or a group) into a group or a queue and answers the row's id.
    pub fn join_group(&self, group: &str, member: &str) -> String {
        self.add_record("GroupMember", json!({ "GroupId": group, "UserOrGroupId": member }))
    }

    /// Adds a permission set, perhaps one that needs a permission set licence, and answers its id.
    pub fn add_permission_set(&self, label: &str, licence: Option<&str>) -> String {
        self.add_record(
            "PermissionSet",
            json!({ "Name": label.replace(' ', "_"), "Label": label, "LicenseId": licence }),
        )
    }

    /// Adds a permission set group and answers its id.
    pub fn add_permission_set_group(&self, label: &str) -> String {
        let name = label.replace(' ', "_");
        self.add_record(
            "PermissionSetGroup",
            json!({ "DeveloperName": name, "MasterLabel": label, "Status": "Updated" }),
        )
    }

    /// Adds a permission set licence of which there are this many, and answers its id.
    pub fn add_permission_set_licence(&self, label: &str, total: u64) -> String {
        self.add_record(
            "PermissionSetLicense",
            json!({ "DeveloperName": label.replace(' ', "_"), "MasterLabel": label, "Status": "Active", "TotalLicenses": total }),
        )
    }

    /// Adds an installed package with this many licences (negative: for everybody) and answers the licence's id.
    pub fn add_package(&self, namespace: &str, allowed: i64) -> String {
        self.add_record(
            "PackageLicense",
            json!({ "NamespacePrefix": namespace, "AllowedLicenses": allowed, "Status": "Active" }),
        )
    }

    /// Gives a user a permission set, a group of them, a permission set licence, or a package, as a person in the org would:
    /// past all rules. The id says which it is. Answers the row's id.
    pub fn give(&self, user: &str, what: &str) -> String {
        match what.get(..3) {
            Some("0PG") => self.add_record(
                "PermissionSetAssignment",
                json!({ "AssigneeId": user, "PermissionSetGroupId": what, "IsActive": true }),
            ),
            Some("0PL") => self.add_record(
                "PermissionSetLicenseAssign",
                json!({ "AssigneeId": user, "PermissionSetLicenseId": what }),
            ),
            Some("050") => self.add_record(
                "UserPackageLicense",
                json!({ "UserId": user, "PackageLicenseId": what }),
            ),
            _ => self.add_record(
                "PermissionSetAssignment",
                json!({ "AssigneeId": user, "PermissionSetId": what, "IsActive": true }),
            ),
        }
    }

    /// Takes a record out as a person in the org would: past all rules, uncounted.
    pub fn remove_record(&self, object: &str, id: &str) {
        let mut state = self.lock();
        state.remove(object, id);
        state.commit();
    }

    /// Everything that a user is assigned, the profile's own set included, without the ids of the rows: one line each, sorted.
    pub fn assignments_of(&self, user: &str) -> Vec<String> {
        let state = self.lock();
        let mut all = Vec::new();
        for (object, holder, fields) in [
            (
                "PermissionSetAssignment",
                "AssigneeId",
                &["PermissionSetId", "PermissionSetGroupId", "ExpirationDate", "IsRevoked"][..],
            ),
            (
                "PermissionSetLicenseAssign",
                "AssigneeId",
                &["PermissionSetLicenseId"][..],
            ),
            ("UserPackageLicense", "UserId", &["PackageLicenseId"][..]),
            ("GroupMember", "UserOrGroupId", &["GroupId"][..]),
        ] {
            for id in state.ids_where(object, holder, user) {
                let row: Option<&Row> = state.row(object, &id);
                let values: Vec<String> = fields
                    .iter()
                    .map(|field| row.and_then(|row| row.get(*field)).unwrap_or(&Value::Null).to_string())
                    .collect();
                all.push(format!("{object} {}", values.join(" ")));
            }
        }
        all.sort();
        all
    }

    /// Adds a custom hierarchy field (`Mentor__c`) to users.
    pub fn add_hierarchy_field(&self, name: &str) {
        let mut state = self.lock();
        if let Some(mut user) = state.schema.get("User").cloned() {
            user.fields.push(Field {
                name: name.to_owned(),
                kind: Kind::Reference {
                    to: vec!["User".to_owned()],
                    relationship: format!("{}__r", name.trim_end_matches("__c")),
                },
                createable: true,
                updateable: true,
                nillable: true,
                filterable: true,
                children: None,
                cascade: false,
            });
            state.schema.add(user);
            state.objects_changed();
        }
    }
}
