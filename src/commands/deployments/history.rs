//! `deployments history`: lists the releases of a deployment, newest first.

use std::cmp::Reverse;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::deployments::{SHORT_SHA, Target, explain};
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::term::output::{self, Doc, Format};
use crate::term::prompt;
use crate::timestamp::Instant;

/// What the line says.
struct Args {
    target: Target,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            target: Target::from(given)?,
            format: Format::of(given),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let (mut session, project) = args.target.session(app, false)?;
    let name = args.target.required_name();
    let mut releases = session
        .ask(app, |api| api.releases(name, &project))
        .map_err(explain)?;
    // What is no time goes last.
    releases.sort_by_cached_key(|release| Reverse(Instant::parse(&release.released_at)));
    let doc = Doc::List(
        releases
            .iter()
            .map(|release| {
                Doc::Fields(vec![
                    ("released_at", release.released_at.as_str().into()),
                    ("git_sha", release.git_sha.as_str().into()),
                    ("image_tag", release.image_tag.as_deref().into()),
                ])
            })
            .collect(),
    );
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    if releases.is_empty() {
        prompt::say(&format!("no releases of {} yet", sanitize(name)));
        return Ok(());
    }
    let rows: Vec<[String; 3]> = releases
        .iter()
        .map(|release| {
            let sha = release.git_sha.chars().take(SHORT_SHA).collect();
            let time = Instant::parse(&release.released_at);
            [
                time.map_or(release.released_at.clone(), |time| time.to_string()),
                sha,
                release.image_tag.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::data(&output::table(
        ["RELEASED_AT", "GIT_SHA", "IMAGE_TAG"],
        &rows,
    ))
}
