//! The lines at the start of a file that all readers read alike, found in one quick pass: most files have no others.
//!
//! Such a line stands for itself: it opens nothing, joins nothing and runs nothing. Reading it seven times would prove
//! nothing, so only those that assign one of our names, and what follows the first line of another kind, are read so.

use std::ops::Range;

/// The plain lines at the start of a file, but never its last line.
#[derive(Debug, Default)]
pub struct Plain {
    /// Where they end.
    pub end: usize,
    /// How many they are.
    pub lines: usize,
    /// Those that assign one of the names, with their line ends.
    pub ours: Vec<Assignment>,
}

/// A plain line that assigns one of our names.
#[derive(Debug)]
pub struct Assignment {
    /// The whole line, with its end.
    pub line: Range<usize>,
    /// What is between `=` and the end of the line.
    pub value: Range<usize>,
    /// Which of the names.
    pub name: usize,
    /// The line's number, from one.
    pub number: usize,
}

/// In a comment.
const COMMENT: u8 = 1;
/// Within quotes of either kind, and in a comment.
const QUOTED: u8 = 2;
/// In a bare value, and in all of these.
const BARE: u8 = 3;
/// In a name, and in all of these.
const NAME: u8 = 4;

/// The last of these that each byte may stand in. Anything but what the readers were seen to agree on is in none.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => NAME,
            b'%' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'@' => BARE,
            b' ' | b'=' | b'?' | b'&' | b'(' | b')' => QUOTED,
            b';' | b'#' | b'*' | b'<' | b'>' | b'|' | b'~' => COMMENT,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

impl Plain {
    /// Looks for them.
    pub fn find(file: &[u8], names: &[&[u8]]) -> Plain {
        let mut plain = Plain::default();
        while let Some((value, end)) = line(&file[plain.end..]) {
            let start = plain.end;
            if start + end == file.len() {
                break;
            }
            plain.lines += 1;
            if let Some(value) = value {
                let name = &file[start..start + value.start - 1];
                if let Some(name) = names.iter().position(|known| *known == name) {
                    plain.ours.push(Assignment {
                        line: start..start + end,
                        value: start + value.start..start + value.end,
                        name,
                        number: plain.lines,
                    });
                }
            }
            plain.end += end;
        }
        // At the start of a file, and only there, a byte order mark is one, and Node passes over blanks.
        match file.get(plain.end) {
            Some(0xef | b' ' | b'\t') => Plain::default(),
            _ => plain,
        }
    }
}

/// The value of a plain line, if it has one, and where the line ends; none where the line is of another kind.
#[inline]
fn line(bytes: &[u8]) -> Option<(Option<Range<usize>>, usize)> {
    let ends = |at: usize| bytes.get(at) == Some(&b'\n');
    let first = *bytes.first()?;
    if first == b'\n' {
        return Some((None, 1));
    }
    if first == b'#' {
        let end = run(bytes, 1, COMMENT);
        return ends(end).then_some((None, end + 1));
    }
    let name = run(bytes, 0, NAME);
    if name == 0
        || first.is_ascii_digit()
        || bytes.get(name) != Some(&b'=')
        || &bytes[..name] == b"export"
    {
        return None;
    }
    let start = name + 1;
    let end = match bytes.get(start) {
        Some(quote @ (b'\'' | b'"')) => {
            let end = run(bytes, start + 1, QUOTED);
            match bytes.get(end) == Some(quote) {
                true => end + 1,
                false => return None,
            }
        }
        _ => run(bytes, start, BARE),
    };
    (end > start && ends(end)).then_some((Some(start..end), end + 1))
}

/// Where bytes of a class end. All of a large file goes through here: an iterator takes twice the time.
#[inline]
fn run(bytes: &[u8], from: usize, class: u8) -> usize {
    let mut at = from;
    while at < bytes.len() && CLASSES[usize::from(bytes[at])] >= class {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain() {
        for (text, lines, ours) in [
            ("A=1\nB=2\nC=3\n", 2, 0),
            ("A=1\n\n# it is = so\nX='a b'\nY=\"c?d=e\"\nlast", 5, 0),
            ("OURS=1\nOURS=2\nA=", 2, 2),
            ("A=it's\nB=1\nC=", 0, 0),
            ("A=1\nB=$C\nD=1\n", 1, 0),
            ("A=\nB=1\n", 0, 0),
            ("A=1\r\nB=1\n", 0, 0),
            ("1A=1\nB=1\n", 0, 0),
            (" A=1\nB=1\n", 0, 0),
            ("export A=1\nB=1\n", 0, 0),
            ("A='b' # c\nB=1\n", 0, 0),
            ("A=1\n\u{feff}B=1\nC=1\n", 0, 0),
            ("A=1\n # it is\nC=1\n", 0, 0),
            ("A=1\n\tB=1\nC=1\n", 0, 0),
            ("OURS=1\n B=1\n", 0, 0),
            ("A=1", 0, 0),
            ("", 0, 0),
        ] {
            let plain = Plain::find(text.as_bytes(), &[b"OURS"]);
            assert_eq!((plain.lines, plain.ours.len()), (lines, ours), "{text:?}");
        }
    }

    #[test]
    fn where_they_are() {
        let file = b"# c\nTHEIRS=x\nOURS=1\n\nOURS='a b'\nOUR=1\nOURSX=1\nMINE=\"\"\n$";
        let plain = Plain::find(file, &[b"MINE", b"OURS"]);
        let ours: Vec<(&[u8], &[u8], usize, usize)> = plain
            .ours
            .iter()
            .map(|one| {
                let (line, value) = (one.line.clone(), one.value.clone());
                (&file[line], &file[value], one.name, one.number)
            })
            .collect();
        assert_eq!(
            ours,
            [
                (&b"OURS=1\n"[..], &b"1"[..], 1, 3),
                (b"OURS='a b'\n", b"'a b'", 1, 5),
                (b"MINE=\"\"\n", b"\"\"", 0, 8),
            ]
        );
        assert_eq!((plain.end, plain.lines), (file.len() - 1, 8));
    }

    /// Which bytes may stand in each place of a plain line.
    #[test]
    fn what_bytes_are_plain() {
        let plain = |before: &[u8], after: &[u8]| {
            let is_plain = |byte: &u8| {
                let file = [before, &[*byte], after, b"\nX"].concat();
                Plain::find(&file, &[]).lines == 1
            };
            let bytes: Vec<u8> = (0..=u8::MAX).filter(is_plain).collect();
            String::from_utf8(bytes).unwrap()
        };
        let name = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        let with = |more: &str| {
            let mut all: Vec<char> = name.chars().chain(more.chars()).collect();
            all.sort_unstable();
            all.into_iter().collect::<String>()
        };
        let first = "\n#ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        assert_eq!(plain(b"", b"=1"), first);
        assert_eq!(plain(b"N", b"=1"), name);
        assert_eq!(plain(b"N=", b""), with("%+,-./:@"));
        let quoted = " %&()+,-./:=?@";
        assert_eq!(plain(b"N='", b"'"), with(quoted));
        assert_eq!(plain(b"N=\"", b"\""), with(quoted));
        assert_eq!(plain(b"# ", b""), with(" #%&()*+,-./:;<=>?@|~"));
    }
}
