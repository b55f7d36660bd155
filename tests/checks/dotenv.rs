//! Any `.env` file: no panic, nothing outside of our assignments changes, readers find the values, and the next edit
//! works as this one did.
//!
//! The input is the key on the first line and the file after it.

use std::collections::BTreeMap;

use llamactl::dotenv::{Binding, EditError, assigns, edit, spell};

const NAMES: [&str; 3] = [
    "LLAMA_CLOUD_API_KEY",
    "LLAMA_CLOUD_BASE_URL",
    "LLAMA_AGENTS_PROJECT_ID",
];

/// See the head of this file.
pub fn check(input: &[u8]) {
    let end = input.iter().position(|&b| b == b'\n').unwrap_or(0);
    let key = String::from_utf8_lossy(&input[..end]).into_owned();
    let file = input.get(end + 1..).unwrap_or_default();
    let values = [key.as_str(), "https://api.example.com/?a=b", "it's"];
    let bindings = [0, 1, 2].map(|at| Binding {
        name: NAMES[at],
        value: values[at],
    });
    match edit(file, &bindings) {
        Ok(out) => {
            assert_eq!(edit(&out, &bindings).as_ref(), Ok(&out), "not stable");
            for binding in bindings {
                let text = spell(binding.value).expect("it was written");
                let there = text == "''" || assigns(&out, binding.name);
                assert!(there, "{} is not there", binding.name);
            }
            assert_kept(file, &out);
            assert_read(file, &out, &bindings);
            let mut other = bindings;
            other[0].value = "llx-other";
            other[2].value = "project-2";
            match edit(&out, &other) {
                Ok(turned) => {
                    assert_kept(file, &turned);
                    assert_read(file, &turned, &other);
                }
                // A stray quote can be closed by one in a value, and open again without it.
                Err(_) => assert_eq!(read(file), None, "a key can't be changed again"),
            }
        }
        Err(EditError::Value { .. }) => assert_eq!(spell(&key), None),
        Err(EditError::OpenQuote { line } | EditError::Disputed { line }) => {
            let lines = file.split(|&b| b == b'\n').count();
            assert!(line >= 1 && line <= lines, "line {line}");
        }
        Err(EditError::Name { name }) => panic!("{name}"),
    }
}

/// What can be said of the bytes without knowing how a reader reads: before the first of our names nothing changes, and
/// where nothing after it can go over lines, no line without one of our names does.
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

/// The lines without our names, and without what is added between the old and the new.
fn others(file: &[u8]) -> Vec<&[u8]> {
    let ours = |line: &[u8]| {
        let has = |name: &&str| line.windows(name.len()).any(|part| part == name.as_bytes());
        NAMES.iter().any(has)
    };
    file.split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty() && *line != b"#" && !ours(line))
        .collect()
}

/// Where nobody can be of two minds about a file, it says afterwards what it said before, and our values.
fn assert_read(file: &[u8], out: &[u8], bindings: &[Binding<'_>]) {
    let Some(mut expected) = read(file) else {
        return;
    };
    for binding in bindings {
        // What spans lines, or may be an escape, is not for this reader.
        if binding.value.contains(['\n', '\\']) {
            return;
        }
        expected.insert(binding.name, binding.value);
    }
    assert_eq!(
        read(out).as_ref(),
        Some(&expected),
        "a reader finds other values"
    );
}

/// A reader of its own, of files that hold nothing but empty lines, comments and the simplest assignments.
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
