//! `.env` files: one grammar (`parse`), an edit that changes values only (`edit`), and the file around it (`file`).
//!
//! Readers of `.env` files, shells among them, disagree about quotes, escapes and comments. They agree about values of
//! [safe characters](edit::unsafe_character), so no others are written.

pub mod edit;
pub mod file;
pub mod parse;

pub use edit::{Binding, EditError, assigns, edit};
