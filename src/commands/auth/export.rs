//! `auth export`: prints the three variables for a shell, a file or a CI job.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::auth::exported::ExportedCredentials;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::sanitize;
use crate::term::output::{self, Doc};
use crate::term::prompt;
use crate::{dotenv, shell_quote};

const GITHUB_ENV: &str = "GITHUB_ENV";

/// What the line says.
struct Args {
    profile: Option<String>,
    project: Option<String>,
    format: Format,
}

enum Format {
    Sh,
    Fish,
    PowerShell,
    Dotenv,
    Json,
    GitHub,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            profile: ExportedCredentials::profile(given),
            project: ExportedCredentials::project(given)?,
            format: match given.text(OptId::Format) {
                Some("fish") => Format::Fish,
                Some("powershell") => Format::PowerShell,
                Some("dotenv") => Format::Dotenv,
                Some("json") => Format::Json,
                Some("github") => Format::GitHub,
                _ => Format::Sh,
            },
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let handover =
        ExportedCredentials::resolve(app, args.profile.as_deref(), args.project.as_deref())?;
    match args.format {
        Format::GitHub => github(app, &handover),
        Format::Json => {
            let fields = handover
                .variables()
                .map(|(name, value)| (name, value.into()));
            output::data(
                &Doc::Fields(fields.to_vec())
                    .render(output::Format::Json)
                    .unwrap_or_default(),
            )
        }
        Format::Dotenv => {
            let bindings = handover.bindings();
            let lines = dotenv::edit(b"", &bindings)
                .map_err(|e| dotenv::file::explain(&e, "standard output"))?;
            output::bytes(&lines)
        }
        Format::Sh | Format::Fish | Format::PowerShell => {
            let lines: String = handover
                .variables()
                .iter()
                .map(|(name, value)| line(&args.format, name, *value))
                .collect();
            output::data(&lines)
        }
    }
}

fn line(format: &Format, name: &str, value: Option<&str>) -> String {
    match (format, value) {
        (Format::Fish, Some(value)) => format!("set -gx {name} {};\n", shell_quote::fish(value)),
        (Format::Fish, None) => format!("set -e {name};\n"),
        (Format::PowerShell, Some(value)) => {
            format!("$env:{name} = {};\n", shell_quote::powershell(value))
        }
        (Format::PowerShell, None) => format!("Remove-Item Env:{name} -ErrorAction Ignore;\n"),
        (_, Some(value)) => format!("export {name}={};\n", shell_quote::sh(value)),
        (_, None) => format!("unset {name};\n"),
    }
}

fn github(app: &App, handover: &ExportedCredentials) -> Result<()> {
    let Some(path) = app.vars.path(GITHUB_ENV) else {
        return Err(Error::usage(format!("{GITHUB_ENV} is not set"))
            .hint("the format github is for a job of GitHub Actions, which sets it"));
    };
    let mut text = String::new();
    for (name, value) in handover.variables() {
        // There is no way to unset a variable for later steps; an empty one counts as unset.
        text.push_str(&shell_quote::github_variable(
            name,
            value.unwrap_or_default(),
        ));
    }
    // Masked before it is handed on: later steps can print it only after that.
    if let Some(key) = &handover.key {
        output::data(&format!(
            "::add-mask::{}\n",
            shell_quote::github_command(key.expose())
        ))?;
    }
    append(&path, &text).map_err(|e| {
        Error::failed(format!(
            "{} of {GITHUB_ENV} can't be written: {}",
            sanitize(&path.display().to_string()),
            os_reason(&e)
        ))
    })?;
    prompt::say(&format!(
        "set the variables for the steps to come in {}",
        sanitize(&path.display().to_string())
    ));
    Ok(())
}

/// Adds lines to a file in one write; what stands there without a line end stays a line of its own.
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
