//! `auth export`: prints the credentials for a shell, a file or a CI job.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::auth::exported::ExportedCredentials;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::{quoted, sanitize};
use crate::term::output::{self, Doc};
use crate::term::prompt;
use crate::{dotenv, shell_quote};

const GITHUB_ENV: &str = "GITHUB_ENV";

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let credentials = ExportedCredentials::resolve(given, app)?;
    let lines = |line: fn(&str, Option<&str>) -> String| -> String {
        let variables = credentials.variables().into_iter();
        variables.map(|(name, value)| line(name, value)).collect()
    };
    match given.text(OptId::Format) {
        Some("github") => github(app, &credentials),
        Some("json") => output::data(&json(&credentials)),
        Some("dotenv") => {
            let lines = dotenv::edit(b"", &credentials.bindings())
                .map_err(|e| dotenv::file::explain(&e, "standard output"))?;
            output::bytes(&lines)
        }
        Some("fish") => output::data(&lines(fish)),
        Some("powershell") => output::data(&lines(powershell)),
        _ => output::data(&lines(sh)),
    }
}

fn sh(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("export {name}={};\n", shell_quote::sh(value)),
        None => format!("unset {name};\n"),
    }
}

fn fish(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("set -gx {name} {};\n", shell_quote::fish(value)),
        None => format!("set -e {name};\n"),
    }
}

fn powershell(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("$env:{name} = {};\n", shell_quote::powershell(value)),
        None => format!("Remove-Item Env:{name} -ErrorAction Ignore;\n"),
    }
}

fn json(credentials: &ExportedCredentials) -> String {
    let variables = credentials.variables().into_iter();
    let fields = variables.map(|(name, value)| (name.to_string(), value.into()));
    let document = Doc::Map(fields.collect());
    document.render(output::Format::Json).unwrap_or_default()
}

/// Masks the key in the job's log, then sets the variables for the later steps of a job of GitHub Actions.
fn github(app: &App, credentials: &ExportedCredentials) -> Result<()> {
    let Some(path) = app.vars.path(GITHUB_ENV) else {
        return Err(Error::usage(format!("{GITHUB_ENV} is not set"))
            .hint("the format github is for jobs of GitHub Actions, which sets it"));
    };
    let mut text = String::new();
    for (name, value) in credentials.variables() {
        // A variable cannot be unset for later steps; an empty one counts as unset.
        let value = value.unwrap_or_default();
        text.push_str(&shell_quote::github_variable(name, value));
    }
    if let Some(key) = &credentials.key {
        let key = shell_quote::github_command(key.expose());
        output::data(&format!("::add-mask::{key}\n"))?;
    }
    let shown = path.display().to_string();
    append(&path, &text).map_err(|e| {
        let reason = os_reason(&e);
        Error::failed(format!(
            "cannot write {} ({GITHUB_ENV}): {reason}",
            quoted(&shown)
        ))
    })?;
    let shown = sanitize(&shown);
    prompt::say(&format!("set the variables for later steps in {shown}"));
    Ok(())
}

/// Appends lines in one write, on lines of their own.
fn append(path: &Path, lines: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let gap = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{gap}{lines}").as_bytes())
}
