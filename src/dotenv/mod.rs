//! Edits a `.env` file so that every common reader finds the new values and nothing else changes: bytes → places →
//! bytes, pure.
//!
//! There is no one `.env` grammar. So a file is read the way each family of readers reads it (`readers`); the places
//! where they find our names are replaced, what one of them misses goes to the end, and the result is read again: it is
//! handed out only where every reader that could read the file before finds our values now and everything else as it
//! was. What can't be shown that way is refused with the line it hangs on. No IO enters here, and no value leaves in a
//! message.

mod dotenvy;
pub mod file;
mod node;
mod npm;
mod plain;
mod python;
mod readers;
mod shell;
mod spell;

pub use spell::spell;

use plain::Plain;
use readers::{READERS, Reading, Unsure};
use std::ops::Range;

/// A name and the value that it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// An ASCII identifier.
    pub name: &'a str,
    /// Any text; what no spelling carries is refused.
    pub value: &'a str,
}

/// Why a file is left as it is. Lines count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The name is no identifier.
    Name {
        /// The name.
        name: String,
    },
    /// No spelling carries this name's value to the common readers.
    Value {
        /// The name.
        name: String,
    },
    /// A quote is opened on this line and never closed, and a name stands after it or would have to be appended.
    OpenQuote {
        /// The line of the quote.
        line: usize,
    },
    /// Readers disagree about the file around this line, so that no edit leaves each of them right.
    Disputed {
        /// The line.
        line: usize,
    },
}

/// A file after an edit: so many bytes of what it was, and what comes after them now. A large file is not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// How many bytes at its start stay.
    pub kept: usize,
    /// What follows them.
    pub rest: Vec<u8>,
}

/// The file with every binding in it, or why that can't be had. A file that has them already comes back unchanged.
pub fn edit(file: &[u8], bindings: &[Binding<'_>]) -> Result<Vec<u8>, EditError> {
    let edited = edit_from(file, bindings)?;
    Ok([&file[..edited.kept], &edited.rest].concat())
}

/// As [`edit`], from the first change on.
pub fn edit_from(file: &[u8], bindings: &[Binding<'_>]) -> Result<Edited, EditError> {
    let spelled = bindings
        .iter()
        .map(Spelled::new)
        .collect::<Result<Vec<_>, _>>()?;
    let names: Vec<&[u8]> = spelled.iter().map(|s| s.name.as_bytes()).collect();
    let plain = Plain::find(file, &names);
    // Which line end new lines get hangs on all that there are.
    if file[plain.end..].contains(&b'\r') {
        let rest = edit_whole(file, &spelled, &names)?;
        return Ok(Edited { kept: 0, rest });
    }
    edit_without(&plain, file, &spelled, &names)
}

/// Edits a file whose plain lines are left out but for those that assign our names, and puts them back in.
fn edit_without(
    plain: &Plain,
    file: &[u8],
    spelled: &[Spelled<'_>],
    names: &[&[u8]],
) -> Result<Edited, EditError> {
    let rest = &file[plain.end..];
    let mut short = Vec::with_capacity(rest.len() + 256 * plain.ours.len());
    let mut edited = Vec::new();
    for ours in &plain.ours {
        short.extend_from_slice(&file[ours.line.clone()]);
        edited.extend_from_slice(&file[ours.line.start..ours.value.start]);
        edited.extend_from_slice(spelled[ours.name].text.as_bytes());
        edited.push(b'\n');
    }
    short.extend_from_slice(rest);
    let short = edit_whole(&short, spelled, names).map_err(|refusal| plain.renumbered(refusal))?;
    let Some(rest) = short.strip_prefix(edited.as_slice()) else {
        // The readers want these lines otherwise than in place.
        let rest = edit_whole(file, spelled, names)?;
        return Ok(Edited { kept: 0, rest });
    };
    let kept = plain
        .ours
        .first()
        .map_or(plain.end, |ours| ours.value.start);
    let mut out = Vec::with_capacity(plain.end - kept + edited.len() + rest.len());
    let mut done = kept;
    for ours in &plain.ours {
        out.extend_from_slice(&file[done..ours.value.start]);
        out.extend_from_slice(spelled[ours.name].text.as_bytes());
        done = ours.value.end;
    }
    out.extend_from_slice(&file[done..plain.end]);
    out.extend_from_slice(rest);
    Ok(Edited { kept, rest: out })
}

impl Plain {
    /// A refusal of the file without the plain lines, with the line's number in the whole file.
    fn renumbered(&self, refusal: EditError) -> EditError {
        let renumber = |line: usize| match self.ours.get(line.saturating_sub(1)) {
            Some(ours) => ours.number,
            None => line - self.ours.len() + self.lines,
        };
        match refusal {
            EditError::OpenQuote { line } => EditError::OpenQuote {
                line: renumber(line),
            },
            EditError::Disputed { line } => EditError::Disputed {
                line: renumber(line),
            },
            other => other,
        }
    }
}

fn edit_whole(file: &[u8], spelled: &[Spelled<'_>], names: &[&[u8]]) -> Result<Vec<u8>, EditError> {
    let before = readers::read(file, names);
    if !before.iter().any(|r| r.live) {
        return Err(EditError::Disputed { line: 1 });
    }
    match settle(file, &before, spelled, names, b"") {
        // A last line such as `A:` or `A= ` takes in what follows it, for some readers; a comment between keeps it off.
        Err(EditError::Disputed { .. }) => settle(file, &before, spelled, names, b"#"),
        settled => settled,
    }
}

/// Whether some reader may find a value for the name in the file. Where a shell does what is not understood here, whatever
/// looks like an assignment is one.
pub fn assigns(file: &[u8], name: &str) -> bool {
    let readings = readers::read(file, &[name.as_bytes()]);
    let is_value = |value: &[u8]| !matches!(value, b"" | b"''" | b"\"\"");
    let mut places = readings.iter().flat_map(|reading| &reading.places);
    let is_clear = readings
        .get(readers::SHELL)
        .is_some_and(|shell| shell.live && shell.unsure.is_none());
    places.any(|place| is_value(&file[place.value.clone()]))
        || file.split(|b| *b == b'\n').any(|line| {
            let line = line.trim_ascii();
            let mut starts = 0..line.len();
            !line.starts_with(b"#") && starts.any(|at| looks_assigned(line, at, name, is_clear))
        })
}

/// Whether `NAME=…`, `NAME+=…` or `${NAME:=…}` stands there, with a value; the last alone, where all else was understood.
fn looks_assigned(line: &[u8], at: usize, name: &str, only_default: bool) -> bool {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let before = at.checked_sub(1).and_then(|at| line.get(at));
    let after = line[at..].strip_prefix(name.as_bytes());
    let Some(after) = after.filter(|_| !before.is_some_and(is_word)) else {
        return false;
    };
    if only_default && before != Some(&b'{') {
        return false;
    }
    let after = match after {
        [b'+' | b':', rest @ ..] => rest,
        _ => after,
    };
    let Some(value) = after.strip_prefix(b"=") else {
        return false;
    };
    let rest = match value {
        [b'\'', b'\'', rest @ ..] | [b'"', b'"', rest @ ..] => rest,
        _ => value,
    };
    !matches!(
        rest,
        [] | [
            b' ' | b'\t' | b'\r' | b';' | b'#' | b'&' | b'|' | b')' | b'}',
            ..
        ]
    )
}

struct Spelled<'a> {
    name: &'a str,
    text: String,
}

impl<'a> Spelled<'a> {
    fn new(binding: &Binding<'a>) -> Result<Self, EditError> {
        let name = binding.name;
        let mut bytes = name.bytes();
        let first = bytes.next();
        if !first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return Err(EditError::Name { name: name.into() });
        }
        match spell(binding.value) {
            Some(text) => Ok(Spelled { name, text }),
            None => Err(EditError::Value { name: name.into() }),
        }
    }
}

/// Edits until no reader asks for more (an edit can mend a file for a reader that could not read it before), then
/// compares with what was read before.
fn settle(
    file: &[u8],
    before: &[Reading],
    spelled: &[Spelled<'_>],
    names: &[&[u8]],
    fence: &[u8],
) -> Result<Vec<u8>, EditError> {
    let refused = || disputed(file, before, &before[0]);
    let mut out = replace(file, before, spelled, fence)?;
    if out == file {
        return Ok(out);
    }
    for _ in 0..READERS.len() {
        let after = readers::read(&out, names);
        // Lines are those of the file as it was.
        let next = replace(&out, &after, spelled, b"").map_err(|_| {
            let unsure = first_unsure(before).map(|unsure| refuse(file, unsure));
            unsure.unwrap_or_else(refused)
        })?;
        if next != out {
            out = next;
            continue;
        }
        for (was, is) in before.iter().zip(&after) {
            if was.live && !(is.live && is.others == was.others) {
                return Err(disputed(file, before, was));
            }
        }
        if spelled.iter().any(|s| s.text.starts_with(['\'', '"']))
            && !shell::keeps_quotes(&out, &after)
        {
            return Err(refused());
        }
        return Ok(out);
    }
    Err(refused())
}

/// One edit: every place that a live reader sees is given its value; a name that one of them misses is appended.
fn replace(
    file: &[u8],
    readings: &[Reading],
    spelled: &[Spelled<'_>],
    fence: &[u8],
) -> Result<Vec<u8>, EditError> {
    let places = merge(file, readings);
    let missing = |binding: usize| readings.iter().any(|r| r.live && !r.held[binding]);
    // Where they disagree about a place, its new value may be what makes them agree: first that, then the rest.
    let alike = readings
        .iter()
        .filter(|r| r.live)
        .all(|r| r.places == places);
    let settled = || {
        places
            .iter()
            .all(|p| &file[p.value.clone()] == spelled[p.binding].text.as_bytes())
    };
    let complete = alike || settled();
    let missing: Vec<&Spelled<'_>> = (spelled.iter().enumerate())
        .filter(|(binding, _)| complete && missing(*binding))
        .map(|(_, spelled)| spelled)
        .collect();
    if let Some(unsure) = first_unsure(readings) {
        let after = places.last().is_some_and(|p| p.value.end >= unsure.at);
        if after || !missing.is_empty() {
            return Err(refuse(file, unsure));
        }
    }
    let mut out = Vec::with_capacity(file.len() + 256);
    let mut kept = 0;
    for place in &places {
        let new = &spelled[place.binding];
        // A shell runs what comes after `NAME= `.
        let equals = place.name + new.name.len();
        let start = match file.get(equals) {
            Some(b'=') => equals + 1,
            _ => place.value.start,
        };
        if start < kept {
            return Err(EditError::Disputed {
                line: line(file, place.name),
            });
        }
        out.extend_from_slice(&file[kept..start]);
        out.extend_from_slice(new.text.as_bytes());
        kept = place.value.end;
        if file.get(kept) == Some(&b'#') {
            out.push(b' ');
        }
    }
    out.extend_from_slice(&file[kept..]);
    if !missing.is_empty() {
        let ending = line_ending(file);
        match out.last() {
            None | Some(b'\n') => {}
            // Half of a Windows line end.
            Some(b'\r') => out.push(b'\n'),
            Some(_) => out.extend_from_slice(ending),
        }
        if !fence.is_empty() {
            out.extend_from_slice(fence);
            out.extend_from_slice(ending);
        }
        for s in missing {
            out.extend_from_slice(s.name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(s.text.as_bytes());
            out.extend_from_slice(ending);
        }
    }
    Ok(out)
}

/// An assignment of one of our names: which, where its name starts, and where its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    binding: usize,
    name: usize,
    value: Range<usize>,
}

/// What all live readers see, in order. Where they disagree about how far a value goes, all of it is the value, but for a
/// comment that follows a closing quote.
fn merge(file: &[u8], readings: &[Reading]) -> Vec<Place> {
    let live = || readings.iter().filter(|r| r.live);
    let Some(first) = live().next() else {
        return Vec::new();
    };
    // Nearly always all of them see the same.
    if live().all(|r| r.places == first.places) {
        return first.places.clone();
    }
    let mut all: Vec<Place> = live().flat_map(|r| r.places.iter().cloned()).collect();
    all.sort_by_key(|p| (p.name, p.value.start, p.value.end));
    let mut merged: Vec<Place> = Vec::new();
    for place in all {
        match merged.last_mut() {
            Some(last) if last.name == place.name && last.binding == place.binding => {
                let quoted = matches!(file.get(last.value.start), Some(b'\'' | b'"'));
                let commented = quoted && file.get(last.value.end) == Some(&b'#');
                if last.value.start == place.value.start && !commented {
                    last.value.end = place.value.end;
                }
            }
            _ => merged.push(place),
        }
    }
    merged
}

/// The line to look at when a reader would lose something: the first place it does not see as the others do, else the
/// last line.
fn disputed(file: &[u8], readings: &[Reading], reader: &Reading) -> EditError {
    let place = merge(file, readings)
        .into_iter()
        .find(|p| !reader.places.contains(p));
    EditError::Disputed {
        line: line(file, place.map_or(file.len().saturating_sub(1), |p| p.name)),
    }
}

fn first_unsure(readings: &[Reading]) -> Option<Unsure> {
    let all = readings.iter().filter_map(|r| r.unsure);
    all.min_by_key(|unsure| unsure.at)
}

fn refuse(file: &[u8], unsure: Unsure) -> EditError {
    let line = line(file, unsure.at);
    if unsure.quote {
        EditError::OpenQuote { line }
    } else {
        EditError::Disputed { line }
    }
}

fn line(file: &[u8], at: usize) -> usize {
    file[..at].split(|&b| b == b'\n').count()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_files() {
        let disputed = |line| Err(EditError::Disputed { line });
        let text = |text: &'static [u8]| Ok(text.to_vec());
        for (file, expected) in [
            (&b"A"[..], text(b"A\nA=new\nB='a b'\n")),
            (b"=", text(b"=\nA=new\nB='a b'\n")),
            (b"C\r\n\r", text(b"C\r\n\r\nA=new\r\nB='a b'\r\n")),
            (b"`", text(b"`\nA=new\nB='a b'\n")),
            // A shell would not take our quotes for quotes.
            (b"'", disputed(1)),
            (b"if ", disputed(1)),
            (b"<<>", disputed(1)),
            (b"X=<<b>>\n", disputed(1)),
            (b"(#'\n", disputed(1)),
            // It would.
            (b"a <b\n", text(b"a <b\nA=new\nB='a b'\n")),
            (b"(\n# it's\n", text(b"(\n# it's\nA=new\nB='a b'\n")),
            // Where readers disagree about how far a value goes, all of it is one.
            (b"B=\r-", text(b"B='a b'\nA=new\n")),
            (b"B=#${\r|", text(b"B='a b'\nA=new\n")),
            (b"A=\xffB:if \nA", text(b"A=new \nA\nB='a b'\nA=new\n")),
            (b"A=case A=", text(b"A=new\nB='a b'\n")),
            (b"A=A=A=\\\nB=", text(b"A=new\nB='a b'\n")),
            (b"A=\nexport A=", text(b"A=new\nexport A=new\nB='a b'\n")),
            (b"A=\"\nC=A=1\n$(\"\r\n", text(b"A=new\r\nB='a b'\n")),
            // One value within another.
            (b"A=\rA=", disputed(1)),
            (b"B= A=", disputed(1)),
            (b"\rA=(A=#<<\xff${'", disputed(1)),
            // Nothing can be said from some place on.
            (b"B=\r<<", disputed(1)),
            (b"A: \n<<", disputed(2)),
            // Behind plain lines.
            (b"\nB=1\n<<", disputed(3)),
            (b"\nB=1\nC:", disputed(3)),
            (b"\nB=1\nA='", Err(EditError::OpenQuote { line: 3 })),
        ] {
            let bindings =
                [("A", "new"), ("B", "a b")].map(|(name, value)| Binding { name, value });
            let found = edit(file, &bindings);
            let shown = found.as_deref().map(<[u8]>::escape_ascii);
            assert_eq!(found, expected, "{}: {shown:?}", file.escape_ascii());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Leaving the plain lines out is quicker, and nothing else.
        #[test]
        fn leaving_plain_lines_out_changes_nothing(
            plain in proptest::collection::vec("X=[a-z]|Y='[a-z =]{0,3}'|Y=\"[a-z =]{0,3}\"|# [a-z=:]{0,4}||OURS=[a-z]|THEIRS=1", 0..6),
            rest in proptest::collection::vec("[ A-Z'\"#=$\\\\`:a\n]{0,8}|export OURS=1|OURS='x|OURS=|[ \t](#|X)[A-Z]?='?|X: y|'|\"|\\u{feff}OURS=1|Z=1\r", 0..5),
            end in "|\n",
        ) {
            let file = [plain, rest].concat().join("\n") + &end;
            let bindings = [
                Binding { name: "OURS", value: "new" },
                Binding { name: "THEIRS", value: "a b" },
            ];
            let spelled: Vec<Spelled> = bindings.iter().map(|b| Spelled::new(b).unwrap()).collect();
            let names: Vec<&[u8]> = bindings.iter().map(|b| b.name.as_bytes()).collect();
            let whole = edit_whole(file.as_bytes(), &spelled, &names);
            prop_assert_eq!(edit(file.as_bytes(), &bindings), whole);
        }
    }
}
