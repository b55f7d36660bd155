//! `deployments delete`: deletes a deployment, after asking.

use crate::api::deployments::Deletion;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::deployments::{Target, explain};
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::prompt;

/// What the line says.
struct Args {
    target: Target,
    yes: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            target: Target::from(given)?,
            yes: given.has(OptId::Yes),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let (mut session, project) = args.target.session(app, true)?;
    let name = args.target.required_name();
    if !args.yes {
        let place = format!(
            "{} in the project {} of {}",
            sanitize(name),
            sanitize(&project),
            session.server()
        );
        if !app.is_interactive() {
            return Err(Error::usage(format!(
                "deleting {place} needs a yes, and nobody can be asked"
            ))
            .hint("pass --yes"));
        }
        let answer = prompt::ask_line(&format!("Delete {place}? Type yes"), Some("no"))?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            return Err(Error::failed("nothing was deleted"));
        }
    }
    let deletion = session
        .ask(app, |api| api.delete_deployment(name, &project))
        .map_err(explain)?;
    match deletion {
        Deletion::Done => prompt::say(&format!("deleted {}", sanitize(name))),
        Deletion::Presumed => prompt::warn(&format!(
            "there is no {} any more, but the answer to the first request was lost: it was deleted by that, or there was none",
            sanitize(name)
        )),
    }
    Ok(())
}
