//! `projects use`: changes the project that a stored profile works on.

use crate::api::client::find_project;
use crate::api::session::Session;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::select;
use crate::credentials::{CredentialQuery, SIGN_IN};
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::prompt;
use crate::validate;

/// What the line says.
struct Args {
    id: Option<String>,
    org: Option<String>,
    profile: Option<String>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            id: super::project(given)?,
            org: super::org(given)?,
            profile: given.text(OptId::Profile).map(str::to_string),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    // It changes what is stored, so the variables that stand in for a profile do not count.
    let ask = CredentialQuery {
        profile: args.profile.as_deref(),
        needs_project: true,
        ..CredentialQuery::default()
    };
    let mut session = Session::new(app.stored_credentials(&ask)?);
    let projects = session.ask(app, |api| api.projects(args.org.as_deref()))?;
    let Some(profile) = session.profile() else {
        return Err(Error::auth("there is no profile").hint(SIGN_IN));
    };
    let server = session.server();
    let (id, name) = match &args.id {
        Some(id) => match find_project(&projects, id, server) {
            Ok(project) => (id.clone(), Some(sanitize(project.name()))),
            // A server that asks for no key makes a project with its first deployment.
            Err(_) if session.is_anonymous() => {
                prompt::warn(&format!("{server} has no deployment in that project yet"));
                (id.clone(), None)
            }
            Err(error) => return Err(error),
        },
        None => {
            let project = select::project(
                app,
                &projects,
                Some(&profile.project_id),
                "the project's ID",
            )?;
            let id = validate::id(&project.project_id).map_err(|why| {
                Error::no_answer(format!("{server} sent a project whose id {why}"))
            })?;
            (id, Some(sanitize(project.name())))
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
    prompt::say(&format!(
        "the profile {} works on project {} now",
        sanitize(&profile.name),
        sanitize(&name.map_or(id.clone(), |name| format!("{name} ({id})")))
    ));
    Ok(())
}
