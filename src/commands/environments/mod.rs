//! `environments`: the control planes to work with.

pub mod add;
pub mod delete;
pub mod get;
pub mod r#use;

use crate::cli::parse::Invocation;
use crate::error::{Error, Result};
use crate::url::ApiUrl;

/// The address on the line, normalised.
fn url(given: &Invocation) -> Result<Option<ApiUrl>> {
    let parsed = given.arg(0).map(parse).transpose();
    parsed.map_err(|why| Error::usage(why).hint("an environment is the base address of a control plane, such as https://llama.example.com"))
}

fn parse(text: &str) -> std::result::Result<ApiUrl, String> {
    ApiUrl::parse(text).map_err(|why| format!("the address {why}"))
}
