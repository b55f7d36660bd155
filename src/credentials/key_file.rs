//! API keys from files and standard input.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Kind, Result, os_reason};
use crate::sanitize::quoted;
use crate::secret::Secret;
use crate::{validate, vars};

/// How much is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// Reads the file named by `LLAMA_CLOUD_API_KEY_FILE`.
pub fn read_variable(path: &Path) -> Result<Secret> {
    let mut error = match read_file(path) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    if error.kind == Kind::Failed {
        error.kind = Kind::Auth;
    }
    error.message = format!("{}: {}", vars::API_KEY_FILE, error.message);
    Err(error)
}

pub fn read_file(path: &Path) -> Result<Secret> {
    let name = quoted(&path.display().to_string());
    let file = File::open(path).map_err(|e| unreadable(&name, &e))?;
    read(&name, file)
}

/// Reads a key from `source`, which errors call `name`.
pub fn read(name: &str, source: impl Read) -> Result<Secret> {
    let mut bytes = Vec::new();
    source
        .take(LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(name, &e))?;
    let text = validate::key_file(&bytes).map_err(|problem| invalid(name, problem))?;
    parse(name, text)
}

/// Validates a key that came from `name`.
pub fn parse(name: &str, text: &str) -> Result<Secret> {
    validate::api_key(text).map_err(|problem| invalid(name, problem))
}

fn invalid(name: &str, problem: impl Display) -> Error {
    Error::usage(format!("the API key from {name} {problem}"))
        .hint("a key is a single line such as llx-...")
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::failed(format!(
        "cannot read the API key from {name}: {}",
        os_reason(error)
    ))
    .hint("check that the file is readable and contains only the key")
}
