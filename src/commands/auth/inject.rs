//! `auth inject`: writes the profile's credentials into a `.env` file.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::auth::exported::ExportedCredentials;
use crate::dotenv::file;
use crate::dotenv::{Binding, edit};
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::output;
use crate::term::prompt;

/// What the line says.
struct Args {
    file: PathBuf,
    profile: Option<String>,
    check: bool,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            file: given
                .path(OptId::EnvFile)
                .unwrap_or(Path::new(".env"))
                .to_path_buf(),
            profile: ExportedCredentials::profile(given),
            check: given.has(OptId::Check),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let handover = ExportedCredentials::stored(app, args.profile.as_deref())?;
    let mut bindings = Vec::new();
    let mut forbidden = Vec::new();
    for (name, value) in handover.variables() {
        match value {
            Some(value) => bindings.push(Binding { name, value }),
            None => forbidden.push(name),
        }
    }
    if args.file == Path::new("-") {
        if args.check {
            return Err(
                Error::usage("--check needs a file to look at").hint("leave `--env-file -` out")
            );
        }
        let lines =
            edit(b"", &bindings).map_err(|refusal| file::explain(&refusal, "standard output"))?;
        return output::bytes(&lines);
    }
    let shown = sanitize(&args.file.display().to_string());
    let outcome = match args.check {
        true => file::check(&args.file, &bindings, &forbidden)?,
        false => file::write(&args.file, &bindings, &forbidden)?,
    };
    prompt::warn_all(&outcome.warnings);
    match (args.check, outcome.changed) {
        (true, true) => {
            return Err(Error::failed(format!("{shown} is not up to date"))
                .hint("`llamactl auth inject` would write it"));
        }
        (false, true) => prompt::say(&format!("wrote {} variables to {shown}", bindings.len())),
        (_, false) => prompt::say(&format!("{shown} is up to date")),
    }
    Ok(())
}
