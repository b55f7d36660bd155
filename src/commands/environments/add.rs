//! `environments add`: requests the version of a control plane, stores the environment and makes it current.
//!
//! With `--no-verify` the first command that contacts the server requests the version.

use std::path;

use crate::api::client::{Api, Version};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Kind, Result, os_reason};
use crate::http;
use crate::sanitize::quoted;
use crate::term::prompt;
use crate::url::{ApiUrl, host_of};
use crate::vars::Vars;

struct Args {
    url: Option<ApiUrl>,
    ca_file: CaFile,
    verify: bool,
    requires_auth: bool,
}

/// What becomes of the environment's CA file.
enum CaFile {
    Keep,
    Set(String),
    Remove,
}

impl Args {
    fn from(given: &Invocation, vars: Vars) -> Result<Args> {
        let args = Args {
            url: super::url(given)?,
            ca_file: CaFile::from(given, vars)?,
            verify: !given.has(OptId::NoVerify),
            requires_auth: !given.has(OptId::NoAuth),
        };
        if args.verify && !args.requires_auth {
            return Err(Error::usage("--no-auth requires --no-verify")
                .hint("without --no-verify the server says whether it requires authentication"));
        }
        Ok(args)
    }
}

impl CaFile {
    fn from(given: &Invocation, vars: Vars) -> Result<CaFile> {
        let Some(path) = given.path(OptId::CaFile) else {
            return Ok(match given.has(OptId::NoCaFile) {
                true => CaFile::Remove,
                false => CaFile::Keep,
            });
        };
        if given.has(OptId::NoCaFile) {
            return Err(Error::usage(
                "--ca-file and --no-ca-file exclude each other",
            ));
        }
        let shown = path.display().to_string();
        let unusable = |why: &str| Error::usage(format!("--ca-file {} {why}", quoted(&shown)));
        let path = path::absolute(vars.expand_home(path)).map_err(|e| unusable(&os_reason(&e)))?;
        http::read_ca_file(&path).map_err(|error| Error {
            kind: Kind::Usage,
            ..error
        })?;
        match path.to_str() {
            Some(path) => Ok(CaFile::Set(path.to_string())),
            None => Err(unusable("is not valid UTF-8")),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given, app.vars)?;
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
    match &args.ca_file {
        CaFile::Keep => {}
        CaFile::Set(path) => app.http.set_ca_file(&requested, Some(path.into())),
        CaFile::Remove => app.http.set_ca_file(&requested, None),
    }
    let (url, version) = match args.verify {
        true => verify(app, &requested)?,
        false => (requested, None),
    };
    let requires_auth = version
        .as_ref()
        .map_or(args.requires_auth, |version| version.requires_auth);
    app.change_profiles(|store| {
        let env = store.environment_mut(&url);
        env.verified = version.is_some();
        env.requires_auth = requires_auth;
        match &args.ca_file {
            CaFile::Keep => {}
            CaFile::Set(path) => env.ca_file = Some(path.clone()),
            CaFile::Remove => env.ca_file = None,
        }
        if let Some(version) = &version {
            env.min_llamactl_version
                .clone_from(&version.min_llamactl_version);
            env.capabilities.clone_from(&version.capabilities);
        }
        store.current_environment = Some(url.clone());
        Ok(())
    })?;
    let description = match (requires_auth, args.verify) {
        (true, true) => "which requires authentication",
        (false, true) => "which requires no authentication",
        (true, false) => "without verifying that it requires authentication",
        (false, false) => "without verifying that it requires no authentication",
    };
    prompt::say(&format!(
        "added environment {url}, {description}, and made it current"
    ));
    if let Some(version) = version.filter(Version::requires_newer_client) {
        prompt::warn(&version.client_warning());
    }
    Ok(())
}

/// Requests the server's version; returns the URL that responded.
fn verify(app: &mut App, requested: &ApiUrl) -> Result<(ApiUrl, Option<Version>)> {
    let (version, responding_url) = Api::without_key(&mut app.http, requested).version()?;
    Ok((redirected(requested, &responding_url)?, Some(version)))
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
