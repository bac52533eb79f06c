//! Connectors with their secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_connectors::okta::{
    ASSIGNMENT_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, LOG_SCOPES, ManagerLink, Okta, OktaAuth, OktaSettings, READ_SCOPES,
};
use rollcall_connectors::onelogin::{OneLogin, OneLoginSettings};
use rollcall_connectors::salesforce::{BULK_ABOVE, Salesforce, SalesforceFlow, SalesforceSettings};
use rollcall_connectors::slack::{Slack, SlackSettings};
use rollcall_model::{ConnectionId, Connector, Transport};
use rollcall_policy::configuration::{OktaAuth as ConfiguredAuth, SalesforceFlow as ConfiguredFlow, TenantSettings};
use rollcall_policy::{Configuration, Connection};
use rollcall_runtime::{Clock, Ids, Secret, SecretError, SecretRef, Secrets};

/// The API version that is called when the configuration names none.
const SALESFORCE_VERSION: &str = "v66.0";

/// Why a configuration could not be turned into running parts.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A secret could not be had.
    #[error("{connection}")]
    Secret {
        /// Whose.
        connection: ConnectionId,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// A setting cannot be used.
    #[error("{connection}: {why}")]
    Setting {
        /// Whose.
        connection: ConnectionId,
        /// Why, and what to do.
        why: String,
    },
}

/// What every connector is made with.
struct Maker<'a> {
    /// Absent for connectors that read signals only.
    secrets: Option<&'a Secrets>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// A connector for each configured connection. Secrets are fetched now; nothing is sent to a vendor yet.
pub async fn connectors(
    configuration: &Configuration,
    secrets: &Secrets,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<BTreeMap<ConnectionId, Arc<dyn Connector>>, WiringError> {
    let maker = Maker {
        secrets: Some(secrets),
        transport,
        clock,
        ids,
    };
    let mut all = BTreeMap::new();
    for connection in configuration.connections.values() {
        all.insert(connection.id.clone(), maker.make(connection).await?);
    }
    Ok(all)
}

/// A connector that can read signals and nothing else: it is made without any secret.
pub async fn reader(
    connection: &Connection,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Arc<dyn Connector>, WiringError> {
    Maker {
        secrets: None,
        transport,
        clock,
        ids,
    }
    .make(connection)
    .await
}

impl Maker<'_> {
    async fn secret(&self, connection: &Connection, reference: &SecretRef) -> Result<Secret, WiringError> {
        let Some(secrets) = self.secrets else {
            return Ok(Secret::new(""));
        };
        let fetched = secrets.fetch(reference).await;
        fetched.map_err(|source| WiringError::Secret {
            connection: connection.id.clone(),
            source,
        })
    }

    async fn make(&self, connection: &Connection) -> Result<Arc<dyn Connector>, WiringError> {
        let tenant = &connection.tenant;
        let (transport, clock, ids) = (
            Arc::clone(&self.transport),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        );
        Ok(match &tenant.settings {
            TenantSettings::Okta { auth, own_ids, canary } => {
                let auth = match auth {
                    ConfiguredAuth::Ssws { secret } => OktaAuth::Ssws(self.secret(connection, secret).await?),
                    ConfiguredAuth::ServiceApp { client_id, key, kid } => OktaAuth::ServiceApp {
                        client_id: client_id.clone(),
                        key: self.secret(connection, key).await?,
                        kid: kid.clone().unwrap_or_default(),
                        scopes: [READ_SCOPES, CUT_SCOPES, DISMANTLE_SCOPES, ASSIGNMENT_SCOPES, LOG_SCOPES]
                            .concat()
                            .into_iter()
                            .map(str::to_owned)
                            .collect(),
                    },
                };
                let settings = OktaSettings {
                    connection: connection.id.clone(),
                    base_url: tenant.url.clone(),
                    tenant_id: tenant.id.clone(),
                    auth,
                    own_ids: own_ids.clone(),
                    canary: canary.clone(),
                    manager: ManagerLink::Profile,
                };
                Arc::new(Okta::new(settings, transport, clock, ids))
            }
            TenantSettings::Onelogin {
                secret,
                client_id,
                own_ids,
                canary,
            } => {
                let secret = match secret {
                    Some(secret) => Some(self.secret(connection, secret).await?),
                    None => None,
                };
                // Users have numbers, credentials 64 hexadecimal digits.
                let (users, clients): (Vec<String>, Vec<String>) = own_ids
                    .iter()
                    .cloned()
                    .partition(|id| id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit()));
                let settings = OneLoginSettings {
                    connection: connection.id.clone(),
                    base_url: tenant.url.clone(),
                    account_id: tenant.id.clone(),
                    client_id: client_id.clone(),
                    secret,
                    own_client_ids: client_id.iter().cloned().chain(clients).collect(),
                    own_user_ids: users,
                    canary: canary.clone(),
                };
                Arc::new(OneLogin::new(settings, transport, clock, ids))
            }
            TenantSettings::Salesforce {
                flow,
                secret,
                api_version,
                sandbox,
                login_url,
                hosts,
                bulk_above,
            } => {
                let secret = self.secret(connection, secret).await?;
                let flow = match flow {
                    ConfiguredFlow::Jwt { consumer_key, username } => SalesforceFlow::JwtBearer {
                        consumer_key: consumer_key.clone(),
                        username: username.clone(),
                        key: secret,
                    },
                    ConfiguredFlow::ClientCredentials { consumer_key } => SalesforceFlow::ClientCredentials {
                        consumer_key: consumer_key.clone(),
                        secret,
                    },
                };
                let settings = SalesforceSettings {
                    connection: connection.id.clone(),
                    login_url: login_url.clone().unwrap_or_else(|| tenant.url.clone()),
                    my_domain_url: tenant.url.clone(),
                    org_id: tenant.id.clone(),
                    sandbox: *sandbox,
                    api_version: api_version.clone().unwrap_or_else(|| SALESFORCE_VERSION.to_owned()),
                    flow,
                    allowed_hosts: hosts.clone(),
                    bulk_above: bulk_above.unwrap_or(BULK_ABOVE),
                };
                Arc::new(Salesforce::new(settings, transport, clock, ids))
            }
            TenantSettings::Slack { secret } => {
                let settings = SlackSettings {
                    connection: connection.id.clone(),
                    base_url: tenant.url.clone(),
                    team_id: tenant.id.clone(),
                    token: self.secret(connection, secret).await?,
                };
                Arc::new(Slack::new(settings, transport, clock, ids))
            }
        })
    }
}
