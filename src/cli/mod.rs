//! The command line: one table (`spec`), and what is derived from it: the parser, the help texts, man pages and completions.
//!
//! Nothing here knows what a command does; nothing outside knows how a line is cut into options.
//! `docgen.rs` is no module of this crate but a second program over `spec`, `man` and `complete`.

pub mod complete;
pub mod help;
pub mod man;
pub mod parse;
pub mod spec;
