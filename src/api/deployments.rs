//! The control plane's endpoints for deployments, as the vendor's router has them.

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
    /// Its id, which is its name.
    pub id: String,
    /// What its id was made from.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Where its source is.
    #[serde(default)]
    pub repo_url: Option<String>,
    /// Its configuration, within the source.
    #[serde(default)]
    pub deployment_file_path: Option<String>,
    /// The branch or tag that is deployed.
    #[serde(default)]
    pub git_ref: Option<String>,
    /// The commit that is deployed.
    #[serde(default)]
    pub git_sha: Option<String>,
    /// Whether it has a token for its source.
    #[serde(default)]
    pub has_personal_access_token: bool,
    /// The project that it belongs to.
    pub project_id: String,
    /// The names of its secrets.
    #[serde(default)]
    pub secret_names: Option<Vec<String>>,
    /// Where it answers.
    #[serde(default)]
    pub apiserver_url: Option<String>,
    /// What it is doing.
    pub status: String,
    /// What is amiss with it.
    #[serde(default)]
    pub warning: Option<String>,
    /// What it runs on.
    #[serde(default)]
    pub appserver_version: Option<String>,
    /// Whether it is scaled to nothing.
    #[serde(default)]
    pub suspended: bool,
}

/// A release of a deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its commit.
    pub git_sha: String,
    /// What it ran on.
    #[serde(default)]
    pub image_tag: Option<String>,
    /// When, in ISO 8601.
    pub released_at: String,
}

/// A line of a log.
#[derive(Clone, Debug, Deserialize)]
pub struct LogLine {
    /// Where it was written.
    #[serde(default)]
    pub pod: String,
    /// Where in the pod.
    #[serde(default)]
    pub container: String,
    /// What was written.
    #[serde(default)]
    pub text: String,
    /// When, in ISO 8601.
    #[serde(default)]
    pub timestamp: Option<String>,
}

/// How a deletion went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The server says so.
    Done,
    /// The answer to a first try was lost, and at the next the server knew no such thing.
    Presumed,
}

/// Which lines of a log are wanted.
#[derive(Clone, Copy, Debug)]
pub struct LogRange {
    /// Go on with what is written from now on.
    pub follow: bool,
    /// Begin with so many last lines.
    pub tail: u32,
    /// Only lines of so many last seconds.
    pub since_seconds: Option<u32>,
    /// Those of init containers too.
    pub init_containers: bool,
}

impl Api<'_> {
    /// `GET …/deployments?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn deployments(&mut self, project: &str) -> std::result::Result<Vec<Deployment>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            deployments: Vec<Deployment>,
        }
        let answer: Answer = self.get(&format!("{DEPLOYMENTS}?project_id={}", encode(project)))?;
        Ok(answer.deployments)
    }

    /// `GET …/deployments/{id}?project_id=&include_events=false`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn deployment(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<Deployment, ApiError> {
        self.get(&format!("{}&include_events=false", one(id, "", project)))
    }

    /// `GET …/deployments/{id}/history?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn releases(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<Vec<Release>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            history: Vec<Release>,
        }
        let answer: Answer = self.get(&one(id, "/history", project))?;
        Ok(answer.history)
    }

    /// `POST …/deployments/{id}/rollback?project_id=` with the commit.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn roll_back(
        &mut self,
        id: &str,
        project: &str,
        git_sha: &str,
    ) -> std::result::Result<Deployment, ApiError> {
        let body = Body::Json(serde_json::json!({ "git_sha": git_sha }).to_string());
        let response = self.with_key(Method::Post, &one(id, "/rollback", project), body)?;
        self.parse(&response)
    }

    /// `DELETE …/deployments/{id}?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn delete_deployment(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<Deletion, ApiError> {
        match self.with_key(Method::Delete, &one(id, "", project), Body::Empty) {
            Ok(_) => Ok(Deletion::Done),
            Err(trouble) if trouble.why == ApiErrorKind::NotFound && self.answer_lost() => {
                Ok(Deletion::Presumed)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// `GET …/deployments/{id}/logs?project_id=…`: server-sent events, each a line of the log.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn logs(
        &mut self,
        id: &str,
        project: &str,
        range: LogRange,
    ) -> std::result::Result<Events<impl BufRead + use<>>, ApiError> {
        use std::fmt::Write as _;
        let mut path = one(id, "/logs", project);
        let _ = write!(
            path,
            "&include_init_containers={}&follow={}&tail_lines={}",
            range.init_containers, range.follow, range.tail
        );
        if let Some(seconds) = range.since_seconds {
            let _ = write!(path, "&since_seconds={seconds}");
        }
        self.stream(&path, range.follow).map(Events::new)
    }
}

fn one(id: &str, below: &str, project: &str) -> String {
    format!(
        "{DEPLOYMENTS}/{}{below}?project_id={}",
        encode(id),
        encode(project)
    )
}
