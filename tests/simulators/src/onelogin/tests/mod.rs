//! What the account promises, asked over the same interface that clients use.

mod auth;
mod logs;
mod people;
mod roles;
mod webhooks;

use super::*;
use jiff::SignedDuration;

pub(super) const BASE: &str = "https://corp.onelogin.example";

/// An account with a service account that owns a credential of every scope, and a clock.
pub(super) struct World {
    pub(super) account: OneLogin,
    pub(super) owner: i64,
    pub(super) token: String,
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
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// Ids of a v2 list or of a v1 envelope.
    pub(super) fn ids(&self) -> Vec<i64> {
        let rows = self.json.get("data").unwrap_or(&self.json);
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_i64().unwrap())
            .collect()
    }
}

impl World {
    pub(super) fn new() -> Self {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let account = OneLogin::new(424_242, now);
        account.set_base_url(BASE);
        let owner = account.add_user(UserSeed::active("rollcall@corp.example", "Rollcall", "Service"));
        for (client_id, scope) in [
            ("none", Scope::AuthenticationOnly),
            ("read-users", Scope::ReadUsers),
            ("manage-users", Scope::ManageUsers),
            ("read-all", Scope::ReadAll),
            ("manage-all", Scope::ManageAll),
        ] {
            account.add_credential(ClientCredential {
                client_id: client_id.to_owned(),
                client_secret: "secret".to_owned(),
                scope,
                owner,
            });
        }
        let mut world = Self {
            account,
            owner,
            token: String::new(),
            now,
        };
        world.token = world.token_of("manage-all");
        world
    }

    pub(super) fn issue(&self, client_id: &str) -> Got {
        let request = http::Request::builder()
            .method("POST")
            .uri("/auth/oauth2/v2/token")
            .header("authorization", format!("client_id:{client_id}, client_secret:secret"))
            .header("content-type", "application/json")
            .body(Bytes::from_static(b"{\"grant_type\":\"client_credentials\"}"))
            .unwrap();
        self.send(&request)
    }

    pub(super) fn token_of(&self, client_id: &str) -> String {
        self.issue(client_id).json["access_token"].as_str().unwrap().to_owned()
    }

    pub(super) fn user(&self, username: &str) -> i64 {
        self.account.add_user(UserSeed::active(username, "Test", "Person"))
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn send(&self, request: &Request) -> Got {
        match self.account.answer(request, self.now) {
            Reply::Answer(response) => Got {
                status: response.status().as_u16(),
                json: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
                response,
            },
            other => panic!("no plain answer: {other:?}"),
        }
    }

    pub(super) fn call_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("bearer {token}"))
            .header("content-type", "application/json")
            .body(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default())
            .unwrap();
        self.send(&request)
    }

    pub(super) fn get(&self, path: &str) -> Got {
        self.call_as(&self.token, "GET", path, None)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write the body where they call")]
    pub(super) fn call(&self, method: &str, path: &str, body: Value) -> Got {
        self.call_as(&self.token, method, path, Some(&body))
    }

    /// The types of all events so far.
    pub(super) fn kinds(&self) -> Vec<i64> {
        let events = self.account.events();
        events
            .iter()
            .map(|event| event["event_type_id"].as_i64().unwrap())
            .collect()
    }
}
