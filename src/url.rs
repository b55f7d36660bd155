//! The address of a control plane: parsed and normalised once, where it enters.

use std::fmt;

/// The address of LlamaCloud, the built-in environment.
pub const LLAMA_CLOUD: &str = "https://api.cloud.llamaindex.ai";

/// The base URL of a control plane: http or https, lower-case scheme and host, no default port, no trailing slash, no
/// user, no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// Normalises what a user, a variable or a file says.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its place; the text itself is not in it.
    pub fn parse(text: &str) -> Result<ApiUrl, &'static str> {
        // What nearly every store and variable names.
        if text == LLAMA_CLOUD {
            return Ok(ApiUrl::llama_cloud());
        }
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err("is empty");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("has blanks, control characters or non-ASCII letters in it");
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
            return Err("must not have a query or a fragment");
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err("must not have a user or a password in it");
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

    /// The normalised text.
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
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = ApiUrl;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("the address of a control plane")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ApiUrl, E> {
                ApiUrl::parse(text).map_err(|why| E::custom(format_args!("the address {why}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl serde::Serialize for ApiUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The host of a URL, without port and brackets; empty where there is none.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let authority = authority.rsplit('@').next().unwrap_or("");
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    }
}

/// Whether what is sent to a URL crosses a network without encryption.
pub fn is_cleartext(url: &str) -> bool {
    url.starts_with("http://") && !is_loopback(host_of(url))
}

/// Whether a host (without brackets) is this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    // The colons of an IPv6 address stand in brackets.
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

fn is_host(host: &str) -> bool {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
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

/// Scheme, host and port of an address: what a message names.
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
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

/// The address that a `Location` means, seen from `base`; none where it is neither http nor https.
pub fn join(base: &str, location: &str) -> Option<String> {
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
    fn forms_are_encoded() {
        assert_eq!(
            form(&[("a", "b c&d"), ("e", "\u{f6}~")]),
            "a=b%20c%26d&e=%C3%B6~"
        );
    }

    #[test]
    fn normalises() {
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
    fn refuses() {
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
    fn hosts_and_loopback() {
        for (url, host, loopback) in [
            ("http://127.0.0.1:80/x", "127.0.0.1", true),
            ("http://[::1]:80", "::1", true),
            ("http://LOCALHOST", "LOCALHOST", true),
            (
                "http://127.0.0.1.evil.example",
                "127.0.0.1.evil.example",
                false,
            ),
            ("http://localhost@evil.example/", "evil.example", false),
        ] {
            assert_eq!(host_of(url), host);
            assert_eq!(is_loopback(host_of(url)), loopback, "{url}");
            assert_eq!(is_cleartext(url), !loopback, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_is_idempotent(text in "(https?|HTTP|ftp)://[a-zA-Z0-9.:@\\[\\]-]{0,20}[/a-z.?#%]{0,10}") {
            if let Ok(url) = ApiUrl::parse(&text) {
                proptest::prop_assert_eq!(&ApiUrl::parse(url.as_str()).unwrap(), &url);
            }
        }
    }
}
