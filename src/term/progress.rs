//! A line on standard error that shows how a wait goes on.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::sanitize;
use crate::term::{message, signals};

/// How often a line is printed where it cannot be overwritten.
const INTERVAL: Duration = Duration::from_secs(60);

/// Overwrites itself on a terminal. Elsewhere a line is printed once a minute.
#[derive(Debug)]
pub struct ProgressLine {
    can_overwrite: bool,
    /// Columns that the line covers now.
    width: usize,
    /// When it was last printed, or created.
    printed: Instant,
}

impl ProgressLine {
    /// `can_overwrite`: standard error is a terminal that can move its cursor back.
    pub fn new(can_overwrite: bool) -> ProgressLine {
        ProgressLine {
            can_overwrite,
            width: 0,
            printed: Instant::now(),
        }
    }

    /// Shows the text in place of the one before.
    pub fn show(&mut self, text: &str) {
        if message::is_quiet() {
            return;
        }
        if self.can_overwrite {
            // The last column stays free: some terminals wrap as soon as it is written.
            let columns = columns().saturating_sub(1);
            let text = fitting(&sanitize::message(text), columns);
            let padding = self.width.min(columns).saturating_sub(text.width());
            self.width = text.width();
            signals::set_unfinished_line();
            let line = format!("\r{text}{:padding$}", "");
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(line.as_bytes());
            let _ = stderr.flush();
        } else if self.printed.elapsed() >= INTERVAL {
            self.printed = Instant::now();
            message::status(text);
        }
    }

    /// Ends the line, so that what comes next stands below it.
    pub fn end(self) {
        if signals::take_unfinished_line() {
            let _ = io::stderr().write_all(b"\n");
        }
    }
}

/// The longest start of a text that fits into so many columns.
fn fitting(text: &str, columns: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    text.chars().take_while(fits).collect()
}

/// The width of the terminal on standard error.
fn columns() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stderr()) {
        if size.ws_col > 0 {
            return size.ws_col.into();
        }
    }
    80
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn text_is_cut_at_the_last_column() {
        for (text, columns, cut) in [
            ("waiting", 20, "waiting"),
            ("waiting", 4, "wait"),
            ("東京都", 5, "東京"),
            ("waiting", 0, ""),
        ] {
            assert_eq!(fitting(text, columns), cut);
        }
    }
}
