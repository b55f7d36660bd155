//! `environments delete`: forgets an environment and its profiles.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::login::refresh;
use crate::login::revoke;
use crate::sanitize::sanitize;
use crate::term::prompt;
use crate::url::{ApiUrl, LLAMA_CLOUD};

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
    refresh::recover(app)?;
    let store = app.profiles()?;
    let title = "Delete the environment";
    let url = select::environment(
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
        revoke::revoke(app, &url, &profile);
    }
    let (gone, was_current) = app.change_profiles(|store| {
        let Some(env) = store.environment(&url) else {
            return Err(select::no_such_environment(&store.urls(), &url));
        };
        store.environments.retain(|env| env.api_url != url);
        let was_current = store.current_environment.as_ref() == Some(&url);
        if was_current {
            store.current_environment = None;
        }
        Ok((env.profiles, was_current))
    })?;
    for profile in &gone {
        prompt::say(&format!("logged out {}", sanitize(&profile.name)));
    }
    if url.as_str() == LLAMA_CLOUD {
        prompt::say(&format!(
            "{url} is built in and stays; its profiles are gone"
        ));
    } else {
        prompt::say(&format!("deleted environment {url}"));
        if was_current {
            prompt::say(&format!("the current environment is {LLAMA_CLOUD}"));
        }
    }
    Ok(())
}
