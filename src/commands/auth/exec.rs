//! `auth exec`: runs a command with the three variables set, and becomes it.

use std::ffi::OsString;
use std::process::Command;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::auth::exported::ExportedCredentials;
use crate::error::{Error, Kind, Result, os_reason};
use crate::vars;

/// What the line says.
struct Args {
    profile: Option<String>,
    project: Option<String>,
    command: Vec<OsString>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            profile: ExportedCredentials::profile(given),
            project: ExportedCredentials::project(given)?,
            command: given.args().to_vec(),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let handover =
        ExportedCredentials::resolve(app, args.profile.as_deref(), args.project.as_deref())?;
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Error::usage("there is no command to run"));
    };
    let mut command = Command::new(program);
    command
        .args(rest)
        .env_remove(vars::USE_PROFILE)
        .env_remove(vars::PROFILE);
    for (name, value) in handover.variables() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let error = become_it(command);
    let shown = program.to_string_lossy();
    let (code, why) = match error.kind() {
        std::io::ErrorKind::NotFound => (127, "it was not found".to_string()),
        _ => (126, os_reason(&error)),
    };
    Err(Error::new(
        Kind::NotRun(code),
        format!(
            "'{}' can't be run: {why}",
            crate::sanitize::sanitize(&shown)
        ),
    ))
}

/// Returns only where the command can't be started.
#[cfg(unix)]
fn become_it(mut command: Command) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
