//! Starts the simulators with a small world in them, for the demo and for the vendors' official clients.
//!
//! `simulators [--okta PORT] [--onelogin PORT] [--salesforce PORT] [--slack PORT] [--okta-url URL] [--record FILE]` serves on
//! loopback (port 0, the default, picks a free one), prints one line of JSON with the URLs and the credentials that a client needs,
//! and stops when its standard input closes. With `--okta-url` Okta is told to clients at that address, where something stands
//! between them and it; `behind` then says where it really is. With `--record` every call is written down
//! ([`rollcall_simulators::routes::Recorded`]). `simulators --routes` prints every endpoint, and ends.

use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rollcall_simulators::keys::ServiceKey;
use rollcall_simulators::okta::{GroupKind, Okta, ServiceApp, Status, UserSeed};
use rollcall_simulators::onelogin::{self, ClientCredential, MappingAction, OneLogin, Scope};
use rollcall_simulators::routes::{self, Recorded, Vendor};
use rollcall_simulators::salesforce::{self, AppKey, ConnectedApp, Org, SessionKind};
use rollcall_simulators::slack::Slack;
use rollcall_simulators::{Served, Simulator, serve};
use serde_json::{Map, Value, json};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("--routes") {
        write!(std::io::stdout(), "{}", routes::list())?;
        return Ok(());
    }
    let ports = Ports::from_arguments(std::env::args().skip(1))?;
    let record = Record::into(ports.record.as_ref())?;
    let mut world = Map::new();
    let mut running = Vec::new();

    let (served, okta) = start_okta(ports.okta, ports.okta_url.as_deref(), &record).await?;
    running.push(served);
    world.insert("okta".to_owned(), okta);
    let (served, onelogin) = start_onelogin(ports.onelogin, &record).await?;
    running.push(served);
    world.insert("onelogin".to_owned(), onelogin);
    let (served, salesforce) = start_salesforce(ports.salesforce, &record).await?;
    running.push(served);
    world.insert("salesforce".to_owned(), salesforce);
    let (served, slack) = start_slack(ports.slack, &record).await?;
    running.push(served);
    world.insert("slack".to_owned(), slack);

    writeln!(std::io::stdout(), "{}", Value::Object(world))?;
    until_input_closes().await;
    for served in running {
        served.shutdown().await;
    }
    Ok(())
}

/// The ports asked for, 0 for any, and what else was asked.
#[derive(Default)]
struct Ports {
    okta: u16,
    onelogin: u16,
    salesforce: u16,
    slack: u16,
    okta_url: Option<String>,
    record: Option<PathBuf>,
}

impl Ports {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut ports = Self::default();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--okta-url" => {
                    ports.okta_url = Some(value);
                    continue;
                }
                "--record" => {
                    ports.record = Some(value.into());
                    continue;
                }
                _ => {}
            }
            let port: u16 = value.parse().map_err(|_| format!("{name}: {value} is not a port"))?;
            match name.as_str() {
                "--okta" => ports.okta = port,
                "--onelogin" => ports.onelogin = port,
                "--salesforce" => ports.salesforce = port,
                "--slack" => ports.slack = port,
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        Ok(ports)
    }
}

/// Where calls are written down, if anywhere.
struct Record(Option<Arc<Mutex<File>>>);

impl Record {
    fn into(path: Option<&PathBuf>) -> Result<Self, Failure> {
        let file = path.map(File::create).transpose()?;
        Ok(Self(file.map(|file| Arc::new(Mutex::new(file)))))
    }

    /// Serves a simulator on this port of the loopback interface.
    async fn serve(&self, vendor: Vendor, simulator: Arc<dyn Simulator>, port: u16) -> Result<Served, Failure> {
        let simulator = match &self.0 {
            Some(file) => Arc::new(Recorded {
                vendor,
                simulator,
                into: Arc::clone(file),
            }),
            None => simulator,
        };
        Ok(serve(simulator, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?)
    }
}

async fn until_input_closes() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        // Whatever ends the reading, an error too, means that nobody holds the other end any more.
        let _ended = std::io::stdin().read_to_end(&mut rest);
        let _nobody_waits = closed.send(());
    });
    let _closed = wait.await;
}

/// An org with a few people, an SSWS token of an administrator, and two service apps that share one key.
async fn start_okta(port: u16, url: Option<&str>, record: &Record) -> Result<(Served, Value), Failure> {
    let okta = Arc::new(Okta::new("00oSimulatedOrg00001", Timestamp::now()));
    let admin = okta.add_user(UserSeed::active("ada.admin@example.com", "Ada", "Admin"))?;
    okta.add_role(&admin, "SUPER_ADMIN")?;
    for (login, first, last) in [
        ("bo.lindqvist@example.com", "Bo", "Lindqvist"),
        ("chidi.okafor@example.com", "Chidi", "Okafor"),
        ("hana.yamada@example.com", "Hana", "Yamada"),
    ] {
        okta.add_user(UserSeed::active(login, first, last).with("department", "Sales"))?;
    }
    let left = UserSeed {
        status: Status::Deprovisioned,
        ..UserSeed::active("gone.already@example.com", "Gone", "Already")
    };
    okta.add_user(left)?;
    let directory_group = okta.add_group("Imported from directory", GroupKind::App);
    let ruled_group = okta.add_group("By rule", GroupKind::Okta);
    let rule = okta.add_group_rule("Everybody in Ruling", "department", "Ruling", &ruled_group);
    let token = "00simulatedSswsToken0000000000000000000000";
    okta.add_ssws_token(token, &admin)?;
    let (holder, leaver, delegate, app) = held_in_okta(&okta)?;
    let enrolled = okta.add_user(UserSeed {
        factors: [("push", "OKTA"), ("sms", "OKTA")]
            .map(|(kind, provider)| (kind.to_owned(), provider.to_owned()))
            .into(),
        ..UserSeed::active("enrolled@example.com", "Enid", "Enrolled")
    })?;
    let locked = okta.add_user(UserSeed {
        status: Status::LockedOut,
        ..UserSeed::active("locked@example.com", "Lou", "Locked")
    })?;
    let returning = okta.add_user(UserSeed {
        has_password: false,
        ..UserSeed::active("returning@example.com", "Rae", "Returning")
    })?;
    let wiki = okta.add_app("Wiki", true);
    okta.assign_app(&wiki, &returning, None)?;

    let key = ServiceKey::rsa("simulated-key-1")?;
    let scopes = [
        "okta.users.manage",
        "okta.users.read",
        "okta.groups.manage",
        "okta.groups.read",
        "okta.roles.read",
        "okta.logs.read",
    ];
    for (client_id, dpop) in [("0oaServiceBearer0001", false), ("0oaServiceDpop000001", true)] {
        okta.add_service_app(ServiceApp {
            client_id: client_id.to_owned(),
            jwks: key.public.clone(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            admin_roles: vec!["SUPER_ADMIN".to_owned()],
            dpop,
        })?;
    }
    okta.add_service_app(ServiceApp {
        client_id: "0oaServiceNoRole0001".to_owned(),
        jwks: key.public,
        scopes: scopes.iter().map(ToString::to_string).collect(),
        admin_roles: Vec::new(),
        dpop: false,
    })?;

    let served = record.serve(Vendor::Okta, Arc::<Okta>::clone(&okta), port).await?;
    let url = url.unwrap_or(&served.url);
    okta.set_base_url(url);
    let description = json!({
        "url": url,
        "behind": served.url,
        "token": token,
        "admin_id": admin,
        "directory_group_id": directory_group,
        "ruled_group_id": ruled_group,
        "group_rule_id": rule,
        "holder_id": holder,
        "leaver_id": leaver,
        "delegate_id": delegate,
        "enrolled_id": enrolled,
        "locked_id": locked,
        "returning_id": returning,
        "returning_app_id": wiki,
        "app_id": app,
        "client_id": "0oaServiceBearer0001",
        "dpop_client_id": "0oaServiceDpop000001",
        "client_id_without_role": "0oaServiceNoRole0001",
        "scopes": scopes,
        "private_key_pem": key.private_pem,
        "key_id": key.id,
    });
    Ok((served, description))
}

/// An account with a service account that owns the credentials, a leaver with everything that a leaver can hold, and enough
/// people for several short pages.
async fn start_onelogin(port: u16, record: &Record) -> Result<(Served, Value), Failure> {
    let account = Arc::new(OneLogin::new(424_242, Timestamp::now()));
    let owner = account.add_user(onelogin::UserSeed::active(
        "rollcall@corp.example",
        "Rollcall",
        "Service",
    ));
    let short_lived = account.add_user(onelogin::UserSeed::active("old.admin@corp.example", "Old", "Admin"));
    let leaver = account.add_user(
        onelogin::UserSeed::active("jordan.rivera@corp.example", "Jordan", "Rivera")
            .with("department", "Sales")
            .with("external_id", "HR-10021")
            .with_custom("cost_center", "C-42"),
    );
    account.add_custom_attribute("badge");
    let number_of_people = 25;
    for number in 0..number_of_people {
        let username = format!("person{number:02}@corp.example");
        account.add_user(onelogin::UserSeed::active(
            &username,
            "Person",
            &format!("Number{number:02}"),
        ));
    }
    let role = account.add_role("Sales");
    account.add_role_member(role, leaver);
    account.add_role_admin(role, leaver);
    let app = account.add_app("Invisible ledger", false);
    account.add_role_app(role, app);
    let mapped = account.add_role("Mapped");
    account.add_mapping(
        "Everyone in Mapping",
        &[("department", "Mapping")],
        MappingAction::AddRole(mapped),
    );
    let group = account.add_group("Default");
    let privilege = account.add_privilege("Super user", &["users:List", "users:Get", "users:Update"]);
    account.grant_privilege(&privilege, leaver);
    account.add_device(leaver, "OneLogin Protect", "Phone");
    account.open_session(leaver);
    account.open_app_session(leaver, app);
    let mut credentials = Map::new();
    for (name, scope, owner) in [
        ("manage_all", Scope::ManageAll, owner),
        ("manage_users", Scope::ManageUsers, owner),
        ("read_all", Scope::ReadAll, owner),
        ("read_users", Scope::ReadUsers, owner),
        ("orphan", Scope::ManageAll, short_lived),
    ] {
        let (client_id, client_secret) = (format!("simulated-{name}"), format!("secret-{name}"));
        credentials.insert(
            name.to_owned(),
            json!({"client_id": client_id, "client_secret": client_secret}),
        );
        account.add_credential(ClientCredential {
            client_id,
            client_secret,
            scope,
            owner,
        });
    }
    account.set_page_sizes(10, 20);

    let served = record
        .serve(Vendor::OneLogin, Arc::<OneLogin>::clone(&account), port)
        .await?;
    account.set_base_url(&served.url);
    let description = json!({
        "url": served.url,
        "account_id": account.account_id(),
        "credentials": credentials,
        "owner_id": owner,
        "orphan_owner_id": short_lived,
        "leaver_id": leaver,
        "leaver_username": "jordan.rivera@corp.example",
        "role_id": role,
        "mapped_role_id": mapped,
        "app_id": app,
        "group_id": group,
        "privilege_id": privilege,
        "users": number_of_people + 3,
    });
    Ok((served, description))
}

/// Somebody who holds consents, an API token and an app, a leaver with a token and the app, an administrator by a custom role,
/// and the app.
fn held_in_okta(okta: &Okta) -> Result<(String, String, String, String), Failure> {
    let month = std::time::Duration::from_hours(30 * 24);
    let holder = okta.add_user(UserSeed::active("keeper@example.com", "Kaya", "Keeper"))?;
    let leaver = okta.add_user(UserSeed::active("leaving@example.com", "Lior", "Leaving"))?;
    let delegate = okta.add_user(UserSeed::active("delegate@example.com", "Dana", "Delegate"))?;
    for scope in ["okta.users.read", "okta.groups.read", "okta.apps.read"] {
        okta.add_grant(&holder, "0oaReportingTool0001", scope)?;
    }
    okta.add_refresh_token(&holder, "0oaReportingTool0001")?;
    okta.add_api_token(&holder, "Nightly export", Timestamp::now(), month)?;
    okta.add_api_token(&leaver, "Forgotten script", Timestamp::now(), month)?;
    okta.add_custom_role(
        &delegate,
        "Branch help desk",
        "cr00simulatedRole001",
        "iam0simulatedSet0001",
    )?;
    let app = okta.add_app("CRM", true);
    okta.assign_app(&app, &holder, None)?;
    okta.assign_app(&app, &leaver, None)?;
    okta.set_app_user(&app, &holder, Some("0055f00000HOLDER"), Some("holder@crm.example"))?;
    Ok((holder, leaver, delegate, app))
}

/// An org with an integration user and its app, an administrator, a leaver with sessions and a token, and enough users for
/// several short pages.
async fn start_salesforce(port: u16, record: &Record) -> Result<(Served, Value), Failure> {
    let org = Arc::new(Org::new("00D5f000000aaaa", false, Timestamp::now()));
    let integration = "rollcall@corp.example";
    org.add_user(salesforce::UserSeed::new(integration).integration());
    let manager = org.add_user(salesforce::UserSeed::new("sam.okafor@corp.example").admin());
    let leaver = org.add_user(salesforce::UserSeed {
        first_name: Some("Jordan".to_owned()),
        last_name: "Rivera".to_owned(),
        federation_identifier: Some("jordan.rivera@corp.example".to_owned()),
        manager_id: Some(manager.clone()),
        ..salesforce::UserSeed::new("jordan.rivera@corp.example")
    });
    let browser = org.add_session(&leaver, SessionKind::Ui);
    org.add_child_session(&leaver, SessionKind::Visualforce, Some(&browser));
    org.add_token(&leaver, "Data Loader");
    for number in 0..25 {
        org.add_user(salesforce::UserSeed::new(&format!("person{number:02}@corp.example")));
    }
    // What hostile text looks like in a name that nobody escaped by hand.
    let awkward = org.add_user(salesforce::UserSeed {
        last_name: "O'Neil \\ \"50%_off\"".to_owned(),
        ..salesforce::UserSeed::new("awkward@corp.example")
    });
    org.set_page_size(10);
    org.set_short_pages(true);
    let key = ServiceKey::rsa("simulated-key-1")?;
    org.add_app(ConnectedApp {
        consumer_key: "3MVG9simulated".to_owned(),
        name: "Rollcall".to_owned(),
        public_key: Some(AppKey::Jwk(key.public)),
        client_secret: Some("simulated-secret".to_owned()),
        run_as: Some(integration.to_owned()),
        pre_authorised: vec![integration.to_owned()],
    });

    let served = record.serve(Vendor::Salesforce, Arc::<Org>::clone(&org), port).await?;
    org.set_base_url(&served.url);
    let description = json!({
        "url": served.url,
        "org_id": org.id(),
        "consumer_key": "3MVG9simulated",
        "client_secret": "simulated-secret",
        "username": integration,
        "private_key_pem": key.private_pem,
        "leaver_id": leaver,
        "leaver_username": "jordan.rivera@corp.example",
        "manager_id": manager,
        "awkward_id": awkward,
        "awkward_last_name": "O'Neil \\ \"50%_off\"",
        "users": 29,
    });
    Ok((served, description))
}

/// A workspace with channels the bot is in and is not in, public, private and archived, and two people.
async fn start_slack(port: u16, record: &Record) -> Result<(Served, Value), Failure> {
    let slack = Arc::new(Slack::new("T0EXAMPLE01"));
    let scopes = [
        "channels:history",
        "channels:read",
        "chat:write",
        "groups:read",
        "im:history",
        "im:write",
        "mpim:write",
        "users:read.email",
    ];
    slack.add_token("xoxb-simulated", &scopes);
    slack.add_token("xoxb-simulated-few-scopes", &["chat:write", "im:write"]);
    slack.add_channel("C0EXAMPLE01", "identity-ops", true);
    slack.add_channel("C0EXAMPLE02", "elsewhere", false);
    slack.add_channel("C0EXAMPLE03", "busy", true);
    slack.add_channel("C0EXAMPLE04", "archived", true);
    slack.archive("C0EXAMPLE04");
    slack.add_private_channel("C0EXAMPLE05", "leavers", true);
    slack.add_private_channel("C0EXAMPLE06", "board", false);
    slack.add_user("U0EXAMPLE02", "jordan.rivera@corp.example", "Jordan Rivera");
    slack.add_user("U0EXAMPLE03", "sam.okafor@corp.example", "Sam Okafor");

    let served = record.serve(Vendor::Slack, Arc::<Slack>::clone(&slack), port).await?;
    slack.set_base_url(&served.url);
    let description = json!({
        "url": served.url,
        "token": "xoxb-simulated",
        "token_with_few_scopes": "xoxb-simulated-few-scopes",
        "team_id": "T0EXAMPLE01",
        "channel": "C0EXAMPLE01",
        "channel_without_bot": "C0EXAMPLE02",
        "busy_channel": "C0EXAMPLE03",
        "archived_channel": "C0EXAMPLE04",
        "private_channel": "C0EXAMPLE05",
        "private_channel_without_bot": "C0EXAMPLE06",
        "user_id": "U0EXAMPLE02",
        "user_email": "jordan.rivera@corp.example",
    });
    Ok((served, description))
}
