//! All that a command may touch: the variables, the store, the way to servers, and the person at the terminal.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::SystemClock;
use crate::credentials::{CredentialQuery, Credentials, EnvOverrides, resolve};
use crate::error::Result;
use crate::fs::atomic::Reserved;
use crate::http::Http;
use crate::store::{Store, StoreFile};
use crate::term::prompt;
use crate::url::ApiUrl;
use crate::vars::Vars;

/// Handed to every command.
#[derive(Debug)]
pub struct App {
    /// The environment variables.
    pub vars: Vars,
    /// The way to servers.
    pub http: Http,
    /// The time of day.
    pub clock: SystemClock,
}

impl App {
    /// The profiles as they are now; what is amiss with their file is said.
    ///
    /// # Errors
    /// Failed, where they can't be read.
    pub fn profiles(&self) -> Result<Store> {
        let found = StoreFile::locate(self.vars)?.read()?;
        prompt::warn_all(&found.warnings);
        Ok(found.store)
    }

    /// The key, project and server to work with, from an option, the variables or a profile; what the user should know of
    /// the choice is said, also where there is none.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn credentials(&self, ask: &CredentialQuery) -> Result<Credentials> {
        self.choose(ask, &EnvOverrides::read(self.vars, ask)?)
    }

    /// The same for commands that manage what is stored: from the profile alone.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn stored_credentials(&self, ask: &CredentialQuery) -> Result<Credentials> {
        self.choose(ask, &EnvOverrides::of_stored(self.vars)?)
    }

    fn choose(&self, ask: &CredentialQuery, given: &EnvOverrides) -> Result<Credentials> {
        let mut warnings = Vec::new();
        let outcome = resolve(ask, given, || self.profiles(), &mut warnings);
        prompt::warn_all(&warnings);
        outcome
    }

    /// Changes the profiles under the store's lock.
    ///
    /// # Errors
    /// What `change` says; Failed, where the file can't be read or written.
    pub fn change_profiles<T>(&self, change: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        let (outcome, warnings) = StoreFile::locate(self.vars)?.update(change)?;
        prompt::warn_all(&warnings);
        Ok(outcome)
    }

    /// The same with disk space that [`StoreFile::reserve`] reserved; the store's lock is waited for until `lock_limit`.
    pub fn change_profiles_reserved<T>(
        &self,
        reserved: Reserved,
        lock_limit: Duration,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<T> {
        let file = StoreFile::locate(self.vars)?;
        let (outcome, warnings) = file.update_reserved(reserved, lock_limit, change)?;
        prompt::warn_all(&warnings);
        Ok(outcome)
    }

    /// Whether a person can be asked.
    pub fn is_interactive(&self) -> bool {
        prompt::is_interactive(self.vars)
    }
}

/// The CA file stored with an environment. A store that cannot be read has none: the commands that need the store
/// report why.
pub fn stored_ca_file(vars: Vars, control_plane: &ApiUrl) -> Option<PathBuf> {
    let store = StoreFile::locate(vars).ok()?.read().ok()?.store;
    let environment = store
        .environments
        .iter()
        .find(|environment| environment.api_url == *control_plane)?;
    environment.ca_file.as_ref().map(PathBuf::from)
}
