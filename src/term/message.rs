//! Status lines, warnings and errors on standard error. Every text is sanitized and API keys in it are masked.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::sanitize;
use crate::term::signals;
use crate::vars::Vars;

/// Whether `--quiet` was given.
static QUIET: AtomicBool = AtomicBool::new(false);

pub fn set_quiet(is_quiet: bool) {
    QUIET.store(is_quiet, Ordering::Relaxed);
}

pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// A line that tells what happened; `--quiet` drops it.
pub fn status(text: &str) {
    if !is_quiet() {
        line(text);
    }
}

/// A warning; `--quiet` drops it.
pub fn warn(text: &str) {
    status(&format!("warning: {text}"));
}

pub fn warn_all(texts: &[String]) {
    for text in texts {
        warn(text);
    }
}

/// A warning that `--quiet` keeps: a credential is still valid.
pub fn warn_always(text: &str) {
    line(&format!("warning: {text}"));
}

/// A line that `--quiet` keeps: what the user has to act on or asked for.
pub fn line(text: &str) {
    write_lines(&sanitize::message(text));
}

pub fn error(error: &Error) {
    write_lines(&error.to_string());
}

/// Writes sanitized lines at once: several processes may share standard error.
fn write_lines(lines: &str) {
    let line_end = if signals::take_unfinished_line() {
        "\n"
    } else {
        ""
    };
    let text = format!("{line_end}{}\n", printable(lines));
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Sanitized lines as they may be printed: in a build of GitHub Actions or Azure Pipelines, without commands for it.
pub fn printable(lines: &str) -> String {
    let is_set = |name| Vars::process().raw(name).is_some();
    if !is_set("GITHUB_ACTIONS") && !is_set("TF_BUILD") {
        return lines.to_string();
    }
    let lines: Vec<String> = lines
        .split('\n')
        .map(sanitize::without_ci_commands)
        .collect();
    lines.join("\n")
}

pub fn stderr_is_tty() -> bool {
    io::stderr().is_terminal()
}
