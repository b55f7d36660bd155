//! All that a command may touch: the variables, the store, the way to servers, and the person at the terminal.

use crate::error::Result;
use crate::http::Http;
use crate::store::{Store, StoreFile};
use crate::terminal;
use crate::vars::Vars;

/// Handed to every command.
#[derive(Debug)]
pub struct App {
    /// The environment variables.
    pub vars: Vars,
    /// The way to servers.
    pub http: Http,
}

impl App {
    /// The profiles as they are now; what is amiss with their file is said.
    ///
    /// # Errors
    /// Failed, where they can't be read.
    pub fn profiles(&self) -> Result<Store> {
        let found = StoreFile::locate(self.vars)?.read()?;
        terminal::warn_all(&found.warnings);
        Ok(found.store)
    }

    /// Changes the profiles under the store's lock.
    ///
    /// # Errors
    /// What `change` says; Failed, where the file can't be read or written.
    pub fn change_profiles<T>(&self, change: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        let (outcome, warnings) = StoreFile::locate(self.vars)?.update(change)?;
        terminal::warn_all(&warnings);
        Ok(outcome)
    }

    /// Whether a person can be asked.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        terminal::is_interactive(self.vars)
    }
}
