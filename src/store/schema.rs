//! What `profiles.json` holds, and what can be asked of it and changed in it. No IO.
//!
//! A field that this version does not know is kept, to the byte, through a rewrite.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::secret::Secret;
use crate::url::ApiUrl;

/// The version of the file that this program writes.
pub const VERSION: u64 = 1;

/// A field that must be there.
fn required<T>() -> Option<T> {
    None
}

/// What a missing field stands for.
#[allow(clippy::unnecessary_wraps)]
fn or<T>(value: T) -> Option<T> {
    Some(value)
}

/// Whether a field says nothing, and is left out of the file.
trait Unset {
    fn is_unset(&self) -> bool {
        false
    }
}

impl Unset for u64 {}
impl Unset for bool {}
impl Unset for String {}
impl Unset for Secret {}
impl Unset for ApiUrl {}

impl<T> Unset for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

impl<T> Unset for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

/// A JSON object with known fields, and the unknown ones as they stood. `serde(flatten)` would keep them too, but not
/// to the byte (numbers), and it buffers everything.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty => $missing:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// The fields that this version does not know.
            pub unknown: BTreeMap<String, Box<RawValue>>,
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types)]
                enum Field {
                    $($field,)*
                    Unknown(String),
                }
                impl<'de> Deserialize<'de> for Field {
                    fn deserialize<D: Deserializer<'de>>(name: D) -> Result<Self, D::Error> {
                        struct Name;
                        impl Visitor<'_> for Name {
                            type Value = Field;
                            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                                f.write_str("the name of a field")
                            }
                            fn visit_str<E>(self, name: &str) -> Result<Field, E> {
                                Ok(match name {
                                    $(stringify!($field) => Field::$field,)*
                                    _ => Field::Unknown(name.to_string()),
                                })
                            }
                        }
                        name.deserialize_str(Name)
                    }
                }
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        $(let mut $field: Option<$type> = None;)*
                        let mut unknown = BTreeMap::new();
                        while let Some(field) = map.next_key()? {
                            match field {
                                $(Field::$field => $field = Some(map.next_value()?),)*
                                Field::Unknown(name) => {
                                    unknown.insert(name, map.next_value()?);
                                }
                            }
                        }
                        Ok($name {
                            $($field: $field
                                .or_else(|| $missing)
                                .ok_or_else(|| A::Error::missing_field(stringify!($field)))?,)*
                            unknown,
                        })
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if !self.$field.is_unset() {
                    map.serialize_entry(stringify!($field), &self.$field)?;
                })*
                for (key, value) in &self.unknown {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    };
}

object! {
    /// The whole file.
    Store {
        /// The version of the file's format.
        version: u64 => required(),
        /// The environment that commands work in; none: the built-in one.
        current_environment: Option<ApiUrl> => or(None),
        /// All that are known, each with its profiles.
        environments: Vec<Environment> => or(Vec::new()),
    }
}

object! {
    /// One control plane.
    Environment {
        /// Its address, which is its name.
        api_url: ApiUrl => required(),
        /// Whether it asks for a key, as its version endpoint said.
        requires_auth: bool => or(true),
        /// The oldest client that it wants, in the Python tool's versions.
        min_llamactl_version: Option<String> => or(None),
        /// What it says it can do.
        capabilities: Vec<String> => or(Vec::new()),
        /// The name of the profile that commands use here.
        current_profile: Option<String> => or(None),
        /// The profiles, in the order in which they were made.
        profiles: Vec<Profile> => or(Vec::new()),
    }
}

object! {
    /// Credentials and a project inside one environment.
    Profile {
        /// Unique in its environment.
        name: String => required(),
        /// The project that it works on.
        project_id: String => required(),
        /// That project's name, as last seen.
        project_name: Option<String> => or(None),
        /// The API key; none where the environment asks for none.
        api_key: Option<Secret> => or(None),
        /// The id of a key that `auth login` made, to delete it by.
        api_key_id: Option<String> => or(None),
        /// The tokens of a browser login.
        oidc: Option<Login> => or(None),
    }
}

object! {
    /// What a browser login left behind: who it was, and the tokens.
    Login {
        /// The user at the provider (`sub`).
        subject: String => required(),
        /// The user's address, where the provider says it.
        email: Option<String> => or(None),
        /// The client id that this program has at the provider.
        client_id: String => required(),
        /// Where the provider's metadata is.
        discovery_url: String => required(),
        /// The name of this machine, which the API key is named after.
        device_name: String => or(String::new()),
        /// Authorizes minting and deleting API keys.
        access_token: Secret => required(),
        /// When the access token ends, in seconds since 1970; none: unknown.
        access_token_expires: Option<u64> => or(None),
        /// Gets the next access token; rotated by most providers.
        refresh_token: Option<Secret> => or(None),
        /// Who the user is, signed by the provider.
        id_token: Option<Secret> => or(None),
    }
}

impl Default for Store {
    fn default() -> Self {
        Store {
            version: VERSION,
            current_environment: None,
            environments: Vec::new(),
            unknown: BTreeMap::new(),
        }
    }
}

impl Store {
    /// The address of the current environment.
    pub fn current_url(&self) -> ApiUrl {
        self.current_environment
            .clone()
            .unwrap_or_else(ApiUrl::llama_cloud)
    }

    /// The current environment.
    pub fn current(&self) -> Environment {
        let url = self.current_url();
        self.environment(&url)
            .unwrap_or_else(|| Environment::new(url))
    }

    /// The current environment, and nothing else of the file.
    pub fn into_current(self) -> Environment {
        let url = self.current_url();
        let stored = self.environments.into_iter().find(|env| env.api_url == url);
        stored.unwrap_or_else(|| Environment::new(url))
    }

    /// The environment of that address; the built-in one is always there.
    pub fn environment(&self, url: &ApiUrl) -> Option<Environment> {
        let stored = self.environments.iter().find(|env| env.api_url == *url);
        let built_in =
            || (url.as_str() == crate::url::LLAMA_CLOUD).then(|| Environment::new(url.clone()));
        stored.cloned().or_else(built_in)
    }

    /// The addresses of all environments, the built-in one first.
    pub fn urls(&self) -> Vec<ApiUrl> {
        let built_in = ApiUrl::llama_cloud();
        let others = self.environments.iter().map(|env| env.api_url.clone());
        let others = others.filter(|url| *url != built_in).collect::<Vec<_>>();
        std::iter::once(built_in.clone()).chain(others).collect()
    }

    /// The environment of that address, added where it is not there yet.
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
    /// An environment that nothing is known of, but that it is there.
    pub fn new(api_url: ApiUrl) -> Self {
        Environment {
            api_url,
            requires_auth: true,
            min_llamactl_version: None,
            capabilities: Vec::new(),
            current_profile: None,
            profiles: Vec::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// The profile of that name.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The current profile.
    pub fn current(&self) -> Option<&Profile> {
        self.profile(self.current_profile.as_deref()?)
    }

    /// The profile of that name, to change it.
    pub fn profile_mut(&mut self, name: &str) -> Option<&mut Profile> {
        self.profiles
            .iter_mut()
            .find(|profile| profile.name == name)
    }

    /// Removes the profile of that name; was it the current one, none is afterwards.
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

    /// `name` or, where a profile is called that, `name-2` and so on.
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
            unknown: BTreeMap::new(),
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
    fn unknown_fields_survive_to_the_byte() {
        let text = r#"{"version":1,"environments":[{"api_url":"http://h","requires_auth":true,"profiles":[{"name":"a","project_id":"p","later":{"n":123456789012345678901234567890.10}}],"x":[1, 2]}],"zz":1e400}"#;
        let store: Store = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&store).unwrap(), text);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, said) in [
            ("{}", "missing field `version` at line 1"),
            ("{\"version\":\n\"1\"}", "at line 2"),
            (
                "{\"version\":1,\n\"current_environment\":\n\"ftp://x\"}",
                "the address must begin with",
            ),
            ("[]", "expected an object"),
            (
                r#"{"version":1,"current_environment":7}"#,
                "expected the address of a control plane",
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
    fn what_says_nothing_is_left_out() {
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
    }

    #[test]
    fn a_login_has_these_fields_at_least() {
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
    fn names_stay_unique() {
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
