//! `deployments get`: lists the deployments of the project, or shows one.

use crate::api::deployments::Deployment;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::deployments::{SHORT_SHA, Target, explain};
use crate::error::Result;
use crate::sanitize::sanitize;
use crate::term::output::{self, Doc, Format};
use crate::term::prompt;

/// What is shown in the place of a secret.
const MASK: &str = "********";
const GITHUB: &str = "https://github.com/";

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
    let (shown, doc) = match &args.target.name {
        Some(name) => {
            let one = session
                .ask(app, |api| api.deployment(name, &project))
                .map_err(explain)?;
            let doc = document(&one);
            (vec![one], doc)
        }
        None => {
            let all = session.ask(app, |api| api.deployments(&project))?;
            let doc = Doc::List(all.iter().map(document).collect());
            (all, doc)
        }
    };
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    if shown.is_empty() {
        prompt::say(&format!(
            "no deployments in the project {}",
            sanitize(&project)
        ));
        return Ok(());
    }
    let cell = |text: &Option<String>| text.clone().unwrap_or_default();
    let narrow = |one: &Deployment| {
        [
            one.id.clone(),
            short_repo(one),
            cell(&one.git_ref),
            one.status.clone(),
        ]
    };
    if args.format == Format::Wide {
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
        let rows: Vec<[String; 8]> = shown
            .iter()
            .map(|one| {
                let [name, repo, git_ref, phase] = narrow(one);
                let sha = cell(&one.git_sha).chars().take(SHORT_SHA).collect();
                let url = cell(&one.apiserver_url);
                [
                    name,
                    repo,
                    git_ref,
                    cell(&one.appserver_version),
                    phase,
                    sha,
                    url,
                    one.project_id.clone(),
                ]
            })
            .collect();
        return output::data(&output::table(headers, &rows));
    }
    let rows: Vec<[String; 4]> = shown.iter().map(narrow).collect();
    output::data(&output::table(["NAME", "REPO", "GIT_REF", "PHASE"], &rows))
}

fn short_repo(one: &Deployment) -> String {
    let url = one.repo_url.clone().unwrap_or_default();
    match url.strip_prefix(GITHUB) {
        Some(path) => format!("gh:{path}"),
        None => url,
    }
}

/// As the Python tool prints it: what is not set is left out of `spec`, and stays in `status`.
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
