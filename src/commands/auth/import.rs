//! `auth import`: takes over the Python tool's profiles and environments.
//!
//! What is here already wins, so that a second run changes nothing.

use std::path::PathBuf;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::Result;
use crate::import::{self, Database, EnvironmentRow, ProfileRow};
use crate::sanitize::sanitize;
use crate::store::{Environment, Profile, Store};
use crate::term::output::{self, Doc, Format};
use crate::term::prompt;
use crate::url::{ApiUrl, LLAMA_CLOUD};

/// What the line says.
struct Args {
    from: Option<PathBuf>,
    dry_run: bool,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            from: given.path(OptId::From).map(PathBuf::from),
            dry_run: given.has(OptId::DryRun),
            format: Format::of(given),
        }
    }
}

/// What became of each row.
#[derive(Default)]
struct Report {
    environments: Vec<EnvironmentLine>,
    profiles: Vec<ProfileLine>,
    /// What is current now and was not before.
    current_environment: Option<ApiUrl>,
}

struct EnvironmentLine {
    url: Option<ApiUrl>,
    skipped: Option<String>,
}

struct ProfileLine {
    name: String,
    url: Option<ApiUrl>,
    project_id: Option<String>,
    auth_type: Option<&'static str>,
    /// Why it does not come; none: it does.
    skipped: Option<String>,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let path = import::locate(args.from.as_deref(), app.vars)?;
    let database = import::read(&path)?;
    let report = match args.dry_run {
        true => merge(&mut app.profiles()?, &database),
        false => app.change_profiles(|store| Ok(merge(store, &database)))?,
    };
    if database.is_newer {
        prompt::warn("a newer Python tool wrote these profiles; what is new in them stays there");
    }
    if database.unreadable > 0 {
        prompt::warn(&format!(
            "{} of its rows can't be understood and were skipped",
            database.unreadable
        ));
    }
    let from = path.display().to_string();
    match report.document(&from, args.dry_run).render(args.format) {
        Some(text) => output::data(&text),
        None => report.say(&from, args.dry_run),
    }
}

/// Adds what is not there yet.
fn merge(store: &mut Store, database: &Database) -> Report {
    let had_choice = store.current_environment.is_some()
        || store
            .environment(&ApiUrl::llama_cloud())
            .is_some_and(|env| !env.profiles.is_empty());
    let mut report = Report::default();
    for row in &database.environments {
        report.environments.extend(environment(store, row));
    }
    for row in &database.profiles {
        report.profiles.push(profile(store, row, database));
    }
    choose_profiles(store, database, &report);
    report.current_environment = database
        .current_environment()
        .filter(|url| !had_choice && store.environment(url).is_some())
        .filter(|url| url.as_str() != LLAMA_CLOUD);
    if let Some(url) = &report.current_environment {
        store.current_environment = Some(url.clone());
    }
    report
}

/// Adds an environment. The built-in one is always there and worth no line, but has facts to learn.
fn environment(store: &mut Store, row: &EnvironmentRow) -> Option<EnvironmentLine> {
    let url = match row.url() {
        Ok(url) => url,
        Err(why) => {
            return Some(EnvironmentLine {
                url: None,
                skipped: Some(format!("its address {why}")),
            });
        }
    };
    let is_known = store.environments.iter().any(|env| env.api_url == url);
    if !is_known {
        let env = store.environment_mut(&url);
        env.requires_auth = row.requires_auth();
        env.min_llamactl_version = row.min_llamactl_version();
    }
    (url.as_str() != LLAMA_CLOUD).then(|| EnvironmentLine {
        url: Some(url),
        skipped: is_known.then(|| "already here".to_string()),
    })
}

fn profile(store: &mut Store, row: &ProfileRow, database: &Database) -> ProfileLine {
    let line = |url, profile: Option<&Profile>, skipped| ProfileLine {
        name: profile.map_or_else(|| row.shown_name(), |profile| profile.name.clone()),
        url,
        project_id: profile.map(|profile| profile.project_id.clone()),
        auth_type: profile.map(Profile::auth_type),
        skipped,
    };
    let url = match row.url() {
        Ok(url) => url,
        Err(why) => return line(None, None, Some(format!("its address {why}"))),
    };
    let profile = match row.profile() {
        Ok(profile) => profile,
        Err(why) => return line(Some(url), None, Some(why)),
    };
    if !store.environments.iter().any(|env| env.api_url == url) {
        store.environment_mut(&url).requires_auth = database.requires_auth(&url);
    }
    let env = store.environment_mut(&url);
    let skipped = env.profile(&profile.name).map(|there| {
        let subject = |profile: &Profile| profile.oidc.as_ref().map(|login| login.subject.clone());
        match there.api_key == profile.api_key && subject(there) == subject(&profile) {
            true => "already here".to_string(),
            false => "another profile of that name is here".to_string(),
        }
    });
    let line = line(Some(url), Some(&profile), skipped);
    if line.skipped.is_none() {
        env.profiles.push(profile);
    }
    line
}

/// Makes a profile current in each environment that has none: where that tool is at work now, the one that it uses;
/// elsewhere the first by name, which it would take on going there. What was here before is never made current.
fn choose_profiles(store: &mut Store, database: &Database, report: &Report) {
    let their_environment = database.current_environment();
    for env in &mut store.environments {
        let came = |name: &str| {
            report.profiles.iter().any(|line| {
                line.skipped.is_none()
                    && line.name == name
                    && line.url.as_ref() == Some(&env.api_url)
            })
        };
        let theirs = match their_environment.as_ref() == Some(&env.api_url) {
            true => database.current_profile.clone(),
            false => first_by_name(env),
        };
        if env.current_profile.is_none() {
            env.current_profile = theirs.filter(|name| came(name));
        }
    }
}

fn first_by_name(env: &Environment) -> Option<String> {
    let names = env.profiles.iter().map(|profile| &profile.name);
    names.min().cloned()
}

impl Report {
    fn came(&self) -> usize {
        let came = self.profiles.iter().filter(|line| line.skipped.is_none());
        came.count()
    }

    fn document(&self, from: &str, dry_run: bool) -> Doc {
        let environments = self.environments.iter().map(|line| {
            Doc::Fields(vec![
                ("api_url", line.url.as_ref().map(ApiUrl::as_str).into()),
                ("imported", line.skipped.is_none().into()),
                ("reason", line.skipped.as_deref().into()),
            ])
        });
        let profiles = self.profiles.iter().map(|line| {
            Doc::Fields(vec![
                ("name", line.name.as_str().into()),
                ("api_url", line.url.as_ref().map(ApiUrl::as_str).into()),
                ("project_id", line.project_id.as_deref().into()),
                ("auth_type", line.auth_type.into()),
                ("imported", line.skipped.is_none().into()),
                ("reason", line.skipped.as_deref().into()),
            ])
        });
        Doc::Fields(vec![
            ("from", from.into()),
            ("dry_run", dry_run.into()),
            ("environments", Doc::List(environments.collect())),
            ("profiles", Doc::List(profiles.collect())),
        ])
    }

    fn say(&self, from: &str, dry_run: bool) -> Result<()> {
        for line in &self.environments {
            let url = line.url.as_ref().map_or("an environment", ApiUrl::as_str);
            match &line.skipped {
                None if dry_run => prompt::say(&format!("would add environment {url}")),
                None => prompt::say(&format!("added environment {url}")),
                Some(_) if line.url.is_some() => {}
                Some(why) => prompt::warn(&format!("skipped {url}: {why}")),
            }
        }
        let rows: Vec<[String; 5]> = self
            .profiles
            .iter()
            .map(|line| {
                [
                    line.name.clone(),
                    line.url
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    line.project_id.clone().unwrap_or_default(),
                    line.auth_type.unwrap_or_default().to_string(),
                    match &line.skipped {
                        None if dry_run => "would be imported".to_string(),
                        None => "imported".to_string(),
                        Some(why) => format!("skipped: {why}"),
                    },
                ]
            })
            .collect();
        if !rows.is_empty() {
            output::data(&output::table(
                ["NAME", "API_URL", "PROJECT_ID", "AUTH", "RESULT"],
                &rows,
            ))?;
        }
        let (came, all) = (self.came(), self.profiles.len());
        let skipped = all - came;
        let from = sanitize(from);
        match dry_run {
            true => prompt::say(&format!(
                "would import {} from {from}, and skip {skipped}; nothing was written",
                profiles(came)
            )),
            false => prompt::say(&format!(
                "imported {} from {from}, skipped {skipped}",
                profiles(came)
            )),
        }
        if dry_run {
            return Ok(());
        }
        if let Some(url) = &self.current_environment {
            prompt::say(&format!("the current environment is {url}"));
        }
        let is_login =
            |line: &ProfileLine| line.skipped.is_none() && line.auth_type == Some("oidc");
        if self.profiles.iter().any(is_login) {
            prompt::say(
                "a browser login is now shared with the Python tool: a refresh or logout in one tool can end it in the other",
            );
        }
        Ok(())
    }
}

fn profiles(count: usize) -> String {
    match count {
        1 => "1 profile".to_string(),
        count => format!("{count} profiles"),
    }
}
