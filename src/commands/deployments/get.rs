//! `deployments get`: lists the deployments of the project, or shows one.

use super::{ProjectArgs, name, short_sha};
use crate::api::deployments::Deployment;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;
use crate::sanitize::quoted;
use crate::term::output::{self, Doc, Format};
use crate::term::prompt;

/// Shown instead of secrets.
const MASK: &str = "********";
const GITHUB: &str = "https://github.com/";

struct Args {
    name: Option<String>,
    project: ProjectArgs,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            name: name(given)?,
            project: ProjectArgs::from(given)?,
            format: Format::of(given),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let mut project = args.project.open(app)?;
    let (deployments, doc) = match &args.name {
        Some(name) => {
            let one = project.ask_about(name, app, |api, id| api.deployment(name, id))?;
            let doc = document(&one);
            (vec![one], doc)
        }
        None => {
            #[allow(
                clippy::redundant_closure_for_method_calls,
                reason = "the method path is not general enough over lifetimes"
            )]
            let all = project.ask(app, |api, id| api.deployments(id))?;
            let doc = Doc::List(all.iter().map(document).collect());
            (all, doc)
        }
    };
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    if deployments.is_empty() {
        prompt::say(&format!(
            "no deployments in project {}",
            quoted(&project.id)
        ));
        return Ok(());
    }
    output::text(&match args.format {
        Format::Wide => wide_table(&deployments),
        _ => table(&deployments),
    })
}

fn table(deployments: &[Deployment]) -> String {
    let rows: Vec<[String; 4]> = deployments
        .iter()
        .map(|one| {
            [
                one.id.clone(),
                short_repo(one),
                one.git_ref.clone().unwrap_or_default(),
                one.status.clone(),
            ]
        })
        .collect();
    output::table(["NAME", "REPO", "GIT_REF", "PHASE"], &rows)
}

fn wide_table(deployments: &[Deployment]) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let rows: Vec<[String; 8]> = deployments
        .iter()
        .map(|one| {
            [
                one.id.clone(),
                short_repo(one),
                text(&one.git_ref),
                text(&one.appserver_version),
                one.status.clone(),
                short_sha(&text(&one.git_sha)),
                text(&one.apiserver_url),
                one.project_id.clone(),
            ]
        })
        .collect();
    let headers = [
        "NAME",
        "REPO",
        "GIT_REF",
        "APPSERVER",
        "PHASE",
        "GIT_SHA",
        "APISERVER_URL",
        "PROJECT",
    ];
    output::table(headers, &rows)
}

fn short_repo(one: &Deployment) -> String {
    let url = one.repo_url.clone().unwrap_or_default();
    match url.strip_prefix(GITHUB) {
        Some(path) => format!("gh:{path}"),
        None => url,
    }
}

/// The Python tool's document: fields that are not set are left out of `spec`, and null in `status`.
fn document(one: &Deployment) -> Doc {
    let text = |value: &Option<String>| value.as_deref().map(Doc::from);
    let secrets = one
        .secret_names
        .as_ref()
        .filter(|names| !names.is_empty())
        .map(|names| {
            Doc::Map(
                names
                    .iter()
                    .map(|name| (name.clone(), Doc::from(MASK)))
                    .collect(),
            )
        });
    let spec = [
        ("repo_url", text(&one.repo_url)),
        ("deployment_file_path", text(&one.deployment_file_path)),
        ("git_ref", text(&one.git_ref)),
        ("appserver_version", text(&one.appserver_version)),
        ("suspended", Some(one.suspended.into())),
        ("secrets", secrets),
        (
            "personal_access_token",
            one.has_personal_access_token.then(|| MASK.into()),
        ),
    ];
    let status = vec![
        ("phase", one.status.as_str().into()),
        ("git_sha", one.git_sha.as_deref().into()),
        ("apiserver_url", one.apiserver_url.as_deref().into()),
        ("project_id", one.project_id.as_str().into()),
        ("warning", one.warning.as_deref().into()),
    ];
    let mut fields = vec![("name", one.id.as_str().into())];
    if let Some(display_name) = &one.display_name {
        fields.push(("generate_name", display_name.as_str().into()));
    }
    fields.push((
        "spec",
        Doc::Fields(
            spec.into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        ),
    ));
    fields.push(("status", Doc::Fields(status)));
    Doc::Fields(fields)
}
