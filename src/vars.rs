//! The environment variables that llamactl reads: one table, and how a value is read.
//!
//! [`VARIABLES`] is also the source of `llamactl help variables` and of the man pages, so this file needs only std.
//! An empty variable counts as unset; whitespace and line ends around a value are dropped, since files that become
//! variables (container secrets, `--env-file`) often end with a line end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub const API_KEY: &str = "LLAMA_CLOUD_API_KEY";
pub const API_KEY_FILE: &str = "LLAMA_CLOUD_API_KEY_FILE";
pub const PROJECT: &str = "LLAMA_AGENTS_PROJECT_ID";
pub const BASE_URL: &str = "LLAMA_CLOUD_BASE_URL";
pub const USE_PROFILE: &str = "LLAMA_CLOUD_USE_PROFILE";
pub const PROFILE: &str = "LLAMACTL_PROFILE";
pub const ENVIRONMENT: &str = "LLAMACTL_ENVIRONMENT";
pub const CONFIG_DIR: &str = "LLAMACTL_CONFIG_DIR";
pub const NATIVE_TLS: &str = "LLAMACTL_NATIVE_TLS";
pub const COMPLETE: &str = "_LLAMACTL_COMPLETE";

/// Names that other tools use for the project. They are not used, only mentioned when the project is missing.
pub const PROJECT_NEAR_MISSES: [&str; 2] = ["LLAMA_CLOUD_PROJECT_ID", "LLAMA_DEPLOY_PROJECT_ID"];

/// What a variable is about; help shows the groups in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Which credentials are used.
    Credentials,
    /// Settings of llamactl itself.
    Settings,
    /// Proxies and certificates.
    Network,
    /// Conventions of the system that llamactl follows.
    System,
}

/// An environment variable that is read.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub group: Group,
    /// Sentences.
    pub meaning: &'static str,
    /// The value if it is unset; empty if there is none.
    pub default: &'static str,
}

const fn variable(
    group: Group,
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable {
        name,
        group,
        meaning,
        default,
    }
}

/// Every environment variable that is read.
pub static VARIABLES: &[Variable] = &[
    variable(
        Group::Credentials,
        API_KEY,
        "",
        "An API key. With LLAMA_AGENTS_PROJECT_ID it is used instead of a profile.",
    ),
    variable(
        Group::Credentials,
        API_KEY_FILE,
        "",
        "A file that holds the API key, such as a container secret. Not together with LLAMA_CLOUD_API_KEY.",
    ),
    variable(
        Group::Credentials,
        PROJECT,
        "",
        "The project to work on. Ignored without an API key.",
    ),
    variable(
        Group::Credentials,
        BASE_URL,
        "https://api.cloud.llamaindex.ai",
        "The control plane of that API key, as a URL, `us` or `eu`. Ignored without an API key.",
    ),
    variable(
        Group::Credentials,
        USE_PROFILE,
        "0",
        "True: ignore the variables above and use the stored profile. True is `1`, `true`, `t`, `yes`, `y` or `on`; false is `0`, `false`, `f`, `no`, `n` or `off`.",
    ),
    variable(
        Group::Credentials,
        PROFILE,
        "the current profile",
        "The stored profile to use, like `--profile`, except that an API key from the variables above takes precedence.",
    ),
    variable(
        Group::Credentials,
        ENVIRONMENT,
        "the current environment",
        "The stored environment to use, as a URL, `us` or `eu`; like `--environment`.",
    ),
    variable(
        Group::Credentials,
        PROJECT_NEAR_MISSES[0],
        "",
        "Not used; mentioned if the project is missing, because other programs read it.",
    ),
    variable(
        Group::Credentials,
        PROJECT_NEAR_MISSES[1],
        "",
        "Not used; mentioned if the project is missing, because other programs read it.",
    ),
    variable(
        Group::Settings,
        CONFIG_DIR,
        "$XDG_CONFIG_HOME/llamactl",
        "The directory of profiles.json.",
    ),
    variable(
        Group::Settings,
        NATIVE_TLS,
        "0",
        "True: the same as `--native-tls`.",
    ),
    variable(
        Group::Settings,
        COMPLETE,
        "",
        "`bash_source`, `zsh_source` or `fish_source`: without arguments, print the completion script. Any other value prints nothing. For start-up files written for the Python tool.",
    ),
    variable(
        Group::Network,
        "HTTPS_PROXY",
        "",
        "The proxy for https URLs. Of this and the next three, the lower-case name takes precedence.",
    ),
    variable(Group::Network, "HTTP_PROXY", "", "The proxy for http URLs."),
    variable(
        Group::Network,
        "ALL_PROXY",
        "",
        "The proxy for URLs without a proxy of their own.",
    ),
    variable(
        Group::Network,
        "NO_PROXY",
        "",
        "Hosts to connect to directly: names, addresses, networks, or `*` for all; separated by commas.",
    ),
    variable(
        Group::Network,
        "SSL_CERT_FILE",
        "",
        "A file of PEM certificates to trust instead of the system's.",
    ),
    variable(
        Group::Network,
        "SSL_CERT_DIR",
        "",
        "Directories of PEM certificates to trust instead of the system's.",
    ),
    variable(
        Group::System,
        "CI",
        "",
        "Set to anything but `false` or `0`: never prompt, and start no browser.",
    ),
    variable(Group::System, "TERM", "", "`dumb`: never prompt."),
    variable(
        Group::System,
        "BROWSER",
        "",
        "The browser to start for `auth login`.",
    ),
    variable(
        Group::System,
        "DISPLAY",
        "",
        "Without this or WAYLAND_DISPLAY, no browser is started (Linux and BSD).",
    ),
    variable(Group::System, "WAYLAND_DISPLAY", "", "See DISPLAY."),
    variable(
        Group::System,
        "SSH_CONNECTION",
        "",
        "Set: no browser is started, because it would start on this machine.",
    ),
    variable(Group::System, "SSH_CLIENT", "", "See SSH_CONNECTION."),
    variable(Group::System, "SSH_TTY", "", "See SSH_CONNECTION."),
    variable(
        Group::System,
        "GITHUB_ENV",
        "",
        "The file that `auth export --format github` appends to.",
    ),
    variable(
        Group::System,
        "GITHUB_ACTIONS",
        "",
        "Set: text from servers is printed so that GitHub Actions does not read commands in it.",
    ),
    variable(
        Group::System,
        "TF_BUILD",
        "",
        "Set: text from servers is printed so that Azure Pipelines does not read commands in it.",
    ),
    variable(
        Group::System,
        "HOME",
        "",
        "The home directory; if unset, that of the user database.",
    ),
    variable(
        Group::System,
        "XDG_CONFIG_HOME",
        "~/.config",
        "The directory of configuration directories.",
    ),
    variable(
        Group::System,
        "XDG_DATA_HOME",
        "~/.local/share",
        "Where `completion install bash` writes.",
    ),
    variable(
        Group::System,
        "BASH_COMPLETION_USER_DIR",
        "$XDG_DATA_HOME/bash-completion",
        "Where `completion install bash` writes.",
    ),
    variable(
        Group::System,
        "SHELL",
        "",
        "The shell for `completion install` without an argument.",
    ),
    variable(
        Group::System,
        "ZDOTDIR",
        "~",
        "The directory of zsh's start-up files, named by `completion install zsh`.",
    ),
    variable(
        Group::System,
        "PATH",
        "/usr/bin:/bin",
        "Where python3, sqlite3, git and the browser are found; relative entries are skipped.",
    ),
    variable(
        Group::System,
        "APPDATA",
        "",
        "The directory of configuration directories (Windows).",
    ),
    variable(
        Group::System,
        "COMPUTERNAME",
        "",
        "The name of this machine in the name of a created key (Windows).",
    ),
];

/// Where variables are looked up: in the process's environment, or in a function of a test.
#[derive(Clone, Copy, Debug)]
pub struct Vars(fn(&str) -> Option<OsString>);

impl Vars {
    /// The process's environment variables.
    pub fn process() -> Vars {
        Vars(|name| std::env::var_os(name))
    }

    pub fn from_fn(lookup: fn(&str) -> Option<OsString>) -> Vars {
        Vars(lookup)
    }

    /// The value without surrounding whitespace; `None` if nothing is left of it.
    pub fn raw(self, name: &str) -> Option<OsString> {
        debug_assert!(is_listed(name), "{name} is missing in vars::VARIABLES");
        let value = (self.0)(name)?;
        let value = match value.to_str() {
            Some(text) => OsString::from(text.trim()),
            None => value,
        };
        (!value.is_empty()).then_some(value)
    }

    /// The value as a path; a leading `~/` that no shell expanded is expanded.
    pub fn path(self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.raw(name)?);
        Some(self.expand_home(&path))
    }

    /// # Errors
    /// Usage if the value is not UTF-8.
    pub fn text(self, name: &str) -> Result<Option<String>> {
        match self.raw(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(Error::usage(format!(
                "the environment variable {name} is not valid UTF-8"
            ))),
        }
    }

    /// The value as a boolean; unset is false.
    ///
    /// # Errors
    /// As [`parse_bool`].
    pub fn bool(self, name: &str) -> Result<bool> {
        self.text(name)?
            .map_or(Ok(false), |text| parse_bool(name, &text))
    }

    /// The user's home directory: `HOME`, else that of the user database.
    pub fn home(self) -> Option<PathBuf> {
        // Deprecated in Rust 1.85 for its behaviour on Windows before 1.85; it is correct on all versions we support.
        #[allow(deprecated)]
        self.raw("HOME")
            .map(PathBuf::from)
            .or_else(std::env::home_dir)
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// Replaces a leading `~` by the home directory, which the shell did not do (`--env-file=~/x`, quotes).
    pub fn expand_home(self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.home()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_path_buf(),
        }
    }
}

/// Proxy variables are read in lower case too.
fn is_listed(name: &str) -> bool {
    VARIABLES
        .iter()
        .any(|variable| variable.name.eq_ignore_ascii_case(name))
}

/// A boolean as pydantic reads it, so that the Python tool and this one agree.
///
/// # Errors
/// Usage if it is neither true nor false.
pub fn parse_bool(name: &str, text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "" | "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(Error::usage(format!(
            "the environment variable {name} is neither true nor false"
        ))
        .hint(format!("set {name} to 1 or 0, or unset it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        Vars::from_fn(|name| {
            let value = match name {
                "HOME" => "/home/ada\n",
                PROFILE => " work \r\n",
                PROJECT => " \n",
                CONFIG_DIR => "~/config ",
                NATIVE_TLS => "Yes\n",
                API_KEY => "",
                _ => return None,
            };
            Some(OsString::from(value))
        })
    }

    #[test]
    fn values_are_trimmed_and_empty_is_unset() {
        assert_eq!(vars().text(PROFILE).unwrap().as_deref(), Some("work"));
        assert!(vars().bool(NATIVE_TLS).unwrap());
        for unset in [PROJECT, API_KEY, USE_PROFILE] {
            assert_eq!(vars().raw(unset), None, "{unset}");
        }
        assert!(!vars().bool(USE_PROFILE).unwrap());
    }

    #[test]
    fn leading_tilde_is_expanded() {
        assert_eq!(
            vars().path(CONFIG_DIR),
            Some(PathBuf::from("/home/ada/config"))
        );
        for (path, expanded) in [
            ("~", "/home/ada/"),
            ("~/x/~/y", "/home/ada/x/~/y"),
            ("~other/x", "~other/x"),
            ("x/~/y", "x/~/y"),
            ("/x", "/x"),
        ] {
            assert_eq!(
                vars().expand_home(Path::new(path)).as_os_str(),
                expanded,
                "{path}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn text_must_be_utf8() {
        use std::os::unix::ffi::OsStringExt as _;
        let vars = Vars::from_fn(|_| Some(OsString::from_vec(vec![0xff])));
        assert_eq!(
            vars.text(PROFILE).unwrap_err().message,
            "the environment variable LLAMACTL_PROFILE is not valid UTF-8"
        );
        assert!(vars.raw(PROFILE).is_some());
    }

    #[test]
    fn booleans_are_spelled_as_in_pydantic() {
        for (text, value) in [
            ("1", true),
            ("true", true),
            ("T", true),
            ("YES", true),
            ("y", true),
            ("On", true),
            ("0", false),
            ("False", false),
            ("f", false),
            ("no", false),
            ("N", false),
            (" off\n", false),
            ("", false),
        ] {
            assert_eq!(parse_bool(USE_PROFILE, text), Ok(value), "{text:?}");
        }
        for text in ["maybe", "2", "tr", "ye", "-1", "10", "none"] {
            assert!(parse_bool(USE_PROFILE, text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_listed_once() {
        for (i, one) in VARIABLES.iter().enumerate() {
            assert!(!one.meaning.is_empty());
            assert!(
                VARIABLES[i + 1..]
                    .iter()
                    .all(|other| one.name != other.name)
            );
        }
    }

    /// Reading goes through [`Vars`], which refuses names outside the table in debug builds. The exceptions pass the
    /// environment on to child processes, or are a build tool.
    #[test]
    fn no_other_file_reads_the_environment() {
        fn visit(directory: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    visit(&path, found);
                } else if std::fs::read_to_string(&path).is_ok_and(|text| {
                    ["env::var", "var_os(", "getenv"]
                        .iter()
                        .any(|call| text.contains(call))
                }) {
                    found.push(path.display().to_string());
                }
            }
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        visit(&source, &mut found);
        let exceptions = [
            "vars.rs",
            "cli/docgen.rs",
            "child.rs",
            "dotenv/file.rs",
            "import/reader.rs",
        ];
        found.retain(|path| !exceptions.iter().any(|name| path.ends_with(name)));
        assert_eq!(found, [""; 0]);
    }
}
