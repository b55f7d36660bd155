//! `environments delete`: forgets an environment and its profiles.

use crate::address::{ApiUrl, LLAMA_CLOUD};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::choice;
use crate::error::Result;
use crate::oidc::refresh;
use crate::output::plain;
use crate::signout;
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
    refresh::recover(app)?;
    let store = app.profiles()?;
    let title = "Delete the environment";
    let url = choice::environment(
        app,
        &store.urls(),
        &store.current_url(),
        args.url.as_ref(),
        title,
    )?;
    for profile in store
        .environment(&url)
        .map_or(Vec::new(), |env| env.profiles)
    {
        signout::revoke(app, &url, &profile);
    }
    let (gone, was_current) = app.change_profiles(|store| {
        let Some(env) = store.environment(&url) else {
            return Err(choice::no_such_environment(&store.urls(), &url));
        };
        store.environments.retain(|env| env.api_url != url);
        let was_current = store.current_environment.as_ref() == Some(&url);
        if was_current {
            store.current_environment = None;
        }
        Ok((env.profiles, was_current))
    })?;
    for profile in &gone {
        terminal::say(&format!("logged out {}", plain(&profile.name)));
    }
    if url.as_str() == LLAMA_CLOUD {
        terminal::say(&format!(
            "{url} is built in and stays; its profiles are gone"
        ));
    } else {
        terminal::say(&format!("deleted environment {url}"));
        if was_current {
            terminal::say(&format!("the current environment is {LLAMA_CLOUD}"));
        }
    }
    Ok(())
}
