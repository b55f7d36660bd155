//! The control plane's endpoints for deployments (`create_v1beta1_deployments_router` of llama-agents-core).

use std::io::BufRead;

use serde::Deserialize;

use super::client::{Api, DEPLOYMENTS};
use super::{ApiError, ApiErrorKind};
use crate::http::sse::Events;
use crate::http::{Body, Method};
use crate::url::encode;

/// A deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    /// Its name on the command line.
    pub id: String,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub repo_url: Option<String>,
    #[serde(default)]
    pub deployment_file_path: Option<String>,
    /// The branch, tag or commit to deploy.
    #[serde(default)]
    pub git_ref: Option<String>,
    /// The commit that `git_ref` was resolved to.
    #[serde(default)]
    pub git_sha: Option<String>,
    #[serde(default)]
    pub has_personal_access_token: bool,
    pub project_id: String,
    #[serde(default)]
    pub secret_names: Option<Vec<String>>,
    #[serde(default)]
    pub apiserver_url: Option<String>,
    /// The phase, such as `Pending` or `Running`.
    pub status: String,
    #[serde(default)]
    pub warning: Option<String>,
    /// Sent only if the request asks for them.
    #[serde(default)]
    pub events: Option<Vec<Event>>,
    #[serde(default)]
    pub appserver_version: Option<String>,
    #[serde(default)]
    pub suspended: bool,
}

/// A Kubernetes event of a deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

/// One entry of a deployment's release history.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    pub git_sha: String,
    #[serde(default)]
    pub image_tag: Option<String>,
    /// ISO 8601.
    pub released_at: String,
}

/// One line of a log.
#[derive(Clone, Debug, Deserialize)]
pub struct LogLine {
    #[serde(default)]
    pub pod: String,
    #[serde(default)]
    pub container: String,
    #[serde(default)]
    pub text: String,
    /// ISO 8601.
    #[serde(default)]
    pub timestamp: Option<String>,
}

/// The outcome of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Confirmed,
    /// The response to a first attempt was lost, and the next one was answered with 404.
    Presumed,
}

/// Selects the lines of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogRange {
    pub follow: bool,
    pub tail: u32,
    pub since_seconds: Option<u32>,
    pub init_containers: bool,
}

impl Api<'_> {
    /// `GET …/deployments?project_id=`.
    pub fn deployments(&mut self, project: &str) -> Result<Vec<Deployment>, ApiError> {
        #[derive(Deserialize)]
        struct List {
            deployments: Vec<Deployment>,
        }
        let list: List = self.get(&format!("{DEPLOYMENTS}?project_id={}", encode(project)))?;
        Ok(list.deployments)
    }

    /// `GET …/deployments/{id}?project_id=&include_events=false`.
    pub fn deployment(&mut self, id: &str, project: &str) -> Result<Deployment, ApiError> {
        self.get(&format!("{}&include_events=false", path(id, "", project)))
    }

    /// As [`Api::deployment`], with the deployment's events.
    pub fn deployment_with_events(
        &mut self,
        id: &str,
        project: &str,
    ) -> Result<Deployment, ApiError> {
        self.get(&format!("{}&include_events=true", path(id, "", project)))
    }

    /// `PATCH …/deployments/{id}?project_id=`: changes the fields that `update` has.
    pub fn update_deployment(
        &mut self,
        id: &str,
        project: &str,
        update: &serde_json::Value,
    ) -> Result<Deployment, ApiError> {
        let body = Body::Json(update.to_string());
        let response = self.with_key(Method::Patch, &path(id, "", project), body)?;
        self.parse(&response)
    }

    /// `GET …/deployments/{id}/history?project_id=`.
    pub fn releases(&mut self, id: &str, project: &str) -> Result<Vec<Release>, ApiError> {
        #[derive(Deserialize)]
        struct History {
            history: Vec<Release>,
        }
        let list: History = self.get(&path(id, "/history", project))?;
        Ok(list.history)
    }

    /// `POST …/deployments/{id}/rollback?project_id=` with the commit.
    pub fn roll_back(
        &mut self,
        id: &str,
        project: &str,
        git_sha: &str,
    ) -> Result<Deployment, ApiError> {
        let body = Body::Json(serde_json::json!({ "git_sha": git_sha }).to_string());
        let response = self.with_key(Method::Post, &path(id, "/rollback", project), body)?;
        self.parse(&response)
    }

    /// `DELETE …/deployments/{id}?project_id=`.
    pub fn delete_deployment(&mut self, id: &str, project: &str) -> Result<Deletion, ApiError> {
        match self.with_key(Method::Delete, &path(id, "", project), Body::Empty) {
            Ok(_) => Ok(Deletion::Confirmed),
            Err(error) if error.kind == ApiErrorKind::NotFound && self.response_lost() => {
                Ok(Deletion::Presumed)
            }
            Err(error) => Err(error),
        }
    }

    /// `GET …/deployments/{id}/logs?project_id=…`: server-sent events, one for each line.
    pub fn logs(
        &mut self,
        id: &str,
        project: &str,
        range: LogRange,
    ) -> Result<Events<impl BufRead + use<>>, ApiError> {
        use std::fmt::Write as _;
        let mut url = path(id, "/logs", project);
        let _ = write!(
            url,
            "&include_init_containers={}&follow={}&tail_lines={}",
            range.init_containers, range.follow, range.tail
        );
        if let Some(seconds) = range.since_seconds {
            let _ = write!(url, "&since_seconds={seconds}");
        }
        self.stream(&url, range.follow).map(Events::new)
    }
}

/// The path of a deployment or of something `below` it.
fn path(id: &str, below: &str, project: &str) -> String {
    format!(
        "{DEPLOYMENTS}/{}{below}?project_id={}",
        encode(id),
        encode(project)
    )
}
