//! The user's terminal: messages and prompts on standard error, data on standard output, signals and the browser.

pub mod browser;
pub mod message;
pub mod output;
mod progress;
pub mod prompt;
pub mod signals;

pub use progress::ProgressLine;
