//! Which key, project and server a command uses, and where each came from: a flag, a variable, a profile or a default.
//!
//! The order is: a flag beats a variable beats the profile. A stored key never goes to another address than its own.
//! The decision is a pure function; only reading the variables and the store around it is IO.

#[cfg(test)]
mod tests;

use crate::api::client::CredentialOrigin;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{Environment, Profile, Store};
use crate::url::ApiUrl;
use crate::validate;
use crate::vars::{self, Vars};

/// What to do where there are no credentials.
pub const SIGN_IN: &str = "sign in with `llamactl auth login` or `llamactl auth token`";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An option, by its name.
    Flag(&'static str),
    /// An environment variable, by its name.
    Variable(&'static str),
    /// A stored profile, by its name.
    Profile(String),
    /// The current environment.
    Environment,
    /// What holds where nothing is said.
    Default,
}

/// A value, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// A value that is set somewhere and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// `environment`, `profile`, `project_id` or `key`.
    pub name: &'static str,
    /// The value; a key is masked.
    pub value: String,
    /// Where it is set.
    pub source: Source,
}

/// What a command needs, and what its line says.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialQuery<'a> {
    /// `--profile`.
    pub profile: Option<&'a str>,
    /// `--project`.
    pub project: Option<&'a str>,
    /// Whether it can't work without a project.
    pub needs_project: bool,
    /// Whether the key itself is handed on, so that the tokens of a login do not stand in for it.
    pub needs_key: bool,
    /// Whether half of the variables is an error: it deletes, or hands the credentials on.
    pub strict: bool,
}

/// The variables, as they are set; what does not count is not checked.
#[derive(Clone, Debug, Default)]
pub struct EnvOverrides {
    /// `LLAMA_CLOUD_API_KEY`.
    pub key: Option<String>,
    /// `LLAMA_AGENTS_PROJECT_ID`.
    pub project: Option<String>,
    /// `LLAMA_CLOUD_BASE_URL`.
    pub base_url: Option<String>,
    /// `LLAMA_CLOUD_USE_PROFILE`.
    pub use_profile: Option<String>,
    /// `LLAMACTL_PROFILE`.
    pub profile: Option<String>,
}

/// What a command works with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The control plane.
    pub server: Sourced<ApiUrl>,
    /// The API key; none where the server asks for none.
    pub key: Option<Sourced<Secret>>,
    /// The project.
    pub project: Option<Sourced<String>>,
    /// The stored profile that is used; none where the variables are.
    pub profile: Option<Sourced<Profile>>,
    /// What is set and does not count.
    pub shadowed: Vec<Shadowed>,
}

impl EnvOverrides {
    /// Reads the variables. Where a profile is named on the line none of them counts, and one that is no text is no error.
    ///
    /// # Errors
    /// Usage, where one is not UTF-8.
    pub fn read(vars: Vars, ask: &CredentialQuery) -> Result<EnvOverrides> {
        let text = |name: &str| match (vars.text(name), ask.profile) {
            (Err(_), Some(_)) => Ok(None),
            (read, _) => read,
        };
        Ok(EnvOverrides {
            key: text(vars::API_KEY)?,
            project: text(vars::PROJECT)?,
            base_url: text(vars::BASE_URL)?,
            use_profile: text(vars::USE_PROFILE)?,
            profile: text(vars::PROFILE)?,
        })
    }

    /// Reads the one variable that counts for commands that manage what is stored: which profile is meant.
    ///
    /// # Errors
    /// Usage, where it is not UTF-8.
    pub fn of_stored(vars: Vars) -> Result<EnvOverrides> {
        Ok(EnvOverrides {
            profile: vars.text(vars::PROFILE)?,
            ..EnvOverrides::default()
        })
    }

    /// All that are set but [`vars::USE_PROFILE`], as they can be shown.
    pub fn shown(&self) -> Vec<Shadowed> {
        // Nobody checked it: it may hold a password.
        let address = self
            .base_url
            .as_ref()
            .map(|text| match ApiUrl::parse(text) {
                Ok(url) => url.to_string(),
                Err(why) => format!("({why})"),
            });
        let masked = self
            .key
            .as_ref()
            .map(|key| Secret::new(key.trim().to_string()).masked());
        [
            ("environment", vars::BASE_URL, address),
            ("profile", vars::PROFILE, self.profile.clone()),
            ("project_id", vars::PROJECT, self.project.clone()),
            ("key", vars::API_KEY, masked),
        ]
        .into_iter()
        .filter_map(|(name, variable, value)| {
            Some(Shadowed {
                name,
                value: value?,
                source: Source::Variable(variable),
            })
        })
        .collect()
    }
}

impl Credentials {
    /// CredentialOrigin the key is, for messages.
    pub fn whose(&self) -> CredentialOrigin<'_> {
        match self.key.as_ref().map(|key| &key.source) {
            Some(Source::Profile(name)) => CredentialOrigin::Profile(name),
            Some(Source::Variable(name)) => CredentialOrigin::Variable(name),
            _ => CredentialOrigin::Provided,
        }
    }

    /// The key itself.
    pub fn secret(&self) -> Option<&Secret> {
        self.key.as_ref().map(|key| &key.value)
    }
}

/// Decides. `store` is called at most once, and only where it is needed or for a warning. What the user should know goes
/// to `warnings`, also where there is an error: sentences without a full stop.
///
/// # Errors
/// Usage, where a variable that counts is wrong or, for a strict command, half of a pair; Auth, where there are no
/// credentials; what `store` says where a profile is needed.
pub fn resolve(
    ask: &CredentialQuery,
    given: &EnvOverrides,
    store: impl FnOnce() -> Result<Store>,
    warnings: &mut Vec<String>,
) -> Result<Credentials> {
    let ignored = match (ask.profile, &given.use_profile) {
        (Some(_), _) => true,
        (None, Some(text)) => vars::parse_bool(vars::USE_PROFILE, text)?,
        (None, None) => false,
    };
    let enough = !ask.needs_project || ask.project.is_some() || given.project.is_some();
    let mut credentials = match &given.key {
        Some(key) if !ignored && enough => from_variables(ask, given, key, store, warnings)?,
        _ => {
            if !ignored {
                incomplete(ask, given, warnings)?;
            }
            from_profile(ask, given, &store()?)?
        }
    };
    let unused = unused_variables(given, &credentials);
    credentials.shadowed.extend(unused);
    Ok(credentials)
}

/// The variables that are set and did not count.
fn unused_variables(given: &EnvOverrides, credentials: &Credentials) -> Vec<Shadowed> {
    let used = [
        Some(&credentials.server.source),
        credentials.key.as_ref().map(|key| &key.source),
        credentials.project.as_ref().map(|project| &project.source),
        credentials.profile.as_ref().map(|profile| &profile.source),
    ];
    let set = given.shown().into_iter();
    set.filter(|one| !used.contains(&Some(&one.source)))
        .collect()
}

/// The stored profile that commands use: the one named, else the environment's current one.
///
/// # Errors
/// Auth, where there is none.
pub fn stored_profile<'e>(
    env: &'e Environment,
    flag: Option<&str>,
    variable: Option<&str>,
) -> Result<&'e Profile> {
    let named = flag.or(variable);
    let found = match named {
        Some(name) => env.profile(name),
        None => env.current(),
    };
    found.ok_or_else(|| {
        let error = Error::auth(match (flag, variable) {
            (None, None) => format!("no profile is current in {}", env.api_url),
            (Some(_), _) => format!("no profile in {} has the name in --profile", env.api_url),
            (None, Some(_)) => format!(
                "no profile in {} has the name in {}",
                env.api_url,
                vars::PROFILE
            ),
        });
        error.hint(match (env.profiles.is_empty(), named) {
            (true, _) => SIGN_IN,
            (false, Some(_)) => "`llamactl auth get` lists the profiles",
            (false, None) => {
                "choose one with `llamactl auth use`; `llamactl auth get` lists the profiles"
            }
        })
    })
}

fn from_variables(
    ask: &CredentialQuery,
    given: &EnvOverrides,
    key: &str,
    store: impl FnOnce() -> Result<Store>,
    warnings: &mut Vec<String>,
) -> Result<Credentials> {
    let wrong =
        |name: &str, why: &str| Error::usage(format!("the environment variable {name} {why}"));
    let key = validate::api_key(key).map_err(|why| wrong(vars::API_KEY, why))?;
    let server = match &given.base_url {
        Some(text) => Sourced {
            value: ApiUrl::parse(text).map_err(|why| wrong(vars::BASE_URL, why))?,
            source: Source::Variable(vars::BASE_URL),
        },
        None => Sourced {
            value: ApiUrl::llama_cloud(),
            source: Source::Default,
        },
    };
    let project = match (ask.project, &given.project) {
        (Some(flag), _) => Some(Sourced {
            value: flag.to_string(),
            source: Source::Flag("--project"),
        }),
        (None, Some(text)) => Some(Sourced {
            value: validate::id(text).map_err(|why| wrong(vars::PROJECT, why))?,
            source: Source::Variable(vars::PROJECT),
        }),
        (None, None) => None,
    };
    let mut shadowed = Vec::new();
    // Only to warn: whatever is wrong with the store is no business of these commands.
    let env = store().map(|store| store.current());
    let profile = env
        .as_ref()
        .ok()
        .and_then(|env| stored_profile(env, None, given.profile.as_deref()).ok());
    if let Some(profile) = profile {
        shadowed.push(Shadowed {
            name: "profile",
            value: profile.name.clone(),
            source: Source::Profile(profile.name.clone()),
        });
        warnings.push(format!(
            "{} is used, not the profile '{}'; set {}=1 to use the profile",
            vars::API_KEY,
            crate::sanitize::sanitize(&profile.name),
            vars::USE_PROFILE
        ));
    }
    Ok(Credentials {
        server,
        key: Some(Sourced {
            value: key,
            source: Source::Variable(vars::API_KEY),
        }),
        project,
        profile: None,
        shadowed,
    })
}

/// What to say of variables that do not count because others are missing.
fn incomplete(
    ask: &CredentialQuery,
    given: &EnvOverrides,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let half = match (&given.key, &given.project) {
        (Some(_), None) => Some((vars::API_KEY, vars::PROJECT)),
        (None, Some(_)) => Some((vars::PROJECT, vars::API_KEY)),
        _ => None,
    };
    if let Some((set, missing)) = half {
        if ask.strict {
            return Err(
                Error::usage(format!("{set} is set, but {missing} is not")).hint(format!(
                    "set both or neither, or use the profile with {}=1 or --profile NAME",
                    vars::USE_PROFILE
                )),
            );
        }
        warnings.push(format!("{set} is ignored because {missing} is not set"));
    }
    if given.base_url.is_some() && given.key.is_none() {
        warnings.push(format!(
            "{} is ignored because {} is not set",
            vars::BASE_URL,
            vars::API_KEY
        ));
    }
    Ok(())
}

fn from_profile(ask: &CredentialQuery, given: &EnvOverrides, store: &Store) -> Result<Credentials> {
    let env = store.current();
    let flag_project = ask.project.map(|id| Sourced {
        value: id.to_string(),
        source: Source::Flag("--project"),
    });
    let server = Sourced {
        value: env.api_url.clone(),
        source: match store.current_environment {
            Some(_) => Source::Environment,
            None => Source::Default,
        },
    };
    let named = ask.profile.or(given.profile.as_deref());
    let needs_none = !env.requires_auth && (!ask.needs_project || flag_project.is_some());
    if named.is_none() && env.current().is_none() && needs_none {
        // A server that asks for no key can be looked at before there is a profile.
        return Ok(Credentials {
            server,
            key: None,
            project: flag_project,
            profile: None,
            shadowed: Vec::new(),
        });
    }
    let profile = stored_profile(&env, ask.profile, given.profile.as_deref())?;
    let has_enough = profile.api_key.is_some() || (profile.oidc.is_some() && !ask.needs_key);
    if env.requires_auth && !has_enough {
        return Err(Error::auth(format!(
            "the profile '{}' has no API key, and {} asks for one",
            crate::sanitize::sanitize(&profile.name),
            env.api_url
        ))
        .hint(SIGN_IN));
    }
    let source = Source::Profile(profile.name.clone());
    let own = Sourced {
        value: profile.project_id.clone(),
        source: source.clone(),
    };
    let mut shadowed = Vec::new();
    let project = match flag_project {
        None => own,
        Some(project) => {
            shadowed.push(Shadowed {
                name: "project_id",
                value: own.value,
                source: own.source,
            });
            project
        }
    };
    Ok(Credentials {
        server: Sourced {
            value: env.api_url.clone(),
            source: source.clone(),
        },
        key: profile.api_key.clone().map(|value| Sourced {
            value,
            source: source.clone(),
        }),
        project: Some(project),
        profile: Some(Sourced {
            value: profile.clone(),
            source: match (ask.profile, &given.profile) {
                (Some(_), _) => Source::Flag("--profile"),
                (None, Some(_)) => Source::Variable(vars::PROFILE),
                (None, None) => Source::Default,
            },
        }),
        shadowed,
    })
}
