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

/// Characters that change how a terminal shows what is around them: controls, separators, direction marks.
pub fn is_control_or_format(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
