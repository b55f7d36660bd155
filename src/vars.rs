//! The environment variables that are read, by name, and how: an empty one is an unset one.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// The API key to use in place of a profile's.
pub const API_KEY: &str = "LLAMA_CLOUD_API_KEY";
/// The project to work on in place of a profile's.
pub const PROJECT: &str = "LLAMA_AGENTS_PROJECT_ID";
/// The control plane that `LLAMA_CLOUD_API_KEY` belongs to.
pub const BASE_URL: &str = "LLAMA_CLOUD_BASE_URL";
/// True: ignore the three above and use the stored profile.
pub const USE_PROFILE: &str = "LLAMA_CLOUD_USE_PROFILE";
/// The stored profile to use in place of the current one.
pub const PROFILE: &str = "LLAMACTL_PROFILE";
/// The directory of `profiles.json`.
pub const CONFIG_DIR: &str = "LLAMACTL_CONFIG_DIR";
/// True: as `--native-tls`.
pub const NATIVE_TLS: &str = "LLAMACTL_NATIVE_TLS";

/// The process's environment variables.
#[derive(Debug, Clone, Copy)]
pub struct Vars;

impl Vars {
    /// The variable's bytes; `None` where it is unset or empty.
    pub fn raw(self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    /// The variable as a path.
    pub fn path(self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// The variable as text.
    ///
    /// # Errors
    /// Usage, where it is not UTF-8.
    pub fn text(self, name: &str) -> Result<Option<String>> {
        match self.raw(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(Error::usage(format!("the variable {name} is not UTF-8"))),
        }
    }

    /// The variable as a yes or no; unset is no.
    ///
    /// # Errors
    /// As [`truth`].
    pub fn truth(self, name: &str) -> Result<bool> {
        self.text(name)?
            .map_or(Ok(false), |text| truth(name, &text))
    }
}

/// A yes or no: `1/true/yes/on`, `0/false/no/off`, in any case of letters.
///
/// # Errors
/// Usage, where it is neither.
pub fn truth(name: &str, text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(
            Error::usage(format!("the variable {name} is neither true nor false"))
                .hint(format!("set {name} to 1 or 0, or unset it")),
        ),
    }
}
