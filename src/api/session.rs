//! Requests to a control plane on the user's behalf: with the API key first, and with the access token of a browser
//! login if there is no key or the server rejects it.

use crate::api::ApiError;
use crate::api::client::{Api, CredentialOrigin};
use crate::app::App;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::login::refresh::{self, ProfileRef};
use crate::store::{Login, Profile};
use crate::url::ApiUrl;

type ApiResult<T> = std::result::Result<T, ApiError>;

/// Credentials in use.
#[derive(Debug)]
pub struct Session {
    pub credentials: Credentials,
    /// The server rejected the key, so the login is used from here on.
    key_rejected: bool,
}

impl Session {
    pub fn new(credentials: Credentials) -> Session {
        Session {
            credentials,
            key_rejected: false,
        }
    }

    pub fn server(&self) -> &ApiUrl {
        &self.credentials.server.value
    }

    /// Neither a key nor a login is sent.
    pub fn is_anonymous(&self) -> bool {
        self.credentials.key.is_none() && self.login().is_none()
    }

    /// The stored profile in use; `None` if environment variables are used instead.
    pub fn profile(&self) -> Option<&Profile> {
        let profile = self.credentials.profile.as_ref();
        profile.map(|profile| &profile.value)
    }

    fn login(&self) -> Option<&Login> {
        self.profile()?.oidc.as_ref()
    }

    /// Sends a request with whatever the server accepts: `request` runs up to three times.
    pub fn ask<T>(
        &mut self,
        app: &mut App,
        mut request: impl FnMut(&mut Api) -> ApiResult<T>,
    ) -> ApiResult<T> {
        let by_key = self.credentials.key.is_some() || self.login().is_none();
        if by_key && !self.key_rejected {
            let origin = self.credentials.key_origin();
            let key = self.credentials.secret();
            let server = &self.credentials.server.value;
            let outcome = request(&mut Api::new(&mut app.http, server, key, origin));
            let is_rejected = matches!(&outcome, Err(error) if error.status == Some(401));
            if !is_rejected || self.login().is_none() {
                return outcome;
            }
            app.warn(&format!(
                "the server rejected {}; the profile's login is used instead",
                origin.description()
            ));
            self.key_rejected = true;
        }
        let server = self.credentials.server.value.clone();
        let profile = self.credentials.profile.as_mut();
        let Some((name, login)) = profile.and_then(|profile| {
            let profile = &mut profile.value;
            Some((&profile.name, profile.oidc.as_mut()?))
        }) else {
            let error = Error::auth("neither an API key nor a login is available");
            return Err(ApiError::without_request(error));
        };
        let profile = ProfileRef {
            url: &server,
            profile: name,
        };
        by_login(app, profile, login, request)
    }
}

/// Sends a request with the access token of a login. The token is refreshed if it has expired, and once if the server
/// rejects it before that; `login` has the new tokens afterwards.
pub fn by_login<T>(
    app: &mut App,
    profile: ProfileRef,
    login: &mut Login,
    mut request: impl FnMut(&mut Api) -> ApiResult<T>,
) -> ApiResult<T> {
    let old_token = login.access_token.clone();
    *login = refresh::fresh(app, profile, login).map_err(ApiError::without_request)?;
    let was_refreshed = login.access_token != old_token;
    let outcome = with_token(app, profile, login, &mut request);
    if !was_refreshed && matches!(&outcome, Err(error) if error.status == Some(401)) {
        *login = refresh::renew(app, profile, login).map_err(ApiError::without_request)?;
        return with_token(app, profile, login, &mut request);
    }
    outcome
}

fn with_token<T>(
    app: &mut App,
    profile: ProfileRef,
    login: &Login,
    request: &mut impl FnMut(&mut Api) -> ApiResult<T>,
) -> ApiResult<T> {
    let token = Some(&login.access_token);
    let origin = CredentialOrigin::Login(profile.profile);
    request(&mut Api::new(&mut app.http, profile.url, token, origin))
}
