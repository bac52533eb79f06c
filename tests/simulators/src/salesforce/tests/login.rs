//! The token endpoint.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::super::{AppKey, ConnectedApp, UserSeed};
use super::*;

struct Client {
    world: World,
    key: EncodingKey,
}

fn client() -> Client {
    let world = world();
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = pair.public_key();
    let jwk = json!({ "kty": "RSA", "n": number(public.modulus().big_endian_without_leading_zero()), "e": number(public.exponent().big_endian_without_leading_zero()) });
    world.org.add_app(ConnectedApp {
        consumer_key: "KEY".to_owned(),
        name: "Rollcall".to_owned(),
        public_key: Some(AppKey::Jwk(jwk)),
        client_secret: Some("SECRET".to_owned()),
        run_as: Some("rollcall@corp.example".to_owned()),
        pre_authorised: vec!["rollcall@corp.example".to_owned()],
    });
    Client {
        world,
        key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
    }
}

impl Client {
    fn claims(&self) -> Value {
        json!({ "iss": "KEY", "sub": "rollcall@corp.example", "aud": "https://login.salesforce.com", "exp": self.world.now.as_second() + 180 })
    }

    fn ask(&self, claims: &Value) -> (u16, Value) {
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.key).unwrap();
        self.send(&assertion)
    }

    fn send(&self, assertion: &str) -> (u16, Value) {
        self.world.form(
            "/services/oauth2/token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion),
            ],
            &[],
        )
    }

    fn refusal(&self, change: impl Fn(&mut Value)) -> (String, String) {
        let mut claims = self.claims();
        change(&mut claims);
        let (status, body) = self.ask(&claims);
        assert_eq!(status, 400, "{body}");
        (
            body["error"].as_str().unwrap().to_owned(),
            body["error_description"].as_str().unwrap().to_owned(),
        )
    }
}

#[test]
fn a_good_assertion_opens_a_session_of_its_user() {
    let mut client = client();
    let before = client.world.org.sessions_of(&client.world.integration).len();
    let (status, body) = client.ask(&client.claims());
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["instance_url"], "http://127.0.0.1:1");
    assert_eq!(
        body["id"],
        format!(
            "https://login.salesforce.com/id/{}/{}",
            client.world.org.id(),
            client.world.integration
        )
    );
    assert_eq!(
        (body["token_type"].as_str(), body.get("expires_in")),
        (Some("Bearer"), None)
    );
    assert_eq!(
        client.world.org.sessions_of(&client.world.integration).len(),
        before + 1
    );
    client.world.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.world.get("/limits").0, 200);
    // Its own token, revoked, ends that session.
    let token = client.world.token.clone();
    assert_eq!(
        client
            .world
            .form("/services/oauth2/revoke", &[("token", &token)], &[])
            .0,
        200
    );
    assert_eq!(client.world.get("/limits").0, 401);
}

#[test]
fn bad_assertions_are_refused_in_the_vendors_words() {
    let client = client();
    let grant = |text: &str| ("invalid_grant".to_owned(), text.to_owned());
    let now = client.world.now.as_second();
    assert_eq!(
        client.refusal(|claims| claims["aud"] = json!("https://test.salesforce.com")),
        grant("audience is invalid")
    );
    assert_eq!(
        client.refusal(|claims| claims["exp"] = json!(now)),
        grant("expired authorization code")
    );
    assert_eq!(
        client.refusal(|claims| claims["exp"] = json!((now + 180) * 1000)),
        grant("expired authorization code")
    );
    assert_eq!(
        client.refusal(|claims| claims["sub"] = json!("admin@corp.example")),
        grant("user hasn't approved this consumer")
    );
    assert_eq!(
        client.refusal(|claims| claims["sub"] = json!("nobody@corp.example")),
        grant("user hasn't approved this consumer")
    );
    assert_eq!(
        client.refusal(|claims| claims["iss"] = json!("OTHER")).0,
        "invalid_client_id"
    );
    let other = super::login::client();
    let forged = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &client.claims(), &other.key).unwrap();
    assert_eq!(client.send(&forged).1["error_description"], "invalid assertion");
    let symmetric = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &client.claims(),
        &EncodingKey::from_secret(b"KEY"),
    )
    .unwrap();
    assert_eq!(client.send(&symmetric).1["error_description"], "invalid assertion");
    assert_eq!(client.send("nonsense").0, 400);
    assert_eq!(
        client
            .world
            .form("/services/oauth2/token", &[("grant_type", "password")], &[])
            .1["error"],
        "unsupported_grant_type"
    );
}

#[test]
fn nobody_logs_in_frozen_or_inactive() {
    let client = client();
    client.world.org.add_user(UserSeed::new("admin2@corp.example").admin());
    let login = client.world.login_id(&client.world.integration);
    client.world.patch("UserLogin", &login, &frozen(true));
    assert_eq!(client.refusal(|_| ()).1, "inactive user");
    client.world.patch("UserLogin", &login, &frozen(false));
    assert_eq!(client.ask(&client.claims()).0, 200);
    client.world.org.set_active(&client.world.integration, false);
    assert_eq!(client.refusal(|_| ()).1, "inactive user");
}

#[test]
fn client_credentials_work_at_the_orgs_own_host_only() {
    let client = client();
    let ask = |secret: &str, host: &str| {
        client.world.form(
            "/services/oauth2/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "KEY"),
                ("client_secret", secret),
            ],
            &[("host", host)],
        )
    };
    let (status, body) = ask("SECRET", "127.0.0.1:1");
    assert_eq!(status, 200);
    assert_eq!(body["issued_at"], client.world.now.as_millisecond().to_string());
    assert_eq!(ask("WRONG", "127.0.0.1:1").1["error"], "invalid_client");
    assert_eq!(ask("SECRET", "login.salesforce.com").1["error"], "invalid_grant");
    let basic = format!("Basic {}", STANDARD.encode("KEY:SECRET"));
    let by_header = client.world.form(
        "/services/oauth2/token",
        &[("grant_type", "client_credentials")],
        &[("host", "127.0.0.1:1"), ("authorization", &basic)],
    );
    assert_eq!(by_header.0, 200);
}
