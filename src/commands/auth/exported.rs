//! The variables that hand credentials on to other programs, which `exec`, `export` and `inject` share.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::credentials::{CredentialQuery, Credentials};
use crate::dotenv::Binding;
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::secret::Secret;
use crate::url::ApiUrl;
use crate::vars;

pub struct ExportedCredentials {
    /// None if the server requires no authentication.
    pub key: Option<Secret>,
    server: ApiUrl,
    project: String,
    also: Vec<Also>,
}

/// A further variable: `--also NAME=key|url|project`.
struct Also {
    name: String,
    field: Field,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Key,
    Url,
    Project,
}

impl ExportedCredentials {
    /// From `--project` and `--profile`, the environment variables or the current profile.
    pub fn resolve(given: &Invocation, app: &App) -> Result<ExportedCredentials> {
        let also = also(given)?;
        let project = id_option(given, OptId::Project, "--project")?;
        let query = CredentialQuery {
            profile: given.text(OptId::Profile),
            project: project.as_deref(),
            needs_project: true,
            needs_key: true,
            strict: true,
            ..CredentialQuery::default()
        };
        ExportedCredentials::new(app.credentials(&query)?, also)
    }

    /// From the stored profile alone.
    pub fn stored(given: &Invocation, app: &App) -> Result<ExportedCredentials> {
        let also = also(given)?;
        let query = CredentialQuery {
            profile: given.text(OptId::Profile),
            needs_project: true,
            needs_key: true,
            ..CredentialQuery::default()
        };
        ExportedCredentials::new(app.stored_credentials(&query)?, also)
    }

    fn new(credentials: Credentials, also: Vec<Also>) -> Result<ExportedCredentials> {
        let Some(project) = credentials.project else {
            return Err(Error::auth("there is no project to export").hint("pass --project ID"));
        };
        let key = credentials.key.map(|key| key.value);
        if let (None, Some(also)) = (&key, also.iter().find(|also| also.field == Field::Key)) {
            let message = format!("--also {}=key: there is no API key", also.name);
            return Err(Error::failed(message).hint("this profile has none and needs none"));
        }
        Ok(ExportedCredentials {
            key,
            server: credentials.server.value,
            project: project.value,
            also,
        })
    }

    /// The variables by name. One without a value must not be inherited: the key would be sent to a server that it is
    /// not for.
    pub fn variables(&self) -> Vec<(&str, Option<&str>)> {
        let value = |field| match field {
            Field::Key => self.key.as_ref().map(Secret::expose),
            Field::Url => Some(self.server.as_str()),
            Field::Project => Some(self.project.as_str()),
        };
        let mut variables = vec![
            (vars::API_KEY, value(Field::Key)),
            (vars::BASE_URL, value(Field::Url)),
            (vars::PROJECT, value(Field::Project)),
        ];
        let also = self.also.iter();
        variables.extend(also.map(|also| (also.name.as_str(), value(also.field))));
        variables
    }

    /// The variables that have a value, for a `.env` file.
    pub fn bindings(&self) -> Vec<Binding<'_>> {
        let variables = self.variables().into_iter();
        variables
            .filter_map(|(name, value)| value.map(|value| Binding { name, value }))
            .collect()
    }
}

/// The values of `--also`, checked.
fn also(given: &Invocation) -> Result<Vec<Also>> {
    let mut found: Vec<Also> = Vec::new();
    for text in given.texts(OptId::Also) {
        let parsed = text.split_once('=').and_then(|(name, field)| {
            let field = match field {
                "key" => Field::Key,
                "url" => Field::Url,
                "project" => Field::Project,
                _ => return None,
            };
            Some((name, field))
        });
        let Some((name, field)) = parsed else {
            let message = format!(
                "--also {} is not NAME=key, NAME=url or NAME=project",
                quoted(text)
            );
            return Err(Error::usage(message));
        };
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(is_word) || name.as_bytes()[0].is_ascii_digit() {
            let message = format!(
                "--also {}: {} is not a variable name",
                quoted(text),
                quoted(name)
            );
            return Err(Error::usage(message).hint(
                "a name consists of letters, digits and `_`, and does not begin with a digit",
            ));
        }
        let is_set = [vars::API_KEY, vars::BASE_URL, vars::PROJECT].contains(&name);
        if is_set || found.iter().any(|also| also.name == name) {
            let message = format!("--also {}: {name} is set already", quoted(text));
            return Err(Error::usage(message).hint("leave it out"));
        }
        let name = name.to_string();
        found.push(Also { name, field });
    }
    Ok(found)
}
