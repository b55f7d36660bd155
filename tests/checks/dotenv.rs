//! Any `.env` file: no panic, nothing outside of our values changes, an independent reader finds them, and the next edit
//! works as this one did.
//!
//! The input is the key on the first line and the file after it.

use std::collections::BTreeMap;

use llamactl::dotenv::edit::unsafe_character;
use llamactl::dotenv::{Binding, EditError, assigns, edit};

const NAMES: [&str; 3] = [
    "LLAMA_CLOUD_API_KEY",
    "LLAMA_CLOUD_BASE_URL",
    "LLAMA_AGENTS_PROJECT_ID",
];

pub fn check(input: &[u8]) {
    let end = input.iter().position(|&b| b == b'\n').unwrap_or(0);
    let key = String::from_utf8_lossy(&input[..end]).into_owned();
    let file = input.get(end + 1..).unwrap_or_default();
    check_edit(file, [&key, "https://api.example.com", "project-1"]);
    // Most keys of the corpus are refused; the file is tried with one that is not.
    check_edit(file, ["llx-new", "https://api.example.com", "project-1"]);
}

fn check_edit(file: &[u8], values: [&str; 3]) {
    let bindings = [0, 1, 2].map(|at| Binding {
        name: NAMES[at],
        value: values[at],
    });
    let lines = file.split(|&b| b == b'\n').count();
    match edit(file, &bindings) {
        Ok(out) => {
            assert_eq!(edit(&out, &bindings).as_ref(), Ok(&out), "not stable");
            for binding in bindings {
                let there = binding.value.is_empty() || assigns(&out, binding.name);
                assert!(there, "{} is not there", binding.name);
            }
            assert_kept(file, &out);
            assert_read(file, &out, &bindings);
            let mut other = bindings;
            other[0].value = "llx-other";
            other[2].value = "project-2";
            let changed = edit(&out, &other).expect("what was edited can be edited again");
            assert_kept(file, &changed);
            assert_read(file, &changed, &other);
        }
        Err(EditError::Value { name, character }) => {
            assert_eq!(name, NAMES[0]);
            assert_eq!(unsafe_character(values[0]), Some(character));
        }
        Err(EditError::Encoding(_)) => {
            assert!(
                file.contains(&0) || file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff")
            );
        }
        Err(
            EditError::OpenQuote { line }
            | EditError::Unbalanced { line }
            | EditError::Continued { line }
            | EditError::SecondAssignment { line },
        ) => assert!(line >= 1 && line <= lines, "line {line}"),
    }
}

/// What holds without knowing the grammar: before the first of our names nothing changes, and in a file without quotes no
/// line without one of our names does.
fn assert_kept(file: &[u8], out: &[u8]) {
    let starts = |at: usize| {
        NAMES
            .iter()
            .any(|name| file[at..].starts_with(name.as_bytes()))
    };
    let Some(first) = (0..file.len()).find(|at| starts(*at)) else {
        assert!(out.starts_with(file), "something changed");
        return;
    };
    assert!(
        out.starts_with(&file[..first]),
        "something changed before our names"
    );
    if !file[first..].iter().any(|b| b"'\"`\\".contains(b)) {
        assert_eq!(others(file), others(out), "a line changed");
    }
}

/// The lines without our names.
fn others(file: &[u8]) -> Vec<&[u8]> {
    let ours = |line: &[u8]| {
        let has = |name: &&str| line.windows(name.len()).any(|part| part == name.as_bytes());
        NAMES.iter().any(has)
    };
    file.split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty() && !ours(line))
        .collect()
}

/// A file that can be read in one way only has the same values afterwards, and ours.
fn assert_read(file: &[u8], out: &[u8], bindings: &[Binding<'_>]) {
    let Some(mut expected) = read(file) else {
        return;
    };
    for binding in bindings {
        expected.insert(binding.name, binding.value);
    }
    assert_eq!(
        read(out).as_ref(),
        Some(&expected),
        "a reader finds other values"
    );
}

/// A reader of files that hold nothing but empty lines, comments and the simplest assignments.
fn read(file: &[u8]) -> Option<BTreeMap<&str, &str>> {
    let mut found = BTreeMap::new();
    for line in std::str::from_utf8(file).ok()?.split('\n') {
        if line.is_empty() || line.starts_with("# ") && line.is_ascii() && !line.contains('\r') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        let name = name.strip_prefix("export ").unwrap_or(name);
        let is_name = |b: u8| b.is_ascii_uppercase() || b == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = match (quoted('\''), quoted('"')) {
            (Some(inner), _) if !inner.contains(['\'', '\\', '\r', '\0']) => inner,
            (_, Some(inner)) if !inner.contains(['"', '\\', '$', '`', '\r', '\0']) => inner,
            _ => {
                let is_bare =
                    |b: u8| b.is_ascii_alphanumeric() || b"-_./:?=,@!%*+^[]~".contains(&b);
                value.bytes().all(is_bare).then_some(value)?
            }
        };
        found.insert(name, value);
    }
    Some(found)
}
