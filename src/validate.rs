//! What comes in from a flag, a variable, a file, a prompt or a server, checked before anything else sees it.
//!
//! Each check says what is wrong as the end of a sentence; the caller puts the place before it ("the API key in
//! LLAMA_CLOUD_API_KEY …"). The text itself is never part of a message.

use crate::sanitize::is_control_or_format;
use crate::secret::Secret;

/// The longest API key that is taken for one, in bytes; a header of a request holds it.
const LONGEST_KEY: usize = 16 * 1024;
const LONGEST_ID: usize = 256;
const LONGEST_NAME: usize = 128;

/// An API key: blanks around it are cut off.
///
/// # Errors
/// It is empty, too long, or has blanks, control characters or non-ASCII characters inside.
pub fn api_key(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    match text {
        "" => Err("is empty"),
        _ if text.len() > LONGEST_KEY => Err("is longer than any API key"),
        _ if !text.bytes().all(|b| b.is_ascii_graphic()) => {
            Err("has blanks, control characters or non-ASCII characters in it")
        }
        _ => Ok(Secret::new(text.to_string())),
    }
}

/// The id of a project or an organization: blanks around it are cut off.
///
/// # Errors
/// It is empty, too long, or has blanks or control characters inside.
pub fn id(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text {
        "" => Err("is empty"),
        _ if text.len() > LONGEST_ID => Err("is longer than 256 bytes"),
        _ if text.chars().any(is_unfit) => Err("has blanks or control characters in it"),
        _ => Ok(text.to_string()),
    }
}

/// The name of a profile.
///
/// # Errors
/// It is empty, longer than 128 characters, begins with `-`, or has blanks or control characters inside.
pub fn profile_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text {
        "" => Err("is empty"),
        _ if text.starts_with('-') => Err("begins with '-'"),
        _ if text.chars().count() > LONGEST_NAME => Err("is longer than 128 characters"),
        _ if text.chars().any(is_unfit) => Err("has blanks or control characters in it"),
        _ => Ok(text.to_string()),
    }
}

/// A name for a profile, made of what a server proposes: blanks become dashes, what does not fit is left out. None where
/// nothing is left.
pub fn fitted_name(text: &str) -> Option<String> {
    let fitted: String = text
        .trim()
        .chars()
        .map(|c| if c.is_whitespace() { '-' } else { c })
        .filter(|c| !is_unfit(*c))
        .collect();
    // Room for the number that tells it from others of the same name.
    let fitted = fitted.trim_start_matches('-').chars();
    profile_name(&fitted.take(LONGEST_NAME - 4).collect::<String>()).ok()
}

fn is_unfit(c: char) -> bool {
    c.is_whitespace() || is_control_or_format(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(api_key(" llx-1\n").unwrap().expose(), "llx-1");
        for bad in [
            "", "  ", "a b", "a\nb", "a\tb", "k\u{f6}y", "a\0", "a\u{7f}",
        ] {
            assert!(api_key(bad).is_err(), "{bad:?}");
        }
        assert!(api_key(&"k".repeat(LONGEST_KEY)).is_ok());
        assert!(api_key(&"k".repeat(LONGEST_KEY + 1)).is_err());
    }

    #[test]
    fn ids_and_names() {
        assert_eq!(id(" p-1 ").unwrap(), "p-1");
        assert_eq!(profile_name("me@example.com").unwrap(), "me@example.com");
        for bad in ["", " ", "a b", "a\u{1b}[31m", "a\u{202e}b", "a\u{85}b"] {
            assert!(id(bad).is_err() && profile_name(bad).is_err(), "{bad:?}");
        }
        assert!(profile_name("-x").is_err());
        assert!(profile_name(&"n".repeat(129)).is_err());
        for (proposed, name) in [
            ("ada@example.com", Some("ada@example.com")),
            (" Ada\tLovelace ", Some("Ada-Lovelace")),
            ("--\u{1b}[31mx\u{202e}", Some("[31mx")),
            (" \u{1b}- ", None),
            ("", None),
        ] {
            assert_eq!(fitted_name(proposed).as_deref(), name, "{proposed:?}");
        }
        assert_eq!(fitted_name(&"n".repeat(500)).unwrap().len(), 124);
    }
}
