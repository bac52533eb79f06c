//! Filling an account before a test, without events and without counting; and what tests read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::OneLogin;
use super::state::{
    App, ClientCredential, Device, Group, Mapping, MappingAction, Privilege, Role, Session, State, Status, User,
};

/// A user to start with. A seed is not checked: two users with one e-mail address are possible.
#[derive(Clone, Debug)]
pub struct UserSeed {
    /// Attributes by their v2 name; `username`, `email`, `firstname` and `lastname` at least.
    pub profile: Map<String, Value>,
    /// Values of custom attributes by short name; the attributes are defined along the way.
    pub custom: BTreeMap<String, Value>,
    /// The status.
    pub status: Status,
    /// The state.
    pub state: State,
    /// The one group.
    pub group_id: Option<i64>,
    /// The directory that masters the user.
    pub directory_id: Option<i64>,
    /// When the user last logged in.
    pub last_login: Option<Timestamp>,
}

impl UserSeed {
    /// An active, approved user without anything else; the e-mail address is the username.
    pub fn active(username: &str, first: &str, last: &str) -> Self {
        let mut profile = Map::new();
        for (name, value) in [
            ("username", username),
            ("email", username),
            ("firstname", first),
            ("lastname", last),
        ] {
            profile.insert(name.to_owned(), Value::from(value));
        }
        Self {
            profile,
            custom: BTreeMap::new(),
            status: Status::Active,
            state: State::Approved,
            group_id: None,
            directory_id: None,
            last_login: None,
        }
    }

    /// With an attribute, by its v2 name (`department`, `external_id`, `manager_user_id`, …).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.profile.insert(name.to_owned(), value.into());
        self
    }

    /// With a custom attribute.
    #[must_use]
    pub fn with_custom(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.custom.insert(name.to_owned(), value.into());
        self
    }

    /// With a status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }
}

impl OneLogin {
    /// Adds a user and gives the id.
    pub fn add_user(&self, seed: UserSeed) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(90_000_000);
        tenant.attributes.extend(seed.custom.keys().cloned());
        let user = User {
            id,
            profile: seed.profile,
            status: seed.status,
            before_lock: Status::Active,
            state: seed.state,
            group_id: seed.group_id,
            directory_id: seed.directory_id,
            directory_status: seed.status,
            roles: BTreeSet::new(),
            custom: seed.custom,
            devices: Vec::new(),
            created: self.start,
            updated: self.start,
            activated: (seed.status != Status::Unactivated).then_some(self.start),
            last_login: seed.last_login,
            password_changed: Some(self.start),
            locked_until: None,
            invalid_logins: 0,
        };
        tenant.users.insert(id, user);
        id
    }

    /// Defines a custom attribute by its short name.
    pub fn add_custom_attribute(&self, name: &str) {
        self.tenant().attributes.insert(name.to_owned());
    }

    /// Adds an API credential.
    pub fn add_credential(&self, credential: ClientCredential) {
        self.tenant().credentials.push(credential);
    }

    /// Adds a role and gives its id.
    pub fn add_role(&self, name: &str) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(610_000);
        let role = Role {
            id,
            name: name.to_owned(),
            apps: BTreeSet::new(),
            admins: BTreeSet::new(),
        };
        tenant.roles.insert(id, role);
        id
    }

    /// Gives a user a role.
    pub fn add_role_member(&self, role: i64, user: i64) {
        if let Some(user) = self.tenant().users.get_mut(&user) {
            user.roles.insert(role);
        }
    }

    /// Makes a user an administrator of a role.
    pub fn add_role_admin(&self, role: i64, user: i64) {
        if let Some(role) = self.tenant().roles.get_mut(&role) {
            role.admins.insert(user);
        }
    }

    /// Puts an app into a role, which gives it to the role's members.
    pub fn add_role_app(&self, role: i64, app: i64) {
        if let Some(role) = self.tenant().roles.get_mut(&role) {
            role.apps.insert(app);
        }
    }

    /// Adds a group and gives its id.
    pub fn add_group(&self, name: &str) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(700_000);
        let name = name.to_owned();
        tenant.groups.insert(id, Group { id, name });
        id
    }

    /// Adds an app and gives its id. An invisible one is missing in a user's apps unless `ignore_visibility=true`.
    pub fn add_app(&self, name: &str, visible: bool) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(500_000);
        let name = name.to_owned();
        tenant.apps.insert(id, App { id, name, visible });
        id
    }

    /// Adds a directory and gives its id. Its name is the actor of what it synchronises.
    pub fn add_directory(&self, name: &str) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(40_000);
        tenant.directories.insert(id, name.to_owned());
        id
    }

    /// Adds a privilege that allows these actions (`users:List`, …) everywhere, and gives its id. The name `Super user` is
    /// the vendor's for the one that allows everything.
    pub fn add_privilege(&self, name: &str, actions: &[&str]) -> String {
        let mut tenant = self.tenant();
        let (id, number) = (tenant.uuid(), tenant.number(2_000));
        tenant.privileges.push(Privilege {
            id: id.clone(),
            number,
            name: name.to_owned(),
            description: String::new(),
            document: json!({
                "Version": "2018-05-18",
                "Statement": [{"Effect": "Allow", "Action": actions, "Scope": ["*"]}],
            }),
            users: BTreeSet::new(),
            roles: BTreeSet::new(),
        });
        id
    }

    /// Gives a user a privilege.
    pub fn grant_privilege(&self, privilege: &str, user: i64) {
        let mut tenant = self.tenant();
        if let Some(found) = tenant.privileges.iter_mut().find(|one| one.id == privilege) {
            found.users.insert(user);
        }
    }

    /// Grants a privilege to a role, whose members hold it too.
    pub fn grant_privilege_to_role(&self, privilege: &str, role: i64) {
        let mut tenant = self.tenant();
        if let Some(found) = tenant.privileges.iter_mut().find(|one| one.id == privilege) {
            found.roles.insert(role);
        }
    }

    /// Enrols a factor, the user's default one if it is the first, and gives its id.
    pub fn add_device(&self, user: i64, factor: &str, name: &str) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(20_000);
        if let Some(user) = tenant.users.get_mut(&user) {
            user.devices.push(Device {
                id,
                name: name.to_owned(),
                factor: factor.to_owned(),
                default: user.devices.is_empty(),
            });
        }
        id
    }

    /// Adds an enabled mapping and gives its id: whoever has all attribute values gets the action. Custom attributes are
    /// named `custom_attribute_<short name>`. Nobody is touched before their next run.
    pub fn add_mapping(&self, name: &str, conditions: &[(&str, &str)], action: MappingAction) -> i64 {
        let mut tenant = self.tenant();
        let id = tenant.number(80_000);
        tenant.mappings.push(Mapping {
            id,
            name: name.to_owned(),
            conditions: conditions
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            action,
            enabled: true,
        });
        id
    }

    /// Opens a session in the portal and gives its id.
    pub fn open_session(&self, user: i64) -> String {
        self.open(user, None)
    }

    /// Opens a session inside an app, which no call of OneLogin ends, and gives its id.
    pub fn open_app_session(&self, user: i64, app: i64) -> String {
        self.open(user, Some(app))
    }

    fn open(&self, user: i64, app: Option<i64>) -> String {
        let mut tenant = self.tenant();
        let id = tenant.uuid();
        tenant.sessions.push(Session {
            id: id.clone(),
            user,
            app,
        });
        id
    }

    /// Hides users from a credential: they are missing in its lists, 403 on v1 and 404 on v2.
    pub fn hide_users(&self, client_id: &str, users: &[i64]) {
        let mut tenant = self.tenant();
        tenant.hidden.entry(client_id.to_owned()).or_default().extend(users);
    }

    /// A user's status; nothing after a deletion. A lock that ends counts once something has happened at or after its end
    /// ([`Self::settle`]).
    pub fn status_of(&self, user: i64) -> Option<Status> {
        self.tenant().users.get(&user).map(|user| user.status)
    }

    /// A user's state.
    pub fn state_of(&self, user: i64) -> Option<State> {
        self.tenant().users.get(&user).map(|user| user.state)
    }

    /// The id of the user with this username, in any case.
    pub fn user_id(&self, username: &str) -> Option<i64> {
        let tenant = self.tenant();
        let mut users = tenant.users.values();
        users
            .find(|user| user.text("username").eq_ignore_ascii_case(username))
            .map(|user| user.id)
    }

    /// Ids of the user's sessions in the portal.
    pub fn sessions_of(&self, user: i64) -> Vec<String> {
        self.sessions_where(|session| session.user == user && session.app.is_none())
    }

    /// Ids of the user's sessions inside apps.
    pub fn app_sessions_of(&self, user: i64) -> Vec<String> {
        self.sessions_where(|session| session.user == user && session.app.is_some())
    }

    fn sessions_where(&self, fits: impl Fn(&Session) -> bool) -> Vec<String> {
        let tenant = self.tenant();
        let sessions = tenant.sessions.iter().filter(|session| fits(session));
        sessions.map(|session| session.id.clone()).collect()
    }

    /// Ids of the user's roles.
    pub fn roles_of(&self, user: i64) -> Vec<i64> {
        let tenant = self.tenant();
        let user = tenant.users.get(&user);
        user.map(|user| user.roles.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Ids of the roles that the user administers.
    pub fn administered_roles_of(&self, user: i64) -> Vec<i64> {
        let tenant = self.tenant();
        let roles = tenant.roles.values().filter(|role| role.admins.contains(&user));
        roles.map(|role| role.id).collect()
    }

    /// Names of the privileges that the user holds directly.
    pub fn privileges_of(&self, user: i64) -> Vec<String> {
        let tenant = self.tenant();
        let held = tenant.privileges.iter().filter(|one| one.users.contains(&user));
        held.map(|one| one.name.clone()).collect()
    }

    /// Ids of the user's factors.
    pub fn devices_of(&self, user: i64) -> Vec<i64> {
        let tenant = self.tenant();
        let user = tenant.users.get(&user);
        user.map(|user| user.devices.iter().map(|device| device.id).collect())
            .unwrap_or_default()
    }

    /// The user's group.
    pub fn group_of(&self, user: i64) -> Option<i64> {
        self.tenant().users.get(&user).and_then(|user| user.group_id)
    }

    /// The user as `GET /api/2/users/{id}` shows it.
    pub fn user(&self, user: i64) -> Option<Value> {
        let tenant = self.tenant();
        tenant
            .users
            .get(&user)
            .map(|user| Value::Object(tenant.show_user(user)))
    }

    /// All events so far, oldest first, as the Events API would show them, whatever its delay.
    pub fn events(&self) -> Vec<Value> {
        let tenant = self.tenant();
        let events = tenant.events.iter();
        events
            .map(|event| Value::Object(event.for_api(tenant.account_id)))
            .collect()
    }

    /// Lets everything happen that is due at `now`: locks that end, and mappings that run after an answer.
    pub fn settle(&self, now: Timestamp) {
        self.tenant().settle(super::state::whole_millis(now));
    }
}
