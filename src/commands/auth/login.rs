//! `auth login`: signs in by a browser, makes an API key and a profile for it, and sets that current.
//!
//! Nothing is stored until all of it worked; what was made on the way to a failure is taken back.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::ApiErrorKind;
use crate::api::auth::CreatedKey;
use crate::api::client::{Api, CredentialOrigin, Organization, Project, find_project};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::select;
use crate::error::{Error, Kind, Result};
use crate::http::TransportErrorKind;
use crate::login::refresh;
use crate::login::revoke;
use crate::oidc::TokenSet;
use crate::oidc::device::{self, DeviceAuthorization};
use crate::oidc::discovery::{self, Client, Provider};
use crate::oidc::id_token::{self, Claims, Expected, Keys};
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::store::{Environment, Login, Profile};
use crate::term::ProgressLine;
use crate::term::browser;
use crate::term::prompt;
use crate::term::signals;
use crate::validate;

/// The longest name of a machine that a key is named after, in characters.
const LONGEST_DEVICE: usize = 64;

/// What the line says.
struct Args {
    project: Option<String>,
    org: Option<String>,
    name: Option<String>,
    browser: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let checked =
            |id, option: &str, check: fn(&str) -> std::result::Result<String, &'static str>| {
                given
                    .text(id)
                    .map(check)
                    .transpose()
                    .map_err(|why| Error::usage(format!("the value of {option} {why}")))
            };
        Ok(Args {
            project: checked(OptId::Project, "--project", validate::id)?,
            org: checked(OptId::Org, "--org", validate::id)?,
            name: checked(OptId::Name, "--name", validate::profile_name)?,
            browser: !given.has(OptId::NoBrowser),
        })
    }
}

/// Who logged in, with what the provider handed out.
struct Visitor {
    login: Login,
    claims: Claims,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = &Args::from(given)?;
    let env = app.profiles()?.current();
    if !env.requires_auth {
        return Err(Error::failed(format!("{} asks for no login", env.api_url))
            .hint("make a profile with `llamactl auth token --project ID`"));
    }
    let taken = args.name.as_ref().and_then(|name| env.profile(name));
    if taken.is_some_and(|profile| profile.oidc.is_none()) {
        return Err(name_is_taken());
    }
    let client = discovery::client(&mut app.http, &env.api_url)?;
    let provider = Provider::read(&mut app.http, &client.discovery_url)?;
    // Before the person is asked for anything: without the keys nobody can log in.
    let mut keys = Some(Keys::fetch(&mut app.http, &provider)?);
    let grant = device::authorize(&mut app.http, &provider, &client.id)?;
    show(args, app, &grant);
    let tokens = wait(app, &provider, &client, &grant)?;
    let outcome = identify(app, &provider, &client, &tokens, &mut keys)
        .and_then(|visitor| settle(args, app, &env, visitor));
    if let (Err(_), Some(token)) = (&outcome, &tokens.refresh) {
        // Nobody will use this login; that it can't be ended is no news beside what went wrong.
        let _ = revoke::end_login_at(&mut app.http, &provider, &client.id, token);
    }
    outcome
}

/// Shows the person where to go and what to type, and opens a browser there.
fn show(args: &Args, app: &App, grant: &DeviceAuthorization) {
    prompt::say(&format!("open this address:  {}", grant.verification_uri));
    prompt::say(&format!("enter this code:    {}", grant.user_code));
    if let Some(complete) = &grant.verification_uri_complete {
        prompt::say(&format!("both in one:        {complete}"));
    }
    if args.browser && app.is_interactive() {
        let url = grant.verification_uri_complete.as_ref();
        if browser::open(app.vars, url.unwrap_or(&grant.verification_uri)) {
            prompt::say("a browser was started there; compare the code");
        }
    }
}

fn wait(
    app: &mut App,
    provider: &Provider,
    client: &Client,
    grant: &DeviceAuthorization,
) -> Result<TokenSet> {
    let mut line = ProgressLine::new(app.is_interactive());
    if !app.is_interactive() {
        prompt::say(&format!(
            "waiting for approval, for at most {}",
            clock_face(grant.expires_in)
        ));
    }
    let tokens = device::wait(
        &mut app.http,
        app.clock,
        provider,
        &client.id,
        grant,
        &mut |left| line.show(&format!("waiting for approval, {} left", clock_face(left))),
    );
    line.end();
    tokens
}

/// Minutes and seconds: `9:05`.
fn clock_face(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Checks who the provider says it is.
fn identify(
    app: &mut App,
    provider: &Provider,
    client: &Client,
    tokens: &TokenSet,
    keys: &mut Option<Keys>,
) -> Result<Visitor> {
    let Some(id_token) = &tokens.id else {
        return Err(Error::no_answer(
            "the login provider did not say who logged in: there is no id token",
        )
        .hint(
            "tell the people who run the server, or sign in with an API key: `llamactl auth token`",
        ));
    };
    let now = app.clock.now();
    let expected = Expected {
        issuer: &provider.issuer,
        client_id: &client.id,
        now,
    };
    let claims = id_token::check(&mut app.http, provider, keys, id_token.expose(), &expected)?
        .map_err(id_token::disbelieved)?;
    let mut login = Login {
        subject: claims.subject.clone(),
        email: claims.email.clone(),
        client_id: client.id.clone(),
        discovery_url: client.discovery_url.clone(),
        device_name: device_name(app),
        access_token: tokens.access.clone(),
        access_token_expires: None,
        refresh_token: None,
        id_token: None,
        unknown: serde_json::Map::new(),
    };
    refresh::put(&mut login, tokens, now);
    Ok(Visitor { login, claims })
}

/// Settles the project, the key and the profile, and stores them.
fn settle(args: &Args, app: &mut App, env: &Environment, visitor: Visitor) -> Result<()> {
    let existing = existing(env, args.name.as_deref(), &visitor.login)?.cloned();
    let name = match (&existing, &args.name) {
        (Some(profile), _) => profile.name.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => env.free_name(&proposed_name(&visitor.claims)),
    };
    let project = project(args, app, env, &visitor.login, existing.as_ref())?;
    let mut profile = existing
        .clone()
        .unwrap_or_else(|| Profile::new(name, String::new()));
    profile.project_id = project.0;
    profile.project_name = Some(project.1);
    let keeps_key = accepted_key(app, env, existing.as_ref())?;
    // From here on there may be a key that nobody knows of: a signal waits until it is stored or deleted.
    let deferred = signals::defer();
    let minted = match keeps_key {
        true => None,
        false => Some(mint(app, env, &visitor.login, &profile.name)?),
    };
    if let Some(minted) = &minted {
        profile.api_key = Some(minted.key.clone());
        profile.api_key_id = Some(minted.id.clone());
    }
    profile.oidc = Some(visitor.login);
    let stored = match deferred.is_pending() {
        true => Err(Error::new(Kind::Interrupted, "interrupted")),
        false => store(app, env, &profile, existing.as_ref()),
    };
    match (stored, &minted) {
        (Ok(name), _) => {
            let what = if existing.is_some() {
                "updated"
            } else {
                "created"
            };
            prompt::say(&format!(
                "{what} profile {} and made it current",
                sanitize(&name)
            ));
            Ok(())
        }
        (Err(error), Some(minted)) => {
            discard(app, env, &profile, minted);
            Err(error)
        }
        (Err(error), None) => Err(error),
    }
}

/// The profile that this login is to update: the one that is named, or else one of the same user.
fn existing<'e>(
    env: &'e Environment,
    name: Option<&str>,
    login: &Login,
) -> Result<Option<&'e Profile>> {
    let is_theirs = |profile: &&Profile| {
        profile
            .oidc
            .as_ref()
            .is_some_and(|known| refresh::is_same(known, login))
    };
    match name {
        Some(name) => match env.profile(name) {
            Some(profile) if !is_theirs(&profile) => Err(name_is_taken()),
            found => Ok(found),
        },
        None => Ok(env
            .current()
            .filter(is_theirs)
            .or_else(|| env.profiles.iter().find(is_theirs))),
    }
}

fn name_is_taken() -> Error {
    Error::failed("there is a profile of that name, and it is not of this login")
        .hint("pass another --name, or log out from that profile first")
}

fn proposed_name(claims: &Claims) -> String {
    let proposed = [
        claims.email.as_deref(),
        claims.preferred_username.as_deref(),
        Some(claims.subject.as_str()),
    ];
    let mut fitted = proposed
        .into_iter()
        .flatten()
        .filter_map(validate::fitted_name);
    fitted.next().unwrap_or_else(|| "login".to_string())
}

/// Which project the profile is to work on: its id and name.
fn project(
    args: &Args,
    app: &mut App,
    env: &Environment,
    login: &Login,
    existing: Option<&Profile>,
) -> Result<(String, String)> {
    let url = &env.api_url;
    let projects = Api::new(
        &mut app.http,
        url,
        Some(&login.access_token),
        CredentialOrigin::NewLogin,
    )
    .projects(args.org.as_deref())?;
    let project = match &args.project {
        Some(id) => find_project(&projects, id, url)?,
        None => {
            let shown = in_organization(app, env, login, &projects, args.org.is_some())?;
            let current = existing.map(|profile| profile.project_id.as_str());
            &select::project(app, &shown, current, "--project")?.clone()
        }
    };
    let id = select::project_id(project, url)?;
    Ok((id, project.name().to_string()))
}

/// The projects of the organization that the person picks, where there is a choice and a person.
fn in_organization(
    app: &mut App,
    env: &Environment,
    login: &Login,
    projects: &[Project],
    is_settled: bool,
) -> Result<Vec<Project>> {
    let mut seen = BTreeSet::new();
    let ids: Vec<&str> = projects
        .iter()
        .filter_map(|project| project.org_id.as_deref())
        .filter(|id| seen.insert(*id))
        .collect();
    if is_settled || ids.len() < 2 || !app.is_interactive() {
        return Ok(projects.to_vec());
    }
    let token = Some(&login.access_token);
    let known = Api::new(
        &mut app.http,
        &env.api_url,
        token,
        CredentialOrigin::NewLogin,
    )
    .organizations()?
    .unwrap_or_default();
    let known: BTreeMap<&str, &Organization> =
        known.iter().map(|org| (org.org_id.as_str(), org)).collect();
    let of_id = |id: &str| known.get(id);
    let labels: Vec<String> = ids
        .iter()
        .map(|id| of_id(id).map_or((*id).to_string(), |org| format!("{} ({id})", org.org_name)))
        .collect();
    let marked = ids
        .iter()
        .position(|id| of_id(id).is_some_and(|org| org.is_default));
    let picked = ids[prompt::select("Organizations", &labels, marked.or(Some(0)))?];
    app.http.reset_deadline();
    let is_in_it = |project: &&Project| project.org_id.as_deref() == Some(picked);
    Ok(projects.iter().filter(is_in_it).cloned().collect())
}

/// Whether the profile has a key that the server still accepts.
fn accepted_key(app: &mut App, env: &Environment, existing: Option<&Profile>) -> Result<bool> {
    app.http.reset_deadline();
    let Some(key) = existing.and_then(|profile| profile.api_key.as_ref()) else {
        return Ok(false);
    };
    match Api::new(
        &mut app.http,
        &env.api_url,
        Some(key),
        CredentialOrigin::Provided,
    )
    .me()
    {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.why == ApiErrorKind::Rejected => Ok(false),
        Err(trouble) => Err(trouble.error),
    }
}

fn mint(app: &mut App, env: &Environment, login: &Login, profile: &str) -> Result<CreatedKey> {
    let name = format!("{} llamactl on {}", sanitize(profile), login.device_name);
    let token: Option<&Secret> = Some(&login.access_token);
    let minted = Api::new(
        &mut app.http,
        &env.api_url,
        token,
        CredentialOrigin::NewLogin,
    )
    .create_key(&name);
    minted.map_err(|trouble| {
        let may_exist = !matches!(
            trouble.answer,
            Err(TransportErrorKind::Setup | TransportErrorKind::NoConnection) | Ok(300..)
        );
        match may_exist {
            true => trouble.error.hint(format!(
                "a key called '{name}' may be on the server now: delete it there, then log in again"
            )),
            false => trouble.error,
        }
    })
}

/// Writes the profile: over the one it was, or beside the others. Returns its name.
fn store(
    app: &App,
    env: &Environment,
    profile: &Profile,
    existing: Option<&Profile>,
) -> Result<String> {
    let url = &env.api_url;
    app.change_profiles(|store| {
        if store.environment(url).is_none() {
            return Err(select::environment_deleted(url));
        }
        let env = store.environment_mut(url);
        let mut profile = profile.clone();
        match existing {
            Some(known) => {
                let is_there = env.profile_mut(&known.name).filter(|stored| {
                    let same = |(one, other)| refresh::is_same(one, other);
                    stored
                        .oidc
                        .as_ref()
                        .zip(known.oidc.as_ref())
                        .is_some_and(same)
                });
                let Some(stored) = is_there else {
                    return Err(Error::failed(format!(
                        "the profile '{}' was deleted meanwhile",
                        sanitize(&known.name)
                    ))
                    .hint("log in again: `llamactl auth login`"));
                };
                *stored = profile.clone();
            }
            None => {
                profile.name = env.free_name(&profile.name);
                env.profiles.push(profile.clone());
            }
        }
        env.current_profile = Some(profile.name.clone());
        Ok(profile.name)
    })
}

/// Deletes a key that was made and can't be kept.
fn discard(app: &mut App, env: &Environment, profile: &Profile, minted: &CreatedKey) {
    let token = profile.oidc.as_ref().map(|login| &login.access_token);
    app.http.reset_deadline();
    let deleted = Api::new(
        &mut app.http,
        &env.api_url,
        token,
        CredentialOrigin::NewLogin,
    )
    .delete_key(&minted.id);
    if let Err(trouble) = deleted {
        prompt::warn(&format!(
            "the API key {} is still good on {}, delete it there: {}",
            sanitize(&minted.id),
            env.api_url,
            trouble.error.message
        ));
    }
}

/// What this machine is called.
fn device_name(app: &App) -> String {
    #[cfg(unix)]
    let name = {
        let _ = app;
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    };
    #[cfg(not(unix))]
    let name = app
        .vars
        .raw("COMPUTERNAME")
        .map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let name: String = sanitize(name.trim()).chars().take(LONGEST_DEVICE).collect();
    match name.as_str() {
        "" => "this computer".to_string(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    fn login(subject: &str) -> Login {
        serde_json::from_value(serde_json::json!({
            "subject": subject, "client_id": "c", "discovery_url": "https://id/x", "access_token": "a"
        }))
        .unwrap()
    }

    #[test]
    fn which_profile_a_login_updates() {
        let mut env = Environment::new(ApiUrl::llama_cloud());
        for (name, subject) in [
            ("key", None),
            ("a", Some("ada")),
            ("a2", Some("ada")),
            ("b", Some("bob")),
        ] {
            let mut profile = Profile::new(name.into(), "p".into());
            profile.oidc = subject.map(login);
            env.profiles.push(profile);
        }
        let found = |env: &Environment, name, subject| match existing(env, name, &login(subject)) {
            Ok(profile) => profile.map(|profile| profile.name.clone()),
            Err(error) => Some(error.message),
        };
        let taken = Some(name_is_taken().message);
        for (name, subject, expected) in [
            (None, "ada", Some("a".to_string())),
            (None, "bob", Some("b".into())),
            (None, "eve", None),
            (Some("a2"), "ada", Some("a2".into())),
            (Some("new"), "ada", None),
            (Some("b"), "ada", taken.clone()),
            (Some("key"), "ada", taken),
        ] {
            assert_eq!(found(&env, name, subject), expected, "{name:?} {subject}");
        }
        env.current_profile = Some("a2".into());
        assert_eq!(found(&env, None, "ada").as_deref(), Some("a2"));
    }

    #[test]
    fn time_left() {
        assert_eq!(clock_face(605), "10:05");
        assert_eq!(clock_face(0), "0:00");
    }
}
