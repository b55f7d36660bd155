//! Data on standard output: tables and other text, JSON, YAML, single values.
//!
//! Text is sanitized here. JSON and YAML carry every value as it is, escaped.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::{Serialize, Serializer};
use unicode_width::UnicodeWidthStr as _;

use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::{sanitize, with_hidden};
use crate::term::message;

/// The value of `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    /// Text with more columns.
    Wide,
    Json,
    Yaml,
    /// One field of each document, a line each.
    Value(&'static str),
}

impl Format {
    pub fn of(invocation: &Invocation) -> Format {
        match invocation.choice(OptId::Output) {
            Some("json") => Format::Json,
            Some("yaml") => Format::Yaml,
            Some("wide") => Format::Wide,
            Some(word) => word
                .strip_prefix("value=")
                .map_or(Format::Text, Format::Value),
            None => Format::Text,
        }
    }
}

/// A document to print; fields keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doc {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Doc>),
    Fields(Vec<(&'static str, Doc)>),
    /// Fields whose names are data.
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

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Doc::Null => serializer.serialize_unit(),
            Doc::Bool(value) => serializer.serialize_bool(*value),
            Doc::Number(value) => serializer.serialize_i64(*value),
            Doc::Text(text) => serializer.serialize_str(text),
            Doc::List(items) => serializer.collect_seq(items),
            Doc::Fields(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
            }
            Doc::Map(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl Doc {
    fn fields(&self) -> Vec<(&str, &Doc)> {
        match self {
            Doc::Fields(fields) => fields.iter().map(|(name, value)| (*name, value)).collect(),
            Doc::Map(fields) => fields
                .iter()
                .map(|(name, value)| (name.as_str(), value))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The document in the format, with a line end; `None` for the text formats, which each command lays out itself.
    pub fn render(&self, format: Format) -> Option<String> {
        match format {
            Format::Text | Format::Wide => None,
            Format::Json => Some(json(self)),
            Format::Yaml => {
                let mut out = String::new();
                yaml(self, 0, &mut out);
                Some(out)
            }
            Format::Value(field) => {
                let documents = match self {
                    Doc::List(items) => items.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let values = documents.iter().map(|doc| doc.field(field).value());
                let lines: String = values.map(|value| value + "\n").collect();
                Some(message::printable(&lines))
            }
        }
    }

    /// The value at a path of names separated by dots.
    fn field(&self, path: &str) -> &Doc {
        path.split('.').fold(self, |doc, name| {
            let fields = doc.fields();
            let found = fields.into_iter().find(|(found, _)| *found == name);
            found.map_or(&Doc::Null, |(_, value)| value)
        })
    }

    /// The value in one line, for scripts.
    fn value(&self) -> String {
        match self {
            Doc::Null => String::new(),
            Doc::Text(text) => sanitize(text),
            other => {
                let json = serde_json::to_string(other).unwrap_or_default();
                escape_hidden(&json, push_json_escape)
            }
        }
    }
}

/// A JSON document with a line end, in which all that [`sanitize`] would escape is escaped.
pub fn json(value: &impl Serialize) -> String {
    // Strings, numbers and maps with string keys always serialize.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    escape_hidden(&text, push_json_escape) + "\n"
}

/// Escapes hidden characters in JSON text. A line end can only be layout: within a string it is escaped already.
fn escape_hidden(json: &str, push_escape: fn(&mut String, char)) -> String {
    let mut out = String::with_capacity(json.len());
    for (c, is_hidden) in with_hidden(json) {
        match is_hidden && c != '\n' {
            true => push_escape(&mut out, c),
            false => out.push(c),
        }
    }
    out
}

fn push_json_escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// YAML has no surrogate pairs.
fn push_yaml_escape(out: &mut String, c: char) {
    let _ = match u32::from(c) {
        code @ ..=0xffff => write!(out, "\\u{code:04x}"),
        code => write!(out, "\\U{code:08x}"),
    };
}

/// Appends a value in block style. A value that does not stand on lines of its own is appended to the current line.
fn yaml(doc: &Doc, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match doc {
        Doc::List(items) if !items.is_empty() => {
            for item in items {
                let mut lines = String::new();
                yaml(item, depth + 1, &mut lines);
                // The first line of an item stands behind its dash.
                let _ = write!(out, "{indent}- {}", lines.trim_start_matches(' '));
            }
        }
        Doc::Fields(_) | Doc::Map(_) if !doc.fields().is_empty() => {
            for (name, value) in doc.fields() {
                let _ = write!(out, "{indent}{}:", yaml_string(name));
                match value {
                    Doc::List(items) if !items.is_empty() => {
                        out.push('\n');
                        yaml(value, depth, out);
                    }
                    value if !value.fields().is_empty() => {
                        out.push('\n');
                        yaml(value, depth + 1, out);
                    }
                    value => {
                        out.push(' ');
                        yaml(value, 0, out);
                    }
                }
            }
        }
        Doc::Text(text) => {
            let _ = writeln!(out, "{}", yaml_string(text));
        }
        scalar => {
            let _ = writeln!(out, "{}", serde_json::to_string(scalar).unwrap_or_default());
        }
    }
}

/// A string bare if every reader takes it for that string, else in double quotes, where JSON's escapes are YAML's.
fn yaml_string(text: &str) -> String {
    match is_bare_yaml(text) {
        true => text.to_string(),
        false => {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            escape_hidden(&quoted, push_yaml_escape)
        }
    }
}

/// Whether every YAML reader, of 1.1 and of 1.2, takes the bare text for this very string.
fn is_bare_yaml(text: &str) -> bool {
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

/// A table: upper-case headers, two spaces between columns, `-` for an empty cell. Columns align by display width.
pub fn table<S: AsRef<str>, const N: usize>(headers: [&str; N], rows: &[[S; N]]) -> String {
    let mut lines = vec![headers.map(str::to_string)];
    for row in rows {
        lines.push(row.each_ref().map(|cell| match cell.as_ref() {
            "" => "-".to_string(),
            cell => sanitize(cell),
        }));
    }
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    let mut out = String::new();
    for line in &lines {
        // Written only before another cell: no line ends in spaces.
        let mut padding = 0;
        for (width, cell) in widths.iter().zip(line) {
            let _ = write!(out, "{:padding$}{cell}", "");
            padding = width + 2 - cell.width();
        }
        out.push('\n');
    }
    out
}

/// `yes` or `no`, as tables show it.
pub fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Prints sanitized lines for people: a table, or other text in which the caller sanitized what is not its own.
pub fn text(lines: &str) -> Result<()> {
    data(&message::printable(lines))
}

/// Prints data as it is. A reader that closed its end early is not an error.
pub fn data(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// Prints data that need not be UTF-8.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::failed(format!(
            "standard output can't be written: {}",
            os_reason(&e)
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::has_hidden;

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
    fn json_parses_and_keeps_order() {
        let text = sample().render(Format::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["name"], "a: b");
        assert_eq!(value[1]["spec"]["tags"][1], "1e3");
        assert_eq!(Doc::List(vec![]).render(Format::Json).unwrap(), "[]\n");
        assert_eq!(Doc::Fields(vec![]).render(Format::Json).unwrap(), "{}\n");
    }

    #[test]
    fn json_of_servers_is_escaped() {
        let value = serde_json::json!({"a": ["\u{1b}[31m\n\u{9b}\u{202e}\u{e0041}", 1]});
        let text = json(&value);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
        assert!(!has_hidden(&text.replace('\n', "")), "{text}");
    }

    #[test]
    fn values_are_one_line_each() {
        let doc = Doc::List(vec![
            Doc::Fields(vec![
                ("name", "a\n\u{202e}'\\b".into()),
                ("on", true.into()),
                ("n", 7.into()),
                ("list", Doc::List(vec!["x\n".into(), Doc::Null])),
                ("none", Doc::Null),
                ("spec", Doc::Fields(vec![("ref", "main".into())])),
            ]),
            Doc::Fields(vec![]),
        ]);
        for (field, lines) in [
            ("name", "a\\n\\u{202e}'\\b\n\n"),
            ("on", "true\n\n"),
            ("n", "7\n\n"),
            ("list", "[\"x\\n\",null]\n\n"),
            ("none", "\n\n"),
            ("spec", "{\"ref\":\"main\"}\n\n"),
            ("spec.ref", "main\n\n"),
            ("name.ref", "\n\n"),
        ] {
            assert_eq!(doc.render(Format::Value(field)).unwrap(), lines, "{field}");
        }
        let empty = Doc::List(vec![]);
        assert_eq!(empty.render(Format::Value("name")).unwrap(), "");
    }

    #[test]
    fn yaml_is_in_block_style() {
        let expected = "- name: \"a: b\"\n  url: https://x.example\n  \"on\": true\n  none: null\n- spec:\n    tags:\n    - \"no\"\n    - \"1e3\"\n  empty: []\n  \"n\": 7\n";
        assert_eq!(sample().render(Format::Yaml).unwrap(), expected);
        assert_eq!(Doc::List(vec![]).render(Format::Yaml).unwrap(), "[]\n");
    }

    #[test]
    fn yaml_escapes_what_readers_reject() {
        for (text, yaml) in [
            ("a\u{fffe}\u{ffff}", "\"a\\ufffe\\uffff\"\n"),
            ("\u{e0041}", "\"\\U000e0041\"\n"),
            ("\u{85}\u{7f}\n", "\"\\u0085\\u007f\\n\"\n"),
            ("# x", "\"# x\"\n"),
            ("~", "\"~\"\n"),
        ] {
            assert_eq!(Doc::from(text).render(Format::Yaml).unwrap(), yaml);
        }
    }

    #[test]
    fn tables_align_by_display_width() {
        let rows = [
            ["a\u{1b}[31m", ""],
            ["東京", "x"],
            ["👨\u{200d}👩\u{200d}👧", "y"],
        ];
        assert_eq!(
            table(["NAME", "X"], &rows),
            "NAME         X\na\\u{1b}[31m  -\n東京         x\n👨\u{200d}👩\u{200d}👧           y\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back_from_json(text in "[\\PC\\x00-\\u{9f}\u{2028}\u{202e}\u{e0041}a]*") {
            let json = Doc::from(text.as_str()).render(Format::Json).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            proptest::prop_assert!(!has_hidden(json.trim_end()));
        }

        #[test]
        fn columns_start_at_the_same_width(cells in proptest::collection::vec("[\\PC\u{200d}東👨]{0,6}", 1..6)) {
            let rows: Vec<[&str; 2]> = cells.iter().map(|cell| [cell.as_str(), "|"]).collect();
            let table = table(["A", "B"], &rows);
            let starts = table.lines().skip(1).map(|line| line.trim_end_matches('|').width());
            let starts: Vec<usize> = starts.collect();
            proptest::prop_assert!(starts.iter().all(|start| *start == starts[0]), "{table}");
        }
    }
}
