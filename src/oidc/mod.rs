//! Browser login: OpenID Connect by the device authorization grant.
//!
//! `discovery` finds the provider, `device` waits for the person in the browser (RFC 8628), `id_token` checks who it was,
//! `refresh` keeps the login alive and `spool` the provider's answer. Each decides as a function of what came in and the
//! time; requests are made at the edges, through `http`. Nothing here knows a command.

pub mod device;
pub mod discovery;
pub mod id_token;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::http::Response;
use crate::sanitize::{one_line, sanitize};
use crate::secret::Secret;
use crate::validate;

/// The longest text of a provider that is shown, in characters.
const LONGEST_TEXT: usize = 300;

/// What a token endpoint hands out (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// Authorizes requests.
    pub access: Secret,
    /// For how many seconds; none: not said.
    pub expires_in: Option<u64>,
    /// Gets the next ones.
    pub refresh: Option<Secret>,
    /// Who the user is.
    pub id: Option<Secret>,
}

impl TokenSet {
    /// Reads an answer of the token endpoint; none where there is no usable access token in it.
    pub fn parse(body: &[u8]) -> Option<TokenSet> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
            #[serde(default)]
            expires_in: Value,
            #[serde(default)]
            refresh_token: Value,
            #[serde(default)]
            id_token: Value,
        }
        let answer: Answer = serde_json::from_slice(body).ok()?;
        // A token has the form of a key: one word of ASCII that a header can carry.
        let token = |value: &Value| value.as_str().and_then(|text| validate::api_key(text).ok());
        Some(TokenSet {
            access: validate::api_key(&answer.access_token).ok()?,
            expires_in: seconds(&answer.expires_in),
            refresh: token(&answer.refresh_token),
            id: token(&answer.id_token),
        })
    }
}

/// How a provider says no (RFC 6749 §5.2): a code for programs, and perhaps words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// One of the registered codes.
    pub code: String,
    /// Code and words, fit to be shown.
    pub said: String,
}

impl OAuthError {
    /// Reads an error answer; none where it is none.
    pub fn parse(body: &[u8]) -> Option<OAuthError> {
        #[derive(Deserialize)]
        struct Answer {
            error: String,
            #[serde(default)]
            error_description: Value,
        }
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let code = shown(&answer.error);
        let said = match answer.error_description.as_str().map(shown) {
            Some(words) if !words.is_empty() => format!("{words} ({code})"),
            _ => code.clone(),
        };
        Some(OAuthError { code, said })
    }
}

/// A text of the provider as it may be shown: one line, without control characters, not too long.
fn shown(text: &str) -> String {
    sanitize(&one_line(text))
        .chars()
        .take(LONGEST_TEXT)
        .collect()
}

/// A number of seconds, which some providers send as a text.
fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        other => other.as_f64()?,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (number.is_finite() && (0.0..9e15).contains(&number)).then_some(number as u64)
}

/// That the provider's answer is of no use, with its status and what it says.
pub fn unusable(what: &str, response: &Response) -> Error {
    let status = response.status;
    let said =
        OAuthError::parse(&response.body).map_or(String::new(), |no| format!(": {}", no.said));
    let id = match &response.request_id {
        Some(id) => format!(" (request {id})"),
        None => String::new(),
    };
    let error = match status {
        400..500 if !said.is_empty() => Error::failed(format!(
            "the login provider refused {what} ({status}){said}{id}"
        )),
        200..300 => Error::no_answer(format!(
            "the login provider's answer to {what} is of no use{id}"
        )),
        _ => Error::no_answer(format!(
            "the login provider does not answer {what} as it should ({status}){said}{id}"
        )),
    };
    error.hint("try again later, or sign in with an API key: `llamactl auth token`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_token_endpoint() {
        let whole = TokenSet::parse(
            br#"{"access_token":"a","token_type":"Bearer","expires_in":"60","refresh_token":"r","id_token":"i"}"#,
        )
        .unwrap();
        assert_eq!(whole.access.expose(), "a");
        assert_eq!(whole.expires_in, Some(60));
        assert_eq!(whole.refresh.unwrap().expose(), "r");
        let least = TokenSet::parse(
            br#"{"access_token":"a","expires_in":-1,"refresh_token":7,"id_token":"a b"}"#,
        )
        .unwrap();
        assert!(least.expires_in.is_none() && least.refresh.is_none() && least.id.is_none());
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\nb"}"#,
        ] {
            assert!(TokenSet::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn refusals_are_harmless() {
        let refusal = OAuthError::parse(
            b"{\"error\":\"access_denied\",\"error_description\":\"no\\n\\u001b[31m way\"}",
        )
        .unwrap();
        assert_eq!(refusal.code, "access_denied");
        assert_eq!(refusal.said, "no \\u{1b}[31m way (access_denied)");
        for wordless in [
            r#"{"error":"x"}"#,
            r#"{"error":"x","error_description":" "}"#,
            r#"{"error":"x","error_description":7}"#,
        ] {
            let refusal = OAuthError::parse(wordless.as_bytes()).unwrap();
            assert_eq!((refusal.code.as_str(), refusal.said.as_str()), ("x", "x"));
        }
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(400));
        assert_eq!(
            OAuthError::parse(long.as_bytes()).unwrap().said,
            "x".repeat(300)
        );
        assert_eq!(OAuthError::parse(b"<html>"), None);
    }

    #[test]
    fn answers_of_no_use() {
        let no = r#"{"error":"x"}"#;
        let hint = "hint: try again later, or sign in with an API key: `llamactl auth token`";
        for (status, body, code, said) in [
            (
                400,
                no,
                1,
                "the login provider refused the question (400): x",
            ),
            (
                499,
                no,
                1,
                "the login provider refused the question (499): x",
            ),
            (
                400,
                "<html>",
                3,
                "the login provider does not answer the question as it should (400)",
            ),
            (
                500,
                no,
                3,
                "the login provider does not answer the question as it should (500): x",
            ),
            (
                302,
                "",
                3,
                "the login provider does not answer the question as it should (302)",
            ),
            (
                200,
                no,
                3,
                "the login provider's answer to the question is of no use",
            ),
            (
                299,
                "",
                3,
                "the login provider's answer to the question is of no use",
            ),
        ] {
            for (id, shown) in [(None, ""), (Some("r-1".to_string()), " (request r-1)")] {
                let mut response = Response::of(status, body.as_bytes());
                response.request_id = id;
                let error = unusable("the question", &response);
                assert_eq!(error.to_string(), format!("error: {said}{shown}\n{hint}"));
                assert_eq!(error.kind.exit_code(), code);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = TokenSet::parse(&body);
            let _ = OAuthError::parse(&body);
        }

        #[test]
        fn no_json_answer_panics(body in "\\{\"(error|access_token|expires_in)\":(\"[a-z\\\\u{1b}]{0,9}\"|-?[0-9e.]{1,9}|null|\\[\\])\\}") {
            let _ = TokenSet::parse(body.as_bytes());
            let _ = OAuthError::parse(body.as_bytes());
        }
    }
}
