//! Getting a token, and refusing one that is not of the configured org.

use http::{HeaderMap, HeaderValue, Method};
use jsonwebtoken::Header;
use rollcall_model::{Call, Executed, Failure};
use rollcall_runtime::Ids;
use serde_json::{Value, json};
use url::{Host, Url};

use super::retry::token_failure;
use super::soql::{eighteen, is_id, same_record};
use super::{SalesforceFlow, SalesforceSettings};
use crate::encode::{form, short};
use crate::exchange::{self, Exchange, request, secret_header, text};
use crate::sign::{private_key, signed};

/// How long an assertion is good for, in seconds (the JWT bearer flow wants three minutes).
const ASSERTION_SECONDS: i64 = 180;

/// A token of the right org.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) authorization: HeaderValue,
    /// Where all calls go, without a final slash.
    pub(super) instance: String,
    /// The integration user, 18 characters: the canary of every search, and never a target.
    pub(super) own_user: String,
    /// The scopes that the answer names, when it does.
    pub(super) scopes: Option<String>,
    /// Counts renewals.
    pub(super) generation: u64,
}

/// Why there is no token.
pub(super) enum Refused {
    /// This call failed; another may not.
    Call(Failure),
    /// The org is another one: nothing may ever be sent.
    WrongOrg(String),
}

impl From<Failure> for Refused {
    fn from(mut failure: Failure) -> Self {
        // A token that nobody received has no effect.
        failure.executed = Executed::No;
        Self::Call(failure)
    }
}

/// Gets a token and checks whose it is before anything is done with it.
pub(super) async fn grant(
    exchange: &Exchange,
    ids: &dyn Ids,
    settings: &SalesforceSettings,
    call: &Call,
    generation: u64,
) -> Result<Access, Refused> {
    let what = "getting a token";
    let (host, body) = match &settings.flow {
        SalesforceFlow::JwtBearer {
            consumer_key,
            username,
            key,
        } => {
            let (key, algorithm) = private_key(key)?;
            if algorithm != jsonwebtoken::Algorithm::RS256 {
                return Err(Failure::credential(
                    "Salesforce takes RSA keys only: set the key of the app's certificate",
                )
                .into());
            }
            // Seconds: milliseconds are taken for a time that is past.
            let claims = json!({
                "iss": consumer_key, "sub": username, "aud": audience(settings),
                "exp": exchange.clock.now().as_second() + ASSERTION_SECONDS, "jti": ids.unique(),
            });
            let assertion = signed(&Header::new(algorithm), &claims, &key)?;
            let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            (
                &settings.login_url,
                form(&[("grant_type", grant_type), ("assertion", &assertion)]),
            )
        }
        SalesforceFlow::ClientCredentials { consumer_key, secret } => (
            &settings.my_domain_url,
            form(&[
                ("grant_type", "client_credentials"),
                ("client_id", consumer_key),
                ("client_secret", secret.reveal()),
            ]),
        ),
    };
    let address = format!("{}/services/oauth2/token", host.trim_end_matches('/'));
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let response = exchange
        .send(call, what, request(Method::POST, &address, headers, body)?)
        .await?;
    if !response.status().is_success() {
        return Err(token_failure(&response).into());
    }
    let answer = exchange::json(what, &response, true)?;
    accept(settings, &answer, generation)
}

/// The audience is the login service of the kind of org, whatever host is asked (OAuth 2.0 JWT Bearer Flow, "aud"). A host of
/// its own, like a site or a simulator, is its own audience.
fn audience(settings: &SalesforceSettings) -> String {
    let vendor = Url::parse(&settings.login_url)
        .ok()
        .and_then(|url| url.host_str().map(is_vendor))
        .unwrap_or(false);
    match (vendor, settings.sandbox) {
        (true, true) => "https://test.salesforce.com".to_owned(),
        (true, false) => "https://login.salesforce.com".to_owned(),
        (false, _) => settings.login_url.trim_end_matches('/').to_owned(),
    }
}

fn accept(settings: &SalesforceSettings, answer: &Value, generation: u64) -> Result<Access, Refused> {
    let incomplete = |name: &str| {
        Refused::from(Failure::retry(format!(
            "getting a token: the answer holds no usable {name}"
        )))
    };
    // `https://login.salesforce.com/id/<org>/<user>`.
    let mut identity = text(answer, "id").ok_or_else(|| incomplete("id"))?.rsplit('/');
    let (user, org) = (
        identity.next().and_then(eighteen),
        identity.next().filter(|org| is_id(org)),
    );
    let (Some(user), Some(org)) = (user, org) else {
        return Err(incomplete("id"));
    };
    if !same_record(&settings.org_id, org) {
        return Err(Refused::WrongOrg(format!(
            "{} belongs to org {org}, configured {}: refusing every call",
            settings.connection,
            short(&settings.org_id, 40)
        )));
    }
    let instance = text(answer, "instance_url").ok_or_else(|| incomplete("instance_url"))?;
    let token = text(answer, "access_token").ok_or_else(|| incomplete("access_token"))?;
    Ok(Access {
        instance: checked_instance(settings, instance)?,
        authorization: secret_header(&format!("Bearer {token}"))?,
        own_user: user,
        scopes: text(answer, "scope").map(|scopes| short(scopes, 200)),
        generation,
    })
}

/// The instance must be Salesforce's or an allowed host, and https unless it is this machine: the token goes there.
fn checked_instance(settings: &SalesforceSettings, instance: &str) -> Result<String, Failure> {
    let refused = || {
        Failure::credential(format!(
            "the token answer names the instance {}, which is neither https below salesforce.com nor an allowed host: refusing it",
            short(instance, 100)
        ))
    };
    let url = Url::parse(instance).map_err(|_| refused())?;
    let host = url.host_str().unwrap_or_default();
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let allowed = is_vendor(host)
        || settings
            .allowed_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host));
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let plain = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
    if allowed && scheme && plain {
        Ok(instance.trim_end_matches('/').to_owned())
    } else {
        Err(refused())
    }
}

fn is_vendor(host: &str) -> bool {
    host.ends_with(".salesforce.com")
}
