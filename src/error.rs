//! What can go wrong, in the two lines a user reads, and the exit code that a script reads.
//!
//! This is the only place that knows exit codes. A message never holds a secret, nor the value of an option: values are
//! named by where they came from.

use std::fmt;

use crate::sanitize;

/// Why a command ended without doing what was asked; each kind is one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was understood and could not be done (exit 1).
    Failed,
    /// The command line, or a variable that stands in for it, is wrong (exit 2).
    Usage,
    /// No usable answer: network, TLS, proxy, time-out, overload, nonsense (exit 3).
    NoAnswer,
    /// There are no credentials, or the server rejected them (exit 4).
    Auth,
    /// A command that was to be run is not there, or can't be run (exit 127, 126).
    NotRun(u8),
    /// The user interrupted a prompt or a wait (exit 130).
    Interrupted,
}

impl Kind {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NoAnswer => 3,
            Kind::Auth => 4,
            Kind::NotRun(code) => code,
            Kind::Interrupted => 130,
        }
    }
}

/// What each exit code means, for man pages.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "Done."),
    (1, "Understood, but it could not be done."),
    (
        2,
        "Used wrongly: the command line, or a variable that stands in for it.",
    ),
    (
        3,
        "No usable answer: network, TLS, proxy, time-out, an overloaded server, or nonsense.",
    ),
    (
        4,
        "Not authenticated: there are no credentials, or the server rejected them.",
    ),
    (130, "Interrupted."),
];

/// An error as it is shown: `error: …` and at most one `hint: …`. Its `Display` sanitizes both and masks API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened, with the file or address it happened to; one line, no final stop.
    pub message: String,
    /// What to do now; one line.
    pub hint: Option<String>,
}

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind without a hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// [`Kind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Error::new(Kind::Failed, message)
    }

    /// [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }

    /// [`Kind::NoAnswer`].
    pub fn no_answer(message: impl Into<String>) -> Self {
        Error::new(Kind::NoAnswer, message)
    }

    /// [`Kind::Auth`].
    pub fn auth(message: impl Into<String>) -> Self {
        Error::new(Kind::Auth, message)
    }

    /// Says what to do now, in place of any earlier hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", sanitize::message(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", sanitize::message(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What the operating system says about an IO error, without Rust's "(os error N)".
pub fn os_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_explained() {
        let kinds = [
            Kind::Failed,
            Kind::Usage,
            Kind::NoAnswer,
            Kind::Auth,
            Kind::Interrupted,
        ];
        let codes = std::iter::once(0).chain(kinds.map(Kind::exit_code));
        assert!(codes.eq(EXIT_CODES.iter().map(|(code, _)| *code)));
    }
}
