//! Which proxy a request goes through, from the usual environment variables.
//!
//! ureq's own reading knows one proxy for all schemes and connects directly if it cannot parse it; here a proxy that is
//! set and cannot be used is an error.

use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::url::{ApiUrl, host_of, is_https, is_loopback, port_of};
use crate::vars::Vars;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// With user and password.
    pub url: Secret,
    /// Without them.
    pub shown: String,
    /// The environment variable it came from.
    pub source: &'static str,
}

/// The proxy settings of the environment, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The proxy for https URLs, with the name of its environment variable.
    pub https: Option<(&'static str, Secret)>,
    /// The proxy for http URLs.
    pub http: Option<(&'static str, Secret)>,
    /// Hosts that are connected to directly.
    pub no_proxy: String,
}

impl Settings {
    /// Reads the variables: the lower-case name before the upper-case one, a scheme's own before `ALL_PROXY`.
    pub fn read(vars: Vars) -> Result<Settings> {
        let first = |names: [&'static str; 4]| -> Result<Option<(&'static str, Secret)>> {
            for name in names {
                if let Some(value) = vars.text(name)? {
                    return Ok(Some((name, Secret::new(value))));
                }
            }
            Ok(None)
        };
        let no_proxy = match vars.text("no_proxy")? {
            Some(list) => Some(list),
            None => vars.text("NO_PROXY")?,
        };
        Ok(Settings {
            https: first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            http: first(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            no_proxy: no_proxy.unwrap_or_default(),
        })
    }

    /// The proxy for a URL; `None`: connect directly, as always to loopback.
    pub fn choose(&self, url: &str) -> Result<Option<Proxy>> {
        let setting = if is_https(url) {
            &self.https
        } else {
            &self.http
        };
        let Some((source, value)) = setting else {
            return Ok(None);
        };
        let host = host_of(url);
        let port = port_of(url).unwrap_or_default();
        if is_loopback(host) || is_exempt(&self.no_proxy, host, port) {
            return Ok(None);
        }
        Proxy::parse(source, value.expose()).map(Some)
    }
}

impl Proxy {
    /// Reads `[scheme://][user[:password]@]host[:port][/]`; the default scheme is http.
    pub(super) fn parse(source: &'static str, value: &str) -> Result<Proxy> {
        let bad = |reason: &str| {
            Error::no_answer(format!("the proxy in {source} {reason}")).hint(format!(
                "set {source} to http://HOST:PORT or socks5h://HOST:PORT, or unset it, or list the server in NO_PROXY"
            ))
        };
        let value = value.trim();
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad("contains characters that URLs do not have"));
        }
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            "socks5" | "socks5h" => 1080,
            _ => {
                return Err(bad(
                    "has a scheme other than http, https, socks5 and socks5h",
                ));
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (format!("{user}@"), authority),
            None => (String::new(), rest),
        };
        if authority.contains('/') {
            return Err(bad("has a path"));
        }
        // A proxy's host and port are valid if a control plane's are. The scheme keeps port 80 and 443 apart.
        let http = ApiUrl::parse(&format!("http://{authority}")).map_err(bad)?;
        let has_port = authority != host_with_brackets(authority);
        let port = match (port_of(http.as_str()), has_port) {
            (Some(port), true) => port,
            _ => default_port,
        };
        let is_userinfo = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%@".contains(&b);
        if !user.bytes().all(is_userinfo) || user.matches('@').count() > 1 {
            return Err(bad("has a user or password that must be percent-encoded"));
        }
        let host = host_with_brackets(authority).to_ascii_lowercase();
        Ok(Proxy {
            url: Secret::new(format!("{scheme}://{user}{host}:{port}")),
            shown: format!("{scheme}://{host}:{port}"),
            source,
        })
    }

    /// Whether the connection to the proxy itself uses TLS.
    pub(super) fn is_https(&self) -> bool {
        self.shown.starts_with("https://")
    }

    pub(super) fn is_socks(&self) -> bool {
        self.shown.starts_with("socks5")
    }

    pub(super) fn to_ureq(&self) -> Result<ureq::Proxy> {
        ureq::Proxy::new(self.url.expose()).map_err(|_| {
            Error::no_answer(format!("the proxy in {} cannot be used", self.source)).hint(format!(
                "set {0} to http://HOST:PORT, or unset it",
                self.source
            ))
        })
    }
}

/// The host of `host:port`, with the brackets of an IPv6 address.
fn host_with_brackets(authority: &str) -> &str {
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    &authority[..end]
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

    fn settings(proxy: &str, no_proxy: &str) -> Settings {
        Settings {
            https: Some(("HTTPS_PROXY", Secret::new(proxy.to_string()))),
            http: Some(("HTTP_PROXY", Secret::new(proxy.to_string()))),
            no_proxy: no_proxy.to_string(),
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
            (
                "socks5h://u:p@Proxy",
                "socks5h://u:p@proxy:1080",
                "socks5h://proxy:1080",
            ),
            (
                "SOCKS5://proxy:80",
                "socks5://proxy:80",
                "socks5://proxy:80",
            ),
            ("https://proxy:80", "https://proxy:80", "https://proxy:80"),
            ("http://u:a@b@proxy:1", "", ""),
        ] {
            match settings(given, "").choose("https://host/x") {
                Ok(Some(proxy)) => {
                    assert_eq!((proxy.url.expose(), proxy.shown.as_str()), (url, shown));
                }
                Ok(None) => panic!("{given}: direct"),
                Err(e) => assert!(url.is_empty(), "{given}: {e}"),
            }
        }
    }

    #[test]
    fn a_broken_proxy_is_an_error_without_its_password() {
        for given in [
            "socks4://u:hunter2@proxy:1080",
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
