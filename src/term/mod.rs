//! The user's side: prompts and messages on stderr, data on stdout, signals, and the browser.

pub mod browser;
pub mod output;
pub mod prompt;
pub mod signals;
