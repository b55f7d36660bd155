//! `deployments rollback`: returns a deployment to an earlier commit.

use std::time::Duration;

use super::rollout::{self, Change};
use super::{Project, ProjectArgs, required_name, short_sha};
use crate::api::deployments::Deployment;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::error::{Error, Result};
use crate::sanitize::{quoted, sanitize};
use crate::term::prompt;

struct Args {
    name: String,
    project: ProjectArgs,
    git_sha: Option<String>,
    wait: Option<Duration>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            name: required_name(given)?,
            project: ProjectArgs::from(given)?,
            git_sha: id_option(given, OptId::GitSha, "--git-sha")?,
            wait: rollout::timeout_of_wait(given)?,
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let name = &args.name;
    if args.git_sha.is_none() && !app.is_interactive() {
        return Err(Error::usage("--git-sha is missing").hint(format!(
            "`llamactl deployments history {}` lists the commits",
            sanitize(name)
        )));
    }
    let mut project = args.project.open_to_change(app)?;
    // The present state is needed to offer a choice and to tell a new phase from an old one.
    let before = match (&args.git_sha, args.wait) {
        (Some(_), None) => None,
        _ => Some(project.ask_about(name, app, |api, id| api.deployment(name, id))?),
    };
    let git_sha = match args.git_sha {
        Some(git_sha) => git_sha,
        None => choose(app, &mut project, name, before.as_ref())?,
    };
    let after = project
        .ask(app, |api, id| api.roll_back(name, id, &git_sha))
        .map_err(|error| project.error_after_change(name, app, error))?;
    let sha = after.git_sha.as_deref().unwrap_or(&git_sha);
    prompt::say(&format!(
        "rolled back {} to {}",
        quoted(name),
        sanitize(sha)
    ));
    match (args.wait, before) {
        (Some(timeout), Some(before)) => {
            let change = Change { before, after };
            rollout::wait(app, &mut project, name, timeout, Some(change))
        }
        _ => Ok(()),
    }
}

/// Offers the release history.
fn choose(
    app: &mut App,
    project: &mut Project,
    name: &str,
    current: Option<&Deployment>,
) -> Result<String> {
    let releases = project.ask_about(name, app, |api, id| api.releases(name, id))?;
    if releases.is_empty() {
        return Err(Error::failed(format!(
            "no releases of {} yet",
            quoted(name)
        )));
    }
    let current = current.and_then(|deployment| deployment.git_sha.as_deref());
    let is_current = |sha: &str| Some(sha) == current;
    let labels: Vec<String> = releases
        .iter()
        .map(|release| {
            let mark = match is_current(&release.git_sha) {
                true => ", current",
                false => "",
            };
            let sha = short_sha(&release.git_sha);
            format!("{sha} ({}{mark})", release.released_at)
        })
        .collect();
    let picked = prompt::select("Releases", &labels, None)?;
    app.http.reset_deadline();
    Ok(releases[picked].git_sha.clone())
}
