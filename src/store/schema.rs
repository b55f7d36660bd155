//! The contents of `profiles.json`, and the operations on it. No IO.
//!
//! Fields that this version does not know are kept through a rewrite. Their numbers are kept as far as a 64-bit integer
//! or a double holds them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secret::Secret;
use crate::url::ApiUrl;

/// The version of the file that this program writes.
pub const VERSION: u64 = 1;

/// The whole file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Store {
    pub version: u64,
    /// `None`: the built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_environment: Option<ApiUrl>,
    /// The environment of this command instead of the current one; never stored.
    #[serde(skip)]
    pub selected_environment: Option<ApiUrl>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Environment>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// One control plane and its profiles.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Environment {
    pub api_url: ApiUrl,
    #[serde(default = "yes")]
    pub requires_auth: bool,
    /// False until the server's version endpoint was requested: `requires_auth` is an assumption.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub verified: bool,
    /// Certificates to trust in addition to the system's; an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The oldest client that the server supports, in the Python tool's versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_llamactl_version: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_profile: Option<String>,
    /// In the order in which they were created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Profile>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Credentials and a project within one environment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Profile {
    /// Unique within its environment.
    pub name: String,
    pub project_id: String,
    /// As last seen on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// The id of a key that `auth login` created, for deleting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Login>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The user and the tokens of a browser login.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Login {
    /// The `sub` claim.
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub client_id: String,
    /// URL of the provider's metadata.
    pub discovery_url: String,
    /// The name of this machine, part of the API key's name.
    #[serde(default)]
    pub device_name: String,
    /// Authorizes creating and deleting API keys.
    pub access_token: Secret,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

fn yes() -> bool {
    true
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_true(value: &bool) -> bool {
    *value
}

impl Default for Store {
    fn default() -> Self {
        Store {
            version: VERSION,
            current_environment: None,
            selected_environment: None,
            environments: Vec::new(),
            unknown: Map::new(),
        }
    }
}

impl Store {
    /// The URL of the environment in use: the selected one, else the current one.
    pub fn current_url(&self) -> ApiUrl {
        let url = self.selected_environment.as_ref();
        url.or(self.current_environment.as_ref())
            .cloned()
            .unwrap_or_else(ApiUrl::llama_cloud)
    }

    pub fn current(&self) -> Environment {
        let url = self.current_url();
        self.environment(&url)
            .unwrap_or_else(|| Environment::new(url))
    }

    /// The current environment, without copying it.
    pub fn into_current(self) -> Environment {
        let url = self.current_url();
        let stored = self.environments.into_iter().find(|env| env.api_url == url);
        stored.unwrap_or_else(|| Environment::new(url))
    }

    /// The environment with that URL; the built-in one always exists.
    pub fn environment(&self, url: &ApiUrl) -> Option<Environment> {
        let stored = self.environments.iter().find(|env| env.api_url == *url);
        let built_in =
            || (url.as_str() == crate::url::LLAMA_CLOUD).then(|| Environment::new(url.clone()));
        stored.cloned().or_else(built_in)
    }

    /// The URLs of all environments, the built-in one first.
    pub fn urls(&self) -> Vec<ApiUrl> {
        let built_in = ApiUrl::llama_cloud();
        let others = self.environments.iter().map(|env| env.api_url.clone());
        let others = others.filter(|url| *url != built_in).collect::<Vec<_>>();
        std::iter::once(built_in.clone()).chain(others).collect()
    }

    /// The environment with that URL, added if it is missing.
    pub fn environment_mut(&mut self, url: &ApiUrl) -> &mut Environment {
        let at = match self.environments.iter().position(|env| env.api_url == *url) {
            Some(at) => at,
            None => {
                self.environments.push(Environment::new(url.clone()));
                self.environments.len() - 1
            }
        };
        &mut self.environments[at]
    }
}

impl Environment {
    /// An environment with the defaults for everything but its URL.
    pub fn new(api_url: ApiUrl) -> Self {
        Environment {
            api_url,
            requires_auth: true,
            verified: true,
            ca_file: None,
            min_llamactl_version: None,
            capabilities: Vec::new(),
            current_profile: None,
            profiles: Vec::new(),
            unknown: Map::new(),
        }
    }

    /// Copies what the server's version endpoint says.
    pub fn copy_server_properties(&self, to: &mut Environment) {
        to.verified = self.verified;
        to.requires_auth = self.requires_auth;
        to.min_llamactl_version
            .clone_from(&self.min_llamactl_version);
        to.capabilities.clone_from(&self.capabilities);
    }

    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    pub fn current(&self) -> Option<&Profile> {
        self.profile(self.current_profile.as_deref()?)
    }

    pub fn profile_mut(&mut self, name: &str) -> Option<&mut Profile> {
        self.profiles
            .iter_mut()
            .find(|profile| profile.name == name)
    }

    /// Removes a profile. If it was the current one, no profile is current.
    pub fn remove(&mut self, name: &str) -> Option<Profile> {
        let at = self
            .profiles
            .iter()
            .position(|profile| profile.name == name)?;
        if self.current_profile.as_deref() == Some(name) {
            self.current_profile = None;
        }
        Some(self.profiles.remove(at))
    }

    /// `name`, or the first of `name-2`, `name-3`, … that no profile has.
    pub fn free_name(&self, name: &str) -> String {
        let mut candidate = name.to_string();
        let mut count = 2u32;
        while self.profile(&candidate).is_some() {
            candidate = format!("{name}-{count}");
            count += 1;
        }
        candidate
    }
}

impl Profile {
    /// A profile without credentials.
    pub fn new(name: String, project_id: String) -> Self {
        Profile {
            name,
            project_id,
            project_name: None,
            api_key: None,
            api_key_id: None,
            oidc: None,
            unknown: Map::new(),
        }
    }

    /// `oidc`, `token` or `none`.
    pub fn auth_type(&self) -> &'static str {
        match (&self.oidc, &self.api_key) {
            (Some(_), _) => "oidc",
            (None, Some(_)) => "token",
            (None, None) => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_survive_a_rewrite() {
        let text = r#"{"version":1,"environments":[{"api_url":"http://h","requires_auth":true,"profiles":[{"name":"a","project_id":"p","oidc":{"subject":"s","client_id":"c","discovery_url":"u","device_name":"","access_token":"t","in_login":""},"in_profile":{"n":18446744073709551615}}],"in_environment":[1,-2.5,null]}],"in_store":false}"#;
        let store: Store = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&store).unwrap(), text);
    }

    #[test]
    fn unknown_integers_beyond_64_bits_become_doubles() {
        let text = r#"{"version":1,"x":123456789012345678901234567890}"#;
        let store: Store = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&store).unwrap();
        assert_eq!(written, r#"{"version":1,"x":1.2345678901234568e+29}"#);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, said) in [
            ("{}", "missing field `version` at line 1"),
            ("{\"version\":\n\"1\"}", "at line 2"),
            (
                "{\"version\":1,\n\"current_environment\":\n\"ftp://x\"}",
                "the URL must begin with",
            ),
            ("[]", "invalid type: sequence, expected struct Store"),
            (
                r#"{"version":1,"current_environment":7}"#,
                "invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"version":1,"environments":[{}]}"#,
                "missing field `api_url`",
            ),
            (
                r#"{"version":1,"environments":[{"api_url":"http://h","profiles":[{}]}]}"#,
                "missing field `name`",
            ),
            ("", "EOF"),
        ] {
            let error = serde_json::from_str::<Store>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn defaults_are_not_written() {
        let mut store = Store::default();
        let text = |store: &Store| serde_json::to_string(store).unwrap();
        assert_eq!(text(&store), r#"{"version":1}"#);
        let env = store.environment_mut(&ApiUrl::parse("http://h").unwrap());
        env.requires_auth = false;
        assert_eq!(
            text(&store),
            r#"{"version":1,"environments":[{"api_url":"http://h","requires_auth":false}]}"#
        );
        let env = store.environment_mut(&ApiUrl::parse("http://h").unwrap());
        env.profiles.push(Profile::new("a".into(), "p".into()));
        assert_eq!(
            text(&store),
            r#"{"version":1,"environments":[{"api_url":"http://h","requires_auth":false,"profiles":[{"name":"a","project_id":"p"}]}]}"#
        );
        let mut env = Environment::new(ApiUrl::parse("http://h").unwrap());
        env.verified = false;
        env.ca_file = Some("/ca.pem".into());
        let text =
            r#"{"api_url":"http://h","requires_auth":true,"verified":false,"ca_file":"/ca.pem"}"#;
        assert_eq!(serde_json::to_string(&env).unwrap(), text);
    }

    #[test]
    fn login_requires_four_fields() {
        let whole = serde_json::json!({"subject": "s", "client_id": "c", "discovery_url": "u", "access_token": "t"});
        assert!(serde_json::from_value::<Login>(whole.clone()).is_ok());
        for field in ["subject", "client_id", "discovery_url", "access_token"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(field);
            let error = serde_json::from_value::<Login>(part).unwrap_err();
            assert_eq!(error.to_string(), format!("missing field `{field}`"));
        }
    }

    #[test]
    fn free_name_appends_the_first_unused_number() {
        let mut env = Environment::new(ApiUrl::llama_cloud());
        for expected in ["a", "a-2", "a-3"] {
            let name = env.free_name("a");
            assert_eq!(name, expected);
            env.profiles.push(Profile::new(name, "p".into()));
        }
        env.current_profile = Some("a-2".into());
        assert!(env.remove("a-2").is_some());
        assert_eq!(env.current_profile, None);
    }
}
