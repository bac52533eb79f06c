//! What a test puts into an org before it starts.

use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use super::state::State;
use super::{Org, objects, time};

/// A user to begin with. Everything but the username has a default.
#[derive(Clone, Debug)]
pub struct UserSeed {
    /// E-mail form; unique over all orgs that share a set of usernames.
    pub username: String,
    /// The username when absent.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: String,
    /// The SAML subject.
    pub federation_identifier: Option<String>,
    /// Employee number.
    pub employee_number: Option<String>,
    /// Inactive users keep their username.
    pub is_active: bool,
    /// `Standard User`, `System Administrator` or `Minimum Access - API Only Integrations`.
    pub profile: &'static str,
    /// `Standard`, `PowerCustomerSuccess`, `CsnOnly`, …
    pub user_type: &'static str,
    /// Id of the manager.
    pub manager_id: Option<String>,
    /// A user who never logged in has no `UserLogin` row.
    pub ever_logged_in: bool,
    /// Starts frozen.
    pub is_frozen: bool,
}

impl UserSeed {
    /// An active standard user who has logged in before.
    pub fn new(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            email: None,
            first_name: None,
            last_name: username.split('@').next().unwrap_or(username).to_owned(),
            federation_identifier: None,
            employee_number: None,
            is_active: true,
            profile: "Standard User",
            user_type: "Standard",
            manager_id: None,
            ever_logged_in: true,
            is_frozen: false,
        }
    }

    /// The same with the administrators' profile.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.profile = "System Administrator";
        self
    }

    /// The same with the integrations' profile.
    #[must_use]
    pub fn integration(mut self) -> Self {
        self.profile = "Minimum Access - API Only Integrations";
        self
    }
}

/// The kind of a session to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A browser.
    Ui,
    /// An API client.
    Api,
    /// A page inside a browser session.
    Visualforce,
    /// Content inside a browser session.
    Content,
}

impl SessionKind {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ui => ("UI", "SAML Idp Initiated SSO"),
            Self::Api => ("API", "Remote Access 2.0"),
            Self::Visualforce => ("Visualforce", "Application"),
            Self::Content => ("Content", "Application"),
        }
    }
}

/// The public half of an app's key.
#[derive(Clone, Debug)]
pub enum AppKey {
    /// `-----BEGIN PUBLIC KEY-----` or `-----BEGIN RSA PUBLIC KEY-----`.
    Pem(String),
    /// A JSON Web Key with `n` and `e`.
    Jwk(Value),
}

impl AppKey {
    pub(super) fn decoding_key(&self) -> Option<DecodingKey> {
        match self {
            Self::Pem(pem) => DecodingKey::from_rsa_pem(pem.as_bytes()).ok(),
            Self::Jwk(jwk) => DecodingKey::from_rsa_components(jwk.get("n")?.as_str()?, jwk.get("e")?.as_str()?).ok(),
        }
    }
}

/// An external client app (or connected app).
#[derive(Clone, Debug)]
pub struct ConnectedApp {
    /// The client id.
    pub consumer_key: String,
    /// The name that `OauthToken.AppName` shows.
    pub name: String,
    /// Verifies JWT bearer assertions; without it the flow is refused.
    pub public_key: Option<AppKey>,
    /// For the client credentials flow.
    pub client_secret: Option<String>,
    /// Username of the client credentials flow's run-as user.
    pub run_as: Option<String>,
    /// Usernames pre-authorised for the JWT bearer flow.
    pub pre_authorised: Vec<String>,
}

impl Org {
    /// Adds a user and answers its 18-character id. A username that is taken anywhere gets no second user: the id is then
    /// that of no record, which a test notices at once.
    pub fn add_user(&self, seed: UserSeed) -> String {
        let mut state = self.lock();
        if !state.claim_username(&seed.username) {
            return String::new();
        }
        let profile = state.ids_where("Profile", "Name", seed.profile).pop();
        let name = seed
            .first_name
            .as_ref()
            .map_or_else(|| seed.last_name.clone(), |first| format!("{first} {}", seed.last_name));
        let email = seed.email.unwrap_or_else(|| seed.username.clone());
        let alias: String = seed.username.chars().take(8).collect();
        let user = state.insert(
            "User",
            json!({
                "Username": seed.username, "Email": email, "FirstName": seed.first_name, "LastName": seed.last_name, "Name": name,
                "Alias": alias, "FederationIdentifier": seed.federation_identifier, "EmployeeNumber": seed.employee_number,
                "IsActive": seed.is_active, "UserType": seed.user_type, "ProfileId": profile, "ManagerId": seed.manager_id,
                "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
            }),
        );
        state.assign_profile_set(&user);
        if seed.ever_logged_in {
            let moment = time::wire(state.now);
            state.insert("UserLogin", json!({ "UserId": user, "IsFrozen": seed.is_frozen }));
            state.set("User", &user, json!({ "LastLoginDate": moment }));
        }
        state.commit();
        user
    }

    /// Adds a session and answers its id.
    pub fn add_session(&self, user_id: &str, kind: SessionKind) -> String {
        self.add_child_session(user_id, kind, None)
    }

    /// Adds a session below another one and answers its id.
    pub fn add_child_session(&self, user_id: &str, kind: SessionKind, parent: Option<&str>) -> String {
        let mut state = self.lock();
        let (kind, login) = kind.names();
        let id = state.open_session(user_id, kind, login, parent, None);
        state.commit();
        id
    }

    /// Adds an `OauthToken` of an app by name, with one API session that came from it, and answers the token's id.
    pub fn add_token(&self, user_id: &str, app: &str) -> String {
        let mut state = self.lock();
        let token = state.grant_token(user_id, app);
        state.open_session(user_id, "API", "Remote Access 2.0", None, Some(&token));
        state.commit();
        token
    }

    /// Registers an app.
    pub fn add_app(&self, app: ConnectedApp) {
        self.lock().apps.insert(app.consumer_key.clone(), app);
    }

    /// Adds a record of any object as it stands (a role, a permission set, an account) and answers its id.
    pub fn add_record(&self, object: &str, fields: Value) -> String {
        let mut state = self.lock();
        let id = state.insert(object, fields);
        state.commit();
        id
    }

    /// Opens an API session for a user and answers its access token: a log-in outside the token endpoint, for tests that
    /// need a caller and not a flow.
    pub fn log_in(&self, user_id: &str) -> String {
        let mut state = self.lock();
        let token = state.access_token(user_id, None);
        state.commit();
        token
    }
}

impl State {
    /// Fills a new org with what every org has.
    pub(super) fn furnish(&mut self) {
        let (org, sandbox) = (self.org_id.clone(), self.sandbox);
        self.insert_as(
            "Organization",
            &org,
            json!({ "Name": "Corp Example", "IsSandbox": sandbox, "InstanceName": if sandbox { "CS5" } else { "NA5" }, "OrganizationType": "Enterprise Edition" }),
        );
        self.insert_as(objects::ACCESS, objects::ACCESS_ROW, json!({}));
        for (name, label, licences, profiles) in [
            (
                "SFDC",
                "Salesforce",
                100,
                &["Standard User", "System Administrator"][..],
            ),
            (
                "SALESFORCE_INTEGRATION",
                "Salesforce Integration",
                5,
                &["Minimum Access - API Only Integrations"][..],
            ),
        ] {
            let licence = self.insert(
                "UserLicense",
                json!({ "Name": name, "MasterLabel": label, "LicenseDefinitionKey": name, "Status": "Active", "TotalLicenses": licences }),
            );
            for &profile in profiles {
                let admin = profile == "System Administrator";
                let id = self.insert(
                    "Profile",
                    json!({ "Name": profile, "UserType": "Standard", "UserLicenseId": licence, "PermissionsModifyAllData": admin, "PermissionsManageUsers": admin }),
                );
                // Every profile is also a permission set that its users hold (Object Reference, PermissionSet.IsOwnedByProfile).
                self.insert(
                    "PermissionSet",
                    json!({ "Name": format!("X{id}"), "Label": format!("X{id}"), "IsOwnedByProfile": true, "ProfileId": id,
                        "PermissionsModifyAllData": admin, "PermissionsManageUsers": admin }),
                );
            }
        }
        self.commit();
    }

    /// Gives a user the permission set of the profile, in place of that of an earlier one.
    pub(super) fn assign_profile_set(&mut self, user: &str) {
        for id in self.ids_where("PermissionSetAssignment", "AssigneeId", user) {
            let set = self
                .text("PermissionSetAssignment", &id, "PermissionSetId")
                .unwrap_or_default()
                .to_owned();
            if self
                .row("PermissionSet", &set)
                .and_then(|row| row.get("IsOwnedByProfile"))
                == Some(&json!(true))
            {
                self.remove("PermissionSetAssignment", &id);
            }
        }
        let profile = self.text("User", user, "ProfileId").unwrap_or_default().to_owned();
        if let Some(set) = self.ids_where("PermissionSet", "ProfileId", &profile).pop() {
            self.insert(
                "PermissionSetAssignment",
                json!({ "AssigneeId": user, "PermissionSetId": set, "IsActive": true }),
            );
        }
    }

    /// The `OauthToken` row of a user and an app, made at its first use.
    pub(super) fn grant_token(&mut self, user: &str, app: &str) -> String {
        let moment = time::wire(self.now);
        let held = self
            .ids_where("OauthToken", "UserId", user)
            .into_iter()
            .find(|id| self.text("OauthToken", id, "AppName") == Some(app));
        if let Some(id) = held {
            let uses = self
                .row("OauthToken", &id)
                .and_then(|row| row.get("UseCount"))
                .and_then(Value::as_u64)
                .unwrap_or(0);
            self.set(
                "OauthToken",
                &id,
                json!({ "UseCount": uses + 1, "LastUsedDate": moment }),
            );
            return id;
        }
        let delete_token = self.next_id("DEL");
        self.insert("OauthToken", json!({ "UserId": user, "AppName": app, "UseCount": 1, "LastUsedDate": moment, "DeleteToken": delete_token }))
    }

    /// Opens an API session and answers the access token that carries it.
    pub(super) fn access_token(&mut self, user: &str, oauth_token: Option<&str>) -> String {
        let session = self.open_session(user, "API", "Remote Access 2.0", None, oauth_token);
        let org: String = self.org_id.chars().take(15).collect();
        let token = format!("{org}!AQEAQ{}.{}", self.next_id("tok"), session);
        self.tokens.insert(token.clone(), session);
        token
    }
}
