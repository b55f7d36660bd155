//! The grammar of `.env` files: bytes → lines, in one pass.
//!
//! ```text
//! file       = [BOM] { line }
//! line       = [ws] [ "export" ws ] NAME [ws] "=" [ws] value [ws] [ "#" comment ] EOL     an assignment
//!            | anything else EOL                                                          opaque
//! value      = "'" … "'"  |  '"' { char | "\" any } '"'  (both may span lines)  |  bare text up to " #" or EOL
//! ```
//!
//! Text behind a closing quote, up to a comment, is a part of the value, which is bare then.

use std::ops::Range;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A line of the file, or several, if a quoted value spans them. All offsets are those of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Assignment(Assignment),
    /// Anything else, without its line ending.
    Opaque(Range<usize>),
    /// A value whose quote, at this offset, is never closed: nothing after it can be understood.
    OpenQuote(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub name: Range<usize>,
    /// Behind the `=`, where whitespace may precede the value.
    pub start: usize,
    /// With its quotes, without the whitespace around it.
    pub value: Range<usize>,
    /// The quote, if the whole value is in quotes.
    pub quote: Option<u8>,
}

impl Assignment {
    /// The value without its quotes; escapes are not decoded.
    pub fn text<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        let quotes = usize::from(self.quote.is_some());
        &file[self.value.start + quotes..self.value.end - quotes]
    }
}

/// Iterates over the lines of a file.
pub fn lines(file: &[u8]) -> Lines<'_> {
    let at = if file.starts_with(BOM) { BOM.len() } else { 0 };
    Lines { file, at }
}

#[derive(Debug)]
pub struct Lines<'a> {
    file: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        if start >= self.file.len() {
            return None;
        }
        let Some((name, equals)) = self.name(start) else {
            let end = self.line_end(start);
            self.go_behind(end);
            return Some(Line::Opaque(start..end));
        };
        let first = self.after(equals, is_blank);
        let quote = self.file.get(first).filter(|b| matches!(b, b'\'' | b'"'));
        // Bare text starts here, after a closing quote, if there is one.
        let bare = match quote {
            Some(&quote) => match self.closing_quote(first, quote) {
                Some(closing) => closing + 1,
                None => {
                    self.at = self.file.len();
                    return Some(Line::OpenQuote(first));
                }
            },
            None => first,
        };
        let end = self.line_end(bare);
        self.go_behind(end);
        let rest = self.after(bare, is_blank);
        let is_comment = self.file.get(rest) == Some(&b'#');
        // `NAME=#x` has a value, `NAME= #x` a comment.
        let is_empty = rest >= end || is_comment && (quote.is_some() || rest > equals);
        let (value, quote) = match (is_empty, quote) {
            (true, Some(&quote)) => (first..bare, Some(quote)),
            (true, None) => (equals..equals, None),
            (false, _) => (first..self.bare_end(bare, end), None),
        };
        Some(Line::Assignment(Assignment {
            name,
            start: equals,
            value,
            quote,
        }))
    }
}

impl Lines<'_> {
    /// The name that is assigned on the line that starts here, and the offset behind its `=`.
    fn name(&self, line: usize) -> Option<(Range<usize>, usize)> {
        let mut start = self.after(line, |b| is_blank(b) || matches!(b, 0x0b | 0x0c));
        if self.file[start..].starts_with(b"export") {
            let behind = start + b"export".len();
            let next = self.after(behind, is_blank);
            // `export=1` assigns a variable of that name.
            if next > behind && self.file.get(next) != Some(&b'=') {
                start = next;
            }
        }
        let end = self.after(start, is_name);
        let equals = self.after(end, is_blank);
        (end > start && self.file.get(equals) == Some(&b'=')).then_some((start..end, equals + 1))
    }

    fn closing_quote(&self, opening: usize, quote: u8) -> Option<usize> {
        let mut at = opening + 1;
        loop {
            match *self.file.get(at)? {
                b'\\' if quote == b'"' => at += 2,
                byte if byte == quote => return Some(at),
                _ => at += 1,
            }
        }
    }

    /// Where a bare value ends, that goes on at `from`: at a comment or the end of the line, without whitespace.
    fn bare_end(&self, from: usize, line_end: usize) -> usize {
        let text = &self.file[..line_end];
        let is_comment = |at: usize| text[at] == b'#' && at > from && is_blank(text[at - 1]);
        let mut end = (from..line_end)
            .find(|&at| is_comment(at))
            .unwrap_or(line_end);
        while end > from && is_blank(text[end - 1]) {
            end -= 1;
        }
        end
    }

    /// Where the line ends that this offset is on: before `\n`, `\r\n`, or a last `\r`.
    fn line_end(&self, from: usize) -> usize {
        let rest = &self.file[from..];
        let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        from + end - usize::from(end > 0 && rest[end - 1] == b'\r')
    }

    /// Goes on behind the line ending at this offset.
    fn go_behind(&mut self, line_end: usize) {
        let ending = &self.file[line_end..];
        self.at = line_end + ending.iter().take_while(|&&b| b == b'\r').count().min(1);
        self.at += usize::from(self.file.get(self.at) == Some(&b'\n'));
    }

    fn after(&self, from: usize, accept: impl Fn(u8) -> bool) -> usize {
        let rest = self.file.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|&&b| accept(b)).count()
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The characters of names, ours and others': some readers take `.` and `-`, too.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a file: `NAME[VALUE]` with the value as it stands in the file, `-` if opaque, `!OFFSET` if open.
    fn parsed(file: &str) -> String {
        let text = |range: Range<usize>| &file[range];
        let shown = lines(file.as_bytes()).map(|line| match line {
            Line::Assignment(a) => format!("{}[{}]", text(a.name), text(a.value)),
            Line::Opaque(_) => "-".to_string(),
            Line::OpenQuote(at) => format!("!{at}"),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_are_assignments_or_opaque() {
        for (file, expected) in [
            ("", ""),
            ("\n\n", "- -"),
            ("A=1", "A[1]"),
            ("\u{feff}A=1\n", "A[1]"),
            ("A=1\nB=2\r\nC=3\r", "A[1] B[2] C[3]"),
            ("A=1\rB=2\n", "A[1\rB=2]"),
            ("\r\n\r", "- -"),
            (" \t\u{c}export \t A \t= \t1 \t\n", "A[1]"),
            ("export=1\nexport =1\nexport A\n", "export[1] export[1] -"),
            ("exported A=1\nEXPORT A=1\ndeclare -x A=1\n", "- - -"),
            ("my.name-2=1\n1A=2\n", "my.name-2[1] 1A[2]"),
            ("# A=1\n  # A=1\n#A=1", "- - -"),
            ("A\n=1\nA: 1\nA+=1\n=1\n'A'=1\n", "- - - - - -"),
            ("é=1\n", "-"),
        ] {
            assert_eq!(parsed(file), expected, "{file:?}");
        }
    }

    #[test]
    fn bare_values_end_at_a_comment_or_the_line() {
        for (file, expected) in [
            ("A=\nB= \n", "A[] B[]"),
            ("A=#c\nA= #c\nA=\t# c\n", "A[#c] A[] A[]"),
            ("A=x#c\nA=x #c\nA=x\t # c\n", "A[x#c] A[x] A[x]"),
            ("A=a b  c  \n", "A[a b  c]"),
            ("A=it's\nB=19\" \n", "A[it's] B[19\"]"),
            ("A==1=\n", "A[=1=]"),
            ("A=1; B=2\nA=run --env B=1\n", "A[1; B=2] A[run --env B=1]"),
            ("A=x\u{c}\n", "A[x\u{c}]"),
        ] {
            assert_eq!(parsed(file), expected, "{file:?}");
        }
    }

    #[test]
    fn quoted_values_may_span_lines() {
        for (file, expected) in [
            ("A='x'\nB=\"y\" # c\n", "A['x'] B[\"y\"]"),
            ("A='x'#c\nB= ''  \nC=\"\"", "A['x'] B[''] C[\"\"]"),
            ("A='1\nB=2\n'\nC=3\n", "A['1\nB=2\n'] C[3]"),
            ("A=\"1\r\nB='\r\n\" # \"\r\nC=3", "A[\"1\r\nB='\r\n\"] C[3]"),
            (r#"A="x\"y" # z"#, r#"A["x\"y"]"#),
            ("A=\"C:\\\\\"\nB=1", "A[\"C:\\\\\"] B[1]"),
            (r"A='x\' # y'", r"A['x\']"),
            // Text behind the quote makes the value bare.
            ("A='x'y \"z # c\nB=1", "A['x'y \"z] B[1]"),
            ("A='1\n2' 3 # c\nB=1", "A['1\n2' 3] B[1]"),
        ] {
            assert_eq!(parsed(file), expected, "{file:?}");
        }
        let quote = |file: &[u8]| match lines(file).next() {
            Some(Line::Assignment(a)) => (a.quote, a.text(file).to_vec()),
            other => panic!("{other:?}"),
        };
        assert_eq!(quote(b"A='x' # c"), (Some(b'\''), b"x".to_vec()));
        assert_eq!(quote(b"A=\"\""), (Some(b'"'), b"".to_vec()));
        assert_eq!(quote(b"A='x'y"), (None, b"'x'y".to_vec()));
    }

    #[test]
    fn open_quote_ends_the_file() {
        for (file, expected) in [
            ("A='x\nB=1\n", "!2"),
            ("A=1\nB= \"x\\\"\nC=1", "A[1] !7"),
            ("A=\"\\", "!2"),
            ("A='", "!2"),
            ("A='x'\nB=`y\nC=1", "A['x'] B[`y] C[1]"),
        ] {
            assert_eq!(parsed(file), expected, "{file:?}");
        }
    }
}
