//! Why a request to the identity provider failed.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::http::{Response, TransportError};
use crate::sanitize::{one_line, sanitize};

/// The most characters of a provider's text that are shown.
const MAX_TEXT: usize = 300;

const OR_API_KEY: &str = "or sign in with an API key: `llamactl auth token`";

/// An OAuth error response (RFC 6749 §5.2), sanitized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// One of the registered error codes.
    pub code: String,
    pub description: Option<String>,
}

impl OAuthError {
    pub fn parse(body: &[u8]) -> Option<OAuthError> {
        #[derive(Deserialize)]
        struct ErrorResponse {
            error: String,
            #[serde(default)]
            error_description: Value,
        }
        let response: ErrorResponse = serde_json::from_slice(body).ok()?;
        let description = response.error_description.as_str().map(sanitize_line);
        Some(OAuthError {
            code: sanitize_line(&response.error),
            description: description.filter(|text| !text.is_empty()),
        })
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{description} ({})", self.code),
            None => f.write_str(&self.code),
        }
    }
}

/// Text of a provider as one line of limited length.
pub(super) fn sanitize_line(text: &str) -> String {
    sanitize(&one_line(text)).chars().take(MAX_TEXT).collect()
}

/// Which request a response answers.
#[derive(Clone, Debug)]
pub struct ResponseContext {
    /// The provider's scheme, host and port.
    pub provider: String,
    /// What was requested, as a noun: "token request".
    pub request: &'static str,
    pub status: u16,
    pub request_id: Option<String>,
}

#[derive(Clone, Debug)]
pub enum ProviderError {
    /// There was no response.
    Transport(TransportError),
    /// The provider rejected the request (4xx with an OAuth error).
    Rejected(ResponseContext, OAuthError),
    /// Anything else than the expected response; with details if there are any.
    Unexpected(ResponseContext, Option<String>),
    /// The metadata at `discovery_url` must not be used.
    Metadata {
        discovery_url: String,
        problem: String,
    },
}

impl ProviderError {
    /// The error for a response that is not the expected one. `problem` is what is wrong with a successful response.
    pub fn from_response(
        provider: &str,
        request: &'static str,
        response: &Response,
        problem: Option<&str>,
    ) -> ProviderError {
        let context = ResponseContext {
            provider: provider.to_string(),
            request,
            status: response.status,
            request_id: response.request_id.clone(),
        };
        match OAuthError::parse(&response.body) {
            Some(error) if (400..500).contains(&response.status) => {
                ProviderError::Rejected(context, error)
            }
            Some(error) => ProviderError::Unexpected(context, Some(error.to_string())),
            None if response.status == 200 => {
                ProviderError::Unexpected(context, problem.map(str::to_string))
            }
            None => ProviderError::Unexpected(context, None),
        }
    }
}

impl From<TransportError> for ProviderError {
    fn from(error: TransportError) -> ProviderError {
        ProviderError::Transport(error)
    }
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Error {
        match error {
            ProviderError::Transport(error) => error.into(),
            ProviderError::Rejected(context, error) => {
                let ResponseContext {
                    provider,
                    request,
                    status,
                    ..
                } = &context;
                let id = context.request_id_suffix();
                Error::failed(format!(
                    "the identity provider {provider} rejected the {request} ({status}): {error}{id}"
                ))
                .hint(rejection_hint(&error.code))
            }
            ProviderError::Unexpected(context, details) => {
                let ResponseContext {
                    provider,
                    request,
                    status,
                    ..
                } = &context;
                let details = details.map_or(String::new(), |details| format!(": {details}"));
                let id = context.request_id_suffix();
                let message = match status {
                    200 => format!(
                        "the identity provider {provider} sent a malformed response to the {request}{details}{id}"
                    ),
                    _ => format!(
                        "the identity provider {provider} responded to the {request} with status {status}{details}{id}"
                    ),
                };
                Error::no_answer(message).hint(format!("try again later, {OR_API_KEY}"))
            }
            ProviderError::Metadata {
                discovery_url,
                problem,
            } => Error::no_answer(format!(
                "the identity provider's metadata at '{}' cannot be used: {problem}",
                sanitize_line(&discovery_url)
            ))
            .hint(format!("tell the provider's administrator, {OR_API_KEY}")),
        }
    }
}

impl ResponseContext {
    fn request_id_suffix(&self) -> String {
        match &self.request_id {
            Some(id) => format!(" (request {id})"),
            None => String::new(),
        }
    }
}

/// Whose settings an OAuth error code is about (RFC 6749 §5.2).
fn rejection_hint(code: &str) -> String {
    match code {
        "invalid_client" => format!(
            "the provider does not accept the client ID that the control plane names; tell the control plane's \
            administrator, {OR_API_KEY}"
        ),
        "unauthorized_client" | "unsupported_grant_type" => format!(
            "the client's settings at the provider do not allow this login; tell the provider's administrator, \
            {OR_API_KEY}"
        ),
        "invalid_scope" => format!(
            "the client's settings at the provider must allow the scopes '{}'; tell the provider's administrator, \
            {OR_API_KEY}",
            super::device::SCOPE
        ),
        _ => format!("try again later, {OR_API_KEY}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oauth_error_is_one_sanitized_line() {
        let error = OAuthError::parse(
            b"{\"error\":\"access_denied\",\"error_description\":\"no\\n\\u001b[31m way\"}",
        )
        .unwrap();
        assert_eq!(error.code, "access_denied");
        assert_eq!(error.to_string(), "no \\u{1b}[31m way (access_denied)");
        for body in [
            r#"{"error":"x"}"#,
            r#"{"error":"x","error_description":" "}"#,
            r#"{"error":"x","error_description":7}"#,
        ] {
            let error = OAuthError::parse(body.as_bytes()).unwrap();
            assert_eq!(error.to_string(), "x", "{body}");
        }
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(400));
        let error = OAuthError::parse(long.as_bytes()).unwrap();
        assert_eq!(error.to_string(), "x".repeat(300));
        assert_eq!(OAuthError::parse(b"<html>"), None);
    }

    #[test]
    fn responses_become_errors_with_status_and_request_id() {
        let oauth = r#"{"error":"x"}"#;
        for (status, body, exit_code, message) in [
            (400, oauth, 1, "rejected the token request (400): x"),
            (499, oauth, 1, "rejected the token request (499): x"),
            (
                400,
                "<html>",
                3,
                "responded to the token request with status 400",
            ),
            (
                500,
                oauth,
                3,
                "responded to the token request with status 500: x",
            ),
            (302, "", 3, "responded to the token request with status 302"),
            (
                203,
                "{}",
                3,
                "responded to the token request with status 203",
            ),
            (
                200,
                oauth,
                3,
                "sent a malformed response to the token request: x",
            ),
            (
                200,
                "{}",
                3,
                "sent a malformed response to the token request: odd",
            ),
        ] {
            for (id, suffix) in [(None, ""), (Some("r-1".to_string()), " (request r-1)")] {
                let mut response = Response::of(status, body.as_bytes());
                response.request_id = id;
                let error = ProviderError::from_response(
                    "https://id",
                    "token request",
                    &response,
                    Some("odd"),
                );
                let error = Error::from(error);
                assert_eq!(
                    error.to_string(),
                    format!(
                        "error: the identity provider https://id {message}{suffix}\n\
                        hint: try again later, or sign in with an API key: `llamactl auth token`"
                    )
                );
                assert_eq!(error.kind.exit_code(), exit_code);
            }
        }
    }

    #[test]
    fn rejection_hint_names_whose_settings_are_wrong() {
        for (code, whose) in [
            ("invalid_client", "the control plane's administrator"),
            ("unauthorized_client", "the provider's administrator"),
            ("unsupported_grant_type", "the provider's administrator"),
            (
                "invalid_scope",
                "must allow the scopes 'openid profile email offline_access'",
            ),
            ("invalid_request", "try again later"),
        ] {
            let hint = rejection_hint(code);
            assert!(hint.contains(whose), "{code}: {hint}");
        }
    }
}
