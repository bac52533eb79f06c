//! The v2 list of users: filters, sorting and fields.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::{Call, Outcome, page};
use super::problem::{self, Dialect, Problem};
use super::state::{Tenant, User, stamp};

/// Text and number attributes that a caller may write.
pub(super) const WRITABLE: [&str; 18] = [
    "username",
    "email",
    "firstname",
    "lastname",
    "title",
    "department",
    "company",
    "comment",
    "phone",
    "preferred_locale_code",
    "external_id",
    "manager_user_id",
    "manager_ad_id",
    "samaccountname",
    "userprincipalname",
    "distinguished_name",
    "member_of",
    "trusted_idp_id",
];

/// What the list shows when `fields` says nothing. The rest is reliably there on the single user only.
const LISTED: [&str; 23] = [
    "id",
    "username",
    "email",
    "firstname",
    "lastname",
    "phone",
    "status",
    "state",
    "group_id",
    "directory_id",
    "external_id",
    "samaccountname",
    "distinguished_name",
    "member_of",
    "created_at",
    "updated_at",
    "activated_at",
    "last_login",
    "invitation_sent_at",
    "password_changed_at",
    "locked_until",
    "invalid_login_attempts",
    "comment",
];

/// What can be sorted by; `created_at` is known to be refused.
const SORTABLE: [&str; 5] = ["id", "username", "email", "firstname", "lastname"];

impl Tenant {
    /// The whole user, every defined custom attribute included, unset ones as null.
    pub(super) fn show_user(&self, user: &User) -> Map<String, Value> {
        let moment = |at: Option<Timestamp>| json!(at.map(stamp));
        let mut shown = Map::new();
        for name in WRITABLE {
            let value = user.profile.get(name).cloned().unwrap_or(Value::Null);
            shown.insert(name.to_owned(), value);
        }
        let custom: Map<String, Value> = self
            .attributes
            .iter()
            .map(|name| (name.clone(), user.custom.get(name).cloned().unwrap_or(Value::Null)))
            .collect();
        for (name, value) in [
            ("id", json!(user.id)),
            ("status", json!(user.status.number())),
            ("state", json!(user.state.number())),
            ("group_id", json!(user.group_id)),
            ("role_ids", json!(user.roles)),
            ("directory_id", json!(user.directory_id)),
            ("created_at", json!(stamp(user.created))),
            ("updated_at", json!(stamp(user.updated))),
            ("activated_at", moment(user.activated)),
            ("last_login", moment(user.last_login)),
            ("invitation_sent_at", Value::Null),
            ("password_changed_at", moment(user.password_changed)),
            ("locked_until", moment(user.locked_until)),
            ("invalid_login_attempts", json!(user.invalid_logins)),
            ("custom_attributes", Value::Object(custom)),
        ] {
            shown.insert(name.to_owned(), value);
        }
        shown
    }

    /// `GET /api/2/users`.
    pub(super) fn list_users(&self, call: &Call<'_>) -> Outcome {
        let filter = self.filter(call)?;
        let wanted = fields(call)?;
        let mut users: Vec<User> = self.listed(call.now);
        users.retain(|user| !self.hides(call, user.id) && filter.iter().all(|test| test(self, user)));
        sort(call, &mut users)?;
        let rows = users
            .iter()
            .map(|user| {
                let mut shown = self.show_user(user);
                shown.retain(|name, _| wanted.iter().any(|field| field == name));
                Value::Object(shown)
            })
            .collect();
        page(
            call,
            &self.base,
            rows,
            self.settings.default_page,
            self.settings.largest_page,
        )
    }

    fn filter(&self, call: &Call<'_>) -> Result<Vec<Test>, Problem> {
        let mut tests: Vec<Test> = Vec::new();
        for (name, value) in &call.query {
            let (name, value) = (name.clone(), value.clone());
            match name.as_str() {
                "firstname" | "lastname" | "email" | "username" | "samaccountname" | "external_id" => {
                    tests.push(Box::new(move |_, user| fits(&value, user.text(&name))));
                }
                _ => {
                    if let Some(custom) = name.strip_prefix("custom_attributes.") {
                        if !self.attributes.contains(custom) {
                            return Err(problem::unknown_attribute(custom));
                        }
                        let custom = custom.to_owned();
                        tests.push(Box::new(move |_, user| {
                            let own = user.custom.get(&custom).and_then(Value::as_str);
                            own.is_some_and(|own| fits(&value, own))
                        }));
                    }
                }
            }
        }
        if let Some(id) = call.integer("directory_id")? {
            tests.push(Box::new(move |_, user| user.directory_id == Some(id)));
        }
        if let Some(id) = call.integer("group_id")? {
            tests.push(Box::new(move |_, user| user.group_id == Some(id)));
        }
        if let Some(id) = call.integer("app_id")? {
            tests.push(Box::new(move |tenant, user| tenant.apps_of(user).contains(&id)));
        }
        if let Some(ids) = call.integers("user_ids")? {
            tests.push(Box::new(move |_, user| ids.contains(&user.id)));
        }
        if let Some(ids) = call.integers("role_ids")? {
            tests.push(Box::new(move |_, user| ids.iter().any(|id| user.roles.contains(id))));
        }
        let moments: [(&str, Reading); 3] = [
            ("created", |user| Some(user.created)),
            ("updated", |user| Some(user.updated)),
            ("last_login", |user| user.last_login),
        ];
        for (name, read) in moments {
            if let Some(since) = call.moment(&format!("{name}_since"))? {
                tests.push(Box::new(move |_, user| read(user).is_some_and(|at| at >= since)));
            }
            if let Some(until) = call.moment(&format!("{name}_until"))? {
                tests.push(Box::new(move |_, user| read(user).is_some_and(|at| at <= until)));
            }
        }
        Ok(tests)
    }
}

/// The fields asked for, exactly; otherwise the reduced object.
fn fields(call: &Call<'_>) -> Result<Vec<String>, Problem> {
    let Some(text) = call.param("fields") else {
        return Ok(LISTED.iter().map(ToString::to_string).collect());
    };
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let known = |name: &str| {
        WRITABLE.contains(&name) || LISTED.contains(&name) || matches!(name, "role_ids" | "custom_attributes")
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(problem::unknown_attribute(name)),
        None => Ok(names),
    }
}

type Test = Box<dyn Fn(&Tenant, &User) -> bool>;
type Reading = fn(&User) -> Option<Timestamp>;

fn sort(call: &Call<'_>, users: &mut [User]) -> Result<(), Problem> {
    let Some(text) = call.param("sort") else {
        return Ok(());
    };
    // A plus sign that was not written as %2B arrives as a space, which is no field.
    let (down, field) = match text.strip_prefix('-') {
        Some(field) => (true, field),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !SORTABLE.contains(&field) {
        return Err(problem::sort_field(field));
    }
    users.sort_by(|one, other| {
        let order = one.text(field).cmp(other.text(field)).then(one.id.cmp(&other.id));
        if down { order.reverse() } else { order }
    });
    Ok(())
}

/// Whether a text fits a filter, in any case; `*` stands for anything.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl Tenant {
    /// 422 when a username or an e-mail address is somebody else's.
    pub(super) fn check_unique(
        &self,
        changes: &Map<String, Value>,
        own: Option<i64>,
        dialect: Dialect,
    ) -> Result<(), Problem> {
        for (name, label) in [("username", "Username"), ("email", "Email")] {
            let Some(value) = changes
                .get(name)
                .and_then(Value::as_str)
                .filter(|value| !value.is_empty())
            else {
                continue;
            };
            let taken = self
                .users
                .values()
                .any(|user| Some(user.id) != own && user.text(name).eq_ignore_ascii_case(value));
            if taken {
                let reason = format!("{label} must be unique within {}", self.subdomain());
                return Err(problem::invalid(dialect, &reason));
            }
        }
        Ok(())
    }
}
