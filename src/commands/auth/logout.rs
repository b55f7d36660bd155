//! `auth logout`: deletes a profile and its credentials.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::choice;
use crate::error::Result;
use crate::output::plain;
use crate::terminal;
use crate::vars;

/// What the line says.
pub struct Args {
    name: Option<String>,
}

impl Args {
    pub fn from(given: &Invocation) -> Args {
        Args {
            name: given.arg(0).map(str::to_string),
        }
    }
}

pub fn run(args: &Args, app: &mut App) -> Result<()> {
    let env = app.profiles()?.current();
    let name = choice::profile(app, &env, args.name.as_deref(), "Log out from")?
        .name
        .clone();
    let was_current = app.change_profiles(|store| {
        let env = store.environment_mut(&env.api_url);
        let was_current = env.current_profile.as_ref() == Some(&name);
        match env.remove(&name) {
            Some(_) => Ok(was_current),
            None => Err(choice::no_such_profile(env, &name)),
        }
    })?;
    terminal::say(&format!("logged out {}", plain(&name)));
    if was_current {
        terminal::say("no profile is current now");
    }
    if app.vars.raw(vars::API_KEY).is_some() {
        terminal::warn(&format!(
            "{} is still set; commands go on using it",
            vars::API_KEY
        ));
    }
    Ok(())
}
