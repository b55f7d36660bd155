//! `config`: shows the current environment, profile and project, from the store alone.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::credentials::stored_profile;
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::term::output::{self, Doc, Format};
use crate::vars;

struct Args {
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            format: Format::of(given),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let variable = app.vars.text(vars::PROFILE)?;
    let store = app.profiles()?;
    let env = store.current();
    let profile = match &variable {
        Some(_) => Some(stored_profile(&store, &env, None, variable.as_deref())?),
        None => env.current(),
    };
    let name = profile.map(|profile| profile.name.as_str());
    let id = profile.map(|profile| profile.project_id.as_str());
    let project_name = profile.and_then(|profile| profile.project_name.as_deref());
    let doc = Doc::Fields(vec![
        ("environment", env.api_url.as_str().into()),
        ("profile", name.into()),
        ("project_id", id.into()),
        ("project_name", project_name.into()),
    ]);
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    let project = match (id, project_name) {
        (Some(id), Some(name)) => format!("{name} ({id})"),
        (Some(id), None) => id.to_string(),
        (None, _) => "(none)".to_string(),
    };
    output::text(&format!(
        "environment:  {}\nprofile:      {}\nproject:      {}\n",
        env.api_url,
        sanitize(name.unwrap_or("(none)")),
        sanitize(&project)
    ))
}
