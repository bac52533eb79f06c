//! A request as an HTTP API hands it to a function, and the answer back (payload format 2.0; *Amazon API Gateway Developer
//! Guide*, "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The parts of a request that count here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    authorizer: Option<Authorizer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Authorizer {
    iam: Option<Iam>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Iam {
    user_arn: Option<String>,
}

impl Event {
    /// Who signed the request, as the API has verified it; nobody on a route without `AWS_IAM`.
    pub fn caller(&self) -> Option<&str> {
        let iam = self.request_context.authorizer.as_ref()?.iam.as_ref()?;
        iam.user_arn.as_deref().filter(|arn| !arn.is_empty())
    }

    /// The body as it was sent.
    pub fn body(&self) -> Option<Vec<u8>> {
        let body = self.body.as_deref()?;
        if self.is_base64_encoded {
            STANDARD.decode(body).ok()
        } else {
            Some(body.as_bytes().to_vec())
        }
    }
}

/// What a function answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The status.
    pub status_code: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// JSON.
    pub body: String,
}

impl Response {
    /// A JSON answer that nothing on its way may keep.
    pub(super) fn json(status: u16, reply: &impl Serialize) -> Self {
        Self {
            status_code: status,
            headers: BTreeMap::from([("cache-control", "no-store"), ("content-type", "application/json")]),
            // Texts and numbers always are JSON.
            body: serde_json::to_string(reply).unwrap_or_default(),
        }
    }
}
