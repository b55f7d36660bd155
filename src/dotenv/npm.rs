//! The way of npm's dotenv, and of the many that took over its pattern: a line that does not match is passed over, a
//! quote that does not fit is a part of the value.

use super::readers::{Scan, Step, character, is_at, skip, skip_chars, trim_end};

fn space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

pub(super) fn step(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let mut at = skip_chars(file, start, space);
    let first = at;
    if is_at(file, at, b"export") {
        let after = skip_chars(file, at + 6, space);
        if after > at + 6 && file.get(after).is_some_and(|&b| key(b)) {
            at = after;
        }
    }
    let name = at..skip(file, at, key);
    let equals = skip_chars(file, name.end, space);
    let colon = name.end;
    let from = if name.is_empty() {
        return next_line(file, first, false);
    } else if file.get(equals) == Some(&b'=') {
        equals + 1
    } else if file.get(colon) == Some(&b':') {
        match character(file, colon + 1) {
            Some(('\r', _)) if file.get(colon + 2) == Some(&b'\n') => colon + 3,
            Some((c, len)) if space(c) => colon + 1 + len,
            _ => return next_line(file, first, false),
        }
    } else {
        return next_line(file, first, false);
    };
    // Whatever lies between the name and its value may hold a line end: then a line that is none is taken in.
    let crossed = |to: usize| {
        file[name.end..to]
            .iter()
            .any(|b| matches!(b, b'\n' | b'\r'))
    };
    let open = skip_chars(file, from, space);
    if matches!(file.get(open), Some(b'\'' | b'"' | b'`')) {
        if let Some(close) = close(file, open) {
            let wrong = crossed(open);
            scan.see(name, open..close + 1);
            return next_line(file, close, wrong);
        }
    }
    let end = skip(file, from, |b| !matches!(b, b'#' | b'\n' | b'\r'));
    let end = trim_end(file, from..end, space);
    let value = skip_chars(file, from, space);
    if value >= end {
        scan.see(name, from..from);
        return next_line(file, from, false);
    }
    let wrong = crossed(from);
    scan.see(name, value..end);
    next_line(file, end, wrong)
}

fn next_line(file: &[u8], at: usize, wrong: bool) -> Step {
    let end = skip_chars(file, at, |c| !ends_line(c));
    let next = end + character(file, end).map_or(0, |(_, len)| len);
    if wrong {
        Step::Fails(next)
    } else {
        Step::To(next)
    }
}

/// The last quote that can close the one at `open`: no unescaped one lies between, and only blanks and a comment follow.
fn close(file: &[u8], open: usize) -> Option<usize> {
    let quote = file[open];
    let mut found = None;
    let mut at = open + 1;
    while let Some(&byte) = file.get(at) {
        if byte == quote {
            let rest = skip_chars(file, at + 1, |c| space(c) && !ends_line(c));
            if character(file, rest).is_none_or(|(c, _)| c == '#' || ends_line(c)) {
                found = Some(at);
            }
            if file[at - 1] != b'\\' {
                break;
            }
        }
        at += 1;
    }
    found
}
