//! An OpenID provider in memory: device flow, signed ID tokens, refresh tokens that are rotated and valid for one use,
//! revocation. A test scripts how the user and the network behave.
//!
//! Its access tokens are called `access-1`, `access-2` and so on, its refresh tokens `refresh-1`, …

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::reply::{Gate, Reply};
use super::server::{Request, Server};

/// The client id that it knows.
pub const CLIENT: &str = "llamactl-cli";

/// How the provider and the user behave.
pub struct Script {
    /// Responses to the first polls; then come tokens.
    pub polls: VecDeque<Reply>,
    /// Replaces fields of the metadata; null leaves one out.
    pub metadata: Value,
    /// Replaces fields of the device authorization response; null leaves one out.
    pub device: Value,
    /// Sent in place of the device authorization response.
    pub authorization: Option<Reply>,
    /// Replaces claims of ID tokens; null leaves one out.
    pub claims: Value,
    /// Lifetime of access tokens in seconds.
    pub lifetime: u64,
    /// Whether ID tokens are signed with a key that it does not publish.
    pub forge: bool,
    /// Sent in place of refreshed tokens; changes nothing.
    pub refresh: Option<Reply>,
    /// Holds back the response to a refresh.
    pub gate: Option<Gate>,
    /// Whether it has a revocation endpoint.
    pub revocation: bool,
    /// Refresh tokens that were revoked.
    pub revoked: Vec<String>,
    /// When it was polled.
    pub polled: Vec<Instant>,
    /// How many refreshes succeeded.
    pub refreshes: usize,
    current: usize,
}

impl Script {
    /// The current refresh token.
    pub fn refresh_token(&self) -> String {
        format!("refresh-{}", self.current)
    }
}

struct Keys {
    published: EcdsaKeyPair,
    secret: EcdsaKeyPair,
}

/// A running provider.
pub struct Provider {
    server: Server,
    script: Arc<Mutex<Script>>,
}

impl Provider {
    pub fn start() -> Provider {
        let (script, answer) = Provider::unserved();
        let server = Server::start(answer);
        Provider { server, script }
    }

    /// The script and the responses, for a server that is more than a provider.
    pub fn unserved() -> (
        Arc<Mutex<Script>>,
        impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) {
        let script = Arc::new(Mutex::new(Script {
            polls: VecDeque::new(),
            metadata: json!({}),
            device: json!({}),
            authorization: None,
            claims: json!({}),
            lifetime: 3600,
            forge: false,
            refresh: None,
            gate: None,
            revocation: true,
            revoked: Vec::new(),
            polled: Vec::new(),
            refreshes: 0,
            current: 0,
        }));
        let keys = Keys {
            published: key(),
            secret: key(),
        };
        let playing = script.clone();
        let answer = move |request: &Request| answer(&mut lock(&playing), &keys, request);
        (script, answer)
    }

    /// The script and the record. Drop the guard before the next request.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url())
    }
}

/// An error of a token endpoint.
pub fn refusal(code: &str) -> Reply {
    Reply::json(400, json!({"error": code}).to_string())
}

fn answer(script: &mut Script, keys: &Keys, request: &Request) -> Reply {
    let issuer = format!("http://{}", request.header("host").unwrap_or_default());
    let form = request.form();
    let field = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => {
            let mut metadata = json!({
                "issuer": issuer,
                "device_authorization_endpoint": format!("{issuer}/device/auth"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
            });
            if script.revocation {
                metadata["revocation_endpoint"] = json!(format!("{issuer}/revoke"));
            }
            ok(&changed(metadata, &script.metadata))
        }
        ("GET", "/jwks") => {
            let point = keys.published.public_key().as_ref();
            let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
            ok(&json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "x": x, "y": y}]}))
        }
        ("POST", "/device/auth") if field("client_id") == CLIENT => {
            if let Some(reply) = &script.authorization {
                return reply.clone();
            }
            let usual = json!({
                "device_code": "device-code",
                "user_code": "WDJB-MJHT",
                "verification_uri": format!("{issuer}/device"),
                "verification_uri_complete": format!("{issuer}/device?user_code=WDJB-MJHT"),
                "expires_in": 600,
                "interval": 1,
            });
            ok(&changed(usual, &script.device))
        }
        ("POST", "/token") => match field("grant_type") {
            "refresh_token" => refresh(script, keys, &issuer, field("refresh_token")),
            _ if field("device_code") == "device-code" => {
                script.polled.push(request.at);
                match script.polls.pop_front() {
                    Some(reply) => reply,
                    None => tokens(script, keys, &issuer),
                }
            }
            _ => refusal("invalid_grant"),
        },
        ("POST", "/revoke") => {
            script.revoked.push(field("token").to_string());
            Reply::status(200)
        }
        _ => Reply::status(404),
    }
}

fn refresh(script: &mut Script, keys: &Keys, issuer: &str, token: &str) -> Reply {
    if let Some(reply) = &script.refresh {
        return reply.clone();
    }
    if token != script.refresh_token() {
        // An old token again: it may be stolen, so the login is ended.
        script.current += 1000;
        return refusal("invalid_grant");
    }
    script.refreshes += 1;
    let reply = tokens(script, keys, issuer);
    match &script.gate {
        Some(gate) => reply.hold(gate),
        None => reply,
    }
}

fn tokens(script: &mut Script, keys: &Keys, issuer: &str) -> Reply {
    script.current += 1;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock").as_secs();
    let usual = json!({
        "iss": issuer,
        "aud": CLIENT,
        "sub": "ada",
        "email": "ada@acme.example",
        "iat": now,
        "exp": now + 3600,
    });
    let claims = changed(usual, &script.claims);
    let header = json!({"alg": "ES256", "kid": "one"});
    let message = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let key = if script.forge {
        &keys.secret
    } else {
        &keys.published
    };
    let signature = key.sign(&SystemRandom::new(), message.as_bytes());
    ok(&json!({
        "access_token": format!("access-{}", script.current),
        "token_type": "Bearer",
        "expires_in": script.lifetime,
        "refresh_token": script.refresh_token(),
        "id_token": format!("{message}.{}", encode(signature.expect("a signature").as_ref())),
    }))
}

fn changed(mut usual: Value, changes: &Value) -> Value {
    if let (Some(usual), Some(changes)) = (usual.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            match value {
                Value::Null => usual.remove(name),
                value => usual.insert(name.clone(), value.clone()),
            };
        }
    }
    usual
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let pkcs8 = pkcs8.expect("a key pair");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("the same key pair")
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body.to_string())
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
