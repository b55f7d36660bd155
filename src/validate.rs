//! Checks what comes in: API keys, ids and names from options, files, variables, prompts and servers.
//!
//! An error is the end of a sentence ("contains whitespace"). The caller puts before it what the value is and where it came
//! from, with the value in quotes unless it is a key.

use crate::sanitize::{has_hidden, with_hidden};
use crate::secret::Secret;

/// In bytes; a request header holds it.
const MAX_KEY: usize = 16 * 1024;
/// In bytes.
const MAX_ID: usize = 256;
/// In characters.
const MAX_NAME: usize = 128;

const WHITESPACE: &str = "contains whitespace";
const CONTROL: &str = "contains control or invisible characters";

/// An API key, without the whitespace around it.
pub fn api_key(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    match pasted(text) {
        Some(problem) => Err(problem),
        None => token(text),
    }
}

/// A token that a server issued, without the whitespace around it.
pub fn token(text: &str) -> Result<Secret, &'static str> {
    let text = text.trim();
    let problem = match text.chars().find(|c| !c.is_ascii_graphic()) {
        _ if text.is_empty() => "is empty",
        _ if text.len() > MAX_KEY => "is longer than any API key",
        None => return Ok(Secret::new(text.to_string())),
        Some(c) if c.is_whitespace() => WHITESPACE,
        Some(c) if c.is_control() => "contains control characters",
        Some(_) => "contains non-ASCII characters",
    };
    Err(problem)
}

/// The text of a file or of standard input that should hold a key.
pub fn key_file(bytes: &[u8]) -> Result<&str, &'static str> {
    let is_marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if is_marked || (bytes.contains(&0) && bytes.iter().any(|b| *b != 0)) {
        return Err("is UTF-16 text; save it as UTF-8");
    }
    std::str::from_utf8(bytes).map_err(|_| "is not valid UTF-8")
}

/// The id of a project or an organization, without the whitespace around it.
pub fn id(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match pasted(text).or_else(|| unfit(text)) {
        Some(problem) => Err(problem),
        None if text.len() > MAX_ID => Err("is longer than 256 bytes"),
        None => Ok(text.to_string()),
    }
}

/// An id that becomes a segment of a URL's path.
pub fn path_id(text: &str) -> Result<String, &'static str> {
    let id = id(text)?;
    match id == "." || id == ".." || id.contains(['/', '\\']) {
        true => Err("is a path"),
        false => Ok(id),
    }
}

/// The name of a profile, without the whitespace around it.
pub fn profile_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match unfit(text) {
        Some(problem) => Err(problem),
        None if text.starts_with('-') => Err("begins with '-'"),
        None if text.chars().count() > MAX_NAME => Err("is longer than 128 characters"),
        None => Ok(text.to_string()),
    }
}

/// A profile name made from what a server or another tool proposes: whitespace becomes `-`, what does not fit is left out.
/// `None` if nothing is left.
pub fn fitted_name(text: &str) -> Option<String> {
    let dashed: String = text
        .trim()
        .chars()
        .map(|c| if c.is_whitespace() { '-' } else { c })
        .collect();
    let visible = with_hidden(&dashed).filter(|(_, is_hidden)| !is_hidden);
    let fitted: String = visible.map(|(c, _)| c).collect();
    let fitted = fitted.trim_start_matches('-').chars();
    // The last characters are left for the suffix that tells two of the same name apart.
    profile_name(&fitted.take(MAX_NAME - 4).collect::<String>()).ok()
}

/// What is wrong with an id or a name.
fn unfit(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("is empty"),
        _ if text.contains(char::is_whitespace) => Some(WHITESPACE),
        _ if has_hidden(text) => Some(CONTROL),
        _ => None,
    }
}

/// What a clipboard, a container's `--env-file` or an editor left around a value.
fn pasted(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if text.starts_with('\u{feff}') {
        Some("begins with a byte order mark (BOM); remove it")
    } else if text.starts_with('\u{fffd}') {
        Some("is not valid UTF-8")
    } else if is_quoted(text) {
        Some("has quotes around it; remove them")
    } else if lower.starts_with("bearer ") || lower.starts_with("authorization:") {
        Some("begins with 'Bearer'; pass only what follows")
    } else if is_assignment(text) {
        Some("begins with 'NAME='; pass only what follows")
    } else {
        None
    }
}

/// Whether the first and the last character are quotes, and no other one is.
fn is_quoted(text: &str) -> bool {
    text.strip_prefix(is_quote)
        .and_then(|text| text.strip_suffix(is_quote))
        .is_some_and(|inner| !inner.contains(is_quote))
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}'
    )
}

/// `NAME=value` or `export NAME=value`, with a name as environment variables have it.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    text.split_once('=').is_some_and(|(name, value)| {
        name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            // The end of a base64 text is not a value.
            && !value.trim_start_matches('=').is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_id_is_one_segment() {
        assert_eq!(path_id(" key-1 ").unwrap(), "key-1");
        assert_eq!(path_id("...").unwrap(), "...");
        for path in [".", "..", "../projects", "a/b", "a\\b"] {
            assert_eq!(path_id(path), Err("is a path"), "{path}");
        }
        assert!(path_id("").is_err());
    }

    #[test]
    fn keys_name_what_was_pasted() {
        assert_eq!(api_key(" llx-1\n").unwrap().expose(), "llx-1");
        for text in ["QUJD=", "QUJD==", "llx-1'", "'\"a\"'", "a'b'c"] {
            assert_eq!(api_key(text).unwrap().expose(), text);
        }
        for (text, problem) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("a b", WHITESPACE),
            ("a\nb", WHITESPACE),
            ("a\0b", "contains control characters"),
            ("a\u{7f}", "contains control characters"),
            ("k\u{f6}y", "contains non-ASCII characters"),
            ("\"llx-1\"", "has quotes around it; remove them"),
            ("'llx-1'", "has quotes around it; remove them"),
            ("\u{201c}llx-1\u{201d}", "has quotes around it; remove them"),
            (
                "LLAMA_CLOUD_API_KEY=llx-1",
                "begins with 'NAME='; pass only what follows",
            ),
            (
                "export LLAMA_CLOUD_API_KEY='llx-1",
                "begins with 'NAME='; pass only what follows",
            ),
            (
                "Bearer llx-1",
                "begins with 'Bearer'; pass only what follows",
            ),
            (
                "Authorization: Bearer llx-1",
                "begins with 'Bearer'; pass only what follows",
            ),
            (
                "\u{feff}llx-1",
                "begins with a byte order mark (BOM); remove it",
            ),
        ] {
            assert_eq!(api_key(text).unwrap_err(), problem, "{text:?}");
        }
        assert!(api_key(&"k".repeat(MAX_KEY)).is_ok());
        assert!(api_key(&"k".repeat(MAX_KEY + 1)).is_err());
    }

    #[test]
    fn key_files_in_utf_16_are_named() {
        assert_eq!(key_file(b"llx-1\n"), Ok("llx-1\n"));
        for bytes in [&b"\xff\xfel\0"[..], b"\xfe\xff\0l", b"l\0l\0x\0"] {
            let problem = key_file(bytes).unwrap_err();
            assert_eq!(problem, "is UTF-16 text; save it as UTF-8");
        }
        assert_eq!(key_file(b"\xe9").unwrap_err(), "is not valid UTF-8");
        let marked = key_file(b"\xef\xbb\xbfllx-1").unwrap();
        assert!(api_key(marked).unwrap_err().contains("byte order mark"));
    }

    #[test]
    fn ids_and_names_that_do_not_fit() {
        assert_eq!(id(" p-1 ").unwrap(), "p-1");
        assert_eq!(profile_name("me@example.com").unwrap(), "me@example.com");
        assert_eq!(profile_name("❤\u{fe0f}").unwrap(), "❤\u{fe0f}");
        for (text, problem) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("a b", WHITESPACE),
            ("a\u{1b}[31m", CONTROL),
            ("a\u{202e}b", CONTROL),
        ] {
            assert_eq!(id(text).unwrap_err(), problem);
            assert_eq!(profile_name(text).unwrap_err(), problem);
        }
        for (text, problem) in [
            ("\"p-1\"", "has quotes around it; remove them"),
            ("ID=p-1", "begins with 'NAME='; pass only what follows"),
        ] {
            assert_eq!(id(text).unwrap_err(), problem);
        }
        assert_eq!(profile_name("-x").unwrap_err(), "begins with '-'");
        assert!(profile_name(&"n".repeat(129)).is_err());
        assert!(id(&"n".repeat(257)).is_err());
    }

    #[test]
    fn proposed_names_are_made_to_fit() {
        for (proposed, name) in [
            ("ada@example.com", Some("ada@example.com")),
            (" Ada\tLovelace ", Some("Ada-Lovelace")),
            ("--\u{1b}[31mx\u{202e}", Some("[31mx")),
            ("A=b", Some("A=b")),
            (" \u{1b}- ", None),
            ("", None),
        ] {
            assert_eq!(fitted_name(proposed).as_deref(), name, "{proposed:?}");
        }
        assert_eq!(fitted_name(&"n".repeat(500)).unwrap().len(), 124);
    }
}
