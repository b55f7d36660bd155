//! `projects use`: changes the project of a stored profile.

use crate::api::client::find_project;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::{id_option, select};
use crate::credentials::{CredentialQuery, SIGN_IN};
use crate::error::{Error, Result};
use crate::sanitize::{quoted, sanitize};
use crate::term::prompt;

struct Args {
    id: Option<String>,
    org: Option<String>,
    profile: Option<String>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            id: super::project(given)?,
            org: id_option(given, OptId::Org, "--org")?,
            profile: given.text(OptId::Profile).map(str::to_string),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    // This command changes a profile, so environment variables do not replace it.
    let mut session = app.stored_session(&CredentialQuery {
        profile: args.profile.as_deref(),
        needs_project: true,
        ..CredentialQuery::default()
    })?;
    let projects = session.ask(app, |api| api.projects(args.org.as_deref()))?;
    let Some(profile) = session.profile() else {
        return Err(Error::auth("no profile is selected").hint(SIGN_IN));
    };
    let server = session.server();
    let (id, name) = match &args.id {
        Some(id) => match find_project(&projects, id, server) {
            Ok(project) => (id.clone(), Some(project.name().to_string())),
            // A server without authentication creates a project with its first deployment.
            Err(_) if session.is_anonymous() => {
                prompt::warn(&format!(
                    "project {} has no deployments on {server} yet",
                    quoted(id)
                ));
                (id.clone(), None)
            }
            Err(error) => return Err(error),
        },
        None => {
            let current = Some(profile.project_id.as_str());
            let project = select::project(app, &projects, current, "the project's ID")?;
            let id = select::project_id(project, server)?;
            (id, Some(project.name().to_string()))
        }
    };
    app.change_profiles(|store| {
        let env = store.environment_mut(server);
        let Some(stored) = env.profile_mut(&profile.name) else {
            return Err(select::no_such_profile(env, &profile.name));
        };
        stored.project_id.clone_from(&id);
        stored.project_name.clone_from(&name);
        Ok(())
    })?;
    let project = match &name {
        Some(name) => format!("{name} ({id})"),
        None => id,
    };
    prompt::say(&format!(
        "profile {} now uses project {}",
        quoted(&profile.name),
        sanitize(&project)
    ));
    Ok(())
}
