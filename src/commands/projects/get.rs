//! `projects get`: lists the projects that the credentials can see, or shows one.

use crate::api::client::{Project, find_project};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::id_option;
use crate::credentials::CredentialQuery;
use crate::error::Result;
use crate::term::output::{self, Doc, Format, yes_no};
use crate::term::prompt;

struct Args {
    id: Option<String>,
    org: Option<String>,
    profile: Option<String>,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            id: super::project(given)?,
            org: id_option(given, OptId::Org, "--org")?,
            profile: given.text(OptId::Profile).map(str::to_string),
            format: Format::of(given),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let mut session = app.session(&CredentialQuery {
        profile: args.profile.as_deref(),
        ..CredentialQuery::default()
    })?;
    let projects = session.ask(app, |api| api.projects(args.org.as_deref()))?;

    let current = session.credentials.project.as_ref();
    let current = current.map(|project| project.value.as_str());
    let is_active = |project: &Project| Some(project.project_id.as_str()) == current;
    let document = |project: &Project| {
        Doc::Fields(vec![
            ("project_id", project.project_id.as_str().into()),
            ("project_name", project.name().into()),
            ("deployment_count", project.deployment_count.into()),
            ("active", is_active(project).into()),
            ("org_id", project.org_id().into()),
        ])
    };
    let (shown, doc) = match &args.id {
        Some(id) => {
            let one = find_project(&projects, id, session.server())?;
            (std::slice::from_ref(one), document(one))
        }
        None => {
            let all = Doc::List(projects.iter().map(document).collect());
            (&projects[..], all)
        }
    };
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    if shown.is_empty() {
        prompt::say("no projects");
        return Ok(());
    }
    let row = |project: &Project| {
        [
            project.name().to_string(),
            project.project_id.clone(),
            project.deployment_count.to_string(),
            yes_no(is_active(project)).to_string(),
        ]
    };
    let headers = ["NAME", "PROJECT_ID", "DEPLOYMENTS", "ACTIVE"];
    if args.format == Format::Wide {
        let [name, id, count, active] = headers;
        let rows: Vec<[String; 5]> = shown
            .iter()
            .map(|project| {
                let [name, id, count, active] = row(project);
                [name, id, count, active, project.org_id().to_string()]
            })
            .collect();
        return output::text(&output::table([name, id, count, active, "ORG"], &rows));
    }
    let rows: Vec<[String; 4]> = shown.iter().map(row).collect();
    output::text(&output::table(headers, &rows))
}
