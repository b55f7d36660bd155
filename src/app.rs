//! What every command gets: the environment variables, the store, HTTP, the clock and the terminal.

use std::path::PathBuf;
use std::time::Duration;

use crate::api::ApiError;
use crate::api::client::Api;
use crate::api::session::Session;
use crate::clock::SystemClock;
use crate::credentials::{
    CredentialQuery, Credentials, EnvOverrides, Sourced, resolve, unknown_environment,
};
use crate::error::Result;
use crate::fs::atomic::Reserved;
use crate::http::Http;
use crate::store::{Environment, Store, StoreFile};
use crate::term::prompt;
use crate::url::ApiUrl;
use crate::vars::Vars;

#[derive(Debug)]
pub struct App {
    pub vars: Vars,
    pub http: Http,
    pub clock: SystemClock,
    /// `--environment` or `LLAMACTL_ENVIRONMENT`: the environment for this command instead of the current one.
    pub environment: Option<Sourced<ApiUrl>>,
    /// The environment as its server describes it, once that was requested: the store may not be writable.
    verified: Option<Environment>,
}

impl App {
    pub fn new(
        vars: Vars,
        http: Http,
        clock: SystemClock,
        environment: Option<Sourced<ApiUrl>>,
    ) -> App {
        App {
            vars,
            http,
            clock,
            environment,
            verified: None,
        }
    }

    /// The stored profiles; warns about problems with their file.
    pub fn profiles(&self) -> Result<Store> {
        let mut found = StoreFile::locate(self.vars)?.read()?;
        prompt::warn_all(&found.warnings);
        self.select_environment(&mut found.store)?;
        if let Some(verified) = &self.verified {
            verified.copy_server_properties(found.store.environment_mut(&verified.api_url));
        }
        Ok(found.store)
    }

    /// Changes the profiles under the store's lock.
    pub fn change_profiles<T>(&self, change: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        let (outcome, warnings) = StoreFile::locate(self.vars)?.update(|store| {
            self.select_environment(store)?;
            change(store)
        })?;
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

    fn select_environment(&self, store: &mut Store) -> Result<()> {
        if let Some(Sourced { value: url, .. }) = &self.environment {
            if store.environment(url).is_none() {
                return Err(unknown_environment(url));
            }
            store.selected_environment = Some(url.clone());
        }
        Ok(())
    }

    /// The credentials from options, environment variables or a profile. Prints the warnings about that choice, also if
    /// there is an error. Nothing is sent.
    pub fn credentials(&self, query: &CredentialQuery) -> Result<Credentials> {
        let query = self.with_environment(query);
        self.resolve(&query, &EnvOverrides::read(self.vars, &query)?)
    }

    /// The same for commands that manage what is stored: the profile's credentials, whatever the variables say.
    pub fn stored_credentials(&self, query: &CredentialQuery) -> Result<Credentials> {
        self.resolve(query, &EnvOverrides::profile_only(self.vars)?)
    }

    /// As [`App::credentials`] with variables that were read before: a key file may be readable only once.
    pub fn resolve(
        &self,
        query: &CredentialQuery,
        overrides: &EnvOverrides,
    ) -> Result<Credentials> {
        let query = self.with_environment(query);
        let mut warnings = Vec::new();
        let outcome = resolve(&query, overrides, || self.profiles(), &mut warnings);
        prompt::warn_all(&warnings);
        outcome
    }

    /// The credentials of a command that sends requests. An environment that was added without contacting its server is
    /// verified first.
    pub fn session(&mut self, query: &CredentialQuery) -> Result<Session> {
        let overrides = EnvOverrides::read(self.vars, query)?;
        if !overrides.are_used(query)? {
            self.verify_environment()?;
        }
        Ok(Session::new(self.resolve(query, &overrides)?))
    }

    /// As [`App::session`], with [`App::stored_credentials`].
    pub fn stored_session(&mut self, query: &CredentialQuery) -> Result<Session> {
        self.verify_environment()?;
        Ok(Session::new(self.stored_credentials(query)?))
    }

    /// The environment in use. If it was added without contacting its server, its version is requested now, and what was
    /// assumed is corrected in the store.
    pub fn verify_environment(&mut self) -> std::result::Result<Environment, ApiError> {
        let mut env = self
            .profiles()
            .map_err(ApiError::without_request)?
            .into_current();
        if env.verified {
            return Ok(env);
        }
        let url = env.api_url.clone();
        let (version, responding_url) = Api::without_key(&mut self.http, &url).version()?;
        if responding_url != url.as_str() {
            // Credentials follow no redirect, so the request after this one fails with what to do.
            return Ok(env);
        }
        env.verified = true;
        env.requires_auth = version.requires_auth;
        env.min_llamactl_version
            .clone_from(&version.min_llamactl_version);
        env.capabilities.clone_from(&version.capabilities);
        let saved = self.change_profiles(|store| {
            // Not if another process has deleted it.
            if store.environment(&url).is_some() {
                env.copy_server_properties(store.environment_mut(&url));
            }
            Ok(())
        });
        prompt::say(&format!(
            "verified {url}: it requires {}",
            match env.requires_auth {
                true => "authentication",
                false => "no authentication",
            }
        ));
        if let Err(error) = saved {
            self.warn(&format!("this was not saved: {}", error.message));
        }
        self.verified = Some(env.clone());
        Ok(env)
    }

    fn with_environment<'a>(&'a self, query: &CredentialQuery<'a>) -> CredentialQuery<'a> {
        CredentialQuery {
            environment: self.environment.as_ref(),
            ..*query
        }
    }

    pub fn warn(&self, sentence: &str) {
        prompt::warn(sentence);
    }

    /// Whether the user can be asked.
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
