//! The three variables that hand credentials on to other programs: what `exec`, `export` and `inject` share.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::credentials::{CredentialQuery, Credentials};
use crate::dotenv::Binding;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::url::ApiUrl;
use crate::vars;

/// What is handed on.
pub struct ExportedCredentials {
    /// None where the server asks for none.
    pub key: Option<Secret>,
    pub server: ApiUrl,
    pub project: String,
}

impl ExportedCredentials {
    /// `--profile`.
    pub fn profile(given: &Invocation) -> Option<String> {
        given.text(OptId::Profile).map(str::to_string)
    }

    /// `--project`.
    ///
    /// # Errors
    /// Usage, where it can't be the id of a project.
    pub fn project(given: &Invocation) -> Result<Option<String>> {
        id_option(given, OptId::Project, "--project")
    }

    /// From an option, the variables or the profile, whichever counts.
    ///
    /// # Errors
    /// As [`crate::credentials::resolve`].
    pub fn resolve(
        app: &App,
        profile: Option<&str>,
        project: Option<&str>,
    ) -> Result<ExportedCredentials> {
        let ask = CredentialQuery {
            profile,
            project,
            needs_project: true,
            needs_key: true,
            strict: true,
        };
        ExportedCredentials::of(app.credentials(&ask)?)
    }

    /// From the stored profile alone.
    ///
    /// # Errors
    /// As [`crate::credentials::resolve`].
    pub fn stored(app: &App, profile: Option<&str>) -> Result<ExportedCredentials> {
        let ask = CredentialQuery {
            profile,
            needs_project: true,
            needs_key: true,
            ..CredentialQuery::default()
        };
        ExportedCredentials::of(app.stored_credentials(&ask)?)
    }

    fn of(credentials: Credentials) -> Result<ExportedCredentials> {
        let Some(project) = credentials.project else {
            return Err(Error::auth("there is no project to hand on").hint("pass --project ID"));
        };
        Ok(ExportedCredentials {
            key: credentials.key.map(|key| key.value),
            server: credentials.server.value,
            project: project.value,
        })
    }

    /// The variables by name; a key without a value must not be inherited: it would go to a server that it is not for.
    pub fn variables(&self) -> [(&'static str, Option<&str>); 3] {
        [
            (vars::API_KEY, self.key.as_ref().map(Secret::expose)),
            (vars::BASE_URL, Some(self.server.as_str())),
            (vars::PROJECT, Some(self.project.as_str())),
        ]
    }

    /// The variables that have a value, for a `.env` file.
    pub fn bindings(&self) -> Vec<Binding<'_>> {
        let with_value =
            |(name, value): (&'static str, Option<_>)| value.map(|value| Binding { name, value });
        self.variables()
            .into_iter()
            .filter_map(with_value)
            .collect()
    }
}
