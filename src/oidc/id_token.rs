//! Id tokens: who logged in, on the provider's word (OpenID Connect Core §2 and §3.1.3.7, RFC 7515, RFC 7517, RFC 7518).
//!
//! The signature is checked before anything else of the content is believed. Which algorithm is right follows from the
//! provider's key, never from the token alone; `none` and the symmetric ones are not spoken at all.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::discovery::{LONGEST, Provider};
use super::unusable;
use crate::error::{Error, Result};
use crate::http::{Body, Http, Method, Request};
use crate::sanitize::sanitize;

/// How far two clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// The longest token, in bytes.
const LONGEST_TOKEN: usize = 64 * 1024;
/// How many keys of a provider are looked at.
const MOST_KEYS: usize = 100;

/// The provider's public keys (a JWK set).
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it may be used with.
    alg: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Who a token was made for, by whom, and when it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The provider's name.
    pub issuer: &'a str,
    /// Our client id there.
    pub client_id: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// What the token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The user at the provider (`sub`).
    pub subject: String,
    /// The user's address.
    pub email: Option<String>,
    /// What the user likes to be called.
    pub preferred_username: Option<String>,
    /// All of it.
    pub all: Map<String, Value>,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenError {
    /// No key that is known signed it; newer keys may.
    UnknownKey,
    /// It was good once.
    Expired,
    /// Anything else, as the end of a sentence.
    Other(&'static str),
}

impl IdTokenError {
    /// As the end of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            IdTokenError::UnknownKey => "is signed with a key that the provider does not have",
            IdTokenError::Expired => "has expired",
            IdTokenError::Other(words) => words,
        }
    }
}

impl Keys {
    /// Fetches a provider's keys.
    ///
    /// # Errors
    /// What the request ends with.
    pub fn fetch(http: &mut Http, provider: &Provider) -> Result<Keys> {
        let response = http
            .send(&Request {
                method: Method::Get,
                url: provider.jwks_uri.clone(),
                bearer: None,
                body: Body::Empty,
            })
            .map_err(|failure| failure.error)?;
        match Keys::parse(&response.body) {
            Some(keys) if response.status == 200 => Ok(keys),
            _ => Err(unusable("the question for its keys", &response)),
        }
    }

    /// Reads a JWK set; keys of other kinds are left out. None where it is none.
    pub fn parse(body: &[u8]) -> Option<Keys> {
        #[derive(Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        // serde takes a list for an object, too.
        if body.len() > LONGEST || !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let set: Set = serde_json::from_slice(body).ok()?;
        let keys = set.keys.iter().take(MOST_KEYS);
        Some(Keys(keys.filter_map(|jwk| key(jwk.get())).collect()))
    }
}

/// A key that signs (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2); none where it is of no use here.
fn key(jwk: &str) -> Option<Key> {
    // What a field of no use here holds is no matter.
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
            n: number(&bytes("n")?),
            e: number(&bytes("e")?),
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

/// ring wants numbers without leading zeros; RFC 7518 §2 does, too, but not everybody keeps to it.
fn number(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|b| *b == 0).collect()
}

impl Key {
    /// Whether the key may be used with that algorithm.
    fn fits(&self, alg: &str) -> bool {
        let of_kind = matches!(
            (&self.material, alg),
            (Material::Rsa { .. }, "RS256" | "PS256")
                | (Material::P256(_), "ES256")
                | (Material::Ed25519(_), "EdDSA" | "Ed25519")
        );
        of_kind && self.alg.as_deref().is_none_or(|only| only == alg)
    }

    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let checked = match &self.material {
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
        checked.is_ok()
    }
}

/// Checks a token against the provider's keys, which are fetched once more where they do not know it.
///
/// # Errors
/// What fetching the keys ends with.
pub fn check(
    http: &mut Http,
    provider: &Provider,
    keys: &mut Option<Keys>,
    token: &str,
    expected: &Expected,
) -> Result<std::result::Result<Claims, IdTokenError>> {
    if let Some(known) = keys {
        let verified = verify(token, known, expected);
        if verified != Err(IdTokenError::UnknownKey) {
            return Ok(verified);
        }
    }
    let newest = keys.insert(Keys::fetch(http, provider)?);
    Ok(verify(token, newest, expected))
}

/// That a token is not believed.
pub fn disbelieved(flaw: IdTokenError) -> Error {
    let error = Error::failed(format!("the login provider's id token {}", flaw.words()));
    error.hint(match flaw {
        IdTokenError::Expired | IdTokenError::Other("is from the future") => {
            "is the clock of this machine right? start again with `llamactl auth login`"
        }
        _ => "this login can't be trusted; tell the people who run the server",
    })
}

/// Checks a token: signature, issuer, audience, times.
///
/// # Errors
/// The first flaw that is found.
pub fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected,
) -> std::result::Result<Claims, IdTokenError> {
    const GARBLED: IdTokenError = IdTokenError::Other("has not the form of one");
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: Option<String>,
        crit: Option<Value>,
    }
    if token.len() > LONGEST_TOKEN {
        return Err(IdTokenError::Other("is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(GARBLED)?;
    let (header, claims) = message.split_once('.').ok_or(GARBLED)?;
    let header = decode(header).ok_or(GARBLED)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| GARBLED)?;
    if header.crit.is_some() {
        return Err(IdTokenError::Other(
            "demands an extension that is not known",
        ));
    }
    if !matches!(
        header.alg.as_str(),
        "RS256" | "PS256" | "ES256" | "EdDSA" | "Ed25519"
    ) {
        return Err(IdTokenError::Other(
            "is not signed in a way that can be trusted",
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
    let mut fitting = named.iter().filter(|key| key.fits(&header.alg)).peekable();
    if fitting.peek().is_none() {
        return Err(IdTokenError::Other(
            "is signed in another way than its key is for",
        ));
    }
    let signature = decode(signature).ok_or(GARBLED)?;
    if !fitting.any(|key| key.verifies(&header.alg, message.as_bytes(), &signature)) {
        // Without a name in it, a newer key may be the right one.
        return Err(match header.kid {
            Some(_) => IdTokenError::Other("has a signature that does not hold"),
            None => IdTokenError::UnknownKey,
        });
    }
    let claims = decode(claims).ok_or(GARBLED)?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).map_err(|_| GARBLED)?;
    believe(claims, expected)
}

/// OpenID Connect Core §3.1.3.7, from step 2 on.
fn believe(
    claims: Map<String, Value>,
    expected: &Expected,
) -> std::result::Result<Claims, IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(IdTokenError::Other("is of another issuer"));
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let authorized = claims.get("azp");
    let is_for_us = audience.contains(&expected.client_id)
        && match authorized {
            None => audience.len() == 1,
            Some(party) => party == expected.client_id,
        };
    if !is_for_us {
        return Err(IdTokenError::Other("is for another program"));
    }
    #[allow(clippy::cast_precision_loss)]
    let now = expected.now as f64;
    let time = |name: &str| claims.get(name).map(Value::as_f64);
    match time("exp") {
        Some(Some(end)) if now < end + LEEWAY => {}
        Some(Some(_)) => return Err(IdTokenError::Expired),
        _ => return Err(IdTokenError::Other("does not say when it ends")),
    }
    for name in ["nbf", "iat"] {
        match time(name) {
            None => {}
            Some(Some(begin)) if begin <= now + LEEWAY => {}
            Some(_) => return Err(IdTokenError::Other("is from the future")),
        }
    }
    let subject =
        text("sub").filter(|sub| !sub.is_empty() && sub.len() <= 255 && sanitize(sub) == *sub);
    let Some(subject) = subject.map(str::to_string) else {
        return Err(IdTokenError::Other("does not say whose it is"));
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
