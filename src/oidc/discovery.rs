//! Where to log in: the control plane names the provider, the provider's metadata names its endpoints (OpenID Connect
//! Discovery 1.0, RFC 8414).
//!
//! An address is only believed over https, or on this machine.

use serde::Deserialize;

use super::{OAuthError, unusable};
use crate::api::auth::OidcDiscovery;
use crate::api::client::Api;
use crate::error::{Error, Result};
use crate::http::{Body, Http, Method, Request};
use crate::sanitize::sanitize;
use crate::term::browser::is_web_address;
use crate::url::{ApiUrl, host_of, is_loopback};
use crate::validate;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// The longest metadata or key set that is read, in bytes.
pub(super) const LONGEST: usize = 1024 * 1024;

/// The client that this program is at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where the provider's metadata is.
    pub discovery_url: String,
    /// The client's id.
    pub id: String,
}

/// A provider's metadata, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name, which its id tokens bear.
    pub issuer: String,
    /// Hands out codes for people (RFC 8628 §3.1); none: it does not do that.
    pub device_authorization_endpoint: Option<String>,
    /// Hands out tokens.
    pub token_endpoint: String,
    /// Its public keys (RFC 7517).
    pub jwks_uri: String,
    /// Takes tokens back (RFC 7009).
    pub revocation_endpoint: Option<String>,
}

/// Asks the control plane who does its logins.
///
/// # Errors
/// Failed, where it has no browser login; what the request ends with.
pub fn client(http: &mut Http, base: &ApiUrl) -> Result<Client> {
    let said = Api::without_key(http, base).oidc_discovery()?;
    Client::named(base, said)
}

impl Client {
    /// The one that a control plane's answer names.
    ///
    /// # Errors
    /// Failed, where it names none; `NoAnswer`, where the provider's address can't be trusted.
    pub fn named(base: &ApiUrl, said: OidcDiscovery) -> Result<Client> {
        let ids = said.client_ids.unwrap_or_default();
        let id = match (ids.get("cli"), ids.len()) {
            (Some(id), _) => Some(id),
            (None, 1) => ids.values().next(),
            (None, _) => None,
        };
        let id = id.and_then(|id| serde_json::from_str::<String>(id.get()).ok());
        let id = id.and_then(|id| validate::id(&id).ok());
        match id {
            Some(id) if is_secure(&said.discovery_url) => Ok(Client {
                discovery_url: said.discovery_url,
                id,
            }),
            Some(_) => Err(Error::no_answer(format!(
                "{base} names a login provider whose address is not https"
            ))
            .hint("tell the people who run it, or sign in with an API key: `llamactl auth token`")),
            None => Err(Error::failed(format!(
                "{base} does not say which client this program is at its login provider"
            ))
            .hint("sign in with an API key: `llamactl auth token`")),
        }
    }
}

impl Provider {
    /// Reads the metadata at an address.
    ///
    /// # Errors
    /// What the request ends with; `NoAnswer`, where the answer is no provider's.
    pub fn read(http: &mut Http, discovery_url: &str) -> Result<Provider> {
        let wrong = |what: &str| {
            Error::no_answer(format!(
                "the login provider's metadata can't be used: {what}"
            ))
            .hint("tell the people who run it, or sign in with an API key: `llamactl auth token`")
        };
        if !is_secure(discovery_url) {
            return Err(wrong("its address is not https"));
        }
        let response = http
            .send(&Request {
                method: Method::Get,
                url: discovery_url.to_string(),
                bearer: None,
                body: Body::Empty,
            })
            .map_err(|failure| failure.error)?;
        if response.status != 200 || OAuthError::parse(&response.body).is_some() {
            return Err(unusable("the question for its metadata", &response));
        }
        if !is_secure(&response.url) {
            return Err(wrong("it is not sent over https"));
        }
        Provider::parse(discovery_url, &response.body).map_err(|what| wrong(&what))
    }

    /// Checks metadata that was found at an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(discovery_url: &str, body: &[u8]) -> std::result::Result<Provider, String> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            device_authorization_endpoint: Option<String>,
            token_endpoint: String,
            jwks_uri: String,
            revocation_endpoint: Option<String>,
        }
        if body.len() > LONGEST {
            return Err("it is too large".to_string());
        }
        let found: Metadata = serde_json::from_slice(body)
            .map_err(|_| "it is no JSON object with all that a provider says".to_string())?;
        // Discovery §4.3: the issuer is what the metadata's own address says it is.
        let named = discovery_url.strip_suffix(WELL_KNOWN);
        if named
            .is_none_or(|named| named.trim_end_matches('/') != found.issuer.trim_end_matches('/'))
        {
            return Err(format!(
                "it is of another issuer, {}",
                sanitize(&found.issuer)
                    .chars()
                    .take(200)
                    .collect::<String>()
            ));
        }
        for (name, url) in [
            ("issuer", Some(&found.issuer)),
            ("token_endpoint", Some(&found.token_endpoint)),
            ("jwks_uri", Some(&found.jwks_uri)),
            (
                "device_authorization_endpoint",
                found.device_authorization_endpoint.as_ref(),
            ),
            ("revocation_endpoint", found.revocation_endpoint.as_ref()),
        ] {
            if url.is_some_and(|url| !is_secure(url)) {
                return Err(format!("its {name} is no https address"));
            }
        }
        Ok(Provider {
            issuer: found.issuer,
            device_authorization_endpoint: found.device_authorization_endpoint,
            token_endpoint: found.token_endpoint,
            jwks_uri: found.jwks_uri,
            revocation_endpoint: found.revocation_endpoint,
        })
    }
}

/// Whether nobody on the way can change what an address says.
fn is_secure(url: &str) -> bool {
    let is_https = url
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    is_web_address(url) && (is_https || is_loopback(host_of(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://id.example/.well-known/openid-configuration";

    fn metadata(changed: &str, to: &str) -> String {
        let text = r#"{"issuer":"https://id.example","device_authorization_endpoint":"https://id.example/device",
            "token_endpoint":"https://id.example/token","jwks_uri":"https://keys.example/jwks","more":[1]}"#;
        assert!(text.contains(changed));
        text.replace(changed, to)
    }

    #[test]
    fn metadata_is_checked() {
        let whole = Provider::parse(URL, metadata("more", "x").as_bytes()).unwrap();
        assert_eq!(whole.issuer, "https://id.example");
        assert_eq!(whole.revocation_endpoint, None);
        for (changed, to) in [
            (r#""https://id.example","#, r#""https://other.example","#),
            (r#""https://id.example","#, r#""https://id.example/x","#),
            ("https://id.example/token", "http://id.example/token"),
            ("https://id.example/token", "file:///token"),
            ("https://keys.example/jwks", "http://keys.example/jwks"),
            ("https://id.example/device", "javascript:x"),
            ("token_endpoint", "tokens"),
            ("jwks_uri", "jwks"),
        ] {
            let text = metadata(changed, to);
            assert!(Provider::parse(URL, text.as_bytes()).is_err(), "{text}");
        }
        let blanks = " ".repeat(LONGEST - metadata("more", "more").len());
        let largest = metadata("more", "more") + &blanks;
        assert!(LONGEST > 100_000 && Provider::parse(URL, largest.as_bytes()).is_ok());
        assert_eq!(
            Provider::parse(URL, (largest + " ").as_bytes()),
            Err("it is too large".to_string())
        );
        let slash = metadata(r#""https://id.example","#, r#""https://id.example/","#);
        assert!(Provider::parse(URL, slash.as_bytes()).is_ok());
        let local = metadata("https://id.example", "http://127.0.0.1:1");
        let local_url = "http://127.0.0.1:1/.well-known/openid-configuration";
        assert!(Provider::parse(local_url, local.as_bytes()).is_ok());
        assert!(Provider::parse("https://id.example/", metadata("more", "x").as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_metadata_panics(body in "\\PC{0,80}|\\{\"issuer\":\"\\PC{0,20}\",\"token_endpoint\":\"\\PC{0,9}\",\"jwks_uri\":\"https?://\\PC{0,9}\"\\}") {
            let _ = Provider::parse(URL, body.as_bytes());
        }
    }
}
