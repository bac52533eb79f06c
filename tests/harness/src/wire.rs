//! What travelled between workers and vendors that nobody else may ever see.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use rollcall_model::{HttpRequest, HttpResponse};
use serde_json::Value;

/// Members of forms and answers that hold a secret. `token` is none of them: what Salesforce's revocation is given is a handle for
/// exactly that, with which nobody can sign in.
const MEMBERS: &[&str] = &[
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "id_token",
    "refresh_token",
];
/// Headers that hold one.
const HEADERS: &[&str] = &["authorization", "cookie", "dpop", "dpop-nonce", "set-cookie"];
/// Shorter texts are found everywhere.
const SHORTEST: usize = 8;

/// Every secret that was seen on the way, and where.
#[derive(Debug, Default)]
pub struct Wire(Mutex<BTreeMap<String, String>>);

impl Wire {
    /// All of them, each with the place where it was seen first.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn sent(&self, request: &HttpRequest) {
        let host = request.uri().host().unwrap_or_default();
        self.headers(request.headers(), &format!("sent to {host}"));
        self.body(request.body(), &format!("sent to {host}"));
        self.form(request.uri().query().unwrap_or_default(), &format!("sent to {host}"));
    }

    pub(crate) fn answered(&self, response: &HttpResponse, host: &str) {
        self.headers(response.headers(), &format!("answered by {host}"));
        self.body(response.body(), &format!("answered by {host}"));
    }

    fn headers(&self, headers: &HeaderMap, way: &str) {
        for name in HEADERS {
            for value in headers.get_all(*name) {
                let text = String::from_utf8_lossy(value.as_bytes());
                // The scheme before a credential is no part of it; OneLogin's has a name and commas.
                for word in text.split([' ', ',', ';']) {
                    let word = word.rsplit_once("client_secret:").map_or(word, |(_, secret)| secret);
                    self.keep(word, format!("{way}: {name}"));
                }
            }
        }
    }

    fn body(&self, body: &[u8], way: &str) {
        let text = String::from_utf8_lossy(body);
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(members)) => {
                for name in MEMBERS {
                    if let Some(secret) = members.get(*name).and_then(Value::as_str) {
                        self.keep(secret, format!("{way}: {name}"));
                    }
                }
            }
            Ok(_) => {}
            Err(_) => self.form(&text, way),
        }
    }

    fn form(&self, text: &str, way: &str) {
        for pair in text.split('&') {
            if let Some((name, value)) = pair.split_once('=')
                && MEMBERS.contains(&name)
            {
                self.keep(value, format!("{way}: {name}"));
            }
        }
    }

    fn keep(&self, secret: &str, place: String) {
        let secret = secret.trim_matches('"');
        if secret.len() >= SHORTEST {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(secret.to_owned()).or_insert(place);
        }
    }
}
