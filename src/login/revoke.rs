//! Revokes what a browser login created: the API key on the control plane, and the login at its identity provider.
//!
//! Failures are part of the result: local data is deleted all the same.

use crate::api::session::by_login;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::login::refresh::ProfileRef;
use crate::oidc::discovery::Provider;
use crate::oidc::token;
use crate::store::{Login, Profile};
use crate::url::{ApiUrl, UrlPolicy};
use crate::validate;

/// What was revoked, and what was not.
#[derive(Debug)]
pub struct Revocation {
    pub key: KeyRevocation,
    pub login: LoginRevocation,
}

#[derive(Debug)]
pub enum KeyRevocation {
    /// The profile has no API key that a login created.
    None,
    Deleted {
        id: String,
    },
    /// The control plane did not know the key any more.
    AlreadyDeleted {
        id: String,
    },
    /// `key` is the key's ID or, if that is unknown, the masked key.
    StillValid {
        key: String,
        reason: String,
    },
}

#[derive(Debug)]
pub enum LoginRevocation {
    /// The profile has no login that could be revoked.
    None,
    Revoked,
    /// The provider has no revocation endpoint.
    Unsupported,
    Failed(Error),
}

/// Revokes what belongs to a profile. An API key that no login created is left alone.
pub fn revoke(app: &mut App, url: &ApiUrl, profile: &Profile) -> Revocation {
    let Some(login) = &profile.oidc else {
        let key = match &profile.api_key_id {
            Some(id) => KeyRevocation::StillValid {
                key: id.clone(),
                reason: "the profile has no login to delete it with".to_string(),
            },
            None => KeyRevocation::None,
        };
        return Revocation {
            key,
            login: LoginRevocation::None,
        };
    };
    let mut login = login.clone();
    // The key first: deleting it needs the login's access token.
    let key = revoke_key(app, url, profile, &mut login);
    let login = match revoke_login(&mut app.http, url, &login) {
        Ok(outcome) => outcome,
        Err(error) => LoginRevocation::Failed(error),
    };
    Revocation { key, login }
}

fn revoke_key(app: &mut App, url: &ApiUrl, profile: &Profile, login: &mut Login) -> KeyRevocation {
    let Some(id) = profile.api_key_id.clone() else {
        return match &profile.api_key {
            Some(key) => KeyRevocation::StillValid {
                key: key.masked(),
                reason: "its ID is not known".to_string(),
            },
            None => KeyRevocation::None,
        };
    };
    // It becomes a part of a URL, and the store may have been edited.
    if let Err(problem) = validate::path_id(&id) {
        return KeyRevocation::StillValid {
            key: id,
            reason: format!("its ID {problem}"),
        };
    }
    let profile = ProfileRef {
        url,
        profile: &profile.name,
    };
    match by_login(app, profile, login, |api| api.delete_key(&id)) {
        Ok(true) => KeyRevocation::Deleted { id },
        Ok(false) => KeyRevocation::AlreadyDeleted { id },
        Err(error) => KeyRevocation::StillValid {
            key: id,
            reason: error.message,
        },
    }
}

/// Revokes the login's refresh token at the provider.
pub fn revoke_login(
    http: &mut Http,
    control_plane: &ApiUrl,
    login: &Login,
) -> Result<LoginRevocation> {
    let Some(refresh_token) = &login.refresh_token else {
        return Ok(LoginRevocation::None);
    };
    let policy = UrlPolicy::for_control_plane(control_plane);
    let provider = Provider::fetch(http, &login.discovery_url, &policy)?;
    match token::revoke(http, &provider, &login.client_id, refresh_token)? {
        true => Ok(LoginRevocation::Revoked),
        false => Ok(LoginRevocation::Unsupported),
    }
}
