//! The person in front of the terminal: whether there is one, what is said and asked.
//!
//! Everything here goes to standard error; data has its own room. A prompt is plain lines: it works with a screen reader
//! and over a slow line.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::error::{Error, Kind, Result};
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::term::signals;
use crate::vars::Vars;

/// Writes one line to standard error, in one piece: several processes may share it.
pub fn say(line: &str) {
    let _ = io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

/// Writes a warning to standard error.
pub fn warn(sentence: &str) {
    say(&format!("warning: {sentence}"));
}

/// Writes each as a warning.
pub fn warn_all(sentences: &[String]) {
    for sentence in sentences {
        warn(sentence);
    }
}

/// Whether a person can be asked: stdin and stderr are terminals, `CI` is not set, `TERM` is not `dumb`.
pub fn is_interactive(vars: Vars) -> bool {
    vars.raw("CI").is_none()
        && vars.raw("TERM").is_none_or(|term| term != "dumb")
        && io::stdin().is_terminal()
        && io::stderr().is_terminal()
}

/// Whether a person sees what is said here, even where nobody can be asked.
pub fn stderr_is_tty() -> bool {
    io::stderr().is_terminal()
}

/// A line about something that goes on: written again and again in its place on a terminal, not at all elsewhere.
#[derive(Debug)]
pub struct Line {
    live: bool,
    width: usize,
}

impl Line {
    /// `live`: there is a person who watches.
    pub fn new(live: bool) -> Line {
        Line { live, width: 0 }
    }

    /// Writes the line over what it was before.
    pub fn show(&mut self, text: &str) {
        if self.live {
            let width = text.chars().count();
            let mut err = io::stderr().lock();
            let line = format!("\r{text:<before$}", before = self.width);
            let _ = err.write_all(line.as_bytes());
            let _ = err.flush();
            self.width = width;
        }
    }

    /// Goes on below it.
    pub fn end(self) {
        if self.width > 0 {
            say("");
        }
    }
}

/// Asks for a secret without showing what is typed.
///
/// # Errors
/// Interrupted by Ctrl-C; Failed, where the terminal can't be read.
pub fn ask_secret(question: &str) -> Result<Secret> {
    let _restored = signals::restore_terminal_when_killed();
    let answer = rpassword::prompt_password(format!("{question}: "));
    if answer.is_err() {
        // Enter ends the prompt's line; the end of the input does not.
        say("");
    }
    answer.map(Secret::new).map_err(|e| unasked(&e))
}

/// Asks for a line; an empty one is `default`.
///
/// # Errors
/// Interrupted by Ctrl-C; Failed, where the terminal can't be read or is at its end.
pub fn ask_line(question: &str, default: Option<&str>) -> Result<String> {
    let _restored = signals::restore_terminal_when_killed();
    let default_shown = default.map_or(String::new(), |text| format!(" [{}]", sanitize(text)));
    let mut err = io::stderr().lock();
    // In one piece, or what is typed meanwhile is shown in the middle of it.
    let _ = err.write_all(format!("{question}{default_shown}: ").as_bytes());
    let _ = err.flush();
    let mut line = String::new();
    let read = io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| unasked(&e))?;
    if read == 0 {
        let _ = writeln!(err);
        return Err(Error::failed("no answer was given"));
    }
    let line = line.trim();
    Ok(match (line, default) {
        ("", Some(default)) => default.to_string(),
        _ => line.to_string(),
    })
}

/// Asks for one of several, by number or by a part of its text; Enter takes the marked one.
///
/// # Errors
/// As [`ask_line`].
pub fn pick(title: &str, items: &[String], marked: Option<usize>) -> Result<usize> {
    say(&format!("{title}:"));
    let width = items.len().to_string().len();
    for (i, item) in items.iter().enumerate() {
        let mark = if marked == Some(i) { '*' } else { ' ' };
        say(&format!("{mark} {:>width$}) {}", i + 1, sanitize(item)));
    }
    let default = marked.map(|i| (i + 1).to_string());
    loop {
        let answer = ask_line("Number or part of a name", default.as_deref())?;
        match choose(items, &answer) {
            Ok(i) => return Ok(i),
            Err(why) => say(&why),
        }
    }
}

/// Which item an answer means: a number, the whole text of an item, or a part that only one item has.
fn choose(items: &[String], answer: &str) -> std::result::Result<usize, String> {
    let folded = answer.to_lowercase();
    let matching = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..items.len())
            .filter(|i| is(&items[*i].to_lowercase()))
            .collect()
    };
    if let Ok(number) = answer.parse::<usize>() {
        if (1..=items.len()).contains(&number) {
            return Ok(number - 1);
        }
    }
    if folded.is_empty() {
        return Err(format!(
            "Type a number from 1 to {}, or a part of a name.",
            items.len()
        ));
    }
    if let [only] = matching(&|item| item == folded)[..] {
        return Ok(only);
    }
    match matching(&|item| item.contains(&folded))[..] {
        [only] => Ok(only),
        [] => Err("None of them has that in its name.".to_string()),
        _ => Err("More than one has that in its name.".to_string()),
    }
}

fn unasked(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::Interrupted => Error::new(Kind::Interrupted, "interrupted"),
        io::ErrorKind::UnexpectedEof => Error::failed("no answer was given"),
        _ => Error::failed(format!(
            "the terminal can't be read: {}",
            crate::error::os_reason(error)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn choosing_by_number_and_by_name() {
        let items = ["Alpha (p-1)", "Alpha two (p-2)", "Beta (p-10)"].map(String::from);
        for (answer, chosen) in [
            ("1", Some(0)),
            ("3", Some(2)),
            ("0", Some(2)),
            ("4", None),
            ("beta", Some(2)),
            ("alpha", None),
            ("two", Some(1)),
            ("p-2", Some(1)),
            ("alpha (p-1)", Some(0)),
            ("", None),
            ("zeta", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(choose(&items, answer).ok(), chosen, "{answer}");
        }
    }
}
