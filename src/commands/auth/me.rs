//! `auth me`: shows the verified claims of a login's id token.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::credentials::stored_profile;
use crate::error::{Error, Result};
use crate::login::refresh::{self, ProfileRef};
use crate::oidc::discovery::Provider;
use crate::oidc::id_token::{self, Claims, Expected, IdTokenError};
use crate::sanitize::sanitize;
use crate::store::Login;
use crate::term::output;
use crate::vars;

/// What the line says.
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
    let env = app.profiles()?.current();
    let profile = stored_profile(&env, args.profile.as_deref(), variable.as_deref())?;
    let Some(login) = &profile.oidc else {
        return Err(Error::failed(format!(
            "the profile '{}' was not made by `llamactl auth login`",
            sanitize(&profile.name)
        ))
        .hint(
            "only a browser login says who somebody is; `llamactl auth get` lists the profiles",
        ));
    };
    let claims = match look(app, login)? {
        Err(IdTokenError::Expired) => {
            let whose = ProfileRef {
                url: &env.api_url,
                profile: &profile.name,
            };
            let login = refresh::renew(app, whose, login)?;
            look(app, &login)?
        }
        looked => looked,
    };
    match claims {
        Ok(claims) if claims.subject == login.subject => output::data(&output::json(&claims.all)),
        Ok(_) => Err(id_token::disbelieved(IdTokenError::Other(
            "is of another user",
        ))),
        Err(IdTokenError::Expired) => Err(Error::auth(format!(
            "the id token of the profile '{}' has expired, and its provider gives no new one",
            sanitize(&profile.name)
        ))
        .hint("log in again: `llamactl auth login`")),
        Err(flaw) => Err(id_token::disbelieved(flaw)),
    }
}

/// Checks the login's id token; one that is not there has expired.
fn look(app: &mut App, login: &Login) -> Result<std::result::Result<Claims, IdTokenError>> {
    let Some(token) = &login.id_token else {
        return Ok(Err(IdTokenError::Expired));
    };
    let provider = Provider::read(&mut app.http, &login.discovery_url)?;
    let expected = Expected {
        issuer: &provider.issuer,
        client_id: &login.client_id,
        now: app.clock.now(),
    };
    id_token::check(
        &mut app.http,
        &provider,
        &mut None,
        token.expose(),
        &expected,
    )
}
