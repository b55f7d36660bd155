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
    #[must_use]
    pub fn llama_cloud() -> ApiUrl {
        ApiUrl(LLAMA_CLOUD.to_string())
    }

    /// The normalised text.
    #[must_use]
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
#[must_use]
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
#[must_use]
pub fn is_plain(url: &str) -> bool {
    url.starts_with("http://") && !is_loopback(host_of(url))
}

/// Whether a host (without brackets) is this machine.
#[must_use]
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(is_plain(url), !loopback, "{url}");
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
