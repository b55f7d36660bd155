//! `auth import`: imports the Python tool's profiles and environments.
//!
//! Existing profiles and environments are kept, so a second import changes nothing.

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

/// The result of each row.
#[derive(Default)]
struct Report<'d> {
    environments: Vec<EnvironmentResult>,
    profiles: Vec<ProfileResult<'d>>,
    /// Set if the import changed it.
    current_environment: Option<ApiUrl>,
}

struct EnvironmentResult {
    url: Option<ApiUrl>,
    /// Why it was skipped; `None` if it was imported.
    skipped: Option<String>,
}

struct ProfileResult<'d> {
    row: &'d ProfileRow,
    url: Option<ApiUrl>,
    /// The profile as it is, or would be, in the store.
    profile: Option<Profile>,
    /// Why it was skipped; `None` if it was imported.
    skipped: Option<String>,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let path = import::locate(args.from.as_deref(), app.vars)?;
    let database = import::read(&path, app.vars)?;
    let report = match args.dry_run {
        true => merge(&mut app.profiles()?, &database),
        false => app.change_profiles(|store| Ok(merge(store, &database)))?,
    };
    if database.is_newer {
        prompt::warn(
            "a newer Python tool wrote the database; fields that are new in it were not imported",
        );
    }
    if database.unreadable > 0 {
        prompt::warn(&format!(
            "skipped {} malformed rows of the database",
            database.unreadable
        ));
    }
    let path = path.display().to_string();
    match report.document(&path, args.dry_run).render(args.format) {
        Some(text) => output::data(&text),
        None => report.print(&path, args.dry_run),
    }
}

/// Adds what is missing in the store.
fn merge<'d>(store: &mut Store, database: &'d Database) -> Report<'d> {
    let was_in_use = store.current_environment.is_some()
        || store
            .environment(&ApiUrl::llama_cloud())
            .is_some_and(|env| !env.profiles.is_empty());
    let mut report = Report::default();
    for row in &database.environments {
        report.environments.extend(import_environment(store, row));
    }
    for row in &database.profiles {
        report.profiles.push(import_profile(store, row, database));
    }
    set_current_profiles(store, database, &report);
    report.current_environment = database
        .current_environment()
        .filter(|url| !was_in_use && store.environment(url).is_some())
        .filter(|url| url.as_str() != LLAMA_CLOUD);
    if let Some(url) = &report.current_environment {
        store.current_environment = Some(url.clone());
    }
    report
}

/// Adds an environment. The built-in one always exists and is not reported, but its row has facts about it.
fn import_environment(store: &mut Store, row: &EnvironmentRow) -> Option<EnvironmentResult> {
    let url = match row.url() {
        Ok(url) => url,
        Err(reason) => {
            return Some(EnvironmentResult {
                url: None,
                skipped: Some(format!("its URL {reason}")),
            });
        }
    };
    let exists = store.environments.iter().any(|env| env.api_url == url);
    if !exists {
        let env = store.environment_mut(&url);
        env.requires_auth = row.requires_auth();
        env.min_llamactl_version = row.min_llamactl_version();
    }
    (url.as_str() != LLAMA_CLOUD).then(|| EnvironmentResult {
        url: Some(url),
        skipped: exists.then(|| "already exists".to_string()),
    })
}

fn import_profile<'d>(
    store: &mut Store,
    row: &'d ProfileRow,
    database: &Database,
) -> ProfileResult<'d> {
    let mut result = ProfileResult {
        row,
        url: None,
        profile: None,
        skipped: None,
    };
    let url = match row.url() {
        Ok(url) => url,
        Err(reason) => {
            result.skipped = Some(format!("its URL {reason}"));
            return result;
        }
    };
    result.url = Some(url.clone());
    let mut profile = match row.profile() {
        Ok(profile) => profile,
        Err(reason) => {
            result.skipped = Some(reason);
            return result;
        }
    };
    if !store.environments.iter().any(|env| env.api_url == url) {
        store.environment_mut(&url).requires_auth = database.requires_auth(&url);
    }
    let env = store.environment_mut(&url);
    let is_renamed = row.name.as_ref() != Some(&profile.name);
    result.skipped = match env.profile(&profile.name) {
        None => None,
        // A name that the user did not choose gives way.
        Some(_) if is_renamed => match find_renamed(env, &profile) {
            Some(existing) => {
                profile.name.clone_from(&existing.name);
                Some("already exists".to_string())
            }
            None => {
                profile.name = env.free_name(&profile.name);
                None
            }
        },
        Some(existing) if has_same_credentials(existing, &profile) => {
            Some("already exists".to_string())
        }
        Some(_) => Some("another profile has this name".to_string()),
    };
    if result.skipped.is_none() {
        env.profiles.push(profile.clone());
    }
    result.profile = Some(profile);
    result
}

/// The profile that an earlier import created from the same row: it has this name, or this name and a number.
fn find_renamed<'e>(env: &'e Environment, profile: &Profile) -> Option<&'e Profile> {
    env.profiles.iter().find(|existing| {
        let suffix = existing.name.strip_prefix(&profile.name);
        let is_numbered = |suffix: &str| {
            let number = suffix.strip_prefix('-');
            suffix.is_empty() || number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        suffix.is_some_and(is_numbered) && has_same_credentials(existing, profile)
    })
}

fn has_same_credentials(one: &Profile, other: &Profile) -> bool {
    let subject = |profile: &Profile| profile.oidc.as_ref().map(|login| login.subject.clone());
    one.api_key == other.api_key && subject(one) == subject(other)
}

/// Makes an imported profile current in each environment that has none: in the Python tool's current environment its
/// current profile; in the others the first by name, which is what the Python tool would select there.
fn set_current_profiles(store: &mut Store, database: &Database, report: &Report) {
    let python_environment = database.current_environment();
    for env in &mut store.environments {
        if env.current_profile.is_some() {
            continue;
        }
        let imported: Vec<(&ProfileResult, &Profile)> = report
            .profiles
            .iter()
            .filter(|result| result.skipped.is_none() && result.url.as_ref() == Some(&env.api_url))
            .filter_map(|result| Some((result, result.profile.as_ref()?)))
            .collect();
        let first = env.profiles.iter().map(|profile| &profile.name).min();
        let current = imported.iter().find(|(result, profile)| {
            match python_environment.as_ref() == Some(&env.api_url) {
                true => result.row.name == database.current_profile,
                false => Some(&profile.name) == first,
            }
        });
        env.current_profile = current.map(|(_, profile)| profile.name.clone());
    }
}

impl ProfileResult<'_> {
    fn name(&self) -> String {
        let profile = self.profile.as_ref();
        profile.map_or_else(|| self.row.original_name(), |profile| profile.name.clone())
    }

    fn project_id(&self) -> Option<&str> {
        Some(self.profile.as_ref()?.project_id.as_str())
    }

    fn auth_type(&self) -> Option<&'static str> {
        Some(self.profile.as_ref()?.auth_type())
    }

    /// Why it was skipped, or that it was renamed.
    fn reason(&self) -> Option<String> {
        if self.skipped.is_some() {
            return self.skipped.clone();
        }
        let is_renamed = self.row.name.as_ref() != Some(&self.profile.as_ref()?.name);
        is_renamed.then(|| format!("renamed from '{}'", self.row.original_name()))
    }

    fn outcome(&self, dry_run: bool) -> String {
        let outcome = match (&self.skipped, dry_run) {
            (Some(_), _) => "skipped",
            (None, true) => "would be imported",
            (None, false) => "imported",
        };
        match self.reason() {
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome.to_string(),
        }
    }
}

impl Report<'_> {
    fn document(&self, path: &str, dry_run: bool) -> Doc {
        let environments = self.environments.iter().map(|result| {
            Doc::Fields(vec![
                ("api_url", result.url.as_ref().map(ApiUrl::as_str).into()),
                ("imported", result.skipped.is_none().into()),
                ("reason", result.skipped.as_deref().into()),
            ])
        });
        let profiles = self.profiles.iter().map(|result| {
            Doc::Fields(vec![
                ("name", result.name().as_str().into()),
                ("api_url", result.url.as_ref().map(ApiUrl::as_str).into()),
                ("project_id", result.project_id().into()),
                ("auth_type", result.auth_type().into()),
                ("imported", result.skipped.is_none().into()),
                ("reason", result.reason().as_deref().into()),
            ])
        });
        Doc::Fields(vec![
            ("from", path.into()),
            ("dry_run", dry_run.into()),
            ("environments", Doc::List(environments.collect())),
            ("profiles", Doc::List(profiles.collect())),
        ])
    }

    fn print(&self, path: &str, dry_run: bool) -> Result<()> {
        for result in &self.environments {
            match (&result.url, &result.skipped) {
                (Some(url), None) if dry_run => {
                    prompt::say(&format!("would add environment {url}"));
                }
                (Some(url), None) => prompt::say(&format!("added environment {url}")),
                (None, Some(reason)) => prompt::warn(&format!("skipped an environment: {reason}")),
                _ => {}
            }
        }
        let rows: Vec<[String; 5]> = self
            .profiles
            .iter()
            .map(|result| {
                [
                    result.name(),
                    result
                        .url
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    result.project_id().unwrap_or_default().to_string(),
                    result.auth_type().unwrap_or_default().to_string(),
                    result.outcome(dry_run),
                ]
            })
            .collect();
        if !rows.is_empty() {
            let headers = ["NAME", "API_URL", "PROJECT_ID", "AUTH", "RESULT"];
            output::text(&output::table(headers, &rows))?;
        }
        let path = sanitize(path);
        let imported = self
            .profiles
            .iter()
            .filter(|result| result.skipped.is_none());
        let imported: Vec<&ProfileResult> = imported.collect();
        let skipped = self.profiles.len() - imported.len();
        let count = match imported.len() {
            1 => "1 profile".to_string(),
            count => format!("{count} profiles"),
        };
        if dry_run {
            prompt::say(&format!(
                "would import {count} from {path} and skip {skipped}; nothing was written"
            ));
            return Ok(());
        }
        prompt::say(&format!("imported {count} from {path}, skipped {skipped}"));
        if let Some(url) = &self.current_environment {
            prompt::say(&format!("the current environment is {url}"));
        }
        if imported
            .iter()
            .any(|result| result.auth_type() == Some("oidc"))
        {
            prompt::say(
                "the browser login is now shared with the Python tool: a refresh or logout in one of them may end it in the other",
            );
        }
        Ok(())
    }
}
