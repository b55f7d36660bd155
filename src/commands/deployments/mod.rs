//! `deployments`: list, inspect and manage the deployments of a project.

pub mod delete;
pub mod get;
pub mod history;
pub mod logs;
pub mod resume;
pub mod rollback;
mod rollout;
pub mod suspend;
pub mod update;
pub mod wait;

use crate::api::client::Api;
use crate::api::session::Session;
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::{id_option, invalid, valid_id};
use crate::credentials::CredentialQuery;
use crate::error::{Error, Result};
use crate::sanitize::quoted;

/// Number of characters of a commit that tables and messages show.
const SHORT_SHA: usize = 7;

/// The options that select credentials and project.
struct ProjectArgs {
    profile: Option<String>,
    project: Option<String>,
}

impl ProjectArgs {
    fn from(given: &Invocation) -> Result<ProjectArgs> {
        Ok(ProjectArgs {
            profile: given.text(OptId::Profile).map(str::to_string),
            project: id_option(given, OptId::Project, "--project")?,
        })
    }

    /// For commands that only read.
    fn open(&self, app: &mut App) -> Result<Project> {
        self.open_with(app, false)
    }

    /// For commands that change something: half a pair of environment variables is an error.
    fn open_to_change(&self, app: &mut App) -> Result<Project> {
        self.open_with(app, true)
    }

    fn open_with(&self, app: &mut App, strict: bool) -> Result<Project> {
        let session = app.session(&CredentialQuery {
            profile: self.profile.as_deref(),
            project: self.project.as_deref(),
            needs_project: true,
            strict,
            ..CredentialQuery::default()
        })?;
        let id = session.credentials.project.as_ref();
        Ok(Project {
            id: id.map(|id| id.value.clone()).unwrap_or_default(),
            session,
        })
    }
}

/// The project whose deployments a command works on.
struct Project {
    id: String,
    session: Session,
}

impl Project {
    /// Sends a request about the project; `request` gets the project's ID.
    fn ask<T>(
        &mut self,
        app: &mut App,
        mut request: impl FnMut(&mut Api, &str) -> std::result::Result<T, ApiError>,
    ) -> std::result::Result<T, ApiError> {
        let id = &self.id;
        self.session.ask(app, |api| request(api, id))
    }

    /// Sends a request about one of its deployments.
    fn ask_about<T>(
        &mut self,
        name: &str,
        app: &mut App,
        request: impl FnMut(&mut Api, &str) -> std::result::Result<T, ApiError>,
    ) -> Result<T> {
        self.ask(app, request)
            .map_err(|error| self.error(name, error))
    }

    /// What the user reads if a request about a deployment fails.
    fn error(&self, name: &str, error: ApiError) -> Error {
        match error.kind {
            ApiErrorKind::NotFound => {
                Error::failed(format!("no deployment named {}", self.full_name(name))).hint(
                    "`llamactl deployments get` lists the deployments; --project selects another project",
                )
            }
            _ => error.into(),
        }
    }

    /// As [`Project::error`], for a request that may have taken effect although its response was lost.
    fn error_after_change(&self, name: &str, app: &App, error: ApiError) -> Error {
        let is_unknown = error.kind == ApiErrorKind::Unreachable && app.http.response_lost();
        let error = self.error(name, error);
        match is_unknown {
            true => error.hint(format!(
                "the change may have been made: check with `llamactl deployments get {name}`"
            )),
            false => error,
        }
    }

    /// The deployment with its project and server.
    fn full_name(&self, name: &str) -> String {
        let (project, server) = (quoted(&self.id), self.session.server());
        format!("{} in project {project} of {server}", quoted(name))
    }
}

/// The NAME on the command line: one segment of a URL's path.
fn name(given: &Invocation) -> Result<Option<String>> {
    const WHAT: &str = "the deployment name";
    let Some(text) = given.arg(0) else {
        return Ok(None);
    };
    let name = valid_id(WHAT, text)?;
    match name.as_str() {
        "." | ".." => Err(invalid(WHAT, text, "is a path")),
        _ if name.contains('/') => Err(invalid(WHAT, text, "contains a slash")),
        _ => Ok(Some(name)),
    }
}

fn required_name(given: &Invocation) -> Result<String> {
    name(given)?.ok_or_else(|| Error::usage("NAME is missing"))
}

fn short_sha(sha: &str) -> String {
    sha.chars().take(SHORT_SHA).collect()
}
