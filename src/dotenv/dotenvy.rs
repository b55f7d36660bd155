//! The way of Rust's dotenvy, which is strict: what it does not understand ends the reading with an error.

use super::readers::{BOM, Scan, Step, character, line_feed, skip, skip_chars, trim_end};
use std::ops::Range;

pub(super) fn step(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let bom = start == 0 && file.starts_with(BOM);
    let start = if bom { BOM.len() } else { start };
    let line = (line_feed(file, start) + 1).min(file.len());
    let first = skip_chars(&file[..line], start, char::is_whitespace);
    if file.get(first) == Some(&b'#') || first == line {
        return Step::To(line);
    }
    let Some((text, next)) = logical_line(file, start) else {
        return Step::Stops;
    };
    match binding(file, text) {
        Some((name, value)) => {
            scan.see(name, value);
            Step::To(next)
        }
        None => Step::Stops,
    }
}

#[derive(Clone, Copy)]
enum State {
    Complete,
    Space,
    Escape,
    Quoted(char),
    QuotedEscape(char),
}

/// The lines that quotes hold together, without a comment, and where the next one starts.
fn logical_line(file: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let mut state = State::Complete;
    let mut at = start;
    while let Some((c, len)) = character(file, at) {
        state = match (state, c) {
            (State::Space, '#') => return Some((start..at, line_feed(file, at))),
            (State::Complete, c) if c.is_whitespace() && c != '\n' && c != '\r' => State::Space,
            (State::Complete | State::Space, '\\') => State::Escape,
            (State::Complete | State::Space, '"' | '\'') => State::Quoted(c),
            (State::Complete | State::Space | State::Escape, _) => State::Complete,
            (State::Quoted(quote), '\\') => State::QuotedEscape(quote),
            (State::Quoted(quote), c) if c == quote => State::Complete,
            (State::Quoted(quote) | State::QuotedEscape(quote), _) => State::Quoted(quote),
        };
        at += len;
        if c == '\n' && matches!(state, State::Complete) {
            return Some((start..at, at));
        }
    }
    matches!(state, State::Complete).then_some((start..at, at))
}

fn binding(file: &[u8], line: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let file = &file[..trim_end(file, line.clone(), char::is_whitespace)];
    let blanks = |at: usize| skip_chars(file, at, char::is_whitespace);
    let key = |at: usize| {
        let first = file.get(at)?;
        let end = skip(file, at, |b| {
            b.is_ascii_alphanumeric() || b == b'_' || b == b'.'
        });
        (first.is_ascii_alphabetic() || *first == b'_').then_some(at..end)
    };
    let mut name = key(blanks(line.start))?;
    let mut equals = blanks(name.end);
    if &file[name.clone()] == b"export" && file.get(equals) != Some(&b'=') {
        name = key(equals)?;
        equals = blanks(name.end);
    }
    if file.get(equals) != Some(&b'=') {
        return None;
    }
    let first = blanks(equals + 1);
    if matches!(file.get(first), None | Some(b'#')) {
        return Some((name, equals + 1..equals + 1));
    }
    Some((name, first..value_end(file, first)?))
}

/// Where the value ends, unless it is an error.
fn value_end(file: &[u8], start: usize) -> Option<usize> {
    #[derive(PartialEq)]
    enum Dollar {
        No,
        Name { empty: bool },
        Braces,
    }
    let (mut quote, mut escaped, mut end) = (None, false, None);
    let mut dollar = Dollar::No;
    let mut at = start;
    while let Some((c, len)) = character(file, at) {
        if end.is_some() {
            match c {
                ' ' | '\t' => {}
                '#' => break,
                _ => return None,
            }
        } else if escaped {
            if !matches!(c, '\\' | '\'' | '"' | '$' | ' ' | 'n') {
                return None;
            }
            escaped = false;
        } else if quote == Some('\'') {
            if c == '\'' {
                quote = None;
            }
        } else if dollar != Dollar::No {
            dollar = match dollar {
                Dollar::Braces if c == '}' => Dollar::No,
                Dollar::Braces => Dollar::Braces,
                _ if c.is_alphanumeric() => Dollar::Name { empty: false },
                Dollar::Name { empty: true } if c == '{' => Dollar::Braces,
                // Not looked at again: a quote or a blank right here is a part of the value.
                _ if c == '$' => Dollar::Name { empty: true },
                _ => Dollar::No,
            };
        } else if c == '$' {
            dollar = Dollar::Name { empty: true };
        } else if c == '\\' {
            escaped = true;
        } else if quote == Some('"') {
            if c == '"' {
                quote = None;
            }
        } else {
            match c {
                '\'' | '"' => quote = Some(c),
                ' ' | '\t' => end = Some(at),
                _ => {}
            }
        }
        at += len;
    }
    let open = quote.is_some() || dollar == Dollar::Braces;
    (!open).then(|| end.unwrap_or(file.len()))
}
