//! How connections are opened: name lookup, the order in which a host's addresses are tried, proxies, TLS. Built on
//! ureq's `unversioned` API.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    SocksConnector, TcpConnector, Transport, TransportAdapter, time,
};
use ureq::{Agent, Error};

use super::lookup::lookup;
use crate::url::{host_of, port_of};

/// How long one of several addresses of a host is tried before the next (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(300);
/// How many addresses are tried that briefly.
const BRIEF_ATTEMPTS: usize = 3;

/// An agent that opens its connections as this module describes.
pub fn agent(config: Config, tls: Option<Arc<ClientConfig>>) -> Agent {
    let connector =
        ().chain(SocksConnector::default())
            .chain(ConnectProxyConnector::default())
            .chain(AddressByAddress::default())
            .chain(Tls(tls));
    Agent::with_parts(config, connector, TwoLookups)
}

/// Resolves with [`lookup`].
#[derive(Debug)]
struct TwoLookups;

impl Resolver for TwoLookups {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let url = uri.to_string();
        let default_port = if url.starts_with("socks5") { 1080 } else { 80 };
        let port = uri.port_u16().or(port_of(&url)).unwrap_or(default_port);
        let host = uri.host().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let mut addresses = self.empty();
        if let Ok(ip) = host.parse::<IpAddr>() {
            addresses.push((ip, port).into());
            return Ok(addresses);
        }
        let found = lookup(host, port, *timeout.after).ok_or(Error::Timeout(timeout.reason))??;
        for address in alternate(found).into_iter().take(16) {
            addresses.push(address);
        }
        match addresses.is_empty() {
            true => Err(Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

/// Addresses in their order, but the families by turns (RFC 8305 §4).
fn alternate(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        match (first.next(), second.next()) {
            (None, None) => return ordered,
            (one, other) => ordered.extend(one.into_iter().chain(other)),
        }
    }
}

/// Tries several addresses of a host briefly, one after the other, before each is given its full time: an address that
/// swallows packets must not hold the command for seconds.
#[derive(Debug, Default)]
struct AddressByAddress(TcpConnector);

impl<In: Transport> Connector<In> for AddressByAddress {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if chained.is_none() && details.addrs.len() > 1 {
            for address in details.addrs.iter().take(BRIEF_ATTEMPTS) {
                let mut addrs = details.resolver.empty();
                addrs.push(*address);
                let mut timeout = details.timeout;
                timeout.after = time::Duration::Exact(ATTEMPT_DELAY.min(*timeout.after));
                let attempt = ConnectionDetails {
                    uri: details.uri,
                    addrs,
                    config: details.config,
                    request_level: details.request_level,
                    resolver: details.resolver,
                    now: (details.current_time)(),
                    timeout,
                    current_time: details.current_time.clone(),
                    run_connector: details.run_connector.clone(),
                    register_shutdown: details.register_shutdown.clone(),
                };
                if let Ok(Some(transport)) = Connector::<In>::connect(&self.0, &attempt, None) {
                    return Ok(Some(transport));
                }
            }
        }
        self.0.connect(details, chained)
    }
}

/// TLS with a configuration of our own: ureq's connector has no place for a certificate verifier. None: no certificate
/// was loaded, because no connection of this agent needs TLS.
#[derive(Debug)]
struct Tls(Option<Arc<ClientConfig>>);

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let transport = chained.ok_or(Error::ConnectionFailed)?;
        // A TLS proxy's connection is TLS already when it is asked for a tunnel.
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let config = self.0.clone().ok_or(Error::TlsRequired)?;
        let url = details.uri.to_string();
        let name = ServerName::try_from(host_of(&url).to_string())
            .map_err(|_| Error::Tls("the host name is invalid"))?;
        let mut session = ClientConnection::new(config, name)?;
        let mut socket = TransportAdapter::new(
            Box::new(transport) as Box<dyn Transport>,
            details.current_time.clone(),
        );
        socket.set_timeout(details.timeout);
        session.complete_io(&mut socket)?;
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned::new(session, socket),
        })))
    }
}

struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace()
                .map(|address| address.parse().unwrap())
                .collect()
        };
        for (found, ordered) in [
            ("", ""),
            ("[::1]:1", "[::1]:1"),
            (
                "[::1]:1 [::2]:1 1.0.0.1:1 1.0.0.2:1 1.0.0.3:1",
                "[::1]:1 1.0.0.1:1 [::2]:1 1.0.0.2:1 1.0.0.3:1",
            ),
            ("1.0.0.1:1 [::1]:1", "1.0.0.1:1 [::1]:1"),
        ] {
            assert_eq!(alternate(addresses(found)), addresses(ordered));
        }
    }
}
