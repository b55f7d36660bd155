//! The control plane's endpoints, typed, and what its error responses mean.
//!
//! Responses are checked for their form here. Text from servers is sanitized where it is printed.

use std::io::BufRead;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ApiError, ApiErrorKind};
use crate::COMPATIBLE_WITH;
use crate::error::{Error, Result};
use crate::http::{Body, Http, Method, Request, Response};
use crate::sanitize::{one_line, quoted, sanitize};
use crate::secret::Secret;
use crate::url::{ApiUrl, EU, LLAMA_CLOUD, UrlPolicy, encode};

pub(super) const DEPLOYMENTS: &str = "/api/v1beta1/deployments";
/// The longest `detail` that is shown, in characters.
const LONGEST_DETAIL: usize = 300;

/// The response of the version endpoint.
#[derive(Clone, Debug, Deserialize)]
pub struct Version {
    pub version: String,
    #[serde(default)]
    pub requires_auth: bool,
    /// The oldest client that the server supports, in the Python tool's versions.
    #[serde(default)]
    pub min_llamactl_version: Option<String>,
    #[serde(default)]
    pub capabilities: Vec<String>,
}

impl Version {
    /// Whether the server requires a newer client than the version that this one is compatible with.
    pub fn requires_newer_client(&self) -> bool {
        let minimum = self.min_llamactl_version.as_deref();
        minimum.is_some_and(|minimum| is_newer(minimum, COMPATIBLE_WITH))
    }

    /// The warning shown if the client is too old for the server.
    pub fn client_warning(&self) -> String {
        let minimum = sanitize(self.min_llamactl_version.as_deref().unwrap_or_default());
        format!(
            "the server requires llamactl {minimum} or newer; this one is compatible with {COMPATIBLE_WITH}"
        )
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Project {
    pub project_id: String,
    #[serde(default, rename = "project_name")]
    name: Option<String>,
    #[serde(default)]
    pub deployment_count: i64,
    /// `None` if the server has no organizations.
    #[serde(default)]
    pub org_id: Option<String>,
}

impl Project {
    /// The name; a project without one is named by its ID.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.project_id)
    }

    /// Its organization; servers without organizations use `default`.
    pub fn org_id(&self) -> &str {
        self.org_id.as_deref().unwrap_or("default")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Organization {
    pub org_id: String,
    pub org_name: String,
    /// The user's default organization.
    #[serde(default)]
    pub is_default: bool,
}

/// Where a key or token came from: for messages, and for the hint if it is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialOrigin<'a> {
    /// The API key of a stored profile, by the profile's name.
    Profile(&'a str),
    /// An API key from an environment variable, by the variable's name.
    Variable(&'static str),
    /// The access token of a stored profile, by the profile's name.
    Login(&'a str),
    /// The access token of a login in progress.
    NewLogin,
    /// An API key given on the command line or at a prompt.
    Provided,
}

impl CredentialOrigin<'_> {
    pub fn description(self) -> String {
        match self {
            CredentialOrigin::Profile(name) => {
                format!("the API key of profile '{}'", sanitize(name))
            }
            CredentialOrigin::Variable(name) => format!("the API key in {name}"),
            CredentialOrigin::Login(name) => {
                format!("the login of profile '{}'", sanitize(name))
            }
            CredentialOrigin::NewLogin => "this login".to_string(),
            CredentialOrigin::Provided => "the API key".to_string(),
        }
    }

    /// What to do if the server rejected it; `status` 401 may mean that the key belongs to the other region.
    fn hint(self, server: &ApiUrl, status: u16) -> String {
        let other_region = match (status, server.as_str()) {
            (401, LLAMA_CLOUD) => Some(("EU", "eu")),
            (401, EU) => Some(("US", "us")),
            _ => None,
        };
        match (self, other_region) {
            (CredentialOrigin::Login(_) | CredentialOrigin::NewLogin, _) => {
                "log in again: `llamactl auth login`".to_string()
            }
            (CredentialOrigin::Variable(name), None) => {
                format!("set {name} to a valid key, or unset it to use a profile")
            }
            (CredentialOrigin::Variable(name), Some((region, alias))) => format!(
                "set {name} to a valid key, or LLAMA_CLOUD_BASE_URL to `{alias}` if it is a key of the {region} region"
            ),
            (_, None) => "sign in with a valid key: `llamactl auth token`".to_string(),
            (_, Some((region, alias))) => format!(
                "sign in with a valid key: `llamactl auth token`, for a key of the {region} region with `--environment {alias}`"
            ),
        }
    }
}

/// A control plane, with the key or token to send.
#[derive(Debug)]
pub struct Api<'a> {
    pub(super) http: &'a mut Http,
    pub(super) base: &'a ApiUrl,
    key: Option<&'a Secret>,
    origin: CredentialOrigin<'a>,
}

impl<'a> Api<'a> {
    pub fn new(
        http: &'a mut Http,
        base: &'a ApiUrl,
        key: Option<&'a Secret>,
        origin: CredentialOrigin<'a>,
    ) -> Self {
        Api {
            http,
            base,
            key,
            origin,
        }
    }

    pub fn without_key(http: &'a mut Http, base: &'a ApiUrl) -> Self {
        Api::new(http, base, None, CredentialOrigin::Provided)
    }

    /// `GET /api/v1beta1/deployments-public/version`, and the base URL that responded, which is another one if the
    /// server redirects.
    pub fn version(&mut self) -> std::result::Result<(Version, String), ApiError> {
        const PATH: &str = "/api/v1beta1/deployments-public/version";
        let response = self.exchange(Method::Get, PATH, Body::Empty, None)?;
        let base = response
            .url
            .strip_suffix(PATH)
            .unwrap_or(&response.url)
            .to_string();
        Ok((self.parse(&response)?, base))
    }

    /// `GET /api/v1beta1/deployments/list-projects`: the projects of one organization or of all.
    pub fn projects(&mut self, org: Option<&str>) -> std::result::Result<Vec<Project>, ApiError> {
        #[derive(Deserialize)]
        struct ProjectList {
            projects: Vec<Project>,
        }
        let query = org.map_or(String::new(), |org| format!("?org_id={}", encode(org)));
        let list = self.get::<ProjectList>(&format!("{DEPLOYMENTS}/list-projects{query}"));
        let list = list.map_err(|mut error| {
            // Every control plane has this endpoint: only an organization can be unknown.
            if error.kind == ApiErrorKind::NotFound && org.is_none() {
                error.kind = ApiErrorKind::Malformed;
            }
            error
        })?;
        Ok(list.projects)
    }

    /// `GET /api/v1beta1/deployments/organizations`; `None` if the server has no organizations.
    pub fn organizations(&mut self) -> std::result::Result<Option<Vec<Organization>>, ApiError> {
        #[derive(Deserialize)]
        struct OrganizationList {
            organizations: Vec<Organization>,
        }
        match self.get::<OrganizationList>(&format!("{DEPLOYMENTS}/organizations")) {
            Ok(list) => Ok(Some(list.organizations)),
            // A server without this endpoint takes `organizations` for the ID of a deployment.
            Err(error)
                if matches!(
                    error.kind,
                    ApiErrorKind::NotFound | ApiErrorKind::Refused | ApiErrorKind::Malformed
                ) =>
            {
                let (version, _) = self.version().map_err(|_| error.clone())?;
                let names = &version.capabilities;
                match names.iter().any(|name| name == "organizations") {
                    true => Err(error),
                    false => Ok(None),
                }
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
    ) -> std::result::Result<T, ApiError> {
        let response = self.with_key(Method::Get, path, Body::Empty)?;
        self.parse(&response)
    }

    pub(super) fn with_key(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> std::result::Result<Response, ApiError> {
        self.exchange(method, path, body, self.key)
    }

    /// Whether the server may have acted on the last request although no response arrived.
    pub fn response_lost(&self) -> bool {
        self.http.response_lost()
    }

    pub(super) fn stream(
        &mut self,
        path: &str,
        endless: bool,
    ) -> std::result::Result<impl BufRead + use<>, ApiError> {
        let policy = UrlPolicy::for_control_plane(self.base);
        let request = Request {
            method: Method::Get,
            url: format!("{}{path}", self.base),
            bearer: self.key,
            body: Body::Empty,
            policy: &policy,
        };
        let (response, body) = self.http.stream(&request, endless)?;
        match response.status {
            200..300 if response.is_event_stream => Ok(body),
            200..300 => Err(malformed(
                self.base,
                &response,
                "the response is not an event stream",
            )),
            _ => Err(self.status_error(&response, self.key)),
        }
    }

    fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        bearer: Option<&Secret>,
    ) -> std::result::Result<Response, ApiError> {
        let policy = UrlPolicy::for_control_plane(self.base);
        let request = Request {
            method,
            url: format!("{}{path}", self.base),
            bearer,
            body,
            policy: &policy,
        };
        let response = self.http.send(&request)?;
        match response.status {
            200..300 => Ok(response),
            _ => Err(self.status_error(&response, bearer)),
        }
    }

    fn status_error(&self, response: &Response, bearer: Option<&Secret>) -> ApiError {
        let mut error = status_error(self.base, response, bearer.map(|_| self.origin));
        // The server may have repeated the key, in JSON escapes that only decoding reveals.
        if let Some(bearer) = bearer {
            error.message = error.message.replace(bearer.expose(), "****");
        }
        error
    }

    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        response: &Response,
    ) -> std::result::Result<T, ApiError> {
        parse_json(self.base, response)
    }
}

/// Parses the body of a successful response.
pub fn parse_json<T: DeserializeOwned>(
    base: &ApiUrl,
    response: &Response,
) -> std::result::Result<T, ApiError> {
    serde_json::from_slice(&response.body)
        .map_err(|error| malformed(base, response, &json_problem(&error, &response.body)))
}

fn json_problem(error: &serde_json::Error, body: &[u8]) -> String {
    use serde_json::error::Category;
    match error.classify() {
        _ if body.trim_ascii().is_empty() => "the response is empty".to_string(),
        _ if is_html(body) => "the response is an HTML page".to_string(),
        Category::Eof => "the response is truncated".to_string(),
        Category::Data => {
            // serde's text names the field or the type, but also the value, which is not shown.
            let text = error.to_string();
            match text
                .strip_prefix("missing field ")
                .and_then(|rest| rest.split(" at line").next())
            {
                Some(field) => format!(
                    "the response lacks the field {}",
                    sanitize(&field.replace('`', "'"))
                ),
                None => "a field of the response has the wrong type".to_string(),
            }
        }
        Category::Syntax | Category::Io => "the response is not JSON".to_string(),
    }
}

/// The error for a response that no control plane sends.
pub(super) fn malformed(base: &ApiUrl, response: &Response, problem: &str) -> ApiError {
    ApiError::of_response(
        ApiErrorKind::Malformed,
        response.status,
        format!(
            "{base} does not respond like a control plane: {problem}{}",
            request_id(response)
        ),
        "check the URL; `llamactl environments get` lists the stored ones",
    )
}

/// The request's ID for the server's operators, from a header or from the error body.
fn request_id(response: &Response) -> String {
    #[derive(Deserialize)]
    struct Ids {
        #[serde(default)]
        correlation_id: Option<String>,
        #[serde(default)]
        request_id: Option<String>,
    }
    let from_body = || {
        let ids: Ids = serde_json::from_slice(&response.body).ok()?;
        let id = ids.correlation_id.or(ids.request_id)?;
        let id: String = sanitize(id.trim()).chars().take(100).collect();
        (!id.is_empty()).then_some(id)
    };
    match response.request_id.clone().or_else(from_body) {
        Some(id) => format!(" (request {id})"),
        None => String::new(),
    }
}

fn is_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = start[..start.len().min(15)].to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

/// The error for a status other than success.
pub fn status_error(
    base: &ApiUrl,
    response: &Response,
    origin: Option<CredentialOrigin>,
) -> ApiError {
    let status = response.status;
    let error = |kind, message, hint: &str| ApiError::of_response(kind, status, message, hint);
    let is_html = is_html(&response.body);
    let detail = error_detail(&response.body);
    let id = request_id(response);
    let what = match &detail {
        Some(text) => format!(": {text}{id}"),
        None => id.clone(),
    };
    let later = match &response.retry_after {
        Some(after) if after.is_too_long() => format!(
            "try again later; the server sent Retry-After: {}",
            after.text
        ),
        _ => "try again later".to_string(),
    };
    match status {
        // A proxy's page: it tells nothing about the key.
        403 if is_html => error(
            ApiErrorKind::Malformed,
            format!(
                "{base} responded with an HTML page (403), probably from a proxy in between{id}"
            ),
            "check the URL and the proxy settings",
        ),
        401 | 403 => match origin {
            Some(origin) => error(
                ApiErrorKind::Rejected,
                format!("{base} rejected {} ({status}){what}", origin.description()),
                &origin.hint(base, status),
            ),
            None => error(
                ApiErrorKind::Rejected,
                format!("{base} requires an API key ({status}){what}"),
                "sign in: `llamactl auth token` or `llamactl auth login`",
            ),
        },
        // FastAPI's detail for an unknown path; a 404 of a control plane for an unknown resource has another one.
        404 if is_html || detail.as_deref().is_none_or(|text| text == "Not Found") => {
            malformed(base, response, "it has no such endpoint (404)")
        }
        404 => error(
            ApiErrorKind::NotFound,
            format!("not found on {base}{what}"),
            "",
        ),
        408 | 429 => error(
            ApiErrorKind::Unreachable,
            format!("{base} is overloaded ({status}){what}"),
            &later,
        ),
        500.. => error(
            ApiErrorKind::Unreachable,
            format!("server error of {base} ({status}){what}"),
            &format!("{later}, or tell the server's operators"),
        ),
        300..400 => {
            let target = response
                .location
                .as_deref()
                .map_or("nowhere".to_string(), without_query);
            error(
                ApiErrorKind::Malformed,
                format!("{base} redirects to {target} ({status}){id}"),
                "credentials never follow a redirect; if that URL is right, add it with `llamactl environments add`",
            )
        }
        400..500 => error(
            ApiErrorKind::Refused,
            format!("{base} refused the request ({status}){what}"),
            "",
        ),
        _ => malformed(base, response, &format!("the status is {status}")),
    }
}

/// A redirect's target without its query, which may hold a secret.
fn without_query(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    sanitize(&location[..end]).chars().take(200).collect()
}

/// FastAPI's `detail`, as text or as a list of fields and messages.
pub(super) fn error_detail(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        Text(String),
        List(Vec<Item>),
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        loc: Vec<serde_json::Value>,
        #[serde(default)]
        msg: String,
    }
    #[derive(Deserialize)]
    struct ErrorBody {
        detail: Detail,
    }
    if is_html(body) {
        return Some("an HTML page, perhaps from a proxy".to_string());
    }
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    let text = match body.detail {
        Detail::Text(text) => text,
        Detail::List(items) => {
            let line = |item: &Item| {
                let path: Vec<String> = item
                    .loc
                    .iter()
                    .map(|part| {
                        part.as_str()
                            .map_or_else(|| part.to_string(), str::to_string)
                    })
                    .collect();
                format!("{}: {}", path.join("."), item.msg)
            };
            items.iter().map(line).collect::<Vec<_>>().join("; ")
        }
    };
    let text: String = sanitize(&one_line(&text))
        .chars()
        .take(LONGEST_DETAIL)
        .collect();
    (!text.is_empty()).then_some(text)
}

/// Compares two versions number by number. A pre-release counts as its release.
fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.trim()
            .trim_start_matches('v')
            .split('.')
            .map(|part| {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().unwrap_or(0)
            })
            .collect()
    };
    let (mut a, mut b) = (numbers(version), numbers(than));
    let len = a.len().max(b.len());
    a.resize(len, 0);
    b.resize(len, 0);
    a > b
}

pub fn find_project<'p>(projects: &'p [Project], id: &str, base: &ApiUrl) -> Result<&'p Project> {
    projects
        .iter()
        .find(|project| project.project_id == id)
        .ok_or_else(|| {
            Error::failed(format!(
                "no project {} in {base}, or no access to it",
                quoted(id)
            ))
            .hint("`llamactl projects get` lists the projects")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_details_are_shown_in_one_line() {
        for (body, expected) in [
            (
                r#"{"detail":"Invalid\n\u001b[31m key"}"#,
                Some("Invalid \\u{1b}[31m key"),
            ),
            (
                r#"{"detail":[{"loc":["query","project_id"],"msg":"Field required"},{"loc":["body",0],"msg":"x"}]}"#,
                Some("query.project_id: Field required; body.0: x"),
            ),
            (r#"{"detail":{"a":1}}"#, None),
            (r#"{"detail":""}"#, None),
            (
                "\n <!DOCTYPE html><title>",
                Some("an HTML page, perhaps from a proxy"),
            ),
            ("", None),
            ("[]", None),
        ] {
            assert_eq!(error_detail(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        for (version, newer) in [
            ("0.10.4", false),
            ("0.10.5", true),
            ("0.9.99", false),
            ("1", true),
            ("0.10", false),
            ("0.10.4.1", true),
            ("0.11.0rc1", true),
            ("", false),
            ("latest", false),
        ] {
            assert_eq!(is_newer(version, "0.10.4"), newer, "{version}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_error_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = error_detail(&body);
        }
    }
}
