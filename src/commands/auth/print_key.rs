//! `auth print-key`: prints the API key in effect, for other tools.

use std::io::IsTerminal as _;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::credentials::CredentialQuery;
use crate::error::{Error, Result};
use crate::term::output;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let credentials = app.credentials(&CredentialQuery {
        profile: given.text(OptId::Profile),
        needs_key: true,
        strict: true,
        ..CredentialQuery::default()
    })?;
    let Some(key) = credentials.secret() else {
        return Err(Error::failed(format!(
            "{} requires no authentication, so there is no API key to print",
            credentials.server.value
        )));
    };
    if std::io::stdout().is_terminal() {
        app.warn("the API key is shown on the terminal");
    }
    output::data(&match given.has(OptId::Header) {
        true => format!("Authorization: Bearer {}\n", key.expose()),
        false => format!("{}\n", key.expose()),
    })
}
