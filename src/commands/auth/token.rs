//! `auth token`: creates a profile from an API key and makes it current.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use crate::api::ApiErrorKind;
use crate::api::client::{Api, CredentialOrigin, find_project};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::{id_option, invalid, select};
use crate::credentials::key_file;
use crate::error::{Error, Kind, Result};
use crate::sanitize::quoted;
use crate::secret::Secret;
use crate::store::{Environment, Profile};
use crate::term::prompt;
use crate::validate;

/// How often a rejected key is asked for at the prompt.
const ATTEMPTS: u32 = 3;

struct Args {
    key: KeySource,
    project: Option<String>,
    name: Option<String>,
    verify: bool,
}

enum KeySource {
    Option(Secret),
    Stdin,
    File(PathBuf),
    Prompt,
}

impl Args {
    fn from(given: &Invocation, app: &App) -> Result<Args> {
        let project = id_option(given, OptId::Project, "--project")
            .map_err(|error| error.hint("`llamactl projects get` lists the project IDs"))?;
        let name = match given.text(OptId::Name) {
            Some(text) => Some(validate::profile_name(text).map_err(|problem| {
                invalid("--name", text, problem).hint(
                    "a name has at most 128 characters, no whitespace, and does not begin with '-'",
                )
            })?),
            None => None,
        };
        let key = match (given.text(OptId::ApiKey), given.path(OptId::ApiKeyFile)) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("--api-key and --api-key-file are both given")
                    .hint("pass one of them"));
            }
            (Some(text), None) => match text.trim() {
                "-" => KeySource::Stdin,
                text => KeySource::Option(key_file::parse("--api-key", text)?),
            },
            (None, Some(path)) => KeySource::File(app.vars.expand_home(path)),
            (None, None) => KeySource::Prompt,
        };
        let verify = !given.has(OptId::NoVerify);
        if !verify && project.is_none() {
            return Err(Error::usage("--no-verify requires --project")
                .hint("the server is not asked for its projects; pass --project ID"));
        }
        Ok(Args {
            key,
            project,
            name,
            verify,
        })
    }
}

/// What is stored.
struct NewProfile {
    key: Option<Secret>,
    project_id: String,
    project_name: Option<String>,
    name: Option<String>,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given, app)?;
    // In a script, the warning would only be noise.
    if matches!(args.key, KeySource::Option(_)) && prompt::stderr_is_tty() {
        app.warn(
            "a key on the command line is visible in `ps` and in the shell's history; use --api-key - or --api-key-file",
        );
    }
    let env = environment(&args, app)?;
    check_name(&args, &env)?;
    let key = match &args.key {
        KeySource::Option(key) => Some(key.clone()),
        KeySource::Stdin if std::io::stdin().is_terminal() => return prompted(&args, app, &env),
        KeySource::Stdin => Some(key_file::read("standard input", std::io::stdin().lock())?),
        KeySource::File(path) => Some(key_file::read_file(path)?),
        KeySource::Prompt if !env.requires_auth => None,
        KeySource::Prompt => return prompted(&args, app, &env),
    };
    let profile = check(&args, app, &env, key.as_ref())?;
    store(app, &env, profile)
}

/// The environment in use. If it was never contacted, whether it requires authentication is requested first; with
/// `--no-verify`, or if it is unreachable now, the assumption stands.
fn environment(args: &Args, app: &mut App) -> Result<Environment> {
    if !args.verify {
        return Ok(app.profiles()?.into_current());
    }
    match app.verify_environment() {
        Ok(env) => Ok(env),
        Err(error) if error.kind == ApiErrorKind::Unreachable => Ok(app.profiles()?.into_current()),
        Err(error) => Err(error.into()),
    }
}

/// Finds out that `--name` cannot be used before the user is asked for a key.
fn check_name(args: &Args, env: &Environment) -> Result<()> {
    match args.name.as_deref().and_then(|name| env.profile(name)) {
        Some(profile) if profile.oidc.is_some() => Err(name_of_login(profile, env)),
        _ => Ok(()),
    }
}

fn name_of_login(profile: &Profile, env: &Environment) -> Error {
    Error::failed(format!(
        "profile {} in {} was created by `auth login` and cannot be replaced by a key",
        quoted(&profile.name),
        env.api_url
    ))
    .hint("pass another --name, or log out of that profile first")
}

/// Asks for the key, and again if it is invalid or rejected.
fn prompted(args: &Args, app: &mut App, env: &Environment) -> Result<()> {
    if !app.is_interactive() && !matches!(args.key, KeySource::Stdin) {
        return Err(Error::usage("an API key is required when not interactive").hint(
            "pass --api-key KEY, --api-key - with the key on standard input, or --api-key-file PATH, and --project ID",
        ));
    }
    for attempt in 1.. {
        let typed = prompt::ask_secret("API key (not shown)")?;
        let outcome = key_file::parse("the prompt", typed.expose())
            .and_then(|key| check(args, app, env, Some(&key)));
        match outcome {
            Ok(profile) => return store(app, env, profile),
            Err(error) if matches!(error.kind, Kind::Auth | Kind::Usage) && attempt < ATTEMPTS => {
                prompt::say(&format!("{}; try again", error.message));
                app.http.reset_deadline();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Verifies the key by listing the projects, and settles the project.
fn check(
    args: &Args,
    app: &mut App,
    env: &Environment,
    key: Option<&Secret>,
) -> Result<NewProfile> {
    let profile = |project_id: String, project_name| NewProfile {
        key: key.cloned(),
        project_id,
        project_name,
        name: args.name.clone(),
    };
    if let (Some(id), false) = (&args.project, args.verify) {
        return Ok(profile(id.clone(), None));
    }
    let url = &env.api_url;
    let outcome = Api::new(&mut app.http, url, key, CredentialOrigin::Provided).projects(None);
    let projects = match (outcome, &args.project) {
        (Ok(projects), _) => projects,
        (Err(error), Some(id)) if error.kind == ApiErrorKind::Unreachable => {
            app.warn(&match key {
                Some(_) => format!("the key was not verified: {}", error.message),
                None => format!("the project was not checked: {}", error.message),
            });
            return Ok(profile(id.clone(), None));
        }
        (Err(error), _) => return Err(error.into()),
    };
    let project = match &args.project {
        Some(id) => match find_project(&projects, id, url) {
            Ok(project) => project,
            // A server without authentication creates a project with its first deployment.
            Err(_) if key.is_none() => {
                app.warn(&format!(
                    "{url} has no deployment in project {} yet",
                    quoted(id)
                ));
                return Ok(profile(id.clone(), None));
            }
            Err(error) => return Err(error),
        },
        None => select::project(app, &projects, None, "--project")?,
    };
    let id = select::project_id(project, url)?;
    Ok(profile(id, Some(project.name().to_string())))
}

fn store(app: &App, env: &Environment, profile: NewProfile) -> Result<()> {
    let url = &env.api_url;
    let (name, what) = app.change_profiles(|store| {
        if store.environment(url).is_none() {
            return Err(select::environment_deleted(url));
        }
        put(store.environment_mut(url), profile)
    })?;
    prompt::say(&format!(
        "{what} profile {} in {url} and made it current",
        quoted(&name)
    ));
    Ok(())
}

/// Adds or replaces a profile. Returns its name and what was done.
fn put(env: &mut Environment, new: NewProfile) -> Result<(String, &'static str)> {
    let has_same_key = |profile: &&Profile| profile.oidc.is_none() && profile.api_key == new.key;
    let existing = match &new.name {
        Some(name) => env.profile(name),
        None => env
            .current()
            .filter(has_same_key)
            .or_else(|| env.profiles.iter().find(has_same_key)),
    };
    if let Some(login) = existing.filter(|profile| profile.oidc.is_some()) {
        return Err(name_of_login(login, env));
    }
    let what = match existing {
        None => "created",
        Some(profile) if profile.api_key == new.key => "updated",
        Some(_) => "replaced",
    };
    let name = match (existing, &new.name, &new.key) {
        (Some(profile), _, _) => profile.name.clone(),
        (None, Some(name), _) => name.clone(),
        (None, None, Some(key)) => env.free_name(&key.masked()),
        (None, None, None) => env.free_name("default"),
    };
    let at = match env.profiles.iter().position(|profile| profile.name == name) {
        Some(at) => at,
        None => {
            env.profiles.push(Profile::new(name.clone(), String::new()));
            env.profiles.len() - 1
        }
    };
    let profile = &mut env.profiles[at];
    if new.project_name.is_some() || profile.project_id != new.project_id {
        profile.project_name = new.project_name;
    }
    profile.project_id = new.project_id;
    profile.api_key = new.key;
    env.current_profile = Some(name.clone());
    Ok((name, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    fn profile(key: Option<&str>, name: Option<&str>) -> NewProfile {
        NewProfile {
            key: key.map(|key| Secret::new(key.into())),
            project_id: "p".into(),
            project_name: None,
            name: name.map(str::to_string),
        }
    }

    #[test]
    fn profile_is_created_updated_or_replaced() {
        let mut env = Environment::new(ApiUrl::llama_cloud());
        let (one, two) = ("llx-aa-000000000001-zzzz", "llx-aa-000000000002-zzzz");
        for (key, name, outcome) in [
            (Some(one), None, ("llx-aa****zzzz", "created")),
            (Some(one), None, ("llx-aa****zzzz", "updated")),
            (Some(two), None, ("llx-aa****zzzz-2", "created")),
            (Some(two), Some("ci"), ("ci", "created")),
            (Some(two), None, ("ci", "updated")),
            (Some(one), Some("ci"), ("ci", "replaced")),
            (None, None, ("default", "created")),
            (None, None, ("default", "updated")),
        ] {
            let (name, what) = put(&mut env, profile(key, name)).unwrap();
            assert_eq!((name.as_str(), what), outcome);
            assert_eq!(env.current_profile.as_ref(), Some(&name));
        }
        assert_eq!(env.profiles.len(), 4);
    }
}
