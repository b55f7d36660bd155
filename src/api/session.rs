//! Speaks to a control plane on the user's behalf: with the API key first, and with the access token of a browser login
//! where there is no key or the server refuses it.
//!
//! Every command that uses credentials goes through here, so that all of them fall back, refresh and warn alike.

use crate::api::client::{self, Api};
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::credentials::Credentials;
use crate::error::{Error, Kind};
use crate::http::TransportErrorKind;
use crate::login::refresh::{self, ProfileRef};
use crate::store::{Login, Profile};
use crate::term::prompt;
use crate::url::ApiUrl;

/// What a question to the server ends with.
type Answer<T> = std::result::Result<T, ApiError>;

/// Credentials in use.
#[derive(Debug)]
pub struct Session {
    /// What was decided on.
    pub credentials: Credentials,
    /// Whether the server refused the key, so that the login is used from here on.
    key_refused: bool,
}

impl Session {
    /// With what was decided on.
    pub fn new(credentials: Credentials) -> Session {
        Session {
            credentials,
            key_refused: false,
        }
    }

    /// The control plane.
    pub fn server(&self) -> &ApiUrl {
        &self.credentials.server.value
    }

    /// Whether there is nothing to show who asks, because the server wants nothing.
    pub fn is_anonymous(&self) -> bool {
        self.credentials.key.is_none() && self.login().is_none()
    }

    /// Asks the server, with whatever it accepts. `question` may be asked up to three times.
    ///
    /// # Errors
    /// What the last question ended with.
    pub fn ask<T>(
        &mut self,
        app: &mut App,
        mut question: impl FnMut(&mut Api) -> Answer<T>,
    ) -> Answer<T> {
        let by_key = self.credentials.key.is_some() || self.login().is_none();
        if by_key && !self.key_refused {
            let whose = self.credentials.whose();
            let key = self.credentials.secret();
            let server = &self.credentials.server.value;
            let answer = question(&mut Api::new(&mut app.http, server, key, whose));
            match answer {
                Err(trouble) if trouble.answer == Ok(401) && self.login().is_some() => {
                    prompt::warn(&format!(
                        "{} is refused by the server; the profile's login is used instead",
                        whose.key()
                    ));
                    self.key_refused = true;
                }
                answer => return answer,
            }
        }
        let server = self.credentials.server.value.clone();
        let Some(profile) = &mut self.credentials.profile else {
            return Err(trouble(Error::auth("there is no profile")));
        };
        let profile = &mut profile.value;
        let Some(login) = &mut profile.oidc else {
            return Err(trouble(Error::auth("there is no login")));
        };
        let whose = ProfileRef {
            url: &server,
            profile: &profile.name,
        };
        by_login(app, whose, login, question)
    }

    /// The stored profile that is used; none where the variables are.
    pub fn profile(&self) -> Option<&Profile> {
        self.credentials
            .profile
            .as_ref()
            .map(|profile| &profile.value)
    }

    fn login(&self) -> Option<&Login> {
        self.profile()?.oidc.as_ref()
    }
}

/// Asks the server with the access token of a login, which is refreshed where it has ended, and once where the server
/// refuses it before its time. `login` is what it is afterwards.
///
/// # Errors
/// What the last question ended with, or getting a token for it.
pub fn by_login<T>(
    app: &mut App,
    whose: ProfileRef,
    login: &mut Login,
    mut question: impl FnMut(&mut Api) -> Answer<T>,
) -> Answer<T> {
    let had = login.access_token.clone();
    *login = refresh::fresh(app, whose, login).map_err(trouble)?;
    let was_renewed = login.access_token != had;
    let answer = ask_with(app, whose, login, &mut question);
    if !was_renewed && matches!(&answer, Err(trouble) if trouble.answer == Ok(401)) {
        *login = refresh::renew(app, whose, login).map_err(trouble)?;
        return ask_with(app, whose, login, &mut question);
    }
    answer
}

fn ask_with<T>(
    app: &mut App,
    whose: ProfileRef,
    login: &Login,
    question: &mut impl FnMut(&mut Api) -> Answer<T>,
) -> Answer<T> {
    let token = Some(&login.access_token);
    let name = client::CredentialOrigin::Login(whose.profile);
    question(&mut Api::new(&mut app.http, whose.url, token, name))
}

/// That there was no token to ask with.
fn trouble(error: Error) -> ApiError {
    let why = match error.kind {
        Kind::Auth => ApiErrorKind::Rejected,
        Kind::NoAnswer => ApiErrorKind::OutOfReach,
        _ => ApiErrorKind::Setup,
    };
    ApiError {
        why,
        answer: Err(TransportErrorKind::Setup),
        error,
    }
}
