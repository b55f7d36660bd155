//! Refreshes a login's access token (RFC 6749 §6), so that the login survives whatever happens meanwhile.
//!
//! Most providers replace the refresh token at each use, and end the login if an old one is used again. So:
//!
//! - One process at a time refreshes, under a lock of its own. After waiting for the lock it reads the store again: another
//!   process may have refreshed already.
//! - Disk space for the new tokens is reserved before the request is sent.
//! - The request is sent once. If the response is lost, the next attempt is the next command's.
//! - The new tokens are saved before they are used. Signals wait until then, and the store's lock is waited for as long as
//!   a minute.
//!
//! What remains: SIGKILL or a power cut between the provider's response and the rename of the new file loses the new
//! refresh token. The user then has to log in again.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::App;
use crate::clock::Clock as _;
use crate::error::{Error, Result, os_reason};
use crate::fs::lock::{self, Lock};
use crate::fs::open;
use crate::oidc::ProviderError;
use crate::oidc::discovery::Provider;
use crate::oidc::token::{self, TokenSet};
use crate::sanitize::sanitize;
use crate::store::{Login, Store, StoreFile};
use crate::term::signals;
use crate::url::{ApiUrl, UrlPolicy};

/// An access token that expires within so many seconds counts as expired: the request that it is for takes time, too.
const EXPIRY_MARGIN: u64 = 30;
/// How long to wait for another process that refreshes: it may be waiting for the provider.
const REFRESH_LOCK_LIMIT: Duration = Duration::from_secs(70);
/// How long to wait for the store's lock with new tokens in hand.
const STORE_LOCK_LIMIT: Duration = Duration::from_secs(60);
/// Disk space reserved for new tokens, in bytes. A token has at most 16 KiB.
const TOKEN_SPACE: usize = 64 * 1024;

/// Which profile a login belongs to.
#[derive(Clone, Copy, Debug)]
pub struct ProfileRef<'a> {
    /// The profile's environment.
    pub url: &'a ApiUrl,
    pub profile: &'a str,
}

pub fn is_expired(login: &Login, now: u64) -> bool {
    login
        .access_token_expires
        .is_some_and(|expires| expires <= now.saturating_add(EXPIRY_MARGIN))
}

/// The login with an access token that has not expired.
pub fn fresh(app: &mut App, profile: ProfileRef, login: &Login) -> Result<Login> {
    match is_expired(login, app.clock.now()) {
        true => renew(app, profile, login),
        false => Ok(login.clone()),
    }
}

/// Replaces the tokens of `seen`, which are no longer usable: with those that another process has stored meanwhile, or
/// else with new ones from the provider.
pub fn renew(app: &mut App, profile: ProfileRef, seen: &Login) -> Result<Login> {
    let file = StoreFile::locate(app.vars)?;
    let real = open::follow_symlinks(file.path()).map_err(|e| cannot_store(&e))?;
    let _lock = take_refresh_lock(&real, REFRESH_LOCK_LIMIT)?;
    let store = file.read()?.store;
    let mut login = stored_login(&store, profile, seen)?.clone();
    let is_newer = login.access_token != seen.access_token;
    if is_newer && !is_expired(&login, app.clock.now()) {
        return Ok(login);
    }
    let Some(refresh_token) = login.refresh_token.clone() else {
        return Err(login_ended(profile, "has expired"));
    };
    store.writable(file.path())?;
    let provider = Provider::fetch(
        &mut app.http,
        &login.discovery_url,
        &UrlPolicy::for_control_plane(profile.url),
    )?;
    let reserved = file.reserve(TOKEN_SPACE).map_err(|e| cannot_store(&e))?;
    // Until the tokens are stored, Ctrl-C must wait, and so must the time limit for all requests of the command.
    let _deferred = signals::defer();
    app.http.reset_deadline();
    let tokens = token::refresh(&mut app.http, &provider, &login.client_id, &refresh_token)
        .map_err(|error| match error {
            ProviderError::Rejected(_, error) if error.code == "invalid_grant" => login_ended(
                profile,
                &format!("was ended by the identity provider: {error}"),
            ),
            error => error.into(),
        })?;
    set_tokens(&mut login, &tokens, app.clock.now());
    let is_stored = app
        .change_profiles_reserved(reserved, STORE_LOCK_LIMIT, |store| {
            let stored = store
                .environments
                .iter_mut()
                .flat_map(|env| &mut env.profiles)
                .filter_map(|profile| profile.oidc.as_mut())
                .find(|stored| stored.refresh_token.as_ref() == Some(&refresh_token));
            let is_there = stored.is_some();
            if let Some(stored) = stored {
                *stored = login.clone();
            }
            Ok(is_there)
        })
        .map_err(|error| {
            error.hint(
                "the login's new tokens are lost; when this is fixed, log in again: `llamactl auth login`",
            )
        })?;
    match is_stored {
        true => Ok(login),
        false => Err(profile_changed(profile)),
    }
}

/// Sets new tokens. What the provider did not send stays.
pub fn set_tokens(login: &mut Login, tokens: &TokenSet, now: u64) {
    login.access_token = tokens.access_token.clone();
    login.access_token_expires = tokens.expires_in.map(|seconds| now.saturating_add(seconds));
    if tokens.refresh_token.is_some() {
        login.refresh_token.clone_from(&tokens.refresh_token);
    }
    if tokens.id_token.is_some() {
        login.id_token.clone_from(&tokens.id_token);
    }
}

/// Whether two logins are of the same user at the same provider.
pub fn is_same_user(one: &Login, other: &Login) -> bool {
    (&one.subject, &one.client_id, &one.discovery_url)
        == (&other.subject, &other.client_id, &other.discovery_url)
}

fn stored_login<'s>(store: &'s Store, profile: ProfileRef, seen: &Login) -> Result<&'s Login> {
    store
        .environments
        .iter()
        .find(|env| env.api_url == *profile.url)
        .and_then(|env| env.profile(profile.profile))
        .and_then(|profile| profile.oidc.as_ref())
        .filter(|login| is_same_user(login, seen))
        .ok_or_else(|| profile_changed(profile))
}

fn profile_changed(profile: ProfileRef) -> Error {
    Error::failed(format!(
        "the profile '{}' was changed or deleted by another process",
        sanitize(profile.profile)
    ))
    .hint("`llamactl auth get` lists the profiles")
}

fn login_ended(profile: ProfileRef, how: &str) -> Error {
    Error::auth(format!(
        "the login of the profile '{}' {how}",
        sanitize(profile.profile)
    ))
    .hint("log in again: `llamactl auth login`")
}

fn cannot_store(error: &io::Error) -> Error {
    Error::failed(format!(
        "the login cannot be refreshed, because its new tokens could not be stored: {}",
        os_reason(error)
    ))
    .hint("nothing was changed; check the permissions of the configuration directory and the free disk space")
}

/// Takes the lock `profiles.json.refresh.lock` beside the store.
fn take_refresh_lock(store: &Path, limit: Duration) -> Result<Lock> {
    let mut path = OsString::from(store);
    path.push(".refresh.lock");
    let path = PathBuf::from(path);
    lock::take_within(&path, limit).map_err(|e| match e.kind() {
        io::ErrorKind::TimedOut => Error::no_answer(format!(
            "another llamactl process has been refreshing a login for {} seconds, and still holds the lock '{}'",
            limit.as_secs(),
            sanitize(&path.display().to_string())
        ))
        .hint("nothing was changed; end that process, then try again"),
        _ => cannot_store(&e),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_lock_is_waited_for_until_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("profiles.json");
        let held = take_refresh_lock(&store, Duration::ZERO).unwrap();
        let error = take_refresh_lock(&store, Duration::from_millis(20)).unwrap_err();
        let path = directory.path().join("profiles.json.refresh.lock");
        assert_eq!(
            error.to_string(),
            format!(
                "error: another llamactl process has been refreshing a login for 0 seconds, and still holds the lock '{}'\n\
                hint: nothing was changed; end that process, then try again",
                path.display()
            )
        );
        assert_eq!(error.kind.exit_code(), 3);
        drop(held);
        assert!(take_refresh_lock(&store, Duration::ZERO).is_ok());
    }

    #[test]
    fn access_token_expires_with_a_margin() {
        let mut login: Login = serde_json::from_str(
            r#"{"subject":"s","client_id":"c","discovery_url":"u","access_token":"a"}"#,
        )
        .unwrap();
        assert!(!is_expired(&login, u64::MAX));
        for (expires, expired) in [(0, true), (1029, true), (1030, true), (1031, false)] {
            login.access_token_expires = Some(expires);
            assert_eq!(is_expired(&login, 1000), expired, "{expires}");
        }
    }

    #[test]
    fn tokens_that_the_provider_did_not_send_stay() {
        let mut login: Login = serde_json::from_str(
            r#"{"subject":"s","client_id":"c","discovery_url":"u","access_token":"a","refresh_token":"r","id_token":"i"}"#,
        )
        .unwrap();
        let tokens = TokenSet::parse(br#"{"access_token":"b","expires_in":60}"#).unwrap();
        set_tokens(&mut login, &tokens, 1000);
        let texts = [&login.refresh_token, &login.id_token].map(|t| t.as_ref().unwrap().expose());
        assert_eq!((login.access_token.expose(), texts), ("b", ["r", "i"]));
        assert_eq!(login.access_token_expires, Some(1060));
    }
}
