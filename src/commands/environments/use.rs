//! `environments use`: makes an environment the current one, without asking any server.

use crate::address::ApiUrl;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::choice;
use crate::error::Result;
use crate::output::plain;
use crate::terminal;

/// What the line says.
pub struct Args {
    url: Option<ApiUrl>,
}

impl Args {
    pub fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            url: super::url(given)?,
        })
    }
}

#[inline(never)]
pub fn run(args: &Args, app: &mut App) -> Result<()> {
    let store = app.profiles()?;
    let url = choice::environment(
        app,
        &store.urls(),
        &store.current_url(),
        args.url.as_ref(),
        "Environments",
    )?;
    let profile = app.change_profiles(|store| {
        let Some(env) = store.environment(&url) else {
            return Err(choice::no_such_environment(&store.urls(), &url));
        };
        store.current_environment = Some(url.clone());
        Ok(env.current_profile)
    })?;
    terminal::say(&format!("the current environment is {url}"));
    match profile {
        Some(name) => terminal::say(&format!("the current profile there is {}", plain(&name))),
        None => terminal::say("no profile is current there"),
    }
    Ok(())
}
