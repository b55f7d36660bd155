//! Makes text from servers, files, environment variables and other users safe to print.
//!
//! [`Error`](crate::error::Error), `term::message` and `term::output` apply it to what they print, so that their callers
//! need not.

use std::fmt::Write as _;

/// The shortest text after `llx-` that is taken for an API key.
const KEY_LENGTH: usize = 20;

/// Escapes all that a terminal would act on or not show: line ends and tabs as `\n`, `\r` and `\t`, every other control,
/// bidirectional, format or invisible character as `\u{202e}`. The joiners within an emoji sequence stay.
pub fn sanitize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (c, is_hidden) in with_hidden(text) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// A name, path or other value as messages show it: sanitized, in single quotes, without API keys.
pub fn quoted(text: &str) -> String {
    format!("'{}'", message(text))
}

/// Prose of several lines as one: line ends, tabs and the spaces around them become one space. Not sanitized.
pub fn one_line(text: &str) -> String {
    let words = text.split(['\n', '\r', '\t']).map(str::trim);
    let words: Vec<&str> = words.filter(|words| !words.is_empty()).collect();
    words.join(" ")
}

/// The text of an error, a warning or a status line: sanitized, with API keys masked.
pub fn message(text: &str) -> String {
    mask_api_keys(&sanitize(text))
}

/// The first six and the last four characters of a key around `****`, and fewer of a short one: at most half is shown.
pub fn mask(key: &str) -> String {
    let key: Vec<char> = key.chars().collect();
    let visible = (key.len() / 2).min(10);
    let tail = visible * 2 / 5;
    let head: String = key.iter().take(visible - tail).collect();
    let tail: String = key.iter().skip(key.len() - tail).collect();
    format!("{head}****{tail}")
}

/// Masks everything that looks like an API key: `llx-` and at least 20 letters, digits, `_` or `-`.
pub fn mask_api_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("llx-") {
        let (before, key) = rest.split_at(start);
        let end = key
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(key.len());
        let (key, after) = key.split_at(end);
        out.push_str(before);
        match key.len() >= "llx-".len() + KEY_LENGTH {
            true => out.push_str(&mask(key)),
            false => out.push_str(key),
        }
        rest = after;
    }
    out + rest
}

/// Changes what GitHub Actions or Azure Pipelines would run as a command if a build prints it: `##[` and `##vso[` anywhere
/// in a line, and `::` at its start.
pub fn without_ci_commands(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 1);
    let start = line.len() - line.trim_start().len();
    let (indent, mut rest) = line.split_at(start);
    out.push_str(indent);
    if rest.starts_with("::") {
        out.push_str(": :");
        rest = &rest[2..];
    }
    for (at, c) in rest.char_indices() {
        out.push(c);
        let after = &rest[at + c.len_utf8()..];
        let is_command = |word: &str| {
            let found = after.get(..word.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(word))
        };
        if c == '#' && (is_command("#[") || is_command("#vso[")) {
            out.push(' ');
        }
    }
    out
}

/// Whether a text holds a character that [`sanitize`] would escape.
pub fn has_hidden(text: &str) -> bool {
    with_hidden(text).any(|(_, is_hidden)| is_hidden)
}

/// Each character, and whether it must be escaped.
pub fn with_hidden(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut previous = None;
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = chars.next()?;
        let next = chars.peek().copied();
        let is_hidden = is_control_or_format(c) && !joins_emoji(previous, c, next);
        // A variation selector does not change what a joiner joins.
        if c != '\u{fe0f}' || is_hidden {
            previous = Some(c);
        }
        Some((c, is_hidden))
    })
}

/// Whether the character belongs to an emoji sequence: U+200D between two emoji, or U+FE0F after one or within a keycap.
fn joins_emoji(previous: Option<char>, c: char, next: Option<char>) -> bool {
    match c {
        '\u{200d}' => previous.is_some_and(is_emoji) && next.is_some_and(is_emoji),
        '\u{fe0f}' => previous.is_some_and(|previous| {
            is_emoji(previous)
                || (matches!(previous, '0'..='9' | '#' | '*') && next == Some('\u{20e3}'))
        }),
        _ => false,
    }
}

/// Whether a character can be part of an emoji sequence: the blocks of symbols that hold emoji.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}'
        | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Characters that change how a terminal shows what is around them, or that it does not show: controls, separators,
/// bidirectional marks, fillers, variation selectors, tags and noncharacters.
pub fn is_control_or_format(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{13430}'..='\u{1345f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped() {
        for (text, escaped) in [
            ("plain", "plain"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{61c}b", "a\\u{61c}b"),
            ("a\u{ad}\u{34f}\u{115f}", "a\\u{ad}\\u{34f}\\u{115f}"),
            ("\u{2800}\u{3164}\u{ffa0}", "\\u{2800}\\u{3164}\\u{ffa0}"),
            ("\u{1d173}\u{e0041}", "\\u{1d173}\\u{e0041}"),
            ("\u{feff}\u{fffe}\u{ffff}", "\\u{feff}\\u{fffe}\\u{ffff}"),
            ("Zürich 東京 \u{fffd}", "Zürich 東京 \u{fffd}"),
        ] {
            assert_eq!(sanitize(text), escaped);
            assert_eq!(has_hidden(text), text != escaped);
            assert_eq!(sanitize(escaped), escaped);
        }
    }

    #[test]
    fn emoji_sequences_stay() {
        for text in [
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}🚀",
            "1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈",
        ] {
            assert_eq!(sanitize(text), text);
        }
        for (text, escaped) in [
            ("a\u{200d}b", "a\\u{200d}b"),
            ("👨\u{200d}b", "👨\\u{200d}b"),
            ("👨\u{200d}", "👨\\u{200d}"),
            ("1\u{fe0f}", "1\\u{fe0f}"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("👨\u{200d}\u{200d}👩", "👨\\u{200d}\\u{200d}👩"),
            ("❤\u{fe0e}", "❤\\u{fe0e}"),
        ] {
            assert_eq!(sanitize(text), escaped);
        }
    }

    #[test]
    fn api_keys_are_masked_in_messages() {
        for (text, masked) in [
            (
                "the key llx-0123456789abcdefghij is bad",
                "the key llx-01****ghij is bad",
            ),
            ("llx-0123456789abcdefghi", "llx-0123456789abcdefghi"),
            ("llx-01****mnop was replaced", "llx-01****mnop was replaced"),
            (
                "'llx-AAAAAAAAAA_aaaaaaaa-A','llx-BBBBBBBBBBBBBBBBBBBBB'",
                "'llx-AA****aa-A','llx-BB****BBBB'",
            ),
            ("no key\u{7}", "no key\\u{7}"),
        ] {
            assert_eq!(message(text), masked);
        }
    }

    #[test]
    fn ci_commands_are_broken_up() {
        for (line, printed) in [
            ("::set-output name=x::y", ": :set-output name=x::y"),
            ("  ::error::x", "  : :error::x"),
            ("a ::error::x", "a ::error::x"),
            ("a ##[error]x", "a # #[error]x"),
            ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
            ("x ##VSO[task]", "x # #VSO[task]"),
            ("###[x] ##vso ##", "## #[x] ##vso ##"),
            ("::##[x]", ": :# #[x]"),
            ("é #é", "é #é"),
        ] {
            assert_eq!(without_ci_commands(line), printed);
        }
    }

    proptest::proptest! {
        #[test]
        fn sanitized_text_has_nothing_hidden(text in "[\\PC\\x00-\\u{9f}\u{200d}\u{fe0f}\u{202e}👨❤1]*") {
            let sanitized = sanitize(&text);
            proptest::prop_assert!(!has_hidden(&sanitized), "{sanitized:?}");
            proptest::prop_assert_eq!(sanitize(&sanitized), sanitized);
        }

        #[test]
        fn no_ci_command_is_left(line in "[ #:vso\\[a]{0,20}") {
            let printed = without_ci_commands(&line);
            proptest::prop_assert!(!printed.contains("##[") && !printed.contains("##vso["), "{printed}");
            proptest::prop_assert!(!printed.trim_start().starts_with("::"), "{printed}");
        }
    }
}
