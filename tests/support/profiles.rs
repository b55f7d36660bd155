//! Writes and reads the store of a [`Sandbox`] without running a command.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use serde_json::{Value, json};

use super::sandbox::Sandbox;
use super::secrets::KEY;

/// The store, relative to the working directory.
pub const STORE: &str = "../home/.config/llamactl/profiles.json";

/// A value without null and empty fields, which the store omits.
pub fn said(value: Value) -> Value {
    let says = |value: &Value| !value.is_null() && *value != json!([]);
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| says(value));
            Value::Object(fields.map(|(name, value)| (name, said(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(said).collect()),
        other => other,
    }
}

/// The file with one environment besides the built-in one, which is the current one.
pub fn store(environment: &Value) -> Value {
    said(json!({
        "version": 1,
        "current_environment": environment["api_url"],
        "environments": [environment],
    }))
}

/// An environment with authentication and these profiles; the first is current.
pub fn environment(url: &str, profiles: &[Value]) -> Value {
    json!({
        "api_url": url,
        "requires_auth": true,
        "min_llamactl_version": null,
        "capabilities": [],
        "current_profile": profiles.first().map_or(Value::Null, |profile| profile["name"].clone()),
        "profiles": profiles,
    })
}

/// A profile of type `token`.
pub fn profile(name: &str, project: &str, key: &str) -> Value {
    said(json!({
        "name": name,
        "project_id": project,
        "project_name": null,
        "api_key": key,
        "api_key_id": null,
        "oidc": null,
    }))
}

/// Replaces a field of a value: `with(profile(…), "project_name", "Website")`.
pub fn with(mut value: Value, field: &str, other: impl Into<Value>) -> Value {
    value[field] = other.into();
    said(value)
}

impl Sandbox {
    /// Writes the store, with the directories and modes that the program would create.
    pub fn write_store(&self, store: &Value) {
        let text = serde_json::to_string_pretty(store).expect("JSON");
        self.write(STORE, text + "\n");
        self.set_mode(STORE, 0o600);
        self.set_mode("../home/.config/llamactl", 0o700);
    }

    /// The store, with placeholders for servers.
    pub fn stored(&self) -> Value {
        let text = self.stable(&self.read(STORE));
        said(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    /// With an environment at `url` as the current one, and no profile.
    pub fn at(self, url: &str) -> Sandbox {
        self.write_store(&store(&environment(url, &[])));
        self
    }

    /// With an environment at `url` as the current one, and a profile `work` for [`KEY`] and `proj-web`.
    pub fn signed_in(self, url: &str) -> Sandbox {
        self.write_store(&store(&environment(
            url,
            &[profile("work", "proj-web", KEY)],
        )));
        self
    }
}

/// A reserved loopback port on which nothing listens.
pub struct Closed {
    _socket: OwnedFd,
    address: SocketAddr,
}

impl Closed {
    pub fn new() -> Closed {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        bind(&socket, &any).expect("a free port on loopback");
        let bound = getsockname(&socket).expect("the port just bound");
        let address = SocketAddr::try_from(bound).expect("an address of the internet");
        Closed {
            _socket: socket,
            address,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
