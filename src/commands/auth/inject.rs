//! `auth inject`: writes the profile's credentials to a `.env` file.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::auth::exported::ExportedCredentials;
use crate::dotenv::{edit, file};
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::{output, prompt};

struct Args {
    file: PathBuf,
    check: bool,
}

impl Args {
    fn from(given: &Invocation, app: &App) -> Result<Args> {
        let file = given.path(OptId::EnvFile).unwrap_or(Path::new(".env"));
        let check = given.has(OptId::Check);
        if check && file == Path::new("-") {
            return Err(Error::usage("--check needs a file to compare with")
                .hint("leave `--env-file -` out"));
        }
        let file = app.vars.expand_home(file);
        Ok(Args { file, check })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given, app)?;
    let credentials = ExportedCredentials::stored(given, app)?;
    let bindings = credentials.bindings();
    if args.file == Path::new("-") {
        let lines = edit(b"", &bindings).map_err(|e| file::explain(&e, "standard output"))?;
        return output::bytes(&lines);
    }
    let without_value: Vec<&str> = credentials
        .variables()
        .into_iter()
        .filter_map(|(name, value)| value.is_none().then_some(name))
        .collect();
    let outcome = match args.check {
        true => file::check(&args.file, &bindings, &without_value)?,
        false => file::write(&args.file, &bindings, &without_value)?,
    };
    prompt::warn_all(&outcome.warnings);
    let shown = sanitize(&args.file.display().to_string());
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
