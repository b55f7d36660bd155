//! The way of shells that source the file (`set -a; . ./.env`). Only what a list of assignments needs is understood; a
//! file that runs commands is one that a shell can't read as a list of assignments.

use super::readers::{Reading, SHELL, Scan, Step, line_feed, skip};
use std::ops::Range;

/// Commands whose arguments are assignments.
const DECLARE: [&str; 5] = ["export", "readonly", "declare", "typeset", "local"];
/// Words after which a command starts.
const BEGIN: [&str; 9] = [
    "if", "then", "elif", "else", "while", "until", "do", "{", "!",
];
/// Commands that every shell has; any other one is taken for a value with a blank in it.
const BUILTIN: [&str; 23] = [
    ":", ".", "source", "set", "shopt", "setopt", "true", "false", "test", "[", "[[", "echo",
    "printf", "eval", "cd", "umask", "alias", "fi", "done", "}", "for", "case", "esac",
];
/// Commands that change the variables they name.
const TAKES: [&str; 2] = ["unset", "read"];
/// After these nothing is read, or may not be.
const LEAVE: [&str; 3] = ["return", "exit", "exec"];

/// Reads one simple command.
pub(super) fn step(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let mut at = start;
    let mut bound: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let mut command = Command::None;
    let mut fails = false;
    loop {
        at = skip(file, at, |b| matches!(b, b' ' | b'\t'));
        match file.get(at) {
            None | Some(b'\n' | b';') => break,
            Some(b'\\') if file.get(at + 1) == Some(&b'\n') => {
                at += 2;
                continue;
            }
            Some(b'#') => {
                at = line_feed(file, at);
                break;
            }
            Some(b'<') if file[at..].starts_with(b"<<") => {
                scan.unsure(at, false);
                return Step::Stops;
            }
            Some(b'&' | b'|' | b'(' | b')' | b'<' | b'>') => {
                fails |= !matches!(command, Command::Builtin | Command::Takes);
                at += 1;
                continue;
            }
            Some(_) => {}
        }
        let Some(mut end) = word(file, at, &mut |_| ()) else {
            return Step::Stops;
        };
        let name_end = skip(&file[..end], at, |b| b.is_ascii_alphanumeric() || b == b'_');
        let name = &file[at..name_end];
        let named = name.first().is_some_and(|b| !b.is_ascii_digit());
        let text = std::str::from_utf8(&file[at..end]).unwrap_or_default();
        fails |= text.contains('\r');
        if named
            && file.get(name_end) == Some(&b'=')
            && matches!(command, Command::None | Command::Declare)
        {
            if end == name_end + 1 && file.get(end) == Some(&b'(') {
                let Some(close) = group(file, end + 1, b')') else {
                    return Step::Stops;
                };
                end = close;
            }
            bound.push((at..name_end, name_end + 1..end));
        } else if named && file[name_end..end].starts_with(b"+=") {
            if scan.is_ours(name) {
                scan.unsure(at, false);
            }
            bound.push((at..name_end + 1, name_end + 2..end));
        } else if command != Command::None {
            if command == Command::Takes && scan.is_ours(name) {
                scan.unsure(at, false);
            }
            fails |= command == Command::Declare && name_end != end && file[at] != b'-';
        } else if BEGIN.contains(&text) || text.starts_with('$') {
            // What comes after it may be the command.
        } else if DECLARE.contains(&text) {
            command = Command::Declare;
        } else if LEAVE.contains(&text) {
            scan.unsure(at, false);
            command = Command::Builtin;
        } else {
            // Assignments before a command are the command's own.
            bound.clear();
            fails |= !BUILTIN.contains(&text) && !TAKES.contains(&text);
            command = if TAKES.contains(&text) {
                Command::Takes
            } else {
                Command::Builtin
            };
        }
        at = end;
    }
    if !fails {
        for (name, value) in bound {
            scan.see(name, value);
        }
    }
    let next = (at + 1).min(file.len());
    if fails {
        Step::Fails(next)
    } else {
        Step::To(next)
    }
}

/// What the words of a command have been up to now.
#[derive(PartialEq)]
enum Command {
    None,
    Declare,
    Takes,
    Builtin,
}

/// Where the word ends, or none where a quote in it is never closed. Tells where quotes open.
fn word(file: &[u8], start: usize, opens: &mut dyn FnMut(usize)) -> Option<usize> {
    let mut at = start;
    while let Some(&byte) = file.get(at) {
        at = match byte {
            b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
            b'\\' => (at + 2).min(file.len()),
            b'$' if file.get(at + 1) == Some(&b'\'') => escaped(file, at + 2, b'\'')?,
            b'$' if file.get(at + 1) == Some(&b'(') => group(file, at + 2, b')')?,
            b'$' if file.get(at + 1) == Some(&b'{') => group(file, at + 2, b'}')?,
            b'`' => escaped(file, at + 1, b'`')?,
            b'\'' => {
                opens(at);
                single(file, at + 1)?
            }
            b'"' => {
                opens(at);
                double(file, at + 1)?
            }
            _ => at + 1,
        };
    }
    Some(at)
}

fn single(file: &[u8], at: usize) -> Option<usize> {
    let close = skip(file, at, |b| b != b'\'');
    (close < file.len()).then_some(close + 1)
}

fn escaped(file: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    while *file.get(at)? != quote {
        at += 1 + usize::from(file[at] == b'\\');
    }
    Some(at + 1)
}

fn double(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = match *file.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at + 2,
            b'`' => escaped(file, at + 1, b'`')?,
            b'$' if file.get(at + 1) == Some(&b'(') => group(file, at + 2, b')')?,
            b'$' if file.get(at + 1) == Some(&b'{') => group(file, at + 2, b'}')?,
            _ => at + 1,
        };
    }
}

/// The end of `$(…)` or `${…}`; what is nested in it is counted, not understood.
fn group(file: &[u8], mut at: usize, close: u8) -> Option<usize> {
    let open = if close == b')' { b'(' } else { b'{' };
    let mut depth = 1_usize;
    while depth > 0 {
        at = match *file.get(at)? {
            b'\\' => at + 2,
            b'\'' if close == b')' => single(file, at + 1)?,
            b'"' => {
                let end = skip(file, at + 1, |b| b != b'"');
                (end < file.len()).then_some(end + 1)?
            }
            byte => {
                depth += usize::from(byte == open);
                depth -= usize::from(byte == close);
                at + 1
            }
        };
    }
    Some(at)
}

/// Whether a shell takes the quotes of our values for quotes that open, also in a file that it can't read: a value that
/// it finds outside of them would be run.
pub(super) fn keeps_quotes(file: &[u8], readings: &[Reading]) -> bool {
    let ours: Vec<usize> = super::merge(file, readings)
        .iter()
        .map(|p| p.value.start)
        .collect();
    if readings[SHELL].live {
        return true;
    }
    let mut opened = Vec::new();
    let mut at = 0;
    while at < file.len() {
        at = match file[at] {
            b'#' if at == 0 || matches!(file[at - 1], b' ' | b'\t' | b'\n' | b';') => {
                line_feed(file, at)
            }
            b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => at + 1,
            _ => match word(file, at, &mut |open| {
                if ours.binary_search(&open).is_ok() {
                    opened.push(open);
                }
            }) {
                Some(end) => end,
                // Nothing is run from here on.
                None => break,
            },
        };
    }
    ours.iter()
        .filter(|&&start| start < at && matches!(file.get(start), Some(b'\'' | b'"')))
        .all(|start| opened.contains(start))
}
