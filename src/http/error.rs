//! Why a request got no response: classified from what ureq and rustls report, and converted to what the user reads.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use super::date;
use super::proxy::Proxy;
use super::tls;
use crate::error::{Error, os_reason};
use crate::sanitize::sanitize;
use crate::url::{UrlError, origin};

/// What is known about a request without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// Nothing was sent: a setting cannot be used, or the URL must not be requested.
    Setup,
    /// There was no connection; the server has seen nothing of the request.
    NoConnection,
    /// The connection broke; whether the server acted on the request is unknown.
    ConnectionLost,
    /// The time limit expired; whether the server acted on the request is unknown.
    TimedOut,
    /// The response is not HTTP, is too large or redirects to a URL that must not be requested.
    Malformed,
}

#[derive(Clone, Debug)]
pub struct TransportError {
    pub kind: TransportErrorKind,
    /// Whether the same request may succeed if it is sent again.
    pub retryable: bool,
    pub hop: Box<Hop>,
    pub detail: Detail,
}

#[cfg(test)]
impl TransportError {
    pub(crate) fn of(kind: TransportErrorKind) -> TransportError {
        Hop::new("https://h", None).error(kind, Detail::NotHttp)
    }
}

/// The server that was asked, and the proxy on the way to it.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Scheme, host and port.
    pub server: String,
    pub proxy: Option<Proxy>,
}

#[derive(Clone, Debug)]
pub enum Detail {
    /// An environment variable or a certificate file cannot be used.
    Settings(Error),
    ForbiddenUrl(UrlError),
    ForbiddenRedirect {
        target: String,
        reason: UrlError,
    },
    /// Characters that HTTP does not carry.
    Unsendable,
    HostNotFound,
    LookupTimeout,
    ConnectTimeout,
    /// The operating system's reason.
    Unreachable(String),
    Tls(TlsError),
    /// The proxy requires another user or password (407).
    ProxyAuthentication,
    ProxyRefused(String),
    /// No whole response within this time.
    Timeout(Duration),
    /// The limit for all requests of a command.
    CommandTimeout,
    Lost(String),
    TooLarge,
    NotHttp,
}

/// Why there is no secure connection. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    Expired {
        not_after: u64,
        now: u64,
    },
    NotYetValid {
        not_before: u64,
        now: u64,
    },
    WrongName {
        names: Vec<String>,
    },
    UnknownIssuer,
    /// The certificate has a form that is not supported, such as X.509 version 1.
    Unsupported(String),
    NotTls,
    Other(String),
}

impl Hop {
    pub(super) fn new(url: &str, proxy: Option<&Proxy>) -> Hop {
        Hop {
            server: origin(url).to_string(),
            proxy: proxy.cloned(),
        }
    }

    /// The machine that a connection is opened to.
    fn first(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("the proxy {} of {}", proxy.shown, proxy.source),
            None => self.server.clone(),
        }
    }

    fn error(self, kind: TransportErrorKind, detail: Detail) -> TransportError {
        let retryable = match &detail {
            Detail::Tls(_) | Detail::ProxyAuthentication => false,
            _ => kind != TransportErrorKind::Setup,
        };
        TransportError {
            kind,
            retryable,
            hop: Box::new(self),
            detail,
        }
    }

    /// Nothing was sent.
    pub(super) fn setup(self, detail: Detail) -> TransportError {
        self.error(TransportErrorKind::Setup, detail)
    }

    pub(super) fn malformed(self, detail: Detail) -> TransportError {
        self.error(TransportErrorKind::Malformed, detail)
    }

    pub(super) fn timed_out(self, detail: Detail) -> TransportError {
        self.error(TransportErrorKind::TimedOut, detail)
    }

    /// Classifies an error of ureq; `time` was the limit.
    pub(super) fn classify(self, error: &ureq::Error, time: Duration) -> TransportError {
        use TransportErrorKind::{ConnectionLost, Malformed, NoConnection, Setup, TimedOut};
        use io::ErrorKind;
        use ureq::{Error as E, Timeout};
        let (kind, detail) = match error {
            E::HostNotFound => (NoConnection, Detail::HostNotFound),
            E::Timeout(Timeout::Resolve) => (NoConnection, Detail::LookupTimeout),
            E::Timeout(Timeout::Connect) => (NoConnection, Detail::ConnectTimeout),
            E::Timeout(_) => (TimedOut, Detail::Timeout(time)),
            E::ConnectProxyFailed(reason) => (NoConnection, proxy_refusal(reason)),
            E::ConnectionFailed => {
                let reason = "the connection failed".to_string();
                (NoConnection, Detail::Unreachable(reason))
            }
            E::Rustls(e) => (NoConnection, Detail::Tls(tls_error(e))),
            E::Tls(reason) => (
                NoConnection,
                Detail::Tls(TlsError::Other((*reason).to_string())),
            ),
            E::Io(e) => match (e.kind(), rustls_error(e)) {
                (_, Some(e)) => (NoConnection, Detail::Tls(tls_error(e))),
                // std gives a failed lookup no kind of its own.
                _ if e.to_string().contains("lookup address") => {
                    (NoConnection, Detail::HostNotFound)
                }
                (
                    ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
                    | ErrorKind::NetworkDown
                    | ErrorKind::PermissionDenied,
                    _,
                ) if e.raw_os_error().is_some() => {
                    let reason = os_reason(e).to_lowercase();
                    (NoConnection, Detail::Unreachable(reason))
                }
                (ErrorKind::TimedOut | ErrorKind::WouldBlock, _) => {
                    (TimedOut, Detail::Timeout(time))
                }
                // The SOCKS handshake reports the proxy's refusal without a code of the operating system.
                (ErrorKind::Other | ErrorKind::PermissionDenied | ErrorKind::InvalidData, _)
                    if e.raw_os_error().is_none() && self.is_socks() =>
                {
                    (NoConnection, Detail::ProxyRefused(e.to_string()))
                }
                _ => (ConnectionLost, Detail::Lost(os_reason(e).to_lowercase())),
            },
            E::BodyExceedsLimit(_) => (Malformed, Detail::TooLarge),
            E::BadUri(_) | E::InvalidProxyUrl | E::Http(_) => (Setup, Detail::Unsendable),
            _ => (Malformed, Detail::NotHttp),
        };
        self.error(kind, detail)
    }

    fn is_socks(&self) -> bool {
        self.proxy.as_ref().is_some_and(Proxy::is_socks)
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            Some(_) => write!(f, "{} (through {})", self.server, self.first()),
            None => f.write_str(&self.server),
        }
    }
}

/// ureq reports "proxy server responded 407/407", or why it got no response.
fn proxy_refusal(reason: &str) -> Detail {
    match reason.rsplit('/').next().filter(|text| text.len() == 3) {
        Some("407") => Detail::ProxyAuthentication,
        Some(status) => Detail::ProxyRefused(status.to_string()),
        None => Detail::ProxyRefused(reason.to_string()),
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn tls_error(error: &rustls::Error) -> TlsError {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
            TlsError::Expired {
                not_after: not_after.as_secs(),
                now: time.as_secs(),
            }
        }
        E::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before }) => {
            TlsError::NotYetValid {
                not_before: not_before.as_secs(),
                now: time.as_secs(),
            }
        }
        E::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            TlsError::WrongName {
                names: presented.iter().map(|name| bare_name(name)).collect(),
            }
        }
        E::InvalidCertificate(CertificateError::NotValidForName) => {
            TlsError::WrongName { names: Vec::new() }
        }
        error if tls::is_about_the_issuer(error) => TlsError::UnknownIssuer,
        // A root of the same name, but with another key: an authority that was created again.
        E::InvalidCertificate(CertificateError::BadSignature) => TlsError::UnknownIssuer,
        E::InvalidCertificate(CertificateError::Other(inner)) => {
            TlsError::Unsupported(inner.to_string())
        }
        E::InvalidCertificate(other) => TlsError::Unsupported(other.to_string()),
        E::InvalidMessage(_) => TlsError::NotTls,
        other => TlsError::Other(other.to_string()),
    }
}

/// The name in `DnsName("a.example")` or `IpAddress(10.0.0.1)`.
fn bare_name(presented: &str) -> String {
    let inner = match (presented.find('('), presented.rfind(')')) {
        (Some(start), Some(end)) if start < end => &presented[start + 1..end],
        _ => presented,
    };
    inner.trim_matches('"').to_string()
}

/// An error in the middle of a body, with std's kind for a time-out.
pub(super) fn while_reading(error: io::Error) -> io::Error {
    match ureq::Error::from(error) {
        ureq::Error::Timeout(_) => io::ErrorKind::TimedOut.into(),
        other => other.into_io(),
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Error {
        let TransportError { hop, detail, .. } = error;
        let (message, hint) = match detail {
            Detail::Settings(error) => return error,
            Detail::ForbiddenUrl(reason) => (
                format!("a request to {} is refused: its URL {reason}", hop.server),
                "tell the operator of the control plane".to_string(),
            ),
            Detail::ForbiddenRedirect { target, reason } => (
                format!("{hop} redirects to '{}', which {reason}", sanitize(&target)),
                "it was not followed; tell the operator of the control plane".to_string(),
            ),
            Detail::Unsendable => (
                format!("a request to {hop} cannot be sent"),
                "the API key or the URL contains characters that HTTP does not carry".to_string(),
            ),
            Detail::HostNotFound => unreachable(&hop, "there is no such host"),
            Detail::LookupTimeout => unreachable(&hop, "its name was not resolved in time"),
            Detail::ConnectTimeout => unreachable(&hop, "no connection within 10 seconds"),
            Detail::Unreachable(reason) => unreachable(&hop, &reason),
            Detail::Tls(error) => insecure(&hop, error),
            Detail::ProxyAuthentication => (
                format!(
                    "{} requires another user or password to connect to {} (407)",
                    hop.first(),
                    hop.server
                ),
                "set them in the proxy's URL, http://USER:PASSWORD@HOST:PORT, percent-encoded"
                    .to_string(),
            ),
            Detail::ProxyRefused(reason) => {
                let reason = sanitize(&reason);
                let reason = match reason.len() {
                    3 => format!(" ({reason})"),
                    _ => format!(": {reason}"),
                };
                (
                    format!(
                        "{} refused to connect to {}{reason}",
                        hop.first(),
                        hop.server
                    ),
                    "check the URL, or list the server in NO_PROXY if it needs no proxy"
                        .to_string(),
                )
            }
            Detail::Timeout(time) => (
                format!(
                    "{hop} did not respond within {} seconds",
                    time.as_secs_f64().ceil()
                ),
                "try again later".to_string(),
            ),
            Detail::CommandTimeout => (
                format!("{hop} did not respond within a minute"),
                "try again later".to_string(),
            ),
            Detail::Lost(reason) => (
                format!("the connection to {hop} broke: {reason}"),
                "try again".to_string(),
            ),
            Detail::TooLarge => (
                format!("{hop} sent more than 8 MiB"),
                "no control plane sends that much; check the URL".to_string(),
            ),
            Detail::NotHttp => (
                format!("{hop} did not respond in HTTP"),
                "check that the URL is that of a control plane".to_string(),
            ),
        };
        Error::no_answer(message).hint(hint)
    }
}

fn unreachable(hop: &Hop, reason: &str) -> (String, String) {
    (
        format!("{} can't be reached: {reason}", hop.first()),
        "check the URL, the network and the proxy settings".to_string(),
    )
}

fn insecure(hop: &Hop, error: TlsError) -> (String, String) {
    let (reason, hint) = match error {
        TlsError::Expired { not_after, now } => (
            format!(
                "its certificate expired on {} (this machine's clock: {})",
                date::format(not_after),
                date::format(now)
            ),
            "if the clock is right, the server needs a new certificate",
        ),
        TlsError::NotYetValid { not_before, now } => (
            format!(
                "its certificate is not valid before {} (this machine's clock: {})",
                date::format(not_before),
                date::format(now)
            ),
            "check this machine's clock",
        ),
        TlsError::WrongName { names } => {
            let names: Vec<String> = names
                .iter()
                .take(5)
                .map(|name| format!("'{}'", sanitize(name)))
                .collect();
            let names = match names.is_empty() {
                true => "another name".to_string(),
                false => names.join(", "),
            };
            (
                format!("its certificate is for {names}"),
                "check the host in the URL",
            )
        }
        TlsError::UnknownIssuer => (
            "its certificate is from an unknown issuer".to_string(),
            "if the issuer is a private authority, add its certificate: `llamactl environments add URL --ca-file PATH`, or SSL_CERT_FILE",
        ),
        TlsError::Unsupported(reason) => (
            format!("its certificate is not supported: {}", sanitize(&reason)),
            "the server needs another certificate",
        ),
        TlsError::NotTls => (
            "it does not speak TLS".to_string(),
            "check the scheme and the port of the URL",
        ),
        TlsError::Other(reason) => (sanitize(&reason), "check the URL and the proxy settings"),
    };
    (
        format!("no secure connection to {hop}: {reason}"),
        hint.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_certificate_is_shown_bare() {
        for (presented, name) in [
            ("DnsName(\"a.example\")", "a.example"),
            ("IpAddress(10.0.0.1)", "10.0.0.1"),
            ("a.example", "a.example"),
            (")(", ")("),
        ] {
            assert_eq!(bare_name(presented), name);
        }
    }

    #[test]
    fn debug_shows_no_proxy_password() {
        let proxy = Proxy::parse("HTTP_PROXY", "http://u:hunter2@proxy:1").unwrap();
        let error = Hop::new("http://h", Some(&proxy)).malformed(Detail::NotHttp);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        let text = Error::from(error).to_string();
        assert_eq!(
            text,
            "error: http://h (through the proxy http://proxy:1 of HTTP_PROXY) did not respond in HTTP\n\
             hint: check that the URL is that of a control plane"
        );
    }
}
