//! The connectors against the simulators, which know nothing of them: what the scripted tests assume of a vendor, a second
//! reading of the vendor's pages must answer the same way.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests and their helpers"
)]

#[path = "simulators/handover.rs"]
mod handover;
#[path = "simulators/okta.rs"]
mod okta;
#[path = "simulators/okta_cut.rs"]
mod okta_cut;
#[path = "simulators/okta_dismantle.rs"]
mod okta_dismantle;
#[path = "simulators/okta_lists.rs"]
mod okta_lists;
#[path = "simulators/onelogin.rs"]
mod onelogin;
#[path = "simulators/salesforce.rs"]
mod salesforce;
#[path = "simulators/slack.rs"]
mod slack;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use base64::Engine as _;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rollcall_connectors::catalogue;
use rollcall_model::connector::ActionUse;
use rollcall_model::{
    AccountRef, Call, Change, HttpRequest, HttpResponse, Lane, Observation, Planned, State, Timestamp, Transport,
    TransportError,
};
use rollcall_runtime::clock::plus;
use rollcall_runtime::{Clock, Secret};
use rollcall_simulators::{Reply, Simulator};
use serde_json::Value;

/// A clock that stands until it is moved.
struct Moment(Mutex<Timestamp>);

impl Moment {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-03-02T08:00:00Z".parse().unwrap())))
    }

    fn pass(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = plus(*now, by);
    }

    fn call(&self) -> Call {
        Call {
            deadline: plus(self.now(), Duration::from_mins(1)),
            lane: Lane::Urgent,
        }
    }
}

#[async_trait]
impl Clock for Moment {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, by: Duration) {
        self.pass(by);
    }
}

/// A simulator as a transport.
struct Wire {
    simulator: Arc<dyn Simulator>,
    clock: Arc<Moment>,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        match self.simulator.answer(&request, self.clock.now()) {
            Reply::Answer(response) | Reply::Late(_, response) => Ok(response),
            Reply::Silence | Reply::Dripping(_) => {
                self.clock.pass(timeout);
                Err(TransportError::Timeout(timeout))
            }
            Reply::Reset | Reply::Truncated(..) => Err(TransportError::Broken("closed".to_owned())),
        }
    }
}

/// A private key in PEM with its public half.
fn key() -> (Secret, Value) {
    static KEY: OnceLock<(String, Value)> = OnceLock::new();
    let (pem, jwk) = KEY.get_or_init(|| {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
        jwk["kid"] = "key-1".into();
        (pem, jwk)
    });
    (Secret::new(pem.clone()), jwk.clone())
}

fn uses(names: &[&str]) -> Vec<ActionUse> {
    names
        .iter()
        .map(|&name| ActionUse {
            action: name.to_owned(),
            with: Value::Null,
        })
        .collect()
}

fn known(observation: &Observation) -> &State {
    match observation {
        Observation::Known(state) => state,
        Observation::Unknown(why) => panic!("unknown: {why}"),
    }
}

/// The change that the action plans from a state.
fn planned(action: &str, account: Option<AccountRef>, state: &State, with: Value) -> Change {
    let all = catalogue();
    let action = all.get(action).unwrap();
    let Planned::Change { after } = action.plan(state, &with) else {
        panic!("{state:?}")
    };
    Change {
        stage: "cut".to_owned(),
        step: "1".to_owned(),
        connection: "any".into(),
        account,
        action: action.name().to_owned(),
        effect: action.effect(),
        settle_ms: 0,
        with,
        before: state.value.clone(),
        after,
        evidence: state.evidence.clone(),
    }
}
