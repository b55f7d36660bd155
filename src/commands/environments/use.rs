//! `environments use`: makes an environment the current one, without contacting a server.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::sanitize::quoted;
use crate::term::prompt;
use crate::url::{ApiUrl, EU};

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
    let url = match args.url {
        Some(url) if url.as_str() == EU => url,
        url => select::environment(app, &store, url.as_ref(), "Environments")?,
    };
    let profile = app.change_profiles(|store| {
        // LlamaCloud's EU region needs no `environments add`.
        if url.as_str() == EU {
            store.environment_mut(&url);
        }
        let Some(env) = store.environment(&url) else {
            return Err(select::environment_deleted(&url));
        };
        store.current_environment = Some(url.clone());
        Ok(env.current_profile)
    })?;
    prompt::say(&format!("the current environment is {url}"));
    prompt::say(&match profile {
        Some(name) => format!("its current profile is {}", quoted(&name)),
        None => "it has no current profile".to_string(),
    });
    Ok(())
}
