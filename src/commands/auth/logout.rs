//! `auth logout`: revokes what a profile's login created, and deletes the profile.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::{log_out, select};
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::store::Profile;
use crate::term::message;
use crate::url::ApiUrl;
use crate::vars;

struct Args {
    name: Option<String>,
    all: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let args = Args {
            name: given.arg(0).map(str::to_string),
            all: given.has(OptId::All),
        };
        match (&args.name, args.all) {
            (Some(_), true) => {
                Err(Error::usage("NAME and --all exclude each other").hint("pass one of them"))
            }
            _ => Ok(args),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let env = app.profiles()?.current();
    let profiles: Vec<Profile> = match args.all {
        true => env.profiles.clone(),
        false => {
            vec![select::profile(app, &env, args.name.as_deref(), "Log out from")?.clone()]
        }
    };
    let mut was_current = false;
    for profile in &profiles {
        // Before its ID is deleted here, or nothing could delete the key any more.
        log_out::revoke_and_report(app, &env.api_url, profile);
        was_current |= delete(app, &env.api_url, &profile.name)?;
        message::status(&format!("deleted profile {}", quoted(&profile.name)));
    }
    if profiles.is_empty() {
        message::status(&format!("no profiles in {}", env.api_url));
    }
    if was_current {
        message::status("no profile is current now");
    }
    if app.vars.raw(vars::API_KEY).is_some() {
        message::warn(&format!(
            "{} is still set, and commands will use it",
            vars::API_KEY
        ));
    }
    Ok(())
}

/// Deletes the profile. Returns whether it was the current one.
fn delete(app: &App, url: &ApiUrl, name: &str) -> Result<bool> {
    app.change_profiles(|store| {
        let env = store.environment_mut(url);
        let was_current = env.current_profile.as_deref() == Some(name);
        match env.remove(name) {
            Some(_) => Ok(was_current),
            None => Err(select::no_such_profile(env, name)),
        }
    })
}
