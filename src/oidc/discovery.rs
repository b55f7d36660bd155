//! The identity provider's metadata (OpenID Connect Discovery 1.0, RFC 8414).

use serde::Deserialize;

use super::ProviderError;
use super::error::sanitize_line;
use super::token::get;
use crate::http::{Http, Response};
use crate::url::{UrlPolicy, origin};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// The largest metadata document or key set that is parsed, in bytes.
pub(super) const MAX_DOCUMENT: usize = 1024 * 1024;

/// A provider's metadata, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    pub issuer: String,
    /// RFC 8628 §3.1.
    pub device_authorization_endpoint: Option<String>,
    pub token_endpoint: String,
    /// The provider's public keys (RFC 7517).
    pub jwks_uri: String,
    /// RFC 7009.
    pub revocation_endpoint: Option<String>,
    /// Which URLs the provider may name.
    pub policy: UrlPolicy,
}

impl Provider {
    pub fn fetch(
        http: &mut Http,
        discovery_url: &str,
        policy: &UrlPolicy,
    ) -> Result<Provider, ProviderError> {
        let unusable = |problem: String| ProviderError::Metadata {
            discovery_url: discovery_url.to_string(),
            problem,
        };
        policy
            .check(discovery_url)
            .map_err(|problem| unusable(format!("this URL {problem}")))?;
        let response = get(http, discovery_url, policy)?;
        if response.status != 200 {
            return Err(ProviderError::from_response(
                origin(discovery_url),
                "metadata request",
                &response,
                None,
            ));
        }
        policy
            .check(&response.url)
            .map_err(|problem| unusable(format!("it redirects to a URL that {problem}")))?;
        Provider::parse(discovery_url, policy, &response.body).map_err(unusable)
    }

    /// Parses and validates metadata that was found at `discovery_url`. The error is what is wrong with it.
    pub fn parse(discovery_url: &str, policy: &UrlPolicy, body: &[u8]) -> Result<Provider, String> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            device_authorization_endpoint: Option<String>,
            token_endpoint: String,
            jwks_uri: String,
            revocation_endpoint: Option<String>,
        }
        if body.len() > MAX_DOCUMENT {
            return Err("it is larger than 1 MiB".to_string());
        }
        let metadata: Metadata = serde_json::from_slice(body).map_err(|_| {
            "it is not a JSON object with issuer, token_endpoint and jwks_uri".to_string()
        })?;
        // Discovery §4.3: the issuer is the discovery URL without its well-known suffix.
        let expected_issuer = discovery_url.strip_suffix(WELL_KNOWN);
        if expected_issuer.is_none_or(|expected| {
            expected.trim_end_matches('/') != metadata.issuer.trim_end_matches('/')
        }) {
            return Err(format!(
                "it is the metadata of another issuer, '{}'",
                sanitize_line(&metadata.issuer)
            ));
        }
        for (name, url) in [
            ("issuer", Some(&metadata.issuer)),
            ("token_endpoint", Some(&metadata.token_endpoint)),
            ("jwks_uri", Some(&metadata.jwks_uri)),
            (
                "device_authorization_endpoint",
                metadata.device_authorization_endpoint.as_ref(),
            ),
            ("revocation_endpoint", metadata.revocation_endpoint.as_ref()),
        ] {
            if let Some(Err(problem)) = url.map(|url| policy.check(url)) {
                return Err(format!("its {name} {problem}"));
            }
        }
        Ok(Provider {
            issuer: metadata.issuer,
            device_authorization_endpoint: metadata.device_authorization_endpoint,
            token_endpoint: metadata.token_endpoint,
            jwks_uri: metadata.jwks_uri,
            revocation_endpoint: metadata.revocation_endpoint,
            policy: policy.clone(),
        })
    }

    /// The error for a response of this provider that is not the expected one.
    pub(super) fn error(
        &self,
        request: &'static str,
        response: &Response,
        problem: Option<&str>,
    ) -> ProviderError {
        ProviderError::from_response(origin(&self.issuer), request, response, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    const URL: &str = "https://id.example/.well-known/openid-configuration";

    fn policy() -> UrlPolicy {
        UrlPolicy::for_control_plane(&ApiUrl::parse("https://api.example").unwrap())
    }

    fn metadata(changed: &str, to: &str) -> String {
        let text = r#"{"issuer":"https://id.example","device_authorization_endpoint":"https://id.example/device",
            "token_endpoint":"https://id.example/token","jwks_uri":"https://keys.example/jwks","more":[1]}"#;
        assert!(text.contains(changed));
        text.replace(changed, to)
    }

    #[test]
    fn metadata_of_another_issuer_or_with_unusable_urls_is_rejected() {
        let parse = |text: &str| Provider::parse(URL, &policy(), text.as_bytes());
        let whole = parse(&metadata("more", "x")).unwrap();
        assert_eq!(whole.issuer, "https://id.example");
        assert_eq!(whole.revocation_endpoint, None);
        let slash = metadata(r#""https://id.example","#, r#""https://id.example/","#);
        assert!(parse(&slash).is_ok());
        for (changed, to, problem) in [
            (
                r#""https://id.example","#,
                r#""https://other.example","#,
                "it is the metadata of another issuer, 'https://other.example'",
            ),
            (
                r#""https://id.example","#,
                r#""https://id.example/x","#,
                "it is the metadata of another issuer, 'https://id.example/x'",
            ),
            (
                "https://id.example/token",
                "http://id.example/token",
                "its token_endpoint is not https",
            ),
            (
                "https://id.example/token",
                "https://u:p@id.example/token",
                "its token_endpoint contains a user name or password",
            ),
            (
                "https://keys.example/jwks",
                "http://localhost:9100/_shutdown?x=1",
                "its jwks_uri points to this machine",
            ),
            (
                "https://id.example/device",
                "javascript:x",
                "its device_authorization_endpoint is not a valid URL",
            ),
            (
                r#""more":[1]"#,
                r#""revocation_endpoint":"ftp://id.example/x""#,
                "its revocation_endpoint is not a valid URL",
            ),
            (
                "token_endpoint",
                "tokens",
                "it is not a JSON object with issuer, token_endpoint and jwks_uri",
            ),
            (
                "jwks_uri",
                "jwks",
                "it is not a JSON object with issuer, token_endpoint and jwks_uri",
            ),
        ] {
            let text = metadata(changed, to);
            assert_eq!(parse(&text), Err(problem.to_string()), "{text}");
        }
        let elsewhere = Provider::parse(
            "https://id.example/",
            &policy(),
            metadata("more", "x").as_bytes(),
        );
        assert!(elsewhere.is_err());
    }

    #[test]
    fn metadata_is_limited_in_size() {
        let padding = " ".repeat(MAX_DOCUMENT - metadata("more", "more").len());
        let largest = metadata("more", "more") + &padding;
        let parse = |text: &str| Provider::parse(URL, &policy(), text.as_bytes());
        assert!(parse(&largest).is_ok());
        assert_eq!(
            parse(&(largest + " ")),
            Err("it is larger than 1 MiB".to_string())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_metadata_is_parsed_without_panic(body in "\\PC{0,80}|\\{\"issuer\":\"\\PC{0,20}\",\"token_endpoint\":\"\\PC{0,9}\",\"jwks_uri\":\"https?://\\PC{0,9}\"\\}") {
            let _ = Provider::parse(URL, &policy(), body.as_bytes());
        }
    }
}
