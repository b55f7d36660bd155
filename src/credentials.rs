//! Which key, project and server a command uses, and where each came from: a flag, a variable, a profile or a default.
//!
//! The order is: a flag beats a variable beats the profile. A stored key never goes to another address than its own.
//! The decision is a pure function; only reading the variables and the store around it is IO.

use crate::address::ApiUrl;
use crate::error::{Error, Result};
use crate::input;
use crate::secret::Secret;
use crate::store::{Environment, Profile, Store};
use crate::vars::{self, Vars};

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
pub struct Ask<'a> {
    /// `--profile`.
    pub profile: Option<&'a str>,
    /// `--project`.
    pub project: Option<&'a str>,
    /// Whether it can't work without a project.
    pub needs_project: bool,
    /// Whether half of the variables is an error: it deletes, or hands the credentials on.
    pub strict: bool,
}

/// The variables, as they are set; what does not count is not checked.
#[derive(Clone, Debug, Default)]
pub struct Given {
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
    /// What the user should know: sentences without a full stop.
    pub warnings: Vec<String>,
}

impl Given {
    /// Reads the variables.
    ///
    /// # Errors
    /// Usage, where one is not UTF-8.
    pub fn read(vars: Vars) -> Result<Given> {
        Ok(Given {
            key: vars.text(vars::API_KEY)?,
            project: vars.text(vars::PROJECT)?,
            base_url: vars.text(vars::BASE_URL)?,
            use_profile: vars.text(vars::USE_PROFILE)?,
            profile: vars.text(vars::PROFILE)?,
        })
    }
}

impl Credentials {
    /// The key as messages name it.
    #[must_use]
    pub fn whose(&self) -> String {
        match self.key.as_ref().map(|key| &key.source) {
            Some(Source::Profile(name)) => format!("the API key of the profile '{name}'"),
            Some(Source::Variable(name)) => format!("the API key in {name}"),
            _ => "the API key".to_string(),
        }
    }

    /// The key itself.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.key.as_ref().map(|key| &key.value)
    }
}

/// Decides. `store` is called at most once, and only where it is needed or for a warning.
///
/// # Errors
/// Usage, where a variable that counts is wrong or, for a strict command, half of a pair; Auth, where there are no
/// credentials; what `store` says where a profile is needed.
pub fn resolve(
    ask: &Ask,
    given: &Given,
    store: impl FnOnce() -> Result<Store>,
) -> Result<Credentials> {
    let ignored = match (ask.profile, &given.use_profile) {
        (Some(_), _) => true,
        (None, Some(text)) => vars::truth(vars::USE_PROFILE, text)?,
        (None, None) => false,
    };
    let enough = !ask.needs_project || ask.project.is_some() || given.project.is_some();
    let mut credentials = match &given.key {
        Some(key) if !ignored && enough => from_variables(ask, given, key, store)?,
        _ => {
            let warnings = if ignored {
                Vec::new()
            } else {
                incomplete(ask, given)?
            };
            from_profile(ask, given, &store()?, warnings)?
        }
    };
    let unused = unused_variables(given, &credentials);
    credentials.shadowed.extend(unused);
    Ok(credentials)
}

/// The variables that are set and did not count.
fn unused_variables(given: &Given, credentials: &Credentials) -> Vec<Shadowed> {
    let is_used = |variable: &'static str| {
        let source = Source::Variable(variable);
        let used = [
            Some(&credentials.server.source),
            credentials.key.as_ref().map(|key| &key.source),
            credentials.project.as_ref().map(|project| &project.source),
            credentials.profile.as_ref().map(|profile| &profile.source),
        ];
        used.contains(&Some(&source))
    };
    let masked = given
        .key
        .as_ref()
        .map(|key| Secret::new(key.trim().to_string()).masked());
    [
        ("environment", vars::BASE_URL, given.base_url.clone()),
        ("profile", vars::PROFILE, given.profile.clone()),
        ("project_id", vars::PROJECT, given.project.clone()),
        ("key", vars::API_KEY, masked),
    ]
    .into_iter()
    .filter(|(_, variable, _)| !is_used(variable))
    .filter_map(|(name, variable, value)| {
        Some(Shadowed {
            name,
            value: value?,
            source: Source::Variable(variable),
        })
    })
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
        let error = Error::auth(match (named, flag) {
            (Some(name), Some(_)) => {
                format!(
                    "there is no profile '{}' in {}",
                    crate::output::plain(name),
                    env.api_url
                )
            }
            (Some(_), None) => format!(
                "there is no profile in {} by the name in {}",
                env.api_url,
                vars::PROFILE
            ),
            (None, _) => format!("no profile is current in {}", env.api_url),
        });
        error.hint(match env.profiles.is_empty() {
            true => "sign in with `llamactl auth token`",
            false => "choose one with `llamactl auth use`; `llamactl auth get` lists them",
        })
    })
}

fn from_variables(
    ask: &Ask,
    given: &Given,
    key: &str,
    store: impl FnOnce() -> Result<Store>,
) -> Result<Credentials> {
    let wrong = |name: &str, why: &str| Error::usage(format!("the variable {name} {why}"));
    let key = input::api_key(key).map_err(|why| wrong(vars::API_KEY, why))?;
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
            value: input::id(text).map_err(|why| wrong(vars::PROJECT, why))?,
            source: Source::Variable(vars::PROJECT),
        }),
        (None, None) => None,
    };
    let mut warnings = Vec::new();
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
            crate::output::plain(&profile.name),
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
        warnings,
    })
}

/// What to say of variables that do not count because others are missing.
fn incomplete(ask: &Ask, given: &Given) -> Result<Vec<String>> {
    let half = match (&given.key, &given.project) {
        (Some(_), None) => Some((vars::API_KEY, vars::PROJECT)),
        (None, Some(_)) => Some((vars::PROJECT, vars::API_KEY)),
        _ => None,
    };
    let mut warnings = Vec::new();
    if let Some((set, missing)) = half {
        if ask.strict {
            return Err(
                Error::usage(format!("{set} is set, but {missing} is not")).hint(format!(
                    "set both or neither, or use the profile with {}=1 or --profile NAME",
                    vars::USE_PROFILE
                )),
            );
        }
        warnings.push(format!(
            "{set} is ignored because {missing} is not set; the stored profile is used"
        ));
    }
    if given.base_url.is_some() && given.key.is_none() {
        warnings.push(format!(
            "{} is ignored because {} is not set",
            vars::BASE_URL,
            vars::API_KEY
        ));
    }
    Ok(warnings)
}

fn from_profile(
    ask: &Ask,
    given: &Given,
    store: &Store,
    warnings: Vec<String>,
) -> Result<Credentials> {
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
            warnings,
        });
    }
    let profile = stored_profile(&env, ask.profile, given.profile.as_deref())?;
    if profile.api_key.is_none() && profile.oidc.is_none() && env.requires_auth {
        return Err(Error::auth(format!(
            "the profile '{}' has no API key, and {} asks for one",
            crate::output::plain(&profile.name),
            env.api_url
        ))
        .hint("sign in with `llamactl auth token`"));
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
        warnings,
    })
}
