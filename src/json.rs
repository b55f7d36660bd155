//! Reads JSON that comes in as bytes. All of it becomes text first, so that one reader is built in and not two.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Reads one document.
///
/// # Errors
/// It is no JSON, or none of that type. What is not UTF-8 is no JSON (RFC 8259 §8.1).
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_str(std::str::from_utf8(bytes).unwrap_or("?"))
}

/// Reads the document at the start, whatever follows it; none where there is none of that type.
#[must_use]
pub fn read_first<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = bytes.utf8_chunks().next()?.valid();
    let mut all = serde_json::Deserializer::from_str(text).into_iter();
    all.next()?.ok()
}

/// Whether it is meant to be JSON: other bytes than UTF-8 in a string of it are passed over.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    read::<IgnoredAny>(String::from_utf8_lossy(bytes).as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_to_their_end() {
        assert_eq!(read::<Vec<u8>>(b" [1, 2]\n").unwrap(), [1, 2]);
        assert!(read::<Vec<u8>>(b"[1, 2] 3").is_err());
        let error = read::<String>(b"\"\xff\"").unwrap_err();
        assert!(error.is_syntax(), "{error}");
    }

    #[test]
    fn what_follows_the_first_is_passed_over() {
        assert_eq!(read_first(b"[1]\xff\x00"), Some(vec![1]));
        assert_eq!(read_first(b"[1][2]"), Some(vec![1]));
        assert_eq!(read_first::<Vec<u8>>(b"[1\xff]"), None);
        assert_eq!(read_first::<Vec<u8>>(b""), None);
    }

    #[test]
    fn bad_bytes_in_strings_make_it_no_less_json() {
        assert!(is_json(b"{\"a\": \"\xff\"}"));
        assert!(!is_json(b"<html>"));
        assert!(!is_json(b"\xff{}"));
        assert!(!is_json(b""));
    }
}
