//! `auth login`: signs in through a browser, creates an API key and a profile for it, and makes the profile current.
//!
//! Nothing is stored until everything succeeded. What was created before a failure is revoked.

use std::collections::BTreeMap;

use crate::api::ApiErrorKind;
use crate::api::auth::CreatedKey;
use crate::api::client::{Api, CredentialOrigin, Organization, Project, find_project};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::clock::Clock as _;
use crate::commands::select;
use crate::error::{Error, Kind, Result};
use crate::login::client::OidcClient;
use crate::login::{profile, refresh};
use crate::oidc::device::{self, DeviceAuthorization, DeviceError};
use crate::oidc::discovery::Provider;
use crate::oidc::id_token::{self, Claims, Expected, KeySet};
use crate::oidc::token::{self, TokenSet};
use crate::sanitize::{quoted, sanitize};
use crate::store::{Environment, Login, Profile};
use crate::term::{ProgressLine, browser, message, prompt, signals};
use crate::url::{ApiUrl, UrlPolicy, host_of, is_loopback};
use crate::validate;

/// The most characters of this machine's name in the name of an API key.
const MAX_DEVICE_NAME: usize = 64;

struct Args {
    project: Option<String>,
    org: Option<String>,
    name: Option<String>,
    browser: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let checked = |id, option: &str, check: fn(&str) -> Result<String, &'static str>| {
            given
                .text(id)
                .map(check)
                .transpose()
                .map_err(|problem| Error::usage(format!("the value of {option} {problem}")))
        };
        Ok(Args {
            project: checked(OptId::Project, "--project", validate::id)?,
            org: checked(OptId::Org, "--org", validate::id)?,
            name: checked(OptId::Name, "--name", validate::profile_name)?,
            browser: !given.has(OptId::NoBrowser),
        })
    }
}

/// The user who logged in, as a verified ID token describes them, with their tokens.
struct Identity {
    login: Login,
    claims: Claims,
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = &Args::from(given)?;
    let env = app.profiles()?.current();
    if !env.requires_auth {
        return Err(
            Error::failed(format!("{} does not require a login", env.api_url))
                .hint("create a profile with `llamactl auth token --project ID`"),
        );
    }
    check_options(args, app, &env)?;
    let client = OidcClient::discover(&mut app.http, &env.api_url)?;
    let policy = UrlPolicy::for_control_plane(&env.api_url);
    let provider = Provider::fetch(&mut app.http, &client.discovery_url, &policy)?;
    // Before the user is asked for anything: no login succeeds without the keys.
    let keys = KeySet::fetch(&mut app.http, &provider)?;
    let tokens = obtain_tokens(args, app, &provider, &client)?;
    let outcome = identify(app, &provider, &client, &tokens, &keys)
        .and_then(|identity| create_profile(args, app, &env, identity));
    if let (Err(_), Some(refresh_token)) = (&outcome, &tokens.refresh_token) {
        // If this fails, the first error still is the one to report.
        let _ = token::revoke(&mut app.http, &provider, &client.id, refresh_token);
    }
    outcome
}

/// Finds wrong options before the user is asked to approve the login, as far as that is possible.
fn check_options(args: &Args, app: &mut App, env: &Environment) -> Result<()> {
    let Some(existing) = args.name.as_ref().and_then(|name| env.profile(name)) else {
        return Ok(());
    };
    if existing.oidc.is_none() {
        return Err(profile::name_is_taken(&existing.name));
    }
    // The login will be of the same user, whose projects the profile's key can list.
    if let (Some(id), Some(key)) = (&args.project, &existing.api_key) {
        let origin = CredentialOrigin::Provided;
        let mut api = Api::new(&mut app.http, &env.api_url, Some(key), origin);
        if let Ok(projects) = api.projects(args.org.as_deref()) {
            find_project(&projects, id, &env.api_url)?;
        }
    }
    Ok(())
}

/// Runs the device flow: shows the code, opens a browser, and waits for the user's approval.
fn obtain_tokens(
    args: &Args,
    app: &mut App,
    provider: &Provider,
    client: &OidcClient,
) -> Result<TokenSet> {
    let Some(endpoint) = &provider.device_authorization_endpoint else {
        return Err(Error::failed(format!(
            "the identity provider {} does not support the device flow",
            provider.issuer
        ))
        .hint("sign in with an API key: `llamactl auth token`"));
    };
    let authorization = device::authorize(&mut app.http, provider, endpoint, &client.id)?;
    show(args, app, provider, &authorization);
    wait_for_approval(app, provider, client, &authorization).map_err(|error| match error {
        DeviceError::Denied => Error::failed("the login was denied in the browser")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        DeviceError::Expired => Error::failed("the code expired before the login was approved")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        DeviceError::Provider(error) => error.into(),
    })
}

fn show(args: &Args, app: &App, provider: &Provider, authorization: &DeviceAuthorization) {
    let issuer = host_of(&provider.issuer);
    let control_plane = host_of(provider.policy.control_plane().as_str());
    let remark = match is_related(issuer, control_plane) {
        true => String::new(),
        false => format!(" (another domain than {control_plane})"),
    };
    message::line(&format!("identity provider:  {}{remark}", provider.issuer));
    message::line(&format!(
        "open this URL:      {}",
        authorization.verification_uri
    ));
    message::line(&format!("enter this code:    {}", authorization.user_code));
    if let Some(complete) = &authorization.verification_uri_complete {
        message::line(&format!("both in one:        {complete}"));
    }
    if args.browser && app.is_interactive() {
        let url = authorization.verification_uri_complete.as_ref();
        if browser::open(app.vars, url.unwrap_or(&authorization.verification_uri)) {
            message::status("opened in a browser; compare the code");
        }
    }
}

/// Whether two hosts seem to belong to the same organization: both are this machine, or they have the same domain, as
/// `api.acme.example` and `id.acme.example`.
fn is_related(one: &str, other: &str) -> bool {
    let is_address = |host: &str| host.parse::<std::net::IpAddr>().is_ok();
    if one.eq_ignore_ascii_case(other) || (is_loopback(one) && is_loopback(other)) {
        return true;
    }
    if is_address(one) || is_address(other) {
        return false;
    }
    let domain = |host: &str| {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<String> = host.split('.').map(str::to_string).collect();
        // `acme.co.uk` and `acme.com.au` have three labels.
        let length = match labels.as_slice() {
            [.., second, last] if second.len() <= 3 && last.len() == 2 => 3,
            _ => 2,
        };
        labels[labels.len().saturating_sub(length)..].to_vec()
    };
    domain(one) == domain(other) && domain(one).len() > 1
}

fn wait_for_approval(
    app: &mut App,
    provider: &Provider,
    client: &OidcClient,
    authorization: &DeviceAuthorization,
) -> Result<TokenSet, DeviceError> {
    let mut line = ProgressLine::new(app.is_interactive());
    if !app.is_interactive() {
        message::status(&format!(
            "waiting for approval, for at most {}",
            minutes_and_seconds(authorization.expires_in)
        ));
    }
    let http = &mut app.http;
    let outcome = device::wait(
        &app.clock,
        authorization,
        || {
            // The command's time limit does not include the wait for the user.
            http.reset_deadline();
            device::poll(http, provider, &client.id, authorization)
        },
        |remaining| {
            line.show(&format!(
                "waiting for approval, {} left",
                minutes_and_seconds(remaining)
            ));
        },
    );
    line.end();
    outcome
}

/// `9:05`
fn minutes_and_seconds(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Verifies the ID token.
fn identify(
    app: &mut App,
    provider: &Provider,
    client: &OidcClient,
    tokens: &TokenSet,
    keys: &KeySet,
) -> Result<Identity> {
    let Some(id_token) = &tokens.id_token else {
        return Err(Error::no_answer(format!(
            "the identity provider {} did not send an ID token",
            provider.issuer
        ))
        .hint("tell its administrator, or sign in with an API key: `llamactl auth token`"));
    };
    let now = app.clock.now();
    let expected = Expected {
        issuer: &provider.issuer,
        client_id: &client.id,
        now,
    };
    let claims = id_token::verify_with_current_keys(
        &mut app.http,
        provider,
        Some(keys),
        id_token.expose(),
        &expected,
    )??;
    let mut login = Login {
        subject: claims.subject.clone(),
        email: claims.email.clone(),
        client_id: client.id.clone(),
        discovery_url: client.discovery_url.clone(),
        device_name: device_name(app),
        access_token: tokens.access_token.clone(),
        access_token_expires: None,
        refresh_token: None,
        id_token: None,
        unknown: serde_json::Map::new(),
    };
    refresh::set_tokens(&mut login, tokens, now);
    Ok(Identity { login, claims })
}

/// Chooses the project, creates an API key if there is none yet, and stores the profile.
fn create_profile(args: &Args, app: &mut App, env: &Environment, identity: Identity) -> Result<()> {
    let Identity { login, claims } = identity;
    let existing = profile::to_update(env, args.name.as_deref(), &login)?;
    let name = match (existing, &args.name) {
        (Some(existing), _) => existing.name.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => env.free_name(&profile::proposed_name(&claims)),
    };
    let (project_id, project_name) = choose_project(args, app, env, &login, existing)?;
    let mut profile = match existing {
        Some(existing) => existing.clone(),
        None => Profile::new(name, String::new()),
    };
    profile.project_id = project_id;
    profile.project_name = Some(project_name);
    let has_key = has_accepted_key(app, env, existing)?;
    // A signal must wait until the new key is either stored or deleted.
    let deferred = signals::defer();
    let created = match has_key {
        true => None,
        false => Some(create_key(app, &env.api_url, &login, &profile.name)?),
    };
    if let Some(created) = &created {
        profile.api_key = Some(created.key.clone());
        profile.api_key_id = Some(created.id.clone());
    }
    profile.oidc = Some(login.clone());
    let saved = match deferred.is_pending() {
        true => Err(Error::new(Kind::Interrupted, "interrupted")),
        false => save(app, &env.api_url, &profile, existing),
    };
    match saved {
        Ok(name) => {
            let verb = match existing {
                Some(_) => "updated",
                None => "created",
            };
            message::status(&format!(
                "{verb} profile {} in {} and made it current",
                quoted(&name),
                env.api_url
            ));
            Ok(())
        }
        Err(error) => {
            if let Some(created) = created {
                delete_key(app, &env.api_url, &login, &created);
            }
            Err(error)
        }
    }
}

/// The ID and the name of the profile's project.
fn choose_project(
    args: &Args,
    app: &mut App,
    env: &Environment,
    login: &Login,
    existing: Option<&Profile>,
) -> Result<(String, String)> {
    let url = &env.api_url;
    let projects = with_login(app, url, login).projects(args.org.as_deref())?;
    let current = existing.map(|profile| profile.project_id.as_str());
    let project = match &args.project {
        Some(id) => find_project(&projects, id, url)?.clone(),
        None => {
            let is_current = |project: &&Project| Some(project.project_id.as_str()) == current;
            match projects.iter().find(is_current) {
                Some(project) if !app.is_interactive() => project.clone(),
                kept => {
                    let org = kept.and_then(|project| project.org_id.as_deref());
                    let offered = match args.org {
                        Some(_) => projects.clone(),
                        None => of_chosen_organization(app, url, login, &projects, org)?,
                    };
                    select::project(app, &offered, current, "--project")?.clone()
                }
            }
        }
    };
    let id = select::project_id(&project, url)?;
    Ok((id, project.name().to_string()))
}

/// The projects of the organization that the user chooses, if there are several. `current` is marked.
fn of_chosen_organization(
    app: &mut App,
    url: &ApiUrl,
    login: &Login,
    projects: &[Project],
    current: Option<&str>,
) -> Result<Vec<Project>> {
    let mut ids: Vec<&str> = Vec::new();
    for id in projects.iter().filter_map(|p| p.org_id.as_deref()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() < 2 || !app.is_interactive() {
        return Ok(projects.to_vec());
    }
    let organizations = with_login(app, url, login)
        .organizations()?
        .unwrap_or_default();
    let by_id: BTreeMap<&str, &Organization> = organizations
        .iter()
        .map(|org| (org.org_id.as_str(), org))
        .collect();
    let labels: Vec<String> = ids
        .iter()
        .map(|id| match by_id.get(id) {
            Some(org) => format!("{} ({id})", org.org_name),
            None => (*id).to_string(),
        })
        .collect();
    let is_default = |id: &&str| by_id.get(id).is_some_and(|org| org.is_default);
    let marked = ids
        .iter()
        .position(|id| Some(*id) == current)
        .or_else(|| ids.iter().position(is_default))
        .unwrap_or(0);
    let chosen = ids[prompt::select("Organizations", &labels, Some(marked))?];
    app.http.reset_deadline();
    let is_in_it = |project: &&Project| project.org_id.as_deref() == Some(chosen);
    Ok(projects.iter().filter(is_in_it).cloned().collect())
}

/// The control plane, with the access token of the new login.
fn with_login<'a>(app: &'a mut App, url: &'a ApiUrl, login: &'a Login) -> Api<'a> {
    let origin = CredentialOrigin::NewLogin;
    Api::new(&mut app.http, url, Some(&login.access_token), origin)
}

/// Whether the existing profile has an API key that the server still accepts.
fn has_accepted_key(app: &mut App, env: &Environment, existing: Option<&Profile>) -> Result<bool> {
    app.http.reset_deadline();
    let Some(key) = existing.and_then(|profile| profile.api_key.as_ref()) else {
        return Ok(false);
    };
    let origin = CredentialOrigin::Provided;
    match Api::new(&mut app.http, &env.api_url, Some(key), origin).me() {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ApiErrorKind::Rejected => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn create_key(app: &mut App, url: &ApiUrl, login: &Login, profile: &str) -> Result<CreatedKey> {
    let name = format!("{} llamactl on {}", sanitize(profile), login.device_name);
    with_login(app, url, login)
        .create_key(&name)
        .map_err(|error| {
            let may_exist = error.was_sent && error.status.is_none_or(|status| status < 300);
            let error = Error::from(error);
            match may_exist {
                true => error.hint(format!(
                    "an API key named '{name}' may exist on {url} now: delete it there, then log in again"
                )),
                false => error,
            }
        })
}

/// Stores a login's profile and makes it current. `existing` is the profile that it updates. Returns the final name.
fn save(app: &App, url: &ApiUrl, profile: &Profile, existing: Option<&Profile>) -> Result<String> {
    app.change_profiles(|store| {
        if store.environment(url).is_none() {
            return Err(select::environment_deleted(url));
        }
        let env = store.environment_mut(url);
        let mut profile = profile.clone();
        match existing {
            Some(known) => {
                let stored = env.profile_mut(&known.name).filter(|stored| {
                    let logins = stored.oidc.as_ref().zip(known.oidc.as_ref());
                    logins.is_some_and(|(stored, known)| refresh::is_same_user(stored, known))
                });
                let Some(stored) = stored else {
                    return Err(Error::failed(format!(
                        "the profile '{}' was deleted during the login",
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

/// Deletes a key that cannot be stored.
fn delete_key(app: &mut App, url: &ApiUrl, login: &Login, created: &CreatedKey) {
    app.http.reset_deadline();
    if let Err(error) = with_login(app, url, login).delete_key(&created.id) {
        message::warn_always(&format!(
            "the API key {} is still valid on {url}, delete it there: {}",
            quoted(&created.id),
            error.message
        ));
    }
}

/// The name of this machine.
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
    let name: String = sanitize(name.trim())
        .chars()
        .take(MAX_DEVICE_NAME)
        .collect();
    match name.as_str() {
        "" => "this computer".to_string(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_minutes_and_seconds() {
        assert_eq!(minutes_and_seconds(605), "10:05");
        assert_eq!(minutes_and_seconds(0), "0:00");
    }

    #[test]
    fn hosts_of_one_domain_are_related() {
        for (one, other, related) in [
            ("api.acme.example", "id.acme.example", true),
            ("acme.example", "id.ACME.example", true),
            ("127.0.0.1", "localhost", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("api.acme.co.uk", "id.acme.co.uk", true),
            ("api.acme.co.uk", "id.evil.co.uk", false),
            ("api.acme.example", "acme.example.evil.example", false),
            ("api.acme.example", "acme.auth0.com", false),
            ("10.0.0.1", "20.0.0.1", false),
            ("plane", "provider", false),
        ] {
            assert_eq!(is_related(one, other), related, "{one} {other}");
            assert_eq!(is_related(other, one), related, "{other} {one}");
        }
    }
}
