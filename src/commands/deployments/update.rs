//! `deployments update`: deploys the latest commit of a Git reference.

use std::time::Duration;

use serde_json::json;

use super::rollout::{self, Change};
use super::{ProjectArgs, required_name};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::error::Result;
use crate::sanitize::{quoted, sanitize};
use crate::term::{output, prompt};

/// The repository URL of deployments whose code is pushed to the control plane.
const PUSHED: &str = "internal://";

struct Args {
    name: String,
    project: ProjectArgs,
    git_ref: Option<String>,
    wait: Option<Duration>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            name: required_name(given)?,
            project: ProjectArgs::from(given)?,
            git_ref: id_option(given, OptId::GitRef, "--git-ref")?,
            wait: rollout::timeout_of_wait(given)?,
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let name = &args.name;
    let mut project = args.project.open_to_change(app)?;
    let change = Change::make(app, &mut project, name, |deployment| {
        // The server resolves the reference to its latest commit, also if it is the one it has.
        let git_ref = args.git_ref.as_ref().or(deployment.git_ref.as_ref());
        if deployment.repo_url.as_deref() == Some(PUSHED) {
            prompt::say(&format!(
                "{} is deployed from pushed code: redeploying what was pushed last",
                quoted(name)
            ));
        }
        if git_ref.is_none() {
            prompt::warn(&format!(
                "deployment {} has no Git reference; pass --git-ref to choose one",
                quoted(name)
            ));
        }
        Some(json!({ "git_ref": git_ref }))
    })?;
    if let Some(warning) = &change.after.warning {
        prompt::warn(&sanitize(warning));
    }
    output::text(&format!("{}\n", change.describe()))?;
    match args.wait {
        Some(timeout) => rollout::wait(app, &mut project, name, timeout, Some(change)),
        None => Ok(()),
    }
}
