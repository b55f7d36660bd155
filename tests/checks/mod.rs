//! What must hold of any input, for each thing that reads what comes from outside: one file for each, one function in it
//! that panics where it does not hold.
//!
//! The fuzzer calls them with what it makes up (`tests/fuzz`), the suite with what the fuzzer once found
//! (`tests/corpus.rs`). Nothing here reads a file, the clock or a variable: an input means the same everywhere.

pub mod addresses;
pub mod answers;
pub mod arguments;
pub mod dotenv;
pub mod id_token;
pub mod import;
pub mod store;

use llamactl::error::Error;
use llamactl::sanitize::is_control_or_format;

/// Panics where something does not hold.
pub type Check = fn(&[u8]);

/// All of them, by the name of the target and of its corpus.
#[allow(dead_code, reason = "a target needs one of them, the suite all")]
pub const CHECKS: [(&str, Check); 7] = [
    ("addresses", addresses::check),
    ("answers", answers::check),
    ("arguments", arguments::check),
    ("dotenv", dotenv::check),
    ("id_token", id_token::check),
    ("import", import::check),
    ("store", store::check),
];

/// A text that a terminal shows as what it is, on one line.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(is_control_or_format)
}

/// `error: …` and at most one `hint: …`, nothing that a terminal would act on, of a length that people read.
fn assert_readable(error: &Error) {
    let said = error.to_string();
    let lines: Vec<&str> = said.split('\n').collect();
    assert!(lines[0].starts_with("error: "), "{said}");
    assert!(
        lines[1..].iter().all(|line| line.starts_with("hint: ")),
        "{said}"
    );
    assert!(
        lines.len() <= 2 && lines.iter().all(|line| is_harmless(line)),
        "{said:?}"
    );
    assert!(said.chars().count() <= 2000, "{said}");
}
