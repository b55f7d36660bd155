//! `auth status`: who is signed in, from where each value comes, and whether the server accepts it.

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

/// What the line says.
struct Args {
    profile: Option<String>,
    project: Option<String>,
    offline: bool,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            profile: given.text(OptId::Profile).map(str::to_string),
            project: id_option(given, OptId::Project, "--project")?,
            offline: given.has(OptId::Offline),
            format: Format::of(given),
        })
    }
}

/// What the server said.
#[derive(Default)]
struct Answer {
    check: Check,
    version: Option<Version>,
    project_name: Option<String>,
    error: Option<Error>,
}

#[derive(Clone, Copy, Default)]
enum Check {
    Accepted,
    Rejected,
    Unreachable,
    #[default]
    NotChecked,
}

impl Check {
    fn word(self) -> &'static str {
        match self {
            Check::Accepted => "accepted",
            Check::Rejected => "rejected",
            Check::Unreachable => "unreachable",
            Check::NotChecked => "not_checked",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Check::Accepted => "accepted by the server",
            Check::Rejected => "rejected by the server",
            Check::Unreachable => "the server can't be asked",
            Check::NotChecked => "not checked",
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let ask = CredentialQuery {
        profile: args.profile.as_deref(),
        project: args.project.as_deref(),
        ..CredentialQuery::default()
    };
    let credentials = match app.credentials(&ask) {
        Ok(credentials) => credentials,
        Err(error) if error.kind == Kind::Auth => {
            print(args.format, &nobody(app, &ask)?, &Answer::default())?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let report = Report::of(&credentials);
    let mut session = Session::new(credentials);
    let answer = match args.offline {
        true => Answer::default(),
        false => ask_server(app, &mut session),
    };
    print(args.format, &report, &answer)?;
    match answer.error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn ask_server(app: &mut App, session: &mut Session) -> Answer {
    let mut answer = Answer::default();
    match session.ask(app, |api| api.projects(None)) {
        Ok(projects) => {
            answer.check = Check::Accepted;
            answer.version = version(app, session);
            if let Some(project) = &session.credentials.project {
                match find_project(&projects, &project.value, session.server()) {
                    Ok(found) => answer.project_name = Some(found.name().to_string()),
                    // A server that asks for no key makes a project with its first deployment.
                    Err(_) if session.is_anonymous() => {}
                    Err(error) => answer.error = Some(error),
                }
            }
        }
        Err(trouble) => {
            let mut error = trouble.error;
            match trouble.why {
                ApiErrorKind::Rejected => {
                    answer.check = Check::Rejected;
                    answer.version = version(app, session);
                }
                ApiErrorKind::Setup => {}
                // Whatever it said, it was no answer to whether it takes the key.
                ApiErrorKind::OutOfReach
                | ApiErrorKind::NotFound
                | ApiErrorKind::Refused
                | ApiErrorKind::Nonsense => {
                    answer.check = Check::Unreachable;
                    error.kind = Kind::NoAnswer;
                }
            }
            answer.error = Some(error);
        }
    }
    answer
}

fn version(app: &mut App, session: &Session) -> Option<Version> {
    let answer = Api::without_key(&mut app.http, session.server()).version();
    answer.ok().map(|(version, _)| version)
}

/// What is said of, and where it came from; a field without a value has no source.
struct Report {
    rows: [(&'static str, Option<(String, Source)>); 5],
    shadowed: Vec<Shadowed>,
}

impl Report {
    fn of(credentials: &Credentials) -> Report {
        fn row<T>(sourced: &Sourced<T>, text: impl Fn(&T) -> String) -> (String, Source) {
            (text(&sourced.value), sourced.source.clone())
        }
        let (profile, key) = (&credentials.profile, &credentials.key);
        let auth_type = match (profile, key) {
            (Some(profile), _) => (
                profile.value.auth_type().to_string(),
                Source::Profile(profile.value.name.clone()),
            ),
            (None, Some(key)) => row(key, |_| "token".to_string()),
            (None, None) => row(&credentials.server, |_| "none".to_string()),
        };
        let project = credentials.project.as_ref();
        Report {
            rows: [
                (
                    "environment",
                    Some(row(&credentials.server, ToString::to_string)),
                ),
                (
                    "profile",
                    profile
                        .as_ref()
                        .map(|profile| row(profile, |profile| profile.name.clone())),
                ),
                (
                    "project_id",
                    project.map(|project| row(project, Clone::clone)),
                ),
                ("auth_type", Some(auth_type)),
                ("key", key.as_ref().map(|key| row(key, Secret::masked))),
            ],
            shadowed: credentials.shadowed.clone(),
        }
    }
}

impl Report {
    /// Whether the key is a variable's and no project comes with it.
    fn has_half(&self) -> bool {
        let source = |field: &str| {
            let found = self.rows.iter().find(|(name, _)| *name == field);
            found.and_then(|(_, value)| value.as_ref().map(|(_, source)| source))
        };
        matches!(source("key"), Some(Source::Variable(_))) && source("project_id").is_none()
    }
}

/// What there is to say where nobody is signed in.
fn nobody(app: &App, ask: &CredentialQuery) -> Result<Report> {
    let store = app.profiles()?;
    let source = match store.current_environment {
        Some(_) => Source::Environment,
        None => Source::Default,
    };
    let project = ask
        .project
        .map(|id| (id.to_string(), Source::Flag("--project")));
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
        shadowed: EnvOverrides::read(app.vars, ask)?.shown(),
    })
}

fn print(format: Format, report: &Report, answer: &Answer) -> Result<()> {
    match document(report, answer).render(format) {
        Some(text) => output::data(&text),
        None => output::data(&text(report, answer)),
    }
}

fn document(report: &Report, answer: &Answer) -> Doc {
    let row = |value: Option<&(String, Source)>| {
        Doc::Fields(vec![
            ("value", value.map(|(text, _)| text.as_str()).into()),
            ("source", value.map(|(_, source)| word(source)).into()),
        ])
    };
    let mut fields: Vec<(&'static str, Doc)> = report
        .rows
        .iter()
        .map(|(name, value)| (*name, row(value.as_ref())))
        .collect();
    let shadowed = report.shadowed.iter().map(|one| {
        Doc::Fields(vec![
            ("name", one.name.into()),
            ("value", one.value.as_str().into()),
            ("source", word(&one.source).into()),
        ])
    });
    let version = answer.version.as_ref();
    fields.extend([
        ("shadowed", Doc::List(shadowed.collect())),
        ("check", answer.check.word().into()),
        (
            "server_version",
            version.map(|version| version.version.as_str()).into(),
        ),
        (
            "client_outdated",
            version.map(Version::asks_for_newer_client).into(),
        ),
    ]);
    Doc::Fields(fields)
}

/// Where a value came from, in a word: an option, a variable by its name, what is stored, a default.
fn word(source: &Source) -> &'static str {
    match source {
        Source::Flag(_) => "flag",
        Source::Variable(name) => name,
        Source::Profile(_) | Source::Environment => "profile",
        Source::Default => "default",
    }
}

/// Lines of up to three columns: what, its value, where it came from.
fn text(report: &Report, answer: &Answer) -> String {
    let mut lines: Vec<(&str, String, String)> = Vec::new();
    for (name, value) in &report.rows {
        let Some((value, source)) = value else {
            let why = match *name {
                "project_id" if report.has_half() => format!(
                    "{} is not set: commands that need a project use the profile",
                    vars::PROJECT
                ),
                _ => String::new(),
            };
            lines.push((title(name), "-".to_string(), why));
            continue;
        };
        let value = match (*name, &answer.project_name) {
            ("project_id", Some(called)) if called != value => format!("{value} ({called})"),
            _ => value.clone(),
        };
        let from = match (*name, source) {
            // It is the profile's or the key's, and they are said.
            ("auth_type", _) => String::new(),
            ("profile", Source::Default) | (_, Source::Environment) => {
                "the current one".to_string()
            }
            (_, Source::Default) => "the built-in one".to_string(),
            (_, source) => from(source),
        };
        lines.push((title(name), value, from));
    }
    lines.push(("check", answer.check.words().to_string(), String::new()));
    if let Some(version) = &answer.version {
        lines.push(("server", version.version.clone(), String::new()));
        if version.asks_for_newer_client() {
            lines.push(("client", version.client_warning(), String::new()));
        }
    }
    for one in &report.shadowed {
        let value = format!("{} {}", title(one.name), one.value);
        let from = match (one.name, &one.source) {
            ("profile", Source::Profile(_)) => "stored".to_string(),
            (_, source) => from(source),
        };
        lines.push(("not used", value, from));
    }
    let width = lines
        .iter()
        .filter(|(_, _, from)| !from.is_empty())
        .map(|(_, value, _)| sanitize(value).chars().count())
        .max()
        .unwrap_or_default();
    let mut out = String::new();
    for (name, value, from) in lines {
        let value = sanitize(&value);
        let _ = match from.is_empty() {
            true => writeln!(out, "{name:<11}  {value}"),
            false => writeln!(out, "{name:<11}  {value:<width$}  {}", sanitize(&from)),
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

fn from(source: &Source) -> String {
    match source {
        Source::Flag(name) | Source::Variable(name) => format!("from {name}"),
        Source::Profile(name) => format!("from the profile {name}"),
        Source::Environment => "from the environment".to_string(),
        Source::Default => "by default".to_string(),
    }
}
