//! `auth status`: which credentials are in effect, where each value comes from, and whether the server accepts them.

use std::fmt::Write as _;

use crate::api::ApiErrorKind;
use crate::api::client::{Api, Version, find_project};
use crate::api::session::Session;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::credentials::{CredentialQuery, Credentials, EnvOverrides, Shadowed, Source, Sourced};
use crate::error::{Error, Kind, Result};
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::term::output::{self, Doc, Format};
use crate::vars;

/// What the server says about the credentials.
#[derive(Default)]
struct ServerCheck {
    result: CheckResult,
    version: Option<Version>,
    project_name: Option<String>,
    error: Option<Error>,
}

#[derive(Clone, Copy, Default)]
enum CheckResult {
    Accepted,
    Rejected,
    Unreachable,
    #[default]
    NotChecked,
}

impl CheckResult {
    /// In JSON and YAML.
    fn value(self) -> &'static str {
        match self {
            CheckResult::Accepted => "accepted",
            CheckResult::Rejected => "rejected",
            CheckResult::Unreachable => "unreachable",
            CheckResult::NotChecked => "not_checked",
        }
    }

    fn text(self) -> &'static str {
        match self {
            CheckResult::Accepted => "accepted by the server",
            CheckResult::Rejected => "rejected by the server",
            CheckResult::Unreachable => "the server could not be asked",
            CheckResult::NotChecked => "not checked",
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let format = Format::of(given);
    let is_offline = given.has(OptId::Offline);
    let project = id_option(given, OptId::Project, "--project")?;
    let query = CredentialQuery {
        profile: given.text(OptId::Profile),
        project: project.as_deref(),
        ..CredentialQuery::default()
    };
    let overrides = EnvOverrides::read(app.vars, &query)?;
    if !is_offline && !overrides.are_used(&query)? {
        // Failures show in the check below.
        let _ = app.verify_environment();
    }
    let credentials = match app.resolve(&query, &overrides) {
        Ok(credentials) => credentials,
        Err(error) if error.kind == Kind::Auth => {
            let report = Report::signed_out(app, &query, &overrides)?;
            print(format, &report, &ServerCheck::default())?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let report = Report::of(&credentials);
    let check = match is_offline {
        true => ServerCheck::default(),
        false => check_credentials(app, &mut Session::new(credentials)),
    };
    print(format, &report, &check)?;
    match check.error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn check_credentials(app: &mut App, session: &mut Session) -> ServerCheck {
    let mut check = ServerCheck::default();
    match session.ask(app, |api| api.projects(None)) {
        Ok(projects) => {
            check.result = CheckResult::Accepted;
            check.version = request_version(app, session);
            if let Some(project) = &session.credentials.project {
                match find_project(&projects, &project.value, session.server()) {
                    Ok(found) => check.project_name = Some(found.name().to_string()),
                    // A server without authentication creates a project with its first deployment.
                    Err(_) if session.is_anonymous() => {}
                    Err(error) => check.error = Some(error),
                }
            }
        }
        Err(error) => {
            let kind = error.kind;
            let mut error = Error::from(error);
            match kind {
                ApiErrorKind::Rejected => {
                    check.result = CheckResult::Rejected;
                    check.version = request_version(app, session);
                }
                ApiErrorKind::Setup(_) => {}
                // None of these says whether the server accepts the credentials.
                ApiErrorKind::Unreachable
                | ApiErrorKind::NotFound
                | ApiErrorKind::Refused
                | ApiErrorKind::Malformed => {
                    check.result = CheckResult::Unreachable;
                    error.kind = Kind::NoAnswer;
                }
            }
            check.error = Some(error);
        }
    }
    check
}

fn request_version(app: &mut App, session: &Session) -> Option<Version> {
    let response = Api::without_key(&mut app.http, session.server()).version();
    response.ok().map(|(version, _)| version)
}

/// A value and its source; `None` if there is no value.
type Row = (&'static str, Option<(String, Source)>);

struct Report {
    rows: [Row; 5],
    shadowed: Vec<Shadowed>,
}

impl Report {
    fn of(credentials: &Credentials) -> Report {
        fn value<T>(sourced: &Sourced<T>, text: impl Fn(&T) -> String) -> (String, Source) {
            (text(&sourced.value), sourced.source.clone())
        }
        let (profile, key) = (&credentials.profile, &credentials.key);
        let auth_type = match (profile, key) {
            (Some(profile), _) => (
                profile.value.auth_type().to_string(),
                Source::Profile(profile.value.name.clone()),
            ),
            (None, Some(key)) => value(key, |_| "token".to_string()),
            (None, None) => value(&credentials.server, |_| "none".to_string()),
        };
        let profile = profile.as_ref();
        let project = credentials.project.as_ref();
        Report {
            rows: [
                (
                    "environment",
                    Some(value(&credentials.server, ToString::to_string)),
                ),
                (
                    "profile",
                    profile.map(|profile| value(profile, |profile| profile.name.clone())),
                ),
                (
                    "project_id",
                    project.map(|project| value(project, Clone::clone)),
                ),
                ("auth_type", Some(auth_type)),
                ("key", key.as_ref().map(|key| value(key, Secret::masked))),
            ],
            shadowed: credentials.shadowed.clone(),
        }
    }

    /// Without credentials.
    fn signed_out(app: &App, query: &CredentialQuery, overrides: &EnvOverrides) -> Result<Report> {
        let store = app.profiles()?;
        let source = match (&app.environment, &store.current_environment) {
            (Some(selected), _) => selected.source.clone(),
            (None, Some(_)) => Source::Environment,
            (None, None) => Source::Default,
        };
        let project = query
            .project
            .map(|id| (id.to_string(), Source::Option("--project")));
        Ok(Report {
            rows: [
                (
                    "environment",
                    Some((store.current_url().to_string(), source)),
                ),
                ("profile", None),
                ("project_id", project),
                ("auth_type", None),
                ("key", None),
            ],
            shadowed: overrides.set_variables(),
        })
    }

    /// Whether a variable has the key, and nothing has the project.
    fn has_only_key(&self) -> bool {
        let source = |field: &str| {
            let (_, value) = self.rows.iter().find(|(name, _)| *name == field)?;
            value.as_ref().map(|(_, source)| source)
        };
        matches!(source("key"), Some(Source::Variable(_))) && source("project_id").is_none()
    }
}

fn print(format: Format, report: &Report, check: &ServerCheck) -> Result<()> {
    match document(format, report, check).render(format) {
        Some(text) => output::data(&text),
        None => output::text(&text(report, check)),
    }
}

fn document(format: Format, report: &Report, check: &ServerCheck) -> Doc {
    let row = |value: Option<&(String, Source)>| {
        let text: Doc = value.map(|(text, _)| text.as_str()).into();
        // With `-o value=FIELD` a field means its value alone.
        if matches!(format, Format::Value(_)) {
            return text;
        }
        Doc::Fields(vec![
            ("value", text),
            (
                "source",
                value.map(|(_, source)| source_name(source)).into(),
            ),
        ])
    };
    let mut fields: Vec<(&'static str, Doc)> = report
        .rows
        .iter()
        .map(|(name, value)| (*name, row(value.as_ref())))
        .collect();
    let shadowed = report.shadowed.iter().map(|shadowed| {
        Doc::Fields(vec![
            ("name", shadowed.name.into()),
            ("value", shadowed.value.as_str().into()),
            ("source", source_name(&shadowed.source).into()),
        ])
    });
    let version = check.version.as_ref();
    fields.extend([
        ("shadowed", Doc::List(shadowed.collect())),
        ("check", check.result.value().into()),
        (
            "server_version",
            version.map(|version| version.version.as_str()).into(),
        ),
        (
            "client_outdated",
            version.map(Version::requires_newer_client).into(),
        ),
    ]);
    Doc::Fields(fields)
}

/// The source in JSON and YAML: the name of the option or variable, `profile` or `default`.
fn source_name(source: &Source) -> &'static str {
    match source {
        Source::Option(name) | Source::Variable(name) => name,
        Source::Profile(_) | Source::Environment => "profile",
        Source::Default => "default",
    }
}

/// Lines of up to three columns: name, value, source.
fn text(report: &Report, check: &ServerCheck) -> String {
    let mut lines: Vec<(&str, String, String)> = Vec::new();
    for (name, value) in &report.rows {
        let Some((value, source)) = value else {
            let note = match *name {
                "project_id" if report.has_only_key() => format!(
                    "{} is not set: commands that need a project use the profile",
                    vars::PROJECT
                ),
                _ => String::new(),
            };
            lines.push((title(name), "-".to_string(), note));
            continue;
        };
        let value = match (*name, &check.project_name) {
            ("project_id", Some(project_name)) if project_name != value => {
                format!("{value} ({project_name})")
            }
            _ => value.clone(),
        };
        let source = match (*name, source) {
            // The source of the profile or key is shown with those.
            ("auth_type", _) => String::new(),
            ("profile", Source::Default) | (_, Source::Environment) => {
                "the current one".to_string()
            }
            (_, Source::Default) => "the built-in one".to_string(),
            (_, source) => source_text(source),
        };
        lines.push((title(name), value, source));
    }
    lines.push(("check", check.result.text().to_string(), String::new()));
    if let Some(version) = &check.version {
        lines.push(("server", version.version.clone(), String::new()));
        if version.requires_newer_client() {
            lines.push(("client", version.client_warning(), String::new()));
        }
    }
    for shadowed in &report.shadowed {
        let value = format!("{} {}", title(shadowed.name), shadowed.value);
        let source = match (shadowed.name, &shadowed.source) {
            ("profile", Source::Profile(_)) => "stored".to_string(),
            (_, source) => source_text(source),
        };
        lines.push(("not used", value, source));
    }
    let width = lines
        .iter()
        .filter(|(_, _, source)| !source.is_empty())
        .map(|(_, value, _)| sanitize(value).chars().count())
        .max()
        .unwrap_or_default();
    let mut out = String::new();
    for (name, value, source) in lines {
        let value = sanitize(&value);
        let _ = match source.is_empty() {
            true => writeln!(out, "{name:<11}  {value}"),
            false => writeln!(out, "{name:<11}  {value:<width$}  {}", sanitize(&source)),
        };
    }
    out
}

fn title(field: &str) -> &str {
    match field {
        "project_id" => "project",
        "auth_type" => "auth type",
        other => other,
    }
}

fn source_text(source: &Source) -> String {
    match source {
        Source::Option(name) | Source::Variable(name) => format!("from {name}"),
        Source::Profile(name) => format!("from the profile {name}"),
        Source::Environment => "from the environment".to_string(),
        Source::Default => "by default".to_string(),
    }
}
