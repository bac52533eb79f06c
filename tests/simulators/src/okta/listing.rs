//! `GET /users`: the plain list, `search`, `filter` and `q`.

use serde_json::{Value, json};

use super::auth::{Area, Reach};
use super::call::{Answer, Call, Outcome, continued, own_link};
use super::filter::{self, Expression, Operator};
use super::problem::Problem;
use super::render::project;
use super::state::{Org, Status, User, stamp};

/// Most users on a page.
const MOST: usize = 200;

/// What `filter` can compare (Okta, "List all users").
const FILTERABLE: [&str; 7] = [
    "status",
    "lastUpdated",
    "id",
    "profile.login",
    "profile.email",
    "profile.firstName",
    "profile.lastName",
];

/// What `search` can compare beside profile attributes.
const SEARCHABLE: [&str; 7] = [
    "id",
    "status",
    "created",
    "activated",
    "statusChanged",
    "lastUpdated",
    "type.id",
];

/// Where `search` offers `co`.
const CONTAINABLE: [&str; 4] = [
    "profile.firstName",
    "profile.lastName",
    "profile.email",
    "profile.login",
];

impl Org {
    /// Answers a list call.
    pub(super) fn list_users(&self, call: &Call<'_>) -> Outcome {
        if !call.principal.allowed(Area::Users, Reach::Read) {
            // A granted scope without an admin role: 200 and nobody.
            return Ok(Answer::page(Vec::new(), own_link(&self.base, call), None));
        }
        match (call.param("search"), call.param("filter"), call.param("q")) {
            (Some(_), Some(_), _) => Err(Problem::new(
                400,
                "E0000033",
                "Invalid search criteria: search and filter cannot be used together.",
            )),
            (Some(search), None, _) => self.search(call, search),
            (None, Some(text), _) => {
                let expression = filterable(text)?;
                self.walk(call, "200u", &|user| {
                    expression.fits(false, &|name| self.held(user, name))
                })
            }
            (None, None, Some(start)) => Ok(self.quick(call, &start.to_lowercase())?),
            (None, None, None) => self.walk(call, "200u", &|user| user.status != Status::Deprovisioned),
        }
    }

    /// A list in order of creation, from the cursor on.
    fn walk(&self, call: &Call<'_>, prefix: &str, wanted: &dyn Fn(&User) -> bool) -> Outcome {
        let limit = call.limit(MOST, 1, MOST)?;
        let start = position(call, prefix)?;
        let mut found = Vec::with_capacity(limit);
        let mut next = None;
        for (at, user) in self.users.iter().enumerate().skip(start) {
            let Some(user) = user.as_ref().filter(|user| wanted(user)) else {
                continue;
            };
            if found.len() == limit {
                next = Some(continued(&self.base, call, &format!("{prefix}{at:012x}")));
                break;
            }
            found.push(self.element(call, user));
        }
        Ok(Answer::page(found, own_link(&self.base, call), next))
    }

    /// `q`: a prefix of first name, last name or email; ten at most unless asked, one page, nobody deactivated.
    fn quick(&self, call: &Call<'_>, start: &str) -> Outcome {
        let limit = call.limit(10, 1, MOST)?;
        let fits = |user: &&User| {
            user.status != Status::Deprovisioned
                && ["firstName", "lastName", "email"]
                    .iter()
                    .any(|name| user.text(name).to_lowercase().starts_with(start))
        };
        let found = self
            .users
            .iter()
            .flatten()
            .filter(fits)
            .take(limit)
            .map(|user| self.element(call, user))
            .collect();
        Ok(Answer::page(found, own_link(&self.base, call), None))
    }

    /// `search`: the index, which may trail behind.
    fn search(&self, call: &Call<'_>, text: &str) -> Outcome {
        let expression = self.searchable(text)?;
        let indexed = |user: &User| -> Option<User> {
            match &user.stale {
                Some(stale) if stale.until > call.now => stale.seen.as_ref().map(|(status, profile)| {
                    let mut old = user.clone();
                    old.status = *status;
                    old.profile.clone_from(profile);
                    old.leaving = None;
                    old
                }),
                _ => Some(user.clone()),
            }
        };
        let fits = |user: &User| expression.fits(true, &|name| self.held(user, name));
        if call.param("sortBy").is_none() {
            return self.walk_index(call, &indexed, &fits);
        }
        let by = call.param("sortBy").unwrap_or_default();
        let mut found: Vec<User> = self
            .users
            .iter()
            .flatten()
            .filter_map(indexed)
            .filter(|user| fits(user))
            .collect();
        found.sort_by_cached_key(|user| {
            self.held(user, by)
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
                .to_lowercase()
        });
        if call
            .param("sortOrder")
            .is_some_and(|order| order.eq_ignore_ascii_case("desc"))
        {
            found.reverse();
        }
        let limit = call.limit(MOST, 1, MOST)?;
        let start = position(call, "00u")?;
        let next =
            (found.len() > start + limit).then(|| continued(&self.base, call, &format!("00u{:012x}", start + limit)));
        let page = found
            .iter()
            .skip(start)
            .take(limit)
            .map(|user| self.element(call, user))
            .collect();
        Ok(Answer::page(page, own_link(&self.base, call), next))
    }

    fn walk_index(
        &self,
        call: &Call<'_>,
        indexed: &dyn Fn(&User) -> Option<User>,
        fits: &dyn Fn(&User) -> bool,
    ) -> Outcome {
        let limit = call.limit(MOST, 1, MOST)?;
        let start = position(call, "00u")?;
        let (mut found, mut next) = (Vec::new(), None);
        for (at, user) in self.users.iter().enumerate().skip(start) {
            // Only users whose index entry trails are worth a copy.
            let view = match user {
                Some(user) if user.stale.is_none() => std::borrow::Cow::Borrowed(user),
                Some(user) => match indexed(user) {
                    Some(view) => std::borrow::Cow::Owned(view),
                    None => continue,
                },
                None => continue,
            };
            if !fits(&view) {
                continue;
            }
            if found.len() == limit {
                next = Some(continued(&self.base, call, &format!("00u{at:012x}")));
                break;
            }
            found.push(self.element(call, &view));
        }
        Ok(Answer::page(found, own_link(&self.base, call), next))
    }

    fn element(&self, call: &Call<'_>, user: &User) -> Value {
        let object = self.user_json(user, false);
        match call.param("fields") {
            Some(fields) => project(&object, fields),
            None => object,
        }
    }

    /// What a user holds for a filter attribute.
    pub(super) fn held(&self, user: &User, name: &str) -> Vec<Value> {
        let date = |at: Option<jiff::Timestamp>| at.map(|at| json!(stamp(at))).into_iter().collect();
        match name {
            "id" => vec![json!(user.id)],
            "status" => vec![json!(user.status.name())],
            "created" => date(Some(user.created)),
            "activated" => date(user.activated),
            "statusChanged" => date(user.status_changed),
            "lastUpdated" => date(Some(user.last_updated)),
            "type.id" => vec![json!(self.type_id)],
            _ => match name.strip_prefix("profile.").and_then(|name| user.profile.get(name)) {
                Some(Value::Array(items)) => items.clone(),
                Some(value) => vec![value.clone()],
                None => Vec::new(),
            },
        }
    }

    fn searchable(&self, text: &str) -> Result<Expression, Problem> {
        let bad = |why: &str| Problem::new(400, "E0000031", format!("Invalid search criteria. {why}"));
        let parsed = filter::parse(text).ok_or_else(|| bad("The expression is not valid."))?;
        for (attribute, operator) in parsed.comparisons() {
            let known = SEARCHABLE.contains(&attribute)
                || attribute
                    .strip_prefix("profile.")
                    .is_some_and(|name| self.is_attribute(name));
            if !known {
                return Err(bad(&format!("Unknown attribute {attribute}.")));
            }
            let allowed = match operator {
                Operator::Ne | Operator::Ew => false,
                Operator::Co => CONTAINABLE.contains(&attribute),
                _ => true,
            };
            if !allowed {
                return Err(bad(&format!("The operator is not supported for {attribute}.")));
            }
        }
        Ok(parsed)
    }
}

fn filterable(text: &str) -> Result<Expression, Problem> {
    let bad = || Problem::new(400, "E0000031", "Invalid search criteria.");
    let parsed = filter::parse(text).ok_or_else(bad)?;
    for (attribute, operator) in parsed.comparisons() {
        let ordered = matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
        let allowed =
            FILTERABLE.contains(&attribute) && (operator == Operator::Eq || (ordered && attribute == "lastUpdated"));
        if !allowed {
            return Err(bad());
        }
    }
    Ok(parsed)
}

/// The position that a cursor stands for.
fn position(call: &Call<'_>, prefix: &str) -> Result<usize, Problem> {
    match call.param("after") {
        None => Ok(0),
        Some(after) => after
            .strip_prefix(prefix)
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            .ok_or_else(|| Problem::new(400, "E0000029", "Invalid cursor.")),
    }
}
