//! `deployments`: look at deployments and manage them. What its commands share is here: which deployment, of which
//! project, with which credentials.

pub mod delete;
pub mod get;
pub mod history;
pub mod logs;
pub mod rollback;

use crate::api::session::Session;
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::credentials::CredentialQuery;
use crate::error::{Error, Result};
use crate::validate;

/// How much of a commit a table shows.
const SHORT_SHA: usize = 7;

/// What every line of these commands says.
pub struct Target {
    /// The deployment; its id is its name.
    pub name: Option<String>,
    profile: Option<String>,
    project: Option<String>,
}

impl Target {
    /// # Errors
    /// Usage, where a name or a project can't be one.
    pub fn from(given: &Invocation) -> Result<Target> {
        let name = given.arg(0).map(deployment_name).transpose();
        let project = given.text(OptId::Project).map(validate::id).transpose();
        Ok(Target {
            name: name.map_err(|why| Error::usage(format!("the name of the deployment {why}")))?,
            profile: given.text(OptId::Profile).map(str::to_string),
            project: project
                .map_err(|why| Error::usage(format!("the value of --project {why}")))?,
        })
    }

    /// The deployment of a command that needs one.
    pub fn required_name(&self) -> &str {
        // The table says that it is required.
        self.name.as_deref().unwrap_or_default()
    }

    /// The control plane with the credentials to work with, and the project; `strict` for what can't be undone.
    ///
    /// # Errors
    /// As [`crate::credentials::resolve`].
    pub fn session(&self, app: &App, strict: bool) -> Result<(Session, String)> {
        let credentials = app.credentials(&CredentialQuery {
            profile: self.profile.as_deref(),
            project: self.project.as_deref(),
            needs_project: true,
            strict,
            ..CredentialQuery::default()
        })?;
        let project = credentials.project.as_ref();
        let project = project.map_or(String::new(), |project| project.value.clone());
        Ok((Session::new(credentials), project))
    }
}

/// What went wrong with one deployment, with what to do where there is none of that name.
pub fn explain(trouble: ApiError) -> Error {
    match trouble.why {
        ApiErrorKind::NotFound => trouble.error.hint(
            "`llamactl deployments get` lists the deployments of the project; --project names another project",
        ),
        _ => trouble.error,
    }
}

/// A name that stays one segment of a path.
fn deployment_name(text: &str) -> std::result::Result<String, &'static str> {
    let name = validate::id(text)?;
    match name.as_str() {
        "." | ".." => Err("is a path"),
        _ if name.contains('/') => Err("has a slash in it"),
        _ => Ok(name),
    }
}
