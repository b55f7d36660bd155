//! `deployments history`: lists the releases of a deployment, in the server's order (newest first).

use super::{ProjectArgs, required_name, short_sha};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;
use crate::sanitize::quoted;
use crate::term::output::{self, Doc, Format};
use crate::term::prompt;

struct Args {
    name: String,
    project: ProjectArgs,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            name: required_name(given)?,
            project: ProjectArgs::from(given)?,
            format: Format::of(given),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let name = &args.name;
    let mut project = args.project.open(app)?;
    let releases = project.ask_about(name, app, |api, id| api.releases(name, id))?;
    let documents = releases.iter().map(|release| {
        Doc::Fields(vec![
            ("released_at", release.released_at.as_str().into()),
            ("git_sha", release.git_sha.as_str().into()),
            ("image_tag", release.image_tag.as_deref().into()),
        ])
    });
    if let Some(text) = Doc::List(documents.collect()).render(args.format) {
        return output::data(&text);
    }
    if releases.is_empty() {
        prompt::say(&format!("no releases of {} yet", quoted(name)));
        return Ok(());
    }
    let rows: Vec<[String; 3]> = releases
        .into_iter()
        .map(|release| {
            [
                release.released_at,
                short_sha(&release.git_sha),
                release.image_tag.unwrap_or_default(),
            ]
        })
        .collect();
    output::text(&output::table(
        ["RELEASED_AT", "GIT_SHA", "IMAGE_TAG"],
        &rows,
    ))
}
