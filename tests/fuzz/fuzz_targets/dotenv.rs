//! Any `.env` file: no panic, an edit is stable, what was written is there, and a file without our names only grows.
//!
//! The input is the key on the first line and the file after it. `fixtures/dotenv` is a good corpus to start from:
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz dotenv tests/fuzz/corpus/dotenv fixtures/dotenv`

#![no_main]

use libfuzzer_sys::fuzz_target;
use llamactl::dotenv::{Binding, Refusal, assigns, edit, spell};

const NAMES: [&str; 3] = [
    "LLAMA_CLOUD_API_KEY",
    "LLAMA_CLOUD_BASE_URL",
    "LLAMA_AGENTS_PROJECT_ID",
];

fuzz_target!(|input: &[u8]| {
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
                assert!(
                    text == "''" || assigns(&out, binding.name),
                    "{} is not there",
                    binding.name
                );
            }
            let holds = |name: &&str| file.windows(name.len()).any(|part| part == name.as_bytes());
            if !NAMES.iter().any(holds) {
                assert!(out.starts_with(file), "something changed");
            }
        }
        Err(Refusal::Value { .. }) => assert_eq!(spell(&key), None),
        Err(Refusal::OpenQuote { line } | Refusal::Disputed { line }) => {
            assert!(
                line >= 1 && line <= file.split(|&b| b == b'\n').count(),
                "line {line}"
            );
        }
        Err(Refusal::Name { name }) => panic!("{name}"),
    }
});
