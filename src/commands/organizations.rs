//! `organizations get`: lists the organizations that the credentials give access to.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::credentials::CredentialQuery;
use crate::error::Result;
use crate::term::output::{self, Doc, Format, yes_no};
use crate::term::prompt;

struct Args {
    profile: Option<String>,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            profile: given.text(OptId::Profile).map(str::to_string),
            format: Format::of(given),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let mut session = app.session(&CredentialQuery {
        profile: args.profile.as_deref(),
        ..CredentialQuery::default()
    })?;
    #[allow(
        clippy::redundant_closure_for_method_calls,
        reason = "the method path is not general enough over lifetimes"
    )]
    let found = session.ask(app, |api| api.organizations())?;
    let organizations = found.as_deref().unwrap_or_default();
    // Requests without an organization go to the default one, so that one is active.
    let doc = Doc::List(
        organizations
            .iter()
            .map(|org| {
                Doc::Fields(vec![
                    ("org_id", org.org_id.as_str().into()),
                    ("org_name", org.org_name.as_str().into()),
                    ("is_default", org.is_default.into()),
                    ("active", org.is_default.into()),
                ])
            })
            .collect(),
    );
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    match (&found, organizations.is_empty()) {
        (None, _) => prompt::warn(&format!(
            "{} does not support organizations",
            session.server()
        )),
        (Some(_), true) => prompt::say("no organizations"),
        (Some(_), false) => {
            let rows: Vec<[String; 4]> = organizations
                .iter()
                .map(|org| {
                    [
                        org.org_name.clone(),
                        org.org_id.clone(),
                        yes_no(org.is_default).to_string(),
                        yes_no(org.is_default).to_string(),
                    ]
                })
                .collect();
            return output::text(&output::table(
                ["NAME", "ORG_ID", "DEFAULT", "ACTIVE"],
                &rows,
            ));
        }
    }
    Ok(())
}
