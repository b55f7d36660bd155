//! `auth use`: makes a profile the current one of its environment.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::term::prompt;

struct Args {
    name: Option<String>,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            name: given.arg(0).map(str::to_string),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    // A given name is looked up under the lock; choosing one needs the list first.
    let (name, chosen_in) = match &args.name {
        Some(name) => (name.clone(), None),
        None => {
            let env = app.profiles()?.current();
            let profile = select::profile(app, &env, None, "Profiles")?;
            (profile.name.clone(), Some(env.api_url))
        }
    };
    app.change_profiles(|store| {
        let url = chosen_in.unwrap_or_else(|| store.current_url());
        let env = store.environment_mut(&url);
        if env.profile(&name).is_none() {
            return Err(select::no_such_profile(env, &name));
        }
        env.current_profile = Some(name.clone());
        Ok(())
    })?;
    prompt::say(&format!("the current profile is {}", sanitize(&name)));
    Ok(())
}
