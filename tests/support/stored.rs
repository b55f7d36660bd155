//! Builds a store on disk, for tests that begin after signing in.

use serde_json::{Value, json};

use super::sandbox::Sandbox;

/// The current environment and its profiles; the first profile is current.
pub struct Stored {
    api_url: String,
    requires_auth: bool,
    profiles: Vec<Value>,
    current: Option<String>,
}

impl Stored {
    pub fn at(api_url: &str) -> Stored {
        Stored {
            api_url: api_url.to_string(),
            requires_auth: true,
            profiles: Vec::new(),
            current: None,
        }
    }

    /// Without authentication.
    pub fn open(mut self) -> Stored {
        self.requires_auth = false;
        self
    }

    /// With a profile of this name, project and key; no key is an empty one.
    pub fn profile(mut self, name: &str, project: &str, key: &str) -> Stored {
        let key = Some(key).filter(|key| !key.is_empty());
        self.profiles
            .push(json!({"name": name, "project_id": project, "api_key": key}));
        self.current.get_or_insert(name.to_string());
        self
    }

    /// No profile is current.
    pub fn none_current(mut self) -> Stored {
        self.current = None;
        self
    }

    /// Writes the file to the sandbox's home.
    pub fn put(&self, sandbox: &Sandbox) {
        let environment = json!({
            "api_url": self.api_url,
            "requires_auth": self.requires_auth,
            "current_profile": self.current,
            "profiles": self.profiles,
        });
        let store = json!({
            "version": 1,
            "current_environment": self.api_url,
            "environments": [environment],
        });
        let path = "../home/.config/llamactl/profiles.json";
        sandbox.write(path, store.to_string());
        sandbox.set_mode(path, 0o600);
        sandbox.set_mode("../home/.config/llamactl", 0o700);
    }
}
