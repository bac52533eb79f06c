//! What the org promises, asked over the same interface that clients use.

mod auth;
mod entitlements;
mod held;
mod hooks;
mod lists;
mod logs;
mod people;
mod wire;

use super::*;

pub(super) const TOKEN: &str = "00testToken";
pub(super) const BASE: &str = "https://okta.example.com";

/// An org with a super administrator who owns [`TOKEN`], and a clock.
pub(super) struct World {
    pub(super) okta: Okta,
    pub(super) admin: String,
    pub(super) token_id: String,
    pub(super) now: Timestamp,
}

/// A response with its JSON.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) json: Value,
    pub(super) response: Response,
}

impl Got {
    pub(super) fn code(&self) -> &str {
        self.json["errorCode"].as_str().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The target of a `Link` header, as path and query.
    pub(super) fn link(&self, rel: &str) -> Option<String> {
        let wanted = format!("rel=\"{rel}\"");
        let links = self
            .response
            .headers()
            .get_all("link")
            .iter()
            .map(|value| value.to_str().unwrap());
        let link = links
            .flat_map(|line| line.split(", "))
            .find(|link| link.ends_with(&wanted))?;
        let url = link.split_once('<').unwrap().1.split_once('>').unwrap().0;
        Some(url.strip_prefix(BASE).unwrap().to_owned())
    }
}

impl World {
    pub(super) fn new() -> Self {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        let okta = Okta::new("00oTestOrg000000001", now);
        okta.set_base_url(BASE);
        let admin = okta
            .add_user(UserSeed::active("ada@example.com", "Ada", "Admin"))
            .unwrap();
        okta.add_role(&admin, "SUPER_ADMIN").unwrap();
        let token_id = okta.add_ssws_token(TOKEN, &admin).unwrap();
        Self {
            okta,
            admin,
            token_id,
            now,
        }
    }

    pub(super) fn user(&self, login: &str) -> String {
        self.okta.add_user(UserSeed::active(login, "Test", "Person")).unwrap()
    }

    pub(super) fn with_status(&self, login: &str, status: Status) -> String {
        self.okta
            .add_user(UserSeed {
                status,
                ..UserSeed::active(login, "Test", "Person")
            })
            .unwrap()
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn send(&self, request: &Request) -> Got {
        match self.okta.answer(request, self.now) {
            Reply::Answer(response) => Got {
                status: response.status().as_u16(),
                json: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
                response,
            },
            other => panic!("no plain answer: {other:?}"),
        }
    }

    pub(super) fn call(&self, method: &str, path: &str) -> Got {
        self.send(&request(method, path, None))
    }

    pub(super) fn call_with(&self, method: &str, path: &str, body: Value) -> Got {
        self.send(&request(method, path, Some(body)))
    }

    pub(super) fn get(&self, path: &str) -> Got {
        self.call("GET", path)
    }

    /// The types of all events so far.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.okta
            .events()
            .iter()
            .map(|event| event["eventType"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(super) fn request(method: &str, path: &str, body: Option<Value>) -> Request {
    let builder = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("SSWS {TOKEN}"))
        .header("user-agent", "rollcall-test");
    match body {
        Some(body) => builder
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap(),
        None => builder.header("content-length", "0").body(Bytes::new()).unwrap(),
    }
}
