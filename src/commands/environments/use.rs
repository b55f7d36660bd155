//! `environments use`: makes an environment the current one, without contacting a server.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::sanitize::quoted;
use crate::term::prompt;
use crate::url::ApiUrl;

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
    let url = select::environment(app, &store, args.url.as_ref(), "Environments")?;
    let profile = app.change_profiles(|store| {
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
