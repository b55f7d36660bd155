//! The `.env` editor: the corpus of `fixtures/dotenv`, and properties over files made of pieces whose meaning is known.
//!
//! The file around it (modes, links, rights, races) is tested in `env_file.rs`, the readers of other makers in
//! `tests/e2e`.

use llamactl::dotenv::{Binding, EditError, assigns, edit, spell};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const KEY: &str = "LLAMA_CLOUD_API_KEY";
const URL: &str = "LLAMA_CLOUD_BASE_URL";
const PROJECT: &str = "LLAMA_AGENTS_PROJECT_ID";
const NAMES: [&str; 3] = [KEY, URL, PROJECT];

fn bindings(values: [&str; 3]) -> [Binding<'_>; 3] {
    [0, 1, 2].map(|at| Binding {
        name: NAMES[at],
        value: values[at],
    })
}

const VALUES: [&str; 3] = ["llx-new", "https://api.example.com", "project-1"];

/// `NAME.in`, and either `NAME.out` or `NAME.refused` with the reason and the line.
#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dotenv");
    let mut names: BTreeSet<PathBuf> = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        names.insert(entry.expect("an entry").path().with_extension(""));
    }
    let mut wrong = Vec::new();
    for case in &names {
        let file = |extension: &str| std::fs::read(case.with_extension(extension));
        let input = file("in").expect("every case has an input");
        let got = match edit(&input, &bindings(VALUES)) {
            Ok(out) => {
                let again = edit(&out, &bindings(VALUES));
                assert_eq!(again.as_ref(), Ok(&out), "{} a second time", case.display());
                for name in NAMES {
                    assert!(assigns(&out, name), "{}: {name}", case.display());
                }
                out
            }
            Err(EditError::OpenQuote { line }) => format!("open-quote {line}\n").into_bytes(),
            Err(EditError::Disputed { line }) => format!("disputed {line}\n").into_bytes(),
            Err(other) => panic!("{}: {other:?}", case.display()),
        };
        let ((Ok(want), Err(_)) | (Err(_), Ok(want))) = (file("out"), file("refused")) else {
            panic!(
                "{} has neither or both of .out and .refused",
                case.display()
            );
        };
        if got != want {
            let (got, want) = (got.escape_ascii(), want.escape_ascii());
            wrong.push(format!("{}\n  want {want}\n  got  {got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= 150, "{} cases", names.len());
}

#[test]
fn spellings() {
    for (value, text) in [
        ("llx-0123abcDEF_-", Some("llx-0123abcDEF_-")),
        (
            "https://api.example.com:8443/a?b=c,d",
            Some("https://api.example.com:8443/a?b=c,d"),
        ),
        ("!%*+,-./:?@[]^_", Some("!%*+,-./:?@[]^_")),
        ("a~b", Some("a~b")),
        ("", Some("''")),
        ("~", Some("'~'")),
        ("a:~b", Some("'a:~b'")),
        ("a=~b", Some("'a=~b'")),
        ("=a", Some("'=a'")),
        ("a:=b", Some("'a:=b'")),
        ("{a,b}", Some("'{a,b}'")),
        ("a b", Some("'a b'")),
        (" a ", Some("' a '")),
        ("a#b", Some("'a#b'")),
        ("$HOME", Some("'$HOME'")),
        ("$(id)", Some("'$(id)'")),
        ("`id`", Some("'`id`'")),
        ("a\\b", Some("'a\\b'")),
        ("say \"hi\"", Some("'say \"hi\"'")),
        ("it's", Some("\"it's\"")),
        ("it's #1", Some("\"it's #1\"")),
        ("é", Some("'é'")),
        ("x\ny", Some("'x\ny'")),
        ("x\ry", None),
        ("x\0y", None),
        ("a\\", None),
        ("a\\\\b", None),
        ("${A}", None),
        ("${A", Some("'${A'")),
        ("it's \"two\"", None),
        ("it's $1", None),
        ("it's `x`", None),
        ("it's \\", None),
    ] {
        assert_eq!(spell(value).as_deref(), text, "{value:?}");
    }
}

#[test]
fn a_value_without_a_spelling_and_a_name_that_is_none() {
    let refused = |name, value| edit(b"A=1\n", &[Binding { name, value }]);
    assert_eq!(
        refused(KEY, "a\\"),
        Err(EditError::Value { name: KEY.into() })
    );
    for name in ["", "1A", "A B", "A=", "é", "A-B"] {
        assert_eq!(
            refused(name, "x"),
            Err(EditError::Name { name: name.into() })
        );
    }
}

#[test]
fn what_counts_as_assigned() {
    for (file, assigned) in [
        ("", false),
        ("A=1\n", false),
        ("LLAMA_CLOUD_API_KEY=x\n", true),
        ("export LLAMA_CLOUD_API_KEY = 'x' # c\n", true),
        ("LLAMA_CLOUD_API_KEY: x\n", true),
        ("LLAMA_CLOUD_API_KEY=\n", false),
        ("LLAMA_CLOUD_API_KEY=''\n", false),
        ("LLAMA_CLOUD_API_KEY=\"\" # none\n", false),
        ("LLAMA_CLOUD_API_KEY=\nLLAMA_CLOUD_API_KEY=x\n", true),
        ("# LLAMA_CLOUD_API_KEY=x\n", false),
        ("MY_LLAMA_CLOUD_API_KEY=x\n", false),
        ("A='\nLLAMA_CLOUD_API_KEY=x\n'\n", false),
        // To npm's pattern the quote is a part of A's value, and the next line an assignment.
        ("A='\nLLAMA_CLOUD_API_KEY=x\n", true),
        // A shell sees it.
        ("A=1; LLAMA_CLOUD_API_KEY=x\n", true),
        ("[ x ] && LLAMA_CLOUD_API_KEY=x\n", true),
        ("set -a && LLAMA_CLOUD_API_KEY=x && set +a\n", true),
        (": \"${LLAMA_CLOUD_API_KEY:=x}\"\n", true),
        (": \"${LLAMA_CLOUD_API_KEY:-x}\"\n", false),
        // What it does is not understood.
        ("export LLAMA_CLOUD_API_KEY+=x\n", true),
        ("X=1 && export LLAMA_CLOUD_API_KEY=x\n", true),
        ("f() { export LLAMA_CLOUD_API_KEY=x; }; f\n", true),
        ("run it\n # LLAMA_CLOUD_API_KEY=x\n", false),
        ("run it\nLLAMA_CLOUD_API_KEY=\"\" # none\n", false),
        (
            "run it\r\nMY_LLAMA_CLOUD_API_KEY=x\r\nLLAMA_CLOUD_API_KEY=\r\n",
            false,
        ),
    ] {
        assert_eq!(assigns(file.as_bytes(), KEY), assigned, "{file:?}");
    }
}

#[test]
fn two_bindings_only() {
    let two = [bindings(VALUES)[1], bindings(VALUES)[2]];
    let out = edit(b"LLAMA_CLOUD_API_KEY=left\nA=1\n", &two);
    let want = b"LLAMA_CLOUD_API_KEY=left\nA=1\nLLAMA_CLOUD_BASE_URL=https://api.example.com\nLLAMA_AGENTS_PROJECT_ID=project-1\n";
    assert_eq!(out.as_deref(), Ok(&want[..]));
    assert_eq!(edit(b"A=1", &[]).as_deref(), Ok(&b"A=1"[..]));
}

/// One pass, whatever is in it: far below what anything quadratic would take.
#[test]
fn large_files() {
    let lines: Vec<String> = (0..100_000)
        .map(|at| format!("NAME_{at}=\"some value\" # it's {at}\n"))
        .collect();
    let cases = [
        lines.concat().into_bytes(),
        b"LLAMA_CLOUD_API_KEY='old' # c\n".repeat(20_000),
        [b"A=".as_slice(), &b"x".repeat(5_000_000), b"\n"].concat(),
        [b"A=\"".as_slice(), &b"\\\"".repeat(1_000_000), b"\"\n"].concat(),
        b"A=\"x\n".repeat(50_000),
        b"A='x\nB=\"y\nC=`z\n".repeat(20_000),
        b"A:\n".repeat(100_000),
        b"A= \n".repeat(100_000),
        b"A=$(\n".repeat(50_000),
        b"A=\\\n".repeat(100_000),
        b"'a\n".repeat(100_000),
        b"export\n".repeat(100_000),
        b"\n \t\n".repeat(200_000),
    ];
    let began = std::time::Instant::now();
    for file in cases {
        let _ = edit(&file, &bindings(["it's", "u", "p"]));
    }
    let took = began.elapsed();
    assert!(took.as_secs() < 60, "{took:?}");
}

/// A piece of a file, and what is to become of it: the text before, the old value if it is one of ours, the text after.
#[derive(Clone, Debug)]
struct Piece {
    before: String,
    ours: Option<(usize, String)>,
    after: String,
}

/// A value of somebody else, spelled as people do.
fn other_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9!%*+,./:?@_-]{1,12}",
        "[A-Za-z0-9 #$&;<>|()é~-]{0,12}".prop_map(|text| format!("'{text}'")),
        "[A-Za-z0-9 #&;<>|()é~'-]{0,12}".prop_map(|text| format!("\"{text}\"")),
        // Over several lines, with what looks like one of ours in it.
        ("[a-z ]{0,6}", 0..3_usize, "[a-z ]{0,6}")
            .prop_map(|(a, name, b)| format!("'{a}\n{}=inner\n{b}'", NAMES[name])),
        ("[a-z ]{0,6}", 0..3_usize, "[a-z ]{0,6}")
            .prop_map(|(a, name, b)| format!("\"{a}\nexport {}=\n{b}\"", NAMES[name])),
    ]
}

fn comment() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ ]# [a-zA-Z0-9'\"=$ é]{0,12}"]
}

fn piece() -> impl Strategy<Value = Piece> {
    let ours = (
        prop_oneof![Just(""), Just("export "), Just("  "), Just("    export ")],
        0..3_usize,
        prop_oneof![Just("="), Just(" = "), Just(" =")],
        prop_oneof![other_value(), "[a-z]{1,5}"],
        comment(),
    )
        .prop_filter(
            "our own values are on one line here",
            |(_, _, _, value, _)| !value.contains('\n'),
        )
        .prop_map(|(lead, name, equals, value, comment)| Piece {
            before: format!("{lead}{}{equals}", NAMES[name]),
            ours: Some((name, value)),
            after: comment,
        });
    let text = |before: String| Piece {
        before,
        ours: None,
        after: String::new(),
    };
    prop_oneof![
        2 => ours,
        2 => ("(export )?[A-Z]{1,6}", other_value(), comment())
            .prop_map(move |(name, value, comment)| text(format!("{name}={value}{comment}"))),
        1 => "#[ -~é]{0,20}".prop_map(text),
        1 => Just(String::new()).prop_map(text),
        1 => (0..3_usize).prop_map(move |name| text(format!("# {}=commented out", NAMES[name]))),
        1 => (0..3_usize).prop_map(move |name| text(format!("MY_{}=x", NAMES[name]))),
    ]
}

fn file() -> impl Strategy<Value = (Vec<Piece>, &'static str, bool)> {
    let pieces = proptest::collection::vec(piece(), 0..8);
    (
        pieces,
        prop_oneof![3 => Just("\n"), 1 => Just("\r\n")],
        any::<bool>(),
    )
}

/// A value that has a spelling.
fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~é\n]{0,16}", "[a-z]{1,8}"]
        .prop_filter("no spelling", |value| spell(value).is_some())
}

/// What a reader makes of our own spellings.
fn unspell(text: &str) -> Option<String> {
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            let end = rest.find(quote)?;
            return rest[end + 1..]
                .trim()
                .is_empty()
                .then(|| rest[..end].to_string());
        }
    }
    (!text.contains([' ', '\'', '"', '$', '`', '\\', '#'])).then(|| text.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Ours are replaced where they are, the rest goes to the end, and every other byte stays.
    #[test]
    fn bytes_outside_stay((pieces, ending, last) in file(), values in [value(), value(), value()]) {
        let spelled: Vec<String> = values.iter().map(|v| spell(v).expect("filtered")).collect();
        let (mut input, mut want) = (String::new(), String::new());
        let mut seen = BTreeSet::new();
        for (at, Piece { before, ours, after }) in pieces.iter().enumerate() {
            let end = if at + 1 < pieces.len() || last { ending } else { "" };
            let old = ours.as_ref().map_or("", |(_, value)| value);
            let new = ours.as_ref().map_or("", |(name, _)| &spelled[*name]);
            seen.extend(ours.as_ref().map(|(name, _)| *name));
            input += &[before, old, after, end].concat();
            want += &[before, new, after, end].concat();
        }
        let windows = input.matches("\r\n").count() * 2 > input.matches('\n').count();
        let ending = if windows { "\r\n" } else { "\n" };
        if seen.len() < 3 && !want.is_empty() && !want.ends_with('\n') {
            want.push_str(ending);
        }
        for name in (0..3).filter(|name| !seen.contains(name)) {
            want += &[NAMES[name], "=", &spelled[name], ending].concat();
        }
        let bindings = bindings([&values[0], &values[1], &values[2]]);
        match edit(input.as_bytes(), &bindings) {
            Ok(out) => {
                let out = String::from_utf8(out).expect("text stays text");
                prop_assert_eq!(&out, &want, "{:?}", input);
                let again = edit(out.as_bytes(), &bindings);
                prop_assert_eq!(again.as_deref(), Ok(out.as_bytes()));
            }
            // Readers that see the pieces otherwise than they were meant.
            Err(EditError::Disputed { .. } | EditError::OpenQuote { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    /// What was written is what a reader gets.
    #[test]
    fn values_come_back(values in [value(), value(), value()]) {
        let out = edit(b"", &bindings([&values[0], &values[1], &values[2]])).expect("an empty file");
        let out = String::from_utf8(out).expect("text");
        let mut rest = out.as_str();
        for (name, value) in NAMES.iter().zip(&values) {
            let text = rest.strip_prefix(name).and_then(|r| r.strip_prefix('=')).expect("the name");
            let next = NAMES.iter().filter_map(|n| text.find(&format!("\n{n}="))).min();
            let end = next.unwrap_or(text.len() - 1);
            prop_assert_eq!(unspell(&text[..end]), Some(value.clone()), "{:?}", out);
            rest = text.get(end + 1..).unwrap_or("");
        }
    }

    /// No input panics, an edit is stable, and one that is refused stays refused.
    #[test]
    fn any_bytes(file in proptest::collection::vec(prop_oneof![
        4 => "[A=: \n'\"`#\\$\r\t(){}\u{feff}\u{2028}é;&<>]".prop_map(String::into_bytes),
        2 => (0..3_usize).prop_map(|name| NAMES[name].as_bytes().to_vec()),
        1 => Just(b"export ".to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ], 0..40).prop_map(|parts| parts.concat()), values in [value(), value(), value()]) {
        let bindings = bindings([&values[0], &values[1], &values[2]]);
        if let Ok(out) = edit(&file, &bindings) {
            let again = edit(&out, &bindings);
            prop_assert_eq!(again.as_ref(), Ok(&out), "{:?}", file.escape_ascii());
        }
        for name in NAMES {
            let _ = assigns(&file, name);
        }
    }

    /// Every value has a spelling or has none; none of it panics.
    #[test]
    fn any_value(value in any::<String>()) {
        if let Some(text) = spell(&value) {
            prop_assert_eq!(unspell(&text), Some(value));
        }
    }
}
