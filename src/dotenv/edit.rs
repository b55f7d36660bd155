//! The edit: a file and values → the new file. Only values of assignments of our names change; missing names are
//! appended. What cannot be edited safely is refused.

use super::parse::{Assignment, Line, lines};

/// A variable and the value that it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// Why a file is left as it is. Lines count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The value has a character that readers do not read alike.
    Value { name: String, character: char },
    /// The file is neither ASCII nor UTF-8; holds the name of its encoding.
    Encoding(&'static str),
    /// A quote is open at this line, with one of our names at or after it, or still to be appended.
    OpenQuote { line: usize },
    /// A quote or bracket in the bare value of one of our names has no counterpart in it.
    Unbalanced { line: usize },
    /// A backslash joins the value of one of our names with the next line.
    Continued { line: usize },
    /// A shell reads a further assignment behind the value of one of our names.
    SecondAssignment { line: usize },
}

/// The file with every binding in it.
pub fn edit(file: &[u8], bindings: &[Binding<'_>]) -> Result<Vec<u8>, EditError> {
    for binding in bindings {
        if let Some(character) = unsafe_character(binding.value) {
            let name = binding.name.to_string();
            return Err(EditError::Value { name, character });
        }
    }
    check_encoding(file)?;
    // A quote that we add would end a string `$'…'` that spans lines, of which only a shell knows.
    let ansi_c = file.windows(2).position(|pair| pair == b"$'");
    let has_ansi_c = |before: usize| ansi_c.is_some_and(|at| at < before);
    let mut missing = bindings.to_vec();
    let mut out = Vec::with_capacity(file.len() + 256);
    let mut copied = 0;
    for line in lines(file) {
        match line {
            Line::Assignment(old) => {
                let name = &file[old.name.clone()];
                let Some(new) = bindings.iter().find(|b| b.name.as_bytes() == name) else {
                    continue;
                };
                missing.retain(|b| b.name != new.name);
                // With whitespace before it, a shell runs the value as a command.
                if old.text(file) == new.value.as_bytes() && old.value.start == old.start {
                    continue;
                }
                check_replaceable(file, &old)?;
                out.extend_from_slice(&file[copied..old.start]);
                let next = file.get(old.value.end);
                let quote = match old.quote {
                    // Some readers take the whitespace into a bare value.
                    None if matches!(next, Some(b' ' | b'\t')) && !has_ansi_c(old.start) => "'",
                    None => "",
                    Some(b'\'') => "'",
                    Some(_) => "\"",
                };
                for part in [quote, new.value, quote] {
                    out.extend_from_slice(part.as_bytes());
                }
                if next == Some(&b'#') {
                    out.push(b' ');
                }
                copied = old.value.end;
            }
            Line::OpenQuote(at) => {
                let line_start = file[..at].iter().rposition(|&b| b == b'\n').unwrap_or(0);
                let rest = &file[line_start..];
                if !missing.is_empty() || bindings.iter().any(|b| contains(rest, b.name)) {
                    return Err(EditError::OpenQuote {
                        line: line_number(file, at),
                    });
                }
            }
            Line::Opaque(_) => {}
        }
    }
    out.extend_from_slice(&file[copied..]);
    append(&mut out, &missing, line_ending(file));
    Ok(out)
}

/// Whether the file may assign a value to this name, for any reader: in an assignment, or in text that only a shell
/// understands.
pub fn assigns(file: &[u8], name: &str) -> bool {
    lines(file).any(|line| match line {
        Line::Assignment(a) if file[a.name.clone()] == *name.as_bytes() => !a.text(file).is_empty(),
        Line::Assignment(a) => a.quote.is_none() && mentions_value(&file[a.value], name),
        Line::Opaque(range) => {
            let text = file[range].trim_ascii_start();
            !text.starts_with(b"#") && mentions_value(text, name)
        }
        Line::OpenQuote(at) => contains(&file[at..], name),
    })
}

/// The first character that a value must not have. The others are read alike by all readers of `.env` files, bare and in
/// quotes, and mean nothing to a shell. (zsh expands `=` at the start of a value and after a colon.)
pub fn unsafe_character(value: &str) -> Option<char> {
    let mut before = ':';
    for c in value.chars() {
        let is_safe = match c {
            '=' => before != ':',
            '_' | '.' | '/' | ':' | '@' | '%' | '+' | ',' | '-' => true,
            _ => c.is_ascii_alphanumeric(),
        };
        if !is_safe {
            return Some(c);
        }
        before = c;
    }
    None
}

fn check_encoding(file: &[u8]) -> Result<(), EditError> {
    let encoding = match file {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        _ if !file.contains(&0) => return Ok(()),
        // ASCII in UTF-16 has a NUL in every pair of bytes, always on the same side.
        [0, first, 0, second, ..] | [first, 0, second, 0, ..] if *first != 0 && *second != 0 => {
            "UTF-16 without a byte order mark"
        }
        [0, _] | [_, 0] => "UTF-16 without a byte order mark",
        _ => "binary (it has NUL bytes)",
    };
    Err(EditError::Encoding(encoding))
}

/// Refuses a bare value that, for a shell, goes on behind its line or holds another assignment: replacing it would
/// change what the rest of the file means.
fn check_replaceable(file: &[u8], old: &Assignment) -> Result<(), EditError> {
    if old.quote.is_some() {
        return Ok(());
    }
    // Counting lines for each assignment would make the edit quadratic.
    let line = || line_number(file, old.start);
    let text = old.text(file);
    let count = |byte: u8| text.split(|&b| b == byte).count() - 1;
    let is_odd = |quote: &u8| count(*quote) % 2 == 1;
    if b"'\"`".iter().any(is_odd) || count(b'(') != count(b')') || count(b'{') != count(b'}') {
        return Err(EditError::Unbalanced { line: line() });
    }
    if joins_next_line(text) && file.get(old.value.end) == Some(&b'\n') {
        return Err(EditError::Continued { line: line() });
    }
    let with_whitespace = &file[old.start..old.value.end];
    if (1..with_whitespace.len()).any(|at| starts_assignment(with_whitespace, at)) {
        return Err(EditError::SecondAssignment { line: line() });
    }
    Ok(())
}

/// Whether a shell joins this text with the next line: it ends in a backslash that is not escaped itself.
fn joins_next_line(text: &[u8]) -> bool {
    text.iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1
}

/// Whether a word `NAME=…` starts here, behind whitespace or `;`.
fn starts_assignment(text: &[u8], at: usize) -> bool {
    if !matches!(text[at - 1], b';' | b' ' | b'\t' | b'\r' | 0x0b | 0x0c) {
        return false;
    }
    let word = &text[at..];
    let name = word.iter().take_while(|b| is_word(**b)).count();
    name > 0 && !word[0].is_ascii_digit() && matches!(word[name..], [b'=', ..] | [b'+', b'=', ..])
}

/// Whether the text has `NAME=…`, `NAME+=…` or `NAME:=…` with a value in it.
fn mentions_value(text: &[u8], name: &str) -> bool {
    let is_mention = |at: usize| {
        let Some(rest) = text[at..].strip_prefix(name.as_bytes()) else {
            return false;
        };
        if at > 0 && is_word(text[at - 1]) {
            return false;
        }
        let rest = match rest {
            [b'+' | b':', rest @ ..] => rest,
            _ => rest,
        };
        match rest {
            [b'=', b'\'', b'\'', ..] | [b'=', b'"', b'"', ..] | [b'='] => false,
            [b'=', next, ..] => !matches!(next, b' ' | b'\t' | b'\r' | b';' | b'}'),
            _ => false,
        }
    };
    (0..text.len()).any(is_mention)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn contains(text: &[u8], name: &str) -> bool {
    text.windows(name.len()).any(|part| part == name.as_bytes())
}

/// Appends assignments, on lines of their own.
fn append(out: &mut Vec<u8>, missing: &[Binding<'_>], ending: &[u8]) {
    if missing.is_empty() {
        return;
    }
    match out.last() {
        None | Some(b'\n') => {}
        // Half of a Windows line ending.
        Some(b'\r') => out.push(b'\n'),
        Some(_) => out.extend_from_slice(ending),
    }
    let last_line = out.strip_suffix(b"\n").unwrap_or_default();
    let last_line = last_line.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    if joins_next_line(last_line) && !last_line.trim_ascii_start().starts_with(b"#") {
        out.push(b'\n');
    }
    for Binding { name, value } in missing {
        out.extend_from_slice(format!("{name}={value}").as_bytes());
        out.extend_from_slice(ending);
    }
}

/// The line ending that most lines have.
fn line_ending(file: &[u8]) -> &'static [u8] {
    let (mut all, mut windows, mut last) = (0_usize, 0_usize, 0);
    for &byte in file {
        if byte == b'\n' {
            all += 1;
            windows += usize::from(last == b'\r');
        }
        last = byte;
    }
    if windows * 2 > all { b"\r\n" } else { b"\n" }
}

fn line_number(file: &[u8], at: usize) -> usize {
    file[..at].split(|&b| b == b'\n').count()
}
