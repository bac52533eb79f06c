//! An org driven through its wire, as a client would.

mod access;
mod batch;
mod bulk;
mod business;
mod joins;
mod login;
mod reads;
mod setup;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Org, SessionKind, UserSeed};
use crate::wire::{Reply, Request, Response, Simulator};

/// An org with an integration user, its token, an administrator and a leaver with sessions and a token.
struct World {
    org: Org,
    token: String,
    integration: String,
    admin: String,
    leaver: String,
    now: Timestamp,
}

fn world() -> World {
    let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let org = Org::new("00D5f000000aaaa", false, now);
    org.set_base_url("http://127.0.0.1:1");
    let integration = org.add_user(UserSeed::new("rollcall@corp.example").integration());
    let admin = org.add_user(UserSeed::new("admin@corp.example").admin());
    let leaver = org.add_user(UserSeed {
        federation_identifier: Some("jordan".to_owned()),
        manager_id: Some(admin.clone()),
        ..UserSeed::new("jordan.rivera@corp.example")
    });
    let ui = org.add_session(&leaver, SessionKind::Ui);
    org.add_child_session(&leaver, SessionKind::Visualforce, Some(&ui));
    org.add_token(&leaver, "Data Loader");
    let token = org.log_in(&integration);
    World {
        org,
        token,
        integration,
        admin,
        leaver,
        now,
    }
}

impl World {
    fn reply(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::new(Bytes::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        self.org.answer(&request, self.now)
    }

    fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        match self.reply(method, target, headers, body) {
            Reply::Answer(response) => response,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// A REST call with this world's token: status and JSON (null for an empty body).
    fn rest(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let response = self.send(
            method,
            &format!("/services/data/v66.0{path}"),
            &[("authorization", &bearer), ("content-type", "application/json")],
            &text,
        );
        (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).unwrap_or(Value::Null),
        )
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.rest(Method::GET, path, &Value::Null)
    }

    fn query(&self, soql: &str) -> Value {
        let encoded: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let (status, body) = self.get(&format!("/query?q={encoded}"));
        assert_eq!(status, 200, "{soql}: {body}");
        body
    }

    fn ids(&self, soql: &str) -> Vec<String> {
        self.query(soql)["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["Id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn patch(&self, object: &str, id: &str, body: &Value) -> (u16, Value) {
        self.rest(Method::PATCH, &format!("/sobjects/{object}/{id}"), body)
    }

    fn delete(&self, object: &str, id: &str) -> (u16, Value) {
        self.rest(Method::DELETE, &format!("/sobjects/{object}/{id}"), &Value::Null)
    }

    fn login_id(&self, user: &str) -> String {
        self.ids(&format!("SELECT Id FROM UserLogin WHERE UserId = '{user}'"))
            .pop()
            .unwrap()
    }

    fn form(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> (u16, Value) {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        let response = self.send(Method::POST, path, &all, &body);
        (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).unwrap_or(Value::Null),
        )
    }
}

fn code(body: &Value) -> &str {
    body[0]["errorCode"].as_str().unwrap_or_default()
}

fn frozen(yes: bool) -> Value {
    json!({ "IsFrozen": yes })
}
