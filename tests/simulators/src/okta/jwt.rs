//! Signed tokens that clients send: client assertions and DPoP proofs.
//!
//! Signatures are checked by a library; every time check is made here against the simulator's own moment.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// How old a proof's `iat` may be.
const PROOF_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How far ahead a proof's `iat` may lie.
const PROOF_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// The authentication scheme header of a refused proof (Okta, "Configure OAuth 2.0 Demonstrating Proof-of-Possession").
const ALGORITHMS: &str = "RS256 RS384 RS512 ES256 ES384 ES512";

/// The claims of a token, if `key` signed it with an asymmetric algorithm.
pub(super) fn claims(token: &str, key: &Jwk) -> Option<Map<String, Value>> {
    let algorithm = decode_header(token).ok()?.alg;
    let asymmetric = matches!(
        algorithm,
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::ES256 | Algorithm::ES384
    );
    if !asymmetric {
        return None;
    }
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_jwk(key).ok()?;
    decode::<Map<String, Value>>(token, &key, &validation)
        .ok()
        .map(|data| data.claims)
}

/// A numeric date claim.
pub(super) fn moment(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let value = claims.get(name)?;
    let seconds = value.as_i64().or_else(|| {
        // Some clients send fractional seconds; the part after the point does not matter here.
        value.to_string().split('.').next().and_then(|whole| whole.parse().ok())
    })?;
    Timestamp::from_second(seconds).ok()
}

/// A text claim; empty when absent.
pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A proof whose signature, method, URL and age are right.
#[derive(Debug)]
pub(super) struct Proof {
    /// The thumbprint of its key (RFC 7638).
    pub(super) thumbprint: String,
    /// Its identifier, to be used once.
    pub(super) jti: String,
    /// The server's nonce, if it carries one.
    pub(super) nonce: Option<String>,
    /// The hash of the access token, if it carries one.
    pub(super) token_hash: Option<String>,
}

/// Checks everything about a proof that needs no memory. The error is the description for the client.
pub(super) fn proof(header: Option<&str>, method: &str, url: &str, now: Timestamp) -> Result<Proof, &'static str> {
    let token = header.ok_or("The DPoP proof JWT header is missing.")?;
    let head = decode_header(token).map_err(|_| "The DPoP proof JWT is not a valid JWT.")?;
    if !head
        .typ
        .as_deref()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("dpop+jwt"))
    {
        return Err("The 'typ' header of the DPoP proof JWT must be 'dpop+jwt'.");
    }
    let key = head.jwk.ok_or("The 'jwk' header of the DPoP proof JWT is missing.")?;
    if !matches!(
        key.algorithm,
        AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_)
    ) {
        return Err("The 'jwk' header of the DPoP proof JWT must be a public key.");
    }
    let claims = claims(token, &key).ok_or("The signature of the DPoP proof JWT is invalid.")?;
    if text(&claims, "htm") != method {
        return Err("'htm' claim in the DPoP proof JWT is invalid.");
    }
    if text(&claims, "htu") != url {
        return Err("'htu' claim in the DPoP proof JWT is invalid.");
    }
    let issued = moment(&claims, "iat").ok_or("'iat' claim in the DPoP proof JWT is missing.")?;
    if issued.saturating_add(PROOF_AGE).unwrap_or(Timestamp::MAX) < now {
        return Err("The DPoP proof JWT is expired.");
    }
    if issued > now.saturating_add(PROOF_SKEW).unwrap_or(Timestamp::MAX) {
        return Err("The DPoP proof JWT is issued in the future.");
    }
    let jti = text(&claims, "jti").to_owned();
    if jti.is_empty() {
        return Err("'jti' claim in the DPoP proof JWT is missing.");
    }
    let optional = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let thumbprint = key
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(|_| "The 'jwk' header of the DPoP proof JWT is not usable.")?;
    Ok(Proof {
        thumbprint,
        jti,
        nonce: optional("nonce"),
        token_hash: optional("ath"),
    })
}

/// The `ath` that belongs to an access token.
pub(super) fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// The refusal of a proof on a resource call.
pub(super) fn proof_refused(base: &str, description: &str) -> Problem {
    let scheme = format!(
        "DPoP algs=\"{ALGORITHMS}\", authorization_uri=\"{base}/oauth2/v1/authorize\", realm=\"{base}\", \
         error=\"invalid_dpop_proof\", error_description=\"{description}\""
    );
    Problem::empty(400).header("www-authenticate", scheme)
}
