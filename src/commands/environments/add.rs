//! `environments add`: requests the version of a control plane, stores the environment and makes it current.

use crate::api::client::Api;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::term::prompt;
use crate::url::{ApiUrl, host_of};

struct Args {
    url: Option<ApiUrl>,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            url: super::url(given)?,
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let requested = match &args.url {
        Some(url) => url.clone(),
        None if app.is_interactive() => {
            super::parse_url(&prompt::ask_line("URL of the control plane", None)?)?
        }
        None => {
            return Err(Error::usage("the control plane's URL is missing")
                .hint("pass it: `llamactl environments add URL`"));
        }
    };
    let (version, responding_url) = Api::without_key(&mut app.http, &requested).version()?;
    let url = redirected(&requested, &responding_url)?;
    app.change_profiles(|store| {
        let env = store.environment_mut(&url);
        env.requires_auth = version.requires_auth;
        env.min_llamactl_version
            .clone_from(&version.min_llamactl_version);
        env.capabilities.clone_from(&version.capabilities);
        store.current_environment = Some(url.clone());
        Ok(())
    })?;
    let needs = match version.requires_auth {
        true => "requires authentication",
        false => "requires no authentication",
    };
    prompt::say(&format!(
        "added environment {url}, which {needs}, and made it current"
    ));
    if version.asks_for_newer_client() {
        prompt::warn(&version.client_warning());
    }
    Ok(())
}

/// The URL to store: after a redirect within the same host, the one that responded.
fn redirected(requested: &ApiUrl, responding: &str) -> Result<ApiUrl> {
    let elsewhere = || {
        let target = quoted(responding);
        Error::no_answer(format!("{requested} redirects to {target}"))
            .hint("if that is the control plane, add that URL instead")
    };
    let url = ApiUrl::parse(responding).map_err(|_| elsewhere())?;
    if url != *requested {
        if host_of(url.as_str()) != host_of(requested.as_str()) {
            return Err(elsewhere());
        }
        prompt::say(&format!("{requested} redirects to {url}"));
    }
    Ok(url)
}
