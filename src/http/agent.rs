//! Sends one request: through the right proxy, believing the right certificates, within the time a command has, again
//! where that is safe, and reads an answer of bounded size.
//!
//! It knows nothing of what is asked or answered.

use std::io::{BufRead, BufReader, Read as _};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::http as wire;
use ureq::tls::RootCerts;

use super::proxy::{Proxy, Settings};
use super::trust;
use crate::address::is_plain;
use crate::error::{Error, Result};
use crate::output::plain;
use crate::secret::Secret;
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
    retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A setting of ours can't be used; nothing was sent.
    Setup,
    /// There was no connection; the server has seen nothing of the request.
    NoConnection,
    /// The connection broke; whether the server acted on the request is not known.
    Broken,
    /// Time ran out; whether the server acted on the request is not known.
    TimedOut,
    /// What came back is not HTTP, or too large.
    Garbled,
}

/// No answer: why, and what to tell the user.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// Whether it would be the same again: a certificate that is not believed, a proxy that wants another password.
    pub lasts: bool,
    /// What to tell.
    pub error: Error,
}

impl Failure {
    fn lasting(mut self) -> Failure {
        self.lasts = true;
        self
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
    answer_lost: bool,
    /// The one warning that credentials travel in the open.
    warning: Once,
}

impl Http {
    /// Opens nothing and reads nothing.
    #[must_use]
    pub fn new(vars: Vars, native_tls: bool, verbose: bool) -> Http {
        Http {
            vars,
            native_tls,
            verbose,
            settings: None,
            agents: Vec::new(),
            deadline: None,
            answer_lost: false,
            warning: Once::new(),
        }
    }

    /// Whether the server may have acted on a try of the last request without saying so: the connection broke, time ran
    /// out or something in between answered in its place.
    #[must_use]
    pub fn answer_lost(&self) -> bool {
        self.answer_lost
    }

    /// Starts the command's time again, after a wait that was the user's.
    pub fn restart_clock(&mut self) {
        self.deadline = None;
    }

    /// Sends a request and reads the answer, whatever its status. GET and DELETE are tried three times where the
    /// connection fails or the server is overloaded, POST only where it can't have arrived. A redirect is followed only
    /// by a GET without credentials.
    ///
    /// # Errors
    /// There is no answer.
    pub fn send(&mut self, request: &Request) -> std::result::Result<Response, Failure> {
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

    fn send_with_retries(&mut self, request: &Request) -> std::result::Result<Response, Failure> {
        self.with_retries(request, Http::exchange, |response| response)
    }

    /// Sends once with `send`, and again where that is safe; `head` is what decides it.
    fn with_retries<T>(
        &mut self,
        request: &Request,
        send: impl Fn(&mut Http, &Request) -> std::result::Result<T, Failure>,
        head: impl Fn(&T) -> &Response,
    ) -> std::result::Result<T, Failure> {
        let mut pause = Duration::from_millis(250);
        let mut attempt = 1;
        self.answer_lost = false;
        loop {
            let started = Instant::now();
            let outcome = send(self, request);
            let seen = outcome.as_ref().map(&head);
            self.report(request, seen, started);
            self.answer_lost |= match seen {
                Err(failure) => !matches!(failure.cause, Cause::Setup | Cause::NoConnection),
                Ok(response) => matches!(response.status, 502..=504),
            };
            let again = match seen {
                _ if attempt == TRIES => None,
                Err(failure) if failure.lasts => None,
                Err(failure) => match (failure.cause, request.method) {
                    (Cause::NoConnection, _) | (Cause::Broken, Method::Get | Method::Delete) => {
                        Some(pause)
                    }
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
        outcome: std::result::Result<&Response, &Failure>,
        started: Instant,
    ) {
        if !self.verbose {
            return;
        }
        let name = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let end = match outcome {
            Ok(response) => response.status.to_string(),
            Err(failure) => match failure.cause {
                Cause::Setup => "not sent",
                Cause::NoConnection => "no connection",
                Cause::Broken => "connection broke",
                Cause::TimedOut => "timed out",
                Cause::Garbled => "garbled",
            }
            .to_string(),
        };
        let took = started.elapsed().as_millis();
        crate::terminal::say(&format!(
            "{name} {} -> {end} in {took} ms",
            plain(&request.url)
        ));
    }

    fn exchange(&mut self, request: &Request) -> std::result::Result<Response, Failure> {
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
    fn time_for(&mut self, request: &Request) -> std::result::Result<Duration, Failure> {
        let time = REQUEST.min(self.time_left());
        if time.is_zero() {
            return Err(fail(
                Cause::TimedOut,
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
    ) -> std::result::Result<(Response, impl BufRead + use<>), Failure> {
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
    ) -> std::result::Result<(Response, ureq::Body, Option<Proxy>), Failure> {
        let (proxy, agent) = self.agent(&request.url).map_err(|error| Failure {
            cause: Cause::Setup,
            lasts: true,
            error,
        })?;
        let mut builder = wire::Request::builder()
            .uri(&request.url)
            .method(match request.method {
                Method::Get => wire::Method::GET,
                Method::Post => wire::Method::POST,
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
                Cause::Setup,
                format!(
                    "a request to {} can't be put together",
                    origin(&request.url)
                ),
                "the API key or the address holds characters that HTTP does not carry",
            )
        };
        if request.bearer.is_some() && is_plain(&request.url) {
            self.warning.call_once(|| {
                crate::terminal::warn(&format!(
                    "credentials go to {} unencrypted; use https if the server has it",
                    origin(&request.url)
                ));
            });
        }
        let (Limit::Whole(time) | Limit::Head(time)) = limit;
        let answer = if body.is_empty() && request.method != Method::Post {
            agent.run(limit.on(&agent, builder.body(()).map_err(unsendable)?))
        } else {
            agent.run(limit.on(&agent, builder.body(body).map_err(unsendable)?))
        };
        let answer = answer.map_err(|error| explain(&error, &request.url, proxy.as_ref(), time))?;
        let header = |name: &str| {
            let mut value = answer.headers().get(name)?.as_bytes().to_vec();
            request.hide_secrets(&mut value);
            let value = plain(std::str::from_utf8(&value).ok()?);
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
            true => trust::roots(
                self.vars,
                self.native_tls || self.vars.truth(vars::NATIVE_TLS)?,
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
                    .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
                    .root_certs(roots)
                    .build(),
            )
            .build()
            .new_agent();
        self.agents.push((way.clone(), agent.clone()));
        Ok((way.proxy, agent))
    }
}

fn fail(cause: Cause, message: String, hint: &str) -> Failure {
    Failure {
        cause,
        lasts: false,
        error: Error::no_answer(message).hint(hint),
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

/// Scheme, host and port of an address: what a message names.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}

/// What ureq says, in words, with the hop that failed.
fn explain(error: &ureq::Error, url: &str, proxy: Option<&Proxy>, time: Duration) -> Failure {
    use std::io::ErrorKind;
    use ureq::{Error as E, Timeout};
    let server = origin(url);
    let hop = match proxy {
        Some(proxy) => format!(
            "{server} (through the proxy {} of {})",
            proxy.shown, proxy.source
        ),
        None => server.to_string(),
    };
    let first_hop = match proxy {
        Some(proxy) => format!("the proxy {} of {}", proxy.shown, proxy.source),
        None => server.to_string(),
    };
    let network = "check the address, the network and the proxy settings";
    let unreachable = |why: &str| {
        fail(
            Cause::NoConnection,
            format!("{first_hop} can't be reached: {why}"),
            network,
        )
    };
    if let Some(why) = tls_reason(error) {
        let hint = "a private authority's certificate goes into SSL_CERT_FILE";
        return fail(
            Cause::NoConnection,
            format!("no safe connection to {hop}: {why}"),
            hint,
        )
        .lasting();
    }
    match error {
        E::HostNotFound => unreachable("there is no such host"),
        E::Timeout(Timeout::Resolve) => unreachable("its name was not resolved in time"),
        E::Timeout(Timeout::Connect) => unreachable("no connection within 10 seconds"),
        E::Timeout(_) => fail(
            Cause::TimedOut,
            format!(
                "{hop} did not answer within {} seconds",
                time.as_secs().max(1)
            ),
            "try again later",
        ),
        E::ConnectProxyFailed(why) => refused_by_proxy(why, &first_hop, server),
        // What std says of a name that does not resolve has no kind of its own.
        E::Io(e) if e.to_string().contains("lookup address") => {
            unreachable("there is no such host")
        }
        E::Io(e) => match e.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied => {
                unreachable(&crate::error::os_reason(e).to_lowercase())
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => fail(
                Cause::TimedOut,
                format!(
                    "{hop} did not answer within {} seconds",
                    time.as_secs().max(1)
                ),
                "try again later",
            ),
            _ => fail(
                Cause::Broken,
                format!(
                    "the connection to {hop} broke: {}",
                    crate::error::os_reason(e).to_lowercase()
                ),
                "try again",
            ),
        },
        E::ConnectionFailed => unreachable("the connection failed"),
        E::BodyExceedsLimit(_) => fail(
            Cause::Garbled,
            format!("{hop} sent more than 8 MiB"),
            "no control plane sends that much; check the address",
        ),
        E::BadUri(_) | E::InvalidProxyUrl | E::Http(_) => fail(
            Cause::Setup,
            format!("a request to {hop} can't be put together"),
            "check the address for characters that URLs don't have",
        ),
        _ => fail(
            Cause::Garbled,
            format!("{hop} did not answer in HTTP as it should"),
            "check that the address is that of a control plane",
        ),
    }
}

/// A proxy that did not make the connection; ureq says "proxy server responded 407/407" or why it could not be asked.
fn refused_by_proxy(why: &str, proxy: &str, server: &str) -> Failure {
    let status = why.rsplit('/').next().filter(|text| text.len() == 3);
    if status == Some("407") {
        return fail(
            Cause::NoConnection,
            format!("{proxy} wants another user or password to connect to {server} (407)"),
            "put them into the proxy's address, http://USER:PASSWORD@HOST:PORT, percent-encoded",
        )
        .lasting();
    }
    let said = match status {
        Some(status) => format!("{proxy} refused to connect to {server} ({status})"),
        None => format!("{proxy} refused to connect to {server}: {}", plain(why)),
    };
    fail(
        Cause::NoConnection,
        said,
        "check the address, or list the server in NO_PROXY if it needs no proxy",
    )
}

/// Why a certificate or handshake was refused; none where the error is of another kind.
fn tls_reason(error: &ureq::Error) -> Option<String> {
    use ureq::Error as E;
    let text = match error {
        E::Rustls(e) => e.to_string(),
        E::Tls(why) => (*why).to_string(),
        E::Pem(e) => e.to_string(),
        E::Io(e)
            if e.get_ref()
                .is_some_and(|inner| inner.to_string().contains("certificate")) =>
        {
            e.to_string()
        }
        E::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => e.to_string(),
        _ => return None,
    };
    let words = [
        ("UnknownIssuer", "its certificate is from an unknown issuer"),
        ("Expired", "its certificate has expired"),
        ("expired", "its certificate has expired"),
        ("NotValidYet", "its certificate is not valid yet"),
        ("NotValidForName", "its certificate is for another name"),
        ("not valid for name", "its certificate is for another name"),
        ("CaUsedAsEndEntity", "its certificate signs itself"),
        ("InvalidContentType", "it does not speak TLS"),
        ("corrupt message", "it does not speak TLS"),
    ];
    let known = words.iter().find(|(part, _)| text.contains(part));
    Some(known.map_or_else(|| plain(&text), |(_, said)| (*said).to_string()))
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
#[must_use]
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
            b => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}

/// The address that a `Location` means, seen from `base`; none where it is neither http nor https.
fn join(base: &str, location: &str) -> Option<String> {
    let location = location.trim();
    if !location.bytes().all(|b| b.is_ascii_graphic()) || location.is_empty() {
        return None;
    }
    let lower = location.to_ascii_lowercase();
    if lower.starts_with("https://") || lower.starts_with("http://") {
        let (scheme, rest) = location.split_once("://")?;
        return Some(format!("{}://{rest}", scheme.to_ascii_lowercase()));
    }
    let (scheme, _) = base.split_once("://")?;
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    let is_absolute = location.split(['/', '?', '#']).next()?.contains(':');
    if is_absolute {
        return None;
    }
    if location.starts_with('/') {
        return Some(format!("{}{location}", origin(base)));
    }
    let path = base.split(['?', '#']).next()?;
    let directory = match path[origin(base).len()..].rfind('/') {
        Some(slash) => &path[..=origin(base).len() + slash],
        None => return Some(format!("{path}/{location}")),
    };
    Some(format!("{directory}{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined() {
        let base = "https://h:1/a/b?q";
        for (location, target) in [
            ("https://x/y", Some("https://x/y")),
            ("HTTP://x/y", Some("http://x/y")),
            ("//x/y", Some("https://x/y")),
            ("/y", Some("https://h:1/y")),
            ("y", Some("https://h:1/a/y")),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("", None),
            ("/a b", None),
        ] {
            assert_eq!(join(base, location).as_deref(), target, "{location}");
        }
        assert_eq!(join("https://h", "y").as_deref(), Some("https://h/y"));
    }

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

    #[test]
    fn forms_are_encoded() {
        assert_eq!(
            form(&[("a", "b c&d"), ("e", "\u{f6}~")]),
            "a=b%20c%26d&e=%C3%B6~"
        );
    }
}
