//! Keeps a login alive: a new access token for the refresh token (RFC 6749 §6), as one transaction.
//!
//! Most providers give a new refresh token with every answer and end the login where an old one comes again. So one
//! process at a time asks, under a lock of its own; it looks first whether another one has asked already; there is room
//! on the disk for the answer before the question goes out ([`spool`]); and the answer is stored before it is used. What
//! is left is the moment in which the answer is on its way from the provider to our disk: who is killed then takes the only
//! copy of the new token with it.

use std::io;
use std::path::{Path, PathBuf};

use super::spool::{self, Kept, Spool};
use crate::app::App;
use crate::error::{Error, Result, os_reason};
use crate::fs::atomic;
use crate::fs::lock::{self, Lock};
use crate::oidc::device::post;
use crate::oidc::discovery::Provider;
use crate::oidc::{OAuthError, TokenSet, unusable};
use crate::sanitize::sanitize;
use crate::store::{Login, Store, StoreFile};
use crate::term::signals;
use crate::url::ApiUrl;

/// An access token that ends within so many seconds has ended: the request it is for takes time, too.
const SOON: u64 = 30;
/// How often the lock is waited for, 10 seconds each: another process may be waiting for the provider.
const LOCK_TRIES: u32 = 7;

/// Which login is meant.
#[derive(Clone, Copy, Debug)]
pub struct ProfileRef<'a> {
    /// The environment that its profile is in.
    pub url: &'a ApiUrl,
    /// The profile's name.
    pub profile: &'a str,
}

/// Whether the access token has ended, as far as that is known.
pub fn has_ended(login: &Login, now: u64) -> bool {
    login
        .access_token_expires
        .is_some_and(|end| end <= now.saturating_add(SOON))
}

/// The login with an access token that has not ended.
///
/// # Errors
/// As [`renew`].
pub fn fresh(app: &mut App, whose: ProfileRef, login: &Login) -> Result<Login> {
    match has_ended(login, app.clock.now()) {
        true => renew(app, whose, login),
        false => Ok(login.clone()),
    }
}

/// The login with other tokens than those of `seen`, which are no longer of use: what another process has got meanwhile,
/// or what the provider gives now.
///
/// # Errors
/// Auth, where the login has ended; what a request ends with, and then nothing has changed; Failed, where the answer
/// can't be stored.
pub fn renew(app: &mut App, whose: ProfileRef, seen: &Login) -> Result<Login> {
    let file = StoreFile::locate(app.vars)?;
    let real = atomic::follow_links(file.path()).map_err(|e| unready(&e))?;
    let _lock = take(&lock_beside(&real))?;
    settle(app, &real)?;
    let store = file.read()?.store;
    let mut login = stored(&store, whose, seen)?.clone();
    let is_newer = login.access_token != seen.access_token;
    if is_newer && !has_ended(&login, app.clock.now()) {
        return Ok(login);
    }
    let Some(spent) = login.refresh_token.clone() else {
        return Err(over(whose, "has ended"));
    };
    store.writable(file.path())?;
    let provider = Provider::read(&mut app.http, &login.discovery_url)?;
    let mut spool = Spool::prepare(&real).map_err(|e| unready(&e))?;
    // From here on a Ctrl-C waits: it must not come between the provider and the disk.
    let _deferred = signals::defer();
    // Cut short by our own impatience, the answer would be lost, too.
    app.http.reset_deadline();
    let tokens = match ask(app, whose, &provider, &login.client_id, spent.expose()) {
        Ok(tokens) => tokens,
        Err(error) => {
            spool.discard();
            return Err(error);
        }
    };
    put(&mut login, &tokens, app.clock.now());
    let kept = Kept { spent, login };
    let written = spool.keep(&kept);
    let outcome = store_kept(app, &kept);
    match (outcome, written) {
        (Ok(is_there), _) => {
            spool.discard();
            is_there.then_some(kept.login).ok_or_else(|| gone(whose))
        }
        (Err(error), Ok(())) => {
            Err(error
                .hint("the login's new tokens are kept beside that file; mend it and try again"))
        }
        (Err(error), Err(_)) => {
            spool.discard();
            Err(error.hint("the login's new tokens are lost; mend that, then log in again: `llamactl auth login`"))
        }
    }
}

/// Asks the provider, once.
fn ask(
    app: &mut App,
    whose: ProfileRef,
    provider: &Provider,
    client_id: &str,
    refresh_token: &str,
) -> Result<TokenSet> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", client_id),
    ];
    let response =
        post(&mut app.http, &provider.token_endpoint, &form).map_err(|failure| failure.error)?;
    match (
        TokenSet::parse(&response.body),
        OAuthError::parse(&response.body),
    ) {
        (Some(tokens), _) if response.status == 200 => Ok(tokens),
        (_, Some(no)) if no.code == "invalid_grant" => Err(over(
            whose,
            &format!("was ended by the provider: {}", no.said),
        )),
        _ => Err(unusable("the request for a new access token", &response)),
    }
}

/// Puts what another process got, but could not store any more, into the store.
///
/// # Errors
/// Failed, where the store can't be written.
pub fn recover(app: &App) -> Result<()> {
    let file = StoreFile::locate(app.vars)?;
    let real = atomic::follow_links(file.path()).map_err(|e| unready(&e))?;
    if !spool::beside(&real).exists() {
        return Ok(());
    }
    let _lock = take(&lock_beside(&real))?;
    settle(app, &real)
}

/// The same, with the lock held.
fn settle(app: &App, store: &Path) -> Result<()> {
    let path = spool::beside(store);
    if let Some(kept) = spool::left(&path).map_err(|e| unready(&e))? {
        store_kept(app, &kept)?;
        spool::discard(&path);
    }
    Ok(())
}

/// Puts a login in the place of the one whose refresh token was spent for it. False where that is gone.
fn store_kept(app: &App, kept: &Kept) -> Result<bool> {
    app.change_profiles(|store| {
        let profiles = store
            .environments
            .iter_mut()
            .flat_map(|env| &mut env.profiles);
        let mut is_there = false;
        for login in profiles.filter_map(|profile| profile.oidc.as_mut()) {
            if login.refresh_token.as_ref() == Some(&kept.spent) {
                *login = kept.login.clone();
                is_there = true;
            }
        }
        Ok(is_there)
    })
}

/// Puts new tokens into a login; what the provider did not send stays.
pub fn put(login: &mut Login, tokens: &TokenSet, now: u64) {
    login.access_token = tokens.access.clone();
    login.access_token_expires = tokens.expires_in.map(|seconds| now.saturating_add(seconds));
    if tokens.refresh.is_some() {
        login.refresh_token.clone_from(&tokens.refresh);
    }
    if tokens.id.is_some() {
        login.id_token.clone_from(&tokens.id);
    }
}

/// Whether two logins are of the same user at the same provider.
pub fn is_same(one: &Login, other: &Login) -> bool {
    (&one.subject, &one.client_id, &one.discovery_url)
        == (&other.subject, &other.client_id, &other.discovery_url)
}

fn stored<'s>(store: &'s Store, whose: ProfileRef, seen: &Login) -> Result<&'s Login> {
    store
        .environments
        .iter()
        .find(|env| env.api_url == *whose.url)
        .and_then(|env| env.profile(whose.profile))
        .and_then(|profile| profile.oidc.as_ref())
        .filter(|login| is_same(login, seen))
        .ok_or_else(|| gone(whose))
}

fn gone(whose: ProfileRef) -> Error {
    Error::failed(format!(
        "the profile '{}' was changed or deleted by another process",
        sanitize(whose.profile)
    ))
    .hint("`llamactl auth get` lists the profiles")
}

/// That somebody has to log in again.
fn over(whose: ProfileRef, how: &str) -> Error {
    Error::auth(format!(
        "the login of the profile '{}' {how}",
        sanitize(whose.profile)
    ))
    .hint("log in again: `llamactl auth login`")
}

fn unready(error: &io::Error) -> Error {
    Error::failed(format!(
        "the login can't be refreshed, because its new tokens can't be stored: {}",
        os_reason(error)
    ))
    .hint("nothing was changed; check the configuration directory's rights and the free space on its disk")
}

fn take(path: &Path) -> Result<Lock> {
    for _ in 0..LOCK_TRIES {
        match lock::take(path) {
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
            Err(e) => return Err(unready(&e)),
            Ok(lock) => return Ok(lock),
        }
    }
    Err(
        Error::no_answer("another llamactl is refreshing the login and does not come to an end")
            .hint("nothing was changed; end that process, then try again"),
    )
}

fn lock_beside(store: &Path) -> PathBuf {
    let mut path = spool::beside(store).into_os_string();
    path.push(".lock");
    PathBuf::from(path)
}
