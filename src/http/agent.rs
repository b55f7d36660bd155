//! Sends a request: through the right proxy, with the certificates that are trusted for it, within the time limits,
//! again if that is safe, following redirects if that is allowed; and reads a response of bounded size.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::http;

use super::error::{Detail, Hop, TransportError, TransportErrorKind, while_reading};
use super::proxy::{Proxy, Settings};
use super::request::{Body, Method, Request, Response, RetryAfter};
use super::{connect, tls};
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::url::{ApiUrl, UrlError, form, is_cleartext, is_https, join, origin};
use crate::vars::{self, Vars};

type Outcome<T> = std::result::Result<T, TransportError>;

/// Limit for the lookup of a name, and for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Limit for one request, including the body of its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Limit for all requests of a command together.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest response that is read, in bytes.
const MAX_RESPONSE: u64 = 8 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 3;
const MAX_REDIRECTS: u32 = 3;
const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// Where [`Http`] reports what the user should see while a request is under way. It never prints itself.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    /// Warnings that must precede the request, because the request may be interrupted.
    pub warn: fn(&str),
    /// One line for each request (`--verbose`): no header, no body.
    pub trace: Option<fn(&str)>,
}

/// The CA file that is stored for a control plane, looked up when TLS is first needed.
pub type CaFileOf = fn(Vars, &ApiUrl) -> Option<PathBuf>;

/// What an agent's connections have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    proxy: Option<Proxy>,
    /// Whether TLS is used: certificates are costly to load.
    secure: bool,
    ca_file: Option<PathBuf>,
}

/// Sends requests. Reads no setting and opens no connection before the first one.
#[derive(Debug)]
pub struct Http {
    vars: Vars,
    native_tls: bool,
    reporter: Reporter,
    ca_file_of: CaFileOf,
    /// CA files that are not stored (yet).
    ca_files: Vec<(ApiUrl, Option<PathBuf>)>,
    settings: Option<Settings>,
    /// One agent for each route, so that its connections are used again.
    agents: Vec<(Route, ureq::Agent)>,
    deadline: Option<Instant>,
    max_attempts: u32,
    response_lost: bool,
    warned_of_cleartext: bool,
}

impl Http {
    pub fn new(vars: Vars, native_tls: bool, reporter: Reporter, ca_file_of: CaFileOf) -> Http {
        Http {
            vars,
            native_tls,
            reporter,
            ca_file_of,
            ca_files: Vec::new(),
            settings: None,
            agents: Vec::new(),
            deadline: None,
            max_attempts: MAX_ATTEMPTS,
            response_lost: false,
            warned_of_cleartext: false,
        }
    }

    /// Trusts the certificates in this file, too, for requests on behalf of a control plane; `None`: no stored file
    /// either.
    pub fn set_ca_file(&mut self, control_plane: &ApiUrl, ca_file: Option<PathBuf>) {
        self.ca_files.retain(|(url, _)| url != control_plane);
        self.ca_files.push((control_plane.clone(), ca_file));
    }

    /// Whether the server may have acted on an attempt of the last request although no response of its own arrived: the
    /// connection broke, the time was up, or a gateway responded in its place.
    pub fn response_lost(&self) -> bool {
        self.response_lost
    }

    /// For a command that polls: from now on each request is sent once, and all requests until the next call of this
    /// function have `time`.
    pub fn poll_within(&mut self, time: Duration) {
        self.max_attempts = 1;
        self.deadline = Some(Instant::now() + time);
    }

    /// Restarts the command's time limit, after a wait for the user.
    pub fn reset_deadline(&mut self) {
        self.deadline = None;
    }

    /// Sends a request and reads the response, whatever its status.
    ///
    /// GET and DELETE are attempted three times if the connection fails or the server is overloaded, POST only if it
    /// cannot have reached the server, PATCH once. Redirects are followed only by a GET without credentials.
    pub fn send(&mut self, request: &Request) -> Outcome<Response> {
        let mut request = checked(request)?;
        for _ in 0..MAX_REDIRECTS {
            let response = self.with_retries(&request, Http::exchange, |response| response)?;
            match redirect_target(&request, &response)? {
                Some(target) => request.url = target,
                None => return Ok(response),
            }
        }
        self.with_retries(&request, Http::exchange, |response| response)
    }

    /// Sends a request for server-sent events and returns the response's body as it arrives, unlimited in size; if
    /// `endless`, in time too. If the status is not a success, the body is read as by [`Http::send`].
    pub fn stream(
        &mut self,
        request: &Request,
        endless: bool,
    ) -> Outcome<(Response, impl BufRead + use<>)> {
        let request = checked(request)?;
        let open = |http: &mut Http, request: &Request| {
            let exchange = http.begin(request, EVENT_STREAM, endless)?;
            let is_success = (200..300).contains(&exchange.response.status);
            match is_success {
                true => Ok(exchange.into_stream(endless)),
                false => {
                    let response = exchange.read_body(request)?;
                    Ok((response, BufReader::new(Stream::empty())))
                }
            }
        };
        self.with_retries(&request, open, |(response, _)| response)
    }

    /// Sends with `send` until the outcome is final; `head` finds the response in it.
    fn with_retries<T>(
        &mut self,
        request: &Request,
        send: impl Fn(&mut Http, &Request) -> Outcome<T>,
        head: impl Fn(&T) -> &Response,
    ) -> Outcome<T> {
        let mut pause = Duration::from_millis(250);
        let mut attempt = 1;
        self.response_lost = false;
        loop {
            let started = Instant::now();
            let outcome = send(self, request);
            let result = outcome.as_ref().map(&head);
            self.trace(request, result, started);
            if result.is_err_and(|error| error.kind == TransportErrorKind::TimedOut) {
                // Agents that a watchdog shut down are of no further use.
                self.agents.clear();
            }
            self.response_lost |= match result {
                Err(error) => !matches!(
                    error.kind,
                    TransportErrorKind::Setup | TransportErrorKind::NoConnection
                ),
                Ok(response) => matches!(response.status, 502..=504),
            };
            match retry_wait(request.method, result, pause) {
                Some(wait) if attempt < self.max_attempts && wait < self.time_left() => {
                    thread::sleep(wait);
                }
                _ => return outcome,
            }
            pause *= 3;
            attempt += 1;
        }
    }

    fn time_left(&mut self) -> Duration {
        let deadline = self
            .deadline
            .get_or_insert_with(|| Instant::now() + COMMAND_TIMEOUT);
        deadline.saturating_duration_since(Instant::now())
    }

    fn trace(
        &self,
        request: &Request,
        outcome: std::result::Result<&Response, &TransportError>,
        started: Instant,
    ) {
        let Some(trace) = self.reporter.trace else {
            return;
        };
        let end = match outcome {
            Ok(response) => response.status.to_string(),
            Err(error) => match error.kind {
                TransportErrorKind::Setup => "not sent",
                TransportErrorKind::NoConnection => "no connection",
                TransportErrorKind::ConnectionLost => "connection lost",
                TransportErrorKind::TimedOut => "timed out",
                TransportErrorKind::Malformed => "malformed response",
            }
            .to_string(),
        };
        trace(&format!(
            "{} {} -> {end} in {} ms",
            request.method.name(),
            sanitize(&request.url),
            started.elapsed().as_millis()
        ));
    }

    fn exchange(&mut self, request: &Request) -> Outcome<Response> {
        self.begin(request, JSON, false)?.read_body(request)
    }

    /// Sends a request once and reads the head of its response.
    fn begin(&mut self, request: &Request, accept: &str, endless: bool) -> Outcome<Exchange> {
        let time = REQUEST_TIMEOUT.min(self.time_left());
        if time.is_zero() {
            return Err(Hop::new(&request.url, None).timed_out(Detail::CommandTimeout));
        }
        let (agent, proxy) = self
            .agent(request)
            .map_err(|error| Hop::new(&request.url, None).setup(Detail::Settings(error)))?;
        let hop = Hop::new(&request.url, proxy.as_ref());
        let unsendable = |_| hop.clone().setup(Detail::Unsendable);
        let (builder, body) = build(request, accept);
        if request.bearer.is_some() && is_cleartext(&request.url) && !self.warned_of_cleartext {
            self.warned_of_cleartext = true;
            (self.reporter.warn)(&format!(
                "credentials go to {} unencrypted; use https if the server has it",
                origin(&request.url)
            ));
        }
        let watchdog = Watchdog::start(&agent, time);
        let result = match body {
            Some(body) => {
                let request = builder.body(body).map_err(unsendable)?;
                agent.run(limited(&agent, request, time, endless))
            }
            None => {
                let request = builder.body(()).map_err(unsendable)?;
                agent.run(limited(&agent, request, time, endless))
            }
        };
        let received = match result {
            _ if watchdog.fired() => return Err(hop.timed_out(Detail::Timeout(time))),
            Err(error) => return Err(hop.classify(&error, time)),
            Ok(received) => received,
        };
        Ok(Exchange {
            response: head(request, &received),
            body: received.into_body(),
            hop,
            time,
            watchdog,
        })
    }

    /// The agent for a request, and the proxy that it uses.
    fn agent(&mut self, request: &Request) -> Result<(ureq::Agent, Option<Proxy>)> {
        if self.settings.is_none() {
            self.settings = Some(Settings::read(self.vars)?);
        }
        let proxy = match &self.settings {
            Some(settings) => settings.choose(&request.url)?,
            None => None,
        };
        let secure = is_https(&request.url) || proxy.as_ref().is_some_and(Proxy::is_https);
        let ca_file = match secure {
            true => self.ca_file(request.policy.control_plane()),
            false => None,
        };
        let route = Route {
            proxy,
            secure,
            ca_file,
        };
        if let Some((_, agent)) = self.agents.iter().find(|(known, _)| *known == route) {
            return Ok((agent.clone(), route.proxy));
        }
        let tls = match secure {
            true => {
                let native = self.native_tls || self.vars.bool(vars::NATIVE_TLS)?;
                Some(tls::client_config(
                    self.vars,
                    native,
                    route.ca_file.as_deref(),
                )?)
            }
            false => None,
        };
        let ureq_proxy = route.proxy.as_ref().map(Proxy::to_ureq).transpose()?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("llamactl/", env!("CARGO_PKG_VERSION")))
            .proxy(ureq_proxy)
            .build();
        let agent = connect::agent(config, tls);
        self.agents.push((route.clone(), agent.clone()));
        Ok((agent, route.proxy))
    }

    fn ca_file(&self, control_plane: &ApiUrl) -> Option<PathBuf> {
        match self.ca_files.iter().find(|(url, _)| url == control_plane) {
            Some((_, ca_file)) => ca_file.clone(),
            None => (self.ca_file_of)(self.vars, control_plane),
        }
    }
}

/// The request with its URL normalized, if its policy allows that URL.
fn checked<'a>(request: &Request<'a>) -> Outcome<Request<'a>> {
    let url = request
        .policy
        .check(&request.url)
        .map_err(|reason| Hop::new(&request.url, None).setup(Detail::ForbiddenUrl(reason)))?;
    Ok(Request {
        url,
        ..request.clone()
    })
}

/// How long to wait before the next attempt; `None` if there must not be one.
fn retry_wait(
    method: Method,
    outcome: std::result::Result<&Response, &TransportError>,
    pause: Duration,
) -> Option<Duration> {
    let is_idempotent = matches!(method, Method::Get | Method::Delete);
    match outcome {
        Err(error) if !error.retryable => None,
        Err(error) => match error.kind {
            TransportErrorKind::NoConnection => (method != Method::Patch).then_some(pause),
            TransportErrorKind::ConnectionLost => is_idempotent.then_some(pause),
            _ => None,
        },
        Ok(response) if is_idempotent && matches!(response.status, 429 | 502..=504) => {
            let after = response.retry_after.as_ref();
            let is_too_long = after.is_some_and(RetryAfter::is_too_long);
            (!is_too_long).then_some(after.map_or(pause, |after| after.wait))
        }
        Ok(_) => None,
    }
}

/// The URL that a response redirects to, if the request may follow.
fn redirect_target(request: &Request, response: &Response) -> Outcome<Option<String>> {
    let follows = request.method == Method::Get && request.bearer.is_none();
    let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    let Some(location) = response
        .location
        .as_deref()
        .filter(|_| follows && is_redirect)
    else {
        return Ok(None);
    };
    let target = join(&request.url, location).ok_or(UrlError::Invalid);
    let allowed = target.and_then(|target| {
        if is_https(&request.url) && !is_https(&target) {
            return Err(UrlError::NotHttps);
        }
        request.policy.check(&target)
    });
    allowed.map(Some).map_err(|reason| {
        // A query may hold a secret.
        let end = location.find(['?', '#']).unwrap_or(location.len());
        let target = location[..end].to_string();
        Hop::new(&request.url, None).malformed(Detail::ForbiddenRedirect { target, reason })
    })
}

/// The head and the body of what is sent.
fn build(request: &Request, accept: &str) -> (http::request::Builder, Option<String>) {
    let mut builder = http::Request::builder()
        .method(request.method.name())
        .uri(&request.url)
        .header("Accept", accept);
    if let Some(bearer) = request.bearer {
        builder = builder.header("Authorization", format!("Bearer {}", bearer.expose()));
    }
    let (content_type, body) = match &request.body {
        Body::Empty => {
            // POST and PATCH have a body, even if it is empty.
            let has_body = matches!(request.method, Method::Post | Method::Patch);
            return (builder, has_body.then(String::new));
        }
        Body::Json(text) => (JSON, text.clone()),
        Body::Form(fields) => ("application/x-www-form-urlencoded", form(fields)),
    };
    (builder.header("Content-Type", content_type), Some(body))
}

fn limited<S: ureq::AsSendBody>(
    agent: &ureq::Agent,
    request: http::Request<S>,
    time: Duration,
    endless: bool,
) -> http::Request<S> {
    let config = agent.configure_request(request);
    match endless {
        true => config.timeout_recv_response(Some(time)).build(),
        false => config.timeout_global(Some(time)).build(),
    }
}

/// The response without its body.
fn head(request: &Request, received: &http::Response<ureq::Body>) -> Response {
    let header = |name: &str| request.masked_header(received.headers().get(name)?.as_bytes());
    let content_type = header("content-type").unwrap_or_default();
    let is_identity = header("content-encoding").is_none_or(|coding| coding == "identity");
    Response {
        status: received.status().as_u16(),
        body: Vec::new(),
        location: header("location"),
        request_id: header("x-request-id").or_else(|| header("x-correlation-id")),
        url: request.url.clone(),
        is_event_stream: is_identity
            && content_type
                .trim()
                .to_ascii_lowercase()
                .starts_with(EVENT_STREAM),
        retry_after: header("retry-after")
            .and_then(|text| RetryAfter::parse(&text, SystemTime::now())),
    }
}

/// A response whose body is still to be read.
struct Exchange {
    response: Response,
    body: ureq::Body,
    hop: Hop,
    time: Duration,
    watchdog: Watchdog,
}

impl Exchange {
    fn read_body(self, request: &Request) -> Outcome<Response> {
        let mut response = self.response;
        let read = self
            .body
            .into_with_config()
            .limit(MAX_RESPONSE)
            .read_to_vec();
        // A connection that was shut down can look like the end of the body.
        if self.watchdog.fired() {
            return Err(self.hop.timed_out(Detail::Timeout(self.time)));
        }
        response.body = read.map_err(|error| self.hop.classify(&error, self.time))?;
        if request.is_error(&response) {
            request.mask_error(&mut response);
        }
        Ok(response)
    }

    fn into_stream(self, endless: bool) -> (Response, BufReader<Stream>) {
        let stream = Stream {
            body: Some(self.body.into_reader()),
            watchdog: (!endless).then_some(self.watchdog),
        };
        (self.response, BufReader::new(stream))
    }
}

/// The body of a response as it arrives.
struct Stream {
    body: Option<ureq::BodyReader<'static>>,
    watchdog: Option<Watchdog>,
}

impl Stream {
    fn empty() -> Stream {
        Stream {
            body: None,
            watchdog: None,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(body) = &mut self.body else {
            return Ok(0);
        };
        let result = body.read(buffer);
        match &self.watchdog {
            Some(watchdog) if watchdog.fired() => Err(io::ErrorKind::TimedOut.into()),
            _ => result.map_err(while_reading),
        }
    }
}

/// Shuts an agent down when the time for an exchange is up, unless it is dropped before. ureq applies its own limits to
/// each read while a proxy responds to CONNECT, so that a byte now and then would hold a command for ever.
struct Watchdog {
    fired: Arc<AtomicBool>,
    /// Wakes the thread when it is dropped.
    _cancel: mpsc::Sender<()>,
}

impl Watchdog {
    fn start(agent: &ureq::Agent, time: Duration) -> Watchdog {
        let (cancel, cancelled) = mpsc::channel();
        let fired = Arc::new(AtomicBool::new(false));
        let (agent, flag) = (agent.clone(), fired.clone());
        thread::spawn(move || {
            if cancelled.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::SeqCst);
                agent.shutdown();
            }
        });
        Watchdog {
            fired,
            _cancel: cancel,
        }
    }

    fn fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }
}
