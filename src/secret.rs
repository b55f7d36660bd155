//! Keys and tokens, in a type that can't be printed by accident.
//!
//! A `Secret` has no `Display`; its `Debug` prints stars. Whoever needs the text calls [`Secret::expose`], which is easy
//! to search for: the store, the `Authorization` header, `.env`, `export` and `exec` are the only callers.

use std::fmt;

/// A key or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that must not be shown from here on.
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first six and the last four characters around `****`, and less of a short key: at most half of it is shown.
    pub fn masked(&self) -> String {
        crate::sanitize::mask(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret)
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn never_shows_more_than_half() {
        for (key, masked) in [
            ("", "****"),
            ("k", "****"),
            ("ab", "a****"),
            ("abcd", "ab****"),
            ("abcdef", "ab****f"),
            ("abcdefghijkl", "abcd****kl"),
            ("llx-0123456789abcdef", "llx-01****cdef"),
            ("llx-0123456789abcdefghijklmnop", "llx-01****mnop"),
        ] {
            assert_eq!(Secret::new(key.to_string()).masked(), masked);
        }
        for len in 0..64 {
            let shown = Secret::new("x".repeat(len)).masked().len() - 4;
            assert!(shown * 2 <= len, "{len}: {shown}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("llx-123".into())), "****");
    }
}
