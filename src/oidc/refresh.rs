//! Keeps a login alive: a new access token for the refresh token (RFC 6749 §6), as one transaction.
//!
//! Most providers give a new refresh token with every answer and end the login where an old one comes again. So one
//! process at a time asks, under a lock of its own; it looks first whether another one has asked already; there is room
//! on the disk for the answer before the question goes out; and the answer is stored before it is used. What is left is
//! the moment between the provider's answer and the store's `rename`: a process that is killed there takes the only copy
//! of the new token with it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::device::post;
use super::discovery::Provider;
use super::{Refusal, Tokens, unusable};
use crate::address::ApiUrl;
use crate::app::App;
use crate::atomic;
use crate::error::{Error, Result, os_reason};
use crate::lock::{self, Lock};
use crate::output::plain;
use crate::store::{Login, Profile, Store, StoreFile};

/// An access token that ends within so many seconds has ended: the request it is for takes time, too.
const SOON: u64 = 30;
/// More than the tokens of an answer take in the store: 16 KiB each, escaped.
const ROOM: usize = 128 * 1024;
/// How often the lock is waited for, 10 seconds each: another process may be waiting for the provider.
const LOCK_TRIES: u32 = 7;
/// How often the answer is tried to be stored: there is no second copy of it.
const STORE_TRIES: u32 = 5;

/// Which login is meant.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The environment that its profile is in.
    pub url: &'a ApiUrl,
    /// The profile's name.
    pub profile: &'a str,
}

/// Whether the access token has ended, as far as that is known.
#[must_use]
pub fn has_ended(login: &Login, now: u64) -> bool {
    login
        .access_token_expires
        .is_some_and(|end| end <= now.saturating_add(SOON))
}

/// The login with an access token that has not ended.
///
/// # Errors
/// As [`renew`].
pub fn fresh(app: &mut App, whose: Whose, login: &Login) -> Result<Login> {
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
pub fn renew(app: &mut App, whose: Whose, seen: &Login) -> Result<Login> {
    let file = StoreFile::locate(app.vars)?;
    let real = atomic::follow_links(file.path()).map_err(|e| unready(&e))?;
    let _lock = take(&beside(&real, ".refresh.lock"))?;
    let store = file.read()?.store;
    let login = stored(&store, whose, seen)?.clone();
    let is_newer = login.access_token != seen.access_token;
    if is_newer && !has_ended(&login, app.clock.now()) {
        return Ok(login);
    }
    let Some(refresh_token) = &login.refresh_token else {
        return Err(over(whose, "has ended"));
    };
    store.writable(file.path())?;
    let provider = Provider::read(&mut app.http, &login.discovery_url)?;
    let room = Room::make(&real).map_err(|e| unready(&e))?;
    // Cut short by our own impatience, the answer would be lost.
    app.http.restart_clock();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
        ("client_id", &login.client_id),
    ];
    let response =
        post(&mut app.http, &provider.token_endpoint, &form).map_err(|failure| failure.error)?;
    let tokens = match Tokens::parse(&response.body) {
        Some(tokens) if response.status == 200 => tokens,
        _ => {
            let refusal = Refusal::parse(&response.body);
            return match refusal {
                Some(no) if no.code == "invalid_grant" => Err(over(
                    whose,
                    &format!("was ended by the provider: {}", no.said),
                )),
                _ => Err(unusable("the request for a new access token", &response)),
            };
        }
    };
    let now = app.clock.now();
    drop(room);
    save(app, whose, &login, &tokens, now)
}

/// Stores the answer, which is the only copy of a rotated token.
fn save(app: &App, whose: Whose, old: &Login, tokens: &Tokens, now: u64) -> Result<Login> {
    let mut tried = 0;
    loop {
        let stored = app.change_profiles(|store| {
            let profile = store
                .environment_mut(whose.url)
                .profile_mut(whose.profile)
                .and_then(|profile| profile.oidc.as_mut())
                .filter(|login| is_same(login, old));
            let Some(login) = profile else {
                return Err(gone(whose));
            };
            put(login, tokens, now);
            Ok(login.clone())
        });
        tried += 1;
        match stored {
            Err(_) if tried < STORE_TRIES => app.clock.sleep(Duration::from_millis(200)),
            Err(error) => {
                return Err(error.hint(
                    "the login's new tokens could not be stored; mend that, then log in again: `llamactl auth login`",
                ));
            }
            done => return done,
        }
    }
}

/// Puts new tokens into a login; what the provider did not send stays.
pub fn put(login: &mut Login, tokens: &Tokens, now: u64) {
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
#[must_use]
pub fn is_same(one: &Login, other: &Login) -> bool {
    (&one.subject, &one.client_id, &one.discovery_url)
        == (&other.subject, &other.client_id, &other.discovery_url)
}

fn stored<'s>(store: &'s Store, whose: Whose, seen: &Login) -> Result<&'s Login> {
    store
        .environments
        .iter()
        .find(|env| env.api_url == *whose.url)
        .and_then(|env| env.profile(whose.profile))
        .and_then(|profile: &Profile| profile.oidc.as_ref())
        .filter(|login| is_same(login, seen))
        .ok_or_else(|| gone(whose))
}

fn gone(whose: Whose) -> Error {
    Error::failed(format!(
        "the profile '{}' was changed or deleted by another process",
        plain(whose.profile)
    ))
    .hint("`llamactl auth get` lists the profiles")
}

/// That somebody has to log in again.
fn over(whose: Whose, how: &str) -> Error {
    Error::auth(format!(
        "the login of the profile '{}' {how}",
        plain(whose.profile)
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

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// A file that keeps room on the store's disk for what is to come. It has a fixed name: what a kill leaves behind, the
/// next one takes over.
#[derive(Debug)]
struct Room {
    path: PathBuf,
}

impl Room {
    fn make(store: &Path) -> io::Result<Room> {
        let size = fs::metadata(store).map_or(0, |found| found.len());
        let size = usize::try_from(size).unwrap_or(0).saturating_add(ROOM);
        let room = Room {
            path: beside(store, ".room"),
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&room.path)?;
        // Not zeros: a file system may keep those without taking any room.
        let block: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        file.write_all(&block)?;
        file.sync_all()?;
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
