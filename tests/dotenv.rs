//! The `.env` editor: the corpus of `fixtures/dotenv`, properties, and the results sourced in real shells.
//!
//! The file around it (permissions, symlinks, races) is tested in `env_file.rs`, readers of other makers in `tests/e2e`.

use llamactl::dotenv::edit::unsafe_character;
use llamactl::dotenv::{Binding, EditError, assigns, edit};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::say_skipped;

const KEY: &str = "LLAMA_CLOUD_API_KEY";
const URL: &str = "LLAMA_CLOUD_BASE_URL";
const PROJECT: &str = "LLAMA_AGENTS_PROJECT_ID";
const NAMES: [&str; 3] = [KEY, URL, PROJECT];
const VALUES: [&str; 3] = ["llx-new", "https://api.example.com", "project-1"];

fn bindings(values: [&str; 3]) -> [Binding<'_>; 3] {
    [0, 1, 2].map(|at| Binding {
        name: NAMES[at],
        value: values[at],
    })
}

/// A refusal as the corpus has it.
fn refusal(error: &EditError) -> String {
    match error {
        EditError::OpenQuote { line } => format!("open-quote {line}\n"),
        EditError::Unbalanced { line } => format!("unbalanced {line}\n"),
        EditError::Continued { line } => format!("continued {line}\n"),
        EditError::SecondAssignment { line } => format!("second-assignment {line}\n"),
        EditError::Encoding(encoding) => format!("encoding {encoding}\n"),
        EditError::Value { .. } => panic!("{error:?}"),
    }
}

/// `NAME.in`, and either `NAME.out` or `NAME.refused` with the reason and the line. `UPDATE_GOLDEN=1` writes them.
#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dotenv");
    let mut names: BTreeSet<PathBuf> = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        names.insert(entry.expect("an entry").path().with_extension(""));
    }
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in &names {
        let file = |extension: &str| std::fs::read(case.with_extension(extension));
        let input = file("in").expect("every case has an input");
        let (extension, got) = match edit(&input, &bindings(VALUES)) {
            Ok(out) => {
                let again = edit(&out, &bindings(VALUES));
                assert_eq!(again.as_ref(), Ok(&out), "{} a second time", case.display());
                for name in NAMES {
                    assert!(assigns(&out, name), "{}: {name}", case.display());
                }
                ("out", out)
            }
            Err(error) => ("refused", refusal(&error).into_bytes()),
        };
        if update {
            for old in ["out", "refused"] {
                let _ = std::fs::remove_file(case.with_extension(old));
            }
            std::fs::write(case.with_extension(extension), &got).expect("the expectation");
        }
        let other = if extension == "out" { "refused" } else { "out" };
        let want = file(extension).unwrap_or_default();
        if got != want || file(other).is_ok() {
            let (got, want) = (got.escape_ascii(), want.escape_ascii());
            let case = case.display();
            wrong.push(format!("{case}\n  want {want}\n  {extension} {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= 240, "{} cases", names.len());
}

#[test]
fn values_of_other_than_safe_characters_are_refused() {
    for value in [
        "",
        "llx-0123abcDEF_-",
        "https://api.example.com:8443/a,b%20c+d@e=f",
        "a==",
        "-",
    ] {
        assert_eq!(unsafe_character(value), None, "{value}");
        for old in ["", "KEY=old\n", "KEY='old'\n", "KEY=\"old\" # c\n"] {
            let file = old.replace("KEY", KEY);
            assert!(edit(file.as_bytes(), &bindings([value, "u", "p"])).is_ok());
        }
    }
    for (value, character) in [
        ("=a", '='),
        ("a:=b", '='),
        ("a b", ' '),
        ("a\tb", '\t'),
        ("x\ny", '\n'),
        ("x\ry", '\r'),
        ("x\0y", '\0'),
        ("$(>PWN)", '$'),
        ("`id`", '`'),
        ("it's", '\''),
        ("say \"hi\"", ' '),
        ("a\"", '"'),
        ("a\\", '\\'),
        ("a#b", '#'),
        ("~", '~'),
        ("a?b", '?'),
        ("a&b", '&'),
        ("a;b", ';'),
        ("{a,b}", '{'),
        ("[::1]", '['),
        ("é", 'é'),
        ("\u{202e}", '\u{202e}'),
    ] {
        for file in ["", "A=1\n", "LLAMA_CLOUD_API_KEY='old'\n"] {
            let refused = EditError::Value {
                name: PROJECT.to_string(),
                character,
            };
            let values = ["llx-1", "https://h.example", value];
            assert_eq!(edit(file.as_bytes(), &bindings(values)), Err(refused));
        }
    }
}

#[test]
fn assignments_of_a_name_are_found() {
    for (file, assigned) in [
        ("", false),
        ("A=1\n", false),
        ("LLAMA_CLOUD_API_KEY=x\n", true),
        ("export LLAMA_CLOUD_API_KEY = 'x' # c\n", true),
        ("LLAMA_CLOUD_API_KEY=\n", false),
        ("LLAMA_CLOUD_API_KEY=''\n", false),
        ("LLAMA_CLOUD_API_KEY=\"\" # none\n", false),
        ("LLAMA_CLOUD_API_KEY=\nLLAMA_CLOUD_API_KEY=x\n", true),
        ("# LLAMA_CLOUD_API_KEY=x\n", false),
        ("MY_LLAMA_CLOUD_API_KEY=x\n", false),
        ("A='\nLLAMA_CLOUD_API_KEY=x\n'\n", false),
        ("A='\nLLAMA_CLOUD_API_KEY=x\n", true),
        // Text that only a shell understands.
        ("A=1; LLAMA_CLOUD_API_KEY=x\n", true),
        ("[ x ] && LLAMA_CLOUD_API_KEY=x\n", true),
        ("set -a && LLAMA_CLOUD_API_KEY=x && set +a\n", true),
        (": \"${LLAMA_CLOUD_API_KEY:=x}\"\n", true),
        (": \"${LLAMA_CLOUD_API_KEY:-x}\"\n", false),
        ("export LLAMA_CLOUD_API_KEY+=x\n", true),
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
fn only_the_given_variables_are_edited() {
    let two = [bindings(VALUES)[1], bindings(VALUES)[2]];
    let out = edit(b"LLAMA_CLOUD_API_KEY=left\nA=1\n", &two);
    let want = b"LLAMA_CLOUD_API_KEY=left\nA=1\nLLAMA_CLOUD_BASE_URL=https://api.example.com\nLLAMA_AGENTS_PROJECT_ID=project-1\n";
    assert_eq!(out.as_deref(), Ok(&want[..]));
    assert_eq!(edit(b"A=1", &[]).as_deref(), Ok(&b"A=1"[..]));
}

#[test]
fn encodings_are_named() {
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    };
    for (file, name) in [
        (utf16("\u{feff}A=1\n", u16::to_le_bytes), "UTF-16"),
        (utf16("\u{feff}A=1\n", u16::to_be_bytes), "UTF-16"),
        (utf16("\u{feff}", u16::to_le_bytes), "UTF-16"),
        (
            utf16("A=1\n", u16::to_le_bytes),
            "UTF-16 without a byte order mark",
        ),
        (
            utf16("A=1\n", u16::to_be_bytes),
            "UTF-16 without a byte order mark",
        ),
        (
            utf16("A", u16::to_le_bytes),
            "UTF-16 without a byte order mark",
        ),
        (b"\xff\xfe\0\0A\0\0\0".to_vec(), "UTF-32"),
        (b"\0\0\xfe\xff\0\0\0A".to_vec(), "UTF-32"),
        (b"A=x\0y\n".to_vec(), "binary (it has NUL bytes)"),
        (
            b"LLAMA_CLOUD_API_KEY=\0\n".to_vec(),
            "binary (it has NUL bytes)",
        ),
    ] {
        let refused = edit(&file, &bindings(VALUES));
        assert_eq!(refused, Err(EditError::Encoding(name)), "{file:?}");
    }
}

/// A file four times as large takes about four times as long, whatever is in it. The bound is generous: a quadratic edit
/// takes sixteen times as long and, with these sizes, minutes.
#[test]
fn large_files_take_linear_time() {
    type Make = fn(usize) -> Vec<u8>;
    let cases: [(&str, Make); 12] = [
        ("ordinary lines", |n| {
            let line = |at| format!("NAME_{at}=value of number {at}\n");
            (0..n).map(line).collect::<String>().into_bytes()
        }),
        ("duplicates", |n| {
            b"LLAMA_CLOUD_API_KEY='old' # c\n".repeat(n)
        }),
        ("bare duplicates", |n| {
            b"LLAMA_CLOUD_API_KEY=old # c\n".repeat(n)
        }),
        ("one line", |n| {
            [b"A=".as_slice(), &b"x #".repeat(n)].concat()
        }),
        ("one value of ours", |n| {
            [KEY.as_bytes(), b"=", &b"x ".repeat(n)].concat()
        }),
        ("escapes", |n| {
            [b"A=\"".as_slice(), &b"\\\"".repeat(n), b"\"\n"].concat()
        }),
        ("quotes over lines", |n| b"A=\"x\n".repeat(n)),
        ("quotes of both kinds", |n| {
            b"A='x\nB=\"y\nC=`z\n".repeat(n / 2)
        }),
        ("backslashes", |n| b"A=\\\n".repeat(n)),
        ("quotes in bare values", |n| b"A=it's\n".repeat(n)),
        ("blanks", |n| b" \t".repeat(n)),
        ("empty lines", |n| b"\n \t\r\n".repeat(n)),
    ];
    let time = |file: &[u8]| {
        let began = Instant::now();
        let _ = edit(file, &bindings(VALUES));
        let _ = assigns(file, KEY);
        began.elapsed()
    };
    for (name, file) in cases {
        let (small, large) = (time(&file(20_000)), time(&file(80_000)));
        let bound = small * 10 + Duration::from_secs(2);
        assert!(large < bound, "{name}: {small:?}, then {large:?}");
    }
}

/// A part of a file, and what is to become of it: the text before, the old value if it is one of ours, the text after.
#[derive(Clone, Debug)]
struct Piece {
    before: String,
    ours: Option<(usize, String)>,
    after: String,
}

/// A value of another variable.
fn other_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9!%*+,./:?@_-]{1,12}",
        "[a-z]{1,5}['\" ;&|<>()$`{}é\u{c}]{1,3}[a-z]{1,5}",
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
    prop_oneof![Just(String::new()), "[ \t]{1,2}#[a-zA-Z0-9'\"=$ é]{0,12}"]
}

fn piece() -> impl Strategy<Value = Piece> {
    let ours = (
        prop_oneof![Just(""), Just("export "), Just("  "), Just("    export\t")],
        0..3_usize,
        prop_oneof![Just("="), Just(" ="), Just("\t=")],
        prop_oneof![
            "[A-Za-z0-9 #$&;<>|()é~'-]{0,12}".prop_map(|text| format!("\"{text}\"")),
            "[A-Za-z0-9 #$&;<>|()é~\"\n-]{0,12}".prop_map(|text| format!("'{text}'")),
            "[a-z]{0,5}",
            "[a-z]{1,5} [a-z][a-z#]{0,4}",
        ],
        comment(),
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
        1 => (0..3_usize).prop_map(move |name| text(format!("A=1; {}=x", NAMES[name]))),
        1 => (0..3_usize).prop_map(move |name| text(format!("run && {}=x", NAMES[name]))),
    ]
}

fn file() -> impl Strategy<Value = (Vec<Piece>, &'static str, bool)> {
    let pieces = proptest::collection::vec(piece(), 0..8);
    let ending = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    (pieces, ending, any::<bool>())
}

/// A value of safe characters.
fn value() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_./@%+,-][a-zA-Z0-9_./@%+,=-]{0,12}"
}

/// How a value replaces an old one with this text behind it.
fn replaced(old: &str, new: &str, after: &str) -> String {
    let is_quoted = |quote: char| old.len() > 1 && old.starts_with(quote) && old.ends_with(quote);
    let quote = match old {
        _ if is_quoted('\'') => "'",
        _ if is_quoted('"') => "\"",
        _ if after.starts_with([' ', '\t']) => "'",
        _ => "",
    };
    let inner = old.get(quote.len()..old.len().saturating_sub(quote.len()));
    match is_quoted('\'') || is_quoted('"') || quote.is_empty() {
        true if inner == Some(new) => old.to_string(),
        false if old == new => old.to_string(),
        _ => format!("{quote}{new}{quote}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Ours are replaced where they are, the rest is appended, and every other byte stays.
    #[test]
    fn bytes_outside_our_values_stay((pieces, ending, last) in file(), values in [value(), value(), value()]) {
        let (mut input, mut want) = (String::new(), String::new());
        let mut seen = BTreeSet::new();
        let mut ansi_c = false;
        for (at, Piece { before, ours, after }) in pieces.iter().enumerate() {
            let end = if at + 1 < pieces.len() || last { ending } else { "" };
            let old = ours.as_ref().map_or("", |(_, value)| value);
            ansi_c |= before.contains("$'");
            // A quote that we add could end a string `$'…'`: none is added then.
            let behind = if ansi_c { "" } else { after.as_str() };
            let new = ours.as_ref().map_or(String::new(), |(name, old)| replaced(old, &values[*name], behind));
            seen.extend(ours.as_ref().map(|(name, _)| *name));
            ansi_c |= old.contains("$'") || after.contains("$'");
            input += &[before, old, after, end].concat();
            want += &[before, new.as_str(), after, end].concat();
        }
        let windows = input.matches("\r\n").count() * 2 > input.matches('\n').count();
        let ending = if windows { "\r\n" } else { "\n" };
        if seen.len() < 3 && !want.is_empty() && !want.ends_with('\n') {
            want.push_str(ending);
        }
        for name in (0..3).filter(|name| !seen.contains(name)) {
            want += &[NAMES[name], "=", &values[name], ending].concat();
        }
        let bindings = bindings([&values[0], &values[1], &values[2]]);
        let out = edit(input.as_bytes(), &bindings);
        prop_assert_eq!(out.as_deref(), Ok(want.as_bytes()), "{:?}", input);
        let again = edit(want.as_bytes(), &bindings);
        prop_assert_eq!(again.as_deref(), Ok(want.as_bytes()));
    }

    /// No input panics, an edit is stable, and the values are found.
    #[test]
    fn edit_of_any_bytes_is_stable(file in proptest::collection::vec(prop_oneof![
        4 => "[A=: \n'\"`#\\$\r\t(){}\u{feff}\u{2028}é;&<>]".prop_map(String::into_bytes),
        2 => (0..3_usize).prop_map(|name| NAMES[name].as_bytes().to_vec()),
        1 => Just(b"export ".to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ], 0..40).prop_map(|parts| parts.concat()), values in [value(), value(), value()]) {
        let bindings = bindings([&values[0], &values[1], &values[2]]);
        if let Ok(out) = edit(&file, &bindings) {
            let again = edit(&out, &bindings);
            prop_assert_eq!(again.as_ref(), Ok(&out), "{:?}", file.escape_ascii());
            for name in NAMES {
                prop_assert!(assigns(&out, name), "{:?}", file.escape_ascii());
            }
        }
    }
}

/// Generates files for [`nothing_runs_that_did_not_run_before`]: `run N` records that it ran.
struct Generator {
    random: u64,
    command: u32,
}

impl Generator {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).expect("31 bits") % limit
    }

    fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.below(texts.len())]
    }

    fn command(&mut self) -> String {
        self.command += 1;
        format!("run {}", self.command)
    }

    /// Something with a command in it at `@`, and with one of our names at `%`.
    fn file(&mut self) -> String {
        const LINES: [&str; 50] = [
            "A=1",
            "export B='x y'",
            "C=\"x $(@) y\"",
            "D=$(@)",
            "E=`@`",
            "F=${G:=$(@)}",
            "H=$'it\\'s $(@)'",
            "I=$${x",
            "J=it's",
            "K=19\"",
            "L=C:\\dir\\",
            "M=a;@",
            "N=a && @",
            "@",
            "@; @",
            "@ \\",
            "[ -z \"$X\" ] && @",
            "eval \"@\"",
            "eval '@; %=x'",
            "alias ours='@'",
            "alias export='@; export'",
            "unset %",
            "unset A B",
            "%=old; unset %",
            "readonly A",
            "set -- %=x",
            "if true; then",
            "fi",
            "{",
            "}",
            "# it's $(@)",
            "echo '",
            "'",
            "echo \"",
            "\"",
            ": <<EOF",
            "EOF",
            "X=$'",
            "\\'$(@)'",
            "echo \"\n%=x\n\"",
            "echo '\n%=x # $(@)\n'",
            "echo \"\n%=x # $(@)\n\"",
            ": <<EOF\n%=x # it's\n$(@)\nEOF",
            "X=$'\n%=x # c\n\\'$(@)'",
            "f() {\n%=x # c\n@; }",
            "%+=x",
            "%",
            "export %",
            "@ %=x",
            "",
        ];
        const VALUES: [&str; 13] = [
            "old",
            "",
            "'old'",
            "\"old\"",
            "\"o\\\"ld\"",
            "old#1",
            "old # it's",
            "'old' # \"",
            " old",
            "old\\",
            "don't",
            "old  ",
            "${A:-x}",
        ];
        let mut file = String::new();
        for _ in 0..=self.below(9) {
            if self.below(3) == 0 {
                let lead = self.pick(&["", "export ", "  ", "\t"]);
                let (name, value) = (self.pick(&NAMES), self.pick(&VALUES));
                let _ = write!(file, "{lead}{name}={value}");
            } else {
                for part in LINES[self.below(LINES.len())].split_inclusive(['@', '%']) {
                    match part.split_at(part.len().saturating_sub(1)) {
                        (text, "@") => file = file + text + &self.command(),
                        (text, "%") => file = file + text + self.pick(&NAMES),
                        _ => file += part,
                    }
                }
            }
            file.push('\n');
        }
        if self.below(4) == 0 {
            file.pop();
        }
        file
    }
}

/// Sources each `N.env` of a directory in a subshell of its own, and says which commands ran: the lines of `N.log`.
fn source_all(shell: &[&str], directory: &Path, count: usize) -> Vec<String> {
    const SCRIPT: &str = "ulimit -t 60; run() { echo \"$1\" >>\"$LOG\"; }; ours() { echo OURS >>\"$LOG\"; }; set +e; \
        n=0; while [ $n -lt $COUNT ]; do ( LOG=$n.log; : >$n.log; . ./$n.env ) </dev/null >/dev/null 2>&1; n=$((n+1)); done";
    let status = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", SCRIPT])
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/nonexistent")
        .env("COUNT", count.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("a shell");
    assert!(status.success(), "{shell:?}: {status}");
    let log = |n: usize| std::fs::read_to_string(directory.join(format!("{n}.log")));
    (0..count).map(|n| log(n).expect("a log")).collect()
}

/// Values of ours run as `ours`, if a shell takes them for a command. `DOTENV_FILES` sets the number of files.
#[test]
fn nothing_runs_that_did_not_run_before() {
    let count = std::env::var("DOTENV_FILES").map_or(600, |text| text.parse().expect("a number"));
    let ours = bindings(["ours", "ours", "ours"]);
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut generator = Generator {
        random: 0x2545_f491_4f6c_dd1d,
        command: 0,
    };
    let mut files: Vec<(String, String)> = Vec::new();
    let mut refused = 0;
    while files.len() < count {
        let file = generator.file();
        match edit(file.as_bytes(), &ours) {
            Ok(out) => files.push((file, String::from_utf8(out).expect("UTF-8"))),
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused < count * 2,
        "{refused} of {count} files are refused"
    );
    for (n, (old, new)) in files.iter().enumerate() {
        for (directory, text) in [(&before, old), (&after, new)] {
            std::fs::write(directory.path().join(format!("{n}.env")), text).expect("a file");
        }
    }
    for shell in [
        &["/bin/bash"][..],
        &["/bin/dash"],
        &["/bin/zsh", "-f"],
        &["/bin/busybox", "sh"],
    ] {
        if !Path::new(shell[0]).exists() {
            say_skipped(&format!("no {}", shell[0]));
            continue;
        }
        let ran_before = source_all(shell, before.path(), count);
        let ran_after = source_all(shell, after.path(), count);
        assert!(ran_before.iter().any(|log| !log.is_empty()), "{shell:?}");
        let wrong: Vec<String> = (0..count)
            .filter(|&n| ran_before[n] != ran_after[n])
            .map(|n| {
                format!(
                    "{n}: {:?}\n--- ran {:?}\n{}--- ran {:?}\n{}",
                    shell[0], ran_before[n], files[n].0, ran_after[n], files[n].1
                )
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} files: {}",
            wrong.len(),
            wrong[..wrong.len().min(5)].join("\n=====\n")
        );
    }
}
