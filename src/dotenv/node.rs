//! The way of Node's `util.parseEnv` and `--env-file`: the next `=`, the next quote of the same kind, and carriage
//! returns that do not exist.

use super::python;
use super::readers::{Scan, Step, line_feed, skip};
use std::ops::Range;

/// Reads one assignment. With `LINES` (from 22 on) a line without `=` is passed over; 20 takes it for the start of the
/// next name, and knows no blank but the space.
pub(super) fn step<const LINES: bool>(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let blank = |b: u8| matches!(b, b' ' | b'\r') || (LINES && matches!(b, b'\t' | b'\n'));
    let trim = |range: Range<usize>| {
        let start = skip(&file[..range.end], range.start, blank);
        let blanks = file[start..range.end]
            .iter()
            .rev()
            .take_while(|&&b| blank(b));
        start..range.end - blanks.count()
    };
    let start = skip(file, start, |b| b == b'\r' || (start == 0 && blank(b)));
    match file.get(start) {
        None => return Step::To(file.len()),
        Some(b'\n' | b'#') => return Step::To((line_feed(file, start) + 1).min(file.len())),
        Some(_) => {}
    }
    let equals = skip(file, start, |b| b != b'=' && !(LINES && b == b'\n'));
    if file.get(equals) != Some(&b'=') {
        let next = skip(file, equals, blank);
        return if LINES {
            Step::To(next)
        } else {
            Step::Fails(next)
        };
    }
    let mut name = trim(start..equals);
    let mut fails = file[name.clone()].contains(&b'\n');
    let nothing = equals + 1..equals + 1;
    let after = skip(file, equals + 1, |b| b == b'\r');
    if matches!(file.get(after), None | Some(b'\n')) {
        scan.see(name, nothing);
        return if fails {
            Step::Fails(after)
        } else {
            Step::To(after)
        };
    }
    let value = skip(file, after, blank);
    if name.is_empty() {
        return if LINES { Step::To(value) } else { Step::Stops };
    }
    if file[name.clone()].starts_with(b"export ") {
        name.start += 7;
        if LINES {
            name = trim(name);
        }
    }
    // Blanks after the `=` reach over line ends: the next line is taken for the value.
    fails |= file.get(value).is_some_and(|&b| b != b'#') && file[equals..value].contains(&b'\n');
    let (text, next) = match file.get(value) {
        Some(&quote @ (b'\'' | b'"' | b'`')) if file[value + 1..].contains(&quote) => {
            let close = skip(file, value + 1, |b| b != quote);
            let end = line_feed(file, close);
            // It knows no escapes: the rest of such a value is read as lines of their own.
            fails |= quote == b'"'
                && python::close::<true>(file, value)
                    .is_some_and(|close| line_feed(file, close) != end);
            (value..close + 1, end)
        }
        _ => {
            let end = line_feed(file, value);
            let hash = match file.get(value) {
                Some(b'\'' | b'"' | b'`') => end,
                _ => skip(&file[..end], value, |b| b != b'#'),
            };
            (
                trim(value..hash),
                if LINES { skip(file, end, blank) } else { end },
            )
        }
    };
    scan.see(name, if text.is_empty() { nothing } else { text });
    if fails {
        Step::Fails(next)
    } else {
        Step::To(next)
    }
}
