//! The command line: the table of commands (`spec`), and what is derived from it: the parser, the help pages, the man
//! pages and the completion scripts.
//!
//! `docgen.rs` is not a module of this crate but a second program over `spec`, `man` and `complete`.

pub mod complete;
pub mod help;
pub mod man;
pub mod parse;
pub mod spec;
