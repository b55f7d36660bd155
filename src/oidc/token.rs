//! The token endpoint (RFC 6749 §5 and §6) and the revocation endpoint (RFC 7009).

use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use super::discovery::Provider;
use crate::http::{Body, Http, Method, Request, Response, TransportError};
use crate::secret::Secret;
use crate::url::UrlPolicy;
use crate::validate;

pub(super) const TOKEN_REQUEST: &str = "token request";

/// A successful token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: Secret,
    /// The access token's lifetime in seconds, if the provider states it.
    pub expires_in: Option<u64>,
    pub refresh_token: Option<Secret>,
    pub id_token: Option<Secret>,
}

impl TokenSet {
    /// Parses a token response. The error is what is wrong with it.
    pub fn parse(body: &[u8]) -> Result<TokenSet, &'static str> {
        #[derive(Deserialize)]
        struct TokenResponse {
            access_token: String,
            #[serde(default)]
            token_type: Value,
            #[serde(default)]
            expires_in: Value,
            #[serde(default)]
            refresh_token: Value,
            #[serde(default)]
            id_token: Value,
        }
        let response: TokenResponse =
            serde_json::from_slice(body).map_err(|_| "there is no access_token")?;
        // Some providers leave it out. Another type would need another kind of request (RFC 6749 §7.1).
        let is_bearer = match &response.token_type {
            Value::Null => true,
            Value::String(name) => name.eq_ignore_ascii_case("bearer"),
            _ => false,
        };
        if !is_bearer {
            return Err("the token_type is not Bearer");
        }
        let token = |value: &Value| value.as_str().and_then(|text| validate::token(text).ok());
        Ok(TokenSet {
            access_token: validate::token(&response.access_token)
                .map_err(|_| "the access_token is not valid")?,
            expires_in: seconds(&response.expires_in),
            refresh_token: token(&response.refresh_token),
            id_token: token(&response.id_token),
        })
    }
}

/// Exchanges a refresh token for new tokens (RFC 6749 §6). It is sent once: most providers rotate refresh tokens, and end
/// the login if an old one is used again.
pub fn refresh(
    http: &mut Http,
    provider: &Provider,
    client_id: &str,
    refresh_token: &Secret,
) -> Result<TokenSet, ProviderError> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
        ("client_id", client_id),
    ];
    let response = post(http, &provider.token_endpoint, &provider.policy, &form)?;
    let tokens = TokenSet::parse(&response.body);
    match tokens {
        Ok(tokens) if response.status == 200 => Ok(tokens),
        tokens => Err(provider.error(TOKEN_REQUEST, &response, tokens.err())),
    }
}

/// Revokes a refresh token (RFC 7009), which ends the login. False: the provider has no revocation endpoint.
pub fn revoke(
    http: &mut Http,
    provider: &Provider,
    client_id: &str,
    refresh_token: &Secret,
) -> Result<bool, ProviderError> {
    let Some(endpoint) = &provider.revocation_endpoint else {
        return Ok(false);
    };
    let form = [
        ("token", refresh_token.expose()),
        ("token_type_hint", "refresh_token"),
        ("client_id", client_id),
    ];
    let response = post(http, endpoint, &provider.policy, &form)?;
    match response.status {
        200..300 => Ok(true),
        _ => Err(provider.error("revocation request", &response, None)),
    }
}

pub(super) fn post(
    http: &mut Http,
    url: &str,
    policy: &UrlPolicy,
    form: &[(&str, &str)],
) -> Result<Response, TransportError> {
    http.send(&Request {
        method: Method::Post,
        url: url.to_string(),
        bearer: None,
        body: Body::Form(form),
        policy,
    })
}

pub(super) fn get(
    http: &mut Http,
    url: &str,
    policy: &UrlPolicy,
) -> Result<Response, TransportError> {
    http.send(&Request {
        method: Method::Get,
        url: url.to_string(),
        bearer: None,
        body: Body::Empty,
        policy,
    })
}

/// A number of seconds. Some providers send it as a string.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        other => other.as_f64()?,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (number.is_finite() && (0.0..9e15).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::super::OAuthError;
    use super::*;

    #[test]
    fn token_response_is_parsed() {
        let tokens = TokenSet::parse(
            br#"{"access_token":"a","token_type":"Bearer","expires_in":"60","refresh_token":"r","id_token":"i"}"#,
        )
        .unwrap();
        assert_eq!(tokens.access_token.expose(), "a");
        assert_eq!(tokens.expires_in, Some(60));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "r");
        assert_eq!(tokens.id_token.unwrap().expose(), "i");
        let tokens = TokenSet::parse(
            br#"{"access_token":"a","expires_in":-1,"refresh_token":7,"id_token":"a b"}"#,
        )
        .unwrap();
        assert_eq!(tokens.expires_in, None);
        assert_eq!(tokens.refresh_token, None);
        assert_eq!(tokens.id_token, None);
    }

    #[test]
    fn token_response_without_a_bearer_token_is_rejected() {
        for (body, problem) in [
            ("", "there is no access_token"),
            ("{}", "there is no access_token"),
            ("[]", "there is no access_token"),
            (r#"{"access_token":""}"#, "the access_token is not valid"),
            (
                r#"{"access_token":"a\nb"}"#,
                "the access_token is not valid",
            ),
            (
                r#"{"access_token":"a","token_type":"DPoP"}"#,
                "the token_type is not Bearer",
            ),
            (
                r#"{"access_token":"a","token_type":""}"#,
                "the token_type is not Bearer",
            ),
            (
                r#"{"access_token":"a","token_type":7}"#,
                "the token_type is not Bearer",
            ),
        ] {
            assert_eq!(
                TokenSet::parse(body.as_bytes()).err(),
                Some(problem),
                "{body}"
            );
        }
        for token_type in ["Bearer", "bearer", "BEARER"] {
            let body = format!(r#"{{"access_token":"a","token_type":"{token_type}"}}"#);
            assert!(TokenSet::parse(body.as_bytes()).is_ok(), "{token_type}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = TokenSet::parse(&body);
            let _ = OAuthError::parse(&body);
        }

        #[test]
        fn any_json_is_parsed_without_panic(body in "\\{\"(error|access_token|expires_in)\":(\"[a-z\\\\u{1b}]{0,9}\"|-?[0-9e.]{1,9}|null|\\[\\])\\}") {
            let _ = TokenSet::parse(body.as_bytes());
            let _ = OAuthError::parse(body.as_bytes());
        }
    }
}
