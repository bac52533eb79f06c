//! `env/<name>.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::OneOrMore;
use crate::configuration::{Mode, Role};

pub(crate) const ENVIRONMENT: &[&str] = &["tenants", "mode", "operators"];

/// `env/<name>.yaml`: where things are, and how far playbooks may go.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentFile {
    /// The tenant of every connection.
    pub tenants: BTreeMap<String, TenantFile>,
    /// `default`, and by playbook or connection: `observe` (plan only), `review` (a person decides) or `enforce`. A
    /// playbook's entry replaces the default; a connection's makes stricter only. Without `default`: observe.
    #[schemars(default)]
    pub mode: Option<BTreeMap<String, ModeFile>>,
    /// Who works with Rollcall, by the name of their account on the machine.
    #[schemars(default)]
    pub operators: Option<BTreeMap<String, OperatorFile>>,
}

pub(crate) const OPERATOR: &[&str] = &["login", "aws", "roles"];

/// Somebody who works with Rollcall.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorFile {
    /// Their sign-in name in the source, by which they are in the group of approvers. Decisions are recorded under it.
    #[schemars(default)]
    pub login: Option<String>,
    /// Who they are for AWS, when they work with a stack: the ARN that `aws sts get-caller-identity` prints, of an IAM user or
    /// of a session of a role. No two operators share one.
    #[schemars(default)]
    pub aws: Option<String>,
    /// What they may do: `viewer` (look), `operator` (ask for runs, pause, redrive), `approver` (decide reviews; needs
    /// `login`), `confidential` (see who a quiet run is about), `config` (prove the configuration against the connections).
    pub roles: OneOrMore<Role>,
}

/// A mode, or modes by cohort: `{enforce: "person.department == 'Sales'"}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ModeFile {
    /// For everybody.
    Always(Mode),
    /// For the people for whom the condition (CEL) holds; the default for the rest.
    Cohorts(BTreeMap<Mode, String>),
}

/// A tenant, by the kind of its connection.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TenantFile {
    /// Okta.
    Okta(OktaFile),
    /// OneLogin.
    Onelogin(OneloginFile),
    /// Salesforce.
    Salesforce(SalesforceFile),
    /// Slack.
    Slack(SlackFile),
}

pub(crate) const OKTA: &[&str] = &[
    "url",
    "id",
    "auth",
    "secret",
    "client_id",
    "key",
    "kid",
    "own_ids",
    "canary",
    "app",
    "hook",
    "expires",
];

/// An Okta tenant. Secrets are references: `env:NAME`, `file:PATH`, `ssm:/name`, `secretsmanager:name`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OktaFile {
    /// `https://corp.okta.example`.
    pub url: String,
    /// The org id (`00o…`); every call is refused when the tenant turns out to be another.
    pub id: String,
    /// `ssws` (an API token, the default) or `service-app` (OAuth 2.0 with a private key).
    #[schemars(default)]
    pub auth: Option<OktaAuthFile>,
    /// With `ssws`: where the API token is.
    #[schemars(default)]
    pub secret: Option<String>,
    /// With `service-app`: the client id.
    #[schemars(default)]
    pub client_id: Option<String>,
    /// With `service-app`: where the private key (PEM) is.
    #[schemars(default)]
    pub key: Option<String>,
    /// With `service-app`: the key's id, when there are several.
    #[schemars(default)]
    pub kid: Option<String>,
    /// Ids of further credentials of ours: events by them are our own.
    #[schemars(default)]
    pub own_ids: Option<OneOrMore<String>>,
    /// Id of the user whose presence proves that a read was complete; the token's own user by default.
    #[schemars(default)]
    pub canary: Option<String>,
    /// The source's id of the application that stands for this tenant (Okta: `0oa…`): who loses it there loses access here.
    #[schemars(default)]
    pub app: Option<String>,
    /// The hook that this tenant calls.
    #[schemars(default)]
    pub hook: Option<HookFile>,
    /// When the credential ends, where it does (a token's or a certificate's last day): `2027-01-31`, or a moment. Told 30 days
    /// before (`CredentialDaysLeft`).
    #[schemars(default)]
    pub expires: Option<String>,
}

/// How Okta is called.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OktaAuthFile {
    /// An API token.
    Ssws,
    /// A service application.
    ServiceApp,
}

pub(crate) const ONELOGIN: &[&str] = &[
    "url",
    "id",
    "secret",
    "client_id",
    "own_ids",
    "canary",
    "app",
    "hook",
    "expires",
];

/// A OneLogin tenant.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneloginFile {
    /// `https://corp.onelogin.example`.
    pub url: String,
    /// The number of the account.
    pub id: String,
    /// Where the client secret is.
    #[schemars(default)]
    pub secret: Option<String>,
    /// The API credential's client id.
    #[schemars(default)]
    pub client_id: Option<String>,
    /// Ids of further credentials of ours: events by them are our own.
    #[schemars(default)]
    pub own_ids: Option<OneOrMore<String>>,
    /// Id of the user whose presence proves that a read was complete. Without it, "no account" is never believed here.
    #[schemars(default)]
    pub canary: Option<String>,
    /// The source's id of the application that stands for this tenant (Okta: `0oa…`): who loses it there loses access here.
    #[schemars(default)]
    pub app: Option<String>,
    /// The hook that this tenant calls.
    #[schemars(default)]
    pub hook: Option<HookFile>,
    /// When the credential ends, where it does (a token's or a certificate's last day): `2027-01-31`, or a moment. Told 30 days
    /// before (`CredentialDaysLeft`).
    #[schemars(default)]
    pub expires: Option<String>,
}

pub(crate) const SALESFORCE: &[&str] = &[
    "url",
    "id",
    "secret",
    "flow",
    "consumer_key",
    "username",
    "api_version",
    "sandbox",
    "login_url",
    "hosts",
    "bulk_above",
    "app",
    "expires",
];

/// A Salesforce organisation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SalesforceFile {
    /// My Domain: `https://us.my.salesforce.example`.
    pub url: String,
    /// The organisation id (`00D…`, 15 or 18 characters).
    pub id: String,
    /// Where the private key (`jwt`) or the consumer secret (`client-credentials`) is.
    pub secret: String,
    /// `jwt` (the default) or `client-credentials`.
    #[schemars(default)]
    pub flow: Option<SalesforceFlowFile>,
    /// The connected app's consumer key.
    pub consumer_key: String,
    /// With `jwt`: the integration user's username.
    #[schemars(default)]
    pub username: Option<String>,
    /// `v62.0`; the connector's own by default.
    #[schemars(default)]
    pub api_version: Option<String>,
    /// True for a sandbox.
    #[schemars(default)]
    pub sandbox: Option<bool>,
    /// Where tokens come from; `url` by default.
    #[schemars(default)]
    pub login_url: Option<String>,
    /// Further hosts that a token answer may name.
    #[schemars(default)]
    pub hosts: Option<OneOrMore<String>>,
    /// More records than this of one object are handed over by a bulk job; 2000 by default, and at most.
    #[schemars(default)]
    pub bulk_above: Option<u32>,
    /// The source's id of the application that stands for this tenant (Okta: `0oa…`): who loses it there loses access here.
    #[schemars(default)]
    pub app: Option<String>,
    /// When the credential ends, where it does (a token's or a certificate's last day): `2027-01-31`, or a moment. Told 30 days
    /// before (`CredentialDaysLeft`).
    #[schemars(default)]
    pub expires: Option<String>,
}

/// How Salesforce gives tokens.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SalesforceFlowFile {
    /// OAuth 2.0 JWT bearer.
    Jwt,
    /// OAuth 2.0 client credentials.
    ClientCredentials,
}

pub(crate) const SLACK: &[&str] = &["url", "id", "secret", "expires"];

/// A Slack workspace.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackFile {
    /// The Web API's base address; `https://slack.com/api` by default.
    #[schemars(default)]
    pub url: Option<String>,
    /// The workspace id (`T…`).
    pub id: String,
    /// Where the bot token is.
    pub secret: String,
    /// When the credential ends, where it does (a token's or a certificate's last day): `2027-01-31`, or a moment. Told 30 days
    /// before (`CredentialDaysLeft`).
    #[schemars(default)]
    pub expires: Option<String>,
}

pub(crate) const HOOK: &[&str] = &["header", "secrets"];

/// How a hook's caller proves itself.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookFile {
    /// The header with the secret; the door's own default when absent.
    #[schemars(default)]
    pub header: Option<String>,
    /// Where the accepted values are: the present one, then the one being rotated out.
    pub secrets: OneOrMore<String>,
}
