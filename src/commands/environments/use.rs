//! `environments use`: makes an environment the current one, without asking any server.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::term::prompt;
use crate::url::ApiUrl;

/// What the line says.
struct Args {
    url: Option<ApiUrl>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            url: super::url(given)?,
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let store = app.profiles()?;
    let url = select::environment(
        app,
        &store.urls(),
        &store.current_url(),
        args.url.as_ref(),
        "Environments",
    )?;
    let profile = app.change_profiles(|store| {
        let Some(env) = store.environment(&url) else {
            return Err(select::no_such_environment(&store.urls(), &url));
        };
        store.current_environment = Some(url.clone());
        Ok(env.current_profile)
    })?;
    prompt::say(&format!("the current environment is {url}"));
    match profile {
        Some(name) => prompt::say(&format!("the current profile there is {}", sanitize(&name))),
        None => prompt::say("no profile is current there"),
    }
    Ok(())
}
