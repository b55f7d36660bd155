//! Queries a SQLite database with whichever of `python3` and `sqlite3` is installed; each row is one line of JSON.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child::{self, ChildError, Limits};
use crate::error::os_reason;
use crate::sanitize::sanitize;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    output: 64 << 20,
};
/// The longest quotation from a program's standard error, in characters.
const MAX_MESSAGE: usize = 200;
const NULL_DEVICE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// Bytes in, bytes out: text that is not valid UTF-8 affects only its own row.
const SCRIPT: &str = "\
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.text_factory = bytes
for query in sys.argv[2:]:
    for row in db.execute(query):
        sys.stdout.buffer.write(row[0] + b'\\n')
";

/// Run before all queries, so that views and triggers of a hostile database can do no harm.
const GUARDS: [&str; 2] = ["PRAGMA trusted_schema = OFF", "PRAGMA query_only = ON"];

pub enum ReaderError {
    NotInstalled,
    Interrupted,
    /// The message of each program that failed.
    Failed(String),
}

#[derive(Clone, Copy)]
enum Program {
    Python(&'static str),
    Sqlite,
}

/// On macOS `sqlite3` comes first, because `python3` may be a stub that opens a window.
const PROGRAMS: &[Program] = if cfg!(target_os = "macos") {
    &[Program::Sqlite, Program::Python("python3")]
} else if cfg!(windows) {
    &[
        Program::Python("python"),
        Program::Python("python3"),
        Program::Sqlite,
    ]
} else {
    &[Program::Python("python3"), Program::Sqlite]
};

impl Program {
    fn name(self) -> &'static str {
        match self {
            Program::Python(name) => name,
            Program::Sqlite => "sqlite3",
        }
    }

    /// `None` if the program is not installed.
    fn command(self, database: &Path, queries: &[&str]) -> Option<Command> {
        let mut command = child::minimal(self.name())?;
        match self {
            Program::Python(_) => command
                .args(["-I", "-c", SCRIPT])
                .arg(database)
                .args(queries),
            Program::Sqlite => command
                .args([
                    "-init",
                    NULL_DEVICE,
                    "-batch",
                    "-bail",
                    "-noheader",
                    "-list",
                ])
                .arg(database)
                .arg(queries.join(";")),
        };
        Some(command)
    }
}

/// The rows of the queries, a line for each.
pub fn query(database: &Path, queries: &[&str]) -> Result<Vec<u8>, ReaderError> {
    let queries = [&GUARDS, queries].concat();
    let mut failures = Vec::new();
    for program in PROGRAMS {
        let Some(command) = program.command(database, &queries) else {
            continue;
        };
        let name = program.name();
        failures.push(match child::run(command, LIMITS) {
            Ok(finished) if finished.status.success() => return Ok(finished.stdout),
            Ok(finished) => match last_line(&finished.stderr) {
                Some(line) => format!("{name} failed: {line}"),
                None => format!("{name} failed without a message"),
            },
            Err(ChildError::Interrupted) => return Err(ReaderError::Interrupted),
            Err(ChildError::TimedOut) => {
                format!(
                    "{name} did not end within {} seconds",
                    LIMITS.time.as_secs()
                )
            }
            Err(ChildError::TooMuchOutput) => {
                format!("{name} printed more than {} MiB", LIMITS.output >> 20)
            }
            Err(ChildError::Io(e)) => format!("{name} cannot be run: {}", os_reason(&e)),
        });
    }
    match failures.is_empty() {
        true => Err(ReaderError::NotInstalled),
        false => Err(ReaderError::Failed(failures.join("; "))),
    }
}

/// The last line that is not blank; of a Python exception without its class.
fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    let message = match line.split_once(": ") {
        Some((class, message)) if class.ends_with("Error") => message,
        _ => line,
    };
    Some(sanitize(message.trim()).chars().take(MAX_MESSAGE).collect())
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn last_line_is_the_message_of_the_error() {
        for (stderr, message) in [
            (
                "Traceback:\n  x\nsqlite3.DatabaseError: file is not a database\n\n",
                Some("file is not a database"),
            ),
            (
                "Error: in prepare, file is not a database (26)",
                Some("in prepare, file is not a database (26)"),
            ),
            (" \n", None),
        ] {
            assert_eq!(last_line(stderr.as_bytes()).as_deref(), message);
        }
        let escaped = last_line(b"a\x1b[31mb\xff").unwrap();
        assert!(!escaped.contains('\u{1b}'), "{escaped}");
        let long = last_line(&b"x".repeat(5000)).unwrap();
        assert_eq!(long.len(), 200);
    }
}
