//! `auth get`: lists the current environment's profiles, or shows one.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::import;
use crate::store::{Environment, Profile};
use crate::term::output::{self, Doc, Format, yes_no};
use crate::term::prompt;

struct Args {
    name: Option<String>,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            name: given.arg(0).map(str::to_string),
            format: Format::of(given),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let store = app.profiles()?;
    let is_new = store.environments.iter().all(|env| env.profiles.is_empty());
    let env = store.into_current();
    let shown: &[Profile] = match &args.name {
        Some(name) => {
            let one = env
                .profile(name)
                .ok_or_else(|| select::no_such_profile(&env, name))?;
            std::slice::from_ref(one)
        }
        None => &env.profiles,
    };
    if args.format != Format::Text {
        let doc = match (&args.name, shown) {
            (Some(_), [one]) => document(&env, one),
            _ => Doc::List(
                shown
                    .iter()
                    .map(|profile| document(&env, profile))
                    .collect(),
            ),
        };
        return output::data(&doc.render(args.format).unwrap_or_default());
    }
    if shown.is_empty() {
        prompt::say(&format!("no profiles in {}", env.api_url));
        prompt::say("create one with `llamactl auth login` or `llamactl auth token`");
        if is_new && import::exists(app.vars) {
            prompt::say("or import the Python tool's with `llamactl auth import`");
        }
        return Ok(());
    }
    let rows: Vec<[&str; 5]> = shown
        .iter()
        .map(|profile| {
            [
                profile.name.as_str(),
                env.api_url.as_str(),
                profile.project_id.as_str(),
                yes_no(is_active(&env, profile)),
                profile.auth_type(),
            ]
        })
        .collect();
    output::text(&output::table(
        ["NAME", "API_URL", "PROJECT_ID", "ACTIVE", "AUTH"],
        &rows,
    ))
}

fn is_active(env: &Environment, profile: &Profile) -> bool {
    env.current_profile.as_ref() == Some(&profile.name)
}

fn document(env: &Environment, profile: &Profile) -> Doc {
    Doc::Fields(vec![
        ("name", profile.name.as_str().into()),
        ("api_url", env.api_url.as_str().into()),
        ("project_id", profile.project_id.as_str().into()),
        ("active", is_active(env, profile).into()),
        ("auth_type", profile.auth_type().into()),
    ])
}
