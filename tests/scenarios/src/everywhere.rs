//! The whole company on the stage: two directories, two orgs, and what somebody still has in each.

use std::time::Duration;

use rollcall_harness::WorldSpec;
use rollcall_harness::world::ONELOGIN_DOOR;
use rollcall_model::Timestamp;
use rollcall_simulators::okta::Status as OktaStatus;
use rollcall_simulators::onelogin::{OneLogin, Status as OneLoginStatus};
use rollcall_simulators::salesforce::Org;
use rollcall_simulators::world::Company;

use crate::Stage;

/// A world with the whole company.
pub fn company() -> WorldSpec {
    WorldSpec {
        company: true,
        ..WorldSpec::default()
    }
}

/// Whether an account in each system can still be used: true when it has lost everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Okta: no way to sign in, and no session.
    pub okta: bool,
    /// OneLogin: suspended or worse, and no portal session.
    pub onelogin: bool,
    /// The first org: frozen, no token, no session.
    pub us: bool,
    /// The account for administration in the first org.
    pub us_admin: bool,
    /// The second org.
    pub emea: bool,
}

impl Lost {
    /// Everything.
    pub const ALL: Self = Self {
        okta: true,
        onelogin: true,
        us: true,
        us_admin: true,
        emea: true,
    };
    /// Nothing.
    pub const NOTHING: Self = Self {
        okta: false,
        onelogin: false,
        us: false,
        us_admin: false,
        emea: false,
    };
}

impl Stage {
    /// The whole company at its beginning.
    pub async fn company() -> Self {
        Self::new(company()).await
    }

    /// The rest of the company.
    pub fn rest(&self) -> &Company {
        self.world.vendors.company.as_ref().expect("the whole company is there")
    }

    /// Something happens in OneLogin, and its webhook says so.
    pub async fn in_onelogin(&self, happens: impl FnOnce(&OneLogin, Timestamp)) {
        happens(&self.rest().onelogin, self.now());
        assert!(self.deliver_onelogin().await > 0, "the webhook delivers something");
    }

    /// Posts what OneLogin's webhook has collected; how many deliveries there were. The door must take each.
    pub async fn deliver_onelogin(&self) -> usize {
        self.world.clock.advance(Company::FLUSH + Duration::from_secs(1));
        let deliveries = self.rest().onelogin.take_deliveries(self.now());
        for delivery in &deliveries {
            let status = self
                .world
                .post_to(ONELOGIN_DOOR, &delivery.headers, &delivery.body)
                .await;
            assert_eq!(status, 200, "the door takes it");
        }
        deliveries.len()
    }

    /// What the leaver has lost.
    pub fn lost(&self) -> Lost {
        let (vendors, rest) = (&self.world.vendors, self.rest());
        Lost {
            okta: lost_okta(self, &vendors.leaver),
            onelogin: lost_onelogin(self, rest.leaver_onelogin),
            us: lost_org(&vendors.salesforce, &vendors.leaver_user),
            us_admin: lost_org(&vendors.salesforce, &rest.leaver_admin),
            emea: lost_org(&rest.emea, &rest.leaver_emea),
        }
    }

    /// What the protected person has lost; they have no account for administration.
    pub fn lost_by_protected(&self) -> Lost {
        let (vendors, rest) = (&self.world.vendors, self.rest());
        let (onelogin, us, emea) = &rest.protected_accounts;
        Lost {
            okta: lost_okta(self, &rest.protected),
            onelogin: lost_onelogin(self, *onelogin),
            us: lost_org(&vendors.salesforce, us),
            us_admin: false,
            emea: lost_org(&rest.emea, emea),
        }
    }

    /// The colleague with the same family name and the service account have lost nothing at all. Panics otherwise.
    pub fn bystanders_are_untouched(&self) {
        let (vendors, rest) = (&self.world.vendors, self.rest());
        for (org, user) in [
            (&vendors.salesforce, &vendors.colleague_user),
            (&rest.emea, &rest.colleague_emea),
            (&rest.emea, &rest.service_emea),
        ] {
            assert!(!org.is_frozen(user), "{user} is frozen");
            assert!(!org.tokens_of(user).is_empty(), "{user} has lost tokens");
            assert!(!org.sessions_of(user).is_empty(), "{user} has lost sessions");
        }
        let status = rest.onelogin.status_of(rest.colleague_onelogin);
        assert_eq!(status, Some(OneLoginStatus::Active));
        assert!(!rest.onelogin.sessions_of(rest.colleague_onelogin).is_empty());
    }
}

fn lost_okta(stage: &Stage, user: &str) -> bool {
    let okta = &stage.world.vendors.okta;
    let barred = matches!(
        okta.user_status(user),
        None | Some(OktaStatus::Suspended | OktaStatus::Deprovisioned)
    );
    barred && okta.sessions(user) == 0
}

fn lost_onelogin(stage: &Stage, user: i64) -> bool {
    let onelogin = &stage.rest().onelogin;
    !matches!(onelogin.status_of(user), Some(OneLoginStatus::Active)) && onelogin.sessions_of(user).is_empty()
}

fn lost_org(org: &Org, user: &str) -> bool {
    org.is_frozen(user) && org.tokens_of(user).is_empty() && org.sessions_of(user).is_empty()
}
