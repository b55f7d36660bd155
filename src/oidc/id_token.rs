//! ID tokens: verify the signature and the claims (OpenID Connect Core §2 and §3.1.3.7, RFC 7515, RFC 7517, RFC 7518).
//!
//! The signature is verified before any claim is used. The algorithm must fit the provider's key, not only the token's
//! header. `none` and symmetric algorithms are not supported.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ProviderError;
use super::discovery::{MAX_DOCUMENT, Provider};
use super::token::get;
use crate::error::Error;
use crate::http::Http;
use crate::sanitize::sanitize;

/// How much the provider's clock and ours may differ, in seconds.
const LEEWAY: f64 = 60.0;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
/// How many keys of a provider are considered.
const MAX_KEYS: usize = 100;

/// The provider's public keys (JWK set, RFC 7517 §5).
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that the key may be used with, if the provider restricts it.
    alg: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// What an ID token must have been issued for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The user's identifier at the provider (`sub`).
    pub subject: String,
    pub email: Option<String>,
    pub preferred_username: Option<String>,
    pub all: Map<String, Value>,
}

/// Why an ID token was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenError {
    /// Signed with a key that is not in the key set. The provider may have a new one.
    UnknownKey,
    Expired,
    /// Dated in the future, by so many seconds.
    NotYetValid(u64),
    /// Anything else, as the end of a sentence.
    Invalid(&'static str),
}

impl fmt::Display for IdTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdTokenError::UnknownKey => {
                f.write_str("is signed with a key that the provider does not publish")
            }
            IdTokenError::Expired => f.write_str("has expired"),
            IdTokenError::NotYetValid(seconds) => {
                write!(f, "is from the future: it is valid only in {seconds} s")
            }
            IdTokenError::Invalid(problem) => f.write_str(problem),
        }
    }
}

impl From<IdTokenError> for Error {
    fn from(error: IdTokenError) -> Error {
        Error::failed(format!("the identity provider's ID token {error}")).hint(match error {
            IdTokenError::Expired | IdTokenError::NotYetValid(_) => {
                "check this machine's clock, then log in again: `llamactl auth login`"
            }
            _ => "this login cannot be trusted; tell the control plane's administrator",
        })
    }
}

impl KeySet {
    pub fn fetch(http: &mut Http, provider: &Provider) -> Result<KeySet, ProviderError> {
        let response = get(http, &provider.jwks_uri, &provider.policy)?;
        let problem = match KeySet::parse(&response.body) {
            Some(_) if provider.policy.check(&response.url).is_err() => {
                "it was redirected to a URL that must not be used"
            }
            Some(keys) if response.status == 200 => return Ok(keys),
            _ => "it is not a JWK set",
        };
        Err(provider.error("key set request", &response, Some(problem)))
    }

    /// Parses a JWK set. Keys that cannot verify an ID token are left out.
    pub fn parse(body: &[u8]) -> Option<KeySet> {
        #[derive(Deserialize)]
        struct JwkSet<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        // serde would also accept an array for a struct.
        if body.len() > MAX_DOCUMENT || !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let set: JwkSet = serde_json::from_slice(body).ok()?;
        let keys = set.keys.iter().take(MAX_KEYS);
        Some(KeySet(
            keys.filter_map(|jwk| parse_key(jwk.get())).collect(),
        ))
    }
}

/// Parses a key for signatures (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
fn parse_key(jwk: &str) -> Option<Key> {
    // Members that are not used here may have any type.
    let jwk: BTreeMap<String, &RawValue> = serde_json::from_str(jwk).ok()?;
    let text = |name: &str| serde_json::from_str::<String>(jwk.get(name)?.get()).ok();
    let bytes = |name: &str| decode(&text(name)?);
    if text("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    let operations = jwk.get("key_ops");
    let operations = operations.and_then(|all| serde_json::from_str::<Vec<String>>(all.get()).ok());
    if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
        return None;
    }
    let material = match (text("kty")?.as_str(), text("crv").as_deref()) {
        ("RSA", _) => Material::Rsa {
            n: strip_leading_zeros(&bytes("n")?),
            e: strip_leading_zeros(&bytes("e")?),
        },
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            // SEC 1 §2.3.3: an uncompressed point.
            Material::P256([&[4][..], &x, &y].concat())
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
        _ => return None,
    };
    Some(Key {
        id: text("kid"),
        alg: text("alg"),
        material,
    })
}

/// RFC 7518 §2 forbids leading zeros and ring rejects them, but some providers send them.
fn strip_leading_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|b| *b == 0).collect()
}

impl Key {
    /// Whether the key may be used with an algorithm.
    fn supports(&self, alg: &str) -> bool {
        let is_of_type = matches!(
            (&self.material, alg),
            (Material::Rsa { .. }, "RS256" | "PS256")
                | (Material::P256(_), "ES256")
                | (Material::Ed25519(_), "EdDSA")
        );
        is_of_type && self.alg.as_deref().is_none_or(|only| only == alg)
    }

    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                let parameters = match alg {
                    "PS256" => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

/// Verifies an ID token. If no key of `known_keys` fits, the provider's keys are fetched once.
pub fn verify_with_current_keys(
    http: &mut Http,
    provider: &Provider,
    known_keys: Option<&KeySet>,
    token: &str,
    expected: &Expected,
) -> Result<Result<Claims, IdTokenError>, ProviderError> {
    if let Some(keys) = known_keys {
        let verified = verify(token, keys, expected);
        if verified != Err(IdTokenError::UnknownKey) {
            return Ok(verified);
        }
    }
    let keys = KeySet::fetch(http, provider)?;
    Ok(verify(token, &keys, expected))
}

/// Verifies an ID token's signature, issuer, audience and times.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected) -> Result<Claims, IdTokenError> {
    const MALFORMED: IdTokenError = IdTokenError::Invalid("is malformed");
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: Option<String>,
        crit: Option<Value>,
    }
    if token.len() > MAX_TOKEN {
        return Err(IdTokenError::Invalid("is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, claims) = message.split_once('.').ok_or(MALFORMED)?;
    let header = decode(header).ok_or(MALFORMED)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| MALFORMED)?;
    if header.crit.is_some() {
        return Err(IdTokenError::Invalid(
            "requires an unsupported extension (crit)",
        ));
    }
    if !matches!(header.alg.as_str(), "RS256" | "PS256" | "ES256" | "EdDSA") {
        return Err(IdTokenError::Invalid(
            "is signed with an unsupported algorithm",
        ));
    }
    let named: Vec<&Key> = keys
        .0
        .iter()
        .filter(|key| header.kid.is_none() || key.id == header.kid)
        .collect();
    if named.is_empty() {
        return Err(IdTokenError::UnknownKey);
    }
    let mut candidates = named
        .iter()
        .filter(|key| key.supports(&header.alg))
        .peekable();
    if candidates.peek().is_none() {
        return Err(IdTokenError::Invalid(
            "is signed with an algorithm that does not fit its key",
        ));
    }
    let signature = decode(signature).ok_or(MALFORMED)?;
    if !candidates.any(|key| key.verifies(&header.alg, message.as_bytes(), &signature)) {
        // A token without a key ID may be signed with a new key.
        return Err(match header.kid {
            Some(_) => IdTokenError::Invalid("has an invalid signature"),
            None => IdTokenError::UnknownKey,
        });
    }
    let claims = decode(claims).ok_or(MALFORMED)?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).map_err(|_| MALFORMED)?;
    validate_claims(claims, expected)
}

/// OpenID Connect Core §3.1.3.7, from step 2 on.
fn validate_claims(
    claims: Map<String, Value>,
    expected: &Expected,
) -> Result<Claims, IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(IdTokenError::Invalid("was issued by another issuer"));
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_for_us = audience.contains(&expected.client_id)
        && match claims.get("azp") {
            None => audience.len() == 1,
            Some(authorized_party) => authorized_party == expected.client_id,
        };
    if !is_for_us {
        return Err(IdTokenError::Invalid("was issued for another client"));
    }
    #[allow(clippy::cast_precision_loss)]
    let now = expected.now as f64;
    let time = |name: &str| claims.get(name).map(Value::as_f64);
    match time("exp") {
        Some(Some(expiry)) if now < expiry + LEEWAY => {}
        Some(Some(_)) => return Err(IdTokenError::Expired),
        _ => return Err(IdTokenError::Invalid("has no expiry")),
    }
    for name in ["nbf", "iat"] {
        match time(name) {
            None => {}
            Some(Some(start)) if start <= now + LEEWAY => {}
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(Some(start)) => return Err(IdTokenError::NotYetValid((start - now) as u64)),
            Some(None) => return Err(IdTokenError::Invalid("has an invalid date (nbf or iat)")),
        }
    }
    let subject =
        text("sub").filter(|sub| !sub.is_empty() && sub.len() <= 255 && sanitize(sub) == *sub);
    let Some(subject) = subject.map(str::to_string) else {
        return Err(IdTokenError::Invalid("has no valid subject"));
    };
    let email = text("email").map(str::to_string);
    let preferred_username = text("preferred_username").map(str::to_string);
    Ok(Claims {
        subject,
        email,
        preferred_username,
        all: claims,
    })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
