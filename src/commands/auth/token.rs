//! `auth token`: makes a profile from an API key and sets it current.

use std::io::Read as _;
use std::path::PathBuf;

use crate::api::ApiErrorKind;
use crate::api::client::{Api, CredentialOrigin, Project, find_project};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::select;
use crate::error::{Error, Kind, Result, os_reason};
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::store::{Environment, Profile};
use crate::term::prompt;
use crate::validate;

/// How often a key is asked for at the prompt.
const ATTEMPTS: u32 = 3;
/// The longest key file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// What the line says.
struct Args {
    key: KeyFrom,
    project: Option<String>,
    name: Option<String>,
    verify: bool,
}

enum KeyFrom {
    Line(Secret),
    Stdin,
    File(PathBuf),
    Prompt,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let text = |id, check: fn(&str) -> std::result::Result<String, &'static str>| {
            given.text(id).map(check).transpose()
        };
        let project = text(OptId::Project, validate::id).map_err(|why| {
            Error::usage(format!("the value of --project {why}"))
                .hint("`llamactl projects get` lists the ids of projects")
        })?;
        let name = text(OptId::Name, validate::profile_name).map_err(|why| {
            Error::usage(format!("the value of --name {why}")).hint(
                "a name is at most 128 characters without blanks, and does not begin with '-'",
            )
        })?;
        let key = match (given.text(OptId::ApiKey), given.path(OptId::ApiKeyFile)) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("--api-key and --api-key-file are both given")
                    .hint("pass one of them"));
            }
            (Some("-"), None) => KeyFrom::Stdin,
            (Some(text), None) => KeyFrom::Line(key_from("--api-key", text)?),
            (None, Some(path)) => KeyFrom::File(path.to_path_buf()),
            (None, None) => KeyFrom::Prompt,
        };
        Ok(Args {
            key,
            project,
            name,
            verify: !given.has(OptId::NoVerify),
        })
    }
}

/// What is to be stored.
struct Wanted {
    key: Option<Secret>,
    project_id: String,
    project_name: Option<String>,
    name: Option<String>,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = &Args::from(given)?;
    // In a script it would only be noise.
    if matches!(args.key, KeyFrom::Line(_)) && prompt::stderr_is_tty() {
        prompt::warn(
            "a key on the command line is seen by `ps` and kept by the shell's history; --api-key - and --api-key-file are not",
        );
    }
    let env = app.profiles()?.current();
    let key = match &args.key {
        KeyFrom::Line(key) => Some(key.clone()),
        KeyFrom::Stdin => Some(read_key("standard input", std::io::stdin().lock())?),
        KeyFrom::File(path) => {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|e| unreadable(&shown, &e))?;
            Some(read_key(&shown, file)?)
        }
        KeyFrom::Prompt if !env.requires_auth => None,
        KeyFrom::Prompt => return prompted(args, app, &env),
    };
    let wanted = check(args, app, &env, key.as_ref())?;
    store(app, &env, wanted)
}

/// The key is typed; a wrong one is asked for again.
fn prompted(args: &Args, app: &mut App, env: &Environment) -> Result<()> {
    if !app.is_interactive() {
        return Err(Error::usage("no API key was given, and nobody can be asked for one")
            .hint("pass --api-key KEY, or --api-key - and the key on standard input, and --project ID"));
    }
    for attempt in 1.. {
        let typed = prompt::ask_secret("API key (it is not shown)")?;
        let outcome = key_from("what was typed", typed.expose())
            .and_then(|key| check(args, app, env, Some(&key)));
        match outcome {
            Ok(wanted) => return store(app, env, wanted),
            Err(error) if matches!(error.kind, Kind::Auth | Kind::Usage) && attempt < ATTEMPTS => {
                prompt::say(&format!("{}; try again", error.message));
                app.http.reset_deadline();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Asks the server about the key, and settles the project.
fn check(args: &Args, app: &mut App, env: &Environment, key: Option<&Secret>) -> Result<Wanted> {
    let wanted = |project_id: String, project_name| Wanted {
        key: key.cloned(),
        project_id,
        project_name,
        name: args.name.clone(),
    };
    // Without a key there is nothing to check, and a project of a server that asks for none may be yet to come.
    if let (Some(id), true) = (&args.project, key.is_none() || !args.verify) {
        return Ok(wanted(id.clone(), None));
    }
    if !args.verify {
        return Err(Error::usage("--no-verify needs --project")
            .hint("the projects are not asked for; pass --project ID"));
    }
    let answer =
        Api::new(&mut app.http, &env.api_url, key, CredentialOrigin::Provided).projects(None);
    let projects = match answer {
        Ok(projects) => projects,
        Err(trouble) => match (&args.project, trouble.why) {
            (Some(id), ApiErrorKind::OutOfReach) => {
                prompt::warn(&format!(
                    "the key could not be checked: {}",
                    trouble.error.message
                ));
                return Ok(wanted(id.clone(), None));
            }
            _ => return Err(trouble.error),
        },
    };
    let project: &Project = match &args.project {
        Some(id) => find_project(&projects, id, &env.api_url)?,
        None => select::project(app, &projects, None, "--project")?,
    };
    let id = select::project_id(project, &env.api_url)?;
    Ok(wanted(id, Some(project.name().to_string())))
}

fn store(app: &App, env: &Environment, wanted: Wanted) -> Result<()> {
    let url = &env.api_url;
    let (name, what) = app.change_profiles(|store| {
        if store.environment(url).is_none() {
            return Err(select::environment_deleted(url));
        }
        put(store.environment_mut(url), wanted)
    })?;
    prompt::say(&format!(
        "{what} profile {} and made it current",
        sanitize(&name)
    ));
    Ok(())
}

/// Puts a profile into its environment: over the one it means, or beside the others. Returns its name and what was done.
fn put(env: &mut Environment, wanted: Wanted) -> Result<(String, &'static str)> {
    let same_key = |profile: &&Profile| profile.oidc.is_none() && profile.api_key == wanted.key;
    let existing = match &wanted.name {
        Some(name) => env.profile(name),
        None => env
            .current()
            .filter(same_key)
            .or_else(|| env.profiles.iter().find(same_key)),
    };
    if existing.is_some_and(|profile| profile.oidc.is_some()) {
        return Err(Error::failed(
            "a profile of that name was made by `auth login`, and stays as it is",
        )
        .hint("pass another --name, or log out from it first"));
    }
    let what = match existing {
        None => "created",
        Some(profile) if profile.api_key == wanted.key => "updated",
        Some(_) => "replaced",
    };
    let name = match (existing, &wanted.name, &wanted.key) {
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
    if wanted.project_name.is_some() || profile.project_id != wanted.project_id {
        profile.project_name = wanted.project_name;
    }
    profile.project_id = wanted.project_id;
    profile.api_key = wanted.key;
    env.current_profile = Some(name.clone());
    Ok((name, what))
}

fn key_from(place: &str, text: &str) -> Result<Secret> {
    validate::api_key(text).map_err(|why| unfit_key(place, why))
}

fn unfit_key(place: &str, why: &str) -> Error {
    Error::usage(format!("the API key from {place} {why}"))
        .hint("a key is one line, such as llx-...; copy it whole")
}

fn read_key(place: &str, from: impl std::io::Read) -> Result<Secret> {
    let mut bytes = Vec::new();
    from.take(LONGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(place, &e))?;
    let text = validate::key_file(&bytes).map_err(|why| unfit_key(place, why))?;
    key_from(place, text)
}

fn unreadable(place: &str, error: &std::io::Error) -> Error {
    Error::failed(format!(
        "the API key can't be read from {place}: {}",
        os_reason(error)
    ))
    .hint("the key is all that is read from there; check the path and its rights")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    fn wanted(key: Option<&str>, name: Option<&str>) -> Wanted {
        Wanted {
            key: key.map(|key| Secret::new(key.into())),
            project_id: "p".into(),
            project_name: None,
            name: name.map(str::to_string),
        }
    }

    #[test]
    fn names_and_what_becomes_of_existing_profiles() {
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
            let (name, what) = put(&mut env, wanted(key, name)).unwrap();
            assert_eq!((name.as_str(), what), outcome);
            assert_eq!(env.current_profile.as_ref(), Some(&name));
        }
        assert_eq!(env.profiles.len(), 4);
    }
}
