//! `organizations get`: lists the organizations that the credentials can see.

use crate::api::session::Session;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::credentials::CredentialQuery;
use crate::error::Result;
use crate::term::output::{self, Doc, Format, yes_no};
use crate::term::prompt;

/// What the line says.
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
    let ask = CredentialQuery {
        profile: args.profile.as_deref(),
        ..CredentialQuery::default()
    };
    let mut session = Session::new(app.credentials(&ask)?);
    // What clippy would have in its place does not compile: the method is not general enough in its lifetimes.
    #[allow(clippy::redundant_closure_for_method_calls)]
    let found = session.ask(app, |api| api.organizations())?;
    let organizations = found.as_deref().unwrap_or_default();
    // The default organization is the one that is worked in.
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
        (None, _) => prompt::warn("this server does not support organizations"),
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
            return output::data(&output::table(
                ["NAME", "ORG_ID", "DEFAULT", "ACTIVE"],
                &rows,
            ));
        }
    }
    Ok(())
}
