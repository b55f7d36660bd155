//! Takes back what a browser login made: the API key on the control plane, and the login at its provider.
//!
//! What can't be taken back is said, with the key's id; it never keeps local data alive.

use crate::api::session::by_login;
use crate::app::App;
use crate::error::Error;
use crate::http::{Body, Http, Method, Request};
use crate::login::refresh::ProfileRef;
use crate::oidc::discovery::Provider;
use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::store::Profile;
use crate::term::prompt;
use crate::url::ApiUrl;

/// Revokes what belongs to a profile, and says what was revoked and what was not. A key that was made elsewhere is left
/// alone.
pub fn revoke(app: &mut App, url: &ApiUrl, profile: &Profile) {
    let name = sanitize(&profile.name);
    let Some(login) = &profile.oidc else {
        if let Some(id) = &profile.api_key_id {
            still_alive(url, id, "the profile has no login to delete it with");
        }
        return;
    };
    let mut login = login.clone();
    let whose = ProfileRef {
        url,
        profile: &profile.name,
    };
    match (&profile.api_key_id, &profile.api_key) {
        (Some(id), _) => {
            let deleted = by_login(app, whose, &mut login, |api| api.delete_key(id));
            match deleted {
                Ok(true) => prompt::say(&format!("deleted the API key {} on {url}", sanitize(id))),
                Ok(false) => prompt::say(&format!(
                    "the API key {} was not on {url} any more",
                    sanitize(id)
                )),
                Err(trouble) => still_alive(url, id, &trouble.error.message),
            }
        }
        (None, Some(key)) => still_alive(url, &key.masked(), "its id is not known"),
        (None, None) => {}
    }
    let Some(token) = &login.refresh_token else {
        return;
    };
    match end_login(&mut app.http, &login.discovery_url, &login.client_id, token) {
        Ok(true) => prompt::say(&format!("ended the login of {name} at its provider")),
        Ok(false) => prompt::say(&format!(
            "the provider of the login of {name} has no way to end it; it ends by itself"
        )),
        Err(error) => prompt::warn(&format!(
            "the login of {name} could not be ended at its provider: {}",
            error.message
        )),
    }
}

fn still_alive(url: &ApiUrl, id: &str, why: &str) {
    prompt::warn(&format!(
        "the API key {} is still good on {url}, delete it there: {why}",
        sanitize(id)
    ));
}

/// Revokes a refresh token (RFC 7009), and with it the login. False where the provider has no endpoint for that.
///
/// # Errors
/// What the request ends with.
pub fn end_login(
    http: &mut Http,
    discovery_url: &str,
    client_id: &str,
    token: &Secret,
) -> Result<bool, Error> {
    let provider = Provider::read(http, discovery_url)?;
    end_login_at(http, &provider, client_id, token)
}

/// As [`end_login`], at a provider that is known already.
///
/// # Errors
/// What the request ends with.
pub fn end_login_at(
    http: &mut Http,
    provider: &Provider,
    client_id: &str,
    token: &Secret,
) -> Result<bool, Error> {
    let Some(endpoint) = &provider.revocation_endpoint else {
        return Ok(false);
    };
    let form = [
        ("token", token.expose()),
        ("token_type_hint", "refresh_token"),
        ("client_id", client_id),
    ];
    let response = http
        .send(&Request {
            method: Method::Post,
            url: endpoint.clone(),
            bearer: None,
            body: Body::Form(&form),
        })
        .map_err(|failure| failure.error)?;
    match response.status {
        200..300 => Ok(true),
        status => Err(Error::no_answer(format!("it answers {status}"))),
    }
}
