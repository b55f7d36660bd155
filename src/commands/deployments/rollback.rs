//! `deployments rollback`: returns a deployment to an earlier commit.

use super::{ProjectArgs, required_name};
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
    git_sha: String,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let name = required_name(given)?;
        let Some(git_sha) = id_option(given, OptId::GitSha, "--git-sha")? else {
            return Err(Error::usage("--git-sha is missing").hint(format!(
                "`llamactl deployments history {}` lists the commits",
                sanitize(&name)
            )));
        };
        Ok(Args {
            name,
            project: ProjectArgs::from(given)?,
            git_sha,
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let name = &args.name;
    let mut project = args.project.open_to_change(app)?;
    let deployment = project
        .ask(app, |api, id| api.roll_back(name, id, &args.git_sha))
        .map_err(|error| project.error_after_change(name, app, error))?;
    let sha = deployment.git_sha.as_deref().unwrap_or(&args.git_sha);
    prompt::say(&format!(
        "rolled back {} to {}",
        quoted(name),
        sanitize(sha)
    ));
    Ok(())
}
