//! Which proxy a request goes through, from the usual variables.
//!
//! ureq's own reading knows one proxy for all schemes, and goes direct where it can't parse one; a proxy that is set and
//! can't be used must be an error.

use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::url::{host_of, is_loopback};
use crate::vars::Vars;

/// A proxy, and where its setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// With its user and password.
    pub url: String,
    /// Without them.
    pub shown: String,
    /// The variable.
    pub source: &'static str,
}

/// The proxy settings of the environment, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// For https addresses, with the variable's name.
    pub https: Option<(&'static str, String)>,
    /// For http addresses.
    pub http: Option<(&'static str, String)>,
    /// What needs no proxy.
    pub exempt: String,
}

impl Settings {
    /// Reads the variables; the lower-case name counts before the upper-case one, a scheme's own before `ALL_PROXY`.
    ///
    /// # Errors
    /// Usage, where one is not UTF-8.
    pub fn read(vars: Vars) -> Result<Settings> {
        let first = |names: [&'static str; 4]| -> Result<Option<(&'static str, String)>> {
            for name in names {
                if let Some(value) = vars.text(name)? {
                    return Ok(Some((name, value)));
                }
            }
            Ok(None)
        };
        let exempt = match vars.text("no_proxy")? {
            Some(list) => Some(list),
            None => vars.text("NO_PROXY")?,
        };
        Ok(Settings {
            https: first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            http: first(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            exempt: exempt.unwrap_or_default(),
        })
    }

    /// The proxy for an address; none: connect directly.
    ///
    /// # Errors
    /// `NoAnswer`, where the proxy that counts can't be understood.
    pub fn choose(&self, url: &str) -> Result<Option<Proxy>> {
        let host = host_of(url);
        let (setting, default_port) = match url.starts_with("https://") {
            true => (&self.https, 443),
            false => (&self.http, 80),
        };
        let Some((source, value)) = setting else {
            return Ok(None);
        };
        if is_loopback(host) || is_exempt(&self.exempt, host, port_of(url).unwrap_or(default_port))
        {
            return Ok(None);
        }
        parse(source, value).map(Some)
    }
}

fn port_of(url: &str) -> Option<u16> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let port = match authority.rsplit_once(']') {
        Some((_, behind)) => behind.strip_prefix(':')?,
        None => authority.rsplit_once(':')?.1,
    };
    port.parse().ok()
}

/// `[scheme://][user[:password]@]host[:port][/]`, scheme http where it is missing.
fn parse(source: &'static str, value: &str) -> Result<Proxy> {
    let bad = |why: &str| {
        Error::no_answer(format!("the proxy in {source} {why}")).hint(format!(
            "set {source} to http://HOST:PORT, or unset it, or list the server in NO_PROXY"
        ))
    };
    let value = value.trim();
    if !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("has characters in it that no address has"));
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(bad("has a scheme other than http and https"));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    // What holds for a control plane's host and port holds for a proxy's.
    let checked = crate::url::ApiUrl::parse(&format!("{scheme}://{place}")).map_err(bad)?;
    if place.contains('/') {
        return Err(bad("has a path"));
    }
    let userinfo_fits = |user: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&b);
        user.bytes().all(plain)
    };
    if !user.is_none_or(userinfo_fits) {
        return Err(bad("has a user or password that must be percent-encoded"));
    }
    let user = user.map_or(String::new(), |user| format!("{user}@"));
    let port = match port_of(&format!("{scheme}://{place}")) {
        Some(port) => port,
        None if scheme == "https" => 443,
        None => 80,
    };
    let host = match checked.as_str().contains('[') {
        true => format!("[{}]", host_of(checked.as_str())),
        false => host_of(checked.as_str()).to_string(),
    };
    Ok(Proxy {
        url: format!("{scheme}://{user}{host}:{port}"),
        shown: format!("{scheme}://{host}:{port}"),
        source,
    })
}

/// Whether `NO_PROXY` names the host: `*`, a name (itself and what is below it), `host:port`, an address, a CIDR.
fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.split([',', ' ', '\t'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .any(|item| {
            let item = item.to_ascii_lowercase();
            if item == "*" {
                return true;
            }
            if let Ok(ip) = host.parse::<IpAddr>() {
                return names_address(&item, ip, port);
            }
            let (name, item_port) = match item.rsplit_once(':') {
                Some((name, digits)) => (name, digits.parse::<u16>().ok()),
                None => (item.as_str(), None),
            };
            if item_port.is_none() && item.contains(':')
                || item_port.is_some_and(|item_port| item_port != port)
            {
                return false;
            }
            let name = name
                .trim_start_matches('*')
                .trim_start_matches('.')
                .trim_end_matches('.');
            !name.is_empty()
                && (host == name
                    || host
                        .strip_suffix(name)
                        .is_some_and(|below| below.ends_with('.')))
        })
}

fn names_address(item: &str, ip: IpAddr, port: u16) -> bool {
    if let Some((network, bits)) = item.split_once('/') {
        let (Ok(network), Ok(bits)) = (bare(network).parse::<IpAddr>(), bits.parse::<u32>()) else {
            return false;
        };
        return match (network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) if bits <= 32 => {
                u64::from(network.to_bits() ^ ip.to_bits()) >> (32 - bits) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) if bits <= 128 => {
                bits == 0 || (network.to_bits() ^ ip.to_bits()) >> (128 - bits) == 0
            }
            _ => false,
        };
    }
    if let Ok(named) = bare(item).parse::<IpAddr>() {
        return named == ip;
    }
    match item.rsplit_once(':') {
        Some((address, digits)) => {
            digits.parse() == Ok(port) && bare(address).parse::<IpAddr>() == Ok(ip)
        }
        None => false,
    }
}

fn bare(address: &str) -> &str {
    let inner = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(address.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(proxy: &str, exempt: &str) -> Settings {
        Settings {
            https: Some(("HTTPS_PROXY", proxy.to_string())),
            http: Some(("HTTP_PROXY", proxy.to_string())),
            exempt: exempt.to_string(),
        }
    }

    #[test]
    fn proxies_are_parsed() {
        for (given, url, shown) in [
            ("proxy", "http://proxy:80", "http://proxy:80"),
            ("proxy:3128", "http://proxy:3128", "http://proxy:3128"),
            (
                "HTTP://Proxy:3128/",
                "http://proxy:3128",
                "http://proxy:3128",
            ),
            (
                "https://u:p%40w@proxy",
                "https://u:p%40w@proxy:443",
                "https://proxy:443",
            ),
            (
                "http://[::1]:3128",
                "http://[::1]:3128",
                "http://[::1]:3128",
            ),
            ("http://u:a@b@proxy:1", "", ""),
        ] {
            match settings(given, "").choose("https://host/x") {
                Ok(Some(proxy)) => {
                    assert_eq!((proxy.url.as_str(), proxy.shown.as_str()), (url, shown));
                }
                Ok(None) => panic!("{given}: direct"),
                Err(e) => assert!(url.is_empty(), "{given}: {e}"),
            }
        }
    }

    #[test]
    fn a_broken_proxy_is_an_error_without_its_password() {
        for given in [
            "socks5://u:hunter2@proxy:1080",
            "http://u:hunter2@",
            "http://",
            "://",
            "ftp://u:hunter2@proxy",
            "pro xy",
            "http://u:hunter2@proxy:99999",
            "http://u:hunter2@proxy/path",
            "http://u:hunter2\u{f6}@proxy",
            "proxy:hunter2",
        ] {
            let error = settings(given, "")
                .choose("http://host")
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("HTTP_PROXY") && !error.contains("hunter2"),
                "{given}: {error}"
            );
        }
    }

    #[test]
    fn no_proxy_in_all_its_forms() {
        for (list, url, direct) in [
            ("*", "https://a.example", true),
            ("example", "https://a.example", true),
            (".example", "https://a.example", true),
            (".a.example", "https://a.example", true),
            ("*.example", "https://a.example", true),
            ("b.example, a.example ", "https://a.example", true),
            ("xample", "https://a.example", false),
            ("a.example:443", "https://a.example", true),
            ("a.example:8443", "https://a.example", false),
            ("a.example:8443", "https://a.example:8443/x", true),
            ("A.EXAMPLE", "https://a.Example", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("0.0.0.0/0", "https://11.1.2.3", true),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("10.1.2.3:443", "https://10.1.2.3", true),
            ("10.1.2.3:80", "https://10.1.2.3", false),
            ("10.1.2.3.", "https://10.1.2.3.", true),
            ("10.1.2.3.:443", "https://10.1.2.3", true),
            ("fd00::/8", "https://[fd00::1]", true),
            ("fd00::/8", "https://[fd12:3456::1]", true),
            ("fd00::/8", "https://[fe80::1]", false),
            ("fd00::/129", "https://[fd00::1]", false),
            ("::/0", "https://[fe80::1]", true),
            ("fd00::1", "https://[fd00::1]", true),
            ("[fd00::1]:443", "https://[fd00::1]", true),
            ("[fd00::1]:80", "https://[fd00::1]", false),
            ("10.0.0.0/99", "https://10.0.0.1", false),
            ("10.0.0.0/x", "https://10.0.0.1", false),
            ("x/8", "https://10.0.0.1", false),
            ("", "https://a.example", false),
            (",,", "https://a.example", false),
            ("", "https://127.0.0.1:1", true),
            ("", "http://localhost", true),
            ("", "http://[::1]:8", true),
        ] {
            let chosen = settings("http://proxy:1", list).choose(url).unwrap();
            assert_eq!(chosen.is_none(), direct, "{list} {url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(proxy in "\\PC{0,30}", list in "\\PC{0,30}|[0-9a-f.:/,\\[\\]]{0,30}", host in "[a-z0-9.:\\[\\]]{1,20}") {
            let _ = settings(&proxy, &list).choose(&format!("https://{host}/"));
        }
    }
}
