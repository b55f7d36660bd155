//! Addresses and forms: what is escaped in them, and what a redirect's means. Pure.

/// Scheme, host and port of an address: what a message names.
#[must_use]
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}

/// `application/x-www-form-urlencoded`.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
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
#[must_use]
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
}
