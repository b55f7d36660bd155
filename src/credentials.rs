//! Which API key, project and server a command uses, and where each came from: an option, an environment variable, a
//! stored profile or a default.
//!
//! An option takes precedence over a variable, and a variable over the profile. A stored key is never sent to another URL
//! than its own. [`resolve`] decides without IO; reading the variables and the store is up to its callers.

pub mod key_file;
#[cfg(test)]
mod tests;

use crate::api::client::CredentialOrigin;
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::secret::Secret;
use crate::store::{Environment, Profile, Store};
use crate::url::{self, ApiUrl};
use crate::validate;
use crate::vars::{self, Vars};

/// The hint if there are no credentials.
pub const SIGN_IN: &str = "sign in with `llamactl auth login` or `llamactl auth token`";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An option, by its name with dashes.
    Option(&'static str),
    /// An environment variable, by its name.
    Variable(&'static str),
    /// A stored profile, by its name.
    Profile(String),
    /// The stored current environment.
    Environment,
    Default,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

/// A value that is set somewhere but not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// `environment`, `profile`, `project_id` or `key`.
    pub name: &'static str,
    /// The value; a key is masked.
    pub value: String,
    pub source: Source,
}

/// What a command needs, and its options.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialQuery<'a> {
    /// `--environment` or `LLAMACTL_ENVIRONMENT`; [`crate::app::App`] sets it.
    pub environment: Option<&'a Sourced<ApiUrl>>,
    /// `--profile`.
    pub profile: Option<&'a str>,
    /// `--project`.
    pub project: Option<&'a str>,
    /// The command cannot work without a project.
    pub needs_project: bool,
    /// The key itself is handed on, so the tokens of a login are no substitute for it.
    pub needs_key: bool,
    /// The command deletes or changes something or hands credentials on: half a pair of variables is an error.
    pub strict: bool,
}

/// The environment variables as they are set. Those that are not used are not validated.
#[derive(Clone, Debug, Default)]
pub struct EnvOverrides {
    /// `LLAMA_CLOUD_API_KEY`, or the content of the file named by `LLAMA_CLOUD_API_KEY_FILE`, with the variable's name.
    pub key: Option<(Secret, &'static str)>,
    /// `LLAMA_AGENTS_PROJECT_ID`.
    pub project: Option<String>,
    /// `LLAMA_CLOUD_BASE_URL`.
    pub base_url: Option<String>,
    /// `LLAMA_CLOUD_USE_PROFILE`.
    pub use_profile: Option<String>,
    /// `LLAMACTL_PROFILE`.
    pub profile: Option<String>,
    /// A variable that is set, not read, and probably meant as the project.
    pub project_near_miss: Option<&'static str>,
}

/// What a command works with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The control plane.
    pub server: Sourced<ApiUrl>,
    /// `None` if the server requires no authentication, or if the profile only has a login.
    pub key: Option<Sourced<Secret>>,
    pub project: Option<Sourced<String>>,
    /// The stored profile; `None` if environment variables are used.
    pub profile: Option<Sourced<Profile>>,
    pub shadowed: Vec<Shadowed>,
}

impl EnvOverrides {
    /// Reads the variables. With `--profile` they are ignored, even if they are not valid UTF-8.
    pub fn read(vars: Vars, query: &CredentialQuery) -> Result<EnvOverrides> {
        if query.profile.is_some() {
            let text = |name| vars.text(name).unwrap_or_default();
            return Ok(EnvOverrides {
                key: text(vars::API_KEY).map(|key| (Secret::new(key), vars::API_KEY)),
                project: text(vars::PROJECT),
                base_url: text(vars::BASE_URL),
                use_profile: text(vars::USE_PROFILE),
                profile: text(vars::PROFILE),
                project_near_miss: None,
            });
        }
        let use_profile = vars.text(vars::USE_PROFILE)?;
        let key = match (vars.text(vars::API_KEY)?, vars.path(vars::API_KEY_FILE)) {
            (Some(_), Some(_)) if !uses_profile(use_profile.as_deref())? => {
                return Err(Error::usage(format!(
                    "{} and {} are both set",
                    vars::API_KEY,
                    vars::API_KEY_FILE
                ))
                .hint("unset one of them"));
            }
            (Some(key), _) => Some((Secret::new(key), vars::API_KEY)),
            (None, Some(path)) if !uses_profile(use_profile.as_deref())? => {
                let key = key_file::read_variable(&path)?;
                Some((key, vars::API_KEY_FILE))
            }
            (None, _) => None,
        };
        let project = vars.text(vars::PROJECT)?;
        let near_miss = || {
            let mut names = vars::PROJECT_NEAR_MISSES.into_iter();
            names.find(|name| vars.raw(name).is_some())
        };
        Ok(EnvOverrides {
            key,
            project_near_miss: project.is_none().then(near_miss).flatten(),
            project,
            base_url: vars.text(vars::BASE_URL)?,
            use_profile,
            profile: vars.text(vars::PROFILE)?,
        })
    }

    /// For commands that manage what is stored: only `LLAMACTL_PROFILE` counts.
    pub fn profile_only(vars: Vars) -> Result<EnvOverrides> {
        Ok(EnvOverrides {
            profile: vars.text(vars::PROFILE)?,
            ..EnvOverrides::default()
        })
    }

    /// Every variable that is set, but for `LLAMA_CLOUD_USE_PROFILE`, as it can be shown.
    pub fn set_variables(&self) -> Vec<Shadowed> {
        // A URL that was not validated may hold a password.
        let base_url = self.base_url.as_ref().map(|text| {
            url::parse_environment(text)
                .map_or_else(|problem| format!("({problem})"), |url| url.to_string())
        });
        let key_name = self.key.as_ref().map_or(vars::API_KEY, |(_, name)| name);
        let masked = self
            .key
            .as_ref()
            .map(|(key, _)| Secret::new(key.expose().trim().to_string()).masked());
        [
            ("environment", vars::BASE_URL, base_url),
            ("profile", vars::PROFILE, self.profile.clone()),
            ("project_id", vars::PROJECT, self.project.clone()),
            ("key", key_name, masked),
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

    /// Whether the key from the variables is used, and no profile.
    pub fn are_used(&self, query: &CredentialQuery) -> Result<bool> {
        let has_project = query.project.is_some() || self.project.is_some();
        Ok(self.key.is_some()
            && query.profile.is_none()
            && !uses_profile(self.use_profile.as_deref())?
            && (has_project || !query.needs_project))
    }
}

impl Credentials {
    /// Where the key came from, for messages.
    pub fn key_origin(&self) -> CredentialOrigin<'_> {
        match self.key.as_ref().map(|key| &key.source) {
            Some(Source::Profile(name)) => CredentialOrigin::Profile(name),
            Some(Source::Variable(name)) => CredentialOrigin::Variable(name),
            _ => CredentialOrigin::Provided,
        }
    }

    pub fn secret(&self) -> Option<&Secret> {
        self.key.as_ref().map(|key| &key.value)
    }
}

/// Decides which credentials are used. `store` is called at most once, and only if the stored profile is needed or to
/// warn about it. `warnings` gets sentences without a full stop, also if there is an error.
pub fn resolve(
    query: &CredentialQuery,
    overrides: &EnvOverrides,
    store: impl FnOnce() -> Result<Store>,
    warnings: &mut Vec<String>,
) -> Result<Credentials> {
    let ignores_variables =
        query.profile.is_some() || uses_profile(overrides.use_profile.as_deref())?;
    let mut credentials = match &overrides.key {
        Some((key, name)) if overrides.are_used(query)? => {
            from_variables(query, overrides, (key, name), store, warnings)?
        }
        _ => {
            if !ignores_variables {
                check_pair(query, overrides, warnings)?;
            }
            from_profile(query, overrides, &store()?)?
        }
    };
    let unused = unused_variables(overrides, &credentials);
    credentials.shadowed.extend(unused);
    Ok(credentials)
}

fn uses_profile(variable: Option<&str>) -> Result<bool> {
    variable.map_or(Ok(false), |text| vars::parse_bool(vars::USE_PROFILE, text))
}

fn unused_variables(overrides: &EnvOverrides, credentials: &Credentials) -> Vec<Shadowed> {
    let used = [
        Some(&credentials.server.source),
        credentials.key.as_ref().map(|key| &key.source),
        credentials.project.as_ref().map(|project| &project.source),
        credentials.profile.as_ref().map(|profile| &profile.source),
    ];
    let mut variables = overrides.set_variables();
    variables.retain(|variable| !used.contains(&Some(&variable.source)));
    variables
}

/// The stored profile that commands use: the one named by an option or a variable, else the current one.
pub fn stored_profile<'e>(
    store: &Store,
    env: &'e Environment,
    option: Option<&str>,
    variable: Option<&str>,
) -> Result<&'e Profile> {
    let url = &env.api_url;
    let Some(name) = option.or(variable) else {
        return env.current().ok_or_else(|| {
            let hint = match env.profiles.is_empty() {
                true => SIGN_IN,
                false => {
                    "choose one with `llamactl auth use`; `llamactl auth get` lists the profiles"
                }
            };
            Error::auth(format!("no current profile in {url}")).hint(hint)
        });
    };
    env.profile(name).ok_or_else(|| {
        let source = match option {
            Some(_) => String::new(),
            None => format!(" ({})", vars::PROFILE),
        };
        let error = Error::auth(format!(
            "no profile named {} in {url}{source}",
            quoted(name)
        ));
        let mut others = store.environments.iter();
        let elsewhere = others.find(|env| env.profile(name).is_some());
        match elsewhere {
            Some(other) => error.hint(format!(
                "{} has a profile of that name; select it with `--environment {}`",
                other.api_url, other.api_url
            )),
            None if env.profiles.is_empty() => error.hint(SIGN_IN),
            None => error.hint("`llamactl auth get` lists the profiles"),
        }
    })
}

/// The error for an environment that is not stored.
pub fn unknown_environment(url: &ApiUrl) -> Error {
    Error::failed(format!("no environment {url}")).hint(match url.as_str() {
        url::EU => "add it: `llamactl environments use eu`".to_string(),
        _ => format!("add it: `llamactl environments add {url}`"),
    })
}

fn from_variables(
    query: &CredentialQuery,
    overrides: &EnvOverrides,
    (key, key_variable): (&Secret, &'static str),
    store: impl FnOnce() -> Result<Store>,
    warnings: &mut Vec<String>,
) -> Result<Credentials> {
    let key = validate::api_key(key.expose())
        .map_err(|problem| invalid_variable(key_variable, problem))?;
    let server = match &overrides.base_url {
        Some(text) => Sourced {
            value: url::parse_environment(text)
                .map_err(|problem| invalid_variable(vars::BASE_URL, problem))?,
            source: Source::Variable(vars::BASE_URL),
        },
        None => Sourced {
            value: ApiUrl::llama_cloud(),
            source: Source::Default,
        },
    };
    if let Some(selected) = query
        .environment
        .filter(|selected| selected.value != server.value)
    {
        return Err(environment_conflict(selected, &server, key_variable));
    }
    let project = match (query.project, &overrides.project) {
        (Some(id), _) => Some(Sourced {
            value: id.to_string(),
            source: Source::Option("--project"),
        }),
        (None, Some(text)) => Some(Sourced {
            value: validate::id(text)
                .map_err(|problem| invalid_variable(vars::PROJECT, problem))?,
            source: Source::Variable(vars::PROJECT),
        }),
        (None, None) => None,
    };
    let mut shadowed = Vec::new();
    // Only for the warning: a store that cannot be read must not make the command fail.
    let profile = store().ok().and_then(|store| {
        let env = store.current();
        let found = stored_profile(&store, &env, None, overrides.profile.as_deref());
        found.ok().map(|profile| profile.name.clone())
    });
    if let Some(name) = profile {
        warnings.push(format!(
            "{key_variable} is used, not profile {}; set {}=1 to use the profile",
            quoted(&name),
            vars::USE_PROFILE
        ));
        shadowed.push(Shadowed {
            name: "profile",
            value: name.clone(),
            source: Source::Profile(name),
        });
    }
    Ok(Credentials {
        server,
        key: Some(Sourced {
            value: key,
            source: Source::Variable(key_variable),
        }),
        project,
        profile: None,
        shadowed,
    })
}

fn invalid_variable(name: &str, problem: impl std::fmt::Display) -> Error {
    Error::usage(format!("the environment variable {name} {problem}"))
}

/// A key from a variable belongs to one URL, and another one was selected.
fn environment_conflict(
    selected: &Sourced<ApiUrl>,
    server: &Sourced<ApiUrl>,
    key_variable: &str,
) -> Error {
    let selected_by = match selected.source {
        Source::Option(name) | Source::Variable(name) => name,
        _ => "the selected environment",
    };
    Error::usage(format!(
        "{selected_by} is {}, but {key_variable} is for {}",
        selected.value, server.value
    ))
    .hint(format!(
        "set {}=1 to use a stored profile, or {} to the key's URL",
        vars::USE_PROFILE,
        vars::BASE_URL
    ))
}

/// Warns about variables that are ignored because others are missing; for a strict command, half a pair is an error.
fn check_pair(
    query: &CredentialQuery,
    overrides: &EnvOverrides,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let near_miss = match overrides.project_near_miss {
        Some(name) => format!(" ({name} is set, but not used)"),
        None => String::new(),
    };
    let half = match (&overrides.key, &overrides.project) {
        (Some((_, name)), None) => Some((*name, vars::PROJECT, near_miss.as_str())),
        (None, Some(_)) => Some((vars::PROJECT, vars::API_KEY, "")),
        _ => None,
    };
    if let Some((set, missing, note)) = half {
        if query.strict {
            return Err(
                Error::usage(format!("{set} is set, but {missing} is not{note}")).hint(format!(
                    "set both or neither, or use the profile with {}=1 or --profile NAME",
                    vars::USE_PROFILE
                )),
            );
        }
        warnings.push(format!(
            "{set} is ignored because {missing} is not set{note}"
        ));
    }
    if overrides.base_url.is_some() && overrides.key.is_none() {
        warnings.push(format!(
            "{} is ignored because {} is not set",
            vars::BASE_URL,
            vars::API_KEY
        ));
    }
    Ok(())
}

fn from_profile(
    query: &CredentialQuery,
    overrides: &EnvOverrides,
    store: &Store,
) -> Result<Credentials> {
    let env = store.current();
    let project_option = query.project.map(|id| Sourced {
        value: id.to_string(),
        source: Source::Option("--project"),
    });
    let selected_by = query.environment.map(|selected| selected.source.clone());
    let named = query.profile.or(overrides.profile.as_deref());
    let has_project = !query.needs_project || project_option.is_some();
    if named.is_none() && env.current().is_none() && !env.requires_auth && has_project {
        // A server without authentication can be used before there is a profile.
        let default = match store.current_environment {
            Some(_) => Source::Environment,
            None => Source::Default,
        };
        return Ok(Credentials {
            server: Sourced {
                value: env.api_url.clone(),
                source: selected_by.unwrap_or(default),
            },
            key: None,
            project: project_option,
            profile: None,
            shadowed: Vec::new(),
        });
    }
    let profile = stored_profile(store, &env, query.profile, overrides.profile.as_deref())?;
    let is_enough = profile.api_key.is_some() || (profile.oidc.is_some() && !query.needs_key);
    if env.requires_auth && !is_enough {
        return Err(Error::auth(format!(
            "profile {} has no API key, and {} requires one",
            quoted(&profile.name),
            env.api_url
        ))
        .hint(SIGN_IN));
    }
    let source = Source::Profile(profile.name.clone());
    let own_project = Sourced {
        value: profile.project_id.clone(),
        source: source.clone(),
    };
    let mut shadowed = Vec::new();
    let project = match project_option {
        None => own_project,
        Some(project) => {
            shadowed.push(Shadowed {
                name: "project_id",
                value: own_project.value,
                source: own_project.source,
            });
            project
        }
    };
    Ok(Credentials {
        server: Sourced {
            value: env.api_url.clone(),
            source: selected_by.unwrap_or(source.clone()),
        },
        key: profile.api_key.clone().map(|value| Sourced {
            value,
            source: source.clone(),
        }),
        project: Some(project),
        profile: Some(Sourced {
            value: profile.clone(),
            source: match (query.profile, &overrides.profile) {
                (Some(_), _) => Source::Option("--profile"),
                (None, Some(_)) => Source::Variable(vars::PROFILE),
                (None, None) => Source::Default,
            },
        }),
        shadowed,
    })
}
