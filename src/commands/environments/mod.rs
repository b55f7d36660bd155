//! `environments`: the control planes that profiles belong to.

pub mod add;
pub mod delete;
pub mod get;
pub mod r#use;

use crate::cli::parse::Invocation;
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::url::{self, ApiUrl};

/// The URL on the command line, normalized.
fn url(given: &Invocation) -> Result<Option<ApiUrl>> {
    given.arg(0).map(parse_url).transpose()
}

fn parse_url(text: &str) -> Result<ApiUrl> {
    url::parse_environment(text).map_err(|why| {
        // Before an `@` there may be a password.
        let shown = match text.trim() {
            "" => "the URL".to_string(),
            text if text.contains('@') => "the URL".to_string(),
            text => format!("the URL {}", quoted(text)),
        };
        Error::usage(format!("{shown} {why}")).hint(
            "an environment is the base URL of a control plane, such as https://llama.example.com",
        )
    })
}
