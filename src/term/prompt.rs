//! Asks the user on the terminal. The questions go to standard error as plain lines, which work with a screen reader and
//! over a slow connection; the replies come from standard input.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

pub use super::message::status as say;
pub use super::message::{stderr_is_tty, warn, warn_all};
use crate::error::{Error, Result, os_reason};
use crate::sanitize;
use crate::secret::Secret;
use crate::term::{message, signals};
use crate::vars::Vars;

/// Whether the user can be asked: standard input and standard error are terminals, and neither `CI` nor `TERM=dumb` says
/// that there is no user.
pub fn is_interactive(vars: Vars) -> bool {
    let text = |name| {
        vars.raw(name)
            .map(|value| value.to_string_lossy().to_ascii_lowercase())
    };
    let is_ci = text("CI").is_some_and(|value| !matches!(value.as_str(), "false" | "0"));
    let is_dumb = text("TERM").is_some_and(|value| value == "dumb");
    !is_ci && !is_dumb && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a secret without echo. Standard input must be a terminal.
pub fn ask_secret(question: &str) -> Result<Secret> {
    #[cfg(unix)]
    {
        // Before the question is shown: what is typed from then on must not be.
        let _guard = signals::TerminalGuard::without_echo().map_err(|e| unreadable(&e))?;
        read_reply(&format!("{question}: ")).map(Secret::new)
    }
    #[cfg(not(unix))]
    rpassword::prompt_password(format!("{question}: "))
        .map(Secret::new)
        .map_err(|e| unreadable(&e))
}

/// Asks for a line; an empty one means the default.
pub fn ask_line(question: &str, default: Option<&str>) -> Result<String> {
    let choice = default.map_or(String::new(), |text| format!(" [{text}]"));
    let reply = read_reply(&format!("{question}{choice}: "))?;
    match (reply.trim(), default) {
        ("", Some(default)) => Ok(default.to_string()),
        (reply, _) => Ok(reply.to_string()),
    }
}

/// Asks for one of several items, by number or by a part of its text; Enter selects the marked one.
pub fn select(title: &str, items: &[String], marked: Option<usize>) -> Result<usize> {
    message::line(&format!("{title}:"));
    let width = items.len().to_string().len();
    for (i, item) in items.iter().enumerate() {
        let mark = if marked == Some(i) { '*' } else { ' ' };
        message::line(&format!("{mark} {:>width$}) {item}", i + 1));
    }
    let default = marked.map(|i| (i + 1).to_string());
    loop {
        let reply = ask_line("Number or part of a name", default.as_deref())?;
        match find_item(items, &reply) {
            Ok(i) => return Ok(i),
            Err(problem) => message::line(&problem),
        }
    }
}

/// The item that a reply means: a number, the whole text of an item, or a part that only one item has.
fn find_item(items: &[String], reply: &str) -> std::result::Result<usize, String> {
    if reply.is_empty() {
        return Err(format!(
            "Type a number from 1 to {} or a part of a name.",
            items.len()
        ));
    }
    if let Ok(number) = reply.parse::<usize>() {
        if (1..=items.len()).contains(&number) {
            return Ok(number - 1);
        }
    }
    let reply = reply.to_lowercase();
    let matching = |matches: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..items.len())
            .filter(|i| matches(&items[*i].to_lowercase()))
            .collect()
    };
    if let [only] = matching(&|item| item == reply)[..] {
        return Ok(only);
    }
    match matching(&|item| item.contains(&reply))[..] {
        [only] => Ok(only),
        [] => Err(format!("Nothing in the list contains '{reply}'.")),
        _ => Err(format!("Several items contain '{reply}'.")),
    }
}

/// Shows a question and reads a line.
fn read_reply(question: &str) -> Result<String> {
    let mut stderr = io::stderr().lock();
    // With a single write, what is typed ahead cannot appear in the middle.
    let _ = stderr.write_all(message::printable(&sanitize::message(question)).as_bytes());
    let _ = stderr.flush();
    signals::set_unfinished_line();
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    signals::take_unfinished_line();
    let length = read.map_err(|e| unreadable(&e))?;
    if length == 0 {
        // The end of the input does not end the line on the terminal.
        let _ = writeln!(stderr);
        return Err(Error::failed("the input ended before a reply was given"));
    }
    Ok(line)
}

fn unreadable(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => Error::failed("what was typed is not valid UTF-8"),
        _ => Error::failed(format!("cannot read the terminal: {}", os_reason(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::find_item;

    #[test]
    fn items_are_found_by_number_and_by_name() {
        let items = ["Alpha (p-1)", "Alpha two (p-2)", "Beta (p-10)"].map(String::from);
        for (reply, found) in [
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
            assert_eq!(find_item(&items, reply).ok(), found, "{reply}");
        }
    }
}
