//! What each family of readers sees in a file: the walk that they share, and the lines that all of them read alike.
//! Each family's own rules are in a file of their own.

use super::{Place, dotenvy, node, npm, python, shell};
use std::hash::Hasher;
use std::ops::Range;

/// A family of readers.
pub(super) struct Reader {
    /// Reads one statement that starts at the given offset.
    step: fn(&mut Scan<'_>, usize) -> Step,
    /// A file that is no UTF-8 is an error to it.
    text_only: bool,
    /// A carriage return before the line feed is a part of the line end.
    windows: bool,
    /// NUL is a character like others.
    nul: bool,
}

/// The families, and with them nearly every reader there is. Two come twice, for
/// what they did until lately.
pub(super) const READERS: [Reader; 7] = [
    Reader {
        step: python::step::<true>,
        text_only: true,
        windows: true,
        nul: true,
    },
    Reader {
        step: python::step::<false>,
        text_only: true,
        windows: true,
        nul: true,
    },
    Reader {
        step: npm::step,
        text_only: false,
        windows: true,
        nul: true,
    },
    Reader {
        step: node::step::<true>,
        text_only: false,
        windows: true,
        nul: true,
    },
    Reader {
        step: node::step::<false>,
        text_only: false,
        windows: true,
        nul: true,
    },
    Reader {
        step: dotenvy::step,
        text_only: true,
        windows: true,
        nul: false,
    },
    Reader {
        step: shell::step,
        text_only: false,
        windows: false,
        nul: false,
    },
];

/// Where [`READERS`] has the shells.
pub(super) const SHELL: usize = READERS.len() - 1;

/// The byte order mark, in UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where a statement ends.
pub(super) enum Step {
    /// The reader goes on there.
    To(usize),
    /// It goes on there, and has got the file wrong or complained.
    Fails(usize),
    /// It stops.
    Stops,
}

/// What a reader found in a file.
pub(super) struct Reading {
    /// It could read the file.
    pub live: bool,
    /// Where it sees our names assigned.
    pub places: Vec<Place>,
    /// For each of our names, whether it has a value in the end.
    pub held: Vec<bool>,
    /// A digest of all other assignments, in order.
    pub others: u64,
    /// From here on its view says nothing.
    pub unsure: Option<Unsure>,
}

/// A point after which a file can't be understood.
#[derive(Clone, Copy)]
pub(super) struct Unsure {
    pub at: usize,
    /// A quote that is never closed.
    pub quote: bool,
}

/// A reading in progress.
pub(super) struct Scan<'a> {
    pub file: &'a [u8],
    names: &'a [&'a [u8]],
    live: bool,
    places: Vec<Place>,
    held: Vec<bool>,
    others: std::hash::DefaultHasher,
    unsure: Option<Unsure>,
    /// How deep in the conditions and loops of a shell script it is.
    pub depth: usize,
}

impl Scan<'_> {
    /// Notes an assignment.
    pub fn see(&mut self, name: Range<usize>, value: Range<usize>) {
        let text = &self.file[name.clone()];
        if let Some(binding) = self.names.iter().position(|ours| *ours == text) {
            self.held[binding] = true;
            let name = name.start;
            self.places.push(Place {
                binding,
                name,
                value,
            });
        } else if is_name(text) {
            self.others.write(text);
            self.others.write_u8(b'=');
            self.others.write(&self.file[value]);
            self.others.write_u8(b'\n');
        }
    }

    /// Notes that a name has no value from here on, whatever it had.
    pub fn forget(&mut self, name: &[u8]) {
        if let Some(binding) = self.names.iter().position(|ours| *ours == name) {
            self.held[binding] = false;
        }
    }

    /// Whether the text is one of our names.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        self.names.contains(&name)
    }

    /// Notes that nothing can be said from here on.
    pub fn unsure(&mut self, at: usize, quote: bool) {
        if self.unsure.is_none() {
            self.unsure = Some(Unsure { at, quote });
        }
    }
}

/// Reads the file the way each family reads it.
pub(super) fn read(file: &[u8], names: &[&[u8]]) -> Vec<Reading> {
    let text = std::str::from_utf8(file).is_ok();
    let nul = file.contains(&0);
    let walk = |reader: &Reader| {
        let mut scan = Scan {
            file,
            names,
            live: (text || !reader.text_only) && (!nul || reader.nul),
            places: Vec::new(),
            held: vec![false; names.len()],
            others: std::hash::DefaultHasher::new(),
            unsure: None,
            depth: 0,
        };
        let mut at = 0;
        while at < file.len() {
            // What stands in a condition of a shell script may not come to pass.
            if scan.depth == 0 && (at == 0 || file[at - 1] == b'\n') {
                if let Some(line) = plain(file, at) {
                    scan.see(at..line.name, line.name + 1..line.value);
                    if line.windows && !reader.windows {
                        scan.live = false;
                    }
                    at = line.next;
                    continue;
                }
            }
            match (reader.step)(&mut scan, at) {
                Step::To(next) => at = next,
                Step::Fails(next) => {
                    scan.live = false;
                    at = next;
                }
                Step::Stops => {
                    scan.live = false;
                    break;
                }
            }
        }
        Reading {
            live: scan.live,
            places: scan.places,
            held: scan.held,
            others: scan.others.finish(),
            unsure: scan.unsure,
        }
    };
    READERS.iter().map(walk).collect()
}

/// Whether a reader can mean a variable by it. Some take all that stands before the `=` for the name, be it a comment, a
/// byte order mark, or `readonly` and a name; what such a thing is said to hold is nothing to keep.
fn is_name(text: &[u8]) -> bool {
    let odd = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'#' | b'\'' | b'"' | b'`');
    !text.iter().any(odd) && !text.starts_with(BOM) && !text.starts_with("\u{a0}".as_bytes())
}

/// A line that all readers read alike, wherever they are sure to be at its start: `NAME=value` with a value that needs
/// no quotes.
struct Plain {
    /// Where the name ends.
    name: usize,
    value: usize,
    next: usize,
    windows: bool,
}

fn plain(file: &[u8], start: usize) -> Option<Plain> {
    let first = file[start];
    if !first.is_ascii_alphabetic() && first != b'_' {
        return None;
    }
    let name = skip(file, start, |b| b.is_ascii_alphanumeric() || b == b'_');
    if file.get(name) != Some(&b'=') {
        return None;
    }
    let value = skip(file, name, |b| b == b'=' || inert(b));
    if value == name + 1 {
        return None;
    }
    let windows = is_at(file, value, b"\r\n");
    let next = match file.get(value) {
        None => value,
        Some(b'\n') => value + 1,
        Some(b'\r') if windows => value + 2,
        Some(_) => return None,
    };
    Some(Plain {
        name,
        value,
        next,
        windows,
    })
}

/// Bytes that mean nothing but themselves to any reader, outside quotes.
pub(super) fn inert(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!%*+,-./:?@[]^_{}".contains(&byte)
}

/// The first offset from `at` on whose byte is not wanted, or the end.
pub(super) fn skip(file: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = &file[at..];
    at + rest.iter().position(|&b| !wanted(b)).unwrap_or(rest.len())
}

/// The next line feed, or the end.
pub(super) fn line_feed(file: &[u8], at: usize) -> usize {
    skip(file, at, |b| b != b'\n')
}

/// The next line feed or carriage return, or the end.
pub(super) fn line_end(file: &[u8], at: usize) -> usize {
    skip(file, at, |b| !matches!(b, b'\n' | b'\r'))
}

/// The character at an offset and how many bytes it takes; a stray byte is one unknown character.
pub(super) fn character(file: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = &file[at..];
    let first = *rest.first()?;
    let len = match first {
        ..0x80 => return Some((char::from(first), 1)),
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let text = rest
        .get(..len)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text.and_then(|t| t.chars().next()) {
        Some(c) => Some((c, len)),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

/// The first offset from `at` on whose character is not wanted, or the end.
pub(super) fn skip_chars(
    file: &[u8],
    mut at: usize,
    mut wanted: impl FnMut(char) -> bool,
) -> usize {
    while let Some((c, len)) = character(file, at) {
        if !wanted(c) {
            break;
        }
        at += len;
    }
    at
}

/// Whether the text stands there.
pub(super) fn is_at(file: &[u8], at: usize, text: &[u8]) -> bool {
    file.get(at..).is_some_and(|rest| rest.starts_with(text))
}

/// Where the text ends without the blanks at its end.
pub(super) fn trim_end(file: &[u8], range: Range<usize>, blank: impl Fn(char) -> bool) -> usize {
    let mut end = range.end;
    let starts = |at: &usize| file[*at] & 0xc0 != 0x80;
    // No character has more than four bytes.
    while let Some(at) = (range.start..end).rev().take(4).find(starts) {
        match character(file, at) {
            Some((c, len)) if at + len == end && blank(c) => end = at,
            _ => break,
        }
    }
    end
}

#[cfg(test)]
#[path = "readers_tests.rs"]
mod tests;
