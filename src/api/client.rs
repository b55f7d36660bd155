//! The control plane's endpoints, typed, and what its refusals mean.
//!
//! What comes back is checked for its form here; what is printed of it is made harmless where it is printed.

use std::io::BufRead;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ApiError, ApiErrorKind};
use crate::COMPATIBLE_WITH;
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Method, Request, Response};
use crate::sanitize::{one_line, sanitize};
use crate::secret::Secret;
use crate::url::{ApiUrl, UrlPolicy, encode};

pub(super) const DEPLOYMENTS: &str = "/api/v1beta1/deployments";

/// What a server says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Version {
    /// Its own version.
    pub version: String,
    /// Whether it wants a key.
    #[serde(default)]
    pub requires_auth: bool,
    /// The oldest client that it wants, in the Python tool's versions.
    #[serde(default)]
    pub min_llamactl_version: Option<String>,
    /// What it can do beyond the oldest servers.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

impl Version {
    /// Whether the server asks for a newer client than the one that this one stands in for.
    pub fn asks_for_newer_client(&self) -> bool {
        let wanted = self.min_llamactl_version.as_deref();
        wanted.is_some_and(|wanted| is_newer(wanted, COMPATIBLE_WITH))
    }

    /// That it does, in words.
    pub fn client_warning(&self) -> String {
        let wanted = sanitize(self.min_llamactl_version.as_deref().unwrap_or_default());
        format!(
            "the server asks for llamactl {wanted} or newer; this one does what {COMPATIBLE_WITH} does"
        )
    }
}

/// A project.
#[derive(Clone, Debug, Deserialize)]
pub struct Project {
    /// Its id.
    pub project_id: String,
    #[serde(default, rename = "project_name")]
    name: Option<String>,
    /// How many deployments it has.
    #[serde(default)]
    pub deployment_count: i64,
    /// The organization that it is in; none where the server has no organizations.
    #[serde(default)]
    pub org_id: Option<String>,
}

impl Project {
    /// Its name, or else its id.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.project_id)
    }

    /// Its organization; servers without organizations use `default`.
    pub fn org_id(&self) -> &str {
        self.org_id.as_deref().unwrap_or("default")
    }
}

/// An organization.
#[derive(Clone, Debug, Deserialize)]
pub struct Organization {
    /// Its id.
    pub org_id: String,
    /// Its name.
    pub org_name: String,
    /// Whether it is the user's default.
    #[serde(default)]
    pub is_default: bool,
}

/// CredentialOrigin a key is, for messages: what it is called, and what to do where it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialOrigin<'a> {
    /// A stored profile's, by its name.
    Profile(&'a str),
    /// That of a variable, by its name.
    Variable(&'static str),
    /// A stored profile's access token, by its name.
    Login(&'a str),
    /// The access token of a login that is going on.
    NewLogin,
    /// The one just given.
    Provided,
}

impl CredentialOrigin<'_> {
    /// What it is called.
    pub fn key(self) -> String {
        match self {
            CredentialOrigin::Profile(name) => {
                format!("the API key of the profile '{}'", sanitize(name))
            }
            CredentialOrigin::Variable(name) => format!("the API key in {name}"),
            CredentialOrigin::Login(name) => {
                format!("the login of the profile '{}'", sanitize(name))
            }
            CredentialOrigin::NewLogin => "this login".to_string(),
            CredentialOrigin::Provided => "the API key".to_string(),
        }
    }

    fn remedy(self) -> String {
        match self {
            CredentialOrigin::Variable(name) => {
                format!("set {name} to a valid key, or unset it to use a profile")
            }
            CredentialOrigin::Login(_) | CredentialOrigin::NewLogin => {
                "log in again: `llamactl auth login`".to_string()
            }
            CredentialOrigin::Profile(_) | CredentialOrigin::Provided => {
                "sign in with a valid key: `llamactl auth token`".to_string()
            }
        }
    }
}

/// A control plane, spoken to with a key or without.
#[derive(Debug)]
pub struct Api<'a> {
    pub(super) http: &'a mut Http,
    pub(super) base: &'a ApiUrl,
    key: Option<&'a Secret>,
    whose: CredentialOrigin<'a>,
}

impl<'a> Api<'a> {
    /// Speaks to a control plane with a key; `whose` says in messages whose it is.
    pub fn new(
        http: &'a mut Http,
        base: &'a ApiUrl,
        key: Option<&'a Secret>,
        whose: CredentialOrigin<'a>,
    ) -> Self {
        Api {
            http,
            base,
            key,
            whose,
        }
    }

    /// Speaks to a control plane without a key.
    pub fn without_key(http: &'a mut Http, base: &'a ApiUrl) -> Self {
        Api::new(http, base, None, CredentialOrigin::Provided)
    }

    /// `GET …/deployments-public/version`: what the server says of itself, and the base address that said so, which is
    /// another one where the server redirects.
    ///
    /// # Errors
    /// The server gave nothing of use.
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

    /// `GET …/deployments/list-projects`: the projects of one organization or of all.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn projects(&mut self, org: Option<&str>) -> std::result::Result<Vec<Project>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            projects: Vec<Project>,
        }
        let query = org.map_or(String::new(), |org| format!("?org_id={}", encode(org)));
        let answer = self.get::<Answer>(&format!("{DEPLOYMENTS}/list-projects{query}"));
        let answer = answer.map_err(|mut trouble| {
            // Every control plane has this list: only an organization can be unknown to it.
            if trouble.why == ApiErrorKind::NotFound && org.is_none() {
                trouble.why = ApiErrorKind::Nonsense;
                trouble.error.kind = Kind::NoAnswer;
            }
            trouble
        })?;
        Ok(answer.projects)
    }

    /// `GET …/deployments/organizations`: none where the server has no organizations.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn organizations(&mut self) -> std::result::Result<Option<Vec<Organization>>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            organizations: Vec<Organization>,
        }
        match self.get::<Answer>(&format!("{DEPLOYMENTS}/organizations")) {
            Ok(answer) => Ok(Some(answer.organizations)),
            // A server without the endpoint takes the word for the id of a deployment, and answers so or so.
            Err(trouble)
                if matches!(
                    trouble.why,
                    ApiErrorKind::NotFound | ApiErrorKind::Refused | ApiErrorKind::Nonsense
                ) =>
            {
                let (version, _) = self.version().map_err(|_| trouble.clone())?;
                match version
                    .capabilities
                    .iter()
                    .any(|name| name == "organizations")
                {
                    true => Err(trouble),
                    false => Ok(None),
                }
            }
            Err(trouble) => Err(trouble),
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

    /// Whether the server may have acted on the last request without saying so.
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
            200..300 => Err(ApiError {
                why: ApiErrorKind::Nonsense,
                answer: Ok(response.status),
                error: nonsense(self.base, "its answer is no stream of events", &response),
            }),
            _ => Err(refusal(self.base, &response, self.key.map(|_| self.whose))),
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
            _ => Err(refusal(self.base, &response, bearer.map(|_| self.whose))),
        }
    }

    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        response: &Response,
    ) -> std::result::Result<T, ApiError> {
        read(self.base, response)
    }
}

/// Reads the JSON of an answer.
///
/// # Errors
/// `Nonsense`: it is not what it should be.
pub fn read<T: DeserializeOwned>(
    base: &ApiUrl,
    response: &Response,
) -> std::result::Result<T, ApiError> {
    serde_json::from_slice(&response.body).map_err(|error| ApiError {
        why: ApiErrorKind::Nonsense,
        answer: Ok(response.status),
        error: nonsense(base, &what_is_wrong(&error, &response.body), response),
    })
}

fn what_is_wrong(error: &serde_json::Error, body: &[u8]) -> String {
    use serde_json::error::Category;
    match error.classify() {
        _ if body.trim_ascii().is_empty() => "its answer is empty".to_string(),
        _ if looks_like_html(body) => "it answered with an HTML page".to_string(),
        Category::Eof => "its answer is cut off".to_string(),
        Category::Data => {
            // serde names the field or the type; the value it saw stays out.
            let text = error.to_string();
            match text
                .strip_prefix("missing field ")
                .and_then(|rest| rest.split(" at line").next())
            {
                Some(field) => format!(
                    "its answer lacks the field {}",
                    sanitize(&field.replace('`', "'"))
                ),
                None => "a field of its answer has the wrong type".to_string(),
            }
        }
        Category::Syntax | Category::Io => "its answer is not JSON".to_string(),
    }
}

pub(super) fn nonsense(base: &ApiUrl, what: &str, response: &Response) -> Error {
    Error::no_answer(format!(
        "{base} does not answer as a control plane: {what}{}",
        named(response)
    ))
    .hint("check the address; `llamactl environments get` lists the stored ones")
}

/// The request's name on the server, for its operators.
fn named(response: &Response) -> String {
    match &response.request_id {
        Some(id) => format!(" (request {id})"),
        None => String::new(),
    }
}

fn looks_like_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = &start[..start.len().min(15)];
    start.to_ascii_lowercase().starts_with(b"<!doctype html")
        || start.to_ascii_lowercase().starts_with(b"<html")
}

/// A status other than success, in words.
pub fn refusal(base: &ApiUrl, response: &Response, whose: Option<CredentialOrigin>) -> ApiError {
    let status = response.status;
    let detail = detail(&response.body);
    let is_page = looks_like_html(&response.body);
    let said = detail
        .as_ref()
        .map_or(String::new(), |text| format!(": {text}"));
    let id = named(response);
    let later = match &response.retry_after {
        Some(after) if after.is_too_long() => {
            format!(
                "try again later; the server sent Retry-After: {}",
                after.text
            )
        }
        _ => "try again later".to_string(),
    };
    let (why, error) = match status {
        // A control plane sends JSON.
        403 if is_page => (
            ApiErrorKind::Nonsense,
            Error::no_answer(format!(
                "{base} responded with an HTML page (403), probably from a proxy in between{id}"
            ))
            .hint("check the URL and the proxy settings"),
        ),
        401 | 403 => (ApiErrorKind::Rejected, {
            let said = match whose {
                Some(whose) => format!("rejected {} ({status}){said}{id}", whose.key()),
                None => format!("asks for an API key ({status}){said}{id}"),
            };
            Error::auth(format!("{base} {said}"))
                .hint(whose.unwrap_or(CredentialOrigin::Provided).remedy())
        }),
        // What FastAPI says of a path that it does not have; whatever else comes without a detail is no control plane.
        404 if is_page || detail.as_deref().is_none_or(|text| text == "Not Found") => (
            ApiErrorKind::Nonsense,
            nonsense(base, "it has no such endpoint (404)", response),
        ),
        404 => (
            ApiErrorKind::NotFound,
            Error::failed(format!("{base} found nothing{said}{id}")),
        ),
        408 | 429 => (
            ApiErrorKind::OutOfReach,
            Error::no_answer(format!("{base} is overloaded ({status}){said}{id}")).hint(later),
        ),
        500.. => (
            ApiErrorKind::OutOfReach,
            Error::no_answer(format!("{base} is in trouble ({status}){said}{id}"))
                .hint(format!("{later}, or tell the people who run it")),
        ),
        300..400 => (ApiErrorKind::Nonsense, {
            let target = response
                .location
                .as_deref()
                .map_or("nowhere".to_string(), origin_of);
            Error::no_answer(format!("{base} redirects to {target} ({status}){id}"))
                .hint("credentials never follow a redirect; if that address is right, add it with `llamactl environments add`")
        }),
        400..500 => (
            ApiErrorKind::Refused,
            Error::failed(format!("{base} refused the request ({status}){said}{id}")),
        ),
        _ => (
            ApiErrorKind::Nonsense,
            nonsense(base, &format!("its status is {status}"), response),
        ),
    };
    ApiError {
        why,
        answer: Ok(status),
        error,
    }
}

/// A redirect's target without what may be a secret in its query.
fn origin_of(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    sanitize(&location[..end]).chars().take(200).collect()
}

/// What an error body says: FastAPI's `detail`, as text or as a list of what is wrong with which field.
pub(super) fn detail(body: &[u8]) -> Option<String> {
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
    struct Answer {
        detail: Detail,
    }
    if looks_like_html(body) {
        return Some("an HTML page, perhaps from a proxy in between".to_string());
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let text = match answer.detail {
        Detail::Text(text) => text,
        Detail::List(items) => {
            let line = |item: &Item| {
                let place: Vec<String> = item
                    .loc
                    .iter()
                    .map(|part| {
                        part.as_str()
                            .map_or_else(|| part.to_string(), str::to_string)
                    })
                    .collect();
                format!("{}: {}", place.join("."), item.msg)
            };
            items.iter().map(line).collect::<Vec<_>>().join("; ")
        }
    };
    let text: String = sanitize(&one_line(&text)).chars().take(300).collect();
    (!text.is_empty()).then_some(text)
}

/// Whether one version is newer than another, number by number; a pre-release counts as the release it leads to.
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

/// The project with that id.
///
/// # Errors
/// Failed, where it is not among them.
pub fn find_project<'p>(projects: &'p [Project], id: &str, base: &ApiUrl) -> Result<&'p Project> {
    projects
        .iter()
        .find(|project| project.project_id == id)
        .ok_or_else(|| {
            Error::failed(format!(
                "the project {} is not among those of {base} that can be seen",
                sanitize(id)
            ))
            .hint("`llamactl projects get` lists them")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_become_words() {
        for (body, said) in [
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
                Some("an HTML page, perhaps from a proxy in between"),
            ),
            ("", None),
            ("[]", None),
        ] {
            assert_eq!(detail(body.as_bytes()).as_deref(), said, "{body}");
        }
    }

    #[test]
    fn versions() {
        for (version, newer) in [
            ("0.10.4", false),
            ("0.10.5", true),
            ("0.9.99", false),
            ("1", true),
            ("0.10", false),
            ("0.10.4.1", true),
            ("0.11.0rc1", true),
            ("", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_newer(version, "0.10.4"), newer, "{version}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_error_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = detail(&body);
        }
    }
}
