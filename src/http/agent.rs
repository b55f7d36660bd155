//! Sends one request: through the right proxy, believing the right certificates, within the time a command has, again
//! where that is safe, and reads an answer of bounded size.
//!
//! It knows nothing of what is asked or answered.

use std::io::{BufRead, BufReader, Read as _};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use ureq::http as wire;
use ureq::tls::RootCerts;

use super::error::{TransportError, TransportErrorKind, explain, fail};
use super::proxy::{Proxy, Settings};
use super::tls;
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::url::is_cleartext;
use crate::url::{form, join, origin};
use crate::vars::{self, Vars};

/// For one connection.
const CONNECT: Duration = Duration::from_secs(10);
/// For one request, its answer's body included.
const REQUEST: Duration = Duration::from_secs(30);
/// For all requests of a command together.
const COMMAND: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 8 * 1024 * 1024;
const TRIES: u32 = 3;
/// The longest `Retry-After` that is waited for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);
const REDIRECTS: u32 = 3;
/// Fields of a form that show who asks.
const SECRET_FIELDS: [&str; 3] = ["device_code", "refresh_token", "token"];
/// What is shorter is no secret worth the name, and may be a part of any text.
const SHORTEST_SECRET: usize = 8;
/// What an answer is wanted as.
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads it.
    Get,
    /// Sends something to it; never repeated once it may have arrived.
    Post,
    /// Changes it; sent once, never repeated.
    Patch,
    /// Deletes it.
    Delete,
}

/// What is sent along.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// `application/json`, as it stands.
    Json(String),
    /// `application/x-www-form-urlencoded`.
    Form(&'a [(&'a str, &'a str)]),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<&'a Secret>,
    /// What is sent along.
    pub body: Body<'a>,
}

impl Request<'_> {
    /// Takes what shows who asks out of what an error is made of: some servers repeat it there.
    fn hide_secrets(&self, said: &mut Vec<u8>) {
        let bearer = self.bearer.map(Secret::expose);
        let fields = match self.body {
            Body::Form(fields) => fields,
            _ => &[],
        };
        let of_form = fields
            .iter()
            .filter(|(name, _)| SECRET_FIELDS.contains(name))
            .map(|(_, value)| *value);
        for secret in bearer.into_iter().chain(of_form) {
            hide(secret.as_bytes(), said);
        }
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, at most 8 MiB of it.
    pub body: Vec<u8>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// What the server calls this request, for its operators.
    pub request_id: Option<String>,
    /// Where the answer came from, after redirects.
    pub url: String,
    /// Whether it says that its body is server-sent events, as they are.
    pub is_event_stream: bool,
    /// How long the server asks us to wait before the next try.
    pub retry_after: Option<Duration>,
}

#[cfg(test)]
impl Response {
    /// An answer that nobody sent.
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

/// Through which proxy, and whether certificates are needed: they are costly to load.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    proxy: Option<Proxy>,
    secure: bool,
}

/// What the time of a request covers.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// All of it.
    Whole(Duration),
    /// All but the answer's body.
    Head(Duration),
}

impl Limit {
    fn on<S: ureq::AsSendBody>(
        self,
        agent: &ureq::Agent,
        request: wire::Request<S>,
    ) -> wire::Request<S> {
        let config = agent.configure_request(request);
        match self {
            Limit::Whole(time) => config.timeout_global(Some(time)).build(),
            Limit::Head(time) => config.timeout_recv_response(Some(time)).build(),
        }
    }
}

/// The way to servers; nothing of it is set up before the first request.
#[derive(Debug)]
pub struct Http {
    vars: Vars,
    native_tls: bool,
    verbose: bool,
    settings: Option<Settings>,
    /// One agent for each way to a server, so that its connections are used again.
    agents: Vec<(Way, ureq::Agent)>,
    deadline: Option<Instant>,
    attempts: u32,
    answer_lost: bool,
    /// The one warning that credentials travel in the open.
    warning: Once,
}

impl Http {
    /// Opens nothing and reads nothing.
    pub fn new(vars: Vars, native_tls: bool, verbose: bool) -> Http {
        Http {
            vars,
            native_tls,
            verbose,
            settings: None,
            agents: Vec::new(),
            deadline: None,
            attempts: TRIES,
            answer_lost: false,
            warning: Once::new(),
        }
    }

    /// Whether the server may have acted on a try of the last request without saying so: the connection broke, time ran
    /// out or something in between answered in its place.
    pub fn answer_lost(&self) -> bool {
        self.answer_lost
    }

    /// For a command that polls: from now on a request is sent once, and all requests until the next call get `time`.
    pub fn poll_within(&mut self, time: Duration) {
        self.attempts = 1;
        self.deadline = Some(Instant::now() + time);
    }

    /// Starts the command's time again, after a wait that was the user's.
    pub fn reset_deadline(&mut self) {
        self.deadline = None;
    }

    /// Sends a request and reads the answer, whatever its status. GET and DELETE are tried three times where the
    /// connection fails or the server is overloaded, POST only where it can't have arrived. A redirect is followed only
    /// by a GET without credentials.
    ///
    /// # Errors
    /// There is no answer.
    pub fn send(&mut self, request: &Request) -> std::result::Result<Response, TransportError> {
        let mut request = request.clone();
        for _ in 0..REDIRECTS {
            let response = self.send_with_retries(&request)?;
            let follows = request.method == Method::Get && request.bearer.is_none();
            let (true, 301 | 302 | 303 | 307 | 308, Some(location)) =
                (follows, response.status, response.location.as_deref())
            else {
                return Ok(response);
            };
            let target = join(&request.url, location);
            match target {
                Some(target)
                    if !(request.url.starts_with("https://") && target.starts_with("http://")) =>
                {
                    request.url = target;
                }
                _ => return Ok(response),
            }
        }
        self.send_with_retries(&request)
    }

    fn send_with_retries(
        &mut self,
        request: &Request,
    ) -> std::result::Result<Response, TransportError> {
        self.with_retries(request, Http::exchange, |response| response)
    }

    /// Sends once with `send`, and again where that is safe; `head` is what decides it.
    fn with_retries<T>(
        &mut self,
        request: &Request,
        send: impl Fn(&mut Http, &Request) -> std::result::Result<T, TransportError>,
        head: impl Fn(&T) -> &Response,
    ) -> std::result::Result<T, TransportError> {
        let mut pause = Duration::from_millis(250);
        let mut attempt = 1;
        self.answer_lost = false;
        loop {
            let started = Instant::now();
            let outcome = send(self, request);
            let seen = outcome.as_ref().map(&head);
            self.report(request, seen, started);
            self.answer_lost |= match seen {
                Err(failure) => !matches!(
                    failure.cause,
                    TransportErrorKind::Setup | TransportErrorKind::NoConnection
                ),
                Ok(response) => matches!(response.status, 502..=504),
            };
            let again = match seen {
                _ if attempt >= self.attempts || request.method == Method::Patch => None,
                Err(failure) if failure.lasts => None,
                Err(failure) => match (failure.cause, request.method) {
                    (TransportErrorKind::NoConnection, _)
                    | (TransportErrorKind::Broken, Method::Get | Method::Delete) => Some(pause),
                    _ => None,
                },
                Ok(response) => match (response.status, request.method) {
                    (429 | 502 | 503 | 504, Method::Get | Method::Delete) => {
                        let wait = response.retry_after.unwrap_or(pause);
                        (wait <= LONGEST_RETRY_AFTER).then_some(wait)
                    }
                    _ => None,
                },
            };
            match again {
                Some(wait) if wait < self.time_left() => std::thread::sleep(wait),
                _ => return outcome,
            }
            pause *= 3;
            attempt += 1;
        }
    }

    fn time_left(&mut self) -> Duration {
        let deadline = self
            .deadline
            .get_or_insert_with(|| Instant::now() + COMMAND);
        deadline.saturating_duration_since(Instant::now())
    }

    /// One line for `--verbose`: no header, no body.
    fn report(
        &self,
        request: &Request,
        outcome: std::result::Result<&Response, &TransportError>,
        started: Instant,
    ) {
        if !self.verbose {
            return;
        }
        let name = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        let end = match outcome {
            Ok(response) => response.status.to_string(),
            Err(failure) => match failure.cause {
                TransportErrorKind::Setup => "not sent",
                TransportErrorKind::NoConnection => "no connection",
                TransportErrorKind::Broken => "connection broke",
                TransportErrorKind::TimedOut => "timed out",
                TransportErrorKind::Garbled => "garbled",
            }
            .to_string(),
        };
        let took = started.elapsed().as_millis();
        crate::term::prompt::say(&format!(
            "{name} {} -> {end} in {took} ms",
            sanitize(&request.url)
        ));
    }

    fn exchange(&mut self, request: &Request) -> std::result::Result<Response, TransportError> {
        let time = self.time_for(request)?;
        let (mut response, body, proxy) = self.begin(request, Limit::Whole(time), JSON)?;
        let read = body.into_with_config().limit(LONGEST_ANSWER).read_to_vec();
        response.body =
            read.map_err(|error| explain(&error, &request.url, proxy.as_ref(), time))?;
        if !(200..300).contains(&response.status) {
            request.hide_secrets(&mut response.body);
        }
        Ok(response)
    }

    /// What a request may take now.
    fn time_for(&mut self, request: &Request) -> std::result::Result<Duration, TransportError> {
        let time = REQUEST.min(self.time_left());
        if time.is_zero() {
            return Err(fail(
                TransportErrorKind::TimedOut,
                format!("{} did not answer within a minute", origin(&request.url)),
                "try again later",
            ));
        }
        Ok(time)
    }

    /// Sends a request for server-sent events and hands the answer's body over as it comes, without a limit in size;
    /// `endless`: nor in time. Where the status is not a success, the body is read as by [`Http::send`].
    ///
    /// # Errors
    /// There is no answer.
    pub fn stream(
        &mut self,
        request: &Request,
        endless: bool,
    ) -> std::result::Result<(Response, impl BufRead + use<>), TransportError> {
        let open = |http: &mut Http, request: &Request| {
            let time = http.time_for(request)?;
            let limit = match endless {
                true => Limit::Head(time),
                false => Limit::Whole(time),
            };
            let (mut response, body, proxy) = http.begin(request, limit, EVENTS)?;
            let mut reader = BufReader::new(body.into_reader());
            if !(200..300).contains(&response.status) {
                let read = (&mut reader)
                    .take(LONGEST_ANSWER)
                    .read_to_end(&mut response.body);
                read.map_err(|e| explain(&e.into(), &request.url, proxy.as_ref(), time))?;
                request.hide_secrets(&mut response.body);
            }
            Ok((response, reader))
        };
        self.with_retries(request, open, |(response, _)| response)
    }

    /// Sends a request once; the body is yet to be read.
    fn begin(
        &mut self,
        request: &Request,
        limit: Limit,
        accept: &str,
    ) -> std::result::Result<(Response, ureq::Body, Option<Proxy>), TransportError> {
        let (proxy, agent) = self.agent(&request.url).map_err(|error| TransportError {
            cause: TransportErrorKind::Setup,
            lasts: true,
            error,
        })?;
        let mut builder = wire::Request::builder()
            .uri(&request.url)
            .method(match request.method {
                Method::Get => wire::Method::GET,
                Method::Post => wire::Method::POST,
                Method::Patch => wire::Method::PATCH,
                Method::Delete => wire::Method::DELETE,
            })
            .header("Accept", accept);
        if let Some(bearer) = request.bearer {
            builder = builder.header("Authorization", format!("Bearer {}", bearer.expose()));
        }
        let (kind, body) = match &request.body {
            Body::Empty => (None, String::new()),
            Body::Json(text) => (Some("application/json"), text.clone()),
            Body::Form(fields) => (Some("application/x-www-form-urlencoded"), form(fields)),
        };
        if let Some(kind) = kind {
            builder = builder.header("Content-Type", kind);
        }
        let unsendable = |_| {
            fail(
                TransportErrorKind::Setup,
                format!(
                    "a request to {} can't be put together",
                    origin(&request.url)
                ),
                "the API key or the address holds characters that HTTP does not carry",
            )
        };
        if request.bearer.is_some() && is_cleartext(&request.url) {
            self.warning.call_once(|| {
                crate::term::prompt::warn(&format!(
                    "credentials go to {} unencrypted; use https if the server has it",
                    origin(&request.url)
                ));
            });
        }
        let (Limit::Whole(time) | Limit::Head(time)) = limit;
        let answer = if body.is_empty() && !matches!(request.method, Method::Post | Method::Patch) {
            agent.run(limit.on(&agent, builder.body(()).map_err(unsendable)?))
        } else {
            agent.run(limit.on(&agent, builder.body(body).map_err(unsendable)?))
        };
        let answer = answer.map_err(|error| explain(&error, &request.url, proxy.as_ref(), time))?;
        let header = |name: &str| {
            let mut value = answer.headers().get(name)?.as_bytes().to_vec();
            request.hide_secrets(&mut value);
            let value = sanitize(std::str::from_utf8(&value).ok()?);
            Some(value.chars().take(500).collect::<String>())
        };
        let kind = header("content-type").unwrap_or_default();
        let is_event_stream = kind.trim().to_ascii_lowercase().starts_with(EVENTS)
            && header("content-encoding").is_none_or(|coding| coding == "identity");
        let response = Response {
            status: answer.status().as_u16(),
            body: Vec::new(),
            location: header("location"),
            request_id: header("x-request-id").or_else(|| header("x-correlation-id")),
            url: request.url.clone(),
            is_event_stream,
            retry_after: header("retry-after")
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        };
        Ok((response, answer.into_body(), proxy))
    }

    fn agent(&mut self, url: &str) -> Result<(Option<Proxy>, ureq::Agent)> {
        if self.settings.is_none() {
            self.settings = Some(Settings::read(self.vars)?);
        }
        let proxy = match &self.settings {
            Some(settings) => settings.choose(url)?,
            None => None,
        };
        let secure = url.starts_with("https://")
            || proxy
                .as_ref()
                .is_some_and(|p| p.url.starts_with("https://"));
        let way = Way { proxy, secure };
        if let Some((_, agent)) = self.agents.iter().find(|(known, _)| *known == way) {
            return Ok((way.proxy, agent.clone()));
        }
        let roots = match secure {
            true => tls::roots(
                self.vars,
                self.native_tls || self.vars.bool(vars::NATIVE_TLS)?,
            )?,
            false => RootCerts::new_with_certs(&[]),
        };
        let ureq_proxy = match &way.proxy {
            Some(proxy) => Some(ureq::Proxy::new(&proxy.url).map_err(|_| {
                Error::no_answer(format!("the proxy in {} can't be understood", proxy.source)).hint(
                    format!("set {} to http://HOST:PORT, or unset it", proxy.source),
                )
            })?),
            None => None,
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("llamactl/", env!("CARGO_PKG_VERSION")))
            .proxy(ureq_proxy)
            .tls_config(
                ureq::tls::TlsConfig::builder()
                    .unversioned_rustls_crypto_provider(Arc::new(tls::cryptography()))
                    .root_certs(roots)
                    .build(),
            )
            .build()
            .new_agent();
        self.agents.push((way.clone(), agent.clone()));
        Ok((way.proxy, agent))
    }
}

/// Puts stars in the place of a secret.
fn hide(secret: &[u8], text: &mut Vec<u8>) {
    if secret.len() < SHORTEST_SECRET {
        return;
    }
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(at) = rest.windows(secret.len()).position(|part| part == secret) {
        kept.extend_from_slice(&rest[..at]);
        kept.extend_from_slice(b"****");
        rest = &rest[at + secret.len()..];
    }
    kept.extend_from_slice(rest);
    *text = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden() {
        for (text, shown) in [
            ("", ""),
            ("12345678", "****"),
            ("a 12345678123456781234567", "a ********1234567"),
            ("1234567", "1234567"),
        ] {
            let mut text = text.as_bytes().to_vec();
            hide(b"12345678", &mut text);
            hide(b"a", &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), shown);
        }
    }
}
