//! Why there is no answer: what ureq and rustls say of it, in words, with the hop that failed.

use std::time::Duration;

use super::proxy::Proxy;
use crate::error::Error;
use crate::sanitize::sanitize;
use crate::url::origin;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
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
pub struct TransportError {
    /// Why.
    pub cause: TransportErrorKind,
    /// Whether it would be the same again: a certificate that is not believed, a proxy that wants another password.
    pub lasts: bool,
    /// What to tell.
    pub error: Error,
}

impl TransportError {
    pub(super) fn lasting(mut self) -> TransportError {
        self.lasts = true;
        self
    }
}

pub(super) fn fail(cause: TransportErrorKind, message: String, hint: &str) -> TransportError {
    TransportError {
        cause,
        lasts: false,
        error: Error::no_answer(message).hint(hint),
    }
}

/// What ureq says, in words, with the hop that failed.
pub(super) fn explain(
    error: &ureq::Error,
    url: &str,
    proxy: Option<&Proxy>,
    time: Duration,
) -> TransportError {
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
            TransportErrorKind::NoConnection,
            format!("{first_hop} can't be reached: {why}"),
            network,
        )
    };
    if let Some(why) = tls_reason(error) {
        let hint = "a private authority's certificate goes into SSL_CERT_FILE";
        return fail(
            TransportErrorKind::NoConnection,
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
            TransportErrorKind::TimedOut,
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
                TransportErrorKind::TimedOut,
                format!(
                    "{hop} did not answer within {} seconds",
                    time.as_secs().max(1)
                ),
                "try again later",
            ),
            _ => fail(
                TransportErrorKind::Broken,
                format!(
                    "the connection to {hop} broke: {}",
                    crate::error::os_reason(e).to_lowercase()
                ),
                "try again",
            ),
        },
        E::ConnectionFailed => unreachable("the connection failed"),
        E::BodyExceedsLimit(_) => fail(
            TransportErrorKind::Garbled,
            format!("{hop} sent more than 8 MiB"),
            "no control plane sends that much; check the address",
        ),
        E::BadUri(_) | E::InvalidProxyUrl | E::Http(_) => fail(
            TransportErrorKind::Setup,
            format!("a request to {hop} can't be put together"),
            "check the address for characters that URLs don't have",
        ),
        _ => fail(
            TransportErrorKind::Garbled,
            format!("{hop} did not answer in HTTP as it should"),
            "check that the address is that of a control plane",
        ),
    }
}

/// An error in the middle of a body: that time ran out is a kind that std has, and ureq does not use.
pub(super) fn while_reading(error: std::io::Error) -> std::io::Error {
    match ureq::Error::from(error) {
        ureq::Error::Timeout(_) => std::io::ErrorKind::TimedOut.into(),
        other => other.into_io(),
    }
}

/// A proxy that did not make the connection; ureq says "proxy server responded 407/407" or why it could not be asked.
fn refused_by_proxy(why: &str, proxy: &str, server: &str) -> TransportError {
    let status = why.rsplit('/').next().filter(|text| text.len() == 3);
    if status == Some("407") {
        return fail(
            TransportErrorKind::NoConnection,
            format!("{proxy} wants another user or password to connect to {server} (407)"),
            "put them into the proxy's address, http://USER:PASSWORD@HOST:PORT, percent-encoded",
        )
        .lasting();
    }
    let said = match status {
        Some(status) => format!("{proxy} refused to connect to {server} ({status})"),
        None => format!("{proxy} refused to connect to {server}: {}", sanitize(why)),
    };
    fail(
        TransportErrorKind::NoConnection,
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
    Some(known.map_or_else(|| sanitize(&text), |(_, said)| (*said).to_string()))
}
