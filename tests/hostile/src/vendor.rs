//! Vendors' answers: whatever a vendor sends back, reading it ends, and proves nothing that it does not say.
//!
//! An input reads like an answer: `200 application/json`, header lines, an empty line, the body. Signing in succeeds; every other
//! call is answered so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use rollcall_connectors::okta::{ManagerLink, Okta, OktaAuth, OktaSettings};
use rollcall_connectors::onelogin::{OneLogin, OneLoginSettings};
use rollcall_connectors::salesforce::{API_VERSION, BULK_ABOVE, Salesforce, SalesforceFlow, SalesforceSettings};
use rollcall_connectors::slack::{Slack, SlackSettings};
use rollcall_model::connector::ActionUse;
use rollcall_model::{
    AccountQuery, AccountRef, Call, Completeness, Connector, Failure, HttpRequest, HttpResponse, Lane, MatchKey,
    Observation, SubjectRead, Transport, TransportError,
};
use rollcall_runtime::Secret;
use rollcall_runtime::clock::plus;
use serde_json::{Value, json};

use crate::world::{clock, ids, moment, wait};
use crate::{Target, head, seeds};

/// Okta's answers.
pub const OKTA: Target = Target {
    seeds: || seeds::corpus("okta-answers"),
    words: WORDS,
    check: |input| check(input, |transport| Box::new(okta(transport)), USER_OKTA, "okta/"),
};

/// OneLogin's answers.
pub const ONELOGIN: Target = Target {
    seeds: || seeds::corpus("onelogin-answers"),
    words: WORDS,
    check: |input| {
        check(
            input,
            |transport| Box::new(onelogin(transport, Secret::new("planted-secret"))),
            USER_ONELOGIN,
            "onelogin/",
        );
    },
};

/// Salesforce's answers.
pub const SALESFORCE: Target = Target {
    seeds: || seeds::corpus("salesforce-answers"),
    words: WORDS,
    check: |input| {
        check(
            input,
            |transport| Box::new(salesforce(transport)),
            USER_SALESFORCE,
            "salesforce/",
        )
    },
};

const WORDS: &[&str] = &[
    "200 application/json\n",
    "404 application/json\n",
    "429 text/html\n",
    "retry-after: 99999999999999999999\n",
    "link: <https://id.example.com/api/v1/users?after=x>; rel=\"next\"\n",
    "x-rate-limit-reset: -1\n",
    "\"records\":[",
    "\"done\":false",
    "\"nextRecordsUrl\":\"/services/data/v66.0/query/01g000-200\"",
    "\"totalSize\":",
    "\"status\":\"DEPROVISIONED\"",
    "\"errorCode\":\"INVALID_FIELD\"",
    "\"compositeResponse\":[",
    "\"httpStatusCode\":200",
];

/// The person who is read, as each vendor names her.
pub const USER_OKTA: &str = "00u2alice8Okafor3c4d";
/// The same in OneLogin.
pub const USER_ONELOGIN: &str = "90000001";
/// The same in Salesforce.
pub const USER_SALESFORCE: &str = "0055f00000AAAA1AAP";

/// A connection to Okta over a transport.
pub fn okta(transport: Arc<dyn Transport>) -> Okta {
    let settings = OktaSettings {
        connection: "okta-main".into(),
        base_url: "https://id.example.com/".to_owned(),
        tenant_id: "00oPROD".to_owned(),
        auth: OktaAuth::Ssws(Secret::new("planted-token")),
        own_ids: vec!["00T1rollcallToken0q1r".to_owned()],
        canary: Some("00u9canary9always0there".to_owned()),
        manager: ManagerLink::Profile,
    };
    Okta::new(settings, transport, clock(), ids())
}

/// A connection to OneLogin over a transport.
pub fn onelogin(transport: Arc<dyn Transport>, secret: Secret) -> OneLogin {
    let settings = OneLoginSettings {
        connection: "onelogin-main".into(),
        base_url: "https://corp.onelogin.example".to_owned(),
        account_id: "424242".to_owned(),
        client_id: Some("e".repeat(64)),
        secret: Some(secret),
        own_client_ids: vec!["e".repeat(64)],
        own_user_ids: vec!["90000002".to_owned()],
        canary: None,
    };
    OneLogin::new(settings, transport, clock(), ids())
}

/// A connection to Salesforce over a transport.
pub fn salesforce(transport: Arc<dyn Transport>) -> Salesforce {
    let settings = SalesforceSettings {
        connection: "sf-us".into(),
        login_url: HOST.to_owned(),
        my_domain_url: HOST.to_owned(),
        org_id: ORG[..15].to_owned(),
        sandbox: false,
        api_version: API_VERSION.to_owned(),
        flow: SalesforceFlow::ClientCredentials {
            consumer_key: "3MVG9.example".to_owned(),
            secret: Secret::new("planted-secret"),
        },
        allowed_hosts: Vec::new(),
        bulk_above: BULK_ABOVE,
    };
    Salesforce::new(settings, transport, clock(), ids())
}

/// A connection to Slack over a transport.
pub fn slack(transport: Arc<dyn Transport>) -> Slack {
    let settings = SlackSettings {
        connection: "slack".into(),
        base_url: "https://slack.example/api".to_owned(),
        team_id: "T0EXAMPLE01".to_owned(),
        token: Secret::new("xoxb-planted"),
    };
    Slack::new(settings, transport, clock(), ids())
}

const ORG: &str = "00D5f000000aaaaEAA";
const OWN: &str = "0055f00000CCCC1AAP";
const HOST: &str = "https://corp-example.my.salesforce.com";

/// What signing in is answered with; nothing when a request is about something else.
pub fn signing_in(request: &HttpRequest) -> Option<HttpResponse> {
    let body = match request.uri().path() {
        "/.well-known/okta-organization" => json!({ "id": "00oPROD", "pipeline": "idx" }),
        "/auth/oauth2/v2/token" => json!({
            "access_token": "planted-access", "created_at": "2026-03-02T08:00:00.000Z", "expires_in": 36000,
            "refresh_token": "planted-refresh", "token_type": "bearer", "account_id": 424_242,
        }),
        "/services/oauth2/token" => json!({
            "access_token": "00D5f000000aaaa!planted-access", "scope": "api id", "instance_url": HOST,
            "id": format!("https://login.salesforce.com/id/{ORG}/{OWN}"), "token_type": "Bearer",
        }),
        "/api/auth.test" => json!({ "ok": true, "team_id": "T0EXAMPLE01", "user_id": "U0ROLLCALL1" }),
        _ => return None,
    };
    Some(answer(
        StatusCode::OK,
        "application/json",
        Bytes::from(body.to_string()),
    ))
}

/// An answer.
pub fn answer(status: StatusCode, kind: &str, body: Bytes) -> HttpResponse {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("date", HeaderValue::from_static("Mon, 02 Mar 2026 08:15:00 GMT"));
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert("content-type", kind);
    }
    response
}

/// Answers every call but signing in alike.
pub struct Always(pub HttpResponse);

#[async_trait]
impl Transport for Always {
    async fn send(&self, request: HttpRequest, _: Duration) -> Result<HttpResponse, TransportError> {
        Ok(signing_in(&request).unwrap_or_else(|| self.0.clone()))
    }
}

fn read(input: &[u8]) -> HttpResponse {
    let (head, body) = head::divided(input).unwrap_or((b"200 application/json", input));
    let (first, headers) = head::read(head);
    let (status, kind) = first.split_once(' ').unwrap_or((&first, ""));
    let status = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
    let mut response = answer(status.unwrap_or(StatusCode::OK), kind, Bytes::copy_from_slice(body));
    for (name, value) in &headers {
        response.headers_mut().append(name, value.clone());
    }
    response
}

/// How much a reading says with certainty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Believed {
    /// That somebody is gone.
    pub gone: bool,
    /// That a search would have shown everybody.
    pub complete: bool,
    /// States of accounts.
    pub states: usize,
    /// Accounts of the person.
    pub accounts: usize,
}

/// Reads a person, searches for her accounts, observes every action and lists everybody. Panics when a reason is none.
pub fn believed(connector: &dyn Connector, user: &str, family: &str) -> Believed {
    let call = Call {
        deadline: plus(moment(), Duration::from_secs(20)),
        lane: Lane::Urgent,
    };
    let account = AccountRef::new(connector.connection().as_str(), user);
    let mut believed = Believed::default();
    match wait(connector.read_subject(&call, &account)) {
        Ok(SubjectRead::Gone) => believed.gone = true,
        Ok(SubjectRead::Present(_)) => {}
        Ok(SubjectRead::Unproven(why)) => is_reason(&why),
        Err(failure) => is_refusal(&failure),
    }
    let field = if family == "salesforce/" {
        "FederationIdentifier"
    } else {
        "email"
    };
    let query = AccountQuery {
        keys: vec![MatchKey {
            field: field.to_owned(),
            value: "amara.okafor@corp.example".to_owned(),
            sure: true,
        }],
        linked: vec![user.to_owned()],
    };
    match wait(connector.find_accounts(&call, &query)) {
        Ok(search) => {
            believed.accounts = search.accounts.len();
            match search.completeness {
                Completeness::Proven => believed.complete = true,
                Completeness::Unproven(why) => is_reason(&why),
            }
        }
        Err(failure) => is_refusal(&failure),
    }
    let uses: Vec<ActionUse> = rollcall_connectors::catalogue()
        .iter()
        // What a long change still has to do is known from the ledger; its vendor is asked while it works.
        .filter(|action| action.name().starts_with(family) && action.observable() && !action.long())
        .map(|action| ActionUse {
            action: action.name().to_owned(),
            with: Value::Null,
        })
        .collect();
    for one in &uses {
        match wait(connector.observe(&call, Some(&account), std::slice::from_ref(one))) {
            Ok(seen) => {
                assert_eq!(seen.len(), 1, "one observation for each action");
                for observation in seen {
                    match observation {
                        Observation::Known(_) => believed.states += 1,
                        Observation::Unknown(why) => is_reason(&why),
                    }
                }
            }
            Err(failure) => is_refusal(&failure),
        }
    }
    if let Err(failure) = wait(connector.list_accounts(&call, &[field.to_owned()], None)) {
        is_refusal(&failure);
    }
    for probe in wait(connector.examine(&call)) {
        is_reason(&format!("{probe:?}"));
    }
    believed
}

/// A reason is one line that somebody can read, and holds no secret.
fn is_reason(why: &str) {
    assert!(!why.contains("planted"), "a secret: {why}");
    assert!(why.len() < 4_000, "{} bytes: {why}", why.len());
    assert!(!why.chars().any(char::is_control), "{why:?}");
}

fn is_refusal(failure: &Failure) {
    is_reason(&failure.reason);
    if let Some(id) = &failure.request_id {
        is_reason(id);
    }
}

fn check(input: &[u8], connect: impl Fn(Arc<dyn Transport>) -> Box<dyn Connector>, user: &str, family: &str) {
    let response = read(input);
    let (status, text) = (response.status(), response.body().clone());
    let connector = connect(Arc::new(Always(response)));
    let believed = believed(connector.as_ref(), user, family);
    // What is no JSON says nothing. (An empty answer is one to some changes, and none of these calls is one.)
    let understood = serde_json::from_slice::<Value>(&text).is_ok();
    if status.is_success() && !understood {
        assert_eq!(believed, Believed::default(), "{}", String::from_utf8_lossy(&text));
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::UNAUTHORIZED {
        assert_eq!(believed, Believed::default(), "{status}");
    }
}
