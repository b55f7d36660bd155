//! Writes the man pages and completion scripts of a release: `docgen DIRECTORY VERSION`.
//!
//! `make docs` compiles this program with a bare `rustc`, so that cross builds and offline builds need neither the
//! binary nor any crate. The modules used here must therefore depend on std only. The date on the man pages is
//! SOURCE_DATE_EPOCH.

#![allow(dead_code, reason = "docgen uses only a part of these modules")]

mod complete;
#[path = "../error.rs"]
mod error;
mod man;
#[path = "../sanitize.rs"]
mod sanitize;
mod spec;
#[path = "../vars.rs"]
mod vars;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [directory, version] = &args[..] else {
        eprintln!("usage: docgen DIRECTORY VERSION");
        return ExitCode::from(2);
    };
    let epoch = env::var("SOURCE_DATE_EPOCH").unwrap_or_default();
    let edition = man::Edition {
        version: version.clone(),
        date: date(epoch.trim().parse().unwrap_or(0)),
    };
    match write(Path::new(directory), &edition) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docgen: {directory}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, edition: &man::Edition) -> io::Result<()> {
    let (pages, scripts) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&scripts)?;
    for (name, text) in man::pages(edition) {
        fs::write(pages.join(name), text)?;
    }
    for shell in complete::Shell::ALL {
        fs::write(scripts.join(shell.file_name()), shell.script())?;
    }
    Ok(())
}

/// Formats seconds since 1970 as a UTC date, `YYYY-MM-DD`.
fn date(seconds: u64) -> String {
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut days, mut year) = (seconds / 86_400, 1970);
    // Bounds the loop below if SOURCE_DATE_EPOCH is absurd.
    days = days.min(3_000_000);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}
