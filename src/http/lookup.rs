//! Name lookup in two ways at once: unrestricted, and IPv4 only.
//!
//! An unrestricted lookup asks for A and AAAA records. If a name server drops the AAAA query or answers it with an
//! error, it takes seconds or fails (with musl always), though the host has an IPv4 address.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long the unrestricted lookup is waited for once the IPv4 lookup has succeeded.
const PATIENCE: Duration = Duration::from_millis(500);

type Lookup = io::Result<Vec<SocketAddr>>;

/// The addresses of a host, within `limit`; `None` if there is no answer in time.
pub fn lookup(host: &str, port: u16, limit: Duration) -> Option<Lookup> {
    let name = host.to_string();
    let all = move || Ok((name.as_str(), port).to_socket_addrs()?.collect());
    let name = host.to_string();
    let ipv4 = move || ipv4_only(&name, port);
    first(all, ipv4, limit)
}

/// Runs both lookups. The result of `all` is preferred; that of `ipv4` is used if `all` fails, or is not there
/// [`PATIENCE`] after `ipv4` has succeeded.
fn first(
    all: impl FnOnce() -> Lookup + Send + 'static,
    ipv4: impl FnOnce() -> Lookup + Send + 'static,
    limit: Duration,
) -> Option<Lookup> {
    let (results, received) = mpsc::channel();
    let run = |is_ipv4: bool, lookup: Box<dyn FnOnce() -> Lookup + Send>| {
        let results: Sender<(bool, Lookup)> = results.clone();
        thread::spawn(move || results.send((is_ipv4, lookup())));
    };
    run(false, Box::new(all));
    run(true, Box::new(ipv4));
    let mut deadline = Instant::now() + limit;
    let (mut failure, mut fallback) = (None, None);
    for _ in 0..2 {
        let left = deadline.saturating_duration_since(Instant::now());
        match received.recv_timeout(left) {
            Ok((false, Ok(found))) => return Some(Ok(found)),
            Ok((true, Ok(found))) => {
                deadline = deadline.min(Instant::now() + PATIENCE);
                fallback = Some(found);
            }
            Ok((false, Err(error))) => failure = Some(error),
            Ok((true, Err(_))) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    fallback.map(Ok).or(failure.map(Err))
}

#[cfg(not(unix))]
fn ipv4_only(_host: &str, _port: u16) -> Lookup {
    Err(io::ErrorKind::Unsupported.into())
}

/// std has no lookup for one address family.
#[cfg(unix)]
#[allow(unsafe_code)]
fn ipv4_only(host: &str, port: u16) -> Lookup {
    use std::ffi::CString;
    use std::net::{Ipv4Addr, SocketAddrV4};

    let host = CString::new(host)?;
    // SAFETY: all-zero is a valid `addrinfo`: integers, and pointers that are null.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_INET;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = std::ptr::null_mut();
    // SAFETY: `host` is a C string, `hints` and `list` are valid for the call; no service is given.
    let code = unsafe {
        libc::getaddrinfo(
            host.as_ptr(),
            std::ptr::null(),
            &raw const hints,
            &raw mut list,
        )
    };
    if code != 0 {
        return Err(io::Error::other("the IPv4 lookup failed"));
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: getaddrinfo succeeded, so `list` is a linked list that ends with null and lives until freeaddrinfo. An
    // entry of family AF_INET points to a `sockaddr_in`.
    unsafe {
        while let Some(entry) = next.as_ref() {
            if entry.ai_family == libc::AF_INET {
                let address = entry.ai_addr.cast::<libc::sockaddr_in>().read_unaligned();
                let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                found.push(SocketAddr::V4(SocketAddrV4::new(ip, port)));
            }
            next = entry.ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn found(address: &str) -> Lookup {
        let address = address.parse().map_err(io::Error::other)?;
        Ok(vec![address])
    }

    fn failed() -> Lookup {
        Err(io::Error::other("no such host"))
    }

    /// A lookup that takes longer than any test.
    fn dropped() -> Lookup {
        thread::sleep(Duration::from_secs(600));
        failed()
    }

    fn run(all: fn() -> Lookup, ipv4: fn() -> Lookup, limit: Duration) -> (String, bool) {
        let started = Instant::now();
        let text = match first(all, ipv4, limit) {
            Some(Ok(addresses)) => addresses[0].to_string(),
            Some(Err(error)) => error.to_string(),
            None => "no answer".to_string(),
        };
        (text, started.elapsed() < Duration::from_secs(5))
    }

    #[test]
    fn ipv4_lookup_replaces_an_unrestricted_one_that_fails_or_hangs() {
        let both = || found("[2001:db8::1]:1");
        let ipv4 = || found("10.0.0.1:1");
        let short = Duration::from_millis(50);
        for (all, other, limit, expected) in [
            (
                both as fn() -> Lookup,
                ipv4 as fn() -> Lookup,
                LIMIT,
                "[2001:db8::1]:1",
            ),
            (both, failed, LIMIT, "[2001:db8::1]:1"),
            (both, dropped, LIMIT, "[2001:db8::1]:1"),
            (failed, ipv4, LIMIT, "10.0.0.1:1"),
            (dropped, ipv4, LIMIT, "10.0.0.1:1"),
            (failed, failed, LIMIT, "no such host"),
            (failed, dropped, short, "no such host"),
            (dropped, dropped, short, "no answer"),
        ] {
            assert_eq!(run(all, other, limit), (expected.to_string(), true));
        }
    }

    #[cfg(unix)]
    #[test]
    fn ipv4_lookup_finds_ipv4_addresses_only() {
        assert_eq!(
            ipv4_only("127.0.0.1", 7).unwrap(),
            ["127.0.0.1:7".parse().unwrap()]
        );
        let local = ipv4_only("localhost", 7).unwrap();
        assert!(local.iter().all(SocketAddr::is_ipv4), "{local:?}");
        assert!(ipv4_only("::1", 7).is_err());
        assert!(ipv4_only("a\0b", 7).is_err());
    }
}
