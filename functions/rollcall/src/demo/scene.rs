//! The demo's stage: simulated vendors on loopback, and a folder with configuration, secrets and state.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rollcall_connectors::okta::{ASSIGNMENT_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, LOG_SCOPES, READ_SCOPES};
use rollcall_simulators::okta::ServiceApp;
use rollcall_simulators::salesforce::{AppKey, ConnectedApp};
use rollcall_simulators::world::{
    APAC_INTEGRATION, APAC_ORG, Company, EMEA_INTEGRATION, EMEA_ORG, Estate, INTEGRATION, LeaverWorld, OKTA_ORG,
    ONELOGIN_ACCOUNT, SALESFORCE_ORG, SLACK_TEAM,
};
use rollcall_simulators::{Served, Simulator, serve};

use super::keys;
use crate::cli::{ConfigOptions, DataOptions};

/// The environment that the demo writes.
const ENVIRONMENT: &str = "demo";
const CLIENT: &str = "0oaRollcallDemo00001";
const KEY_ID: &str = "demo-1";

/// The configuration folder that the tests use too; the demo adds an environment of its own.
const FILES: &[(&str, &str)] = &[
    (
        "tables/licences.csv",
        include_str!("../../../../tests/fixtures/config/estate/tables/licences.csv"),
    ),
    (
        "rollcall.yaml",
        include_str!("../../../../tests/fixtures/config/estate/rollcall.yaml"),
    ),
    (
        "playbooks/leaver.yaml",
        include_str!("../../../../tests/fixtures/config/estate/playbooks/leaver.yaml"),
    ),
    (
        "playbooks/app-removed.yaml",
        include_str!("../../../../tests/fixtures/config/estate/playbooks/app-removed.yaml"),
    ),
    (
        "people/amara.yaml",
        include_str!("../../../../tests/fixtures/config/estate/people/amara.yaml"),
    ),
    (
        "people/bodil.yaml",
        include_str!("../../../../tests/fixtures/config/estate/people/bodil.yaml"),
    ),
    (
        "tables/service.csv",
        include_str!("../../../../tests/fixtures/config/estate/tables/service.csv"),
    ),
];

/// The vendors, and where everything is.
pub(super) struct Scene {
    pub(super) world: LeaverWorld,
    pub(super) folder: PathBuf,
    /// Addresses of the simulated vendors, by the connection that uses them.
    pub(super) vendors: BTreeMap<&'static str, String>,
    /// Serve until dropped.
    _served: Vec<Served>,
}

impl Scene {
    /// Starts the vendors and writes the folder.
    pub(super) async fn set() -> anyhow::Result<Self> {
        let world = LeaverWorld::estate(Timestamp::now())
            .map_err(|why| anyhow::anyhow!("the simulated company cannot be made: {why}"))?;
        let folder = fresh_folder()?;
        let app_key = keys::elliptic(KEY_ID)?;
        world.okta.add_service_app(ServiceApp {
            client_id: CLIENT.to_owned(),
            jwks: app_key.public,
            scopes: [READ_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, ASSIGNMENT_SCOPES, LOG_SCOPES]
                .concat()
                .iter()
                .map(|scope| (*scope).to_owned())
                .collect(),
            admin_roles: vec!["SUPER_ADMIN".to_owned()],
            dpop: true,
        })?;
        let org_key = keys::rsa()?;
        let company = world
            .company
            .as_ref()
            .context("the simulated company has one directory only")?;
        let estate = world.estate.as_ref().context("the simulated leaver owns nothing")?;
        for (org, consumer_key, user) in [
            (&world.salesforce, &world.credentials.consumer_key, INTEGRATION),
            (&company.emea, &company.emea_consumer_key, EMEA_INTEGRATION),
            (&estate.apac, &estate.apac_consumer_key, APAC_INTEGRATION),
        ] {
            org.add_app(ConnectedApp {
                consumer_key: consumer_key.clone(),
                name: "Rollcall".to_owned(),
                public_key: Some(AppKey::Jwk(org_key.public.clone())),
                client_secret: None,
                run_as: None,
                pre_authorised: vec![user.to_owned()],
            });
        }
        let simulators: [(&str, Arc<dyn Simulator>); 6] = [
            ("sf-apac", Arc::clone(&estate.apac) as _),
            ("onelogin-main", Arc::clone(&company.onelogin) as _),
            ("sf-emea", Arc::clone(&company.emea) as _),
            ("okta-main", Arc::clone(&world.okta) as _),
            ("sf-us", Arc::clone(&world.salesforce) as _),
            ("slack", Arc::clone(&world.slack) as _),
        ];
        let (mut vendors, mut served) = (BTreeMap::new(), Vec::new());
        for (connection, simulator) in simulators {
            let one = serve(simulator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
            vendors.insert(connection, one.url.clone());
            served.push(one);
        }
        let url = |connection: &str| vendors.get(connection).map_or("", String::as_str);
        world.okta.set_base_url(url("okta-main"));
        world.salesforce.set_base_url(url("sf-us"));
        world.slack.set_base_url(url("slack"));
        company.onelogin.set_base_url(url("onelogin-main"));
        company.emea.set_base_url(url("sf-emea"));
        estate.apac.set_base_url(url("sf-apac"));

        let credentials = &world.credentials;
        for (name, secret) in [
            ("okta.pem", app_key.pem.as_str()),
            ("okta-hook", credentials.hook_secret.as_str()),
            ("salesforce.pem", org_key.pem.as_str()),
            ("slack-token", credentials.slack_token.as_str()),
            ("onelogin-secret", company.client_secret.as_str()),
            ("onelogin-hook", company.webhook_secret.as_str()),
        ] {
            write_private(&folder.join("secrets").join(name), secret)?;
        }
        for (name, text) in FILES {
            write_private(&folder.join("config").join(name), text)?;
        }
        let canary = world
            .okta
            .user_id("rollcall@corp.example")
            .context("the simulated company lacks Rollcall's own user")?;
        let environment = environment(&folder, &vendors, &world, &canary)?;
        write_private(
            &folder.join("config").join("env").join(format!("{ENVIRONMENT}.yaml")),
            &environment,
        )?;
        Ok(Self {
            world,
            folder,
            vendors,
            _served: served,
        })
    }

    /// The second directory, the second org and who else is there.
    pub(super) fn company(&self) -> anyhow::Result<&Company> {
        self.world
            .company
            .as_ref()
            .context("the simulated company has one directory only")
    }

    /// What the leaver owns.
    pub(super) fn estate(&self) -> anyhow::Result<&Estate> {
        self.world.estate.as_ref().context("the simulated leaver owns nothing")
    }

    /// Where the configuration is.
    pub(super) fn config(&self) -> ConfigOptions {
        ConfigOptions {
            config: self.folder.join("config"),
            env: ENVIRONMENT.to_owned(),
        }
    }

    /// Where the state is.
    pub(super) fn data(&self) -> DataOptions {
        DataOptions {
            data: self.folder.join("data"),
        }
    }
}

/// `env/demo.yaml`: the simulated tenants, signed in to the way production does.
fn environment(
    folder: &Path,
    vendors: &BTreeMap<&'static str, String>,
    world: &LeaverWorld,
    canary: &str,
) -> anyhow::Result<String> {
    let company = world.company.as_ref().context("there is no company")?;
    let estate = world.estate.as_ref().context("there is no estate")?;
    let secret = |name: &str| format!("\"file:{}\"", folder.join("secrets").join(name).display());
    let url = |connection: &str| vendors.get(connection).map_or("", String::as_str);
    let mut text = "tenants:\n".to_owned();
    writeln!(
        text,
        "  okta-main:\n    url: {}\n    id: {OKTA_ORG}\n    auth: service-app",
        url("okta-main")
    )?;
    writeln!(
        text,
        "    client_id: {CLIENT}\n    kid: {KEY_ID}\n    key: {}\n    canary: {canary}",
        secret("okta.pem")
    )?;
    writeln!(text, "    hook: {{secrets: [{}]}}", secret("okta-hook"))?;
    let [onelogin_app, us_app, emea_app] = &company.apps;
    writeln!(
        text,
        "  onelogin-main:\n    url: {}\n    id: {ONELOGIN_ACCOUNT}\n    app: {onelogin_app}\n    client_id: {}\n    secret: {}",
        url("onelogin-main"),
        company.client_id,
        secret("onelogin-secret")
    )?;
    writeln!(text, "    hook: {{secrets: [{}]}}", secret("onelogin-hook"))?;
    for (connection, id, app, key, username) in [
        (
            "sf-us",
            SALESFORCE_ORG,
            Some(us_app),
            &world.credentials.consumer_key,
            INTEGRATION,
        ),
        (
            "sf-emea",
            EMEA_ORG,
            Some(emea_app),
            &company.emea_consumer_key,
            EMEA_INTEGRATION,
        ),
        ("sf-apac", APAC_ORG, None, &estate.apac_consumer_key, APAC_INTEGRATION),
    ] {
        writeln!(
            text,
            "  {connection}:\n    url: {}\n    id: {id}\n    flow: jwt\n    hosts: [127.0.0.1]",
            url(connection)
        )?;
        if let Some(app) = app {
            writeln!(text, "    app: {app}")?;
        }
        writeln!(
            text,
            "    consumer_key: {key}\n    username: {username}\n    secret: {}",
            secret("salesforce.pem")
        )?;
    }
    writeln!(
        text,
        "  slack: {{url: \"{}/api\", id: {SLACK_TEAM}, secret: {}}}",
        url("slack"),
        secret("slack-token")
    )?;
    text.push_str("mode: {default: enforce}\n");
    Ok(text)
}

/// A folder of this demo's own, that nobody else can look into.
fn fresh_folder() -> anyhow::Result<PathBuf> {
    let name = format!(
        "rollcall-demo-{}-{}",
        Timestamp::now().strftime("%Y%m%d-%H%M%S"),
        std::process::id()
    );
    let folder = std::env::temp_dir().join(name);
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("the demo's folder {} cannot be made", folder.display()))?;
    Ok(folder)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?
            .write_all(text.as_bytes())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
