//! `projects`: list projects and choose one.

pub mod get;
pub mod r#use;

use crate::cli::parse::Invocation;
use crate::commands::valid_id;
use crate::error::Result;

/// The project ID on the command line.
fn project(given: &Invocation) -> Result<Option<String>> {
    let id = given.arg(0);
    id.map(|id| valid_id("the project ID", id)).transpose()
}
