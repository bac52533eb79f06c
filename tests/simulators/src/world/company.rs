//! The rest of the company: a second directory, a second org, and people with more than one account.
//!
//! Amara has an account for administration beside her own in one org, and answers for a service account in the other. Noor
//! Haddad, who leads the company, is protected. All names are invented and all addresses are on reserved domains.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{LEAVER, LeaverWorld, SESSION_DEFAULT, SESSIONS_LAST, person};
use crate::okta::{GroupKind, UserSeed as OktaUser};
use crate::onelogin::{ClientCredential, Format, OneLogin, Scope, UserSeed as OneLoginUser, Webhook};
use crate::salesforce::{ConnectedApp, Org, SessionKind, UserSeed as SalesforceUser};

/// OneLogin's number of the tenant.
pub const ONELOGIN_ACCOUNT: u64 = 424_242;
/// Salesforce's id of the second org.
pub const EMEA_ORG: &str = "00D5f000002CORPEA4";
/// Username of Rollcall's own user in the second org.
pub const EMEA_INTEGRATION: &str = "rollcall@corp.example.emea.integration";
/// Sign-in name of the protected person.
pub const PROTECTED: &str = "noor.haddad@corp.example";
/// Sign-in name of the second approver. The first one is Priya Raman, the administrator.
pub const APPROVER: &str = "ines.duarte@corp.example";
/// Username of the service account in the second org that Amara answers for.
pub const SERVICE_ACCOUNT: &str = "etl@corp.example.emea";
/// What OneLogin's webhook is called.
pub const WEBHOOK: &str = "rollcall";

/// The rest of the company.
pub struct Company {
    /// The second directory.
    pub onelogin: Arc<OneLogin>,
    /// The second org.
    pub emea: Arc<Org>,
    /// OneLogin's API credential.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Value of the `authorization` header of OneLogin's webhook.
    pub webhook_secret: String,
    /// The second org's consumer key.
    pub emea_consumer_key: String,
    /// The leaver's account in OneLogin.
    pub leaver_onelogin: i64,
    /// The leaver's second account in the first org, with which she administers it.
    pub leaver_admin: String,
    /// The leaver's user in the second org.
    pub leaver_emea: String,
    /// The service account in the second org.
    pub service_emea: String,
    /// The protected person's Okta id.
    pub protected: String,
    /// The protected person's accounts: OneLogin, first org, second org.
    pub protected_accounts: (i64, String, String),
    /// The colleague's account in OneLogin.
    pub colleague_onelogin: i64,
    /// The colleague's user in the second org.
    pub colleague_emea: String,
    /// OneLogin's administrator who presses buttons there.
    pub administrator_onelogin: i64,
    /// Okta's applications that stand for OneLogin, the first and the second org.
    pub apps: [String; 3],
}

pub(super) type Seeded<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl LeaverWorld {
    /// The whole company: what [`LeaverWorld::new`] has, with two directories and two orgs.
    pub fn company(now: Timestamp) -> Seeded<Self> {
        let mut world = Self::new(now)?;
        world.company = Some(Company::grow(&world, now)?);
        Ok(world)
    }

    /// An administrator gives the leaver the applications again that a deactivation took away. Nothing where there are none.
    pub fn give_back(&self) {
        let apps = self.company.iter().flat_map(|company| &company.apps);
        for app in apps.filter(|app| !self.okta.apps(&self.leaver).contains_key(*app)) {
            // An application that cannot be given stays away, which is what a test then finds.
            let _ = self.okta.assign_app(app, &self.leaver, None);
        }
    }
}

impl Company {
    fn grow(world: &LeaverWorld, now: Timestamp) -> Seeded<Self> {
        let okta = &world.okta;
        let protected = okta.add_user(
            OktaUser::active(PROTECTED, "Noor", "Haddad")
                .with("employeeNumber", "E0001")
                .with("title", "CEO"),
        )?;
        let approver = okta.add_user(OktaUser::active(APPROVER, "Inês", "Duarte").with("employeeNumber", "E0011"))?;
        for (name, members) in [
            ("RC-Protected", vec![&protected]),
            ("RC-Quiet", vec![]),
            ("Legal-Hold", vec![]),
            ("RC-Approvers", vec![&world.administrator, &approver]),
        ] {
            let group = okta.add_group(name, GroupKind::Okta);
            for member in members {
                okta.add_member(&group, member)?;
            }
        }
        let colleague = okta
            .user_id("chidi.okafor@corp.example")
            .ok_or("the colleague is missing")?;
        let apps = ["OneLogin", "Salesforce US", "Salesforce EMEA"].map(|label| okta.add_app(label, true));
        for app in &apps {
            for user in [&world.leaver, &colleague, &protected] {
                okta.assign_app(app, user, None)?;
            }
        }

        let us = &world.salesforce;
        us.set_session_lifetime(SESSIONS_LAST);
        let leaver_admin = us.add_user(SalesforceUser {
            federation_identifier: None,
            ..person("amara.okafor.admin@corp.example", "Amara", "Okafor (admin)", "E1042").admin()
        });
        let protected_us = us.add_user(person(PROTECTED, "Noor", "Haddad", "E0001"));
        for user in [&leaver_admin, &protected_us] {
            us.add_session(user, SessionKind::Ui);
            us.add_token(user, "Mobile");
        }
        us.set_session_lifetime(SESSION_DEFAULT);

        let emea = Arc::new(Org::new(EMEA_ORG, false, now));
        emea.set_session_lifetime(SESSIONS_LAST);
        let own = emea.add_user(SalesforceUser::new(EMEA_INTEGRATION).integration());
        emea.log_in(&own);
        emea.add_user(SalesforceUser::new("priya.raman@corp.example.emea").admin());
        let leaver_emea = emea.add_user(elsewhere(LEAVER, "Amara", "Okafor", "E1042"));
        let colleague_emea = emea.add_user(elsewhere("chidi.okafor@corp.example", "Chidi", "Okafor", "E1043"));
        let protected_emea = emea.add_user(elsewhere(PROTECTED, "Noor", "Haddad", "E0001"));
        let service_emea = emea.add_user(SalesforceUser {
            employee_number: Some("E1042".to_owned()),
            ..SalesforceUser::new(SERVICE_ACCOUNT)
        });
        for user in [&leaver_emea, &colleague_emea, &protected_emea, &service_emea] {
            emea.add_session(user, SessionKind::Api);
            emea.add_token(user, "Data Loader");
        }
        emea.set_session_lifetime(SESSION_DEFAULT);
        let emea_consumer_key = "3MVG9.demo.consumer.key.emea".to_owned();
        emea.add_app(ConnectedApp {
            consumer_key: emea_consumer_key.clone(),
            name: "Rollcall".to_owned(),
            public_key: None,
            client_secret: Some(world.credentials.consumer_secret.clone()),
            run_as: Some(EMEA_INTEGRATION.to_owned()),
            pre_authorised: Vec::new(),
        });

        let onelogin = Arc::new(OneLogin::new(ONELOGIN_ACCOUNT, now));
        let owner = onelogin.add_user(OneLoginUser::active("rollcall@corp.example", "Rollcall", "Service"));
        let administrator_onelogin = onelogin
            .add_user(OneLoginUser::active("priya.raman@corp.example", "Priya", "Raman").with("external_id", "E0002"));
        let super_user = onelogin.add_privilege("Super user", &["*:*"]);
        for user in [owner, administrator_onelogin] {
            onelogin.grant_privilege(&super_user, user);
        }
        let manager = onelogin.add_user(
            OneLoginUser::active("sam.lindqvist@corp.example", "Sam", "Lindqvist").with("external_id", "E0007"),
        );
        let leaver_onelogin = onelogin.add_user(
            OneLoginUser::active(LEAVER, "Amara", "Okafor")
                .with("external_id", "E1042")
                .with("department", "Sales")
                .with("manager_user_id", manager),
        );
        let colleague_onelogin = onelogin.add_user(
            OneLoginUser::active("chidi.okafor@corp.example", "Chidi", "Okafor").with("external_id", "E1043"),
        );
        let protected_onelogin =
            onelogin.add_user(OneLoginUser::active(PROTECTED, "Noor", "Haddad").with("external_id", "E0001"));
        let wiki = onelogin.add_app("Wiki", true);
        let sales = onelogin.add_role("Sales-AE");
        onelogin.add_role_app(sales, wiki);
        for user in [leaver_onelogin, colleague_onelogin] {
            onelogin.add_role_member(sales, user);
        }
        for user in [leaver_onelogin, colleague_onelogin, protected_onelogin] {
            onelogin.open_session(user);
            onelogin.open_app_session(user, wiki);
        }
        let (client_id, client_secret) = ("c0ffee00".repeat(8), "demo-onelogin-secret".to_owned());
        onelogin.add_credential(ClientCredential {
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
            scope: Scope::ManageAll,
            owner,
        });
        let webhook_secret = "Bearer demo-onelogin-webhook-secret-0001".to_owned();
        onelogin.add_webhook(Webhook {
            name: WEBHOOK.to_owned(),
            url: "https://hooks.corp.example/hooks/onelogin-main".to_owned(),
            format: Format::JsonArray,
            headers: vec![("authorization".to_owned(), webhook_secret.clone())],
            bulk_path: false,
        });

        Ok(Self {
            onelogin,
            emea,
            client_id,
            client_secret,
            webhook_secret,
            emea_consumer_key,
            leaver_onelogin,
            leaver_admin,
            leaver_emea,
            service_emea,
            protected,
            protected_accounts: (protected_onelogin, protected_us, protected_emea),
            colleague_onelogin,
            colleague_emea,
            administrator_onelogin,
            apps,
        })
    }

    /// How long OneLogin collects events before it posts them.
    pub const FLUSH: Duration = Duration::from_secs(10);
}

/// Somebody in the second org: usernames are unique over all orgs, so theirs has a suffix there.
pub(super) fn elsewhere(login: &str, first: &str, last: &str, number: &str) -> SalesforceUser {
    SalesforceUser {
        username: format!("{login}.emea"),
        email: Some(login.to_owned()),
        ..person(login, first, last, number)
    }
}
