use std::sync::Mutex;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rollcall_model::{FailureClass, Lane, MatchKey, TransportError};
use rollcall_runtime::clock::plus;

use super::*;
use crate::scripted::{in_lane, lost, raw, rsa_pem, sent_form, start, token_parts, urgent};

fn app() -> OktaSettings {
    settings(OktaAuth::ServiceApp {
        client_id: "0oa9rc11serviceApp01".to_owned(),
        key: rsa_pem(),
        kid: "key-1".to_owned(),
        scopes: READ_SCOPES.iter().map(|&scope| scope.to_owned()).collect(),
    })
}

const TOKEN: &str = "POST https://id.example.com/oauth2/v1/token";

fn token(kind: &str, text: &str) -> Step {
    step(
        TOKEN,
        200,
        &json!({ "token_type": kind, "expires_in": 3600, "access_token": text, "scope": "okta.users.read" }),
    )
}

fn signed_with(step: Step, authorization: &'static str) -> Step {
    step.check(move |request| assert_eq!(request.headers()["authorization"], authorization))
}

#[tokio::test]
async fn an_api_token_is_sent_only_after_the_tenant_is_known() {
    let [user, groups, roles] = plain(&user_body("ACTIVE"));
    let script = Script::new([
        tenant("00oPROD").check(|request| assert!(request.headers().get("authorization").is_none())),
        signed_with(user, "SSWS planted-token"),
        groups,
        roles,
    ]);
    let (okta, _) = connect(ssws(), &script);
    okta.read_subject(&urgent(), &account()).await.unwrap();
    script.done();
}

#[tokio::test]
async fn the_wrong_tenant_gets_nothing_now_or_later() {
    for settings in [ssws(), app()] {
        let mut steps = vec![tenant("00oOTHER")];
        if matches!(settings.auth, OktaAuth::ServiceApp { .. }) {
            steps.push(token("Bearer", "planted"));
        }
        let script = Script::new(steps);
        let (okta, clock) = connect(settings, &script);
        for _ in 0..2 {
            let refused = okta.read_subject(&urgent(), &account()).await.unwrap_err();
            assert_eq!(refused.class, FailureClass::Credential);
            assert_eq!(
                refused.reason,
                "okta-main belongs to tenant 00oOTHER, configured 00oPROD: refusing every call"
            );
            clock.move_on(Duration::from_secs(10));
        }
        script.done();
    }
}

#[tokio::test]
async fn a_service_app_signs_an_assertion_and_keeps_the_token_until_shortly_before_its_end() {
    let (one, two) = (plain(&user_body("ACTIVE")), plain(&user_body("ACTIVE")));
    let three = plain(&user_body("ACTIVE"));
    let assertion = token("Bearer", "t-1").check(|request| {
        let form = sent_form(request);
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "okta.users.read okta.groups.read okta.roles.read");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let (head, claims) = token_parts(&form["client_assertion"]);
        assert_eq!(
            (head["alg"].as_str(), head["kid"].as_str()),
            (Some("RS256"), Some("key-1"))
        );
        assert_eq!(claims["aud"], "https://id.example.com/oauth2/v1/token");
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("0oa9rc11serviceApp01"), &json!("0oa9rc11serviceApp01"))
        );
        assert_eq!(claims["exp"], json!(start().as_second() + 300));
        assert!(request.headers().get("dpop").is_none());
    });
    let script = Script::new(
        [tenant("00oPROD"), assertion]
            .into_iter()
            .chain(one)
            .chain(two)
            .chain([tenant("00oPROD"), token("Bearer", "t-2")])
            .chain({
                let [user, groups, roles] = three;
                [signed_with(user, "Bearer t-2"), groups, roles]
            }),
    );
    let (okta, clock) = connect(app(), &script);
    let far = Call {
        deadline: plus(start(), Duration::from_hours(2)),
        ..urgent()
    };
    okta.read_subject(&far, &account()).await.unwrap();
    clock.move_on(Duration::from_secs(3299));
    okta.read_subject(&far, &account()).await.unwrap();
    clock.move_on(Duration::from_secs(1));
    okta.read_subject(&far, &account()).await.unwrap();
    script.done();
}

/// Checks a proof against its own key and the request it came with; answers its `jti`.
fn proven(request: &rollcall_model::HttpRequest, token: Option<&str>, nonce: Option<&str>) -> String {
    let proof = request.headers()["dpop"].to_str().unwrap();
    let (head, claims) = token_parts(proof);
    assert_eq!((&head["typ"], &head["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    assert_eq!(head["jwk"]["d"], Value::Null);
    let key = DecodingKey::from_jwk(&serde_json::from_value(head["jwk"].clone()).unwrap()).unwrap();
    let mut checks = Validation::new(Algorithm::ES256);
    checks.required_spec_claims.clear();
    checks.validate_exp = false;
    jsonwebtoken::decode::<Value>(proof, &key, &checks).unwrap();
    assert_eq!(claims["htm"], json!(request.method().as_str()));
    assert_eq!(
        claims["htu"],
        json!(request.uri().to_string().split('?').next().unwrap())
    );
    assert_eq!(claims.get("nonce").and_then(Value::as_str), nonce);
    assert_eq!(
        claims.get("ath").and_then(Value::as_str).map(str::to_owned),
        token.map(super::super::dpop::token_hash)
    );
    claims["jti"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dpop_is_taken_up_when_the_app_asks_and_every_attempt_has_its_own_proof() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let note = |jti: String| {
        let mut seen = SEEN.lock().unwrap();
        assert!(!seen.contains(&jti), "{jti} came twice");
        seen.push(jti);
    };
    let missing =
        json!({ "error": "invalid_dpop_proof", "error_description": "The DPoP proof JWT header is missing." });
    let nonce =
        json!({ "error": "use_dpop_nonce", "error_description": "Authorization server requires nonce in DPoP proof." });
    let resource = |step: Step| {
        step.check(move |request| {
            assert_eq!(request.headers()["authorization"], "DPoP bound-1");
            note(proven(request, Some("bound-1"), Some("n-2")));
        })
    };
    let [user, groups, roles] = plain(&user_body("ACTIVE"));
    let script = Script::new([
        tenant("00oPROD"),
        step(TOKEN, 400, &missing).check(|request| assert!(request.headers().get("dpop").is_none())),
        step(TOKEN, 400, &nonce)
            .with("dpop-nonce", "n-1")
            .check(move |request| note(proven(request, None, None))),
        // The nonce may change between two attempts.
        step(TOKEN, 400, &nonce)
            .with("dpop-nonce", "n-2")
            .check(move |request| note(proven(request, None, Some("n-1")))),
        token("DPoP", "bound-1").check(move |request| note(proven(request, None, Some("n-2")))),
        resource(user),
        resource(groups),
        resource(roles),
    ]);
    let (okta, _) = connect(app(), &script);
    okta.read_subject(&urgent(), &account()).await.unwrap();
    script.done();
    assert_eq!(SEEN.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn a_resource_may_ask_for_another_nonce_and_a_refused_token_is_renewed_with_the_same_key() {
    let [user, groups, roles] = plain(&user_body("ACTIVE"));
    let address = get(&format!("/api/v1/users/{USER}"));
    let script = Script::new([
        tenant("00oPROD"),
        step(TOKEN, 400, &json!({ "error": "invalid_dpop_proof" })),
        token("DPoP", "bound-1").check(|request| drop(proven(request, None, None))),
        step(&address, 401, &json!({}))
            .with("www-authenticate", "DPoP error=\"use_dpop_nonce\"")
            .with("dpop-nonce", "n-9")
            .check(|request| drop(proven(request, Some("bound-1"), None))),
        step(&address, 401, &json!({ "errorCode": "E0000011" }))
            .check(|request| drop(proven(request, Some("bound-1"), Some("n-9")))),
        tenant("00oPROD"),
        token("DPoP", "bound-2").check(|request| drop(proven(request, None, Some("n-9")))),
        user.check(|request| drop(proven(request, Some("bound-2"), Some("n-9")))),
        groups,
        roles,
    ]);
    let (okta, _) = connect(app(), &script);
    okta.read_subject(&urgent(), &account()).await.unwrap();
    script.done();
}

#[tokio::test]
async fn a_token_is_renewed_once_and_then_the_credential_is_to_blame() {
    let mut settings = app();
    settings.canary = Some("00uCanary".to_owned());
    let address =
        get("/api/v1/users?search=id%20eq%20%2200uCanary%22%20or%20profile.login%20eq%20%22noor%22&limit=200");
    let script = Script::new([
        tenant("00oPROD"),
        token("Bearer", "t-1"),
        signed_with(step(&address, 401, &json!({})), "Bearer t-1"),
        tenant("00oPROD"),
        token("Bearer", "t-2"),
        signed_with(step(&address, 401, &json!({})), "Bearer t-2"),
    ]);
    let (okta, _) = connect(settings, &script);
    let query = AccountQuery {
        keys: vec![MatchKey {
            field: "login".to_owned(),
            value: "noor".to_owned(),
            sure: true,
        }],
        linked: Vec::new(),
    };
    let refused = okta.find_accounts(&urgent(), &query).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Credential);
    script.done();
}

#[tokio::test]
async fn an_api_token_is_not_renewed() {
    let script = Script::new([
        tenant("00oPROD"),
        step(
            &get("/api/v1/users/me"),
            401,
            &json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }),
        ),
    ]);
    let (okta, _) = connect(ssws(), &script);
    let query = AccountQuery {
        keys: Vec::new(),
        linked: vec!["00uX".to_owned()],
    };
    let refused = okta.find_accounts(&urgent(), &query).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Credential);
    assert!(!format!("{refused:?}").contains("planted-token"));
    script.done();
}

#[tokio::test]
async fn what_goes_wrong_while_signing_in_is_told_and_tried_again_next_time() {
    let broken: Vec<(Vec<Step>, FailureClass)> = vec![
        (
            vec![lost(
                &get("/.well-known/okta-organization"),
                TransportError::Timeout(Duration::from_secs(1)),
            )],
            FailureClass::Retry { after: None },
        ),
        (
            vec![raw(&get("/.well-known/okta-organization"), 200, "text/html", "<html>")],
            FailureClass::Retry { after: None },
        ),
        (
            vec![step(&get("/.well-known/okta-organization"), 200, &json!({}))],
            FailureClass::Retry { after: None },
        ),
        (
            vec![step(&get("/.well-known/okta-organization"), 404, &not_found())],
            FailureClass::GiveUp,
        ),
    ];
    for (steps, class) in broken {
        let script = Script::new(
            steps
                .into_iter()
                .chain([tenant("00oPROD")])
                .chain(plain(&user_body("ACTIVE"))),
        );
        let (okta, _) = connect(ssws(), &script);
        assert_eq!(okta.read_subject(&urgent(), &account()).await.unwrap_err().class, class);
        okta.read_subject(&urgent(), &account()).await.unwrap();
        script.done();
    }
    let mut bad_key = app();
    if let OktaAuth::ServiceApp { key, .. } = &mut bad_key.auth {
        *key = Secret::new("planted: not a key");
    }
    let script = Script::new([tenant("00oPROD")]);
    let (okta, _) = connect(bad_key, &script);
    let refused = okta.read_subject(&urgent(), &account()).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Credential);
    assert!(!refused.reason.contains("planted"), "{refused}");
}

#[tokio::test]
async fn a_call_ends_before_its_deadline_and_is_not_made_after_it() {
    let script = Script::new([tenant("00oPROD")].into_iter().chain(plain(&user_body("ACTIVE"))));
    let (okta, _) = connect(ssws(), &script);
    let short = Call {
        deadline: plus(start(), Duration::from_millis(2_500)),
        lane: Lane::Urgent,
    };
    okta.read_subject(&short, &account()).await.unwrap();
    assert_eq!(script.timeouts(), [Duration::from_secs(2); 4]);
    let late = Call {
        deadline: plus(start(), Duration::from_millis(500)),
        lane: Lane::Urgent,
    };
    let refused = okta.read_subject(&late, &account()).await.unwrap_err();
    assert!(
        refused.is_retryable() && refused.reason.contains("not sent"),
        "{refused}"
    );
    script.done();

    let script = Script::new([tenant("00oPROD")].into_iter().chain(plain(&user_body("ACTIVE"))));
    let (okta, _) = connect(ssws(), &script);
    okta.read_subject(&in_lane(Lane::Bulk), &account()).await.unwrap();
    assert_eq!(script.timeouts(), [Duration::from_secs(15); 4]);
}
