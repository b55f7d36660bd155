//! Requests and responses, and the masking of secrets that a server repeats in an error response.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::date;
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::url::UrlPolicy;

/// Form fields whose values are secrets.
const SECRET_FIELDS: [&str; 3] = ["device_code", "refresh_token", "token"];
/// A shorter value is not masked: it may be part of any text.
const MIN_SECRET_LENGTH: usize = 8;
/// The longest error body that is kept, in bytes.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// The longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// The longest header value that is kept, in characters.
const MAX_HEADER: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    /// Sent again only if the first attempt cannot have reached the server.
    Post,
    /// Sent once.
    Patch,
    Delete,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

#[derive(Clone)]
pub enum Body<'a> {
    Empty,
    /// `application/json`
    Json(String),
    /// `application/x-www-form-urlencoded`
    Form(&'a [(&'a str, &'a str)]),
}

impl fmt::Debug for Body<'_> {
    /// Bodies hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Body::Empty => "Empty",
            Body::Json(_) => "Json(****)",
            Body::Form(_) => "Form(****)",
        })
    }
}

#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: Method,
    pub url: String,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<&'a Secret>,
    pub body: Body<'a>,
    /// Checked for the URL and for those that redirects lead to.
    pub policy: &'a UrlPolicy,
}

impl Request<'_> {
    /// The secrets that the request carries.
    fn secrets(&self) -> Vec<&str> {
        let fields = match self.body {
            Body::Form(fields) => fields,
            _ => &[],
        };
        let of_form = fields
            .iter()
            .filter(|(name, _)| SECRET_FIELDS.contains(name))
            .map(|(_, value)| *value);
        self.bearer
            .map(Secret::expose)
            .into_iter()
            .chain(of_form)
            .filter(|secret| secret.len() >= MIN_SECRET_LENGTH)
            .collect()
    }

    /// A header of the response: masked, sanitized, bounded.
    pub(super) fn masked_header(&self, value: &[u8]) -> Option<String> {
        let text = mask(&self.secrets(), std::str::from_utf8(value).ok()?);
        Some(sanitize(&text).chars().take(MAX_HEADER).collect())
    }

    /// Whether the response is an error: by its status, or, if the request was a form, by OAuth's `error` member, which
    /// some providers send with status 200.
    pub(super) fn is_error(&self, response: &Response) -> bool {
        if !(200..300).contains(&response.status) {
            return true;
        }
        let is_form = matches!(self.body, Body::Form(_));
        is_form
            && serde_json::from_slice::<Value>(&response.body)
                .is_ok_and(|json| json["error"].is_string())
    }

    /// Masks the request's secrets in an error response. JSON is decoded first: a server can write any character as
    /// an escape. A JSON body's `correlation_id` or `request_id` counts as the header does.
    pub(super) fn mask_error(&self, response: &mut Response) {
        response.body.truncate(MAX_ERROR_BODY);
        let secrets = self.secrets();
        match serde_json::from_slice::<Value>(&response.body) {
            Ok(mut json) => {
                mask_json(&secrets, &mut json);
                let id = |name: &str| {
                    let text = sanitize(json.get(name)?.as_str()?);
                    (!text.is_empty()).then(|| text.chars().take(MAX_HEADER).collect::<String>())
                };
                let id = id("correlation_id").or_else(|| id("request_id"));
                response.request_id = response.request_id.take().or(id);
                response.body = json.to_string().into_bytes();
            }
            Err(_) => {
                let text = String::from_utf8_lossy(&response.body);
                response.body = mask(&secrets, &text).into_bytes();
            }
        }
    }
}

fn mask(secrets: &[&str], text: &str) -> String {
    let mut text = text.to_string();
    for secret in secrets {
        text = text.replace(secret, "****");
    }
    text
}

fn mask_json(secrets: &[&str], json: &mut Value) {
    match json {
        Value::String(text) => *text = mask(secrets, text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_json(secrets, item)),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    mask_json(secrets, &mut value);
                    (mask(secrets, &name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A response, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// At most 8 MiB; of an error response 64 KiB, without the request's secrets.
    pub body: Vec<u8>,
    /// The target of a redirect.
    pub location: Option<String>,
    /// The server's name for this request, for its operators.
    pub request_id: Option<String>,
    /// The URL that responded, after redirects.
    pub url: String,
    /// Whether the body is uncompressed `text/event-stream`.
    pub is_event_stream: bool,
    pub retry_after: Option<RetryAfter>,
}

/// The header `Retry-After` (RFC 9110 §10.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    pub wait: Duration,
    /// As sent.
    pub text: String,
}

impl RetryAfter {
    /// Whether it is longer than what a command waits for.
    pub fn is_too_long(&self) -> bool {
        self.wait > MAX_RETRY_AFTER
    }

    /// Reads seconds, with a fraction or without, or a date.
    pub(super) fn parse(text: &str, now: SystemTime) -> Option<RetryAfter> {
        let text = text.trim();
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let wait = match is_number {
            true => Duration::try_from_secs_f64(text.parse().ok()?).unwrap_or(Duration::MAX),
            false => date::parse_http(text)?
                .duration_since(now)
                .unwrap_or_default(),
        };
        Some(RetryAfter {
            wait,
            text: text.to_string(),
        })
    }
}

#[cfg(test)]
impl Response {
    pub(crate) fn of(status: u16, body: &[u8]) -> Response {
        Response {
            status,
            body: body.to_vec(),
            location: None,
            request_id: None,
            url: String::new(),
            is_event_stream: false,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    const KEY: &str = "llx-secret-0123";

    fn masked(body: &str) -> (String, Option<String>) {
        let key = Secret::new(KEY.to_string());
        let policy = UrlPolicy::for_control_plane(&ApiUrl::llama_cloud());
        let form = [("token", "t0ken-t0ken"), ("client_id", "cli-cli-cli")];
        let request = Request {
            method: Method::Post,
            url: "https://h".to_string(),
            bearer: Some(&key),
            body: Body::Form(&form),
            policy: &policy,
        };
        let mut response = Response::of(400, body.as_bytes());
        request.mask_error(&mut response);
        (
            String::from_utf8(response.body).unwrap(),
            response.request_id,
        )
    }

    #[test]
    fn repeated_secret_is_masked_however_it_is_escaped() {
        for (body, shown) in [
            ("", ""),
            (KEY, "****"),
            (
                "a llx-secret-0123 t0ken-t0ken cli-cli-cli",
                "a **** **** cli-cli-cli",
            ),
            (r#"{"detail":"llx-secret-0123!"}"#, r#"{"detail":"****!"}"#),
            (
                r#"{"detail":"\u006clx\u002dsecret-0123"}"#,
                r#"{"detail":"****"}"#,
            ),
            (
                r#"{"detail":[{"msg":"t0\u006Ben-t0ken"}]}"#,
                r#"{"detail":[{"msg":"****"}]}"#,
            ),
            (r#"{"llx-secret-\u0030123":1}"#, r#"{"****":1}"#),
            (
                r#"{"error":"x","error_description":"t0ken\u002dt0ken"}"#,
                r#"{"error":"x","error_description":"****"}"#,
            ),
            (r#"["\/llx-secret-0123"]"#, r#"["/****"]"#),
        ] {
            assert_eq!(masked(body).0, shown, "{body}");
        }
    }

    #[test]
    fn request_id_of_a_json_body_is_taken() {
        for (body, id) in [
            (r#"{"detail":"x","correlation_id":"c-1"}"#, Some("c-1")),
            (r#"{"request_id":"r-1"}"#, Some("r-1")),
            (
                r#"{"request_id":"r-1","correlation_id":"c-1"}"#,
                Some("c-1"),
            ),
            (r#"{"correlation_id":"llx-secret-\u0030123"}"#, Some("****")),
            (r#"{"correlation_id":7}"#, None),
            (r#"{"correlation_id":""}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(masked(body).1.as_deref(), id, "{body}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = Secret::new(KEY.to_string());
        let policy = UrlPolicy::for_control_plane(&ApiUrl::llama_cloud());
        for body in [Body::Json(KEY.to_string()), Body::Form(&[("token", KEY)])] {
            let request = Request {
                method: Method::Post,
                url: "https://h".to_string(),
                bearer: Some(&key),
                body,
                policy: &policy,
            };
            assert!(!format!("{request:?}").contains("secret"), "{request:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_fraction_or_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, wait) in [
            ("0", Some(Duration::ZERO)),
            (" 7 ", Some(Duration::from_secs(7))),
            ("1.5", Some(Duration::from_millis(1500))),
            ("18446744073709551616", Some(Duration::MAX)),
            (
                "Sun, 06 Nov 1994 08:49:40 GMT",
                Some(Duration::from_secs(3)),
            ),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(Duration::ZERO)),
            ("-1", None),
            ("1e3", None),
            (".", None),
            ("soon", None),
            ("", None),
        ] {
            let parsed = RetryAfter::parse(text, now);
            assert_eq!(parsed.map(|found| found.wait), wait, "{text}");
        }
    }
}
