//! `auth status`: who is signed in, from where each value comes, and whether the server accepts it.

use std::fmt::Write as _;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::handover::Handover;
use crate::credentials::{Ask, Credentials, Given, Shadowed, Source, Sourced, resolve};
use crate::error::{Error, Kind, Result};
use crate::http::api::{Api, Version, Why, find_project};
use crate::output::{self, Doc, Format, plain};
use crate::secret::Secret;
use crate::terminal;

/// What is said of, in this order.
const FIELDS: [&str; 5] = ["environment", "profile", "project_id", "auth_type", "key"];

/// What the line says.
pub struct Args {
    profile: Option<String>,
    project: Option<String>,
    offline: bool,
    format: Format,
}

impl Args {
    pub fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            profile: Handover::profile(given),
            project: Handover::project(given)?,
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
}

pub fn run(args: &Args, app: &mut App) -> Result<()> {
    let ask = Ask {
        profile: args.profile.as_deref(),
        project: args.project.as_deref(),
        ..Ask::default()
    };
    let credentials = match resolve(&ask, &Given::read(app.vars)?, || app.profiles()) {
        Ok(credentials) => credentials,
        Err(error) if error.kind == Kind::Auth => {
            let env = app.profiles()?.current();
            let nobody = FIELDS.map(|name| match name {
                "environment" => (name, Some((env.api_url.to_string(), "profile".to_string()))),
                _ => (name, None),
            });
            print(args.format, &nobody, &[], &Answer::default())?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    terminal::warn_all(&credentials.warnings);
    let answer = match args.offline {
        true => Answer::default(),
        false => ask_server(app, &credentials),
    };
    print(
        args.format,
        &rows(&credentials),
        &credentials.shadowed,
        &answer,
    )?;
    match answer.error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn ask_server(app: &mut App, credentials: &Credentials) -> Answer {
    let whose = credentials.whose();
    let server = &credentials.server.value;
    let mut api = Api::new(&mut app.http, server, credentials.secret(), &whose);
    let mut answer = Answer::default();
    match api.projects(None) {
        Ok(projects) => {
            answer.check = Check::Accepted;
            answer.version = api.version().ok().map(|(version, _)| version);
            // A server that asks for no key makes a project with its first deployment.
            let project = credentials
                .project
                .as_ref()
                .filter(|_| credentials.key.is_some());
            answer.error =
                project.and_then(|project| find_project(&projects, &project.value, server).err());
        }
        Err(trouble) => {
            answer.check = match trouble.why {
                Why::Rejected => Check::Rejected,
                Why::Setup => Check::NotChecked,
                _ => Check::Unreachable,
            };
            if trouble.why == Why::Rejected {
                answer.version = api.version().ok().map(|(version, _)| version);
            }
            answer.error = Some(trouble.error);
        }
    }
    answer
}

type Row = (&'static str, Option<(String, String)>);

fn rows(credentials: &Credentials) -> [Row; 5] {
    fn of<T>(sourced: &Sourced<T>, text: impl Fn(&T) -> String) -> (String, String) {
        (text(&sourced.value), word(&sourced.source))
    }
    let (profile, key) = (&credentials.profile, &credentials.key);
    let auth_type = match (profile, key) {
        (Some(profile), _) => (profile.value.auth_type().to_string(), "profile".to_string()),
        (None, Some(key)) => of(key, |_| "token".to_string()),
        (None, None) => of(&credentials.server, |_| "none".to_string()),
    };
    let project = credentials.project.as_ref();
    [
        (
            "environment",
            Some(of(&credentials.server, ToString::to_string)),
        ),
        (
            "profile",
            profile
                .as_ref()
                .map(|profile| of(profile, |profile| profile.name.clone())),
        ),
        (
            "project_id",
            project.map(|project| of(project, Clone::clone)),
        ),
        ("auth_type", Some(auth_type)),
        ("key", key.as_ref().map(|key| of(key, Secret::masked))),
    ]
}

/// Where a value came from, in a word: an option, a variable, the profile, a default.
fn word(source: &Source) -> String {
    match source {
        Source::Flag(name) | Source::Variable(name) => (*name).to_string(),
        Source::Profile(_) | Source::Environment => "profile".to_string(),
        Source::Default => "default".to_string(),
    }
}

fn print(format: Format, rows: &[Row], shadowed: &[Shadowed], answer: &Answer) -> Result<()> {
    let outdated = answer.version.as_ref().map(Version::asks_for_newer_client);
    let mut fields: Vec<(&'static str, Doc)> = FIELDS
        .iter()
        .map(|field| {
            let found = rows
                .iter()
                .find(|(name, _)| name == field)
                .and_then(|(_, value)| value.as_ref());
            let (value, source) = found.map_or((None, None), |(value, source)| {
                (Some(value.as_str()), Some(source.as_str()))
            });
            (
                *field,
                Doc::Fields(vec![("value", value.into()), ("source", source.into())]),
            )
        })
        .collect();
    let listed = shadowed.iter().map(|one| {
        Doc::Fields(vec![
            ("name", one.name.into()),
            ("value", one.value.as_str().into()),
            ("source", word(&one.source).as_str().into()),
        ])
    });
    fields.push(("shadowed", Doc::List(listed.collect())));
    fields.push(("check", answer.check.word().into()));
    fields.push((
        "server_version",
        answer
            .version
            .as_ref()
            .map(|version| version.version.as_str())
            .into(),
    ));
    fields.push(("client_outdated", outdated.into()));
    if let Some(text) = Doc::Fields(fields).render(format) {
        return output::data(&text);
    }
    let mut out = String::new();
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "{:<14}{}", format!("{name}:"), plain(text));
    };
    for (name, value) in rows {
        match value {
            Some((value, source)) => line(name, &format!("{value}  ({source})")),
            None => line(name, "(none)"),
        }
    }
    for one in shadowed {
        line(
            "not used",
            &format!("{} {} of {}", one.name, one.value, word(&one.source)),
        );
    }
    line("check", &answer.check.word().replace('_', " "));
    if let Some(version) = &answer.version {
        line("server", &version.version);
        if version.asks_for_newer_client() {
            line("client", &version.client_warning());
        }
    }
    output::data(&out)
}
