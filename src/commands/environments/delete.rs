//! `environments delete`: logs out all profiles of an environment and deletes it.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::{log_out, select};
use crate::error::Result;
use crate::sanitize::quoted;
use crate::term::prompt;
use crate::url::{ApiUrl, LLAMA_CLOUD};

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
    let url = select::environment(app, &store, args.url.as_ref(), "Delete the environment")?;
    let profiles = store.environment(&url).map(|env| env.profiles);
    for profile in profiles.unwrap_or_default() {
        log_out::revoke_and_report(app, &url, &profile);
    }
    let (deleted, was_current) = app.change_profiles(|store| {
        let Some(env) = store.environment(&url) else {
            return Err(select::environment_deleted(&url));
        };
        store.environments.retain(|env| env.api_url != url);
        let was_current = store.current_environment.as_ref() == Some(&url);
        if was_current {
            store.current_environment = None;
        }
        Ok((env.profiles, was_current))
    })?;
    for profile in &deleted {
        prompt::say(&format!("deleted profile {}", quoted(&profile.name)));
    }
    if url.as_str() == LLAMA_CLOUD {
        prompt::say(&format!("kept environment {url}, which is built in"));
    } else {
        prompt::say(&format!("deleted environment {url}"));
        if was_current {
            prompt::say(&format!("the current environment is now {LLAMA_CLOUD}"));
        }
    }
    Ok(())
}
