//! More people like Amara, for tests that need a leaver of their own or many of them.

use serde_json::json;

use super::company::{Seeded, elsewhere};
use super::{LeaverWorld, SESSION_DEFAULT, SESSIONS_LAST, person};
use crate::okta::UserSeed as OktaUser;
use crate::onelogin::UserSeed as OneLoginUser;
use crate::salesforce::SessionKind;

/// How many records whoever is hired owns in each org.
const OWNED: usize = 4;

/// Somebody with an account in both directories and a user in both orgs.
#[derive(Clone, Debug)]
pub struct Hired {
    /// Sign-in name, the same everywhere but in the second org, where `.emea` is behind it.
    pub login: String,
    /// Okta's id.
    pub okta: String,
    /// OneLogin's number.
    pub onelogin: i64,
    /// Id in the first org.
    pub us: String,
    /// Id in the second org.
    pub emea: String,
}

impl LeaverWorld {
    /// Hires person number `number` (unlike any before): signed in everywhere, with a token in both orgs, and with a few records
    /// to hand over where the leaver has an estate.
    pub fn hire(&self, number: usize) -> Seeded<Hired> {
        let company = self.company.as_ref().ok_or("this world has no company")?;
        let (first, last) = ("Robin", format!("Halloway{number}"));
        let (login, employee) = (format!("robin.halloway{number}@corp.example"), format!("E9{number:04}"));
        let okta = self
            .okta
            .add_user(OktaUser::active(&login, first, &last).with("employeeNumber", employee.as_str()))?;
        for app in &company.apps {
            self.okta.assign_app(app, &okta, None)?;
        }
        let onelogin = company
            .onelogin
            .add_user(OneLoginUser::active(&login, first, &last).with("external_id", employee.as_str()));
        company.onelogin.open_session(onelogin);
        let mut users = Vec::new();
        for (org, seed) in [
            (&self.salesforce, person(&login, first, &last, &employee)),
            (&company.emea, elsewhere(&login, first, &last, &employee)),
        ] {
            org.set_session_lifetime(SESSIONS_LAST);
            let user = org.add_user(seed);
            org.add_session(&user, SessionKind::Ui);
            org.add_token(&user, "Mobile");
            org.set_session_lifetime(SESSION_DEFAULT);
            users.push(user);
        }
        if self.estate.is_some() {
            for (org, user) in [&self.salesforce, &company.emea].into_iter().zip(&users) {
                org.seed_records(
                    "Account",
                    OWNED,
                    |place| json!({ "OwnerId": user, "Name": format!("Client {number}-{place}"), "Type": "Customer" }),
                )?;
            }
        }
        let emea = users.pop().unwrap_or_default();
        let us = users.pop().unwrap_or_default();
        Ok(Hired {
            login,
            okta,
            onelogin,
            us,
            emea,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_hired_is_signed_in_everywhere() {
        let world = LeaverWorld::company("2026-11-28T09:00:00Z".parse().unwrap()).unwrap();
        let company = world.company.as_ref().unwrap();
        for number in [1, 2] {
            let hired = world.hire(number).unwrap();
            assert_eq!(world.okta.user_id(&hired.login).as_ref(), Some(&hired.okta));
            assert_eq!(world.okta.sessions(&hired.okta), 2);
            assert_eq!(company.onelogin.sessions_of(hired.onelogin).len(), 1);
            for (org, user) in [(&world.salesforce, &hired.us), (&company.emea, &hired.emea)] {
                // A token brings a session of its own.
                assert_eq!((org.sessions_of(user).len(), org.tokens_of(user).len()), (2, 1));
                assert!(org.is_active(user) && !org.is_frozen(user));
            }
        }
        assert!(world.hire(2).is_err(), "a login is taken once");
    }
}
