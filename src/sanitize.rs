//! What may be printed of text that comes from a server, a file, an environment variable or another user.

/// A text without the characters that a terminal would act on; line ends become spaces.
pub fn sanitize(text: &str) -> String {
    let spaced = text.chars().map(|c| {
        if matches!(c, '\n' | '\r' | '\t') {
            ' '
        } else {
            c
        }
    });
    spaced.filter(|c| !is_control_or_format(*c)).collect()
}

/// A name, path or other value as messages show it: sanitized, in single quotes, without API keys.
pub fn quoted(text: &str) -> String {
    format!("'{}'", mask_api_keys(&sanitize(text)))
}

/// The text with everything that looks like an API key (`llx-` and at least 20 key characters) replaced.
pub fn mask_api_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("llx-") {
        let (before, found) = rest.split_at(start);
        let key_end = found
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .unwrap_or(found.len());
        let (key, after) = found.split_at(key_end);
        out.push_str(before);
        out.push_str(if key.len() >= "llx-".len() + 20 {
            "llx-****"
        } else {
            key
        });
        rest = after;
    }
    out + rest
}

/// Characters that change how a terminal shows what is around them: controls, separators, direction marks.
pub fn is_control_or_format(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
