//! Data → text: tables, JSON and YAML, on standard output.
//!
//! What servers and files say is shown without the characters that a terminal would act on. Nothing here decides what is
//! shown.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::{is_control_or_format, sanitize};

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For people with wide terminals.
    Wide,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

impl Format {
    /// What `-o` says.
    pub fn of(invocation: &Invocation) -> Format {
        match invocation.text(OptId::Output) {
            Some("json") => Format::Json,
            Some("yaml") => Format::Yaml,
            Some("wide") => Format::Wide,
            _ => Format::Text,
        }
    }
}

/// A document to print; fields keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doc {
    /// No value.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A count.
    Number(i64),
    /// A text.
    Text(String),
    /// Items.
    List(Vec<Doc>),
    /// Named fields.
    Fields(Vec<(&'static str, Doc)>),
    /// Fields whose names come from elsewhere.
    Map(Vec<(String, Doc)>),
}

impl From<bool> for Doc {
    fn from(value: bool) -> Doc {
        Doc::Bool(value)
    }
}

impl From<i64> for Doc {
    fn from(value: i64) -> Doc {
        Doc::Number(value)
    }
}

impl From<&str> for Doc {
    fn from(value: &str) -> Doc {
        Doc::Text(value.to_string())
    }
}

impl<T: Into<Doc>> From<Option<T>> for Doc {
    fn from(value: Option<T>) -> Doc {
        value.map_or(Doc::Null, Into::into)
    }
}

impl Doc {
    /// The named fields; none where there are none to name.
    fn members(&self) -> Option<Vec<(&str, &Doc)>> {
        let members: Vec<(&str, &Doc)> = match self {
            Doc::Fields(fields) => fields.iter().map(|(name, value)| (*name, value)).collect(),
            Doc::Map(fields) => fields
                .iter()
                .map(|(name, value)| (name.as_str(), value))
                .collect(),
            _ => return None,
        };
        (!members.is_empty()).then_some(members)
    }

    /// Whether it stands on lines of its own.
    fn is_block(&self) -> bool {
        matches!(self, Doc::List(items) if !items.is_empty()) || self.members().is_some()
    }

    /// The document as JSON or YAML, with a line end; `None` asks for a table, which only the caller can make.
    pub fn render(&self, format: Format) -> Option<String> {
        let mut out = String::new();
        match format {
            Format::Text | Format::Wide => return None,
            Format::Json => {
                json(self, 0, &mut out);
                out.push('\n');
            }
            Format::Yaml => yaml(self, 0, &mut out),
        }
        Some(out)
    }
}

fn indent(depth: usize, out: &mut String) {
    blanks(2 * depth, out);
}

fn json(doc: &Doc, depth: usize, out: &mut String) {
    let items: Vec<(Option<&str>, &Doc)> = match (doc, doc.members()) {
        (Doc::List(items), _) => items.iter().map(|item| (None, item)).collect(),
        (_, Some(members)) => members
            .into_iter()
            .map(|(name, value)| (Some(name), value))
            .collect(),
        _ => Vec::new(),
    };
    if items.is_empty() {
        return flat(doc, out);
    }
    let (open, close) = if matches!(doc, Doc::List(_)) {
        ('[', ']')
    } else {
        ('{', '}')
    };
    out.push(open);
    for (i, (name, value)) in items.into_iter().enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "\n" });
        indent(depth + 1, out);
        if let Some(name) = name {
            quoted(name, out);
            out.push_str(": ");
        }
        json(value, depth + 1, out);
    }
    out.push('\n');
    indent(depth, out);
    out.push(close);
}

/// What needs no line of its own, alike in JSON and YAML.
fn flat(doc: &Doc, out: &mut String) {
    match doc {
        Doc::Null => out.push_str("null"),
        Doc::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Doc::Number(value) => out.push_str(&value.to_string()),
        Doc::Text(text) => quoted(text, out),
        Doc::List(_) => out.push_str("[]"),
        Doc::Fields(_) | Doc::Map(_) => out.push_str("{}"),
    }
}

/// A JSON string, which is a YAML one too; everything that a terminal would act on is escaped.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_control_or_format(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// JSON that came from elsewhere, as text with a line end; everything that a terminal would act on is escaped.
pub fn json_text(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for c in format!("{value:#}\n").chars() {
        match c {
            // Line ends are layout here: inside of strings they are escaped already.
            c if is_control_or_format(c) && c != '\n' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn yaml(doc: &Doc, depth: usize, out: &mut String) {
    if let (Doc::List(items), true) = (doc, doc.is_block()) {
        for item in items {
            indent(depth, out);
            out.push_str("- ");
            let start = out.len();
            yaml(item, depth + 1, out);
            // The first line of an item stands behind its dash.
            let lines = out.split_off(start);
            out.push_str(lines.trim_start_matches(' '));
        }
    } else if let Some(members) = doc.members() {
        for (name, value) in members {
            indent(depth, out);
            yaml_text(name, out);
            out.push(':');
            out.push(if value.is_block() { '\n' } else { ' ' });
            let deeper = usize::from(!matches!(value, Doc::List(_)));
            yaml(
                value,
                if value.is_block() { depth + deeper } else { 0 },
                out,
            );
        }
    } else {
        match doc {
            Doc::Text(text) => yaml_text(text, out),
            scalar => flat(scalar, out),
        }
        out.push('\n');
    }
}

fn yaml_text(text: &str, out: &mut String) {
    match is_cleartext(text) {
        true => out.push_str(text),
        false => quoted(text, out),
    }
}

/// Whether every YAML reader, of 1.1 and of 1.2, takes the bare text for this very string.
fn is_cleartext(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    let begins = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '_');
    begins
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_-.@+:*".contains(c))
        && !text.ends_with(':')
        && !matches!(
            word.as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "nan" | "inf"
        )
}

/// A table: upper-case headers, two spaces between columns, `-` for an empty cell.
pub fn table<S: AsRef<str>, const N: usize>(headers: [&str; N], rows: &[[S; N]]) -> String {
    let mut widths = headers.map(str::len);
    let rows: Vec<[Cell; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| shown(cell.as_ref())))
        .collect();
    for row in &rows {
        for (widest, (_, width)) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(*width);
        }
    }
    let mut out = String::with_capacity((widths.iter().sum::<usize>() + 2 * N) * (rows.len() + 1));
    line(&mut out, &widths, &headers.map(shown));
    for row in &rows {
        line(&mut out, &widths, row);
    }
    out
}

/// A cell as it is shown, and how many characters that is.
type Cell<'a> = (Cow<'a, str>, usize);

fn line(out: &mut String, widths: &[usize], cells: &[Cell]) {
    let mut owed = 0;
    for (widest, (cell, width)) in widths.iter().zip(cells) {
        blanks(owed, out);
        out.push_str(cell);
        owed = widest + 2 - width;
    }
    out.push('\n');
}

fn blanks(count: usize, out: &mut String) {
    const MANY: &str = "                                                                ";
    let mut left = count;
    while left > 0 {
        let now = left.min(MANY.len());
        out.push_str(&MANY[..now]);
        left -= now;
    }
}

/// A cell without the characters that a terminal would act on.
fn shown(cell: &str) -> Cell<'_> {
    match cell {
        "" => (Cow::Borrowed("-"), 1),
        // Most cells have nothing in them to remove.
        _ if cell.bytes().all(|b| matches!(b, b' '..=b'~')) => (Cow::Borrowed(cell), cell.len()),
        _ => {
            let cell = sanitize(cell);
            let width = cell.chars().count();
            (Cow::Owned(cell), width)
        }
    }
}

/// `yes` or `no`, as tables show it.
pub fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Writes data to standard output. A reader that closed its end early is no error.
///
/// # Errors
/// Failed, where the output can't be written, such as on a full disk.
pub fn data(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// As [`data`], for what need not be UTF-8.
///
/// # Errors
/// As [`data`].
pub fn bytes(bytes: &[u8]) -> Result<()> {
    match write_all(bytes) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::failed(format!(
            "standard output can't be written: {}",
            os_reason(&e)
        ))),
        _ => Ok(()),
    }
}

/// std's standard output first makes a buffer, to gather lines in that come piece by piece; here they come as one.
#[cfg(unix)]
fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn write_all(bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    // Not `print!`: it panics where the reader is gone.
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Doc {
        Doc::List(vec![
            Doc::Fields(vec![
                ("name", "a: b".into()),
                ("url", "https://x.example".into()),
                ("on", true.into()),
                ("none", Doc::Null),
            ]),
            Doc::Fields(vec![
                (
                    "spec",
                    Doc::Fields(vec![("tags", Doc::List(vec!["no".into(), "1e3".into()]))]),
                ),
                ("empty", Doc::List(vec![])),
                ("n", 7.into()),
            ]),
        ])
    }

    #[test]
    fn json_is_json() {
        let text = sample().render(Format::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["name"], "a: b");
        assert_eq!(value[1]["spec"]["tags"][1], "1e3");
        assert_eq!(Doc::List(vec![]).render(Format::Json).unwrap(), "[]\n");
        assert_eq!(Doc::Fields(vec![]).render(Format::Json).unwrap(), "{}\n");
    }

    #[test]
    fn foreign_json_is_harmless() {
        let value = serde_json::json!({"a": ["\u{1b}[31m\n\u{9b}\u{202e}", 1]});
        let text = json_text(&value);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
        assert!(!text.chars().any(|c| c != '\n' && is_control_or_format(c)));
    }

    #[test]
    fn yaml_looks_like_yaml() {
        let expected = "- name: \"a: b\"\n  url: https://x.example\n  \"on\": true\n  none: null\n- spec:\n    tags:\n    - \"no\"\n    - \"1e3\"\n  empty: []\n  \"n\": 7\n";
        assert_eq!(sample().render(Format::Yaml).unwrap(), expected);
        assert_eq!(Doc::List(vec![]).render(Format::Yaml).unwrap(), "[]\n");
    }

    #[test]
    fn tables_are_plain() {
        let rows = [["a\u{1b}[31m".to_string(), String::new()]];
        assert_eq!(table(["NAME", "X"], &rows), "NAME   X\na[31m  -\n");
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back_from_json_and_nothing_escapes(text in "\\PC*|[\\x00-\\u{9f}\u{2028}\u{202e}a]*") {
            let json = Doc::from(text.as_str()).render(Format::Json).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            proptest::prop_assert!(!json.trim_end().chars().any(is_control_or_format));
        }
    }
}
