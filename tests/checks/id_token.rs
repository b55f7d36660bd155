//! Any key set and any ID token: no panic; a token is accepted only if it is signed with a key of the set, is from our
//! provider, for us, and valid now.
//!
//! The input is two lines: a key set and a token. They are also used as a header and as claims, which are then signed.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use llamactl::oidc::id_token::{Expected, IdTokenError, KeySet, verify};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;

const EXPECTED: Expected = Expected {
    issuer: "https://issuer.example",
    client_id: "cli",
    now: 1_800_000_000,
};
const LEEWAY: f64 = 60.0;

/// See the head of this file.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(keys) = KeySet::parse(first.as_bytes()) {
        let _ = verify(second, &keys, &EXPECTED);
    }
    let unsigned = verify(second, ours(), &EXPECTED);
    assert!(unsigned.is_err(), "not signed with our key");

    // Any header, any claims.
    let token = sign(first, second);
    if let Ok(claims) = verify(&token, ours(), &EXPECTED) {
        let header: Value = serde_json::from_str(first).expect("a header");
        assert!(matches!(header["alg"].as_str(), Some("EdDSA")));
        assert!(matches!(header["kid"].as_str(), None | Some("k")));
        assert!(header["crit"].is_null());
        let all = Value::Object(claims.all);
        assert!(is_valid(&all), "{all}");
        assert_eq!(all["sub"], claims.subject);
        assert_eq!(all["email"].as_str(), claims.email.as_deref());
        // With one character changed anywhere, the signature is invalid.
        let at = input.iter().map(|byte| usize::from(*byte)).sum::<usize>() % token.len();
        let mut changed = token.into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8_lossy(&changed);
        assert!(
            verify(&changed, ours(), &EXPECTED).is_err(),
            "changed at {at}"
        );
    }

    // With a valid header, only the claims decide.
    let Ok(claims @ Value::Object(_)) = serde_json::from_str::<Value>(second) else {
        return;
    };
    let claims = claims.to_string();
    let token = sign(r#"{"alg":"EdDSA","kid":"k"}"#, &claims);
    let read: Value = serde_json::from_str(&claims).expect("JSON");
    let verified = verify(&token, ours(), &EXPECTED);
    if verified != Err(IdTokenError::Invalid("is too long")) {
        assert_eq!(verified.is_ok(), is_valid(&read), "{claims}: {verified:?}");
    }
}

fn pair() -> &'static Ed25519KeyPair {
    static PAIR: OnceLock<Ed25519KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"))
}

fn ours() -> &'static KeySet {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    KEYS.get_or_init(|| {
        let x = URL_SAFE_NO_PAD.encode(pair().public_key());
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}]}}"#);
        KeySet::parse(set.as_bytes()).expect("a key set")
    })
}

fn sign(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(pair().sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// OpenID Connect Core §3.1.3.7, independently of the implementation.
fn is_valid(claims: &Value) -> bool {
    let now = 1_800_000_000.0;
    let audience: Vec<&Value> = match &claims["aud"] {
        Value::Array(several) => several.iter().filter(|one| one.is_string()).collect(),
        one => vec![one],
    };
    let is_past = |name: &str| match claims.get(name) {
        Some(time) => time.as_f64().is_some_and(|time| time <= now + LEEWAY),
        None => true,
    };
    claims["iss"] == EXPECTED.issuer
        && audience.iter().any(|one| **one == EXPECTED.client_id)
        && match claims.get("azp") {
            Some(party) => party == EXPECTED.client_id,
            None => audience.len() == 1,
        }
        && claims["exp"].as_f64().is_some_and(|end| now < end + LEEWAY)
        && is_past("nbf")
        && is_past("iat")
        && claims["sub"]
            .as_str()
            .is_some_and(|sub| (1..=255).contains(&sub.len()) && super::is_harmless(sub))
}
