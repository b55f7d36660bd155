//! The way of python-dotenv: one binding after another, a line that does not parse is skipped with a warning.

use super::readers::{BOM, Scan, Step, is_at, line_end, skip, skip_chars, trim_end};

fn space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

fn blank(c: char) -> bool {
    space(c) && c != '\n' && c != '\r'
}

/// Reads one binding. With `PAIRS` a backslash takes the next character with it, whatever that is; releases before let
/// it escape quotes only.
pub(super) fn step<const PAIRS: bool>(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let bom = PAIRS && start == 0 && file.starts_with(BOM);
    let mut at = skip_chars(file, if bom { BOM.len() } else { start }, space);
    if is_at(file, at, b"export") {
        let after = skip_chars(file, at + 6, blank);
        if after > at + 6 {
            at = after;
        }
    }
    let (name, after) = if file.get(at) == Some(&b'\'') {
        let close = skip(file, at + 1, |b| b != b'\'');
        if close == file.len() {
            return to_next_line(file, at);
        }
        (at + 1..close, close + 1)
    } else {
        let end = skip_chars(file, at, |c| c != '=' && c != '#' && !space(c));
        (at..end, end)
    };
    let equals = skip_chars(file, after, blank);
    if name.is_empty() {
        return to_next_line(file, at);
    }
    if file.get(equals) != Some(&b'=') {
        if matches!(file.get(equals), None | Some(b'\n' | b'\r' | b'#')) {
            // A name alone takes the value away that it had.
            scan.forget(&file[name]);
        }
        return to_next_line(file, equals);
    }
    let first = skip_chars(file, equals + 1, blank);
    match file.get(first) {
        None | Some(b'\n' | b'\r') => scan.see(name, equals + 1..equals + 1),
        Some(b'#') if PAIRS && first > equals + 1 => scan.see(name, equals + 1..equals + 1),
        Some(&quote @ (b'\'' | b'"')) => {
            let Some(close) = close::<PAIRS>(file, first) else {
                if !(quote == b'\'' && file[first + 1..].contains(&quote)) {
                    scan.unsure(first, true);
                }
                return to_next_line(file, first);
            };
            let rest = skip_chars(file, close + 1, blank);
            if matches!(file.get(rest), None | Some(b'\n' | b'\r' | b'#')) {
                scan.see(name, first..close + 1);
            }
            return to_next_line(file, rest);
        }
        Some(&quote) => {
            if quote == b'`' && !file[first + 1..].contains(&quote) {
                scan.unsure(first, true);
            }
            scan.see(name, first..bare_end(file, first));
        }
    }
    to_next_line(file, first)
}

fn to_next_line(file: &[u8], at: usize) -> Step {
    let end = line_end(file, at);
    Step::To((end + 1).min(file.len()))
}

/// The quote that closes the one at `open`.
pub(super) fn close<const PAIRS: bool>(file: &[u8], open: usize) -> Option<usize> {
    let quote = file[open];
    let mut escaped = None;
    let mut at = open + 1;
    while let Some(&byte) = file.get(at) {
        if byte == b'\\' && (PAIRS || file.get(at + 1) == Some(&quote)) {
            escaped = Some(at + 1);
            at += 2;
        } else if byte == quote {
            return Some(at);
        } else {
            at += 1;
        }
    }
    // The old pattern backtracks: the last escaped quote closes after all.
    escaped.filter(|_| !PAIRS)
}

/// Where a value without quotes ends: before a blank and `#`, and without the blanks at its end.
fn bare_end(file: &[u8], start: usize) -> usize {
    let line = &file[..line_end(file, start)];
    let mut after_blank = false;
    let end = skip_chars(line, start, |c| {
        let comment = c == '#' && after_blank;
        after_blank = space(c);
        !comment
    });
    trim_end(file, start..end, space)
}
