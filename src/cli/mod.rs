//! The command line: one table (`spec`), and what is derived from it: the parser and the help texts.
//!
//! Nothing here knows what a command does; nothing outside knows how a line is cut into options.

pub mod help;
pub mod parse;
pub mod spec;
