//! URLs: the normalized base URL of a control plane, the policy for URLs that servers name, and the parts, joining and
//! percent-encoding of URLs. Nothing here does IO.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The base URL of LlamaCloud, the built-in environment.
pub const LLAMA_CLOUD: &str = "https://api.cloud.llamaindex.ai";

/// LlamaCloud's EU region.
pub const EU: &str = "https://api.cloud.eu.llamaindex.ai";

/// Parses what a user wrote as the URL of an environment: a URL, or `us` or `eu` for LlamaCloud's regions. The error is
/// the end of a sentence whose subject is the origin of the URL.
pub fn parse_environment(text: &str) -> Result<ApiUrl, String> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "us" => return Ok(ApiUrl::llama_cloud()),
        "eu" => return Ok(ApiUrl(EU.to_string())),
        _ => {}
    }
    ApiUrl::parse(text).map_err(|problem| {
        let with_scheme = (!text.contains("://"))
            .then(|| ApiUrl::parse(&format!("https://{text}")).ok())
            .flatten();
        match with_scheme {
            Some(url) => format!("{problem}; did you mean {url}?"),
            None => problem.to_string(),
        }
    })
}

/// The base URL of a control plane: http or https, lower-case scheme and host, no default port, no trailing slash, no
/// userinfo, no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// Normalizes a URL from the command line, an environment variable or a file. The error is the end of a sentence
    /// whose subject is the origin of the URL; it does not quote the URL.
    pub fn parse(text: &str) -> Result<ApiUrl, &'static str> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err("is empty");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("contains spaces, control characters or non-ASCII characters");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("must begin with https:// or http://");
        };
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => ("https", 443),
            "http" => ("http", 80),
            _ => return Err("must begin with https:// or http://"),
        };
        if rest.contains(['?', '#']) {
            return Err("must not contain a query or a fragment");
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err("must not contain a user name or password");
        }
        let (host, port) = split_port(authority)?;
        if !is_host(host) {
            return Err("has no valid host name");
        }
        let path = path.trim_end_matches('/');
        if !is_path(path) {
            return Err("has no valid path");
        }
        let host = host.to_ascii_lowercase();
        let port = match port {
            Some(port) if port != default_port => format!(":{port}"),
            _ => String::new(),
        };
        Ok(ApiUrl(format!("{scheme}://{host}{port}{path}")))
    }

    /// The built-in environment.
    pub fn llama_cloud() -> ApiUrl {
        ApiUrl(LLAMA_CLOUD.to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ApiUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ApiUrl::parse(&text)
            .map_err(|reason| serde::de::Error::custom(format_args!("the URL {reason}")))
    }
}

impl serde::Serialize for ApiUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Which URLs may be requested on behalf of a control plane: its own, and those that it or its identity provider names
/// (discovery, endpoints, JWKS, redirects).
///
/// A server must not make this program send requests to services on the user's machine, or send them unencrypted.
/// - https to any host without userinfo;
/// - plain http only to the control plane's own host, if the control plane itself uses plain http, or to loopback;
/// - loopback only if the control plane itself is on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPolicy {
    control_plane: ApiUrl,
}

/// Why a URL must not be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    Invalid,
    Userinfo,
    NotHttps,
    Loopback,
}

impl fmt::Display for UrlError {
    /// The end of a sentence whose subject is the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlError::Invalid => "is not a valid URL",
            UrlError::Userinfo => "contains a user name or password",
            UrlError::NotHttps => "is not https",
            UrlError::Loopback => "points to this machine",
        })
    }
}

impl UrlPolicy {
    pub fn for_control_plane(base: &ApiUrl) -> UrlPolicy {
        UrlPolicy {
            control_plane: base.clone(),
        }
    }

    /// The control plane on whose behalf requests are made.
    pub fn control_plane(&self) -> &ApiUrl {
        &self.control_plane
    }

    /// The URL with its scheme and host in lower case, if it may be requested.
    pub fn check(&self, url: &str) -> Result<String, UrlError> {
        let parts = Parts::of(url).ok_or(UrlError::Invalid)?;
        let is_clean = |b: u8| b.is_ascii_graphic() && !b"\"<>\\`{|}^".contains(&b);
        if !url.bytes().all(is_clean) {
            return Err(UrlError::Invalid);
        }
        if parts.userinfo.is_some() {
            return Err(UrlError::Userinfo);
        }
        let (bracketed, port) = split_port(parts.authority).map_err(|_| UrlError::Invalid)?;
        if !is_host(bracketed) {
            return Err(UrlError::Invalid);
        }
        let host = parts.host.to_ascii_lowercase();
        let is_https = parts.scheme.eq_ignore_ascii_case("https");
        let base = self.control_plane.as_str();
        let is_own_host = same_host(&host, host_of(base));
        if is_own_host {
            if !is_https && !base.starts_with("http://") && !is_loopback(&host) {
                return Err(UrlError::NotHttps);
            }
        } else if reaches_loopback(&host) {
            if !reaches_loopback(host_of(base)) {
                return Err(UrlError::Loopback);
            }
        } else if is_ambiguous_ip(&host) {
            return Err(UrlError::Invalid);
        } else if !is_https {
            return Err(UrlError::NotHttps);
        }
        let scheme = if is_https { "https" } else { "http" };
        let bracketed = bracketed.to_ascii_lowercase();
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        Ok(format!("{scheme}://{bracketed}{port}{}", parts.path))
    }
}

/// The parts of an absolute http or https URL, as written.
struct Parts<'a> {
    scheme: &'a str,
    userinfo: Option<&'a str>,
    /// Host and port.
    authority: &'a str,
    /// Without brackets.
    host: &'a str,
    /// Path, query and fragment.
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Parts<'a>> {
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, authority),
        };
        let host = match authority.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or(""),
            None => authority.split(':').next().unwrap_or(""),
        };
        Some(Parts {
            scheme,
            userinfo,
            authority,
            host,
            path,
        })
    }
}

/// The host of a URL, without port and brackets; empty if the URL has none.
pub fn host_of(url: &str) -> &str {
    Parts::of(url).map_or("", |parts| parts.host)
}

/// The port of a URL, or its scheme's default.
pub fn port_of(url: &str) -> Option<u16> {
    let parts = Parts::of(url)?;
    let default = if is_https(url) { 443 } else { 80 };
    let (_, port) = split_port(parts.authority).ok()?;
    Some(port.unwrap_or(default))
}

/// Whether the scheme is https, in upper or lower case.
pub fn is_https(url: &str) -> bool {
    Parts::of(url).is_some_and(|parts| parts.scheme.eq_ignore_ascii_case("https"))
}

/// Whether a request to this URL crosses a network without encryption.
pub fn is_cleartext(url: &str) -> bool {
    Parts::of(url).is_some_and(|parts| !is_https(url) && !is_loopback(parts.host))
}

/// Whether a host (without brackets) is this machine.
pub fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || ip(&name).is_some_and(|ip| ip.is_loopback())
}

/// As [`is_loopback`], or the unspecified address: connecting to that reaches loopback, too.
fn reaches_loopback(host: &str) -> bool {
    is_loopback(host) || ip(host).is_some_and(|ip| ip.is_unspecified())
}

/// An IPv4 address that is mapped into IPv6 is an IPv4 address.
fn ip(host: &str) -> Option<IpAddr> {
    host.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Whether a host is a number that resolvers read as an IPv4 address though it is not written as one: `127.1`,
/// `2130706433`, `0x7f000001`, `0177.0.0.1`.
fn is_ambiguous_ip(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_hex = last.strip_prefix("0x").is_some();
    let is_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    (is_hex || is_number) && host.parse::<IpAddr>().is_err()
}

/// Whether two hosts are equal but for case and a final dot.
fn same_host(one: &str, other: &str) -> bool {
    let strip = |host: &'_ str| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    strip(one) == strip(other)
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    // The colons of an IPv6 address are in brackets.
    let (host, digits) = match authority.rsplit_once(':') {
        Some((host, digits)) if !digits.contains(']') => (host, digits),
        _ => return Ok((authority, None)),
    };
    match digits.parse::<u16>() {
        Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((host, Some(port)))
        }
        _ => Err("has no valid port"),
    }
}

/// `host` is an IPv6 address in brackets, an IPv4 address or a name.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    !name.is_empty()
        && host.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// RFC 3986 path characters, and no dot segments.
fn is_path(path: &str) -> bool {
    path.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b))
        && !path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
}

/// Scheme, host and port of a URL: what a message names.
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The URL that a `Location` header means, relative to `base`; `None` unless it is http or https.
pub fn join(base: &str, location: &str) -> Option<String> {
    let location = location.trim();
    if !location.bytes().all(|b| b.is_ascii_graphic()) || location.is_empty() {
        return None;
    }
    if let Some(parts) = Parts::of(location) {
        let scheme = parts.scheme.to_ascii_lowercase();
        return Some(format!("{scheme}{}", &location[parts.scheme.len()..]));
    }
    let (scheme, _) = base.split_once("://")?;
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    let has_scheme = location.split(['/', '?', '#']).next()?.contains(':');
    if has_scheme {
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

/// `application/x-www-form-urlencoded`.
pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_url_is_normalized() {
        for (given, normal) in [
            (
                "https://Api.Cloud.LlamaIndex.AI/",
                "https://api.cloud.llamaindex.ai",
            ),
            ("HTTPS://host:443", "https://host"),
            ("http://host:80/", "http://host"),
            ("http://host:443", "http://host:443"),
            ("http://[::1]:8000//", "http://[::1]:8000"),
            ("https://host/Base/Path/", "https://host/Base/Path"),
            (" https://host ", "https://host"),
            ("https://my-host_1.example.", "https://my-host_1.example."),
        ] {
            assert_eq!(ApiUrl::parse(given).unwrap().as_str(), normal, "{given}");
        }
    }

    #[test]
    fn invalid_api_url_is_refused() {
        for given in [
            "",
            " ",
            "host",
            "ftp://host",
            "https://",
            "https:///path",
            "https://user@host",
            "https://u:p@host",
            "https://host?q",
            "https://host#f",
            "https://host:0",
            "https://host:99999",
            "https://host:+1",
            "https://ho st",
            "https://ho!st",
            "https://h\u{f6}st",
            "https://host\n",
            "https://[::1",
            "https://[x]",
            "https://a..b",
            "https://host/../x",
            "https://host/a\\b",
            "file:///etc",
            "https://-\u{1b}[31m",
            "https://host:",
        ] {
            assert!(ApiUrl::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn regions_are_aliases() {
        for (text, url) in [
            ("us", LLAMA_CLOUD),
            ("US", LLAMA_CLOUD),
            (" eu\n", EU),
            ("Eu", EU),
            (EU, EU),
            ("https://us", "https://us"),
        ] {
            assert_eq!(parse_environment(text).unwrap().as_str(), url, "{text}");
        }
    }

    #[test]
    fn missing_scheme_is_suggested() {
        for (text, problem) in [
            (
                "llama.example.com",
                "must begin with https:// or http://; did you mean https://llama.example.com?",
            ),
            (
                "LOCALHOST:8000/",
                "must begin with https:// or http://; did you mean https://localhost:8000?",
            ),
            (
                "eu.example/base",
                "must begin with https:// or http://; did you mean https://eu.example/base?",
            ),
            ("user:password@host", "must begin with https:// or http://"),
            ("ftp://host", "must begin with https:// or http://"),
            ("", "is empty"),
        ] {
            assert_eq!(parse_environment(text).unwrap_err(), problem, "{text}");
        }
    }

    fn check(base: &str, url: &str) -> Result<String, UrlError> {
        UrlPolicy::for_control_plane(&ApiUrl::parse(base).unwrap()).check(url)
    }

    #[test]
    fn policy_of_a_remote_https_control_plane_allows_remote_https_only() {
        let base = "https://plane.example:8443";
        for (url, normal) in [
            (
                "https://plane.example:8443/x?y",
                "https://plane.example:8443/x?y",
            ),
            ("HTTPS://Id.Example:8443/X", "https://id.example:8443/X"),
            ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
            ("https://10.0.0.1/", "https://10.0.0.1/"),
            ("https://id.example?a=b#c", "https://id.example?a=b#c"),
        ] {
            assert_eq!(check(base, url).as_deref(), Ok(normal));
        }
        for (reason, urls) in [
            (
                UrlError::NotHttps,
                &[
                    "http://plane.example:8443/",
                    "HTTP://id.example/",
                    "http://10.0.0.1/",
                ][..],
            ),
            (
                UrlError::Userinfo,
                &[
                    "https://u:p@id.example/",
                    "https://@id.example/",
                    "https://plane.example@evil.example/",
                    "https://id.example%2f@evil.example/",
                ],
            ),
            (
                UrlError::Loopback,
                &[
                    "http://localhost:9100/_shutdown?x=1",
                    "https://localhost/",
                    "https://LOCALHOST./",
                    "https://x.localhost/",
                    "https://127.0.0.1/",
                    "https://127.9.9.9:1/",
                    "https://[::1]/",
                    "https://[0:0:0:0:0:0:0:1]/",
                    "https://[::ffff:127.0.0.1]/",
                    "https://0.0.0.0/",
                    "https://[::]/",
                ],
            ),
            (
                UrlError::Invalid,
                &[
                    "",
                    "id.example",
                    "//id.example/",
                    "file:///etc/passwd",
                    "ftp://id.example/",
                    "https:/id.example",
                    "https://",
                    "https:///x",
                    "https://2130706433/",
                    "https://0x7f000001/",
                    "https://0x7f.1/",
                    "https://127.1/",
                    "https://0177.0.0.1/",
                    "https://id.example:0/",
                    "https://id.example:99999/",
                    "https://id.example:/",
                    "https://id.example\\@evil.example/",
                    "https://id.example/\r\nHost: x",
                    "https://id.example/ x",
                    "https://h\u{f6}st/",
                    "https://[::1",
                    "https://[localhost]/",
                    "https://id..example/",
                ],
            ),
        ] {
            for url in urls {
                assert_eq!(check(base, url), Err(reason), "{url}");
            }
        }
    }

    #[test]
    fn policy_of_a_remote_http_control_plane_allows_plain_http_to_its_own_host() {
        let base = "http://plane.example:8000";
        for url in [
            "http://plane.example:8000/x",
            "http://plane.example/x",
            "http://PLANE.example.:8080/x",
            "https://plane.example/x",
            "https://id.example/x",
        ] {
            assert!(check(base, url).is_ok(), "{url}");
        }
        for (url, reason) in [
            ("http://id.example/", UrlError::NotHttps),
            ("http://x.plane.example/", UrlError::NotHttps),
            ("http://plane.example.evil.example/", UrlError::NotHttps),
            ("http://127.0.0.1/", UrlError::Loopback),
            ("https://localhost/", UrlError::Loopback),
            ("http://plane.example@evil.example/", UrlError::Userinfo),
        ] {
            assert_eq!(check(base, url), Err(reason), "{url}");
        }
    }

    #[test]
    fn policy_of_a_loopback_control_plane_allows_loopback() {
        for base in [
            "http://127.0.0.1:1",
            "https://localhost:1",
            "http://[::1]:1",
        ] {
            for url in [
                "http://127.0.0.1:2/x",
                "http://localhost:2/x",
                "https://[::1]:2/x",
                "https://id.example/x",
            ] {
                assert!(check(base, url).is_ok(), "{base} {url}");
            }
            for (url, reason) in [
                ("http://id.example/", UrlError::NotHttps),
                ("http://10.0.0.1/", UrlError::NotHttps),
                ("http://u@127.0.0.1/", UrlError::Userinfo),
                ("http://2130706433/", UrlError::Invalid),
            ] {
                assert_eq!(check(base, url), Err(reason), "{base} {url}");
            }
        }
    }

    #[test]
    fn host_port_and_loopback() {
        for (url, host, port, loopback) in [
            ("http://127.0.0.1:80/x", "127.0.0.1", 80, true),
            ("http://[::1]:81", "::1", 81, true),
            ("http://LOCALHOST", "LOCALHOST", 80, true),
            (
                "http://127.0.0.1.evil.example",
                "127.0.0.1.evil.example",
                80,
                false,
            ),
            ("http://localhost@evil.example:8/", "evil.example", 8, false),
            ("HTTP://evil.example/", "evil.example", 80, false),
        ] {
            assert_eq!(host_of(url), host);
            assert_eq!(port_of(url), Some(port));
            assert_eq!(is_loopback(host_of(url)), loopback, "{url}");
            assert_eq!(is_cleartext(url), !loopback, "{url}");
        }
        assert_eq!(port_of("HTTPS://h"), Some(443));
        assert!(is_https("HTTPS://h") && !is_cleartext("HTTPS://h"));
    }

    #[test]
    fn location_is_joined() {
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
    fn form_is_encoded() {
        assert_eq!(
            form(&[("a", "b c&d"), ("e", "\u{f6}~")]),
            "a=b%20c%26d&e=%C3%B6~"
        );
    }

    proptest::proptest! {
        #[test]
        fn parsing_is_idempotent(text in "(https?|HTTP|ftp)://[a-zA-Z0-9.:@\\[\\]-]{0,20}[/a-z.?#%]{0,10}") {
            if let Ok(url) = ApiUrl::parse(&text) {
                proptest::prop_assert_eq!(&ApiUrl::parse(url.as_str()).unwrap(), &url);
            }
        }

        #[test]
        fn checked_url_passes_the_check_unchanged(text in "(https?|HTTPS)://[a-zA-Z0-9.:@\\[\\]-]{0,20}[/a-z.?#%]{0,10}") {
            if let Ok(url) = check("https://plane.example", &text) {
                proptest::prop_assert_eq!(check("https://plane.example", &url), Ok(url.clone()));
                proptest::prop_assert!(url.starts_with("https://") && !is_loopback(host_of(&url)));
            }
        }
    }
}
