//! What several commands ask in the same words: which profile, which environment, which project.

use crate::api::client::Project;
use crate::app::App;
use crate::credentials::SIGN_IN;
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::store::{Environment, Profile};
use crate::term::prompt;
use crate::url::ApiUrl;

/// How many choices an error lists.
const LISTED: usize = 20;

/// The profile called `name` or, without a name, the one that the person at the terminal picks.
///
/// # Errors
/// Failed, where there is none of that name; Usage, where nobody can be asked.
pub fn profile<'e>(
    app: &App,
    env: &'e Environment,
    name: Option<&str>,
    title: &str,
) -> Result<&'e Profile> {
    if let Some(name) = name {
        return env.profile(name).ok_or_else(|| no_such_profile(env, name));
    }
    if env.profiles.is_empty() {
        return Err(
            Error::failed(format!("there are no profiles in {}", env.api_url)).hint(SIGN_IN),
        );
    }
    let names: Vec<String> = env
        .profiles
        .iter()
        .map(|profile| profile.name.clone())
        .collect();
    if !app.is_interactive() {
        return Err(Error::usage("the name of a profile is missing")
            .hint(format!("pass one of: {}", listed(&names))));
    }
    let current = names
        .iter()
        .position(|name| Some(name) == env.current_profile.as_ref());
    let picked = prompt::pick(title, &names, current)?;
    Ok(&env.profiles[picked])
}

/// That there is no profile called `name`.
pub fn no_such_profile(env: &Environment, name: &str) -> Error {
    let names: Vec<String> = env
        .profiles
        .iter()
        .map(|profile| profile.name.clone())
        .collect();
    let error = Error::failed(format!(
        "there is no profile '{}' in {}",
        sanitize(name),
        env.api_url
    ));
    error.hint(match names.is_empty() {
        true => SIGN_IN.to_string(),
        false => format!("there are: {}", listed(&names)),
    })
}

/// The environment at `url` or, without one, the one that the person at the terminal picks.
///
/// # Errors
/// Usage, where nobody can be asked.
pub fn environment(
    app: &App,
    urls: &[ApiUrl],
    current: &ApiUrl,
    url: Option<&ApiUrl>,
    title: &str,
) -> Result<ApiUrl> {
    if let Some(url) = url {
        return match urls.contains(url) {
            true => Ok(url.clone()),
            false => Err(no_such_environment(urls, url)),
        };
    }
    let names: Vec<String> = urls.iter().map(ToString::to_string).collect();
    if !app.is_interactive() {
        let error = Error::usage("the address of an environment is missing");
        return Err(error.hint(format!("pass one of: {}", listed(&names))));
    }
    let picked = prompt::pick(title, &names, urls.iter().position(|url| url == current))?;
    Ok(urls[picked].clone())
}

/// That there is no environment at `url`.
pub fn no_such_environment(urls: &[ApiUrl], url: &ApiUrl) -> Error {
    let names: Vec<String> = urls.iter().map(ToString::to_string).collect();
    Error::failed(format!("there is no environment {url}")).hint(format!(
        "`llamactl environments add` adds one; there are: {}",
        listed(&names)
    ))
}

/// One of the projects that a key can see: the only one, or the one that the person at the terminal picks.
///
/// # Errors
/// Failed, where there is none; Usage, where there are several and nobody can be asked.
pub fn project<'p>(
    app: &App,
    projects: &'p [Project],
    current: Option<&str>,
    how: &str,
) -> Result<&'p Project> {
    let labels: Vec<String> = projects
        .iter()
        .map(|project| match project.name() == project.project_id {
            true => project.project_id.clone(),
            false => format!("{} ({})", project.project_id, project.name()),
        })
        .collect();
    match projects {
        [] => Err(
            Error::failed("the server shows no project to these credentials")
                .hint("make a project on the server first, or ask its owner for access to one"),
        ),
        [only] => Ok(only),
        _ if app.is_interactive() => {
            let marked = projects
                .iter()
                .position(|project| Some(project.project_id.as_str()) == current);
            Ok(&projects[prompt::pick("Projects", &labels, marked.or(Some(0)))?])
        }
        _ => Err(Error::usage("there are several projects to choose from")
            .hint(format!("pass {how} with one of: {}", listed(&labels)))),
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(LISTED)
        .map(|name| sanitize(name))
        .collect();
    match names.len() {
        count if count > LISTED => format!("{} and {} more", shown.join(", "), count - LISTED),
        _ => shown.join(", "),
    }
}
