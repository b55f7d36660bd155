//! `deployments rollback`: puts a deployment back to an earlier commit.

use crate::api::ApiErrorKind;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::deployments::{Target, explain};
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::prompt;
use crate::validate;

/// What the line says.
struct Args {
    target: Target,
    git_sha: String,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let target = Target::from(given)?;
        let Some(git_sha) = given.text(OptId::GitSha) else {
            return Err(
                Error::usage("the commit to go back to is missing").hint(format!(
                    "pass --git-sha SHA; `llamactl deployments history {}` lists the commits",
                    sanitize(target.required_name())
                )),
            );
        };
        let git_sha = validate::id(git_sha)
            .map_err(|why| Error::usage(format!("the value of --git-sha {why}")))?;
        Ok(Args { target, git_sha })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let (mut session, project) = args.target.session(app, true)?;
    let name = args.target.required_name();
    let now = match session.ask(app, |api| api.roll_back(name, &project, &args.git_sha)) {
        Ok(now) => now,
        Err(trouble) if trouble.why == ApiErrorKind::OutOfReach && app.http.answer_lost() => {
            return Err(trouble.error.hint(format!(
                "it may have been done all the same: `llamactl deployments history {}` tells",
                sanitize(name)
            )));
        }
        Err(trouble) => return Err(explain(trouble)),
    };
    let sha = now.git_sha.as_deref().unwrap_or(&args.git_sha);
    prompt::say(&format!(
        "rolled back {} to {}",
        sanitize(name),
        sanitize(sha)
    ));
    Ok(())
}
