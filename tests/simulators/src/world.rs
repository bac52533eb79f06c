//! A small company across the simulated vendors: the demo's and the harness's starting point.
//!
//! Amara Okafor leaves. She has an Okta account, a Salesforce user with three sessions of her own and two OAuth tokens with a
//! session each, and a manager who stays, in Okta and in Slack. Beside her live a colleague with the same family name (whom
//! nobody may touch), an administrator and Rollcall's own integration users. All names are invented and all addresses are on
//! reserved domains.

mod company;
mod cuts;
mod estate;
mod hire;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::okta::{Hook, Okta, UserSeed};
use crate::salesforce::{ConnectedApp, Org, SessionKind, UserSeed as SalesforceUser};
use crate::slack::Slack;

pub use company::{
    APPROVER, Company, EMEA_INTEGRATION, EMEA_ORG, ONELOGIN_ACCOUNT, PROTECTED, SERVICE_ACCOUNT, WEBHOOK,
};
pub use cuts::Cuts;
pub use estate::{APAC_INTEGRATION, APAC_ORG, BLOCKED, Estate, OPERATIONS, ORPHANS, RECORDS};
pub use hire::Hired;

/// The credentials that Rollcall's configuration refers to.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Value of the Okta hook's header.
    pub hook_secret: String,
    /// Okta API token.
    pub okta_token: String,
    /// Salesforce consumer key.
    pub consumer_key: String,
    /// Salesforce consumer secret, for client credentials.
    pub consumer_secret: String,
    /// Slack bot token.
    pub slack_token: String,
}

/// The vendors and who is in them.
pub struct LeaverWorld {
    /// The directory.
    pub okta: Arc<Okta>,
    /// The Salesforce org.
    pub salesforce: Arc<Org>,
    /// The Slack workspace.
    pub slack: Arc<Slack>,
    /// What the configuration needs to connect.
    pub credentials: Credentials,
    /// The leaver's Okta id.
    pub leaver: String,
    /// The leaver's Salesforce id.
    pub leaver_user: String,
    /// The colleague's Salesforce id.
    pub colleague_user: String,
    /// Okta id of the administrator who presses the button.
    pub administrator: String,
    /// The second directory, the second org and who else is there; only in [`LeaverWorld::company`].
    pub company: Option<Company>,
    /// What the leaver owns; nothing unless the world was made by [`LeaverWorld::estate`].
    pub estate: Option<Estate>,
}

/// Sign-in name of the leaver in Okta and in Salesforce. She is not in Slack.
pub const LEAVER: &str = "amara.okafor@corp.example";
/// Sign-in name of the leaver's manager in Okta, and the address in Slack.
pub const MANAGER: &str = "sam.lindqvist@corp.example";
/// Slack's id of the leaver's manager.
pub const MANAGER_IN_SLACK: &str = "U0SAML00001";
/// Sign-in name of Rollcall's own Okta user, who owns the API token: what every complete read shows.
pub const SERVICE: &str = "rollcall@corp.example";
/// Username of Rollcall's own Salesforce user.
pub const INTEGRATION: &str = "rollcall@corp.example.integration";
/// Okta's id of the tenant.
pub const OKTA_ORG: &str = "00oCorpExample000001";
/// Salesforce's id of the org.
pub const SALESFORCE_ORG: &str = "00D5f000001CORPEA4";
/// Slack's id of the workspace.
pub const SLACK_TEAM: &str = "T0CORPEXMPL";
/// The main hook's id.
pub const HOOK: &str = "who4rc7h00kA1b2C3d4e";
/// A second hook's id: the same events, address and secret. It is off until [`LeaverWorld::second_hook`] turns it on.
pub const SECOND_HOOK: &str = "who5rc7h00kB2c3D4e5f";
/// The public channel `#security`, which hears of leavers. The bot is in it.
pub const CHANNEL: &str = "C0SECURITY1";

/// How long the sessions that the world starts with live without a call: longer than any story, so that one that is gone was
/// ended by somebody. Sessions that begin later live as long as the simulator lets them.
const SESSIONS_LAST: Duration = Duration::from_hours(24);
/// How long they live otherwise: the vendor's default (help page "Modify Session Security Settings").
const SESSION_DEFAULT: Duration = Duration::from_hours(2);

impl LeaverWorld {
    /// The company as it is before anything happens. Fails only when a seed does not fit its simulator.
    pub fn new(now: Timestamp) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let credentials = Credentials {
            hook_secret: "demo-hook-secret-not-for-production".to_owned(),
            okta_token: "00demoTokenOfTheServiceUser000000000000000".to_owned(),
            consumer_key: "3MVG9.demo.consumer.key".to_owned(),
            consumer_secret: "demo-consumer-secret".to_owned(),
            slack_token: "xoxb-demo-bot-token".to_owned(),
        };

        let okta = Arc::new(Okta::new(OKTA_ORG, now));
        let administrator = okta.add_user(UserSeed::active("priya.raman@corp.example", "Priya", "Raman"))?;
        okta.add_role(&administrator, "SUPER_ADMIN")?;
        let service = okta.add_user(UserSeed::active(SERVICE, "Rollcall", "Service"))?;
        okta.add_role(&service, "SUPER_ADMIN")?;
        okta.add_ssws_token(&credentials.okta_token, &service)?;
        let manager = okta.add_user(UserSeed::active(MANAGER, "Sam", "Lindqvist").with("employeeNumber", "E0007"))?;
        let leaver = okta.add_user(UserSeed {
            manager: Some(manager.clone()),
            ..UserSeed::active(LEAVER, "Amara", "Okafor")
                .with("employeeNumber", "E1042")
                .with("department", "Sales")
                .with("title", "Account Executive")
                .with("managerId", manager)
        })?;
        okta.add_user(
            UserSeed::active("chidi.okafor@corp.example", "Chidi", "Okafor").with("employeeNumber", "E1043"),
        )?;
        let sales = okta.add_group("Sales-AE", crate::okta::GroupKind::Okta);
        okta.add_member(&sales, &leaver)?;
        for id in [HOOK, SECOND_HOOK] {
            okta.add_hook(Hook {
                id: id.to_owned(),
                url: "https://hooks.corp.example/hooks/okta-main".to_owned(),
                header: "authorization".to_owned(),
                secret: credentials.hook_secret.clone(),
                events: [
                    "user.lifecycle.deactivate",
                    "user.lifecycle.reactivate",
                    "user.lifecycle.activate",
                    "user.lifecycle.suspend",
                    "user.lifecycle.delete.initiated",
                    "application.user_membership.remove",
                ]
                .map(str::to_owned)
                .to_vec(),
            })?;
        }
        okta.set_hook_active(SECOND_HOOK, false);

        let salesforce = Arc::new(Org::new(SALESFORCE_ORG, false, now));
        salesforce.set_session_lifetime(SESSIONS_LAST);
        let own = salesforce.add_user(SalesforceUser::new(INTEGRATION).integration());
        salesforce.log_in(&own);
        salesforce.add_user(SalesforceUser::new("priya.raman@corp.example").admin());
        let leaver_user = salesforce.add_user(person(LEAVER, "Amara", "Okafor", "E1042"));
        for kind in [SessionKind::Ui, SessionKind::Ui, SessionKind::Api] {
            salesforce.add_session(&leaver_user, kind);
        }
        salesforce.add_token(&leaver_user, "Mobile");
        salesforce.add_token(&leaver_user, "Data Loader");
        let colleague_user = salesforce.add_user(person("chidi.okafor@corp.example", "Chidi", "Okafor", "E1043"));
        salesforce.add_session(&colleague_user, SessionKind::Ui);
        salesforce.add_token(&colleague_user, "Mobile");
        salesforce.set_session_lifetime(SESSION_DEFAULT);
        salesforce.add_app(ConnectedApp {
            consumer_key: credentials.consumer_key.clone(),
            name: "Rollcall".to_owned(),
            public_key: None,
            client_secret: Some(credentials.consumer_secret.clone()),
            run_as: Some(INTEGRATION.to_owned()),
            pre_authorised: Vec::new(),
        });

        let slack = Arc::new(Slack::new(SLACK_TEAM));
        slack.add_token(
            &credentials.slack_token,
            &[
                "chat:write",
                "users:read.email",
                "users:read",
                "im:write",
                "channels:history",
                "channels:read",
                "groups:history",
                "groups:read",
                "im:history",
            ],
        );
        slack.add_channel(CHANNEL, "security", true);
        slack.add_user(MANAGER_IN_SLACK, MANAGER, "Sam Lindqvist");
        slack.add_user("U0PRIYA0001", "priya.raman@corp.example", "Priya Raman");

        Ok(Self {
            okta,
            salesforce,
            slack,
            credentials,
            leaver,
            leaver_user,
            colleague_user,
            administrator,
            company: None,
            estate: None,
        })
    }

    /// An administrator deactivates the leaver in the directory's console. Salesforce and Slack hear nothing of it.
    pub fn deactivate(&self, now: Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.okta
            .admin_deactivate(&self.leaver, &self.administrator, now)
            .map_err(|refused| format!("{refused:?}").into())
    }

    /// An administrator activates the leaver again after [`Self::deactivate`].
    pub fn activate(&self, now: Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.okta
            .admin_activate(&self.leaver, &self.administrator, now)
            .map_err(|refused| format!("{refused:?}").into())
    }

    /// Turns the second hook on or off. What happens from then on is delivered through both, or through the first alone.
    pub fn second_hook(&self, on: bool) {
        self.okta.set_hook_active(SECOND_HOOK, on);
    }
}

fn person(username: &str, first: &str, last: &str, number: &str) -> SalesforceUser {
    SalesforceUser {
        first_name: Some(first.to_owned()),
        last_name: last.to_owned(),
        federation_identifier: Some(username.to_owned()),
        employee_number: Some(number.to_owned()),
        ..SalesforceUser::new(username)
    }
}

#[cfg(test)]
mod tests;
