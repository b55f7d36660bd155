//! `deployments delete`: deletes a deployment, after asking.

use super::{ProjectArgs, required_name};
use crate::api::deployments::Deletion;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::term::prompt;

struct Args {
    name: String,
    project: ProjectArgs,
    yes: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            name: required_name(given)?,
            project: ProjectArgs::from(given)?,
            yes: given.has(OptId::Yes),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let name = &args.name;
    let mut project = args.project.open_to_change(app)?;
    if !args.yes {
        confirm(app, &project.full_name(name))?;
    }
    let deletion = project.ask_about(name, app, |api, id| api.delete_deployment(name, id))?;
    match deletion {
        Deletion::Confirmed => prompt::say(&format!("deleted {}", quoted(name))),
        Deletion::Presumed => prompt::warn(&format!(
            "{} no longer exists; the response to the first request was lost, so it was either deleted now or did not exist",
            quoted(name)
        )),
    }
    Ok(())
}

fn confirm(app: &App, deployment: &str) -> Result<()> {
    if !app.is_interactive() {
        return Err(Error::usage(format!(
            "refusing to delete {deployment} without --yes when not interactive"
        )));
    }
    let reply = prompt::ask_line(&format!("Delete {deployment}? Type yes"), Some("no"))?;
    match reply.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::failed("nothing was deleted")),
    }
}
