//! `projects`: look at projects and choose one.

pub mod get;
pub mod r#use;

use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result};
use crate::validate;

/// The project's id on the line.
fn project(given: &Invocation) -> Result<Option<String>> {
    checked(given.arg(0), "the project ID")
}

/// `--org`.
fn org(given: &Invocation) -> Result<Option<String>> {
    checked(given.text(OptId::Org), "the value of --org")
}

fn checked(text: Option<&str>, place: &str) -> Result<Option<String>> {
    text.map(validate::id)
        .transpose()
        .map_err(|why| Error::usage(format!("{place} {why}")))
}
