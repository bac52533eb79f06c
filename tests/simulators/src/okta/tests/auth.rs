//! Tokens, proofs, scopes and roles.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::*;

const CLIENT: &str = "0oaServiceApp";

/// A key pair for ES256.
struct Key {
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..33]),
            URL_SAFE_NO_PAD.encode(&point[33..65]),
        );
        let public = json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y });
        Self {
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public,
        }
    }

    fn assertion(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some("k1".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        encode(&header, claims, &self.private).unwrap()
    }

    fn proof(&self, claims: &Value) -> String {
        let jwk = serde_json::from_value(self.public.clone()).unwrap();
        let header = Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(jwk),
            ..Header::new(Algorithm::ES256)
        };
        encode(&header, claims, &self.private).unwrap()
    }
}

/// A world with a service app.
struct Service {
    world: World,
    key: Key,
    serial: std::cell::Cell<u32>,
}

impl Service {
    fn new(dpop: bool, scopes: &[&str], roles: &[&str]) -> Self {
        let (world, key) = (World::new(), Key::new());
        let app = ServiceApp {
            client_id: CLIENT.to_owned(),
            jwks: json!({ "keys": [key.public] }),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            admin_roles: roles.iter().map(ToString::to_string).collect(),
            dpop,
        };
        world.okta.add_service_app(app).unwrap();
        Self {
            world,
            key,
            serial: std::cell::Cell::new(0),
        }
    }

    fn jti(&self) -> String {
        self.serial.set(self.serial.get() + 1);
        format!("jti-{}", self.serial.get())
    }

    fn claims(&self) -> Value {
        let now = self.world.now.as_second();
        let url = format!("{BASE}/oauth2/v1/token");
        json!({ "iss": CLIENT, "sub": CLIENT, "aud": url, "iat": now, "exp": now + 300, "jti": self.jti() })
    }

    fn token_call(&self, assertion: &str, scope: &str, proof: Option<&str>) -> Got {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope)
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", assertion)
            .finish();
        let mut call =
            http::Request::post("/oauth2/v1/token").header("content-type", "application/x-www-form-urlencoded");
        if let Some(proof) = proof {
            call = call.header("dpop", proof);
        }
        self.world.send(&call.body(Bytes::from(body)).unwrap())
    }

    fn bearer(&self, scope: &str) -> String {
        let got = self.token_call(&self.key.assertion(&self.claims()), scope, None);
        assert_eq!(
            (got.status, &got.json["token_type"]),
            (200, &json!("Bearer")),
            "{}",
            got.json
        );
        got.json["access_token"].as_str().unwrap().to_owned()
    }

    fn proof_claims(&self, method: &str, path: &str) -> Value {
        json!({ "htm": method, "htu": format!("{BASE}{path}"), "iat": self.world.now.as_second(), "jti": self.jti() })
    }

    fn with(&self, method: &str, path: &str, authorization: &str, proof: Option<&str>) -> Got {
        let mut call = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-length", "0");
        call = call.header("authorization", authorization);
        if let Some(proof) = proof {
            call = call.header("dpop", proof);
        }
        self.world.send(&call.body(Bytes::new()).unwrap())
    }
}

fn changed(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

#[test]
fn an_ssws_token_dies_unused_or_with_its_owner() {
    let mut world = World::new();
    let bob = world.user("bob@example.com");
    world.okta.add_role(&bob, "READ_ONLY_ADMIN").unwrap();
    world.okta.add_ssws_token("bobs", &bob).unwrap();
    let mut bobs = request("GET", "/api/v1/users", None);
    bobs.headers_mut()
        .insert("authorization", HeaderValue::from_static("SSWSbobs"));
    assert_eq!(
        world.send(&bobs).status,
        200,
        "the space after the scheme may be missing"
    );
    world.okta.admin_deactivate(&bob, &world.admin, world.now).unwrap();
    assert_eq!(world.send(&bobs).code(), "E0000011");
    world.pass(30 * 86_400);
    assert_eq!(
        world.get("/api/v1/users").status,
        200,
        "a use within thirty days renews"
    );
    world.pass(30 * 86_400 + 1);
    let late = world.get("/api/v1/users");
    assert_eq!((late.status, late.code()), (401, "E0000011"));
    let mut nobody = request("GET", "/api/v1/users", None);
    nobody.headers_mut().remove("authorization");
    assert_eq!(world.send(&nobody).code(), "E0000005");
}

#[test]
fn roles_limit_what_a_caller_may_do() {
    let world = World::new();
    let (helper, bob, chief) = (
        world.user("helper@example.com"),
        world.user("bob@example.com"),
        world.user("c@example.com"),
    );
    world.okta.add_role(&chief, "ORG_ADMIN").unwrap();
    world.okta.add_ssws_token("helpers", &helper).unwrap();
    let ask = |method: &str, path: &str| {
        let mut call = request(method, path, None);
        call.headers_mut()
            .insert("authorization", HeaderValue::from_static("SSWS helpers"));
        world.send(&call)
    };
    let empty = ask("GET", "/api/v1/users");
    assert_eq!(
        (empty.status, empty.json),
        (200, json!([])),
        "no role: an empty list, not a refusal"
    );
    assert_eq!(ask("GET", &format!("/api/v1/users/{bob}")).code(), "E0000006");
    world.okta.add_role(&helper, "HELP_DESK_ADMIN").unwrap();
    assert_eq!(ask("DELETE", &format!("/api/v1/users/{bob}/sessions")).status, 204);
    assert_eq!(
        ask("POST", &format!("/api/v1/users/{bob}/lifecycle/suspend")).code(),
        "E0000006"
    );
    world.okta.add_role(&helper, "ORG_ADMIN").unwrap();
    assert_eq!(
        ask("POST", &format!("/api/v1/users/{bob}/lifecycle/suspend")).status,
        200
    );
    let chief_path = format!("/api/v1/users/{chief}/lifecycle/suspend");
    assert_eq!(
        ask("POST", &chief_path).code(),
        "E0000006",
        "administrators need a super administrator"
    );
    assert_eq!(world.call("POST", &chief_path).status, 200);
}

#[test]
fn assertions_are_checked_and_used_once() {
    let service = Service::new(false, &["okta.users.read"], &["SUPER_ADMIN"]);
    let now = service.world.now.as_second();
    let good = service.claims();
    let assertion = service.key.assertion(&good);
    assert_eq!(service.token_call(&assertion, "okta.users.read", None).status, 200);
    let again = service.token_call(&assertion, "okta.users.read", None);
    assert_eq!(
        (again.status, &again.json["error"]),
        (401, &json!("invalid_client")),
        "a jti is good once"
    );
    let bad = [
        ("aud", json!(format!("{BASE}/oauth2/default/v1/token"))),
        ("aud", json!(BASE)),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 7200)),
        ("exp", Value::Null),
        ("sub", json!("0oaOther")),
        ("iss", json!("0oaOther")),
    ];
    for (name, value) in bad {
        let claims = changed(service.claims(), name, value.clone());
        let got = service.token_call(&service.key.assertion(&claims), "okta.users.read", None);
        assert_eq!(
            (got.status, &got.json["error"]),
            (401, &json!("invalid_client")),
            "{name} {value}"
        );
    }
    let forged = Key::new().assertion(&service.claims());
    assert_eq!(
        service.token_call(&forged, "okta.users.read", None).status,
        401,
        "another key"
    );
    let greedy = service.token_call(&service.key.assertion(&service.claims()), "okta.users.manage", None);
    assert_eq!((greedy.status, &greedy.json["error"]), (400, &json!("invalid_scope")));
    let none = service.token_call(&service.key.assertion(&service.claims()), "", None);
    assert_eq!(none.json["error"], "invalid_scope");
}

#[test]
fn access_tokens_have_scopes_and_end() {
    let mut service = Service::new(false, &["okta.users.read", "okta.groups.manage"], &["SUPER_ADMIN"]);
    let id = service.world.user("bob@example.com");
    let token = format!("Bearer {}", service.bearer("okta.users.read okta.groups.manage"));
    assert_eq!(
        service.with("GET", &format!("/api/v1/users/{id}"), &token, None).status,
        200
    );
    assert_eq!(
        service.with("GET", "/api/v1/groups", &token, None).status,
        200,
        "manage includes read"
    );
    let refused = service.with("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"), &token, None);
    assert_eq!((refused.status, refused.response.body().len()), (403, 0));
    assert!(
        refused
            .header("www-authenticate")
            .contains("error=\"insufficient_scope\"")
    );
    assert!(
        refused
            .header("www-authenticate")
            .contains("scope=\"okta.users.manage\"")
    );
    assert_eq!(service.world.okta.user_status(&id), Some(Status::Active));
    service.world.pass(3600);
    let late = service.with("GET", &format!("/api/v1/users/{id}"), &token, None);
    assert_eq!(late.status, 401);
    assert!(late.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[test]
fn dpop_starts_with_the_nonce_dance() {
    let service = Service::new(true, &["okta.users.read"], &["SUPER_ADMIN"]);
    let scope = "okta.users.read";
    let ask = |proof: Option<&str>| service.token_call(&service.key.assertion(&service.claims()), scope, proof);
    assert_eq!(ask(None).json["error"], "invalid_dpop_proof");
    let key = Key::new();
    let claims = || service.proof_claims("POST", "/oauth2/v1/token");
    let challenge = ask(Some(&key.proof(&claims())));
    assert_eq!(
        (challenge.status, &challenge.json["error"]),
        (400, &json!("use_dpop_nonce"))
    );
    let nonce = challenge.header("dpop-nonce").to_owned();
    assert_eq!(
        ask(Some(&key.proof(&changed(claims(), "nonce", json!("old"))))).json["error"],
        "use_dpop_nonce"
    );
    let proof = key.proof(&changed(claims(), "nonce", json!(nonce)));
    let got = ask(Some(&proof));
    assert_eq!((got.status, &got.json["token_type"]), (200, &json!("DPoP")));
    assert_eq!(
        ask(Some(&proof)).json["error"],
        "invalid_dpop_proof",
        "a proof is good once"
    );
}

#[test]
fn proofs_on_resource_calls_are_checked() {
    let service = Service::new(true, &["okta.users.read"], &["SUPER_ADMIN"]);
    let key = Key::new();
    let claims = service.proof_claims("POST", "/oauth2/v1/token");
    let assertion = || service.key.assertion(&service.claims());
    let challenge = service.token_call(&assertion(), "okta.users.read", Some(&key.proof(&claims)));
    let claims = changed(
        service.proof_claims("POST", "/oauth2/v1/token"),
        "nonce",
        json!(challenge.header("dpop-nonce")),
    );
    let got = service.token_call(&assertion(), "okta.users.read", Some(&key.proof(&claims)));
    let token = got.json["access_token"].as_str().unwrap().to_owned();
    let (path, dpop) = ("/api/v1/users", format!("DPoP {token}"));
    let claims = || changed(service.proof_claims("GET", path), "ath", json!(jwt::token_hash(&token)));

    let good = key.proof(&claims());
    assert_eq!(
        service
            .with("GET", &format!("{path}?limit=1"), &dpop, Some(&good))
            .status,
        200,
        "htu has no query"
    );
    assert_eq!(
        service.with("GET", path, &dpop, Some(&good)).status,
        400,
        "every call needs a new proof"
    );
    let now = service.world.now.as_second();
    let bad = [
        ("htm", json!("get")),
        ("htm", json!("POST")),
        ("htu", json!(format!("{BASE}/api/v1/users/"))),
        ("htu", json!(format!("{BASE}/api/v1/users?limit=1"))),
        ("ath", json!("AAAA")),
        ("iat", json!(now - 3600)),
        ("iat", json!(now + 3600)),
        ("jti", json!("")),
    ];
    for (name, value) in bad {
        let got = service.with(
            "GET",
            path,
            &dpop,
            Some(&key.proof(&changed(claims(), name, value.clone()))),
        );
        assert_eq!(got.status, 400, "{name} {value}");
        assert!(
            got.header("www-authenticate").contains("error=\"invalid_dpop_proof\""),
            "{name} {value}"
        );
    }
    assert_eq!(
        service
            .with("GET", path, &dpop, Some(&Key::new().proof(&claims())))
            .status,
        400,
        "bound to another key"
    );
    assert_eq!(service.with("GET", path, &dpop, None).status, 400);
    assert_eq!(
        service.with("GET", path, &format!("Bearer {token}"), None).status,
        400,
        "no bearer use of a bound token"
    );
}

#[test]
fn a_service_app_acts_under_its_own_name() {
    let service = Service::new(false, &["okta.users.manage"], &["SUPER_ADMIN"]);
    let id = service.world.user("bob@example.com");
    let token = format!("Bearer {}", service.bearer("okta.users.manage"));
    assert_eq!(
        service
            .with("POST", &format!("/api/v1/users/{id}/lifecycle/suspend"), &token, None)
            .status,
        200
    );
    let event = service.world.okta.events().pop().unwrap();
    assert_eq!(
        (&event["actor"]["type"], &event["actor"]["id"]),
        (&json!("PublicClientApp"), &json!(CLIENT))
    );
    assert_eq!(event["client"]["id"], CLIENT);
    assert_eq!(service.with("GET", "/api/v1/users/me", &token, None).code(), "E0000007");
}
