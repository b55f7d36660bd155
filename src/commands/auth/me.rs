//! `auth me`: prints the verified claims of a login's ID token.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::clock::Clock as _;
use crate::credentials::stored_profile;
use crate::error::{Error, Result};
use crate::login::refresh::{self, ProfileRef};
use crate::oidc::discovery::Provider;
use crate::oidc::id_token::{self, Claims, Expected, IdTokenError};
use crate::sanitize::sanitize;
use crate::store::Login;
use crate::term::output;
use crate::url::{ApiUrl, UrlPolicy};
use crate::vars;

struct Args {
    profile: Option<String>,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        Args {
            profile: given.text(OptId::Profile).map(str::to_string),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let variable = app.vars.text(vars::PROFILE)?;
    let store = app.profiles()?;
    let env = store.current();
    let profile = stored_profile(&store, &env, args.profile.as_deref(), variable.as_deref())?;
    let Some(login) = &profile.oidc else {
        return Err(Error::failed(format!(
            "the profile '{}' was not created by `llamactl auth login`",
            sanitize(&profile.name)
        ))
        .hint("only a browser login has an ID token; `llamactl auth get` lists the profiles"));
    };
    let verified = match verify(app, &env.api_url, login)? {
        Err(IdTokenError::Expired) => {
            let profile = ProfileRef {
                url: &env.api_url,
                profile: &profile.name,
            };
            let login = refresh::renew(app, profile, login)?;
            verify(app, &env.api_url, &login)?
        }
        verified => verified,
    };
    match verified {
        Ok(claims) if claims.subject == login.subject => output::data(&output::json(&claims.all)),
        Ok(_) => Err(IdTokenError::Invalid("was issued for another user").into()),
        Err(IdTokenError::Expired) => Err(Error::auth(format!(
            "the ID token of the profile '{}' has expired, and its provider sent no new one",
            sanitize(&profile.name)
        ))
        .hint("log in again: `llamactl auth login`")),
        Err(error) => Err(error.into()),
    }
}

/// Verifies the login's ID token. A missing one counts as expired: a refresh may bring one.
fn verify(
    app: &mut App,
    control_plane: &ApiUrl,
    login: &Login,
) -> Result<Result<Claims, IdTokenError>> {
    let Some(id_token) = &login.id_token else {
        return Ok(Err(IdTokenError::Expired));
    };
    let policy = UrlPolicy::for_control_plane(control_plane);
    let provider = Provider::fetch(&mut app.http, &login.discovery_url, &policy)?;
    let expected = Expected {
        issuer: &provider.issuer,
        client_id: &login.client_id,
        now: app.clock.now(),
    };
    let id_token = id_token.expose();
    Ok(id_token::verify_with_current_keys(
        &mut app.http,
        &provider,
        None,
        id_token,
        &expected,
    )?)
}
