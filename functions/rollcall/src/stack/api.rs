//! The stack's HTTP API: where it is, and a signed request to it.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Uri;
use http::header::{CONTENT_TYPE, HOST};
use rollcall_commands::out::plain;
use rollcall_commands::remote::{Done, Reply};
use rollcall_connectors::http::{HttpSettings, ReqwestTransport};
use rollcall_model::Transport as _;
use serde::Serialize;

/// An HTTP API answers within 30 s or not at all (*Amazon API Gateway Developer Guide*, "Quotas for HTTP APIs").
const TIMEOUT: Duration = Duration::from_secs(35);
/// Where to connect to instead of the API's own name; the name stays in the request. For a local AWS whose names nobody resolves.
const ADDRESS: &str = "ROLLCALL_API_ADDRESS";

const EXPIRED: &str = "AWS does not accept your credentials, or not any more: sign in again (`aws sso login`)";
const UNSIGNED: &str =
    "AWS does not accept your signature: look at this machine's clock, and at the secret key if you typed it";
const OUT_OF_REACH: &str =
    "look at your network; when AWS itself is in trouble, docs/runbooks/break-glass.md says what works without it";

/// A stack's API, as one caller uses it.
pub(super) struct Api {
    stack: String,
    /// Its address, as the stack keeps it.
    url: String,
    /// Where to connect to.
    address: String,
    region: String,
    config: SdkConfig,
    transport: ReqwestTransport,
}

impl Api {
    /// Finds the API of a stack: the parameter `/rollcall/NAME/api` in the caller's account and region.
    pub(super) async fn find(stack: &str) -> anyhow::Result<Self> {
        let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
        let region = config
            .region()
            .context("AWS is not told which region: set AWS_REGION, or `region` in ~/.aws/config")?
            .to_string();
        credentials(&config).await?;
        let parameter = format!("/rollcall/{stack}/api");
        let found = aws_sdk_ssm::Client::new(&config)
            .get_parameter()
            .name(&parameter)
            .send()
            .await;
        let found = found.map_err(|why| match why.code() {
            Some("ParameterNotFound") => anyhow::anyhow!(
                "there is no stack {} in {region}: the parameter {parameter} is missing. Look at its name, AWS_REGION and AWS_PROFILE",
                plain(stack)
            ),
            // IAM refuses a name that is not there as well, to whoever may read one stack's parameter only.
            Some("AccessDeniedException") => anyhow::anyhow!(
                "there is no stack {} in {region}, or your role may not read its parameter {parameter}: look at the name, AWS_REGION and AWS_PROFILE; the role needs ssm:GetParameter on it (docs/guides/operate.md)",
                plain(stack)
            ),
            Some("ExpiredTokenException" | "UnrecognizedClientException" | "InvalidClientTokenId") => {
                anyhow::anyhow!(EXPIRED)
            }
            Some("InvalidSignatureException") => anyhow::anyhow!(UNSIGNED),
            _ if matches!(why, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) => {
                anyhow::Error::new(why).context(format!("AWS cannot be reached from here ({region}): {OUT_OF_REACH}"))
            }
            _ => anyhow::anyhow!("the parameter {parameter} cannot be read: {}", DisplayErrorContext(&why)),
        })?;
        let url = found
            .parameter()
            .and_then(|parameter| parameter.value())
            .with_context(|| format!("the parameter {parameter} is empty"))?
            .trim_end_matches('/')
            .to_owned();
        let address = std::env::var(ADDRESS).ok().filter(|address| !address.is_empty());
        Ok(Self {
            stack: stack.to_owned(),
            address: address.map_or_else(|| url.clone(), |address| address.trim_end_matches('/').to_owned()),
            url,
            region,
            config,
            transport: ReqwestTransport::new(HttpSettings::default()),
        })
    }

    /// Posts a document and reads the reply. What the stack refuses is a reply as well.
    pub(super) async fn post(&self, route: &str, document: &impl Serialize) -> anyhow::Result<Reply> {
        let body = serde_json::to_vec(document)?;
        let request = self.request(route, body).await?;
        let response = self.transport.send(request, TIMEOUT).await.with_context(|| {
            format!(
                "the API of {} at {} does not answer: {OUT_OF_REACH}",
                self.stack, self.url
            )
        })?;
        self.read(route, response.status().as_u16(), response.body())
    }

    async fn request(&self, route: &str, body: Vec<u8>) -> anyhow::Result<http::Request<Bytes>> {
        let named = format!("{}/{route}", self.url);
        let uri: Uri = named.parse().with_context(|| format!("{named} is no address"))?;
        let host = uri
            .authority()
            .with_context(|| format!("{named} names no host"))?
            .to_string();
        let identity = credentials(&self.config).await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("execute-api")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [("content-type", "application/json"), ("host", host.as_str())];
        let signable = SignableRequest::new("POST", named.as_str(), headers.into_iter(), SignableBody::Bytes(&body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = http::Request::post(format!("{}{}", self.address, uri.path()))
            .header(CONTENT_TYPE, "application/json")
            .header(HOST, &host)
            .body(Bytes::from(body.clone()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    fn read(&self, route: &str, status: u16, body: &[u8]) -> anyhow::Result<Reply> {
        if status == 200 {
            return serde_json::from_slice(body).with_context(|| {
                format!(
                    "{} answered in a form that this version does not know: take the `rollcall` that belongs to it",
                    self.stack
                )
            });
        }
        // A refusal of our own functions; anything else is the gateway's.
        if let Ok(done) = serde_json::from_slice::<Done>(body) {
            return Ok(Reply::Done(done));
        }
        Err(refused(&self.stack, route, status, body))
    }
}

/// A refusal by the gateway, and the next step.
fn refused(stack: &str, route: &str, status: u16, body: &[u8]) -> anyhow::Error {
    match status {
        // Its own words, of which it says little (AWS re:Post, "How do I troubleshoot HTTP 403 errors from API Gateway?").
        403 if said(body).contains("security token") => anyhow::anyhow!(EXPIRED),
        403 if said(body).contains("signature") => anyhow::anyhow!(UNSIGNED),
        403 => anyhow::anyhow!(
            "AWS does not let you call {stack}: your role needs execute-api:Invoke on its route POST /{route} (docs/guides/operate.md)"
        ),
        404 => anyhow::anyhow!("{stack} has no route /{route}: it is older than this `rollcall`; deploy it anew"),
        429 => anyhow::anyhow!("{stack} has too much to do: try again in a moment"),
        _ => anyhow::anyhow!(
            "{stack} answered with status {status}: its function {route} is in trouble; its log group says why"
        ),
    }
}

/// What the gateway says in a refusal of its own, in small letters.
fn said(body: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    document
        .get("message")
        .and_then(|message| message.as_str())
        .unwrap_or_default()
        .to_lowercase()
}

async fn credentials(config: &SdkConfig) -> anyhow::Result<Credentials> {
    const NONE: &str =
        "there are no AWS credentials here: sign in (`aws sso login`), or choose a profile with AWS_PROFILE";
    let provider = config.credentials_provider().context(NONE)?;
    provider.provide_credentials().await.map_err(|why| match why {
        // A list of every place that has none.
        CredentialsError::CredentialsNotLoaded(_) => anyhow::anyhow!(NONE),
        why => anyhow::Error::new(why).context(NONE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_gateway_names_the_next_step() {
        let forbidden = r#"{"message":"Forbidden"}"#;
        let rows = [
            (403, forbidden, "execute-api:Invoke on its route POST /approve"),
            (403, "", "execute-api:Invoke"),
            (
                403,
                r#"{"message":"The security token included in the request is expired"}"#,
                "sign in again",
            ),
            (
                403,
                r#"{"message":"The security token included in the request is invalid."}"#,
                "sign in again",
            ),
            (
                403,
                r#"{"message":"Signature expired: 20261128T200000Z is now earlier than …"}"#,
                "this machine's clock",
            ),
            (404, r#"{"message":"Not Found"}"#, "deploy it anew"),
            (429, r#"{"message":"Too Many Requests"}"#, "in a moment"),
            (500, r#"{"message":"Internal Server Error"}"#, "its log group says why"),
            (503, "<html>", "its log group says why"),
        ];
        for (status, body, says) in rows {
            let why = refused("prod", "approve", status, body.as_bytes()).to_string();
            assert!(why.contains(says), "{status} {body}: {why}");
        }
    }
}
