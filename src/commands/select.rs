//! What several commands look up or ask for: a profile, an environment, a project.

use crate::api::client::Project;
use crate::app::App;
use crate::credentials::SIGN_IN;
use crate::error::{Error, Result};
use crate::sanitize::{quoted, sanitize};
use crate::store::{Environment, Profile, Store};
use crate::term::prompt;
use crate::url::ApiUrl;
use crate::validate;

/// How many choices an error lists.
const LISTED: usize = 20;

/// The profile called `name`; without a name, the one the user picks.
pub fn profile<'e>(
    app: &App,
    env: &'e Environment,
    name: Option<&str>,
    title: &str,
) -> Result<&'e Profile> {
    if let Some(name) = name {
        return env.profile(name).ok_or_else(|| no_such_profile(env, name));
    }
    let names = profile_names(env);
    if names.is_empty() {
        return Err(Error::failed(format!("no profiles in {}", env.api_url)).hint(SIGN_IN));
    }
    if !app.is_interactive() {
        return Err(Error::usage("the profile's NAME is missing")
            .hint(format!("pass one of: {}", listed(&names))));
    }
    let current = names
        .iter()
        .position(|name| Some(name) == env.current_profile.as_ref());
    let picked = prompt::select(title, &names, current)?;
    Ok(&env.profiles[picked])
}

pub fn no_such_profile(env: &Environment, name: &str) -> Error {
    let names = profile_names(env);
    let error = Error::failed(format!(
        "no profile named {} in {}",
        quoted(name),
        env.api_url
    ));
    error.hint(match names.is_empty() {
        true => SIGN_IN.to_string(),
        false => format!("its profiles are: {}", listed(&names)),
    })
}

fn profile_names(env: &Environment) -> Vec<String> {
    let names = env.profiles.iter().map(|profile| profile.name.clone());
    names.collect()
}

/// The stored environment at `url`; without a URL, the one the user picks.
pub fn environment(app: &App, store: &Store, url: Option<&ApiUrl>, title: &str) -> Result<ApiUrl> {
    let urls = store.urls();
    if let Some(url) = url {
        return match urls.contains(url) {
            true => Ok(url.clone()),
            false => Err(no_such_environment(store, url)),
        };
    }
    let names: Vec<String> = urls.iter().map(ToString::to_string).collect();
    if !app.is_interactive() {
        let error = Error::usage("the environment's URL is missing");
        return Err(error.hint(format!("pass one of: {}", listed(&names))));
    }
    let current = store.current_url();
    let picked = prompt::select(title, &names, urls.iter().position(|url| *url == current))?;
    Ok(urls[picked].clone())
}

pub fn no_such_environment(store: &Store, url: &ApiUrl) -> Error {
    let names: Vec<String> = store.urls().iter().map(ToString::to_string).collect();
    Error::failed(format!("no environment {url}")).hint(format!(
        "`llamactl environments add {url}` adds it; stored are: {}",
        listed(&names)
    ))
}

/// Another process deleted the environment while this command was running.
pub fn environment_deleted(url: &ApiUrl) -> Error {
    Error::failed(format!(
        "environment {url} was deleted while this command was running"
    ))
    .hint(format!("add it again: `llamactl environments add {url}`"))
}

/// One of the projects that the credentials give access to: the only one, or the one the user picks. `option` is how to
/// name it on the command line.
pub fn project<'p>(
    app: &App,
    projects: &'p [Project],
    current: Option<&str>,
    option: &str,
) -> Result<&'p Project> {
    let labels = project_labels(projects);
    match projects {
        [] => Err(Error::failed("the credentials give access to no project")
            .hint("create a project on the server first, or ask its owner for access to one")),
        [only] => Ok(only),
        _ if app.is_interactive() => {
            let marked = projects
                .iter()
                .position(|project| Some(project.project_id.as_str()) == current);
            Ok(&projects[prompt::select("Projects", &labels, marked.or(Some(0)))?])
        }
        _ => Err(
            Error::usage("the credentials give access to several projects")
                .hint(format!("pass {option} with one of: {}", listed(&labels))),
        ),
    }
}

/// `ID (NAME)`, with the organization if the projects belong to several.
fn project_labels(projects: &[Project]) -> Vec<String> {
    let several_orgs = projects
        .windows(2)
        .any(|pair| pair[0].org_id != pair[1].org_id);
    let label = |project: &Project| {
        let id = &project.project_id;
        let name = Some(project.name()).filter(|name| name != id);
        let org = project.org_id.as_deref().filter(|_| several_orgs);
        let details: Vec<&str> = name.into_iter().chain(org).collect();
        match details.is_empty() {
            true => id.clone(),
            false => format!("{id} ({})", details.join(", ")),
        }
    };
    projects.iter().map(label).collect()
}

/// The ID of a project that the server listed, checked.
pub fn project_id(project: &Project, server: &ApiUrl) -> Result<String> {
    validate::id(&project.project_id).map_err(|why| {
        let id = quoted(&project.project_id);
        Error::no_answer(format!(
            "{server} sent an invalid project ID {id}: it {why}"
        ))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn project(id: &str, name: &str, org: Option<&str>) -> Project {
        let json = serde_json::json!({"project_id": id, "project_name": name, "org_id": org});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn labels_name_the_organization_only_if_there_are_several() {
        let web = project("p-1", "Default", Some("org-a"));
        let labs = project("p-2", "Default", Some("org-b"));
        let bare = project("p-3", "p-3", Some("org-a"));
        for (projects, labels) in [
            (vec![web.clone()], vec!["p-1 (Default)"]),
            (
                vec![web.clone(), bare.clone()],
                vec!["p-1 (Default)", "p-3"],
            ),
            (
                vec![web.clone(), labs, bare],
                vec![
                    "p-1 (Default, org-a)",
                    "p-2 (Default, org-b)",
                    "p-3 (org-a)",
                ],
            ),
            (
                vec![web, project("p-4", "New", None)],
                vec!["p-1 (Default, org-a)", "p-4 (New)"],
            ),
        ] {
            assert_eq!(project_labels(&projects), labels);
        }
    }
}
