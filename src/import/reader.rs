//! Programs that can read SQLite: whichever is on the PATH prints one JSON text a line.
//!
//! Such a program is not ours: it may hang, print rubbish without end, or leave children behind. All that is bounded.
//! Neither its arguments nor its variables hold a key.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::sanitize::sanitize;

/// How long one program may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 64 << 20;
/// How much of what it says on standard error is kept.
const REMARK: usize = 8 * 1024;
/// All that is left of the variables: how to find a program, and what a version manager's or a module system's needs.
const VARIABLES: [&str; 7] = [
    "PATH",
    "HOME",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "PATHEXT",
    "TEMP",
    "TMP",
];
#[cfg(windows)]
const NOTHING: &str = "NUL";
#[cfg(not(windows))]
const NOTHING: &str = "/dev/null";

/// Bytes in, bytes out: a row that is no UTF-8 spoils only itself.
const SCRIPT: &str = "\
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.text_factory = bytes
for question in sys.argv[2:]:
    for row in db.execute(question):
        sys.stdout.buffer.write(row[0] + b'\\n')
";

/// Before all questions. It is a copy, so that SQLite may recover it from its journal; what the questions themselves, and
/// functions in the views of a hostile database, could do is ruled out.
const GUARDS: [&str; 2] = ["PRAGMA trusted_schema = OFF", "PRAGMA query_only = ON"];

/// Why there is no answer.
pub enum ReaderError {
    /// There is no program to ask.
    NoReader,
    /// What each of them said, to stand behind a colon.
    Failed(String),
}

#[derive(Clone, Copy)]
enum Program {
    Python(&'static str),
    Shell,
}

/// A Mac's `python3` may be a stand-in that opens a window; its `sqlite3` is always there.
#[cfg(target_os = "macos")]
const PROGRAMS: [Program; 2] = [Program::Shell, Program::Python("python3")];
#[cfg(windows)]
const PROGRAMS: [Program; 3] = [
    Program::Python("python"),
    Program::Python("python3"),
    Program::Shell,
];
#[cfg(not(any(windows, target_os = "macos")))]
const PROGRAMS: [Program; 2] = [Program::Python("python3"), Program::Shell];

impl Program {
    fn name(self) -> &'static str {
        match self {
            Program::Python(name) => name,
            Program::Shell => "sqlite3",
        }
    }

    fn command(self, database: &Path, questions: &[&str]) -> Command {
        let mut command = Command::new(self.name());
        match self {
            Program::Python(_) => command
                .args(["-I", "-c", SCRIPT])
                .arg(database)
                .args(questions),
            Program::Shell => command
                .args(["-init", NOTHING, "-batch", "-bail", "-noheader", "-list"])
                .arg(database)
                .arg(questions.join(";")),
        };
        let kept = VARIABLES.iter().filter_map(|name| {
            let value: OsString = std::env::var_os(name)?;
            Some((name, value))
        });
        command
            .env_clear()
            .envs(kept)
            // Not where the user is: version managers look there for the version to run.
            .current_dir(database.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            // A group of its own, so that what it starts can be ended with it.
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        command
    }
}

/// Puts questions to the copy of a database and returns what was printed, a line for each row.
///
/// # Errors
/// [`ReaderError`].
pub fn ask(database: &Path, questions: &[impl AsRef<str>]) -> Result<Vec<u8>, ReaderError> {
    let own = questions.iter().map(AsRef::as_ref);
    let questions: Vec<&str> = GUARDS.into_iter().chain(own).collect();
    let mut reasons: Vec<String> = Vec::new();
    for program in PROGRAMS {
        match answer(program.command(database, &questions)) {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(why) => reasons.push(format!("{} {why}", program.name())),
        }
    }
    match reasons.is_empty() {
        true => Err(ReaderError::NoReader),
        false => Err(ReaderError::Failed(reasons.join("; "))),
    }
}

/// What a program prints; none where there is no such program.
fn answer(mut command: Command) -> Result<Option<Vec<u8>>, String> {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err("can't be run".to_string()),
    };
    let end = Instant::now() + PATIENCE;
    let outcome = converse(&mut child, end).unwrap_or_else(|why| {
        kill(&mut child);
        Err(why)
    });
    let _ = child.wait();
    outcome.map(Some)
}

/// Hears a program out. The outer error: it did not end by itself.
fn converse(child: &mut Child, end: Instant) -> Result<Result<Vec<u8>, String>, String> {
    let late = || format!("did not end in {} seconds", PATIENCE.as_secs());
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("can't be heard".to_string());
    };
    let answer = listen(stdout, LONGEST, true).map_err(|_| "can't be heard")?;
    let remark = listen(stderr, REMARK, false).map_err(|_| "can't be heard")?;
    let left = || end.saturating_duration_since(Instant::now());
    let answer = answer.recv_timeout(left()).map_err(|_| late())?;
    if answer.len() > LONGEST {
        return Err(format!("printed more than {} MiB", LONGEST >> 20));
    }
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if !left().is_zero() => std::thread::sleep(pause),
            _ => return Err(late()),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(Ok(answer));
    }
    let grace = left().min(Duration::from_secs(1));
    let remark = remark.recv_timeout(grace).unwrap_or_default();
    Ok(Err(match last_line(&remark) {
        Some(said) => format!("says: {said}"),
        None => "failed and said nothing".to_string(),
    }))
}

/// Reads to the end in a thread of its own. What is longer than `most` is cut off at one byte more; then the rest is
/// read away, or (`give_up`) left.
fn listen(
    mut from: impl Read + Send + 'static,
    most: usize,
    give_up: bool,
) -> io::Result<Receiver<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.by_ref().take(most as u64 + 1).read_to_end(&mut bytes);
        if !give_up {
            let _ = io::copy(&mut from, &mut io::sink());
        }
        let _ = send.send(bytes);
    })?;
    Ok(receive)
}

#[cfg(unix)]
fn kill(child: &mut Child) {
    // Not waited for yet, so that the number is still its own.
    let group = rustix::process::Pid::from_child(child);
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.kill();
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

/// The last line that says something, fit to be shown; of a Python exception without its class.
fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    let said = match line.split_once(": ") {
        Some((class, said)) if class.ends_with("Error") => said,
        _ => line,
    };
    let said: String = sanitize(said.trim()).chars().take(200).collect();
    (!said.is_empty()).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn what_a_program_says() {
        for (text, said) in [
            (
                "Traceback:\n  x\nsqlite3.DatabaseError: file is not a database\n\n",
                Some("file is not a database"),
            ),
            (
                "Error: in prepare, file is not a database (26)",
                Some("in prepare, file is not a database (26)"),
            ),
            ("a\u{1b}[31mb", Some("a\\u{1b}[31mb")),
            (" \n", None),
        ] {
            assert_eq!(last_line(text.as_bytes()).as_deref(), said, "{text}");
        }
        assert_eq!(
            last_line(&b"x".repeat(5000)).map(|said| said.len()),
            Some(200)
        );
        assert_eq!(last_line(b"\xff\xfe").as_deref(), Some("\u{fffd}\u{fffd}"));
    }
}
