//! The way of shells that source the file (`set -a; . ./.env`). Only what a list of assignments needs is understood; a
//! file that runs commands is one that a shell can't read as a list of assignments.

use super::readers::{Reading, SHELL, Scan, Step, is_at, line_feed, skip};
use std::ops::Range;

/// A command whose arguments are assignments.
fn declares(word: &str) -> bool {
    matches!(
        word,
        "export" | "readonly" | "declare" | "typeset" | "local"
    )
}

/// A word that begins something that may be left out.
fn opens(word: &str) -> bool {
    matches!(word, "if" | "while" | "until" | "for" | "case")
}

/// A word that ends it.
fn closes(word: &str) -> bool {
    matches!(word, "fi" | "done" | "esac")
}

/// A word after which a command starts.
fn begins(word: &str) -> bool {
    matches!(word, "then" | "elif" | "else" | "do" | "{" | "!")
}

/// A command that every shell has; any other one is taken for a value with a blank in it.
fn is_builtin(word: &str) -> bool {
    matches!(
        word,
        ":" | "."
            | "source"
            | "set"
            | "shopt"
            | "setopt"
            | "true"
            | "false"
            | "test"
            | "["
            | "[["
            | "echo"
            | "printf"
            | "eval"
            | "cd"
            | "umask"
            | "alias"
            | "}"
    ) || closes(word)
}

/// A command that changes the variables it names.
fn takes(word: &str) -> bool {
    matches!(word, "unset" | "read")
}

/// A command after which nothing is read, or may not be.
fn leaves(word: &str) -> bool {
    matches!(word, "return" | "exit" | "exec")
}

/// Reads one simple command.
pub(super) fn step(scan: &mut Scan<'_>, start: usize) -> Step {
    let file = scan.file;
    let mut at = start;
    let mut command = Command::default();
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
            Some(b'<') if is_at(file, at, b"<<") => {
                // `A=<<text>>` is none, and an error.
                let line = &file[at..line_feed(file, at)];
                if command.kind != Kind::Assignments || !line.contains(&b'>') {
                    scan.unsure(at, false);
                }
                return Step::Stops;
            }
            Some(b'&' | b'|')
                if (command.runs() || command.hangs)
                    && (is_at(file, at, b"&&") || is_at(file, at, b"||")) =>
            {
                command.kind = Kind::Assignments;
                command.hangs = true;
                command.before = command.bound.len();
                // The line may end between.
                at = skip(file, at + 2, |b| matches!(b, b' ' | b'\t' | b'\n'));
                continue;
            }
            Some(b'&' | b'|' | b'(' | b')' | b'<' | b'>') => {
                command.fails |= !command.hangs && !command.runs();
                at += 1;
                continue;
            }
            Some(_) => {}
        }
        let end = word(file, at, &mut |_| ()).and_then(|end| command.word(scan, at, end));
        match end {
            Some(end) => at = end,
            None => return Step::Stops,
        }
    }
    let next = (at + 1).min(file.len());
    if command.fails {
        return Step::Fails(next);
    }
    for (name, value) in command.bound {
        scan.see(name.clone(), value);
        if scan.depth > 0 || command.hangs {
            // It may not come to that.
            scan.forget(&file[name]);
        }
    }
    Step::To(next)
}

/// What a command is as far as it was read.
#[derive(Default)]
struct Command {
    kind: Kind,
    /// The assignments in it.
    bound: Vec<(Range<usize>, Range<usize>)>,
    readonly: bool,
    /// It comes after another, and hangs on how that one ends.
    hangs: bool,
    /// How many of the assignments are those of commands before it.
    before: usize,
    fails: bool,
}

#[derive(Default, PartialEq)]
enum Kind {
    #[default]
    Assignments,
    Declare,
    Takes,
    Builtin,
}

impl Command {
    /// Whether it is no assignment.
    fn runs(&self) -> bool {
        matches!(self.kind, Kind::Builtin | Kind::Takes)
    }

    /// Takes the word that was read, and says where it really ends.
    fn word(&mut self, scan: &mut Scan<'_>, at: usize, end: usize) -> Option<usize> {
        let file = scan.file;
        let name_end = skip(&file[..end], at, |b| b.is_ascii_alphanumeric() || b == b'_');
        let name = &file[at..name_end];
        let named = name.first().is_some_and(|b| !b.is_ascii_digit());
        let assigns = matches!(self.kind, Kind::Assignments | Kind::Declare);
        let text = std::str::from_utf8(&file[at..end]).unwrap_or_default();
        self.fails |= text.contains('\r');
        if named && assigns && file[name_end..end].starts_with(b"=") {
            if self.readonly && scan.is_ours(name) {
                // Then it can't be given another value further down, where other readers look for it.
                scan.unsure(at, false);
            }
            let mut end = end;
            if end == name_end + 1 && file.get(end) == Some(&b'(') {
                end = group(file, end + 1, b')')?;
                self.fails |= !matches!(file.get(end), None | Some(b' ' | b'\t' | b'\n' | b';'));
            }
            self.bound.push((at..name_end, name_end + 1..end));
            return Some(end);
        }
        if named && file[name_end..end].starts_with(b"+=") {
            if scan.is_ours(name) {
                scan.unsure(at, false);
            }
            self.bound.push((at..name_end + 1, name_end + 2..end));
        } else if self.kind != Kind::Assignments {
            if self.kind == Kind::Takes {
                scan.forget(&file[at..end]);
            }
            self.fails |= self.kind == Kind::Declare && name_end != end && file[at] != b'-';
        } else if opens(text) {
            scan.depth += 1;
            self.fails |= text == "case";
        } else if self.hangs && text == "{" {
            // Where that ends is not known here.
            scan.unsure(at, false);
        } else if begins(text) || text.starts_with('$') {
            // What comes after it may be the command.
        } else if declares(text) {
            self.kind = Kind::Declare;
            self.readonly = text == "readonly";
        } else {
            // Assignments before a command are the command's own.
            self.bound.truncate(self.before);
            let takes = takes(text);
            let leaves = leaves(text);
            if leaves {
                scan.unsure(at, false);
            }
            scan.depth -= usize::from(closes(text) && scan.depth > 0);
            self.fails |= !self.hangs && !takes && !leaves && !is_builtin(text);
            self.kind = if takes { Kind::Takes } else { Kind::Builtin };
        }
        Some(end)
    }
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
            b'"' => skip(file, at + 1, |b| b != b'"') + 1,
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
    let quoted = |start: &&usize| matches!(file.get(**start), Some(b'\'' | b'"'));
    let mut opened = Vec::new();
    let mut at = 0;
    while at < file.len() {
        at = match file[at] {
            b'#' if at == 0 || matches!(file[at - 1], b' ' | b'\t' | b'\n' | b';') => {
                line_feed(file, at)
            }
            // Quotes mean nothing in what follows.
            b'<' if is_at(file, at, b"<<") => {
                at = file.len();
                break;
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
        .filter(quoted)
        .filter(|&&start| start < at)
        .all(|start| opened.binary_search(start).is_ok())
}
