//! `environments add`: asks a control plane what it is, stores it and makes it current.

use crate::api::client::Api;
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::{Error, Result};
use crate::sanitize::sanitize;
use crate::term::prompt;
use crate::url::{ApiUrl, host_of};

/// What the line says.
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
    let asked = match &args.url {
        Some(url) => url.clone(),
        None if app.is_interactive() => {
            super::parse(&prompt::ask_line("Address of the control plane", None)?)
                .map_err(Error::usage)?
        }
        None => {
            return Err(Error::usage("the address of a control plane is missing")
                .hint("pass it: `llamactl environments add URL`"));
        }
    };
    let (version, answered) = Api::without_key(&mut app.http, &asked).version()?;
    let url = settle(&asked, &answered)?;
    let capabilities = version
        .capabilities
        .iter()
        .map(|name| sanitize(name))
        .collect();
    app.change_profiles(|store| {
        let env = store.environment_mut(&url);
        env.requires_auth = version.requires_auth;
        env.min_llamactl_version = version.min_llamactl_version.as_deref().map(sanitize);
        env.capabilities = capabilities;
        store.current_environment = Some(url.clone());
        Ok(())
    })?;
    let needs = match version.requires_auth {
        true => "needs an API key",
        false => "needs no API key",
    };
    prompt::say(&format!(
        "added environment {url}, which {needs}, and made it current"
    ));
    if version.asks_for_newer_client() {
        prompt::warn(&version.client_warning());
    }
    Ok(())
}

/// The address to store: the one that answered, where a redirect led to the same host.
fn settle(asked: &ApiUrl, answered: &str) -> Result<ApiUrl> {
    let elsewhere = || {
        let target = sanitize(answered);
        Error::no_answer(format!("{asked} redirects to another address, {target}"))
            .hint("if that is the control plane, add that address instead")
    };
    let url = ApiUrl::parse(answered).map_err(|_| elsewhere())?;
    if url != *asked {
        if host_of(url.as_str()) != host_of(asked.as_str()) {
            return Err(elsewhere());
        }
        prompt::say(&format!("{asked} redirects to {url}"));
    }
    Ok(url)
}
