//! Tests of `id_token` with real signatures.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;
const EXPECTED: Expected = Expected {
    issuer: "https://id.example",
    client_id: "llamactl",
    now: NOW,
};
/// A throw-away key for these tests only.
const RSA: &[u8] = include_bytes!("../../fixtures/http/test-signing-key.rsa.der");

/// The private keys of a provider.
struct Signers {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signers {
    fn new() -> Signers {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Signers {
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random)
                .unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn jwks(&self) -> Value {
        let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(rsa.n), "e": encode(rsa.e)},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "key_ops": ["verify"],
                "x": encode(self.ed.public_key().as_ref())},
            {"kty": "oct", "kid": "hmac", "k": encode(b"a secret of 32 bytes, or thereby")},
            {"kty": "EC", "crv": "P-521", "kid": "other", "x": "AA", "y": "AA"},
            "not a key",
        ]})
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(self.jwks().to_string().as_bytes()).unwrap()
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa
                .sign(padding, &random, message, &mut signature)
                .unwrap();
            signature
        };
        match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            _ => Vec::new(),
        }
    }

    /// A token with this header, signed with `alg` whatever the header names.
    fn token(&self, alg: &str, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = self.sign(alg, message.as_bytes());
        format!("{message}.{}", encode(signature))
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "llamactl", "sub": "ada", "exp": NOW + 600, "iat": NOW,
        "email": "ada@example.com"})
}

/// The claims with one of them changed, or left out (null).
fn with_claim(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.into(), value),
    };
    claims
}

fn es256(signers: &Signers, claims: &Value) -> std::result::Result<Claims, IdTokenError> {
    let token = signers.token("ES256", &json!({"alg": "ES256", "kid": "ec"}), claims);
    verify(&token, &signers.keys(), &EXPECTED)
}

fn es256_with(signers: &Signers, keys: &KeySet) -> std::result::Result<Claims, IdTokenError> {
    let token = signers.token("ES256", &json!({"alg": "ES256", "kid": "ec"}), &claims());
    verify(&token, keys, &EXPECTED)
}

#[test]
fn supported_algorithms_are_verified() {
    let signers = Signers::new();
    for (alg, kid) in [
        ("RS256", "rsa"),
        ("PS256", "rsa"),
        ("ES256", "ec"),
        ("EdDSA", "ed"),
    ] {
        for header in [json!({"alg": alg, "kid": kid}), json!({"alg": alg})] {
            let token = signers.token(alg, &header, &claims());
            let found = verify(&token, &signers.keys(), &EXPECTED).unwrap();
            assert_eq!(found.subject, "ada", "{header}");
            assert_eq!(found.email.as_deref(), Some("ada@example.com"));
            assert_eq!(Value::Object(found.all), claims());
        }
    }
}

#[test]
fn forged_changed_and_malformed_tokens_are_rejected() {
    let (signers, others) = (Signers::new(), Signers::new());
    let header = json!({"alg": "ES256", "kid": "ec"});
    let bad = Err(IdTokenError::Invalid("has an invalid signature"));
    let token = others.token("ES256", &header, &claims());
    assert_eq!(verify(&token, &signers.keys(), &EXPECTED), bad);
    let unnamed = others.token("ES256", &json!({"alg": "ES256"}), &claims());
    assert_eq!(
        verify(&unnamed, &signers.keys(), &EXPECTED),
        Err(IdTokenError::UnknownKey)
    );
    let unknown = signers.token("ES256", &json!({"alg": "ES256", "kid": "new"}), &claims());
    assert_eq!(
        verify(&unknown, &signers.keys(), &EXPECTED),
        Err(IdTokenError::UnknownKey)
    );
    let good = signers.token("ES256", &header, &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let other = encode(with_claim("sub", json!("eve")).to_string());
    let changed = format!("{}.{other}.{}", parts[0], parts[2]);
    assert_eq!(verify(&changed, &signers.keys(), &EXPECTED), bad);
    let signature = decode(parts[2]).unwrap();
    let short = format!("{}.{}.{}", parts[0], parts[1], encode(&signature[1..]));
    assert_eq!(verify(&short, &signers.keys(), &EXPECTED), bad);
    for malformed in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        &good[1..],
        &format!("{good}.x"),
        &format!("{good}!"),
        &format!("{}..{}", parts[0], parts[2]),
    ] {
        let error = verify(malformed, &signers.keys(), &EXPECTED).unwrap_err();
        assert!(
            matches!(error, IdTokenError::Invalid(_)),
            "{malformed}: {error:?}"
        );
    }
    // At the limit the signature is what is wrong, above it the length.
    let longest = format!("{good}{}", "A".repeat(MAX_TOKEN - good.len()));
    assert_eq!(verify(&longest, &signers.keys(), &EXPECTED), bad);
    assert_eq!(
        verify(&(longest + "A"), &signers.keys(), &EXPECTED),
        Err(IdTokenError::Invalid("is too long"))
    );
    let much = with_claim("more", json!("x".repeat(30_000)));
    assert!(es256(&signers, &much).is_ok());
}

#[test]
fn algorithm_must_be_supported_and_fit_the_key() {
    let signers = Signers::new();
    let keys = signers.keys();
    let unsupported = IdTokenError::Invalid("is signed with an unsupported algorithm");
    for alg in [
        "none", "None", "HS256", "HS512", "RS384", "ES384", "Ed25519", "", "rs256",
    ] {
        for kid in ["rsa", "hmac", "ec"] {
            let token = signers.token(alg, &json!({"alg": alg, "kid": kid}), &claims());
            assert_eq!(verify(&token, &keys, &EXPECTED), Err(unsupported), "{alg}");
        }
    }
    // HMAC with the public key as the secret: the classic confusion.
    let jwks = signers.jwks();
    let modulus = decode(jwks["keys"][0]["n"].as_str().unwrap()).unwrap();
    let message = format!(
        "{}.{}",
        encode(json!({"alg": "HS256", "kid": "rsa"}).to_string()),
        encode(claims().to_string())
    );
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &modulus);
    let tag = ring::hmac::sign(&secret, message.as_bytes());
    let forged = format!("{message}.{}", encode(tag));
    assert_eq!(verify(&forged, &keys, &EXPECTED), Err(unsupported));

    let mismatch = IdTokenError::Invalid("is signed with an algorithm that does not fit its key");
    for (alg, kid) in [
        ("ES256", "rsa"),
        ("RS256", "ec"),
        ("EdDSA", "rsa"),
        ("RS256", "ed"),
    ] {
        let token = signers.token(alg, &json!({"alg": alg, "kid": kid}), &claims());
        assert_eq!(
            verify(&token, &keys, &EXPECTED),
            Err(mismatch),
            "{alg} {kid}"
        );
    }
    let crit = json!({"alg": "ES256", "kid": "ec", "crit": ["exp"]});
    let token = signers.token("ES256", &crit, &claims());
    assert!(verify(&token, &keys, &EXPECTED).is_err());
}

#[test]
fn keys_that_cannot_verify_are_left_out() {
    let signers = Signers::new();
    let token = signers.token("RS256", &json!({"alg": "RS256", "kid": "rsa"}), &claims());
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("kty", json!("EC")),
        ("n", json!("!")),
    ] {
        let mut jwks = signers.jwks();
        jwks["keys"][0][name] = value;
        let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
        assert_eq!(
            verify(&token, &keys, &EXPECTED),
            Err(IdTokenError::UnknownKey),
            "{name}"
        );
    }
    let mut jwks = signers.jwks();
    jwks["keys"][0]["alg"] = json!("PS256");
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    assert!(matches!(
        verify(&token, &keys, &EXPECTED),
        Err(IdTokenError::Invalid(_))
    ));
    // A leading zero, as some providers have it.
    let mut jwks = signers.jwks();
    let modulus = decode(jwks["keys"][0]["n"].as_str().unwrap()).unwrap();
    jwks["keys"][0]["n"] = json!(encode([&[0][..], &modulus].concat()));
    let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
    assert!(verify(&token, &keys, &EXPECTED).is_ok());
    // A point of another curve's size.
    for coordinate in ["x", "y"] {
        let mut jwks = signers.jwks();
        let keys = jwks["keys"].as_array_mut().unwrap();
        keys.retain(|key| key["kty"] == "EC");
        keys[0][coordinate] = json!(encode([1; 31]));
        let keys = KeySet::parse(jwks.to_string().as_bytes()).unwrap();
        assert_eq!(es256_with(&signers, &keys), Err(IdTokenError::UnknownKey));
    }
    for bad in ["", "{}", "[]", "[[]]", "{\"keys\":1}", "<html>"] {
        assert!(KeySet::parse(bad.as_bytes()).is_none(), "{bad}");
    }
    let set = signers.jwks().to_string();
    let largest = set.clone() + &" ".repeat(MAX_DOCUMENT - set.len());
    assert!(KeySet::parse(largest.as_bytes()).is_some());
    assert!(KeySet::parse((largest + " ").as_bytes()).is_none());
}

#[test]
fn number_of_keys_is_limited() {
    let signers = Signers::new();
    let after = |others: usize| {
        let mut keys = vec![json!({"kty": "oct"}); others];
        keys.push(signers.jwks()["keys"][1].clone());
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    };
    assert!(es256_with(&signers, &after(MAX_KEYS - 1)).is_ok());
    assert_eq!(
        es256_with(&signers, &after(MAX_KEYS)),
        Err(IdTokenError::UnknownKey)
    );
}

#[test]
fn id_token_errors_name_the_problem_and_the_clock() {
    let clock = "check this machine's clock, then log in again: `llamactl auth login`";
    let trust = "this login cannot be trusted; tell the control plane's administrator";
    for (error, problem, hint) in [
        (
            IdTokenError::UnknownKey,
            "is signed with a key that the provider does not publish",
            trust,
        ),
        (IdTokenError::Expired, "has expired", clock),
        (
            IdTokenError::NotYetValid(90),
            "is from the future: it is valid only in 90 s",
            clock,
        ),
        (IdTokenError::Invalid("is odd"), "is odd", trust),
    ] {
        assert_eq!(
            Error::from(error).to_string(),
            format!("error: the identity provider's ID token {problem}\nhint: {hint}")
        );
    }
}

#[test]
fn issuer_audience_times_and_subject_are_validated() {
    let signers = Signers::new();
    let issuer = IdTokenError::Invalid("was issued by another issuer");
    let audience = IdTokenError::Invalid("was issued for another client");
    let future = IdTokenError::NotYetValid;
    let no_date = IdTokenError::Invalid("has an invalid date (nbf or iat)");
    let no_expiry = IdTokenError::Invalid("has no expiry");
    let no_subject = IdTokenError::Invalid("has no valid subject");
    for (name, value, error) in [
        ("iss", json!("https://id.example/"), Some(issuer)),
        ("iss", json!(["https://id.example"]), Some(issuer)),
        ("iss", Value::Null, Some(issuer)),
        ("aud", json!("other"), Some(audience)),
        ("aud", json!(["llamactl"]), None),
        // Several audiences without an authorized party (Core §3.1.3.7, step 4).
        ("aud", json!(["other", "llamactl"]), Some(audience)),
        ("aud", json!([]), Some(audience)),
        ("aud", json!({"llamactl": 1}), Some(audience)),
        ("aud", Value::Null, Some(audience)),
        ("azp", json!("llamactl"), None),
        ("azp", json!("other"), Some(audience)),
        ("azp", json!(7), Some(audience)),
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(IdTokenError::Expired)),
        ("exp", json!(0), Some(IdTokenError::Expired)),
        ("exp", json!(-1.5), Some(IdTokenError::Expired)),
        ("exp", json!(1.9e9), None),
        ("exp", json!("2099"), Some(no_expiry)),
        ("exp", Value::Null, Some(no_expiry)),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some(future(61))),
        ("iat", json!(NOW + 3600), Some(future(3600))),
        ("iat", json!("now"), Some(no_date)),
        ("iat", Value::Null, None),
        ("sub", json!(""), Some(no_subject)),
        ("sub", json!("a\u{1b}[31m"), Some(no_subject)),
        ("sub", Value::Null, Some(no_subject)),
        ("email", Value::Null, None),
        ("email", json!(7), None),
    ] {
        let found = es256(&signers, &with_claim(name, value.clone()));
        assert_eq!(found.err(), error, "{name}: {value}");
    }
    let mut several = with_claim("aud", json!(["other", "llamactl"]));
    several["azp"] = json!("llamactl");
    assert!(es256(&signers, &several).is_ok());
}

proptest::proptest! {
    #[test]
    fn any_token_is_verified_without_panic(token in "[A-Za-z0-9_.=-]{0,80}|\\PC{0,40}") {
        let keys = Signers::new().keys();
        let _ = verify(&token, &keys, &EXPECTED);
    }

    #[test]
    fn any_unsigned_header_and_claims_are_rejected(header in "\\{\"alg\":\"(RS256|ES256|EdDSA)\",\"kid\":\"?[a-z0-9]{0,4}\"?\\}", signature in "[A-Za-z0-9_-]{0,90}", claims in "\\PC{0,40}") {
        let keys = Signers::new().keys();
        let token = format!("{}.{}.{signature}", encode(header), encode(claims));
        proptest::prop_assert!(verify(&token, &keys, &EXPECTED).is_err());
    }

    #[test]
    fn any_key_set_is_parsed_without_panic(body in "\\{\"keys\":\\[\\{(\"(kty|crv|n|e|x|y|alg|kid|use)\":(\"(RSA|EC|OKP|P-256|Ed25519|AQAB|[A-Za-z0-9_-]{0,50})\"|1|null),?){0,6}\\}\\]\\}|\\PC{0,60}") {
        if let Some(keys) = KeySet::parse(body.as_bytes()) {
            let _ = verify("eyJhbGciOiJSUzI1NiJ9.e30.AAAA", &keys, &EXPECTED);
        }
    }

    #[test]
    fn any_claims_are_validated_without_panic(name in "iss|aud|azp|exp|nbf|iat|sub|email", value in "-?[0-9]{1,20}|\"\\PC{0,9}\"|null|true|\\[[0-9]?\\]|1e308|\\{\\}") {
        if let Ok(value) = serde_json::from_str::<Value>(&value) {
            let mut all = claims();
            all[name.as_str()] = value;
            if let Value::Object(all) = all {
                let _ = validate_claims(all, &EXPECTED);
            }
        }
    }
}
